"""Sharp marks in front of a moving scene: colour, gaps, steadiness."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from wandering import wandering

from vinpaint.detect.evidence import gather
from vinpaint.detect.maps import sized
from vinpaint.detect.net import look
from vinpaint.detect.projection import project
from vinpaint.detect.regions import Region, _Group, _outline, find_regions
from vinpaint.detect.shapes import fill_holes
from vinpaint.masks.regions import dilate
from vinpaint.statistics import gradient_median

Frames = NDArray[np.uint8]

HEIGHT, WIDTH, COUNT = 160, 240, 48


def moving(seed: int = 0) -> Frames:
    return wandering(COUNT, HEIGHT, WIDTH, seed)


def emblem() -> NDArray[np.float32]:
    """A ring around a disc, 0 to 1, with a gap between them."""
    canvas = np.zeros((4 * HEIGHT, 4 * WIDTH), np.uint8)
    cv2.circle(canvas, (4 * 180, 4 * 60), 4 * 26, 255, 4 * 6)
    cv2.circle(canvas, (4 * 180, 4 * 60), 4 * 12, 255, -1)
    return cv2.resize(canvas, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA).astype(np.float32) / np.float32(255)


def marked(opacity: float, colour: tuple[int, int, int]) -> tuple[Frames, NDArray[np.bool_]]:
    alpha = np.float32(opacity) * emblem()[..., None]
    pasted = moving() * (1 - alpha) + np.array(colour, np.float32) * alpha
    return np.rint(pasted).astype(np.uint8), alpha[..., 0] > 0.05


def regions_of(frames: Frames) -> list[Region]:
    return find_regions(gather(frames), look(sized(frames), (frames.shape[1], frames.shape[2])))


@pytest.mark.parametrize("opacity", [0.6, 1.0])
@pytest.mark.parametrize("colour", [(255, 255, 255), (0, 130, 250), (230, 60, 50)])
def test_emblem_is_outlined_with_the_gap_inside(opacity: float, colour: tuple[int, int, int]) -> None:
    frames, truth = marked(opacity, colour)
    found = np.logical_or.reduce([region.mask for region in regions_of(frames)])
    assert 2 * (found & truth).sum() > 0.85 * (found.sum() + truth.sum())
    assert not found[60, 180 + 16 : 180 + 19].any()


def test_faint_emblem_before_strong_texture_is_found() -> None:
    frames, truth = marked(0.3, (255, 255, 255))
    (region,) = regions_of(frames)
    assert (region.mask & truth).sum() > 0.9 * truth.sum()
    assert region.confidence > 0.6


@pytest.mark.parametrize("stray", [False, True])
def test_outline_holds_the_part_in_which_all_edges_lie(stray: bool) -> None:
    edges = np.zeros((60, 60), bool)
    edges[20:40, 20:40] = True
    edges[21:39, 21:39] = False
    edges[50, 50] = stray
    box = fill_holes(edges)
    lifted = np.where(dilate(box, 2) & (np.arange(60) < 45), np.float32(50), np.float32(0))
    outline = _outline(_Group(edges, dilate(box, 4), 1.0, 10.0), lifted, 2)
    assert outline[20:40, 20:40].all()
    assert not outline[45:, 45:].any()


def test_nothing_is_found_without_a_mark() -> None:
    assert not regions_of(moving())


@pytest.mark.parametrize("size", [2, 4, 5])
def test_projection_is_one_where_every_frame_has_the_gradient(size: int) -> None:
    frames, truth = marked(1.0, (255, 255, 255))
    frames = frames[:6].copy()
    frames[4:] = 128
    shares = project(frames, gradient_median(frames[:4]), size)
    assert shares.shape == (6, -(-HEIGHT // size), -(-WIDTH // size))
    core = cv2.resize(truth.astype(np.float32), shares.shape[:0:-1], interpolation=cv2.INTER_AREA) > 0.99
    assert np.abs(shares[4:]).max() == 0
    assert np.median(shares[:4, core]) > 0.5


def test_rest_of_a_proven_mark_before_a_still_ground_is_found_if_it_is_seen() -> None:
    canvas = np.zeros((4 * HEIGHT, 4 * WIDTH), np.uint8)
    cv2.putText(canvas, "sample", (4 * 30, 4 * 90), cv2.FONT_HERSHEY_SIMPLEX, 4 * 1.7, 255, 4 * 5, cv2.LINE_AA)
    alpha = cv2.resize(canvas, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA).astype(np.float32)[..., None] / 255
    frames = moving()
    frames[:, 30:130, :100] = frames[0, 30:130, :100]
    frames = np.rint(frames * (1 - 0.6 * alpha) + 255 * 0.6 * alpha).astype(np.uint8)
    truth = alpha[..., 0] > 0.05
    still = truth & (np.arange(WIDTH) < 90)
    evidence = gather(frames)
    blind, seeing = (
        find_regions(evidence, likely.astype(np.float32)) for likely in (0.95 * (truth & ~still), 0.95 * truth)
    )
    found = [np.logical_or.reduce([region.mask for region in regions]) for regions in (blind, seeing)]
    assert (found[0] & still).sum() < 0.3 * still.sum()
    assert (found[1] & still).sum() > 0.8 * still.sum()
