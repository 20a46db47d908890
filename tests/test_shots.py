"""Cuts are found where they are, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import media
import numpy as np
import pytest

from vinpaint.contracts import Frames
from vinpaint.refiner import synthetic
from vinpaint.video import open_source
from vinpaint.video.arrays import ArraySource
from vinpaint.video.shots import LATENCY, CutFinder, shot_numbers, thumbnail


def scene(count: int, seed: int, motion: synthetic.Motion = synthetic.PAN) -> Frames:
    return synthetic.moving_scene(count, 64, 96, seed=seed, motion=motion, car=False)


def tinted(frames: Frames, tint: tuple[float, float, float]) -> Frames:
    return np.rint(frames * np.array(tint)).astype(np.uint8)


def shots_of(frames: Frames) -> list[int]:
    return [shot for _, shot in shot_numbers(ArraySource(frames))]


FIRST, SECOND, THIRD = scene(12, 0), tinted(scene(10, 1), (0.4, 0.6, 1)), tinted(scene(9, 5), (1, 0.5, 0.4))


@pytest.mark.parametrize("order", [(0, 1), (1, 0), (0, 1, 2), (2, 0, 1, 2)])
def test_hard_cuts_are_found_to_the_frame(order: tuple[int, ...]) -> None:
    parts = [(FIRST, SECOND, THIRD)[n] for n in order]
    expected = [shot for shot, part in enumerate(parts) for _ in part]
    assert shots_of(np.concatenate(parts)) == expected


@pytest.mark.parametrize("speed", [0, 2, 8, 20])
def test_no_cut_while_the_camera_moves(speed: float) -> None:
    assert set(shots_of(scene(24, 3, synthetic.Motion(pan=speed)))) == {0}


def test_no_cut_when_a_scene_brightens() -> None:
    gain = np.linspace(0.3, 1, 24)[:, None, None, None]
    assert set(shots_of(np.rint(scene(24, 3) * gain).astype(np.uint8))) == {0}


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7])
def test_every_frame_comes_once_and_in_order(count: int) -> None:
    frames = list(ArraySource(scene(7, 0)))[:count]
    assert [frame.pts for frame, _ in shot_numbers(frames)] == list(range(count))


def test_latency() -> None:
    read = 0

    def reading() -> object:
        nonlocal read
        for frame in ArraySource(scene(12, 0)):
            read += 1
            yield frame

    for given, _ in enumerate(shot_numbers(reading())):  # type: ignore[arg-type]
        assert read <= given + 1 + LATENCY


def test_cuts_are_told_in_time() -> None:
    finder = CutFinder()
    for index, frame in enumerate(ArraySource(np.concatenate([FIRST, SECOND]))):
        for cut in finder.push(frame):
            assert index - cut <= LATENCY


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv422p10le", "bgr0", "gray", "gray10le", "gbrp10le"])
def test_cuts_in_any_storage(tmp_path: Path, pix_fmt: str) -> None:
    frames = np.concatenate([FIRST, SECOND])
    path = media.write_clip(tmp_path / "a.mkv", media.Clip(codec="ffv1", pix_fmt=pix_fmt, count=22), frames)
    with open_source(path) as source:
        assert [shot for _, shot in shot_numbers(source)] == [0] * 12 + [1] * 10


def test_thumbnail_shows_the_colours(tmp_path: Path) -> None:
    frame = next(iter(ArraySource(np.full((1, 300, 500, 3), (200, 100, 50), np.uint8))))
    small = thumbnail(frame)
    assert small.shape == (150, 250, 3)
    assert small[75, 125].tolist() == [50, 100, 200]
