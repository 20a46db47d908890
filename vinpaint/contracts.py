"""What passes between the rooms of vinpaint: plain arrays in frozen dataclasses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Frames: TypeAlias = NDArray[Any]
"""RGB, ``(T, H, W, 3)``, uint8 or uint16 over the full range of the type."""

Mask: TypeAlias = NDArray[np.bool_]
"""``(H, W)`` or ``(T, H, W)``; True = hidden, to be filled."""

FloatMap: TypeAlias = NDArray[np.float32]


class Origin(IntEnum):
    """Where a pixel of a result comes from."""

    OBSERVED = 0
    """As recorded in this frame."""
    UNBLENDED = 1
    """Recorded in this frame through a translucent blemish, and separated from it."""
    PROPAGATED = 2
    """Seen in other frames."""
    SYNTHESISED = 3
    """Invented from its surroundings."""


@dataclass(frozen=True, eq=False)
class Blemish:
    """A static blemish: observed = (1 − alpha)·scene + alpha·colour.

    Attributes
    ----------
    mask : (H, W) bool
        True where the blemish hides or tints the scene.
    alpha : (H, W) float32
        Opacity, 0 (clear) to 1 (opaque).
    colour : (H, W, 3) float32
        RGB, 0 to 1. Meaningless where ``alpha`` is 0.
    confidence : (H, W) float32
        Probability, 0 to 1, that the pixel belongs to a blemish.
    alpha_error : (H, W) float32, optional
        Standard error of ``alpha``; None if it is known exactly. Where it is large nothing tells the blemish from
        the scene.
    imprint : float
        What frames from all over the clip keep of it on the mean when it is taken off, as a share of its strength:
        errors of the measure, by which no single frame differs.
    """

    mask: Mask
    alpha: FloatMap
    colour: FloatMap
    confidence: FloatMap
    alpha_error: FloatMap | None = None
    imprint: float = 0.0

    def __repr__(self) -> str:
        height, width = self.mask.shape
        return f"Blemish({width}x{height}, {100 * self.mask.mean():.2f} % hidden)"

    def mapped(self, change: Callable[[Any], Any]) -> Blemish:
        """The same with each of its maps changed: cut, or turned."""
        return replace(
            self,
            mask=change(self.mask),
            alpha=change(self.alpha),
            colour=change(self.colour),
            confidence=change(self.confidence),
            alpha_error=None if self.alpha_error is None else change(self.alpha_error),
        )


@dataclass(frozen=True, eq=False)
class Filled:
    """The result of a fill.

    Attributes
    ----------
    frames : (T, H, W, 3) uint8 or uint16
        RGB in the type of the input; equal to the input wherever ``origin`` is OBSERVED.
    confidence : (T, H, W) float32
        1 = observed or recovered, 0 = invented.
    origin : (T, H, W) uint8
        Values of :class:`Origin`.
    """

    frames: Frames
    confidence: FloatMap
    origin: NDArray[np.uint8]

    def __repr__(self) -> str:
        count, height, width = self.origin.shape
        return f"Filled({count} frames, {width}x{height}, {self.frames.dtype})"
