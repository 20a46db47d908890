"""The median over time of what is visible at a pixel."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from vinpaint.contracts import Filled, FloatMap, Frames, Mask, Origin
from vinpaint.fill.method import FillMethod, Window
from vinpaint.fill.spatial import inpaint

_LOOK_AROUND = 30
_SPREAD = 0.04  # of the range: visible values that differ by so much are worth half


class MedianFill(FillMethod):
    """Median of the visible values in the frames around; the surroundings where the pixel is never visible.

    Right for a camera that stands still, a ghost where it moves.
    """

    look_around = _LOOK_AROUND
    margin = 0.25
    temporal = True

    def fill_window(self, window: Window, state: Any) -> Filled:
        """Fill ``window.frames[start:stop]``."""
        frames = window.frames[window.start : window.stop].copy()
        origin = np.full(frames.shape[:3], Origin.OBSERVED, np.uint8)
        confidence = np.ones(frames.shape[:3], np.float32)
        for index, (frame, sure, source) in enumerate(zip(frames, confidence, origin, strict=True), window.start):
            if window.mask[index].any():
                _fill_frame(window, index, frame, sure, source)
        return Filled(frames, confidence, origin)


def _fill_frame(window: Window, index: int, frame: Frames, confidence: FloatMap, origin: NDArray[np.uint8]) -> None:
    """Fill one frame of a window in place."""
    around = slice(max(0, index - _LOOK_AROUND), index + _LOOK_AROUND + 1)
    hidden = window.mask[index]
    rows, columns = np.nonzero(hidden)
    median, spread = visible_median(window.frames[around], window.mask[around], rows, columns)
    seen = spread >= 0
    never = np.zeros_like(hidden)
    never[rows[~seen], columns[~seen]] = True
    frame[rows[seen], columns[seen]] = median[seen]
    frame[:] = inpaint(frame, never)
    relative = spread[seen] / (_SPREAD * np.iinfo(frame.dtype).max)
    confidence[rows, columns] = 0
    confidence[rows[seen], columns[seen]] = 1 / (1 + np.square(relative))
    origin[hidden] = np.where(seen, Origin.PROPAGATED, Origin.SYNTHESISED)


@njit(cache=True, nogil=True)
def visible_median(
    frames: Frames, mask: Mask, rows: NDArray[np.intp], columns: NDArray[np.intp]
) -> tuple[Frames, FloatMap]:
    """Median over time of the visible values of N pixels.

    Returns
    -------
    median : (N, 3)
        In the frames' type; the mean of the middle two where their number is even.
    spread : (N,) float32
        Mean absolute deviation from the median, the largest of the channels; −1 where nothing is visible.
    """
    median = np.zeros((rows.size, 3), frames.dtype)
    spread = np.full(rows.size, np.float32(-1))
    values = np.empty(frames.shape[0], np.float32)
    for n in range(rows.size):
        for channel in range(3):
            count = 0
            for t in range(frames.shape[0]):
                if not mask[t, rows[n], columns[n]]:
                    values[count] = frames[t, rows[n], columns[n], channel]
                    count += 1
            if count:
                middle = np.median(values[:count])
                median[n, channel] = int(middle + np.float32(0.5))
                spread[n] = max(spread[n], np.abs(values[:count] - middle).mean())
    return median, spread
