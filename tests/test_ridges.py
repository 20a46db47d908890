"""Hairs and scratches are found where no pixel of theirs stands out, and lines of the scene are not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from wandering import wandering

from vinpaint.detect.evidence import gather
from vinpaint.detect.maps import sized
from vinpaint.detect.net import look
from vinpaint.detect.regions import everything_moves, find_regions
from vinpaint.detect.ridges import Line, find_lines

Frames = NDArray[np.uint8]
Mask = NDArray[np.bool_]

COUNT, HEIGHT, WIDTH = 48, 240, 320
HAIR = np.array([(150 + 30 * t * t, 40 + 140 * t) for t in np.linspace(0, 1, 15)])


@pytest.fixture(scope="module")
def scene() -> Frames:
    return wandering(COUNT, HEIGHT, WIDTH, 0)


def hair(size: tuple[int, int] = (WIDTH, HEIGHT), thickness: int = 2) -> NDArray[np.float32]:
    """Its coverage, 0 to 1."""
    canvas = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.polylines(canvas, [np.rint(16 * HAIR).astype(np.int32)], False, 255, thickness, cv2.LINE_AA, shift=4)
    return cv2.resize(canvas, size, interpolation=cv2.INTER_LINEAR).astype(np.float32)[..., None] / np.float32(255)


def behind(scene: Frames, opacity: float, level: float) -> Frames:
    alpha = np.float32(opacity) * hair(scene.shape[2:0:-1])
    return np.rint(scene * (1 - alpha) + level * alpha).astype(np.uint8)


def lines_of(frames: Frames) -> list[Line]:
    return find_lines(sized(frames), (frames.shape[1], frames.shape[2]))


def near(mask: Mask, pixels: int) -> Mask:
    return cv2.dilate(mask.astype(np.uint8), np.ones((2 * pixels + 1, 2 * pixels + 1), np.uint8)) > 0


@pytest.mark.parametrize(("opacity", "level"), [(0.5, 250), (0.6, 220), (0.6, 10), (1.0, 230)])
def test_a_hair_is_found_whole(scene: Frames, opacity: float, level: float) -> None:
    (line,) = lines_of(behind(scene, opacity, level))
    truth = hair()[..., 0] > 0.2
    assert near(line.mask, 2)[truth].mean() > 0.85
    assert near(truth, 2)[line.mask].mean() > 0.95
    assert 0.6 < line.confidence <= 1


def test_lines_are_given_in_the_size_of_the_frames(scene: Frames) -> None:
    large = np.stack([cv2.resize(frame, (2 * WIDTH, 2 * HEIGHT), interpolation=cv2.INTER_CUBIC) for frame in scene])
    (line,) = lines_of(behind(large, 0.6, 220))
    truth = hair((2 * WIDTH, 2 * HEIGHT))[..., 0] > 0.2
    assert line.mask.shape == truth.shape
    assert near(line.mask, 3)[truth].mean() > 0.85
    assert near(truth, 4)[line.mask].mean() > 0.95


def test_nothing_is_found_in_a_clean_scene(scene: Frames) -> None:
    assert lines_of(scene) == []


def test_what_nothing_shines_through_and_is_not_opaque_is_a_line_of_the_scene(scene: Frames) -> None:
    """A wire filmed along its length: as much brighter as anything that passes behind."""
    darker = (scene * 0.8).astype(np.uint8)
    assert lines_of(np.rint(darker + 40 * hair()).astype(np.uint8)) == []


def test_what_some_frames_do_not_show_is_no_hair(scene: Frames) -> None:
    frames = behind(scene, 0.6, 220)
    frames[::5] = scene[::5]
    assert lines_of(frames) == []


def test_frames_may_be_tiny(scene: Frames) -> None:
    assert lines_of(scene[:, :6, :6]) == []


def test_a_line_is_a_region_and_takes_no_clutter_along(scene: Frames) -> None:
    frames = behind(scene, 0.6, 220)
    shape = frames.shape[1], frames.shape[2]
    (region,) = find_regions(gather(frames), look(sized(frames), shape), lines_of(frames))
    assert near(hair()[..., 0] > 0.2, 3)[region.mask].mean() > 0.95


def test_bars_at_the_sides_do_not_stand_still_for_the_scene(scene: Frames) -> None:
    barred = np.pad(behind(scene, 0.6, 220), ((0, 0), (0, 0), (70, 70), (0, 0)))
    still = barred.copy()
    still[:, :, : barred.shape[2] // 2] = barred[0, :, : barred.shape[2] // 2]
    assert everything_moves(gather(barred))
    assert not everything_moves(gather(still))
    (line,) = lines_of(barred)
    assert near(hair()[..., 0] > 0.2, 3)[line.mask[:, 70:-70]].mean() > 0.95
    assert not line.mask[:, :70].any()
