"""Frames in memory as a clip."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

from vinpaint.contracts import Frames
from vinpaint.errors import UsageError
from vinpaint.statistics.sampling import sample_frames
from vinpaint.video.layout import FULL_RANGE, ColourTags, make_layout
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
        return Samples([self._frame(index) for index in evenly(self.info, count, start, end)])

    def _frame(self, index: int) -> Frame:
        picture = self._frames[index]
        planes = tuple(picture[..., channel].copy() for channel in (1, 2, 0))
        return Frame(planes, self.info.layout, index, self.info.time_base)


def evenly(info: ClipInfo, count: int, start: Fraction | None, end: Fraction | None) -> list[int]:
    """Indices of at most ``count`` frames spread evenly over a range of seconds of a clip of constant rate."""
    base = info.time_base
    inside = [
        index
        for index in range(info.frames or 0)
        if (start is None or index * base >= start) and (end is None or index * base < end)
    ]
    return [inside[index] for index in sample_frames(len(inside), count)]
