"""The baselines that copy known methods: known answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from vinpaint.contracts import Frames, Mask, Origin
from vinpaint.fill import create
from vinpaint.refiner.synthetic import Motion, moving_scene

HEIGHT, WIDTH = 40, 56


def hole(top: int = 12, left: int = 16, down: int = 10, across: int = 14) -> Mask:
    mask = np.zeros((HEIGHT, WIDTH), np.bool_)
    mask[top : top + down, left : left + across] = True
    return mask


def filled(method: str, picture: NDArray[Any], mask: Mask) -> NDArray[Any]:
    seen = picture.copy()
    seen[mask] = 0
    return create(method).fill(seen[None], mask).frames[0]


# ---------------------------------------------------------------- delogo


def test_delogo_continues_slopes() -> None:
    """Sides across from each other, weighted by nearness, are linear interpolation."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    for slope in (4 * x, 6 * y, 2 * x + 3 * y):
        picture = np.repeat(slope[..., None], 3, axis=2).astype(np.uint8)
        result = filled("delogo", picture, hole())
        assert np.array_equal(result, picture)


def test_delogo_weighs_the_four_sides_by_nearness() -> None:
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    mask = hole(10, 10, 3, 3)
    for side, level in ((np.s_[9:14, 9], 40), (np.s_[9:14, 13], 80), (np.s_[9, 10:13], 120), (np.s_[13, 10:13], 200)):
        picture[side] = level
    result = filled("delogo", picture, mask)[..., 0]
    assert result[11, 11] == (40 + 80 + 120 + 200) / 4
    # One from the left and the top, three from the right and the bottom; the top's three are 40, 120, 120.
    top, bottom = (40 + 2 * 120) / 3, (40 + 2 * 200) / 3
    expected = (40 + 80 / 3 + top + bottom / 3) / (1 + 1 / 3 + 1 + 1 / 3)
    assert result[10, 10] == round(expected)


def test_delogo_leaves_out_sides_that_are_not_seen() -> None:
    picture = np.full((HEIGHT, WIDTH, 3), 30, np.uint8)
    picture[:, :20] = 90
    corner = hole(0, 0, 12, 12)  # nothing to the left and above
    assert (filled("delogo", picture, corner)[corner] == 90).all()
    strip = hole(0, 18, HEIGHT, 4)  # nothing above and below
    result = filled("delogo", picture, strip)[5, 18:22, 0]
    assert result.tolist() == [78, 66, 54, 42]


def test_delogo_treats_holes_one_by_one() -> None:
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    picture[:, WIDTH // 2 :] = 200
    mask = hole(10, 5, 8, 8) | hole(10, 40, 8, 8)
    assert np.array_equal(filled("delogo", picture, mask), picture)


# ---------------------------------------------------------------- chained flow


def panned(count: int, pan: float) -> tuple[Frames, Frames, Mask]:
    scene = moving_scene(count, 96, 128, seed=3, motion=Motion(pan=pan), car=False)
    mask = np.zeros((96, 128), np.bool_)
    mask[40:64, 50:74] = True
    seen = scene.copy()
    seen[:, mask] = 0
    return scene, seen, mask


def test_chained_flow_takes_the_nearest_frame_that_sees() -> None:
    """At 3 pixels a frame the left third of a hole of 24 is seen within 8 steps from one side, and sure accordingly."""
    _, seen, mask = panned(17, 3.0)
    result = create("chained-flow").fill(seen, mask)
    middle = result.confidence[8, 52, 50:74]
    assert (result.origin[8, mask] == Origin.PROPAGATED).all()
    steps = -10 * np.log2(middle)
    assert steps[0] == pytest.approx(1, abs=0.1)  # beside either edge
    assert steps[-1] == pytest.approx(1, abs=0.1)
    assert 3.5 <= steps[11:13].min() <= steps.max() <= 5.5


def test_chained_flow_reaches_no_further_than_it_looks() -> None:
    _, seen, mask = panned(4, 1.0)
    result = create("chained-flow").fill(seen, mask)
    assert (result.origin[0, 52, 50:74] == Origin.PROPAGATED).sum() <= 4
    assert (result.origin[0, mask] == Origin.SYNTHESISED).mean() > 0.7


def test_chained_flow_drifts_more_than_alignment() -> None:
    scene, seen, mask = panned(25, 2.3)
    errors = {
        name: np.abs(create(name).fill(seen, mask).frames.astype(int) - scene)[:, mask].mean()
        for name in ("chained-flow", "spatial")
    }
    assert errors["chained-flow"] < 0.3 * errors["spatial"]


# ---------------------------------------------------------------- xphoto


def test_shift_map_moves_pieces_of_the_picture() -> None:
    """A regular pattern is continued, which no interpolation does."""
    y, x = np.mgrid[:96, :128]
    picture = np.repeat((120 + 100 * np.sign(np.sin(x / 2.5) * np.sin(y / 2.5)))[..., None], 3, axis=2).astype(np.uint8)
    mask = np.zeros((96, 128), np.bool_)
    mask[40:56, 54:74] = True
    errors = [np.abs(filled(name, picture, mask).astype(int) - picture)[mask].mean() for name in ("shiftmap", "telea")]
    assert errors[0] < 0.7 * errors[1]


def test_shift_map_keeps_colours() -> None:
    picture = np.full((HEIGHT, WIDTH, 3), (200, 90, 17), np.uint8)
    assert np.abs(filled("shiftmap", picture, hole()).astype(int) - picture).max() <= 2


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_fsr_continues_waves(dtype: Any) -> None:
    x = np.mgrid[:32, :32][1]
    top = np.iinfo(dtype).max
    picture = np.repeat((top * (0.5 + 0.3 * np.sin(x / 2)))[..., None], 3, axis=2).astype(dtype)
    mask = np.zeros((32, 32), np.bool_)
    mask[13:18, 12:19] = True
    errors = [
        np.abs(filled(name, picture, mask) - picture.astype(float))[mask].mean() / top for name in ("fsr", "telea")
    ]
    assert errors[0] < 0.3 * errors[1]
    assert errors[0] < 0.03
