"""What training minimises: functions of tensors, smaller is better, with gradients for the first argument."""

from vinpaint.refiner.losses.masks import dice, focal_mse, mask_bce, soft_jaccard
from vinpaint.refiner.losses.perceptual import Perceptual
from vinpaint.refiner.losses.pixels import charbonnier, l1, spectral
from vinpaint.refiner.losses.structure import continuous_regression, edges, ms_ssim, ssim
from vinpaint.refiner.losses.temporal import temporal, warped

__all__ = [
    "Perceptual",
    "charbonnier",
    "continuous_regression",
    "dice",
    "edges",
    "focal_mse",
    "l1",
    "mask_bce",
    "ms_ssim",
    "soft_jaccard",
    "spectral",
    "ssim",
    "temporal",
    "warped",
]
