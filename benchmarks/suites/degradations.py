"""Whole frames that were spoilt: compression, noise, grain, too few levels, blur."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

import numpy as np

from vinpaint.benchmarks import metrics
from vinpaint.benchmarks.suites.contract import BASELINE, Case, Material, Measures, Result, Suite
from vinpaint.benchmarks.suites.sources import Scene, Sources, seeded
from vinpaint.refiner.artifacts import artifact_kind

KINDS = (
    "jpeg_compression",
    "video_compression",
    "gaussian_noise",
    "salt_pepper_noise",
    "film_grain",
    "color_banding",
    "blur",
)
SEVERITIES: Mapping[str, float] = {"mild": 0.2, "medium": 0.5, "strong": 0.8}
RESTORER = "artifact-v2"
_FRAMES = 24  # of a clip
_QUICK = ("gaussian_noise", "jpeg_compression")


class Degradations(Suite):
    """See the module."""

    name, title = "degradations", "Spoilt frames"
    question = "Nothing is in front of the scene, but every pixel has suffered: how much better does it get?"
    work = "clean"
    metrics = ("psnr", "ssim", "ciede", "warp", "flicker", "sharpness", "seconds", "peak")
    headline = "psnr"
    methods = quick = (RESTORER, BASELINE)
    protocol = (
        "The first 24 frames of clips at 432x240 (folders of clips: 240 rows), each spoilt in seven ways: JPEG; "
        "a video codec (H.264, H.265, MPEG-4 or VP9); noise of a sensor; white and black dots; film grain; too few "
        "levels; blur.",
        "mild, medium, strong: severities 0.2, 0.5 and 0.8 of 'vinpaint synth artifacts', in turn; what else chance "
        "decides follows from the clip's name. What is spoilt is stored without loss.",
        "input: nothing done. The methods are blind: nobody tells them what happened to the frames.",
    )
    excluded = ("No method is told the kind or the severity. What networks were taught with is in their cards.",)

    def cases(self, sources: Sources) -> Iterator[Case]:
        """Every clip, spoilt in every way, more or less; in a quick run each in one way."""
        severities = list(SEVERITIES)
        for index, scene in enumerate(sources.natural()):
            for number, kind in enumerate([_QUICK[index % len(_QUICK)]] if sources.quick else KINDS):
                severity = severities[(index + number) % len(severities)]
                name = f"{scene.name} {kind} {severity}"
                yield Case(name, scene.name, partial(_spoilt, scene, kind, severity))

    def measure(self, material: Material, result: Result) -> Measures:
        """Likeness of whole frames, and steadiness."""
        assert material.truth is not None
        frames, truth, everywhere = result.frames, material.truth, material.hidden
        return {
            "psnr": metrics.mean_psnr(frames, truth),
            "ssim": metrics.ssim(frames, truth),
            "ciede": metrics.ciede2000(frames, truth, everywhere),
            "warp": material.motion.warp_error(frames, everywhere),
            "flicker": metrics.flicker(frames, truth, everywhere),
            "sharpness": metrics.sharpness(frames, truth, everywhere),
        }


def _spoilt(scene: Scene, kind: str, severity: str) -> Material:
    truth, rng = scene.read()[:_FRAMES], seeded(scene.name, kind, severity)
    damaged = artifact_kind(kind).draw(rng, SEVERITIES[severity]).apply(truth, rng).frames
    return Material(damaged, np.ones(truth.shape[1:3], np.bool_), truth)
