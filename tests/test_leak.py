"""Leaks of virtual backgrounds: what is told apart, what is brought back, and what is claimed."""

from __future__ import annotations

import json
import sys
from fractions import Fraction
from hashlib import sha256
from importlib import resources
from pathlib import Path

import cv2
import media
import numpy as np
import pytest
import torch

import vinpaint
from vinpaint.benchmarks.leak_calls import ComposedCall, compose
from vinpaint.benchmarks.leaks import colour_distance, leak_score
from vinpaint.cli import run
from vinpaint.contracts import Frames
from vinpaint.errors import InputError
from vinpaint.leak import Leak, LeakSettings, find_leaks, fusion, kernels, network, scenery, unet, weights
from vinpaint.leak.background import Backdrop, continued, estimate, given, most_constant
from vinpaint.leak.evidence import Judge, Sight, without_people
from vinpaint.leak.scenery import look
from vinpaint.reporting import Reporter
from vinpaint.timing import parse_span
from vinpaint.video import open_source
from vinpaint.video.arrays import ArraySource

SIZE = (160, 288)


def stills() -> Frames:
    """Three pictures with detail everywhere, of different colours."""
    rng = np.random.default_rng(5)
    pictures = []
    for tint in ((210, 120, 60), (60, 130, 190), (120, 190, 90)):
        coarse = cv2.resize(rng.uniform(-40, 40, (9, 16, 3)).astype(np.float32), SIZE[::-1], interpolation=0)
        fine = cv2.resize(rng.uniform(-25, 25, (80, 144, 1)).astype(np.float32), SIZE[::-1])[..., None]
        pictures.append(np.clip(coarse + fine + tint, 0, 255).astype(np.uint8))
    return np.stack(pictures)


def backdrop_of(frames: Frames) -> Backdrop:
    """The virtual background, by rules."""
    return estimate(most_constant(frames))


@pytest.fixture(scope="module")
def call() -> ComposedCall:
    return compose(stills(), np.random.default_rng(4), blurred=False, count=40)


@pytest.fixture(scope="module")
def found(call: ComposedCall) -> tuple[Leak, list[np.ndarray]]:
    masks: list[np.ndarray] = []
    return find_leaks(
        ArraySource(call.frames), LeakSettings(), Reporter(), sink=lambda mask, _: masks.append(mask)
    ), masks


# ---------------------------------------------------------------- the virtual background


def test_the_virtual_background_is_found_where_it_shows(call: ComposedCall) -> None:
    backdrop = backdrop_of(call.frames)
    assert 0.3 < backdrop.seen.mean() < 0.95
    wrong = np.abs(backdrop.picture[backdrop.seen].astype(int) - call.virtual[backdrop.seen]).max(axis=-1) > 30
    assert wrong.mean() < 0.02


def test_a_person_who_hardly_moves_is_no_virtual_background() -> None:
    rng = np.random.default_rng(1)
    frames = np.repeat(stills()[:1], 40, axis=0)
    frames[:, 40:, 100:190] = np.clip(90 + rng.normal(0, 3, (40, 120, 90, 3)), 0, 255)
    seen = backdrop_of(frames).seen
    assert seen[:30].all()
    assert not seen[50:, 110:180].any()


def test_images_and_blurred_rooms_are_told_apart(call: ComposedCall) -> None:
    assert most_constant(call.frames).sharp
    blurred = compose(stills(), np.random.default_rng(4), blurred=True, count=24)
    assert not most_constant(blurred.frames).sharp


def test_a_known_background_is_taken_where_it_never_showed(call: ComposedCall) -> None:
    backdrop = given(call.virtual, backdrop_of(call.frames))
    assert backdrop.seen.all()
    assert np.abs(backdrop.picture.astype(int) - call.virtual).max() <= 24


def test_a_known_background_is_a_picture_however_plain() -> None:
    plain = np.full((40, *SIZE, 3), 120, np.uint8)
    own = backdrop_of(plain)
    assert not own.sharp
    known = given(plain[0], own)
    assert known.sharp
    assert not known.plain.any()


def test_another_background_is_refused(call: ComposedCall) -> None:
    with pytest.raises(vinpaint.UsageError, match="not what the call shows"):
        given(255 - call.virtual, backdrop_of(call.frames))
    with pytest.raises(vinpaint.UsageError, match="scale it"):
        given(call.virtual[:-2], backdrop_of(call.frames))


def test_the_network_of_the_whole_call_sees_the_figure_of_a_person(call: ComposedCall) -> None:
    backdrop = look(most_constant(call.frames))
    present = (call.people > 128).mean(axis=0)
    assert backdrop.seen[present == 0].mean() > 0.9
    assert backdrop.seen[present > 0.95].mean() < 0.1
    assert backdrop.free[present == 0].mean() > 0.9
    assert backdrop.free[present > 0.95].mean() < 0.2
    assert not backdrop.plain.any()  # a picture has no colours of the room


def test_what_the_network_is_told_of_a_call(call: ComposedCall) -> None:
    maps = scenery.describe(most_constant(call.frames))
    assert maps.shape == (unet.ROWS, 648, scenery.CHANNELS)
    assert np.abs(maps).mean(axis=(0, 1)).max() < 2


# ---------------------------------------------------------------- leaks


def test_masks_of_leaks_are_where_the_room_shows(call: ComposedCall, found: tuple[Leak, list[np.ndarray]]) -> None:
    masks = np.stack(found[1])
    assert masks.shape == call.opacity.shape
    assert masks.any()
    chance = (call.opacity > 0).mean()
    assert (call.opacity[masks] > 0).mean() > 2.5 * chance


def test_the_curve_of_what_leaked_rises_and_is_that_of_the_masks(found: tuple[Leak, list[np.ndarray]]) -> None:
    leak, masks = found
    assert np.allclose(leak.leaking, [mask.mean() for mask in masks])
    assert (np.diff(leak.grown) >= 0).all()
    assert leak.grown[-1] == pytest.approx(np.any(masks, axis=0).mean())


def test_with_the_true_mask_claims_are_the_room(call: ComposedCall) -> None:
    fused = fusion.Fusion(backdrop_of(call.frames), "learned")
    for frame, mask, people in zip(call.frames, call.masks, call.people, strict=True):
        opacity = mask.astype(np.float32) / 255
        fused.add(Sight(frame, (people < 6).astype(np.float32), opacity, np.full_like(opacity, 0.02)))
    leak = fused.result()
    assert leak.kind == "image"
    opacity = call.opacity.max(axis=0) / np.float32(255)
    score = leak_score(leak.room, leak.coverage, call.room, call.virtual, opacity)
    idle = leak_score(call.virtual, leak.coverage, call.room, call.virtual, opacity)
    assert score.coverage > 0.0005
    assert score.precision is not None
    assert score.precision > 0.7
    assert score.room > 3 * idle.room
    assert (leak.room[~leak.coverage] == leak.background[~leak.coverage]).all()


def test_nothing_leaks_from_a_picture_at_rest() -> None:
    leak = vinpaint.leak(np.repeat(stills()[:1], 12, axis=0))
    assert (leak.verdict, leak.coverage.any(), leak.leaking.max()) == ("clean", False, 0)
    assert leak.report()["coverage"] == 0


def test_a_frame_that_differs_throughout_spoils_nothing(call: ComposedCall) -> None:
    """Black for a moment: the matte has no edge there."""
    dark = call.frames.copy()
    dark[20] = 0
    found = [find_leaks(ArraySource(one), LeakSettings(method="statistics"), Reporter()) for one in (call.frames, dark)]
    assert np.isfinite(found[1].confidence).all()
    assert np.abs(found[0].confidence - found[1].confidence).mean() < 0.02
    assert found[0].confidence.max() > 0.05


@pytest.mark.parametrize("method", ["learned", "statistics"])
def test_ranges_of_clips_of_variable_rate(call: ComposedCall, tmp_path: Path, method: str) -> None:
    """Frames count, not what their times make of them."""
    stamps = (*range(0, 400, 40), *range(1000, 31000, 1000))
    path = media.write_clip(
        tmp_path / "vfr.mkv", media.Clip(width=288, height=160, time_base=Fraction(1, 1000), pts=stamps), call.frames
    )
    for start, end, enough in (("2", "6", False), ("12", "30", True)):
        settings = LeakSettings(method=method, span=parse_span(start, end))
        with open_source(path) as source:
            if enough:
                assert len(find_leaks(source, settings, Reporter()).leaking) == 18
            else:
                with pytest.raises(InputError, match=r"holds \d frames there"):
                    find_leaks(source, settings, Reporter())


def test_a_virtual_background_covers_the_frame(tmp_path: Path) -> None:
    """As services do it: scaled until it covers, and cut."""
    from vinpaint.cli.leak import with_background

    picture = cv2.resize(stills()[0], (320, 240))
    media.write_image(tmp_path / "wall.png", picture)
    settings = with_background(LeakSettings(), tmp_path / "wall.png", (160, 90))
    assert settings.background is not None
    expected = cv2.resize(picture, (160, 120), interpolation=cv2.INTER_AREA)[15:105]
    assert np.abs(settings.background.astype(int) - expected).max() <= 2


def test_a_blurred_room_is_claimed_where_it_is_plain() -> None:
    room = np.zeros((120, 200, 3), np.float32)
    room[:, :100], room[:, 100:] = (200, 60, 40), (40, 90, 200)
    blur = cv2.GaussianBlur(room, (0, 0), 120 / 45).round().astype(np.uint8)
    leak = vinpaint.leak(np.repeat(blur[None], 10, axis=0))
    assert leak.kind == "blurred"
    assert leak.coverage[:, 5:85].all()
    assert leak.coverage[:, 115:195].all()
    assert not leak.coverage[:, 98:102].any()
    assert colour_distance(leak.room, room)[leak.coverage].max() < 6


def test_a_segmenter_keeps_its_person_out(call: ComposedCall) -> None:
    ones = np.ones(call.frames.shape[1:3], np.float32)
    sight = Sight(call.frames[0], ones, ones, 0.1 * ones)
    strict = without_people(sight, lambda frame: np.ones((9, 16), np.float32))
    assert np.allclose(strict.room, 0.25)
    assert not strict.leak.any()
    assert np.allclose(without_people(sight, lambda frame: np.zeros((9, 16), np.float32)).room, 1)


def test_a_range_gives_empty_masks_outside(call: ComposedCall) -> None:
    masks: list[np.ndarray] = []
    settings = LeakSettings(span=parse_span("10", "30"))
    leak = find_leaks(ArraySource(call.frames), settings, Reporter(), sink=lambda mask, _: masks.append(mask))
    assert (len(masks), len(leak.leaking), leak.first) == (40, 20, 10)
    assert not np.any(masks[:10])
    assert not np.any(masks[30:])


def test_calls_that_are_too_short_say_so(call: ComposedCall) -> None:
    for shape in ((10, 24, 64, 3), (10, 40, 400, 3)):
        with pytest.raises(vinpaint.InputError, match="give a call of 32 rows and columns or more"):
            vinpaint.leak(np.zeros(shape, np.uint8))
    with pytest.raises(vinpaint.InputError, match="give 8 or more"):
        vinpaint.leak(call.frames[:5])


def test_a_segmenter_without_its_package_names_the_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(b"x")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(vinpaint.DependencyError, match=r"vinpaint\[segmenter\]"):
        vinpaint.leak(np.repeat(stills()[:1], 8, axis=0), segmenter=tmp_path / "m.onnx")


# ---------------------------------------------------------------- the loops


def test_ways_count_steps_and_edges() -> None:
    picture = np.zeros((3, 12, 3), np.float32)
    picture[:, 6:] = 30
    out = np.full((3, 12), 1e4, np.float32)
    out[:, 0] = 0
    kernels.geodesic(picture, np.ones((3, 12), bool), 0.5, out)
    assert out[1, 5] == pytest.approx(2.5)
    assert out[1, 11] == pytest.approx(35.5)


def test_what_a_pixel_showed_is_remembered() -> None:
    bits = np.zeros((1, 1), np.uint8)
    for shown in (True, False, False):
        kernels.remember(np.array([[shown]]), bits)
    assert kernels.since(int(bits[0, 0])) == 3
    assert kernels.since(0) == kernels.until(0) == 8
    assert kernels.until(0b1000000) == 1
    assert kernels.until(0b0000001) == 7


def gathered(levels: list[int], opacity: float, *, pauses: int = 1, room: float = 0.9) -> tuple[np.ndarray, np.ndarray]:
    """Groups of one pixel before a black background, the one with the most support first."""
    colours = np.zeros((1, 1, kernels.GROUPS, 3), np.float32)
    tallies = np.zeros((1, 1, kernels.GROUPS, 5), np.float32)
    known, one = np.zeros((1, 1, 3), np.uint8), np.ones((1, 1), np.float32)
    for number, level in enumerate(levels):
        frame = np.full((1, 1, 3), level, np.uint8)
        kernels.gather(frame, known, room * one, opacity * one, 0.01 * one, pauses * number, colours, tallies)
    order = np.argsort(-tallies[0, 0, :, 0])
    return colours[0, 0, order], tallies[0, 0, order]


def test_samples_join_the_group_of_their_colour() -> None:
    colours, tallies = gathered([100, 104, 200, 96], 1.0)
    assert colours[:2, 0] == pytest.approx([100, 200], abs=0.5)
    assert tallies[0, 0] > 2 * tallies[1, 0] > 0
    assert tallies[0, 1] == pytest.approx(tallies[0, 0] / 9, rel=0.01)
    assert tallies[0, 2] / tallies[0, 0] / 3 == pytest.approx(32 / 3, rel=0.05)


def test_samples_are_unmixed_and_faint_ones_weigh_less() -> None:
    colours, tallies = gathered([60], 0.5)
    assert colours[0, 0] == pytest.approx(120)
    assert tallies[0, 0] < 0.5 * gathered([60], 1.0)[1][0, 0]
    assert not gathered([60], 0.1)[1].any()


def test_moments_are_counted_once() -> None:
    assert gathered([100] * 6, 1.0)[1][0, 3] == 1
    assert gathered([100] * 6, 1.0, pauses=kernels.PAUSE)[1][0, 3] == 6
    assert gathered([100] * 6, 1.0, room=0.3)[1][0, 3] == 0


def test_forms_and_products_agree() -> None:
    signs = np.random.default_rng(0).normal(size=(5, fusion.SIGNS)).astype(np.float32)
    count = (fusion.SIGNS + 1) * (fusion.SIGNS + 2) // 2
    table = 0.1 * np.random.default_rng(1).normal(size=count)
    expected = 1 / (1 + np.exp(-weights.products(signs) @ table))
    assert np.allclose(weights.chance(signs, weights.square(table)), expected, atol=1e-4)


# ---------------------------------------------------------------- the network


def random_weights() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    made = {}
    for name, (fed, width, side) in network.LAYERS.items():
        made[f"{name}.weight"] = torch.randn(width, fed, side, side) / (fed * side**2) ** 0.5
        made[f"{name}.bias"] = torch.randn(width) / 4
    return made


def test_the_network_gives_every_frame_back_in_order(call: ComposedCall) -> None:
    frames = list(call.frames[:12])
    judge = network.Network(backdrop_of(call.frames), random_weights())
    sights = [sight for frame in frames for sight in judge.add(frame)]
    assert len(sights) == 12 - network.OFFSETS[-1]
    sights += judge.finish()
    for sight, frame in zip(sights, frames, strict=True):
        assert sight.frame is frame
        for each in (sight.room, sight.opacity, sight.error):
            assert each.shape == frame.shape[:2]
            assert 0 <= each.min() <= each.max() <= 8


def test_the_network_sees_what_comes_and_what_was(call: ComposedCall) -> None:
    """A change of a frame is felt by those that are two and six frames before and after it, and what follows these."""
    backdrop = backdrop_of(call.frames)
    before, after = (network.Network(backdrop, random_weights()) for _ in range(2))
    frames = call.frames[:20].copy()
    frames[12] = 255 - frames[12]
    changed = [
        not np.array_equal(one.opacity, other.opacity)
        for one, other in zip(all_of(before, call.frames[:20]), all_of(after, frames), strict=True)
    ]
    assert [number for number, differs in enumerate(changed) if differs] == [6, 7, 10, 11, 12, 13, 14, 15, 18, 19]


@pytest.mark.parametrize("name", ["net", "scenery"])
def test_the_card_is_that_of_the_weights(name: str) -> None:
    folder = resources.files("vinpaint.leak")
    weights_of_network = (folder / f"{name}.safetensors").read_bytes()
    assert len(weights_of_network) < 400_000
    assert sha256(weights_of_network).hexdigest() in (folder / f"{name}.md").read_text()


def all_of(judge: Judge, frames: Frames) -> list[Sight]:
    """What a judge says of all frames."""
    return [*(sight for frame in frames for sight in judge.add(frame)), *judge.finish()]


# ---------------------------------------------------------------- figures


def test_scores_with_known_answers() -> None:
    room, virtual = np.full((8, 8, 3), 90, np.uint8), np.full((8, 8, 3), 200, np.uint8)
    opacity, claimed = np.zeros((8, 8), np.float32), np.zeros((8, 8), bool)
    opacity[:4], opacity[4], claimed[:2] = 1.0, 0.5, True
    right = leak_score(room, claimed, room, virtual, opacity)
    assert (right.room, right.precision, right.coverage) == (pytest.approx(16 / 36), 1.0, 0.25)
    assert right.score == pytest.approx(32 / 36)  # all but where half of the room shows
    wrong = leak_score(virtual, ~claimed, room, virtual, opacity)
    assert (wrong.room, wrong.precision, wrong.score) == (0, 0, 0)
    assert leak_score(room, np.zeros_like(claimed), room, virtual, opacity).precision is None
    with pytest.raises(ValueError, match="nothing leaks"):
        leak_score(room, claimed, room, virtual, np.zeros((8, 8), np.float32))


def test_the_colour_distance_is_that_of_the_published_example() -> None:
    red, green = np.full((1, 1, 3), (255, 0, 0), np.uint8), np.full((1, 1, 3), (0, 255, 0), np.uint8)
    assert colour_distance(red, green)[0, 0] == pytest.approx(86.6, abs=0.2)


# ---------------------------------------------------------------- the command line


def test_the_command_writes_all_it_is_asked_for(
    call: ComposedCall, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    media.write_folder(tmp_path / "call", call.frames[:16])
    arguments = ["leak", "call", "-o", "room.png", "--coverage", "cov.png", "--mask-out", "masks.mkv"]
    assert run([*arguments, "--report", "r.json"]) == 0
    room, coverage = media.read_image(tmp_path / "room.png"), media.read_image(tmp_path / "cov.png")
    assert room.shape == call.room.shape
    assert set(np.unique(coverage)) <= {0, 255}
    masks = media.rgb_frames(tmp_path / "masks.mkv")
    report = json.loads((tmp_path / "r.json").read_text())
    assert masks.shape[:3] == (16, *call.room.shape[:2])
    assert np.allclose((masks[..., 0] > 127).mean(axis=(1, 2)), report["leaking"], atol=1e-4)
    capsys.readouterr()
    assert run(arguments) == 5
    assert "exists" in capsys.readouterr().err


def test_detection_of_leaks_writes_a_picture_a_frame(
    call: ComposedCall, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    media.write_folder(tmp_path / "call", call.frames[:12])
    assert run(["detect", "call", "-o", "masks/", "--kind", "leak", "--report", "r.json"]) == 0
    assert media.names(tmp_path / "masks") == [f"{number:05d}.png" for number in range(12)]
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["frames"] == 12
    assert report["verdict"] in ("found", "clean")


def test_an_unseen_half_of_a_background_is_continued() -> None:
    """Also where it is larger than anything that is seen at the coarsest level."""
    for shape in ((32, 64), (64, 32)):
        picture, seen = np.full((*shape, 3), 200, np.uint8), np.zeros(shape, bool)
        seen[: shape[0] // 2 if shape[0] > shape[1] else None, shape[1] // 2 if shape[1] > shape[0] else 0 :] = True
        picture[~seen] = 0
        assert (continued(picture, seen) == 200).all()
