"""The network that refines a fill: it weighs pictures of what is hidden against each other, and corrects the result."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import pixel_shuffle, pixel_unshuffle

from vinpaint.baselines.unet import padded

SOURCES = 9
"""Pictures that it is given (``vinpaint.fill.evidence.SOURCES``)."""
WIDTHS = (32, 48, 72, 96)
"""Channels at half the size, a quarter, …"""
BLOCKS = 2
"""Residual blocks at each size, on the way down and on the way up."""
BOUND = 0.5
"""The largest correction, of the range of the picture."""
TRUST = 3.0
"""How much likelier than each of the others the first picture is before anything is learned (natural logarithm)."""
NOTHING = 2.0
"""What stands for the error of a picture that shows nothing."""


@dataclass(frozen=True, eq=False)
class Refined:
    """What the network makes of evidence.

    Attributes
    ----------
    picture : (B, 3, H, W)
        RGB, about 0 to 1; visible pixels as they were.
    error : (B, 1, H, W)
        Natural logarithm of the squared error to expect, in squared grey levels and one more.
    weights : (B, S, H, W)
        Share of each picture; sum 1.
    """

    picture: Tensor
    error: Tensor
    weights: Tensor


def levels(variance: Tensor) -> Tensor:
    """Expected squared errors, in squared grey levels, as the network wants them: about 0 to 1, :data:`NOTHING` for inf."""
    return torch.where(variance.isinf(), NOTHING, variance.clamp(0, 3e5).log1p() / 8)


class RefinerV1(nn.Module):
    """A U-Net of residual blocks on half the size.

    Half of the cost of a U-Net is at full size; here four pixels become four times the channels (W. Shi et al., CVPR
    2016), as the stem and the head. Blocks are plain pairs of convolutions: NAF blocks of as many parameters took five
    times as long on a CPU.

    Parameters
    ----------
    widths : tuple of int
        Channels at half the size, a quarter, …
    """

    extra = 0

    def __init__(self, widths: tuple[int, ...] = WIDTHS) -> None:
        super().__init__()
        self.begin = nn.Conv2d(4 * (4 * SOURCES + 1 + self.extra), widths[0], 3, padding=1)
        self.encode = nn.ModuleList(_blocks(each) for each in widths)
        self.reduce = nn.ModuleList(nn.Conv2d(a, b, 2, stride=2) for a, b in zip(widths, widths[1:], strict=False))
        self.enlarge = nn.ModuleList(nn.Conv2d(b, 4 * a, 1) for a, b in zip(widths, widths[1:], strict=False))
        self.decode = nn.ModuleList(_blocks(each) for each in widths[:-1])
        self.end = nn.Conv2d(widths[0], 4 * (SOURCES + 4), 3, padding=1)
        nn.init.zeros_(self.end.weight)
        nn.init.zeros_(self.end.bias)
        self.multiple = 2 ** len(widths)

    def forward(self, pictures: Tensor, error: Tensor, hidden: Tensor) -> Refined:
        """Refine parts of frames, of any size.

        Parameters
        ----------
        pictures : (B, S, 3, H, W)
            RGB, 0 to 1. The first is what is refined.
        error : (B, S, H, W)
            See :func:`levels`.
        hidden : (B, 1, H, W)
            1 = hidden, 0 = visible.
        """
        height, width = hidden.shape[-2:]
        seen = self.features(pictures, error, hidden)
        out = self._unet(pixel_unshuffle(padded(seen, self.multiple), 2))
        out = pixel_shuffle(out, 2)[..., :height, :width].float()
        logits = out[:, :SOURCES] + TRUST * torch.eye(SOURCES, device=out.device)[0].view(1, -1, 1, 1)
        weights = logits.softmax(dim=1)
        mixed = torch.einsum("bshw,bschw->bchw", weights, pictures.float())
        mixed = mixed + BOUND * torch.tanh(out[:, SOURCES : SOURCES + 3])
        picture = torch.where(hidden > 0, mixed, pictures[:, 0].float())
        return Refined(picture, 4 + out[:, SOURCES + 3 :], weights)

    def features(self, pictures: Tensor, error: Tensor, hidden: Tensor) -> Tensor:
        """What is shown to the U-Net, (B, C, H, W): the first picture, how the others differ, their errors, the hole."""
        first = pictures[:, :1]
        return torch.cat([2 * first[:, 0] - 1, (4 * (pictures[:, 1:] - first)).flatten(1, 2), error, hidden], dim=1)

    def _unet(self, features: Tensor) -> Tensor:
        features, kept = self.begin(features), []
        for encode, reduce in zip(self.encode, self.reduce, strict=False):
            features = encode(features)
            kept.append(features)
            features = reduce(features)
        features = self.encode[-1](features)
        for enlarge, decode in reversed(list(zip(self.enlarge, self.decode, strict=True))):
            features = decode(pixel_shuffle(enlarge(features), 2) + kept.pop())
        result: Tensor = self.end(features)
        return result


class Residual(nn.Module):
    """Two convolutions, added to what goes in; nothing at first."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.one, self.two = (nn.Conv2d(channels, channels, 3, padding=1) for _ in range(2))
        nn.init.zeros_(self.two.weight)
        nn.init.zeros_(self.two.bias)

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, H, W) to the same."""
        return features + self.two(self.one(features).relu())


def _blocks(channels: int) -> nn.Module:
    return nn.Sequential(*(Residual(channels) for _ in range(BLOCKS)))
