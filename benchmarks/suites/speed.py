"""How long it takes, how much memory, how many parameters: one clip, warm, several processes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

import numpy as np

from vinpaint.benchmarks import metrics
from vinpaint.benchmarks.suites.contract import FILLS, Case, Material, Measures, Result, Suite
from vinpaint.benchmarks.suites.sources import PAPER, Sources
from vinpaint.benchmarks.suites.static_masks import destroyed
from vinpaint.refiner.synthetic import PAN, moving_scene

_SIZES = (PAPER, (1280, 720))
_FRAMES, _QUICK_FRAMES = 48, 12


class Speed(Suite):
    """See the module."""

    name, title = "speed", "Speed and memory"
    question = "What does a frame cost, and what does the time buy?"
    work = "fill"
    metrics = ("seconds", "peak", "parameters", "psnr_hole")
    headline = "seconds"
    methods, quick = FILLS, ("auto", "telea", "unet")
    protocol = (
        "A painted scene before a panning camera, two opaque discs (5 % of the frame) to fill, stored without loss, "
        "432x240 and 1280x720.",
        "Each method runs in five processes of its own (quick: three), one at a time; each fills the clip once to "
        "warm up and once against "
        "the clock. Shown is the median; the spread is the middle half of the processes.",
    )
    repeats = 5
    warm = True

    def cases(self, sources: Sources) -> Iterator[Case]:
        """One clip a size."""
        for size in _SIZES[: 1 if sources.quick else None]:
            name = f"{size[0]}x{size[1]}"
            if sources.wanted(name):
                yield Case(
                    name, name, partial(_discs, size, sources.frames(_QUICK_FRAMES if sources.quick else _FRAMES))
                )

    def measure(self, material: Material, result: Result) -> Measures:
        """Likeness in the hole, so that speed does not stand alone."""
        assert material.truth is not None
        return {"psnr_hole": metrics.mean_psnr(result.frames, material.truth, material.hidden)}

    def references(self, material: Material) -> Mapping[str, Result]:
        """None: doing nothing is fast."""
        return {}


def _discs(size: tuple[int, int], count: int) -> Material:
    width, height = size
    y, x = np.mgrid[:height, :width]
    radius = 0.12 * height
    centres = ((0.3 * width, 0.45 * height), (0.72 * width, 0.6 * height))
    hidden = np.logical_or.reduce([np.hypot(x - across, y - down) < radius for across, down in centres])
    return destroyed(moving_scene(count, height, width, seed=3, motion=PAN, car=False), hidden)
