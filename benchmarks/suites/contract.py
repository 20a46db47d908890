"""What a suite offers the runner: cases with a known truth, and how their results are measured."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from vinpaint.benchmarks.metrics import TrueMotion
from vinpaint.benchmarks.suites.sources import Sources
from vinpaint.contracts import FloatMap, Frames, Mask
from vinpaint.refiner.artifacts import GREY

Work = Literal["fill", "clean", "detect", "leak"]
BASELINE = "unet"
"""The method that all others are measured against."""

FILLS = ("auto", "flow", "spatial", "median", "telea", "ns", "delogo", "chained-flow", "unet", "unet-masked")
CLEANS = ("auto", "flow", "spatial", "telea", "unet")
QUICK_FILLS = ("auto", "spatial", "telea", "unet", "unet-masked")
QUICK_CLEANS = ("auto", "unet")


@dataclass(frozen=True, eq=False)
class Material:
    """A clip that hides something, and what it hides.

    Attributes
    ----------
    damaged : (T, H, W, 3) uint8
        What a method gets to see.
    hidden : (H, W) or (T, H, W) bool
        Where results are judged; also the mask that ``fill`` is given.
    truth : (T, H, W, 3) uint8, or None
        The scene without what hides it; None for real marks, of which nobody knows.
    alpha : (H, W) float32, or None
        True opacity.
    tint : (r, g, b), or (H, W, 3)
        True colour of what hides the scene, 0 to 1.
    crf : int, optional
        The clip is stored as H.264 with this rate factor; without loss by default.
    facts : mapping
        What the report says of the case besides.
    """

    damaged: Frames
    hidden: Mask
    truth: Frames | None = None
    alpha: FloatMap | None = None
    tint: ArrayLike = GREY
    crf: int | None = None
    facts: Mapping[str, float] = field(default_factory=dict)

    @cached_property
    def motion(self) -> TrueMotion:
        """The motion of the true frames, or of the damaged ones where nobody knows them."""
        return TrueMotion(self.damaged if self.truth is None else self.truth)

    @cached_property
    def seen(self) -> Mask:
        """(T, H, W): hidden pixels that other frames show."""
        return self.motion.seen_elsewhere(self.hidden)


@dataclass(frozen=True, eq=False)
class Case:
    """One row of a suite for each method: made when it is its turn, so that only one clip is in memory."""

    name: str
    clip: str
    make: Callable[[], Material]


@dataclass(frozen=True, eq=False)
class Result:
    """What a method made of a case."""

    frames: Frames
    mask: Mask | None = None
    alpha: FloatMap | None = None


Measures = dict[str, float]


class Suite(ABC):
    """One question, the clips that answer it, and how.

    Attributes
    ----------
    name, title, question : str
        As on the command line; for headings; one sentence.
    work : {"fill", "clean", "detect", "leak"}
        What a method is asked to do: ``fill`` is given the mask, the others only the clip. The frames of a result of
        ``leak`` all show the room, and its mask is what is claimed of it.
    metrics : sequence of str
        Names in :data:`vinpaint.benchmarks.metrics.METRICS`, in the order of the table.
    headline : str
        The metric of the verdict and the charts.
    methods, quick : sequence of str
        Those that run by default, and in a quick run.
    protocol : sequence of str
        How it is done, sentence by sentence, for the report.
    excluded : sequence of str
        Details of published protocols that would let the answer leak, and what is done instead.
    by_frames : bool
        Whether means are over frames (as in the papers) and not over clips.
    repeats : int
        Processes of which the median time counts.
    warm : bool
        Whether each of them does its work once before the clock runs.
    """

    name: str
    title: str
    question: str
    work: Work
    metrics: Sequence[str]
    headline: str
    methods: Sequence[str]
    quick: Sequence[str]
    protocol: Sequence[str]
    excluded: Sequence[str] = ()
    by_frames: bool = False
    repeats: int = 1
    warm: bool = False

    @abstractmethod
    def cases(self, sources: Sources) -> Iterator[Case]:
        """The cases that some sources give."""

    @abstractmethod
    def measure(self, material: Material, result: Result) -> Measures:
        """Figures of a result; those of time and memory are added by the runner. Per-frame ones are not among them."""

    def references(self, material: Material) -> Mapping[str, Result]:
        """Results that no method made: the input as it is, ceilings."""
        return {"input": Result(material.damaged)}

    def per_frame(self, material: Material, result: Result) -> dict[str, list[float]]:
        """Figures frame by frame, for worst frames; none where there is no truth."""
        if material.truth is None:
            return {}
        from vinpaint.benchmarks.metrics import psnrs

        return {"psnr_hole": [float(value) for value in psnrs(result.frames, material.truth, material.hidden)]}


def outside_changed(material: Material, result: Result) -> float:
    """Largest change of a sample that was not hidden."""
    gap = np.abs(result.frames.astype(np.int16) - material.damaged)
    visible = ~np.broadcast_to(material.hidden, gap.shape[:3])
    return float(gap[visible].max(initial=0))


def hole_measures(material: Material, result: Result) -> Measures:
    """Likeness inside the hole, and steadiness; the truth is known."""
    from vinpaint.benchmarks import metrics

    frames, truth, hidden = result.frames, material.truth, material.hidden
    assert truth is not None
    return {
        "psnr_hole": metrics.mean_psnr(frames, truth, hidden),
        "ssim_hole": metrics.ssim_inside(frames, truth, hidden),
        "ciede": metrics.ciede2000(frames, truth, hidden),
        "warp": material.motion.warp_error(frames, hidden),
        "flicker": metrics.flicker(frames, truth, hidden),
        "sharpness": metrics.sharpness(frames, truth, hidden),
    }


def split_measures(material: Material, result: Result) -> Measures:
    """Likeness where other frames show what is hidden, and where none does."""
    from vinpaint.benchmarks.metrics import mean_psnr

    assert material.truth is not None
    holes = np.broadcast_to(material.hidden, material.seen.shape)
    return {
        "psnr_seen": mean_psnr(result.frames, material.truth, material.seen),
        "psnr_unseen": mean_psnr(result.frames, material.truth, holes & ~material.seen),
    }


def plain(values: Mapping[str, Any]) -> dict[str, float | None]:
    """Figures for JSON: NaN becomes None."""
    return {key: None if value is None or np.isnan(value) else float(value) for key, value in values.items()}
