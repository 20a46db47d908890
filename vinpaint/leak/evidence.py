"""Is it the room or the person? Signs of a leak in the samples of a call, and what they weigh."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from vinpaint.contracts import FloatMap, Frames, Mask
from vinpaint.leak import kernels, weights
from vinpaint.leak.background import Backdrop, is_sharp
from vinpaint.leak.matte import CORE, FLOOR, Matte, measure

DELAY = 7
"""Frames of the future that are known when a frame is judged."""

_TILES = 12  # in the height of a frame
_RARE = 1e-4  # share of a colour that the person shows nowhere near
_UNSURE = 1.25  # segmenters take what leaks for a part of the person: even a sure one leaves a fifth

Segment: TypeAlias = Callable[[Frames], FloatMap]


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
    depth : (h, w) float32
        Of :class:`~vinpaint.leak.matte.Matte`.
    leak : (H, W) float32
        Probability that the room shows, however faintly.
    clear : (H, W) float32
        Probability that the pixel has the room's colour.
    """

    frame: Frames
    depth: FloatMap
    leak: FloatMap
    clear: FloatMap


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


class Judge:
    """Takes frames in order and gives each back, judged, :data:`DELAY` frames later.

    Parameters
    ----------
    backdrop : Backdrop
    colours : Palette
    segmenter : callable, optional
        Takes a frame (H, W, 3) uint8, gives the probability (h, w) of a person in any size.
    """

    def __init__(self, backdrop: Backdrop, colours: Palette, segmenter: Segment | None = None) -> None:
        self._backdrop, self._colours, self._segmenter = backdrop, colours, segmenter
        self._weights = weights.of_samples(sharp=is_sharp(backdrop))
        self._known, self._unseen = halved(backdrop)
        self._shown = np.zeros(self._unseen.shape, np.uint8)
        self._waiting: deque[tuple[Frames, Matte, NDArray[np.uint8]]] = deque()

    def add(self, frame: Frames) -> Iterator[Judged]:
        """One more frame, (H, W, 3) uint8; yields none or one."""
        if self._enter(frame):
            yield self._judge()

    def finish(self) -> Iterator[Judged]:
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

    def _judge(self) -> Judged:
        frame, depth, arguments = self._next()
        chances = np.empty((*frame.shape[:2], 2), np.float32)
        judge: Any = kernels.judge  # typed as a dispatcher without arguments
        judge(frame, *arguments, self._weights, chances)
        if self._segmenter is not None:
            chances *= self._not_person(frame)
        return Judged(frame, depth, chances[..., 0], chances[..., 1])

    def _not_person(self, frame: Frames) -> FloatMap:
        """What a segmenter leaves of the probabilities, (H, W, 1)."""
        assert self._segmenter is not None
        seen = cv2.resize(self._segmenter(frame), frame.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        left: FloatMap = np.clip(_UNSURE - seen, 0, 1)[..., None] / _UNSURE
        return left


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
