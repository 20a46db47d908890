"""Pairs of a damaged clip and the clean one, as ``vinpaint synth`` writes them, for training and testing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vinpaint.contracts import Frames, Mask
from vinpaint.errors import InputError
from vinpaint.masks import from_gray, read_mask
from vinpaint.masks.names import natural_key
from vinpaint.video.clips import read_clip

ORIGINAL, DAMAGED = "original.mkv", "damaged.mkv"
ORIGINAL_MP4, DAMAGED_MP4 = "video_original.mp4", "video_con_manchas.mp4"
"""Names of the two clips in the layout ``original``."""
MASKS = ("mask.png", "mask.mkv")
"""One mask for all frames, or one a frame; which of the two is there depends on what is before the scene."""
TRAIN, VAL = "train", "val"
HELD_OUT = 5
"""One clip in so many is for validation."""
_DIFFERENT = 3.0  # levels on the mean over time by which a codec does not change a picture


@dataclass(frozen=True)
class Pair:
    """A damaged clip and the clean one on disk.

    Attributes
    ----------
    name : str
        Path of its folder in the data set.
    damaged, original : Path
        Clips of one size and length.
    mask : Path or None
        Where they differ; None = not stored.
    """

    name: str
    damaged: Path
    original: Path
    mask: Path | None

    def read(self) -> tuple[Frames, Frames, Mask]:
        """Damaged frames, original frames and the mask.

        Returns
        -------
        damaged, original : (T, H, W, 3) uint8
            RGB.
        mask : (H, W) or (T, H, W) bool
            True where the scene is covered. Of a pair without a stored mask: (H, W), where the two differ by more
            than three levels on the mean over time.

        Raises
        ------
        InputError
            If a clip cannot be read, or the two differ in size or length.
        MaskError
            If the mask cannot be read, or is of another size.
        """
        damaged, original = read_clip(self.damaged), read_clip(self.original)
        if damaged.shape != original.shape:
            sizes = ["{1}x{0}, {2} frames".format(*c.shape[1:3], len(c)) for c in (damaged, original)]
            raise InputError(f"{self.name}: damaged clip {sizes[0]}, original {sizes[1]}; make the pair anew")
        return damaged, original, self._read_mask(damaged, original)

    def _read_mask(self, damaged: Frames, original: Frames) -> Mask:
        if self.mask is None:
            return different(damaged, original)
        if self.mask.suffix == ".png":
            return read_mask(self.mask, damaged.shape[2:0:-1]).frame(0)
        mask = from_gray(read_clip(self.mask)[..., 0])
        if mask.shape != damaged.shape[:3]:
            raise InputError(f"{self.mask} does not fit its clip; make the pair anew")
        return mask


def find_pairs(folder: str | os.PathLike[str]) -> list[Pair]:
    """All pairs in a folder and the folders in it, in natural order.

    Both layouts are known: ``original.mkv`` and ``damaged.mkv`` with a mask, and ``video_original.mp4`` and
    ``video_con_manchas.mp4``.

    Raises
    ------
    InputError
        If there is none.

    Examples
    --------
    >>> damaged, original, mask = find_pairs("set/train")[0].read()  # doctest: +SKIP
    """
    root = Path(folder)
    found = [pair for home in (root, *_folders(root)) if (pair := _pair(root, home))]
    if not found:
        raise InputError(
            f"{root} holds no pair of {ORIGINAL} and {DAMAGED}, nor of {ORIGINAL_MP4} and {DAMAGED_MP4}; "
            "make some with 'vinpaint synth'"
        )
    return sorted(found, key=lambda pair: [natural_key(Path(part)) for part in Path(pair.name).parts])


def split_pairs(folder: str | os.PathLike[str]) -> tuple[list[Pair], list[Pair]]:
    """Pairs to learn from, and pairs to judge by: of ``train/`` and ``val/`` if they are there, else one in five.

    Raises
    ------
    InputError
        If either would be empty.
    """
    root = Path(folder)
    if (root / TRAIN).is_dir() and (root / VAL).is_dir():
        return find_pairs(root / TRAIN), find_pairs(root / VAL)
    pairs = find_pairs(root)
    if len(pairs) < HELD_OUT:
        raise InputError(f"{root} holds {len(pairs)} pairs; {HELD_OUT} are needed to hold one out")
    kept = [pair for number, pair in enumerate(pairs) if not held_out(number)]
    return kept, [pair for number, pair in enumerate(pairs) if held_out(number)]


def held_out(number: int) -> bool:
    """Whether a clip is for validation, by its number: the last of every five."""
    return number % HELD_OUT == HELD_OUT - 1


def different(damaged: Frames, original: Frames) -> Mask:
    """(H, W), where two clips (T, H, W, 3) uint8 differ by more than what a codec does."""
    total = np.zeros(damaged.shape[1:3])
    for one, other in zip(damaged, original, strict=True):
        total += np.abs(one.astype(np.int16) - other).max(axis=2)
    mask: Mask = total > _DIFFERENT * len(damaged)
    return mask


def _folders(root: Path) -> Iterator[Path]:
    """Folders in a folder, but for hidden ones: clips that were never finished."""
    for home in root.rglob("*/"):
        if not any(part.startswith(".") for part in home.relative_to(root).parts):
            yield home


def _pair(root: Path, home: Path) -> Pair | None:
    for original, damaged in ((ORIGINAL, DAMAGED), (ORIGINAL_MP4, DAMAGED_MP4)):
        if (home / original).is_file() and (home / damaged).is_file():
            mask = next((home / name for name in MASKS if (home / name).is_file()), None)
            name = str(home.relative_to(root))
            return Pair(name, home / damaged, home / original, mask)
    return None
