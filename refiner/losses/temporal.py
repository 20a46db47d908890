"""Steadiness over time along a given flow."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import grid_sample


def temporal(frames: Tensor, flow: Tensor, visible: Tensor) -> Tensor:
    """Mean absolute difference between each frame and the next one, brought back along the flow.

    W.-S. Lai et al., Learning blind video temporal consistency, ECCV 2018, with flow and occlusions given.

    Parameters
    ----------
    frames : (B, T, C, H, W)
        0 to 1; T of 2 or more.
    flow : (B, T − 1, 2, H, W)
        Pixels, x and y: the point at p in a frame is at p + flow(p) in the next.
    visible : (B, T − 1, 1, H, W)
        1 where the point is seen in the next frame too, 0 where it is not.

    Returns
    -------
    () tensor
        0 to 1; 0 if nothing is visible.
    """
    brought = warped(frames[:, 1:].flatten(0, 1), flow.flatten(0, 1)).view_as(frames[:, 1:])
    difference = (frames[:, :-1] - brought).abs() * visible
    return difference.sum() / (visible.sum() * frames.shape[2]).clamp_min(1)


def warped(image: Tensor, flow: Tensor) -> Tensor:
    """An image sampled at p + flow(p), bilinear; beyond its border its last pixels.

    Parameters
    ----------
    image : (B, C, H, W)
        Anything.
    flow : (B, 2, H, W)
        Pixels, x and y.

    Returns
    -------
    (B, C, H, W)
        Differentiable in both.
    """
    height, width = image.shape[-2:]
    y, x = torch.meshgrid(
        torch.arange(height, dtype=flow.dtype, device=flow.device),
        torch.arange(width, dtype=flow.dtype, device=flow.device),
        indexing="ij",
    )
    # Pixel centres lie at odd multiples of 1/size in the units of the sampler.
    columns, rows = (2 * (x + flow[:, 0]) + 1) / width - 1, (2 * (y + flow[:, 1]) + 1) / height - 1
    places = torch.stack([columns, rows], dim=-1)
    return grid_sample(image, places, mode="bilinear", padding_mode="border", align_corners=False)
