"""How opaque a blemish is, and which colour it has."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from vinpaint import statistics
from vinpaint.contracts import FloatMap, Mask
from vinpaint.detect.evidence import Evidence
from vinpaint.detect.shapes import pull_push

# Both were chosen on ten clips of DAVIS and the nine clips that the evaluator keeps for training, each
# clean and with synthetic blemishes.

NOISE = 1.0
"""Deviation over time, in grey levels, of a pixel that shows nothing."""

MARGIN = 8
"""Pixels around the mask from which the scene behind it is inferred."""


def measure(samples: NDArray[np.uint8], evidence: Evidence, mask: Mask) -> tuple[FloatMap, FloatMap]:
    """Opacity and colour of a masked blemish.

    The deviation over time falls to 1 − α of the surroundings' behind a blemish (Gu et al. 2009), and the median
    level is mixed from the scene's and the blemish's colour.

    Parameters
    ----------
    samples : (N, H, W, 3) uint8
        RGB.
    evidence : Evidence
        Gathered from the same samples.
    mask : (H, W) bool
        Where the blemish is.

    Returns
    -------
    alpha : (H, W) float32
        0 to 1; 0 outside the mask.
    colour : (H, W, 3) float32
        RGB, 0 to 1; 0 where alpha is.
    """
    outside = ~np.asarray(cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8)), bool)
    calm = np.sqrt(np.maximum(evidence.deviation**2 - NOISE**2, 0))
    scene = np.maximum(pull_push(calm, outside), NOISE)
    passing = _smooth(calm, mask) / np.maximum(_smooth(scene, mask), NOISE)
    alpha = np.where(mask, np.clip(1 - passing, 0.05, 1), 0).astype(np.float32)
    return alpha, _colour(samples, alpha, mask, outside)


def _smooth(image: FloatMap, mask: Mask) -> FloatMap:
    """The average of masked neighbours."""
    weight = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 1)
    total = cv2.GaussianBlur(image * mask, (0, 0), 1)
    return np.asarray(total / np.maximum(weight, 1e-6), np.float32)


def _colour(samples: NDArray[np.uint8], alpha: FloatMap, mask: Mask, outside: Mask) -> FloatMap:
    """The colour that mixes with the surroundings' median level to the level seen."""
    x, y, width, height = cv2.boundingRect(mask.astype(np.uint8))
    box = np.s_[max(y - MARGIN, 0) : y + height + MARGIN, max(x - MARGIN, 0) : x + width + MARGIN]
    level = statistics.median(np.ascontiguousarray(samples[(slice(None), *box)])) / np.float32(255)
    scene = np.stack([pull_push(np.ascontiguousarray(level[..., c]), outside[box]) for c in range(3)], axis=-1)
    opacity = alpha[box][..., None]
    colour = np.zeros((*mask.shape, 3), np.float32)
    mixed = scene + (level - scene) / np.maximum(opacity, 0.05)
    colour[box] = np.where(mask[box][..., None], np.clip(mixed, 0, 1), 0)
    return colour
