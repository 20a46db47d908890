"""A known mark as the user gives it: its opacity and its colour, two pictures of one size."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vinpaint.contracts import FloatMap
from vinpaint.errors import MaskError
from vinpaint.masks.image import DAMAGE
from vinpaint.masks.names import there

MAX_PIXELS = 1 << 26
"""A larger picture is not decoded."""


@dataclass(frozen=True, eq=False)
class Template:
    """A mark.

    Attributes
    ----------
    alpha : (H, W) float32
        Opacity, 0 to 1.
    colour : (H, W, 3) float32
        RGB, 0 to 1.
    """

    alpha: FloatMap
    colour: FloatMap

    def __repr__(self) -> str:
        height, width = self.alpha.shape
        return f"Template({width}x{height}, opacity up to {self.alpha.max():.2f})"


def read_template(alpha: Path, colour: Path) -> Template:
    """Read a mark.

    Parameters
    ----------
    alpha : Path
        Grey picture of 8 or 16 bits: white = opaque.
    colour : Path
        RGB or grey picture of the same size.

    Raises
    ------
    MaskError
        If one cannot be read, is of another kind, or the sizes differ, or nothing is opaque at all.
    """
    opacity, tint = _levels(alpha), _levels(colour)
    if opacity.ndim == 3:
        if not (opacity == opacity[..., :1]).all():
            raise MaskError(f"{alpha} is coloured; give the opacity as a grey picture, white = opaque")
        opacity = opacity[..., 0]
    if opacity.shape != tint.shape[:2]:
        sizes = ("{1}x{0}".format(*field.shape) for field in (opacity, tint))
        raise MaskError("the opacity is {}, the colour {}; give two pictures of one size".format(*sizes))
    if not opacity.any():
        raise MaskError(f"{alpha} is black: nothing of the mark is visible; white = opaque")
    return Template(opacity, np.ascontiguousarray(np.broadcast_to(np.atleast_3d(tint), (*opacity.shape, 3))))


def _levels(path: Path) -> FloatMap:
    """A grey or RGB picture, 0 to 1."""
    if not there(path.is_file):
        raise MaskError(f"{path} does not exist; check the path")
    picture = _decoded(path)
    if picture is None or picture.dtype not in (np.uint8, np.uint16):
        most = MAX_PIXELS >> 20
        raise MaskError(f"{path} cannot be read as a picture of 8 or 16 bits and {most} megapixels at most; give a PNG")
    if picture.ndim == 3 and picture.shape[2] == 4:
        raise MaskError(f"{path} has an alpha channel of its own; give the opacity and the colour as two pictures")
    levels = picture.astype(np.float32) / np.float32(np.iinfo(picture.dtype).max)
    return np.ascontiguousarray(levels[..., ::-1] if levels.ndim == 3 else levels)


def _decoded(path: Path) -> NDArray[Any] | None:
    """A picture as it is stored; None if it is damaged, no picture, or too large by its header."""
    try:
        with Image.open(path) as header:
            if header.width * header.height > MAX_PIXELS:
                return None
        return cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
    except (*DAMAGE, cv2.error):
        return None
