"""What a mark is made of: few layers, each of one colour and one opacity, and what lies between them at soft edges.

A logo is composed with one opacity for all its pixels, or few. What single pixels say of their opacity is noisy; all
of them together tell that of the layers sharply, and then each pixel only has to choose.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from vinpaint.contracts import FloatMap, Mask

MOST = 4
"""Layers of one mark."""

CONVINCING = 16.0
"""Gain in squared standard errors from which a pixel speaks for another layer."""

LEAST_SHARE = 0.04
"""Share of the pixels that have to speak for it."""

LEAST_GAIN = 0.004
"""Share of what is explained that another layer has to add."""

ALIKE = 0.97
"""Share of what is explained that one opacity for all layers has to explain, to be preferred."""

PARTIAL = 6.0
"""Gain that a pixel between two layers has to add to one that belongs to one of them."""

SPARSE = 5.0
"""Gain that full opacity has to add: of a faint mark and an opaque one in the scene's own colour, the faint one."""

OWN = 6.0
"""Grey levels by which compression changes what a layer adds to a pixel, about."""

TAIL = 25.0
"""Squared standard errors from which an offset is rather an outlier."""

LOSS_ERROR = 0.03
"""Relative error of the variation that is lost: motion is never followed exactly."""

_FEW = 8  # pixels that layers are made of at least
_PIXELS = 1500  # looked at to find layers
_STRONG = 25.0  # squared standard errors of an offset that tells of a layer
_COARSE, _FINE = (0.25, 0.5, 0.75), tuple(np.arange(1, 8) / 8)  # shares of two layers: in the search, in the end
_TURNS, _STEP, _SMALLEST_STEP = 24, 32.0, 2.0  # of the search; grey levels
_CONTRAST = 128.0  # grey levels that weigh as much in a step of the search as the whole opacity
_LEVELS = np.array([0.05, 0.08, 0.12, 0.18, 0.27, 0.4, 0.6, 0.8, 1.0], np.float32)
_CUBE = np.linspace(0, 255, 5, dtype=np.float32)
_COLOURS = np.stack(np.meshgrid(_CUBE, _CUBE, _CUBE, indexing="ij"), axis=-1).reshape(-1, 3)
_AXES = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]], np.float32)
_DIRECTIONS = np.concatenate([_AXES, -_AXES])
_FAINTEST = 0.02
_NEIGHBOURS, _ROUNDS, _AGREEMENT, _CHANCE = 3, 3, 2.0, 0.03  # how neighbours agree: side, rounds, weight, exceptions
_LAYER_SPREAD, _PART_SPREAD, _LEAST_SPREAD = 0.02, 1 / 12, 0.003  # of opacities, relative to the highest; absolute


@dataclass(frozen=True, eq=False)
class Offsets:
    """What a mark does to P pixels; grey levels.

    With opacity α and colour c the mean changes by α·(c − scene), and of the scene's variation 1 − α is left.

    Attributes
    ----------
    change, scene : (P, 3) float32
        Mean of observed − scene, and of the scene.
    variance : (P,) float32
        Of the scene over time, as far as it is known that the pixel should follow it; summed over the channels.
    lost : (P,) float32
        Of it, what the pixel does not show: α·variance.
    error : (P,) float32
        Variance of ``change``, a channel.
    """

    change: FloatMap
    scene: FloatMap
    variance: FloatMap
    lost: FloatMap
    error: FloatMap

    def __getitem__(self, chosen: NDArray[np.generic]) -> Offsets:
        return Offsets(*(part[chosen] for part in (self.change, self.scene, self.variance, self.lost, self.error)))

    @property
    def loss_weight(self) -> FloatMap:
        """(P,): what ``lost`` counts beside ``change``, 0 to 1."""
        return np.asarray(self.error / (self.error + LOSS_ERROR**2 * self.variance), np.float32)


@dataclass(frozen=True, eq=False)
class Layers:
    """The layers of a mark.

    Attributes
    ----------
    colour : (K, 3) float32
        Grey levels; K is 1 to :data:`MOST`.
    opacity : (K,) float32
    """

    colour: FloatMap
    opacity: FloatMap

    def __len__(self) -> int:
        return int(self.opacity.size)


@dataclass(frozen=True, eq=False)
class Matte:
    """Opacity and colour of P pixels.

    Attributes
    ----------
    alpha : (P,) float32
    colour : (P, 3) float32
        Grey levels.
    error : (P,) float32
        Standard error of ``alpha``.
    made_of : (P, K + 1) float32
        Shares of what is clear and of the layers.
    """

    alpha: FloatMap
    colour: FloatMap
    error: FloatMap
    made_of: FloatMap

    def lit(self, light: FloatMap, scene: FloatMap) -> Matte:
        """The matte with more light added, (P, 3) grey levels; where no colour gives it, the opacity does.

        Parameters
        ----------
        light, scene : (P, 3) float32
            What is added, and the mean scene behind.
        """
        wanted = self.alpha[:, None] * (self.colour - scene) + light
        room = np.where(wanted > 0, 255 - scene, scene)
        alpha = np.maximum(self.alpha, (np.abs(wanted) / np.maximum(room, 1)).max(axis=1)).clip(0, 1)
        colour = scene + wanted / np.maximum(alpha, 1e-6)[:, None]
        return replace(self, alpha=alpha, colour=np.clip(colour, 0, 255))


@dataclass(frozen=True, eq=False)
class _States:
    """What a pixel can be: clear, one of the layers, or between two of these.

    ``alpha`` (S,), ``tint`` (S, 3) = α·colour, ``made_of`` (S, K + 1): shares of clear and of the layers. The first
    K + 1 are pure.
    """

    alpha: FloatMap
    tint: FloatMap
    made_of: FloatMap

    @property
    def pure(self) -> int:
        return int(self.made_of.shape[1])


def _states(layers: Layers, shares: tuple[float, ...]) -> _States:
    """Pure states, then their mixtures: light mixes linearly if it is multiplied with its opacity before."""
    pure = np.eye(len(layers) + 1, dtype=np.float32)
    first, second = np.triu_indices(len(layers) + 1, 1)
    mixed = [np.float32(share) * pure[first] + np.float32(1 - share) * pure[second] for share in shares]
    made_of = np.concatenate([pure, *mixed])
    return _States(made_of[:, 1:] @ layers.opacity, made_of[:, 1:] @ (layers.opacity[:, None] * layers.colour), made_of)


def _gains(offsets: Offsets, alpha: FloatMap, tint: FloatMap) -> FloatMap:
    """How much better states explain the offsets than no mark does, in squared standard errors: (P, S).

    Outliers are not explained by anything, so they do not count much for anything.
    """
    change, scene, weight = offsets.change, offsets.scene, offsets.loss_weight[:, None]
    product = change @ tint.T - alpha * (change * scene).sum(axis=1, keepdims=True)
    product += weight * alpha * offsets.lost[:, None]
    energy = (tint**2).sum(axis=1) - 2 * alpha * (scene @ tint.T)
    energy += alpha**2 * ((scene**2).sum(axis=1, keepdims=True) + weight * offsets.variance[:, None])
    gain = (2 * product - energy) / offsets.error[:, None]
    loss = offsets.lost**2 / np.maximum(offsets.variance, 1e-3) * weight[:, 0]
    whole = ((change**2).sum(axis=1) + loss)[:, None] / offsets.error[:, None]
    robust = TAIL * np.log((1 + whole / TAIL) / (1 + np.maximum(whole - gain, 0) / TAIL))
    return np.asarray(robust - SPARSE * alpha, np.float32)


def _state_gains(offsets: Offsets, states: _States) -> FloatMap:
    gains = _gains(offsets, states.alpha, states.tint)
    gains[:, states.pure :] -= np.float32(PARTIAL)
    return gains


def find_layers(offsets: Offsets) -> Layers:
    """The few layers that explain the offsets best, each pixel choosing its own.

    Added greedily from a grid of colours and opacities, then moved together by pattern search. If one opacity for all
    of them explains nearly as much, it is preferred.

    Parameters
    ----------
    offsets : Offsets
        Of at least one pixel.

    Returns
    -------
    Layers
    """
    some = _telling(offsets)
    opacity = np.repeat(_LEVELS, len(_COLOURS))
    grid = Layers(np.tile(_COLOURS, (len(_LEVELS), 1)), opacity)
    rough = _blurred(some, _STEP)
    alone = _gains(rough, opacity, opacity[:, None] * grid.colour)
    layers, have = Layers(grid.colour[:0], opacity[:0]), np.zeros(len(alone), np.float32)
    while len(layers) < MOST:
        best = np.maximum(_state_gains(rough, _states(layers, _COARSE)).max(axis=1), 0)
        new = int(np.maximum(best[:, None], alone).sum(axis=0).argmax())
        more = _search(some, _with(layers, grid, new))
        gained = np.maximum(_state_gains(some, _states(more, _COARSE)).max(axis=1), 0)
        speaking = float((gained - have > CONVINCING).mean())
        if len(layers) and (speaking < LEAST_SHARE or (gained - have).sum() < LEAST_GAIN * gained.sum()):
            break
        layers, have = more, gained
    return _even(some, layers, float(have.sum()))


def _blurred(offsets: Offsets, step: float) -> Offsets:
    """Offsets that are taken for less exact: else a search in large steps does not see what lies between them."""
    spread = (np.float32(step / _CONTRAST) ** 2) * (offsets.change**2).mean(axis=1)
    return replace(offsets, error=offsets.error + spread)


def _telling(offsets: Offsets) -> Offsets:
    """Pixels with clear offsets, evenly chosen."""
    strength = (offsets.change**2).sum(axis=1) / offsets.error
    chosen = np.flatnonzero(strength > _STRONG)
    if chosen.size < _FEW:
        chosen = np.argsort(-strength)[: max(_FEW, len(strength) // 10)]
    return offsets[chosen[np.linspace(0, chosen.size - 1, min(chosen.size, _PIXELS)).astype(int)]]


def _with(layers: Layers, grid: Layers, new: int) -> Layers:
    colour = np.concatenate([layers.colour, grid.colour[new : new + 1]])
    return Layers(colour, np.concatenate([layers.opacity, grid.opacity[new : new + 1]]))


def _even(offsets: Offsets, layers: Layers, total: float) -> Layers:
    """The layers with one opacity, unless that explains clearly less."""
    if len(layers) < 2:
        return layers
    low, high = float(layers.opacity.min()), float(layers.opacity.max())
    starts = (Layers(layers.colour, np.full(len(layers), a, np.float32)) for a in np.geomspace(low, high, 7))
    tied = max((_search(offsets, start, tied=True) for start in starts), key=lambda each: _explained(offsets, each))
    return tied if _explained(offsets, tied) > ALIKE * total else layers


def _search(offsets: Offsets, layers: Layers, *, tied: bool = False) -> Layers:
    """Move colours and opacities as long as more is explained; ``tied``: all opacities at once."""
    step = _STEP
    blurred = _blurred(offsets, step)
    best = _explained(blurred, layers)
    for _ in range(_TURNS):
        before = best
        for index in range(len(layers)):
            for moved in _moves(layers, index, step, tied):
                value = _explained(blurred, moved)
                if value > best:
                    best, layers = value, moved
        if best > before * (1 + 1e-4):
            continue
        step /= 2
        if step < _SMALLEST_STEP:
            break
        blurred = _blurred(offsets, step)
        best = _explained(blurred, layers)
    return layers


def _moves(layers: Layers, index: int, step: float, tied: bool) -> Iterator[Layers]:
    """The layers with one of them moved a step."""
    for direction in _DIRECTIONS:
        colour = layers.colour.copy()
        colour[index] = np.clip(colour[index] + np.float32(step) * direction, 0, 255)
        yield Layers(colour, layers.opacity)
    for factor in (1 + step / _CONTRAST, 1 / (1 + step / _CONTRAST)):
        opacity = layers.opacity.copy()
        chosen = slice(None) if tied else index
        opacity[chosen] = np.clip(opacity[chosen] * np.float32(factor), _FAINTEST, 1)
        yield Layers(layers.colour, opacity)


def _explained(offsets: Offsets, layers: Layers) -> float:
    return float(_state_gains(offsets, _states(layers, _COARSE)).max(axis=1).clip(0).sum())


def solve(offsets: Offsets, layers: Layers, mask: Mask) -> Matte:
    """The most likely opacity and colour of every pixel: which layer, how much of it, and the little it differs.

    Parameters
    ----------
    offsets : Offsets
        Of P pixels.
    layers : Layers
    mask : (H, W) bool
        Where the pixels are, row by row; neighbours tend to belong to the same layer.

    Returns
    -------
    Matte
    """
    states = _states(layers, _FINE)
    best = _agreed(_state_gains(offsets, states), states, mask)
    alpha, tint = states.alpha[best], states.tint[best]
    colour = np.where(alpha[:, None] > 0, tint / np.maximum(alpha, 1e-6)[:, None], offsets.scene)
    lever = colour - offsets.scene
    weight = offsets.loss_weight
    energy = (lever**2).sum(axis=1) + weight * offsets.variance + np.float32(1e-3)
    product = (offsets.change * lever).sum(axis=1) + weight * offsets.lost
    spread = np.where(best < states.pure, np.float32(_LAYER_SPREAD), np.float32(_PART_SPREAD))
    trust = 1 / (spread * layers.opacity.max() + _LEAST_SPREAD) ** 2
    precision = trust + energy / offsets.error
    alpha = np.where(best > 0, np.clip((alpha * trust + product / offsets.error) / precision, 0, 1), 0)
    rest = offsets.change - alpha[:, None] * lever
    own = rest / (1 + offsets.error[:, None] / OWN**2)
    matte = Matte(*(np.asarray(part, np.float32) for part in (alpha, colour, precision**-0.5, states.made_of[best])))
    return matte.lit(own, offsets.scene)


def _agreed(gains: FloatMap, states: _States, mask: Mask) -> NDArray[np.intp]:
    """The best state of each pixel, given what its neighbours are made of."""
    points = np.nonzero(mask)
    cost = np.zeros_like(gains)
    made_of = np.zeros((*mask.shape, states.pure), np.float32)
    made_of[..., 0] = 1
    for _ in range(_ROUNDS):
        made_of[points] = states.made_of[(gains - cost).argmax(axis=1)]
        share = cv2.blur(made_of, (_NEIGHBOURS, _NEIGHBOURS))[points]
        unusual = -2 * np.log((1 - _CHANCE) * share + np.float32(_CHANCE / states.pure))
        cost = np.float32(_AGREEMENT) * (unusual @ states.made_of.T)
    return np.asarray((gains - cost).argmax(axis=1))
