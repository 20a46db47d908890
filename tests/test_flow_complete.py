"""Completion of fields: a discrete harmonic function, whatever the shape of what is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vinpaint.flow.complete import bounding_box, complete, complete_hole

FEW = settings(deadline=None, max_examples=30)


@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    known=st.floats(0.02, 1),
    seed=st.integers(0, 2**32 - 1),
)
@FEW
def test_stays_within_what_is_known_and_keeps_it(height: int, width: int, known: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(height, width, 2)).astype(np.float32)
    mask = rng.random((height, width)) < known
    mask[rng.integers(height), rng.integers(width)] = True
    values[~mask] = 1e6
    filled = complete(values, mask)
    assert np.array_equal(filled[mask], values[mask])
    assert filled.min() >= values[mask].min() - 1e-4
    assert filled.max() <= values[mask].max() + 1e-4


def test_linear_field_comes_back() -> None:
    y, x = np.mgrid[:120, :160].astype(np.float32)
    plane = 0.5 * x - 0.2 * y + 3
    hole = (x - 80) ** 2 + (y - 60) ** 2 < 35**2
    error = np.abs(complete(np.where(hole, 0, plane), ~hole) - plane)
    assert error.max() < 0.05 * np.ptp(plane[hole])


@pytest.mark.parametrize("shape", [(4, 200), (200, 4), (1, 50)])
def test_narrow_strips(shape: tuple[int, int]) -> None:
    known = np.zeros(shape, bool)
    known[:, :2] = known[:, -2:] = True
    np.testing.assert_allclose(complete(np.full(shape, 100.0), known), 100, rtol=1e-5)


def test_nothing_known_gives_zeros() -> None:
    assert not complete(np.ones((9, 7)), np.zeros((9, 7), bool)).any()


def test_unsure_samples_give_way() -> None:
    values = np.zeros((21, 21), np.float32)
    values[10, 10] = 1
    sure, unsure = np.ones((21, 21), np.float32), np.ones((21, 21), np.float32)
    unsure[10, 10] = 0.1
    assert complete(values, sure)[10, 10] == 1
    assert complete(values, unsure)[10, 10] == pytest.approx(0.1)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_hole_of_an_image(dtype: type) -> None:
    image = np.full((30, 40, 3), 77, dtype)
    hole = np.zeros((30, 40), bool)
    hole[5:20, 0:11] = True
    image[hole] = 0
    filled = complete_hole(image, hole)
    assert filled.dtype == dtype
    np.testing.assert_allclose(filled, 77, rtol=1e-5)
    assert not image[hole].any()


def test_bounding_box_is_cut_to_the_picture() -> None:
    mask = np.zeros((20, 30), bool)
    mask[1, 28] = True
    assert bounding_box(mask, 3) == (slice(0, 5), slice(25, 30))
    assert bounding_box(np.zeros((20, 30), bool), 3) == (slice(0, 0), slice(0, 0))
