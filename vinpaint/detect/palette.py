"""The colours of a mark: few for all its pixels; with them the opacity of every pixel follows from what it adds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vinpaint.contracts import FloatMap

MOST = 4
"""Colours of one mark."""

CONVINCING = 16.0
"""Gain in squared standard errors from which a pixel speaks for another colour."""

LEAST_SHARE = 0.04
"""Share of the pixels that have to speak for it."""

LEAST_ENERGY = 0.003
"""Share of what is explained that another colour has to add."""

MIXED = 0.99
"""What a gain counts, while colours are looked for, if it takes a mixture of two."""

SPARSE = 5.0
"""Gain that full opacity has to add: of a faint mark and an opaque one in the scene's own colour, the faint one."""

OWN = 12.0
"""Grey levels by which a pixel's colour differs from that of the palette, about."""

_PIXELS = 1500  # looked at to find colours
_STRONG = 25.0  # squared standard errors of an offset that tells of a colour
_SHARES = (0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875)  # of two colours in the blends at an edge
_TURNS = 24  # of the search
_LEVELS = np.linspace(0, 255, 5)
_GRID = np.stack(np.meshgrid(_LEVELS, _LEVELS, _LEVELS, indexing="ij"), axis=-1).reshape(-1, 3).astype(np.float32)
_AXES = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]], np.float32)
_DIRECTIONS = np.concatenate([_AXES, -_AXES])


@dataclass(frozen=True, eq=False)
class Offsets:
    """What a mark does to P pixels; grey levels.

    With opacity α and colour c the mean changes by α·(c − scene), and of the scene's variation 1 − α is left.

    Attributes
    ----------
    change, scene : (P, 3) float32
        Mean of observed − scene, and of the scene.
    variance : (P,) float32
        Of the scene over time, as far as the pixel follows it; summed over the channels.
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
    """

    alpha: FloatMap
    colour: FloatMap
    error: FloatMap


def find_palette(offsets: Offsets) -> FloatMap:
    """The few colours (and blends of two) that explain the offsets best, each pixel choosing its own.

    Added greedily from a grid, then moved together by pattern search.

    Returns
    -------
    (K, 3) float32
        Grey levels; K is 1 to :data:`MOST`.
    """
    strength = (offsets.change**2).sum(axis=1) / offsets.error
    chosen = np.flatnonzero(strength > _STRONG)
    if chosen.size < FEW:
        chosen = np.argsort(-strength)[: max(FEW, len(strength) // 10)]
    chosen = chosen[np.linspace(0, chosen.size - 1, min(chosen.size, _PIXELS)).astype(int)]
    some = offsets[chosen]
    explained = gains(some, _GRID)
    best = explained.max(axis=1)
    weight = np.minimum(1, (np.median(best) + 1e-6) / np.maximum(best, 1e-6))[:, None]  # no pixel rules alone
    palette = np.zeros((0, 3), np.float32)
    have = np.zeros(len(best), np.float32)
    while len(palette) < MOST:
        summed = (weight * np.maximum(have[:, None], explained)).sum(axis=0)
        new = int(summed.argmax())
        little = summed[new] - float((weight[:, 0] * have).sum()) < LEAST_ENERGY * summed[new]
        if len(palette) and (little or float((explained[:, new] - have > CONVINCING).mean()) < LEAST_SHARE):
            break
        palette = _search(some, weight, np.concatenate([palette, _GRID[new : new + 1]]))
        have = gains(some, blends(palette)).max(axis=1)
    return palette


FEW = 8
"""Pixels that a palette is made of at least."""


def _search(offsets: Offsets, weight: FloatMap, palette: FloatMap) -> FloatMap:
    """Move the colours, one after the other, as long as more is explained."""
    best, step = _explained(offsets, weight, palette), np.float32(32)
    for _ in range(_TURNS):
        before = best
        for index in range(len(palette)):
            for direction in _DIRECTIONS:
                moved = palette.copy()
                moved[index] = np.clip(moved[index] + step * direction, 0, 255)
                value = _explained(offsets, weight, moved)
                if value > best:
                    best, palette = value, moved
        if best <= before * (1 + 1e-4):
            step /= 2
        if step < 2:
            break
    return palette


def _explained(offsets: Offsets, weight: FloatMap, palette: FloatMap) -> float:
    gain = gains(offsets, blends(palette))
    gain[:, len(palette) :] *= np.float32(MIXED)  # else the colours drift apart, and all pixels are mixtures
    return float((weight[:, 0] * gain.max(axis=1)).sum())


def blends(palette: FloatMap) -> FloatMap:
    """The colours, followed by mixtures of any two, as they arise at soft edges."""
    first, second = np.triu_indices(len(palette), 1)
    mixed = [share * palette[first] + (1 - share) * palette[second] for share in _SHARES]
    return np.concatenate([palette, *mixed]).astype(np.float32)


def gains(offsets: Offsets, colours: FloatMap) -> FloatMap:
    """How much of the pixels' offsets each colour explains with its best opacity, in squared standard errors.

    Returns
    -------
    (P, K) float32
    """
    return _fit(offsets, colours)[0]


def _fit(offsets: Offsets, colours: FloatMap) -> tuple[FloatMap, FloatMap]:
    """The gains of colours, and the opacities that reach them."""
    product = offsets.change @ colours.T - (offsets.change * offsets.scene).sum(axis=1, keepdims=True)
    product += offsets.lost[:, None]
    energy = (colours**2).sum(axis=1) - 2 * offsets.scene @ colours.T + (offsets.scene**2).sum(axis=1, keepdims=True)
    energy += offsets.variance[:, None] + np.float32(1e-3)
    alpha = np.clip(product / energy, 0, 1)
    gain = alpha * (2 * product - alpha * energy) / offsets.error[:, None]
    return np.asarray(gain, np.float32), np.asarray(alpha, np.float32)


def solve(offsets: Offsets, palette: FloatMap) -> Matte:
    """The most likely colour of the palette for every pixel, its opacity, and the little its own colour differs."""
    candidates = blends(palette)
    gain, opacity = _fit(offsets, candidates)
    best = (gain - SPARSE * opacity).argmax(axis=1)
    colour, alpha = candidates[best], opacity[np.arange(len(best)), best]
    lever = colour - offsets.scene
    energy = (lever**2).sum(axis=1) + offsets.variance + np.float32(1e-3)
    rest = offsets.change - alpha[:, None] * lever
    own = alpha[:, None] * rest / (alpha[:, None] ** 2 + offsets.error[:, None] / OWN**2)
    error = np.sqrt(offsets.error / energy + (alpha * OWN / 2) ** 2 / np.maximum(energy, 1))
    return Matte(alpha.astype(np.float32), np.clip(colour + own, 0, 255).astype(np.float32), error.astype(np.float32))
