"""What a network is trained for: the sum of losses that belongs to it."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import torch
from torch import Tensor

from vinpaint.flow.consistency import consistent
from vinpaint.flow.estimate import estimator
from vinpaint.refiner import losses
from vinpaint.refiner.networks import Restored
from vinpaint.refiner.training.recipe import Recipe
from vinpaint.refiner.training.stages import Emphasis

PERCEPTUAL, TEMPORAL, SPECTRAL, EDGES = 0.1, 0.5, 0.05, 0.1
"""Weights of the sum beside the Charbonnier loss, which counts 1; the mask's is the stage's."""
_BY_L1 = ("unet", "unet-masked")
_FLOW = "dis-fast"


class Objective:
    """The loss of what a network gives.

    The baselines minimise the mean absolute difference alone, as they are described. Other networks minimise a sum:
    Charbonnier, edges, spectrum, the perceptual loss if the recipe wants it, steadiness over time if they see several
    frames, and the cross entropy and Dice loss of the mask if they say where the blemish is.

    Parameters
    ----------
    recipe : Recipe
        Names the network.
    device : torch.device
        Where it computes.

    Raises
    ------
    DependencyError
        If the perceptual loss is wanted and its weights are missing.
    """

    def __init__(self, recipe: Recipe, device: torch.device) -> None:
        self._plain = recipe.net in _BY_L1
        self._perceptual = losses.Perceptual().to(device) if recipe.perceptual and not self._plain else None

    def __call__(self, restored: Restored, original: Tensor, mask: Tensor, stress: Emphasis) -> Tensor:
        """The loss, a scalar.

        Parameters
        ----------
        restored : Restored
            Of the network.
        original : (B, T, 3, H, W) float32
            0 to 1.
        mask : (B, T, 1, H, W) float32
            1 = hidden.
        stress : Emphasis
            What counts in this epoch.
        """
        picture = restored.picture.float()
        if self._plain:
            return losses.l1(picture, original)
        # Nothing is left out where it counts nothing, so that all weights get a gradient from the first step on.
        loss = stress.picture * self._of_pictures(picture, original)
        if restored.blemish is not None:
            logits = restored.blemish.float()
            loss = loss + stress.mask * (
                losses.mask_bce(logits, mask) + losses.dice(logits.flatten(0, 1), mask.flatten(0, 1))
            )
        return loss

    def _of_pictures(self, picture: Tensor, original: Tensor) -> Tensor:
        flat, truth = picture.flatten(0, 1), original.flatten(0, 1)
        loss = losses.charbonnier(flat, truth) + EDGES * losses.edges(flat, truth)
        loss = loss + SPECTRAL * losses.spectral(flat, truth)
        if self._perceptual is not None:
            loss = loss + PERCEPTUAL * self._perceptual(flat, truth)
        if picture.shape[1] > 1:
            loss = loss + TEMPORAL * losses.temporal(picture, *motion(original))
        return loss


def motion(frames: Tensor) -> tuple[Tensor, Tensor]:
    """Flow from every frame to the next, and where it can be trusted.

    Parameters
    ----------
    frames : (B, T, 3, H, W)
        RGB, 0 to 1.

    Returns
    -------
    flow : (B, T − 1, 2, H, W) float32
        Pixels, on the frames' device.
    visible : (B, T − 1, 1, H, W) float32
        1 where the flow leads back to where it came from.
    """
    levels = (255 * frames.detach().clamp(0, 1)).byte().movedim(2, -1).cpu().numpy()
    estimate, flows, seen = estimator(_FLOW), [], []
    for clip in levels:
        grey = [np.asarray(cv2.cvtColor(np.ascontiguousarray(frame), cv2.COLOR_RGB2GRAY), np.uint8) for frame in clip]
        for one, other in pairwise(grey):
            forward = estimate(one, other)
            flows.append(torch.from_numpy(forward).movedim(-1, 0))
            seen.append(torch.from_numpy(consistent(forward, estimate(other, one))))
    batch, count, height, width = levels.shape[:4]
    flow = torch.stack(flows).view(batch, count - 1, 2, height, width)
    visible = torch.stack(seen).view(batch, count - 1, 1, height, width)
    return flow.to(frames.device), visible.to(frames.device, torch.float32)
