"""Losses that compare neighbourhoods: edges and structural similarity."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d, mse_loss, pad

_SOBEL = ((-1.0, 0.0, 1.0), (-2.0, 0.0, 2.0), (-1.0, 0.0, 1.0))
_SIDE, _SIGMA = 11, 1.5
_LUMINANCE, _CONTRAST = 0.01**2, 0.03**2
SCALES = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of the five scales of MS-SSIM, fitted by Wang et al. to people's judgement."""


def edges(result: Tensor, truth: Tensor) -> Tensor:
    """Mean absolute difference of the Sobel gradients.

    I. Sobel, G. Feldman, A 3x3 isotropic gradient operator for image processing, 1968.

    Parameters
    ----------
    result, truth : (B, C, H, W)
        Pictures, 0 to 1.

    Returns
    -------
    () tensor
        0 for pictures that are equal but for a constant; a step from black to white counts 0.5 in the two columns
        beside it, in one of the two directions.
    """
    return sobel(result - truth).abs().mean()


def sobel(image: Tensor) -> Tensor:
    """Gradients (B, 2·C, H, W) of (B, C, H, W): x and y for each channel; a slope of 1 a pixel gives 1."""
    kernel = image.new_tensor(_SOBEL) / 8
    kernels = torch.stack([kernel, kernel.T])[:, None].repeat(image.shape[1], 1, 1, 1)
    return conv2d(pad(image, (1, 1, 1, 1), mode="replicate"), kernels, groups=image.shape[1])


def ssim(result: Tensor, truth: Tensor) -> Tensor:
    """One minus the structural similarity.

    Z. Wang, A. C. Bovik, H. R. Sheikh, E. P. Simoncelli, Image quality assessment: from error visibility to structural
    similarity, IEEE Transactions on Image Processing 13(4), 2004: Gaussian windows of 11 pixels with a deviation of
    1.5, only where they lie wholly inside. Pictures of fewer pixels get smaller windows.

    Parameters
    ----------
    result, truth : (B, C, H, W)
        Pictures, 0 to 1.

    Returns
    -------
    () tensor
        0 for equal pictures, about 1 for unrelated ones, 2 at most.
    """
    return 1 - _similarity(result, truth)[0].mean()


def ms_ssim(result: Tensor, truth: Tensor, scales: Sequence[float] = SCALES) -> Tensor:
    """One minus the multi-scale structural similarity.

    Z. Wang, E. P. Simoncelli, A. C. Bovik, Multiscale structural similarity for image quality assessment, Asilomar
    2003. Pictures that are too small for all scales get as many as leave a whole window, with exponents of the same
    sum.

    Parameters
    ----------
    result, truth : (B, C, H, W)
        Pictures, 0 to 1.
    scales : sequence of float
        Exponents, finest first.

    Returns
    -------
    () tensor
        0 for equal pictures, 1 at most.
    """
    fitting = 1
    while fitting < len(scales) and min(result.shape[-2:]) >> fitting >= _SIDE:
        fitting += 1
    exponents = [each * sum(scales) / sum(scales[:fitting]) for each in scales[:fitting]]
    product = result.new_ones(())
    for number, exponent in enumerate(exponents, 1):
        if number > 1:
            result, truth = avg_pool2d(result, 2), avg_pool2d(truth, 2)
        whole, contrast = _similarity(result, truth)
        # The power of a negative mean does not exist; at zero its gradient does not.
        factor = (whole if number == fitting else contrast).mean(dim=(-2, -1)).clamp_min(1e-6)
        product = product * factor**exponent
    return 1 - product.mean()


def _similarity(result: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    """Maps of the similarity, and of its part without luminance."""
    mean, other = _windowed(result), _windowed(truth)
    variance = _windowed(result.square()) - mean.square()
    other_variance = _windowed(truth.square()) - other.square()
    covariance = _windowed(result * truth) - mean * other
    contrast = (2 * covariance + _CONTRAST) / (variance + other_variance + _CONTRAST)
    luminance = (2 * mean * other + _LUMINANCE) / (mean.square() + other.square() + _LUMINANCE)
    return luminance * contrast, contrast


def _windowed(image: Tensor) -> Tensor:
    """Gaussian means of every window inside the picture."""
    channels = image.shape[1]
    for axis, length in ((2, image.shape[2]), (3, image.shape[3])):
        side = min(_SIDE, length)
        places = torch.arange(side, dtype=image.dtype, device=image.device) - (side - 1) / 2
        weights = torch.exp(-places.square() / (2 * _SIGMA**2))
        shape = (1, 1, side, 1) if axis == 2 else (1, 1, 1, side)
        image = conv2d(image, (weights / weights.sum()).view(shape).repeat(channels, 1, 1, 1), groups=channels)
    return image


def continuous_regression(
    result: Tensor, truth: Tensor, *, squares: float = 1.0, gradient: float = 0.5, structure: float = 0.5
) -> Tensor:
    """``squares·MSE + gradient·edges + structure·(1 − SSIM)``: for maps that are neither pictures nor masks.

    An opacity that rises softly is missed by losses for masks, which want 0 or 1; the mean square alone blurs its rim.
    The mixture is that of monocular depth (I. Alhashim, P. Wonka, High quality monocular depth estimation via transfer
    learning, 2018), with squares.

    Parameters
    ----------
    result, truth : (B, C, H, W)
        Maps, 0 to 1.
    squares, gradient, structure : float
        Weights.

    Returns
    -------
    () tensor
        0 for equal maps.
    """
    return squares * mse_loss(result, truth) + gradient * edges(result, truth) + structure * ssim(result, truth)
