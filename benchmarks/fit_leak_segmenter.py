"""Teach the baseline that segments leaks frame by frame: ``vinpaint.baselines.leak_segmenter``.

Run as ``python -m vinpaint.benchmarks.fit_leak_segmenter --clips FOLDER -o FILE [--label NAME] [--filters NAMES]``:
calls are composed from stills of clips whose licence allows it; a quarter of them is kept for judging.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor

from vinpaint.baselines.leak_segmenter import (
    FILTERS,
    LABELS,
    USUAL,
    LeakSegmenter,
    channels,
    describe,
    most_frequent,
)
from vinpaint.benchmarks.leak_calls import ComposedCall, compose, stills_of
from vinpaint.contracts import FloatMap
from vinpaint.refiner.losses import continuous_regression

SIZE = (640, 360)
CALLS, FRAMES, EVERY = 24, 40, 4
CROP, BATCH, RATE = 128, 8, 1e-3
ROUND, ROUNDS = 100, 20
"""Steps of a round, after which the loss on the calls that are kept is asked, and rounds at most."""

_NEAR = 0.8  # share of the crops that have a leak in them
_SHOWN = 25  # of 255: opacity from which a pixel leaks


@dataclass(frozen=True, eq=False)
class Lesson:
    """What is seen of a frame (C, H, W) float16, its label (H, W) float16, and where it leaks (H, W) bool."""

    maps: NDArray[np.float16]
    label: NDArray[np.float16]
    leak: NDArray[np.bool_]


def main(arguments: list[str]) -> int:
    """Teach, save the weights, and say how right they are; the exit status."""
    parser = argparse.ArgumentParser(description="Teach the baseline that segments leaks frame by frame.")
    parser.add_argument("--clips", type=Path, required=True, help="folder of clips whose licence allows it")
    parser.add_argument("-o", "--output", type=Path, required=True, help="safetensors file")
    parser.add_argument("--label", choices=LABELS, default="combined", help="what is taught (default: %(default)s)")
    parser.add_argument("--filters", type=lambda text: text.split(","), default=USUAL, help=f"of {', '.join(FILTERS)}")
    parser.add_argument("--calls", type=int, default=CALLS, help="that are composed (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="of a hundred steps (default: %(default)s)")
    options = parser.parse_args(arguments)
    stills = stills_of(options.clips, SIZE)
    calls = [
        list(lessons(compose(stills, np.random.default_rng((3, number)), blurred=number % 2 == 1, count=FRAMES),
                     options.label, options.filters))
        for number in range(options.calls)
    ]  # fmt: skip
    kept = max(1, len(calls) // 4)
    taught, judged = (list(chain.from_iterable(part)) for part in (calls[kept:], calls[:kept]))
    network = fit(taught, judged, channels(options.filters), options.rounds)
    save_file(network.state_dict(), options.output)
    print(", ".join(f"{name} {value:.3f}" for name, value in measure(network, judged).items()), flush=True)
    return 0


def lessons(call: ComposedCall, label: str, filters: Sequence[str]) -> Iterator[Lesson]:
    """Every fourth frame of a call."""
    usual = most_frequent(call.frames)
    for frame, opacity in zip(call.frames[::EVERY], call.opacity[::EVERY], strict=True):
        maps, similar = describe(frame, usual, filters), LABELS[label](frame, call.room)
        yield Lesson(maps.astype(np.float16), similar.astype(np.float16), opacity >= _SHOWN)


def fit(taught: list[Lesson], judged: list[Lesson], fed: int, rounds: int, seed: int = 0) -> LeakSegmenter:
    """The network that was best on the lessons that are kept, by Adam, slower where that stops to help."""
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    network = LeakSegmenter(fed)
    optimiser = torch.optim.Adam(network.parameters(), lr=RATE)
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimiser, factor=0.5, patience=2)
    exam = _batch(judged, np.random.default_rng(seed + 1), 6 * BATCH)
    best, least = network.state_dict(), np.inf
    for number in range(rounds):
        network.train()
        for _ in range(ROUND):
            optimiser.zero_grad()
            torch.autograd.backward(continuous_regression(*_answered(network, _batch(taught, rng, BATCH))))
            optimiser.step()
        network.eval()
        with torch.inference_mode():
            loss = float(continuous_regression(*_answered(network, exam)))
        schedule.step(loss)
        print(f"round {number}: loss {loss:.4f}", flush=True)
        if loss < least:
            best, least = {name: each.clone() for name, each in network.state_dict().items()}, loss
    network.load_state_dict(best)
    return network.eval()


def _answered(network: LeakSegmenter, batch: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    maps, label = batch
    with torch.autocast("cpu", torch.bfloat16):
        result = network(maps.contiguous(memory_format=torch.channels_last))
    return result.float(), label


def _batch(pool: list[Lesson], rng: np.random.Generator, count: int) -> tuple[Tensor, Tensor]:
    crops = [_crop(pool[rng.integers(len(pool))], rng) for _ in range(count)]
    maps, labels = (torch.from_numpy(np.stack(part).astype(np.float32)) for part in zip(*crops, strict=True))
    return maps, labels[:, None]


def _crop(lesson: Lesson, rng: np.random.Generator) -> tuple[NDArray[np.float16], NDArray[np.float16]]:
    height, width = lesson.label.shape
    leaking = np.flatnonzero(lesson.leak)
    near = len(leaking) and rng.random() < _NEAR
    y, x = divmod(int(rng.choice(leaking)), width) if near else (rng.integers(height), rng.integers(width))
    top, left = (
        int(np.clip(place + rng.integers(-CROP, 1), 0, most - CROP)) for place, most in ((y, height), (x, width))
    )
    part = np.s_[top : top + CROP, left : left + CROP]
    maps, label = lesson.maps[:, part[0], part[1]], lesson.label[part]
    return (maps[..., ::-1], label[..., ::-1]) if rng.random() < 0.5 else (maps, label)


def measure(network: LeakSegmenter, judged: list[Lesson]) -> dict[str, float]:
    """Mean error of the similarity on whole frames, and the precision of the leaks among as many pixels as leak."""
    errors, right, count = [], 0, 0
    for lesson in judged:
        with torch.inference_mode():
            maps = torch.from_numpy(lesson.maps.astype(np.float32))[None]
            seen: FloatMap = network(maps)[0, 0].numpy()
        errors.append(float(np.abs(seen - lesson.label).mean()))
        wanted = int(lesson.leak.sum())
        if wanted:
            found = np.argpartition(seen.reshape(-1), -wanted)[-wanted:]
            right, count = right + int(lesson.leak.reshape(-1)[found].sum()), count + wanted
    return {"error": float(np.mean(errors)), "precision": right / max(count, 1)}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
