"""Losses of masks and of opacities."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits


def mask_bce(logits: Tensor, mask: Tensor) -> Tensor:
    """Mean binary cross entropy, in nats.

    Parameters
    ----------
    logits : tensor
        Any real numbers; 0 = undecided.
    mask : tensor of the same shape
        0 to 1.

    Returns
    -------
    () tensor
        0 for sure and right, 0.693 for undecided, without bound for sure and wrong.
    """
    return binary_cross_entropy_with_logits(logits, mask)


def dice(logits: Tensor, mask: Tensor, smooth: float = 1.0) -> Tensor:
    """One minus the Dice coefficient, sample by sample: small masks count as much as large ones.

    F. Milletari, N. Navab, S.-A. Ahmadi, V-Net, 3DV 2016.

    Parameters
    ----------
    logits : (B, ...)
        Any real numbers.
    mask : (B, ...)
        0 to 1.
    smooth : float
        Pixels that are added to either side: an empty mask that is found empty is no error.

    Returns
    -------
    () tensor
        0 to 1.
    """
    found, wanted = logits.sigmoid().flatten(1), mask.flatten(1)
    both = (found * wanted).sum(dim=1)
    return (1 - (2 * both + smooth) / (found.sum(dim=1) + wanted.sum(dim=1) + smooth)).mean()


def soft_jaccard(result: Tensor, truth: Tensor, smooth: float = 1.0) -> Tensor:
    """One minus intersection over union, for degrees between 0 and 1 on both sides.

    Intersection and union are sums of the smaller and of the larger value, so that equal maps are no error even
    where they are neither 0 nor 1. Z. Wang, X. Ning, M. B. Blaschko, Jaccard metric losses: optimizing the Jaccard
    index with soft labels, NeurIPS 2023.

    Parameters
    ----------
    result, truth : (B, ...)
        0 to 1.
    smooth : float
        Pixels that are added to either side.

    Returns
    -------
    () tensor
        0 to 1.
    """
    found, wanted = result.flatten(1), truth.flatten(1)
    both = torch.minimum(found, wanted).sum(dim=1)
    either = torch.maximum(found, wanted).sum(dim=1)
    return (1 - (both + smooth) / (either + smooth)).mean()


def focal_mse(result: Tensor, truth: Tensor, *, steepness: float = 10.0, power: float = 1.0) -> Tensor:
    """Mean squares, each weighted by how wrong it is: what is nearly right stops to count.

    The weight is ``tanh(steepness·|difference|) ** power``. Y. Yang et al., Delving into deep imbalanced regression,
    ICML 2021 (focal-R), whose units are years of age; here they are 0 to 1.

    Parameters
    ----------
    result, truth : tensors of one shape
        0 to 1.
    steepness : float
        A tenth is wrong by 0.76 with 10.
    power : float
        0 is the mean square.

    Returns
    -------
    () tensor
        0 to about 1.
    """
    difference = result - truth
    return (torch.tanh(steepness * difference.abs()) ** power * difference.square()).mean()
