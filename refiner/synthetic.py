"""Synthetic scenes and blemishes for the demo, the tests and, later, training: arrays only, seeded.

A scene is one large painted panorama (sky, ranges, meadow, trees, houses, a road) that repeats horizontally
and is sampled at sub-pixel positions by a moving camera, with a car that drives on its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from vinpaint.contracts import Blemish, FloatMap, Frames
from vinpaint.refiner.drawing import FINE, Colour, Generator, fractal, lay, mix, painted, ragged, smoothstep

_Matrix: TypeAlias = NDArray[np.float64]
_Part: TypeAlias = tuple[ArrayLike, ArrayLike]  # corners (x, y) as shares of a sprite's size, and colour

_HORIZON = 0.46  # heights of these in the panorama, 0 = top
_ROAD = (0.70, 0.80)
_LEAST_ALPHA = 1 / 255  # what tints by less than a code value is no blemish


_HOUSE: tuple[tuple[str, ArrayLike], ...] = (
    ("wall", ((0.1, 0.45), (0.9, 0.45), (0.9, 1.0), (0.1, 1.0))),
    ("door", ((0.62, 0.7), (0.78, 0.7), (0.78, 1.0), (0.62, 1.0))),
    ("pane", ((0.19, 0.56), (0.32, 0.56), (0.32, 0.74), (0.19, 0.74))),
    ("pane", ((0.4, 0.56), (0.53, 0.56), (0.53, 0.74), (0.4, 0.74))),
    ("chimney", ((0.7, 0.02), (0.8, 0.02), (0.8, 0.4), (0.7, 0.4))),
    ("roof", ((0.02, 0.48), (0.22, 0.12), (0.78, 0.12), (0.98, 0.48))),
)
_BODY = (
    (0.03, 0.8),
    (0.03, 0.52),
    (0.1, 0.44),
    (0.28, 0.4),
    (0.38, 0.12),
    (0.72, 0.12),
    (0.86, 0.42),
    (0.97, 0.48),
    (0.97, 0.8),
)
_CAR: tuple[_Part, ...] = (
    (_BODY, (0.76, 0.13, 0.11)),
    (((0.03, 0.68), (0.97, 0.68), (0.97, 0.8), (0.03, 0.8)), (0.52, 0.07, 0.07)),
    (((0.31, 0.41), (0.4, 0.18), (0.54, 0.18), (0.54, 0.41)), (0.20, 0.27, 0.34)),
    (((0.57, 0.41), (0.57, 0.18), (0.7, 0.18), (0.82, 0.41)), (0.26, 0.34, 0.42)),
    (((0.03, 0.52), (0.09, 0.52), (0.09, 0.6), (0.03, 0.6)), (0.98, 0.85, 0.45)),
    (((0.1, 0.455), (0.93, 0.475), (0.93, 0.5), (0.1, 0.48)), (0.93, 0.42, 0.36)),
)

# ---------------------------------------------------------------------------------------------
# The camera and the scene
# ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Motion:
    """How the camera moves: a steady pan with slow oscillations on top.

    Attributes
    ----------
    pan : float
        Pixels a frame, to the right.
    sway, roll, zoom : float
        Amplitudes: vertical shift in frame heights (at most 0.1), rotation in degrees, relative
        change of scale.
    period : float
        Frames an oscillation.
    """

    pan: float = 0.0
    sway: float = 0.0
    roll: float = 0.0
    zoom: float = 0.0
    period: float = 75.0


def any_motion(rng: Generator) -> Motion:
    """A camera that may or may not pan, and is held more or less firmly."""
    return Motion(
        pan=rng.choice([0, rng.uniform(0, 6)]),
        sway=rng.uniform(0, 0.05),
        roll=rng.uniform(0, 1.5),
        zoom=rng.uniform(0, 0.1),
        period=rng.uniform(30, 120),
    )


STATIC = Motion()
PAN = Motion(pan=2.4)
HANDHELD = Motion(pan=2.4, sway=0.03, roll=0.8, zoom=0.03)


def moving_scene(
    count: int, height: int, width: int, *, seed: int = 0, motion: Motion = HANDHELD, car: bool = True
) -> Frames:
    """Film a painted landscape with a moving camera.

    Parameters
    ----------
    count, height, width : int
        Frames and their size in pixels.
    seed : int
        Everything follows from it.
    motion : Motion
        How the camera moves.
    car : bool
        Whether a car drives through on its own.

    Returns
    -------
    (T, H, W, 3) uint8
        RGB.
    """
    frames = np.empty((count, height, width, 3), np.uint8)
    for frame, image in zip(frames, scene_frames(count, height, width, seed=seed, motion=motion, car=car), strict=True):
        frame[:] = image
    return frames


def scene_frames(
    count: int, height: int, width: int, *, seed: int = 0, motion: Motion = HANDHELD, car: bool = True
) -> Iterator[NDArray[np.uint8]]:
    """The frames of :func:`moving_scene`, one after the other: memory does not grow with their number."""
    world = panorama(height, width, seed=seed)
    sprite = _car(height) if car else None
    for index in range(count):
        camera = _camera(motion, index, height, width)
        image = _sample(world, camera, height, width, cv2.BORDER_WRAP)
        if sprite is not None:
            image = _over(image, sprite, camera @ _car_place(index, height, world.shape[1], motion), height, width)
        yield np.rint(255 * np.clip(image, 0, 1)).astype(np.uint8)


def _camera(motion: Motion, index: int, height: int, width: int) -> _Matrix:
    """From panorama to frame coordinates, 3x3."""
    phase = 2 * math.pi * index / motion.period
    scale = 1 + motion.zoom * math.sin(phase)
    turn = math.radians(motion.roll) * math.sin(1.3 * phase)
    cosine, sine = scale * math.cos(turn), scale * math.sin(turn)
    x = width / 2 + motion.pan * index
    y = _panorama_height(height) / 2 + motion.sway * height * math.sin(0.7 * phase)
    rotation = np.array([[cosine, -sine, width / 2], [sine, cosine, height / 2], [0, 0, 1]])
    return rotation @ _shift(-x, -y)


def _shift(x: float, y: float) -> _Matrix:
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1.0]])


def _sample(image: FloatMap, matrix: _Matrix, height: int, width: int, border: int) -> FloatMap:
    """The image seen through ``matrix``; cubic, in floating point, so that sub-pixel motion is exact."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    inverse = np.linalg.inv(matrix)
    across = (inverse[0, 0] * x + inverse[0, 1] * y + inverse[0, 2]).astype(np.float32)
    down = (inverse[1, 0] * x + inverse[1, 1] * y + inverse[1, 2]).astype(np.float32)
    return cv2.remap(image, across, down, cv2.INTER_CUBIC, borderMode=border).astype(np.float32, copy=False)


def _over(image: NDArray[Any], sprite: FloatMap, matrix: _Matrix, height: int, width: int) -> NDArray[Any]:
    """``image`` with a premultiplied RGBA sprite in front."""
    layer = _sample(sprite, matrix, height, width, cv2.BORDER_CONSTANT)
    return image * (1 - layer[..., 3:]) + layer[..., :3]


# ---------------------------------------------------------------------------------------------
# The panorama
# ---------------------------------------------------------------------------------------------


def _panorama_height(height: int) -> int:
    return math.ceil(1.4 * height)


def panorama(height: int, width: int, *, seed: int = 0) -> FloatMap:
    """Paint the landscape behind frames of a size; its left and right borders fit together.

    Returns
    -------
    (1.4·H, 3·W, 3) float32
        RGB, 0 to 1.
    """
    rng = np.random.default_rng(seed)
    shape = (_panorama_height(height), 3 * width)
    world = _sky(rng, shape)
    for depth in (0.0, 0.5, 1.0):
        _paint_range(rng, world, depth)
    _paint_meadow(rng, world)
    _paint_road(rng, world)
    for place in np.sort(rng.uniform(0.49, 0.66, 14 + shape[1] // (2 * height))):  # far things first
        (_paint_tree if rng.random() < 0.75 else _paint_house)(rng, world, float(place), height)
    _paint_posts(world, height)
    return world


def _ridge(rng: np.random.Generator, width: int, roughness: float) -> FloatMap:
    """A periodic outline, mean 0, deviation 1."""
    wave = np.arange(width // 2 + 1)
    spectrum = (rng.standard_normal(wave.size) + 1j * rng.standard_normal(wave.size)) / np.maximum(wave, 3) ** roughness
    spectrum[0] = 0
    ridge = np.fft.irfft(spectrum, n=width)
    return np.asarray(ridge / max(ridge.std(), 1e-9), np.float32)


def _rows(shape: tuple[int, ...]) -> FloatMap:
    """Height of each pixel, 0 = top to 1 = bottom, as a column."""
    return np.linspace(0, 1, shape[0], dtype=np.float32)[:, None]


def _sky(rng: np.random.Generator, shape: tuple[int, int]) -> FloatMap:
    fall = np.broadcast_to(smoothstep(_rows(shape), 0.0, _HORIZON + 0.05), shape)
    sky = mix((0.27, 0.50, 0.80), (0.86, 0.89, 0.88), fall)
    clouds = fractal(rng, shape, 1.7)
    white = mix((0.80, 0.82, 0.86), (1.0, 0.99, 0.97), smoothstep(clouds, 0.2, 1.8))
    cover = 0.9 * smoothstep(clouds, 0.1, 1.3) * (1 - 0.6 * fall)
    return (sky * (1 - cover[..., None]) + white * cover[..., None]).astype(np.float32)


def _paint_range(rng: np.random.Generator, world: FloatMap, depth: float) -> None:
    """Mountains from wall to wall; ``depth`` 0 = far and pale, 1 = near, dark and wooded."""
    shape = world.shape[:2]
    crest = _HORIZON - 0.13 + 0.11 * depth + 0.04 * (1 - 0.5 * depth) * _ridge(rng, shape[1], 1.4 - 0.4 * depth)
    relief = fractal(rng, shape, 1.6)
    light = np.clip(0.5 + 1.5 * (relief - np.roll(relief, 3, axis=1)) + 0.06 * relief, 0, 1)
    near = mix((0.10, 0.19, 0.12), (0.34, 0.44, 0.22), light)
    far = mix((0.48, 0.57, 0.68), (0.68, 0.73, 0.78), light)
    inside = smoothstep((_rows(shape) - crest) * shape[0], -0.7, 0.7)
    world[:] = mix(world, far * (1 - depth) + near * depth, inside)


def _paint_meadow(rng: np.random.Generator, world: FloatMap) -> None:
    shape = world.shape[:2]
    down = (_rows(shape) - _HORIZON) / (1 - _HORIZON)
    patches, blades = fractal(rng, shape, 1.4), fractal(rng, shape, 0.55)
    # Grass looks coarser near the viewer; far off the patches are squeezed flat.
    squeezed = cv2.remap(patches, *_perspective(shape), cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    grass = mix((0.25, 0.40, 0.13), (0.62, 0.64, 0.27), smoothstep(squeezed, -1.6, 1.9))
    grass *= (1 + (0.05 + 0.11 * np.clip(down, 0, 1)) * blades)[..., None]
    bloom = smoothstep(fractal(rng, shape, 0.25), 2.3, 2.9) * (patches > 0.2) * (down > 0.12)
    grass = mix(grass, (0.95, 0.83, 0.35), bloom)
    world[:] = mix(world, grass, np.broadcast_to(smoothstep(down * shape[0], -0.7, 0.7), shape))


def _perspective(shape: tuple[int, ...]) -> tuple[FloatMap, FloatMap]:
    """Where the ground at each pixel lies on a flat map seen from above."""
    down = np.clip((_rows(shape) - _HORIZON) / (1 - _HORIZON), 0.02, None)
    x = np.broadcast_to(np.arange(shape[1], dtype=np.float32), shape)
    y = np.broadcast_to(shape[0] * (0.5 * down - 0.12 / (down + 0.15)), shape)
    return np.ascontiguousarray(x), np.ascontiguousarray(y, dtype=np.float32)


def _paint_road(rng: np.random.Generator, world: FloatMap) -> None:
    shape = world.shape[:2]
    rows = _rows(shape) + 0.005 * _ridge(rng, shape[1], 2.5)
    top, bottom = _ROAD
    edge = 1.2 / shape[0]
    inside = smoothstep(rows, top - edge, top + edge) * (1 - smoothstep(rows, bottom - edge, bottom + edge))
    asphalt = np.full((*shape, 3), (0.37, 0.36, 0.37), np.float32)
    asphalt *= (1 + 0.07 * fractal(rng, shape, 0.3) + 0.06 * fractal(rng, shape, 1.5))[..., None]
    # A whole number of dashes goes round the panorama.
    dashes = np.sin(np.arange(shape[1]) * 2 * np.pi * round(shape[1] / (0.22 * shape[0])) / shape[1]) > 0.1
    middle = np.abs(rows - (top + bottom) / 2) < 0.006
    asphalt[middle & dashes] = (0.87, 0.86, 0.80)
    world[:] = mix(world, asphalt, inside)


def _paste(world: FloatMap, colour: NDArray[Any], alpha: NDArray[Any], left: int, top: int) -> None:
    """Lay a picture over the panorama; what leaves it on one side comes in on the other."""
    height, width = alpha.shape
    rows = np.arange(max(top, 0), min(top + height, world.shape[0]))
    columns = np.arange(left, left + width) % world.shape[1]
    grid = np.ix_(rows, columns)
    part = slice(rows[0] - top, rows[-1] - top + 1) if rows.size else slice(0, 0)
    world[grid] = mix(world[grid], np.broadcast_to(colour, (height, width, 3))[part], alpha[part])


def _paint_tree(rng: np.random.Generator, world: FloatMap, place: float, frame_height: int) -> None:
    size = max(6, round(frame_height * (1.5 * (place - _HORIZON) + 0.1) * rng.uniform(0.8, 1.3)))
    shape = (size, round(0.85 * size))
    y, x = np.mgrid[0 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j]
    leaves = fractal(rng, shape, 0.9)
    crown = 1 - np.hypot(x / 0.85, (y - 0.42) / 0.40) + 0.13 * leaves
    bark = (np.abs(x) < 0.07 + 0.05 * y) & (y > 0.5)
    shade = np.clip(0.55 - 0.75 * (y - 0.35) - 0.25 * x + 0.17 * leaves, 0, 1)
    dark, bright = np.array(((0.07, 0.15, 0.06), (0.42, 0.54, 0.18))) + rng.uniform(-0.04, 0.04, 3)
    foliage = smoothstep(crown, 0.0, 0.12)
    colour = np.where(bark[..., None] & (foliage < 0.5)[..., None], (0.27, 0.20, 0.14), mix(dark, bright, shade))
    shadow = 0.45 * smoothstep(1 - np.hypot(x / 0.9, (y - 0.98) / 0.05), 0, 0.6)
    left, top = int(rng.integers(world.shape[1])), round(place * world.shape[0]) - size
    _paste(world, np.zeros(3), shadow, left, top)
    _paste(world, colour, np.maximum(foliage, bark), left, top)


def _paint_house(rng: np.random.Generator, world: FloatMap, place: float, frame_height: int) -> None:
    size = max(8, round(frame_height * (0.9 * (place - _HORIZON) + 0.09)))
    wall = rng.uniform(0.75, 0.95) * np.array((1, 0.95, 0.85)) + rng.uniform(-0.03, 0.03, 3)
    roof = np.array([(0.60, 0.25, 0.18), (0.42, 0.28, 0.24), (0.33, 0.36, 0.42)])[rng.integers(3)]
    tints = {
        "wall": wall,
        "chimney": 0.7 * wall,
        "roof": roof,
        "door": 0.5 * roof,
        "pane": np.array((0.22, 0.28, 0.36)),
    }
    parts = [(points, tints[name]) for name, points in _HOUSE]
    colour, alpha = _polygons(parts, size, round(1.3 * size))
    grain = 1 + 0.04 * rng.standard_normal(alpha.shape)
    _paste(
        world,
        colour * grain[..., None],
        alpha,
        int(rng.integers(world.shape[1])),
        round(place * world.shape[0]) - size,
    )


def _paint_posts(world: FloatMap, frame_height: int) -> None:
    """A fence along the road, with hard edges at regular distances."""
    height, width = world.shape[:2]
    step = width / max(1, round(width / (0.16 * frame_height)))
    post = max(2, round(0.075 * frame_height)), max(1, round(0.014 * frame_height))
    top = round((_ROAD[1] + 0.03) * height)
    rail = np.ones((max(1, round(0.01 * frame_height)), width))
    for share in (0.2, 0.6):
        _paste(world, np.array((0.72, 0.68, 0.60)), rail, 0, top + round(share * post[0]))
    lit = np.linspace(1, 0.7, post[1])[None, :, None] * (0.85, 0.81, 0.73) * np.ones((post[0], 1, 1))
    for index in range(round(width / step)):
        _paste(world, lit, np.ones(post), round(index * step), top)


def _polygons(parts: Sequence[_Part], height: int, width: int) -> tuple[FloatMap, FloatMap]:
    """Antialiased polygons (corners as shares of the size), later ones in front: colour and coverage."""
    size = np.array((width, height)) * FINE
    canvas = np.zeros((size[1], size[0], 4), np.float32)
    for points, tint in parts:
        corners = np.rint(np.asarray(points) * size).astype(np.int32)
        cv2.fillPoly(canvas, [corners], (*np.asarray(tint, float).tolist(), 1.0))
    small = cv2.resize(canvas, (width, height), interpolation=cv2.INTER_AREA)
    alpha = small[..., 3]
    colour = small[..., :3] / np.maximum(alpha, 1e-6)[..., None]
    return colour.astype(np.float32), alpha.astype(np.float32)


# ---------------------------------------------------------------------------------------------
# The car
# ---------------------------------------------------------------------------------------------


def _disc(x: float, y: float, radius: float) -> NDArray[Any]:
    """Corners of a disc on a canvas twice as wide as high."""
    turn = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    return np.column_stack([x + 0.5 * radius * np.cos(turn), y + radius * np.sin(turn)])


def _car(frame_height: int) -> FloatMap:
    """A car as a premultiplied RGBA sprite, with a margin of clear pixels for the sampling."""
    height = max(4, round(0.17 * frame_height))
    parts: list[_Part] = list(_CAR)
    parts += [
        (_disc(x, 0.80, r), c)
        for x in (0.22, 0.78)
        for r, c in ((0.19, (0.07, 0.07, 0.08)), (0.10, (0.70, 0.70, 0.72)))
    ]
    colour, alpha = _polygons(parts, height, 2 * height)
    sprite = np.dstack([colour * alpha[..., None], alpha]).astype(np.float32)
    return np.pad(sprite, ((2, 2), (2, 2), (0, 0)))


def _car_place(index: int, height: int, world_width: int, motion: Motion) -> _Matrix:
    """Where the car stands in the panorama: it comes towards the camera's left again and again."""
    speed = 0.011 * height
    lap = world_width / 3 + 0.6 * height  # from beyond the right border to beyond the left one
    x = motion.pan * index + lap - 0.4 * height - (speed * index + 0.35 * lap) % lap
    return _shift(x, (_ROAD[0] + 0.055) * _panorama_height(height) - 0.17 * height)


# ---------------------------------------------------------------------------------------------
# Blemishes
# ---------------------------------------------------------------------------------------------


def blemish_of(alpha: NDArray[Any], colour: ArrayLike) -> Blemish:
    """A blemish of a known opacity (H, W) and colour, (3,) or (H, W, 3), 0 to 1."""
    alpha = np.clip(alpha, 0, 1).astype(np.float32)
    mask = alpha >= _LEAST_ALPHA
    alpha[~mask] = 0
    tint = np.broadcast_to(np.asarray(colour, np.float32), (*alpha.shape, 3)).copy()
    return Blemish(mask, alpha, tint, mask.astype(np.float32))


def soft_stain(
    height: int,
    width: int,
    *,
    centre: tuple[float, float],
    radius: float,
    opacity: float = 0.9,
    colour: Colour = (0.30, 0.27, 0.22),
    seed: int = 0,
) -> Blemish:
    """Dirt on the lens: irregular, opaque in the middle, soft at its edge.

    Parameters
    ----------
    height, width : int
        Size of the frames.
    centre : (x, y)
        In pixels.
    radius : float
        Pixels from the centre to where nothing is left of it, on average.
    opacity : float
        In the middle, 0 to 1.
    colour : (r, g, b)
        0 to 1.
    seed : int
        Its outline.
    """
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    turn = np.arctan2(y - centre[1], x - centre[0])
    outline = ragged(turn, rng, amplitude=0.14, waves=range(2, 7))
    distance = np.hypot(x - centre[0], y - centre[1]) / (radius * outline)
    return blemish_of(opacity * smoothstep(1 - distance, 0, 0.6), colour)


def logo(
    height: int,
    width: int,
    *,
    text: str = "CHANNEL 7",
    centre: tuple[float, float],
    size: float,
    opacity: float = 1.0,
    colour: Colour = (0.97, 0.97, 0.97),
) -> Blemish:
    """Lettering with a dark outline.

    Parameters
    ----------
    height, width : int
        Size of the frames.
    text : str
        Letters that OpenCV's fonts have: ASCII.
    centre : (x, y)
        In pixels.
    size : float
        Height of the capitals, pixels.
    opacity : float
        0 to 1.
    colour : (r, g, b)
        Of the letters, 0 to 1.

    Returns
    -------
    Blemish
        Of shape (height, width).
    """
    face, scale = cv2.FONT_HERSHEY_DUPLEX, size / 22 * FINE
    thick = max(1, round(0.1 * size * FINE))
    (across, up), _ = cv2.getTextSize(text, face, scale, thick)
    origin = round(centre[0] * FINE - across / 2), round(centre[1] * FINE + up / 2)

    def draw(extra: int) -> FloatMap:
        stroke = thick + extra
        return painted(
            (height, width), lambda canvas: cv2.putText(canvas, text, origin, face, scale, 255, stroke, cv2.LINE_AA)
        )

    letters, outlined = draw(0), draw(2 * max(1, round(0.07 * size * FINE)))
    return blemish_of(opacity * outlined, mix((0.08, 0.08, 0.10), colour, letters))


def scratch(
    height: int,
    width: int,
    *,
    x: float,
    thickness: float = 2.0,
    opacity: float = 0.8,
    colour: Colour = (0.92, 0.92, 0.88),
    seed: int = 0,
) -> Blemish:
    """A scratch from the top to the bottom of the frame that wanders a little.

    Parameters
    ----------
    height, width : int
        Size of the frames.
    x : float
        Column around which it wanders.
    thickness : float
        In pixels.
    opacity : float
        At most, 0 to 1; it varies by 15 % from row to row.
    colour : (r, g, b)
        0 to 1.
    seed : int
        Its path.

    Returns
    -------
    Blemish
        Of shape (height, width).
    """
    rng = np.random.default_rng(seed)
    wander = np.cumsum(rng.standard_normal(height + 20))
    path = x + 0.15 * cv2.GaussianBlur(wander[:, None], (1, 0), sigmaX=1, sigmaY=5)[10:-10]
    strength = opacity * rng.uniform(0.85, 1.0, (height, 1))
    distance = np.abs(np.arange(width) - path)
    return blemish_of(strength * np.clip((thickness + 1) / 2 - distance, 0, 1), colour)


def apply(frames: Frames, blemish: Blemish) -> Frames:
    """Put a blemish in front of a clip: observed = (1 − alpha)·scene + alpha·colour.

    Parameters
    ----------
    frames : (T, H, W, 3) uint8 or uint16
        RGB; never changed.
    blemish : Blemish
        Of the frames' size.

    Returns
    -------
    (T, H, W, 3)
        In the frames' type; equal to them where the blemish is clear.
    """
    return lay(frames, blemish.alpha, blemish.colour)
