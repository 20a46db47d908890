"""The benchmark's metrics: values that are known without them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from vinpaint.benchmarks import metrics
from vinpaint.benchmarks.metrics import METRICS, TrueMotion
from vinpaint.contracts import Frames
from vinpaint.refiner.synthetic import PAN, moving_scene


@pytest.fixture(scope="module")
def scene() -> Frames:
    """A camera that pans by 2.4 pixels a frame."""
    return moving_scene(12, 96, 128, seed=3, motion=PAN, car=False)


HOLE = np.zeros((96, 128), bool)
HOLE[36:60, 50:70] = True


def test_psnr_of_a_known_error(scene: Frames) -> None:
    darker = np.clip(scene, 10, 255)
    lighter = darker - np.uint8(10)
    assert metrics.mean_psnr(lighter, darker) == pytest.approx(20 * math.log10(255 / 10))
    assert metrics.mean_psnr(scene, scene) == metrics.CAP


def test_psnr_counts_the_region_only(scene: Frames) -> None:
    spoilt = scene.copy()
    spoilt[:, HOLE] ^= 255
    assert metrics.mean_psnr(spoilt, scene, ~HOLE) == metrics.CAP
    assert metrics.mean_psnr(spoilt, scene, HOLE) < 12
    share = HOLE.mean()
    inside = np.square(spoilt[:, HOLE].astype(float) - scene[:, HOLE]).mean(axis=(1, 2))
    assert metrics.psnrs(spoilt, scene) == pytest.approx(10 * np.log10(255**2 / (share * inside)))


def test_frames_without_a_hole_do_not_count(scene: Frames) -> None:
    holes = np.zeros(scene.shape[:3], bool)
    holes[3] = HOLE
    spoilt = scene.copy()
    spoilt[3, HOLE] ^= 255
    assert metrics.mean_psnr(spoilt, scene, holes) == metrics.psnr(spoilt[3], scene[3], HOLE)
    assert math.isnan(metrics.mean_psnr(spoilt, scene, np.zeros_like(holes)))


def test_ssim(scene: Frames) -> None:
    assert metrics.ssim(scene, scene) == pytest.approx(1)
    assert metrics.ssim_inside(scene, scene, HOLE) == pytest.approx(1)
    spoilt = scene.copy()
    spoilt[:, HOLE] = 128
    assert metrics.ssim_inside(spoilt, scene, HOLE) < 0.6 < metrics.ssim(spoilt, scene) < 1
    assert metrics.ssim_inside(spoilt, scene, np.roll(HOLE, -40, axis=1)) == pytest.approx(1)


def test_likeness_in_thin_holes_at_the_border() -> None:
    rng = np.random.default_rng(0)
    scene = rng.integers(0, 256, (1, 40, 50, 3)).astype(np.uint8)
    for part in (np.s_[:2], np.s_[-1:, -1:], np.s_[:, 49:]):
        hole = np.zeros((40, 50), np.bool_)
        hole[part] = True
        assert metrics.ssim_inside(scene, scene, hole) == pytest.approx(1)
        assert metrics.ssim_inside(scene, np.where(hole[..., None], 255 - scene, scene), hole) < 0.9
    assert np.isnan(metrics.ssim_inside(scene[:, :9], scene[:, :9], hole[:9]))


def test_colour_error() -> None:
    """Black against white is 100 by the definition of lightness."""
    black, white = np.zeros((1, 4, 4, 3), np.uint8), np.full((1, 4, 4, 3), 255, np.uint8)
    everywhere = np.ones((4, 4), bool)
    assert metrics.ciede2000(black, white, everywhere) == pytest.approx(100, abs=0.1)
    assert metrics.ciede2000(white, white, everywhere) == 0


def test_blur_is_less_sharp_and_noise_sharper(scene: Frames) -> None:
    import cv2

    blurred = np.stack([cv2.GaussianBlur(frame, (0, 0), 3) for frame in scene])
    noisy = (scene.astype(int) + np.random.default_rng(0).normal(0, 25, scene.shape)).clip(0, 255).astype(np.uint8)
    assert metrics.sharpness(scene, scene, HOLE) == 1
    assert metrics.sharpness(blurred, scene, HOLE) < 0.7
    assert metrics.sharpness(noisy, scene, HOLE) > 1.3


def test_a_hole_that_blinks_flickers(scene: Frames) -> None:
    blinking, shifted = scene.copy(), scene.copy()
    blinking[1::2, HOLE] = np.clip(scene[1::2, HOLE], 0, 235) + 20
    shifted[:, HOLE] = np.clip(scene[:, HOLE], 0, 235) + 20
    assert metrics.flicker(scene, scene, HOLE) == 0
    assert metrics.flicker(blinking, np.clip(scene, 0, 235), HOLE) == pytest.approx(20, abs=3)
    assert metrics.flicker(shifted, np.clip(scene, 0, 235), HOLE) == pytest.approx(0, abs=3)


def test_warp_error_follows_the_true_motion(scene: Frames) -> None:
    motion = TrueMotion(scene)
    frozen, blinking = scene.copy(), scene.copy()
    frozen[:, HOLE] = scene[0, HOLE]
    blinking[1::2, HOLE] ^= 64
    own = motion.warp_error(scene, HOLE)
    assert own < 0.5 * motion.warp_error(frozen, HOLE)
    assert own < 0.1 * motion.warp_error(blinking, HOLE)


def test_what_a_pan_uncovers_is_seen_elsewhere(scene: Frames) -> None:
    """Twelve frames of 2.4 pixels uncover a hole of 20 columns wholly, one of 100 only at its sides."""
    motion = TrueMotion(scene)
    wide = np.zeros_like(HOLE)
    wide[36:60, 14:114] = True
    seen = motion.seen_elsewhere(HOLE)
    assert seen[:, HOLE].mean() > 0.85
    assert not seen[:, ~HOLE].any()
    at_once = motion.seen_elsewhere(wide)[6, 48]
    assert at_once[16:24].mean() > 0.7
    assert at_once[104:112].mean() > 0.7
    assert not at_once[45:80].any()


def test_a_camera_at_rest_never_sees_behind_a_still_hole(scene: Frames) -> None:
    still = np.repeat(scene[:1], 5, axis=0)
    assert not TrueMotion(still).seen_elsewhere(HOLE).any()
    moving = np.repeat(HOLE[None], 5, axis=0)
    moving[4] = False
    assert TrueMotion(still).seen_elsewhere(moving)[:4, HOLE].all()


def test_overlap() -> None:
    truth, found = np.zeros((10, 10), bool), np.zeros((10, 10), bool)
    truth[:, :4] = True
    found[:, 2:8] = True
    expected = {"iou": 20 / 80, "f1": 40 / 100, "precision": 20 / 60, "recall": 20 / 40}
    assert metrics.overlap(found, truth) == pytest.approx(expected)
    assert metrics.overlap(~truth & truth, truth)["iou"] == 0
    assert metrics.overlap(truth & ~truth, truth & ~truth)["f1"] == 1


def test_what_is_left_of_a_mark(scene: Frames) -> None:
    marked, half = scene.copy(), scene.copy()
    for top in range(38, 58, 6):
        bar = np.zeros_like(HOLE)
        bar[top : top + 3, 52:68] = True
        marked[:, bar] = np.clip(scene[:, bar].astype(int) + 80, 0, 255)
        half[:, bar] = np.clip(scene[:, bar].astype(int) + 40, 0, 255)
    region = HOLE.copy()
    assert metrics.mark_left(marked, marked, region) == pytest.approx(1)
    assert metrics.mark_left(half, marked, region) == pytest.approx(0.5, abs=0.12)
    assert metrics.mark_left(scene, marked, region) < 0.1


def test_blur_loses_moving_detail(scene: Frames) -> None:
    blurred = scene.copy()
    blurred[:, HOLE] = scene[:, HOLE].mean(axis=(0, 1)).astype(np.uint8)
    assert metrics.detail_kept(scene, scene, HOLE) == pytest.approx(1)
    assert metrics.detail_kept(blurred, scene, HOLE) < 0.5


def test_every_metric_is_defined() -> None:
    for name, metric in METRICS.items():
        assert metric.title, name
        assert metric.definition.endswith("."), name
        assert metric.better in ("higher", "lower", "none"), name
