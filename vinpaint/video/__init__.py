"""Video in, video out: the only room that knows PyAV.

Two narrow contracts, :class:`VideoSource` and :class:`VideoSink`, serve files, folders, patterns and single images.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

from vinpaint.errors import InputError, MaskError, UsageError
from vinpaint.files import PICTURE_SUFFIXES
from vinpaint.masks import MaskSource
from vinpaint.video.encoders import Encoding, check_options, container_of
from vinpaint.video.images import FolderSink, ImageSink, ImageSource, check_picture
from vinpaint.video.layout import ColourTags, Layout
from vinpaint.video.source import ClipInfo, Damage, Frame, VideoSink, VideoSource, rotate

__all__ = [
    "ClipInfo",
    "ColourTags",
    "Damage",
    "Encoding",
    "Frame",
    "Layout",
    "VideoSink",
    "VideoSource",
    "check_target",
    "is_folder",
    "open_masks",
    "open_sink",
    "open_source",
    "rotate",
]


def open_source(path: str | os.PathLike[str], *, rate: Fraction | None = None, threads: int = 0) -> VideoSource:
    """Open a video file, a folder of frames, a pattern such as ``frame_%05d.png``, or an image.

    Parameters
    ----------
    path : path-like
        What to read; never taken for a URL.
    rate : Fraction, optional
        Frames a second of an image sequence; default 25.
    threads : int
        Decoder threads, 0 = as many as there are cores.

    Raises
    ------
    InputError
        If it is missing or cannot be decoded.
    UsageError
        If a rate is given for a video file, which has its own timing.
    """
    path = Path(path)
    if path.is_dir() or path.suffix.lower() in PICTURE_SUFFIXES:
        return ImageSource(path, rate=rate)
    if rate is not None:
        raise UsageError(f"{path.name} has its own timing; give a frame rate for image sequences only")
    from vinpaint.video.container import ContainerSource

    return ContainerSource(path, threads=threads)


def open_masks(path: str | os.PathLike[str], info: ClipInfo) -> MaskSource:
    """Open a video of masks for a clip.

    Raises
    ------
    MaskError
        If it cannot be read, or its size differs from the clip's.
    """
    from vinpaint.video.mask_video import VideoMasks

    try:
        source = open_source(path)
    except InputError as error:
        raise MaskError(f"mask: {error}") from error
    return VideoMasks(source, info.displayed)


def is_folder(target: str | os.PathLike[str]) -> bool:
    """Whether an output is a folder of frames: it ends in a slash, or is one."""
    return os.fspath(target).endswith(("/", os.sep)) or Path(target).is_dir()


def check_target(target: str | os.PathLike[str], info: ClipInfo, encoding: Encoding) -> None:
    """Check that an output can hold a clip.

    Parameters
    ----------
    target : path-like
        A video file, a folder or an image.
    info : ClipInfo
        The clip.
    encoding : Encoding
        What the user asks of the encoder.

    Raises
    ------
    UsageError
        If it cannot.
    """
    path = Path(target)
    pictures = is_folder(target) or path.suffix.lower() in PICTURE_SUFFIXES
    if pictures and (encoding.lossless or encoding.encoder or encoding.preset or encoding.crf is not None):
        raise UsageError("pictures need no encoder; leave --lossless, --encoder, --crf and --preset out")
    if is_folder(target):
        return
    if path.suffix.lower() in PICTURE_SUFFIXES:
        check_picture(path, deep=info.layout.bits > 8)
        if info.frames != 1:
            raise UsageError(
                f"{path.name} holds one image, the input is a clip; name a video, or a folder ending in '/'"
            )
    else:
        check_options(encoding, container_of(path, encoding), info)


def open_sink(
    target: str | os.PathLike[str],
    source: VideoSource,
    first: Frame,
    encoding: Encoding,
    warn: Callable[[str], None] = lambda _: None,
) -> VideoSink:
    """Open an output for a clip: nothing stands at the target before it is committed.

    Parameters
    ----------
    target : path-like
        A video file (container by suffix), a folder (existing, or ending in a slash), or an image.
    source : VideoSource
        Where timing, tags, sound and texts come from.
    first : Frame
        The first frame of the clip.
    encoding : Encoding
        What the user asks of the encoder.
    warn : callable, optional
        Takes one sentence for each thing that the output cannot hold.

    Raises
    ------
    UsageError
        If the suffix, the encoder or an option cannot be.
    OutputError
        If the output cannot be created.
    """
    check_target(target, source.info, encoding)
    path = Path(target)
    if is_folder(target):
        return FolderSink(path, source.info)
    if path.suffix.lower() in PICTURE_SUFFIXES:
        return ImageSink(path, source.info)
    from vinpaint.video.container_sink import ContainerSink

    return ContainerSink(path, source, first, encoding, warn)
