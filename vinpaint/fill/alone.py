"""The refinement network with no other frame to choose from: what it makes of the surroundings alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vinpaint.contracts import Mask
from vinpaint.devices import few_threads
from vinpaint.fill.method import quantised
from vinpaint.fill.spatial import FrameByFrame, inpaint
from vinpaint.flow.complete import bounding_box
from vinpaint.flow.propagate import picture, spatial_variance, target, unit_of
from vinpaint.refiner.evidence import Evidence, Offer, blank
from vinpaint.refiner.shipped import needed_weights

_CONTEXT = 24  # pixels around the hole that the network sees


class RefineOnlyFill(FrameByFrame):
    """The method ``refine-only``: the spatial fill, refined. For comparison, and for single pictures.

    Parameters
    ----------
    device : str
        Where the network runs: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
    weights : Path, optional
        Its weights; those that ship by default.

    Raises
    ------
    DependencyError
        If the weights are missing.
    """

    margin = 1.0

    def __init__(self, *, device: str = "auto", weights: Path | None = None) -> None:
        self._refiner = needed_weights(weights), device

    def inpaint(self, image: NDArray[Any], mask: Mask) -> NDArray[Any]:
        """Fill one image."""
        from vinpaint.refiner.refine import refinement

        found, inside = alone(image, mask)
        filled, unit = image.copy(), unit_of(image)
        with few_threads():
            scene = refinement(*self._refiner)(found) * unit
        filled[inside][found.hidden] = quantised(scene[found.hidden], image.dtype)
        return filled


def alone(image: NDArray[Any], mask: Mask) -> tuple[Evidence, tuple[slice, slice]]:
    """What is known of the hidden pixels of one image, and of which part of it.

    Parameters
    ----------
    image : (H, W, 3) uint8 or uint16
    mask : (H, W) bool
        Not empty.
    """
    aim, unit = target(picture(image, mask)), unit_of(image)
    inside = bounding_box(mask, _CONTEXT)
    draft = inpaint(image, mask)[inside].astype(np.float32)
    within = mask[inside]
    pictures, variance = blank(draft)
    x, y = aim.hole.T
    surroundings = Offer(aim.hole, draft[y - inside[0].start, x - inside[1].start], spatial_variance(aim))
    surroundings.draw(pictures[4], variance[4], inside, unit)
    variance[:2] = np.where(within, variance[4], 0)
    return Evidence(pictures / np.float32(unit), variance, within), inside
