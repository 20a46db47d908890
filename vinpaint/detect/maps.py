"""What a network sees of sampled frames: statistics over time, pixel by pixel, of pictures of one size."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vinpaint import statistics
from vinpaint.contracts import FloatMap
from vinpaint.detect.evidence import FINE, LIVELY, activity, integrate, shares_of, significance_by_channel

ROWS = 240
"""Rows, about, of the pictures that are described: strokes and blocks have one size in them."""

MOST = 3
"""Times that small pictures are enlarged at most."""

CHANNELS = 36

_BLOCK = 2  # pixels: fine maps are given for each pixel of a block, smooth ones for the block
_QUANTILES = (0.1, 0.3, 0.7)
_SMOOTH = 40.0  # pixels; a relief wider than that is the scene's


def sized(samples: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Samples (N, H, W, 3) with about :data:`ROWS` rows, and even sides: marks have strokes of a usual size."""
    shape = np.array(samples.shape[1:3])
    scale = ROWS / shape.min()
    scale = min(MOST, int(scale)) if scale >= 1 else 1 / round(1 / scale)
    height, width = (2 * np.rint(scale * shape / 2).astype(int)).tolist()
    if (height, width) == samples.shape[1:3]:
        return samples
    kernel = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.stack([cv2.resize(sample, (width, height), interpolation=kernel) for sample in samples])


def describe(samples: NDArray[np.uint8], shots: NDArray[Any] | None = None) -> FloatMap:
    """Maps from which a mark or a stain can be told from the scene.

    Parameters
    ----------
    samples : (N, H, W, 3) uint8
        RGB; H and W even, about :data:`ROWS` rows.
    shots : (N,) int, optional
        Shot number of every sample.

    Returns
    -------
    (CHANNELS, H / 2, W / 2) float32
        About -3 to 3 each. First, for each pixel of a block of 2 x 2: the signed significance of the static gradient
        across and down, of three channels each, and its strength. Then of the block: how steady it is (three
        quantiles), deviation, range, deviation of detail, relief, and the share of the picture that moves.
    """
    gray = np.stack([cv2.cvtColor(sample, cv2.COLOR_RGB2GRAY) for sample in samples])
    halves = statistics.block_means(gray, _BLOCK, gain=FINE)
    gradient, spread = statistics.gradient_median_and_mad(samples)
    strength = np.abs(gradient).max(axis=(0, 3))
    fine = np.concatenate([*np.moveaxis(significance_by_channel(gradient, spread), 3, 1), strength[None]])
    soft = statistics.gradient_median_and_mad(halves)[0] / np.float32(FINE)
    relief = integrate(soft)
    deviation = statistics.mean_and_deviation(gray)[1]
    shape = halves.shape[1:]
    smooth = [
        *shares_of(samples, gradient, _BLOCK, shots, _QUANTILES).clip(-1, 2),
        np.log1p(_blocks(deviation).mean(axis=0)) - 2,
        np.log1p(activity(halves, _BLOCK)) - 2,
        np.log1p(np.hypot(*statistics.gradient_deviation(halves)) / np.float32(FINE)) - 1,
        ((relief - cv2.GaussianBlur(relief, (0, 0), _SMOOTH / _BLOCK)) / 10).clip(-3, 3),
        np.full(shape, 2 * float((deviation >= LIVELY).mean()) - 1),
    ]
    sharp = np.sign(fine) * np.log1p(np.abs(fine))
    return np.concatenate([*(_blocks(each) for each in sharp), np.stack(smooth)]).astype(np.float32)


def _blocks(image: FloatMap) -> FloatMap:
    """The four pixels of every block, as maps: (4, H / 2, W / 2)."""
    return np.stack([image[row::_BLOCK, column::_BLOCK] for row in range(_BLOCK) for column in range(_BLOCK)])
