"""Short clips as arrays: read whole, written without loss, or sent through a codec in memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from vinpaint.contracts import Frames
from vinpaint.errors import InputError
from vinpaint.masks.names import natural_key
from vinpaint.video import open_sink, open_source
from vinpaint.video.arrays import ArraySource
from vinpaint.video.encoders import CONTAINERS, Encoding
from vinpaint.video.images import image_files
from vinpaint.video.shots import shot_numbers
from vinpaint.video.source import Frame, VideoSource, upright


def clips_in(folder: Path) -> list[Path]:
    """Video files and folders of pictures in a folder, in natural order.

    Raises
    ------
    InputError
        If there is no such folder, or nothing of the kind in it.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder; give one that holds clips")
    found = [path for path in folder.iterdir() if path.suffix.lower() in CONTAINERS and path.is_file()]
    found += [path for path in folder.iterdir() if path.is_dir() and image_files(path)]
    if not found:
        raise InputError(f"{folder} holds no clips; give a folder of {' '.join(CONTAINERS)} files or of frames")
    return sorted(found, key=natural_key)


def read_clip(path: str | os.PathLike[str], *, count: int | None = None) -> Frames:
    """The frames of a clip, in memory.

    Parameters
    ----------
    path : path-like
        Whatever :func:`vinpaint.video.open_source` opens.
    count : int, optional
        Only so many, from the first.

    Returns
    -------
    (T, H, W, 3) uint8
        RGB as displayed.

    Raises
    ------
    InputError
        If it cannot be read, or holds no frame.
    """
    with open_source(path, threads=1) as source:
        return _stacked(_upright(source, islice(source, count)), path)


def read_shot(path: str | os.PathLike[str], *, count: int, start: int, size: tuple[int, int]) -> Frames:
    """Consecutive frames of one shot, scaled so that they cover a size, and cut to it around their middle.

    Parameters
    ----------
    path : path-like
        Whatever :func:`vinpaint.video.open_source` opens.
    count : int
        Frames.
    start : int
        The first frame that may be taken; where a cut follows too soon, the next shot is.
    size : (width, height)
        In pixels.

    Returns
    -------
    (T, H, W, 3) uint8
        RGB as displayed.

    Raises
    ------
    InputError
        If it cannot be read, or no shot is as long from there on.
    """
    taken: list[Frames] = []
    shown = -1
    with open_source(path, threads=1) as source:
        for frame, shot in shot_numbers(islice(source, start, None)):
            taken, shown = taken if shot == shown else [], shot
            taken.append(fitted(upright(frame, source.info.rotation), size))
            if len(taken) == count:
                return np.stack(taken)
    raise InputError(f"{path} has no {count} frames of one shot from frame {start} on; ask for fewer")


def read_small(path: Path, *, count: int, rows: int) -> Frames:
    """The first frames of a clip, scaled to at most so many rows and an even width: (T, H, W, 3) uint8.

    Raises
    ------
    InputError
        If it cannot be read, or holds no frame.
    """
    with open_source(path, threads=1) as source:
        width, height = source.info.displayed
        low = min(height, rows)
        size = 2 * round(low * width / height / 2), low
        pictures = _upright(source, islice(source, count))
        return _stacked((cv2.resize(each, size, interpolation=cv2.INTER_AREA) for each in pictures), path)


def fitted(picture: Frames, size: tuple[int, int]) -> Frames:
    """A picture (H, W, 3) scaled so that it just covers (width, height), and cut to that around its middle."""
    height, width = picture.shape[:2]
    scale = max(size[0] / width, size[1] / height)
    covering = max(size[0], round(width * scale)), max(size[1], round(height * scale))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    scaled = cv2.resize(picture, covering, interpolation=way)
    left, top = (covering[0] - size[0]) // 2, (covering[1] - size[1]) // 2
    return np.ascontiguousarray(scaled[top : top + size[1], left : left + size[0]])


def write_lossless(path: Path, frames: Frames, rate: Fraction) -> None:
    """Write RGB frames (T, H, W, 3) uint8 as FFV1 in .mkv, atomically.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    source = ArraySource(frames, rate=rate)
    first, *rest = source
    with open_sink(path, source, first, Encoding(lossless=True, threads=1)) as sink:
        for frame in (first, *rest):
            sink.write(frame)
        sink.commit()


def _upright(source: VideoSource, frames: Iterator[Frame]) -> Iterator[Frames]:
    return (upright(frame, source.info.rotation) for frame in frames)


def _stacked(pictures: Iterator[Frames], path: str | os.PathLike[str]) -> Frames:
    taken = list(pictures)
    if not taken:
        raise InputError(f"{path} holds no frame; check that it plays")
    return np.stack(taken)
