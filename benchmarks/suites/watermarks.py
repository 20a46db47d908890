"""Translucent marks: drawn ones, of which the truth is known, and real ones, of which only what is left can be told."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from vinpaint.benchmarks import metrics
from vinpaint.benchmarks.suites.contract import CLEANS, QUICK_CLEANS, Case, Material, Measures, Result, Suite
from vinpaint.benchmarks.suites.sources import Scene, Sources, seeded
from vinpaint.benchmarks.suites.stains import behind_layer, stain_measures
from vinpaint.contracts import Frames, Mask
from vinpaint.masks import read_mask
from vinpaint.refiner.artifacts import ChannelLogo, CornerLogo, DiagonalText, Overlay
from vinpaint.video.clips import read_clip

_MARKS: dict[str, Overlay] = {
    "corner": CornerLogo(opacity=0.5),
    "channel": ChannelLogo(opacity=0.35),
    "diagonal": DiagonalText(opacity=0.25),
}
_QUICK = ("corner",)
_LONGEST = 120  # frames of a real clip
_STILL = 6.0  # how many times the usual static gradient a mark's edge has


class Watermarks(Suite):
    """See the module."""

    name, title = "watermarks", "Logos and watermarks"
    question = (
        "A mark with sharp edges lies over the picture. Nobody says where: is it gone, and the detail still there?"
    )
    work = "clean"
    metrics = (
        "left",
        "detail",
        "psnr_hole",
        "psnr_out",
        "ssim_hole",
        "ciede",
        "flicker",
        "iou",
        "alpha_error",
        "seconds",
        "peak",
    )
    headline = "psnr_hole"
    methods, quick = CLEANS, QUICK_CLEANS
    protocol = (
        "Drawn marks before clips of 240 rows: a company's logo in a corner (opacity 0.5), a channel's (0.35), "
        "letters across the frame "
        "(0.25); stored as H.264 at CRF 20.",
        "Real marks (--marks DIR): the clips as they are, at most 120 frames, own size. The mark is where the picture "
        "NAME_mask.png "
        "beside a clip says; without one, where static edges are six times as strong as usual in the frame. No truth "
        "is known: "
        "what is left and what detail is kept are all that is measured.",
    )
    excluded = ("No method is told the mask or the template of the mark.",)

    def cases(self, sources: Sources) -> Iterator[Case]:
        """Every clip behind every drawn mark, and the real ones."""
        for path in sources.marked():
            yield Case(path.stem, path.stem, partial(_real, path, sources.limit))
        if sources.marks is not None and sources.painted_only:
            return
        for scene in sources.natural()[: 1 if sources.quick else None]:
            for name in _QUICK if sources.quick else _MARKS:
                yield Case(f"{scene.name} {name}", scene.name, partial(_marked, scene, name))

    def measure(self, material: Material, result: Result) -> Measures:
        """What is left, and, where the truth is known, likeness."""
        values = {
            "left": metrics.mark_left(result.frames, material.damaged, material.hidden),
            "detail": metrics.detail_kept(result.frames, material.damaged, material.hidden),
        }
        return values if material.truth is None else {**values, **stain_measures(material, result)}


def _marked(scene: Scene, name: str) -> Material:
    truth = scene.read()
    return behind_layer(truth, _MARKS[name].layer(truth.shape[:3], seeded(scene.name, name)), crf=20)


def _real(path: Path, limit: int | None) -> Material:
    frames = read_clip(path, count=min(_LONGEST, limit or _LONGEST))
    mask = path.with_name(f"{path.stem}_mask.png")
    hidden = read_mask(mask, (frames.shape[2], frames.shape[1])).frame(0) if mask.is_file() else static_edges(frames)
    return Material(frames, hidden, crf=None)


def static_edges(frames: Frames) -> Mask:
    """Where edges stand still that are far stronger than usual: (H, W) bool, closed to whole strokes."""
    strength = np.hypot(*metrics.median_gradient(frames))
    usual = np.median(strength) + 1
    core = (strength > _STILL * usual).astype(np.uint8)
    closed = cv2.morphologyEx(core, cv2.MORPH_CLOSE, np.ones((7, 7), np.uint8))
    opened = cv2.morphologyEx(closed, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    return np.asarray(cv2.dilate(opened, np.ones((5, 5), np.uint8)) > 0)
