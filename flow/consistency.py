"""Which motion vectors can be trusted: the forward-backward test."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from vinpaint.flow.estimate import Flow


def grid(height: int, width: int) -> Flow:
    """Coordinates (x, y) of every pixel, ``(H, W, 2)`` float32."""
    return np.dstack(np.meshgrid(np.arange(width), np.arange(height))).astype(np.float32)


def consistent(forward: Flow, backward: Flow) -> NDArray[np.bool_]:
    """Where following a vector there and back returns to the start; see :func:`returning`.

    Parameters
    ----------
    forward, backward : (H, W, 2) float32
        Flow from the first picture to the second, and from the second to the first.

    Returns
    -------
    (H, W) bool
        On the first picture's pixels; False where the vector leaves the picture.
    """
    return returning(grid(*forward.shape[:2]) + forward, forward, backward)


def returning(target: Flow, forward: Flow, backward: Flow) -> NDArray[np.bool_]:
    """Whether the vectors that lead to some points are undone there.

    The test |w_f + w_b|² < 0.01·(|w_f|² + |w_b|²) + 0.5 of Sundaram, Brox & Keutzer (ECCV 2010).

    Parameters
    ----------
    target : (h, w, 2) float32
        Points of the second picture, (x, y).
    forward : (h, w, 2) float32
        The vectors that lead there.
    backward : (H, W, 2) float32
        Flow from the second picture to the first.

    Returns
    -------
    (h, w) bool
        False where the point lies outside the picture.
    """
    height, width = backward.shape[:2]
    returned = cv2.remap(backward, target, None, cv2.INTER_LINEAR)  # type: ignore[call-overload]
    gap, size = _square(forward + returned), _square(forward) + _square(returned)
    x, y = target[..., 0], target[..., 1]
    inside = (x >= 0) & (y >= 0) & (x <= width - 1) & (y <= height - 1)
    return np.asarray(inside & (gap < 0.01 * size + 0.5))


def _square(vectors: Flow) -> NDArray[np.float32]:
    """Squared lengths."""
    return np.asarray(vectors[..., 0] ** 2 + vectors[..., 1] ** 2, np.float32)
