"""Find soft stains: veils over parts of the frame through which the scene shines.

Spots of the calibration's fields that stand out from their surroundings are proposals. Each is fitted as a veil of one
colour with clear surroundings; it is believed if taking it off makes the matched places agree that did not before,
also for frames that it was not fitted to.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from vinpaint.contracts import FloatMap, Mask
from vinpaint.detect.calibrate import Fields, Lattice, Veil, fit_veil, lift, misfit, solve_fields
from vinpaint.detect.roundness import round_shape
from vinpaint.detect.shapes import component_at, label, pull_push
from vinpaint.flow.matching import Matches

F64 = NDArray[np.float64]

_CELLS = 24  # of the search: along a frame's shorter side
_SMALLEST_CELL = 6  # pixels; patches are twice as large
_NODES = 3000  # of the search, at most, about: its equations are dense
_FINER = 0.6  # of the search's cells: those of the final fit
_RADII = (1.2, 2.0, 3.2, 5.0)  # of spots looked for, in cells
_DIRECTIONS = 16  # places around a spot that it is compared with
_AROUND = 1.7  # their distance, in radii
_PER_LEVEL = 0.02  # weight of one grey level of offset beside one unit of log gain
_SPOTS, _SCORE, _DEEP = 6, 0.08, 0.08  # spots looked at, and what they have at least
_REACH = 1.8  # of a veil, in radii of its spot
_AGREE, _AGREE_ELSEWHERE = 0.57, 0.97  # shares of the matches' differences that may remain: of all, of held-out frames
_STRIKING, _AGREE_STRIKING = 0.25, 0.75  # a spot whose log gain stands out so far needs less
_ROUND, _AGREE_ROUND = 0.18, (0.66, 0.78)  # one that differs so little from a round shape needs less, too
_RAGGED, _AGREE_RAGGED = 0.25, 0.35  # one that differs more needs more
_SIGNIFICANT = 10.0  # opacity over its standard error, at the peak
_PASSES = 2  # of the search: what strikes most hides fainter ones
_VAGUE = 0.035  # median standard error of an opacity, as the equations give it, above which little is known
_LARGEST = 0.4  # share of the nodes that a veil may take
_FEWEST = 3000  # matches that a veil has to explain
_EDGE = 0.1  # of the gain in its middle; a veil ends where it has less
_OPEN = 0.25  # of a rim; a spot that goes on across more reaches further
_GROWTH, _ROUNDS = 1.4, 3  # its reach is then multiplied, at most so often
_FAINT = 0.02  # log gain below which a node is clear
_AGAIN = (6.0, 4.0, 4.0)  # grey levels; annealing of a fit that starts close


@dataclass(frozen=True)
class Spot:
    """A proposal: how much it stands out, how far its gain does, and where it is, in cells."""

    score: float
    depth: float
    x: int
    y: int
    radius: float


@dataclass(frozen=True, eq=False)
class Found:
    """A veil that convinces.

    Attributes
    ----------
    veil : Veil
    lattice : Lattice
        That of the veil.
    confidence : float
        0.5 to 1.
    """

    veil: Veil
    lattice: Lattice
    confidence: float


def find_veils(matches: Matches, usual: FloatMap) -> list[Found]:
    """Find soft stains.

    Parameters
    ----------
    matches : Matches
    usual : (H, W, 3) float32
        Mean colour of every pixel over time, smooth, grey levels.

    Returns
    -------
    list of Found
        The most striking first.
    """
    if len(matches) < _FEWEST:
        return []
    lattice = _search_lattice(usual)
    start = np.asarray(lattice.at_nodes(usual), np.float64)
    found: list[tuple[Veil, float]] = []
    clearer = matches  # without the veils found so far
    for _ in range(_PASSES):
        known = len(found)
        fields = solve_fields(clearer, lattice, usual)
        for spot in _spots(fields):
            if any(veil.gain[spot.y, spot.x] > _FAINT for veil, _ in found):
                continue
            veil = _trimmed(clearer, lattice, _fit(clearer, lattice, *_extent(lattice, fields, spot), start))
            confidence = _confidence(clearer, lattice, veil, striking=spot.depth > _STRIKING)
            if confidence >= 0.5:
                found.append((veil, confidence))
                clearer = lift(clearer, lattice, veil)
        if len(found) == known:
            break
    return [each for each in _refined(matches, lattice, _merged(found)) if _well_known(each.veil)]


def _well_known(veil: Veil) -> bool:
    """Whether the opacity of a veil is told by matches, and not only by its smoothness, on most of it."""
    solid = veil.gain > 2 * _FAINT
    error = veil.error * np.exp(-veil.gain)
    return bool(solid.any() and np.median(error[solid]) < _VAGUE)


def fit_veils(matches: Matches, usual: FloatMap, masks: Sequence[Mask]) -> list[Found | None]:
    """Measure veils whose places are known.

    Parameters
    ----------
    matches : Matches
    usual : (H, W, 3) float32
        See :func:`find_veils`.
    masks : sequence of (H, W) bool
        Where each is.

    Returns
    -------
    list of (Found or None)
        None where the matches do not tell that something is there.
    """
    lattice = _search_lattice(usual)
    if len(matches) < _FEWEST:
        return [None] * len(masks)
    fields = solve_fields(matches, lattice, usual)
    start = np.asarray(lattice.at_nodes(usual), np.float64)
    return [_fit_mask(matches, lattice, fields, start, mask) for mask in masks]


def _fit_mask(matches: Matches, lattice: Lattice, fields: Fields, usual: F64, mask: Mask) -> Found | None:
    free = _nodes_of(mask, lattice)
    veil = _fit(matches, lattice, free, _over_surroundings_of(fields, free), usual)
    confidence = _confidence(matches, lattice, veil, striking=True)
    if confidence < 0.5:
        return None
    finer = _finer(lattice)
    start = transfer(veil, lattice, finer)
    free = _nodes_of(mask, finer)
    return Found(fit_veil(matches, finer, free, start.gain * free, veil.colour, _AGAIN), finer, confidence)


def _nodes_of(mask: Mask, lattice: Lattice) -> NDArray[np.bool_]:
    """The nodes whose cells hold a part of a mask."""
    side = 2 * lattice.cell - 1
    near = cv2.dilate(mask.astype(np.uint8), np.ones((side, side), np.uint8)) > 0
    return np.asarray(lattice.at_nodes(near), bool)


def _search_lattice(usual: FloatMap) -> Lattice:
    height, width = usual.shape[:2]
    least = math.ceil((height * width / _NODES) ** 0.5)
    return Lattice(height, width, max(_SMALLEST_CELL, round(min(height, width) / _CELLS), least))


def _finer(lattice: Lattice) -> Lattice:
    return Lattice(lattice.height, lattice.width, max(_SMALLEST_CELL, round(_FINER * lattice.cell)))


def _disc(lattice: Lattice, spot: Spot, radius: float) -> NDArray[np.bool_]:
    rows, columns = np.ogrid[: lattice.shape[0], : lattice.shape[1]]
    return np.asarray(np.hypot(rows - spot.y, columns - spot.x) <= radius)


def _spots(fields: Fields) -> list[Spot]:
    """The places that stand out most, most striking first, apart from each other."""
    kept: list[Spot] = []
    for spot in sorted(_all_spots(fields), key=lambda spot: -spot.score * spot.radius**0.25):
        apart = (np.hypot(spot.x - k.x, spot.y - k.y) > _AROUND * max(spot.radius, k.radius) for k in kept)
        if spot.score > _SCORE and spot.depth > _DEEP and all(apart):
            kept.append(spot)
    return kept[:_SPOTS]


def _all_spots(fields: Fields) -> Iterator[Spot]:
    for radius in _RADII:
        depth = _above_ring(fields.gain, radius)
        shifts = [fields.offset[..., c] for c in range(3)]
        level = np.max([np.maximum(_above_ring(s, radius), _above_ring(-s, radius)) for s in shifts], axis=0)
        score = np.minimum(depth, 1) + _PER_LEVEL * np.clip(level, 0, 50)
        rows, columns = np.ogrid[: score.shape[0], : score.shape[1]]
        for _ in range(_SPOTS):
            y, x = (int(v) for v in np.unravel_index(int(score.argmax()), score.shape))
            yield Spot(float(score[y, x]), float(depth[y, x]), x, y, radius)
            score[np.hypot(rows - y, columns - x) < 2 * radius] = -np.inf


def _above_ring(image: F64, radius: float) -> F64:
    """How far every place lies above all but two of the places around it."""
    blurred = cv2.GaussianBlur(image, (0, 0), max(0.5, radius / 2.5))
    pad = int(np.ceil(_AROUND * radius)) + 1
    wide = cv2.copyMakeBorder(blurred, pad, pad, pad, pad, cv2.BORDER_REPLICATE)
    angles = 2 * np.pi * np.arange(_DIRECTIONS) / _DIRECTIONS
    offsets = np.rint(_AROUND * radius * np.c_[np.sin(angles), np.cos(angles)]).astype(int) + pad
    height, width = image.shape
    around = np.sort([wide[dy : dy + height, dx : dx + width] for dy, dx in offsets], axis=0)
    return np.asarray(blurred - around[-3], np.float64)


def _fit(matches: Matches, lattice: Lattice, free: NDArray[np.bool_], parts: list[F64], usual: F64) -> Veil:
    """A veil on some nodes; gain and offsets there over those around are where the fit starts."""
    gain = np.where(free, np.maximum(parts[0], _FAINT), 0)
    more = np.expm1(gain)[..., None]
    colour = (more * (more * usual - np.stack(parts[1:], axis=-1)))[free].sum(axis=0) / ((more[free] ** 2).sum() + 0.05)
    return fit_veil(matches, lattice, free, gain, colour)


def _extent(lattice: Lattice, fields: Fields, spot: Spot) -> tuple[NDArray[np.bool_], list[F64]]:
    """The nodes of a spot, and gain and offsets there over those around it."""
    radius = _REACH * spot.radius + 1
    for _ in range(_ROUNDS):
        disc = _disc(lattice, spot, radius)
        parts = _over_surroundings_of(fields, disc)
        shift = _PER_LEVEL * _along(np.stack(parts[1:], axis=-1), spot)
        # offsets show the shape better where they are large, and only noise where the veil has the scene's colour
        strength = parts[0] + shift if shift[spot.y, spot.x] > parts[0][spot.y, spot.x] else parts[0]
        inside = component_at((strength > _EDGE * strength[spot.y, spot.x]) & disc, spot.x, spot.y)
        rim = disc & ~_disc(lattice, spot, radius - 1)
        if (inside & rim).sum() < _OPEN * rim.sum():
            break
        radius *= _GROWTH
    return _grown(inside, 1), parts


def _along(offset: F64, spot: Spot) -> F64:
    """Offsets in the direction that they have in the middle of a spot, grey levels a channel."""
    middle = offset[spot.y, spot.x]
    return np.asarray(offset @ (middle / max(float(np.sqrt(3) * np.linalg.norm(middle)), 1e-6)), np.float64)


def _over_surroundings_of(fields: Fields, nodes: NDArray[np.bool_]) -> list[F64]:
    """Gain and offsets over what they are around some nodes."""
    parts = [np.asarray(part, np.float32) for part in (fields.gain, *np.moveaxis(fields.offset, 2, 0))]
    return [np.asarray(part - pull_push(part, ~nodes), np.float64) for part in parts]


def _confidence(matches: Matches, lattice: Lattice, veil: Veil, *, striking: bool) -> float:
    """Probability that a veil is one, 0.5 and more if it is believed; less is asked of a striking one."""
    peak = np.unravel_index(int(veil.gain.argmax()), veil.gain.shape)
    opacity, error = -np.expm1(-veil.gain[peak]), veil.error[peak] * np.exp(-veil.gain[peak])
    beyond = np.abs(veil.colour - 127.5).min() >= 127  # it would have to be brighter than white, or darker than black
    if veil.equations < _FEWEST or opacity < _SIGNIFICANT * error or beyond or veil.free.mean() > _LARGEST:
        return 0.0
    remaining, raggedness = _share(misfit(matches, lattice, veil)), _raggedness(lattice, veil)
    bounds = [(_AGREE, _AGREE_ELSEWHERE)]
    bounds += [(_AGREE_STRIKING, _AGREE_STRIKING)] * striking + [_AGREE_ROUND] * (raggedness < _ROUND)
    most = max(share for share, _ in bounds)
    if remaining > (most if raggedness < _RAGGED else _AGREE_RAGGED):
        return 0.0
    elsewhere = _elsewhere(matches, lattice, veil)
    agrees = any(remaining <= here and elsewhere <= there for here, there in bounds)
    return 1 - 0.5 * remaining / most if agrees else 0.0


def _trimmed(matches: Matches, lattice: Lattice, veil: Veil) -> Veil:
    """A veil without what makes it ragged: fitted again where the round shape is that comes nearest to it."""
    if _raggedness(lattice, veil) < _ROUND:
        return veil
    shape = lattice.at_nodes(round_shape(_opacity(lattice, veil)))
    return fit_veil(matches, lattice, shape > _EDGE * shape.max(), veil.gain, veil.colour, _AGAIN)


def _raggedness(lattice: Lattice, veil: Veil) -> float:
    """How much the opacity of a veil differs from the nearest round shape, relative to it."""
    alpha = _opacity(lattice, veil)
    difference = np.square(alpha - round_shape(alpha)).sum() if alpha.any() else 0.0
    return float(np.sqrt(difference / max(float(np.square(alpha).sum()), 1e-6)))


def _opacity(lattice: Lattice, veil: Veil) -> FloatMap:
    """The opacity of a veil in every pixel."""
    return np.maximum(-np.expm1(-lattice.image(veil.gain)), 0).astype(np.float32)


def _elsewhere(matches: Matches, lattice: Lattice, veil: Veil) -> float:
    """The share of differences that remains on each half of the frames if the veil is fitted to the other."""
    early = matches.frame < np.median(matches.frame)
    total = np.zeros(2)
    for half in (early, ~early):
        other = fit_veil(matches[half], lattice, veil.free, veil.gain, veil.colour, _AGAIN)
        total += misfit(matches[~half], lattice, other)
    return _share((total[0], total[1]))


def _share(before_after: tuple[float, float]) -> float:
    before, after = before_after
    return after / before if before > 0 else 1.0


def _ending(veil: Veil) -> NDArray[np.bool_]:
    """The nodes at which a veil may be, given one that was fitted: fewer where it is clear, more where it goes on."""
    peak = veil.gain.max()
    labels = label(veil.gain > max(2 * _FAINT, _EDGE * peak))
    solid = np.isin(labels, np.setdiff1d(labels[veil.gain > 0.5 * peak], [0]))
    return _grown(solid, 1) & (veil.free | _grown(veil.gain > 2 * _EDGE * peak, 1))


def _grown(nodes: NDArray[np.bool_], radius: int) -> NDArray[np.bool_]:
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    return np.asarray(cv2.dilate(nodes.astype(np.uint8), disc) > 0)


def _merged(found: list[tuple[Veil, float]]) -> list[tuple[Veil, float]]:
    """Veils that overlap, as one: of one dirt."""
    merged: list[tuple[Veil, float]] = []
    for veil, confidence in found:
        for index, (other, sure) in enumerate(merged):
            if ((veil.gain > _FAINT) & (other.gain > _FAINT)).any():
                both = replace(other, gain=other.gain + veil.gain, free=other.free | veil.free)
                merged[index] = both, max(confidence, sure)
                break
        else:
            merged.append((veil, confidence))
    return merged


def _refined(matches: Matches, lattice: Lattice, found: list[tuple[Veil, float]]) -> list[Found]:
    """Veils fitted once more on a finer lattice, each without the others."""
    finer = _finer(lattice)
    starts = [transfer(veil, lattice, finer) for veil, _ in found]
    refined: list[Found] = []
    for index, (_, confidence) in enumerate(found):
        clearer = matches
        for other in (*(done.veil for done in refined), *starts[index + 1 :]):
            clearer = lift(clearer, finer, other)
        start = starts[index]
        veil = fit_veil(clearer, finer, start.free, start.gain, start.colour, _AGAIN)
        for _ in range(_ROUNDS):
            veil = fit_veil(clearer, finer, _ending(veil), veil.gain, veil.colour, _AGAIN)
        refined.append(Found(veil, finer, confidence))
    return refined


def transfer(veil: Veil, source: Lattice, target: Lattice) -> Veil:
    """A veil on the nodes of another lattice of the same frame."""
    gain, error = (np.asarray(target.at_nodes(source.image(each)), np.float64) for each in (veil.gain, veil.error))
    free = np.asarray(target.at_nodes(source.image(veil.free.astype(np.float64)))) > 0.3
    return replace(veil, gain=np.where(free, gain, 0), error=error, free=free)
