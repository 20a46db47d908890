"""What other pictures saw of a hole: choice of references, their alignment, sampling and expected error.

The chain of flows from neighbour to neighbour drifts. Here a reference is warped by the chained *global* motion,
what remains is estimated once and completed inside the hole, and the reference is sampled once, at sub-pixel
positions. Motion is found on grey pictures of a working size; colours are sampled at full size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vinpaint.flow.align import Matrix, transform
from vinpaint.flow.complete import bounding_box, complete, complete_hole
from vinpaint.flow.consistency import grid
from vinpaint.flow.estimate import Estimator, Flow, Gray
from vinpaint.flow.kernels import corrected, gather_cells, locate, read_cells

F32 = NDArray[np.float32]
Bool = NDArray[np.bool_]
Points = NDArray[np.float32]
"""``(N, 2)`` float32, (x, y)."""

_WORKING_SIDE = 512  # pixels, about: pictures are reduced to it by a whole factor

# In pixels of the working size:
_GRID = 4  # the residual motion is smooth and kept on cells of this size
_CELL = 8  # colour differences are averaged over cells of this size
_RING = 10  # surroundings of the hole that are compared with the references
_SPILL = 5  # surroundings of a hole where flow is not to be trusted
_CONTEXT = 24  # surroundings of the hole that take part in the estimation of flow

_GAIN = 0.8  # a residual motion must bring the difference below this share of what it is without
_MISFIT = 8  # grey levels of difference at which a vector counts half
_UNUSUAL = 20.0  # grey levels; differences of light from that around most of the hole count half
_SAMPLE = 250  # points that stand for the hole when references are chosen
_LEAST = 0.02  # share of the points that a reference must add
_SPARE = 1  # references kept back for points that are still unseen, who may have twice that
_HALVING = 7  # frames; a reference this far away is worth half a near one
_DISTANCES = (1, 2, 4, 7, 11, 16, 22, 30, 40)  # frames to the references tried first
_ROW = 1024  # samples per row: OpenCV remaps pictures, not lists


@dataclass(frozen=True, eq=False)
class Picture:
    """A frame made ready to be filled, or to be a reference.

    Attributes
    ----------
    image : (H, W, 3) uint8 or uint16
    hidden : (H, W) bool
        The hole.
    blocked : (H, W) uint8
        Not 0 where a bicubic sample would touch the hole.
    factor : int
        Full size over working size.
    gray : (h, w) uint8
        Working size, the hole filled smoothly.
    small : (h / 2, w / 2) uint8
        The same at half the size: dense flow needs no more.
    veil, spill : (h, w) bool
        Working size: the hole, and the hole with the surroundings where flow is not to be trusted.
    """

    image: NDArray[Any]
    hidden: Bool
    blocked: NDArray[np.uint8]
    factor: int
    gray: Gray
    small: Gray
    veil: Bool
    spill: Bool


def picture(image: NDArray[Any], hidden: Bool) -> Picture:
    """Prepare a frame.

    Parameters
    ----------
    image : (H, W, 3) uint8 or uint16
        RGB; kept, not copied.
    hidden : (H, W) bool
        The hole; may be empty.

    Returns
    -------
    Picture
        Its working size is the image's over a whole factor, about 512 pixels on the longer side.
    """
    factor = max(1, round(max(hidden.shape) / _WORKING_SIDE))
    veil = _touched(hidden, factor)
    gray = complete_hole(_gray(image, factor), veil)
    blocked = cv2.dilate(hidden.view(np.uint8), np.ones((5, 5), np.uint8))
    small, spill = _reduced(gray, 2), grown(veil, _SPILL)
    return Picture(image, hidden, np.asarray(blocked, np.uint8), factor, gray, small, veil, spill)


def _gray(image: NDArray[Any], factor: int) -> Gray:
    """A picture at working size, grey."""
    working = _reduced(image, factor)
    eight_bits = working if working.dtype == np.uint8 else (working >> 8).astype(np.uint8)
    return np.asarray(cv2.cvtColor(eight_bits, cv2.COLOR_RGB2GRAY), np.uint8)


def _touched(mask: Bool, factor: int) -> Bool:
    """The blocks of ``factor`` pixels that a mask touches."""
    return np.asarray(_reduced(mask.view(np.uint8) * np.uint8(255), factor) > 0)


def _reduced(image: NDArray[Any], factor: int) -> NDArray[Any]:
    """Means over blocks of ``factor`` pixels; blocks that stick out repeat the edge."""
    height, width = image.shape[:2]
    right, bottom = -width % factor, -height % factor
    if right or bottom:
        image = cv2.copyMakeBorder(image, 0, bottom, 0, right, cv2.BORDER_REPLICATE)
    if factor == 1:
        return image
    size = ((width + right) // factor, (height + bottom) // factor)
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA))


def _to_working(points: NDArray[Any], factor: int) -> Points:
    return np.asarray((points + 0.5) / factor - 0.5, np.float32)


def _to_full(points: Points, factor: int) -> Points:
    return np.asarray((points + 0.5) * factor - 0.5, np.float32)


def grown(mask: Bool, radius: int) -> Bool:
    """A mask grown by a square of the given radius."""
    side = 2 * radius + 1
    return np.asarray(cv2.dilate(mask.view(np.uint8), np.ones((side, side), np.uint8)) > 0)


@dataclass(frozen=True, eq=False)
class Target:
    """What is the same for all references of a frame: the pixels asked for, and the surroundings used.

    Attributes
    ----------
    picture : Picture
    box : (slice, slice)
        The hole and its context, working size.
    small : (h / 2, w / 2) uint8
        The grey picture in the box, half the size.
    grid : (h / 2, w / 2, 2) float32
        Coordinates in it.
    trusted : (h / 4, w / 4) bool
        Cells of the box where the target's flow is to be trusted.
    points : (N, 2) int32
        (x, y) at full size: the hole's pixels, those of its rim, then some of those of the ring around it.
    places : (N, 2) float32
        The same in the box, working size.
    colours : (N, 3) float32
        The picture at the points.
    root_depth : (holes + rim,) float32
        Square root of the distance of the hole's pixels from its edge, working pixels; 1 on the rim.
    rim : int
        Pixels beside the hole that candidates are asked for, too: they show how well these fit.
    """

    picture: Picture
    box: tuple[slice, slice]
    small: Gray
    grid: Flow
    trusted: Bool
    points: NDArray[np.int32]
    places: Points
    colours: F32
    root_depth: F32
    rim: int = 0

    @property
    def holes(self) -> int:
        """How many of the points are hole; they come first."""
        return len(self.root_depth) - self.rim

    @property
    def hole(self) -> NDArray[np.int32]:
        """The hole's pixels, ``(holes, 2)``."""
        return self.points[: self.holes]

    @property
    def corner(self) -> NDArray[np.int64]:
        """(x, y) of the box at working size."""
        return np.array([self.box[1].start, self.box[0].start])


def target(pic: Picture, rim: int = 0) -> Target:
    """Prepare a frame for being filled; its hole is not empty.

    Parameters
    ----------
    pic : Picture
        The frame.
    rim : int
        How far around the hole candidates are asked for, pixels.
    """
    box = bounding_box(pic.veil, _CONTEXT)
    corner = np.array([box[1].start, box[0].start])
    small = np.ascontiguousarray(_reduced(pic.gray[box], 2))
    hole = _positions(pic.hidden)
    ring = (corner + _ring(pic.veil[box])) * pic.factor + pic.factor // 2
    beside = _positions(grown(pic.hidden, rim) & ~pic.hidden) if rim else hole[:0]
    points = np.vstack([hole, beside, np.minimum(ring, np.array(pic.hidden.shape[::-1]) - 1)]).astype(np.int32)
    depth = np.concatenate([_root_depth(pic.hidden, pic.factor), np.ones(len(beside), np.float32)])
    return Target(
        pic,
        box,
        small,
        grid(*small.shape),
        ~_cells_touched(pic.spill[box]),
        points,
        _to_working(points, pic.factor) - corner.astype(np.float32),
        pic.image[points[:, 1], points[:, 0]].astype(np.float32),
        depth,
        len(beside),
    )


def redrawn(aim: Target, image: NDArray[Any], unsure: Bool) -> Target:
    """A target whose hole is filled already: motion can be estimated inside it, too.

    Parameters
    ----------
    aim : Target
    image : (H, W, 3)
        Its picture, filled.
    unsure : (H, W) bool
        What of the fill may be wrong, and tells no motion.
    """
    gray, spill = _gray(image, aim.picture.factor), _touched(unsure, aim.picture.factor)
    small = np.ascontiguousarray(_reduced(gray[aim.box], 2))
    return replace(aim, small=small, trusted=~_cells_touched(spill[aim.box]))


def _positions(mask: Bool) -> NDArray[np.int64]:
    y, x = np.nonzero(mask)
    return np.column_stack([x, y])


def _ring(hidden: Bool) -> NDArray[np.int64]:
    """Every second pixel around a hole, like the black fields of a chessboard."""
    ring = grown(hidden, _RING) & ~hidden
    ring[::2, ::2] = ring[1::2, 1::2] = False
    return _positions(ring)


def _root_depth(hidden: Bool, factor: int) -> F32:
    box = bounding_box(hidden, 1)
    distance = cv2.distanceTransform(hidden[box].view(np.uint8), cv2.DIST_L2, 3)
    return np.asarray(np.sqrt(np.maximum(distance[hidden[box]] / factor, 1)), np.float32)


def _cells_touched(mask: Bool) -> Bool:
    return _touched(_touched(mask, 2), _GRID // 2)


def choose(
    points: NDArray[np.int32],
    motions: Mapping[int, Matrix],
    pictures: Mapping[int, Picture],
    start: int,
    *,
    wanted: int,
    limit: int,
) -> list[int]:
    """Few references that together see each point of a hole several times, near ones first.

    Greedy: the next reference is the one that adds most, where a point seen n times counts 1/(1 + n), none once it
    is seen as often as wanted, and a far reference counts less. References are taken at growing distances; others
    only to see points that none of those sees.

    Parameters
    ----------
    points : (N, 2) int32
        Pixels of the hole of picture ``start``.
    motions : mapping
        Motion from picture ``start`` to each picture that may be chosen, working size.
    pictures : mapping
    start : int
    wanted : int
        How often each point should be seen.
    limit : int
        References at most; one more when points would stay unseen without it.

    Returns
    -------
    list of int
        Keys of ``motions``, the most useful first.
    """
    factor = pictures[start].factor
    places = _to_working(points[:: max(1, len(points) // _SAMPLE)], factor)

    def seen(names: Sequence[int], places: Points) -> Bool:
        there = [_to_full(transform(motions[n], places), factor) for n in names]
        return _seen(np.reshape(there, (len(names), *places.shape)), [pictures[n].blocked for n in names])

    names = sorted(motions, key=lambda name: (abs(name - start), name))
    regular = [n for n in names if abs(n - start) in _DISTANCES]
    sees = seen(regular, places)
    first = _greedy(sees, _worth(regular, start), wanted, limit - _SPARE, _LEAST * len(places))
    unseen = ~sees[first].any(axis=0)
    spare = _greedy(seen(names, places[unseen]), _worth(names, start), 1, 2 * _SPARE, 1) if unseen.any() else []
    return [regular[i] for i in first] + [names[i] for i in spare]


def _worth(names: Sequence[int], start: int) -> NDArray[np.float64]:
    """What a reference counts for its distance."""
    return np.asarray(1 / (1 + np.abs(np.array(names, np.float64) - start) / _HALVING))


def _greedy(sees: Bool, worth: NDArray[np.float64], wanted: int, limit: int, least: float) -> list[int]:
    """Rows of ``sees`` that cover its columns best, each worth at least ``least`` new columns."""
    if not len(sees):
        return []
    left = sees.copy()
    seen = np.zeros(sees.shape[1], np.int64)
    chosen: list[int] = []
    while len(chosen) < limit:
        gain = left @ np.where(seen < wanted, 1 / (1 + seen), 0)
        best = int((gain * worth).argmax())
        if gain[best] < least:
            break
        chosen.append(best)
        seen += left[best]
        left[best] = False
    return chosen


def _seen(positions: Points, blocked: Sequence[NDArray[Any]]) -> Bool:
    """Where (x, y), ``(K, N, 2)``, lie inside each of K pictures of one size and off its hole."""
    if not blocked:
        return np.zeros(positions.shape[:2], np.bool_)
    height, width = blocked[0].shape
    x, y = np.rint(positions[..., 0]), np.rint(positions[..., 1])
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    place = np.where(inside, y * width + x, 0).astype(np.intp)
    hidden = np.stack([mask.reshape(-1)[at] for mask, at in zip(blocked, place, strict=True)])
    return np.asarray(inside & (hidden == 0))


@dataclass(frozen=True, eq=False)
class Candidate:
    """What one reference offers for the pixels of a hole.

    Attributes
    ----------
    colours : (N, 3) float32
        In the range of the picture; of the hole's pixels, then of its rim.
    variance : (N,) float32
        Expected squared error; infinite where the reference does not see the pixel.
    """

    colours: F32
    variance: F32


def candidate(
    aim: Target, reference: Picture, motion: Matrix, age: int, estimate: Estimator | None, needed: Bool | None = None
) -> Candidate:
    """Align a reference with a target and sample it at the hole.

    Parameters
    ----------
    aim : Target
    reference : Picture
    motion : (3, 3) float64
        Maps positions of the target to the reference, working size.
    age : int
        Frames between the two.
    estimate : Estimator, optional
        Estimates what the motion leaves; nothing, where there is none.
    needed : (holes,) bool, optional
        Pixels that the reference is asked for; all of them by default.
    """
    matrix, count = motion @ _shifted(aim.corner), len(aim.root_depth)
    none = np.zeros((0, 0, 2), np.float32)
    flow = residual_flow(aim, reference, matrix, estimate) if estimate else none
    asked = np.ones(count, np.bool_)
    if needed is not None:
        asked[: aim.holes] = needed
    positions, taken = locate(aim.places, asked, flow, _GRID, matrix, reference.factor, reference.blocked)
    values = sample(reference.image, positions)
    inside = np.searchsorted(taken, count)
    ring = taken[inside:]
    unit = unit_of(reference.image) ** 2
    field = ring_field(aim, ring, aim.colours[ring] - values[inside:], _UNUSUAL**2 * unit)
    field[..., 3] = 6 * unit * (field[..., 3] / unit + 1) ** 0.7 * age**0.15  # fitted to real clips
    return Candidate(*corrected(aim.places, taken[:inside], values, field, _CELL, aim.root_depth))


def _shifted(corner: NDArray[np.int64]) -> Matrix:
    """Maps positions in a box to those in the picture."""
    return np.array([(1, 0, corner[0]), (0, 1, corner[1]), (0, 0, 1)], np.float64)


def unit_of(image: NDArray[Any]) -> float:
    """One of 255 grey levels in the units of an image."""
    return float(np.iinfo(image.dtype).max / 255)


def spatial_variance(aim: Target) -> F32:
    """Squared error to expect of a smooth fill, by texture around and depth in the hole (fitted as well)."""
    ring = np.arange(len(aim.root_depth), len(aim.points))
    texture = ring_field(aim, ring, aim.colours[ring])[..., 3:]
    unit = unit_of(aim.picture.image) ** 2
    field = np.asarray(5.5 * unit * (texture / unit + 1) ** (2 / 3), np.float32)
    return np.asarray(read_cells(aim.places[: aim.holes], field, _CELL)[:, 0] * aim.root_depth[: aim.holes], np.float32)


def residual_flow(aim: Target, reference: Picture, matrix: Matrix, estimate: Estimator) -> Flow:
    """What the global motion leaves: flow from the target's box to the reference warped onto it.

    A vector is kept only where it explains the picture clearly better than none does, counts by how well it does,
    and is completed where either picture is hidden.

    Parameters
    ----------
    aim : Target
    reference : Picture
        Of the target's size.
    matrix : (3, 3) float64
        Maps positions of the target's box to the reference, pixels of the working size.
    estimate : Estimator

    Returns
    -------
    (h / 4, w / 4, 2) float32
        On cells of the box, in pixels of the working size.
    """
    warped, trusted = _warp(aim, reference, matrix)
    flow = estimate(aim.small, warped)
    moved = cv2.remap(  # type: ignore[call-overload]
        warped, aim.grid + flow, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    without, within = (_local_error(aim.small, other, trusted) for other in (warped, moved))
    idle = within > _GAIN * without - 0.5
    pooled = np.where(idle[..., None], np.float32(0), 2 * _pooled(flow))
    error = np.where(idle, without, within)
    return complete(pooled, np.where(trusted, 1 / (1 + np.square(error / _MISFIT)), 0))


def _warp(aim: Target, reference: Picture, matrix: Matrix) -> tuple[Gray, Bool]:
    """The reference seen from the target's box, and the cells where both are to be trusted."""
    double = np.array([(2, 0, 0.5), (0, 2, 0.5), (0, 0, 1)])
    gray = cv2.warpPerspective(
        reference.small,
        np.linalg.inv(double) @ matrix @ double,
        aim.small.shape[::-1],
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    middle = (_GRID - 1) / 2
    unseen = cv2.warpPerspective(
        reference.spill.view(np.uint8),
        matrix @ np.array([(_GRID, 0, middle), (0, _GRID, middle), (0, 0, 1)], np.float64),
        aim.trusted.shape[::-1],
        flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP,
        borderValue=(1,),
    )
    return np.asarray(gray, np.uint8), aim.trusted & (unseen == 0)


def _local_error(base: Gray, other: Gray, trusted: Bool) -> F32:
    """Mean absolute difference around each cell of the box."""
    weights = trusted.astype(np.float32)
    error = np.dstack([_pooled(cv2.absdiff(base, other)) * weights, weights])
    total = cv2.GaussianBlur(error, (5, 5), 1.0)
    return np.asarray(total[..., 0] / np.maximum(total[..., 1], 1e-6), np.float32)


def _pooled(field: NDArray[Any]) -> F32:
    """Means over the cells of the box of a field of half the size."""
    return np.asarray(_reduced(field, _GRID // 2), np.float32)


def sample(image: NDArray[Any], positions: Points) -> F32:
    """Bicubic samples ``(N, 3)`` float32 of a picture at positions (x, y); edges are repeated."""
    count = len(positions)
    if not count:
        return np.zeros((0, image.shape[2]), np.float32)
    rows = -(-count // _ROW)
    padded = np.zeros((rows * _ROW, 2), np.float32)
    padded[:count] = positions
    found = cv2.remap(  # type: ignore[call-overload]
        image, padded.reshape(rows, _ROW, 2), None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(found.reshape(-1, image.shape[2])[:count], np.float32)


def ring_field(aim: Target, ring: NDArray[np.intp], values: F32, unusual: float = np.inf) -> F32:
    """Local mean and variance of values in the ring, carried on into the hole.

    Parameters
    ----------
    aim : Target
    ring : (N,) intp
        Points of the target in the ring.
    values : (N, 3) float32
        At these points.
    unusual : float
        Squared distance from the median of all cells at which a cell counts half: what is carried on is the light, not
        a shadow that follows whatever is hidden.

    Returns
    -------
    (h / 8, w / 8, 4) float32
        On cells of the box: the mean of each channel, and the variance as a mean over the channels.
    """
    height, width = (side.stop - side.start for side in aim.box)
    cells = np.zeros((-(-height // _CELL), -(-width // _CELL), 5), np.float32)
    gather_cells(aim.places[ring], values, cells, _CELL)
    cells = cv2.GaussianBlur(cells, (5, 5), 1.0, borderType=cv2.BORDER_CONSTANT)
    mean = cells[..., 1:4] / np.maximum(cells[..., :1], 1e-6)
    square = cells[..., 4:] / np.maximum(cells[..., :1], 1e-6)
    variance = np.maximum(square - np.square(mean).mean(axis=2, keepdims=True), 0)
    known = cells[..., 0] > _CELL / 4
    apart = np.square(mean - np.median(mean[known], axis=0)).mean(axis=2) if known.any() else np.float32(0)
    return complete(np.dstack([mean, variance]), known / (1 + apart / np.float32(unusual)), sweeps=8)
