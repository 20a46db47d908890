"""Lines of marks are followed as far as they show, and nothing else is."""

import cv2
import numpy as np
import pytest

from vinpaint.detect.lines import follow

SHAPE, UNIT = (240, 432), 2
INSIDE = np.ones(SHAPE, bool)
BENT = np.array([(100 + 20 * t + 10 * t * t, 20 + 190 * t) for t in np.linspace(0, 1, 20)])


def drawn(points: np.ndarray, thickness: int = 2) -> np.ndarray:
    canvas = np.zeros(SHAPE, np.uint8)
    cv2.polylines(canvas, [np.rint(16 * points).astype(np.int32)], False, 1, thickness, cv2.LINE_8, shift=4)
    return canvas > 0


def followed(mask: np.ndarray, gradient: np.ndarray, inside: np.ndarray, unit: int) -> np.ndarray:
    return follow([mask], gradient, inside, unit)[0]


def gradient_of(picture: np.ndarray) -> np.ndarray:
    """Forward differences of what is left of the scene by chance, and of a picture, (2, H, W, 3)."""
    rng = np.random.default_rng(0)
    left = cv2.GaussianBlur(rng.normal(0, 6, SHAPE).astype(np.float32), (0, 0), 2) + picture
    across, down = np.diff(left, axis=1, append=left[:, -1:]), np.diff(left, axis=0, append=left[-1:])
    return np.repeat(np.stack([across, down])[..., None], 3, axis=-1).astype(np.float32)


@pytest.mark.parametrize("sign", [1, -1], ids=["bright", "dark"])
def test_a_line_is_followed_to_its_end(sign: int) -> None:
    line = drawn(BENT)
    fading = np.linspace(20, 4, SHAPE[0], dtype=np.float32)[:, None]
    found = cv2.dilate(drawn(BENT[:6]).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    further = followed(found, gradient_of(sign * fading * line), INSIDE, UNIT)
    near = cv2.dilate(line.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    whole = found | further
    assert whole[line].mean() > 0.9
    assert near[whole].mean() > 0.9
    assert not (further & found).any()


def test_a_line_goes_on_behind_a_gap() -> None:
    line = drawn(BENT)
    shown = line.copy()
    shown[110:122] = False
    further = followed(drawn(BENT[:6], 4), gradient_of(20.0 * shown), INSIDE, UNIT)
    assert (further & line)[125:].any()


def test_nothing_is_added_where_nothing_goes_on() -> None:
    half = np.where(np.arange(SHAPE[0])[:, None] < 80, drawn(BENT), False)
    assert not followed(drawn(BENT[:6], 4), gradient_of(20.0 * half), INSIDE, UNIT)[90:].any()


@pytest.mark.parametrize("size", [(20, 20), (60, 40), (8, 2)])
def test_what_is_no_line_is_left_alone(size: tuple[int, int]) -> None:
    spot = np.zeros(SHAPE, bool)
    spot[100 : 100 + size[0], 200 : 200 + size[1]] = True
    assert not followed(spot, gradient_of(20.0 * drawn(BENT)), INSIDE, UNIT).any()


def test_lines_stay_inside_the_picture() -> None:
    inside = INSIDE.copy()
    inside[150:] = False
    assert not followed(drawn(BENT[:6], 4), gradient_of(20.0 * drawn(BENT)), inside, UNIT)[150:].any()


def test_an_empty_mask_has_no_lines() -> None:
    assert not followed(np.zeros(SHAPE, bool), gradient_of(np.zeros(SHAPE)), INSIDE, UNIT).any()


def test_a_ring_is_not_followed_around() -> None:
    ring = np.zeros(SHAPE, np.uint8)
    cv2.circle(ring, (200, 120), 80, 1, 2)
    arc = (ring > 0) & (np.arange(SHAPE[0])[:, None] < 70) & (np.arange(SHAPE[1]) > 190)
    further = followed(arc, gradient_of(20.0 * ring), INSIDE, UNIT)
    assert further.any()
    assert not further[200:].any()
