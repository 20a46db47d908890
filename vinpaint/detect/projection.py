"""Each frame's gradient, projected on the one that stands still: how much of a suspected blemish is in every frame."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from vinpaint.contracts import FloatMap

WINDOW = 3
"""Blocks over which a projection is averaged."""

FAINT = 6.0
"""Squared grey levels, per pixel, below which a gradient says nothing."""


def project(samples: NDArray[np.uint8], gradient: FloatMap, size: int) -> FloatMap:
    """The share of a static gradient that every frame shows, in windows of a few blocks.

    A blemish keeps its gradient in all frames; an edge of the scene loses it whenever something passes in front of
    it or the camera turns, a gradient that is there by chance has it in some frames only.

    Parameters
    ----------
    samples : (N, H, W, 3) uint8
    gradient : (2, H, W, 3) float32
        Horizontal and vertical forward differences, grey levels.
    size : int
        Side of the blocks, pixels.

    Returns
    -------
    (N, ceil(H / size), ceil(W / size)) float32
        About 1 where a frame has the gradient in full, 0 where it has none or there is none to have.
    """
    count, height, width, _ = samples.shape
    shares = np.zeros((count, -(-height // size), -(-width // size)), np.float32)
    energy = np.zeros(shares.shape[1:], np.float32)
    _project(samples, np.ascontiguousarray(gradient), size, shares, energy)
    energy = cv2.blur(energy, (WINDOW, WINDOW)) + np.float32(FAINT * size**2)
    for share in shares:
        share[...] = cv2.blur(share, (WINDOW, WINDOW)) / energy
    return shares


@njit(cache=True, nogil=True, parallel=True)
def _project(samples: NDArray[np.uint8], gradient: FloatMap, size: int, shares: FloatMap, energy: FloatMap) -> Any:
    """Sums over blocks of the products of the frames' gradients with the given one, and of its squares."""
    count, height, width, channels = samples.shape
    rows, columns = energy.shape
    for row in prange(rows):
        bottom = min((row + 1) * size, height - 1)
        for column in range(columns):
            right = min((column + 1) * size, width - 1)
            for y in range(row * size, bottom):
                for x in range(column * size, right):
                    for c in range(channels):
                        energy[row, column] += gradient[0, y, x, c] ** 2 + gradient[1, y, x, c] ** 2
        for t in range(count):
            for column in range(columns):
                right = min((column + 1) * size, width - 1)
                total = np.float32(0)
                for y in range(row * size, bottom):
                    for x in range(column * size, right):
                        for c in range(channels):
                            here = np.int32(samples[t, y, x, c])
                            total += (np.int32(samples[t, y, x + 1, c]) - here) * gradient[0, y, x, c]
                            total += (np.int32(samples[t, y + 1, x, c]) - here) * gradient[1, y, x, c]
                shares[t, row, column] = total
