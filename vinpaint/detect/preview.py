"""A picture that shows what a detector found."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from vinpaint.detect.static import Detection
from vinpaint.errors import UsageError

TINT = (255, 0, 160)
"""A colour that pictures seldom have."""


def preview(image: NDArray[np.uint8], detection: Detection) -> NDArray[np.uint8]:
    """An image with the mask tinted and outlined.

    Parameters
    ----------
    image : (H, W, 3) uint8
        RGB; a frame of the clip.
    detection : Detection
        What was found in it.

    Returns
    -------
    (H, W, 3) uint8
        A new RGB image.

    Raises
    ------
    UsageError
        If image and mask differ in size.
    """
    mask = detection.blemish.mask
    if image.shape != (*mask.shape, 3) or image.dtype != np.uint8:
        raise UsageError(f"image is {image.dtype} {image.shape}; give RGB as uint8 of shape {(*mask.shape, 3)}")
    tint = np.array(TINT, np.float32)
    mixed = np.where(mask[..., None], 0.65 * image + 0.35 * tint, image)
    picture = np.ascontiguousarray(np.rint(mixed), np.uint8)
    kernel = np.ones((3, 3), np.uint8)
    grown = cv2.dilate(mask.astype(np.uint8), kernel) > 0
    picture[grown & ~mask] = TINT
    return picture
