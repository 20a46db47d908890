"""Lines that go on: a scratch that was found before a dark scene is followed to where it hardly shows.

Along a line the static gradients of many pixels say the same, so a stretch of it stands out where no pixel does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vinpaint.contracts import FloatMap, Mask
from vinpaint.detect.evidence import integrate
from vinpaint.detect.shapes import direction, drawn, grouped

Vector = NDArray[np.float64]
"""(2,): x, y."""

# In thicknesses of lettering, see ``regions.unit_of``:
_SHORTEST, _WIDEST = 6.0, 3.5  # of a line
_STRETCH = 6.0  # of a line that is looked at at once
_STEP = 4.0  # ahead, if it is there
_ASIDE = 10.0  # on either side, which tells what is usual

_MOSTLY = 0.6  # of a mark is lines, if these are followed
_TURNS = np.radians(np.arange(-9, 10, 3))  # that a line may take in a step
_BEND = 0.5  # cosine of the turn that it may take in all: a ring has no end
_CLEAR = 4.0  # deviations of what is usual aside, by which a line stands out
_FAINTEST, _LEVELS = 0.1, 1.0  # share of the height of what was found, and grey levels, by which it does so at least
_NOISE = 0.2  # grey levels by which means over a stretch vary at least
_GAPS = 2  # steps in which a line may be out of sight


@dataclass(frozen=True, eq=False)
class _End:
    """Where a line ends, and the direction in which it would go on, of length 1."""

    place: Vector
    way: Vector
    width: float


def follow(masks: Sequence[Mask], gradient: FloatMap, inside: Mask, unit: int) -> list[Mask]:
    """Where the lines of marks go on.

    Parameters
    ----------
    masks : sequence of (H, W) bool
        The marks; one that is not mostly lines is left alone.
    gradient : (2, H, W, 3) float32
        Static gradient, grey levels: horizontal, then vertical forward differences.
    inside : (H, W) bool
        Where the picture is.
    unit : int
        Thickness of lettering, pixels.

    Returns
    -------
    list of (H, W) bool
        What is to be added to each mark.
    """
    ends = [_ends(mask, unit) for mask in masks]
    if not any(ends):
        return [np.zeros_like(mask) for mask in masks]
    relief = np.dstack([integrate(gradient[..., c]) for c in range(3)])
    return [_drawn_on(mask, relief, inside, its, unit) for mask, its in zip(masks, ends, strict=True)]


def _drawn_on(mask: Mask, relief: FloatMap, inside: Mask, ends: Sequence[_End], unit: int) -> Mask:
    """Where the lines of one mark go on from their ends."""
    added = np.zeros_like(mask)
    for end in ends:
        track = [end.place, *_track(relief, inside, end, unit)]
        if len(track) > 1:
            added |= drawn(np.array(track), mask.shape, end.width)
    return added & inside & ~mask


def _ends(mask: Mask, unit: int) -> list[_End]:
    """The ends of the parts of a mask that are lines, if it is mostly these."""
    ends: list[_End] = []
    area = 0
    for part in grouped(mask, 0):
        y, x = np.nonzero(part)
        points = np.column_stack([x, y]).astype(np.float64)
        along = (points - points.mean(axis=0)) @ direction(points)
        length = float(np.ptp(along)) + 1
        width = len(points) / length
        if length < _SHORTEST * unit or width > min(_WIDEST * unit, length / 3):
            continue
        for sign in (-1, 1):
            near = points[sign * along > (sign * along).max() - min(_STRETCH * unit, length / 2)]
            way, middle = direction(near), near.mean(axis=0)
            way *= 1 if way @ (middle - points.mean(axis=0)) >= 0 else -1
            ends.append(_End(middle + way * float(((near - middle) @ way).max()), way, width))
        area += len(points)
    return ends if area > _MOSTLY * np.count_nonzero(mask) else []


def _track(relief: FloatMap, inside: Mask, end: _End, unit: int) -> Iterator[Vector]:
    """Places through which a line goes on from its end."""
    found = _height(_profile(relief, end.place - _STRETCH * unit * end.way, end.way, unit), end.width, unit)[0]
    strength = float(np.linalg.norm(found))
    least = max(_FAINTEST * strength, _LEVELS)
    tint = (found / max(strength, 1e-6)).astype(np.float32)
    place, way, missed = end.place, end.way, 0
    while missed <= _GAPS and way @ end.way > _BEND and _holds(inside, place + _STEP * unit * way):
        ahead = [_turned(way, turn) for turn in _TURNS]
        start = place + missed * _STEP * unit * way
        seen = [_height(_profile(relief, start, each, unit) @ tint, end.width, unit) for each in ahead]
        clear = np.array([float(height / usual) if height > least else 0.0 for height, usual in seen])
        if clear.max() < _CLEAR:
            missed += 1
            continue
        way = ahead[int(clear.argmax())]
        place, missed = start + _STEP * unit * way, 0
        yield place


def _profile(relief: FloatMap, start: Vector, way: Vector, unit: int) -> FloatMap:
    """A stretch of the relief, turned: (2 N + 1, T, C), the line itself in the middle row."""
    aside = np.arange(-round(_ASIDE * unit), round(_ASIDE * unit) + 1)
    t = np.arange(0, _STRETCH * unit)
    x, y = (start[k] + t * way[k] + aside[:, None] * (way[1], -way[0])[k] for k in (0, 1))
    places = np.dstack([x, y]).astype(np.float32)
    turned = cv2.remap(  # type: ignore[call-overload]
        relief, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(turned, np.float32)


def _height(profile: FloatMap, width: float, unit: int) -> tuple[NDArray[np.float32], np.float32]:
    """How far the middle of a profile stands out from what is beside it, and what is usual for places aside."""
    half = max(0, round((width - unit - 1) / 2))  # outlines are wider than lines
    beside = half + 1 + (unit + 1) // 2
    kernel = np.zeros(2 * (beside + unit) + 1, np.float32)
    kernel[: unit + 1] = kernel[-unit - 1 :] = -0.5 / (unit + 1)
    middle = len(kernel) // 2
    kernel[middle - half : middle + half + 1] = 1 / (2 * half + 1)
    windows = np.lib.stride_tricks.sliding_window_view(profile, len(kernel), axis=0)
    heights = np.median(windows @ kernel, axis=1)
    centre = len(heights) // 2
    aside = np.abs(np.arange(len(heights)) - centre) > width + unit
    usual = 1.4826 * np.median(np.abs(heights[aside]), axis=0) + np.float32(_NOISE)
    return heights[centre], usual


def _turned(way: Vector, angle: float) -> Vector:
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array([cosine * way[0] - sine * way[1], sine * way[0] + cosine * way[1]])


def _holds(inside: Mask, place: Vector) -> bool:
    x, y = np.rint(place).astype(int)
    return bool(0 <= y < inside.shape[0] and 0 <= x < inside.shape[1] and inside[y, x])
