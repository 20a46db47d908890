"""Regions of interest: the boxes that are cut out of the frames, filled and put back."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from vinpaint.contracts import Mask
from vinpaint.errors import UsageError

_GROUPS = 48  # boxes to start with; finer masks are looked at more coarsely


@dataclass(frozen=True, order=True)
class Region:
    """The box of the rows y0 … y1 − 1 and the columns x0 … x1 − 1."""

    y0: int
    y1: int
    x0: int
    x1: int

    @property
    def height(self) -> int:
        """Rows."""
        return self.y1 - self.y0

    @property
    def width(self) -> int:
        """Columns."""
        return self.x1 - self.x0

    @property
    def area(self) -> int:
        """Pixels; 0 for an empty box."""
        return max(self.height, 0) * max(self.width, 0)

    @property
    def slices(self) -> tuple[slice, slice]:
        """To index an array (H, W, …) with."""
        return slice(self.y0, self.y1), slice(self.x0, self.x1)

    def grow(self, pixels: int) -> Region:
        """The box with so many pixels more on every side."""
        return Region(self.y0 - pixels, self.y1 + pixels, self.x0 - pixels, self.x1 + pixels)

    def clip(self, height: int, width: int) -> Region:
        """The part of the box that lies in a frame."""
        return Region(max(self.y0, 0), min(self.y1, height), max(self.x0, 0), min(self.x1, width))

    def aligned(self, ystep: int, xstep: int, height: int, width: int) -> Region:
        """The box grown to whole blocks of ``ystep`` x ``xstep`` pixels (of chroma), within a frame."""
        grown = Region(
            self.y0 // ystep * ystep,
            -(-self.y1 // ystep) * ystep,
            self.x0 // xstep * xstep,
            -(-self.x1 // xstep) * xstep,
        )
        return grown.clip(height, width)

    def hull(self, other: Region) -> Region:
        """The smallest box around both."""
        return Region(
            min(self.y0, other.y0), max(self.y1, other.y1), min(self.x0, other.x0), max(self.x1, other.x1)
        )

    def overlaps(self, other: Region) -> bool:
        """Whether they have a pixel in common."""
        return self.y0 < other.y1 and other.y0 < self.y1 and self.x0 < other.x1 and other.x0 < self.x1


class _Hole(NamedTuple):
    core: Region  # the hidden pixels
    region: Region  # and their surroundings


@dataclass(frozen=True)
class _Growth:
    """How much of its surroundings a hole is given."""

    margin: float
    minimum: int
    height: int
    width: int

    def __call__(self, core: Region) -> _Hole:
        pixels = max(self.minimum, round(self.margin * min(core.height, core.width)))
        return _Hole(core, core.grow(pixels).clip(self.height, self.width))


def regions_of(mask: Mask, margin: float = 1.0, *, minimum: int = 24, limit: int = 16) -> tuple[Region, ...]:
    """Cut the holes of a mask out of the frame.

    Holes are taken together when one region costs no more pixels than two, or when a region would hold hidden
    pixels of another hole: lettering gives one region, two far-apart logos give two.

    Parameters
    ----------
    mask : (H, W) bool
        True = hidden.
    margin : float
        Surroundings of a hole, in multiples of the smaller side of its bounding box.
    minimum : int
        The least surroundings, in pixels.
    limit : int
        The most regions; beyond it those are merged that cost the least.

    Returns
    -------
    tuple of Region
        In the frame, from top to bottom. Every hidden pixel lies in exactly one of them.
    """
    if margin < 0 or minimum < 0 or limit < 1:
        raise UsageError(
            f"margin {margin}, minimum {minimum}, limit {limit}; give 0 or more, and a limit of 1 or more"
        )
    growth = _Growth(margin, minimum, *mask.shape)
    holes = [growth(core) for core in _cores(mask, max(1, minimum // 2))]
    while pair := _cheapest(holes, growth, forced=len(holes) > limit):
        first, second = pair
        holes = [h for h in holes if h is not first and h is not second] + [
            growth(first.core.hull(second.core))
        ]
    return tuple(sorted(hole.region for hole in holes))


def _cheapest(holes: list[_Hole], growth: _Growth, *, forced: bool) -> tuple[_Hole, _Hole] | None:
    """The pair to merge next; None when every pair is better left apart and need not be merged."""
    pairs = [(_cost(a, b, growth), i, j) for (i, a), (j, b) in combinations(enumerate(holes), 2)]
    if not pairs:
        return None
    cost, i, j = min(pairs)
    return (holes[i], holes[j]) if cost <= 0 or forced else None


def _cost(a: _Hole, b: _Hole, growth: _Growth) -> float:
    """Pixels that merging two holes adds; minus infinity when it has to be."""
    if a.region.overlaps(b.core) or b.region.overlaps(a.core):
        return -np.inf
    return growth(a.core.hull(b.core)).region.area - a.region.area - b.region.area


def _cores(mask: Mask, cell: int) -> list[Region]:
    """Bounding boxes of groups of hidden pixels that are about a cell or more apart."""
    count, labels = _groups(mask, cell)
    while count > _GROUPS:
        cell *= 2
        count, labels = _groups(mask, cell)
    return [_tight(mask, labels == label, cell) for label in range(1, count + 1)]


def _groups(mask: Mask, cell: int) -> tuple[int, NDArray[np.int32]]:
    """Number of groups, and the group of each cell (0 = clear)."""
    occupied = np.logical_or.reduceat(mask, np.arange(0, mask.shape[0], cell), axis=0)
    occupied = np.logical_or.reduceat(occupied, np.arange(0, mask.shape[1], cell), axis=1)
    count, labels = cv2.connectedComponents(occupied.astype(np.uint8), connectivity=8)
    return count - 1, labels.astype(np.int32, copy=False)


def _tight(mask: Mask, cells: Mask, cell: int) -> Region:
    """The bounding box of the hidden pixels in some cells."""
    y, x = np.nonzero(cells)
    top, left = int(y.min()) * cell, int(x.min()) * cell
    part = mask[top : (int(y.max()) + 1) * cell, left : (int(x.max()) + 1) * cell]
    inside = np.repeat(np.repeat(cells[y.min() : y.max() + 1, x.min() : x.max() + 1], cell, 0), cell, 1)
    hidden = part & inside[: part.shape[0], : part.shape[1]]
    rows, columns = np.flatnonzero(hidden.any(axis=1)), np.flatnonzero(hidden.any(axis=0))
    return Region(
        top + int(rows[0]), top + int(rows[-1]) + 1, left + int(columns[0]), left + int(columns[-1]) + 1
    )


def dilate(mask: Mask, radius: float) -> Mask:
    """Grow the hidden area by a disc.

    Parameters
    ----------
    mask : (H, W) or (T, H, W) bool
        Never changed.
    radius : float
        In pixels; 0 or more.

    Returns
    -------
    bool, of the mask's shape
        True within ``radius`` of a hidden pixel of the same frame.
    """
    if radius < 0:
        raise UsageError(f"radius {radius}; give 0 or more pixels")
    if mask.ndim == 3:
        return np.stack([dilate(m, radius) for m in mask]) if len(mask) else mask.copy()
    if not mask.any():
        return mask.copy()
    distance = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return distance <= radius + 1e-3
