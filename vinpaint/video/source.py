"""The two narrow contracts of video input and output, and what passes through them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from vinpaint.contracts import Frames, Mask
from vinpaint.masks.regions import Region
from vinpaint.video import planes as _planes
from vinpaint.video.layout import ColourTags, Layout

MAX_PIXELS = 1 << 26
"""Largest picture that is opened: a damaged or malicious header is refused before anything is allocated."""


@dataclass(frozen=True)
class ClipInfo:
    """What is known of a clip before it is read.

    Attributes
    ----------
    path : Path
        File, folder or pattern.
    width, height : int
        Stored size; see :attr:`displayed`.
    layout : Layout
        Storage of the frames.
    tags : ColourTags
        Colour description as stored.
    rotation : int
        Degrees, counter-clockwise, by which a player turns the stored picture: 0, 90, 180 or 270.
    time_base : Fraction
        Seconds of one tick of ``Frame.pts``.
    rate : Fraction
        Average frames a second; for encoders and estimates only, never for timing.
    frames : int or None
        Frames that the container promises; None if it does not say.
    frames_exact : bool
        Whether that is a count and not an estimate from the duration.
    codec : str
        FFmpeg's name of the format in which the frames are coded, whatever decodes it; empty for pictures and arrays.
    """

    path: Path
    width: int
    height: int
    layout: Layout
    tags: ColourTags
    rotation: int
    time_base: Fraction
    rate: Fraction
    frames: int | None
    frames_exact: bool = False
    codec: str = ""

    def __str__(self) -> str:
        width, height = self.displayed
        count = "frames" if self.frames is None else f"{'' if self.frames_exact else 'about '}{self.frames} frames"
        stored = f"{self.layout.name} {self.codec}".strip()
        return f"{self.path}: {width}x{height} {stored}, {count}, {float(self.rate):.5g} a second"

    @property
    def displayed(self) -> tuple[int, int]:
        """Width and height as a viewer sees them, before any pixel aspect."""
        size = self.width, self.height
        return size if self.rotation % 180 == 0 else size[::-1]

    @property
    def whole(self) -> Region:
        """The whole stored picture."""
        return Region(0, self.height, 0, self.width)


@dataclass(frozen=True, eq=False)
class Frame:
    """One stored picture.

    Attributes
    ----------
    planes : tuple of arrays
        Stored samples (see :class:`Layout`), the frame's own: no decoder and no other frame refers to them.
    layout : Layout
        Storage of the planes.
    pts : int
        Time stamp in ticks of ``time_base``.
    time_base : Fraction
        Seconds of one tick.
    repeated : bool
        Whether the picture stands in for one that was damaged.
    native : object
        What the writer needs besides the planes; opaque to everyone else.
    companions : tuple of objects
        Sound, subtitles and data that came with this frame, opaque to everyone but the writer.
    """

    planes: _planes.Planes
    layout: Layout
    pts: int
    time_base: Fraction
    repeated: bool = False
    native: Any = None
    companions: tuple[Any, ...] = ()

    def __repr__(self) -> str:
        height, width = self.planes[0].shape
        return f"Frame({width}x{height} {self.layout.name}, pts {self.pts} x {self.time_base})"

    @property
    def time(self) -> Fraction:
        """Seconds."""
        return self.pts * self.time_base

    def rgb(self, region: Region | None = None, hidden: Mask | None = None) -> Frames:
        """(h, w, 3) RGB of a chroma-aligned region (default: all), uint8, or uint16 above 8 bits.

        Where ``hidden`` (h, w) is given its colour is kept out of the visible pixels (see :func:`planes.to_rgb`).
        """
        height, width = self.planes[0].shape
        return _planes.to_rgb(self.planes, self.layout, region or Region(0, height, 0, width), hidden)

    def composite(self, region: Region, rgb: Frames, mask: Mask) -> None:
        """Write RGB under the mask of a chroma-aligned region, in place (see :func:`planes.composite`)."""
        _planes.composite(self.planes, self.layout, region, rgb, mask)


@dataclass
class Damage:
    """What was wrong with an input, counted while it is read."""

    frames: int = 0
    """Frames that were damaged, and repeated or concealed."""
    missing: int = 0
    """Frames that the container promises and does not hold."""

    @property
    def total(self) -> int:
        """All frames that are not as recorded."""
        return self.frames + self.missing

    def __str__(self) -> str:
        parts = [
            f"{self.frames} damaged" if self.frames else "",
            f"{self.missing} missing" if self.missing else "",
        ]
        return " and ".join(part for part in parts if part) + " frames"


@dataclass(frozen=True, eq=False)
class Samples:
    """Frames taken from all over a clip, in order.

    Attributes
    ----------
    frames : list of Frame
        The longer the clip, the rather in bursts (see :class:`vinpaint.statistics.Plan`).
    numbers : list of int
        Number of each frame, strictly rising. Frames of one burst differ by exactly the frames between them; where the
        file was sought, the rest is estimated from the time stamps and the average rate.
    shots : list of int or None
        What each frame shows, from 0 in order of appearance: equal for the frames of one shot, and of shots that look
        the same; None = unknown. Frames with neighbouring numbers and one shot show one motion.
    """

    frames: list[Frame]
    numbers: list[int]
    shots: list[int] | None = None


@dataclass
class VideoSource(ABC):
    """Frames in order of time, each decoded once.

    Iterate once. A source is a context manager; leaving it closes the file.
    """

    info: ClipInfo
    damage: Damage = field(default_factory=Damage, init=False)

    @abstractmethod
    def __iter__(self) -> Iterator[Frame]:
        """Yield the frames; damaged ones are repeated and counted in ``damage``."""

    @abstractmethod
    def sample(self, count: int, start: Fraction | None = None, end: Fraction | None = None) -> Samples:
        """At most ``count`` frames spread over a range of seconds after the first frame, end excluded.

        Short ranges are decoded whole; in long ones bursts of frames are sought, so that an hour costs seconds.
        """

    def close(self) -> None:  # noqa: B027 - most sources hold nothing open
        """Release the file; safe to call twice."""

    def __enter__(self) -> VideoSource:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class VideoSink(ABC):
    """Takes frames in order of time; nothing stands at the target before :meth:`commit`.

    A sink is a context manager; leaving it without a commit removes what was written.
    """

    @abstractmethod
    def write(self, frame: Frame) -> None:
        """Encode one frame and pass on its companions.

        Raises
        ------
        OutputError
            If it cannot be written.
        """

    @abstractmethod
    def commit(self) -> None:
        """Finish, verify, and put the output at its place in one step."""

    @abstractmethod
    def abort(self) -> None:
        """Remove what was written; does nothing after a commit."""

    def __enter__(self) -> VideoSink:
        return self

    def __exit__(self, *_: object) -> None:
        self.abort()


def rotate(image: Any, degrees: int) -> Any:
    """Turn pictures counter-clockwise by a multiple of 90 degrees, (H, W, …)."""
    return np.ascontiguousarray(np.rot90(image, degrees // 90)) if degrees else image


def upright(frame: Frame, degrees: int) -> Frames:
    """A frame as it is displayed, (H, W, 3) uint8 RGB; ``degrees`` as for :func:`rotate`."""
    picture: Frames = rotate(_planes.eight_bits(frame.rgb()), degrees)
    return picture
