"""Estimators behind one contract: known motions come back, and so does the test of their consistency."""

from __future__ import annotations

from importlib.util import find_spec

import cv2
import numpy as np
import pytest
from moving import MOTIONS, SHAPE, before_and_after, flow_of, layered, motion, moved, places

from vinpaint.errors import DependencyError, UsageError
from vinpaint.flow.consistency import consistent, grid, returning
from vinpaint.flow.estimate import ESTIMATORS, estimator

INSIDE = (slice(16, -16), slice(16, -16))  # what leaves the picture, or comes from outside, is not known

LOOSE = {"dis-coarse": 2.5}  # times what the others keep


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("kind", MOTIONS)
def test_known_motion_comes_back(name: str, kind: str) -> None:
    matrix = motion(*MOTIONS[kind])
    flow = estimator(name)(*before_and_after(matrix))
    assert flow.shape == (*SHAPE, 2)
    assert flow.dtype == np.float32
    error = (flow - flow_of(matrix))[INSIDE]
    assert np.abs(np.median(error, axis=(0, 1))).max() < 0.05 * LOOSE.get(name, 1)
    assert np.percentile(np.hypot(*np.moveaxis(error, -1, 0)), 95) < 0.4 * LOOSE.get(name, 1)


@pytest.mark.parametrize("name", [name for name in ESTIMATORS if name not in LOOSE])
def test_two_layers_keep_their_motions(name: str) -> None:
    front, back = motion(0, 1, 5.5, 0), motion(0, 1, -3.25, 2)
    before, after, truth, disc = layered(front, back)
    error = np.hypot(*np.moveaxis(estimator(name)(before, after) - truth, -1, 0))
    assert np.median(error[cv2.erode(disc.view(np.uint8), np.ones((13, 13))) > 0]) < 0.15
    far = cv2.dilate(disc.view(np.uint8), np.ones((25, 25))) == 0
    assert np.median(error[INSIDE][far[INSIDE]]) < 0.1


@pytest.mark.parametrize("name", ["dis-fast", "dis-medium"])
def test_what_another_layer_covers_is_not_consistent(name: str) -> None:
    front, back = motion(0, 1, 5.5, 0), motion(0, 1, -3.25, 2)
    before, after, _, disc = layered(front, back)
    estimate = estimator(name)
    kept = consistent(estimate(before, after), estimate(after, before))
    covered = ~disc & disc_at(moved(np.linalg.inv(front) @ back, places()))
    assert kept[disc].mean() > 0.9
    assert kept[INSIDE][~(disc | covered)[INSIDE]].mean() > 0.9
    assert kept[covered].mean() < 0.4


def disc_at(points: np.ndarray) -> np.ndarray:
    """Whether the disc of :func:`moving.layered` lies over points of its first picture."""
    return np.hypot(*np.moveaxis(points - np.array(SHAPE[::-1]) / 2, -1, 0)) < 38


@pytest.mark.parametrize("name", ESTIMATORS)
def test_several_pairs_are_each_as_alone(name: str) -> None:
    right, left = before_and_after(motion(0, 1, 3, 0)), before_and_after(motion(0, 1, -3, 0), seed=4)
    estimate = estimator(name)
    flows = estimate.batch(np.stack([right[0], left[0]]), np.stack([right[1], left[1]]))
    assert np.array_equal(flows, np.stack([estimate(*right), estimate(*left)]))
    assert flows[0][INSIDE].mean(axis=(0, 1))[0] > 2 > -2 > flows[1][INSIDE].mean(axis=(0, 1))[0]


@pytest.mark.parametrize("name", ESTIMATORS)
def test_colour_serves_as_grey_does(name: str) -> None:
    pair = before_and_after(motion(0, 1, 3, 0))
    coloured = [np.repeat(picture[..., None], 3, axis=2) for picture in pair]
    assert np.array_equal(estimator(name)(*coloured), estimator(name)(*pair))


@pytest.mark.parametrize("name", ESTIMATORS)
def test_pictures_too_small_do_not_move(name: str) -> None:
    tiny = before_and_after(np.eye(3), shape=(8, 9))[0]
    assert not estimator(name)(tiny, tiny).any()
    assert estimator(name)(tiny[:0], tiny[:0]).shape == (0, 9, 2)


@pytest.mark.parametrize(
    ("source", "target"),
    [((40, 50), (40, 51)), ((40, 50), (40, 50, 3)), ((40, 50, 4), (40, 50, 4)), ((40,), (40,))],
)
def test_what_are_no_two_pictures_is_said(source: tuple[int, ...], target: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match="no flow between pictures of uint8"):
        estimator("dis-fast")(np.zeros(source, np.uint8), np.zeros(target, np.uint8))
    with pytest.raises(UsageError, match="float64"):
        estimator("dis-fast")(np.zeros((40, 50)), np.zeros((40, 50)))


def test_a_slip_names_the_choice() -> None:
    with pytest.raises(UsageError, match="'dis-fats'; did you mean dis-fast"):
        estimator("dis-fats")


@pytest.mark.skipif(find_spec("ptlflow") is not None, reason="ptlflow is installed")
@pytest.mark.parametrize("name", ["raft", "raft:things", "weights/raft-small.pth"])
def test_networks_without_ptlflow_name_the_extra(name: str) -> None:
    with pytest.raises(DependencyError, match=r"dis-fast.*ptlflow; pip install 'vinpaint\[raft\]'") as caught:
        estimator(name)
    assert caught.value.exit_code == 6


def test_grid_is_x_then_y() -> None:
    assert grid(4, 6)[3, 5].tolist() == [5, 3]


def test_there_and_back() -> None:
    forward = np.full((20, 30, 2), (4, 0), np.float32)
    assert consistent(forward, -forward)[:, :26].all()
    assert not consistent(forward, -forward)[:, 26:].any()
    assert not consistent(forward, forward).any()


@pytest.mark.parametrize("kind", MOTIONS)
def test_the_inverse_of_a_motion_leads_back(kind: str) -> None:
    matrix = motion(*MOTIONS[kind])
    forward, backward = flow_of(matrix).astype(np.float32), flow_of(np.linalg.inv(matrix)).astype(np.float32)
    x, y = np.moveaxis(places() + flow_of(matrix), -1, 0)
    inside = (x >= 0) & (y >= 0) & (x <= SHAPE[1] - 1) & (y <= SHAPE[0] - 1)
    assert np.array_equal(consistent(forward, backward), inside)
    # Two pixels of difference are more than the test forgives for these lengths.
    assert not consistent(forward, backward + np.float32((2, 0)))[inside].any()


def test_single_points_are_tested_as_all_are() -> None:
    matrix = motion(*MOTIONS["all"])
    forward, backward = flow_of(matrix).astype(np.float32), flow_of(np.linalg.inv(matrix)).astype(np.float32)
    lattice = (slice(5, None, 7), slice(3, None, 9))
    some = returning((grid(*SHAPE) + forward)[lattice], forward[lattice], backward)
    assert np.array_equal(some, consistent(forward, backward)[lattice])
