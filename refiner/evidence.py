"""What is known of the hidden part of a frame: several pictures of it, each with its expected error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vinpaint.contracts import Mask
from vinpaint.flow.propagate import Candidate

F32 = NDArray[np.float32]
Part: TypeAlias = tuple[slice, slice]
"""Rows and columns of a frame."""

OFFERS = 4
"""Candidates of other frames that are kept for each pixel, the best ones."""

SOURCES = ("mean", "draft", "before", "after", "spatial", "first", "second", "third", "fourth")
"""Where the pictures come from: the draft averaged with its neighbours, the draft, its neighbours moved onto it, the
surroundings in the same frame, and the candidates of other frames, for each pixel in the order of their errors."""

NOTHING = np.float32(2.0)
"""What stands for the error of a picture that shows nothing."""

_MOST = np.float32(3e5)  # squared grey levels


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


class Refine(Protocol):
    """What makes one picture of all."""

    def __call__(self, evidence: Evidence) -> F32:
        """(H, W, 3) float32, 0 to 255; only the hidden pixels count."""


@dataclass(frozen=True, eq=False)
class Offer:
    """A picture of some pixels of a frame.

    Attributes
    ----------
    points : (N, 2) int32
        (x, y) in the frame.
    colours : (N, 3) float32
        In the range of the frame.
    variance : (N,) float32
        Expected squared error in this range; infinite where it shows nothing.
    """

    points: NDArray[np.int32]
    colours: F32
    variance: F32

    def draw(self, picture: F32, variance: F32, inside: Part, unit: float) -> None:
        """Write it into a picture (H, W, 3) and the variances (H, W), of a part, ``unit`` being a grey level."""
        x, y = (self.points - np.array([inside[1].start, inside[0].start])).T
        height, width = variance.shape
        seen = np.isfinite(self.variance) & (x >= 0) & (x < width) & (y >= 0) & (y < height)
        picture[y[seen], x[seen]] = self.colours[seen]
        variance[y[seen], x[seen]] = self.variance[seen] / np.float32(unit**2)


def best_offers(points: NDArray[np.int32], found: Sequence[Candidate]) -> tuple[Offer, ...]:
    """The :data:`OFFERS` candidates of least expected error, pixel by pixel.

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
    colours = np.take_along_axis(colours, order[..., None], axis=0)
    variance = np.take_along_axis(variance, order, axis=0)
    return tuple(Offer(points, *each) for each in zip(colours, variance, strict=True))


def blank(draft: F32) -> tuple[F32, F32]:
    """Pictures that all repeat a draft (H, W, 3), and infinite variances: what there is before anything is known."""
    pictures = np.repeat(draft[None], len(SOURCES), axis=0)
    return pictures, np.full(pictures.shape[:3], np.inf, np.float32)


def levels(variance: F32) -> F32:
    """Expected squared errors as networks want them: 0 (none) to about 1.6, :data:`NOTHING` for infinite ones.

    Parameters
    ----------
    variance : float32
        Squared grey levels.
    """
    return np.where(np.isinf(variance), NOTHING, np.log1p(np.minimum(variance, _MOST)) / 8).astype(np.float32)
