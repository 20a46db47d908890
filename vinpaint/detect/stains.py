"""Soft stains of sampled frames: looked for in small pictures, laid out in full size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vinpaint.contracts import FloatMap, Mask
from vinpaint.detect.veils import Found, find_veils, fit_veils
from vinpaint.flow.matching import Matches, match, neighbours

_ROWS = 240  # of the small pictures, about
_STRIDE = 4  # pixels between patches that are matched
_SMOOTH = 6.0  # pixels; the mean picture is that of a scene without detail
_FAINTEST = 0.045  # opacity at which a stain ends
_UNDERESTIMATED = 3.0  # errors of matched patches are alike, so they average out less than independent ones would


@dataclass(frozen=True, eq=False)
class Stain:
    """A soft stain.

    Attributes
    ----------
    mask : (H, W) bool
    alpha : (H, W) float32
        0 to 1; 0 outside the mask.
    alpha_error : (H, W) float32
        Standard error of ``alpha``.
    colour : (3,) float32
        RGB, 0 to 1.
    confidence : float
        0.5 to 1.
    """

    mask: Mask
    alpha: FloatMap
    alpha_error: FloatMap
    colour: NDArray[np.float32]
    confidence: float


def find_stains(
    samples: NDArray[np.uint8], numbers: NDArray[np.int64], shots: NDArray[np.int64] | None = None
) -> list[Stain]:
    """Find soft stains by what moves behind them.

    Parameters
    ----------
    samples : (N, H, W, 3) uint8
        RGB.
    numbers : (N,) int
        Frame numbers of the samples, rising; only frames near each other can be matched.
    shots : (N,) int, optional
        Shot number of every sample.

    Returns
    -------
    list of Stain
        The most striking first.
    """
    shape = samples.shape[1], samples.shape[2]
    stains = [_stain(found, shape) for found in find_veils(*_matched(_reduced(samples), numbers, shots))]
    return [stain for stain in stains if stain.mask.any()]


def fit_stains(
    samples: NDArray[np.uint8],
    numbers: NDArray[np.int64],
    shots: NDArray[np.int64] | None,
    masks: Sequence[Mask],
) -> list[Stain | None]:
    """Measure soft stains whose places are known; see :func:`find_stains`.

    Returns
    -------
    list of (Stain or None)
        One for each mask; None where nothing tells how opaque it is.
    """
    small = _reduced(samples)
    size, shape = small.shape[2:0:-1], (samples.shape[1], samples.shape[2])
    places = [cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_AREA) > 0 for mask in masks]
    fitted = fit_veils(*_matched(small, numbers, shots), places)
    return [_stain(found, shape) if found else None for found in fitted]


def _matched(
    small: NDArray[np.uint8], numbers: NDArray[np.int64], shots: NDArray[np.int64] | None
) -> tuple[Matches, FloatMap]:
    """Matched patches of samples, and their smooth mean picture."""
    usual = cv2.GaussianBlur(small.mean(axis=0, dtype=np.float32), (0, 0), _SMOOTH)
    return match(small, neighbours(numbers, shots), _STRIDE), np.asarray(usual, np.float32)


def _reduced(samples: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The samples with about :data:`_ROWS` rows."""
    factor = max(1, round(min(samples.shape[1:3]) / _ROWS))
    if factor == 1:
        return samples
    size = samples.shape[2] // factor, samples.shape[1] // factor
    return np.stack([cv2.resize(sample, size, interpolation=cv2.INTER_AREA) for sample in samples])


def _stain(found: Found, shape: tuple[int, int]) -> Stain:
    """A veil in full size."""
    passing = np.exp(-found.lattice.image(found.veil.gain))
    doubt = passing * found.lattice.image(found.veil.error) * np.float32(_UNDERESTIMATED)
    alpha, error = (_enlarged(each, shape) for each in (1 - passing, doubt))
    mask = alpha > _FAINTEST
    colour = (found.veil.colour / 255).astype(np.float32)
    return Stain(mask, np.where(mask, alpha, np.float32(0)), error, colour, found.confidence)


def _enlarged(image: FloatMap, shape: tuple[int, int]) -> FloatMap:
    if image.shape == shape:
        return image
    return np.asarray(cv2.resize(image, shape[::-1], interpolation=cv2.INTER_CUBIC).clip(0), np.float32)
