"""What is left of a mark in the median of the cleaned frames: there gradients cancel, except those of the mark."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import splu

from vinpaint import statistics
from vinpaint.contracts import FloatMap

FLOOR = 0.2
"""Grey levels of median gradient that every scene has."""

EDGE = 10.0
"""Grey levels from which a median gradient is rather an edge of the scene."""

_AROUND = 15  # pixels
_UNITS, _ZERO = 64, 16384  # of the unsigned numbers that medians are taken of


def median_gradient(pictures: FloatMap) -> FloatMap:
    """Median over time of the forward differences of brightness: (2, H, W), grey levels."""
    gray = np.empty(pictures.shape[:3], np.uint16)
    for picture, into in zip(pictures, gray, strict=True):
        into[...] = cv2.cvtColor(np.clip(picture, -250, 750), cv2.COLOR_RGB2GRAY) * _UNITS + _ZERO
    return np.asarray(statistics.gradient_median(gray), np.float32) / np.float32(_UNITS)


def usual_gradient(gradient: FloatMap) -> FloatMap:
    """Deviation (H, W) of the median gradient around every pixel; of the scene, where little of a mark is left."""
    strength = np.sqrt(np.square(gradient).sum(axis=0) / 2)
    return np.asarray(FLOOR + cv2.blur(strength, (_AROUND, _AROUND)), np.float32)


def residue(gradient: FloatMap, certainty: FloatMap, usual: FloatMap) -> FloatMap:
    """How much too bright each pixel is in the median: the smoothest explanation of the gradients that are left.

    Minimises Σ certainty·x² + Σ w·|gradient − ∇x|², where strong gradients weigh less: they are the scene's.

    Parameters
    ----------
    gradient : (2, H, W) float32
        Horizontal and vertical forward differences that should be 0, give or take ``usual``.
    certainty : (H, W) float32
        1 / variance of the pixels as they are; 0 where nothing may change.
    usual : (H, W) float32
        Deviation of the gradient around every pixel.

    Returns
    -------
    (H, W) float32
        Grey levels; 0 where ``certainty`` is.

    References
    ----------
    Dekel, Rubinstein, Liu, Freeman: On the Effectiveness of Visible Watermarks, CVPR 2017.
    """
    free = certainty > 0
    result = np.zeros_like(certainty)
    if not free.any():
        return result
    number = np.full(free.shape, -1)
    number[free] = np.arange(np.count_nonzero(free))
    links = [_links(number, gradient[0], usual, 1), _links(number, gradient[1], usual, 0)]
    near, far, steps, spread = (np.concatenate(parts) for parts in zip(*links, strict=True))
    result[free] = _solve(near, far, steps, certainty[free].astype(np.float64), spread)
    return result


def _links(
    number: NDArray[np.int64], gradient: FloatMap, usual: FloatMap, axis: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Numbers of the two pixels of every difference that touches a free one, the difference, and its deviation."""
    size = number.shape[axis]
    near, far = (np.take(number, np.arange(start, start + size - 1), axis).ravel() for start in (0, 1))
    touching = (near >= 0) | (far >= 0)
    steps, spread = (np.take(each, np.arange(size - 1), axis).ravel()[touching] for each in (gradient, usual))
    return near[touching], far[touching], steps.astype(np.float64), spread.astype(np.float64)


def _solve(
    near: NDArray[np.int64],
    far: NDArray[np.int64],
    steps: NDArray[np.float64],
    certainty: NDArray[np.float64],
    usual: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Two rounds of reweighted least squares."""
    count = certainty.size
    ends = [(near, -1.0), (far, 1.0)]
    rows = np.concatenate([np.flatnonzero(end >= 0) for end, _ in ends])
    columns = np.concatenate([end[end >= 0] for end, _ in ends])
    signs = np.concatenate([np.full(np.count_nonzero(end >= 0), sign) for end, sign in ends])
    differences = sparse.csr_matrix((signs, (rows, columns)), (steps.size, count))
    x = np.zeros(count)
    for _ in range(2):
        left = steps - differences @ x
        weight = 1 / usual**2 / (1 + (left / np.maximum(3 * usual, EDGE)) ** 2)
        weighted = sparse.diags(weight) @ differences
        x = splu((differences.T @ weighted + sparse.diags(certainty)).tocsc()).solve(weighted.T @ steps)
    return np.asarray(x, np.float64)
