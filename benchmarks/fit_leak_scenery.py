"""Teach the network that tells what a call shows of its surroundings: the weights of ``vinpaint.leak.scenery``.

Run as ``python -m vinpaint.benchmarks.fit_leak_scenery --clips FOLDER -o FILE``: calls are composed from stills of
clips whose licence allows it; see ``leak_calls``.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from vinpaint.benchmarks.descent import descend, random_weights
from vinpaint.benchmarks.leak_calls import SOLID, ComposedCall, compose, stills_of, teaching_options
from vinpaint.benchmarks.leaks import RIGHT, colour_distance
from vinpaint.contracts import FloatMap
from vinpaint.leak.background import most_constant
from vinpaint.leak.scenery import LAYERS, WIDTHS, describe
from vinpaint.leak.unet import forward

SIZE = (960, 540)
CALLS, LENGTHS = 160, (80, 120, 160)
STEPS, BATCH, RATE = 3000, 4, 3e-3
CROP = (288, 512)
ABOUT = {"licence": "as vinpaint", "recipe": "python -m vinpaint.benchmarks.fit_leak_scenery --clips FOLDER -o FILE"}

_SHOWN = 4.0  # colour distance within which it is the background that shows
_LEAKING = 4.0  # by how much more it counts where the room shows fully


@dataclass(frozen=True, eq=False)
class Lesson:
    """What the network is told (ROWS, w, CHANNELS), what is true (ROWS, w, OUTPUTS), 0 to 1, and what it counts."""

    maps: FloatMap
    truth: FloatMap
    weight: FloatMap


def main(arguments: list[str]) -> int:
    """Teach, and save the weights; the exit status."""
    options = teaching_options(
        arguments, "Teach the network that tells what a call shows of its surroundings.", calls=CALLS, steps=STEPS
    )
    stills = stills_of(options.clips, SIZE)
    taught = []
    for number in range(options.calls):
        rng, count = np.random.default_rng((311, number)), LENGTHS[number // 2 % len(LENGTHS)]
        taught.append(lesson(compose(stills, rng, blurred=number % 2 == 1, count=count)))
    weights = fit(taught, options.steps)
    save_file({name: each.to(torch.float16) for name, each in weights.items()}, options.output, ABOUT)
    return 0


def lesson(call: ComposedCall) -> Lesson:
    """What the network is told of a call, and is to answer."""
    found = most_constant(call.frames)
    maps = describe(found)

    def small(flags: NDArray[np.generic]) -> FloatMap:
        whole = flags.astype(np.float32)
        return cv2.resize(whole, maps.shape[1::-1], interpolation=cv2.INTER_AREA).astype(np.float32)

    shown = colour_distance(found.picture, call.virtual) < _SHOWN
    plain = colour_distance(found.picture, call.room) < RIGHT
    free = call.people.min(axis=0) <= 255 * SOLID
    truth = np.dstack([small(shown), small(plain), small(free)])
    return Lesson(maps, truth, 1 + _LEAKING / 255 * small(call.opacity.max(axis=0)))


def fit(taught: list[Lesson], steps: int, seed: int = 0) -> dict[str, Tensor]:
    """Weights of the network by stochastic gradient descent (Adam)."""
    rng = np.random.default_rng(seed)
    weights = random_weights(LAYERS, rng)

    def next_loss() -> Tensor:
        crops = [_varied(taught[rng.integers(len(taught))], rng) for _ in range(BATCH)]
        maps, truth, weight = (torch.from_numpy(np.stack(part)) for part in zip(*crops, strict=True))
        with torch.autocast("cpu", torch.bfloat16):
            logits = forward(weights, maps.contiguous(memory_format=torch.channels_last), len(WIDTHS))
        return (binary_cross_entropy_with_logits(logits.float(), truth, reduction="none") * weight).mean()

    descend(weights, next_loss, steps=steps, rate=RATE, every=50)
    return {name: each.detach() for name, each in weights.items()}


def _varied(one: Lesson, rng: np.random.Generator) -> tuple[FloatMap, FloatMap, FloatMap]:
    """A part of a lesson in another size, mirrored or not, its colours exchanged, or negative."""
    scale = rng.uniform(0.8, 1.3)
    size = tuple(max(round(scale * side), least) for side, least in zip(one.maps.shape[1::-1], CROP[::-1], strict=True))
    maps, truth, weight = (cv2.resize(each, size) for each in (one.maps, one.truth, one.weight))
    top, left = (int(rng.integers(0, side - least + 1)) for side, least in zip(size[::-1], CROP, strict=True))
    part = np.s_[top : top + CROP[0], left : left + CROP[1]]
    mirrored = slice(None, None, -1 if rng.random() < 0.5 else 1)
    maps, truth, weight = (each[part][:, mirrored] for each in (maps, truth, weight))
    sign = -1 if rng.random() < 0.3 else 1
    maps = np.concatenate([sign * maps[..., rng.permutation(3)], maps[..., 3:]], axis=-1)
    planar = maps.transpose(2, 0, 1), truth.transpose(2, 0, 1), weight[None]
    first, second, third = (np.ascontiguousarray(each, np.float32) for each in planar)
    return first, second, third


if __name__ == "__main__":
    cv2.setNumThreads(1)
    sys.exit(main(sys.argv[1:]))
