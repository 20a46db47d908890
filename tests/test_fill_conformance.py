"""What every fill method keeps to, ours and the baselines."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from vinpaint.contracts import Filled, Frames, Mask, Origin
from vinpaint.errors import UsageError
from vinpaint.fill import FillMethod, Window, available, create
from vinpaint.refiner import synthetic
from vinpaint.refiner.checkpoint import network_checkpoint, write_checkpoint
from vinpaint.refiner.networks import REFINERS, make_net, make_refiner
from vinpaint.refiner.synthetic import HANDHELD, STATIC, Motion
from vinpaint.refiner.training import Recipe

LEARNED = ("unet", "unet-masked", "artifact-v1", "artifact-v2", "refine-only")
"""Networks, here with random weights: nothing is promised of what they invent."""
BLIND = ("unet", "artifact-v1", "artifact-v2")
"""Methods that look at what the mask hides."""
SLOW = ("fsr",)

NAMES = [name for name, _ in available()]
TEMPORAL = [name for name in NAMES if name not in LEARNED and create(name).temporal]
STATIONARY = {"median"}
"""Temporal methods that take the camera to stand still: nothing is promised of a moving one."""

SIZES = [(1, 1), (2, 3), (8, 8), (5, 40), (37, 51)]
MASKS = ["static", "moving", "lettering"]


@pytest.fixture(scope="session")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with weights of small networks that learned nothing."""
    folder = tmp_path_factory.mktemp("weights")
    for name in LEARNED:
        torch.manual_seed(0)
        net = "refiner-v1" if name == "refine-only" else name
        network = make_refiner(net, width=4) if net in REFINERS else make_net(net, width=4)
        recipe = Recipe(net=net, width=4)
        write_checkpoint(folder / f"{name}.safetensors", network_checkpoint(network, {"recipe": recipe.as_dict()}))
    return folder


@pytest.fixture(params=[pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in NAMES])
def method(request: pytest.FixtureRequest, untrained: Path) -> FillMethod:
    name = request.param
    return create(name, weights=untrained / f"{name}.safetensors") if name in LEARNED else create(name)


def without(request: pytest.FixtureRequest, *names: str) -> None:
    """Skip what is not promised of these methods."""
    if request.node.callspec.params["method"] in names:
        pytest.skip("not promised of this method")


@cache
def scene(count: int, height: int, width: int, motion: Motion = HANDHELD, dtype: str = "uint8") -> Frames:
    frames = synthetic.moving_scene(count, height, width, seed=3, motion=motion, car=False).astype(dtype)
    frames *= np.iinfo(dtype).max // 255
    frames.setflags(write=False)
    return frames


def mask_for(kind: str, count: int, height: int, width: int) -> Mask:
    """A static block, the same block moving on, or many small strokes."""
    y, x = np.mgrid[:height, :width]
    down, across = max(1, height // 3), max(1, width // 4)
    if kind == "lettering":
        mask = (np.abs(y - height // 2) <= down // 2) & (x % 6 < 3)
    elif kind == "static":
        mask = (y >= down) & (y < 2 * down) & (x >= across) & (x < 2 * across)
    else:
        starts = (np.arange(count) * across // 2 % width)[:, None, None]
        mask = (y >= down) & (y < 2 * down) & ((x - starts) % width < across)
    mask = np.asarray(mask, np.bool_)
    mask.setflags(write=False)
    return mask


def hide(frames: Frames, mask: Mask, level: int = 0) -> Frames:
    """The clip with its hidden pixels destroyed, read-only."""
    hidden = frames.copy()
    hidden[np.broadcast_to(mask, frames.shape[:3])] = level
    hidden.setflags(write=False)
    return hidden


def check(result: Filled, frames: Frames, mask: Mask) -> None:
    """The promises that hold for every result."""
    hidden = np.broadcast_to(mask, frames.shape[:3])
    assert result.frames.shape == frames.shape
    assert result.frames.dtype == frames.dtype
    assert np.array_equal(result.frames[~hidden], frames[~hidden])
    assert not np.shares_memory(result.frames, frames)
    assert result.confidence.shape == result.origin.shape == frames.shape[:3]
    assert result.confidence.dtype == np.float32
    assert result.confidence.min() >= 0
    assert result.confidence.max() <= 1
    assert (result.confidence[~hidden] == 1).all()
    assert result.origin.dtype == np.uint8
    assert (result.origin <= max(Origin)).all()
    assert np.array_equal(result.origin == Origin.OBSERVED, ~hidden)


def error(result: Frames, truth: Frames, mask: Mask) -> NDArray[Any]:
    """Absolute errors of the hidden pixels."""
    hidden = np.broadcast_to(mask, truth.shape[:3])
    return np.abs(result.astype(np.int64) - truth)[hidden]


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("kind", MASKS)
def test_contract(method: FillMethod, kind: str, dtype: str) -> None:
    mask = mask_for(kind, 5, 37, 51)
    frames = hide(scene(5, 37, 51, dtype=dtype), mask)
    check(method.fill(frames, mask), frames, mask)


@pytest.mark.parametrize("size", SIZES, ids="{0[0]}x{0[1]}".format)
@pytest.mark.parametrize("kind", MASKS)
def test_small_and_odd_sizes(method: FillMethod, kind: str, size: tuple[int, int]) -> None:
    mask = mask_for(kind, 3, *size)
    frames = hide(scene(3, *size), mask)
    check(method.fill(frames, mask), frames, mask)


def test_single_frame(method: FillMethod) -> None:
    mask = mask_for("static", 1, 37, 51)
    frames = hide(scene(1, 37, 51), mask)
    result = method.fill(frames, mask)
    check(result, frames, mask)
    assert (result.origin[0][mask] == Origin.SYNTHESISED).all()


def test_a_known_blemish_changes_no_promise(method: FillMethod) -> None:
    stain = synthetic.soft_stain(37, 51, centre=(25, 18), radius=9)
    frames = synthetic.apply(scene(4, 37, 51), stain)
    frames.setflags(write=False)
    check(method.fill(frames, stain.mask, blemish=stain), frames, stain.mask)


def test_no_frames_to_fill(method: FillMethod) -> None:
    frames, mask = scene(3, 20, 24), np.zeros((3, 20, 24), np.bool_)
    result = method.fill_window(Window(frames, mask, 0, 1, 1), method.new_state())
    assert result.frames.shape == (0, 20, 24, 3)
    assert result.confidence.shape == result.origin.shape == (0, 20, 24)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_empty_mask_changes_nothing(method: FillMethod, dtype: str) -> None:
    frames, mask = scene(4, 24, 30, dtype=dtype), np.zeros((24, 30), np.bool_)
    result = method.fill(frames, mask)
    check(result, frames, mask)
    assert np.array_equal(result.frames, frames)


@pytest.mark.parametrize("count", [1, 3])
def test_everything_hidden(method: FillMethod, count: int) -> None:
    frames, mask = hide(scene(count, 24, 30), np.ones((24, 30), np.bool_)), np.ones((24, 30), np.bool_)
    check(method.fill(frames, mask), frames, mask)


def test_one_frame_all_hidden(method: FillMethod) -> None:
    mask = np.zeros((5, 24, 30), np.bool_)
    mask[2] = True
    frames = hide(scene(5, 24, 30), mask)
    check(method.fill(frames, mask), frames, mask)


def test_deterministic(method: FillMethod) -> None:
    mask = mask_for("moving", 6, 37, 51)
    frames = hide(scene(6, 37, 51), mask)
    first, second = method.fill(frames, mask), method.fill(frames, mask)
    assert np.array_equal(first.frames, second.frames)
    assert np.array_equal(first.confidence, second.confidence)
    assert np.array_equal(first.origin, second.origin)


@pytest.mark.parametrize("kind", ["static", "moving"])
def test_what_the_hole_held_does_not_matter(method: FillMethod, kind: str, request: pytest.FixtureRequest) -> None:
    without(request, *BLIND)
    mask = mask_for(kind, 6, 37, 51)
    black, white = (method.fill(hide(scene(6, 37, 51), mask, level), mask) for level in (0, 255))
    assert np.array_equal(black.frames, white.frames)


@pytest.mark.parametrize("kind", ["static", "moving"])
def test_windows_give_the_whole_clip(method: FillMethod, kind: str) -> None:
    count, size = max(44, 2 * method.look_around + 12), (40, 56)
    middle = count // 2
    mask = np.broadcast_to(mask_for(kind, count, *size), (count, *size))
    frames = hide(scene(count, *size), mask)
    whole = method.fill(frames, mask)
    state, parts = method.new_state(), []
    for start, stop in ((0, 5), (5, middle), (middle, middle + 1), (middle + 1, count)):
        low, high = max(0, start - method.look_around), min(count, stop + method.look_around)
        assert high - low < count
        window = Window(frames[low:high], mask[low:high], low, start - low, stop - low)
        parts.append(method.fill_window(window, state))
    joined = np.concatenate([part.frames for part in parts])
    assert np.abs(joined.astype(int) - whole.frames).max() <= 1
    assert np.allclose(np.concatenate([part.confidence for part in parts]), whole.confidence, atol=0.02)


def test_flat_surroundings_are_continued(method: FillMethod, request: pytest.FixtureRequest) -> None:
    without(request, *LEARNED)
    frames = np.full((3, 30, 40, 3), (200, 90, 17), np.uint8)
    mask = mask_for("static", 3, 30, 40)
    # OpenCV's fast marching loses up to two levels to rounding.
    assert error(method.fill(hide(frames, mask), mask).frames, frames, mask).max() <= 2


@pytest.mark.parametrize("name", TEMPORAL)
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_static_scene_under_a_moving_mask_comes_back(name: str, dtype: str) -> None:
    frames = scene(12, 48, 64, STATIC, dtype)
    mask = mask_for("moving", 12, 48, 64)
    result = create(name).fill(hide(frames, mask), mask)
    assert error(result.frames, frames, mask).max() <= np.iinfo(dtype).max // 255
    assert np.median(result.confidence[mask]) > 0.8
    assert (result.origin[mask] == Origin.PROPAGATED).mean() > 0.95


@pytest.mark.parametrize("name", [name for name in TEMPORAL if name not in STATIONARY])
@pytest.mark.parametrize("pan", [3.0, 2.3])
def test_translating_scene_comes_back_nearly(name: str, pan: float) -> None:
    frames = scene(30, 96, 128, Motion(pan=pan))
    mask = np.zeros((96, 128), np.bool_)
    mask[40:64, 50:74] = True
    hidden = hide(frames, mask)
    floor = error(create("spatial").fill(hidden, mask).frames, frames, mask)
    result = create(name).fill(hidden, mask)
    assert error(result.frames, frames, mask).mean() < 0.15 * floor.mean()
    assert (result.origin[:, mask] == Origin.PROPAGATED).mean() > 0.9


@pytest.mark.parametrize("name", TEMPORAL)
def test_nothing_to_see_elsewhere_is_said(name: str) -> None:
    """Static camera, static mask: no frame ever sees the hidden part."""
    frames = scene(12, 48, 64, STATIC)
    mask = mask_for("static", 12, 48, 64)
    result = create(name).fill(hide(frames, mask), mask)
    assert (result.origin[:, mask] == Origin.SYNTHESISED).all()
    assert result.confidence[:, mask].max() < 0.5


@pytest.mark.parametrize(
    ("frames", "mask"),
    [
        (np.zeros((2, 8, 8), np.uint8), np.zeros((8, 8), np.bool_)),
        (np.zeros((2, 8, 8, 3), np.float32), np.zeros((8, 8), np.bool_)),
        (np.zeros((2, 8, 8, 3), np.uint8), np.zeros((8, 8), np.uint8)),
        (np.zeros((2, 8, 8, 3), np.uint8), np.zeros((3, 8, 8), np.bool_)),
    ],
)
def test_other_arrays_are_refused(method: FillMethod, frames: Any, mask: Any) -> None:
    with pytest.raises(UsageError, match="give"):
        method.fill(frames, mask)
