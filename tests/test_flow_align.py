"""Global motion: known motions come back, and what cannot be known is said."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from vinpaint.flow.align import chain, pair_motion, plane_motion, sane, transform

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
