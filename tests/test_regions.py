from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import distance_transform_edt

from vinpaint.contracts import Mask
from vinpaint.errors import UsageError
from vinpaint.masks import Region, dilate, regions_of


@st.composite
def masks(draw: st.DrawFn) -> Mask:
    """A few boxes and specks."""
    height, width = draw(st.integers(1, 160)), draw(st.integers(1, 160))
    mask = np.zeros((height, width), np.bool_)
    for _ in range(draw(st.integers(0, 5))):
        y, x = draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))
        mask[y : y + draw(st.integers(1, 40)), x : x + draw(st.integers(1, 40))] = True
    specks = draw(st.sampled_from([0.0, 0.0, 0.001, 0.05]))
    return mask | (np.random.default_rng(draw(st.integers(0, 99))).random((height, width)) < specks)


regions = st.builds(
    lambda y, x, h, w: Region(y, y + h, x, x + w),
    st.integers(0, 50),
    st.integers(0, 50),
    st.integers(1, 50),
    st.integers(1, 50),
)


@settings(deadline=None, max_examples=150)
@given(masks(), st.sampled_from([0.0, 0.5, 1.0, 2.5]), st.sampled_from([0, 1, 8, 24]))
def test_every_hidden_pixel_lies_in_exactly_one_region(mask: Mask, margin: float, minimum: int) -> None:
    covered = np.zeros(mask.shape, int)
    found = regions_of(mask, margin, minimum=minimum)
    for region in found:
        assert region == region.clip(*mask.shape)
        assert mask[region.slices].any()
        covered[region.slices] += 1
    assert (covered[mask] == 1).all()
    assert len(found) <= 16


@settings(deadline=None, max_examples=60)
@given(masks(), st.integers(1, 4))
def test_limit_holds(mask: Mask, limit: int) -> None:
    assert len(regions_of(mask, 0.5, minimum=2, limit=limit)) <= limit


@given(regions, st.sampled_from([1, 2, 4]), st.sampled_from([1, 2, 4]))
def test_alignment_grows_to_whole_blocks_within_the_frame(region: Region, ystep: int, xstep: int) -> None:
    grown = region.aligned(ystep, xstep, 100, 101)
    assert (grown.y0, grown.x0) <= (region.y0, region.x0)
    assert (grown.y1, grown.x1) >= (region.y1, region.x1)
    assert grown.y0 % ystep == grown.x0 % xstep == 0
    assert grown.y1 % ystep == 0 or grown.y1 == 100
    assert grown.x1 % xstep == 0 or grown.x1 == 101


@given(regions)
def test_slices_cut_out_the_box(region: Region) -> None:
    part = np.zeros((100, 100))[region.slices]
    assert part.shape == (region.height, region.width)
    assert part.size == region.area


def test_region_has_its_margin() -> None:
    mask = np.zeros((400, 600), np.bool_)
    mask[200:260, 300:400] = True
    assert regions_of(mask, 1.0) == (Region(140, 320, 240, 460),)
    assert regions_of(mask, 0.1, minimum=24) == (Region(176, 284, 276, 424),)


def test_lettering_is_one_region_and_far_logos_are_two() -> None:
    mask = np.zeros((720, 1280), np.bool_)
    for letter in range(12):
        mask[40:70, 100 + 26 * letter : 120 + 26 * letter] = True
    assert len(regions_of(mask, 1.0)) == 1
    mask[600:650, 1000:1100] = True
    assert len(regions_of(mask, 1.0)) == 2


def test_empty_mask_has_no_region() -> None:
    assert regions_of(np.zeros((20, 30), np.bool_)) == ()


@pytest.mark.parametrize("bad", [{"margin": -1.0}, {"minimum": -1}, {"limit": 0}])
def test_bad_parameters_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(UsageError):
        regions_of(np.ones((4, 4), np.bool_), **bad)  # type: ignore[arg-type]


@settings(deadline=None, max_examples=60)
@given(masks(), st.sampled_from([0, 1, 1.5, 3, 10.2]))
def test_dilation_is_by_a_disc(mask: Mask, radius: float) -> None:
    kept = mask.copy()
    grown = dilate(mask, radius)
    expected = distance_transform_edt(~mask) <= radius if mask.any() else mask
    assert np.array_equal(grown, expected)
    assert np.array_equal(mask, kept)
    assert grown is not mask


def test_dilation_of_moving_masks_stays_in_each_frame() -> None:
    mask = np.zeros((2, 9, 9), np.bool_)
    mask[0, 4, 4] = True
    assert dilate(mask, 1).sum(axis=(1, 2)).tolist() == [5, 0]
    with pytest.raises(UsageError):
        dilate(mask, -1)
