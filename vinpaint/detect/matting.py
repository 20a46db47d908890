"""Opacity and colour of sharp static marks, pixel by pixel: logos, captions, scratches, watermarks.

Behind a mark every pixel shows (1 − α)·scene + α·colour. What the scene is there, other frames tell, in which it has
moved elsewhere. Over time the difference gives α·(colour − scene), the loss of variation α. As a mark has few colours,
these give α sharply. The frames are cleaned with the result and compared once more, which reaches further inside.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.special import ndtr

from vinpaint import statistics
from vinpaint.contracts import Blemish, FloatMap, Mask
from vinpaint.detect.layers import Matte, Offsets, find_layers, solve
from vinpaint.detect.numbered import numbered
from vinpaint.detect.polish import median_gradient, residue, usual_gradient
from vinpaint.detect.shapes import grouped, pull_push
from vinpaint.detect.views import Moments, compare, find_views, near_pairs
from vinpaint.errors import UsageError
from vinpaint.masks.regions import dilate

VISIBLE = 0.01
"""Opacity below which a pixel does not count as part of a mark."""

OPAQUE = 0.85
"""Opacity from which nothing useful shines through."""

MARGIN = 40
"""Pixels around a mark: where the scene behind it is seen, and context for the flow."""

BELONGING = 16
"""Distance in pixels up to which parts form one mark."""

RING = 8
"""Width in pixels of the surroundings that say how even a scene is."""

_FLOWS, _TURNS, _POLISHES = 2, 2, 3  # estimates of flow, comparisons with each, refinements at the end
_MATCH = 16.0  # variance of the error of a match, grey levels squared
_NOISE = 3.0  # variance of the noise of a pixel over time, summed over the channels
_SYSTEMATIC = 0.1  # variance of an offset that no number of frames removes
_CONTRAST = 20.0  # grey levels between a mark and the scene, about: what an error of the opacity costs
_UNKNOWN = 0.3  # standard error of an opacity that rests on the surroundings alone
_FEWEST_FRAMES = 3.0
_CALM, _SPREAD_OF_CALM = 0.3, 4.0  # quantile of the relief that is rather ground than mark; variance in its terms
_SPARSE, _BETWEEN = 3, 11  # pixels between places that it is taken at, places across
_MOSTLY = 0.3  # share of a mark that motion has to show


@dataclass(frozen=True, eq=False)
class _Scene:
    """A part of the frames around a mark, and what is known before anything is measured.

    ``usual`` is the median over time, ``ground`` its continuation from around the mark, ``spread`` the deviation in
    grey levels of the surroundings from such a continuation.
    """

    samples: NDArray[np.uint8]
    mask: Mask
    ring: Mask
    usual: FloatMap
    ground: FloatMap
    spread: float

    @property
    def points(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        rows, columns = np.nonzero(self.mask)
        return rows, columns


@dataclass(frozen=True, eq=False)
class _Maps:
    """Opacity, colour (grey levels), and the variance of the error of the cleaned frames, over a part of the frame."""

    alpha: FloatMap
    colour: FloatMap
    error: FloatMap
    doubt: FloatMap


def measure_marks(
    samples: NDArray[np.uint8],
    mask: Mask,
    *,
    numbers: NDArray[Any] | None = None,
    shots: NDArray[Any] | None = None,
) -> Blemish:
    """Measure opacity and colour of static marks, and where exactly they are.

    Parameters
    ----------
    samples : (N, H, W, 3) uint8
        RGB frames; neighbouring ones (up to 20 frames apart) must be among them.
    mask : (H, W) bool
        Holds the marks and, better, a margin of two pixels.
    numbers : (N,) int, optional
        Frame numbers, rising; without them the samples are taken for consecutive frames.
    shots : (N,) int, optional
        Shot number of every sample.

    Returns
    -------
    Blemish
        With ``alpha_error``: about 0.3 where motion never shows what is behind the mark, and the opacity rests on the
        surroundings. Its mask is where the opacity exceeds 0.01 and either 0.02 or twice its error.

    Raises
    ------
    UsageError
        If shapes or types are not as above.

    References
    ----------
    Dekel, Rubinstein, Liu, Freeman: On the Effectiveness of Visible Watermarks, CVPR 2017 (residual gradients).
    """
    numbers, shots = numbered(samples, numbers, shots)
    shape = mask.shape
    if mask.dtype != bool or shape != samples.shape[1:3]:
        raise UsageError(f"the mask is {mask.dtype} {shape}; give bool of shape {samples.shape[1:3]}")
    alpha, error = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    colour = np.zeros((*shape, 3), np.float32)
    pairs = near_pairs(numbers, shots)
    for part, box in _parts(mask):
        scene = _look(np.ascontiguousarray(samples[(slice(None), *box)]), part[box])
        maps = _measure(scene, pairs)
        alpha[part], error[part] = maps.alpha[scene.mask], maps.error[scene.mask]
        colour[part] = maps.colour[scene.mask] / 255
    confidence = np.where(mask, ndtr((alpha - VISIBLE) / np.maximum(error, 1e-3)), 0).astype(np.float32)
    found = mask & (alpha > VISIBLE) & (alpha > 2 * np.minimum(error, VISIBLE))
    return Blemish(found, np.where(mask, alpha, 0), colour, confidence, error)


def _parts(mask: Mask) -> Iterator[tuple[Mask, tuple[slice, slice]]]:
    """The marks one by one, each with a box around it."""
    for part in grouped(mask, BELONGING / 2):
        x, y, width, height = cv2.boundingRect(part.astype(np.uint8))
        rows = slice(max(y - MARGIN, 0), y + height + MARGIN)
        yield part, (rows, slice(max(x - MARGIN, 0), x + width + MARGIN))


def _look(samples: NDArray[np.uint8], mask: Mask) -> _Scene:
    usual = statistics.median(samples).astype(np.float32)
    ground = np.dstack([pull_push(np.ascontiguousarray(usual[..., c]), ~mask) for c in range(3)])
    ring = dilate(mask, RING) & ~mask
    uneven = np.abs(usual - cv2.GaussianBlur(usual, (0, 0), 12))[ring]
    spread = 1.0 + 1.5 * float(np.median(uneven)) if uneven.size else 1.0
    return _Scene(samples, mask, ring, usual, ground, spread)


def _nothing(scene: _Scene) -> _Maps:
    """The start without knowledge: no mark, but doubt where the usual picture is uneven."""
    clear = np.zeros(scene.mask.shape, np.float32)
    maps = _Maps(clear, np.zeros_like(scene.usual), clear, clear)
    return replace(maps, doubt=_unevenness(scene, maps))


def _unevenness(scene: _Scene, maps: _Maps) -> FloatMap:
    """By how much, squared, the usual picture differs from its continuation from around the mark.

    What lies between the strokes of a mark tells; the strokes themselves, as far as they are not taken off yet, do not.
    """
    usual = _lifted(scene.usual, scene, maps)
    relief = ((usual - scene.ground) ** 2).mean(axis=2)
    calm = ndimage.percentile_filter(relief[::_SPARSE, ::_SPARSE], 100 * _CALM, size=_BETWEEN)
    wide = cv2.resize(calm, relief.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.where(scene.mask, _SPREAD_OF_CALM * wide + scene.spread**2, 0).astype(np.float32)


def _measure(scene: _Scene, pairs: list[tuple[int, int]]) -> _Maps:
    """Alternate: clean the frames, see what is behind the mark, measure the mark."""
    maps = _nothing(scene)
    observed = np.ascontiguousarray(scene.samples[(slice(None), *scene.points)])
    for flow in range(_FLOWS):
        pictures = _calmed(scene) if flow == 0 else _cleaned(scene, maps)
        views = find_views([_gray(picture) for picture in pictures], pairs, *scene.points)
        for turn in range(_TURNS):
            if flow == 0 or turn > 0:
                pictures = _cleaned(scene, maps)
            uneven = _unevenness(scene, maps)
            doubt = np.minimum(maps.doubt, uneven)
            moments = compare(views, pictures, _trust(scene, maps, doubt), doubt, observed)
            last = (flow, turn) == (_FLOWS - 1, _TURNS - 1)
            maps = _refine(scene, moments, uneven, _POLISHES if last else 1)
    return maps


def _calmed(scene: _Scene) -> FloatMap:
    """The frames with the mark levelled out: median and deviation under it like around it."""
    gray = np.stack([cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in scene.samples])
    deviation = np.maximum(statistics.mean_and_deviation(gray)[1], 0.5).astype(np.float32)
    around = np.maximum(pull_push(deviation, ~scene.mask), 1)
    passing = np.where(scene.mask, np.clip(deviation / around, 0.1, 1), 1).astype(np.float32)
    passing = np.where(scene.mask, cv2.GaussianBlur(passing, (0, 0), 1), 1)[..., None]
    calmed = np.asarray(scene.samples - scene.usual)
    calmed /= passing  # in place: these are all frames, in single precision
    calmed += np.where(passing < 1, scene.ground, scene.usual)
    return calmed


def _cleaned(scene: _Scene, maps: _Maps) -> FloatMap:
    """The frames without the mark; where it is opaque, their usual surroundings."""
    return _lifted(scene.samples, scene, maps)


def _lifted(pictures: NDArray[Any], scene: _Scene, maps: _Maps) -> FloatMap:
    alpha = maps.alpha[..., None]
    lifted = np.asarray(pictures - alpha * maps.colour, np.float32)
    lifted /= np.maximum(1 - alpha, 1 - OPAQUE)
    opaque = maps.alpha > OPAQUE
    lifted[..., opaque, :] = scene.ground[opaque]
    return lifted


def _gray(picture: FloatMap) -> NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(np.clip(picture, 0, 255).astype(np.uint8), cv2.COLOR_RGB2GRAY))


def _trust(scene: _Scene, maps: _Maps, doubt: FloatMap) -> FloatMap:
    """Weight of every place as a source: what is certain around the mark, less so behind it."""
    passing = np.maximum(1 - maps.alpha, 1 - OPAQUE)
    noise = _NOISE * (1 / passing**2 - 1) + doubt + (_CONTRAST * maps.error / passing) ** 2
    return np.where(scene.mask & (maps.alpha > OPAQUE), 0, _MATCH / (_MATCH + noise)).astype(np.float32)


def _refine(scene: _Scene, moments: Moments, uneven: FloatMap, polishes: int) -> _Maps:
    """Opacity and colour from the moments, then from what they leave in the median, once or more."""
    offsets, doubt, known = _offsets(scene, moments, uneven[scene.points])
    honest = offsets.error
    layers = find_layers(offsets)
    matte = solve(offsets, layers, scene.mask)
    for _ in range(polishes):
        offsets = _polished(scene, offsets, matte)
        matte = solve(offsets, layers, scene.mask)
    lever = ((matte.colour - offsets.scene) ** 2).sum(axis=1) + 1
    error = np.sqrt(matte.error**2 + honest / (lever + offsets.variance))
    full = np.zeros_like(uneven)
    full[scene.points] = doubt
    floor = _UNKNOWN if known.mean() < _MOSTLY else 0
    maps = _spread(scene, replace(matte, error=np.where(known, error, np.maximum(error, floor))))
    return replace(maps, doubt=full)


def _offsets(scene: _Scene, moments: Moments, uneven: FloatMap) -> tuple[Offsets, FloatMap, NDArray[np.bool_]]:
    """What the mark does to each pixel, the doubt in it, and where it was seen at all.

    Two estimates, weighted by their variances: what the views promise, where there are some, and how the usual picture
    differs from its continuation from around the mark.
    """
    known = moments.count >= _FEWEST_FRAMES
    level, ground = scene.usual[scene.points], scene.ground[scene.points]
    covariance = np.where(known, np.maximum(moments.covariance, 0), 0)
    theirs = np.maximum(moments.scene_variance - _NOISE, _NOISE)
    ours = np.maximum(moments.observed_variance - _NOISE, 0)
    alike = covariance / np.sqrt(np.maximum(moments.scene_variance * moments.observed_variance, 1))
    passing = np.minimum(np.sqrt(ours / theirs), 1.5)
    still = np.clip(1 - ours / theirs, 0, 1) ** 2  # nothing changes where the scene does: that needs no likeness
    variance = np.where(known, np.maximum(alike, still) * theirs, 0)
    doubt = np.where(known, moments.doubt, uneven)
    chance = 1.5 * np.maximum(moments.residual, 1) / np.maximum(moments.count, 1)
    seen = np.where(known, chance + _SYSTEMATIC + np.minimum(passing, 1) ** 2 * doubt, np.inf)
    share = (uneven / (seen + uneven))[:, None]
    views = np.where(known[:, None], moments.observed - moments.scene, 0)
    change = share * views + (1 - share) * (level - ground)
    before = np.where(known[:, None], moments.scene, ground)
    lost = (1 - passing) * variance
    parts = (change, before, variance, lost, 1 / (1 / seen + 1 / uneven))
    return Offsets(*(np.asarray(part, np.float32) for part in parts)), np.asarray(doubt, np.float32), known


def _spread(scene: _Scene, matte: Matte) -> _Maps:
    """The pixels' values as maps."""
    alpha, error = np.zeros(scene.mask.shape, np.float32), np.zeros(scene.mask.shape, np.float32)
    colour = np.zeros_like(scene.usual)
    alpha[scene.points], error[scene.points], colour[scene.points] = matte.alpha, matte.error, matte.colour
    return _Maps(alpha, colour, error, np.zeros_like(alpha))


def _polished(scene: _Scene, offsets: Offsets, matte: Matte) -> Offsets:
    """The offsets changed so that the median of the cleaned frames has no more edges than that of a scene."""
    maps = _spread(scene, matte)
    gradient = median_gradient(_cleaned(scene, maps))
    usual = usual_gradient(gradient)
    passing = 1 - matte.alpha
    certainty = np.zeros_like(maps.alpha)
    certainty[scene.points] = np.where(matte.alpha < OPAQUE, passing**2 / offsets.error + 1e-4, 0)
    excess = residue(gradient, certainty, usual)[scene.points]
    change = matte.alpha[:, None] * (matte.colour - offsets.scene) + (passing * excess)[:, None]
    error = 1 / (1 / offsets.error + 1 / (4 * (passing * usual[scene.points]) ** 2 + 0.05))
    return replace(offsets, change=change.astype(np.float32), error=error.astype(np.float32))
