"""A trained network on frames, and how good what it gives is."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor, nn

from vinpaint.refiner.networks import Restored, Restorer

EQUAL = 100.0
"""dB that identical pictures count."""

N = TypeVar("N", bound=nn.Module)


def hastened(network: N, device: torch.device) -> N:
    """A network on a device, laid out as convolutions want it, in half precision where that is faster."""
    network.to(device, torch.bfloat16 if _halves(device) else torch.float32)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def _halves(device: torch.device) -> bool:
    """Whether bfloat16 is faster: on CPUs that multiply it, and on GPUs."""
    if device.type == "cpu":
        able = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
        return bool(able.get("avx512_bf16") or able.get("amx_bf16"))
    return device.type == "cuda" and torch.cuda.is_bf16_supported()


def restore(network: Restorer, damaged: Tensor, mask: Tensor) -> Tensor:
    """The middle frames of samples, restored.

    Parameters
    ----------
    network : Restorer
        In evaluation mode.
    damaged : (B, T, 3, H, W) float32
        RGB, 0 to 1; T is the network's window.
    mask : (B, T, 1, H, W) float32
        1 = hidden.

    Returns
    -------
    (B, 3, H, W) float32
        0 to 1. A network that is told what is hidden changes nothing else.
    """
    with torch.no_grad():
        return finished(network, network(damaged, mask), damaged, mask)


def finished(network: Restorer, restored: Restored, damaged: Tensor, mask: Tensor) -> Tensor:
    """The same of what a network gave for samples."""
    middle = damaged.shape[1] // 2
    picture = restored.picture[:, middle].float().clamp(0, 1)
    if network.masked:
        picture = torch.where(mask[:, middle] > 0, picture, damaged[:, middle])
    return picture


def psnr(result: Tensor, truth: Tensor, where: Tensor | None = None) -> Tensor:
    """Peak signal-to-noise ratio, frame by frame.

    Parameters
    ----------
    result, truth : (B, 3, H, W)
        0 to 1.
    where : (B, 1, H, W), optional
        1 where it is measured; everywhere by default.

    Returns
    -------
    (B,) float32
        dB, at most :data:`EQUAL`; NaN for a frame in which it is measured nowhere.
    """
    squares = (result - truth).square()
    if where is None:
        error = squares.mean(dim=(1, 2, 3))
    else:
        error = (squares * where).sum(dim=(1, 2, 3)) / (3 * where.sum(dim=(1, 2, 3)))
    return -10 * torch.log10(error.clamp_min(10 ** (-EQUAL / 10)))
