"""Results of a benchmark that nobody ran: figures and pictures that the tests of reports know."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from vinpaint.benchmarks.metrics import METRICS
from vinpaint.benchmarks.pictures import filename, webp
from vinpaint.refiner.synthetic import moving_scene

NAMES = ("stains", "mnist")
CASES = tuple(f"clip{index} <one>" for index in range(8))
QUALITY = {"input": 20.0, "auto": 40.0, "telea": 22.0, "unet": 15.0}


def row(case: int, method: str, quality: float, seconds: float, frames: int = 10) -> dict[str, Any]:
    """A row whose quality differs a little from clip to clip."""
    values = {"psnr_hole": quality + 0.1 * case, "iou": 0.9, "seconds": seconds, "peak": 300.0}
    reference = method == "input"
    return {
        "case": CASES[case],
        "clip": CASES[case].partition(" ")[0],
        "method": method,
        "reference": reference,
        "status": "ok",
        "frames": frames,
        "size": [432, 240],
        "facts": {"hidden": 0.1, "across": 0.25},
        "metrics": {"psnr_hole": values["psnr_hole"]} if reference else values,
        "per_frame": {"psnr_hole": [quality + 1, quality - 2 - case, quality + 1]},
        "times": [] if reference else [seconds],
        "recovered": 0.8 if method == "auto" else 0.0,
    }


def suite(name: str, quality: dict[str, float], count: int = len(CASES)) -> dict[str, Any]:
    rows = [row(case, method, value, 0.2) for case in range(count) for method, value in quality.items()]
    return {
        "name": name,
        "title": name.title(),
        "question": "What is behind it?",
        "work": "clean",
        "headline": "psnr_hole",
        "metrics": ["psnr_hole", "iou", "alpha_error", "seconds", "peak"],
        "protocol": ["One sentence."],
        "excluded": ["Another."],
        "by_frames": False,
        "rows": rows,
    }


def results(*suites: dict[str, Any]) -> dict[str, Any]:
    about = {"processor": "a processor", "cores": 2, "memory_gib": 24.0, "system": "a system", "python": "3.11"}
    return {
        "schema": 1,
        "vinpaint": "0.1.0",
        "code": "0123456789abcdef",
        "made": "2026-11-26T12:00:00+00:00",
        "command": "vinpaint bench --only '<b>'",
        "quick": False,
        "machine": {**about, "packages": {"numpy": "2.4"}, "load": 0.5},
        "metrics": {
            name: {"title": one.title, "unit": one.unit, "better": one.better, "definition": one.definition}
            for name, one in METRICS.items()
        },
        "not_computed": {"lpips": "not computed: weights missing (they are not there)"},
        "suites": list(suites),
    }


def usual() -> dict[str, Any]:
    """vinpaint ahead in one suite, the U-Net in the other."""
    return results(suite(NAMES[0], QUALITY), suite(NAMES[1], {**QUALITY, "unet": 50.0}))


def write_pictures(folder: Path) -> None:
    """A picture of its own for each kind."""
    frames = moving_scene(8, 120, 216, seed=1)
    for name in NAMES:
        for case in CASES:
            home = folder / "pictures" / name / filename(case)
            home.mkdir(parents=True)
            for index, method in enumerate((*QUALITY, "truth")):
                (home / f"{method}.webp").write_bytes(webp(np.roll(frames[index], 20 * index, axis=1)))
                (home / f"{method}.slice.webp").write_bytes(webp(frames[:, :, 50].transpose(1, 0, 2)))
                (home / f"{method}.worst.webp").write_bytes(webp(frames[7]))
                (home / f"{method}.worst.truth.webp").write_bytes(webp(frames[6]))
            (home / "auto.origin.webp").write_bytes(webp(255 - frames[5]))
