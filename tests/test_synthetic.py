from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from vinpaint.refiner import synthetic
from vinpaint.refiner.synthetic import HANDHELD, PAN, STATIC, Motion


def test_scene_has_the_asked_shape_and_follows_from_the_seed() -> None:
    scene = synthetic.moving_scene(3, 37, 51, seed=4)
    assert scene.shape == (3, 37, 51, 3)
    assert scene.dtype == np.uint8
    assert np.array_equal(scene, synthetic.moving_scene(3, 37, 51, seed=4))
    assert not np.array_equal(scene, synthetic.moving_scene(3, 37, 51, seed=5))


@pytest.mark.parametrize(("height", "width"), [(8, 8), (16, 9), (9, 64)])
def test_tiny_scenes_can_be_made(height: int, width: int) -> None:
    assert synthetic.moving_scene(2, height, width).shape == (2, height, width, 3)


def test_frames_stream_as_they_come_in_one_piece() -> None:
    streamed = list(synthetic.scene_frames(4, 40, 60, seed=1))
    assert np.array_equal(np.stack(streamed), synthetic.moving_scene(4, 40, 60, seed=1))


def test_static_camera_without_car_stands_still() -> None:
    scene = synthetic.moving_scene(5, 48, 64, motion=STATIC, car=False)
    assert np.array_equal(scene, np.broadcast_to(scene[0], scene.shape))
    assert scene.std() > 20


def test_whole_pixel_pan_shifts_the_picture() -> None:
    scene = synthetic.moving_scene(8, 60, 80, motion=Motion(pan=3.0), car=False).astype(int)
    for before, after in pairwise(scene):
        assert np.abs(before[:, 3:] - after[:, :-3]).max() <= 1


def test_car_moves_on_its_own() -> None:
    without = synthetic.moving_scene(60, 60, 80, motion=PAN, car=False)
    driven = (synthetic.moving_scene(60, 60, 80, motion=PAN) != without).any(axis=3)
    columns = [np.flatnonzero(frame.any(axis=0)).mean() for frame in driven if frame.any()]
    assert len(columns) > 20
    assert max(columns) - min(columns) > 20
    assert driven.mean() < 0.2


@pytest.mark.parametrize("seed", range(3))
def test_scene_is_lively_everywhere(seed: int) -> None:
    deviation = synthetic.moving_scene(60, 90, 160, seed=seed, motion=HANDHELD).std(axis=0).mean(axis=2)
    assert np.median(deviation) > 5


BLEMISHES = {
    "stain": synthetic.soft_stain(80, 120, centre=(50, 40), radius=20),
    "logo": synthetic.logo(80, 120, centre=(60, 20), size=12),
    "scratch": synthetic.scratch(80, 120, x=70),
}


@pytest.mark.parametrize("name", BLEMISHES)
def test_blemish_keeps_its_contract(name: str) -> None:
    blemish = BLEMISHES[name]
    assert blemish.mask.dtype == np.bool_
    assert blemish.alpha.dtype == blemish.colour.dtype == blemish.confidence.dtype == np.float32
    assert blemish.colour.shape == (80, 120, 3)
    assert 0.3 < blemish.alpha.max() <= 1
    assert np.array_equal(blemish.mask, blemish.alpha > 0)
    assert 0 < blemish.mask.mean() < 0.5


def test_stain_sits_at_its_centre_and_is_soft() -> None:
    stain = BLEMISHES["stain"]
    y, x = np.nonzero(stain.mask)
    assert (abs(x.mean() - 50), abs(y.mean() - 40)) < (4, 4)
    assert np.abs(np.diff(stain.alpha, axis=0)).max() < 0.2


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_apply_follows_the_optical_model(dtype: type) -> None:
    top = np.iinfo(dtype).max
    frames = np.random.default_rng(0).integers(0, top, (2, 80, 120, 3), dtype, endpoint=True)
    kept = frames.copy()
    for blemish in BLEMISHES.values():
        alpha = blemish.alpha[..., None].astype(float)
        result = synthetic.apply(frames, blemish)
        assert result.dtype == dtype
        assert np.abs(result - ((1 - alpha) * frames + alpha * blemish.colour * top)).max() <= 0.5 + 1e-4 * top
        assert np.array_equal(result[:, ~blemish.mask], frames[:, ~blemish.mask])
    assert np.array_equal(frames, kept)
