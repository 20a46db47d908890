from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from vinpaint.baselines.median import visible_median
from vinpaint.contracts import Mask
from vinpaint.fill import create
from vinpaint.fill.diffusion import diffuse
from vinpaint.fill.spatial import inpaint
from vinpaint.flow.complete import complete
from vinpaint.refiner import synthetic


def hole(height: int, width: int) -> Mask:
    mask = np.zeros((height, width), np.bool_)
    mask[10:22, 12:30] = True
    mask[30:33, 2:40] = True
    return mask


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_a_slope_goes_on_through_the_hole(dtype: type) -> None:
    y, x = np.mgrid[:40, :48]
    top = 1.0 if dtype == np.float32 else np.iinfo(dtype).max
    image: NDArray[Any] = (np.dstack([x, y, x + y]) * (top / 100)).astype(dtype)
    mask = hole(40, 48)
    hidden = image.copy()
    hidden[mask] = 0
    kept = hidden.copy()
    filled = inpaint(hidden, mask)
    assert filled.dtype == dtype
    assert np.abs(filled.astype(float) - image).max() < 0.02 * top
    assert np.array_equal(filled[~mask], image[~mask])
    assert np.array_equal(hidden, kept)


@pytest.mark.parametrize("seed", range(4))
def test_values_stay_within_its_surroundings(seed: int) -> None:
    rng = np.random.default_rng(seed)
    image = rng.integers(50, 180, (40, 48, 3), np.uint8)
    mask = hole(40, 48) | (rng.random((40, 48)) < 0.02)
    filled = inpaint(image, mask)[mask]
    assert filled.min() >= image[~mask].min()
    assert filled.max() <= image[~mask].max()


def test_an_edge_is_continued_better_than_by_a_membrane() -> None:
    y, x = np.mgrid[:80, :100]
    edge = np.clip(100 + 60 * (y - 10 - 0.6 * x), 40, 220).astype(np.float32)
    image = np.repeat(edge[..., None], 3, axis=2)
    mask = np.hypot(y - 40, x - 50) < 12
    diffused, membrane = diffuse(image, mask), complete(image, ~mask)
    assert np.square(diffused - image)[mask].mean() < 0.5 * np.square(membrane - image)[mask].mean()


def test_a_long_hole_across_a_narrow_strip_is_filled() -> None:
    image = np.full((4, 200, 3), 100, np.uint8)
    mask = np.zeros((4, 200), np.bool_)
    mask[:, 20:190] = True
    hidden = np.where(mask[..., None], np.uint8(7), image)
    assert np.array_equal(inpaint(hidden, mask), image)


def test_holes_do_not_see_each_other() -> None:
    image = synthetic.moving_scene(1, 120, 160, seed=2)[0]
    first, second = np.zeros((2, 120, 160), np.bool_)
    first[20:40, 20:50], second[80:100, 100:140] = True, True
    both = inpaint(image, first | second)
    assert np.array_equal(both[first], inpaint(image, first)[first])
    assert np.array_equal(both[second], inpaint(image, second)[second])


def test_spatial_is_no_worse_than_fast_marching() -> None:
    frames = synthetic.moving_scene(4, 120, 160, seed=1)
    mask = np.zeros((120, 160), np.bool_)
    mask[50:80, 30:60] = mask[20:30, 90:150] = True
    squared = {}
    for name in ("spatial", "telea"):
        gap = create(name).fill(frames, mask).frames.astype(float) - frames
        squared[name] = np.square(gap).mean()
    assert squared["spatial"] < squared["telea"]


@settings(deadline=None, max_examples=50)
@given(
    st.integers(1, 9),
    st.floats(0, 1),
    st.sampled_from([np.uint8, np.uint16]),
    st.integers(0, 2**32 - 1),
)
def test_visible_median_is_the_masked_median(count: int, share: float, dtype: type, seed: int) -> None:
    rng = np.random.default_rng(seed)
    frames = rng.integers(0, np.iinfo(dtype).max, (count, 5, 6, 3), dtype, endpoint=True)
    mask = rng.random((count, 5, 6)) < share
    rows, columns = np.nonzero(np.ones((5, 6)))
    median, spread = visible_median(frames, mask, rows, columns)
    for n, (row, column) in enumerate(zip(rows, columns, strict=True)):
        values = frames[:, row, column][~mask[:, row, column]].astype(float)
        if not len(values):
            assert spread[n] == -1
            continue
        middle = np.median(values, axis=0)
        assert np.abs(median[n] - middle).max() <= 0.5
        assert spread[n] == pytest.approx(np.abs(values - middle).mean(axis=0).max(), rel=1e-4, abs=1e-3)
