"""Where a known mark stands in a clip: a template is found on the median gradient, in which what moves cancels.

After Dekel et al. (On the Effectiveness of Visible Watermarks, CVPR 2017), who detect a watermark by the median
gradient; here its opacity and colour are known, and its place, scale and strength are asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from vinpaint import statistics
from vinpaint.contracts import Blemish, FloatMap
from vinpaint.errors import MaskError
from vinpaint.masks.template import Template

LEAST_SCORE = 0.35
"""Correlation that proves a mark: unmarked clips stay below 0.2, marked ones exceed 0.6."""

_SCALES = np.geomspace(0.5, 2.0, 37)
_SQUASH = 3.0  # grey levels; stronger gradients count alike, so that static edges of the scene do not dominate
_SMALLEST = 8  # pixels of the shorter side of a template that can be found
_MARGIN = 2  # pixels around the template that take part when it is placed
_MISPLACED = 0.1  # pixels; what is left of the error of the place
_UNEVEN = 0.01  # share of the opacity; what is left of the error of the strength
_FAINTEST = 1 / 512  # opacity below which no pixel of 8 bits changes
_STRENGTHS = (0.3, 1.7)  # of a mark relative to its template
_SURROUNDINGS = 6.0  # pixels of the blur that makes the background of a mark
_HALVINGS = 24


@dataclass(frozen=True)
class Place:
    """Where a template stands: corner (x, y) and scale, in pixels of the frame."""

    x: float
    y: float
    across: float
    down: float

    def warp(self, field: FloatMap, shape: tuple[int, int]) -> FloatMap:
        """A field of the template as it lies in a frame, 0 around it."""
        matrix = np.array(
            [
                (self.across, 0, self.x + (self.across - 1) / 2),
                (0, self.down, self.y + (self.down - 1) / 2),
            ]
        )
        sharpest = [np.sqrt(max(1 / scale**2 - 1, 0)) / 2 for scale in (self.across, self.down)]
        if max(sharpest) > 0.1:  # a picture is smoothed before it is made smaller
            field = _f32(cv2.GaussianBlur(field, (0, 0), max(sharpest[0], 0.01), sigmaY=max(sharpest[1], 0.01)))
        warped = cv2.warpAffine(field, matrix, shape[::-1], flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        return np.asarray(warped, np.float32)


def register(samples: NDArray[np.uint8], template: Template) -> Blemish:
    """Find a mark in samples of a clip.

    A template of the frames' size is taken as it is. A smaller one is searched for at every place and at scales from
    0.5 to 2, placed to a fraction of a pixel, and its strength is fitted so that the median frame keeps no imprint.

    Parameters
    ----------
    samples : (N, H, W, 3) uint8
        RGB.
    template : Template

    Returns
    -------
    Blemish
        Of the frames' size; without an error of the opacity when the template had that size already.

    Raises
    ------
    MaskError
        If the template is larger than the frames, tiny, or not to be seen in the clip.
    """
    shape = samples.shape[1:3]
    if template.alpha.shape == shape:
        return blemish_of(template.alpha, template.colour)
    height, width = template.alpha.shape
    if height > shape[0] or width > shape[1] or min(height, width) < _SMALLEST:
        raise MaskError(
            f"the mark is {width}x{height}, frames are {shape[1]}x{shape[0]}; "
            f"give maps of the frames' size, or a template of at least {_SMALLEST} pixels that fits into them"
        )
    middle = statistics.median(samples)
    effect = template.alpha * (_gray(template.colour * np.float32(255)) - np.float32(_gray(middle).mean()))
    gray = np.stack([cv2.cvtColor(sample, cv2.COLOR_RGB2GRAY) for sample in samples])
    steps = np.moveaxis(statistics.gradient_median(gray), 0, -1)
    gradient = _squashed(steps)
    score, place = _placed(gradient, effect, _found(gradient, effect))
    if score < LEAST_SCORE:
        raise MaskError(
            f"the mark is not found in the clip (score {score:.2f}, {LEAST_SCORE} needed); "
            "check the template and its scale, or give maps of the frames' size"
        )
    alpha, tint = place.warp(template.alpha, shape), place.warp(template.alpha[..., None] * template.colour, shape)
    colour = np.clip(tint / np.maximum(alpha, _FAINTEST)[..., None], 0, 1)
    alpha = _f32(np.clip(alpha * _strength(middle, steps, alpha, _f32(colour)), 0, 1))
    slope = np.sqrt(np.square(cv2.Sobel(alpha, -1, 1, 0) / 8) + np.square(cv2.Sobel(alpha, -1, 0, 1) / 8))
    return blemish_of(alpha, _f32(colour), _f32(np.hypot(_MISPLACED * slope, _UNEVEN * alpha)))


def blemish_of(alpha: FloatMap, colour: FloatMap, error: FloatMap | None = None) -> Blemish:
    """A blemish where there is opacity worth a grey level."""
    mask = alpha >= _FAINTEST
    alpha = np.where(mask, alpha, 0).astype(np.float32)
    return Blemish(mask, alpha, np.asarray(colour, np.float32), mask.astype(np.float32), error)


def _f32(field: NDArray[Any]) -> FloatMap:
    return np.asarray(field, np.float32)


def _gray(picture: FloatMap) -> FloatMap:
    return np.asarray(cv2.cvtColor(np.asarray(picture, np.float32), cv2.COLOR_RGB2GRAY), np.float32)


def _gradient(image: FloatMap) -> FloatMap:
    """Forward differences, (H, W, 2)."""
    across = np.diff(image, axis=1, append=image[:, -1:])
    return np.dstack([across, np.diff(image, axis=0, append=image[-1:])])


def _squashed(gradient: FloatMap) -> FloatMap:
    """Directions kept, magnitudes compressed into 0 to 1."""
    strength = np.linalg.norm(gradient, axis=2, keepdims=True)
    return np.ascontiguousarray(gradient / (strength + np.float32(_SQUASH)), np.float32)


def _found(gradient: FloatMap, effect: FloatMap) -> Place:
    """The place of the best score over whole pixels and some scales."""
    best, place = -1.0, Place(0, 0, 1, 1)
    for scale in _SCALES:
        size = round(effect.shape[1] * scale), round(effect.shape[0] * scale)
        if size[0] > gradient.shape[1] or size[1] > gradient.shape[0] or min(size) < _SMALLEST:
            continue
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        mark = _squashed(_gradient(np.asarray(cv2.resize(effect, size, interpolation=how), np.float32)))
        _, score, _, corner = cv2.minMaxLoc(cv2.matchTemplate(gradient, mark, cv2.TM_CCORR_NORMED))
        if score > best:
            best = score
            place = Place(corner[0], corner[1], size[0] / effect.shape[1], size[1] / effect.shape[0])
    return place


def _placed(gradient: FloatMap, effect: FloatMap, start: Place) -> tuple[float, Place]:
    """The place to a fraction of a pixel and a percent of its scale, and its score."""
    top, left = max(0, int(start.y) - _MARGIN), max(0, int(start.x) - _MARGIN)
    rows = slice(top, int(start.y + start.down * effect.shape[0]) + _MARGIN)
    columns = slice(left, int(start.x + start.across * effect.shape[1]) + _MARGIN)
    part = gradient[rows, columns]
    shares = np.array([1, 1, effect.shape[1], effect.shape[0]], np.float64)  # all four in pixels

    def misfit(values: NDArray[np.float64], gradient: FloatMap) -> float:
        x, y, across, down = values / shares
        place = Place(x - left, y - top, max(across, 0.1), max(down, 0.1))
        mark = _squashed(_gradient(place.warp(effect, gradient.shape[:2])))
        return -float((mark * gradient).sum() / max(np.sqrt(np.square(mark).sum() * np.square(gradient).sum()), 1e-9))

    first = np.array([start.x, start.y, start.across, start.down]) * shares
    corners = np.vstack([first, first + np.eye(4)])
    found = minimize(
        partial(misfit, gradient=part),
        first,
        method="Nelder-Mead",
        options={"initial_simplex": corners, "xatol": 0.01, "fatol": 1e-5, "maxfev": 400},
    )
    return -float(found.fun), Place(*(found.x / shares).tolist())


def _strength(middle: FloatMap, steps: FloatMap, alpha: FloatMap, colour: FloatMap) -> float:
    """How strong a mark is, relative to its template, so that the lifted clip keeps no imprint of it."""
    ys, xs = np.nonzero(alpha > _FAINTEST)
    box = np.s_[max(ys.min() - 8, 0) : ys.max() + 9, max(xs.min() - 8, 0) : xs.max() + 9]
    seen, opacity, tint = middle[box], alpha[box][..., None], 255 * colour[box]
    moving = steps[box] - _gradient(_gray(seen))  # what the median frame has of the scene, and the median step has not
    low, high = _STRENGTHS
    high = min(high, 0.99 / float(opacity.max()))
    for _ in range(_HALVINGS):
        strength = (low + high) / 2
        clear = 1 - strength * opacity
        scene = (seen - strength * opacity * tint) / clear
        if _imprint(scene, moving / clear, opacity[..., 0], tint, clear[..., 0]) > 0:
            low = strength
        else:
            high = strength
    return (low + high) / 2


def _imprint(scene: FloatMap, moving: FloatMap, opacity: FloatMap, tint: FloatMap, clear: FloatMap) -> float:
    """Correlation of a lifted clip's gradient with what too weak a mark leaves; negative of too strong a one."""
    calm = cv2.GaussianBlur(np.clip(scene, 0, 255), (0, 0), _SURROUNDINGS)
    left = _gradient(_gray(opacity[..., None] * (tint - calm)) / clear)
    return float((_squashed(_gradient(_gray(scene)) + moving) * _squashed(left)).sum())
