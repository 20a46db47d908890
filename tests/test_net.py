"""The network that tells marks from the scene: what it is shown, what it computes, what it was taught with."""

from __future__ import annotations

from hashlib import sha256
from importlib import resources
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file
from wandering import wandering

from vinpaint.benchmarks.fit_net import Lesson, _varied, forward, main
from vinpaint.benchmarks.marked_scenes import EDGE, MARK, STAIN, blemished, draw_mark, draw_stain, scenes
from vinpaint.contracts import FloatMap
from vinpaint.detect import net
from vinpaint.detect.maps import CHANNELS, describe, sized
from vinpaint.refiner.synthetic import moving_scene

Frames = NDArray[np.uint8]

HEIGHT, WIDTH, COUNT = 240, 320, 48


def look(frames: Frames) -> FloatMap:
    return net.look(sized(frames), (frames.shape[1], frames.shape[2]))


def moving(seed: int = 0) -> Frames:
    return wandering(COUNT, HEIGHT, WIDTH, seed)


def scratched(opacity: float, shape: tuple[int, int] = (HEIGHT, WIDTH)) -> NDArray[np.float32]:
    """Opacity of two thin lines."""
    canvas = np.zeros((4 * shape[0], 4 * shape[1]), np.uint8)
    for start, end in (((0.3, 0.15), (0.36, 0.7)), ((0.7, 0.2), (0.62, 0.8))):
        points = [(round(4 * x * shape[1]), round(4 * y * shape[0])) for x, y in (start, end)]
        cv2.line(canvas, *points, 255, 6, cv2.LINE_AA)
    return cv2.resize(canvas, shape[::-1], interpolation=cv2.INTER_AREA) * np.float32(opacity / 255)


def behind(frames: Frames, alpha: NDArray[np.float32], level: float) -> Frames:
    return np.rint(frames * (1 - alpha[..., None]) + level * alpha[..., None]).astype(np.uint8)


@pytest.mark.parametrize("seed", range(3))
def test_faint_scratches_before_strong_texture_are_seen(seed: int) -> None:
    alpha = scratched(0.4)
    seen = look(behind(moving(seed), alpha, 225))
    truth = alpha > EDGE
    near = cv2.dilate(truth.astype(np.uint8), np.ones((9, 9))) > 0
    assert (seen[truth] > 0.5).mean() > 0.8
    assert (seen[~near] > 0.5).mean() < 0.001


@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_seen_where_nothing_is(seed: int) -> None:
    assert look(moving(seed)).max() < 0.5


@pytest.mark.parametrize("shape", [(16, 19), (61, 240), (108, 160), (361, 203), (720, 402)])
def test_sight_has_the_size_of_the_frames(shape: tuple[int, int]) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (9, *shape, 3), dtype=np.uint8)
    seen = look(frames)
    assert (seen.shape, seen.dtype) == (shape, np.float32)
    assert 0 <= seen.min() <= seen.max() <= 1


def test_sight_of_a_large_picture_is_that_of_a_small_one() -> None:
    frames = behind(moving(), scratched(1.0), 225)
    large = np.stack([cv2.resize(frame, None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR) for frame in frames])
    small = cv2.resize(look(large), (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    assert np.abs(small - look(frames)).mean() < 0.01


@pytest.mark.parametrize("shape", [(120, 160), (33, 47), (1, 1)])
def test_detector_and_recipe_compute_the_same(shape: tuple[int, int]) -> None:
    maps = np.random.default_rng(0).normal(size=(CHANNELS, *shape)).astype(np.float32)
    weights = {name: torch.from_numpy(each) for name, each in net._weights().items()}
    taught = forward(weights, torch.from_numpy(maps)[None]).sigmoid()[0].numpy()
    np.testing.assert_allclose(net.see(maps), taught, atol=1e-5)


def test_weights_are_small_and_those_of_the_layers() -> None:
    weights = net._weights()
    assert set(weights) == {f"{name}.{part}" for name in net.LAYERS for part in ("weight", "bias")}
    for name, (fed, given, side) in net.LAYERS.items():
        assert weights[f"{name}.weight"].shape == (given, fed, side, side)
    assert len((resources.files("vinpaint.detect") / "net.safetensors").read_bytes()) < 300_000


def test_recipe_writes_what_the_detector_reads(tmp_path: Path) -> None:
    assert main(["-o", f"{tmp_path}/net.safetensors", "--scenes", "1", "--steps", "2"]) == 0
    written = load_file(tmp_path / "net.safetensors")
    assert {name: each.shape for name, each in written.items()} == {n: w.shape for n, w in net._weights().items()}
    assert all(np.isfinite(each).all() for each in written.values())


def test_varied_lesson_is_that_of_the_varied_frames() -> None:
    """Mirrored and turned upside down, colours exchanged: as if the frames had been."""
    frames = behind(moving(), scratched(0.6), 225)
    maps = describe(frames).astype(np.float16)
    lesson = Lesson(maps, np.zeros((2, *maps.shape[1:]), np.float16))
    mirrored = np.ascontiguousarray(frames[:, :, ::-1])
    expected = describe(mirrored)
    inner = np.s_[2:-2, 2:-2]
    differences = [
        np.abs(_varied(lesson, np.random.default_rng(seed))[0][0].numpy() - expected)[(slice(None), *inner)].mean()
        for seed in range(60)
    ]
    assert min(differences) < 0.05  # the size of a gradient mixes neighbours that a mirror pairs otherwise
    assert max(differences) > 0.2


def test_scenes_and_blemishes_are_what_they_promise() -> None:
    rng = np.random.default_rng(0)
    (frames,) = scenes([], 1, 0)
    assert frames.shape[1] == 240
    assert frames.dtype == np.uint8
    for draw in (draw_mark, draw_stain):
        alpha, colour = draw(frames.shape[1:3], rng)
        assert alpha.shape == frames.shape[1:3]
        assert 0 <= alpha.min() <= alpha.max() <= 1
        assert 0 <= colour.min() <= colour.max() <= 1
    covered = np.zeros(2, int)
    clean = moving_scene(2, 120, 216)
    for _ in range(20):
        seen, alphas = blemished(clean, rng)
        covered += [alphas[kind].max() > EDGE for kind in (MARK, STAIN)]
        assert np.abs(seen[:, alphas.max(axis=0) == 0].astype(int) - clean[:, alphas.max(axis=0) == 0]).mean() < 8
    assert (covered > 3).all()


def test_model_card_is_of_these_weights() -> None:
    folder = resources.files("vinpaint.detect")
    assert sha256(folder.joinpath("net.safetensors").read_bytes()).hexdigest() in folder.joinpath("net.md").read_text()
