"""What one picture means as a mask."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from vinpaint.contracts import Mask
from vinpaint.errors import MaskError, VinpaintError

_FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "WEBP", "PPM", "GIF")
_LOSSY = ("JPEG", "WEBP")  # they ring: a level of 1 means nothing there
_IGNORE = 255  # "do not care" in palettes of segmentation data sets
_PNG_HEADER = struct.Struct(">8s4x4sII")

# What Pillow raises on damaged files, beside OSError and SyntaxError by its own choice.
DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    EOFError,
    OverflowError,
    MemoryError,
    NotImplementedError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)


class Reading(NamedTuple):
    """A mask and how the picture was understood."""

    mask: Mask
    how: str


def read_image(path: Path, size: tuple[int, int], object_id: int | None = None, *, may_lack: bool = False) -> Reading:
    """Read a picture as a mask, after its header was found to declare the frames' size.

    Parameters
    ----------
    path : Path
        PNG, JPEG, TIFF, BMP, WebP, PNM or GIF.
    size : (width, height)
        Of the frames.
    object_id : int, optional
        The only value of an index picture that counts.
    may_lack : bool
        Whether a picture without this value is an empty mask, not an error.

    Raises
    ------
    MaskError
        If the file is missing, damaged, of another size, or lacks the object that is asked for.
    """
    with _damage_named(path):
        _check_size(path, _png_size(path), size)
        with Image.open(path, formats=_FORMATS) as picture:
            _check_size(path, picture.size, size)
            if object_id is not None:
                return _one_object(path, picture, object_id, may_lack=may_lack)
            return _interpret(picture)


def _interpret(picture: Image.Image) -> Reading:
    if picture.mode == "P":
        return _from_palette(picture)
    if picture.mode in ("RGBA", "LA", "PA", "RGBa", "La"):
        return _from_alpha(np.asarray(picture.convert("RGBA")))
    if picture.mode == "1" or picture.mode == "L" or picture.mode[0] in "IF":
        return from_levels(np.asarray(picture), lossy=picture.format in _LOSSY)
    return from_levels(np.asarray(picture.convert("RGB")).max(axis=2), lossy=picture.format in _LOSSY)


def from_levels(levels: NDArray[Any], *, lossy: bool = False) -> Reading:
    """A mask from levels: the upper half of their range is hidden.

    Parameters
    ----------
    levels : array of bool, integers or floats, of any shape
        Integers over the range of uint8 or uint16, or only 0 and 1; floats from 0 to 1.
    lossy : bool
        Whether the picture was compressed with loss: 0 and 1 are then both black.

    Returns
    -------
    Reading
        Its mask has the shape of the levels and shares no memory with them.
    """
    if levels.dtype == np.bool_:
        return Reading(levels.copy(), "white is hidden")
    if levels.dtype.kind == "f":
        return Reading(levels > 0.5, "over 0.5 is hidden")
    if not lossy and levels.max(initial=0) <= 1:
        return Reading(levels > 0, "0/1, 1 is hidden")
    # 16-bit pictures come from Pillow as 32-bit integers, too.
    half = 127 if levels.dtype.itemsize == 1 else 32767
    return Reading(levels > half, f"over {half} is hidden")


def _from_palette(picture: Image.Image) -> Reading:
    """The indices count, not the colours; but a grey picture that was only stored as a palette stays one."""
    indices = np.asarray(picture)
    used = np.unique(indices)
    colours = _palette(picture)[used]
    ramp = (colours == used[:, None]).all()
    black_and_white = sorted(colours.tolist()) == [[0, 0, 0], [255, 255, 255]]
    if ramp or black_and_white:
        return from_levels(_palette(picture)[indices, 0])
    objects = used[(used != 0) & (used != _IGNORE)]
    mask = (indices != 0) & (indices != _IGNORE)
    return Reading(mask, f"palette, {objects.size} object{'' if objects.size == 1 else 's'} hidden")


def _palette(picture: Image.Image) -> NDArray[np.uint8]:
    """All 256 colours; those that the file leaves out are no grey."""
    colours = np.full((256, 3), (1, 2, 3), np.uint8)
    given = np.array(picture.getpalette("RGB") or [], np.uint8).reshape(-1, 3)
    colours[: len(given)] = given
    return colours


def _from_alpha(rgba: NDArray[np.uint8]) -> Reading:
    """Alpha where it is what varies (opaque = hidden), else the colours that can be seen."""
    alpha, colour = rgba[..., 3], rgba[..., :3]
    visible = colour[alpha > 0]  # the colour of a clear pixel is anybody's guess
    if alpha.min() != alpha.max() and (visible == visible[:1]).all():
        return Reading(alpha > 127, "alpha, opaque is hidden")
    mask, how = from_levels(colour.max(axis=2))
    return Reading(mask & (alpha > 127), f"colour of an RGBA picture, {how}")


def _one_object(path: Path, picture: Image.Image, object_id: int, *, may_lack: bool) -> Reading:
    if picture.mode not in ("P", "L", "1") and picture.mode[0] != "I":
        raise MaskError(f"{path}: a {picture.mode} picture has no object ids; give a palette or grey picture of ids")
    indices = np.asarray(picture)
    if object_id not in indices and not may_lack:
        found = ", ".join(str(i) for i in np.unique(indices)[:12])
        raise MaskError(f"object {object_id} is not in {path}; it has {found}")
    return Reading(indices == object_id, f"object {object_id} is hidden")


def _png_size(path: Path) -> tuple[int, int] | None:
    """The size that a PNG declares: Pillow refuses huge ones before it tells their size."""
    with path.open("rb") as file:
        head = file.read(_PNG_HEADER.size)
    if len(head) < _PNG_HEADER.size:
        return None
    signature, kind, width, height = _PNG_HEADER.unpack(head)
    return (width, height) if signature == b"\x89PNG\r\n\x1a\n" and kind == b"IHDR" else None


def _check_size(path: Path, found: tuple[int, int] | None, wanted: tuple[int, int]) -> None:
    if found is not None and found != wanted:
        raise MaskError(
            f"{path}: mask is {found[0]}x{found[1]}, frames are {wanted[0]}x{wanted[1]}; "
            "give a mask of the frames' displayed size"
        )


@contextmanager
def _damage_named(path: Path) -> Iterator[None]:
    """Turn whatever a damaged file makes Pillow raise into one MaskError that names the file."""
    try:
        yield
    except VinpaintError:
        raise
    except FileNotFoundError as error:
        raise MaskError(f"{path}: no such mask; check the path") from error
    except UnidentifiedImageError as error:
        raise MaskError(f"{path}: no picture of a known format; give a PNG, for example") from error
    except DAMAGE as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise MaskError(f"{path}: mask cannot be read ({reason[:200]}); give an intact picture") from error
