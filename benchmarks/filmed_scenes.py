"""Scenes to learn from: filmed clips before a camera that moves, someone in front, and a hole that hides a part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vinpaint.benchmarks.suites.static_masks import random_shape
from vinpaint.contracts import FloatMap, Frames, Mask
from vinpaint.refiner.drawing import Generator, fractal
from vinpaint.refiner.synthetic import any_motion, moving_scene

SIZE = (240, 432)
"""Rows and columns of a scene."""
LENGTH = 54
"""Frames of a scene."""
ROOM = 0.85  # of a picture that the camera sees at most, so that it can move
FINEST = 0.75  # pixels of a filmed picture for one of the scene, at least
COVERED = (0.02, 0.17)  # share of the frame that is hidden
PAINTED = 0.08  # share of the scenes that are painted
SLOWEST, FASTEST = 1.2, 12.0  # pixels a frame
RESTING = 0.1  # share of the cameras that rest
OPEN = 0.6  # of the time between frames that the shutter is open, at most
LONGEST = 12.0  # pixels by which a picture is smeared
IN_FRONT = 0.5  # share of the scenes with someone before the camera
WANDERING = 0.15  # share of the holes that move


@dataclass(frozen=True, eq=False)
class Shot:
    """Consecutive frames of a clip, (T, H, W, 3) uint8, perhaps not in memory."""

    name: str
    frames: Frames


def scene(shot: Shot, others: Sequence[Shot], rng: Generator) -> tuple[Frames, Mask]:
    """A scene of a shot, with a part of another in front, and what of it is hidden.

    Returns
    -------
    (T, H, W, 3) uint8 and (T, H, W) bool.
    """
    if rng.random() < PAINTED:
        truth = moving_scene(LENGTH, *SIZE, seed=int(rng.integers(1 << 31)), motion=any_motion(rng))
    else:
        truth = _filmed(shot, others, rng)
    return truth, _hole(rng, len(truth))


def _filmed(shot: Shot, others: Sequence[Shot], rng: Generator) -> Frames:
    picture = _stretch(shot, rng)
    factor = min(picture.shape[1] / SIZE[0], picture.shape[2] / SIZE[1])
    # Much finer than it was filmed a scene would have no detail.
    scale = max(FINEST, rng.uniform(0.4, ROOM) * factor) if rng.random() < 0.85 else factor
    size = tuple(max(least, round(side / scale)) for side, least in zip(picture.shape[2:0:-1], SIZE[::-1], strict=True))
    way = cv2.INTER_AREA if scale > 1 else cv2.INTER_CUBIC
    frames = [cv2.resize(each, size, interpolation=way) for each in picture]
    seen = _moved(frames, rng)
    if rng.random() < IN_FRONT:
        _put_in_front(seen, _stretch(others[int(rng.integers(len(others)))], rng), rng)
    return _developed(seen, rng)


def _stretch(shot: Shot, rng: Generator) -> Frames:
    """Some frames of a shot, forwards or backwards, perhaps every other, perhaps mirrored."""
    step = 2 if len(shot.frames) >= 2 * LENGTH and rng.random() < 0.3 else 1
    length = min(LENGTH, len(shot.frames) // step)
    start = rng.integers(len(shot.frames) - step * length + 1)
    frames = np.asarray(shot.frames[start : start + step * length : step])[:: rng.choice([-1, 1])]
    frames = frames[:, :, :: rng.choice([-1, 1])]
    return frames[..., rng.permutation(3)] if rng.random() < 0.3 else frames


def _moved(frames: Sequence[NDArray[np.uint8]], rng: Generator) -> FloatMap:
    """Frames through a camera that pans, sways, turns and zooms before a relief."""
    room = np.array(frames[0].shape[:2]) - SIZE
    count, time = len(frames), np.arange(len(frames))
    resting = rng.random() < RESTING
    speed = 0.0 if resting else np.exp(rng.uniform(np.log(SLOWEST), np.log(FASTEST)))
    turn = rng.uniform(0, 2 * np.pi)
    path = np.outer(time, speed * np.array([0.4 * np.sin(turn), np.cos(turn)])) + rng.uniform(0, 1, 2) * room
    shake = 0.0 if resting else rng.uniform(0, 3)
    path += shake * np.sin(2 * np.pi * (time[:, None] / rng.uniform(8, 60, 2) + rng.random(2)))
    path = room - np.abs(np.mod(path, 2 * room + 1e-6) - room)  # to and fro within the picture
    angle = np.deg2rad(0 if resting else rng.uniform(0, 1.5)) * np.sin(2 * np.pi * time / rng.uniform(20, 90))
    zoom = np.exp((0 if resting else rng.uniform(-0.1, 0.1)) * time / count)
    depth, shutter = _relief(rng, frames[0].shape[:2]), rng.uniform(0, OPEN)
    y, x = np.mgrid[: SIZE[0], : SIZE[1]].astype(np.float32)
    y, x = y - SIZE[0] / 2, x - SIZE[1] / 2
    result = np.empty((count, *SIZE, 3), np.float32)
    for t, frame in enumerate(frames):
        cosine, sine = np.cos(angle[t]) / zoom[t], np.sin(angle[t]) / zoom[t]
        centre = path[t] + np.array(SIZE) / 2
        across = (cosine * x - sine * y + centre[1]).astype(np.float32)
        down = (sine * x + cosine * y + centre[0]).astype(np.float32)
        near = cv2.remap(depth, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
        shift = path[t] - path[0]
        across, down = across + near * np.float32(shift[1]), down + near * np.float32(shift[0])
        seen = cv2.remap(frame, across, down, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
        result[t] = _smeared(seen, shutter * (path[min(t + 1, count - 1)] - path[max(t - 1, 0)]) / 2)
    return result


def _smeared(picture: NDArray[Any], way: NDArray[np.float64]) -> NDArray[Any]:
    """A picture that moved by (rows, columns) while it was taken."""
    reach = int(np.ceil(np.abs(way).max() / 2))
    if reach < 1 or np.abs(way).max() > LONGEST:  # the camera turned back at the border
        return picture
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1), np.float32)
    for step in np.linspace(-0.5, 0.5, 4 * reach + 1):
        row, column = np.rint(reach + step * way).astype(int)
        kernel[row, column] += 1
    return np.asarray(cv2.filter2D(picture, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REFLECT_101))


def _relief(rng: Generator, shape: tuple[int, ...]) -> FloatMap:
    """How much faster than the rest parts of a picture move; some are steps, some are flat."""
    if rng.random() < 0.25:
        return np.zeros(shape, np.float32)
    small = fractal(rng, (max(4, shape[0] // 8), max(4, shape[1] // 8)), rng.uniform(1.5, 2.2))
    small = np.clip(small, -2, 2).astype(np.float32)
    if rng.random() < 0.5:
        small = np.rint(small)
    field = cv2.resize(small, shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(rng.uniform(0, 0.15) * field, np.float32)


def _put_in_front(scene: FloatMap, other: Frames, rng: Generator) -> None:
    """A part of another clip, about where it was in the frame before, as if the camera followed it."""
    count = min(len(scene), len(other))
    height, width = SIZE
    scale = max(height / other.shape[1], width / other.shape[2])
    size = max(width, round(other.shape[2] * scale)), max(height, round(other.shape[1] * scale))
    shape = random_shape(rng, SIZE).astype(np.float32)
    y, x = np.nonzero(shape)
    shrink = rng.uniform(0.35, 0.8)
    about = np.array([[shrink, 0, x.mean() * (1 - shrink)], [0, shrink, y.mean() * (1 - shrink)]])
    soft = cv2.GaussianBlur(cv2.warpAffine(shape, about, (width, height)), (0, 0), rng.uniform(0.6, 2))
    drift, sway = rng.uniform(-1.5, 1.5, 2), rng.uniform(0, 12, 2)
    period, phase = rng.uniform(15, 60, 2), rng.uniform(0, 2 * np.pi, 2)
    for t in range(count):
        place = drift * (t - count / 2) + sway * np.sin(2 * np.pi * t / period + phase)
        moved = np.array([[1, 0, place[0]], [0, 1, place[1]]])
        alpha = cv2.warpAffine(soft, moved, (width, height))[..., None]
        picture = cv2.resize(other[t], size, interpolation=cv2.INTER_AREA)[:height, :width]
        picture = cv2.warpAffine(picture, moved, (width, height), borderMode=cv2.BORDER_REFLECT_101)
        scene[t] += alpha * (picture - scene[t])


def _developed(scene: FloatMap, rng: Generator) -> Frames:
    """Light that varies, and noise."""
    if rng.random() < 0.3:
        time = np.arange(len(scene))
        gain = 1 + rng.uniform(0, 0.06) * np.sin(2 * np.pi * (time / rng.uniform(20, 80) + rng.random()))
        scene = scene * gain[:, None, None, None].astype(np.float32)
    if rng.random() < 0.5:
        scene = scene + rng.uniform(0, 2.5) * rng.standard_normal(scene.shape, np.float32)
    return np.asarray(np.rint(scene.clip(0, 255)), np.uint8)


def _hole(rng: Generator, count: int) -> Mask:
    while True:
        shape = random_shape(rng, SIZE)
        if COVERED[0] < shape.mean() < COVERED[1]:
            break
    if rng.random() >= WANDERING:
        return np.broadcast_to(shape, (count, *SIZE))
    drift, sway = rng.uniform(-2, 2, 2), rng.uniform(0, 20, 2)
    period, phase = rng.uniform(15, 60, 2), rng.uniform(0, 2 * np.pi, 2)
    masks = []
    for t in range(count):
        place = drift * (t - count / 2) + sway * np.sin(2 * np.pi * t / period + phase)
        moved = np.array([[1, 0, place[0]], [0, 1, place[1]]])
        masks.append(cv2.warpAffine(shape.view(np.uint8), moved, SIZE[::-1], flags=cv2.INTER_NEAREST) > 0)
    return np.stack(masks)
