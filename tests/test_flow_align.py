"""Global motion: known motions come back, and what cannot be known is said."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from moving import MOTIONS, before_and_after, layered
from moving import motion as known
from numpy.typing import NDArray

from vinpaint.flow.align import chain, pair_motion, plane_motion, sane, track, transform
from vinpaint.refiner.synthetic import HANDHELD, Motion, moving_scene

SHAPE = (160, 220)


def world(seed: int = 0) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    noise = cv2.GaussianBlur(rng.normal(size=(400, 500)), (0, 0), 2.5)
    return np.asarray(cv2.normalize(noise, None, 0, 255, cv2.NORM_MINMAX), np.uint8)


def view(matrix: NDArray[np.float64]) -> NDArray[np.uint8]:
    """The world as a camera sees it: ``matrix`` maps positions in the picture to the world."""
    shifted = np.array([(1, 0, 120), (0, 1, 100), (0, 0, 1.0)]) @ matrix
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpPerspective(world(), shifted, SHAPE[::-1], flags=flags), np.uint8)


def hole() -> NDArray[np.bool_]:
    mask = np.zeros(SHAPE, bool)
    mask[60:100, 80:140] = True
    return mask


def similarity(angle: float, zoom: float, x: float, y: float) -> NDArray[np.float64]:
    turn = cv2.getRotationMatrix2D((SHAPE[1] / 2, SHAPE[0] / 2), angle, zoom)
    turn[:, 2] += (x, y)
    return np.vstack([turn, (0, 0, 1)])


CORNERS = np.array([(0, 0), (SHAPE[1], 0), (0, SHAPE[0]), SHAPE[::-1]], np.float64)


@pytest.mark.parametrize("motion", [(0, 1, 4, 0), (0, 1, -2.4, 3.3), (2, 1, 0, 0), (0, 1.03, 1, 1), (-1, 0.98, 5, 2)])
def test_known_motion_comes_back(motion: tuple[float, float, float, float]) -> None:
    truth = similarity(*motion)
    source, target = view(truth), view(np.eye(3))
    found = pair_motion(source, target, hole(), hole())
    assert found is not None
    assert np.abs(transform(found, CORNERS) - transform(truth, CORNERS)).max() < 0.5


def test_camera_at_rest_is_exactly_at_rest() -> None:
    still = view(np.eye(3))
    found = pair_motion(still, still, hole(), hole())
    assert found is not None
    assert np.array_equal(found, np.eye(3))


def test_what_fills_the_hole_does_not_pull() -> None:
    truth = similarity(0, 1, 5, -2)
    source, target = view(truth), view(np.eye(3))
    source[hole()] = target[hole()] = world(1)[: SHAPE[0], : SHAPE[1]][hole()]
    found = pair_motion(source, target, hole(), hole())
    assert found is not None
    assert np.abs(transform(found, CORNERS) - transform(truth, CORNERS)).max() < 1


@pytest.mark.parametrize("level", [0, 128])
def test_no_texture_no_motion(level: int) -> None:
    flat = np.full(SHAPE, level, np.uint8)
    assert pair_motion(flat, flat, hole(), hole()) is None


def test_unrelated_pictures_give_no_leap() -> None:
    other = world(5)[: SHAPE[0], : SHAPE[1]]
    found = pair_motion(view(np.eye(3)), np.ascontiguousarray(other), hole(), hole())
    assert found is None or sane(found, SHAPE)


@pytest.mark.parametrize("shape", [(8, 8), (17, 90), (1, 1)])
def test_tiny_pictures(shape: tuple[int, int]) -> None:
    tiny = np.ascontiguousarray(world()[: shape[0], : shape[1]])
    found = pair_motion(tiny, tiny, np.zeros(shape, bool), np.zeros(shape, bool))
    assert found is None or np.array_equal(found, np.eye(3))


def test_few_tracks_give_a_shift() -> None:
    before = np.array([(10, 10), (50, 20), (30, 60), (70, 70)], np.float32)
    found = plane_motion(before, before + np.float32((3, -1)), SHAPE)
    assert found is not None
    np.testing.assert_allclose(found, [(1, 0, 3), (0, 1, -1), (0, 0, 1)], atol=1e-5)


def test_chain_goes_both_ways_and_stops_where_it_breaks() -> None:
    step = similarity(0, 1, 2, 1)
    reached = chain({0: None, 1: step, 2: step, 3: step, 4: None}, 2, 0, 6)
    assert sorted(reached) == [1, 3, 4]
    np.testing.assert_allclose(reached[4][:2, 2], (4, 2))
    np.testing.assert_allclose(reached[1][:2, 2], (-2, -1))


@pytest.mark.parametrize("kind", MOTIONS)
def test_exact_pictures_give_exact_motion(kind: str) -> None:
    truth = known(*MOTIONS[kind])
    before, after = before_and_after(truth)
    nothing = np.zeros(before.shape, bool)
    found = pair_motion(before, after, nothing, nothing)
    assert found is not None
    corners = np.array([(0, 0), (175, 0), (0, 143), (175, 143)], np.float64)
    error = transform(found, corners) - transform(truth, corners)
    assert np.abs(error).max() < 0.25
    assert np.abs(error.mean(axis=0)).max() < 0.1  # half a pixel off would show here


def test_tracks_say_where_the_other_picture_has_a_point() -> None:
    before, after = track(*before_and_after(known(0, 1, 3.5, -1.25)), np.ones((144, 176), bool))
    assert len(before) > 50
    assert np.abs(np.median(after - before, axis=0) - (3.5, -1.25)).max() < 0.05


def test_of_two_layers_the_larger_counts() -> None:
    truth = known(0, 1, -3.25, 2)
    before, after, _, _ = layered(known(0, 1, 5.5, 0), truth)
    nothing = np.zeros(before.shape, bool)
    found = pair_motion(before, after, nothing, nothing)
    assert found is not None
    corners = np.array([(0, 0), (175, 0), (0, 143), (175, 143)], np.float64)
    assert np.abs(transform(found, corners) - transform(truth, corners)).max() < 0.3


def test_of_two_layers_that_around_the_hole_counts() -> None:
    truth = known(0, 1, 5.5, 0)
    before, after, _, disc = layered(truth, known(0, 1, -3.25, 2))
    here = np.zeros(before.shape, bool)
    here[64:82, 80:98] = True  # its surroundings lie on the disc
    there = np.roll(here, 5, axis=1)
    assert disc[here].all()
    found = pair_motion(before, after, here, there)
    assert found is not None
    middle = np.array([(88.5, 72.5)])
    assert np.abs(transform(found, middle) - transform(truth, middle)).max() < 0.3


@pytest.mark.parametrize("moves", [HANDHELD, Motion(pan=2.25)])
def test_long_chains_drift_by_less_than_a_twentieth_of_a_pixel_a_frame(moves: Motion) -> None:
    """A quarter of a pixel a frame is the worst: bilinear interpolation draws tracks to whole and half pixels."""
    frames = moving_scene(41, 180, 320, motion=moves, car=False)
    grays = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames]
    mask = np.zeros((180, 320), bool)
    mask[60:120, 130:190] = True
    pairs = {i: pair_motion(grays[i], grays[i + 1], mask, mask) for i in range(40)}
    reached = chain(pairs, 0, 0, 41)
    corners = np.array([(130, 60), (190, 60), (130, 120), (190, 120)], np.float64)
    for far in (5, 20, 40):
        error = transform(reached[far], corners) - transform(camera(moves, far), corners)
        assert np.hypot(*error.T).mean() < 0.05 * (1 + far)


def camera(moves: Motion, index: int) -> NDArray[np.float64]:
    """How points of the first frame of a synthetic scene of 180x320 move to another, by the scene's description."""
    return place(moves, index) @ np.linalg.inv(place(moves, 0))


def place(moves: Motion, index: int) -> NDArray[np.float64]:
    phase = 2 * np.pi * index / moves.period
    zoom, turn = 1 + moves.zoom * np.sin(phase), np.radians(moves.roll) * np.sin(1.3 * phase)
    x, y = moves.pan * index, moves.sway * 180 * np.sin(0.7 * phase)
    cosine, sine = zoom * np.cos(turn), zoom * np.sin(turn)
    around = np.array([(cosine, -sine, 160), (sine, cosine, 90), (0, 0, 1)])
    return around @ np.array([(1, 0, -160 - x), (0, 1, -126 - y), (0, 0, 1)])
