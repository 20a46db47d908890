"""Losses that compare pixel with pixel, or frequency with frequency."""

from __future__ import annotations

import torch
from torch import Tensor

EPSILON = 1e-3
"""Where the Charbonnier loss turns from a square to a modulus: a quarter of an 8-bit level."""


def l1(result: Tensor, truth: Tensor) -> Tensor:
    """Mean absolute difference.

    Parameters
    ----------
    result, truth : tensors of one shape
        Pictures, 0 to 1.

    Returns
    -------
    () tensor
        0 for equal pictures, 1 for black against white.
    """
    return (result - truth).abs().mean()


def charbonnier(result: Tensor, truth: Tensor, epsilon: float = EPSILON) -> Tensor:
    """Mean of ``sqrt(difference² + epsilon²)``: an L1 with a gradient everywhere.

    W.-S. Lai, J.-B. Huang, N. Ahuja, M.-H. Yang, Deep Laplacian pyramid networks for fast and accurate
    super-resolution, CVPR 2017.

    Parameters
    ----------
    result, truth : tensors of one shape
        Pictures, 0 to 1.
    epsilon : float
        In the units of the pictures.

    Returns
    -------
    () tensor
        ``epsilon`` for equal pictures, about 1 for black against white.
    """
    return torch.sqrt((result - truth).square() + epsilon**2).mean()


def spectral(result: Tensor, truth: Tensor) -> Tensor:
    """Mean absolute difference of the real and imaginary parts of the Fourier coefficients.

    Blur spreads over all pixels but misses a few coefficients by much. S.-J. Cho et al., Rethinking coarse-to-fine
    approach in single image deblurring, ICCV 2021 (section 3.4).

    Parameters
    ----------
    result, truth : (..., H, W)
        Pictures, 0 to 1.

    Returns
    -------
    () tensor
        0 for equal pictures; an orthonormal transform, so white noise counts as much as in :func:`l1`, nearly.
    """
    coefficients = torch.fft.rfft2(result - truth, norm="ortho")
    return torch.view_as_real(coefficients).abs().mean()
