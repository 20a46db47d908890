"""A picture of every defect that ``vinpaint.refiner.artifacts`` can draw, from slight to severe.

Run as ``python -m vinpaint.benchmarks.artifact_sheet [PNG] [--scene CLIP] [--seed N] [--only a,b]``.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np

from vinpaint.contracts import Frames
from vinpaint.refiner.artifacts import KINDS, Damaged
from vinpaint.refiner.synthetic import moving_scene
from vinpaint.video.clips import read_shot
from vinpaint.video.images import write_image

SEVERITIES = (0.1, 0.4, 0.7, 1.0)
COUNT, WIDTH, HEIGHT = 10, 426, 240
_SHOWN = 6  # the frame of the picture
_CAPTION = 20  # rows


def main(arguments: list[str]) -> int:
    """Draw the sheet; the exit status."""
    parser = argparse.ArgumentParser(description="Draw every defect, from slight to severe.")
    parser.add_argument("picture", nargs="?", type=Path, default=Path("artifacts.png"), help="default: %(default)s")
    parser.add_argument("--scene", type=Path, help="clip to damage; default: a painted scene")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", help="names of defects, separated by commas")
    options = parser.parse_args(arguments)
    names = options.only.split(",") if options.only else list(KINDS)
    if options.scene:
        frames = read_shot(options.scene, count=COUNT, start=0, size=(WIDTH, HEIGHT))
    else:
        frames = moving_scene(COUNT, HEIGHT, WIDTH, seed=7)
    write_image(options.picture, sheet(frames, names, options.seed))
    print(options.picture)
    return 0


def sheet(frames: Frames, names: list[str], seed: int) -> Frames:
    """A row for each defect: its name, then one frame for each severity, with the mask beside it."""
    rows = []
    for name in names:
        tiles = []
        for severity in SEVERITIES:
            rng = np.random.default_rng([seed, list(KINDS).index(name), round(10 * severity)])
            damaged = KINDS[name].draw(rng, severity).apply(frames, rng)
            tiles.append(_captioned(damaged, f"{name} {severity:g}"))
        rows.append(np.hstack(tiles))
    return np.vstack(rows)


def _captioned(damaged: Damaged, text: str) -> Frames:
    small = WIDTH // 4, HEIGHT // 4
    tile = np.full((_CAPTION + HEIGHT + 4, WIDTH + small[0] + 8, 3), 255, np.uint8)
    tile[_CAPTION : _CAPTION + HEIGHT, :WIDTH] = damaged.frames[_SHOWN]
    if damaged.mask is not None:
        mask = damaged.mask if damaged.mask.ndim == 2 else damaged.mask[_SHOWN]
        shown = cv2.resize(mask.astype(np.uint8) * 255, small, interpolation=cv2.INTER_AREA)
        tile[_CAPTION : _CAPTION + small[1], WIDTH + 2 : WIDTH + 2 + small[0]] = shown[..., None]
    cv2.putText(tile, text, (3, _CAPTION - 6), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 1, cv2.LINE_AA)
    return tile


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
