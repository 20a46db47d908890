"""Videos of masks: read, grey over 127 is hidden, matched to the clip by time; and written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from vinpaint.contracts import Mask
from vinpaint.errors import MaskError
from vinpaint.files import check_output
from vinpaint.masks import MaskSource, from_gray
from vinpaint.video import is_folder, open_sink
from vinpaint.video.encoders import Encoding, container_of
from vinpaint.video.images import PictureFolder
from vinpaint.video.layout import FULL_RANGE, ColourTags, make_layout
from vinpaint.video.planes import eight_bits
from vinpaint.video.source import ClipInfo, Frame, Samples, VideoSink, VideoSource, rotate


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


class MaskWriter:
    """One mask a frame of a clip, as a lossless video (.mkv), another video, or a folder of PNG pictures.

    A context manager; nothing stands at the target before :meth:`commit`.

    Parameters
    ----------
    target : str
        A video, or a folder: existing, or ending in a slash.
    info : ClipInfo
        The clip; masks have its displayed size and its clock.
    inputs : sequence of Path
        What is read, and must not be written over.
    overwrite : bool
        Whether the target may exist.

    Raises
    ------
    UsageError, OutputError, OutputExistsError
        If the target cannot be.
    """

    def __init__(self, target: str, info: ClipInfo, inputs: Sequence[Path], overwrite: bool) -> None:
        self._path, self._folder = Path(target), is_folder(target)
        check_output(self._path, *inputs, overwrite=overwrite, folder=self._folder)
        lossless = self._path.suffix.lower() == ".mkv"
        self._encoding = Encoding(lossless=True) if lossless else Encoding()
        if not self._folder:
            container_of(self._path, self._encoding)
        width, height = info.displayed
        tags = ColourTags(range=FULL_RANGE)
        layout = make_layout("gray", "gray", 8, (1, 1), tags, height)
        self._info = replace(info, width=width, height=height, rotation=0, layout=layout, tags=tags, codec="")
        self._pictures: PictureFolder | None = None
        self._sink: VideoSink | None = None

    def add(self, mask: Mask, time: Fraction) -> None:
        """Write the next mask (H, W) bool, displayed orientation, that of the frame at ``time``, in seconds."""
        grey = mask.astype(np.uint8) * 255
        if self._folder:
            self._pictures = self._pictures or PictureFolder(self._path)
            self._pictures.add(grey)
            return
        stamp = round(time / self._info.time_base)
        frame = Frame((grey,), self._info.layout, stamp, self._info.time_base)
        if self._sink is None:
            self._sink = open_sink(self._path, _Masks(self._info), frame, self._encoding)
        self._sink.write(frame)

    def commit(self) -> None:
        """Put the masks at their place."""
        for output in (self._pictures, self._sink):
            if output is not None:
                output.commit()

    def __enter__(self) -> MaskWriter:
        return self

    def __exit__(self, *_: object) -> None:
        for output in (self._pictures, self._sink):
            if output is not None:
                output.abort()


class _Masks(VideoSource):
    """Stands for the clip where only its size and rate are wanted: masks carry no sound."""

    def __iter__(self) -> Iterator[Frame]:
        return iter(())

    def sample(self, count: int, start: Fraction | None = None, end: Fraction | None = None) -> Samples:
        """None."""
        return Samples([], [])
