"""Holes that never move: the "stationary mask" protocol of the papers on video inpainting."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

import cv2
import numpy as np

from vinpaint.benchmarks import metrics
from vinpaint.benchmarks.suites.contract import (
    FILLS,
    QUICK_FILLS,
    Case,
    Material,
    Measures,
    Result,
    Suite,
    hole_measures,
    outside_changed,
    split_measures,
)
from vinpaint.benchmarks.suites.sources import Scene, Sources, seeded
from vinpaint.contracts import Frames, Mask
from vinpaint.refiner.drawing import Generator

GREY = 128
"""Level of the pixels that a hole destroyed."""

EXCLUDED = (
    "Published programs compute their optical flow from the unmasked frames and complete it afterwards, so that "
    "motion at the rim of "
    "the hole is known exactly (FGVC, E2FGVI's and ProPainter's evaluation). Here frames are destroyed first: inside "
    "the hole "
    "everything is grey, in the file too.",
    "Published programs paste the true frame back outside the mask. Here what a method wrote counts; 'outside "
    "changed' tells if it "
    "touched anything.",
)


class StaticMasks(Suite):
    """See the module."""

    name, title = "static-masks", "Holes that never move"
    question = "An opaque shape stands at the same place in every frame, and where it is is known: what was behind it?"
    work = "fill"
    metrics = (
        "psnr",
        "ssim",
        "psnr_hole",
        "psnr_seen",
        "psnr_unseen",
        "warp",
        "flicker",
        "ciede",
        "sharpness",
        "outside",
        "seconds",
        "peak",
    )
    headline = "psnr"
    methods, quick = FILLS, QUICK_FILLS
    protocol = (
        "Clips at 432x240 (folders of clips: 240 rows); the pixels under one mask become grey (128) in all frames; "
        "the mask is given. "
        "Means are over frames, as in the papers.",
        "The mask is the one that a DAVIS folder brings in static_masks/, else one random shape a clip in the manner "
        "of STTN (Zeng, Fu, "
        "Chao, ECCV 2020): a closed smooth curve through 6 to 8 points, each side a third to all of the frame's.",
        "truth: the true frames themselves, for their E_warp.",
    )
    excluded = EXCLUDED
    by_frames = True

    def cases(self, sources: Sources) -> Iterator[Case]:
        """Every clip with its mask."""
        for scene in sources.natural():
            yield Case(scene.name, scene.name, partial(_holed, scene, sources))

    def measure(self, material: Material, result: Result) -> Measures:
        """See :meth:`Suite.measure`."""
        return fill_measures(material, result)

    def references(self, material: Material) -> Mapping[str, Result]:
        """The input, and the truth."""
        return fill_references(material)


def fill_measures(material: Material, result: Result) -> Measures:
    """Whole frames, the hole, its parts that were seen and never seen, and steadiness; of the truth only
    what varies."""
    assert material.truth is not None
    if result.frames is material.truth:
        return {"warp": material.motion.warp_error(result.frames, material.hidden)}
    return {
        **hole_measures(material, result),
        **split_measures(material, result),
        "psnr": metrics.mean_psnr(result.frames, material.truth),
        "ssim": metrics.ssim(result.frames, material.truth),
        "outside": outside_changed(material, result),
    }


def fill_references(material: Material) -> Mapping[str, Result]:
    """The input, and the truth."""
    assert material.truth is not None
    return {"input": Result(material.damaged), "truth": Result(material.truth)}


def _holed(scene: Scene, sources: Sources) -> Material:
    truth = scene.read()
    given = sources.static_mask(scene.name)
    hidden = random_shape(seeded(scene.name, "shape"), truth.shape[1:3]) if given is None else given
    return destroyed(truth, hidden)


def destroyed(truth: Frames, hidden: Mask) -> Material:
    """A clip of which the hidden pixels, (H, W) or (T, H, W), are grey."""
    damaged = truth.copy()
    damaged[np.broadcast_to(hidden, truth.shape[:3])] = GREY
    return Material(damaged, hidden, truth)


def random_shape(rng: Generator, shape: tuple[int, ...]) -> Mask:
    """A closed smooth curve through some points, filled, somewhere in a frame (H, W)."""
    height, width = shape
    sides = np.array([rng.integers(width // 3, width), rng.integers(height // 3, height)])
    corners = rng.integers(6, 9)
    turn = np.sort(rng.uniform(0, 2 * np.pi, corners))
    reach = 0.5 * rng.uniform(0.35, 0.8, corners)
    points = reach[:, None] * np.c_[np.cos(turn), np.sin(turn)] * sides
    centre = rng.uniform(0.25, 0.75, 2) * (width, height)
    mask = np.zeros((height, width), np.uint8)
    cv2.fillPoly(mask, [np.rint(_smooth(points) + centre).astype(np.int32)], 1)
    return np.asarray(mask > 0)


def _smooth(
    points: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """A closed curve through points (N, 2): trigonometric interpolation, sixteen times as dense."""
    from scipy.signal import resample

    return np.asarray(resample(points, 16 * len(points)))
