"""The U-Net within the networks that have to be quick."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import pixel_shuffle

from vinpaint.baselines.unet import padded

GROWTH = (1.0, 1.5, 2.25, 3.0)
"""Channels at half the size, a quarter, an eighth and a sixteenth, in multiples of the width."""
BLOCKS = 2
"""Residual blocks at each size, on the way down and on the way up."""


class Body(nn.Module):
    """A U-Net of residual blocks for features at half the size of the picture.

    Most of the cost of a U-Net is at full size, so those who use it halve with their first convolution
    (:class:`Halving`) and give four pixels at a time with their last (:func:`enlarged`). Blocks are plain pairs of
    convolutions: NAF blocks of as many parameters took five times as long on a CPU.

    Parameters
    ----------
    width : int
        Channels of what goes in and out.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.widths = [round(width * factor) for factor in GROWTH]
        self.encode = nn.ModuleList(_blocks(each) for each in self.widths)
        self.reduce = nn.ModuleList(nn.Conv2d(a, b, 2, stride=2) for a, b in pairwise(self.widths))
        self.enlarge = nn.ModuleList(nn.Conv2d(b, 4 * a, 1) for a, b in pairwise(self.widths))
        self.decode = nn.ModuleList(_blocks(each) for each in self.widths[:-1])

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, H, W) to the same; H and W are multiples of eight."""
        return self.up(*self.down(features))

    def down(self, features: Tensor) -> tuple[Tensor, list[Tensor]]:
        """What is at the bottom, a sixteenth of the picture's size, and what was seen on the way."""
        kept = []
        for encode, reduce in zip(self.encode, self.reduce, strict=False):
            features = encode(features)
            kept.append(features)
            features = reduce(features)
        return self.encode[-1](features), kept

    def up(self, features: Tensor, kept: list[Tensor]) -> Tensor:
        """Back from :meth:`down`."""
        ways = zip(self.enlarge, self.decode, kept, strict=True)
        for enlarge, decode, seen in reversed(list(ways)):
            features = decode(pixel_shuffle(enlarge(features), 2) + seen)
        return features


class Residual(nn.Module):
    """Two convolutions, added to what goes in; nothing at first."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.one, self.two = (nn.Conv2d(channels, channels, 3, padding=1) for _ in range(2))
        silence(self.two)

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, H, W) to the same."""
        result: Tensor = features + self.two(self.one(features).relu())
        return result


def silence(layer: nn.Module) -> None:
    """Have a layer begin as nothing."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)


class Halving(nn.Conv2d):
    """A convolution from pictures of any type and layout to features of half their size, of the type of its weights."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__(channels, width, 6, stride=2, padding=2)

    def forward(self, pictures: Tensor) -> Tensor:
        """(B, C, H, W) to (B, width, H / 2, W / 2)."""
        return super().forward(pictures.to(self.weight.dtype, memory_format=torch.channels_last))


def continued(image: Tensor) -> Tensor:
    """(B, C, H, W) continued by its last pixels as far as the U-Net needs it."""
    multiple = 2 ** len(GROWTH)
    return padded(image, multiple) if any(side % multiple for side in image.shape[-2:]) else image


def enlarged(features: Tensor, height: int, width: int) -> Tensor:
    """Four times the channels at half the size as pictures of a size, float32."""
    return pixel_shuffle(features, 2)[..., :height, :width].float()


def _blocks(channels: int) -> nn.Module:
    return nn.Sequential(*(Residual(channels) for _ in range(BLOCKS)))
