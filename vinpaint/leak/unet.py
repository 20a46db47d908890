"""The small U-Net that both networks of leak finding are, the size of what they see, and the weights that ship."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources

from safetensors.torch import load
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d, interpolate, pixel_shuffle, pixel_unshuffle

from vinpaint.contracts import Frames

ROWS = 360
"""Rows of what the networks see: masks of services are of a usual coarseness."""

STEP = 8
"""Columns that belong together."""


def seen_size(picture: Frames) -> tuple[int, int]:
    """Width and height in which the networks see a picture (H, W, 3)."""
    height, width = picture.shape[:2]
    return STEP * max(1, round(ROWS * width / height / STEP)), ROWS


def forward(weights: Mapping[str, Tensor], pictures: Tensor, levels: int) -> Tensor:
    """What a network computes, on blocks of 2 x 2 pixels at several resolutions.

    Parameters
    ----------
    weights : mapping of tensors
        ``NAME.weight`` and ``NAME.bias`` of the layers of :func:`vinpaint.detect.net.layers_of`.
    pictures : (N, C, h, w)
        Sides are multiples of 2.
    levels : int
        Resolutions.

    Returns
    -------
    (N, C', h, w)
    """
    return pixel_shuffle(layered(weights, pixel_unshuffle(pictures, 2), levels), 2)


def layered(weights: Mapping[str, Tensor], maps: Tensor, levels: int, *, ceil_mode: bool = False) -> Tensor:
    """The layers themselves, (N, C, h, w) to (N, C', h, w); ``ceil_mode``: odd sides are halved upwards."""

    def layer(name: str, image: Tensor) -> Tensor:
        weight = weights[f"{name}.weight"]
        return conv2d(image, weight, weights[f"{name}.bias"], padding=weight.shape[-1] // 2)

    kept = []
    for level in range(levels):
        maps = layer(f"down{level}b", layer(f"down{level}a", maps).relu()).relu()
        kept.append(maps)
        if level < levels - 1:
            maps = avg_pool2d(maps, 2, ceil_mode=ceil_mode, count_include_pad=False)
    for level in reversed(range(levels - 1)):
        wide = interpolate(layer(f"narrow{level}", maps), kept[level].shape[-2:], mode="bilinear", align_corners=False)
        maps = layer(f"up{level}", (wide + kept[level]).relu()).relu()
    return layer("out", maps)


@cache
def shipped(name: str) -> dict[str, Tensor]:
    """The weights of a file beside this one."""
    file = resources.files("vinpaint.leak") / name
    return {key: each.float() for key, each in load(file.read_bytes()).items()}
