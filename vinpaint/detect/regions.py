"""From evidence per pixel to blemishes: which pixels stand together, which groups convince, where they end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from vinpaint.contracts import FloatMap, Mask
from vinpaint.detect.evidence import LIVELY, OPAQUE, Evidence, integrate
from vinpaint.detect.lines import follow
from vinpaint.detect.ridges import Line
from vinpaint.detect.shapes import close, erode, fill_holes, grouped, label, pull_push
from vinpaint.masks.regions import dilate

Signs: TypeAlias = NDArray[np.float64]
"""(7,): what speaks for and against a group of edges, see ``signs_of``."""

# These thresholds were chosen on ten clips of DAVIS and the nine clips that the evaluator keeps for training, each
# clean and with synthetic blemishes.

GROW = 4.0
"""Score of a blemish's pixels; some have twice that."""

FAINTEST = 0.25
"""Strength, relative to the strongest blemish of a clip, below which a finding is clutter."""

SURE, LIKELY = 0.62, 0.55
"""Confidence from which a group of edges is reported: alone, and beside one that is sure if all the scene moves."""

SEEN = 0.45
"""What the network makes of a mark's pixels; of some it makes twice that."""

DENIED, UNDENIED = 0.3, 0.8
"""What it makes of the clearer pixels of what is none, and the confidence from which it is not asked."""

BACKED, BACKING = 0.45, 0.8
"""Confidence that is enough for edges of whose clearer pixels the network makes so much."""

WEIGHTS_SEEN = (0.0, 1.0, 0.0, 0.0, 0.0, -1.0, -2.0)
OFFSET_SEEN, SURE_SEEN, LIVELIER = -3.2, 0.5, 3.0
"""Of the same signs of what the network sees, beside the logarithm of its odds, the confidence that is needed,
and what it costs to change more than the surroundings do."""

REST = 0.2
"""Share of it that is not among the proven ones, above which it is reported: the outlines of the network are wide."""

ALONE = 0.3
"""What the network makes of the surroundings of a line, at most; those of a stroke of lettering are other strokes."""

MAJORITY = 0.5
"""Share of it below which the rest belongs to the mark that the others prove, whatever is around."""

FEWEST = 10
"""Pixels of such a mark, in squares of the thickness of lettering."""

FAINT_CONTRAST = 0.01
"""Of a group, at least, so that it has a logarithm."""

CLEAR = 6.0
"""Score of the pixels that are counted."""

WEIGHTS = (0.32, 0.43, 3.21, -0.73, 2.66, -1.03, -1.08)
OFFSET = -6.97
"""Of a logistic regression on groups of edges that are and are not blemishes; see ``signs_of`` for the signs.

Fitted by ``python -m vinpaint.benchmarks.fit_marks --clips DIR`` on its generated scenes and on nine clips whose
licences allow it (Apache-2.0, MIT, CC BY, BSD).
"""

LIVELY_AROUND = 0.7
"""Share of moving pixels around a blemish below which it cannot be told from the scene."""

STILL = 0.05
"""Share of the picture that may stand still where likely ones are reported, too."""

PLAIN, BARS = 2.0, 0.9
"""Grey levels of a gradient, and the share of the pixels beside the picture with less, above which these are bars."""

THIN = 0.35
"""Share of a blemish's pixels further inside than the thickness of lettering, below which it is all lines."""

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


def find_regions(evidence: Evidence, likely: FloatMap, lines: Sequence[Line] = ()) -> list[Region]:
    """The sharp-edged blemishes that the evidence proves or the network sees, and lines, largest first.

    Parameters
    ----------
    evidence : Evidence
        Maps of shape (H, W).
    likely : (H, W) float32
        How likely each pixel is part of a mark, 0 to 1; see :func:`vinpaint.detect.net.look`.
    lines : sequence of Line
        Hairs and scratches; see :func:`vinpaint.detect.ridges.find_lines`.

    Returns
    -------
    list of Region
    """
    lines = [line for line in lines if _stands_alone(line.mask, likely)]
    found = [Region(line.mask, line.confidence, float(evidence.loose[line.mask].mean())) for line in lines]
    if lines:
        evidence, likely = _without(lines, evidence, likely)
    proven = [region for region in _proven(evidence, likely) if not _denied(region, likely)]
    found += [*proven, *_seen(evidence, likely, proven)]
    return sorted(_followed(found, evidence), key=lambda region: -int(region.mask.sum()))


def _stands_alone(line: Mask, likely: FloatMap) -> bool:
    """Whether a line is no stroke of lettering."""
    unit = unit_of(likely.shape)
    around = dilate(line, 5 * unit) & ~dilate(line, 2 * unit)
    return bool(not around.any() or likely[around].mean() < ALONE)


def _without(lines: Sequence[Line], evidence: Evidence, likely: FloatMap) -> tuple[Evidence, FloatMap]:
    """What speaks for marks, without what lines account for: they drew clutter beside them into a mark."""
    explained = dilate(np.logical_or.reduce([line.mask for line in lines]), 2 * unit_of(likely.shape))
    score, loose, likely = (
        np.where(explained, np.float32(0), each) for each in (evidence.score, evidence.loose, likely)
    )
    return replace(evidence, score=score, loose=loose), likely


def everything_moves(evidence: Evidence) -> bool:
    """Whether so little of the picture, without bars at its sides, stands still that what does so is no scene."""
    inside = picture_area(evidence)
    plain = np.abs(evidence.gradient[:, ~inside]).max(axis=(0, 2), initial=0) < PLAIN
    barred = inside.any() and plain.mean() > BARS
    return _still(evidence.lively[inside] if barred else evidence.lively) <= STILL


def _followed(regions: list[Region], evidence: Evidence) -> Iterator[Region]:
    """Regions with all of their lines."""
    inside, unit = picture_area(evidence), unit_of(evidence.score.shape)
    further = follow([region.mask for region in regions], evidence.gradient, inside, unit)
    return (replace(region, mask=region.mask | more) for region, more in zip(regions, further, strict=True))


def _denied(region: Region, likely: FloatMap) -> bool:
    """Whether little speaks for a region, and the network sees nothing there: the kerb of a road along the way."""
    seen = likely[region.mask]
    return not seen.size or (region.confidence < UNDENIED and float(np.percentile(seen, 75)) < DENIED)


def _seen(evidence: Evidence, likely: FloatMap, proven: list[Region]) -> list[Region]:
    """Marks that the network sees, as far as they are not among those that are proven."""
    unit = unit_of(likely.shape)
    kept = _hysteresis(np.where(picture_area(evidence), likely, 0), SEEN)
    free = kept.copy()
    for region in proven:
        free &= ~dilate(region.mask, 2 * unit)
    regions = []
    for group in grouped(kept, 2 * unit):
        rest = group & free
        share = np.count_nonzero(rest) / np.count_nonzero(group)
        if share <= REST:
            continue
        # the rest of a proven mark may lie before a ground that stands still
        part_of = [region for region in proven if share < MAJORITY and (region.mask & group).any()]
        if part_of:
            rest = group & ~np.logical_or.reduce([region.mask for region in part_of])
        confidence = max([_seen_confidence(evidence, likely, group, kept), *(part.confidence for part in part_of)])
        if part_of or confidence > SURE_SEEN:
            regions.append(Region(rest, confidence, float(evidence.score[rest].mean())))
    return regions


def _seen_confidence(evidence: Evidence, likely: FloatMap, mask: Mask, kept: Mask) -> float:
    """Probability that what the network sees is a blemish: it knows no more of the frame than what is near."""
    unit = unit_of(likely.shape)
    signs = signs_of(evidence, mask, kept, unit)
    if signs is None or np.count_nonzero(mask) < FEWEST * unit**2:
        return 0.0
    sure = float(logit(np.clip(np.percentile(likely[mask], 75), 1e-6, 1 - 1e-6)))
    livelier = max(float(signs[3]), 0.0)  # than around: what hides the scene changes less
    return float(expit(OFFSET_SEEN + sure + np.dot(WEIGHTS_SEEN, signs) - LIVELIER * livelier))


def _proven(evidence: Evidence, likely: FloatMap) -> list[Region]:
    """The blemishes that the evidence proves."""
    unit = unit_of(evidence.score.shape)
    groups = _groups(evidence, likely, picture_area(evidence), unit)
    if not groups:
        return []
    strongest = max(group.strength for group in groups)
    groups = [group for group in groups if group.strength > FAINTEST * strongest]
    lifted = _lifted(evidence, np.logical_or.reduce([group.reach for group in groups]))
    return [Region(_outline(group, lifted, unit), group.confidence, group.strength) for group in groups]


@dataclass(frozen=True, eq=False)
class _Group:
    """Edges that stand together and convince: themselves, and where their blemish may be."""

    edges: Mask
    reach: Mask
    confidence: float
    strength: float


def _groups(evidence: Evidence, likely: FloatMap, inside: Mask, unit: int) -> list[_Group]:
    """Groups that convince, at rising thresholds; then those that the edges of still scene beside them had hidden."""
    near = inside & dilate(evidence.activity >= LIVELY, 3 * unit)
    score = np.where(near, evidence.score, 0)
    loose = near & (evidence.loose > GROW)
    groups: list[_Group] = []
    for needed, (area, grow) in product((SURE, LIKELY), _levels(evidence, inside, unit)):
        if needed < SURE and (not groups or _still(evidence.lively) > STILL):
            break
        kept = _hysteresis(np.where(area, score, 0), grow)
        for group in list(_convincing(evidence, likely, kept, loose, unit, needed)):
            score[dilate(group.reach, unit)] = 0
            groups.append(group)
    return groups


def _levels(evidence: Evidence, inside: Mask, unit: int) -> tuple[tuple[Mask, float], ...]:
    """Where groups are looked for, and the score they need: everywhere, then amid what moves."""
    amid = erode(close(evidence.activity >= LIVELY, 6 * unit), 3 * unit)
    return ((inside, GROW), (inside, 2 * GROW), (inside, 4 * GROW), (amid, GROW), (amid, 2 * GROW))


def candidates(evidence: Evidence) -> Iterator[tuple[Mask, Signs]]:
    """All groups of edges that are looked at, at every level, with their signs: what the weights are fitted on."""
    unit, inside = unit_of(evidence.score.shape), picture_area(evidence)
    score = np.where(inside & dilate(evidence.activity >= LIVELY, 3 * unit), evidence.score, 0)
    for area, grow in _levels(evidence, inside, unit):
        kept = _hysteresis(np.where(area, score, 0), grow)
        for group in grouped(kept, 2 * unit):
            signs = signs_of(evidence, group, kept, unit)
            if signs is not None:
                yield group, signs


def _convincing(
    evidence: Evidence, likely: FloatMap, kept: Mask, loose: Mask, unit: int, needed: float
) -> Iterator[_Group]:
    """The groups of strong pixels that are blemishes."""
    for edges in grouped(kept, 2 * unit):
        confidence = _confidence(evidence, edges, kept, unit)
        backed = confidence > BACKED and float(np.percentile(likely[edges], 75)) > BACKING
        if confidence > needed or backed:
            strength = float(evidence.score[edges].mean())
            ends = _ends(edges, loose & ~edges, unit)
            reach = dilate(_solid(evidence, edges, unit) | ends, 1.5 * unit)
            yield _Group(edges | ends, reach, confidence, strength)


def _ends(edges: Mask, loose: Mask, unit: int) -> Mask:
    """Less steady pixels that continue a group of edges: parts that touch it and are much smaller."""
    labels = label(dilate(loose, unit / 2))
    touching = np.unique(labels[dilate(edges, unit) & loose])
    sizes = np.bincount(labels[loose], minlength=int(labels.max()) + 1)
    small = [number for number in touching if number and 2 * sizes[number] <= np.count_nonzero(edges)]
    return np.asarray(loose & np.isin(labels, small))


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
    """Probability that a group of edges is a blemish."""
    signs = signs_of(evidence, group, kept, unit)
    return 0.0 if signs is None else float(1 / (1 + np.exp(-OFFSET - np.dot(WEIGHTS, signs))))


def signs_of(evidence: Evidence, group: Mask, kept: Mask, unit: int) -> Signs | None:
    """What speaks for and against a group of edges: many clear and steady ones, before a lively scene, calmer.

    Parameters
    ----------
    evidence : Evidence
        Maps of shape (H, W).
    group : (H, W) bool
        The edges; at least one pixel.
    kept : (H, W) bool
        All edges of their level.
    unit : int
        Thickness of lettering, pixels; see :func:`unit_of`.

    Returns
    -------
    (7,) float64 or None
        In the order of ``WEIGHTS``; None if the group cannot be a blemish.
    """
    solid = _solid(evidence, group, unit)
    ring = dilate(solid, 4 * unit) & ~dilate(solid | kept, unit)
    if not ring.any() or np.count_nonzero(solid) > LARGEST * group.size or _is_border(group, unit):
        return None
    active = float((evidence.activity[ring] >= LIVELY).mean())
    if active < LIVELY_AROUND:
        return None
    clear = np.count_nonzero(evidence.score[group] > CLEAR) * 2 / unit
    contrast = float(evidence.score[group].mean()) / max(1.0, float(np.percentile(evidence.score[ring], 90)))
    inside, outside = float(np.median(evidence.deviation[group])), float(np.median(evidence.deviation[ring]))
    signs = (
        np.log1p(clear),
        np.log(max(contrast, FAINT_CONTRAST)),
        float(evidence.steady[group].mean()),
        np.log((inside + OPAQUE) / (outside + OPAQUE)),
        active,
        _still(evidence.lively),
        _at_edge(group, 4 * unit),
    )
    return np.array(signs)


def _at_edge(group: Mask, margin: int) -> float:
    """Share of a group's pixels that lie close to the frame's edge."""
    inner = group[margin:-margin, margin:-margin]
    return 1 - float(np.count_nonzero(inner)) / float(np.count_nonzero(group))


def _still(lively: Mask) -> float:
    """Share of the picture that stands still, beyond the little that does in every clip."""
    return max(0.0, 1 - float(lively.mean()) / 0.9)


def _is_border(group: Mask, unit: int) -> bool:
    """Whether a group is the straight edge of the picture: long, thin, at a side of the frame."""
    height, width = group.shape
    x, y, w, h = cv2.boundingRect(group.astype(np.uint8))
    at_side = x <= 4 * unit or x + w >= width - 4 * unit
    at_end = y <= 4 * unit or y + h >= height - 4 * unit
    return (at_side and w <= 4 * unit and h > height / 2) or (at_end and h <= 4 * unit and w > width / 2)


def _lifted(evidence: Evidence, reach: Mask) -> FloatMap:
    """By how many levels, in the clearest channel, a place differs from a smooth continuation of its surroundings.

    Gradients that the scene leaves by chance are taken out before the rest is integrated.
    """
    around = ~dilate(reach, 1)
    weight = np.clip((np.maximum(evidence.score, evidence.loose) - 2) / 2, 0, 1) * ~around
    lifted = np.zeros(reach.shape, np.float32)
    for channel in np.moveaxis(evidence.gradient, 3, 0):
        relief = integrate(channel * weight)
        np.maximum(lifted, np.abs(relief - pull_push(relief, around)), out=lifted)
    return lifted


def _outline(group: _Group, lifted: FloatMap, unit: int) -> Mask:
    """The pixels of a blemish with its soft edge and its inside; of a thin one rather too many than too few."""
    level = max(4.0, 0.1 * float(np.percentile(lifted[group.edges], 90)))
    body = label((lifted > level) & group.reach)
    kept = np.unique(body[group.edges])
    mask = np.isin(body, kept[kept > 0]) & group.reach
    thin = np.count_nonzero(erode(mask, unit)) < THIN * np.count_nonzero(mask)
    return dilate(mask, unit / 2) if thin else np.asarray(mask)


def _solid(evidence: Evidence, group: Mask, unit: int) -> Mask:
    """What a group of edges may enclose, and what stands still beside them as long as that is no large area."""
    enclosed = fill_holes(close(group, 4 * unit))
    beside = np.unique(evidence.still[dilate(group, 1.5)])  # also diagonally
    touching = np.isin(evidence.still, beside[beside > 0]) | group
    wider = fill_holes(close(touching, 4 * unit)) | enclosed
    most = min(LARGEST * group.size, 6 * (1 - _still(evidence.lively)) ** 3 * int(np.count_nonzero(enclosed)))
    return wider if int(np.count_nonzero(wider)) <= most else enclosed
