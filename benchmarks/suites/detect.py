"""Is what hides the scene found, and are clean clips left alone?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

import cv2
import numpy as np

from vinpaint.benchmarks.metrics import opacity_error, overlap
from vinpaint.benchmarks.suites.contract import Case, Material, Measures, Result, Suite
from vinpaint.benchmarks.suites.sources import Scene, Sources, seeded
from vinpaint.benchmarks.suites.stains import behind_layer
from vinpaint.contracts import Frames, Mask
from vinpaint.refiner.artifacts import CircularStain, CornerLogo, Overlay, Scratches, TextOverlay

_OPACITIES = (0.3, 0.6, 1.0)
_CALM = 0.35  # share of the frame's usual deviation over time below which a pixel counts as still
_SMALLEST = 30  # pixels of a still spot


def _blemish(kind: str, opacity: float) -> Overlay:
    return {
        "logo": CornerLogo(opacity=opacity),
        "text": TextOverlay("subtitle", opacity=opacity),
        "scratch": Scratches(2, opacity=opacity, film=False),
        "stain": CircularStain(radius=0.16, opacity=opacity),
    }[kind]


_KINDS = ("logo", "text", "scratch", "stain")
_QUICK = (("logo", 0.6),)


class Detect(Suite):
    """See the module."""

    name, title = "detect", "Finding it"
    question = "Where is the logo, the caption, the scratch, the stain, and is a clean clip called clean?"
    work = "detect"
    metrics = ("f1", "iou", "precision", "recall", "alarm", "alpha_error", "seconds", "peak")
    headline = "f1"
    methods = quick = ("static", "unet")
    protocol = (
        "Logos in a corner, subtitles, scratches on the lens and round stains of opacity 0.3, 0.6 and 1 before clips "
        "of 240 rows, and every "
        "clip as it is. True mask: opacity above 0.05.",
        "unet: what the blind network changes by more than 10 levels in half of the frames. still: pixels whose "
        "deviation over time is less "
        "than 0.35 of what is usual in the frame, the textbook's answer.",
        "Clean clips count for false alarms only.",
    )

    def cases(self, sources: Sources) -> Iterator[Case]:
        """Every clip with every blemish, and clean."""
        drawn = _QUICK if sources.quick else [(kind, opacity) for kind in _KINDS for opacity in _OPACITIES]
        for scene in sources.natural()[: 1 if sources.quick else None]:
            for kind, opacity in drawn:
                yield Case(f"{scene.name} {kind} {opacity:g}", scene.name, partial(_drawn, scene, kind, opacity))
            yield Case(f"{scene.name} clean", scene.name, partial(_clean, scene))

    def measure(self, material: Material, result: Result) -> Measures:
        """Overlap with the true mask; of clean clips whether anything is reported."""
        if result.mask is None:
            return {}
        if not material.hidden.any():
            return {"alarm": float(result.mask.any())}
        values = overlap(result.mask, material.hidden)
        if result.alpha is not None and material.alpha is not None:
            values["alpha_error"] = opacity_error(result.alpha, material.alpha, material.hidden)
        return values

    def references(self, material: Material) -> Mapping[str, Result]:
        """What hardly changes over time."""
        return {"still": Result(material.damaged, still_pixels(material.damaged))}

    def per_frame(self, material: Material, result: Result) -> dict[str, list[float]]:
        """A mask has no frames."""
        return {}


def _drawn(scene: Scene, kind: str, opacity: float) -> Material:
    truth = scene.read()
    return behind_layer(truth, _blemish(kind, opacity).layer(truth.shape[:3], seeded(scene.name, kind, opacity)))


def _clean(scene: Scene) -> Material:
    truth = scene.read()
    return Material(truth, np.zeros(truth.shape[1:3], np.bool_), truth)


def still_pixels(frames: Frames) -> Mask:
    """Pixels that vary little over time against what is usual in the frame, without specks: (H, W) bool."""
    deviation = np.stack([cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames]).astype(np.float32).std(axis=0)
    still = (deviation < _CALM * np.median(deviation)).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(still)
    large = stats[:, cv2.CC_STAT_AREA] >= _SMALLEST
    large[0] = False
    return np.asarray(large[labels])
