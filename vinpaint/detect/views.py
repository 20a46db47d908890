"""What lies behind a static mark: the same points of the scene in frames where motion has carried them elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from vinpaint.contracts import FloatMap

GAPS = (1, 3, 8, 16)
"""Frames, about, between a frame and those that it is compared with: fast and slow motion both show something."""

LARGEST_GAP = 20

PAIRS = 200
"""Pairs of frames, at most; more say little more."""

LEAST_MOTION = 2.0
"""Pixels; a point that moved less is behind the same part of the mark."""

FEWEST = 6
"""Views of a pixel below which nothing is said about it."""

_FINE_BELOW = 40_000  # pixels of a picture up to which flow is worth twice the resolution
_STEPS = 32  # fractions of a pixel that positions are stored in
_NOWHERE = -1
_ROUNDS = 3  # of reweighting


@dataclass(frozen=True, eq=False)
class Views:
    """Where points are seen in other frames.

    Attributes
    ----------
    here, there : (V,) int64
        Samples of each view: the one with the points, ascending, and the one that they are found in.
    places : (V, P, 2) int32
        (x, y) in 1/32 pixel; negative where a point is not found.
    """

    here: NDArray[np.int64]
    there: NDArray[np.int64]
    places: NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Moments:
    """What P pixels show (observed) against what views promise (scene), over time; grey levels.

    Attributes
    ----------
    count : (P,) float32
        Frames that count, about; 0 where nothing is known.
    observed, scene : (P, 3) float32
        Means.
    covariance, scene_variance, observed_variance : (P,) float32
        Summed over the channels.
    residual : (P,) float32
        Variance of a channel that the scene does not explain.
    doubt : (P,) float32
        Variance of the error that the views have in common.
    """

    count: FloatMap
    observed: FloatMap
    scene: FloatMap
    covariance: FloatMap
    scene_variance: FloatMap
    observed_variance: FloatMap
    residual: FloatMap
    doubt: FloatMap


def near_pairs(numbers: NDArray[Any], shots: NDArray[Any] | None = None) -> list[tuple[int, int]]:
    """Pairs of samples of one shot that are :data:`GAPS` frames apart, about; the first is the earlier one.

    Parameters
    ----------
    numbers : (N,) int
        Frame numbers, rising.
    shots : (N,) int, optional
    """
    numbers = np.asarray(numbers)
    shots = np.zeros_like(numbers) if shots is None else np.asarray(shots)
    pairs = set()
    for first, (number, shot) in enumerate(zip(numbers, shots, strict=True)):
        later = np.flatnonzero((numbers > number) & (numbers <= number + LARGEST_GAP) & (shots == shot))
        if later.size:
            pairs |= {(first, int(later[np.abs(numbers[later] - number - gap).argmin()])) for gap in GAPS}
    ordered = sorted(pairs)
    chosen = np.unique(np.linspace(0, len(ordered) - 1, min(len(ordered), PAIRS)).round().astype(int))
    return [ordered[k] for k in chosen]


def find_views(
    pictures: Sequence[NDArray[np.uint8]],
    pairs: Sequence[tuple[int, int]],
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
) -> Views:
    """Follow points from frame to frame by dense flow, tested forwards and backwards.

    Parameters
    ----------
    pictures : sequence of (H, W) uint8
        Grey frames without the mark, or with as little of it as possible: it would hold the flow back.
    pairs : sequence of (int, int)
        Frames to compare, both ways.
    rows, columns : (P,) int
        The points.
    """
    engine = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    engine.setFinestScale(1 if pictures[0].size < _FINE_BELOW else 2)
    places = np.empty((2 * len(pairs), rows.size, 2), np.int32)
    ends = np.array([end for i, j in pairs for end in ((i, j), (j, i))], np.int64).reshape(-1, 2)
    for k, (i, j) in enumerate(pairs):
        forward = engine.calc(pictures[i], pictures[j], None).copy()  # type: ignore[call-overload]
        backward = engine.calc(pictures[j], pictures[i], None).copy()  # type: ignore[call-overload]
        follow(forward, backward, rows, columns, places[2 * k])
        follow(backward, forward, rows, columns, places[2 * k + 1])
    order = np.argsort(ends[:, 0], kind="stable")
    return Views(ends[order, 0], ends[order, 1], places[order])


@njit(cache=True, nogil=True)
def follow(
    forward: FloatMap,
    backward: FloatMap,
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
    places: NDArray[np.int32],
) -> None:
    """Where points go, in 1/32 pixel, if the flow leads back (Sundaram, Brox & Keutzer 2010) and they move.

    Parameters
    ----------
    forward, backward : (H, W, 2) float32
    rows, columns : (P,) int
    places : (P, 2) int32
        Becomes the result; -1 where there is none.
    """
    height, width, _ = forward.shape
    for n in range(rows.size):
        places[n, 0] = places[n, 1] = _NOWHERE
        u, v = forward[rows[n], columns[n], 0], forward[rows[n], columns[n], 1]
        x, y = columns[n] + u, rows[n] + v
        if u * u + v * v < LEAST_MOTION**2 or not (1 <= x < width - 2 and 1 <= y < height - 2):
            continue
        i, j = int(x), int(y)
        a, b = x - i, y - j
        gap = np.float32(0)
        size = u * u + v * v
        for c in range(2):
            top = (1 - a) * backward[j, i, c] + a * backward[j, i + 1, c]
            low = (1 - a) * backward[j + 1, i, c] + a * backward[j + 1, i + 1, c]
            back = (1 - b) * top + b * low
            gap += ((u if c == 0 else v) + back) ** 2
            size += back * back
        if gap < 0.01 * size + 0.5:
            # beyond the next pixel the interpolation needs another: rounding must not reach the one before the last
            places[n, 0] = min(round(x * _STEPS), (width - 2) * _STEPS - 1)
            places[n, 1] = min(round(y * _STEPS), (height - 2) * _STEPS - 1)


def compare(views: Views, pictures: FloatMap, trust: FloatMap, doubt: FloatMap, observed: NDArray[np.uint8]) -> Moments:
    """Moments over time of what points show and what the views of them show, robustly.

    Parameters
    ----------
    views : Views
    pictures : (N, H, W, 3) float32
        Frames as the scene is believed to be, grey levels.
    trust : (H, W) float32
        Weight of a place, 0 to 1.
    doubt : (H, W) float32
        Variance of a place's error that is the same in all frames.
    observed : (N, P, 3) uint8
        What the points show.
    """
    table = np.zeros((observed.shape[1], 12), np.float32)
    collect(pictures, trust, doubt, views.places, views.here, views.there, observed, table)
    return Moments(table[:, 0], table[:, 1:4], table[:, 4:7], *(table[:, k] for k in range(7, 12)))


@njit(cache=True, nogil=True)
def cubic(t: np.float32, weights: FloatMap) -> None:
    """The four weights of a Catmull-Rom interpolation at a fraction of the way."""
    weights[0] = ((-0.5 * t + 1) * t - 0.5) * t
    weights[1] = (1.5 * t - 2.5) * t * t + 1
    weights[2] = ((-1.5 * t + 2) * t + 0.5) * t
    weights[3] = (0.5 * t - 0.5) * t * t


@njit(cache=True, nogil=True)
def collect(
    pictures: FloatMap,
    trust: FloatMap,
    doubt: FloatMap,
    places: NDArray[np.int32],
    here: NDArray[np.int64],
    there: NDArray[np.int64],
    observed: NDArray[np.uint8],
    table: FloatMap,
) -> None:
    """Fill the table of moments of :func:`compare`, point by point: sample the views, then summarise them."""
    count, points, _ = places.shape
    pairs = np.empty((count, 6), np.float32)
    weight, shared = np.empty(count, np.float32), np.empty(count, np.float32)
    frame = np.empty(count, np.int64)
    across, down = np.empty(4, np.float32), np.empty(4, np.float32)
    for p in range(points):
        found = 0
        for v in range(count):
            if places[v, p, 0] < 0:
                continue
            x, y = np.float32(places[v, p, 0] / _STEPS), np.float32(places[v, p, 1] / _STEPS)
            i, j = int(x), int(y)
            weight[found] = min(min(trust[j, i], trust[j, i + 1]), min(trust[j + 1, i], trust[j + 1, i + 1]))
            if weight[found] <= 0:
                continue
            shared[found] = max(max(doubt[j, i], doubt[j, i + 1]), max(doubt[j + 1, i], doubt[j + 1, i + 1]))
            cubic(x - i, across)
            cubic(y - j, down)
            for c in range(3):
                value = np.float32(0)
                for b in range(4):
                    for a in range(4):
                        value += down[b] * across[a] * pictures[there[v], j - 1 + b, i - 1 + a, c]
                pairs[found, c], pairs[found, 3 + c] = observed[here[v], p, c], value
            frame[found] = here[v]
            found += 1
        if found >= FEWEST:
            summarise(pairs[:found], weight[:found], shared[:found], frame[:found], table[p])


@njit(cache=True, nogil=True)
def summarise(pairs: FloatMap, prior: FloatMap, shared: FloatMap, frame: NDArray[np.int64], result: FloatMap) -> None:
    """Moments of pairs (observed, scene) with Cauchy weights on the distance from the line through them.

    The line is the symmetric one (its slope is the ratio of the deviations): both sides carry the same errors, and a
    least-squares slope would be diluted by those of the scene.
    """
    weight = prior.copy()
    mean = np.zeros(6)
    slope, scale = 1.0, 500.0
    for _ in range(_ROUNDS):
        for n in range(len(pairs)):
            gap = 0.0
            for c in range(3):
                gap += (pairs[n, c] - mean[c] - slope * (pairs[n, 3 + c] - mean[3 + c])) ** 2
            weight[n] = prior[n] / (1 + gap / (6 * scale + 3))
        total = weight.sum()
        for c in range(6):
            mean[c] = (weight * pairs[:, c]).sum() / total
        both = theirs = ours = 0.0
        for c in range(3):
            x, y = pairs[:, c] - mean[c], pairs[:, 3 + c] - mean[3 + c]
            both += (weight * x * y).sum() / total
            ours += (weight * x * x).sum() / total
            theirs += (weight * y * y).sum() / total
        slope = min(np.sqrt(ours / max(theirs, 1.0)), 1.2) if both > 0 else 0.0
        scale = max((ours - 2 * slope * both + slope * slope * theirs) / 3, 0.0)
    result[1:7] = mean.astype(np.float32)
    result[7], result[8], result[9], result[10] = both, theirs, ours, scale
    result[11] = (weight * shared).sum() / total
    result[0] = effective(weight, frame)


@njit(cache=True, nogil=True)
def effective(weight: FloatMap, frame: NDArray[np.int64]) -> float:
    """How many frames count: (Σw)²/Σw² of the frames' summed weights; equal frames lie side by side."""
    total, squares, part = 0.0, 0.0, 0.0
    for n in range(len(frame)):
        part += weight[n]
        if n + 1 == len(frame) or frame[n + 1] != frame[n]:
            total += part
            squares += part * part
            part = 0.0
    return total * total / max(squares, 1e-12)
