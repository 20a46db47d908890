"""The refinement network at work: evidence in, one picture out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vinpaint.devices import chosen_device
from vinpaint.loading import cached_by_file
from vinpaint.refiner.checkpoint import load_refiner
from vinpaint.refiner.evidence import Evidence, levels
from vinpaint.refiner.inference import hastened
from vinpaint.refiner.networks import Refined

F32 = NDArray[np.float32]

TILE, OVERLAP = 384, 64
"""Side of the largest part that is refined at once, and what two parts share, pixels."""


class Refinement:
    """A network that refines what is known of a part of a frame.

    Parameters
    ----------
    weights : Path
        A file of ``vinpaint train --net refiner-v1`` or ``refiner-v2``.
    device : str
        ``auto``, ``cpu``, ``cuda``, ``cuda:1`` or ``mps``.

    Raises
    ------
    DependencyError
        If the weights or the device are missing.
    InputError
        If they are no weights, or those of another network.
    """

    def __init__(self, weights: Path, device: str = "auto") -> None:
        self._device = torch.device(chosen_device(device))
        self._network = hastened(load_refiner(weights), self._device)

    def __call__(self, evidence: Evidence) -> F32:
        """The picture (H, W, 3) float32, 0 to 255; visible pixels are those of the evidence's first picture."""
        pictures = torch.from_numpy(evidence.pictures / np.float32(255)).movedim(-1, 1)
        error = torch.from_numpy(levels(evidence.variance))
        hidden = torch.from_numpy(evidence.hidden.astype(np.float32))
        parts = [_pieces(side) for side in evidence.hidden.shape]
        total, weights = torch.zeros(pictures.shape[1:]), torch.zeros(evidence.hidden.shape)
        for rows, row_share in parts[0]:
            for columns, column_share in parts[1]:
                inside, share = (..., rows, columns), row_share[:, None] * column_share
                total[inside] += share * self._piece(pictures[inside], error[inside], hidden[inside])
                weights[inside] += share
        return np.asarray((255 * total / weights).permute(1, 2, 0).numpy(), np.float32)

    def _piece(self, pictures: Tensor, error: Tensor, hidden: Tensor) -> Tensor:
        if not hidden.any():
            return pictures[0]
        with torch.inference_mode():
            given = (each[None].to(self._device) for each in (pictures, error, hidden[None]))
            refined: Refined = self._network(*given)
            return refined.picture[0].clamp(0, 1).float().cpu()


refinement = cached_by_file(2)(Refinement)
"""The same, made once for a file."""


def _pieces(side: int) -> list[tuple[slice, Tensor]]:
    """Equal parts of a side that overlap, and how far each counts at its samples."""
    count = 1 if side <= TILE else -(-(side - OVERLAP) // (TILE - OVERLAP))
    length = side if count == 1 else -(-(side + (count - 1) * OVERLAP) // count)
    place, pieces = torch.arange(length), []
    for number in range(count):
        start = number * (side - length) // max(1, count - 1)
        share = torch.ones(length)
        if number > 0:
            share = share.minimum((place + 1) / OVERLAP)
        if number < count - 1:
            share = share.minimum((length - place) / OVERLAP)
        pieces.append((slice(start, start + length), share))
    return pieces
