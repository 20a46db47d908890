"""Regions of interest: the boxes that are cut out of the frames, filled and put back."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from vinpaint.contracts import Mask
from vinpaint.errors import UsageError

_Boxes: TypeAlias = NDArray[np.int64]  # (N, 4): y0, y1, x0, x1

_GROUPS = 48  # boxes to start with; finer masks are looked at more coarsely
_WORTH = 1.5  # pixels of one region for a pixel of two: motion is found once, and with more to go by
_OUTWARDS = np.array((-1, 1, -1, 1))


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


def regions_of(mask: Mask, margin: float = 1.0, *, minimum: int = 24, limit: int = 16) -> tuple[Region, ...]:
    """Cut the holes of a mask out of the frame.

    Holes are taken together when one region holds not many more pixels than two, or when a region would hold hidden
    pixels of another hole: lettering gives one region, two far-apart logos give two.

    Parameters
    ----------
    mask : (H, W) bool
        True = hidden.
    margin : float
        Surroundings of a hole, in multiples of the smaller side of its own bounding box, also when it shares its
        region with others.
    minimum : int
        The least surroundings, in pixels.
    limit : int
        The most regions; beyond it those are merged that cost the least.

    Returns
    -------
    tuple of Region
        In the frame, from top to bottom. Every hidden pixel lies in exactly one of them.

    Raises
    ------
    UsageError
        If margin or minimum is negative, or the limit below 1.
    """
    if margin < 0 or minimum < 0 or limit < 1:
        raise UsageError(f"margin {margin}, minimum {minimum}, limit {limit}; give 0 or more, and a limit of 1 or more")
    if not mask.any():
        return ()
    cores = _cores(mask, max(1, minimum // 2))
    regions = _grown(cores, margin, minimum, mask.shape)
    while pair := _cheapest(cores, regions, forced=len(cores) > limit):
        cores, regions = (
            np.vstack([np.delete(boxes, pair, axis=0), _hull(*boxes[list(pair)])]) for boxes in (cores, regions)
        )
    return tuple(sorted(Region(*box) for box in regions.tolist()))


def _grown(cores: _Boxes, margin: float, minimum: int, shape: tuple[int, ...]) -> _Boxes:
    """The boxes with their margins, within a frame."""
    side = np.minimum(cores[:, 1] - cores[:, 0], cores[:, 3] - cores[:, 2])
    pixels = np.maximum(minimum, np.rint(margin * side).astype(np.int64))
    height, width = shape[-2:]
    return np.asarray(np.clip(cores + pixels[:, None] * _OUTWARDS, 0, (height, height, width, width)), np.int64)


def _cheapest(cores: _Boxes, regions: _Boxes, *, forced: bool) -> tuple[int, int] | None:
    """The pair to merge next; None when every pair is better left apart and need not be merged."""
    first, second = np.triu_indices(len(cores), 1)
    if not first.size:
        return None
    a, b = regions[first], regions[second]
    cost = _area(_hull(a, b)) - _WORTH * (_area(a) + _area(b))
    shared = _overlap(a, cores[second]) | _overlap(cores[first], b)
    best = int(np.argmin(np.where(shared, -np.inf, cost)))
    return (int(first[best]), int(second[best])) if forced or shared[best] or cost[best] <= 0 else None


def _hull(a: _Boxes, b: _Boxes) -> _Boxes:
    return np.where(_OUTWARDS < 0, np.minimum(a, b), np.maximum(a, b))


def _area(boxes: _Boxes) -> NDArray[np.int64]:
    return (boxes[..., 1] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 2])


def _overlap(a: _Boxes, b: _Boxes) -> Mask:
    rows = (a[..., 0] < b[..., 1]) & (b[..., 0] < a[..., 1])
    return rows & (a[..., 2] < b[..., 3]) & (b[..., 2] < a[..., 3])


def _cores(mask: Mask, cell: int) -> _Boxes:
    """Bounding boxes of groups of hidden pixels that are about a cell or more apart."""
    whole = _tight(mask, 0, 0)
    part = mask[whole[0] : whole[1], whole[2] : whole[3]]
    count, labels, boxes = _groups(part, cell)
    while count > _GROUPS:
        cell *= 2
        count, labels, boxes = _groups(part, cell)
    cores = [_core(part, labels, index + 1, box, cell) for index, box in enumerate(boxes)]
    return np.array(cores) + whole[[0, 0, 2, 2]]


def _groups(mask: Mask, cell: int) -> tuple[int, NDArray[np.int32], _Boxes]:
    """Number of groups, the group of each cell (0 = clear), and the box of each group in cells."""
    occupied = np.logical_or.reduceat(mask, np.arange(0, mask.shape[0], cell), axis=0)
    occupied = np.logical_or.reduceat(occupied, np.arange(0, mask.shape[1], cell), axis=1)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(occupied.astype(np.uint8), connectivity=8)
    left, top, width, height = stats[1:, :4].T
    return (
        count - 1,
        labels.astype(np.int32, copy=False),
        np.stack([top, top + height, left, left + width], axis=1),
    )


def _core(mask: Mask, labels: NDArray[np.int32], label: int, box: _Boxes, cell: int) -> _Boxes:
    """The bounding box of the hidden pixels in the cells of one group."""
    cells = labels[box[0] : box[1], box[2] : box[3]] == label
    top, bottom, left, right = (box * cell).tolist()
    part = mask[top:bottom, left:right]
    inside = np.repeat(np.repeat(cells, cell, axis=0), cell, axis=1)
    return _tight(part & inside[: part.shape[0], : part.shape[1]], top, left)


def _tight(mask: Mask, top: int, left: int) -> _Boxes:
    """The bounding box of the hidden pixels, of which there is one at least."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return np.array([top + rows[0], top + rows[-1] + 1, left + columns[0], left + columns[-1] + 1], np.int64)


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

    Raises
    ------
    UsageError
        If the radius is negative.
    """
    if radius < 0:
        raise UsageError(f"radius {radius}; give 0 or more pixels")
    if mask.ndim == 3:
        return np.stack([dilate(m, radius) for m in mask]) if len(mask) else mask.copy()
    if not mask.any():
        return mask.copy()
    y0, y1, x0, x1 = _tight(mask, 0, 0) + _OUTWARDS * math.ceil(min(radius, max(mask.shape)))
    box = np.s_[max(y0, 0) : y1, max(x0, 0) : x1]
    distance = cv2.distanceTransform((~mask[box]).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    grown = np.zeros_like(mask)
    grown[box] = distance <= radius + 1e-3
    return grown
