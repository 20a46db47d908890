"""The two inpainting methods of OpenCV's contributed module xphoto."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vinpaint.contracts import Mask
from vinpaint.fill.spatial import FrameByFrame, inpaint
from vinpaint.masks.regions import regions_of
from vinpaint.video.planes import eight_bits

_BLOCK = 16  # side of FSR's blocks, which also see as much around them


class FSRFill(FrameByFrame):
    """Frequency selective reconstruction: a few waves that fit the surroundings are continued. Very slow.

    N. Genser, J. Seiler, F. Schilling, A. Kaup, Signal and loss geometry aware frequency selective extrapolation for
    error concealment, PCS 2018. OpenCV gives black for more than 8 bits, and nonsense for blocks that the border of the
    picture cuts; so it gets 8 bits, and pictures that are continued to whole blocks.
    """

    margin = 0.25

    def inpaint(self, image: NDArray[Any], mask: Mask) -> NDArray[Any]:
        """Fill one image."""
        if mask.all():
            return np.zeros_like(image)
        deep = image.dtype == np.uint16
        filled = image.copy()
        for region in regions_of(mask, 0, minimum=_BLOCK):
            hole, part = mask[region.slices], image[region.slices]
            levels = eight_bits(part).copy()
            levels[hole] = 0
            more = [(0, -side % _BLOCK) for side in hole.shape]
            whole = np.pad(levels, [*more, (0, 0)], mode="edge"), np.pad(hole, more, mode="edge")
            result = _inpainted(*whole, cv2.xphoto.INPAINT_FSR_FAST)[: hole.shape[0], : hole.shape[1]][hole]
            filled[region.slices][hole] = result.astype(np.uint16) * 257 if deep else result
        return filled


class ShiftMapFill(FrameByFrame):
    """Pieces of the same frame, moved into the hole by few dominant offsets.

    K. He, J. Sun, Statistics of patch offsets for image completion, ECCV 2012, as OpenCV has it. What it leaves open
    (holes that come near the border, lettering) is filled as by the method ``spatial``.
    """

    margin = 2.0

    def inpaint(self, image: NDArray[Any], mask: Mask) -> NDArray[Any]:
        """Fill one image."""
        if mask.all():
            return np.zeros_like(image)
        known = image.copy()
        known[mask] = 0
        # It wants brightness first and colour apart; (0, 0, 0) is no colour there, and marks what stayed open.
        levels = cv2.cvtColor(known, cv2.COLOR_RGB2YCrCb)
        levels[mask] = 0
        result = _inpainted(levels, mask, cv2.xphoto.INPAINT_SHIFTMAP)
        left = mask & (result == 0).all(axis=2)
        known[mask] = cv2.cvtColor(result, cv2.COLOR_YCrCb2RGB)[mask]
        return inpaint(known, left)


def _inpainted(levels: NDArray[Any], mask: Mask, algorithm: int) -> NDArray[Any]:
    result = np.zeros_like(levels)
    cv2.xphoto.inpaint(levels, np.where(mask, 0, 255).astype(np.uint8), result, algorithm)
    return result
