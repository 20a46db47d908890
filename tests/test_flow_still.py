"""A camera at rest: told from edges whatever the light does, and what it saw as a median over time."""

from __future__ import annotations

import tracemalloc

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from vinpaint.flow.align import at_rest
from vinpaint.flow.kernels import recall
from vinpaint.flow.propagate import picture
from vinpaint.flow.still import remembered

HEIGHT, WIDTH = 120, 160
NOISE = cv2.GaussianBlur(np.random.default_rng(3).normal(size=(160, 200, 3)), (0, 0), 2.0)
WORLD = np.asarray(cv2.normalize(NOISE, None, 30, 220, cv2.NORM_MINMAX), np.uint8)
NOTHING = np.zeros((HEIGHT, WIDTH), np.bool_)


def seen(matrix: list[list[float]] | None = None) -> NDArray[np.uint8]:
    """The world from a place; by default from that where the camera rests."""
    there = np.array(matrix or [[1, 0, 0], [0, 1, 0]], np.float64)
    there[:, 2] -= 20
    return np.asarray(cv2.warpAffine(WORLD, there, (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC), np.uint8)


def gray(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)


def darker(image: NDArray[np.uint8], centre: float, corner: float) -> NDArray[np.uint8]:
    """An image under less light, and least in the corners."""
    y, x = np.mgrid[-1 : 1 : HEIGHT * 1j, -1 : 1 : WIDTH * 1j]
    light = centre + (corner - centre) * (x * x + y * y) / 2
    return np.rint(image * light[..., None]).astype(np.uint8)


def test_rest_is_seen_under_other_light_and_behind_a_passer_by() -> None:
    before, after = seen(), darker(seen(), 0.95, 0.85)
    after[:, 60:100] = np.random.default_rng(0).integers(0, 256, (HEIGHT, 40, 3))
    assert at_rest(gray(before), gray(after), NOTHING)


@pytest.mark.parametrize(
    "matrix", [[[1, 0, 0.3], [0, 1, 0]], [[1, 0, 0], [0, 1, -0.2]], [[1.01, 0, -0.8], [0, 1.01, -0.6]]]
)
def test_the_slightest_shift_or_zoom_is_none(matrix: list[list[float]]) -> None:
    assert not at_rest(gray(seen()), gray(seen(matrix)), NOTHING)


def test_without_edges_there_is_no_rest() -> None:
    even = np.full((HEIGHT, WIDTH), 90, np.uint8)
    assert not at_rest(even, even, NOTHING)
    assert not at_rest(gray(seen()), gray(seen()), ~NOTHING)


def test_the_usual_value_comes_back_in_the_light_of_the_picture() -> None:
    truth = seen()
    hole = NOTHING.copy()
    hole[40:80, 50:90] = True
    lights = (0.8, 0.9, 1.0, 0.85, 0.95, 0.9, 1.0)
    others = [np.rint(truth * light).astype(np.uint8) for light in lights]
    others[2][50:60, 60:70] = 255  # someone, unmasked
    masks = [NOTHING] * 4 + [hole] * 3
    ages = [1, 2, 4, 7, 11, 16, 22]
    y, x = np.nonzero(hole)
    points = np.column_stack([x, y]).astype(np.int32)
    target = picture(np.where(hole[..., None], 0, truth).astype(np.uint8), hole)
    found = remembered(target, points, [picture(*pair) for pair in zip(others, masks, strict=True)], ages)
    assert np.abs(found.colours - truth[hole]).max() < 3
    assert found.variance.max() < 10
    nobody = remembered(target, points, [picture(truth, hole)], [1])
    assert np.isinf(nobody.variance).all()
    assert np.isinf(remembered(target, points, [], []).variance).all()


@pytest.mark.parametrize(("shown", "most"), [(0, 5), (1, 40)])
def test_pictures_that_hide_what_is_missing_cost_no_memory(shown: int, most: float) -> None:
    hole = np.ones((300, 300), np.bool_)
    hole[:, :100] = False
    dark = picture(np.full((300, 300, 3), 90, np.uint8), hole)
    elsewhere = hole.copy()
    elsewhere[0, 100 : 100 + shown] = False
    others = [picture(dark.image, elsewhere)] * 120
    points = np.argwhere(hole)[:, ::-1].astype(np.int32)
    tracemalloc.start()
    found = remembered(dark, points, others, range(1, 121))
    megabytes = tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()
    assert np.isfinite(found.variance).sum() == shown
    assert megabytes < most


def test_medians_take_the_first_values_that_were_seen() -> None:
    values = np.array([10, 200, 30, 20, 250], np.float32)[:, None, None].repeat(3, axis=2)
    visible = np.array([True, False, True, True, True])[:, None]
    weights = np.ones(5, np.float32)
    value, variance = recall(values, visible, weights, 3)  # of 10, 30, 20
    assert (value == 20).all()
    assert variance == pytest.approx([100])
    value, variance = recall(values, np.zeros((5, 1), np.bool_), weights, 3)
    assert np.isinf(variance).all()
