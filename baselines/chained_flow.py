"""The textbook's way to fill from other frames: flow between neighbours, chained until the pixel is seen."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vinpaint.contracts import Filled, FloatMap, Mask, Origin
from vinpaint.fill.method import FillMethod, Window, forget
from vinpaint.fill.spatial import inpaint
from vinpaint.flow.complete import complete, complete_hole
from vinpaint.flow.estimate import Flow, estimator
from vinpaint.video.planes import eight_bits

_LOOK_AROUND = 30
_SPILL = 6  # pixels around a hole in which flow is not to be trusted
_FLOW = "dis-medium"
_HALVING = 10  # steps after which a result is half as sure


@dataclass
class _Kept:
    """What is computed once a frame or pair, by index in the clip."""

    grey: dict[int, NDArray[np.uint8]] = field(default_factory=dict)
    flows: dict[tuple[int, int], Flow] = field(default_factory=dict)
    filled: dict[int, NDArray[Any]] = field(default_factory=dict)

    def forget_before(self, index: int) -> None:
        forget(index, self.grey, self.filled)
        for pair in [pair for pair in self.flows if min(pair) < index]:
            del self.flows[pair]


class ChainedFlowFill(FillMethod):
    """Dense flow between adjacent frames, completed inside holes, followed until the pixel is visible.

    The nearest frame that sees it gives the colour, sampled once; what no frame within reach sees is filled from the
    surroundings. R. Xu, X. Li, B. Zhou, C. C. Loy, Deep flow-guided video inpainting, CVPR 2019, without its learned
    parts: flow is DIS, completed by Laplace's equation.
    """

    look_around = _LOOK_AROUND
    temporal = True

    def new_state(self) -> _Kept:
        """Flows and pictures of the frames in reach."""
        return _Kept()

    def fill_window(self, window: Window, state: _Kept) -> Filled:
        """Fill ``window.frames[start:stop]``."""
        state.forget_before(window.first)
        frames = window.frames[window.start : window.stop].copy()
        origin = np.full(frames.shape[:3], Origin.OBSERVED, np.uint8)
        confidence = np.ones(frames.shape[:3], np.float32)
        for index in range(window.start, window.stop):
            hidden = window.mask[index]
            if hidden.any():
                place = index - window.start
                values, steps = _followed(window, state, index)
                frames[place][hidden] = values
                origin[place][hidden] = np.where(steps > 0, Origin.PROPAGATED, Origin.SYNTHESISED)
                confidence[place][hidden] = np.where(steps > 0, 0.5 ** (np.maximum(steps, 1) / _HALVING), 0)
        return Filled(frames, confidence, origin)


def _followed(window: Window, kept: _Kept, index: int) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """Colours (N, 3) of the hidden pixels of a frame, and how many steps away they were seen; 0 = nowhere."""
    rows, columns = np.nonzero(window.mask[index])
    values = _without_hole(window, kept, index)[rows, columns]
    steps = np.zeros(len(rows), np.intp)
    paths = {way: np.column_stack([columns, rows]).astype(np.float32) for way in (-1, 1)}
    for step in range(1, _LOOK_AROUND + 1):
        for way, points in paths.items():
            there = index + way * step
            if not 0 <= there < len(window.frames) or steps.all():
                continue
            points += _read(_flow(window, kept, there - way, there), points)
            found = (steps == 0) & _seen(window.mask[there], points)
            if found.any():
                values[found] = _read(_without_hole(window, kept, there), points[found])
                steps[found] = step
    return values, steps


def _seen(hidden: Mask, points: FloatMap) -> NDArray[np.bool_]:
    """Whether points lie in the frame and none of the four pixels around them is hidden."""
    height, width = hidden.shape
    inside = (points >= 0).all(axis=1) & (points[:, 0] <= width - 1) & (points[:, 1] <= height - 1)
    return np.asarray(inside & (_read(hidden.astype(np.float32)[..., None], points)[:, 0] == 0))


def _read(image: NDArray[Any], points: FloatMap) -> NDArray[Any]:
    """(N, C) values of an image (H, W, C) at points (x, y), bilinear; of its border beyond it."""
    height, width = image.shape[:2]
    places = points.clip(0, (width - 1, height - 1))
    x, y = (np.minimum(places[:, axis].astype(np.intp), size - 1) for axis, size in ((0, width), (1, height)))
    right, below = np.minimum(x + 1, width - 1), np.minimum(y + 1, height - 1)
    u, v = (places[:, 0] - x)[:, None], (places[:, 1] - y)[:, None]
    upper, lower = ((1 - u) * image[row, x] + u * image[row, right] for row in (y, below))
    mixed: NDArray[Any] = (1 - v) * upper + v * lower
    return np.rint(mixed).astype(image.dtype) if image.dtype.kind == "u" else mixed


def _flow(window: Window, kept: _Kept, start: int, stop: int) -> Flow:
    """Flow from a frame to its neighbour, completed where either hides it."""
    pair = window.first + start, window.first + stop
    if pair not in kept.flows:
        # What either hides is blanked in both: a hole that moves over a still scene is no motion.
        hidden = window.mask[start] | window.mask[stop]
        flow = estimator(_FLOW)(*(complete_hole(_grey(window, kept, index), hidden) for index in (start, stop)))
        side = 2 * _SPILL + 1
        spill = cv2.dilate(hidden.astype(np.uint8), np.ones((side, side), np.uint8))
        kept.flows[pair] = complete(flow, spill == 0)
    return kept.flows[pair]


def _grey(window: Window, kept: _Kept, index: int) -> NDArray[np.uint8]:
    key = window.first + index
    if key not in kept.grey:
        kept.grey[key] = np.asarray(cv2.cvtColor(eight_bits(window.frames[index]), cv2.COLOR_RGB2GRAY), np.uint8)
    return kept.grey[key]


def _without_hole(window: Window, kept: _Kept, index: int) -> NDArray[Any]:
    """The frame, its hole filled from the surroundings."""
    key = window.first + index
    if key not in kept.filled:
        kept.filled[key] = inpaint(window.frames[index], window.mask[index])
    return kept.filled[key]
