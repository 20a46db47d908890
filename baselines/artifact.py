"""The artifact-removal networks.

The first is a U-Net of NAF blocks, with attention over a few frames at its bottom: L. Chen, X. Chu, X. Zhang, J. Sun,
Simple baselines for image restoration, ECCV 2022 (NAFNet): gates instead of activations, one weight a channel instead
of attention over places. The second is made for CPUs: it works at half the size and below, as K. Zhang, W. Zuo,
L. Zhang, FFDNet, IEEE TIP 2018, frame by frame.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import layer_norm, pixel_shuffle, scaled_dot_product_attention

from vinpaint.baselines.unet import padded
from vinpaint.refiner.body import Body, Halving, continued, enlarged, silence
from vinpaint.refiner.networks import Restored, Restorer

WINDOW = 3
"""Frames that are seen together."""

BLOCKS = (1, 1, 2, 2)
"""NAF blocks at each resolution on the way down; as many on the way up."""

BOTTOM = 2
HEADS = 4


class ArtifactNet(Restorer):
    """Predicts where something is in front of the scene, and what to add there.

    The result is the input plus a correction, which is weighted by the probability of a blemish: where the network
    sees none, nothing changes. At width 32 it has about 9 million parameters.

    Parameters
    ----------
    width : int
        Channels at full resolution, twice as many after each of four halvings.
    temporal : bool
        Whether places at the bottom exchange what they know with the same places of the frames around.
    """

    def __init__(self, width: int = 32, *, temporal: bool = True) -> None:
        super().__init__()
        self.window = WINDOW if temporal else 1
        widths = [width * 2**step for step in range(len(BLOCKS) + 1)]
        self.begin = nn.Conv2d(3, width, 3, padding=1)
        self.encode = nn.ModuleList(_blocks(each, count) for each, count in zip(widths, BLOCKS, strict=False))
        self.reduce = nn.ModuleList(nn.Conv2d(each, 2 * each, 2, stride=2) for each in widths[:-1])
        self.bottom = _blocks(widths[-1], BOTTOM)
        self.over_time = TimeAttention(widths[-1]) if temporal else None
        self.enlarge = nn.ModuleList(nn.Conv2d(2 * each, 4 * each, 1, bias=False) for each in widths[:-1])
        self.decode = nn.ModuleList(_blocks(each, count) for each, count in zip(widths, BLOCKS, strict=False))
        self.end = nn.Conv2d(width, 4, 3, padding=1)

    def forward(self, damaged: Tensor, mask: Tensor) -> Restored:
        """See :meth:`Restorer.forward`."""
        shape = damaged.shape[:2]
        seen = damaged.flatten(0, 1)
        height, width = seen.shape[-2:]
        features, kept = self.begin(padded(seen, 2 ** len(BLOCKS))), []
        for encode, reduce in zip(self.encode, self.reduce, strict=True):
            features = encode(features)
            kept.append(features)
            features = reduce(features)
        features = self.bottom(features)
        if self.over_time is not None:
            features = self.over_time(features.unflatten(0, shape)).flatten(0, 1)
        for enlarge, decode in reversed(list(zip(self.enlarge, self.decode, strict=True))):
            features = decode(pixel_shuffle(enlarge(features), 2) + kept.pop())
        out = self.end(features)[..., :height, :width].float()
        correction, logits = out[:, :3], out[:, 3:]
        picture = seen + logits.sigmoid() * correction
        return Restored(picture.unflatten(0, shape), logits.unflatten(0, shape))


class ArtifactNetV2(Restorer):
    """Predicts what to add to a frame; nothing before anything is learned.

    At width 32 it has 1.1 million parameters.

    Parameters
    ----------
    width : int
        Channels at half the size.
    """

    corrects = True

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.begin, self.body = Halving(3, width), Body(width)
        self.end = nn.Conv2d(width, 12, 3, padding=1)
        silence(self.end)

    def forward(self, damaged: Tensor, mask: Tensor) -> Restored:
        """See :meth:`Restorer.forward`."""
        features = self.body(self.begin(2 * continued(damaged.flatten(0, 1)) - 1))
        correction = enlarged(self.end(features), *damaged.shape[-2:])
        return Restored(damaged + correction.reshape(damaged.shape))


def _blocks(channels: int, count: int) -> nn.Module:
    return nn.Sequential(*(NAFBlock(channels) for _ in range(count)))


class NAFBlock(nn.Module):
    """Two residual halves: one looks at the surroundings and the whole picture, one at the pixel alone."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm, self.norm_alone = ChannelNorm(channels), ChannelNorm(channels)
        self.widen = nn.Conv2d(channels, 2 * channels, 1)
        self.around = nn.Conv2d(2 * channels, 2 * channels, 3, padding=1, groups=2 * channels)
        self.weigh = nn.Conv2d(channels, channels, 1)
        self.join = nn.Conv2d(channels, channels, 1)
        self.widen_alone = nn.Conv2d(channels, 2 * channels, 1)
        self.join_alone = nn.Conv2d(channels, channels, 1)
        # Both halves begin as nothing, so that deep stacks learn from the first step on.
        self.share = nn.Parameter(torch.zeros(channels, 1, 1))
        self.share_alone = nn.Parameter(torch.zeros(channels, 1, 1))

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, H, W) to the same."""
        inner = _gated(self.around(self.widen(self.norm(features))))
        inner = inner * self.weigh(inner.mean(dim=(2, 3), keepdim=True))
        features = features + self.share * self.join(inner)
        alone: Tensor = self.join_alone(_gated(self.widen_alone(self.norm_alone(features))))
        return features + self.share_alone * alone


def _gated(features: Tensor) -> Tensor:
    """Half of the channels times the other half."""
    one, other = features.chunk(2, dim=1)
    return one * other


class ChannelNorm(nn.Module):
    """Layer norm over the channels of each pixel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, H, W) to the same."""
        last = features.movedim(1, -1)
        return layer_norm(last, last.shape[-1:], self.weight, self.bias, 1e-6).movedim(-1, 1)


class TimeAttention(nn.Module):
    """Each place attends to the same place in the frames of the window; a residual that begins as nothing."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.heads = HEADS
        self.norm = ChannelNorm(channels)
        self.ask = nn.Linear(channels, 3 * channels)
        self.answer = nn.Linear(channels, channels)
        nn.init.zeros_(self.answer.weight)
        nn.init.zeros_(self.answer.bias)

    def forward(self, features: Tensor) -> Tensor:
        """(B, T, C, H, W) to the same."""
        batch, count, channels, height, width = features.shape
        places = self.norm(features.flatten(0, 1)).unflatten(0, (batch, count)).permute(0, 3, 4, 1, 2)
        asked = self.ask(places.reshape(-1, count, channels))
        query, key, value = (each.unflatten(-1, (self.heads, -1)).transpose(1, 2) for each in asked.chunk(3, dim=-1))
        answer: Tensor = self.answer(scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2))
        return features + answer.view(batch, height, width, count, channels).permute(0, 3, 4, 1, 2)
