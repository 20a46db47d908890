"""Is it the room or the person? Signs of a leak in the samples of a call, and what they weigh."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from vinpaint.contracts import FloatMap, Frames, Mask
from vinpaint.leak import kernels, weights
from vinpaint.leak.background import Backdrop
from vinpaint.leak.matte import CORE, FLOOR, Matte, measure

DELAY = 7
"""Frames of the future that are known when a frame is judged."""

_TILES = 12  # in the height of a frame
_RARE = 1e-4  # share of a colour that the person shows nowhere near
_UNSURE = 1.25  # segmenters take what leaks for a part of the person: even a sure one leaves a quarter
_ERROR, _LEAST_ERROR = 0.25, 0.05  # of the opacity, by the signs

SHOWN = 0.1
"""Opacity from which the room counts as shown."""

Segment: TypeAlias = Callable[[Frames], FloatMap]
"""Takes a frame (H, W, 3) uint8, gives the probability (h, w) of a person in any size."""


class Judge(Protocol):
    """Takes frames in order and gives each back, judged, some frames later."""

    def add(self, frame: Frames) -> Iterator[Sight]:
        """One more frame, (H, W, 3) uint8; yields none or one."""

    def finish(self) -> Iterator[Sight]:
        """Those that wait, when no more frames come."""


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
class Sight:
    """A frame, and what is thought of each of its pixels.

    Attributes
    ----------
    frame : (H, W, 3) uint8
    room : (H, W) float32
        Probability that nobody stands there.
    opacity : (H, W) float32
        Of the service's mask: the share of the pixel's colour that the camera saw, 0 to 1.
    error : (H, W) float32
        Expected error of the opacity.
    fresh : bool
        Whether this was thought of the frame itself, and not of the one before it.
    """

    frame: Frames
    room: FloatMap
    opacity: FloatMap
    error: FloatMap
    fresh: bool = True

    @property
    def leak(self) -> Mask:
        """Where the room shows, (H, W) bool."""
        shows: Mask = (self.room >= 0.5) & (self.opacity >= SHOWN)
        return shows


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
    common: FloatMap = np.log(smooth / (smooth.sum(axis=-1, keepdims=True) + 1) + _RARE).astype(np.float32)
    return common


class Statistics:
    """The judge without a network: it gives frames back :data:`DELAY` frames later.

    Parameters
    ----------
    backdrop : Backdrop
    colours : Palette
    """

    def __init__(self, backdrop: Backdrop, colours: Palette) -> None:
        self._backdrop, self._colours = backdrop, colours
        self._weights = weights.of_samples()
        self._known, self._unseen = halved(backdrop)
        self._shown = np.zeros(self._unseen.shape, np.uint8)
        self._waiting: deque[tuple[Frames, Matte, NDArray[np.uint8]]] = deque()

    def add(self, frame: Frames) -> Iterator[Sight]:
        """One more frame, (H, W, 3) uint8; yields none or one."""
        if self._enter(frame):
            yield self._judge()

    def finish(self) -> Iterator[Sight]:
        """Those that wait, when no more frames come."""
        while self._leave():
            yield self._judge()

    def signs(self, frame: Frames | None) -> Iterator[tuple[FloatMap, Mask]]:
        """Like :meth:`add`, for None :meth:`finish`, but yields the signs (H, W, SIGNS), and where there are any."""
        while self._leave() if frame is None else self._enter(frame):
            seen, _, arguments = self._next()
            values = np.zeros((*seen.shape[:2], kernels.SIGNS), np.float32)
            valid = np.zeros(seen.shape[:2], np.bool_)
            sign_map: Any = kernels.sign_map  # typed as a dispatcher without arguments
            sign_map(seen, *arguments, values, valid)
            yield values, valid
            if frame is not None:
                break

    def _enter(self, frame: Frames) -> bool:
        """Let a frame wait; whether one is due."""
        matte = measure(half(frame), self._known, self._unseen)
        self._waiting.append((frame, matte, self._shown.copy()))
        kernels.remember(matte.depth <= 0, self._shown)
        return len(self._waiting) > DELAY

    def _leave(self) -> bool:
        """Let a frame be due though none comes; whether one waits."""
        if self._waiting and len(self._waiting) <= DELAY:
            kernels.remember(np.zeros(self._unseen.shape, np.bool_), self._shown)
        return bool(self._waiting)

    def _next(self) -> tuple[Frames, FloatMap, tuple[Any, ...]]:
        frame, matte, before = self._waiting.popleft()
        shown = np.stack([before, self._shown])
        colours = self._colours
        known = self._backdrop.picture
        return frame, matte.depth, (known, FLOOR, matte.depth, matte.ways, shown, colours.common, colours.side)

    def _judge(self) -> Sight:
        frame, _, arguments = self._next()
        seen = np.empty((*frame.shape[:2], 2), np.float32)
        judge: Any = kernels.judge  # typed as a dispatcher without arguments
        judge(frame, *arguments, self._weights, seen)
        room, opacity = np.ascontiguousarray(seen.transpose(2, 0, 1))
        return Sight(frame, room, opacity, np.minimum(_ERROR * opacity, 1 - opacity + _LEAST_ERROR))


def without_people(sight: Sight, segment: Segment) -> Sight:
    """A sight in which the room is less probable where a segmenter sees a person."""
    person = cv2.resize(segment(sight.frame), sight.frame.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    return replace(sight, room=sight.room * np.clip(np.float32(_UNSURE) - person, 0, 1))


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
