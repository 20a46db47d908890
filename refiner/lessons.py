"""Lessons for networks that refine: evidence as the flow fill gathers it, with the truth, on disk."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from vinpaint.contracts import Frames, Mask
from vinpaint.errors import InputError
from vinpaint.files import write_bytes
from vinpaint.refiner.data import TRAIN, VAL
from vinpaint.refiner.evidence import NOTHING, SOURCES, Evidence, levels

SUFFIX = ".safetensors"
MISSING = 255
"""Code of the error of a picture that shows nothing."""
_STEP = 1 / 160  # of the coded errors


@dataclass(frozen=True, eq=False)
class Lessons:
    """Parts of frames of one size.

    Attributes
    ----------
    pictures : (N, S, H, W, 3) uint8
        RGB, in the order of :data:`vinpaint.refiner.evidence.SOURCES`.
    errors : (N, S, H, W) uint8
        Codes of their expected errors, see :func:`coded`.
    hidden : (N, H, W) bool
        What is asked for.
    truth : (N, H, W, 3) uint8
        RGB.
    """

    pictures: Frames
    errors: NDArray[np.uint8]
    hidden: Mask
    truth: Frames

    def __len__(self) -> int:
        return len(self.pictures)

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(getattr(self, field.name).nbytes for field in fields(self))


def coded(variance: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Expected squared errors, squared grey levels, as codes of eight bits; :data:`MISSING` for infinite ones."""
    code = np.rint(levels(variance) / _STEP).clip(0, MISSING - 1)
    return np.where(np.isinf(variance), MISSING, code).astype(np.uint8)


DECODED = np.append(np.arange(MISSING) * _STEP, NOTHING).astype(np.float32)
"""What networks see of each code, see :func:`vinpaint.refiner.evidence.levels`."""


def lesson(
    evidence: Evidence, truth: Frames, side: int, rng: np.random.Generator
) -> tuple[Frames, NDArray[np.uint8], Mask, Frames]:
    """A square that holds a hidden pixel, as the fields of :class:`Lessons` want it.

    Parameters
    ----------
    evidence : Evidence
        At least one pixel is hidden.
    truth : (H, W, 3) uint8
        Of the same part of the frame.
    side : int
        Pixels; smaller parts are continued by their last ones, where nothing is hidden.
    """
    height, width = evidence.hidden.shape
    places = np.argwhere(evidence.hidden)
    corner = places[rng.integers(len(places))] - rng.integers(side // 4, 3 * side // 4, 2)
    top, left = np.maximum(0, np.minimum(corner, np.array([height, width]) - side))
    cut = np.s_[top : top + side, left : left + side]
    edges = [(0, max(0, side - height)), (0, max(0, side - width))]
    pictures = np.rint(evidence.pictures[:, *cut].clip(0, 255)).astype(np.uint8)
    return (
        np.pad(pictures, [(0, 0), *edges, (0, 0)], mode="edge"),
        np.pad(coded(evidence.variance[:, *cut]), [(0, 0), *edges], mode="edge"),
        np.pad(evidence.hidden[cut], edges),
        np.pad(truth[cut], [*edges, (0, 0)], mode="edge"),
    )


def write_lessons(path: Path, lessons: Lessons) -> None:
    """Write lessons; the file appears complete or not at all."""
    stored = {field.name: np.ascontiguousarray(getattr(lessons, field.name)) for field in fields(lessons)}
    write_bytes(path, save(stored))


def read_lessons(path: Path) -> Lessons:
    """Read what :func:`write_lessons` wrote.

    Raises
    ------
    InputError
        If it is something else.
    """
    try:
        stored = load_file(path)
        lessons = Lessons(*(stored[field.name] for field in fields(Lessons)))
    except (SafetensorError, OSError, KeyError) as error:
        raise InputError(
            f"{path} holds no lessons ({error}); make some with 'vinpaint.benchmarks.fit_refiner'"
        ) from error
    if not _consistent(lessons):
        raise InputError(f"{path} holds lessons of another version; make them anew")
    return lessons


def _consistent(lessons: Lessons) -> bool:
    """Whether the arrays are what :class:`Lessons` says; there is at least one lesson."""
    if lessons.hidden.ndim != 3 or not lessons.hidden.size:
        return False
    count, *size = lessons.hidden.shape
    sources = (count, len(SOURCES), *size)
    wanted = {"pictures": (*sources, 3), "errors": sources, "hidden": (count, *size), "truth": (count, *size, 3)}
    kinds = {name: np.dtype(np.bool_ if name == "hidden" else np.uint8) for name in wanted}
    arrays = {name: getattr(lessons, name) for name in wanted}
    return all(each.shape == wanted[name] and each.dtype == kinds[name] for name, each in arrays.items())


def split_lessons(folder: str | os.PathLike[str]) -> tuple[Sequence[Path], Sequence[Path]]:
    """Files to learn from, of ``train/``, and files to judge by, of ``val/``.

    Raises
    ------
    InputError
        If there are none of either.
    """
    learned, judged = (sorted((Path(folder) / kind).glob(f"*{SUFFIX}")) for kind in (TRAIN, VAL))
    if not learned or not judged:
        raise InputError(
            f"{folder} holds no lessons in {TRAIN}/ or none in {VAL}/; make some with "
            "'python -m vinpaint.benchmarks.fit_refiner'"
        )
    return learned, judged
