"""Masks: every format in, boolean arrays out; regions of interest around them."""

from vinpaint.masks.read import MaskSource, coverage_warning, from_array, from_gray, handles, read_mask
from vinpaint.masks.regions import Region, dilate, regions_of

__all__ = [
    "MaskSource",
    "Region",
    "coverage_warning",
    "dilate",
    "from_array",
    "from_gray",
    "handles",
    "read_mask",
    "regions_of",
]
