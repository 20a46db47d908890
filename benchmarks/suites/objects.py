"""Things that move through the picture and are to be removed; what is behind them is known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from vinpaint.benchmarks.suites.contract import FILLS, QUICK_FILLS, Case, Material, Measures, Result, Suite
from vinpaint.benchmarks.suites.sources import Scene, Sources, read_masks, seeded
from vinpaint.benchmarks.suites.static_masks import EXCLUDED, destroyed, fill_measures, fill_references, random_shape
from vinpaint.contracts import Mask
from vinpaint.errors import InputError
from vinpaint.refiner.synthetic import HANDHELD, PAN, STATIC, Motion, moving_scene

_GROWN = 4  # pixels by which object masks are grown, as users are told to
_PAINTED: tuple[tuple[str, int, Motion], ...] = (
    ("car-pan", 3, PAN),
    ("car-handheld", 5, HANDHELD),
    ("car-still", 9, STATIC),
)
_FRAMES = 60


class Objects(Suite):
    """See the module."""

    name, title = "objects", "Things that move"
    question = "Something passes before the scene, and is marked in every frame: is it as if it had never been there?"
    work = "fill"
    metrics = (
        "psnr_hole",
        "psnr",
        "ssim",
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
    headline = "psnr_hole"
    methods, quick = FILLS, QUICK_FILLS
    protocol = (
        "Painted scenes: filmed with and without a car; the mask is where the two differ, grown by 4 pixels. The car "
        "stays in the input.",
        "DAVIS: object masks of the next sequence, grown by 4 pixels, are cut out of a sequence, so that the truth is "
        "known (removing the "
        "sequence's own object leaves nothing to compare with). Folders of clips: a random shape that drifts.",
        "Pixels that were cut out are grey (128). truth: the true frames themselves, for their E_warp.",
    )
    excluded = EXCLUDED

    def cases(self, sources: Sources) -> Iterator[Case]:
        """Painted cars where no folder is given, else objects of others before the clips."""
        if sources.painted_only:
            for name, seed, motion in _PAINTED[: 1 if sources.quick else None]:
                if sources.wanted(name):
                    yield Case(name, name, partial(_car, sources.frames(_FRAMES), seed, motion))
            return
        homes = list(sources.objects().values())
        for scene in sources.davis_clips():
            yield Case(scene.name, scene.name, partial(_borrowed, scene, _next_to(scene.name, homes)))
        for scene in sources.folder_clips():
            yield Case(scene.name, scene.name, partial(_drifting, scene))

    def measure(self, material: Material, result: Result) -> Measures:
        """See :meth:`Suite.measure`."""
        return fill_measures(material, result)

    def references(self, material: Material) -> Mapping[str, Result]:
        """The input, and the truth."""
        return fill_references(material)


def _car(count: int, seed: int, motion: Motion) -> Material:
    with_car, without = (moving_scene(count, 240, 432, seed=seed, motion=motion, car=car) for car in (True, False))
    return Material(with_car, _grown(np.any(with_car != without, axis=-1)), without)


def _next_to(name: str, homes: Sequence[Path]) -> Path:
    """The object masks of the next sequence."""
    names = [home.name for home in homes]
    if name not in names or len(names) < 2:
        raise InputError(f"the sequence {name} needs masks of its object and of another's; complete the DAVIS folder")
    return homes[(names.index(name) + 1) % len(homes)]


def _borrowed(scene: Scene, home: Path) -> Material:
    truth = scene.read()
    masks = read_masks(home, len(truth), (truth.shape[2], truth.shape[1]))
    there_and_back = np.concatenate([masks, masks[::-1]])
    return destroyed(truth, _grown(there_and_back[np.arange(len(truth)) % len(there_and_back)]))


def _drifting(scene: Scene) -> Material:
    truth = scene.read()
    rng = seeded(scene.name, "drift")
    shape = random_shape(rng, truth.shape[1:3]).astype(np.uint8)
    step = rng.uniform(-2, 2, 2)
    moved = [_shifted(shape, step * (index - len(truth) / 2)) for index in range(len(truth))]
    return destroyed(truth, np.stack(moved))


def _shifted(
    shape: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], by: np.ndarray[tuple[int, ...], np.dtype[np.float64]]
) -> Mask:
    matrix = np.array([[1, 0, by[0]], [0, 1, by[1]]])
    return np.asarray(cv2.warpAffine(shape, matrix, shape.shape[::-1], flags=cv2.INTER_NEAREST) > 0)


def _grown(masks: Mask) -> Mask:
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * _GROWN + 1, 2 * _GROWN + 1))
    return np.stack([cv2.dilate(mask.astype(np.uint8), kernel) > 0 for mask in masks])
