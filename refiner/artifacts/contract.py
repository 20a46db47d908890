"""What a defect is: parameters, what it does to a clip, and the truth about it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, fields
from functools import reduce
from itertools import groupby
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from vinpaint.contracts import FloatMap, Frames, Mask
from vinpaint.refiner.drawing import Generator, lay

VISIBLE = 0.02
"""Opacity above which a pixel counts as hidden."""

Size = tuple[int, int, int]
"""Frames, rows, columns of a clip."""


@dataclass(frozen=True, eq=False)
class Damaged:
    """A clip with a defect, and the truth about it.

    Attributes
    ----------
    frames : (T, H, W, 3) uint8
        RGB.
    mask : (H, W) or (T, H, W) bool, or None
        True where something hides or bends the scene; None of a defect that is everywhere, like grain.
    alpha : (H, W) or (T, H, W) float32, or None
        How much of the scene is hidden, 0 to 1; None like the mask.
    """

    frames: Frames
    mask: Mask | None = None
    alpha: FloatMap | None = None


@dataclass(frozen=True, eq=False)
class Layer:
    """Something in front of the scene: observed = (1 − alpha)·scene + alpha·colour.

    Attributes
    ----------
    alpha : (H, W) or (T, H, W) float32
        Opacity, 0 to 1.
    colour : (3,), (H, W, 3) or (T, H, W, 3) float32
        RGB, 0 to 1.
    """

    alpha: FloatMap
    colour: FloatMap

    def behind(self, other: Layer) -> Layer:
        """One layer for this one and another in front of it."""
        clear = (1 - self.alpha) * (1 - other.alpha)
        # Premultiplied, front over back (Porter and Duff, Compositing Digital Images, SIGGRAPH 1984).
        back, front = (self.alpha * (1 - other.alpha))[..., None], other.alpha[..., None]
        alpha = np.asarray(1 - clear, np.float32)
        shown = self.colour * back + other.colour * front
        return Layer(alpha, np.asarray(shown / np.maximum(alpha, 1e-6)[..., None], np.float32))

    def laid(self, frames: Frames) -> Damaged:
        """A clip (T, H, W, 3) behind this layer."""
        return Damaged(lay(frames, self.alpha, self.colour), self.alpha > VISIBLE, self.alpha)


@dataclass(frozen=True)
class Artifact(ABC):
    """A defect of a clip: a frozen dataclass of its parameters. Sizes are shares of the frame's height.

    What the parameters leave open (places, outlines, grains) follows from the seed that is given to :meth:`apply`.
    """

    name: ClassVar[str]
    """As on the command line."""

    @classmethod
    @abstractmethod
    def draw(cls, rng: Generator, severity: float) -> Self:
        """Parameters at random for a severity from 0 (hardly seen) to 1 (spoils the clip)."""

    @abstractmethod
    def apply(self, frames: Frames, seed: int | Generator) -> Damaged:
        """A damaged copy of a clip (T, H, W, 3) uint8; equal clips, parameters and seeds give equal results."""

    def upon(self, before: Damaged, seed: int | Generator) -> Damaged:
        """A clip that has defects with this one as well, and the truth about all of them."""
        return _joined(before, self.apply(before.frames, seed))

    def describe(self) -> dict[str, Any]:
        """Name and parameters, for JSON."""
        return {"name": self.name, **{field.name: getattr(self, field.name) for field in fields(self)}}


@dataclass(frozen=True)
class Overlay(Artifact):
    """A defect that is a layer in front of the scene."""

    @abstractmethod
    def layer(self, size: Size, rng: Generator) -> Layer:
        """The layer for a clip of so many frames, rows and columns."""

    def apply(self, frames: Frames, seed: int | Generator) -> Damaged:
        """See :meth:`Artifact.apply`."""
        return self.layer(frames.shape[:3], np.random.default_rng(seed)).laid(frames)


@dataclass(frozen=True)
class Composed:
    """Several defects, one after the other; see :func:`compose`."""

    parts: tuple[Artifact, ...]

    def apply(self, frames: Frames, seed: int | Generator) -> Damaged:
        """A damaged copy of a clip, see :meth:`Artifact.apply`; the truth is that about all defects together."""
        rng = np.random.default_rng(seed)
        result = Damaged(frames.copy())
        for are_overlays, run in groupby(self.parts, lambda part: isinstance(part, Overlay)):
            for step in [_Stack(tuple(run))] if are_overlays else run:
                result = step.upon(result, rng)
        return result

    def describe(self) -> list[dict[str, Any]]:
        """Names and parameters of the parts, for JSON."""
        return [part.describe() for part in self.parts]


def compose(artifacts: Iterable[Artifact | Composed]) -> Composed:
    """Defects one after the other, the first next to the scene.

    Neighbouring overlays are laid as one layer, so that colours are rounded once.

    Examples
    --------
    >>> from vinpaint.refiner.artifacts import CircularStain, JpegCompression, compose
    >>> damage = compose([CircularStain(opacity=0.9), JpegCompression(quality=40)])
    >>> damage.apply(np.full((2, 48, 64, 3), 200, np.uint8), 7).mask.shape
    (48, 64)
    """
    parts: list[Artifact] = []
    for one in artifacts:
        parts += one.parts if isinstance(one, Composed) else [one]
    return Composed(tuple(parts))


@dataclass(frozen=True)
class _Stack:
    """Overlays in front of each other, as one."""

    parts: tuple[Any, ...]

    def upon(self, before: Damaged, rng: Generator) -> Damaged:
        layers: list[Layer] = [part.layer(before.frames.shape[:3], rng) for part in self.parts]
        return _joined(before, reduce(Layer.behind, layers).laid(before.frames))


def _joined(before: Damaged, after: Damaged) -> Damaged:
    """What came last, with the truth about both."""
    if before.mask is None or before.alpha is None or after.mask is None or after.alpha is None:
        known = before if after.mask is None else after
        return Damaged(after.frames, known.mask, known.alpha)
    mask, other = _alike(before.mask, after.mask)
    alpha, front = _alike(before.alpha, after.alpha)
    return Damaged(after.frames, mask | other, np.asarray(1 - (1 - alpha) * (1 - front), np.float32))


def _alike(one: NDArray[Any], other: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Both (H, W), or both (T, H, W) where one of them is."""
    shape = np.broadcast_shapes(one.shape, other.shape)
    return np.broadcast_to(one, shape), np.broadcast_to(other, shape)
