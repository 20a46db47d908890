"""Fit a rule by which sharp marks are told from scene, as ``WEIGHTS`` and ``OFFSET`` of ``vinpaint.detect.regions``.

Run as ``python -m vinpaint.benchmarks.fit_marks [--clips FOLDER] [--limit N]``: marks are put before generated scenes,
and before clips of a folder whose licence allows it; the groups of edges that the detector looks at teach the weights.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice, product
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from vinpaint.contracts import Frames, Mask
from vinpaint.detect.evidence import gather
from vinpaint.detect.regions import Signs, candidates
from vinpaint.masks.regions import dilate
from vinpaint.refiner.synthetic import HANDHELD, STATIC, Motion, apply, logo, moving_scene, scratch
from vinpaint.video.clips import clips_in, read_small

COUNT, HEIGHT, WIDTH = 100, 240, 432
OPACITIES, RIDGES = (0.15, 0.3, 0.6, 1.0), (1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
ON_MARK, OFF_MARK = 0.7, 0.1  # shares of a group's pixels on a mark; groups between the two are left out
SEEDS = 3
NEARLY_STILL, ZOOM, FAST = Motion(sway=0.003, roll=0.1, period=40), Motion(zoom=0.08), Motion(pan=6, roll=1.5)
MOTIONS = (HANDHELD, STATIC, NEARLY_STILL, ZOOM, FAST)
# No level pan: the painted road and fence are the same all along, and would stand still as marks do.


@dataclass(frozen=True, eq=False)
class Groups:
    """Groups of edges: their signs (N, K), which lie on a mark (N,) bool, and the number of their scene (N,)."""

    signs: Signs
    true: NDArray[np.bool_]
    scene: NDArray[np.int64]


def main(arguments: list[str]) -> int:
    """Fit, and print the weights; the exit status."""
    parser = argparse.ArgumentParser(description="Fit the rule by which sharp marks are told from scene.")
    parser.add_argument("--clips", type=Path, help="folder of clips whose licence allows it")
    parser.add_argument("--limit", type=int, help="generated scenes and clips to use, each at most")
    options = parser.parse_args(arguments)
    files = clips_in(options.clips) if options.clips else []
    clips = (read_small(file, count=COUNT, rows=HEIGHT) for file in files[: options.limit])
    groups = collect(chain(islice(generated(), options.limit), clips))
    print(f"{len(np.unique(groups.scene))} scenes: {groups.true.sum()} groups on marks, {(~groups.true).sum()} off")
    ridge = max(RIDGES, key=lambda ridge: found_alone(groups, left_out(groups, ridge)))
    weights, offset = fit(groups.signs, groups.true, ridge)
    print(f"ridge {ridge:g}\nWEIGHTS = {tuple(np.round(weights, 2).tolist())}\nOFFSET = {offset:.2f}")
    for title, found in (("all", expit(groups.signs @ weights + offset)), ("left out", left_out(groups, ridge))):
        print(f"{title}: likeliest off marks {np.sort(found[~groups.true])[:-9:-1].round(2).tolist()}")
        for needed in (0.5, 0.65, 0.75, 0.8, 0.9):
            on, off = found[groups.true] > needed, found[~groups.true] > needed
            print(f"{title}, above {needed}: {on.mean():.3f} of the groups on marks, {off.sum()} off")
    return 0


def generated() -> Iterator[Frames]:
    """Scenes of all kinds of motion."""
    for seed, motion in product(range(SEEDS), MOTIONS):
        yield moving_scene(COUNT, HEIGHT, WIDTH, seed=100 * seed + MOTIONS.index(motion), motion=motion)


def collect(scenes: Iterable[Frames]) -> Groups:
    """Groups of edges of every scene, clean and with marks of several opacities."""
    rows = []
    for number, frames in enumerate(scenes):
        rng = np.random.default_rng(number)
        versions = chain([(frames, np.zeros(frames.shape[1:3], bool))], (marked(frames, o, rng) for o in OPACITIES))
        rows += [(*row, number) for seen, mark in versions for row in judged(seen, mark)]
    signs, true, scene = zip(*rows, strict=True)
    return Groups(np.array(signs), np.array(true), np.array(scene))


def marked(frames: Frames, opacity: float, rng: np.random.Generator) -> tuple[Frames, Mask]:
    """Frames behind a logo, a caption and a scratch of random places and colours, and where these are."""
    height, width = frames.shape[1:3]
    places = rng.uniform((0.25, 0.1), (0.75, 0.4), (2, 2)) * (width, height) + ((0, 0), (0, 0.45 * height))
    colours = [tuple(colour) for colour in rng.uniform(0.3, 1, (3, 3)).tolist()]
    x, big, small = rng.uniform((8, 16, 8), (width - 8, 30, 14)).tolist()
    marks = (
        logo(height, width, text="TV 5", centre=tuple(places[0]), size=big, opacity=opacity, colour=colours[0]),
        logo(height, width, text="archive", centre=tuple(places[1]), size=small, opacity=opacity, colour=colours[1]),
        scratch(height, width, x=x, opacity=opacity, colour=colours[2], seed=int(1000 * big)),
    )
    for mark in marks:
        frames = apply(frames, mark)
    return frames, np.logical_or.reduce([mark.alpha > 0.05 for mark in marks])


def judged(frames: Frames, mark: Mask) -> list[tuple[Signs, bool]]:
    """Signs of the groups that lie on the mark or off it, and which of the two."""
    near = dilate(mark, 3)
    shares = [(signs, near[group].mean()) for group, signs in candidates(gather(frames))]
    return [(signs, bool(share > ON_MARK)) for signs, share in shares if not OFF_MARK <= share <= ON_MARK]


def fit(signs: Signs, true: NDArray[np.bool_], ridge: float) -> tuple[Signs, float]:
    """Weights (K,) and offset of logistic regression on signs (N, K), by Newton's method; ridge for deviation 1."""
    mean, scale = signs.mean(axis=0), signs.std(axis=0) + 1e-6
    design = np.column_stack([(signs - mean) / scale, np.ones(len(signs))])
    penalty, found = ridge * np.diag(np.append(np.ones(signs.shape[1]), 0)), np.zeros(signs.shape[1] + 1)
    for _ in range(30):
        expected = expit(design @ found)
        curvature = design.T @ (design * (expected * (1 - expected) + 1e-6)[:, None]) + penalty
        found += np.linalg.solve(curvature, design.T @ (true - expected) - penalty @ found)
    weights = found[:-1] / scale
    return weights, float(found[-1] - weights @ mean)


def left_out(groups: Groups, ridge: float) -> Signs:
    """Probability of every group by a fit to all other scenes, (N,)."""
    result = np.empty(len(groups.true))
    for scene in np.unique(groups.scene):
        out = groups.scene == scene
        weights, offset = fit(groups.signs[~out], groups.true[~out], ridge)
        result[out] = expit(groups.signs[out] @ weights + offset)
    return result


def found_alone(groups: Groups, probabilities: Signs) -> float:
    """Share of the groups on marks that are likelier than any off marks: a clean clip must not alarm."""
    return float((probabilities[groups.true] > probabilities[~groups.true].max()).mean())


if __name__ == "__main__":
    cv2.setNumThreads(1)
    sys.exit(main(sys.argv[1:]))
