"""Filling from the surroundings in the same frame, and the base of the methods that see one frame.

A membrane over the hole (the solution of Laplace's equation) is what follows from the surroundings if nothing is
known of the scene but that its power spectrum falls with the square of the frequency. Making it stiffer along the
edges that run into the hole continues those, and no others: it invents little, which is what a fallback and a
partner for fusion should do.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vinpaint.contracts import Filled, Frames, Mask, Origin
from vinpaint.fill.diffusion import as_levels, diffuse
from vinpaint.fill.method import FillMethod, Window
from vinpaint.masks.regions import regions_of

_BORDER = 12  # known pixels around a hole: they hold the membrane and show where edges run


class FrameByFrame(FillMethod):
    """Base of the methods that look at one frame only."""

    @abstractmethod
    def inpaint(self, image: NDArray[Any], mask: Mask) -> NDArray[Any]:
        """Fill one image (H, W, 3), uint8 or uint16, where ``mask`` is True; the input stays as it is."""

    def fill_window(self, window: Window, state: Any) -> Filled:
        """Fill ``window.frames[start:stop]`` one by one."""
        frames = window.frames[window.start : window.stop].copy()
        hidden = window.mask[window.start : window.stop]
        for frame, mask in zip(frames, hidden, strict=True):
            if mask.any():
                frame[mask] = self.inpaint(frame, mask)[mask]
        return invented(frames, hidden)


class SpatialFill(FrameByFrame):
    """The method ``spatial``: :func:`inpaint` on every frame."""

    margin = 0.25

    def inpaint(self, image: NDArray[Any], mask: Mask) -> NDArray[Any]:
        """Fill one image."""
        return inpaint(image, mask)


def inpaint(image: NDArray[Any], mask: Mask) -> NDArray[Any]:
    """Fill the holes of an image by diffusion along the edges that run into them.

    Only the bounding boxes of the holes are worked on; the cost is proportional to their area.

    Parameters
    ----------
    image : (H, W, 3) uint8, uint16 or float32
        Never changed; float32 from 0 to 1.
    mask : (H, W) bool
        True = hidden; what the image holds there does not matter.

    Returns
    -------
    (H, W, 3), of the image's dtype
        A copy, filled; black if all of the image is hidden.
    """
    filled = image.copy()
    for region in regions_of(mask, 0, minimum=_BORDER):
        hole = mask[region.slices]
        levels, unit = as_levels(image[region.slices])
        values = diffuse(levels, hole)[hole] * unit
        filled[region.slices][hole] = values if image.dtype.kind == "f" else np.rint(values)
    return filled


def invented(frames: Frames, mask: Mask) -> Filled:
    """A result whose hidden pixels all are synthesised; ``mask`` is (T, H, W)."""
    origin = np.where(mask, np.uint8(Origin.SYNTHESISED), np.uint8(Origin.OBSERVED))
    return Filled(frames, (~mask).astype(np.float32), origin)
