"""Soft stains of sampled frames: looked for in small pictures, laid out in full size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from vinpaint import statistics
from vinpaint.contracts import FloatMap, Mask
from vinpaint.detect.evidence import LIVELY
from vinpaint.detect.rematch import measured_again, opacity
from vinpaint.detect.shading import fit_shading
from vinpaint.detect.shapes import pull_push
from vinpaint.detect.veils import Found, find_veils, fit_veils
from vinpaint.flow.matching import Matches, match, neighbours

_ROWS = 240  # of the small pictures, about; of upright ones, columns
_PIXELS = 4 * _ROWS**2  # that pictures are enlarged to, at most
_STRIDE = 4  # pixels between patches that are matched
_SMOOTH = 6.0  # pixels; the mean picture is that of a scene without detail
_FAINTEST = 0.045  # opacity at which a stain ends
_BLUR = 0.4  # of a cell; steep edges are found blurred
_MOVING = 0.6  # share of a stain behind which the scene has to change
_OPAQUE = 0.1  # share of the scene that passes; of less, changes are mostly noise
_LEAST_ERROR = 0.01  # of any estimate of an opacity
_UNSEEN = 0.05  # error of the opacity where a stain was seen at first only
_ROUNDING = 0.5  # variance of three colours rounded to whole levels


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
    scene = _Scene.of(samples, numbers, shots)
    found = find_veils(scene.even(), scene.usual)
    found = [each for each in found if _lively(_stain(each, shape), samples) > _MOVING]
    pairs = zip(found, scene.measured_again(found), strict=True)
    stains = [_settled(_widened(_stain(after, shape), _stain(before, shape).mask), samples) for before, after in pairs]
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
        One for each mask; None where nothing tells how opaque it is, or what was found is too faint.
    """
    scene, shape = _Scene.of(samples, numbers, shots), (samples.shape[1], samples.shape[2])
    size = scene.small.shape[2:0:-1]
    places = [cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_AREA) > 0 for mask in masks]
    fitted = fit_veils(scene.even(), scene.usual, places)
    better = iter(scene.measured_again([each for each in fitted if each]))
    stains = [_settled(_stain(next(better), shape), samples) if each else None for each in fitted]
    return [stain if stain and stain.mask.any() else None for stain in stains]


@dataclass(frozen=True, eq=False)
class _Scene:
    """Small samples, matched.

    Attributes
    ----------
    small : (N, H, W, 3) uint8
    pairs : list of (int, int)
    matches : Matches
        Of all pairs.
    usual : (H, W, 3) float32
        The smooth mean picture.
    """

    small: NDArray[np.uint8]
    pairs: list[tuple[int, int]]
    matches: Matches
    usual: FloatMap

    @staticmethod
    def of(samples: NDArray[np.uint8], numbers: NDArray[np.int64], shots: NDArray[np.int64] | None) -> _Scene:
        small, pairs = _resized(samples), neighbours(numbers, shots)
        matches = match(small, pairs, _STRIDE)
        usual = cv2.GaussianBlur(small.mean(axis=0, dtype=np.float32), (0, 0), _SMOOTH)
        return _Scene(small, pairs, matches, np.asarray(usual, np.float32))

    def even(self) -> Matches:
        """The matches as they would be under even light."""
        return fit_shading(self.matches, *self.small.shape[1:3]).removed(self.matches)

    def measured_again(self, found: list[Found]) -> list[Found]:
        """Veils with sharper tops and edges."""
        return measured_again(self.small, self.pairs, self.matches, found)


def _resized(samples: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The samples with about :data:`_ROWS` rows: patches have a fixed size. Long strips have fewer."""
    shorter, longer = sorted(samples.shape[1:3])
    most = max(1, int((_PIXELS / (shorter * longer)) ** 0.5))
    scale = min(_ROWS // shorter, most) if shorter < _ROWS else 1 / max(1, round(shorter / _ROWS))
    if scale == 1:
        return samples
    size = round(scale * samples.shape[2]), round(scale * samples.shape[1])
    kernel = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.stack([cv2.resize(sample, size, interpolation=kernel) for sample in samples])


def _stain(found: Found, shape: tuple[int, int]) -> Stain:
    """A veil in full size."""
    small, told = opacity(found)
    doubt = np.hypot(told, _BLUR * found.lattice.cell * np.hypot(*np.gradient(small))).astype(np.float32)
    alpha, error = (_enlarged(each, shape) for each in (small, doubt))
    mask = alpha > _FAINTEST
    colour = (found.veil.colour / 255).astype(np.float32)
    return Stain(mask, np.where(mask, alpha, np.float32(0)), error, colour, found.confidence)


def _lively(stain: Stain, samples: NDArray[np.uint8]) -> float:
    """The share of a stain behind which the scene changes: where it stands still nothing tells it from the scene."""
    if not stain.mask.any():
        return 0.0
    x, y, width, height = cv2.boundingRect(stain.mask.astype(np.uint8))
    box = np.s_[y : y + height, x : x + width]
    gray = np.stack([cv2.cvtColor(sample[box], cv2.COLOR_RGB2GRAY) for sample in samples])
    change = statistics.mean_and_deviation(gray)[1] / np.maximum(1 - stain.alpha[box], _OPAQUE)
    return float((change >= LIVELY)[stain.mask[box]].mean())


def _widened(stain: Stain, mask: Mask) -> Stain:
    """A stain that may also be where it was first seen: where no matches reach, the usual picture may tell."""
    doubtful = mask & ~stain.mask
    error = np.where(doubtful, np.maximum(stain.alpha_error, np.float32(_UNSEEN)), stain.alpha_error)
    return replace(stain, mask=stain.mask | mask, alpha_error=error)


def _settled(stain: Stain, samples: NDArray[np.uint8]) -> Stain:
    """A stain whose opacity also fits what its pixels do over time: two estimates, weighted by their variances."""
    x, y, width, height = cv2.boundingRect(stain.mask.astype(np.uint8))
    margin = max(width, height) // 4 + 2
    box = np.s_[max(y - margin, 0) : y + height + margin, max(x - margin, 0) : x + width + margin]
    clear = cv2.dilate(stain.mask[box].astype(np.uint8), np.ones((3, 3), np.uint8)) == 0
    if not clear.any():
        return stain
    inside = np.ascontiguousarray(samples[(slice(None), *box)])
    estimates = (
        (stain.alpha[box], np.maximum(stain.alpha_error[box], _LEAST_ERROR) ** 2),
        _of_even_ground(inside, clear, 255 * stain.colour),
    )
    weights = np.stack([1 / variance for _, variance in estimates])
    mixed = (np.stack([alpha for alpha, _ in estimates]) * weights).sum(axis=0) / weights.sum(axis=0)
    alpha, error = stain.alpha.copy(), stain.alpha_error.copy()
    alpha[box] = np.where(stain.mask[box], mixed.clip(0, 1), 0)
    error[box] = weights.sum(axis=0) ** -0.5
    mask = stain.mask & (alpha > _FAINTEST)
    return replace(stain, mask=mask, alpha=np.where(mask, alpha, np.float32(0)), alpha_error=error)


def _of_even_ground(samples: NDArray[np.uint8], clear: Mask, colour: FloatMap) -> tuple[FloatMap, FloatMap]:
    """Opacities, and their variances, that leave the usual picture behind a stain as even as it is around.

    Behind the stain the median picture is that of its surroundings, continued smoothly, give or take what these vary.
    Before a black or even ground that tells the opacity of every pixel to the precision of the colours.
    """
    usual = statistics.median(samples).astype(np.float32)
    scene = np.stack([pull_push(np.ascontiguousarray(usual[..., c]), clear) for c in range(3)], axis=-1)
    lever = colour - scene
    strength = np.maximum((lever**2).sum(axis=-1), 1)
    variation = np.float32(usual[clear].var(axis=0).sum() + _ROUNDING)
    told = ((usual - scene) * lever).sum(axis=-1) / strength
    return told.astype(np.float32), np.asarray(variation / strength, np.float32)


def _enlarged(image: FloatMap, shape: tuple[int, int]) -> FloatMap:
    if image.shape == shape:
        return image
    return np.asarray(cv2.resize(image, shape[::-1], interpolation=cv2.INTER_CUBIC).clip(0), np.float32)
