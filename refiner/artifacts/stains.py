"""Dirt between scene and film: stains, scratches, hairs, drops of water."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from vinpaint.contracts import FloatMap
from vinpaint.refiner.artifacts.contract import Layer, Overlay, Size
from vinpaint.refiner.drawing import Colour, Generator, fractal, ragged, smoothstep

GREY: Colour = (0.3, 0.3, 0.3)
"""The tint of stains in the evaluation protocol."""


def round_stain(
    shape: tuple[int, int], centre: tuple[float, float], radius: float, opacity: float, hardness: float
) -> FloatMap:
    """Opacity (H, W) of a round soft stain: clip(1 − distance / radius, 0, 1)**hardness · opacity, in pixels."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    distance = np.hypot(x - centre[0], y - centre[1]) / radius
    return np.asarray(np.clip(1 - distance, 0, 1) ** hardness * opacity, np.float32)


@dataclass(frozen=True)
class CircularStain(Overlay):
    """A round soft stain wholly in the frame, as the evaluation protocol has it.

    Attributes
    ----------
    radius : float
        To where nothing is left of it, in frame heights; at most what the frame has room for.
    opacity : float
        In the middle, 0 to 1.
    hardness : float
        Exponent of the profile: below 1 a plateau, above 1 a peak.
    tint : (r, g, b)
        0 to 1.
    swing : float
        Share of its opacity that it loses and regains over time; 0 = steady.
    """

    name: ClassVar[str] = "circular_stain"

    radius: float = 0.19
    opacity: float = 0.7
    hardness: float = 0.8
    tint: Colour = GREY
    swing: float = 0.0

    @classmethod
    def draw(cls, rng: Generator, severity: float) -> Self:
        """See :meth:`Artifact.draw`."""
        return cls(
            radius=rng.uniform(0.08, 0.12 + 0.2 * severity),
            opacity=rng.uniform(0.2, 0.5) + 0.5 * severity,
            hardness=rng.uniform(0.5, 1.0),
        )

    def layer(self, size: Size, rng: Generator) -> Layer:
        """See :meth:`Overlay.layer`."""
        radius = min(self.radius * size[1], min(size[1:]) / 2)
        centre = rng.uniform(radius, size[2] - radius), rng.uniform(radius, size[1] - radius)
        alpha = round_stain(size[1:], centre, radius, self.opacity, self.hardness)
        return Layer(swinging(alpha, self.swing, size[0], rng), np.array(self.tint, np.float32))


def swinging(alpha: FloatMap, swing: float, count: int, rng: Generator) -> FloatMap:
    """Opacities (T, H, W) of something (H, W) that fades and returns; as it is if it does not swing."""
    if not swing:
        return alpha
    period, phase = rng.uniform(8, 40), rng.uniform(0, 2 * np.pi)
    strength = 1 - swing * (0.5 + 0.5 * np.sin(2 * np.pi * np.arange(count) / period + phase))
    return np.asarray(strength[:, None, None] * alpha, np.float32)


@dataclass(frozen=True)
class IrregularStain(Overlay):
    """Something spilt: ragged and blotchy, with satellites, darker along its rim where it has dried.

    Attributes
    ----------
    radius : float
        On the mean, in frame heights.
    opacity : float
        At most, 0 to 1.
    softness : float
        Width of its edge as a share of the radius.
    rim : float
        How much weaker it is inside than along its rim, 0 to 1.
    tint : (r, g, b)
        0 to 1.
    swing : float
        See :class:`CircularStain`.
    """

    name: ClassVar[str] = "irregular_stain"

    radius: float = 0.17
    opacity: float = 0.8
    softness: float = 0.35
    rim: float = 0.3
    tint: Colour = (0.30, 0.25, 0.18)
    swing: float = 0.0

    @classmethod
    def draw(cls, rng: Generator, severity: float) -> Self:
        """See :meth:`Artifact.draw`."""
        grey, warmth = rng.uniform(0.12, 0.4), rng.uniform(0, 0.12)
        return cls(
            radius=rng.uniform(0.08, 0.12 + 0.18 * severity),
            opacity=rng.uniform(0.25, 0.5) + 0.5 * severity,
            softness=rng.uniform(0.1, 0.6),
            rim=rng.uniform(0, 0.6),
            tint=(grey + warmth, grey, max(grey - warmth, 0.0)),
        )

    def layer(self, size: Size, rng: Generator) -> Layer:
        """See :meth:`Overlay.layer`."""
        shape, radius = size[1:], self.radius * size[1]
        spread = np.zeros(shape)
        for reach, centre in self._blots(shape, radius, rng):
            spread = np.maximum(spread, _blot(shape, centre, reach, rng))
        wet = spread + 0.10 * fractal(rng, shape, 1.3)  # capillaries: the edge is ragged at all scales
        body = smoothstep(wet, 0, max(self.softness, 1 / radius))
        dried = 1 - self.rim * smoothstep(wet, 0.15, 0.55)
        blotchy = np.clip(1 - 0.12 * np.abs(fractal(rng, shape, 1.1)), 0, 1)
        alpha = np.asarray(self.opacity * body * dried * blotchy * (spread > 0), np.float32)
        tint = np.array(self.tint, np.float32) * (1 + 0.06 * fractal(rng, shape, 1.4))[..., None]
        colour = np.clip(tint, 0, 1).astype(np.float32)
        return Layer(swinging(alpha, self.swing, size[0], rng), colour)

    @staticmethod
    def _blots(shape: tuple[int, int], radius: float, rng: Generator) -> list[tuple[float, NDArray[np.float64]]]:
        """Radii and centres (x, y): a main one, one that ran together with it, splashes around."""
        centre = np.array([rng.uniform(0.1, 0.9) * shape[1], rng.uniform(0.1, 0.9) * shape[0]])
        blots = [(radius, centre)]
        places = [(rng.uniform(0.5, 0.8), 0.7)] + [(rng.uniform(0.04, 0.14), 1.5) for _ in range(rng.integers(2, 8))]
        for share, away in places:
            turn, distance = rng.uniform(0, 2 * np.pi), radius * away * rng.uniform(0.8, 1.25)
            blots.append((max(share * radius, 1.5), centre + distance * np.array([np.cos(turn), np.sin(turn)])))
        return blots


def _blot(shape: tuple[int, int], centre: NDArray[np.float64], radius: float, rng: Generator) -> NDArray[np.float64]:
    """1 in the middle of a ragged disc, 0 on its rim and beyond."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    turn = np.arctan2(y - centre[1], x - centre[0])
    reach = radius * np.maximum(ragged(turn, rng, amplitude=0.16, waves=range(2, 9)), 0.3)
    return np.asarray(np.clip(1 - np.hypot(x - centre[0], y - centre[1]) / reach, 0, 1))
