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
    """Where following a vector there and back returns to the start.

    The test |w_f + w_b|² < 0.01·(|w_f|² + |w_b|²) + 0.5 of Sundaram, Brox & Keutzer (ECCV 2010).

    Parameters
    ----------
    forward, backward : (H, W, 2) float32
        Flow from the first picture to the second, and from the second to the first.

    Returns
    -------
    (H, W) bool
        On the first picture's pixels; False where the vector leaves the picture.
    """
    height, width = forward.shape[:2]
    target = grid(height, width) + forward
    returned = cv2.remap(backward, target, None, cv2.INTER_LINEAR)  # type: ignore[call-overload]
    gap = np.square(forward + returned).sum(axis=2)
    size = np.square(forward).sum(axis=2) + np.square(returned).sum(axis=2)
    inside = np.all((target >= 0) & (target <= (width - 1, height - 1)), axis=2)
    return np.asarray(inside & (gap < 0.01 * size + 0.5))
