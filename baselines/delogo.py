"""What ffmpeg's filter ``delogo`` does: a box is interpolated from the pixels just outside of it."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vinpaint.contracts import FloatMap, Mask
from vinpaint.fill.spatial import FrameByFrame


class DelogoFill(FrameByFrame):
    """Each pixel is a mean of the four sides of its box, weighted by their nearness.

    The side's value is that of the pixel straight across, averaged with its two neighbours along the side. A box
    surrounds one connected hole; only hidden pixels are changed. Sides beyond the frame, or hidden by another hole,
    do not count. (ffmpeg's filter, after a plug-in for MPlayer of 2002, takes the box from the user, fills all of it
    and leaves out no hidden side.)
    """

    margin = 0.25

    def inpaint(self, image: NDArray[Any], mask: Mask) -> NDArray[Any]:
        """Fill one image."""
        if mask.all():
            return np.zeros_like(image)
        along_rows, along_columns = _sides(image, mask, (1, 3)), _sides(image, mask, (3, 1))
        filled = image.copy()
        count, labels, boxes, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
        for number in range(1, count):
            x, y, width, height = boxes[number, :4].tolist()
            box = np.s_[y : y + height, x : x + width]
            value, weight = _interpolated(along_rows, along_columns, x, y, width, height)
            if (lone := weight == 0).any():
                value[lone] = image[~mask].mean(axis=0)
            hole = labels[box] == number
            filled[box][hole] = np.rint(value[hole])
        return filled


def _sides(image: NDArray[Any], mask: Mask, shape: tuple[int, int]) -> tuple[FloatMap, FloatMap]:
    """Sums of visible pixels over three in a line, and their number; with a border of nothing around the frame."""
    visible = (~mask).astype(np.float32)
    kernel = np.ones(shape, np.float32)
    layers = np.dstack([image * visible[..., None], visible]).astype(np.float32)
    sums = cv2.filter2D(layers, -1, kernel, borderType=cv2.BORDER_CONSTANT)
    # A side whose middle is hidden does not count, whatever is beside it.
    counted: FloatMap = np.pad(sums * visible[..., None], ((1, 1), (1, 1), (0, 0))).astype(np.float32)
    return counted[..., :3], counted[..., 3]


def _interpolated(
    along_rows: tuple[FloatMap, FloatMap], along_columns: tuple[FloatMap, FloatMap], x: int, y: int, w: int, h: int
) -> tuple[FloatMap, FloatMap]:
    """Values (h, w, 3) in a box, and their weights (h, w), 0 where no side is visible."""
    rows, columns = np.arange(1, h + 1, dtype=np.float32)[:, None], np.arange(1, w + 1, dtype=np.float32)[None]
    inside = slice(x + 1, x + w + 1), slice(y + 1, y + h + 1)  # in the frame with its border
    sides = (
        (along_columns, np.s_[inside[1], x : x + 1], columns),
        (along_columns, np.s_[inside[1], x + w + 1 : x + w + 2], w + 1 - columns),
        (along_rows, np.s_[y : y + 1, inside[0]], rows),
        (along_rows, np.s_[y + h + 1 : y + h + 2, inside[0]], h + 1 - rows),
    )
    value: FloatMap = np.zeros((h, w, 3), np.float32)
    weight: FloatMap = np.zeros((h, w), np.float32)
    for (sums, numbers), place, distance in sides:
        seen = numbers[place]
        near = (seen > 0).astype(np.float32) / distance
        value += near[..., None] * (sums[place] / np.maximum(seen, 1)[..., None])
        weight += near
    return np.asarray(value / np.maximum(weight, 1e-9)[..., None], np.float32), weight
