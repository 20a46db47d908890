"""A picture of every defect that ``vinpaint.refiner.artifacts`` can draw, from slight to severe.

Run as ``python -m vinpaint.benchmarks.artifact_sheet [PICTURE] [--scene CLIP] [--seed N] [--only a,b]``.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np

from vinpaint.contracts import Frames
from vinpaint.refiner.artifacts import KINDS, Damaged, artifact_kind
from vinpaint.refiner.synthetic import moving_scene
from vinpaint.video.clips import read_shot
from vinpaint.video.images import write_image

COUNT, WIDTH, HEIGHT = 12, 426, 240
_CAPTION = 20  # rows


def main(arguments: list[str]) -> int:
    """Draw the sheet; the exit status."""
    parser = argparse.ArgumentParser(description="Draw every defect, from slight to severe.")
    parser.add_argument("picture", nargs="?", type=Path, default=Path("artifacts.png"), help="default: %(default)s")
    parser.add_argument("--scene", type=Path, help="clip to damage; default: a painted scene")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", help="names of defects, separated by commas")
    parser.add_argument("--severities", default="0.1,0.4,0.7,1", help="default: %(default)s")
    parser.add_argument("--columns", type=int, help="default: as many as severities")
    options = parser.parse_args(arguments)
    names = options.only.split(",") if options.only else list(KINDS)
    severities = [float(severity) for severity in options.severities.split(",")]
    if options.scene:
        frames = read_shot(options.scene, count=COUNT, start=0, size=(WIDTH, HEIGHT))
    else:
        frames = moving_scene(COUNT, HEIGHT, WIDTH, seed=7)
    write_image(options.picture, sheet(frames, names, severities, options.seed, options.columns or len(severities)))
    print(options.picture)
    return 0


def sheet(frames: Frames, names: list[str], severities: list[float], seed: int, columns: int) -> Frames:
    """A tile for each defect and severity: its name, a frame, and the mask beside it."""
    tiles = [_tile(frames, name, severity, seed) for name in names for severity in severities]
    tiles += [np.full_like(tiles[0], 255)] * (-len(tiles) % columns)
    return np.vstack([np.hstack(tiles[start : start + columns]) for start in range(0, len(tiles), columns)])


def _tile(frames: Frames, name: str, severity: float, seed: int) -> Frames:
    rng = np.random.default_rng([seed, list(KINDS).index(name), round(10 * severity)])
    damaged = artifact_kind(name).draw(rng, severity).apply(frames, rng)
    return _captioned(damaged, f"{name} {severity:g}")


def _captioned(damaged: Damaged, text: str) -> Frames:
    height, width = damaged.frames.shape[1:3]
    small = width // 4, height // 4
    tile = np.full((_CAPTION + height + 4, width + small[0] + 8, 3), 255, np.uint8)
    shown = len(damaged.frames) // 2
    tile[_CAPTION : _CAPTION + height, :width] = damaged.frames[shown]
    if damaged.mask is not None:
        mask = damaged.mask if damaged.mask.ndim == 2 else damaged.mask[shown]
        reduced = cv2.resize(mask.astype(np.uint8) * 255, small, interpolation=cv2.INTER_AREA)
        tile[_CAPTION : _CAPTION + small[1], width + 2 : width + 2 + small[0]] = reduced[..., None]
    cv2.putText(tile, text, (3, _CAPTION - 6), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 1, cv2.LINE_AA)
    return tile


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
