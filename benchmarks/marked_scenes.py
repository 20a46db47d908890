"""Scenes with marks and stains of known places, to teach a network what stands still before a moving scene.

Scenes are painted, or cut out of clips by a camera that is moved over their frames, still or running; what is put
before them is drawn at random.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from vinpaint.contracts import FloatMap, Frames
from vinpaint.detect.maps import ROWS
from vinpaint.refiner.drawing import FINE, Generator, lay, painted, ragged
from vinpaint.refiner.synthetic import any_motion, moving_scene
from vinpaint.video.clips import read_small

WIDTH = 426
TALLEST = 480  # rows of a clip that a camera moves over
LONGEST = 150  # frames read of a clip
MARK, STAIN = 0, 1
EDGE = 0.05  # opacity at which a blemish ends
_SIGNS = "ABCDEFGHIKLMNOPRSTUVWXYZabcdefghiklmnoprstuvz 0123456789(c)-"


def scenes(clips: Sequence[Path], count: int, seed: int) -> Iterator[Frames]:
    """Scenes of about 40 to 100 frames of ROWS rows: (T, ROWS, W, 3) uint8."""
    rng = np.random.default_rng(seed)
    sources = [read_small(clip, count=LONGEST, rows=TALLEST) for clip in clips]
    for number in range(count):
        kind = rng.random() if sources else 0.0
        if kind < 0.3:
            motion = any_motion(rng)
            yield moving_scene(int(rng.integers(40, 100)), ROWS, WIDTH, seed=seed + number, motion=motion)
        else:
            yield _filmed(sources[rng.integers(len(sources))], rng, moved=kind > 0.45)


def _filmed(source: Frames, rng: Generator, *, moved: bool) -> Frames:
    """A clip as it is, or seen by a camera that moves over its frames, or over one of them."""
    count = int(rng.integers(40, 101))
    step = int(rng.integers(1, 4))
    start = int(rng.integers(max(1, len(source) - count * step)))
    numbers = np.minimum(start + step * np.arange(count), len(source) - 1)
    if moved and rng.random() < 0.6:
        numbers = np.full(count, numbers[0])
    height, width = source.shape[1:3]
    scale, centre = _path(rng, count, height) if moved else (np.full(count, height / ROWS), np.zeros((count, 2)))
    frames = np.empty((count, ROWS, 2 * round(ROWS * width / height / 2), 3), np.uint8)
    room = np.maximum(np.array([width, height]) - scale[:, None] * frames.shape[2:0:-1], 0) / 2
    for frame, number, zoom, place, free in zip(frames, numbers, scale, centre, room, strict=True):
        left, top = free * (1 + _folded(place))
        matrix = np.array([[zoom, 0, left], [0, zoom, top]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        frame[...] = cv2.warpAffine(source[number], matrix, frame.shape[1::-1], flags=flags)
    return frames


def _path(rng: Generator, count: int, height: int) -> tuple[FloatMap, FloatMap]:
    """Zooms (T,) and places (T, 2) of a camera: it pans, wanders, and may rest for a while."""
    pace = rng.uniform(0, 0.04, 2) * rng.choice([0, 1, 1], 2)
    pace[0] += 0.01
    wander = np.cumsum(rng.normal(0, 1, (count, 2)), axis=0)
    wander = np.asarray(cv2.GaussianBlur(wander, (0, 0), sigmaX=0.01, sigmaY=rng.uniform(1, 6)), np.float64)
    time = np.arange(count)
    if rng.random() < 0.3:
        begin, length = rng.integers(0, count, 2)
        time = np.minimum(time, begin) + np.maximum(time - begin - length // 2, 0)
    walked = time[:, None] * pace * rng.choice([-1, 1], 2) + rng.uniform(0, 0.03) * wander[time]
    widest = height / ROWS
    zoom = rng.uniform(0.4 * widest, 0.9 * widest) * np.exp(rng.uniform(-0.003, 0.003) * time)
    return np.minimum(zoom, widest), rng.uniform(-1, 1, 2) + walked


def _folded(place: FloatMap) -> FloatMap:
    """Places reflected into -1 … 1."""
    return np.asarray(np.abs((place + 1) % 4 - 2) - 1)


def blemished(frames: Frames, rng: Generator) -> tuple[Frames, FloatMap]:
    """Frames behind some marks and stains, and their opacities: (2, H, W), of marks and of stains."""
    shape = frames.shape[1:3]
    alphas = np.zeros((2, *shape), np.float32)
    for _ in range(rng.choice([0, 1, 1, 2, 3])):
        alpha, colour = draw_mark(shape, rng)
        frames = lay(frames, alpha, colour)
        alphas[MARK] = np.maximum(alphas[MARK], alpha)
    for _ in range(rng.choice([0, 0, 1, 2])):
        alpha, colour = draw_stain(shape, rng)
        frames = lay(frames, alpha, colour)
        alphas[STAIN] = np.maximum(alphas[STAIN], alpha)
    return compressed(frames, rng), alphas


def compressed(frames: Frames, rng: Generator) -> Frames:
    """Frames as a lossy codec gives them, one time in three."""
    if rng.random() < 0.65:
        return frames
    setting = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(60, 97))]
    coded = [cv2.imencode(".jpg", frame, setting)[1] for frame in frames]
    return np.stack([np.asarray(cv2.imdecode(each, cv2.IMREAD_COLOR), np.uint8) for each in coded])


def _opacity(rng: Generator) -> float:
    return float(rng.choice([1.0, np.exp(rng.uniform(np.log(0.12), 0))], p=[0.2, 0.8]))


def _colour(rng: Generator) -> FloatMap:
    grey = rng.choice([1.0, rng.uniform(0.7, 1), rng.uniform(0, 0.2)], p=[0.4, 0.35, 0.25])
    return np.asarray(rng.choice([np.full(3, grey), rng.random(3)], p=[0.6, 0.4]), np.float32)


def draw_stain(shape: tuple[int, ...], rng: Generator) -> tuple[FloatMap, FloatMap]:
    """Opacity (H, W) and colour (3,) of a soft stain."""
    height, width = shape
    y, x = np.mgrid[:height, :width]
    radius = rng.uniform(0.06, 0.22) * height
    centre = rng.uniform(0.3 * radius, (height - 0.3 * radius, width - 0.3 * radius))
    turn = np.arctan2(y - centre[0], x - centre[1])
    outline = ragged(turn, rng, amplitude=0.1, waves=range(2, 6))
    distance = np.hypot(y - centre[0], x - centre[1]) / (radius * outline)
    alpha = np.clip(1 - distance, 0, 1) ** rng.uniform(0.5, 1.2) * _opacity(rng)
    colour = rng.uniform(0, 0.6) + rng.normal(0, 0.06, 3)
    return alpha.astype(np.float32), np.clip(colour, 0, 1).astype(np.float32)


def draw_mark(shape: tuple[int, ...], rng: Generator) -> tuple[FloatMap, FloatMap]:
    """Opacity (H, W) and colour (H, W, 3) of a mark with sharp edges, of one or two colours."""
    painters = (_letters, _lines, _ring, _polygon)
    outer, inner = painters[rng.choice(len(painters), p=[0.35, 0.3, 0.15, 0.2])](shape, rng)
    soft = rng.choice([0, rng.uniform(0.3, 0.9)], p=[0.6, 0.4])
    if soft:
        outer, inner = (np.asarray(cv2.GaussianBlur(part, (0, 0), soft), np.float32) for part in (outer, inner))
    first, second = _colour(rng), _colour(rng)
    colour = inner[..., None] * second + (1 - inner[..., None]) * first
    return np.asarray(_opacity(rng) * outer, np.float32), np.asarray(colour, np.float32)


Painted: TypeAlias = tuple[FloatMap, FloatMap]
"""What a mark covers, and the part of it in its second colour: (H, W), 0 to 1."""


def _place(shape: tuple[int, ...], rng: Generator) -> NDArray[np.float64]:
    """A place (x, y) on the fine canvas."""
    return np.asarray(rng.uniform(0.03, 0.97, 2) * shape[::-1] * FINE)


def _letters(shape: tuple[int, ...], rng: Generator) -> Painted:
    text = "".join(rng.choice(list(_SIGNS), rng.integers(2, 16)))
    face = int(rng.choice([cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX]))
    scale = FINE * rng.uniform(0.35, 1.6)
    thick = max(1, round(rng.uniform(0.8, 2.6) * scale))
    (across, _), _ = cv2.getTextSize(text, face, scale, thick)
    x, y = _place(shape, rng)
    origin = round(min(x, max(8, shape[1] * FINE - across))), round(max(y, 22 * scale))
    border = round(rng.choice([0, 0, 1, 2]) * scale)

    def letters(extra: int) -> FloatMap:
        return painted(
            shape, lambda canvas: cv2.putText(canvas, text, origin, face, scale, 255, thick + extra, cv2.LINE_AA)
        )

    inner = letters(0)
    if rng.random() < 0.1:  # on a plate
        top, bottom = origin[1] - round(26 * scale), origin[1] + round(8 * scale)
        corners = (origin[0] - 20, top), (origin[0] + across + 20, bottom)
        return painted(shape, lambda canvas: cv2.rectangle(canvas, *corners, 255, -1)), inner
    return (letters(border), inner) if border else (inner, np.zeros_like(inner))


def _lines(shape: tuple[int, ...], rng: Generator) -> Painted:
    """Scratches: thin, nearly straight, in any direction."""

    def paint(canvas: NDArray[np.uint8]) -> None:
        for _ in range(rng.integers(1, 4)):
            turn = rng.choice([np.pi / 2 + rng.normal(0, 0.3), rng.uniform(0, np.pi)])
            angle = turn + np.cumsum(rng.normal(0, 0.04, 12))
            steps = rng.uniform(0.1, 0.9) * shape[0] * FINE / 12 * np.c_[np.cos(angle), np.sin(angle)]
            points = np.rint(_place(shape, rng) + np.cumsum(steps, axis=0)).astype(np.int32)
            cv2.polylines(canvas, [points], False, 255, max(1, round(rng.uniform(0.8, 2.5) * FINE)), cv2.LINE_AA)

    covered = painted(shape, paint)
    return covered, np.zeros_like(covered)


def _ring(shape: tuple[int, ...], rng: Generator) -> Painted:
    """An ellipse, open or filled, perhaps with a smaller one in it."""
    x, y = np.rint(_place(shape, rng)).astype(int).tolist()
    axes = np.maximum(np.rint(rng.uniform(0.03, 0.15, 2) * shape[0] * FINE), 4).astype(int)
    if rng.random() < 0.6:
        axes[1] = axes[0]
    thick = -1 if rng.random() < 0.3 else max(2, round(rng.uniform(0.08, 0.5) * axes.min()))
    small = np.maximum(np.rint(axes * rng.uniform(0.2, 0.7)), 1).astype(int)
    whole = ((x, y), axes.tolist(), 0, 0, 360, 255)
    outer = painted(shape, lambda canvas: cv2.ellipse(canvas, *whole, thick))
    inner = painted(shape, lambda canvas: cv2.ellipse(canvas, (x, y), small.tolist(), 0, 0, 360, 255, -1))
    inner = inner if rng.random() < 0.6 else np.zeros_like(inner)
    return np.maximum(outer, inner), inner


def _polygon(shape: tuple[int, ...], rng: Generator) -> Painted:
    """A star, a polygon or a box, perhaps in another one."""
    corners, radius = int(rng.integers(3, 13)), rng.uniform(0.04, 0.15) * shape[0] * FINE
    turn = rng.uniform(0, 2 * np.pi) + np.arange(corners) * 2 * np.pi / corners
    reach = radius * np.where(np.arange(corners) % 2, rng.uniform(0.35, 1.1), 1.0)
    points = reach[:, None] * np.c_[np.cos(turn), np.sin(turn)] * rng.choice([1.0, rng.uniform(0.5, 2)])
    centre = _place(shape, rng)

    def filled(scale: float) -> FloatMap:
        return painted(
            shape, lambda canvas: cv2.fillPoly(canvas, [np.rint(centre + scale * points).astype(np.int32)], 255)
        )

    outer, inner = filled(1), filled(rng.uniform(0.3, 0.85))
    hollow = rng.random()
    if hollow < 0.3:
        return np.maximum(outer - inner, 0), np.zeros_like(inner)
    return outer, inner if hollow < 0.6 else np.zeros_like(inner)
