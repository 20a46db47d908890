"""Dirt between scene and film: stains, scratches, hairs, drops of water."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from vinpaint.contracts import FloatMap, Frames
from vinpaint.refiner.artifacts.contract import VISIBLE, Artifact, Damaged, Layer, Overlay, Size
from vinpaint.refiner.drawing import FINE, Colour, Generator, fractal, painted, ragged, shifted, smoothstep

_SOFT = 0.012  # frame heights by which what a drop shows is blurred: it is seen much reduced
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
    defocus : float
        Blur as a share of the radius: 0 = as sharp as the scene, 0.3 = dirt on the lens itself.
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
    defocus: float = 0.0
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
            defocus=rng.uniform(0.05, 0.4) if rng.random() < 0.6 else 0.0,
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
        if self.defocus:
            alpha = np.asarray(cv2.GaussianBlur(alpha, (0, 0), max(self.defocus * radius, 0.3)), np.float32)
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


# ---------------------------------------------------------------------------------------------
# Scratches and hairs
# ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Scratches(Overlay):
    """Scratches: of a film, upright, trembling from frame to frame, broken; or of a lens, in any direction, still.

    Attributes
    ----------
    count : int
        How many.
    thickness : float
        In frame heights.
    opacity : float
        0 to 1.
    film : bool
        Of the film, or of the lens.
    """

    name: ClassVar[str] = "scratches"

    count: int = 3
    thickness: float = 0.005
    opacity: float = 0.7
    film: bool = True

    @classmethod
    def draw(cls, rng: Generator, severity: float) -> Self:
        """See :meth:`Artifact.draw`."""
        return cls(
            count=int(rng.integers(1, 3 + round(5 * severity))),
            thickness=rng.uniform(0.002, 0.004 + 0.005 * severity),
            opacity=rng.uniform(0.25, 0.5) + 0.5 * severity,
            film=bool(rng.random() < 0.6),
        )

    def layer(self, size: Size, rng: Generator) -> Layer:
        """See :meth:`Overlay.layer`."""
        if not self.film:
            return self._on_lens(size[1:], rng)
        light, dark = np.zeros(size, np.float32), np.zeros(size, np.float32)
        for _ in range(self.count):
            core, flank = self._on_film(size, rng)
            # Through the emulsion light shines; on the base only a shadow falls.
            bright, shadow = (core, flank) if rng.random() < 0.7 else (np.zeros_like(core), core)
            light, dark = np.maximum(light, bright), np.maximum(dark, shadow)
        grey = 0.04 + 0.89 * light / np.maximum(light + dark, 1e-6)
        colour = grey[..., None] * np.array((1, 1, 0.94), np.float32)
        return Layer(np.asarray(self.opacity * np.maximum(light, dark), np.float32), colour)

    def _on_film(self, size: Size, rng: Generator) -> tuple[FloatMap, FloatMap]:
        """Coverage (T, H, W) of the scratch and of the shadow beside it."""
        count, height, width = size
        thick = max(self.thickness * height * rng.uniform(0.6, 1.4), 0.7)
        # It is one long line on the film, of which each frame shows a part.
        line = np.cumsum(rng.normal(0, 0.06, count * height))
        line += np.repeat(rng.normal(0, 0.15 * thick, count), height)
        path = rng.uniform(0.02, 0.98) * width + line.reshape(count, height) * height / 240
        presence = cv2.GaussianBlur(rng.standard_normal((count * height, 1)), (1, 0), sigmaX=1, sigmaY=0.2 * height)
        presence = smoothstep(presence / presence.std(), -1.2, 0.2).reshape(count, height, 1)
        grain = rng.uniform(0.7, 1, (count, height, 1))
        distance = np.arange(width) - path[..., None]
        core = np.clip((thick + 1) / 2 - np.abs(distance), 0, 1) * presence * grain
        flank = 0.45 * np.clip((thick + 1) / 2 - np.abs(distance - thick), 0, 1) * presence
        return np.asarray(core, np.float32), np.asarray(flank, np.float32)

    def _on_lens(self, shape: tuple[int, ...], rng: Generator) -> Layer:
        alpha = np.zeros(shape, np.float32)
        for _ in range(self.count):
            points = _thread(shape, rng, length=(length := rng.uniform(0.2, 0.9) * shape[0]), bend=0.4 / length)
            one = _tapered(shape, points, max(self.thickness * shape[0] * rng.uniform(0.5, 1.3), 0.8))
            gaps = smoothstep(fractal(rng, (shape[0], shape[1]), 1.2), -1.6, 0.4)
            alpha = np.maximum(alpha, one * np.asarray(gaps, np.float32))
        return Layer(np.asarray(self.opacity * alpha, np.float32), np.array((0.88, 0.88, 0.85), np.float32))


def _thread(shape: tuple[int, ...], rng: Generator, *, length: float, bend: float) -> NDArray[np.float64]:
    """Points (N, 2) of a smoothly bent line, x, y in pixels; its middle lies in the frame."""
    steps = max(12, round(length))
    curvature = cv2.GaussianBlur(rng.standard_normal((steps, 1)), (1, 0), sigmaX=1, sigmaY=steps / 8)[:, 0]
    curvature = bend * (curvature / max(curvature.std(), 1e-9) + rng.normal(0, 0.7))
    angle = rng.uniform(0, 2 * np.pi) + np.cumsum(curvature) * length / steps
    points = np.cumsum(np.c_[np.cos(angle), np.sin(angle)], axis=0) * length / steps
    centre = rng.uniform(0.08, 0.92, 2) * shape[1::-1]
    return np.asarray(points - points[len(points) // 2] + centre)


def _tapered(shape: tuple[int, ...], points: NDArray[np.float64], thick: float) -> FloatMap:
    """Coverage (H, W) of a line that gets thinner towards its ends."""

    def paint(canvas: NDArray[np.uint8]) -> None:
        swelling = np.sin(np.linspace(0.12, np.pi - 0.12, len(points))) ** 0.5
        ends = np.rint(points * FINE).astype(int).tolist()
        for start, end, share in zip(ends, ends[1:], swelling.tolist(), strict=False):
            cv2.line(canvas, start, end, 255, max(1, round(thick * FINE * share)), cv2.LINE_AA)

    return painted(shape, paint)


@dataclass(frozen=True)
class Hair(Overlay):
    """Hairs and fibres in the gate or on the lens: thin, dark, curled, a little out of focus.

    Attributes
    ----------
    count : int
        How many.
    length : float
        In frame heights.
    thickness : float
        In frame heights.
    curl : float
        0 = nearly straight, 1 = looped.
    opacity : float
        0 to 1.
    weave : float
        Deviation, in frame heights, by which they shift from frame to frame: the gate's play.
    """

    name: ClassVar[str] = "hair"

    count: int = 1
    length: float = 0.5
    thickness: float = 0.006
    curl: float = 0.4
    opacity: float = 0.85
    weave: float = 0.0

    @classmethod
    def draw(cls, rng: Generator, severity: float) -> Self:
        """See :meth:`Artifact.draw`."""
        return cls(
            count=int(rng.integers(1, 2 + round(3 * severity))),
            length=rng.uniform(0.2, 0.4 + 0.5 * severity),
            thickness=rng.uniform(0.003, 0.005 + 0.004 * severity),
            curl=rng.uniform(0.1, 1),
            opacity=rng.uniform(0.4, 0.6) + 0.4 * severity,
            weave=rng.uniform(0.001, 0.004) if rng.random() < 0.4 else 0.0,
        )

    def layer(self, size: Size, rng: Generator) -> Layer:
        """See :meth:`Overlay.layer`."""
        shape, alpha = size[1:], np.zeros(size[1:], np.float32)
        for _ in range(self.count):
            length = self.length * shape[0] * rng.uniform(0.6, 1.2)
            points = _thread(shape, rng, length=length, bend=(0.5 + 5 * self.curl) / length)
            alpha = np.maximum(alpha, _tapered(shape, points, max(self.thickness * shape[0], 0.8)))
        blurred = cv2.GaussianBlur(alpha, (0, 0), max(0.3, 0.25 * self.thickness * shape[0]))
        sharpest = min(1.3, float(alpha.max() / max(blurred.max(), 1e-6)))  # blur must not make it too faint to see
        alpha = np.clip(self.opacity * sharpest * blurred, 0, 1).astype(np.float32)
        return Layer(self._weaving(alpha, size[0], rng), np.array((0.07, 0.06, 0.05), np.float32))

    def _weaving(self, alpha: FloatMap, count: int, rng: Generator) -> FloatMap:
        if not self.weave:
            return alpha
        shifts = rng.normal(0, self.weave * alpha.shape[0], (count, 2))
        return np.stack([shifted(alpha, x, y) for x, y in shifts])


# ---------------------------------------------------------------------------------------------
# Drops of water
# ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class WaterDrops(Artifact):
    """Drops on the glass before the lens: each shows the scene upside down, small and blurred, with a bright spot.

    Attributes
    ----------
    count : int
        How many.
    radius : float
        Of the largest, in frame heights; most are smaller.
    field : float
        How far from its middle the scene is seen at the rim of a drop, in frame heights: large drops and small ones
        all show much of it.
    defocus : float
        Blur of the drops themselves, as a share of the largest radius.
    """

    name: ClassVar[str] = "water_drops"

    count: int = 12
    radius: float = 0.09
    field: float = 0.4
    defocus: float = 0.05

    @classmethod
    def draw(cls, rng: Generator, severity: float) -> Self:
        """See :meth:`Artifact.draw`."""
        return cls(
            count=int(rng.integers(3 + round(8 * severity), 8 + round(30 * severity))),
            radius=rng.uniform(0.04, 0.06) + 0.07 * severity,
            field=rng.uniform(0.25, 0.5),
            defocus=rng.uniform(0.01, 0.12),
        )

    def apply(self, frames: Frames, seed: int | Generator) -> Damaged:
        """See :meth:`Artifact.apply`."""
        rng = np.random.default_rng(seed)
        shape = frames.shape[1:3]
        glass = _Glass.clear(shape)
        for _ in range(self.count):
            radius = max(self.radius * shape[0] * rng.beta(1.6, 2.2), 2.0)
            glass.add(rng.uniform(0, 1, 2) * shape[::-1], radius, self.field, rng)
        sigma = max(self.defocus * self.radius * shape[0], 0.3)
        cover = np.asarray(cv2.GaussianBlur(glass.cover, (0, 0), sigma), np.float32)
        result = np.stack([glass.seen(frame, cover, sigma) for frame in frames])
        return Damaged(result, cover > VISIBLE, cover)


@dataclass(frozen=True, eq=False)
class _Glass:
    """What a pane with drops does to the light, pixel by pixel (H, W)."""

    cover: FloatMap
    across: FloatMap
    down: FloatMap
    shade: FloatMap
    gleam: FloatMap

    @classmethod
    def clear(cls, shape: tuple[int, ...]) -> _Glass:
        down, across = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
        return cls(np.zeros(shape, np.float32), across, down, np.ones(shape, np.float32), np.zeros(shape, np.float32))

    def add(self, centre: NDArray[np.float64], radius: float, field: float, rng: Generator) -> None:
        """One more drop, in front of those before."""
        height, width = self.cover.shape
        y, x = np.mgrid[:height, :width].astype(np.float32)
        right, below = (x - centre[0]) / radius, (y - centre[1]) / radius
        # It hangs: heavier below than above.
        turn = np.arctan2(below, right)
        outline = ragged(turn, rng, amplitude=0.07, waves=range(2, 5)) * (1 + 0.12 * np.maximum(np.sin(turn), 0))
        away = np.hypot(right, below) / outline
        inside = away < 1
        # A cap of a sphere bends light the more the nearer to its rim, and over the axis: upside down.
        bulge = field * height / radius * (0.45 + 0.55 * away**2)
        self.across[inside] = (centre[0] - (x - centre[0]) * bulge)[inside]
        self.down[inside] = (centre[1] - (y - centre[1]) * bulge)[inside]
        self.shade[inside] = (1.08 - (0.75 - 0.35 * below) * away**5)[inside]  # darker above, where light passes by
        self.gleam[inside] = 0.9 * np.exp(-(((right + 0.32) / 0.12) ** 2) - ((below + 0.45) / 0.08) ** 2)[inside]
        edge = np.clip((1 - away) * radius + 0.5, 0, 1).astype(np.float32)
        np.maximum(self.cover, edge, out=self.cover)

    def seen(self, frame: Frames, cover: FloatMap, sigma: float) -> Frames:
        """A frame (H, W, 3) through the pane."""
        soft = cv2.GaussianBlur(frame.astype(np.float32), (0, 0), _SOFT * len(frame))
        bent = cv2.remap(soft, self.across, self.down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
        blurred = cv2.GaussianBlur(bent, (0, 0), sigma)
        lit = blurred * self.shade[..., None] + 255 * self.gleam[..., None] * (1 - blurred / 255)
        shown = frame * (1 - cover[..., None]) + lit * cover[..., None]
        return np.rint(np.clip(shown, 0, 255)).astype(np.uint8)
