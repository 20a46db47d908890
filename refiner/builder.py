"""Writes data sets: clips in parallel, each complete or not there, so that an interrupted run can be resumed."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from json import dumps, loads
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from vinpaint.contracts import Frames
from vinpaint.errors import OutputError, OutputExistsError, UsageError
from vinpaint.files import explained, put_in_place, temporary_beside, write_bytes
from vinpaint.refiner.artifacts import Damaged
from vinpaint.refiner.data import DAMAGED, DAMAGED_MP4, MASKS, ORIGINAL, ORIGINAL_MP4, TRAIN, VAL, held_out
from vinpaint.refiner.mixture import Mixture
from vinpaint.reporting import Reporter
from vinpaint.video.clips import write_lossless
from vinpaint.video.compose import write_video
from vinpaint.video.images import write_image

RATE = Fraction(25)
BATCH = 50
"""Videos of a batch in the layout ``original``."""
LEAST = 32
"""Rows and columns of the smallest frames."""
_LAYOUTS = ("pairs", "original")
_ABOUT = "set.json"


@dataclass(frozen=True)
class Order:
    """A data set to make.

    Attributes
    ----------
    folder : Path
        Where.
    mixture : Mixture
        Of what.
    layout : str
        ``pairs``: ``train/clip_00000/`` or ``val/…`` with ``original.mkv``, ``damaged.mkv`` (FFV1), masks and
        opacities. ``original``: ``batch_0/video_0/`` with ``video_original.mp4`` and ``video_con_manchas.mp4``
        (H.264) in place of these.
    """

    folder: Path
    mixture: Mixture
    layout: str = "pairs"

    def home(self, number: int) -> Path:
        """Folder of a clip."""
        if self.layout == "original":
            return self.folder / f"batch_{number // BATCH}" / f"video_{number % BATCH}"
        return self.folder / (VAL if held_out(number) else TRAIN) / f"clip_{number:05d}"

    def about(self) -> dict[str, Any]:
        """What has to be equal when a set is resumed."""
        return {"layout": self.layout, **self.mixture.describe()}

    def check(self) -> None:
        """Find out early what cannot be.

        Raises
        ------
        UsageError
            If there is no such layout, it cannot hold frames of the size, or they are too small to show anything.
        InputError
            If what scenes are made from cannot be read.
        """
        if self.layout not in _LAYOUTS:
            raise UsageError(f"there is no layout {self.layout!r}; use {' or '.join(_LAYOUTS)}")
        width, height = self.mixture.size
        if min(width, height) < LEAST:
            raise UsageError(f"frames of {width}x{height} are too small; give {LEAST}x{LEAST} or more")
        if self.layout == "original" and (width % 2 or height % 2):
            raise UsageError(f"H.264 has no frames of {width}x{height}; give an even width and height")
        self.mixture.scenes.check()


def build(order: Order, count: int, *, jobs: int = 0, overwrite: bool = False, reporter: Reporter | None = None) -> int:
    """Make the first ``count`` clips of a set; those that are there already are kept.

    Parameters
    ----------
    order : Order
        What to make, and where.
    count : int
        Clips; four in five are for training.
    jobs : int
        Processes, 0 = as many as there are cores. The clips do not depend on it.
    overwrite : bool
        Whether clips of another mixture in the folder may be removed.
    reporter : Reporter, optional
        Hears progress, counted in frames.

    Returns
    -------
    int
        Clips that were made now.

    Raises
    ------
    OutputExistsError
        If the folder holds something else, or a set of another mixture.
    UsageError, InputError
        See :meth:`Order.check`.
    OutputError
        If a clip cannot be written.
    """
    order.check()
    _begin(order, overwrite=overwrite)
    missing = [number for number in range(count) if not order.home(number).is_dir()]
    length, reporter = order.mixture.frames, reporter or Reporter()
    for done, _ in enumerate(_made(order, missing, jobs or os.cpu_count() or 1), count - len(missing) + 1):
        reporter.progress("clips", done * length, count * length)
    return len(missing)


def _begin(order: Order, *, overwrite: bool) -> None:
    """Make the folder, or find the one of an earlier run and clear away what that left half done."""
    about = order.folder / _ABOUT
    if order.folder.exists() and not order.folder.is_dir():
        raise OutputError(f"{order.folder} is a file; name a folder")
    if not order.folder.absolute().parent.is_dir():
        raise OutputError(f"{order.folder.absolute().parent} is not a folder; create it first")
    with explained(order.folder):
        order.folder.mkdir(exist_ok=True)
    if about.is_file() and _same(about, order):
        for stale in order.folder.glob("*/.*.part"):
            shutil.rmtree(stale, ignore_errors=True)
        return
    if any(order.folder.iterdir()):
        _clear(order.folder, about, overwrite=overwrite)
    write_bytes(about, (dumps(order.about(), indent=1) + "\n").encode())


def _same(about: Path, order: Order) -> bool:
    try:
        return bool(loads(about.read_bytes()) == order.about())
    except ValueError:
        return False


def _clear(folder: Path, about: Path, *, overwrite: bool) -> None:
    """Remove the clips of another set, if that is wanted; nothing else is touched."""
    if not about.is_file():
        raise OutputExistsError(f"{folder} holds files that are no data set; name another folder")
    if not overwrite:
        raise OutputExistsError(f"{folder} holds a data set of other settings; add -y to replace it, or name another")
    about.unlink()
    for part in (folder / TRAIN, folder / VAL, *folder.glob("batch_*")):
        shutil.rmtree(part, ignore_errors=True)


# ---------------------------------------------------------------------------------------------
# Clips
# ---------------------------------------------------------------------------------------------


def _made(order: Order, numbers: list[int], jobs: int) -> Iterator[int]:
    """Make clips and yield their numbers, in whatever order they are finished."""
    if jobs == 1 or len(numbers) < 2:
        for number in numbers:
            make(order, number)
            yield number
        return
    with _processes(min(jobs, len(numbers))) as pool:
        waiting: dict[Future[None], int] = {pool.submit(make, order, number): number for number in numbers}
        for done in as_completed(waiting):
            done.result()
            yield waiting[done]


@contextmanager
def _processes(jobs: int) -> Iterator[ProcessPoolExecutor]:
    """Workers; when something goes wrong they finish the clip that they are at, and no more."""
    pool = ProcessPoolExecutor(jobs, get_context("spawn"), initializer=_alone)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _alone() -> None:
    """A worker keeps to one core, and leaves interrupts to the process that it works for."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)


def make(order: Order, number: int) -> None:
    """Make the clip of a number and put its folder in place."""
    original, shown = order.mixture.scene(number)
    defects, rng = order.mixture.defects(number)
    damaged = defects.apply(original, rng)
    about = {"number": number, **shown, "defects": defects.describe(), **_extent(damaged)}
    home = order.home(number)
    with explained(home):
        home.parent.mkdir(parents=True, exist_ok=True)
    with _complete(home) as folder:
        _write_clips(folder, order.layout, original, damaged.frames)
        _write_truth(folder, damaged)
        write_bytes(folder / "clip.json", (dumps(about, indent=1) + "\n").encode())


@contextmanager
def _complete(home: Path) -> Iterator[Path]:
    """A temporary folder that takes its place when all went well."""
    temporary = temporary_beside(home)
    try:
        with explained(home):
            temporary.mkdir()
        yield temporary
        put_in_place(temporary, home)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _extent(damaged: Damaged) -> dict[str, float]:
    return {} if damaged.mask is None else {"coverage": round(float(damaged.mask.mean()), 5)}


def _write_clips(folder: Path, layout: str, original: Frames, damaged: Frames) -> None:
    if layout == "original":
        write_video(folder / ORIGINAL_MP4, original, RATE)
        write_video(folder / DAMAGED_MP4, damaged, RATE)
    else:
        write_lossless(folder / ORIGINAL, original, RATE)
        write_lossless(folder / DAMAGED, damaged, RATE)


def _write_truth(folder: Path, damaged: Damaged) -> None:
    """The mask, as a picture if it stands still, and the strongest opacity over time, 65535 = opaque."""
    height, width = damaged.frames.shape[1:3]
    mask = np.zeros((height, width), np.bool_) if damaged.mask is None else damaged.mask
    alpha = np.zeros((height, width), np.float32) if damaged.alpha is None else damaged.alpha
    still, moving = MASKS
    if mask.ndim == 2 or (mask == mask[:1]).all():
        write_image(folder / still, mask.reshape(-1, height, width)[0].astype(np.uint8) * 255)
    else:
        write_lossless(folder / moving, np.repeat(mask[..., None].astype(np.uint8) * 255, 3, axis=3), RATE)
    strongest = alpha.reshape(-1, height, width).max(axis=0)
    write_image(folder / "alpha.png", np.rint(65535 * np.clip(strongest, 0, 1)).astype(np.uint16))
