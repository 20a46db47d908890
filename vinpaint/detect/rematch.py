"""Veils measured once more, on frames from which they were taken off.

A patch that was matched through a veil is a mean over places of different opacity, and so are the gains that it tells:
tops get blunt, edges blurred. Where the veil has been taken off pixel by pixel the patches are alike, and what they
still differ by is what the veil was measured wrong. This is repeated until nothing changes much.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from vinpaint.contracts import FloatMap
from vinpaint.detect.calibrate import Lattice, fit_colour, fit_veil, lift
from vinpaint.detect.roundness import rounded
from vinpaint.detect.shading import fit_shading
from vinpaint.detect.veils import Found, transfer
from vinpaint.flow.matching import Matches, match

_CELL = 4  # pixels, at least, and
_NODES = 900  # at most, about
_STRIDE = 3  # pixels between patches
_EVERY = 2  # of the pairs that stains were found with
_AGAIN = (4.0, 4.0, 4.0)  # grey levels; annealing of a fit that starts close
_ROUNDS = 6  # of matching and fitting, at most,
_SETTLED = 0.015  # until the opacity changes by less, on average: most veils need one or two
_MARGIN = 60  # pixels around veils in which patches are matched
_OPAQUE = 0.9  # frames are lifted as if no more was hidden: of less, mostly noise is seen
_UNDERESTIMATED = 3.0  # errors of matched patches are alike, so they average out less than independent ones would
_FAINTEST, _SKIRT = 0.05, 0.08  # opacity at which a veil ends, and share of its peak
_FEWEST = 1000  # matches that tell more than those before
_MOST = 0.97  # opacity that can be told


def measured_again(
    small: NDArray[np.uint8], pairs: Sequence[tuple[int, int]], matches: Matches, found: Sequence[Found]
) -> list[Found]:
    """Veils with sharper tops and edges.

    Parameters
    ----------
    small : (N, H, W, 3) uint8
        RGB.
    pairs : sequence of (int, int)
        Frames to match.
    matches : Matches
        Those that the veils were found with; they tell the shading of the frame.
    found : sequence of Found
        Veils of these frames.

    Returns
    -------
    list of Found
        In the same order.
    """
    if not found:
        return []
    clear = matches
    for each in reversed(found):
        clear = lift(clear, each.lattice, each.veil)
    shading = fit_shading(clear, *small.shape[1:3])
    matches = shading.removed(matches)
    found = [_recoloured(matches, _on_finer_lattice(each)) for each in found]
    for _ in range(_ROUNDS):
        if not any(each.veil.free.any() for each in found):  # all of them are too faint
            break
        again = shading.removed(_matches_without(small, pairs[::_EVERY], found))
        before, found = found, [_fitted(again, each) for each in found]
        if max(map(_change, before, found)) < _SETTLED:
            break
    return found


def opacity(found: Found) -> tuple[FloatMap, FloatMap]:
    """Opacity and its standard error in every pixel of the small pictures: two (H, W) float32."""
    passing = np.exp(-found.lattice.image(found.veil.gain))
    told = passing * found.lattice.image(found.veil.error)
    alpha, told = (np.asarray(each, np.float32) for each in (np.maximum(1 - passing, 0), told))
    return rounded(alpha, told), np.float32(_UNDERESTIMATED) * told


def _change(before: Found, after: Found) -> float:
    """Mean difference of the opacities of two measurements of a veil, where either sees it."""
    one, other = opacity(before)[0], opacity(after)[0]
    place = (one > _FAINTEST) | (other > _FAINTEST)
    return float(np.abs(one - other)[place].mean()) if place.any() else 0.0


def without(pictures: NDArray[np.uint8], found: Sequence[Found]) -> NDArray[np.uint8]:
    """Pictures (N, H, W, 3) from which veils are taken off, as far as anything shows through."""
    scene = pictures.astype(np.float32)
    for each in reversed(found):
        gain = np.minimum(each.lattice.image(each.veil.gain), -np.log(1 - _OPAQUE))[..., None]
        colour = each.veil.colour.astype(np.float32)
        scene = colour + np.exp(gain) * (scene - colour)
    return np.asarray(np.rint(scene.clip(0, 255)), np.uint8)


def _on_finer_lattice(found: Found) -> Found:
    """A veil on nodes as close as its size allows, at most."""
    area = np.count_nonzero(found.veil.free) * found.lattice.cell**2
    cell = min(max(_CELL, round((area / _NODES) ** 0.5)), found.lattice.cell)
    lattice = Lattice(found.lattice.height, found.lattice.width, cell)
    return _shaped(Found(transfer(found.veil, found.lattice, lattice), lattice, found.confidence))


def _shaped(found: Found) -> Found:
    """A veil as round as its errors allow for, without faint skirts."""
    alpha, _ = opacity(found)
    at_nodes = np.asarray(found.lattice.at_nodes(alpha), np.float64)
    free = at_nodes > max(_FAINTEST, _SKIRT * at_nodes.max())
    gain = -np.log1p(-np.minimum(at_nodes, _MOST)) * free
    return replace(found, veil=replace(found.veil, gain=gain, free=free))


def _fitted(matches: Matches, found: Found) -> Found:
    """A veil measured by matches of frames from which it was taken off; as it was if these are few."""
    veil, lattice = found.veil, found.lattice
    veiled = lift(matches, lattice, replace(veil, gain=-veil.gain))  # as if all of a patch had its middle's opacity
    again = fit_veil(veiled, lattice, veil.free, veil.gain, veil.colour, _AGAIN)
    if again.equations < _FEWEST:
        return found
    return _recoloured(veiled, _shaped(replace(found, veil=again)))


def _recoloured(matches: Matches, found: Found) -> Found:
    """A veil of the colour that goes with its opacity."""
    return replace(found, veil=replace(found.veil, colour=fit_colour(matches, found.lattice, found.veil)))


def _matches_without(small: NDArray[np.uint8], pairs: Sequence[tuple[int, int]], found: Sequence[Found]) -> Matches:
    """Matches around veils, of frames from which they are taken off."""
    free = np.max([each.lattice.image(each.veil.free.astype(np.float64)) for each in found], axis=0) > 0
    rows, columns = (np.flatnonzero(free.any(axis=axis)) for axis in (1, 0))
    top, left = max(rows[0] - _MARGIN, 0), max(columns[0] - _MARGIN, 0)
    box = np.s_[:, top : rows[-1] + _MARGIN, left : columns[-1] + _MARGIN]
    matches = match(without(small, found)[box], pairs, _STRIDE)
    corner = np.array([left, top], np.float32)
    return replace(matches, here=matches.here + corner, there=matches.there + corner)
