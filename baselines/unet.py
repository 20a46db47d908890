"""The pure U-Net: a frame in, a frame out, nothing known of what hides the scene. All is measured against it.

O. Ronneberger, P. Fischer, T. Brox, U-Net: convolutional networks for biomedical image segmentation, MICCAI 2015,
with batch norm, padded convolutions and bicubic enlarging.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, max_pool2d, pad

from vinpaint.refiner.networks import Restored, Restorer

STEPS = 4
"""Times that the picture is halved."""

SMOOTHING = 0.6
"""Weight of the frame itself when results are smoothed over time."""


class UNet(Restorer):
    """Encoder and decoder of double convolutions with skips.

    Channels are ``width`` at full resolution, twice as many after each of four max-pool steps. The decoder enlarges
    by two (bicubic), narrows by a 1x1 convolution, and joins what the encoder had at this resolution.

    Parameters
    ----------
    width : int
        64 in the description; 16 or 32 to train on a CPU.
    masked : bool
        Whether a fourth input tells what is hidden; hidden pixels are black then.
    residual : bool
        Whether the output is added to the input. The description has it plain.
    """

    def __init__(self, width: int = 64, *, masked: bool = False, residual: bool = False) -> None:
        super().__init__()
        self.masked, self.residual = masked, residual
        widths = [width * 2**step for step in range(STEPS + 1)]
        self.down = nn.ModuleList(map(_double_conv, [4 if masked else 3, *widths[:-1]], widths))
        self.narrow = nn.ModuleList(nn.Conv2d(2 * each, each, 1) for each in widths[:-1])
        self.up = nn.ModuleList(_double_conv(2 * each, each) for each in widths[:-1])
        self.out = nn.Conv2d(width, 3, 1)

    def forward(self, damaged: Tensor, mask: Tensor) -> Restored:
        """See :meth:`Restorer.forward`."""
        seen = damaged.flatten(0, 1)
        if self.masked:
            hidden = mask.flatten(0, 1)
            seen = torch.cat([seen * (1 - hidden), hidden], dim=1)
        picture = self._out(seen)
        if self.residual:
            picture = seen[:, :3] + picture
        return Restored(picture.view_as(damaged))

    def _out(self, seen: Tensor) -> Tensor:
        height, width = seen.shape[-2:]
        features, kept = padded(seen, 2**STEPS), []
        for step, block in enumerate(self.down):
            features = block(max_pool2d(features, 2) if step else features)
            kept.append(features)
        for step in reversed(range(STEPS)):
            # Both are linear and act on different axes: narrowing first gives the same for a fraction of the work.
            features = enlarged(self.narrow[step](features))
            features = self.up[step](torch.cat([kept[step], features], dim=1))
        result: Tensor = self.out(features)[..., :height, :width]
        return result


def _double_conv(fed: int, given: int) -> nn.Module:
    layers: list[nn.Module] = []
    for channels in (fed, given):
        layers += [nn.Conv2d(channels, given, 3, padding=1, bias=False), nn.BatchNorm2d(given), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


def padded(image: Tensor, multiple: int) -> Tensor:
    """(B, C, H, W) continued to the right and below by its last pixels, to multiples of a number."""
    height, width = image.shape[-2:]
    return pad(image, (0, -width % multiple, 0, -height % multiple), mode="replicate")


def enlarged(image: Tensor) -> Tensor:
    """(B, C, H, W) to twice the size, bicubic.

    As products with two matrices: torch's own bicubic kernel takes most of the time of a training step on a CPU.
    """
    height, width = image.shape[-2:]
    rows, columns = _doubling(height, image.device), _doubling(width, image.device)
    result: Tensor = rows.to(image.dtype) @ (image @ columns.to(image.dtype).T)
    return result


@lru_cache(maxsize=64)
def _doubling(length: int, device: torch.device) -> Tensor:
    """(2·length, length) matrix that enlarges a line."""
    with torch.inference_mode(False):  # it is kept, and may serve for learning next
        units = torch.eye(length)[:, None, :, None]
        lines = interpolate(units.expand(-1, -1, -1, 2), scale_factor=(2, 1), mode="bicubic", align_corners=False)
        return lines[:, 0, :, 0].T.contiguous().to(device)


def smoothed(before: Tensor, frame: Tensor, after: Tensor, weight: float = SMOOTHING) -> Tensor:
    """A frame mixed with its neighbours: ``weight·frame + (1 − weight)/2·(before + after)``."""
    return weight * frame + (1 - weight) / 2 * (before + after)
