"""Defects that are put before clean clips while a network learns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vinpaint.contracts import Frames, Mask
from vinpaint.refiner.artifacts import Artifact, artifact_kind
from vinpaint.refiner.training.samples import Clip, Readable


@dataclass(frozen=True)
class Defects:
    """Kinds of defects, of which each sample gets one, as bad as chance will have it."""

    kinds: tuple[type[Artifact], ...]

    @classmethod
    def named(cls, names: Sequence[str]) -> Defects:
        """Those of some names.

        Raises
        ------
        UsageError
            If there is none of a name.
        """
        return cls(tuple(artifact_kind(name) for name in names))

    def put_before(self, clip: Clip, rng: np.random.Generator) -> Clip:
        """The original frames of a clip, damaged anew; a defect that is everywhere hides everything."""
        kind = self.kinds[rng.integers(len(self.kinds))]
        damaged = kind.draw(rng, rng.random()).apply(clip.original, rng)
        mask = np.ones((), np.bool_) if damaged.mask is None else damaged.mask
        return Clip(damaged.frames, clip.original, np.broadcast_to(mask, clip.mask.shape))


@dataclass(frozen=True)
class Redamaged:
    """A pair with a defect of its own instead of that on disk; always the same for a seed."""

    pair: Readable
    defects: Defects
    seed: int

    @property
    def name(self) -> str:
        """For messages."""
        return self.pair.name

    def read(self) -> tuple[Frames, Frames, Mask]:
        """Damaged and original frames (T, H, W, 3) uint8, and the mask (T, H, W) bool."""
        damaged, original, mask = self.pair.read()
        clip = Clip(damaged, original, np.broadcast_to(mask, original.shape[:3]))
        result = self.defects.put_before(clip, np.random.default_rng(self.seed))
        return result.damaged, original, result.mask


def redamaged(pairs: Sequence[Readable], names: Sequence[str]) -> Sequence[Readable]:
    """Pairs to judge by, with defects of some names; as they are if there are none."""
    if not names:
        return pairs
    return [Redamaged(pair, Defects.named(names), seed) for seed, pair in enumerate(pairs)]
