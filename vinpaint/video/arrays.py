"""Frames in memory as a clip."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from math import ceil
from pathlib import Path

import numpy as np

from vinpaint.contracts import Frames
from vinpaint.errors import UsageError
from vinpaint.statistics.sampling import Taken, plan_samples, take
from vinpaint.video.layout import FULL_RANGE, ColourTags, make_layout
from vinpaint.video.shots import samples_of, shot_numbers
from vinpaint.video.source import ClipInfo, Frame, Samples, VideoSource


class ArraySource(VideoSource):
    """Frames in memory; they are copied as they are read, never changed.

    Parameters
    ----------
    frames : (T, H, W, 3) uint8 or uint16
        RGB.
    rate : Fraction
        Frames a second.

    Raises
    ------
    UsageError
        If the array is of another kind, or empty.
    """

    def __init__(self, frames: Frames, *, rate: Fraction = Fraction(25)) -> None:
        if not isinstance(frames, np.ndarray):
            raise UsageError(f"frames are a {type(frames).__name__}; give an array, or use fill_video for files")
        if frames.ndim != 4 or frames.shape[3] != 3 or frames.dtype not in (np.uint8, np.uint16) or not frames.size:
            raise UsageError(
                f"frames are {frames.dtype} {frames.shape}; give RGB as uint8 or uint16 of shape (T, H, W, 3)"
            )
        self._frames = frames
        count, height, width = frames.shape[:3]
        tags = ColourTags(range=FULL_RANGE)
        bits = 8 * frames.dtype.itemsize
        layout = make_layout("gbrp" if bits == 8 else "gbrp16le", "rgb", bits, (1, 1), tags, height)
        super().__init__(
            ClipInfo(Path("<array>"), width, height, layout, tags, 0, 1 / rate, rate, count, frames_exact=True)
        )

    def __iter__(self) -> Iterator[Frame]:
        return (self._frame(index) for index in range(len(self._frames)))

    def sample(self, count: int, start: Fraction | None = None, end: Fraction | None = None) -> Samples:
        """See :meth:`VideoSource.sample`."""
        inside = frames_in(self.info, start, end)
        plan = plan_samples(len(inside), count)
        taken = take(plan, shot_numbers(self._view(index) for index in inside))
        return samples_of([Taken(self._frame(inside[one.index]), inside[one.index], one.shot) for one in taken])

    def _view(self, index: int) -> Frame:
        planes = tuple(self._frames[index][..., channel] for channel in (1, 2, 0))
        return Frame(planes, self.info.layout, index, self.info.time_base)

    def _frame(self, index: int) -> Frame:
        view = self._view(index)
        return replace(view, planes=tuple(plane.copy() for plane in view.planes))


def frames_in(info: ClipInfo, start: Fraction | None, end: Fraction | None) -> range:
    """Numbers of the frames in a range of seconds of a clip of constant rate."""
    first = ceil((start or 0) / info.time_base)
    last = info.frames or 0
    return range(max(first, 0), last if end is None else min(ceil(end / info.time_base), last))
