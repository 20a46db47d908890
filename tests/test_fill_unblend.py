"""Un-blending: exact where the blemish is known, mixed with the flow fill where little shines through."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import media
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import vinpaint
from vinpaint.contracts import Blemish, Origin
from vinpaint.fill import unblend
from vinpaint.fill.flow import FlowFill
from vinpaint.fill.job import FillSettings, fill_file
from vinpaint.fill.method import Window
from vinpaint.fill.prior import with_imprint
from vinpaint.fill.strength import REACH, Imprint, strength
from vinpaint.fill.unblend import UnblendFill
from vinpaint.fill.veil import ROUNDING, noise_of, part_of, surroundings, veil_of
from vinpaint.masks import from_array
from vinpaint.refiner import synthetic
from vinpaint.refiner.synthetic import Motion
from vinpaint.reporting import Reporter
from vinpaint.timing import Span
from vinpaint.video.arrays import ArraySource
from vinpaint.video.layout import ColourTags, Layout, make_layout

HEIGHT, WIDTH, COUNT = 72, 112, 20
TRUTH = synthetic.moving_scene(COUNT, HEIGHT, WIDTH, seed=5, motion=Motion(pan=2.3), car=False)
SOFT = synthetic.soft_stain(HEIGHT, WIDTH, centre=(60, 36), radius=22, opacity=0.7)
CORED = synthetic.soft_stain(HEIGHT, WIDTH, centre=(60, 36), radius=22, opacity=1.0)
MARK = synthetic.logo(HEIGHT, WIDTH, centre=(56, 36), size=14, opacity=0.5)
COMPRESSED = make_layout("yuv420p", "yuv", 8, (2, 2), ColourTags(), HEIGHT)


def error(found: NDArray[Any], mask: NDArray[np.bool_], truth: NDArray[Any] = TRUTH) -> float:
    return float(np.sqrt(np.mean(np.square(found.astype(float) - truth)[:, mask])))


def at_once(frames: NDArray[Any], blemish: Blemish, layout: Layout | None = None) -> Any:
    mask = np.broadcast_to(blemish.mask, frames.shape[:3])
    method = UnblendFill()
    return method.fill_window(Window(frames, mask, 0, 0, len(frames), blemish, layout), method.new_state())


def unsure(blemish: Blemish, of: float) -> Blemish:
    return replace(blemish, alpha_error=np.full(blemish.alpha.shape, of, np.float32))


def needs(blemish: Blemish, layout: Layout | None = None) -> int:
    return UnblendFill().suited(blemish.mask, blemish, layout).look_around


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("blemish", [SOFT, MARK], ids=["stain", "mark"])
def test_a_known_translucent_blemish_is_lifted_to_rounding(blemish: Blemish, dtype: str) -> None:
    scale = np.iinfo(dtype).max // 255
    truth = TRUTH.astype(dtype) * dtype_scale(dtype)
    stained = synthetic.apply(truth, blemish)
    filled = UnblendFill().fill(stained, blemish.mask, blemish=blemish)
    step = 0.5 / (1 - blemish.alpha[blemish.mask])[:, None] + 0.51
    away = np.abs(filled.frames.astype(float) - truth)[:, blemish.mask]
    assert (away <= step + 0.002 * scale).all()
    assert (filled.origin[:, blemish.mask] == Origin.UNBLENDED).all()
    assert (filled.confidence == 1).all()
    assert np.array_equal(filled.frames[:, ~blemish.mask], stained[:, ~blemish.mask])


def dtype_scale(dtype: str) -> Any:
    return np.dtype(dtype).type(np.iinfo(dtype).max // 255)


@settings(deadline=None, max_examples=40)
@given(alpha=st.floats(0, 0.9), colour=st.tuples(*[st.floats(0, 1)] * 3), scene=st.tuples(*[st.integers(0, 255)] * 3))
def test_lifting_inverts_the_optical_model(alpha: float, colour: Any, scene: Any) -> None:
    blemish = synthetic.blemish_of(np.full((3, 4), alpha), colour)
    frame = np.full((1, 3, 4, 3), scene, np.uint8)
    lifted = veil_of(blemish, np.ones((3, 4), np.bool_), np.uint8).lift(synthetic.apply(frame, blemish)[0])
    assert np.abs(lifted - frame[0]).max() <= 0.5 / (1 - alpha) + 0.01


def test_without_a_blemish_it_is_the_flow_fill() -> None:
    stained = synthetic.apply(TRUTH, CORED)
    ours, theirs = (method.fill(stained, CORED.mask) for method in (UnblendFill(), FlowFill()))
    assert np.array_equal(ours.frames, theirs.frames)
    assert np.array_equal(ours.origin, theirs.origin)


def test_an_opaque_core_is_filled_without_a_seam() -> None:
    stained = synthetic.apply(TRUTH, CORED)
    filled = UnblendFill().fill(stained, CORED.mask, blemish=CORED)
    core, soft = CORED.alpha > 0.999, CORED.mask & (CORED.alpha < 0.9)
    assert core.sum() > 50
    assert (filled.origin[:, core] != Origin.UNBLENDED).all()
    assert (filled.origin[:, soft] == Origin.UNBLENDED).all()
    assert (filled.confidence[:, soft] == 1).all()
    flow = FlowFill().fill(stained, CORED.mask)
    assert error(filled.frames, core) < error(flow.frames, core)
    assert error(filled.frames, soft) < 0.4 * error(flow.frames, soft)
    rim = cv2.dilate(core.view(np.uint8), np.ones((3, 3), np.uint8)).view(np.bool_) & ~core
    jumps = [np.abs(np.diff(clip.astype(float), axis=2))[:, rim[:, 1:]].mean() for clip in (filled.frames, TRUTH)]
    assert jumps[0] < 1.2 * jumps[1]


def test_masked_pixels_beside_the_blemish_are_filled() -> None:
    mask = SOFT.mask.copy()
    mask[2:8, 2:8] = True
    stained = synthetic.apply(TRUTH, SOFT)
    stained[:, 2:8, 2:8] = 255
    filled = UnblendFill().fill(stained, mask, blemish=SOFT)
    assert (filled.origin[:, 2:8, 2:8] != Origin.UNBLENDED).all()
    assert error(filled.frames[:, 2:8, 2:8], np.ones((6, 6), np.bool_), TRUTH[:, 2:8, 2:8]) < 60


def test_noise_is_averaged_along_the_motion_and_detail_stays() -> None:
    rng = np.random.default_rng(3)
    noisy = np.clip(synthetic.apply(TRUTH, SOFT) + rng.normal(0, 3, TRUTH.shape), 0, 255).round().astype(np.uint8)
    core = SOFT.alpha > 0.5
    plain = veil_of(SOFT, SOFT.mask, np.uint8)
    lifted = np.stack([plain.lift(frame) for frame in noisy])
    filled = at_once(noisy, SOFT, COMPRESSED).frames
    assert error(filled, core) < 0.75 * error(lifted, core)
    detail = [np.abs(np.diff(clip.astype(float), axis=2))[:, core[:, 1:]].mean() for clip in (filled, TRUTH)]
    assert detail[0] > 0.9 * detail[1]


@pytest.mark.parametrize("blemish", [SOFT, CORED], ids=["soft", "cored"])
def test_a_wrong_opacity_that_is_admitted_does_not_make_it_worse(blemish: Blemish) -> None:
    rng = np.random.default_rng(1)
    wave = cv2.GaussianBlur(rng.normal(size=(HEIGHT, WIDTH)), (0, 0), 6)
    off = (0.03 * wave / wave.std() * blemish.mask).astype(np.float32)
    wrong = replace(blemish, alpha=np.clip(blemish.alpha + off, 0, 1))
    admitted = replace(wrong, alpha_error=np.where(blemish.mask, np.float32(0.03), np.float32(0)))
    stained = synthetic.apply(TRUTH, blemish)
    blind, warned = (UnblendFill().fill(stained, blemish.mask, blemish=known).frames for known in (wrong, admitted))
    assert error(warned, blemish.mask) < 1.05 * error(blind, blemish.mask)


def test_nothing_known_of_the_opacity_is_the_flow_fill() -> None:
    unknown = replace(SOFT, alpha_error=np.where(SOFT.mask, np.float32(np.inf), np.float32(0)))
    stained = synthetic.apply(TRUTH, SOFT)
    filled = UnblendFill().fill(stained, SOFT.mask, blemish=unknown)
    assert np.isfinite(filled.confidence).all()
    assert (filled.origin[:, SOFT.mask] != Origin.UNBLENDED).mean() > 0.8


def with_strengths(strengths: NDArray[np.float64]) -> NDArray[np.uint8]:
    """The scene behind a mark that has another strength in every frame."""
    frames = zip(TRUTH, strengths, strict=True)
    return np.concatenate(
        [synthetic.apply(f[None], replace(MARK, alpha=MARK.alpha * np.float32(s))) for f, s in frames]
    )


@pytest.mark.parametrize(
    "strengths",
    [1 + 0.15 * np.sin(np.arange(COUNT) / 6), 1 + 0.2 * (np.arange(COUNT) % 5 == 0)],
    ids=["fades", "key frames"],
)
def test_a_varying_strength_is_followed(strengths: NDArray[np.float64]) -> None:
    stained = with_strengths(strengths)
    fixed = np.stack([veil_of(MARK, MARK.mask, np.uint8).lift(frame) for frame in stained])
    filled = UnblendFill().fill(stained, MARK.mask, blemish=MARK)
    assert error(filled.frames, MARK.mask) < 0.5 * error(fixed, MARK.mask)


def test_what_all_frames_have_in_common_is_no_strength() -> None:
    """A measure that is wrong everywhere alike is taken as it is, and frames that differ from it are followed."""
    weak = replace(MARK, alpha=MARK.alpha * np.float32(0.9))
    source = ArraySource(with_strengths(1 + 0.2 * (np.arange(COUNT) % 5 == 0)))
    measured = replace(weak, alpha_error=np.full(weak.alpha.shape, 0.01, np.float32))
    known = with_imprint(source, measured, MARK.mask, Span())
    assert -0.3 < known.imprint < -0.05
    assert with_imprint(source, weak, MARK.mask, Span()) is weak  # exact, so nothing is wrong with it
    said = [Imprint(known.imprint, 1e-6)] * 5
    assert strength(said, [-2, -1, 0, 1, 2], known.imprint) == 1
    said[2] = Imprint(known.imprint - 0.2, 1e-6)
    assert 1.1 < strength(said, [-2, -1, 0, 1, 2], known.imprint) <= 1.2


def test_arrays_are_filled_as_files_are(tmp_path: Path) -> None:
    """What is measured wrongly everywhere alike is known to both."""
    stained = with_strengths(1 + 0.2 * (np.arange(COUNT) % 5 == 0))
    weak = replace(MARK, alpha=MARK.alpha * np.float32(0.9), alpha_error=np.full(MARK.alpha.shape, 0.01, np.float32))
    source, options = ArraySource(stained), FillSettings(method="unblend")
    fill_file(source, from_array(MARK.mask), f"{tmp_path}/", options, Reporter(), blemish=weak)
    written = np.stack([media.read_image(path) for path in sorted(tmp_path.glob("*.png"))])
    assert np.array_equal(vinpaint.fill(stained, MARK.mask, method="unblend", blemish=weak).frames, written)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_masks_that_come_again_are_made_ready_once(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    made, sheet = [], unblend._sheet
    monkeypatch.setattr(unblend, "_sheet", lambda *given: made.append(sheet(*given)) or made[-1])
    masks = np.stack([MARK.mask & (np.arange(WIDTH) % count != n % count) for n in range(COUNT)])
    method = UnblendFill(quality="fast")
    method.fill(synthetic.apply(TRUTH, MARK), masks, blemish=MARK)
    assert len(made) == count


def test_saturated_samples_and_extreme_maps_give_numbers() -> None:
    rng = np.random.default_rng(0)
    frames = rng.choice(np.array([0, 255], np.uint8), (3, 40, 48, 3))
    alpha = rng.uniform(-1, 2, (40, 48)).astype(np.float32)
    blemish = Blemish(np.ones((40, 48), np.bool_), alpha, np.full((40, 48, 3), 2, np.float32), np.abs(alpha))
    filled = UnblendFill().fill(frames, blemish.mask, blemish=blemish)
    assert np.isfinite(filled.confidence).all()
    clear = alpha <= 0
    assert np.array_equal(filled.frames[:, clear], frames[:, clear])


def test_cheap_blemishes_need_no_other_frames() -> None:
    assert needs(SOFT) == 0
    assert 0 < needs(SOFT, COMPRESSED) < UnblendFill().look_around
    assert needs(CORED) == UnblendFill().look_around
    assert needs(replace(SOFT, alpha_error=np.full(SOFT.alpha.shape, 0.5, np.float32))) == UnblendFill().look_around


@pytest.mark.parametrize(
    ("blemish", "quality", "needed"),
    [
        (SOFT, "balanced", 0),
        (MARK, "balanced", REACH),
        (unsure(SOFT, 0.04), "balanced", 8),
        (unsure(CORED, 0.05), "fast", 20 + REACH),
    ],
    ids=["soft", "mark", "averaged", "cored"],
)
def test_streamed_equals_the_whole(blemish: Blemish, quality: str, needed: int) -> None:
    truth = synthetic.moving_scene(100, HEIGHT, WIDTH, seed=5, motion=Motion(pan=0.6), car=False)
    stained = synthetic.apply(truth, blemish)
    whole = UnblendFill(quality=quality).suited(blemish.mask, blemish)
    assert whole.look_around == needed
    masks = np.broadcast_to(blemish.mask, stained.shape[:3])
    expected = whole.fill_window(Window(stained, masks, 0, 0, 100, blemish), whole.new_state())
    state, parts = whole.new_state(), []
    for start in range(0, 100, 16):
        stop = min(100, start + 16)
        low, high = max(0, start - needed), min(100, stop + needed)
        part = Window(stained[low:high], masks[low:high], low, start - low, stop - low, blemish)
        parts.append(whole.fill_window(part, state))
    for name in ("frames", "confidence", "origin"):
        assert np.array_equal(np.concatenate([getattr(part, name) for part in parts]), getattr(expected, name))


def test_reduced_chroma_is_lifted_as_it_was_mixed() -> None:
    """A coloured mark with sharp edges over flat ground: no fringes beside its edges."""
    red = replace(MARK, colour=np.broadcast_to(np.array([0.9, 0.1, 0.1], np.float32), MARK.colour.shape).copy())
    ground = np.full((1, HEIGHT, WIDTH, 3), (70, 90, 120), np.uint8)
    stained = synthetic.apply(ground, red)[0]
    luma = stained @ np.array([0.299, 0.587, 0.114])
    chroma = stained - luma[..., None]
    small = cv2.resize(chroma, (WIDTH // 2, HEIGHT // 2), interpolation=cv2.INTER_AREA)
    reduced = luma[..., None] + cv2.resize(small, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR)
    picture = np.clip(np.rint(reduced), 0, 255).astype(np.uint8)
    aware, naive = (veil_of(red, red.mask, np.uint8, layout).lift(picture) for layout in (COMPRESSED, None))
    away = [np.abs(lifted - ground[0])[red.mask].mean() for lifted in (aware, naive)]
    assert away[0] < 0.3 * away[1]


@pytest.mark.parametrize("layout", [None, COMPRESSED], ids=["RGB", "reduced chroma"])
@pytest.mark.parametrize("corner", [(0, 0), (37, 51), (113, 175)])
def test_a_veil_follows_from_the_surroundings_of_its_mask(corner: tuple[int, int], layout: Layout | None) -> None:
    rng, size = np.random.default_rng(0), (121, 183)
    place = tuple(slice(start, start + 8) for start in corner)
    mask = np.zeros(size, np.bool_)
    mask[place] = True
    alpha, colour = (rng.random(shape, np.float32) for shape in (size, (*size, 3)))
    blemish = Blemish(np.ones(size, np.bool_), alpha, colour, alpha, alpha_error=alpha / 9)
    whole, box = veil_of(blemish, mask, np.uint8, layout), surroundings(mask, layout).slices
    part = veil_of(part_of(blemish, box), mask[box], np.uint8, layout)
    assert mask[box].size < mask.size / 2
    for found, known in ((part, whole.cut(box)), (part.coarse, whole.coarse and whole.coarse.cut(box))):
        assert (found is None) == (known is None)
        for name in ("clear", "tint", "error", "hidden") if found is not None else ():
            assert np.array_equal(getattr(found, name), getattr(known, name))


def test_noise_by_storage() -> None:
    assert noise_of(None, np.uint8) == pytest.approx(ROUNDING)
    assert noise_of(None, np.uint16) < 0.01 * ROUNDING
    assert noise_of(COMPRESSED, np.uint8) > 5 * ROUNDING
