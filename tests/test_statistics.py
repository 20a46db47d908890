"""Temporal statistics against numpy, and frame sampling."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from itertools import combinations
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from vinpaint import statistics
from vinpaint.statistics import sampling

Stack = NDArray[Any]


def stacks(channels: bool | None = None) -> st.SearchStrategy[Stack]:
    """Small stacks of both types, with and without channels; some rows cross the tiles of the clusters."""
    sides = st.integers(1, 9), st.integers(1, 5), st.one_of(st.integers(1, 7), st.integers(31, 33))
    plain, coloured = st.tuples(*sides), st.tuples(*sides, st.integers(1, 3))
    shapes = {None: st.one_of(plain, coloured), False: plain, True: coloured}[channels]
    return st.one_of(*(hnp.arrays(dtype, shapes) for dtype in (np.uint8, np.uint16)))


def differences(stack: Stack) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    wide = stack.astype(np.float64)
    return np.diff(wide, axis=2), np.diff(wide, axis=1)


def deviation_from_median(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.median(np.abs(values - np.median(values, axis=0)), axis=0))


@settings(deadline=None, max_examples=50)
@given(stacks())
def test_median_and_mad_equal_numpy(stack: Stack) -> None:
    middle, spread = statistics.median_and_mad(stack)
    assert np.array_equal(middle, np.median(stack, axis=0))
    assert np.array_equal(middle, statistics.median(stack))
    assert np.array_equal(spread, deviation_from_median(stack.astype(np.float64)))


@settings(deadline=None, max_examples=50)
@given(stacks())
def test_gradient_median_and_mad_equal_numpy(stack: Stack) -> None:
    across, down = differences(stack)
    middle, spread = statistics.gradient_median_and_mad(stack)
    assert middle.shape == spread.shape == (2, *stack.shape[1:])
    assert np.array_equal(middle, statistics.gradient_median(stack))
    for part, values in ((np.s_[0, :, :-1], across), (np.s_[1, :-1], down)):
        if values.size:
            assert np.array_equal(middle[part], np.median(values, axis=0))
            assert np.array_equal(spread[part], deviation_from_median(values))
    assert not middle[0, :, -1].any()
    assert not middle[1, -1].any()


@settings(deadline=None, max_examples=50)
@given(stacks())
def test_moments_equal_numpy(stack: Stack) -> None:
    mean, deviation = statistics.mean_and_deviation(stack)
    scale = float(np.iinfo(stack.dtype).max)
    assert np.allclose(mean / scale, stack.mean(axis=0) / scale, atol=1e-6)
    assert np.allclose(deviation / scale, stack.std(axis=0) / scale, atol=1e-6)
    across, down = differences(stack)
    of_gradient = statistics.gradient_deviation(stack)
    for part, values in ((np.s_[0, :, :-1], across), (np.s_[1, :-1], down)):
        if values.size:
            assert np.allclose(of_gradient[part] / scale, values.std(axis=0) / scale, atol=1e-6)


@settings(deadline=None, max_examples=50)
@given(stacks())
def test_extremes_and_mode(stack: Stack) -> None:
    low, high = statistics.extremes(stack)
    assert np.array_equal(low, stack.min(axis=0))
    assert np.array_equal(high, stack.max(axis=0))
    value, share = statistics.mode(stack)
    votes = (stack == value).sum(axis=0)
    assert np.array_equal(np.rint(share * len(stack)), votes)
    for frame in stack:
        others = (stack == frame).sum(axis=0)
        assert (others <= votes).all()
        assert ((others < votes) | (value <= frame)).all()


@settings(deadline=None, max_examples=50)
@given(stacks(channels=False), st.integers(1, 3), st.randoms(use_true_random=False))
def test_gradient_mean_of_flagged_frames(stack: Stack, factor: int, random: Any) -> None:
    count, height, width = stack.shape
    if factor > min(height, width):
        return
    draw = np.random.default_rng(random.randrange(2**32))
    flags = draw.random((count, height // factor, width // factor)) < 0.5
    mean, share = statistics.gradient_mean_where(stack, flags, factor)
    rows = np.minimum(np.arange(height) // factor, flags.shape[1] - 1)
    columns = np.minimum(np.arange(width) // factor, flags.shape[2] - 1)
    wide = flags[:, rows][:, :, columns]
    times = wide.sum(axis=0)
    assert np.allclose(share, times / count)
    across, down = differences(stack)
    parts = (np.s_[:, :, :-1], across), (np.s_[:, :-1], down)
    for axis, (part, values) in enumerate(parts):
        chosen = wide[part]
        expected = (values * chosen).sum(axis=0) / np.maximum(chosen.sum(axis=0), 1)
        assert np.allclose(mean[axis][part[1:]], expected, rtol=1e-4, atol=1e-3)


@settings(deadline=None, max_examples=50)
@given(stacks(channels=False), st.integers(1, 3))
def test_block_means_equal_numpy(stack: Stack, factor: int) -> None:
    gain = 64 if stack.dtype == np.uint8 else 1
    means = statistics.block_means(stack, factor, gain=gain)
    count, height, width = means.shape
    assert (height, width) == (stack.shape[1] // factor, stack.shape[2] // factor)
    cut = stack[:, : height * factor, : width * factor].astype(np.float64)
    expected = cut.reshape(count, height, factor, width, factor).mean(axis=(2, 4))
    assert np.abs(means - gain * expected).max(initial=0) <= 0.5


def nearest_group(samples: Stack, centre: NDArray[np.float64], radius: float) -> NDArray[np.bool_]:
    """Which samples (T, C) lie around a centre."""
    return np.asarray(((samples - centre) ** 2).sum(axis=1) <= radius**2)


@settings(deadline=None, max_examples=50)
@given(stacks(), st.integers(1, 4), st.floats(0.02, 0.7))
def test_clusters_are_disjoint_groups_around_their_means(stack: Stack, k: int, part: float) -> None:
    radius = part * float(np.iinfo(stack.dtype).max)
    weights, centres, spreads = statistics.clusters(stack, k, radius)
    assert centres.shape == (k, *stack.shape[1:])
    counts = np.rint(weights * len(stack)).astype(int)
    assert np.allclose(weights * len(stack), counts, atol=1e-3)
    assert (np.diff(counts, axis=0) <= 0).all()
    assert (counts.sum(axis=0) <= len(stack)).all()
    assert (counts[0] >= 1).all()
    assert (spreads <= radius * (1 + 1e-4)).all()
    low, high = stack.min(axis=0), stack.max(axis=0)
    tolerance = 1e-5 * radius / part
    for weight, centre in zip(counts, centres, strict=True):
        used = (weight > 0)[..., None] if stack.ndim == 4 else weight > 0
        assert ((centre >= low - tolerance) & (centre <= high + tolerance) | ~used).all()
        assert not (centre * ~used).any()
    samples = stack.reshape(len(stack), -1, centres[0, 0, 0].size).astype(np.float64)
    for pixel, centre in enumerate(centres[0].reshape(samples.shape[1:])):
        inside = nearest_group(samples[:, pixel], centre, radius * 1.0001)
        assert inside.sum() >= counts[0].flat[pixel]


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1), st.sampled_from([np.uint8, np.uint16]), st.integers(1, 3), st.integers(1, 4))
def test_clusters_find_separate_groups(seed: int, dtype: type, groups: int, channels: int) -> None:
    """Groups farther apart than they are wide come back with numpy's shares, means and deviations."""
    draw = np.random.default_rng(seed)
    unit = 257 if dtype is np.uint16 else 1
    levels = draw.permutation([40, 110, 200])[:groups] * unit
    member = np.concatenate([np.arange(groups), draw.integers(0, groups, 20)])
    noise = draw.integers(-4 * unit, 4 * unit + 1, (len(member), 3, 5, channels))
    stack = (levels[member][:, None, None, None] + noise).astype(dtype)
    weights, centres, spreads = statistics.clusters(stack, 4, 20 * unit)
    for group in range(groups):
        own = stack[member == group].astype(np.float64)
        mean = own.mean(axis=0)
        place = np.abs(centres[:groups, ..., 0] - mean[..., 0]).argmin(axis=0)[None]  # groups of one size: either first
        assert np.allclose(np.take_along_axis(weights, place, 0), (member == group).mean())
        assert np.allclose(np.take_along_axis(centres, place[..., None], 0), mean, rtol=1e-4)
        deviation = np.sqrt(own.var(axis=0).mean(axis=-1))
        assert np.allclose(np.take_along_axis(spreads, place, 0), deviation, atol=1e-2 * unit)
    assert not weights[groups:].any()


def scenes_with_a_mark() -> tuple[Stack, NDArray[np.int64]]:
    """Still scenes of noise, one of which fills half of the clip, and a mark that lightens a box of them all."""
    draw = np.random.default_rng(4)
    scenes = cv2.blur(draw.integers(0, 200, (90, 90, 9), dtype=np.uint8), (3, 3)).transpose(2, 0, 1)[:, :70]
    shots = np.repeat(np.arange(9), [32, 4, 4, 4, 4, 4, 4, 4, 4])
    stack = scenes[shots].astype(np.int16)
    stack[:, 20:60, 30:70] += 40
    return (stack + draw.integers(-2, 3, stack.shape)).clip(0, 255).astype(np.uint8), shots


@pytest.mark.parametrize("depth", [1, 257])
def test_gradients_persist_where_the_mark_is(depth: int) -> None:
    stack, shots = scenes_with_a_mark()
    deep = stack if depth == 1 else stack.astype(np.uint16) * np.uint16(depth)
    gradient, share = statistics.gradient_persistence(deep, shots)
    edge = share[20:60, 29]
    assert share.shape == stack.shape[1:]
    assert abs(np.median(gradient[0, 20:60, 29]) / depth - 40) < 8
    assert edge.mean() > 0.8
    assert 0.4 < np.median(share[:, :20]) < 0.6


@settings(deadline=None, max_examples=30)
@given(stacks(), st.integers(0, 60), st.randoms(use_true_random=False))
def test_persistence_equals_numpy(stack: Stack, tolerance: int, random: Any) -> None:
    shots = np.array([random.randrange(3) for _ in stack])
    medians = np.stack([np.median(stack[shots == shot], axis=0) for shot in np.unique(shots)])
    middle = np.median(medians, axis=0)
    level, share = statistics.persistence(stack, shots, tolerance)
    stays = np.abs(medians - level) <= tolerance
    assert np.allclose(level, middle, atol=0 if stack.dtype == np.uint8 else 2)
    assert np.allclose(share, (stays if stack.ndim == 3 else stays.all(axis=3)).mean(axis=0))


@settings(deadline=None, max_examples=30)
@given(stacks(channels=False), st.randoms(use_true_random=False))
def test_gradient_persistence_equals_numpy(stack: Stack, random: Any) -> None:
    stack = (stack >> (8 * (stack.itemsize - 1))).astype(np.uint8)
    shots = np.array([random.randrange(3) for _ in stack])
    own = np.stack([statistics.gradient_median(stack[shots == shot]) for shot in np.unique(shots)])
    common = np.median(own, axis=0)
    strength = (common**2).sum(axis=0)
    expected = (((own * common).sum(axis=1) >= strength / 2) & (strength >= 0.25)).mean(axis=0)
    gradient, share = statistics.gradient_persistence(stack, shots)
    assert np.array_equal(gradient, common)
    assert np.allclose(share, expected)


def test_persistence_in_bands_is_that_of_the_whole() -> None:
    stack = np.random.default_rng(5).integers(0, 256, (9, 150, 12), dtype=np.uint8)
    shots = np.repeat([0, 1, 2], 3)
    gradient, share = statistics.gradient_persistence(stack, shots)
    assert gradient.shape == (2, 150, 12)
    for top in (0, 60, 63, 64, 120):
        part_gradient, part = statistics.gradient_persistence(stack[:, top : top + 20], shots)
        assert np.array_equal(part[:-1], share[top : top + 19])
        assert np.array_equal(part_gradient[:, :-1], gradient[:, top : top + 19])


def test_many_frames_and_wide_rows_cross_tiles() -> None:
    stack = np.random.default_rng(1).integers(0, 65536, (301, 2, 1100), dtype=np.uint16)
    assert np.array_equal(statistics.median(stack), np.median(stack, axis=0))


@pytest.mark.parametrize("shape", [(5, 3, 515), (5, 3, 180, 3)])
@pytest.mark.parametrize(
    "call",
    [
        statistics.median_and_mad,
        statistics.gradient_median_and_mad,
        statistics.mean_and_deviation,
        statistics.gradient_deviation,
        lambda stack: statistics.clusters(stack, 2, 40)[1],
    ],
)
def test_wide_rows_are_as_their_parts(call: Callable[[Stack], Any], shape: tuple[int, ...]) -> None:
    stack = np.random.default_rng(6).integers(0, 256, shape, dtype=np.uint8)
    columns = stack.ndim - 2  # counted from the end: 1, before channels 2
    whole = np.asarray(call(stack))
    place = [slice(None)] * whole.ndim
    for left in range(0, shape[2] - 8, 3):
        part = np.asarray(call(np.ascontiguousarray(stack[:, :, left : left + 9])))
        place[-columns] = slice(left, left + 8)
        own = part.take(range(8), axis=part.ndim - columns)
        assert np.allclose(own, whole[tuple(place)], rtol=1e-5, atol=1e-4)


def test_inputs_stay_as_they_are_and_may_be_views() -> None:
    whole = np.random.default_rng(2).integers(0, 256, (12, 20, 30, 3), dtype=np.uint8)
    before, view = whole.copy(), whole[::2, 3:15, 4:25]
    view.flags.writeable = False
    assert np.array_equal(statistics.median(view), np.median(view, axis=0))
    gray = view[..., 1]
    assert np.array_equal(statistics.block_means(gray, 2), statistics.block_means(gray.copy(), 2))
    assert np.array_equal(whole, before)


@pytest.mark.parametrize(
    "call",
    [
        lambda: statistics.median(np.zeros((0, 4, 4), np.uint8)),
        lambda: statistics.median(np.zeros((4, 4), np.uint8)),
        lambda: statistics.mode(np.zeros((2, 4, 4), np.float32)),
        lambda: statistics.block_means(np.zeros((2, 4, 4, 3), np.uint8), 2),
        lambda: statistics.block_means(np.zeros((2, 4, 4), np.uint16), 2, gain=2),
        lambda: statistics.gradient_mean_where(np.zeros((2, 4, 4), np.uint8), np.zeros((2, 3, 2), bool), 2),
        lambda: statistics.block_means(np.zeros((2, 300, 300), np.uint8), 257),
        lambda: statistics.clusters(np.zeros((2, 4, 4), np.uint8), 0, 8),
        lambda: statistics.clusters(np.zeros((2, 4, 4), np.uint8), 2, 0),
        lambda: statistics.clusters(np.zeros((2, 4, 4, 5), np.uint8), 2, 8),
        lambda: statistics.persistence(np.zeros((2, 4, 4), np.uint8), np.zeros(3, int), 1),
        lambda: statistics.gradient_persistence(np.zeros((2, 4, 4, 3), np.uint8), np.zeros(2, int)),
        lambda: statistics.plan_samples(10, 0),
        lambda: statistics.plan_samples(-1),
    ],
)
def test_bad_input_is_refused(call: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"give|gain|fit"):
        call()


@settings(deadline=None)
@given(st.integers(0, 100000), st.integers(1, 300))
def test_planned_samples_spread_over_the_clip(count: int, wanted: int) -> None:
    plan = statistics.plan_samples(count, wanted)
    indices, starts = plan.indices, np.array(plan.starts)
    assert len(indices) == len(plan.starts) * len(plan.offsets)
    assert min(count, wanted) - 3 <= len(indices) <= wanted
    assert (np.diff(indices) >= 1).all()
    if len(indices):
        gaps = np.diff(starts)
        assert indices[0] >= 0
        assert indices[-1] < count
        assert gaps.max(initial=1) - gaps.min(initial=gaps.max(initial=1)) <= 1
        assert abs(int(indices[0]) - (count - 1 - int(indices[-1]))) <= 2


@settings(deadline=None)
@given(st.integers(0, 100000), st.integers(24, 300))
def test_samples_have_neighbours(count: int, wanted: int) -> None:
    """All frames of a short clip; else neighbours at most five frames away, or bursts."""
    plan = statistics.plan_samples(count, wanted)
    if count <= wanted:
        assert np.array_equal(plan.indices, np.arange(count))
    assert plan.offsets == sampling.BURST or np.diff(plan.indices).max(initial=1) <= 5


def test_burst_is_a_golomb_ruler() -> None:
    spacings = sorted(b - a for a, b in combinations(sampling.BURST, 2))
    assert spacings == [3, 6, 9, 12, 15, 18]


@settings(deadline=None)
@given(st.integers(1, 900), st.integers(1, 150), st.lists(st.integers(1, 899)), st.integers(-50, 50))
def test_taken_are_the_planned(count: int, wanted: int, cuts: list[int], surplus: int) -> None:
    """Without cuts exactly; a cut moves or shortens the burst that it would divide, and no other."""
    plan = statistics.plan_samples(count, wanted)
    length = max(0, count + surplus)
    planned = plan.indices[plan.indices < length]
    uncut = statistics.take(plan, ((index, 0) for index in range(length)))
    assert [(one.item, one.index) for one in uncut] == [(index, index) for index in planned]
    shots = np.searchsorted(sorted(cuts), np.arange(length), side="right")
    taken = list(statistics.take(plan, zip(range(length), shots.tolist(), strict=True)))
    indices = np.array([one.index for one in taken], int)
    assert (np.diff(indices) > 0).all()
    assert len(taken) <= wanted
    assert all(one.shot == shots[one.index] for one in taken)
    bursts = np.split(
        np.arange(len(taken)), np.flatnonzero(np.isin(np.diff(indices), np.diff(plan.offsets), invert=True)) + 1
    )
    reach = plan.offsets[-1]
    for start in plan.starts:
        part = shots[start : start + reach + 1]
        if start + reach < length and (part == part[:1]).all():
            assert np.isin(start + np.array(plan.offsets), indices).all()
    if reach:
        assert all(len(set(shots[indices[burst]])) == 1 for burst in bursts if len(burst) == len(plan.offsets))


def test_a_burst_begins_anew_at_a_cut() -> None:
    plan = statistics.Plan(60, (5, 35), (0, 3, 12, 18))
    taken = statistics.take(plan, ((index, int(index >= 10) + int(index >= 45)) for index in range(60)))
    assert [one.index for one in taken] == [10, 13, 22, 28, 35, 38]


def test_shots_that_look_alike_are_one_scene() -> None:
    draw = np.random.default_rng(0)
    coarse = draw.integers(0, 256, (2, 12, 20), np.uint8)
    first, second = (np.asarray(cv2.resize(one, (160, 96)), np.uint8) for one in coarse)
    dimmed = (first // 2 + 40).astype(np.uint8)
    marked = second.copy()
    marked[20:60, 20:100] = first[20:60, 20:100]
    flat = np.full_like(first, 128)
    pictures = [first, second, dimmed, marked, flat, first]
    assert statistics.scene_numbers(pictures, [0, 1, 2, 3, 4, 5]) == [0, 1, 0, 1, 2, 0]
    assert statistics.scene_numbers(pictures, [0, 1, 2, 3, 4, 4]) == [0, 1, 0, 1, 0, 0]
    assert statistics.scene_numbers([], []) == []


def test_import_is_light() -> None:
    code = "import sys, vinpaint.statistics, vinpaint.detect; sys.exit('torch' in sys.modules or 'av' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
