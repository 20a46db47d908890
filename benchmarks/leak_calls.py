"""Video calls with a known room, composed to learn from: drawn people, rooms from clips, services of many settings.

Nothing in them stems from real calls. A figure with hair, face, neck and clothes stands or sways before a still of a
clip or a drawn interior; a stand-in for the service segments it coarsely, late, with errors and softly, and shows
another still, or the room blurred, where it takes what it sees for background.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from vinpaint.contracts import FloatMap, Frames
from vinpaint.refiner.drawing import ragged
from vinpaint.video import open_sink, open_source
from vinpaint.video.arrays import ArraySource
from vinpaint.video.clips import clips_in, fitted, read_clip
from vinpaint.video.encoders import Encoding
from vinpaint.video.source import upright

Random: TypeAlias = np.random.Generator

SOLID = 0.02
"""Opacity of the person from which the room does not count as seen."""

_TAKEN = 5  # pictures of a clip
_STRIDE = 40  # frames between them
_INTERIOR = 0.35  # share of rooms and virtual backgrounds that are drawn
_CLUTTER = 0.5  # share of services that take a part of the room for a person


@dataclass(frozen=True, eq=False)
class ComposedCall:
    """A call and its truth.

    Attributes
    ----------
    frames : (T, H, W, 3) uint8
        RGB, as decoded.
    room, virtual : (H, W, 3) uint8
        What is behind; what the service shows (for a blurred room its blur).
    opacity : (T, H, W) uint8
        With which each frame shows the room; 0 where a person stands. 255 = all of it.
    masks, people : (T, H, W) uint8
        Opacity of the service's mask; how much of each pixel the person covers.
    """

    frames: Frames
    room: Frames
    virtual: Frames
    opacity: NDArray[np.uint8]
    masks: NDArray[np.uint8]
    people: NDArray[np.uint8]


def compose(stills: Frames, rng: Random, *, blurred: bool, count: int = 80) -> ComposedCall:
    """A call before one of some stills (N, H, W, 3) uint8; another is the virtual background."""
    height, width = stills.shape[1:3]
    first, second, cloth = rng.choice(len(stills), 3, replace=False)
    room = _place(stills[first], rng)
    virtual = _blurred(room, np.zeros((height, width), np.float32)) if blurred else _place(stills[second], rng)
    figure = _Figure(stills[cloth].astype(np.float32), rng)
    service = _Service(rng, (height, width))
    noise = rng.normal(0, rng.uniform(0.5, 3), (height + 64, width + 64, 3)).astype(np.float32)
    frames, masks, people = [], [], []
    for t in range(count):
        body, alpha = figure.at(t)
        y, x = rng.integers(0, 64, 2)
        camera = room + alpha[..., None] * (body - room) + noise[y : y + height, x : x + width]
        mask = service(alpha)
        shown = _blurred(camera, mask) if blurred else virtual
        mixed = shown + mask[..., None] * (camera - shown)
        frames.append(np.clip(mixed, 0, 255).round().astype(np.uint8))
        masks.append(np.rint(255 * mask).astype(np.uint8))
        people.append(np.rint(255 * alpha).astype(np.uint8))
    decoded = _coded(np.stack(frames), crf=int(rng.integers(18, 29)))
    room8, virtual8 = (part.round().astype(np.uint8) for part in (room, virtual))
    covers = np.stack(people)
    opacity = np.where(covers > 255 * SOLID, np.uint8(0), np.stack(masks))
    return ComposedCall(decoded, room8, virtual8, opacity, np.stack(masks), covers)


def teaching_options(arguments: list[str], description: str, *, calls: int, steps: int) -> argparse.Namespace:
    """What those who teach a network with composed calls are asked: clips, output, calls and steps."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--clips", type=Path, required=True, help="folder of clips whose licence allows it")
    parser.add_argument("-o", "--output", type=Path, required=True, help="safetensors file")
    parser.add_argument("--calls", type=int, default=calls, help="that are composed (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=steps, help="of the descent (default: %(default)s)")
    return parser.parse_args(arguments)


def stills_of(clips: Path, size: tuple[int, int]) -> Frames:
    """Pictures of every clip of a folder, (N, H, W, 3) uint8."""
    pictures = []
    for path in clips_in(clips):
        with open_source(path) as source:
            taken = islice(source, 0, _TAKEN * _STRIDE, _STRIDE)
            pictures += [fitted(upright(frame, source.info.rotation), size) for frame in taken]
    return np.stack(pictures)


def _place(still: Frames, rng: Random) -> FloatMap:
    """A room (H, W, 3), 0 to 255: a part of a still in other colours and another light, or a drawn interior."""
    if rng.random() < _INTERIOR:
        return _interior(still.shape, rng)
    height, width = still.shape[:2]
    scale = rng.uniform(0.5, 1)
    rows, columns = round(scale * height), round(scale * width)
    y, x = rng.integers(0, height - rows + 1), rng.integers(0, width - columns + 1)
    part = cv2.resize(still[y : y + rows, x : x + columns], (width, height), interpolation=cv2.INTER_CUBIC)
    part = part[:, :: rng.choice([-1, 1]), rng.permutation(3)]
    light = rng.uniform(0.6, 1.6)
    place: FloatMap = (255 * (part.astype(np.float32) / 255) ** light * rng.uniform(0.75, 1, 3)).astype(np.float32)
    return np.clip(place, 0, 255)


def _interior(shape: tuple[int, ...], rng: Random) -> FloatMap:
    """Walls, furniture and windows: plain and striped boxes under a light that falls off."""
    height, width = shape[:2]
    picture = np.zeros(shape, np.float32) + rng.uniform(60, 245) + rng.normal(0, 20, 3).astype(np.float32)
    for _ in range(rng.integers(10, 40)):
        w, h = (int(side * rng.uniform(0.02, 0.4)) + 2 for side in (width, height))
        x, y = int(rng.integers(-w // 2, width)), int(rng.integers(-h // 2, height))
        colour = np.clip(rng.uniform(20, 250) + rng.normal(0, 45, 3), 0, 255).tolist()
        cv2.rectangle(picture, (x, y), (x + w, y + h), colour, -1)
        if rng.random() < 0.4:
            cv2.rectangle(picture, (x, y), (x + w, y + h), rng.uniform(10, 250, 3).tolist(), int(rng.integers(1, 6)))
        if rng.random() < 0.3:
            for line in range(x, x + w, int(rng.integers(4, 16))):
                cv2.line(picture, (line, y), (line, y + h), rng.uniform(10, 250, 3).tolist(), int(rng.integers(1, 4)))
    light = cv2.resize(
        rng.uniform(0.75, 1.1, (3, 4)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC
    )
    grain = cv2.GaussianBlur(rng.normal(0, rng.uniform(0, 12), shape).astype(np.float32), (0, 0), rng.uniform(0.7, 2))
    return np.asarray(np.clip(cv2.GaussianBlur(picture, (0, 0), 0.7) * light[..., None] + grain, 0, 255), np.float32)


class _Figure:
    """A person with clothes cut from a picture, or of one colour, who sways, nods and bends."""

    def __init__(self, cloth: FloatMap, rng: Random) -> None:
        height, width = cloth.shape[:2]
        self._layers = np.dstack(_drawn(cloth, rng)).astype(np.float32)
        self._sway = rng.choice([0.002, 0.006, 0.03, 0.06, 0.1]) * width
        self._nod = rng.uniform(0.001, 0.008) * height
        self._period, self._bob = rng.uniform(70, 220), rng.uniform(17, 60)
        self._phase = rng.uniform(0, 2 * np.pi, 4)
        self._middle = width / 2, height
        bends = rng.normal(0, rng.uniform(0.5, 4) * height / 360, (2, 2, 5, 8)).astype(np.float32)
        self._bends = [
            [cv2.resize(one, (width, height), interpolation=cv2.INTER_CUBIC) for one in two] for two in bends
        ]
        self._grid = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))

    def at(self, t: int) -> tuple[FloatMap, FloatMap]:
        """The picture (H, W, 3) and its matte (H, W) in frame ``t``."""
        slow, quick, other, third = np.sin(2 * np.pi * t / np.array([1, 0.31, 0.83, 0.57]) / self._period + self._phase)
        bob = np.sin(2 * np.pi * t / self._bob + self._phase[0])
        x, y = self._grid
        lean = 0.02 * bob * (self._middle[1] - y) / self._middle[1]
        moved = x - self._sway * slow - self._nod * bob - lean * self._sway + third * self._bends[0][0]
        raised = y - self._nod * quick + other * self._bends[0][1] + third * self._bends[1][1]
        moved += other * self._bends[1][0]
        layers = cv2.remap(
            self._layers,
            moved.astype(np.float32),
            raised.astype(np.float32),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        return np.asarray(layers[..., :3], np.float32), np.asarray(layers[..., 3], np.float32)


def _drawn(cloth: FloatMap, rng: Random) -> tuple[FloatMap, FloatMap]:
    """The person at rest: picture (H, W, 3) and matte (H, W)."""
    height, width = cloth.shape[:2]
    unit = height * rng.uniform(0.8, 1.4)
    x, y = width * rng.uniform(0.35, 0.65), height * rng.uniform(0.28, 0.45)
    picture, matte = np.zeros((height, width, 3), np.float32), np.zeros((height, width), np.float32)
    rough = rng.uniform(0, 0.1)

    def lay(parts: list[tuple[float, float, float, float]], colour: FloatMap, *, soft: float) -> None:
        shape = np.zeros((height, width), np.uint8)
        for dx, dy, across, down in parts:
            turn = np.linspace(0, 2 * np.pi, 160, endpoint=False)
            radius = ragged(turn, rng, amplitude=rough, waves=range(2, 24))
            outline = np.stack(
                [x + unit * (dx + across * radius * np.cos(turn)), y + unit * (dy + down * radius * np.sin(turn))]
            )
            cv2.fillPoly(shape, [np.rint(outline.T).astype(np.int32)], 1)
        edge = cv2.GaussianBlur(shape.astype(np.float32), (0, 0), max(0.5, soft * height / 360))
        np.copyto(
            picture,
            picture + np.where(matte > 0.01, edge, 1)[..., None] * (colour - picture),
            where=edge[..., None] > 0.004,
        )
        np.copyto(matte, np.maximum(matte, edge))

    skin = _texture(np.array([1, 0.78, 0.66], np.float32) * rng.uniform(90, 240), cloth, rng.choice([0, 0.1]))
    dark = rng.uniform(10, 140) * np.array([1, rng.uniform(0.6, 1), rng.uniform(0.4, 0.9)], np.float32)
    strands = cv2.GaussianBlur(rng.normal(0, 1, (height, width, 1)).astype(np.float32), (0, 0), 1, sigmaY=9)[..., None]
    hair = dark * (1 + rng.uniform(0, 0.35) * strands / strands.std())
    clothes = _texture(rng.uniform(20, 235, 3).astype(np.float32), cloth, rng.choice([0.0, 0.25, 0.8]))
    long = rng.choice([0.06, 0.16, 0.3])
    lay(
        [(0, -0.03, 0.15, 0.18), *((side * 0.08, long - 0.06, 0.07, 0.14 + long / 3) for side in (-1, 1))],
        hair,
        soft=rng.uniform(0.6, 2.5),
    )
    lay([(0, 0.55, 0.34, 0.36), (-0.18, 0.6, 0.2, 0.32), (0.18, 0.6, 0.2, 0.32)], clothes, soft=rng.uniform(0.5, 1.2))
    lay([(0, 0.19, 0.06, 0.1), (0, 0.02, 0.11, 0.15)], skin, soft=0.6)
    lay([(-0.04, 0, 0.015, 0.01), (0.04, 0, 0.015, 0.01)], hair, soft=0.5)
    lay([(0, 0.09, 0.03, 0.01)], skin * np.array([0.9, 0.45, 0.45], np.float32), soft=0.5)
    shade = cv2.GaussianBlur(rng.normal(0, 1, (height, width)).astype(np.float32), (0, 0), height / 14)
    picture *= 1 + 0.15 * (shade / shade.std())[..., None]
    return np.clip(picture, 0, 255), matte


def _texture(colour: FloatMap, cloth: FloatMap, share: float) -> FloatMap:
    return np.asarray(colour + share * (cloth - cloth.mean(axis=(0, 1))), np.float32)


class _Service:
    """A mask that is coarse, late, smoothed over time, wrong in places and soft."""

    def __init__(self, rng: Random, shape: tuple[int, int]) -> None:
        self._rng, self._shape = rng, shape
        self._every, self._late = int(rng.integers(1, 4)), int(rng.integers(0, 4))
        self._keep, self._soft = rng.uniform(0, 0.6), rng.uniform(0.6, 2.2) * shape[0] / 360
        self._width = rng.uniform(0.3, 2.2)  # of the ramp, in cells of the mask
        self._grow = rng.uniform(-0.3, 2)
        self._wrong = rng.uniform(0.2, 1.2)
        self._cells = (int(rng.choice([160, 256])), int(rng.choice([96, 144])))
        self._past: list[FloatMap] = []
        self._state: FloatMap | None = None
        self._errors = [np.zeros(size, np.float32) for size in ((9, 16), (27, 48))]
        self._lasting = _field(rng.normal(0, 1.2 * self._wrong, (12, 20)), self._cells)
        self._clutter = self._blobs() if rng.random() < _CLUTTER else np.full(self._cells[::-1], -30, np.float32)
        self._count = 0

    def __call__(self, alpha: FloatMap) -> FloatMap:
        """The mask (H, W), 0 to 1, for the true one."""
        if self._count % self._every == 0:
            self._past.append(self._coarse(alpha))
            late = self._past[max(0, len(self._past) - 1 - self._late)]
            self._state = late if self._state is None else (1 - self._keep) * late + self._keep * self._state
        self._count += 1
        assert self._state is not None
        mask = cv2.resize(self._state, self._shape[::-1], interpolation=cv2.INTER_LINEAR)
        return np.clip(cv2.GaussianBlur(mask, (0, 0), self._soft), 0, 1)

    def _blobs(self) -> FloatMap:
        """Logits of parts of the room that pass for a person, more or less."""
        blobs = np.full(self._cells[::-1], -30, np.float32)
        for _ in range(self._rng.integers(1, 5)):
            centre = [int(self._rng.integers(0, side)) for side in self._cells]
            axes = [int(side) for side in self._rng.integers(2, 12, 2)]
            spot = cv2.ellipse(np.zeros_like(blobs), centre, axes, 0, 0, 360, 1, -1)
            soft = cv2.GaussianBlur(spot, (0, 0), 1.5)
            blobs = np.maximum(blobs, np.where(soft > 0.02, self._rng.uniform(-2, 1) + np.log(soft + 1e-6), -30))
        return blobs

    def _coarse(self, alpha: FloatMap) -> FloatMap:
        small = (cv2.resize(alpha, self._cells, interpolation=cv2.INTER_AREA) > 0.5).astype(np.uint8)
        signed = cv2.distanceTransform(small, cv2.DIST_L2, 5) - cv2.distanceTransform(1 - small, cv2.DIST_L2, 5)
        error = self._lasting.copy()
        for each, change in zip(self._errors, (0.9, 0.5), strict=True):
            each *= 0.9
            each += change * self._wrong * self._rng.normal(0, 1, each.shape).astype(np.float32)
            error += _field(each, self._cells)
        flicker = self._rng.normal(0, 0.5) * self._wrong
        logits = np.maximum((signed + self._grow + error) / self._width, self._clutter + error + flicker)
        return np.asarray(1 / (1 + np.exp(-np.clip(logits, -30, 30))), np.float32)


def _field(values: NDArray[np.floating], size: tuple[int, int]) -> FloatMap:
    return cv2.resize(values.astype(np.float32), size, interpolation=cv2.INTER_CUBIC).astype(np.float32)


def _blurred(camera: FloatMap, mask: FloatMap) -> FloatMap:
    """The background's blur, without the person's colours in it."""
    weight = np.clip(1 - mask, 1e-3, 1)
    sigma = camera.shape[0] / 45
    total = cv2.GaussianBlur(weight, (0, 0), sigma)[..., None]
    return np.asarray(cv2.GaussianBlur(camera * weight[..., None], (0, 0), sigma) / total, np.float32)


def _coded(frames: Frames, *, crf: int) -> Frames:
    """What a codec leaves of frames."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "call.mp4"
        source = ArraySource(frames, rate=Fraction(25))
        first, *rest = source
        with open_sink(path, source, first, Encoding(crf=crf, threads=1), lambda _: None) as sink:
            for frame in (first, *rest):
                sink.write(frame)
            sink.commit()
        return read_clip(path)
