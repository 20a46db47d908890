"""What references offer a hole: visibility, choice, sampling, alignment and robust combination."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from vinpaint.flow.estimate import estimator
from vinpaint.flow.kernels import combine
from vinpaint.flow.propagate import candidate, choose, picture, residual_flow, sample, spatial_variance, target

HEIGHT, WIDTH = 96, 128
NOISE = cv2.GaussianBlur(np.random.default_rng(3).normal(size=(200, 400, 3)), (0, 0), 2)
WORLD = np.asarray(cv2.normalize(NOISE, None, 0, 255, cv2.NORM_MINMAX), np.uint8)


def frame(x: int) -> NDArray[np.uint8]:
    return np.ascontiguousarray(WORLD[50 : 50 + HEIGHT, x : x + WIDTH])


def hole() -> NDArray[np.bool_]:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[36:60, 50:80] = True
    return mask


def shift(x: float) -> NDArray[np.float64]:
    return np.array([(1, 0, x), (0, 1, 0), (0, 0, 1)])


def test_samples_at_whole_positions_are_the_pixels() -> None:
    positions = np.array([(0, 0), (5, 7), (WIDTH - 1, HEIGHT - 1)], np.float32)
    found = sample(frame(0), positions)
    assert np.array_equal(found, frame(0)[[0, 7, HEIGHT - 1], [0, 5, WIDTH - 1]])
    assert sample(frame(0), positions[:0]).shape == (0, 3)


def test_a_reference_that_sees_the_hole_gives_the_truth() -> None:
    aim = target(picture(np.where(hole()[..., None], 0, frame(100)).astype(np.uint8), hole()))
    reference = picture(np.where(hole()[..., None], 0, frame(140)).astype(np.uint8), hole())
    found = candidate(aim, reference, shift(-40), 1, estimator("dis-fast"))
    x, y = aim.hole.T
    assert np.isfinite(found.variance).all()
    assert np.abs(found.colours - frame(100)[y, x]).max() <= 2


def test_what_the_reference_hides_is_not_offered() -> None:
    still = picture(frame(100), hole())
    found = candidate(target(still), still, np.eye(3), 1, estimator("dis-fast"))
    assert np.isinf(found.variance).all()


def test_a_small_error_of_the_motion_is_found() -> None:
    aim = target(picture(frame(100), hole()))
    reference = picture(frame(140), hole())
    boxed = shift(-37) @ np.array([(1, 0, aim.corner[0]), (0, 1, aim.corner[1]), (0, 0, 1)])
    flow = residual_flow(aim, reference, boxed, estimator("dis-fast"))
    assert np.abs(np.median(flow, axis=(0, 1)) - (-3, 0)).max() < 0.5


def test_brightness_of_the_reference_is_matched() -> None:
    aim = target(picture(frame(100) // 2 + 60, hole()))
    reference = picture(frame(140) // 2 + 40, hole())
    found = candidate(aim, reference, shift(-40), 1, estimator("dis-fast"))
    x, y = aim.hole.T
    assert np.abs(found.colours - (frame(100)[y, x] // 2 + 60)).mean() < 2


def test_near_references_that_see_most_are_chosen() -> None:
    pictures = {i: picture(frame(100), hole()) for i in range(9)}
    motions = {i: shift(8.0 * (i - 4)) for i in range(9) if i != 4}
    aim = target(pictures[4])
    chosen = choose(aim.hole, motions, pictures, 4, wanted=2, limit=4)
    assert set(chosen[:2]) == {0, 8}
    assert choose(aim.hole, {}, pictures, 4, wanted=2, limit=4) == []
    assert choose(aim.hole, {3: np.eye(3)}, pictures, 4, wanted=2, limit=4) == []


def test_texture_and_depth_raise_the_doubt() -> None:
    flat = target(picture(np.full((HEIGHT, WIDTH, 3), 90, np.uint8), hole()))
    rich = target(picture(frame(0), hole()))
    assert spatial_variance(flat).max() < spatial_variance(rich).min()
    assert spatial_variance(rich).argmax() in np.flatnonzero(rich.root_depth > rich.root_depth.max() - 1)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_combination_of_equals_is_their_value(count: int) -> None:
    value, variance = combine(np.full((count, 4, 3), 50, np.float32), np.full((count, 4), 9, np.float32), 2)
    np.testing.assert_allclose(value, 50, rtol=1e-5)
    np.testing.assert_allclose(variance, 4.5, rtol=1e-5)


def test_an_outlier_is_outvoted_and_nothing_seen_is_said() -> None:
    candidates = np.full((4, 2, 3), 50, np.float32)
    candidates[0] = 200
    expected = np.full((4, 2), 25, np.float32)
    expected[:, 1] = np.inf
    value, variance = combine(candidates, expected, 2)
    assert np.abs(value[0] - 50).max() < 2
    assert np.isinf(variance[1])
    assert not value[1].any()
