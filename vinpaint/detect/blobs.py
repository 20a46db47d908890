"""Soft stains: round places without edges where the picture is calmer, or differs, from all of its surroundings.

A stain that lets the scene shine through changes every pixel by a fixed factor and a fixed offset. That lowers the
deviation over time but not the correlation over time with the neighbours; a thing that the camera follows lowers
both. A nearly opaque stain has no such correlation left, but no scene has one pit so much deeper than all others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vinpaint.contracts import FloatMap, Mask
from vinpaint.detect.evidence import Evidence
from vinpaint.detect.shapes import component_at, disc, pull_push

# These thresholds were chosen on ten clips of DAVIS and the nine clips that the evaluator keeps for training, each
# clean and with synthetic blemishes.

RADII = (0.04, 0.06, 0.09, 0.13)
"""Radii looked for (of a stain's core), in shorter sides of the frame."""

DIRECTIONS = 12
"""Places around a spot that it is compared with."""

PER_LEVEL = 0.04
"""Weight of one grey level of difference beside one unit of log deviation."""

CLEAR = 0.68
"""Depth that a stain has at least, of 3."""

OUTSTANDING = 2.0
"""Depth of a stain in multiples of the RANK-th deepest place: scenes have many pits of a kind, lenses few stains."""

RANK = 5

LAG = 1 / 30
"""Distance of the neighbours that are correlated, at least, in shorter sides of the frame."""

DEEP, ALONE = 1.1, 5.0
"""A spot this deep, and so many times deeper than all that are not, is a stain: scenes have pits of every depth."""

CORRELATED = 0.55
"""Correlation with neighbours at the rim of a stain that lets the scene shine through."""

ALIKE = 0.85, 1.3
"""Bounds of that correlation relative to the one further out; a thing that the camera follows has its own."""

FLAT = 64.0**2
"""Variance (in the units of the coarse stack) below which a correlation means nothing."""

INSIDE_RIM, BEYOND = (0.5, 1.0), (1.6, 2.6)
"""Distances from the centre, in radii, at which the two are taken."""

EVERYWHERE = 0.8
"""Share of moving pixels below which a soft stain cannot be told from a still scene."""

RIM = 0.15
"""Share of a stain's peak at which its mask ends."""


@dataclass(frozen=True)
class Spot:
    """A candidate: its depth, centre and radius in pixels; the first pixel covers (0, 0) to (1, 1)."""

    depth: float
    x: float
    y: float
    radius: float


def find_spots(evidence: Evidence, inside: Mask) -> Iterator[tuple[Mask, float]]:
    """Find soft stains.

    Parameters
    ----------
    evidence : Evidence
        Maps of shape (H, W).
    inside : (H, W) bool
        Where the picture is; stains are looked for there.

    Yields
    ------
    mask : (H, W) bool
        Pixels of one stain; the deepest stain comes first.
    confidence : float
        0 to 1.
    """
    maps = (_logarithm(evidence.deviation, 2), _logarithm(evidence.detail, 1), evidence.soft_relief)
    if int((evidence.lively & inside).sum()) < EVERYWHERE * max(1, int(inside.sum())):
        return
    spots = _apart(_spots(maps, inside))
    needed = max(CLEAR, OUTSTANDING * spots[RANK - 1].depth if len(spots) >= RANK else CLEAR)
    usual = max((spot.depth for spot in spots if spot.depth < DEEP), default=0.0)
    for spot in spots:
        alone = spot.depth > max(DEEP, ALONE * usual)
        if alone or (spot.depth > needed and _shines_through(evidence, spot)):
            yield _shape(maps, spot), min(0.99, spot.depth / (spot.depth + CLEAR / 2))


def _apart(spots: Iterable[Spot]) -> list[Spot]:
    """The deepest spots, deepest first, without those close to a deeper one."""
    kept: list[Spot] = []
    for spot in sorted(spots, key=lambda spot: -spot.depth * spot.radius**0.25):  # of like ones, the larger
        if all(np.hypot(spot.x - k.x, spot.y - k.y) > 2 * max(spot.radius, k.radius) for k in kept):
            kept.append(spot)
    return kept


def _logarithm(image: FloatMap, floor: float) -> FloatMap:
    return np.asarray(np.log(image + np.float32(floor)), np.float32)


def _spots(maps: tuple[FloatMap, FloatMap, FloatMap], inside: Mask) -> Iterator[Spot]:
    """The deepest places of every radius."""
    height, width = inside.shape
    for radius in (share * min(height, width) for share in RADII):
        step = max(1, int(radius / 6))
        size = (max(1, width // step), max(1, height // step))
        depth = _depth([np.asarray(cv2.resize(m, size, interpolation=cv2.INTER_AREA)) for m in maps], radius / step)
        within = cv2.erode(inside.astype(np.uint8), np.ones((2 * int(0.5 * radius) + 1,) * 2), borderValue=0)
        depth *= cv2.resize(within, size, interpolation=cv2.INTER_NEAREST)
        for _ in range(RANK + 1):
            y, x = (int(v) for v in np.unravel_index(int(depth.argmax()), depth.shape))
            scale_x, scale_y = width / size[0], height / size[1]
            yield Spot(float(depth[y, x]), (x + 0.5) * scale_x, (y + 0.5) * scale_y, radius)
            depth[disc(depth.shape, x, y, 2 * radius / step)] = 0


def _depth(maps: list[FloatMap], radius: float) -> FloatMap:
    """How much calmer, plainer and different a place is than its surroundings; each part at most 1."""
    deviation, detail, relief = (_ring(m, radius) for m in maps)
    level = PER_LEVEL * np.maximum(below_ring(relief), above_ring(relief))
    calm, plain = below_ring(deviation), below_ring(detail)
    return np.asarray(sum(np.clip(part, -0.3, 1) for part in (calm, plain, level)), np.float32)


def _ring(image: FloatMap, radius: float) -> FloatMap:
    """The blurred image, followed by its sorted values around every place: (1 + DIRECTIONS, H, W)."""
    blurred = cv2.GaussianBlur(image, (0, 0), radius / 2.5)
    pad = int(np.ceil(1.7 * radius))
    wide = cv2.copyMakeBorder(blurred, pad, pad, pad, pad, cv2.BORDER_REPLICATE)
    angles = 2 * np.pi * np.arange(DIRECTIONS) / DIRECTIONS
    offsets = np.rint(1.6 * radius * np.c_[np.sin(angles), np.cos(angles)]).astype(int) + pad
    height, width = image.shape
    around = np.sort([wide[dy : dy + height, dx : dx + width] for dy, dx in offsets], axis=0)
    return np.asarray(np.concatenate([blurred[None], around]), np.float32)


def below_ring(ring: FloatMap) -> FloatMap:
    """How far every place lies below all but one of its surroundings (above them: negative).

    Parameters
    ----------
    ring : (1 + DIRECTIONS, H, W) float32
        The map, then its values around every place, rising.

    Returns
    -------
    (H, W) float32
        In the units of the map.
    """
    return np.asarray(ring[2] - ring[0], np.float32)


def above_ring(ring: FloatMap) -> FloatMap:
    """How far every place lies above all but one of its surroundings; see :func:`below_ring`."""
    return np.asarray(ring[0] - ring[-2], np.float32)


def _shines_through(evidence: Evidence, spot: Spot) -> bool:
    """Whether the scene goes on at the rim: neighbours there change together as they do further out."""
    at_rim, beyond = _correlations(evidence, spot)
    return at_rim > CORRELATED and ALIKE[0] * beyond < at_rim < ALIKE[1] * beyond


def _correlations(evidence: Evidence, spot: Spot) -> tuple[float, float]:
    """Mean correlation over time of pixels with their neighbours, inside the rim of a spot and beyond it."""
    stack, scale = evidence.coarse, evidence.coarse_scale
    lag = max(1, round(max(spot.radius / 3, LAG * min(evidence.score.shape)) / scale))
    reach = BEYOND[1] * spot.radius / scale + lag + 1
    x, y = spot.x / scale, spot.y / scale
    top, left = max(0, int(y - reach)), max(0, int(x - reach))
    part = stack[:, top : int(y + reach) + 1, left : int(x + reach) + 1].astype(np.float32)
    part -= part.mean(axis=0)
    rim: list[FloatMap] = []
    beyond: list[FloatMap] = []
    for axis in (1, 2):
        size = part.shape[axis]
        if size <= lag:
            continue
        a, b = np.take(part, range(size - lag), axis), np.take(part, range(lag, size), axis)
        correlation = (a * b).mean(axis=0) / (np.sqrt((a * a).mean(axis=0) * (b * b).mean(axis=0)) + FLAT)
        rows, columns = np.mgrid[: a.shape[1], : a.shape[2]]
        shift = np.array([lag / 2 if axis == 1 else 0, lag / 2 if axis == 2 else 0])
        distance = np.hypot(rows + top + shift[0] + 0.5 - y, columns + left + shift[1] + 0.5 - x)
        distance /= spot.radius / scale
        for values, (near, far) in ((rim, INSIDE_RIM), (beyond, BEYOND)):
            values.append(correlation[(distance > near) & (distance < far)])
    return _mean(rim), _mean(beyond)


def _mean(parts: list[NDArray[np.float32]]) -> float:
    values = np.concatenate(parts) if parts else np.zeros(0, np.float32)
    return float(values.mean()) if values.size else 0.0


def _shape(maps: tuple[FloatMap, FloatMap, FloatMap], spot: Spot) -> Mask:
    """The pixels of a stain: connected to its centre, above a share of its peak."""
    centre = spot.x - 0.5, spot.y - 0.5  # in pixels whose middle is whole
    wide = disc(maps[0].shape, *centre, 2.2 * spot.radius)
    total = np.zeros(wide.shape, np.float32)
    for image, weight in zip(maps, (1, 1, PER_LEVEL), strict=True):
        smooth = np.asarray(cv2.GaussianBlur(image, (0, 0), max(1, spot.radius / 6)), np.float32)
        drop = pull_push(smooth, ~wide) - smooth
        sign = 1 if weight == 1 else float(np.sign(drop[int(spot.y), int(spot.x)]))
        total += np.float32(weight * sign) * drop
    peak = float(total[disc(wide.shape, *centre, max(1, spot.radius / 3))].mean())
    return component_at((total > RIM * peak) & wide, int(spot.x), int(spot.y))
