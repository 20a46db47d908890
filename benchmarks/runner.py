"""Methods times clips: every job in a process of its own, every row on disk as soon as it is measured."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from importlib import import_module
from pathlib import Path
from statistics import median

import numpy as np

from vinpaint import __version__
from vinpaint.benchmarks.metrics import METRICS
from vinpaint.benchmarks.perceptual import Perceptual
from vinpaint.benchmarks.pictures import Album, filename
from vinpaint.benchmarks.results import VERSION, Json, code_hash, machine, now
from vinpaint.benchmarks.suites import suite as make_suite
from vinpaint.benchmarks.suites.contract import Case, Material, Result, Suite, plain
from vinpaint.benchmarks.suites.sources import Sources
from vinpaint.benchmarks.summary import worst_frame
from vinpaint.benchmarks.worker import DETECTOR, Job
from vinpaint.contracts import Frames
from vinpaint.errors import InputError, Interrupted, UsageError, VinpaintError
from vinpaint.files import write_bytes
from vinpaint.fill.registry import METHODS
from vinpaint.leak.job import METHODS as LEAK_METHODS
from vinpaint.reporting import Reporter
from vinpaint.video.clips import read_clip, write_lossless
from vinpaint.video.compose import write_video

ROWS, PICTURES = "rows", "pictures"
_REFERENCES = "references"
_LIMIT = 3600.0  # seconds of a job
_QUICK_REPEATS = 3
_RATE = Fraction(25)


@dataclass(frozen=True)
class Method:
    """A method by name, perhaps with weights of its own: ``unet`` or ``unet=FILE``."""

    name: str
    weights: Path | None = None

    @property
    def label(self) -> str:
        """As it stands in the report."""
        return self.name if self.weights is None else f"{self.name}={self.weights.stem}"


@dataclass(frozen=True)
class Plan:
    """What to run.

    Attributes
    ----------
    suites : sequence of str
        Names.
    output : Path
        Folder of the report; rows and pictures are kept in it.
    sources : Sources
        The clips.
    methods : sequence of Method
        Instead of those that each suite has by default; empty = those.
    command : str
        As it was typed, for the report.
    repeat : int, optional
        Processes a job of which the median time counts; by default as the suite says.
    """

    suites: Sequence[str]
    output: Path
    sources: Sources
    methods: Sequence[Method] = ()
    command: str = ""
    repeat: int | None = None


def is_run(folder: Path) -> bool:
    """Whether a folder holds what a run keeps."""
    return (folder / ROWS).is_dir()


def forget(folder: Path) -> None:
    """Remove what a run keeps in its folder; the next one measures all anew."""
    for kept in (ROWS, PICTURES):
        shutil.rmtree(folder / kept, ignore_errors=True)


class Bench:
    """Runs a plan; rows that an earlier run of the same code left in the folder are kept.

    Parameters
    ----------
    plan : Plan
        What to run.
    reporter : Reporter
        Hears progress, and what failed.
    """

    def __init__(self, plan: Plan, reporter: Reporter) -> None:
        self._plan, self._reporter = plan, reporter
        self._code, self._clips = code_hash(), plan.sources.fingerprint(without=plan.output)
        self._made_by = {name: value for name, value in machine().items() if name != "load"}
        self._perceptual = Perceptual()
        self._suites = [make_suite(name) for name in plan.suites]
        self._cases = [list(suite.cases(plan.sources)) for suite in self._suites]
        self._done, self._total = (
            0,
            sum(len(cases) * len(self._methods(suite)) for suite, cases in zip(self._suites, self._cases, strict=True)),
        )
        if not self._total:
            raise InputError("there is nothing to run; check --only and --methods")
        for cases in self._cases:
            _check_names([case.name for case in cases])

    def run(self) -> Json:
        """Measure what is missing; the results.

        Raises
        ------
        Interrupted
            With all rows kept that were complete.
        """
        about = {"schema": VERSION, "vinpaint": __version__, "code": self._code, "made": now()}
        about |= {"command": self._plan.command, "quick": self._plan.sources.quick, "machine": machine()}
        try:
            suites = [self._run(suite, cases) for suite, cases in zip(self._suites, self._cases, strict=True)]
        except KeyboardInterrupt as interrupt:
            raise Interrupted("interrupted; rows are kept, the same command goes on with the rest") from interrupt
        return about | {
            "metrics": {
                name: {"title": one.title, "unit": one.unit, "better": one.better, "definition": one.definition}
                for name, one in METRICS.items()
            },
            "not_computed": self._perceptual.missing,
            "suites": suites,
        }

    def _methods(self, suite: Suite) -> list[Method]:
        """Those that were asked for and mean something in a suite, or its own."""
        if not self._plan.methods:
            return [Method(name) for name in (suite.quick if self._plan.sources.quick else suite.methods)]
        return [one for one in self._plan.methods if _means_something(suite, one.name)]

    def _run(self, suite: Suite, cases: list[Case]) -> Json:
        rows = [row for case in cases for row in self._case(suite, case)]
        return {
            "name": suite.name,
            "title": suite.title,
            "question": suite.question,
            "work": suite.work,
            "headline": suite.headline,
            "metrics": [*suite.metrics, *self._perceptual.metrics(suite)],
            "protocol": list(suite.protocol),
            "excluded": list(suite.excluded),
            "by_frames": suite.by_frames,
            "rows": rows,
        }

    # ------------------------------------------------------------------ one case

    def _case(self, suite: Suite, case: Case) -> list[Json]:
        """The rows of a case: made only if one is missing."""
        wanted = {method.label: self._key(suite, case, method) for method in self._methods(suite)}
        home = self._plan.output / ROWS / suite.name / filename(case.name)
        rows = {label: row for label, key in wanted.items() if (row := _stored(home, label, key))}
        if references := _stored(home, _REFERENCES, self._key(suite, case, None)):
            rows[_REFERENCES] = references
        if missing := {_REFERENCES, *wanted} - set(rows):
            home.mkdir(parents=True, exist_ok=True)
            for label, row in self._measured(suite, case, missing):
                key = wanted.get(label) or self._key(suite, case, None)
                write_bytes(home / f"{filename(label)}.json", json.dumps({"key": key, "row": row}).encode())
                rows[label] = row
        else:
            self._step(len(wanted))
        return [*rows.get(_REFERENCES, {"rows": []})["rows"], *(rows[label] for label in wanted)]

    def _key(self, suite: Suite, case: Case, method: Method | None) -> str:
        """What a row depends on besides its place."""
        weights = b"" if method is None or method.weights is None else _bytes(method.weights)
        sources = replace(self._plan.sources, only=None)
        parts = [self._code, suite.name, case.name, repr(sources), self._clips, repr(self._repeats(suite))]
        parts += [repr(self._made_by), "" if method is None else method.label]
        parts.append(hashlib.sha256(weights).hexdigest())
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]

    def _repeats(self, suite: Suite) -> int:
        usual = min(suite.repeats, _QUICK_REPEATS) if self._plan.sources.quick else suite.repeats
        return self._plan.repeat or usual

    def _measured(self, suite: Suite, case: Case, labels: set[str]) -> Iterator[tuple[str, Json]]:
        """Rows by label, each as soon as it is there."""
        with tempfile.TemporaryDirectory(prefix="vinpaint-bench-") as scratch:
            folder = Path(scratch)
            try:
                material, source = _stored_clip(case.make(), folder)
            except VinpaintError as error:
                yield from self._unreadable(suite, case, labels, error)
                return
            album = Album(self._plan.output / PICTURES / suite.name / filename(case.name), material)
            if _REFERENCES in labels:
                yield _REFERENCES, {"rows": self._references(suite, case, material, album)}
            for method in self._methods(suite):
                if method.label in labels:
                    self._reporter.note(f"{suite.name}: {case.name}: {method.label}")
                    yield method.label, self._row(suite, case, method, material, (folder, source), album)
                self._step(1)

    def _unreadable(
        self, suite: Suite, case: Case, labels: set[str], error: VinpaintError
    ) -> Iterator[tuple[str, Json]]:
        """Rows of a case whose clip cannot be made: all of them failed."""
        self._reporter.warn(f"{suite.name}: {case.name} failed: {error}")
        for method in self._methods(suite):
            if method.label in labels:
                yield method.label, _blank(case, method.label, None, reference=False) | _failed(error)
            self._step(1)

    def _references(self, suite: Suite, case: Case, material: Material, album: Album) -> list[Json]:
        album.take_case()
        rows = []
        for name, result in suite.references(material).items():
            row = _blank(case, name, material, reference=True)
            row |= self._figures(suite, material, result)
            album.take(name, result.frames, None)
            rows.append(row)
        return rows

    def _row(
        self,
        suite: Suite,
        case: Case,
        method: Method,
        material: Material,
        clip: tuple[Path, str],
        album: Album,
    ) -> Json:
        folder, source = clip
        row = _blank(case, method.label, material, reference=False)
        weights = None if method.weights is None else str(method.weights.absolute())
        job = Job(suite.work, method.name, weights, str(folder), source, suite.warm)
        try:
            outcomes = [_worked(job) for _ in range(self._repeats(suite))]
            result = _result(folder, material)
        except VinpaintError as error:
            self._reporter.warn(f"{suite.name}: {case.name}: {method.label} failed: {error}")
            return row | _failed(error)
        row |= self._figures(suite, material, result)
        times = [outcome["seconds"] / len(material.damaged) for outcome in outcomes]
        row["metrics"] |= {"seconds": median(times), "peak": median(outcome["peak"] for outcome in outcomes)}
        if "parameters" in suite.metrics:
            row["metrics"]["parameters"] = float(outcomes[-1]["parameters"])
        for fact in ("recovered", "invented", "verdict", "warnings"):
            if fact in outcomes[-1]:
                row[fact] = outcomes[-1][fact]
        origin = folder / "origin.png"
        album.take(method.label, result.frames, origin if origin.is_file() else None, worst=worst_frame(row))
        return row | {"times": times}

    def _figures(self, suite: Suite, material: Material, result: Result) -> Json:
        values = suite.measure(material, result) | self._perceptual(suite, material, result)
        frames = {
            key: [None if math.isnan(value) else round(value, 3) for value in series]
            for key, series in suite.per_frame(material, result).items()
        }
        return {"metrics": plain(values), "per_frame": frames}

    def _step(self, count: int) -> None:
        self._done += count
        self._reporter.progress("bench", self._done, self._total)


def _means_something(suite: Suite, name: str) -> bool:
    """Whether a method can do the work of a suite."""
    if suite.work == "leak" or name in LEAK_METHODS:
        return suite.work == "leak" and name in LEAK_METHODS
    detects = suite.work == "detect"
    return detects == (name == DETECTOR) or (detects and _blind(name))


def _blind(name: str) -> bool:
    """Whether a method finds out by itself what is wrong with a frame; nothing is loaded but its class."""
    module, _, attribute = METHODS[name].target.partition(":")
    return bool(getattr(import_module(module), attribute).blind)


def _check_names(names: Sequence[str]) -> None:
    """Raise InputError for two clips that would share a place in the output."""
    places: dict[str, str] = {}
    for name in names:
        other = places.setdefault(filename(name), name)
        if names.count(name) > 1 or other != name:
            raise InputError(f"the clips {other!r} and {name!r} cannot be told apart; give one another name")


def _failed(error: VinpaintError) -> Json:
    return {"status": "failed", "error": str(error)}


def _blank(case: Case, method: str, material: Material | None, *, reference: bool) -> Json:
    count, height, width = (0, 0, 0) if material is None else material.damaged.shape[:3]
    return {
        "case": case.name,
        "clip": case.clip,
        "method": method,
        "reference": reference,
        "status": "ok",
        "frames": count,
        "size": [width, height],
        "facts": {} if material is None else {**plain(material.facts), **_whereabouts(material)},
        "metrics": {},
    }


def _whereabouts(material: Material) -> dict[str, float]:
    """The hidden share of the frames, and how far to the right its middle lies (0 to 1)."""
    columns = np.broadcast_to(material.hidden, material.damaged.shape[:3]).sum(axis=(0, 1))
    total = columns.sum()
    middle = float(columns @ np.arange(len(columns)) / total / len(columns)) if total else 0.5
    return {"hidden": float(np.mean(material.hidden)), "across": middle}


def _stored_clip(material: Material, folder: Path) -> tuple[Material, str]:
    """Write a clip and its mask; the material as it is in the file."""
    np.save(folder / "mask.npy", material.hidden)
    if material.crf is None:
        write_lossless(folder / "in.mkv", material.damaged, _RATE)
        return material, "in.mkv"
    even = _even(material)
    write_video(folder / "in.mp4", even.damaged, _RATE, crf=even.crf or 0)
    np.save(folder / "mask.npy", even.hidden)
    return replace(even, damaged=read_clip(folder / "in.mp4")), "in.mp4"


def _even(material: Material) -> Material:
    """Without the last row or column of an odd size, which 4:2:0 cannot hold."""
    rows, columns = (slice(0, side - side % 2) for side in material.damaged.shape[1:3])
    tint = np.asarray(material.tint)
    return replace(
        material,
        damaged=material.damaged[:, rows, columns],
        hidden=material.hidden[..., rows, columns],
        truth=None if material.truth is None else material.truth[:, rows, columns],
        alpha=None if material.alpha is None else material.alpha[rows, columns],
        tint=tint if tint.ndim == 1 else tint[rows, columns],
    )


def _result(folder: Path, material: Material) -> Result:
    """What a worker left; of a detector the frames are those of the input, of a room all are the room."""
    written, found = folder / "out.mkv", folder / "found.npz"
    frames: Frames = read_clip(written) if written.is_file() else material.damaged
    if frames.shape != material.damaged.shape:
        raise VinpaintError(f"{written} has the shape {frames.shape}, the input {material.damaged.shape}")
    maps = dict(np.load(found)) if found.is_file() else {}
    if "room" in maps:
        frames = np.repeat(maps["room"][None], len(frames), axis=0)
    return Result(frames, maps.get("mask"), maps.get("alpha"))


def _worked(job: Job) -> Json:
    """Do a job in a process of its own; what it tells.

    Raises
    ------
    VinpaintError
        If it fails, or takes too long.
    """
    folder = Path(job.folder)
    for name in ("out.mkv", "found.npz", "origin.png", "outcome.json"):
        (folder / name).unlink(missing_ok=True)
    command = [sys.executable, "-m", "vinpaint.benchmarks.worker", str(job.write())]
    with (folder / "said.txt").open("wb") as said:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True)
        try:
            with _no_orphan(process):
                process.wait(_LIMIT)
        except subprocess.TimeoutExpired as late:
            raise VinpaintError(f"no result after {_LIMIT:.0f} s") from late
    told = folder / "outcome.json"
    if told.is_file():
        outcome: Json = json.loads(told.read_text())
        if "error" in outcome:
            raise VinpaintError(outcome["error"])
        return outcome
    last = (folder / "said.txt").read_text(errors="replace").strip().splitlines()[-1:] or ["no message"]
    how = (
        f"signal {signal.Signals(-process.returncode).name}" if process.returncode < 0 else f"exit {process.returncode}"
    )
    raise VinpaintError(f"{how}: {last[0]}")


@contextmanager
def _no_orphan(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """End a process that is still running when something goes wrong here."""
    try:
        yield
    except BaseException:
        process.kill()
        process.wait()
        raise


def _stored(home: Path, label: str, key: str) -> Json | None:
    """A row of an earlier run, if it was made by the same code on the same clips; what failed is tried again."""
    try:
        kept = json.loads((home / f"{filename(label)}.json").read_text())
    except (OSError, ValueError):
        return None
    usable = kept.get("key") == key and kept["row"].get("status") != "failed"
    return dict(kept["row"]) if usable else None


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read the weights {path}: {error.strerror}; check the name") from error


def parse_methods(text: str) -> list[Method]:
    """Read ``auto,unet=run/best.safetensors``.

    Raises
    ------
    UsageError
        If there is no method of a name, or two would have one label.
    """
    methods = []
    for part in text.split(","):
        name, _, weights = part.strip().partition("=")
        known = (DETECTOR, *LEAK_METHODS, *METHODS)
        if name not in known:
            raise UsageError(f"unknown method {name!r}; choose from {', '.join(known)}")
        methods.append(Method(name, Path(weights) if weights else None))
    labels = [method.label for method in methods]
    if twice := next((label for label in labels if labels.count(label) > 1), None):
        raise UsageError(
            f"two methods are called {twice}; name each once, and give files of weights names of their own"
        )
    return methods
