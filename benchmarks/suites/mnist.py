"""Moving digits behind a stain: the ground on which the pure U-Net was taught, with digits that it never saw."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

import numpy as np

from vinpaint.benchmarks.suites.contract import CLEANS, QUICK_CLEANS, Case, Material, Measures, Result, Suite
from vinpaint.benchmarks.suites.sources import Sources, seeded
from vinpaint.benchmarks.suites.stains import Kind, stain_measures, stain_references, stained
from vinpaint.contracts import Frames
from vinpaint.refiner.digits import FOR_TRAINING, SIZE, SPEED, Digits, bounce, read_digits, room_for
from vinpaint.refiner.drawing import Generator, letters

_CLIPS, _QUICK = 8, 2
_FRAMES, _QUICK_FRAMES = 120, 40
_STAIN = Kind(1, (25, 25), (0.7, 1.0), (0.5, 1.0))


class DigitClips(Suite):
    """See the module."""

    name, title = "mnist", "Moving digits"
    question = "Digits bounce behind a stain, before black: a home game for the U-Net, which was taught with such."
    work = "clean"
    metrics = (
        "psnr_hole",
        "psnr",
        "psnr_out",
        "ssim_hole",
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
        "Two or three white digits of 28x28 move straight on, 1.5 to 4 pixels a frame, and bounce, before black, "
        "128x72, 120 frames; one "
        "stain of radius 25, peak 0.7 to 1, hardness 0.5 to 1; stored without loss.",
        "With --idx FILE: handwritten digits (MNIST), from index 8000 on; networks were taught with those before. "
        "Without: printed digits, "
        "which no network has seen either.",
    )
    excluded = ("Digits of the training set are never shown.",)

    def cases(self, sources: Sources) -> Iterator[Case]:
        """Some clips, of handwritten digits if there are any."""
        for index in range(_QUICK if sources.quick else _CLIPS):
            name = f"mnist{index}"
            if sources.wanted(name):
                yield Case(name, name, partial(_clip, name, sources))

    def measure(self, material: Material, result: Result) -> Measures:
        """See :meth:`Suite.measure`."""
        return stain_measures(material, result)

    def references(self, material: Material) -> Mapping[str, Result]:
        """The input, and the stain inverted with its true parameters."""
        return stain_references(material)


def _clip(name: str, sources: Sources) -> Material:
    count = min(_QUICK_FRAMES if sources.quick else _FRAMES, sources.limit or _FRAMES)
    return stained(partial(_scene, name, sources, count), _STAIN, seeded(name, "A"))


def _scene(name: str, sources: Sources, count: int) -> Frames:
    idx = sources.idx
    digits = printed_digits() if idx is None else read_digits(idx, count=1 << 20)[FOR_TRAINING:]
    return bouncing(digits, seeded(name), count)


def printed_digits() -> Digits:
    """The ten digits, (10, 28, 28) uint8, as a printer has them."""
    canvas = np.zeros((10, 28, 28), np.uint8)
    for value, picture in enumerate(canvas):
        sign = np.rint(255 * letters(str(value), 20, weight=0.06)).astype(np.uint8)[:28, :28]
        top, left = (28 - sign.shape[0]) // 2, (28 - sign.shape[1]) // 2
        picture[top : top + sign.shape[0], left : left + sign.shape[1]] = sign
    return canvas


def bouncing(digits: Digits, rng: Generator, count: int) -> Frames:
    """Two or three digits that move straight on and bounce off the borders: (T, 72, 128, 3) uint8."""
    frames = np.zeros((count, SIZE[1], SIZE[0], 3), np.uint8)
    for digit in digits[rng.integers(0, len(digits), rng.integers(2, 4))]:
        # The order of the draws is not that of moving_digits; the clips of earlier results hang on it.
        start, angle = rng.uniform(0, room_for(digit, SIZE)), rng.uniform(0, 2 * np.pi)
        bounce(frames, digit[..., None], start, rng.uniform(*SPEED) * np.array([np.cos(angle), np.sin(angle)]))
    return frames
