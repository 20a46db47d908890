"""A small network that tells what a call shows of its surroundings, from what is most constant at every pixel.

Rules see one pixel; the network sees the figure of a person: one who hardly moves is no background, and what shows now
and then beside one who moves is. It looks once a call. The weights were taught with composed calls by
``vinpaint.benchmarks.fit_leak_scenery``.
"""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
import torch
from torch import Tensor

from vinpaint.contracts import FloatMap
from vinpaint.detect.net import layers_of
from vinpaint.leak.background import PLAIN_SIGNS, Backdrop, Constant, continued, plain_signs, steady
from vinpaint.leak.unet import forward, seen_size, shipped

CHANNELS = 12 + PLAIN_SIGNS
WIDTHS, OUTPUTS = (16, 24, 32, 48, 64), 3
LAYERS = layers_of(4 * CHANNELS, WIDTHS, 4 * OUTPUTS)
"""Of the layers, in the order in which they are applied. They give logits: what is most constant is the background; its
colour is the room's; nobody stands there at some time."""

_FAR = 100  # levels: a group farther than this is another thing altogether


def look(found: Constant, weights: Mapping[str, Tensor] | None = None) -> Backdrop:
    """The virtual background of a call.

    Parameters
    ----------
    found : Constant
    weights : mapping of tensors, optional
        Those that ship by default.
    """
    weights = shipped("scenery.safetensors") if weights is None else weights
    maps = torch.from_numpy(describe(found)).permute(2, 0, 1)[None]
    with torch.inference_mode():
        chances = forward(weights, maps, len(WIDTHS))[0].sigmoid()
    size = found.picture.shape[1::-1]
    shown, plain, free = (cv2.resize(each, size, interpolation=cv2.INTER_LINEAR) for each in chances.numpy())
    seen = steady(shown > 0.5)
    if found.sharp:
        plain = np.zeros_like(plain)
    return Backdrop(continued(found.picture, seen), seen, found.sharp, free, plain)


def describe(found: Constant) -> FloatMap:
    """What the network is told of a call, (ROWS, w, CHANNELS), most of it from -0.5 to 0.5.

    Colour; calm and shares of the two groups and their distance; fine and coarse detail (logarithms); unrest; whether
    the background is a picture; the signs of plainness.
    """
    height = len(found.picture)
    grey = cv2.cvtColor(found.picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    details = (np.abs(grey - cv2.GaussianBlur(grey, (0, 0), max(1, height / part))) for part in (360, 120))
    fine, coarse = (np.log(cv2.GaussianBlur(each, (0, 0), height / 180) + np.float32(0.3)) for each in details)
    kind = np.full(grey.shape, 0.5 if found.sharp else -0.5, np.float32)
    calm, shares = found.calm - np.float32(0.5), found.shares - np.float32(0.5)
    gap = np.minimum(found.gap, _FAR) / np.float32(_FAR)
    maps = [calm[0], *shares, gap, fine, coarse, found.unrest - np.float32(0.3), calm[1], kind]
    size = seen_size(found.picture)
    colour = cv2.resize(found.picture, size, interpolation=cv2.INTER_AREA)
    small = [cv2.resize(each.astype(np.float32), size, interpolation=cv2.INTER_AREA) for each in maps]
    return np.dstack([colour / np.float32(255) - np.float32(0.5), *small, plain_signs(colour) / 4]).astype(np.float32)
