"""Teach the network that tells marks and stains from the scene: the weights of ``vinpaint.detect.net``.

Run as ``python -m vinpaint.benchmarks.fit_net --clips FOLDER -o FILE``: marks and stains are drawn before painted
scenes, and before clips of a folder whose licence allows it; see ``marked_scenes``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import save_file
from torch.nn.functional import binary_cross_entropy_with_logits

from vinpaint.benchmarks.descent import descend, random_weights
from vinpaint.benchmarks.marked_scenes import EDGE, blemished, compressed, scenes
from vinpaint.contracts import FloatMap, Frames
from vinpaint.detect.maps import describe
from vinpaint.detect.net import LAYERS, LEVELS
from vinpaint.leak.unet import layered
from vinpaint.video.clips import clips_in

SCENES, SEED = 260, 1
STEPS, BATCH, RATE = 5000, 2, 2e-3
ABOUT = {"licence": "as vinpaint", "recipe": "python -m vinpaint.benchmarks.fit_net --clips FOLDER -o FILE"}
BARELY = 0.01  # opacity from which a pixel is not taught to be clear
MOSTLY_CLEAR = -4.0  # logit that a pixel begins with
HEAVY = 3.0  # weight of a pixel on a blemish: there are few


@dataclass(frozen=True, eq=False)
class Lesson:
    """What is seen (C, h, w) float16 and the opacities (2, h, w) float16 behind it, block by block."""

    maps: NDArray[np.float16]
    alphas: NDArray[np.float16]


def main(arguments: list[str]) -> int:
    """Fit, and save the weights; the exit status."""
    parser = argparse.ArgumentParser(description="Teach the network that tells marks and stains from the scene.")
    parser.add_argument("--clips", type=Path, help="folder of clips whose licence allows it")
    parser.add_argument("-o", "--output", type=Path, required=True, help="safetensors file")
    parser.add_argument("--scenes", type=int, default=SCENES, help="that are filmed (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=STEPS, help="of the descent (default: %(default)s)")
    options = parser.parse_args(arguments)
    clips = clips_in(options.clips) if options.clips else []
    lessons = list(prepare(clips, options.scenes))
    weights = fit(lessons, options.steps)
    save_file({name: each.astype(np.float16) for name, each in weights.items()}, options.output, ABOUT)
    return 0


def prepare(clips: list[Path], count: int, seed: int = SEED) -> Iterator[Lesson]:
    """Scenes as the network sees them: clean, and twice with blemishes."""
    rng = np.random.default_rng(seed + 7)
    for frames in scenes(clips, count, seed):
        clear = np.zeros((2, *frames.shape[1:3]), np.float32)
        yield _lesson(compressed(frames, rng), clear)
        for _ in range(2):
            yield _lesson(*blemished(frames, rng))


def _lesson(frames: Frames, alphas: FloatMap) -> Lesson:
    blocks = np.stack([alphas[:, row::2, column::2] for row in (0, 1) for column in (0, 1)])
    return Lesson(describe(frames).astype(np.float16), blocks.max(axis=0).astype(np.float16))


def fit(lessons: list[Lesson], steps: int, seed: int = 0) -> dict[str, FloatMap]:
    """Weights of the network by stochastic gradient descent (Adam)."""
    rng = np.random.default_rng(seed)
    weights = random_weights(LAYERS, rng, bias=MOSTLY_CLEAR)

    def next_loss() -> torch.Tensor:
        drawn = (_varied(lessons[rng.integers(len(lessons))], rng) for _ in range(BATCH))
        return torch.stack([_loss(weights, *each) for each in drawn]).mean()

    descend(weights, next_loss, steps=steps, rate=RATE, every=500)
    return {name: each.detach().numpy() for name, each in weights.items()}


def forward(weights: dict[str, torch.Tensor], maps: torch.Tensor) -> torch.Tensor:
    """What ``vinpaint.detect.net`` computes: logits (N, OUTPUTS, h, w) of maps (N, C, h, w)."""
    return layered(weights, maps, LEVELS, ceil_mode=True)


def _loss(weights: dict[str, torch.Tensor], maps: torch.Tensor, alphas: torch.Tensor) -> torch.Tensor:
    truth = (alphas > EDGE).float()
    known = ((alphas > EDGE) | (alphas < BARELY)).float() * (1 + (HEAVY - 1) * truth)
    known[0, 1] *= 1 - truth[0, 0]  # a mark in front of a stain hides it
    with torch.autocast("cpu", torch.bfloat16):
        logits = forward(weights, maps.to(memory_format=torch.channels_last))
    return binary_cross_entropy_with_logits(logits.float(), truth, known)


def _varied(lesson: Lesson, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """A lesson, upside down or not, its colours exchanged, its lights and shadows, too."""
    maps, alphas = lesson.maps.astype(np.float32), lesson.alphas.astype(np.float32)
    fine, rest = maps[:28].reshape(7, 2, 2, *maps.shape[1:]), maps[28:].copy()
    order = rng.permutation(3)
    fine = fine[[*order, *(3 + order), 6]].copy()
    if rng.random() < 0.5:
        fine, rest, alphas = fine[:, :, ::-1, :, ::-1].copy(), rest[:, :, ::-1], alphas[:, :, ::-1]
        fine[:3] = -_earlier(fine[:3])
    if rng.random() < 0.25:
        fine, rest, alphas = fine[:, ::-1, :, ::-1].copy(), rest[:, ::-1], alphas[:, ::-1]
        fine[3:6] = -_earlier(fine[3:6].transpose(0, 2, 1, 4, 3)).transpose(0, 2, 1, 4, 3)
    if rng.random() < 0.5:
        fine[:6] *= -1
        rest = rest.copy()
        rest[6] *= -1
    maps = np.concatenate([fine.reshape(28, *maps.shape[1:]), rest])
    return torch.from_numpy(np.ascontiguousarray(maps))[None], torch.from_numpy(np.ascontiguousarray(alphas))[None]


def _earlier(fine: FloatMap) -> FloatMap:
    """Maps of blocks' pixels (K, 2, 2, h, w) moved by a pixel to the left: differences were to the other neighbour."""
    result = np.empty_like(fine)
    result[:, :, 0] = fine[:, :, 1]
    result[:, :, 1, :, :-1] = fine[:, :, 0, :, 1:]
    result[:, :, 1, :, -1] = 0
    return result


if __name__ == "__main__":
    cv2.setNumThreads(1)
    sys.exit(main(sys.argv[1:]))
