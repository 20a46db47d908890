"""Estimators behind one contract, and the test of their consistency."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from vinpaint.errors import UsageError
from vinpaint.flow.consistency import consistent, grid
from vinpaint.flow.estimate import ESTIMATORS, estimator

NOISE = cv2.GaussianBlur(np.random.default_rng(0).normal(size=(160, 200)), (0, 0), 2.5)
PICTURE = np.asarray(cv2.normalize(NOISE, None, 0, 255, cv2.NORM_MINMAX), np.uint8)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_shift_is_found(name: str) -> None:
    source, target = (np.ascontiguousarray(PICTURE[20:120, x : x + 140]) for x in (23, 20))
    flow = estimator(name)(source, target)
    assert flow.shape == (100, 140, 2)
    assert flow.dtype == np.float32
    assert np.abs(np.median(flow[20:-20, 20:-20], axis=(0, 1)) - (3, 0)).max() < 0.3


@pytest.mark.parametrize("name", ESTIMATORS)
def test_pictures_too_small_do_not_move(name: str) -> None:
    tiny = np.ascontiguousarray(PICTURE[:8, :9])
    assert not estimator(name)(tiny, tiny).any()


def test_unknown_name_lists_the_choices() -> None:
    with pytest.raises(UsageError, match="dis-fast"):
        estimator("lucas")


def test_grid_is_x_then_y() -> None:
    assert grid(4, 6)[3, 5].tolist() == [5, 3]


def test_there_and_back() -> None:
    forward = np.full((20, 30, 2), (4, 0), np.float32)
    assert consistent(forward, -forward)[:, :26].all()
    assert not consistent(forward, -forward)[:, 26:].any()
    assert not consistent(forward, forward).any()
