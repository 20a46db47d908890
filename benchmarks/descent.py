"""What teaching the small networks has in common: random weights to begin with, and the descent."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor


def random_weights(
    layers: Mapping[str, tuple[int, int, int]], rng: np.random.Generator, *, bias: float = 0.0
) -> dict[str, Tensor]:
    """Weights to begin with, ``NAME.weight`` and ``NAME.bias``, scaled for rectified layers (He et al., ICCV 2015).

    Parameters
    ----------
    layers : mapping
        Channels that each layer is fed and gives, and the side of its kernel; the last is ``out``, and begins small.
    rng : Generator
    bias : float
        Of the last layer.
    """
    weights = {}
    for name, (fed, given, side) in layers.items():
        last = name == "out"
        scale = np.sqrt(2 / (fed * side**2)) * (0.1 if last else 1)
        weights[f"{name}.weight"] = torch.tensor(rng.normal(0, scale, (given, fed, side, side)), dtype=torch.float32)
        weights[f"{name}.bias"] = torch.full((given,), bias if last else 0.0)
    return {name: each.requires_grad_() for name, each in weights.items()}


def descend(
    weights: Mapping[str, Tensor], loss_of_next: Callable[[], Tensor], *, steps: int, rate: float, every: int
) -> None:
    """Stochastic gradient descent (Adam, one cycle of the rate), in place.

    Parameters
    ----------
    weights : mapping of tensors
    loss_of_next : callable
        Draws examples and gives their mean loss.
    steps : int
    rate : float
        At its height.
    every : int
        Steps after which the loss is printed.
    """
    optimiser = torch.optim.Adam(weights.values(), lr=rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps)
    for step in range(steps):
        loss = loss_of_next()
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(weights.values(), 1.0)
        optimiser.step()
        schedule.step()
        if step % every == 0:
            print(f"step {step}: loss {loss.item():.4f}", flush=True)
