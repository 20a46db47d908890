"""Photometric self-calibration: how much of the scene passes each place of the frame, and what is added there.

The same point of a scene, seen at two places of the frame, gives one equation about what lies in front of these.
With a veil of opacity α and colour c, observed = (1 − α)·scene + α·c, so scene − c = u·(observed − c), u = 1/(1 − α).
Matched patches of neighbouring frames give many such equations; where they lead out of the veil its opacity follows.
The ratio of contrasts is taken symmetrically (both patches carry the same errors), so that wrong matches do not make
veils: it falls back on the assumption that all places see the same scenes, as for sensors (Harris & Chiang 1999).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy import linalg, sparse

from vinpaint.contracts import FloatMap
from vinpaint.flow.matching import Matches

F64 = NDArray[np.float64]

_ANNEALING = (40.0, 20.0, 10.0, 6.0, 4.0)  # grey levels; residuals above count less and less (Cauchy)
_UNIT = 0.05  # of log gain; smoothness and anchors are relative to it
_CONTRAST_ERROR = 0.27  # of the logarithm of a ratio of contrasts
_CONTRAST_TAIL = 0.2, 0.5  # beyond which such ratios count less: in the end, in the first rounds
_FREE_LIMIT, _VEIL_LIMIT = 80_000, 40_000  # matches that are enough
_FREE_SMOOTH, _FREE_ANCHOR = 0.2, 0.1
_OFFSET_SMOOTH, _OFFSET_ANCHOR, _OFFSET_BEND = 0.6, 0.15, 2.0
_GAIN_BEND = 0.03
_VEIL_SMOOTH, _VEIL_ANCHOR = 0.1, 0.001
_COLOUR_ANCHOR = 0.02
_TELLING = 0.3  # of the largest gain: matches of places that differ so much tell whether there is a veil,
_TELL_AT_LEAST = 80.0  # and those beyond this percentile anyway
_STEP, _COLOUR_STEP = 0.5, 40.0  # largest change of a log gain and of a colour in one round
_GAINS = -0.02, 3.5  # bounds of log gains: opacities up to 0.97


@dataclass(frozen=True)
class Lattice:
    """Nodes over a frame, and bilinear functions between them.

    Attributes
    ----------
    height, width : int
        Of the frame, pixels.
    cell : int
        Pixels between nodes.
    """

    height: int
    width: int
    cell: int

    @property
    def shape(self) -> tuple[int, int]:
        """Nodes: rows, columns."""
        return (self.height - 2) // self.cell + 2, (self.width - 2) // self.cell + 2

    def places(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The nodes' rows and columns in pixels, inside the frame."""
        rows, columns = (np.arange(count) * self.cell for count in self.shape)
        return np.minimum(rows, self.height - 1), np.minimum(columns, self.width - 1)

    def at_nodes(self, image: NDArray[Any]) -> NDArray[Any]:
        """The values of a picture (H, W, …) at the nodes."""
        return image[np.ix_(*self.places())]

    def weights(self, points: NDArray[np.float32]) -> tuple[NDArray[np.int32], F64]:
        """Numbers of the four nodes around points (N, 2), and their weights: both (N, 4)."""
        rows, columns = self.shape
        x = np.clip(points[:, 0] / self.cell, 0, columns - 1.001)
        y = np.clip(points[:, 1] / self.cell, 0, rows - 1.001)
        left, top = x.astype(np.int32), y.astype(np.int32)
        dx, dy = x - left, y - top
        first = top * columns + left
        nodes = np.stack([first, first + 1, first + columns, first + columns + 1], axis=1)
        shares = np.stack([(1 - dx) * (1 - dy), dx * (1 - dy), (1 - dx) * dy, dx * dy], axis=1)
        return nodes, shares.astype(np.float64)

    def image(self, values: F64) -> FloatMap:
        """The function with given values at the nodes, as a picture."""
        columns, rows = (np.arange(size, dtype=np.float32) / self.cell for size in (self.width, self.height))
        values = values.reshape(self.shape).astype(np.float32)
        return np.asarray(cv2.remap(values, *np.meshgrid(columns, rows), cv2.INTER_LINEAR), np.float32)

    def roughness(self) -> sparse.csr_matrix:
        """The quadratic form of squared second differences."""
        across, down = (_second_difference(count) for count in self.shape[::-1])
        rows, columns = self.shape
        laplacian = sparse.kron(sparse.eye(rows), across) + sparse.kron(down, sparse.eye(columns))
        return (laplacian.T @ laplacian).tocsr()


def _second_difference(count: int) -> sparse.csr_matrix:
    diagonal = np.full(count, 2.0)
    diagonal[[0, -1]] = 1
    return sparse.diags([-np.ones(count - 1), diagonal, -np.ones(count - 1)], [-1, 0, 1]).tocsr()


@dataclass(frozen=True, eq=False)
class Fields:
    """What the equations say without any assumption about veils: scene ≈ e^gain·(observed − usual) + usual + offset.

    Attributes
    ----------
    gain : (rows, columns) float64
        At the nodes; the logarithm of 1/(1 − α).
    offset : (rows, columns, 3) float64
        Grey levels.
    """

    gain: F64
    offset: F64


@dataclass(frozen=True, eq=False)
class Veil:
    """One veil: its opacity at the nodes, and its colour.

    Attributes
    ----------
    gain : (rows, columns) float64
        The logarithm of 1/(1 − α); 0 outside.
    colour : (3,) float64
        Grey levels.
    error : (rows, columns) float64
        Standard error of ``gain``.
    free : (rows, columns) bool
        Nodes at which it was looked for.
    equations : int
        Matches that it was fitted to.
    """

    gain: F64
    colour: F64
    error: F64
    free: NDArray[np.bool_]
    equations: int


@njit(cache=True, nogil=True)
def _add_normal(
    nodes: NDArray[np.int32], shares: F64, slope: F64, residual: F64, weight: F64, matrix: F64, right: F64
) -> None:
    """Add weighted equations residual + slope·Σ shares·x[nodes] ≈ 0 to normal equations (lower triangle)."""
    for k in range(residual.shape[0]):
        if weight[k] <= 0:
            continue
        for p in range(8):
            if shares[k, p] == 0:
                continue
            i = nodes[k, p]
            scaled = slope[k] * shares[k, p] * weight[k]
            right[i] -= scaled * residual[k]
            for q in range(8):
                j = nodes[k, q]
                if j <= i:
                    matrix[i, j] += scaled * slope[k] * shares[k, q]


class _System:
    """The equations of some matches on the free nodes of a lattice."""

    def __init__(self, matches: Matches, lattice: Lattice, free: NDArray[np.bool_], limit: int) -> None:
        matches = _thin(_touching(matches, lattice, free), limit)
        number = np.where(free.ravel(), np.cumsum(free.ravel()) - 1, -1).astype(np.int32)
        (here, at_here), (there, at_there) = lattice.weights(matches.here), lattice.weights(matches.there)
        nodes = number[np.concatenate([here, there], axis=1)]
        shares = np.where(nodes >= 0, np.concatenate([at_here, -at_there], axis=1), 0)
        self.matches = matches
        self.nodes, self.shares = np.maximum(nodes, 0), shares
        self.size = int(np.count_nonzero(free))
        index = np.flatnonzero(free.ravel())
        self.rough = lattice.roughness()[index][:, index].toarray()

    def at(self, values: F64) -> tuple[F64, F64]:
        """The values of a function on the nodes at both places of every match."""
        parts = values[self.nodes] * self.shares
        return parts[:, :4].sum(axis=1), -parts[:, 4:].sum(axis=1)

    def normal(self, slope: F64, residual: F64, weight: F64, matrix: F64, right: F64) -> None:
        """Add equations to normal equations."""
        _add_normal(self.nodes, self.shares, slope, residual, weight, matrix, right)

    def project(self, values: F64) -> F64:
        """The sum over all equations of their values times their shares of each node."""
        weights = (self.shares * values[:, None]).ravel()
        return np.asarray(np.bincount(self.nodes.ravel(), weights, self.size), np.float64)

    def add_contrast(self, gain_here: F64, gain_there: F64, tail: float, matrix: F64, right: F64) -> None:
        """Add the equations of the patches' contrasts: their logarithms differ as the gains do."""
        residual = gain_here - gain_there + self.matches.contrast
        weight = self.matches.weight / (_CONTRAST_ERROR**2 * (1 + (residual / tail) ** 2))
        self.normal(np.ones(len(residual)), residual, weight, matrix, right)


def _touching(matches: Matches, lattice: Lattice, free: NDArray[np.bool_]) -> Matches:
    """The matches that say something about the free nodes."""
    if free.all():
        return matches
    near = cv2.dilate(free.astype(np.uint8), np.ones((2, 2), np.uint8), anchor=(0, 0))  # cells with a free corner
    columns, rows = near.shape[1], near.shape[0]
    touches = np.zeros(len(matches), bool)
    for points in (matches.here, matches.there):
        x = (points[:, 0] / lattice.cell).astype(np.int32).clip(0, columns - 1)
        y = (points[:, 1] / lattice.cell).astype(np.int32).clip(0, rows - 1)
        touches |= near[y, x] > 0
    return matches[touches]


def _thin(matches: Matches, limit: int) -> Matches:
    """At most so many matches, evenly taken."""
    return matches[:: -(-len(matches) // limit)] if len(matches) > limit else matches


def _solve(matrix: F64, right: F64) -> F64:
    return np.asarray(linalg.cho_solve(linalg.cho_factor(matrix, lower=True, check_finite=False), right), np.float64)


def solve_fields(matches: Matches, lattice: Lattice, usual: FloatMap) -> Fields:
    """Gains and offsets of the whole frame, most of it taken to be clear.

    Parameters
    ----------
    matches : Matches
    lattice : Lattice
    usual : (H, W, 3) float32
        Mean colour of every pixel over time, smooth, grey levels; offsets are those at this level.

    Returns
    -------
    Fields
        Gauge: most nodes are near 0.
    """
    system = _System(matches, lattice, np.ones(lattice.shape, bool), _FREE_LIMIT)
    here, there = _levels(usual, system.matches.here), _levels(usual, system.matches.there)
    gain, offset = np.zeros(system.size), np.zeros((system.size, 3))
    for sigma in _ANNEALING:
        offset = _offset_round(system, gain, offset, (here, there), sigma)
        gain = _gain_round(system, gain, offset, (here, there), sigma)
    return Fields(gain.reshape(lattice.shape), offset.reshape(*lattice.shape, 3))


def _levels(image: FloatMap, points: NDArray[np.float32]) -> F64:
    """A picture's values (N, 3) at the nearest pixels of points."""
    height, width = image.shape[:2]
    x, y = np.rint(points.T).astype(np.int64)
    return np.asarray(image[y.clip(0, height - 1), x.clip(0, width - 1)], np.float64)


def _scenes(
    system: _System, gain: F64, offset: F64, usual: tuple[F64, F64]
) -> tuple[tuple[F64, F64], tuple[F64, F64], F64]:
    """Log gains, and offsets plus usual levels, at both places; the difference of the scenes there."""
    gains = system.at(gain)
    shifts = [system.at(offset[:, c]) for c in range(3)]
    bases = tuple(usual[k] + np.stack([shift[k] for shift in shifts], axis=1) for k in range(2))
    levels = system.matches.level_here, system.matches.level_there
    scenes = [np.exp(gains[k])[:, None] * (levels[k] - usual[k]) + bases[k] for k in range(2)]
    return gains, (bases[0], bases[1]), scenes[0] - scenes[1]


def _trust(system: _System, difference: F64, sigma: float) -> F64:
    """Weights of matches: their own, less for residuals above ``sigma``."""
    return np.asarray(system.matches.weight / (1 + (difference**2).mean(axis=1) / sigma**2), np.float64)


def _offset_round(system: _System, gain: F64, offset: F64, usual: tuple[F64, F64], sigma: float) -> F64:
    _, _, difference = _scenes(system, gain, offset, usual)
    weight = _trust(system, difference, sigma)
    anchor = _OFFSET_ANCHOR / (1 + np.sqrt((offset**2).mean(axis=1)) / _OFFSET_BEND) + 1e-3
    matrix = _OFFSET_SMOOTH * system.rough + np.diag(anchor)
    system.normal(np.ones(len(weight)), np.zeros(len(weight)), weight, matrix, np.zeros(system.size))
    right = -np.stack([system.project(weight * difference[:, c]) for c in range(3)], axis=1)
    right -= _OFFSET_SMOOTH * system.rough @ offset + anchor[:, None] * offset
    return np.asarray(offset + _solve(matrix, right))


def _gain_round(system: _System, gain: F64, offset: F64, usual: tuple[F64, F64], sigma: float) -> F64:
    gains, bases, difference = _scenes(system, gain, offset, usual)
    half, scale = (gains[0] - gains[1]) / 2, np.exp(-(gains[0] + gains[1]) / 2)
    weight = _trust(system, difference, sigma) * (scale / sigma) ** 2
    anchor = (_FREE_ANCHOR / (1 + np.abs(gain) / _GAIN_BEND) + 1e-3) / _UNIT**2
    smooth = _FREE_SMOOTH / _UNIT**2
    matrix, right = smooth * system.rough + np.diag(anchor), -smooth * system.rough @ gain - anchor * gain
    for c in range(3):
        here = np.exp(half) * (system.matches.level_here[:, c] - usual[0][:, c])
        there = np.exp(-half) * (system.matches.level_there[:, c] - usual[1][:, c])
        residual = here - there + scale * (bases[0][:, c] - bases[1][:, c])
        system.normal((here + there) / 2, residual, weight, matrix, right)
    system.add_contrast(*gains, _CONTRAST_TAIL[sigma > 10], matrix, right)
    return np.asarray(gain + _solve(matrix, right).clip(-_STEP, _STEP))


def fit_veil(
    matches: Matches,
    lattice: Lattice,
    free: NDArray[np.bool_],
    gain: F64,
    colour: F64,
    annealing: Sequence[float] = _ANNEALING,
) -> Veil:
    """Opacity and colour of one veil, jointly; everything around it is clear.

    Parameters
    ----------
    matches : Matches
    lattice : Lattice
    free : (rows, columns) bool
        Nodes at which the veil may be.
    gain : (rows, columns) float64
        To start from.
    colour : (3,) float64
        To start from, grey levels.
    annealing : sequence of float
        Scales of the residuals, grey levels, from round to round.

    Returns
    -------
    Veil
    """
    system = _System(matches, lattice, free, _VEIL_LIMIT)
    gain, colour = np.clip(gain[free], *_GAINS), np.clip(colour, 0, 255)
    matrix = np.eye(system.size)
    for sigma in annealing:
        matrix, right = _veil_equations(system, gain, colour, sigma)
        step = np.linalg.solve(matrix, right)
        gain = np.clip(gain + step[:-3].clip(-_STEP, _STEP), *_GAINS)
        colour = np.clip(colour + step[-3:].clip(-_COLOUR_STEP, _COLOUR_STEP), 0, 255)
    error = np.sqrt(np.maximum(np.diag(np.linalg.inv(matrix))[:-3], 0))
    return Veil(_spread(gain, free), colour, _spread(error, free), free, len(system.matches))


def _spread(values: F64, free: NDArray[np.bool_]) -> F64:
    whole = np.zeros(free.shape)
    whole[free] = values
    return whole


def _veil_equations(system: _System, gain: F64, colour: F64, sigma: float) -> tuple[F64, F64]:
    """Normal equations of the changes of the gains and, last, of the colour."""
    gains = system.at(gain)
    half, scale = (gains[0] - gains[1]) / 2, np.exp(-(gains[0] + gains[1]) / 2)
    here = np.exp(half)[:, None] * (system.matches.level_here - colour)
    there = np.exp(-half)[:, None] * (system.matches.level_there - colour)
    residual = here - there
    weight = _trust(system, residual / scale[:, None], sigma) * (scale / sigma) ** 2
    smooth, anchor = _VEIL_SMOOTH / _UNIT**2, _VEIL_ANCHOR / _UNIT**2
    passing = np.exp(-gain)  # the opacity is smooth, not its logarithm: that has no bounds
    matrix = smooth * passing[:, None] * system.rough * passing + anchor * np.eye(system.size)
    right = -smooth * passing * (system.rough @ (1 - passing)) - anchor * gain
    by_colour = np.exp(-half) - np.exp(half)
    mixed, right_colour = np.zeros((system.size, 3)), np.zeros(3)
    for c in range(3):
        slope = (here[:, c] + there[:, c]) / 2
        system.normal(slope, residual[:, c], weight, matrix, right)
        mixed[:, c] = system.project(weight * slope * by_colour)
        right_colour[c] = -(weight * by_colour * residual[:, c]).sum() + _COLOUR_ANCHOR * (100 - colour[c])
    system.add_contrast(*gains, _CONTRAST_TAIL[0], matrix, right)
    matrix = np.tril(matrix) + np.tril(matrix, -1).T
    own = ((weight * by_colour**2).sum() + _COLOUR_ANCHOR) * np.eye(3)
    return np.block([[matrix, mixed], [mixed.T, own]]), np.concatenate([right, right_colour])


def fit_colour(matches: Matches, lattice: Lattice, veil: Veil) -> F64:
    """The colour of a veil whose opacity is known.

    Parameters
    ----------
    matches : Matches
    lattice : Lattice
    veil : Veil
        Its colour is where the search starts.

    Returns
    -------
    (3,) float64
        Grey levels.
    """
    system, colour, sigma = _System(matches, lattice, veil.free, _VEIL_LIMIT), veil.colour, _ANNEALING[-1]
    gains = system.at(veil.gain[veil.free])
    half, scale = (gains[0] - gains[1]) / 2, np.exp(-(gains[0] + gains[1]) / 2)
    by_colour = np.exp(-half) - np.exp(half)
    here, there = np.exp(half)[:, None] * system.matches.level_here, np.exp(-half)[:, None] * system.matches.level_there
    for _ in _ANNEALING:
        residual = here - there + by_colour[:, None] * colour
        weight = _trust(system, residual / scale[:, None], sigma) * (scale / sigma) ** 2
        step = (weight * by_colour) @ residual / ((weight * by_colour**2).sum() + _COLOUR_ANCHOR)
        colour = np.clip(colour - step, 0, 255)
    return colour


def lift(matches: Matches, lattice: Lattice, veil: Veil) -> Matches:
    """Matches as they would be without a veil.

    Parameters
    ----------
    matches : Matches
    lattice : Lattice
    veil : Veil

    Returns
    -------
    Matches
        Scene colours and contrasts, where the veil was.
    """
    base = veil.colour[None].astype(np.float32)
    ends = [(_at(lattice, veil.gain, points), base, base) for points in (matches.here, matches.there)]
    return _corrected(matches, *ends)


def _at(lattice: Lattice, values: F64, points: NDArray[np.float32]) -> NDArray[np.float32]:
    """The function with given values at the nodes (rows, columns, …), at points: (N, …)."""
    nodes, shares = lattice.weights(points)
    flat = values.reshape(values.shape[0] * values.shape[1], -1).astype(np.float32)
    result = sum(shares[:, k, None].astype(np.float32) * flat[nodes[:, k]] for k in range(4))
    return np.asarray(result).reshape(len(points), *values.shape[2:])


def _corrected(matches: Matches, here: tuple[Any, Any, Any], there: tuple[Any, Any, Any]) -> Matches:
    """Matches with e^gain·(level − base) + target for levels, given gain, base and target at both places."""
    levels = [
        (np.exp(gain)[:, None] * (level - base) + target).astype(np.float32)
        for level, (gain, base, target) in ((matches.level_here, here), (matches.level_there, there))
    ]
    contrast = matches.contrast + here[0] - there[0]
    return replace(matches, level_here=levels[0], level_there=levels[1], contrast=contrast)


def misfit(matches: Matches, lattice: Lattice, veil: Veil) -> tuple[float, float]:
    """How much the matched places differ without and with a veil taken off.

    Parameters
    ----------
    matches : Matches
        May be others than the veil was fitted to.
    lattice : Lattice
    veil : Veil

    Returns
    -------
    before, after : float
        Robust mean squared differences of what lies under the veil, grey levels squared; 0 without such matches.
    """
    return _misfits(_System(matches, lattice, veil.free, _VEIL_LIMIT), veil.gain[veil.free], veil.colour)


def _misfits(system: _System, gain: F64, colour: F64) -> tuple[float, float]:
    if not len(system.matches):
        return 0.0, 0.0
    here, there, sigma = system.matches.level_here, system.matches.level_there, _ANNEALING[-1]
    gains = system.at(gain)
    lifted = np.exp(gains[0])[:, None] * (here - colour) - np.exp(gains[1])[:, None] * (there - colour)
    # brought back to the contrast of the observed, so that a veil cannot explain differences by shrinking them
    lifted *= np.exp(-(gains[0] + gains[1]) / 2)[:, None]
    change = np.abs(gains[0] - gains[1])
    telling = change > min(_TELLING * gain.max(initial=0), float(np.percentile(change, _TELL_AT_LEAST)))
    weight = np.where(telling, system.matches.weight, 0)
    before, after = (
        float((weight * np.log1p((each**2).mean(axis=1) / sigma**2)).sum()) * sigma**2 / max(float(weight.sum()), 1e-9)
        for each in (here - there, lifted)
    )
    return before, after
