"""Make the lessons from which the network learns that refines the flow fill.

Run as ``python -m vinpaint.benchmarks.fit_refiner --clips FOLDER -o LESSONS``, then ``vinpaint train LESSONS -o RUN
--net refiner-v1``. Clips whose licence allows it are filmed anew by a camera that moves (see ``filmed_scenes``), a hole
is put before them, and the flow fill gathers what it knows of what is behind. What it does not use is the truth.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence, Set
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import groupby
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np

from vinpaint.benchmarks.filmed_scenes import Shot, scene
from vinpaint.benchmarks.suites.static_masks import destroyed
from vinpaint.contracts import Frames, Mask
from vinpaint.fill.flow import FlowFill
from vinpaint.fill.method import Window
from vinpaint.refiner.data import TRAIN, VAL
from vinpaint.refiner.drawing import Generator
from vinpaint.refiner.lessons import SUFFIX, Lessons, lesson, write_lessons
from vinpaint.video import open_source
from vinpaint.video.clips import clips_in
from vinpaint.video.shots import shot_numbers
from vinpaint.video.source import upright

SCENES, SEED = 240, 3
SIDE = 160
"""Rows and columns of a lesson."""
EVERY = 2
"""A lesson from one in so many frames."""
HELD = 8
"""One scene in so many is to judge by; it shows clips that no other shows."""
ROWS = 540
"""Pictures of more rows are reduced to so many."""
SHORTEST = 30
"""Frames of a shot that is used."""


def main(arguments: list[str]) -> int:
    """Write the lessons that are missing; the exit status."""
    parser = argparse.ArgumentParser(description="Make lessons for the network that refines the flow fill.")
    parser.add_argument("--clips", type=Path, required=True, help="folder of clips whose licence allows it")
    parser.add_argument("--held-out", required=True, help="names of the clips to judge by, without suffix: a,b")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder")
    parser.add_argument("--jobs", type=int, default=2, help="processes (default: %(default)s)")
    parser.add_argument("--scenes", type=int, default=SCENES, help="that are filmed (default: %(default)s)")
    options = parser.parse_args(arguments)
    judged = set(options.held_out.split(","))
    for kind in (TRAIN, VAL):
        (options.output / kind).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="vinpaint-") as folder:
        kept = list(_kept(options.clips, Path(folder)))
        with ProcessPoolExecutor(options.jobs, get_context("spawn"), initializer=_open, initargs=(kept,)) as pool:
            for said in pool.map(partial(_written, options.output, judged), range(options.scenes)):
                print(said, flush=True)
    return 0


_SHOTS: list[Shot] = []
"""Of a worker."""


def _open(kept: Sequence[tuple[str, Path]]) -> None:
    cv2.setNumThreads(1)
    _SHOTS.extend(Shot(name, np.load(path, mmap_mode="r")) for name, path in kept)


def _written(folder: Path, judged: Set[str], number: int) -> str:
    """Make the lessons of a scene, if they are missing; what was done."""
    held = number % HELD == HELD - 1
    path = folder / (VAL if held else TRAIN) / f"scene_{number:05d}{SUFFIX}"
    if path.exists():
        return f"{path} is there"
    made = lessons([shot for shot in _SHOTS if (shot.name in judged) == held], number)
    if made is None:
        return f"scene {number} holds nothing to learn"
    write_lessons(path, made)
    return f"{path}: {len(made)} lessons"


def lessons(shots: Sequence[Shot], number: int, seed: int = SEED) -> Lessons | None:
    """Lessons of the scene of a number; None if a resting camera saw all that is hidden."""
    rng = np.random.default_rng([seed, number])
    names = sorted({shot.name for shot in shots})
    name = names[rng.integers(len(names))]  # clips of many shots are no likelier than others
    own = [shot for shot in shots if shot.name == name]
    truth, mask = scene(own[rng.integers(len(own))], shots, rng)
    found = list(_gathered(truth, mask, rng))
    return Lessons(*(np.stack(each) for each in zip(*found, strict=True))) if found else None


def _gathered(truth: Frames, mask: Mask, rng: Generator) -> Iterator[tuple[Frames, Frames, Mask, Frames]]:
    damaged = destroyed(truth, mask).damaged
    flow = FlowFill(refine=False, gather=True)
    state, window = flow.new_state(), Window(damaged, mask, 0, 0, len(truth))
    flow.fill_window(window, state)
    for index in range(int(rng.integers(EVERY)), len(truth), EVERY):
        if (found := flow.evidence(window, state, index)) is not None:
            evidence, inside = found
            yield lesson(evidence, truth[index][inside], SIDE, rng)


def _kept(folder: Path, kept: Path) -> Iterator[tuple[str, Path]]:
    """Names and arrays, on disk, of the shots of all clips of a folder."""
    for path in clips_in(folder):
        with open_source(path) as source:
            for number, frames in groupby(shot_numbers(source), key=lambda each: each[1]):
                pictures = [_reduced(upright(frame, source.info.rotation)) for frame, _ in frames]
                if len(pictures) >= SHORTEST:
                    array = kept / f"{path.stem}-{number}.npy"
                    np.save(array, np.stack(pictures))
                    yield path.stem, array


def _reduced(picture: Frames) -> Frames:
    if picture.shape[0] <= ROWS:
        return picture
    size = round(picture.shape[1] * ROWS / picture.shape[0]), ROWS
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
