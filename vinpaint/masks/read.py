"""Masks that users already have, behind one small contract: ask for the mask of a frame."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vinpaint.contracts import Mask
from vinpaint.errors import MaskError
from vinpaint.masks.annotation import read_annotation
from vinpaint.masks.image import from_levels, read_image
from vinpaint.masks.names import MASK_SUFFIXES, natural_key, there

_BOX = re.compile(r"\s*(-?\d+)\s*,\s*(-?\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*(?:@\s*([\d.]+f?)\s*-\s*([\d.]+f?)?\s*)?")
_CACHED = 8  # pictures of a directory kept decoded


class MaskSource(ABC):
    """Gives the mask of every frame.

    Attributes
    ----------
    static : bool
        Whether all frames have the same mask.
    """

    static: bool = True

    @abstractmethod
    def frame(self, index: int, time: Fraction | None = None) -> Mask:
        """The mask (H, W) of frame ``index``, shown ``time`` seconds after the first. Not to be changed.

        Raises
        ------
        MaskError
            If there is none for this frame, or its file is damaged.
        """

    @property
    @abstractmethod
    def coverage(self) -> float:
        """Mean share of a frame that is hidden, 0 to 1; of a timed box: while it is there."""

    @property
    @abstractmethod
    def how(self) -> str:
        """How the source was understood, in a few words."""

    def describe(self) -> str:
        """One sentence for the user: how the mask was understood, and how much it hides."""
        return f"mask: {self.how}: {100 * self.coverage:.2f} % of the frame"

    def check_count(self, count: int) -> None:
        """Raise MaskError when a clip of ``count`` frames does not fit a source with one mask a frame."""
        return


@dataclass(frozen=True, eq=False)
class StaticMask(MaskSource):
    """One mask for all frames."""

    mask: Mask
    how: str = "an array"

    def frame(self, index: int, time: Fraction | None = None) -> Mask:  # noqa: D102
        return self.mask

    @cached_property
    def coverage(self) -> float:  # noqa: D102
        return float(self.mask.mean())


class _OneAFrame(MaskSource):
    """As many masks as frames."""

    static = False

    @abstractmethod
    def __len__(self) -> int: ...

    @cached_property
    def coverage(self) -> float:
        return float(np.mean([self.frame(index).mean() for index in range(len(self))]))

    def check_count(self, count: int) -> None:
        if count != len(self):
            raise MaskError(f"{self.how}: {len(self)} masks for {count} frames; give one for every frame")

    def _check_index(self, index: int) -> None:
        if not 0 <= index < len(self):
            raise MaskError(
                f"{self.how}: {len(self)} masks, but the clip has {index + 1} frames or more; give one for every frame"
            )


@dataclass(frozen=True, eq=False)
class ArrayMasks(_OneAFrame):
    """Masks (T, H, W) in memory."""

    masks: Mask
    how: str = "arrays"

    def __len__(self) -> int:
        return len(self.masks)

    def frame(self, index: int, time: Fraction | None = None) -> Mask:  # noqa: D102
        self._check_index(index)
        mask: Mask = self.masks[index]
        return mask


@dataclass(frozen=True, eq=False)
class FolderMasks(_OneAFrame):
    """One picture a frame, read when asked for."""

    folder: Path
    size: tuple[int, int]
    object_id: int | None = None

    @cached_property
    def paths(self) -> list[Path]:
        """The pictures in the order of the frames."""
        found = [p for p in self.folder.iterdir() if p.suffix.lower() in MASK_SUFFIXES and not p.name.startswith(".")]
        if not found:
            raise MaskError(f"{self.folder}: no pictures in it; give one mask for every frame")
        return in_frame_order(found)

    def __len__(self) -> int:
        return len(self.paths)

    def frame(self, index: int, time: Fraction | None = None) -> Mask:  # noqa: D102
        self._check_index(index)
        mask: Mask = self._read(index)
        return mask

    @cached_property
    def _read(self) -> Any:
        return lru_cache(_CACHED)(
            lambda index: read_image(self.paths[index], self.size, self.object_id, may_lack=True).mask
        )

    @property
    def how(self) -> str:  # noqa: D102
        return f"{self.folder} ({len(self)} pictures, one a frame)"


@dataclass(frozen=True, eq=False)
class TimedBox(MaskSource):
    """A box that is there from ``start`` until just before ``stop`` (None: the end), frames or seconds."""

    mask: Mask
    start: Fraction
    stop: Fraction | None
    in_frames: bool
    how: str = "a box"

    static = False

    def frame(self, index: int, time: Fraction | None = None) -> Mask:  # noqa: D102
        now = Fraction(index) if self.in_frames else time
        if now is None:
            raise MaskError(f"{self.how}: the time of frame {index} is unknown; give the span in frames: @12f-40f")
        there = self.start <= now and (self.stop is None or now < self.stop)
        return self.mask if there else self._nothing

    @cached_property
    def _nothing(self) -> Mask:
        return np.zeros_like(self.mask)

    @property
    def coverage(self) -> float:  # noqa: D102
        return float(self.mask.mean())


# ---------------------------------------------------------------------------------------------
# Reading
# ---------------------------------------------------------------------------------------------


def handles(path: str | Path) -> bool:
    """Whether :func:`read_mask` is for this argument; anything else is taken for a mask video."""
    return (
        _box_match(path) is not None
        or there(Path(path).is_dir)
        or Path(path).suffix.lower() == ".json"
        or Path(path).suffix.lower() in MASK_SUFFIXES
    )


def read_mask(path: str | Path, size: tuple[int, int], *, object_id: int | None = None) -> MaskSource:
    """Read a mask of any kind but a video.

    Parameters
    ----------
    path : str or Path
        A picture; a directory with a picture for every frame; JSON (polygons, run-length codes); or a box as
        text, ``x,y,w,h``, with ``@t0-t1`` for a span of time: from t0 until just before t1, in seconds, or in
        frames with the suffix f (``@12f-40f``). Without t1 it lasts to the end.
    size : (width, height)
        Of the frames as displayed. A mask of another size is an error.
    object_id : int, optional
        Of several objects in index pictures or JSON take this one; all by default. It may be absent from pictures
        of a directory.

    Returns
    -------
    MaskSource
        Directories are read as frames are asked for; everything else at once.

    Raises
    ------
    MaskError
        If the mask is missing, damaged, of another size, or lacks the object that is asked for.
    """
    path_given = Path(path)
    if there(path_given.is_dir):
        return FolderMasks(path_given, size, object_id)
    box = _box_match(path)
    if box is not None:
        return _box(box, size, object_id)
    read = read_annotation if path_given.suffix.lower() == ".json" else read_image
    mask, how = read(path_given, size, object_id)
    return StaticMask(mask, f"{path_given} ({how})")


def from_array(masks: NDArray[Any]) -> MaskSource:
    """A source of arrays (H, W) or (T, H, W): bool, or uint8, uint16, float levels read as in a picture."""
    levels = masks.dtype in (np.bool_, np.uint8, np.uint16) or masks.dtype.kind == "f"
    if masks.ndim not in (2, 3) or not masks.size or not levels:
        raise MaskError(f"mask is {masks.dtype} {masks.shape}; give bool of shape (H, W) or (T, H, W)")
    mask, how = from_levels(masks)
    return StaticMask(mask, f"an array ({how})") if mask.ndim == 2 else ArrayMasks(mask, f"arrays ({how})")


def from_gray(image: NDArray[np.uint8]) -> Mask:
    """The mask that a grey frame of a mask video stands for: over 127 is hidden."""
    return image > 127


def coverage_warning(coverage: float) -> str | None:
    """What to say of a mask that hides nothing or nearly everything; None when it is usual."""
    if coverage == 0:
        return "mask is empty and nothing will be filled; white = hidden"
    if coverage > 0.6:
        return f"mask hides {100 * coverage:.0f} % of the frame; white = hidden: is it inverted?"
    return None


def in_frame_order(paths: list[Path]) -> list[Path]:
    """Sort by the number that ends the names when each has its own, else in natural order (2 before 10)."""
    numbered = {int(n.group()): p for p in paths if (n := re.search(r"[0-9]+$", p.stem))}
    if len(numbered) == len(paths):
        return [numbered[n] for n in sorted(numbered)]
    return sorted(paths, key=natural_key)


def _box_match(path: str | Path) -> re.Match[str] | None:
    match = _BOX.fullmatch(str(path))
    return match if match and not there(Path(path).exists) else None


def _box(match: re.Match[str], size: tuple[int, int], object_id: int | None) -> MaskSource:
    text = match.group().strip()
    x, y, width, height = map(int, match.groups()[:4])
    mask = np.zeros((size[1], size[0]), np.bool_)
    mask[max(y, 0) : max(y + height, 0), max(x, 0) : max(x + width, 0)] = True
    if not mask.any():
        raise MaskError(f"box {text}: nothing of it lies in the frames of {size[0]}x{size[1]}; give x,y,w,h in pixels")
    if object_id is not None:
        raise MaskError(f"box {text}: a box has no object ids; leave --object-id away")
    if match.group(5) is None:
        return StaticMask(mask, f"box {text}")
    return _timed(mask, match.group(5), match.group(6), f"box {text}")


def _timed(mask: Mask, first: str, last: str | None, how: str) -> TimedBox:
    in_frames = first.endswith("f")
    if last is not None and last.endswith("f") != in_frames:
        raise MaskError(f"{how}: a span is in seconds (@1.5-4) or in frames (@12f-40f), not in both")
    try:
        start, stop = Fraction(first.rstrip("f")), Fraction(last.rstrip("f")) if last else None
    except ValueError as error:
        raise MaskError(f"{how}: not a time; write @1.5-4 or @12f-40f") from error
    if stop is not None and stop <= start:
        raise MaskError(f"{how}: the span ends before it begins; write @1.5-4 or @12f-40f")
    return TimedBox(mask, start, stop, in_frames, how)
