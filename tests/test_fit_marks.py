"""The recipe of the rule by which marks are told from scene."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from vinpaint.benchmarks.fit_marks import OPACITIES, Groups, fit, found_alone, judged, left_out, marked
from vinpaint.refiner.synthetic import moving_scene


def drawn(count: int = 4000) -> Groups:
    """Groups whose truth follows a logistic rule of signs of unlike scales."""
    rng = np.random.default_rng(0)
    signs = rng.normal((1, -3, 0), (0.5, 2, 10), (count, 3))
    true = rng.random(count) < expit(signs @ (3, -1, 0) - 5)
    return Groups(signs, true, np.arange(count) % 4)


def test_fit_finds_the_rule_that_drew_the_truth() -> None:
    groups = drawn()
    weights, offset = fit(groups.signs, groups.true, ridge=0.01)
    assert np.abs(weights - (3, -1, 0)).max() < 0.3
    assert abs(offset + 5) < 0.7


def test_ridge_shrinks_the_weights_and_keeps_the_mean() -> None:
    groups = drawn()
    weak, strong = (fit(groups.signs, groups.true, ridge) for ridge in (1.0, 1000.0))
    assert np.abs(strong[0][:2]).max() < 0.7 * np.abs(weak[0][:2]).max()
    for weights, offset in (weak, strong):
        assert abs(expit(groups.signs @ weights + offset).mean() - groups.true.mean()) < 1e-3


def test_scenes_left_out_are_predicted_by_the_others() -> None:
    groups = drawn()
    weights, offset = fit(groups.signs, groups.true, 1.0)
    seen = expit(groups.signs @ weights + offset)
    unseen = left_out(groups, 1.0)
    assert np.abs(seen - unseen).max() < 0.15
    assert found_alone(groups, groups.true.astype(float)) == 1
    assert found_alone(groups, unseen) < 1


def test_groups_of_a_marked_scene_lie_on_the_marks() -> None:
    frames = moving_scene(40, 120, 216)
    before = frames.copy()
    seen, mark = marked(frames, OPACITIES[-1], np.random.default_rng(0))
    assert np.array_equal(frames, before)
    assert np.abs(seen[:, ~mark].astype(int) - frames[:, ~mark]).max() < 30  # soft edges only
    verdicts = [true for _, true in judged(seen, mark)]
    assert any(verdicts)
    assert all(len(signs) == 7 and np.isfinite(signs).all() for signs, _ in judged(seen, mark))
