"""Is it the room or the person? Signs of a leak in the samples of a call, and what they weigh."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from vinpaint.contracts import FloatMap, Frames
from vinpaint.leak import kernels
from vinpaint.leak.background import Backdrop
from vinpaint.leak.matte import CORE, FLOOR, Matte, measure

DELAY = 7
"""Frames of the future that are known when a frame is judged."""

WEIGHTS = np.array([1.37, -0.75, 0.37, -0.05, 0.38, -1.3, -1.66, 1.88, -0.83, 1.69, -2.25, -3.65], np.float32)
"""Logistic regression on the signs of a leak (:func:`vinpaint.leak.kernels.signs`)."""

_TILES = 12  # in the height of a frame
_RARE = 1e-4  # share of a colour that the person shows nowhere near


@dataclass(frozen=True, eq=False)
class Palette:
    """The person's colours, place by place.

    Attributes
    ----------
    side : int
        Pixels of a tile.
    common : (rows, columns, cells) float32
        Logarithm of a colour's share of what the person's core shows near a tile.
    """

    side: int
    common: FloatMap


@dataclass(frozen=True, eq=False)
class Judged:
    """A frame, and how probably each of its pixels shows the room.

    Attributes
    ----------
    frame : (H, W, 3) uint8
    matte : Matte
    leak : (H, W) float32
        0 to 1.
    """

    frame: Frames
    matte: Matte
    leak: FloatMap


def palette(samples: Frames, backdrop: Backdrop) -> Palette:
    """The person's colours from samples of a call, (N, H, W, 3) uint8."""
    height, width = samples.shape[1:3]
    side = max(8, height // _TILES)
    counts = np.zeros((-(-height // side), -(-width // side), kernels.CELLS**3), np.float32)
    known, unseen = halved(backdrop)
    for sample in samples:
        matte = measure(half(sample), known, unseen)
        core = cv2.resize((matte.depth >= height / CORE).astype(np.uint8), (width, height), interpolation=0)
        kernels.count_colours(sample, core, side, counts)
    return Palette(side, _spread(counts))


def _spread(counts: FloatMap) -> FloatMap:
    """Counts smoothed over neighbouring tiles and colours, as logarithms of shares."""
    cells = kernels.CELLS
    smooth = counts.reshape(*counts.shape[:2], cells, cells, cells)
    for axis in range(5):
        smooth = gaussian_filter1d(smooth, 1.0 if axis < 2 else 0.6, axis=axis, mode="constant")
    smooth = smooth.reshape(counts.shape)
    return np.log(smooth / (smooth.sum(axis=-1, keepdims=True) + 1) + _RARE).astype(np.float32)


class Judge:
    """Takes frames in order and gives each back, judged, :data:`DELAY` frames later.

    Parameters
    ----------
    backdrop : Backdrop
    colours : Palette
    """

    def __init__(self, backdrop: Backdrop, colours: Palette) -> None:
        self._backdrop, self._colours = backdrop, colours
        self._known, self._unseen = halved(backdrop)
        self._shown = np.zeros(self._unseen.shape, np.uint8)
        self._waiting: deque[tuple[Frames, Matte, NDArray[np.uint8]]] = deque()

    def add(self, frame: Frames) -> Iterator[Judged]:
        """One more frame, (H, W, 3) uint8; yields none or one."""
        matte = measure(half(frame), self._known, self._unseen)
        before = self._shown.copy()
        kernels.remember(matte.depth <= 0, self._shown)
        self._waiting.append((frame, matte, before))
        if len(self._waiting) > DELAY:
            yield self._judge()

    def finish(self) -> Iterator[Judged]:
        """Those that wait, when no more frames come."""
        while self._waiting:
            kernels.remember(np.zeros(self._unseen.shape, bool), self._shown)
            yield self._judge()

    def _judge(self) -> Judged:
        frame, matte, before = self._waiting.popleft()
        leak = np.empty(frame.shape[:2], np.float32)
        kernels.judge(
            frame, self._backdrop.picture, FLOOR, matte.depth, matte.inner, matte.outer, before, self._shown,
            self._colours.common, self._colours.side, WEIGHTS, leak,
        )  # fmt: skip
        return Judged(frame, matte, leak)


def half(frame: Frames) -> FloatMap:
    """A frame at half size."""
    out = np.empty((frame.shape[0] // 2, frame.shape[1] // 2, 3), np.float32)
    kernels.halve(frame, out)
    return out


def halved(backdrop: Backdrop) -> tuple[FloatMap, NDArray[np.bool_]]:
    """The virtual background at half size, and where it was never seen."""
    known = half(backdrop.picture)
    unseen = cv2.resize((~backdrop.seen).astype(np.uint8), known.shape[1::-1], interpolation=cv2.INTER_AREA)
    return known, unseen.astype(bool)
