"""Teach the network that tells the mask of a call service: the weights of ``vinpaint.leak.network``.

Run as ``python -m vinpaint.benchmarks.fit_leak_net --clips FOLDER -o FILE``: calls are composed from stills of clips
whose licence allows it; see ``leak_calls``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
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
from vinpaint.contracts import Frames
from vinpaint.leak.background import Backdrop, most_constant
from vinpaint.leak.network import CHANNELS, LAYERS, OFFSETS, SURE, VAGUE, WIDTHS
from vinpaint.leak.scenery import look
from vinpaint.leak.unet import ROWS, forward

SIZE = (960, 540)
CALLS, FRAMES = 42, 56
STEPS, BATCH, RATE = 3000, 16, 3e-3
CROP = (80, 96)
ABOUT = {"licence": "as vinpaint", "recipe": "python -m vinpaint.benchmarks.fit_leak_net --clips FOLDER -o FILE"}

_WIDTH = ROWS * SIZE[0] // SIZE[1]
_NEAR = 0.85  # share of the crops that have a leak in them
_OPEN, _BAND = 0.05, 0.03  # opacities from which it counts who stands there, and how open the mask is


@dataclass(frozen=True, eq=False)
class Lesson:
    """A call as the network sees it: all (T or none, ROWS, w[, 3]) uint8, and indices of pixels that leak."""

    frames: Frames
    picture: Frames
    seen: NDArray[np.uint8]
    masks: NDArray[np.uint8]
    people: NDArray[np.uint8]
    band: list[NDArray[np.int64]]


def main(arguments: list[str]) -> int:
    """Teach, and save the weights; the exit status."""
    options = teaching_options(
        arguments, "Teach the network that tells the mask of a call service.", calls=CALLS, steps=STEPS
    )
    stills = stills_of(options.clips, SIZE)
    taught = []
    for number in range(options.calls):
        call = compose(stills, np.random.default_rng((7, number)), blurred=number // 2 % 2 == 1, count=FRAMES)
        taught.append(lesson(call, look(most_constant(call.frames))))
    weights = fit(taught, options.steps)
    save_file({name: each.to(torch.float16) for name, each in weights.items()}, options.output, ABOUT)
    return 0


def lesson(call: ComposedCall, backdrop: Backdrop) -> Lesson:
    """What the network sees of a call, and is to answer."""
    masks, people = _small(call.masks), _small(call.people)
    band = (masks > 255 * _BAND) & (people < 255 * SOLID)
    return Lesson(
        _small(call.frames),
        _small([backdrop.picture])[0],
        _small([backdrop.seen.astype(np.uint8) * 255])[0],
        masks,
        people,
        [np.flatnonzero(each) for each in band],
    )


def _small(pictures: Iterable[Frames]) -> Frames:
    return np.stack([cv2.resize(one, (_WIDTH, ROWS), interpolation=cv2.INTER_AREA) for one in pictures])


def fit(taught: list[Lesson], steps: int, seed: int = 0) -> dict[str, Tensor]:
    """Weights of the network by stochastic gradient descent (Adam)."""
    rng = np.random.default_rng(seed)
    weights = random_weights(LAYERS, rng)

    def next_loss() -> Tensor:
        crops = [_crop(taught[rng.integers(len(taught))], rng) for _ in range(BATCH)]
        pictures, masks, people = (torch.from_numpy(np.stack(part)).float() / 255 for part in zip(*crops, strict=True))
        with torch.autocast("cpu", torch.bfloat16):
            maps = forward(weights, (pictures - 0.5).contiguous(memory_format=torch.channels_last), len(WIDTHS))
        return loss_of(maps.float(), masks, people)

    descend(weights, next_loss, steps=steps, rate=RATE, every=100)
    return {name: each.detach() for name, each in weights.items()}


def loss_of(maps: Tensor, masks: Tensor, people: Tensor) -> Tensor:
    """The opacity with its error (Laplace's likelihood) where the room shows, the opacity anywhere, and who is there.

    Parameters
    ----------
    maps : (N, 3, h, w)
        Of :data:`vinpaint.leak.network.LAYERS`.
    masks, people : (N, h, w)
        0 to 1.
    """
    clear = (people < SOLID).float()
    band, told = clear * (masks > _BAND), (masks > _OPEN) & ((people < SOLID) | (people > 0.3))
    error = maps[:, 1].clamp(SURE, VAGUE)
    likely = (maps[:, 0].sigmoid() - masks).abs() * torch.exp(-error) + error
    empty = binary_cross_entropy_with_logits(maps[:, 2], clear, reduction="none")
    return (
        _mean(likely, band)
        + 2 * binary_cross_entropy_with_logits(maps[:, 0], masks)
        + _mean(empty, told * (1 + 3 * clear))
    )


def _mean(values: Tensor, weight: Tensor) -> Tensor:
    return (values * weight).sum() / weight.sum().clamp(min=1)


def _crop(one: Lesson, rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    """A part of a lesson, mirrored or not, its colours exchanged, or negative."""
    count, (rows, columns) = len(one.frames), CROP
    number = int(rng.integers(count))
    y, x = rng.integers(ROWS), rng.integers(_WIDTH)
    if len(one.band[number]) and rng.random() < _NEAR:
        y, x = np.divmod(rng.choice(one.band[number]), _WIDTH) + rng.integers(-20, 21, 2)
    top, left = int(np.clip(y - rows // 2, 0, ROWS - rows)), int(np.clip(x - columns // 2, 0, _WIDTH - columns))
    part = np.s_[top : top + rows, left : left + columns]
    order = rng.permutation(3)
    pictures = [one.frames[np.clip(number + offset, 0, count - 1)][part][..., order] for offset in OFFSETS]
    stack = np.dstack([*pictures, one.picture[part][..., order], one.seen[part]])
    if rng.random() < 0.3:
        stack[..., : CHANNELS - 1] = 255 - stack[..., : CHANNELS - 1]
    maps = stack.transpose(2, 0, 1), one.masks[number][part], one.people[number][part]
    mirrored = slice(None, None, -1 if rng.random() < 0.5 else 1)
    stacked, mask, person = (np.ascontiguousarray(each[..., mirrored]) for each in maps)
    return stacked, mask, person


if __name__ == "__main__":
    cv2.setNumThreads(1)
    sys.exit(main(sys.argv[1:]))
