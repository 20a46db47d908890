"""The flow fill as a method: exact where it can be, honest where it cannot, the same in windows and at once."""

from __future__ import annotations

import subprocess
import sys

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from vinpaint.contracts import Origin
from vinpaint.errors import UsageError
from vinpaint.fill.flow import FlowFill, best_share
from vinpaint.fill.method import Window

HEIGHT, WIDTH, COUNT = 80, 120, 14
NOISE = cv2.GaussianBlur(np.random.default_rng(1).normal(size=(220, 400, 3)), (0, 0), 2.5)
WORLD = np.asarray(cv2.normalize(NOISE, None, 0, 255, cv2.NORM_MINMAX), np.uint8)


def pan(x: float, y: float = 0, count: int = COUNT) -> NDArray[np.uint8]:
    def view(t: int) -> NDArray[np.uint8]:
        matrix = np.array([(1, 0, -20 - x * t), (0, 1, -40 - y * t)], np.float64)
        return np.asarray(cv2.warpAffine(WORLD, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC), np.uint8)

    return np.stack([view(t) for t in range(count)])


def disc(x: float, y: float = 40, radius: float = 12) -> NDArray[np.bool_]:
    v, u = np.mgrid[:HEIGHT, :WIDTH]
    return np.asarray((u - x) ** 2 + (v - y) ** 2 < radius**2)


def destroyed(truth: NDArray[np.uint8], mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    return np.where(np.broadcast_to(mask, truth.shape[:3])[..., None], 128, truth).astype(np.uint8)


def error(found: NDArray[np.uint8], truth: NDArray[np.uint8]) -> float:
    return float(np.sqrt(np.mean(np.square(found.astype(float) - truth))))


@pytest.mark.parametrize("speed", [2, 6])
def test_static_scene_under_a_moving_mask_is_exact(speed: int) -> None:
    truth = pan(0)
    mask = np.stack([disc(20 + speed * t) for t in range(COUNT)])
    clear = [cv2.dilate(m.view(np.uint8), np.ones((5, 5), np.uint8)) == 0 for m in mask]
    seen = mask & np.any(clear, axis=0)
    filled = FlowFill().fill(destroyed(truth, mask), mask)
    assert np.abs(filled.frames[seen].astype(int) - truth[seen]).max() <= 1
    assert (filled.origin[seen] == Origin.PROPAGATED).all()


@pytest.mark.parametrize("quality", ["fast", "balanced", "best"])
@pytest.mark.parametrize("motion", [(5, 0), (3.3, 1.7)])
def test_translating_scene_is_near_exact(quality: str, motion: tuple[float, float]) -> None:
    truth, mask = pan(*motion), disc(60)
    filled = FlowFill(quality=quality).fill(destroyed(truth, mask), mask)
    telea = np.stack([cv2.inpaint(f, mask.view(np.uint8), 5, cv2.INPAINT_TELEA) for f in destroyed(truth, mask)])
    assert error(filled.frames[:, mask], truth[:, mask]) < 0.1 * error(telea[:, mask], truth[:, mask])
    assert filled.confidence[:, mask].mean() > 0.8


def test_nothing_seen_is_synthesised() -> None:
    truth, mask = pan(0), disc(60)
    filled = FlowFill().fill(destroyed(truth, mask), mask)
    assert (filled.origin[:, mask] == Origin.SYNTHESISED).all()
    assert not filled.confidence[:, mask].any()


@pytest.mark.parametrize("quality", ["fast", "balanced"])
def test_windows_equal_the_whole(quality: str) -> None:
    method = FlowFill(quality=quality)
    around = method.look_around
    count, step = around + 90, 30
    truth, mask = pan(1.5, count=count), disc(60)
    clip = destroyed(truth, mask)
    whole, state = method.fill(clip, mask), method.new_state()
    for begin in range(0, count, step):
        low, stop = max(0, begin - around), min(count, begin + step)
        high = min(count, stop + around)
        hidden = np.broadcast_to(mask, (high - low, HEIGHT, WIDTH))
        part = method.fill_window(Window(clip[low:high], hidden, low, begin - low, stop - low), state)
        assert np.array_equal(part.frames, whole.frames[begin:stop])
    assert min(state.pictures) >= begin - around > 0
    assert min(state.drafts) >= begin - 1
    assert all(kept.image.base is None for kept in state.pictures.values()), "a part keeps the whole window"


def test_what_is_seen_much_later_only_is_no_invention() -> None:
    truth, mask = pan(0.6, count=60), disc(60, radius=14)
    first = FlowFill().fill(destroyed(truth, mask), mask)
    assert (first.origin[0][mask] == Origin.PROPAGATED).mean() > 0.9
    assert error(first.frames[0][mask], truth[0][mask]) < 6


def test_a_resting_camera_remembers_under_changing_light() -> None:
    light = 0.9 + 0.1 * np.sin(np.arange(COUNT))
    truth = np.rint(pan(0) * light[:, None, None, None]).astype(np.uint8)
    mask = np.stack([disc(20 + 6 * t) for t in range(COUNT)])
    filled = FlowFill().fill(destroyed(truth, mask), mask)
    assert (filled.origin[mask] == Origin.PROPAGATED).all()
    assert error(filled.frames[mask], truth[mask]) < 1.5


def test_fills_of_neighbours_agree() -> None:
    """What is averaged with its neighbours flickers less, and is no worse."""
    noise = np.random.default_rng(5).normal(0, 6, (COUNT, HEIGHT, WIDTH, 3))
    truth, mask = pan(5), disc(60)
    clip = np.clip(destroyed(truth, mask) + noise, 0, 255).astype(np.uint8)
    inside = disc(60, radius=8)
    errors = []
    for quality in ("fast", "balanced"):
        filled = FlowFill(quality=quality).fill(clip, mask).frames.astype(float)
        errors.append(error(filled[:, inside], truth[:, inside]))
    assert errors[1] < 0.8 * errors[0]


def test_sixteen_bits_are_as_good_as_eight() -> None:
    truth, mask = pan(5), disc(60)
    clip = destroyed(truth, mask)
    eight = FlowFill().fill(clip, mask).frames
    sixteen = FlowFill().fill(clip.astype(np.uint16) * 257, mask).frames
    assert np.abs(sixteen / 257 - eight).max() <= 1.5


def test_large_frames_work_at_a_reduced_size() -> None:
    small, mask = pan(5, count=5), disc(60)
    clip = np.stack([cv2.resize(f, (8 * WIDTH + 1, 8 * HEIGHT + 3), interpolation=cv2.INTER_CUBIC) for f in small])
    hidden = cv2.resize(mask.view(np.uint8), clip.shape[2:0:-1], interpolation=cv2.INTER_NEAREST) > 0
    filled = FlowFill().fill(destroyed(clip, hidden), hidden)
    sure = (filled.origin == Origin.PROPAGATED) & hidden
    assert sure.mean() > 0.3 * hidden.mean()
    assert error(filled.frames[sure], clip[sure]) < 3


def test_shares_of_two_estimates() -> None:
    shares = best_share(np.array([1, 1, 1, 100], np.float32), np.array([1, np.inf, 100, 1], np.float32))
    np.testing.assert_allclose(shares, [0.5, 0, 0, 1], atol=1e-5)


def test_unknown_quality_lists_the_choices() -> None:
    with pytest.raises(UsageError, match="unknown quality 'superb'; choose from fast, balanced, best"):
        FlowFill(quality="superb")


def test_import_is_light() -> None:
    code = "import sys, vinpaint.fill.flow; print({'torch', 'scipy.ndimage', 'skimage'} & set(sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "set()"
