"""The biharmonic inpainting of scikit-image."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.restoration import inpaint_biharmonic

from vinpaint.contracts import Mask
from vinpaint.fill.spatial import FrameByFrame
from vinpaint.masks.regions import regions_of

_BORDER = 4  # known pixels around a hole; the operator reaches two


class BiharmonicFill(FrameByFrame):
    """A plate that continues values and slopes of the surroundings.

    S. Damelin, N. Hoang, On surface completion and image inpainting by biharmonic functions, 2018,
    doi:10.1155/2018/3950312.
    """

    margin = 0.25

    def inpaint(self, image: NDArray[Any], mask: Mask) -> NDArray[Any]:
        """Fill one image."""
        if mask.all():
            return np.zeros_like(image)
        top = np.iinfo(image.dtype).max
        filled = image.copy()
        for region in regions_of(mask, 0, minimum=_BORDER):
            hole = mask[region.slices]
            plate = inpaint_biharmonic(image[region.slices] / top, hole, split_into_regions=True, channel_axis=-1)
            filled[region.slices][hole] = np.rint(np.clip(plate[hole], 0, 1) * top)
        return filled
