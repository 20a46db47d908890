"""Lettering and emblems as small pictures, to be put before a scene."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vinpaint.contracts import FloatMap
from vinpaint.refiner.artifacts.contract import Layer
from vinpaint.refiner.drawing import Colour, Generator, filled, letters, placed, shifted

WHITE: Colour = (1.0, 1.0, 1.0)
BLACK: Colour = (0.0, 0.0, 0.0)
CHANNELS = ("NEWS", "SPORT", "KANAL 3", "CINEMA", "8", "24h", "KIDS", "LOCAL", "CITY TV", "MUSIC", "HD", "ONE")
CREDITS = (
    "PREVIEW",
    "SAMPLE",
    "DRAFT",
    "© Studio Nord",
    "Archive",
    "Demo copy",
    "PROOF",
    "trial version",
)
_BRANDS: tuple[Colour, ...] = (
    (0.86, 0.10, 0.13), (0.05, 0.30, 0.72), (0.98, 0.70, 0.08), (0.05, 0.55, 0.35), (0.45, 0.12, 0.52),
    (0.95, 0.40, 0.05), (0.08, 0.10, 0.16), (0.10, 0.62, 0.78),
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Sprite:
    """A small picture with soft edges.

    Attributes
    ----------
    alpha : (h, w) float32
        Coverage, 0 to 1.
    colour : (h, w, 3) float32
        RGB, 0 to 1.
    """

    alpha: FloatMap
    colour: FloatMap

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        height, width = self.alpha.shape
        return width, height

    def before(self, back: Sprite) -> Sprite:
        """This one in front of another of the same size."""
        joined = Layer(back.alpha, back.colour).behind(Layer(self.alpha, self.colour))
        return Sprite(joined.alpha, joined.colour)

    def put(self, shape: tuple[int, ...], centre: tuple[float, float], opacity: float, turn: float = 0.0) -> Layer:
        """A layer (H, W) with this in it, its middle at x, y in pixels, turned anti-clockwise by degrees."""
        premultiplied = placed(np.dstack([self.colour * self.alpha[..., None], self.alpha]), shape, centre, turn)
        alpha = premultiplied[..., 3]
        colour = premultiplied[..., :3] / np.maximum(alpha, 1e-6)[..., None]
        return Layer(np.asarray(opacity * alpha, np.float32), np.clip(colour, 0, 1).astype(np.float32))


def tinted(alpha: FloatMap, colour: Colour | NDArray[np.float32]) -> Sprite:
    """Coverage in one colour."""
    return Sprite(alpha, np.broadcast_to(np.asarray(colour, np.float32), (*alpha.shape, 3)).copy())


def margined(sprite: Sprite, margin: int) -> Sprite:
    """With clear pixels around it."""
    around = ((margin, margin), (margin, margin))
    return Sprite(np.pad(sprite.alpha, around), np.pad(sprite.colour, (*around, (0, 0)), mode="edge"))


def shadowed(sprite: Sprite, offset: float, blur: float, strength: float) -> Sprite:
    """With a soft dark shadow below it, to the right by ``offset`` pixels."""
    sprite = margined(sprite, int(np.ceil(abs(offset) + 2 * blur)) + 1)
    fallen = cv2.GaussianBlur(shifted(sprite.alpha, offset, offset), (0, 0), max(blur, 0.3))
    return sprite.before(tinted(np.asarray(strength * fallen, np.float32), BLACK))


def outlined(sprite: Sprite, width: float, colour: Colour) -> Sprite:
    """With a border of so many pixels around it."""
    sprite = margined(sprite, int(np.ceil(width)) + 1)
    reach = 2 * int(np.ceil(width)) + 1
    grown = cv2.dilate(sprite.alpha, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach)))
    return sprite.before(tinted(np.asarray(grown, np.float32), colour))


def embossed(alpha: FloatMap, depth: float, face: float = 0.75) -> Sprite:
    """Grey glass, lit from the upper left: bright on the edges towards the light, dark on the others."""
    sprite = margined(tinted(alpha, (face, face, face)), 2)
    blurred = cv2.GaussianBlur(sprite.alpha, (0, 0), max(depth, 0.5))
    slope = np.gradient(blurred, axis=0) + np.gradient(blurred, axis=1)
    light = np.clip(face + 0.9 * slope / max(float(np.abs(slope).max()), 1e-6), 0, 1)
    rim = np.clip(np.abs(slope) * 2, 0, 1) * (blurred > 0.02)
    return Sprite(np.maximum(sprite.alpha, rim).astype(np.float32), np.repeat(light[..., None], 3, axis=2))


def beside(left: Sprite, right: Sprite, gap: int) -> Sprite:
    """Two sprites in a row, their middles at one height."""
    height = max(left.alpha.shape[0], right.alpha.shape[0])
    parts = [_heightened(left, height), tinted(np.zeros((height, gap), np.float32), WHITE), _heightened(right, height)]
    return Sprite(np.hstack([part.alpha for part in parts]), np.hstack([part.colour for part in parts]))


def _heightened(sprite: Sprite, height: int) -> Sprite:
    missing = height - sprite.alpha.shape[0]
    rows = (missing // 2, missing - missing // 2)
    return Sprite(np.pad(sprite.alpha, (rows, (0, 0))), np.pad(sprite.colour, (rows, (0, 0), (0, 0)), mode="edge"))


def brand(rng: Generator) -> Colour:
    """A colour that a company would choose."""
    return _BRANDS[rng.integers(len(_BRANDS))]


def word(rng: Generator, text: str, height: float, colour: Colour = WHITE) -> Sprite:
    """A word in a style of its own."""
    weight, width = rng.choice([0.0, 0.05, 0.1]), rng.uniform(0.85, 1.15)
    slant = 0.2 if rng.random() < 0.2 else 0.0
    return tinted(letters(text, height, weight=weight, width=width, slant=slant), colour)


def plate(rng: Generator, text: str, height: float) -> Sprite:
    """A word in white on a rounded box, or cut out of a white one."""
    inner = letters(text, 0.5 * height, weight=rng.choice([0.05, 0.1]), width=rng.uniform(0.85, 1.1))
    shape = (max(round(height), inner.shape[0]), inner.shape[1] + round(0.35 * height))
    box = rounded(shape, rng.choice([0.0, 0.15, 0.35]) * height)
    text_alpha = placed(inner, shape, ((shape[1] - 1) / 2, (shape[0] - 1) / 2))
    if rng.random() < 0.3:
        return tinted(np.asarray(box * (1 - text_alpha), np.float32), WHITE)
    return tinted(np.asarray(text_alpha * box, np.float32), WHITE).before(tinted(box, brand(rng)))


def rounded(shape: tuple[int, int], radius: float) -> FloatMap:
    """Coverage of a box (h, w) with round corners."""
    height, width = shape
    y, x = np.mgrid[:height, :width] + 0.5
    radius = min(max(radius, 0.6), height / 2, width / 2)
    outside = np.hypot(
        np.maximum(np.abs(x - width / 2) - width / 2 + radius, 0),
        np.maximum(np.abs(y - height / 2) - height / 2 + radius, 0),
    )
    return np.asarray(np.clip(radius - outside + 0.5, 0, 1), np.float32)


def emblem(rng: Generator, height: float) -> Sprite:
    """A device in one or two colours: a field with a charge on it."""
    side = max(8, round(height))
    centre, radius = (side - 1) / 2, side / 2 - 1
    shape = (side, side)
    outline = _outline(rng)
    field = filled(shape, centre + radius * outline)
    inner = filled(shape, centre + radius * rng.uniform(0.45, 0.65) * _outline(rng))
    ground = brand(rng)
    if rng.random() < 0.35:  # a ring with something in it
        ring = field - filled(shape, centre + 0.8 * radius * outline)
        return tinted(np.clip(np.maximum(ring, inner), 0, 1), ground if rng.random() < 0.5 else WHITE)
    if rng.random() < 0.5:
        inner = placed(letters("ABKMNRSVX8"[rng.integers(10)], 0.5 * side, weight=0.1), shape, (centre, centre))
    charge = tinted(np.asarray(inner * field, np.float32), WHITE)
    return charge.before(tinted(field, ground))


def _outline(rng: Generator) -> NDArray[np.float64]:
    """Corners of a field or a charge within the unit circle."""
    shapes = (_circle, _shield, lambda: _star(6, 0.87), lambda: _star(5, 0.42), lambda: _star(4, 0.71), _play)
    return np.asarray(shapes[rng.integers(len(shapes))]())


def _circle() -> NDArray[np.float64]:
    turn = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    return np.asarray(np.c_[np.cos(turn), np.sin(turn)])


def _star(points: int, waist: float) -> NDArray[np.float64]:
    """A star; with a wide waist a polygon."""
    turn = np.arange(2 * points) * np.pi / points - np.pi / 2
    return np.asarray(np.where(np.arange(2 * points) % 2, waist, 1.0)[:, None] * np.c_[np.cos(turn), np.sin(turn)])


def _shield() -> NDArray[np.float64]:
    down = np.linspace(0, 1, 20)
    side = np.c_[0.8 * np.cos(down * np.pi / 2) ** 0.7, -0.1 + 1.1 * down]
    return np.vstack([[(-0.8, -0.85), (0.8, -0.85)], side, side[::-1] * (-1, 1)])


def _play() -> NDArray[np.float64]:
    return np.array([(-0.55, -0.8), (0.85, 0.0), (-0.55, 0.8)])


def logo(rng: Generator, height: float) -> Sprite:
    """An emblem, a plate, a word, or an emblem with a word beside it."""
    text = str(rng.choice(CHANNELS))
    kind = rng.random()
    if kind < 0.25:
        return emblem(rng, height)
    if kind < 0.5:
        return plate(rng, text, height)
    if kind < 0.65:
        return word(rng, text, 0.6 * height, WHITE if rng.random() < 0.6 else brand(rng))
    return beside(emblem(rng, height), word(rng, text, 0.45 * height), max(1, round(0.1 * height)))
