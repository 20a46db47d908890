"""A small data set in memory, to see whether training works at all."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from vinpaint.contracts import Frames, Mask
from vinpaint.refiner.synthetic import apply, moving_scene, soft_stain
from vinpaint.refiner.training.recipe import Recipe

CLIPS, HELD_OUT = 12, 3
_COUNT, _HEIGHT, _WIDTH = 8, 48, 64


@dataclass(frozen=True)
class GeneratedPair:
    """A painted scene behind one stain, as a pair of clips; everything follows from the seed."""

    seed: int

    @property
    def name(self) -> str:
        """For messages."""
        return f"scene {self.seed}"

    def read(self) -> tuple[Frames, Frames, Mask]:
        """Damaged and original frames, (T, H, W, 3) uint8, and the mask, (H, W) bool."""
        rng = np.random.default_rng(self.seed)
        scene = moving_scene(_COUNT, _HEIGHT, _WIDTH, seed=self.seed)
        centre = (rng.uniform(16, _WIDTH - 16), rng.uniform(16, _HEIGHT - 16))
        stain = soft_stain(_HEIGHT, _WIDTH, centre=centre, radius=14, opacity=rng.uniform(0.7, 1), seed=self.seed)
        return apply(scene, stain), scene, stain.mask


def dummy_pairs() -> tuple[list[GeneratedPair], list[GeneratedPair]]:
    """Pairs to learn from, and pairs to judge by."""
    pairs = [GeneratedPair(seed) for seed in range(CLIPS + HELD_OUT)]
    return pairs[:CLIPS], pairs[CLIPS:]


def dummy_recipe(recipe: Recipe) -> Recipe:
    """The recipe on a small scale: few channels, few samples, and so a high rate."""
    return replace(recipe, width=8, epochs=10, batch=8, rate=2e-3, crop=0, perceptual=False, average=0.9)
