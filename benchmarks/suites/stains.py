"""Soft stains before clips: a method gets the stained clip only, and has to find out what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from vinpaint.benchmarks import metrics
from vinpaint.benchmarks.suites.contract import (
    CLEANS,
    QUICK_CLEANS,
    Case,
    Material,
    Measures,
    Result,
    Suite,
    hole_measures,
)
from vinpaint.benchmarks.suites.sources import Scene, Sources, seeded
from vinpaint.contracts import FloatMap, Frames, Mask
from vinpaint.refiner.artifacts import GREY, Layer
from vinpaint.refiner.artifacts.stains import round_stain
from vinpaint.refiner.drawing import Colour, Generator, lay

BROWN: Colour = (0.36, 0.27, 0.15)
STAINED = 0.02
"""Opacity above which a pixel counts as stained."""
COVERED = 0.05
"""Opacity above which a mask has to cover a pixel."""
_LIVELY = 4.0  # deviation over time, in grey levels, from which a pixel counts as moving
_CLEAREST = 0.99  # opacity up to which the true stain is inverted
_CRF = 20


@dataclass(frozen=True)
class Kind:
    """How stains are drawn: ranges of radius (pixels), opacity and hardness, and how the clip is stored."""

    count: int
    radius: tuple[float, float]
    opacity: tuple[float, float]
    hardness: tuple[float, float]
    tint: Colour = GREY
    crf: int | None = None
    drawn_as: str = "A"
    """Kinds that are drawn alike have their stains at the same places."""

    def alpha(self, rng: Generator, size: tuple[int, int]) -> FloatMap:
        """Opacity (H, W) of stains at random places wholly inside frames of (width, height)."""
        clear = np.ones(size[::-1], np.float32)
        for _ in range(self.count):
            radius = rng.uniform(*self.radius)
            centre = rng.uniform(radius, size[0] - radius), rng.uniform(radius, size[1] - radius)
            opacity, hardness = rng.uniform(*self.opacity), rng.uniform(*self.hardness)
            clear *= 1 - round_stain(size[::-1], centre, radius, opacity, hardness)
        return np.asarray(1 - clear, np.float32)


_ONE = ((45, 45), (0.7, 0.7), (0.8, 0.8))
KINDS: Mapping[str, Kind] = {
    "one": Kind(1, *_ONE),
    "h264": Kind(1, *_ONE, crf=_CRF),
    "three": Kind(3, (20, 40), (0.7, 1.0), (0.5, 1.0), drawn_as="B"),
    "brown": Kind(1, *_ONE, tint=BROWN),
    "faint": Kind(1, (45, 45), (0.35, 0.35), (0.8, 0.8)),
}
_QUICK = ("one", "h264")


class Stains(Suite):
    """See the module."""

    name, title = "stains", "Soft stains"
    question = "A stain on the lens lets part of the scene through. Nobody says where it is: how much comes back?"
    work = "clean"
    metrics = (
        "psnr_hole",
        "psnr",
        "psnr_out",
        "ssim_hole",
        "ciede",
        "flicker",
        "sharpness",
        "iou",
        "alpha_error",
        "seconds",
        "peak",
    )
    headline = "psnr_hole"
    methods, quick = CLEANS, QUICK_CLEANS
    protocol = (
        "Round soft stains, opacity max(0, 1 − distance / radius)^hardness · peak, before clips of 240 rows; places "
        "and "
        "sizes follow from the clip's name.",
        "one: radius 45, peak 0.7, hardness 0.8, grey, stored without loss (FFV1). h264: the same as H.264 at CRF 20. "
        "three: "
        "three stains of radius 20 to 40, peaks 0.7 to 1, hardness 0.5 to 1. brown: one, tinted. faint: one of peak "
        "0.35.",
        "In the hole means where the opacity is above 0.02. lifted: the stain inverted with its true opacity and "
        "colour, about "
        "the ceiling. input: nothing done.",
        "Methods that fill masks get the mask that vinpaint finds; unet is blind and writes whole frames.",
    )
    excluded = ("No method is told the mask, the opacity or the colour; the clip is all it gets.",)

    def cases(self, sources: Sources) -> Iterator[Case]:
        """Every clip behind every kind of stain."""
        for index, scene in enumerate(sources.natural()):
            for kind in [_QUICK[index % 2]] if sources.quick else KINDS:
                yield Case(f"{scene.name} {kind}", scene.name, partial(_stained, scene, KINDS[kind]))

    def measure(self, material: Material, result: Result) -> Measures:
        """See :meth:`Suite.measure`."""
        return stain_measures(material, result)

    def references(self, material: Material) -> Mapping[str, Result]:
        """The input, and the stain inverted with its true parameters."""
        return stain_references(material)


def _stained(scene: Scene, kind: Kind) -> Material:
    return stained(scene.read, kind, seeded(scene.name, kind.drawn_as))


def stained(read: Callable[[], Frames], kind: Kind, rng: Generator) -> Material:
    """A clip behind stains."""
    truth = read()
    return behind(truth, kind.alpha(rng, (truth.shape[2], truth.shape[1])), kind.tint, above=STAINED, crf=kind.crf)


def behind_layer(truth: Frames, layer: Layer, crf: int | None = None) -> Material:
    """A clip behind a mark that does not move."""
    alpha = layer.alpha if layer.alpha.ndim == 2 else layer.alpha[0]
    return behind(truth, alpha, layer.colour, above=COVERED, crf=crf)


def behind(truth: Frames, alpha: FloatMap, colour: ArrayLike, *, above: float, crf: int | None) -> Material:
    """A clip behind something, judged where its opacity is above a level."""
    hidden = alpha > above
    return Material(lay(truth, alpha, colour), hidden, truth, alpha, colour, crf, {"lively": liveliness(truth, hidden)})


def liveliness(frames: Frames, region: Mask) -> float:
    """Share of a region's pixels behind which the scene moves: what evidence over time there is."""
    levels = frames[:, region].mean(axis=-1, dtype=np.float32)
    return float((levels.std(axis=0) >= _LIVELY).mean())


def stain_measures(material: Material, result: Result) -> Measures:
    """Likeness inside, outside and all over; and how well the stain was measured."""
    assert material.truth is not None
    assert material.alpha is not None
    values = hole_measures(material, result)
    values["psnr"] = metrics.mean_psnr(result.frames, material.truth)
    values["psnr_out"] = metrics.mean_psnr(result.frames, material.truth, ~material.hidden)
    if result.mask is not None:
        values["iou"] = metrics.overlap(result.mask, material.alpha > COVERED)["iou"]
    if result.alpha is not None:
        values["alpha_error"] = metrics.opacity_error(result.alpha, material.alpha, material.hidden)
    return values


def stain_references(material: Material) -> Mapping[str, Result]:
    """The input, and the stain inverted with its true parameters."""
    assert material.alpha is not None
    alpha = np.minimum(material.alpha, _CLEAREST)[..., None]
    tint = np.array(material.tint, np.float32)
    lifted = [(frame / np.float32(255) - tint * alpha) / (1 - alpha) for frame in material.damaged]
    levels = [np.rint(255 * np.clip(frame, 0, 1)).astype(np.uint8) for frame in lifted]
    return {"input": Result(material.damaged), "lifted": Result(np.stack(levels))}
