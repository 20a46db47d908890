"""The library as programs use it."""

from __future__ import annotations

import doctest
import inspect
from pathlib import Path
from typing import Any

import media
import numpy as np
import pytest
from media import Clip

import vinpaint
from vinpaint import FillSettings, MaskError, UsageError, api
from vinpaint.refiner.synthetic import apply, moving_scene, soft_stain

FRAMES = moving_scene(6, 48, 64, seed=3)
MASK = np.zeros((48, 64), np.bool_)
MASK[20:30, 20:34] = True


def test_examples_of_the_docstrings() -> None:
    assert doctest.testmod(api).failed == 0


@pytest.mark.parametrize("name", ["detect", "fill"])
def test_packages_that_are_functions(name: str) -> None:
    package, function = getattr(vinpaint, name), getattr(api, name)
    assert inspect.ismodule(package)
    assert inspect.signature(package) == inspect.signature(function)
    assert function.__doc__ in package.__doc__


def test_fill_changes_what_is_masked_only() -> None:
    before = FRAMES.copy()
    filled = vinpaint.fill(FRAMES, MASK, method="median")
    assert (before == FRAMES).all()
    assert (filled.frames[:, ~MASK] == FRAMES[:, ~MASK]).all()
    assert (filled.origin[:, ~MASK] == vinpaint.Origin.OBSERVED).all()


def test_fill_equals_the_whole_clip_in_longer_windows() -> None:
    frames = moving_scene(40, 48, 64, seed=3)
    whole = vinpaint.fill.create("flow").fill(frames, MASK)
    windowed = vinpaint.fill(frames, MASK, method="flow")
    inside = np.abs(whole.frames[:, MASK].astype(np.int16) - windowed.frames[:, MASK])
    assert np.median(inside) <= 1  # the windowed one sees the region, not all of the frame


def test_clean_finds_and_fills() -> None:
    frames = moving_scene(120, 90, 160, seed=7)
    stain = soft_stain(90, 160, centre=(58, 48), radius=14, opacity=0.95, seed=4)
    filled, detection = vinpaint.clean(apply(frames, stain))
    assert detection.verdict == "found"
    before = np.abs(apply(frames, stain).astype(np.int16) - frames)[:, stain.mask].mean()
    after = np.abs(filled.frames.astype(np.int16) - frames)[:, stain.mask].mean()
    assert after < 0.4 * before


def test_files(tmp_path: Path) -> None:
    source = media.write_clip(tmp_path / "in.mkv", Clip(codec="ffv1", width=64, height=48, count=len(FRAMES)), FRAMES)
    summary = vinpaint.fill_video(source, MASK, tmp_path / "out.mkv", settings=FillSettings(method="telea"))
    assert summary.tally.frames == len(FRAMES)
    summary, detection = vinpaint.clean_video(source, tmp_path / "clean.mkv")
    assert detection.verdict == "undecidable"
    assert summary.tally.pixels.sum() == 0


def test_the_mask_is_no_output(tmp_path: Path) -> None:
    media.write_folder(tmp_path / "in", FRAMES[:1])
    mask = media.write_mask(tmp_path / "m.png", MASK)
    before = mask.read_bytes()
    with pytest.raises(UsageError, match="is the input"):
        vinpaint.fill_video(
            tmp_path / "in" / "00000.png", mask, mask, settings=FillSettings(overwrite=True, method="telea")
        )
    assert mask.read_bytes() == before


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: vinpaint.fill("a.mp4", MASK), UsageError, "use fill_video"),
        (lambda: vinpaint.clean("a.mp4"), UsageError, "use clean_video"),
        (lambda: vinpaint.fill(list(FRAMES), MASK), UsageError, "give an array"),
        (lambda: vinpaint.fill(FRAMES, MASK.tolist()), MaskError, "array of bool"),
        (lambda: vinpaint.fill(FRAMES, MASK.astype(np.uint8)), MaskError, "mask > 127"),
        (lambda: vinpaint.fill(FRAMES, MASK[:-1]), MaskError, "64x47"),
        (lambda: vinpaint.fill(FRAMES, MASK, dilate=float("nan")), UsageError, "dilate"),
        (lambda: vinpaint.fill(FRAMES, MASK, method="nope"), UsageError, "nope"),
        (lambda: vinpaint.detect(FRAMES.astype(np.float32)), UsageError, "uint8"),
    ],
)
def test_wrong_arguments(call: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        call()
