"""From evidence per pixel to blemishes: which pixels stand together, which groups convince, where they end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from vinpaint.contracts import FloatMap, Mask
from vinpaint.detect.evidence import LIVELY, Evidence
from vinpaint.detect.shapes import close, fill_holes, label, pull_push
from vinpaint.masks.regions import dilate

# These thresholds were chosen on ten clips of DAVIS and the nine clips that the evaluator keeps for training, each
# clean and with synthetic blemishes.

SEED = 10.0
"""Score that no scene reaches on many pixels."""

GROW = 5.0
"""Score down to which a seed's neighbours belong to it."""

CLUTTER = 2.5
"""GROW in multiples of the score that 15 % of the moving scene exceed, where that is more."""

CONTRAST = 3.0
"""Mean score of a blemish's edges over what 10 % of its surroundings exceed."""

FAINTEST = 0.25
"""Strength, relative to the strongest blemish of a clip, below which a finding is clutter."""

SURE = 0.55
"""Confidence from which a group of edges is reported."""

LIVELY_AROUND = 0.7
"""Share of moving pixels around a blemish below which it cannot be told from the scene."""

OPAQUE = 2.0
"""Deviation over time, in grey levels, below which nothing shines through: then all around has to move."""

RESTLESS = 1.1
"""Deviation inside over outside above which an edge belongs to something that moves."""

LARGEST = 0.15
"""Share of the frame above which a still area is taken for scene (less in a scene with much of that)."""


@dataclass(frozen=True, eq=False)
class Region:
    """One blemish.

    Attributes
    ----------
    mask : (H, W) bool
        Its pixels.
    confidence : float
        Probability, 0 to 1, that it is one.
    strength : float
        Mean score of its edges.
    """

    mask: Mask
    confidence: float
    strength: float

    @property
    def box(self) -> tuple[int, int, int, int]:
        """The bounding box: x, y, width, height."""
        x, y, width, height = cv2.boundingRect(self.mask.astype(np.uint8))
        return int(x), int(y), int(width), int(height)


def find_regions(evidence: Evidence) -> list[Region]:
    """The sharp-edged blemishes that the evidence proves, largest first."""
    unit = unit_of(evidence.score.shape)
    inside = picture_area(evidence)
    score = np.where(inside, evidence.score, 0)
    lively = evidence.score[inside & evidence.lively]
    grow = max(GROW, CLUTTER * float(np.percentile(lively, 85))) if lively.size else GROW
    largest = LARGEST * (1 - _still(evidence)) ** 2
    regions: list[Region] = []
    for stricter in (1, 2, 4):
        for region in list(_convincing(evidence, _hysteresis(score, stricter * grow), unit)):
            score[dilate(region.mask, 2 * unit)] = 0
            if region.mask.mean() < largest:
                regions.append(region)
    strongest = max((region.strength for region in regions), default=0.0)
    regions = [region for region in regions if region.strength > FAINTEST * strongest]
    return sorted(regions, key=lambda region: -int(region.mask.sum()))


def _convincing(evidence: Evidence, kept: Mask, unit: int) -> Iterator[Region]:
    """The groups of strong pixels that are blemishes."""
    labels = label(dilate(kept, 2 * unit))
    for number in range(1, int(labels.max()) + 1):
        group = kept & (labels == number)
        confidence = _confidence(evidence, group, kept, unit)
        if confidence > SURE:
            strength = float(evidence.score[group].mean())
            yield Region(_outline(evidence, group, unit), confidence, strength)


def unit_of(shape: tuple[int, ...]) -> int:
    """The thickness of lettering at this frame size, in pixels: distances scale with it."""
    return max(2, round(min(shape) / 120))


def picture_area(evidence: Evidence) -> Mask:
    """Where the picture is: (H, W) bool, without bars at the sides, and the outermost pixels."""
    unit = unit_of(evidence.deviation.shape)
    alive = evidence.deviation >= LIVELY / 2
    inside = np.zeros(alive.shape, bool)
    rows, columns = np.flatnonzero(alive.mean(axis=1) > 0.02), np.flatnonzero(alive.mean(axis=0) > 0.02)
    if len(rows) and len(columns):
        inside[rows[0] + unit : rows[-1] + 1 - unit, columns[0] + unit : columns[-1] + 1 - unit] = True
    return inside


def _hysteresis(score: FloatMap, grow: float) -> Mask:
    """Pixels above ``grow`` that hang together with pixels above twice that."""
    labels = label(score > grow)
    seeded = np.zeros(int(labels.max()) + 1, bool)
    seeded[labels[score > 2 * grow]] = True
    seeded[0] = False
    return np.asarray(seeded[labels])


def _confidence(evidence: Evidence, group: Mask, kept: Mask, unit: int) -> float:
    """How sure a group of edges is a blemish: many strong edges, before a lively scene, calmer than it."""
    strong = np.count_nonzero(evidence.score[group] > SEED)
    solid = _solid(evidence, group, unit)
    ring = dilate(solid, 4 * unit) & ~dilate(solid | kept, unit)
    if not ring.any() or np.count_nonzero(solid) > LARGEST * group.size or _is_border(group, unit):
        return 0.0
    inside, outside = float(np.median(evidence.deviation[group])), float(np.median(evidence.deviation[ring]))
    needed = LIVELY_AROUND if inside > OPAQUE else 0.8
    if float((evidence.deviation[ring] >= LIVELY / 2).mean()) < needed or inside > RESTLESS * outside:
        return 0.0
    if float(evidence.score[group].mean()) < CONTRAST * max(1.0, float(np.percentile(evidence.score[ring], 90))):
        return 0.0
    return float(strong / (strong + 8.0 * unit * (1 + 24 * _still(evidence))))


def _still(evidence: Evidence) -> float:
    """Share of the picture that stands still, beyond the little that does in every clip."""
    return max(0.0, 1 - float(evidence.lively.mean()) / 0.9)


def _is_border(group: Mask, unit: int) -> bool:
    """Whether a group is the straight edge of the picture: long, thin, at a side of the frame."""
    height, width = group.shape
    x, y, w, h = cv2.boundingRect(group.astype(np.uint8))
    at_side = x <= 4 * unit or x + w >= width - 4 * unit
    at_end = y <= 4 * unit or y + h >= height - 4 * unit
    return (at_side and w <= 4 * unit and h > height / 2) or (at_end and h <= 4 * unit and w > width / 2)


def _outline(evidence: Evidence, group: Mask, unit: int) -> Mask:
    """The pixels of a blemish with its soft edge and its inside."""
    reach = dilate(_solid(evidence, group, unit), unit)
    outside = ~dilate(reach, unit)
    lifted = np.abs(evidence.relief - pull_push(evidence.relief, outside))
    level = max(2.5, 0.2 * float(np.percentile(lifted[group], 90)))
    hidden = evidence.deviation < 0.5 * pull_push(evidence.deviation, outside)
    body = (group & (evidence.sharp > GROW)) | (reach & ((lifted > level) | hidden))
    return close(body, unit)


def _solid(evidence: Evidence, group: Mask, unit: int) -> Mask:
    """What a group of edges may enclose, and what stands still beside them as long as that is no large area."""
    enclosed = fill_holes(close(group, 4 * unit))
    parts = label((evidence.deviation < OPAQUE) | group)
    touching = np.isin(parts, np.unique(parts[group]))
    wider = fill_holes(close(touching | group, 4 * unit)) | enclosed
    most = min(LARGEST * group.size, 6 * (1 - _still(evidence)) ** 3 * int(np.count_nonzero(enclosed)))
    return wider if int(np.count_nonzero(wider)) <= most else enclosed
