"""Hairs and scratches: thin lines that stand still before a moving scene.

No pixel of a faint scratch stands out, but a stretch of it does: the static gradients of its two sides say the same all
along. A line of the scene can do so, too, where it moves along itself. What tells the two apart is what shines through:
a scratch differs from the scene behind it by less, the more the scene is like it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from vinpaint import statistics
from vinpaint.contracts import FloatMap, Mask
from vinpaint.detect.evidence import integrate
from vinpaint.detect.shapes import direction, drawn

Points = NDArray[np.float64]
"""(K, 2): x, y."""

# In pixels of pictures of about ``maps.ROWS`` rows:
_STRETCH = 24  # of a line that is looked at at once
_PROFILE = np.array([-0.25, -0.25, 0, 1, 0, -0.25, -0.25])  # across, of a line less what is beside it
_AROUND = 48  # that tells what is usual
_SHORTEST, _WIDEST = 30, 8  # line
_FEWEST = 8  # points of a line that tell something, every second pixel
_BESIDE = (-4, -3), (3, 4)  # that tells what is behind it, on either side
_THICKNESS = 3
_BORDER = 4

_TURNS = 18  # directions
_USUAL = 2.5  # times what is usual, as which more counts when that is told
_NOISE = 0.3  # grey levels
_CLEAR, _LINKED = 7.0, 3.5  # times what is usual, that a line stands out with somewhere, and all along
_AT_END = 0.4  # of its usual height, that a line has up to its ends
_FRAMES, _FRAMES_OF_PART = 0.95, 0.6  # share of the frames that show a line, and each part of it
_PARTS = 4
_OTHER_SIDE = 0.3  # of the difference from one side, by which it differs from the other: else it is an edge
_FAINTEST, _LIKE = 0.05, -0.25  # opacity, and correlation with the scene behind
_TINT = -40.0, 295.0  # grey levels that a line may have, with some error


@dataclass(frozen=True, eq=False)
class Line:
    """A hair or a scratch.

    Attributes
    ----------
    mask : (H, W) bool
    confidence : float
        0 to 1.
    """

    mask: Mask
    confidence: float


def find_lines(small: NDArray[np.uint8], shape: tuple[int, int]) -> list[Line]:
    """Find thin lines that stand still before a moving scene.

    Parameters
    ----------
    small : (N, h, w, 3) uint8
        RGB frames from all over a clip in which everything moves, in the size that :func:`vinpaint.detect.maps.sized`
        gives them.
    shape : (int, int)
        Height and width of the frames.

    Returns
    -------
    list of Line

    References
    ----------
    Joyeux, Buisson, Besserer, Boukir: Detection and removal of line scratches in motion picture films, CVPR 1999
    (lines that stand still, told from the scene over time).
    """
    gray = np.stack([cv2.cvtColor(sample, cv2.COLOR_RGB2GRAY) for sample in small])
    height, width = gray.shape[1:]
    if min(height, width) < _STRETCH:
        return []
    gradient, _ = statistics.gradient_median_and_mad(gray)
    relief = integrate(gradient)
    clear = _clearness(relief)
    scale = np.array([shape[1] / width, shape[0] / height])
    lines = []
    for sign in (1, -1):
        for ridge in _ridges(sign * clear):
            points = _trimmed(ridge, sign * relief)
            confidence = _confidence(gray, points, sign) if len(points) >= _FEWEST else 0.0
            if confidence > 0:
                lines.append(Line(drawn((points + 0.5) * scale - 0.5, shape, _THICKNESS * scale.mean()), confidence))
    return lines


def _clearness(relief: FloatMap) -> FloatMap:
    """How far a stretch of a bright (positive) or dark line stands out, in the direction in which it does most."""
    best = np.zeros(relief.shape, np.float32)
    for turn in range(_TURNS):
        height = _height(relief, np.pi * turn / _TURNS)
        clear = height / _usual(height)
        best = np.where(np.abs(clear) > np.abs(best), clear, best)
    inside = np.zeros_like(best)
    inside[_BORDER:-_BORDER, _BORDER:-_BORDER] = best[_BORDER:-_BORDER, _BORDER:-_BORDER]
    return inside


def _height(relief: FloatMap, angle: float) -> FloatMap:
    """By how much stretches of lines of a direction stand out from what is beside them: in a turned picture, a row."""
    height, width = relief.shape
    side = int(np.hypot(height, width)) + 2
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), np.degrees(angle), 1.0)
    turn[:, 2] += (side - width) / 2, (side - height) / 2
    turned = cv2.warpAffine(relief, turn, (side, side), borderMode=cv2.BORDER_REFLECT)
    found = cv2.sepFilter2D(turned, cv2.CV_32F, np.full(_STRETCH + 1, 1 / (_STRETCH + 1)), _PROFILE)
    back = cv2.WARP_INVERSE_MAP | cv2.INTER_LINEAR
    return np.asarray(cv2.warpAffine(found, turn, (width, height), flags=back), np.float32)


def _usual(height: FloatMap) -> FloatMap:
    """Root mean square of what is around, without what stands out."""
    small = cv2.resize(np.abs(height), None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    side = (_AROUND // 4 + 1,) * 2
    usual = np.full_like(small, np.inf)
    for _ in range(3):
        usual = np.sqrt(cv2.blur(np.minimum(small, _USUAL * usual) ** 2, side)) + np.float32(_NOISE)
    return np.asarray(cv2.resize(usual, height.shape[::-1], interpolation=cv2.INTER_LINEAR), np.float32)


def _ridges(clear: FloatMap) -> Iterator[Points]:
    """The middles of long, narrow parts that stand out, every second pixel."""
    labels, count = ndimage.label(clear > _LINKED, np.ones((3, 3)))
    if not count:
        return
    peaks = ndimage.maximum(clear, labels, np.arange(1, count + 1))
    for number, box in enumerate(ndimage.find_objects(labels), 1):
        if peaks[number - 1] < _CLEAR:
            continue
        y, x = np.nonzero(labels[box] == number)
        points = np.column_stack([x + box[1].start, y + box[0].start]).astype(np.float64)
        along = (points - points.mean(axis=0)) @ direction(points)
        length = float(np.ptp(along)) + 1
        if length >= _SHORTEST and len(points) <= _WIDEST * length:
            yield _middle(points, along, clear[box][y, x])


def _middle(points: Points, along: Points, clear: FloatMap) -> Points:
    """The clearest point of every step, smoothed."""
    step = np.round((along - along.min()) / 2).astype(int)
    order = np.lexsort((-clear, step))
    best = order[np.unique(step[order], return_index=True)[1]]
    return np.asarray(ndimage.uniform_filter1d(points[best], 5, axis=0, mode="nearest"))


def _trimmed(points: Points, relief: FloatMap) -> Points:
    """Without the ends that only a part of the stretch there belongs to."""
    height = ndimage.median_filter(_apart(relief[None], points)[0].mean(axis=0)[0], 5, mode="nearest")
    shown = np.flatnonzero(height > _AT_END * np.median(height))
    return points[shown[0] : shown[-1] + 1] if len(shown) else points[:0]


def _apart(pictures: NDArray[Any], points: Points) -> tuple[FloatMap, FloatMap]:
    """How far pictures (N, H, W) differ at points from what is on either side, and what that is: (2, N, K) each."""
    across = np.array([-1.0, 1.0]) * direction(points)[::-1]
    beside = [np.mean([_levels(pictures, points + offset * across) for offset in side], axis=0) for side in _BESIDE]
    return _levels(pictures, points) - np.stack(beside), np.stack(beside)


def _confidence(gray: NDArray[np.uint8], points: Points, sign: int) -> float:
    """How sure it is that a line hides the scene; 0 unless all frames show all of it, with the scene behind.

    A veil of opacity a and level c differs from the scene s beside it by a (c - s).
    """
    sides, scenes = _apart(gray, points)
    apart, beside = sides.mean(axis=0), scenes.mean(axis=0)
    heights = sign * np.median(sides.mean(axis=2), axis=1)
    if heights.min() < _OTHER_SIDE * heights.max():
        return 0.0
    shown = (sign * apart.mean(axis=1) > 0).mean()
    parts = [(sign * part.mean(axis=1) > 0).mean() for part in np.array_split(apart, _PARTS, axis=1)]
    if shown < _FRAMES or min(parts) < _FRAMES_OF_PART:
        return 0.0
    difference, scene = apart.mean(axis=1), beside.mean(axis=1)
    (_, both), (_, own) = np.cov(difference, scene)
    opacity, correlation = -both / max(own, 1e-6), both / max(float(difference.std() * scene.std()), 1e-6)
    if opacity < _FAINTEST or correlation > _LIKE:
        return 0.0
    tint = scene.mean() + difference.mean() / opacity
    return min(1.0, 0.5 - correlation / 2) if _TINT[0] <= tint <= _TINT[1] else 0.0


def _levels(pictures: NDArray[Any], points: Points) -> FloatMap:
    """Levels (N, K) of all pictures at the nearest pixels of points."""
    x, y = np.rint(points).astype(int).T
    inside = y.clip(0, pictures.shape[1] - 1), x.clip(0, pictures.shape[2] - 1)
    return np.asarray(pictures[(slice(None), *inside)], np.float32)
