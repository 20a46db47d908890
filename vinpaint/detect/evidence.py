"""What the statistics over time say about a static blemish, pixel by pixel.

In front of a moving scene the gradients of the scene cancel in the median over time and those of the blemish stay
(Dekel et al., CVPR 2017); integrating them gives the blemish without the scene. How much a pixel's gradient varies
says how surprising a remaining one is, and how lively the scene around it is: without movement there is no evidence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import fft

from vinpaint import statistics
from vinpaint.contracts import FloatMap
from vinpaint.detect.projection import project
from vinpaint.detect.shapes import label

# These thresholds were chosen on ten clips of DAVIS and the nine clips that the evaluator keeps for training, each
# clean and with synthetic blemishes.

COARSE_ROWS = 120
"""Rows, about, of the coarse samples that are kept; of upright frames, columns."""

FINE = 64
"""Units per grey level of averaged brightness."""

GRADIENT_NOISE = 1.0
"""Grey levels of a static gradient that quantisation and compression explain."""

SELDOM = 0.1
"""Share of the frames that do not have to show a blemish: something of its colour may be behind it."""

OFTEN = 0.3
"""The same for the ends of one, where the scene may be as bright as it is."""

LIVELY = 4.0
"""Deviation over time, in grey levels, from which a pixel counts as moving."""

OPAQUE = 2.0
"""Deviation over time, in grey levels, below which nothing shines through: then all around has to move."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """Maps over the frame.

    Attributes
    ----------
    score : (H, W) float32
        Static gradient that is there almost always, in multiples of what the scene leaves by chance.
    loose : (H, W) float32
        The same of one that is there most of the time.
    gradient : (2, H, W, 3) float32
        Static gradient of every channel in grey levels: horizontal, then vertical forward differences.
    steady : (H, W) float32
        Share of the static gradient that all frames but a few show.
    activity : (H, W) float32
        Range of brightness over all frames but a few, in blocks of a few pixels, grey levels.
    deviation : (H, W) float32
        Standard deviation of brightness over time, grey levels.
    detail : (H, W) float32
        Deviation over time of the brightness gradient between blocks of 2 x 2 pixels, grey levels.
    soft_relief : (H, W) float32
        Integrated static gradient of blocks of 2 x 2 pixels, exact to fractions of a grey level.
    coarse : (N, h, w) uint16
        The samples' brightness in blocks of ``coarse_scale`` pixels, in FINE units.
    coarse_scale : int
        So that the shorter of h and w is about 120.
    """

    score: FloatMap
    loose: FloatMap
    gradient: FloatMap
    steady: FloatMap
    activity: FloatMap
    deviation: FloatMap
    detail: FloatMap
    soft_relief: FloatMap
    coarse: NDArray[np.uint16]
    coarse_scale: int

    @property
    def lively(self) -> NDArray[np.bool_]:
        """(H, W): where the picture changes over time."""
        return self.deviation >= LIVELY

    @cached_property
    def still(self) -> NDArray[np.int32]:
        """(H, W): numbers of the connected parts that change as little as opaque marks; 0 elsewhere."""
        return label(self.deviation < OPAQUE)


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
    gray = np.empty(samples.shape[:3], np.uint8)
    for frame, into in zip(samples, gray, strict=True):
        cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY, dst=into)
    shape = samples.shape[1], samples.shape[2]
    halves = statistics.block_means(gray, 2, gain=FINE)
    fine, fine_spread = statistics.gradient_median_and_mad(samples)
    soft, soft_spread = (g / np.float32(FINE) for g in statistics.gradient_median_and_mad(halves))
    size = 2 * max(1, round(min(shape) / 120))
    steady, mostly = (enlarge(share, shape, size) for share in shares_of(samples, fine, size, shots, (SELDOM, OFTEN)))
    sharp = _coloured_significance(fine, fine_spread)
    blurred = enlarge(_significance(np.hypot(*soft), np.hypot(*soft_spread), 2), shape, 2)
    scale = 2 * max(1, round(min(shape) / COARSE_ROWS / 2))
    return Evidence(
        score=np.maximum(sharp, blurred) * np.clip((steady - 0.15) / 0.2, 0, 1),
        loose=sharp * np.clip((mostly - 0.15) / 0.2, 0, 1),
        gradient=fine,
        steady=steady,
        activity=enlarge(activity(halves, size), shape, size),
        deviation=statistics.mean_and_deviation(gray)[1],
        detail=enlarge(np.hypot(*statistics.gradient_deviation(halves)) / np.float32(FINE), shape, 2),
        soft_relief=enlarge(integrate(soft), shape, 2),
        coarse=statistics.block_means(halves, scale // 2),
        coarse_scale=scale,
    )


def shares_of(
    samples: NDArray[np.uint8],
    gradient: FloatMap,
    size: int,
    shots: NDArray[Any] | None,
    quantiles: Sequence[float],
) -> FloatMap:
    """Share of a static gradient that all frames show but the worst, block by block.

    All shots but the longest show another scene: most of their frames have to show it, too.

    Parameters
    ----------
    samples : (N, H, W, 3) uint8
    gradient : (2, H, W, 3) float32
        Horizontal and vertical forward differences.
    size : int
        Side of the blocks, pixels.
    shots : (N,) int or None
    quantiles : sequence of float
        Shares of the frames, 0 to 1, that do not have to show it.

    Returns
    -------
    (Q, h, w) float32
        About 1 where they show it in full.
    """
    shares = project(samples, gradient, size)
    found = np.quantile(shares, quantiles, axis=0).astype(np.float32)
    if shots is None:
        return found
    names, counts = np.unique(shots, return_counts=True)
    others = shots != names[counts.argmax()]
    if not others.any():
        return found
    return np.asarray(np.minimum(found, np.median(shares[others], axis=0)), np.float32)


def activity(halves: NDArray[np.uint16], size: int) -> FloatMap:
    """Range of brightness, in grey levels, that holds all but SELDOM of the frames at either end, block by block."""
    low, high = np.quantile(statistics.block_means(halves, size // 2), (SELDOM, 1 - SELDOM), axis=0)
    return np.asarray((high - low) / FINE, np.float32)


def _coloured_significance(gradient: FloatMap, spread: FloatMap) -> FloatMap:
    """The significance of the clearest channel, for gradients of shape (2, H, W, 3)."""
    strength, variation = np.hypot(*gradient), np.hypot(*spread)
    best = _significance(strength[..., 0], variation[..., 0], 1)
    for channel in (1, 2):
        np.maximum(best, _significance(strength[..., channel], variation[..., channel], 1), out=best)
    return best


def significance_by_channel(gradient: FloatMap, spread: FloatMap) -> FloatMap:
    """The signed significance of both components of a static gradient, channel by channel: (2, H, W, 3)."""
    strength, variation = np.hypot(*gradient), np.hypot(*spread)
    whole = [_significance(strength[..., c], variation[..., c], 1) for c in range(3)]
    return np.asarray(gradient * (np.stack(whole, axis=-1) / np.maximum(strength, 1e-3)), np.float32)


def _significance(strength: FloatMap, variation: FloatMap, scale: int) -> FloatMap:
    """A static gradient against its own variation and that of its surroundings, relative to the frame's usual."""
    side = 2 * max(2, 24 // scale) + 1
    around = np.maximum(variation, cv2.blur(variation, (side, side)))
    ratio = strength / (np.float32(0.7) * around + np.float32(GRADIENT_NOISE / np.sqrt(scale)))
    alive = around > 1
    usual = float(np.median(ratio[alive])) if alive.any() else 1.0
    return np.asarray(ratio / np.float32(max(usual, 0.15)), np.float32)


def enlarge(coarse: FloatMap, shape: tuple[int, int], size: int) -> FloatMap:
    """A map of blocks of ``size`` pixels in the size of the frame; blocks may be cut by its end, or lack there."""
    rows, columns = coarse.shape
    wide = cv2.resize(coarse, (columns * size, rows * size), interpolation=cv2.INTER_LINEAR)[: shape[0], : shape[1]]
    missing = [(0, whole - given) for whole, given in zip(shape, wide.shape, strict=True)]
    return np.asarray(np.pad(wide, missing, mode="edge"), np.float32)


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
