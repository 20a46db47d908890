"""What a fill can write besides the clip: confidence maps, and a picture of where pixels come from."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from vinpaint.contracts import Frames, Origin
from vinpaint.files import write_bytes
from vinpaint.fill.pipeline import FilledFrame
from vinpaint.video import ClipInfo, rotate
from vinpaint.video.images import PictureFolder, encode_picture
from vinpaint.video.planes import eight_bits

TINTS = {
    Origin.UNBLENDED: (60, 110, 255),
    Origin.PROPAGATED: (40, 200, 90),
    Origin.SYNTHESISED: (255, 60, 50),
}
_TINT_WEIGHT = 0.55


class Extras:
    """Collects the extra outputs of a run; a context manager that removes them unless committed.

    Parameters
    ----------
    confidence : Path or None
        Folder for a grey PNG a frame: 255 = observed or recovered, 0 = invented.
    explain : Path or None
        Picture of the frame nearest the middle of the clip in which something was filled, tinted by origin.
    info : ClipInfo
        The clip.
    """

    def __init__(self, confidence: Path | None, explain: Path | None, info: ClipInfo) -> None:
        self._explain, self._info = explain, info
        self._maps = PictureFolder(confidence) if confidence else None
        self._middle = (info.frames or 1) // 2
        self._nearest: tuple[tuple[bool, int], FilledFrame] | None = None
        self._picture = b""

    def __enter__(self) -> Extras:
        return self

    def __exit__(self, *_: object) -> None:
        if self._maps:
            self._maps.abort()

    def add(self, index: int, filled: FilledFrame) -> None:
        """Take the next frame."""
        if self._maps:
            levels = np.rint(255 * filled.confidence()).astype(np.uint8)
            self._maps.add(rotate(levels, self._info.rotation))
        if self._explain:
            rank = not filled.patches, abs(index - self._middle)
            if self._nearest is None or rank < self._nearest[0]:
                self._nearest = rank, filled

    def prepare(self) -> None:
        """Make everything ready, so that little can go wrong when it is put in place."""
        if self._nearest:
            picture = rotate(explained_picture(self._nearest[1]), self._info.rotation)
            self._picture = encode_picture(picture, self._explain.suffix if self._explain else ".png")

    def commit(self) -> None:
        """Put the outputs at their places."""
        if self._maps:
            self._maps.commit()
        if self._explain and self._picture:
            write_bytes(self._explain, self._picture)


def explained_picture(filled: FilledFrame) -> Frames:
    """(H, W, 3) uint8: grey where observed; green from other frames, blue un-blended, red invented."""
    rgb = eight_bits(filled.frame.rgb())
    picture = np.repeat(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    origin = filled.origin()
    for value, tint in TINTS.items():
        here = origin == value
        picture[here] = (1 - _TINT_WEIGHT) * picture[here] + _TINT_WEIGHT * np.array(tint)
    return picture
