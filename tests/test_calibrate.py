"""Photometric self-calibration: matches, veils and their opacity, on a textured scene under a wandering camera."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from vinpaint.detect.calibrate import Lattice, Veil, fit_veil, lift, misfit
from vinpaint.detect.measure import measure_blemish
from vinpaint.detect.stains import find_stains
from vinpaint.flow.matching import Matches, match, neighbours
from vinpaint.refiner.synthetic import apply, scene_frames, soft_stain

Frames = NDArray[np.uint8]
Alpha = NDArray[np.float32]

SIZE = 144, 216
COLOUR = np.array((70.0, 60.0, 90.0))


@cache
def wandering(count: int = 32) -> tuple[Frames, NDArray[np.int64]]:
    """Frames of a camera that moves over a picture, and where it is: (y, x) of every frame."""
    height, width = SIZE
    draw = np.random.default_rng(5)
    scene = np.zeros((height + 120, width + 170, 3), np.float32)
    for scale in (2, 4, 8, 16, 32):
        small = draw.normal(size=(scene.shape[0] // scale + 2, scene.shape[1] // scale + 2, 3)).astype(np.float32)
        scene += np.sqrt(scale) * cv2.resize(small, scene.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    scene = np.clip(127 + 40 * scene / scene.std(), 0, 255)
    times = np.arange(count) / 16
    places = np.stack([50 + 45 * np.sin(times), 75 + 70 * np.sin(1.4 * times + 1)], axis=1).astype(int)
    frames = [scene[y : y + height, x : x + width] for y, x in places]
    return np.rint(np.stack(frames)).astype(np.uint8), places


def soft_disc(opacity: float, y: float = 70, x: float = 100, radius: float = 24) -> Alpha:
    rows, columns = np.ogrid[: SIZE[0], : SIZE[1]]
    return np.asarray(np.clip(1.2 - np.hypot(rows - y, columns - x) / radius, 0, 1) * opacity, np.float32)


@cache
def stained(opacity: float) -> Frames:
    frames, _ = wandering()
    alpha = soft_disc(opacity)[..., None]
    return np.rint(frames * (1 - alpha) + COLOUR * alpha).astype(np.uint8)


@cache
def matches(opacity: float) -> Matches:
    frames = stained(opacity)
    return match(frames, neighbours(np.arange(len(frames))), 4)


@settings(deadline=None, max_examples=40)
@given(st.integers(5, 60), st.integers(5, 60), st.integers(2, 9), st.data())
def test_lattice_reproduces_linear_functions(height: int, width: int, cell: int, data: st.DataObject) -> None:
    lattice = Lattice(height, width, cell)
    x, y = data.draw(st.floats(0, width - 1)), data.draw(st.floats(0, height - 1))
    nodes, shares = lattice.weights(np.array([[x, y]], np.float32))
    rows, columns = np.divmod(nodes[0], lattice.shape[1])
    assert shares.min() >= 0
    assert shares.sum() == pytest.approx(1)
    assert (shares[0] * rows).sum() * cell == pytest.approx(y, abs=0.02 * cell)
    assert (shares[0] * columns).sum() * cell == pytest.approx(x, abs=0.02 * cell)


def test_pairs_are_near_rise_and_stay_in_their_shot() -> None:
    numbers, shots = np.array([0, 3, 12, 18, 400, 403, 412, 418]), np.array([0, 0, 0, 0, 0, 1, 1, 1])
    pairs = neighbours(numbers, shots)
    assert set(pairs) == {(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3), (5, 6), (5, 7), (6, 7)}


@pytest.mark.parametrize("opacity", [0.0, 0.7])
def test_matches_follow_the_camera_whatever_is_in_front(opacity: float) -> None:
    _, places = wandering()
    frames = stained(opacity)
    found = match(frames, [(4, 8)], 4)
    expected = (places[4] - places[8])[::-1]
    moved = (found.there - found.here)[found.frame == 4]
    wrong = np.abs(moved - expected).max(axis=1) > 1
    assert len(moved) > 100
    assert wrong.mean() < 0.1


def test_nothing_to_match_gives_no_matches() -> None:
    still = np.repeat(stained(0.0)[:1], 4, axis=0)
    assert len(match(still, [(0, 1), (1, 3)], 4)) == 0
    assert len(match(still, [], 4)) == 0


def test_true_veil_explains_the_differences_and_lifting_removes_them() -> None:
    lattice, alpha = Lattice(*SIZE, 6), soft_disc(0.7)
    free = lattice.at_nodes(cv2.dilate(alpha, np.ones((13, 13)))) > 0
    veil = fit_veil(matches(0.7), lattice, free, np.where(free, 0.2, 0.0), np.full(3, 128.0))
    before, after = misfit(matches(0.7), lattice, veil)
    assert after < 0.3 * before
    lifted = lift(matches(0.7), lattice, veil)
    ends = [alpha[tuple(np.rint(p[:, ::-1]).astype(int).T)] for p in (lifted.here, lifted.there)]
    across = np.abs(ends[0] - ends[1]) > 0.3
    gap = [np.abs(m.level_here - m.level_there)[across].mean() for m in (matches(0.7), lifted)]
    assert gap[1] < 0.4 * gap[0]


def test_veil_that_no_match_touches_explains_nothing() -> None:
    lattice = Lattice(*SIZE, 6)
    place = np.zeros(lattice.shape, bool)
    place[:3, :3] = True
    veil = Veil(np.where(place, 0.5, 0.0), COLOUR, np.zeros(lattice.shape), place, 0)
    assert misfit(matches(0.7)[:0], lattice, veil) == (0.0, 0.0)


@pytest.mark.parametrize("opacity", [0.3, 0.7])
def test_stain_is_found_and_measured(opacity: float) -> None:
    (stain,) = find_stains(stained(opacity), np.arange(32))
    alpha = soft_disc(opacity)
    inside = alpha > 0.05
    assert np.abs(stain.alpha - alpha)[inside].mean() < 0.04
    assert np.abs(255 * stain.colour - COLOUR).max() < 25
    union = (stain.mask | inside).sum()
    assert (stain.mask & inside).sum() > 0.75 * union


def test_ragged_stain_with_a_flat_top_is_measured_until_nothing_changes() -> None:
    spot = soft_stain(240, 426, centre=(153, 126), radius=31, opacity=0.95, seed=4)
    frames = np.stack([apply(frame[None], spot)[0] for frame in scene_frames(36, 240, 426, seed=7)])
    (stain,) = find_stains(frames, np.arange(36))
    inside = spot.alpha > 0.05
    assert np.abs(stain.alpha - spot.alpha)[inside].mean() < 0.03


def test_clear_frames_have_no_stain() -> None:
    assert find_stains(stained(0.0), np.arange(32)) == []


def test_known_place_is_measured_and_its_mask_kept() -> None:
    alpha = soft_disc(0.7)
    mask = alpha > 0.02
    blemish = measure_blemish(stained(0.7), mask)
    assert np.array_equal(blemish.mask, mask)
    assert np.abs(blemish.alpha - alpha)[mask].mean() < 0.05


def test_stain_too_faint_for_a_veil_is_measured_as_a_mark() -> None:
    alpha = soft_disc(0.05)
    mask = alpha > 0.02
    blemish = measure_blemish(stained(0.05), mask)
    assert np.array_equal(blemish.mask, mask)
    assert np.abs(blemish.alpha - alpha)[mask].mean() < 0.04
    assert blemish.alpha[mask].any()


def test_empty_mask_measures_nothing() -> None:
    blemish = measure_blemish(stained(0.7), np.zeros(SIZE, bool))
    assert not blemish.mask.any()
    assert not blemish.alpha.any()
