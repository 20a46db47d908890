"""What is known of the hidden part of a frame: several pictures of it, each with its expected error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vinpaint.contracts import Mask
from vinpaint.flow.propagate import Candidate

F32 = NDArray[np.float32]

OFFERS = 4
"""Candidates of other frames that are kept for each pixel, the best ones."""

SOURCES = ("mean", "draft", "before", "after", "spatial", "first", "second", "third", "fourth")
"""Where the pictures come from: the draft averaged with its neighbours, the draft, its neighbours moved onto it, the
surroundings in the same frame, and the candidates of other frames, for each pixel in the order of their errors."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """Pictures of the same part of a frame, in the order of :data:`SOURCES`.

    Attributes
    ----------
    pictures : (S, H, W, 3) float32
        RGB, 0 to 255; the visible pixels of the first two are those of the frame.
    variance : (S, H, W) float32
        Expected squared error; infinite where a picture shows nothing, and it repeats the draft there.
    hidden : (H, W) bool
        What is asked for.
    """

    pictures: F32
    variance: F32
    hidden: Mask


@dataclass(frozen=True, eq=False)
class Offers:
    """The best candidates for the pixels of a hole and its rim.

    Attributes
    ----------
    points : (N, 2) int32
        (x, y) in the frame.
    colours : (OFFERS, N, 3) float32
    variance : (OFFERS, N) float32
        Ascending; infinite where there is none.
    """

    points: NDArray[np.int32]
    colours: F32
    variance: F32

    def draw(self, pictures: F32, variance: F32, corner: tuple[int, int]) -> None:
        """Write them into pictures (OFFERS, H, W, 3) and variances (OFFERS, H, W) of a part of the frame."""
        height, width = variance.shape[1:]
        x, y = self.points.T
        x, y = x - corner[1], y - corner[0]
        inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
        seen = np.isfinite(self.variance) & inside
        for k in range(OFFERS):
            places = y[seen[k]], x[seen[k]]
            pictures[k][places], variance[k][places] = self.colours[k, seen[k]], self.variance[k, seen[k]]


def best_offers(points: NDArray[np.int32], found: Sequence[Candidate]) -> Offers:
    """The candidates of least expected error, pixel by pixel.

    Parameters
    ----------
    points : (N, 2) int32
    found : sequence of Candidate
        Each for the first of the points, or for all of them.
    """
    count = max(OFFERS, len(found))
    colours = np.zeros((count, len(points), 3), np.float32)
    variance = np.full((count, len(points)), np.inf, np.float32)
    for k, each in enumerate(found):
        colours[k, : len(each.colours)], variance[k, : len(each.variance)] = each.colours, each.variance
    order = np.argsort(variance, axis=0, kind="stable")[:OFFERS]
    return Offers(
        points,
        np.take_along_axis(colours, order[..., None], axis=0),
        np.take_along_axis(variance, order, axis=0),
    )
