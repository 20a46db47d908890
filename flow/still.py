"""What a resting camera saw of a hole: the same pixel of other pictures, under the same light."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vinpaint.flow.kernels import recall
from vinpaint.flow.propagate import Bool, Candidate, Picture, unit_of

F32 = NDArray[np.float32]

_DISTANCES = (1, 2, 4, 7, 11, 16, 22, 30, 40)  # frames to those that are looked at
_MOST = 15  # values a pixel that are enough
_FADING = 15.0  # frames; a picture this far away counts e times less …
_LEAST = 0.01  # … but at least that much
_STRIDE = 5  # pixels; every fifth of a row and of a column shows the light
_DARK = 16  # grey levels; ratios of less are mostly rounding
_BRIGHT = 0.98  # of the range; more may be clipped
_FEWEST = 50  # pixels that tell the light
_NOISE = 2.0  # squared grey levels
_BLOCK = 1 << 14  # points at a time: their values in all pictures are held


def remembered(pic: Picture, points: NDArray[np.int32], others: Sequence[Picture], ages: Sequence[int]) -> Candidate:
    """The usual value of pixels over time, as a resting camera sees them.

    A weighted median of the nearest pictures that see a pixel, recent ones first, each brought to the light of the
    picture (the median ratio of what both show). Whoever stands behind the hole for a while is outvoted.

    Parameters
    ----------
    pic : Picture
    points : (N, 2) int32
        Pixels (x, y) of its hole.
    others : sequence of Picture
        Seen by the camera in the same position.
    ages : sequence of int
        Frames between each and the picture.

    Returns
    -------
    Candidate
        The variance is that of the values around their median.
    """
    colours, variance = np.zeros((len(points), 3), np.float32), np.full(len(points), np.inf, np.float32)
    order = np.argsort(ages, kind="stable")
    regular = np.isin(np.asarray(ages)[order], _DISTANCES)
    for chosen in (order[regular], order[~regular]):  # others only for what none of those sees
        missing = np.isinf(variance)
        if missing.any() and chosen.size:
            nearest = [others[i] for i in chosen], np.asarray(ages)[chosen]
            colours[missing], variance[missing] = _medians(pic, points[missing], *nearest)
    return Candidate(colours, variance)


def _medians(
    pic: Picture, points: NDArray[np.int32], others: Sequence[Picture], ages: NDArray[np.int64]
) -> tuple[F32, F32]:
    """Medians over time, and their variances; infinite where no picture shows a point."""
    x, y = points.T
    shown = [n for n, other in enumerate(others) if not other.hidden[y, x].all()]
    usable = [(others[n].image, others[n].hidden, _light(pic, others[n])) for n in shown]
    weights = (np.exp(-ages[shown] / _FADING) + _LEAST).astype(np.float32)
    colours, variance = np.empty((len(points), 3), np.float32), np.empty(len(points), np.float32)
    for start in range(0, len(points), _BLOCK):
        block = slice(start, start + _BLOCK)
        at = y[block], x[block]
        values = np.empty((len(usable), len(at[0]), 3), np.float32)
        seen = np.empty(values.shape[:2], np.bool_)
        for n, (image, hidden, light) in enumerate(usable):
            values[n], seen[n] = image[at] * light, ~hidden[at]
        colours[block], variance[block] = recall(values, seen, weights, _MOST)
    return colours, variance + np.float32(_NOISE * unit_of(pic.image) ** 2)


def _light(pic: Picture, other: Picture) -> F32:
    """How much brighter the picture is than the other, (3,)."""
    part = np.s_[::_STRIDE, ::_STRIDE]
    shown: Bool = ~(pic.hidden[part] | other.hidden[part])
    here, there = (each.image[part][shown].astype(np.float32) for each in (pic, other))
    dark, bright = _DARK * unit_of(pic.image), _BRIGHT * np.iinfo(pic.image.dtype).max
    told = (np.minimum(here, there).min(axis=1) > dark) & (np.maximum(here, there).max(axis=1) < bright)
    if np.count_nonzero(told) < _FEWEST:
        return np.ones(3, np.float32)
    return np.asarray(np.median(here[told] / there[told], axis=0), np.float32)
