"""What other pictures saw of a hole: choice of references, their alignment, sampling and expected error.

The chain of flows from neighbour to neighbour drifts. Here each reference is warped by the chained *global* motion,
what remains is estimated once, completed inside the hole, and the reference is sampled once at sub-pixel positions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vinpaint.flow.align import Matrix, transform
from vinpaint.flow.complete import bounding_box, complete
from vinpaint.flow.consistency import grid
from vinpaint.flow.estimate import Estimator, Flow, Gray
from vinpaint.flow.kernels import gather_cells, read_cells

F32 = NDArray[np.float32]
Bool = NDArray[np.bool_]

_CELL = 8  # pixels; size of the cells on which colour differences are averaged
_RING = 12  # pixels around the hole that are compared with the references
_SPILL = 7  # pixels around a hole where flow is not to be trusted
_GRID = 4  # pixels; the residual motion is smooth and kept on cells of this size
_GAIN = 0.9  # of the difference without a residual motion must not be left with it
_MISFIT = 8  # grey levels at which a vector counts half
_CONTEXT = 48  # pixels around the hole that take part in the estimation of flow
_REACH = 400  # sample points that stand for the hole when references are chosen
_ROW = 1024  # samples per row: the remapping wants pictures, not lists


@dataclass(frozen=True, eq=False)
class Picture:
    """A frame as an aligned reference or target.

    Attributes
    ----------
    image : (H, W, 3) uint8 or uint16
    gray : (H, W) uint8
        The hole filled smoothly.
    hidden : (H, W) bool
        The hole.
    blocked : (H, W) uint8
        255 where a bicubic sample would touch the hole.
    """

    image: NDArray[Any]
    gray: Gray
    hidden: Bool
    blocked: NDArray[np.uint8]


def picture(image: NDArray[Any], gray: Gray, hidden: Bool) -> Picture:
    """Prepare a frame."""
    blocked = cv2.dilate(hidden.astype(np.uint8) * 255, np.ones((5, 5), np.uint8))
    return Picture(image, gray, hidden, np.asarray(blocked, np.uint8))


@dataclass(frozen=True, eq=False)
class Target:
    """What is the same for all references of a frame: the pixels asked for, and the surroundings used.

    Attributes
    ----------
    picture : Picture
    box : (slice, slice)
        The hole and its context.
    points : (N, 2) int32
        (x, y) in the picture: the hole's pixels, then those of the ring around it.
    holes : int
        How many of the points are hole.
    colours : (N, 3) float32
        The picture at the points.
    trusted : (h, w) bool
        Where in the box the target's flow is to be trusted.
    depth : (holes,) float32
        Distance of the hole's pixels from its edge, pixels.
    """

    picture: Picture
    box: tuple[slice, slice]
    points: NDArray[np.int32]
    holes: int
    colours: F32
    trusted: Bool
    depth: F32

    @property
    def hole(self) -> NDArray[np.int32]:
        """The hole's pixels, ``(holes, 2)``."""
        return self.points[: self.holes]


def target(pic: Picture) -> Target:
    """Prepare a frame for being filled; its hole is not empty."""
    box = bounding_box(pic.hidden, _CONTEXT)
    hidden = pic.hidden[box]
    ring = grown(hidden, _RING) & ~hidden
    points = np.vstack([_positions(hidden), _positions(ring)])
    points += np.array([box[1].start, box[0].start], np.int32)
    colours = pic.image[points[:, 1], points[:, 0]].astype(np.float32)
    depth = cv2.distanceTransform(hidden.view(np.uint8), cv2.DIST_L2, 3)[hidden]
    return Target(
        pic, box, points, len(depth), colours, ~grown(hidden, _SPILL), np.asarray(depth, np.float32)
    )


def _positions(mask: Bool) -> NDArray[np.int32]:
    y, x = np.nonzero(mask)
    return np.column_stack([x, y]).astype(np.int32)


def grown(mask: Bool, radius: int) -> Bool:
    """A mask grown by a square of the given radius."""
    side = 2 * radius + 1
    return np.asarray(cv2.dilate(mask.view(np.uint8), np.ones((side, side), np.uint8)) > 0)


def choose(
    points: NDArray[np.int32],
    motions: Mapping[int, Matrix],
    blocked: Mapping[int, NDArray[np.uint8]],
    start: int,
    *,
    wanted: int,
    limit: int,
) -> list[int]:
    """Few references that together see each point of a hole several times, near ones first.

    Greedy: the next reference is the one that adds most, where a point seen n times counts 1/(1 + n), none once
    it is seen as often as wanted, and a far reference counts less.
    """
    sample = points[:: max(1, len(points) // _REACH)].astype(np.float32)
    names = sorted(motions, key=lambda index: (abs(index - start), index))
    if not names:
        return []
    sees = np.stack([_visible(transform(motions[n], sample), blocked[n]) for n in names])
    worth = 1 / (1 + np.abs(np.array(names) - start) / 10)
    seen = np.zeros(len(sample), np.int64)
    chosen: list[int] = []
    while len(chosen) < limit:
        need = np.where(seen < wanted, 1 / (1 + seen), 0)
        gain = (sees @ need) * worth
        best = int(gain.argmax())
        if gain[best] < 0.01 * len(sample):
            break
        chosen.append(names[best])
        seen += sees[best]
        sees[best] = False
    return chosen


def _visible(positions: F32, blocked: NDArray[np.uint8]) -> Bool:
    """Where a bicubic sample at (x, y) lies in the picture and off its hole."""
    height, width = blocked.shape
    x, y = np.rint(positions).T
    inside = (x >= 1) & (x < width - 1) & (y >= 1) & (y < height - 1)
    column, row = np.where(inside, x, 0).astype(np.intp), np.where(inside, y, 0).astype(np.intp)
    return np.asarray(inside & (blocked[row, column] == 0))


@dataclass(frozen=True, eq=False)
class Candidate:
    """What one reference offers for the pixels of a hole.

    Attributes
    ----------
    colours : (N, 3) float32
        In the range of the picture.
    variance : (N,) float32
        Expected squared error; infinite where the reference does not see the pixel.
    """

    colours: F32
    variance: F32


def candidate(aim: Target, reference: Picture, motion: Matrix, age: int, estimate: Estimator) -> Candidate:
    """Align a reference with a target and sample it at the hole.

    Parameters
    ----------
    aim : Target
    reference : Picture
    motion : (3, 3) float64
        Maps positions of the target to the reference.
    age : int
        Frames between the two.
    estimate : Estimator
        Estimates what the motion leaves.
    """
    corner = np.array([aim.box[1].start, aim.box[0].start], np.int32)
    flow = residual_flow(aim, reference, motion, estimate)
    positions = transform(motion, aim.points + read_cells(aim.points - corner, flow, _GRID))
    visible = _visible(positions, reference.blocked)
    colours = sample(reference.image, positions)
    bias, variance = ring_statistics(aim, aim.colours - colours, visible)
    holes = aim.holes
    variance = _propagated_variance(variance, aim.depth, age, reference.image.dtype)
    return Candidate(colours[:holes] + bias, np.where(visible[:holes], variance, np.float32(np.inf)))


def level(dtype: np.dtype[Any]) -> float:
    """One of 256 grey levels in the units of an integer type."""
    return float(np.iinfo(dtype).max / 255)


def _propagated_variance(ring: F32, depth: F32, age: int, dtype: np.dtype[Any]) -> F32:
    """Squared error to expect in the hole when that in the ring is known (power laws fitted to real clips)."""
    unit = level(dtype) ** 2
    grey = 6 * (ring / unit + 1) ** 0.7 * np.sqrt(depth) * age**0.15
    return np.asarray(grey * unit, np.float32)


def spatial_variance(aim: Target) -> F32:
    """Squared error to expect of a smooth fill, by the texture around the hole and the depth in it (fitted)."""
    _, texture = ring_statistics(aim, aim.colours, np.ones(len(aim.points), np.bool_))
    unit = level(aim.picture.image.dtype) ** 2
    grey = 5.5 * (texture / unit + 1) ** (2 / 3) * np.sqrt(aim.depth)
    return np.asarray(grey * unit, np.float32)


def residual_flow(aim: Target, reference: Picture, motion: Matrix, estimate: Estimator) -> Flow:
    """What the global motion leaves: flow from the target's box to the reference warped onto it, on a coarse grid.

    A vector is kept only where it explains the picture clearly better than none, counts by how well it does, and is
    completed where either picture is hidden.
    """
    warped, unseen = _warp(reference, motion, aim.box)
    base = np.ascontiguousarray(aim.picture.gray[aim.box])
    flow = estimate(base, warped)
    trusted = aim.trusted & ~grown(unseen, _SPILL)
    moved = cv2.remap(
        warped, grid(*base.shape) + flow, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    weights = trusted.astype(np.float32)
    count = np.maximum(_pooled(weights), 1e-6)
    without, with_flow = (_local_error(base, other, weights, count) for other in (warped, moved))
    idle = with_flow > _GAIN * without - 0.5
    pooled = np.where(idle[..., None], 0, _pooled(flow * weights[..., None]) / count[..., None])
    error = np.where(idle, without, with_flow)
    confidence = np.where(count > 0.5, 1 / (1 + np.square(error / _MISFIT)), 0)
    return complete(pooled, confidence)


def _local_error(base: Gray, other: Gray, weights: F32, count: F32) -> F32:
    """Mean absolute difference around each cell of the flow's grid."""
    total = cv2.GaussianBlur(_pooled(cv2.absdiff(base, other) * weights), (5, 5), 1.0)
    return np.asarray(total / np.maximum(cv2.GaussianBlur(count, (5, 5), 1.0), 1e-6), np.float32)


def _pooled(field: F32) -> F32:
    """Means over the cells of the flow's grid."""
    height, width = field.shape[:2]
    padded = cv2.copyMakeBorder(field, 0, -height % _GRID, 0, -width % _GRID, cv2.BORDER_REPLICATE)
    size = (padded.shape[1] // _GRID, padded.shape[0] // _GRID)
    return np.asarray(cv2.resize(padded, size, interpolation=cv2.INTER_AREA), np.float32)


def _warp(reference: Picture, motion: Matrix, box: tuple[slice, slice]) -> tuple[Gray, Bool]:
    """The reference seen from the target's box, and where it is hidden there or out of its picture."""
    offset = np.array([(1, 0, box[1].start), (0, 1, box[0].start), (0, 0, 1)], np.float64)
    matrix = motion @ offset
    size = (box[1].stop - box[1].start, box[0].stop - box[0].start)
    inverse = cv2.WARP_INVERSE_MAP
    gray = cv2.warpPerspective(
        reference.gray, matrix, size, flags=cv2.INTER_LINEAR | inverse, borderMode=cv2.BORDER_REPLICATE
    )
    hidden = cv2.warpPerspective(
        reference.hidden.view(np.uint8), matrix, size, flags=cv2.INTER_NEAREST | inverse, borderValue=(1,)
    )
    return np.asarray(gray, np.uint8), hidden > 0


def sample(image: NDArray[Any], positions: F32) -> F32:
    """Bicubic samples ``(N, 3)`` float32 of a picture at positions (x, y); edges are repeated."""
    count = len(positions)
    rows = -(-count // _ROW)
    padded = np.zeros((rows * _ROW, 2), np.float32)
    padded[:count] = positions
    found = cv2.remap(  # type: ignore[call-overload]
        image, padded.reshape(rows, _ROW, 2), None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(found.reshape(-1, image.shape[2])[:count], np.float32)


def ring_statistics(aim: Target, values: F32, valid: Bool) -> tuple[F32, F32]:
    """Local mean and variance of values in the ring, carried on into the hole.

    Parameters
    ----------
    aim : Target
    values : (N, 3) float32
        At the target's points.
    valid : (N,) bool
        Which of them count.

    Returns
    -------
    mean : (holes, 3) float32
    variance : (holes,) float32
        Mean over the channels.
    """
    ring = slice(aim.holes, None)
    corner = np.array([aim.box[1].start, aim.box[0].start], np.int32)
    height, width = aim.trusted.shape
    cells = np.zeros((-(-height // _CELL), -(-width // _CELL), 5), np.float32)
    gather_cells(aim.points[ring] - corner, values[ring], valid[ring], cells, _CELL)
    cells = cv2.GaussianBlur(cells, (5, 5), 1.0, borderType=cv2.BORDER_CONSTANT)
    count = np.maximum(cells[..., :1], 1e-6)
    mean = cells[..., 1:4] / count
    error = np.maximum(cells[..., 4:] / count - np.square(mean).mean(axis=2, keepdims=True), 0)
    known = cells[..., 0] > _CELL / 2
    field = complete(np.dstack([mean, error]), known, sweeps=8)
    found = read_cells(aim.hole - corner, field, _CELL)
    return found[:, :3], found[:, 3]
