"""Round shapes: what is known of dirt before it is measured.

Dirt out of focus is a disc or nearly so, clearer and clearer towards its rim. A measured opacity that differs from the
round shape nearest to it by no more than its errors says nothing against that shape; one that differs by more is
believed as far as it does.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from vinpaint.contracts import FloatMap

F64 = NDArray[np.float64]

_STEP = 2.0  # pixels between the radii of a profile
_MARGIN = 0.25  # of its extent: how far around a shape its profile is taken
_FLANK = 0.15, 0.6  # of the peak; between these a profile is taken to be straight
_VISIBLE = 0.01  # opacity of what belongs to a shape
_TOP = 0.5  # of the peak; the centre is that of what is above
_LEAST_ERROR = 0.01  # of an opacity


def rounded(alpha: FloatMap, error: FloatMap) -> FloatMap:
    """An opacity drawn towards the round shape nearest to it, as far as its errors allow for that.

    Parameters
    ----------
    alpha : (H, W) float32
        Opacity of one blemish, 0 to 1; 0 around it.
    error : (H, W) float32
        Its standard error.

    Returns
    -------
    (H, W) float32
        The most likely opacity.
    """
    if not (alpha > _VISIBLE).any():
        return alpha
    shape = round_shape(alpha)
    place = (alpha > _VISIBLE) | (shape > _VISIBLE)
    variance = np.maximum(error, np.float32(_LEAST_ERROR)) ** 2
    excess = max(float(((alpha - shape) ** 2 / variance)[place].mean()) - 1, 0.0)
    freedom = excess / float((1 / variance)[place].mean())  # variance of true deviations from the round shape
    share = freedom / (freedom + variance)
    return np.asarray(shape + share * (alpha - shape), np.float32)


def round_shape(alpha: FloatMap) -> FloatMap:
    """The round shape nearest to an opacity: one that falls, or stays, from its centre outwards.

    Parameters
    ----------
    alpha : (H, W) float32
        0 to 1; not 0 everywhere.

    Returns
    -------
    (H, W) float32
    """
    top = np.maximum(alpha - _TOP * alpha.max(), 0)
    rows, columns = np.indices(alpha.shape, dtype=np.float32)
    y, x = ((top * place).sum() / top.sum() for place in (rows, columns))
    _, _, width, height = cv2.boundingRect((alpha > _VISIBLE).astype(np.uint8))
    count = int((0.5 + _MARGIN) * max(width, height) / _STEP) + 2
    distance = np.hypot(rows - y, columns - x) / _STEP
    ring = np.minimum(distance.astype(np.int64), count - 1)
    beyond = np.minimum(distance - ring, 1)
    total, area = np.zeros(count + 1), np.zeros(count + 1)
    for index, share in ((ring, 1 - beyond), (ring + 1, beyond)):
        total += np.bincount(index.ravel(), (share * alpha).ravel(), count + 1)
        area += np.bincount(index.ravel(), share.ravel(), count + 1)
    profile = _ended(_falling(total / np.maximum(area, 1e-12), area))
    return np.asarray(profile[ring] + beyond * (profile[ring + 1] - profile[ring]), np.float32)


def _ended(profile: F64) -> F64:
    """A profile that ends where its flank leads to: fainter skirts are what is left of the scene."""
    low, high = (share * profile[0] for share in _FLANK)
    flank = np.flatnonzero((profile > low) & (profile < high))
    if len(flank) < 2:
        return profile
    slope, start = np.polyfit(flank, profile[flank], 1)
    return np.asarray(np.minimum(profile, np.maximum(start + slope * np.arange(len(profile)), 0)), np.float64)


def _falling(values: F64, weight: F64) -> F64:
    """The sequence nearest to some values that never rises."""
    return np.asarray(isotonic_regression(values, weights=np.maximum(weight, 1e-12), increasing=False).x, np.float64)
