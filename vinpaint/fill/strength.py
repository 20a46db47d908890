"""How strong a blemish is in one frame: what lifting leaves of it, or takes too much, is its own pattern.

Lifted with the opacity α where it is g·α, the picture is scene + (1 − g)·α·(scene − colour) / (1 − α): the regression
of its gradient on that of the pattern gives 1 − g. Only fine detail takes part: a soft blemish has none, and shading
of the scene would pass for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vinpaint.fill.veil import CONTRAST, Veil

F32 = NDArray[np.float32]

REACH = 7
"""Frames before and after one whose strength is averaged: it changes slowly."""

_FINE = 3.0  # pixels; structure coarser than this is taken for shading of the scene
_ROUNDS = 3  # of reweighting: edges of the scene are outliers
_EDGE = 3.0  # grey levels a pixel; a gradient of the scene that counts half
_TEXTURE = 6.0  # grey levels a pixel; gradient to expect of a scene
_ALIKE = 4.0  # pixels whose gradients are one observation
_FEWEST = 100  # observations that a pattern must be spread over: the tip of a stain is easily met by the scene
_SIGNIFICANT = 3.0  # standard errors; twice that is believed fully
_SYSTEMATIC = 0.02  # error of the mean strength that no frame tells: edges of a mark are not quite where they seem
_JITTER = 0.01  # error of a difference between neighbours that no frame tells
_QUICK = 0.7  # of the difference from the neighbours that is followed: it is partly another sharpness
_USEFUL = 0.1  # change of the strength that must be significant for a mark to be followed
_LEAST_CLEAR = 0.15  # 1 − α; behind less only noise is lifted
_RANGE = 0.3  # change of the strength at most


@dataclass(frozen=True)
class Imprint:
    """What a lifted frame says: 1 − strength, and its variance."""

    slope: float
    variance: float


def can_follow(veil: Veil) -> bool:
    """Whether a blemish has enough fine detail to tell a change of its strength."""
    clear = veil.clear[..., 0]
    pattern = _fine(CONTRAST * (1 - clear) / np.maximum(clear, np.float32(_LEAST_CLEAR)))
    power = np.square(pattern[(clear > _LEAST_CLEAR) & (clear < 1)], dtype=np.float64)
    energy = float(power.sum())
    if energy == 0 or energy**2 < _FEWEST * _ALIKE * float(np.square(power).sum()):
        return False
    return bool(_SIGNIFICANT * _TEXTURE * np.sqrt(_ALIKE / energy) < _USEFUL)


def imprint(veil: Veil, scene: F32) -> Imprint:
    """Regress a lifted picture on the pattern of the blemish.

    Parameters
    ----------
    veil : Veil
    scene : (H, W, 3) float32
        Lifted with the veil's own strength.
    """
    clear = veil.clear[..., 0]
    calm = cv2.GaussianBlur(scene, (0, 0), 2 * _FINE)
    pattern = (((1 - veil.clear) * calm - veil.tint) @ veil.luma) / (
        np.maximum(clear, np.float32(_LEAST_CLEAR)) * np.float32(veil.unit)
    )
    use = (clear > _LEAST_CLEAR) & (clear < 1)
    x, y = (_fine(field)[use].ravel() for field in (pattern, (scene @ veil.luma) / np.float32(veil.unit)))
    slope, weight = 0.0, np.ones(x.shape, np.float32)
    for _ in range(_ROUNDS):
        power = max(float((weight * x * x).sum()), 1e-6)
        slope = float((weight * x * y).sum()) / power
        weight = np.asarray(1 / (1 + np.square((y - slope * x) / _EDGE)), np.float32)
    error = float(np.square(weight * x * (y - slope * x)).sum()) / power**2
    return Imprint(slope, _ALIKE * error + 1e-8)


def strength(imprints: Sequence[Imprint], distances: Sequence[int], usual: float = 0.0) -> float:
    """The strength of one frame from what it and its neighbours say.

    The mean of the neighbours follows a mark that fades. Frames that show the same scene err alike, so it is taken to
    be no surer than one of them, and it is exactly 1 unless it differs significantly. What the frame differs by from
    its neighbours is free of that error: a codec keeps more of a mark in some frames than in others. ``usual`` is
    what all frames have in common (:attr:`Blemish.imprint`).
    """
    near = 1 - np.abs(np.array(distances)) / (REACH + 1)
    slopes = np.array([each.slope for each in imprints]) - usual
    variance = np.array([each.variance for each in imprints])
    weight = near / variance
    slow = float((weight * slopes).sum() / weight.sum())
    error = float(np.sqrt((weight * variance).sum() / weight.sum() + _SYSTEMATIC**2))
    believed = np.clip(abs(slow) / (_SIGNIFICANT * error) - 1, 0, 1)
    own = int(np.abs(np.array(distances)).argmin())
    quick = float(slopes[own] - np.median(slopes))
    told = _QUICK * np.clip(abs(quick) / (_SIGNIFICANT * np.sqrt(variance[own] + _JITTER**2)) - 1, 0, 1)
    return 1 - float(np.clip(believed * slow + told * quick, -_RANGE, _RANGE))


def _fine(field: NDArray[Any]) -> F32:
    """Gradient (H, W, 2) of what is finer than shading."""
    field = np.asarray(field - cv2.GaussianBlur(field, (0, 0), _FINE), np.float32)
    across = np.diff(field, axis=1, append=field[:, -1:])
    return np.dstack([across, np.diff(field, axis=0, append=field[-1:])])
