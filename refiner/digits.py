"""Moving MNIST: handwritten digits that bounce around on a black canvas (Srivastava et al., ICML 2015).

The digits come from an IDX file as MNIST has them (LeCun, Cortes, Burges: The MNIST database, 1998).
"""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from vinpaint.contracts import Frames
from vinpaint.errors import InputError, UsageError
from vinpaint.refiner.drawing import Generator

Digits = NDArray[np.uint8]

FOR_TRAINING = 8000
"""Digits that may be learned from; those after them are for evaluation."""
SIZE = (128, 72)
"""Width and height of the canvas."""
SPEED = (1.5, 4.0)
"""Pixels a frame, from and to."""
_HEADER = struct.Struct(">HBB3I")
_BYTES = 8  # type code of unsigned bytes
_LARGEST = 1024  # rows and columns of a digit: a damaged header is refused before anything is allocated
_GZIP = b"\x1f\x8b"


def read_digits(path: Path, *, count: int = FOR_TRAINING) -> Digits:
    """The first images of an IDX file, compressed with gzip or not.

    Parameters
    ----------
    path : Path
        The file, or a folder that holds one ``*idx3-ubyte*`` file.
    count : int
        How many to read.

    Returns
    -------
    (N, h, w) uint8
        White on black.

    Raises
    ------
    InputError
        If it is missing, of another format, or shorter than it says.
    """
    path = idx_file(path)
    try:
        with _unpacked(path) as file:
            head = file.read(_HEADER.size)
            zero, kind, dimensions, found, height, width = _HEADER.unpack(head)
            if (zero, kind, dimensions) != (0, _BYTES, 3) or not (0 < height <= _LARGEST and 0 < width <= _LARGEST):
                raise InputError(f"{path} is no IDX file of images; give train-images-idx3-ubyte or its like")
            count = min(count, found)
            data = file.read(count * height * width)
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist; check the name") from error
    except (OSError, EOFError, zlib.error, struct.error) as error:
        raise InputError(f"{path} cannot be read as an IDX file ({error}); get it anew") from error
    if not count or len(data) < count * height * width:
        raise InputError(f"{path} ends before the {found} digits that it promises; get it anew")
    return np.frombuffer(data, np.uint8).reshape(count, height, width)


def idx_file(path: Path) -> Path:
    """The file itself, or the one ``*idx3-ubyte*`` file in a folder.

    Raises
    ------
    InputError
        If a folder holds none, or several.
    """
    if not path.is_dir():
        return path
    found = sorted(path.glob("*idx3-ubyte*"))
    if len(found) != 1:
        raise InputError(f"{path} holds {len(found)} files named *idx3-ubyte*; name the one to read")
    return found[0]


@contextmanager
def _unpacked(path: Path) -> Iterator[BinaryIO]:
    with path.open("rb") as file:
        packed = file.read(2) == _GZIP
        file.seek(0)
        yield gzip.GzipFile(fileobj=file) if packed else file  # type: ignore[misc]


def moving_digits(
    digits: Digits, seed: int | Generator, *, count: int, size: tuple[int, int] = SIZE, colour: bool = False
) -> Frames:
    """Two or three digits that move straight on and bounce off the borders.

    Parameters
    ----------
    digits : (N, h, w) uint8
        To choose from.
    seed : int or Generator
        Which, from where, how fast (1.5 to 4 pixels a frame) and in which colours.
    count : int
        Frames.
    size : (width, height)
        Of the canvas, at least that of a digit.
    colour : bool
        Whether each digit has a bright colour of its own; white otherwise.

    Returns
    -------
    (T, H, W, 3) uint8
        RGB; where digits meet, the brighter value is seen.

    Raises
    ------
    UsageError
        If the canvas is smaller than a digit.
    """
    if size[0] < digits.shape[2] or size[1] < digits.shape[1]:
        raise UsageError(f"digits of {digits.shape[2]}x{digits.shape[1]} need larger frames than {size[0]}x{size[1]}")
    rng = np.random.default_rng(seed)
    frames = np.zeros((count, size[1], size[0], 3), np.uint8)
    for digit in digits[rng.integers(0, len(digits), rng.integers(2, 4))]:
        tint = _bright(rng) if colour else np.ones(3)
        angle = rng.uniform(0, 2 * np.pi)
        step = rng.uniform(*SPEED) * np.array([np.cos(angle), np.sin(angle)])
        start = rng.uniform(0, room_for(digit, size))
        bounce(frames, np.rint(digit[..., None] * tint).astype(np.uint8), start, step)
    return frames


def room_for(digit: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.float64]:
    """How far x, y a digit can move on a canvas (width, height)."""
    return np.array([size[0] - digit.shape[1], size[1] - digit.shape[0]], float)


def bounce(frames: Frames, shown: NDArray[np.uint8], start: NDArray[np.float64], step: NDArray[np.float64]) -> None:
    """Let something move through frames, straight on, and bounce off the borders.

    Parameters
    ----------
    frames : (T, H, W, 3) uint8
        RGB, changed; the brighter value is seen.
    shown : (h, w, 3) or (h, w, 1) uint8
        What moves.
    start, step : (2,) float64
        x, y of its corner in the first frame, and pixels a frame.
    """
    height, width = shown.shape[:2]
    room = room_for(shown, (frames.shape[2], frames.shape[1]))
    way = start + step * np.arange(len(frames))[:, None]
    places = np.rint(room - np.abs(way % np.maximum(2 * room, 1e-9) - room)).astype(int)  # a triangle wave
    for frame, (x, y) in zip(frames, places.tolist(), strict=True):
        part = frame[y : y + height, x : x + width]
        np.maximum(part, shown, out=part)


def _bright(rng: Generator) -> NDArray[np.float64]:
    """An RGB colour whose strongest channel is full."""
    tint = rng.uniform(0.15, 1, 3)
    return np.asarray(tint / tint.max())
