"""Teach the network that refines the flow fill."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vinpaint.benchmarks.filmed_scenes import Shot, scene
from vinpaint.contracts import Frames, Mask
from vinpaint.fill.flow import FlowFill
from vinpaint.fill.method import Window
from vinpaint.refiner.drawing import Generator
from vinpaint.video.clips import read_clip

HELD = ("01_dog", "bedroom")
SIDE = 160
EVERY = 2
GREY = 128
ROWS = 540


def read_shots(folder: Path, cache: Path) -> list[Shot]:
    shots = []
    for path in sorted(folder.glob("*.mp4")):
        kept = cache / f"{path.stem}.npy"
        if not kept.exists():
            frames = read_clip(path)
            if frames.shape[1] > ROWS:
                size = round(frames.shape[2] * ROWS / frames.shape[1]), ROWS
                frames = np.stack([cv2.resize(f, size, interpolation=cv2.INTER_AREA) for f in frames])
            np.save(kept, frames)
        frames = np.load(kept, mmap_mode="r")
        small = [cv2.resize(f, (96, 54), interpolation=cv2.INTER_AREA).astype(int) for f in frames]
        cuts = [0, *(i + 1 for i in range(len(small) - 1) if np.abs(small[i] - small[i + 1]).mean() > 22), len(frames)]
        shots += [Shot(path.stem, frames[a:b]) for a, b in zip(cuts, cuts[1:]) if b - a >= 30]
    return shots


def coded(variance):
    code = np.full(variance.shape, 255, np.uint8)
    seen = np.isfinite(variance)
    code[seen] = np.rint(20 * np.log1p(variance[seen])).clip(0, 254)
    return code


def lessons(truth: Frames, mask: Mask, rng: Generator):
    damaged = truth.copy()
    damaged[mask] = GREY
    flow = FlowFill()
    state, window = flow.new_state(), Window(damaged, mask, 0, 0, len(truth))
    flow.fill_window(window, state)
    found = []
    for index in range(int(rng.integers(EVERY)), len(truth), EVERY):
        if not (mask[index] & ~state.drafts[index].settled).any():
            continue
        e, inside = flow.evidence(window, state, index)
        y, x = np.nonzero(e.hidden)
        k = rng.integers(len(y))
        top, left = ((int(c[k]) - int(rng.integers(40, SIDE - 40))) for c in (y, x))
        h, w = e.hidden.shape
        top, left = max(0, min(top, h - SIDE)), max(0, min(left, w - SIDE))
        cut = np.s_[top : top + SIDE, left : left + SIDE]
        pad = [(0, SIDE - min(SIDE, h)), (0, SIDE - min(SIDE, w))]
        pictures = np.rint(e.pictures.clip(0, 255)).astype(np.uint8)
        found.append((
            np.pad(pictures[:, *cut], [(0, 0), *pad, (0, 0)], mode="edge"),
            np.pad(coded(e.variance)[:, *cut], [(0, 0), *pad], mode="edge"),
            np.pad(e.hidden[cut], pad),
            np.pad(truth[index][inside][cut], [*pad, (0, 0)], mode="edge"),
        ))
    return [np.stack(each) for each in zip(*found)]


def main(arguments):
    parser = argparse.ArgumentParser()
    parser.add_argument("--clips", type=Path)
    parser.add_argument("--samples", type=Path)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--step", type=int, default=1)
    parser.add_argument("--count", type=int, default=400)
    o = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    o.samples.mkdir(exist_ok=True)
    shots = read_shots(o.clips, o.samples.parent / "clips")
    for n in range(o.first, o.count, o.step):
        held = n % 8 == 7
        path = o.samples / f"{'val' if held else 'train'}_{n:05d}.npz"
        if path.exists():
            continue
        rng = np.random.default_rng([3, n])
        pool = [s for s in shots if (s.name in HELD) == held]
        names = sorted({s.name for s in pool})
        name = names[rng.integers(len(names))]
        own = [s for s in pool if s.name == name]
        truth, mask = scene(own[rng.integers(len(own))], pool, rng)
        found = lessons(truth, mask, rng)
        if not found:
            continue
        p, c, h, t = found
        err = np.square(p[:, 0].astype(float) - t)[h].mean()
        np.savez(path.with_suffix(".part.npz"), pictures=p, codes=c, hidden=h, truth=t)
        path.with_suffix(".part.npz").rename(path)
        print(path.name, name, len(p), f"hidden {h.mean():.3f} psnr {10 * np.log10(65025 / max(err,1e-3)):.2f} seen {np.mean(c[:, 5][h] < 255):.2f}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
