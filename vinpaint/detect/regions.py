"""From evidence per pixel to blemishes: which pixels stand together, which groups convince, where they end."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vinpaint.contracts import FloatMap, Mask
from vinpaint.detect.evidence import LIVELY, Evidence

SEED = 10.0
"""Score that no scene reaches on many pixels."""

GROW = 5.0
"""Score down to which a seed's neighbours belong to it."""

LIVELY_AROUND = 0.7
"""Share of moving pixels around a blemish below which it cannot be told from the scene."""

RESTLESS = 1.1
"""Deviation inside over outside above which an edge belongs to something that moves."""

LARGEST = 0.15
"""Share of the frame above which a still area is taken for scene."""


@dataclass(frozen=True, eq=False)
class Region:
    """One blemish.

    Attributes
    ----------
    mask : (H, W) bool
        Its pixels.
    confidence : float
        Probability, 0 to 1, that it is one.
    """

    mask: Mask
    confidence: float

    @property
    def box(self) -> tuple[int, int, int, int]:
        """The bounding box: x, y, width, height."""
        x, y, width, height = cv2.boundingRect(self.mask.astype(np.uint8))
        return int(x), int(y), int(width), int(height)


def find_regions(evidence: Evidence) -> list[Region]:
    """The blemishes that the evidence proves, largest first."""
    unit = _unit(evidence.score.shape)
    kept = _hysteresis(np.where(_inside(evidence, unit), evidence.score, 0))
    labels = _label(_dilate(kept, 2 * unit))
    regions = []
    for label in range(1, int(labels.max()) + 1):
        group = kept & (labels == label)
        confidence = _confidence(evidence, group, kept, unit)
        if confidence > 0.5:
            regions.append(Region(_outline(evidence, group, unit), confidence))
    return sorted(regions, key=lambda region: -int(region.mask.sum()))


def pull_push(image: FloatMap, known: Mask) -> FloatMap:
    """An image continued smoothly from its known pixels into the others.

    Parameters
    ----------
    image : (H, W) float32
    known : (H, W) bool

    Returns
    -------
    (H, W) float32
        Equal to ``image`` where known.

    References
    ----------
    Gortler, Grzeszczuk, Szeliski, Cohen: The Lumigraph, SIGGRAPH 1996, section 3.4.
    """
    weight = known.astype(np.float32)
    return np.asarray(np.where(known, image, _pull(image * weight, weight)), np.float32)


def _pull(total: FloatMap, weight: FloatMap) -> FloatMap:
    """Weighted averages at this resolution where there is weight, at coarser ones where there is none."""
    here = total / np.maximum(weight, 1e-6)
    if min(weight.shape) < 3 or weight.min() >= 1:
        return np.asarray(here if weight.any() else total, np.float32)
    coarse = _pull(*_halve(total, weight))
    wide = np.asarray(cv2.resize(coarse, total.shape[::-1], interpolation=cv2.INTER_LINEAR), np.float32)
    share = np.minimum(weight, 1)
    return np.asarray(share * here + (1 - share) * wide, np.float32)


def _halve(total: FloatMap, weight: FloatMap) -> tuple[FloatMap, FloatMap]:
    """Half the resolution, where a pixel is known in full as soon as it saw one known pixel."""
    small, share = cv2.pyrDown(total), cv2.pyrDown(weight)
    full = np.minimum(4 * share, 1) / np.maximum(share, 1e-6)
    return np.asarray(small * full, np.float32), np.asarray(share * full, np.float32)


def _unit(shape: tuple[int, ...]) -> int:
    """The thickness of lettering at this frame size, in pixels: distances scale with it."""
    return max(2, round(min(shape) / 120))


def _inside(evidence: Evidence, unit: int) -> Mask:
    """Where the picture is: without bars at the sides, and the outermost pixels."""
    alive = evidence.deviation >= LIVELY / 2
    inside = np.zeros(alive.shape, bool)
    rows, columns = np.flatnonzero(alive.mean(axis=1) > 0.02), np.flatnonzero(alive.mean(axis=0) > 0.02)
    if len(rows) and len(columns):
        inside[rows[0] + unit : rows[-1] + 1 - unit, columns[0] + unit : columns[-1] + 1 - unit] = True
    return inside


def _hysteresis(score: FloatMap) -> Mask:
    """Pixels above GROW that hang together with pixels above SEED."""
    labels = _label(score > GROW)
    seeded = np.zeros(int(labels.max()) + 1, bool)
    seeded[labels[score > SEED]] = True
    seeded[0] = False
    return np.asarray(seeded[labels])


def _confidence(evidence: Evidence, group: Mask, kept: Mask, unit: int) -> float:
    """How sure a group of edges is a blemish: many strong edges, before a lively scene, calmer than it."""
    strong = np.count_nonzero(evidence.score[group] > SEED)
    ring = _dilate(group, 5 * unit) & ~_dilate(kept, unit)
    if not ring.any() or np.count_nonzero(_dilate(group, unit)) > LARGEST * group.size:
        return 0.0
    if float((evidence.deviation[ring] >= LIVELY).mean()) < LIVELY_AROUND:
        return 0.0
    outside = float(np.median(evidence.deviation[ring]))
    if float(np.median(evidence.deviation[group])) > RESTLESS * outside:
        return 0.0
    return strong / (strong + 8.0 * unit)


def _outline(evidence: Evidence, group: Mask, unit: int) -> Mask:
    """The pixels of a blemish with its soft edge and its inside."""
    reach = _dilate(group, unit)
    lifted = np.abs(evidence.relief - pull_push(evidence.relief, ~_dilate(reach, unit)))
    level = max(2.5, 0.2 * float(np.percentile(lifted[group], 90)))
    body = group | (reach & (lifted > level))
    return _close(body, unit)


def _label(mask: Mask) -> NDArray[np.int32]:
    """Numbers of connected components, 0 outside."""
    return np.asarray(cv2.connectedComponents(mask.astype(np.uint8))[1], np.int32)


def _dilate(mask: Mask, radius: int) -> Mask:
    """A mask grown by a disc."""
    return np.asarray(cv2.dilate(mask.astype(np.uint8), _disc(radius)), bool)


def _close(mask: Mask, radius: int) -> Mask:
    """A mask whose gaps up to twice the radius are closed."""
    return np.asarray(cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, _disc(radius)), bool)


def _disc(radius: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1,) * 2), np.uint8)
