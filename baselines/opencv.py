"""The two inpainting methods of OpenCV."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vinpaint.contracts import Mask
from vinpaint.fill.spatial import FrameByFrame

_RADIUS = 5.0


class _OpenCVFill(FrameByFrame):
    flags: int
    margin = 0.25

    def inpaint(self, image: NDArray[Any], mask: Mask) -> NDArray[Any]:
        """Fill one image."""
        if mask.all():
            return np.zeros_like(image)
        image, hole = image.copy(), mask.astype(np.uint8)
        # At the frame's border OpenCV looks at what the hole held.
        image[mask] = np.rint(image[~mask].mean(axis=0))
        if image.dtype == np.uint8:
            return cv2.inpaint(image, hole, _RADIUS, self.flags)
        # Beyond 8 bits OpenCV takes single channels.
        return np.dstack([cv2.inpaint(channel, hole, _RADIUS, self.flags) for channel in cv2.split(image)])


class TeleaFill(_OpenCVFill):
    """Fast marching with weighted means of the known neighbours.

    A. Telea, An image inpainting technique based on the fast marching method, J. Graphics Tools 9(1), 2004.
    """

    flags = cv2.INPAINT_TELEA


class NavierStokesFill(_OpenCVFill):
    """Isophotes are continued into the hole like stream lines.

    M. Bertalmio, A. Bertozzi, G. Sapiro, Navier-Stokes, fluid dynamics, and image and video inpainting,
    CVPR 2001.
    """

    flags = cv2.INPAINT_NS
