"""Pictures of results for the report: a frame, where its pixels come from, the worst frame, a slice through time."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vinpaint.benchmarks.suites.contract import Material
from vinpaint.contracts import Frames
from vinpaint.files import write_bytes

WIDEST = 960
"""Columns of a picture in the report; wider frames are reduced."""
_QUALITY = [cv2.IMWRITE_WEBP_QUALITY, 86]
_SLICE_ROWS = 140
_SLICE_SCALE = 3  # columns a frame, so that flicker can be seen
_SLICE_FRAMES = 100


class Album:
    """Writes the pictures of one case.

    Parameters
    ----------
    folder : Path
        Where; made when the first picture is written.
    material : Material
        The case.
    """

    def __init__(self, folder: Path, material: Material) -> None:
        self._folder, self._material = folder, material
        self._middle = len(material.damaged) // 2
        self._column, self._rows = _through(np.broadcast_to(material.hidden, material.damaged.shape[:3]))

    def take_case(self) -> None:
        """The truth, if it is known."""
        if self._material.truth is not None:
            self.take("truth", self._material.truth, None)

    def take(self, name: str, frames: Frames, origin: Path | None, *, worst: int | None = None) -> None:
        """The middle frame, the slice, the map of origins, and the worst frame beside the truth."""
        name = filename(name)
        self._write(f"{name}.webp", frames[self._middle])
        self._write(f"{name}.slice.webp", self._slice(frames))
        if origin is not None:
            picture = cv2.imread(str(origin), cv2.IMREAD_COLOR)
            if picture is not None:
                self._write(f"{name}.origin.webp", np.ascontiguousarray(picture[..., ::-1]))
        if worst is not None and self._material.truth is not None:
            self._write(f"{name}.worst.webp", frames[worst])
            self._write(f"{name}.worst.truth.webp", self._material.truth[worst])

    def _slice(self, frames: Frames) -> Frames:
        """One column over time: rows are rows, columns are frames."""
        cut = frames[:_SLICE_FRAMES, self._rows, self._column].transpose(1, 0, 2)
        return np.repeat(cut, _SLICE_SCALE, axis=1)

    def _write(self, name: str, picture: Frames) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        write_bytes(self._folder / name, webp(picture))


def webp(picture: Frames, *, widest: int = WIDEST) -> bytes:
    """An RGB picture (H, W, 3) uint8 as WebP, reduced to a width."""
    height, width = picture.shape[:2]
    if width > widest:
        picture = np.asarray(
            cv2.resize(picture, (widest, round(height * widest / width)), interpolation=cv2.INTER_AREA), np.uint8
        )
    _, data = cv2.imencode(".webp", np.ascontiguousarray(picture[..., ::-1]), _QUALITY)
    return bytes(data)


def _through(holes: NDArray[np.bool_]) -> tuple[int, slice]:
    """The column that most of the hole lies in, and some rows around its part there."""
    height = holes.shape[1]
    amount = holes.sum(axis=(0, 1))
    column = int(amount.argmax()) if amount.any() else holes.shape[2] // 2
    inside = np.flatnonzero(holes[:, :, column].any(axis=0))
    middle = int(inside.mean()) if inside.size else height // 2
    top = min(max(0, middle - _SLICE_ROWS // 2), max(0, height - _SLICE_ROWS))
    return column, slice(top, top + _SLICE_ROWS)


def filename(name: str) -> str:
    """A name as part of a path."""
    return "".join(sign if sign.isalnum() or sign in "-_.=" else "_" for sign in name)
