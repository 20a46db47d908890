"""What the parts of the refinement networks bring: each variant learns from the same lessons, in the same order.

Run as ``python -m vinpaint.benchmarks.ablate_refiner LESSONS --steps 2000``; prints a row a variant.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from itertools import chain, count, islice
from pathlib import Path
from typing import Any

import torch

from vinpaint.refiner.evidence import NOTHING, OFFERS, SOURCES
from vinpaint.refiner.inference import psnr
from vinpaint.refiner.lessons import split_lessons
from vinpaint.refiner.networks import Refiner, make_refiner
from vinpaint.refiner.training import LessonFiles, Recipe
from vinpaint.refiner.training.refining import LessonBatch, Refining, refining_loss, whole_lessons

VARIANTS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "v1": ("refiner-v1", {}),
    "v1, no correction": ("refiner-v1", {"residual": False}),
    "v1, no candidates": ("refiner-v1", {}),
    "v2": ("refiner-v2", {}),
    "v2, full attention": ("refiner-v2", {"attention": "full"}),
    "v2, no attention": ("refiner-v2", {"attention": "off"}),
    "v2, no edges": ("refiner-v2", {"edges": False}),
}
BLIND = "v1, no candidates"
"""The variant that is not shown what other frames saw, but for the draft made of it."""


def main(arguments: list[str]) -> int:
    """Teach and judge every variant; the exit status."""
    parser = argparse.ArgumentParser(description="Measure what the parts of the refinement networks bring.")
    parser.add_argument("lessons", type=Path, help="folder of 'vinpaint.benchmarks.fit_refiner'")
    parser.add_argument("--steps", type=int, default=2000, help="of each variant (default: %(default)s)")
    parser.add_argument("--width", type=int, default=32, help="(default: %(default)s)")
    parser.add_argument("--only", default="", help="variants whose name holds this")
    options = parser.parse_args(arguments)
    learned, judged = (LessonFiles(paths, 4 << 30) for paths in split_lessons(options.lessons))
    recipe = Recipe(net="refiner-v1", width=options.width, batch=8, crop=96, flip=True, rate=1e-3)
    course = Refining(recipe, learned, judged, torch.device("cpu"))
    print("| variant | parameters | gain where hidden, dB | ms a 160x160 part |\n|---|---|---|---|")
    for name, (net, extra) in VARIANTS.items():
        if options.only in name:
            torch.manual_seed(0)
            network = make_refiner(net, width=options.width, **extra).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            _teach(network, course, options.steps, blind=name == BLIND)
            gain, cost = _judged(network.eval(), judged, blind=name == BLIND)
            print(f"| {name} | {network.parameter_count:,} | {gain:+.3f} | {cost:.1f} |", flush=True)
    return 0


def _teach(network: Refiner, course: Refining, steps: int, *, blind: bool) -> None:
    optimiser = torch.optim.Adam(network.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 1e-3, total_steps=steps)
    for batch in islice(chain.from_iterable(course.batches(epoch) for epoch in count()), steps):
        shown = _hidden_from(batch) if blind else batch
        with torch.autocast("cpu", torch.bfloat16):
            refined = network(shown.pictures, shown.error, shown.hidden)
        loss = refining_loss(refined, batch.truth, batch.hidden)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()


def _hidden_from(batch: LessonBatch) -> LessonBatch:
    pictures, error = batch.pictures.clone(), batch.error.clone()
    pictures[:, -OFFERS:] = pictures[:, SOURCES.index("draft"), None]
    error[:, -OFFERS:] = float(NOTHING)
    return replace(batch, pictures=pictures, error=error)


def _judged(network: Refiner, files: LessonFiles, *, blind: bool) -> tuple[float, float]:
    """Mean gain over held-out lessons, and time."""
    gains, begin, parts = [], time.process_time(), 0
    for batch in whole_lessons(files, 8):
        shown = _hidden_from(batch) if blind else batch
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            picture = network(shown.pictures, shown.error, shown.hidden).picture.clamp(0, 1)
        results = (psnr(each, batch.truth, batch.hidden) for each in (picture, batch.pictures[:, 0]))
        gains.append(torch.sub(*results))
        parts += len(picture)
    return float(torch.cat(gains).nanmean()), 1000 * (time.process_time() - begin) / parts


if __name__ == "__main__":
    torch.set_num_threads(1)
    sys.exit(main(sys.argv[1:]))
