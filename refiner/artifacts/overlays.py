"""What is laid over a finished picture: logos, captions, watermarks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from vinpaint.contracts import FloatMap
from vinpaint.refiner.artifacts.contract import Layer, Overlay, Size
from vinpaint.refiner.artifacts.marks import (
    BLACK,
    CHANNELS,
    CREDITS,
    WHITE,
    Sprite,
    brand,
    embossed,
    logo,
    outlined,
    plate,
    rounded,
    shadowed,
    tinted,
    word,
)
from vinpaint.refiner.drawing import Colour, Generator, letters, placed

_ORANGE: Colour = (1.0, 0.58, 0.12)
_CAPTIONS = (
    "I never said that.",
    "We have to go back.\nIt is not far.",
    "Where did you see it last?",
    "- Not today.\n- When, then?",
    "The river was higher that year.",
    "[door closes]",
)
_HEADLINES = (
    ("Harbour reopens", "first ships after the storm"),
    ("Dr. M. Example", "institute for optics"),
    ("Weather", "rain in the north, 14 °C"),
    ("Final score 2 : 1", "second half"),
)


def _faint(rng: Generator, severity: float, low: float = 0.15) -> float:
    """An opacity: the more severe the nearer to 1, and at 1 often opaque."""
    return float(np.clip(rng.uniform(low, low + 0.35) + 0.75 * severity, low, 1))


@dataclass(frozen=True)
class CornerLogo(Overlay):
    """A company's logo in a corner.

    Attributes
    ----------
    height : float
        In frame heights.
    opacity : float
        0 to 1.
    """

    name: ClassVar[str] = "corner_logo"

    height: float = 0.12
    opacity: float = 0.9

    @classmethod
    def draw(cls, rng: Generator, severity: float) -> Self:
        """See :meth:`Artifact.draw`."""
        return cls(rng.uniform(0.06, 0.1) + 0.08 * severity, _faint(rng, severity, 0.25))

    def layer(self, size: Size, rng: Generator) -> Layer:
        """See :meth:`Overlay.layer`."""
        pixels = self.height * size[1]
        sprite = logo(rng, pixels)
        if rng.random() < 0.5:
            sprite = shadowed(sprite, 0.03 * pixels, 0.04 * pixels, 0.6)
        return sprite.put(size[1:], _corner(rng, sprite, size, rng.uniform(0.03, 0.07)), self.opacity)


def _corner(rng: Generator, sprite: Sprite, size: Size, margin: float) -> tuple[float, float]:
    """Middle x, y of a sprite in one of the corners."""
    room = np.array(sprite.size) / 2 + margin * size[1]
    x, y = np.where(rng.random(2) < 0.5, room, np.array(size[2:0:-1]) - room)
    return float(x), float(y)


@dataclass(frozen=True)
class ChannelLogo(Overlay):
    """A broadcaster's mark in an upper corner: translucent and embossed, or a coloured plate.

    Attributes
    ----------
    height : float
        In frame heights.
    opacity : float
        0 to 1.
    glass : bool
        Whether it is embossed grey, or in colour.
    live : bool
        Whether a red plate is under it.
    """

    name: ClassVar[str] = "channel_logo"

    height: float = 0.09
    opacity: float = 0.55
    glass: bool = True
    live: bool = False

    @classmethod
    def draw(cls, rng: Generator, severity: float) -> Self:
        """See :meth:`Artifact.draw`."""
        height, opacity = rng.uniform(0.06, 0.09) + 0.05 * severity, _faint(rng, 0.7 * severity, 0.25)
        return cls(height, opacity, glass=bool(rng.random() < 0.6), live=bool(rng.random() < 0.3))

    def layer(self, size: Size, rng: Generator) -> Layer:
        """See :meth:`Overlay.layer`."""
        pixels, text = self.height * size[1], str(rng.choice(CHANNELS))
        if self.glass:
            sprite = embossed(letters(text, 0.8 * pixels, weight=0.1, width=rng.uniform(0.85, 1.05)), 0.05 * pixels)
        else:
            sprite = shadowed(plate(rng, text, pixels), 0.02 * pixels, 0.05 * pixels, 0.4)
        right = rng.random() < 0.7
        aside = sprite.size[0] / 2 + 0.06 * size[1]
        x, y = size[2] - aside if right else aside, 0.06 * size[1] + sprite.size[1] / 2
        found = sprite.put(size[1:], (x, y), self.opacity)
        return found.behind(self._sign(size, (x, y + 0.9 * pixels))) if self.live else found

    def _sign(self, size: Size, centre: tuple[float, float]) -> Layer:
        inner = letters("LIVE", 0.03 * size[1], weight=0.1)
        shape = (inner.shape[0] + 2, inner.shape[1] + round(0.02 * size[1]))
        text = placed(inner, shape, ((shape[1] - 1) / 2, (shape[0] - 1) / 2))
        sign = tinted(text, WHITE).before(tinted(rounded(shape, 1), (0.82, 0.06, 0.08)))
        return sign.put(size[1:], centre, min(1.0, self.opacity + 0.3))


@dataclass(frozen=True)
class TextOverlay(Overlay):
    """A caption: subtitles, a headline on a bar, a date as cameras burn it in, a running time code, a credit.

    Attributes
    ----------
    style : str
        ``subtitle``, ``headline``, ``date``, ``timecode`` or ``credit``.
    height : float
        Of the capitals, in frame heights.
    opacity : float
        0 to 1.
    """

    name: ClassVar[str] = "text_overlay"
    STYLES: ClassVar[tuple[str, ...]] = ("subtitle", "headline", "date", "timecode", "credit")

    style: str = "subtitle"
    height: float = 0.05
    opacity: float = 1.0

    @classmethod
    def draw(cls, rng: Generator, severity: float) -> Self:
        """See :meth:`Artifact.draw`."""
        return cls(str(rng.choice(cls.STYLES)), rng.uniform(0.03, 0.045) + 0.025 * severity, _faint(rng, severity, 0.4))

    def layer(self, size: Size, rng: Generator) -> Layer:
        """See :meth:`Overlay.layer`."""
        draw = {
            "subtitle": self._subtitle,
            "headline": self._headline,
            "date": self._date,
            "timecode": self._timecode,
            "credit": self._credit,
        }
        return draw[self.style](size, rng)

    def _subtitle(self, size: Size, rng: Generator) -> Layer:
        pixels = self.height * size[1]
        colour = WHITE if rng.random() < 0.7 else (1.0, 0.93, 0.25)
        sprite = outlined(word(rng, str(rng.choice(_CAPTIONS)), pixels, colour), 0.09 * pixels, BLACK)
        sprite = shadowed(sprite, 0.06 * pixels, 0.05 * pixels, 0.5)
        return sprite.put(size[1:], (size[2] / 2, size[1] * 0.95 - sprite.size[1] / 2), self.opacity)

    def _headline(self, size: Size, rng: Generator) -> Layer:
        pixels = self.height * size[1]
        title, line = _HEADLINES[rng.integers(len(_HEADLINES))]
        bar = (round(3.6 * pixels), round(0.72 * size[2]))
        colour = brand(rng)
        ground = tinted(np.full(bar, 0.85, np.float32), colour)
        ground.colour[:, : max(2, round(0.4 * pixels))] = 1 - 0.3 * (1 - np.array(colour))
        for text, share, down, weight in ((title, 1.0, 0.34, 0.08), (line, 0.7, 0.74, 0.0)):
            inner = letters(text, share * pixels, weight=weight)
            place = pixels + inner.shape[1] / 2, down * bar[0]
            ground = tinted(placed(inner, bar, place), WHITE).before(ground)
        return ground.put(size[1:], (bar[1] / 2 + 0.06 * size[2], 0.93 * size[1] - bar[0] / 2), self.opacity)

    def _date(self, size: Size, rng: Generator) -> Layer:
        pixels = self.height * size[1]
        text = f"{rng.integers(1, 29)}. {rng.integers(1, 13)}. '{rng.integers(88, 99)}"
        sprite = shadowed(tinted(letters(text, pixels, weight=0.06), _ORANGE), 0, 0.12 * pixels, 0.5)
        place = size[2] * 0.94 - sprite.size[0] / 2, size[1] * 0.92 - sprite.size[1] / 2
        return sprite.put(size[1:], place, self.opacity)

    def _timecode(self, size: Size, rng: Generator) -> Layer:
        """Each figure in a column of its own, so that it runs without trembling."""
        pixels, first = self.height * size[1], int(rng.integers(90_000))
        cell = round(0.78 * pixels)
        glyphs = {sign: letters(sign, pixels, weight=0.05) for sign in "0123456789:"}
        box = (round(1.7 * pixels), 12 * cell)
        alphas = np.zeros(size, np.float32)
        colours = np.zeros((*size, 3), np.float32)
        for index in range(size[0]):
            text = self._line(first + index, glyphs, box, cell)
            sprite = tinted(text, WHITE).before(tinted(np.full(box, 0.55, np.float32), BLACK))
            put = sprite.put(size[1:], (size[2] / 2, size[1] * 0.08), self.opacity)
            alphas[index], colours[index] = put.alpha, put.colour
        return Layer(alphas, colours)

    @staticmethod
    def _line(frame: int, glyphs: dict[str, FloatMap], box: tuple[int, int], cell: int) -> FloatMap:
        second = frame // 25
        text = f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}:{frame % 25:02d}"
        places = [((0.5 * (12 - len(text)) + 0.5 + k) * cell, box[0] / 2) for k in range(len(text))]
        parts = [placed(glyphs[sign], box, place) for sign, place in zip(text, places, strict=True)]
        return np.asarray(np.max(parts, axis=0), np.float32)

    def _credit(self, size: Size, rng: Generator) -> Layer:
        pixels = self.height * size[1]
        sprite = shadowed(word(rng, str(rng.choice(CREDITS)), pixels), 0.06 * pixels, 0.08 * pixels, 0.7)
        return sprite.put(size[1:], _corner(rng, sprite, size, 0.04), self.opacity)


@dataclass(frozen=True)
class TiledPattern(Overlay):
    """The watermark of a picture agency: a mark repeated all over the frame, thin lines between.

    Attributes
    ----------
    height : float
        Of the capitals, in frame heights.
    opacity : float
        0 to 1.
    angle : float
        Degrees, anti-clockwise.
    spacing : float
        From mark to mark, in widths of the mark.
    lines : bool
        Whether lines run between the marks.
    """

    name: ClassVar[str] = "tiled_pattern"

    height: float = 0.06
    opacity: float = 0.3
    angle: float = 25.0
    spacing: float = 1.6
    lines: bool = True

    @classmethod
    def draw(cls, rng: Generator, severity: float) -> Self:
        """See :meth:`Artifact.draw`."""
        return cls(
            height=rng.uniform(0.04, 0.08),
            opacity=rng.uniform(0.1, 0.2) + 0.3 * severity,
            angle=float(rng.choice([0, 25, 30, 45, -30])),
            spacing=rng.uniform(1.9, 2.4) - 0.6 * severity,
            lines=bool(rng.random() < 0.4),
        )

    def layer(self, size: Size, rng: Generator) -> Layer:
        """See :meth:`Overlay.layer`."""
        pixels = self.height * size[1]
        mark = shadowed(word(rng, str(rng.choice(CREDITS)), pixels), 0.05 * pixels, 0.05 * pixels, 0.55)
        cell = round(self.spacing * mark.size[0]), max(round(1.8 * mark.size[1]), round(0.16 * size[1]))
        side = round(np.hypot(*size[1:])) + 2
        wall = self._wall(mark, cell, side)
        return wall.put(size[1:], ((size[2] - 1) / 2, (size[1] - 1) / 2), self.opacity, self.angle)

    def _wall(self, mark: Sprite, cell: tuple[int, int], side: int) -> Sprite:
        """The pattern on a square, every other row shifted by half a cell."""
        middle = (cell[0] - 1) / 2, (cell[1] - 1) / 2
        single = mark.put(cell[::-1], middle, 1.0)
        one = Sprite(single.alpha, single.colour)
        if self.lines:
            line = np.zeros(cell[::-1], np.float32)
            line[0] = 0.8
            one = one.before(tinted(line, WHITE))
        shifted = Sprite(np.roll(one.alpha, cell[0] // 2, axis=1), np.roll(one.colour, cell[0] // 2, axis=1))
        both = np.vstack([one.alpha, shifted.alpha]), np.vstack([one.colour, shifted.colour])
        across, down = side // cell[0] + 1, side // (2 * cell[1]) + 1
        alpha, colour = np.tile(both[0], (down, across)), np.tile(both[1], (down, across, 1))
        return Sprite(alpha[:side, :side], colour[:side, :side])


@dataclass(frozen=True)
class DiagonalText(Overlay):
    """One large word from corner to corner, filled or as an outline.

    Attributes
    ----------
    length : float
        Of the word, in frame diagonals.
    opacity : float
        0 to 1.
    hollow : bool
        Whether only its outline is drawn.
    rising : bool
        From the lower left to the upper right, or falling.
    """

    name: ClassVar[str] = "diagonal_text"

    length: float = 0.7
    opacity: float = 0.35
    hollow: bool = False
    rising: bool = True

    @classmethod
    def draw(cls, rng: Generator, severity: float) -> Self:
        """See :meth:`Artifact.draw`."""
        return cls(
            length=rng.uniform(0.5, 0.65) + 0.15 * severity,
            opacity=rng.uniform(0.12, 0.25) + 0.5 * severity,
            hollow=bool(rng.random() < 0.3),
            rising=bool(rng.random() < 0.7),
        )

    def layer(self, size: Size, rng: Generator) -> Layer:
        """See :meth:`Overlay.layer`."""
        text, diagonal = str(rng.choice(CREDITS)).upper(), float(np.hypot(*size[1:]))
        weight = rng.choice([0.0, 0.08])
        trial = letters(text, 40, weight=weight)
        pixels = min(40 * self.length * diagonal / trial.shape[1], 0.3 * size[1])
        face = letters(text, pixels, weight=weight)
        grey = WHITE if rng.random() < 0.8 else (0.1, 0.1, 0.1)
        sprite = self._hollow(face, pixels, grey) if self.hollow else tinted(face, grey)
        turn = np.degrees(np.arctan2(size[1], size[2])) * (1 if self.rising else -1)
        return sprite.put(size[1:], ((size[2] - 1) / 2, (size[1] - 1) / 2), self.opacity, float(turn))

    @staticmethod
    def _hollow(face: FloatMap, pixels: float, grey: Colour) -> Sprite:
        wide = outlined(tinted(face, grey), max(1.0, 0.05 * pixels), grey)
        margin = (wide.alpha.shape[0] - face.shape[0]) // 2
        return tinted(np.clip(wide.alpha - np.pad(face, margin), 0, 1), grey)


@dataclass(frozen=True)
class MovingLogo(Overlay):
    """A logo that wanders over the frame and bounces off its borders, or jumps from place to place.

    Attributes
    ----------
    height : float
        In frame heights.
    opacity : float
        0 to 1.
    speed : float
        Frame heights a frame.
    stay : int
        Frames after which it jumps; 0 = it wanders.
    """

    name: ClassVar[str] = "moving_logo"

    height: float = 0.12
    opacity: float = 0.8
    speed: float = 0.008
    stay: int = 0

    @classmethod
    def draw(cls, rng: Generator, severity: float) -> Self:
        """See :meth:`Artifact.draw`."""
        height, opacity = rng.uniform(0.07, 0.1) + 0.08 * severity, _faint(rng, severity, 0.25)
        stay = int(rng.integers(8, 60)) if rng.random() < 0.3 else 0
        return cls(height, opacity, rng.uniform(0.002, 0.015), stay)

    def layer(self, size: Size, rng: Generator) -> Layer:
        """See :meth:`Overlay.layer`."""
        sprite = logo(rng, self.height * size[1])
        alphas = np.empty(size, np.float32)
        colours = np.empty((*size, 3), np.float32)
        for index, (x, y) in enumerate(self._places(size, sprite, rng)):
            put = sprite.put(size[1:], (x, y), self.opacity)
            alphas[index], colours[index] = put.alpha, put.colour
        return Layer(alphas, colours)

    def _places(self, size: Size, sprite: Sprite, rng: Generator) -> NDArray[np.float64]:
        """Its middle x, y in every frame, (T, 2)."""
        half = np.minimum(np.array(sprite.size), size[2:0:-1]) / 2
        room = np.array(size[2:0:-1]) - 2 * half
        time = np.arange(size[0])[:, None]
        if self.stay:
            places = rng.uniform(0, room, (size[0] // self.stay + 1, 2))
            return np.asarray(half + places[time[:, 0] // self.stay])
        angle = rng.uniform(0, 2 * np.pi)
        way = rng.uniform(0, room) + self.speed * size[1] * time * np.array([np.cos(angle), np.sin(angle)])
        return np.asarray(half + room - np.abs(way % np.maximum(2 * room, 1e-9) - room))
