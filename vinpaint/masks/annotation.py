"""Masks as JSON: polygons and run-length codes in the manner of COCO.

A document is one annotation, a list of them, or ``{"images": […], "annotations": […]}`` about a single image.
An annotation is a polygon list (``[[x, y, x, y, …], …]``), a run-length code
(``{"size": [h, w], "counts": …}``), or an object that holds either as ``"segmentation"``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vinpaint.contracts import Mask
from vinpaint.errors import MaskError
from vinpaint.masks.image import Reading

_LARGEST = 64 << 20  # bytes
_FARTHEST = 1e9  # pixels
_DAMAGE = (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError, OSError)


def read_annotation(path: Path, size: tuple[int, int], object_id: int | None = None) -> Reading:
    """Read a JSON file as a mask: the union of its annotations.

    Parameters
    ----------
    path : Path
        At most 64 MiB.
    size : (width, height)
        Of the frames.
    object_id : int, optional
        The ``"id"`` of the only annotation that counts.

    Raises
    ------
    MaskError
        If the file is missing, no such JSON, about pictures of another size, or lacks the object that is asked for.
    """
    width, height = size
    try:
        annotations = _annotations(_load(path), size)
        if object_id is not None:
            annotations = _of_object(annotations, object_id, path)
        mask = np.zeros((height, width), np.bool_)
        for annotation in annotations:
            mask |= _rasterise(annotation, height, width)
    except MaskError:
        raise
    except _DAMAGE as error:
        raise MaskError(f"{path}: {_reason(error)}; give polygons or run-length codes as COCO has them") from error
    return Reading(mask, f"JSON, {len(annotations)} annotation{'' if len(annotations) == 1 else 's'} hidden")


def _of_object(annotations: list[Any], object_id: int, path: Path) -> list[Any]:
    named = [a for a in annotations if isinstance(a, dict) and "id" in a]
    chosen = [a for a in named if a["id"] == object_id]
    if not chosen:
        found = ", ".join(str(a["id"])[:20] for a in named[:12]) or "no ids"
        raise MaskError(f"object {object_id} is not in {path}; it has {found}")
    return chosen


def _reason(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "no such mask"
    if isinstance(error, KeyError):
        return f"{error} is missing in it"
    return " ".join(str(error).split())[:200]


def _load(path: Path) -> Any:
    if path.stat().st_size > _LARGEST:
        raise ValueError(f"the file is larger than {_LARGEST >> 20} MiB")
    return json.loads(path.read_bytes())


def _annotations(document: Any, size: tuple[int, int]) -> list[Any]:
    if isinstance(document, dict) and "annotations" in document:
        images = document.get("images", [])
        if len(images) > 1:
            raise ValueError(f"it describes {len(images)} images, not one")
        for image in images:
            _check_size((image.get("width", size[0]), image.get("height", size[1])), size)
        return list(document["annotations"])
    if document == []:  # nothing is annotated: no annotation that lacks polygons
        return []
    if isinstance(document, list) and not _is_polygon(document) and not all(map(_is_polygon, document)):
        return document
    return [document]


def _check_size(found: Sequence[int], wanted: tuple[int, int]) -> None:
    if tuple(found) != wanted:
        raise ValueError(f"mask is {found[0]}x{found[1]}, frames are {wanted[0]}x{wanted[1]}")


def _rasterise(annotation: Any, height: int, width: int) -> Mask:
    shape = annotation["segmentation"] if isinstance(annotation, dict) and "segmentation" in annotation else annotation
    if isinstance(shape, dict):
        rows, columns = shape["size"]
        _check_size((columns, rows), (width, height))
        return decode_runs(shape["counts"], height, width)
    polygons = [shape] if _is_polygon(shape) else shape
    mask = np.zeros((height, width), np.bool_)
    for polygon in polygons:
        mask |= fill_polygon(_corners(polygon), height, width)
    return mask


def _is_polygon(value: Any) -> bool:
    """Whether this is one polygon: numbers, or pairs of numbers."""
    if not isinstance(value, list) or not value:
        return False
    first = value[0]
    pairs = isinstance(first, list) and len(first) == 2 and all(isinstance(n, int | float) for n in first)
    return pairs or isinstance(first, int | float)


def _corners(polygon: Any) -> NDArray[np.float64]:
    corners = np.asarray(polygon, np.float64).reshape(-1, 2)
    if len(corners) < 3 or not (np.abs(corners) < _FARTHEST).all():
        raise ValueError("a polygon needs three corners or more, all of them finite")
    return corners


def fill_polygon(corners: NDArray[np.float64], height: int, width: int) -> Mask:
    """Pixels whose centre lies inside a polygon (even-odd rule).

    Parameters
    ----------
    corners : (N, 2) float64
        (x, y), finite, in pixels, not necessarily inside the frame; the first pixel covers (0, 0) to (1, 1).
    height, width : int
        Of the mask.

    Returns
    -------
    (height, width) bool
    """
    mask = np.zeros((height, width), np.bool_)
    # the box in which it lies, a pixel wider as crossings are rounded
    low, high = np.clip([corners.min(axis=0) - 1, corners.max(axis=0) + 1], 0, (width, height))
    (left, top), (right, bottom) = _first_from(low), _first_from(high)
    toggles = np.zeros((bottom - top, right - left + 1), np.bool_)
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        rows = np.arange(*_first_from(np.clip(sorted((y0, y1)), 0, height)))
        if rows.size:
            crossing = x0 + (rows + 0.5 - y0) * ((x1 - x0) / (y1 - y0))
            toggles[rows - top, _first_from(np.clip(crossing, low[0], high[0])) - left] ^= True
    mask[top:bottom, left:right] = np.logical_xor.accumulate(toggles[:, :-1], axis=1)
    return mask


def _first_from(places: NDArray[np.float64]) -> NDArray[np.int64]:
    """The first pixels whose centres lie at or beyond some places."""
    return np.ceil(places - 0.5).astype(np.int64)


def decode_runs(counts: str | Iterable[int], height: int, width: int) -> Mask:
    """Decode a COCO run-length code: lengths of clear and hidden runs by turns, column after column.

    Parameters
    ----------
    counts : str or iterable of int
        The lengths in pixels, the first of a clear run (0 if there is none); or COCO's text form of them.
    height, width : int
        Of the mask.

    Returns
    -------
    (height, width) bool

    Raises
    ------
    ValueError
        If the text is damaged, or the runs do not add up to the mask.
    """
    lengths = _unpack(counts) if isinstance(counts, str) else list(counts)
    whole = height * width
    if any(not isinstance(n, int) or not 0 <= n <= whole for n in lengths) or sum(lengths) != whole:
        raise ValueError(f"the runs do not add up to {width}x{height} pixels")
    values = np.arange(len(lengths)) % 2 == 1
    return np.ascontiguousarray(np.repeat(values, lengths).reshape(width, height).T)


def _unpack(text: str) -> list[int]:
    """Run lengths from COCO's text form: base 32, low digits first; the fourth on less the one two before."""
    lengths: list[int] = []
    value = shift = 0
    for letter in text:
        digit = ord(letter) - 48
        if not 0 <= digit < 64 or shift > 60:
            raise ValueError("the run-length text is damaged")
        value |= (digit & 31) << shift
        shift += 5
        if digit & 32:  # more digits follow
            continue
        if digit & 16:  # the sign
            value -= 1 << shift
        lengths.append(value + (lengths[-2] if len(lengths) > 2 else 0))
        value = shift = 0
    if shift:
        raise ValueError("the run-length text is cut off")
    return lengths
