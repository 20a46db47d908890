"""A video of masks as a mask source: grey over 127 is hidden, matched to the clip by time."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import cv2
import numpy as np

from vinpaint.contracts import Mask
from vinpaint.errors import MaskError
from vinpaint.masks import MaskSource, from_gray
from vinpaint.video.planes import eight_bits
from vinpaint.video.source import Frame, VideoSource, rotate


class VideoMasks(MaskSource):
    """Masks read in step with the clip; ask for frames in order.

    Parameters
    ----------
    source : VideoSource
        The mask video; closed when it has been read to its end.
    size : (width, height)
        Of the clip's frames as displayed.

    Raises
    ------
    MaskError
        If the sizes differ.
    """

    static = False

    def __init__(self, source: VideoSource, size: tuple[int, int]) -> None:
        if source.info.displayed != size:
            mask, frames = ("{}x{}".format(*s) for s in (source.info.displayed, size))
            raise MaskError(f"mask video {source.info.path} is {mask}, frames are {frames}; scale it to the frames")
        self._source = source
        self._frames: Iterator[Frame] = iter(source)
        self._start: Fraction | None = None
        self._held: list[tuple[Fraction, Mask]] = []
        self._count = self._hidden = 0.0

    def frame(self, index: int, time: Fraction | None = None) -> Mask:
        """The mask nearest in time to ``time`` seconds after the first frame."""
        now = time if time is not None else index / self._source.info.rate
        while (not self._held or self._held[-1][0] < now) and self._advance():
            pass
        if not self._held:
            raise MaskError(f"mask video {self._source.info.path} holds no frame; check that it plays")
        return min(self._held, key=lambda item: abs(item[0] - now))[1]

    def _advance(self) -> bool:
        frame = next(self._frames, None)
        if frame is None:
            self._source.close()
            return False
        if self._start is None:
            self._start = frame.time
        mask = rotate(self._read(frame), self._source.info.rotation)
        self._held = [*self._held[-1:], (frame.time - self._start, mask)]
        self._count, self._hidden = self._count + 1, self._hidden + float(mask.mean())
        return True

    @staticmethod
    def _read(frame: Frame) -> Mask:
        grey = cv2.cvtColor(eight_bits(frame.rgb()), cv2.COLOR_RGB2GRAY)
        return from_gray(grey.astype(np.uint8, copy=False))

    def check_count(self, count: int) -> None:
        """Raise MaskError when the masks end well before the clip or go on well after it."""
        while self._advance():
            pass
        if abs(self._count - count) > max(1, 0.01 * count):
            raise MaskError(
                f"mask video {self._source.info.path} has {self._count:.0f} frames, the clip {count}; "
                "give one for every frame"
            )

    @property
    def coverage(self) -> float:
        """Mean hidden share of the frames read so far."""
        return self._hidden / self._count if self._count else 0.0

    @property
    def how(self) -> str:
        """How it was understood."""
        return f"{self._source.info.path} (a video of masks)"
