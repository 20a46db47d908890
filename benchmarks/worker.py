"""One job in a process of its own, so that time and memory are those of one method and nothing else.

Run as ``python -m vinpaint.benchmarks.worker JOB.json``; the outcome is written where the job says.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from vinpaint.contracts import Origin
from vinpaint.errors import VinpaintError
from vinpaint.fill.job import FillSettings, Summary
from vinpaint.reporting import Reporter
from vinpaint.video import Encoding

DETECTOR = "static"
"""The name under which vinpaint's own detector runs in suites about finding."""

_CHANGED = 10  # levels by which a blind network has to change a pixel, in half of the frames, to have marked it


@dataclass(frozen=True)
class Job:
    """What a method is to do.

    Attributes
    ----------
    work : {"fill", "clean", "detect", "leak"}
        See :class:`vinpaint.benchmarks.suites.contract.Suite`.
    method : str
        Of the registry, :data:`DETECTOR`, or a way of finding leaks.
    weights : str, optional
        Weights of a network.
    folder : str
        Holds ``in.mkv`` or ``in.mp4``, and for ``fill`` ``mask.npy``; the rest is written there.
    source : str
        Name of the clip in the folder.
    warm : bool
        Whether to do it once before the clock runs.
    """

    work: str
    method: str
    weights: str | None
    folder: str
    source: str
    warm: bool

    def write(self) -> Path:
        """Store it in its folder."""
        path = Path(self.folder) / "job.json"
        path.write_text(json.dumps(asdict(self)))
        return path


class _Heard(Reporter):
    """Keeps what is worth knowing."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)


def main(path: Path) -> int:
    """Do a job; the exit status."""
    job = Job(**json.loads(path.read_text()))
    try:
        outcome = _done(job)
    except VinpaintError as error:
        outcome = {"error": str(error)}
    (Path(job.folder) / "outcome.json").write_text(json.dumps(outcome))
    return int("error" in outcome)


def _done(job: Job) -> dict[str, Any]:
    heard = _Heard()
    _load(job)
    work: Callable[[], dict[str, Any]]
    if job.work == "detect" and job.method == DETECTOR:
        work, parameters = (lambda: _find(job, heard)), 0
    elif job.work == "leak":
        work, parameters = (lambda: _leak(job, heard)), 0
    else:
        folder = Path(job.folder)
        settings = FillSettings(
            method=job.method,
            encoding=Encoding(lossless=True),
            overwrite=True,
            explain=folder / "origin.png",
            weights=None if job.weights is None else Path(job.weights),
        )
        parameters = int(getattr(settings.fill_method(), "parameters", 0))
        work = lambda: (_fill if job.work == "fill" else _clean)(job, settings, heard)  # noqa: E731
    if job.warm:
        work()
    began = time.perf_counter()
    outcome = work()
    outcome["seconds"] = time.perf_counter() - began
    return outcome | {"peak": peak_memory(), "parameters": parameters, "warnings": sorted(set(heard.warnings))}


def _load(job: Job) -> None:
    """Libraries, before the clock runs; the weights of those that fill come with the method."""
    import_module("vinpaint.api")
    if job.work == "leak":
        import_module("vinpaint.leak.network" if job.method == "learned" else "vinpaint.leak.job")


def _find(job: Job, heard: Reporter) -> dict[str, Any]:
    from vinpaint.api import detect

    found = detect(str(Path(job.folder) / job.source), reporter=heard)
    np.savez_compressed(Path(job.folder) / "found.npz", mask=found.blemish.mask, alpha=found.blemish.alpha)
    return {"verdict": found.verdict}


def _leak(job: Job, heard: Reporter) -> dict[str, Any]:
    from vinpaint.api import leak

    found = leak(str(Path(job.folder) / job.source), method=job.method, reporter=heard)
    np.savez_compressed(Path(job.folder) / "found.npz", mask=found.coverage, room=found.room)
    return {"verdict": found.verdict}


def _fill(job: Job, settings: FillSettings, heard: Reporter) -> dict[str, Any]:
    from vinpaint.api import fill_video

    folder = Path(job.folder)
    mask = np.load(folder / "mask.npy")
    return _told(fill_video(folder / job.source, mask, folder / "out.mkv", settings=settings, reporter=heard))


def _clean(job: Job, settings: FillSettings, heard: Reporter) -> dict[str, Any]:
    from vinpaint.api import clean_video

    folder = Path(job.folder)
    summary, found = clean_video(folder / job.source, folder / "out.mkv", settings=settings, reporter=heard)
    if not settings.fill_method().blind:
        np.savez_compressed(folder / "found.npz", mask=found.blemish.mask, alpha=found.blemish.alpha)
    elif job.work == "detect":
        np.savez_compressed(folder / "found.npz", mask=_changed(folder / job.source, folder / "out.mkv"))
    return {**_told(summary), "verdict": found.verdict}


def _changed(before: Path, after: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    from vinpaint.video.clips import read_clip

    gap = np.abs(read_clip(after).astype(np.int16) - read_clip(before)).max(axis=-1)
    return np.asarray((gap > _CHANGED).mean(axis=0) > 0.5)


def _told(summary: Summary) -> dict[str, Any]:
    return {"recovered": summary.tally.recovered, "invented": summary.tally.share(Origin.SYNTHESISED)}


def peak_memory() -> float:
    """Peak resident memory of this process so far, MB.

    Linux tells it for this program alone; elsewhere the figure may hold that of the program that started it.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (1 << 20 if sys.platform == "darwin" else 1 << 10)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
