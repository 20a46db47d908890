"""What the statistics over time say about a static blemish, pixel by pixel.

In front of a moving scene the gradients of the scene cancel in the median over time and those of the blemish stay
(Dekel et al., CVPR 2017); integrating them gives the blemish without the scene. How much a pixel's gradient varies
says how surprising a remaining one is, and how lively the scene around it is: without movement there is no evidence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import fft

from vinpaint import statistics
from vinpaint.contracts import FloatMap

SCALES = (1, 2)
"""Sides of the blocks that gradients are taken between: thin lettering needs the finest, soft stains the coarsest."""

FINE = 64
"""Units per grey level of averaged brightness."""

GRADIENT_NOISE = 1.0
"""Grey levels of a static gradient that quantisation and compression explain."""

LIVELY = 4.0
"""Deviation over time, in grey levels, from which a pixel counts as moving."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """Maps over the frame.

    Attributes
    ----------
    score : (H, W) float32
        Static gradient in multiples of what the scene leaves by chance; the largest of the scales.
    relief : (H, W) float32
        Integrated static gradient in grey levels: the blemish over a smooth ground.
    deviation : (H, W) float32
        Standard deviation of brightness over time, grey levels.
    detail : (H, W) float32
        Deviation over time of the brightness gradient, grey levels.
    """

    score: FloatMap
    relief: FloatMap
    deviation: FloatMap
    detail: FloatMap

    @property
    def lively(self) -> NDArray[np.bool_]:
        """(H, W): where the picture changes over time."""
        return self.deviation >= LIVELY


def gather(samples: NDArray[np.uint8], shots: NDArray[Any] | None = None) -> Evidence:
    """Collect the evidence of sampled frames.

    Parameters
    ----------
    samples : (N, H, W, 3) uint8
        RGB.
    shots : (N,) int, optional
        Shot number of every sample: what stands still in one shot only does not count.

    Returns
    -------
    Evidence
        Maps of shape (H, W).
    """
    gray = statistics.brightness(samples).astype(np.uint8)
    height, width = gray.shape[1:]
    score = np.zeros((height, width), np.float32)
    relief = detail = score
    for scale in SCALES:
        if min(height, width) < 4 * scale:
            break
        gain = 1 if scale == 1 else FINE
        level = gray if scale == 1 else statistics.brightness(samples, factor=scale, gain=gain)
        centre, spread = statistics.gradient_median_and_mad(level)
        strength, variation = np.hypot(*centre) / np.float32(gain), np.hypot(*spread) / np.float32(gain)
        np.maximum(score, _enlarge(_significance(strength, variation, scale), (height, width)), out=score)
        if scale == 1:
            relief, detail = integrate(centre), variation
    _, deviation = statistics.mean_and_deviation(gray)
    return Evidence(score, relief, deviation, detail)


def _significance(strength: FloatMap, variation: FloatMap, scale: int) -> FloatMap:
    """A static gradient against its own variation and that of its surroundings, relative to the frame's usual."""
    side = 2 * max(2, 24 // scale) + 1
    around = np.maximum(variation, cv2.blur(variation, (side, side)))
    ratio = strength / (np.float32(0.7) * around + np.float32(GRADIENT_NOISE / np.sqrt(scale)))
    alive = around > 1
    usual = float(np.median(ratio[alive])) if alive.any() else 1.0
    return np.asarray(ratio / np.float32(max(usual, 0.15)), np.float32)


def _enlarge(coarse: FloatMap, shape: tuple[int, int]) -> FloatMap:
    """A coarse map in the size of the frame."""
    if coarse.shape == shape:
        return coarse
    return np.asarray(cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_LINEAR), np.float32)


def integrate(gradient: FloatMap) -> FloatMap:
    """The image whose forward differences come closest to a gradient field, with mean 0.

    Parameters
    ----------
    gradient : (2, H, W) float32
        Horizontal and vertical forward differences.

    Returns
    -------
    (H, W) float32
        Least-squares solution (Poisson equation with free borders, by cosine transform).
    """
    horizontal, vertical = gradient
    height, width = horizontal.shape
    divergence = np.zeros((height, width), np.float32)
    divergence[:, :-1] += horizontal[:, :-1]
    divergence[:, 1:] -= horizontal[:, :-1]
    divergence[:-1] += vertical[:-1]
    divergence[1:] -= vertical[:-1]
    spectrum = fft.dctn(divergence, norm="ortho")
    bands_x = 2 * np.cos(np.pi * np.arange(width, dtype=np.float32) / width) - 2
    bands_y = 2 * np.cos(np.pi * np.arange(height, dtype=np.float32) / height) - 2
    laplacian = bands_y[:, None] + bands_x
    laplacian[0, 0] = 1
    spectrum /= laplacian
    spectrum[0, 0] = 0
    return np.asarray(fft.idctn(spectrum, norm="ortho"), np.float32)
