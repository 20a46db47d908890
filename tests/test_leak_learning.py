"""What leaks are learned from, and the baseline that segments them."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from vinpaint.baselines import leak_segmenter as baseline
from vinpaint.benchmarks import fit_leak_net, fit_leak_scenery, fit_leak_segmenter, fit_leaks
from vinpaint.benchmarks.leak_calls import ComposedCall, compose
from vinpaint.contracts import Frames
from vinpaint.errors import UsageError
from vinpaint.leak import network, scenery, weights
from vinpaint.leak.background import estimate, most_constant
from vinpaint.video.clips import write_lossless


def stills() -> Frames:
    rng = np.random.default_rng(5)
    coarse = rng.uniform(40, 210, (3, 6, 10, 3)).astype(np.float32)
    return np.stack([cv2.resize(one, (256, 144)) for one in coarse]).astype(np.uint8)


@pytest.fixture(scope="module")
def call() -> ComposedCall:
    return compose(stills(), np.random.default_rng(2), blurred=False, count=24)


# ---------------------------------------------------------------- calls


def test_a_call_is_what_its_truth_says(call: ComposedCall) -> None:
    """Where nobody stands a frame is the room and the virtual background, mixed by the mask."""
    mask = call.masks.astype(np.float32)[..., None] / 255
    expected = call.virtual + mask * (call.room.astype(np.float32) - call.virtual)
    gap = np.abs(call.frames - expected).max(axis=-1)
    empty = cv2.erode((call.people == 0).astype(np.uint8).transpose(1, 2, 0), np.ones((5, 5))).transpose(2, 0, 1) > 0
    assert np.median(gap[empty]) < 8
    assert np.median(gap[(call.people == 255) & (call.masks > 250)]) > 25
    assert (call.opacity[call.people > 255 * 0.02] == 0).all()
    assert (call.opacity > 25).any()


def test_calls_are_the_same_every_time(call: ComposedCall) -> None:
    again = compose(stills(), np.random.default_rng(2), blurred=False, count=24)
    assert np.array_equal(again.frames, call.frames)
    assert np.array_equal(again.opacity, call.opacity)


# ---------------------------------------------------------------- fits


def test_a_fit_finds_the_form_that_made_the_answers() -> None:
    rng = np.random.default_rng(0)
    signs = weights.products(np.insert(rng.normal(size=(4000, 7)), 0, 1, axis=1))
    table = rng.normal(size=signs.shape[1])
    chance = 1 / (1 + np.exp(-signs @ table))
    found = fit_leaks.fit(signs, (rng.random(4000) < chance).astype(float))
    assert np.corrcoef(found, table)[0, 1] > 0.9
    assert (1 / (1 + np.exp(-signs @ found))).mean() == pytest.approx(chance.mean(), abs=0.02)


def test_samples_know_who_stands_there_and_how_open_the_mask_is(call: ComposedCall) -> None:
    signs, clear, opacity = fit_leaks.sample_signs(call, estimate(most_constant(call.frames)))
    assert len(signs) == len(clear) == len(opacity) > 100
    assert set(clear) == {0.0, 1.0}
    assert opacity[clear == 0].mean() > opacity[clear == 1].mean() > 0.03


# ---------------------------------------------------------------- the baseline


@pytest.mark.parametrize("name", baseline.FILTERS)
def test_filters_give_maps_of_usual_size(name: str) -> None:
    grey = np.zeros((40, 48), np.float32)
    grey[:, 24:] = 1
    grey[20:] *= np.float32(0.2)
    grey[10, 10], grey[10, 36] = 1, 0
    result = np.asarray(baseline.FILTERS[name](grey))
    assert result.shape == grey.shape
    assert 0.05 < np.abs(result).max() <= 4
    assert np.ptp(result) > 0.05


def test_channels_are_what_is_asked_for() -> None:
    frame, other = stills()[:2]
    maps = baseline.describe(frame, other, ("sobel", "lbp"))
    assert maps.shape == (baseline.channels(("sobel", "lbp")), *frame.shape[:2]) == (8, 144, 256)
    assert np.allclose(maps[:3], frame.transpose(2, 0, 1) / 255)
    assert np.allclose(maps[5:], other.transpose(2, 0, 1) / 255)
    assert baseline.describe(frame, None, ()).shape[0] == baseline.channels((), usual=False) == 3
    with pytest.raises(UsageError, match="choose from sobel"):
        baseline.describe(frame, None, ("nonsense",))


@pytest.mark.parametrize("name", baseline.LABELS)
def test_labels_are_one_where_pictures_agree_and_fall_with_the_distance(name: str) -> None:
    room = np.full((24, 24, 3), (120, 90, 60), np.uint8)
    like, unlike = np.full_like(room, (124, 94, 62)), np.full_like(room, (20, 60, 160))
    label = baseline.LABELS[name]
    assert label(room, room) == pytest.approx(1, abs=1e-4)
    assert 1 > label(like, room)[12, 12] > label(unlike, room)[12, 12] >= 0


def test_the_perceptual_label_has_the_published_scale() -> None:
    black, grey = np.zeros((9, 9, 3), np.uint8), np.full((9, 9, 3), 119, np.uint8)  # L* 0 and 50.03
    assert baseline.perceptual_distance(grey, black)[4, 4] == pytest.approx(np.exp(-1), abs=0.002)


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    """A folder of clips at rest."""
    folder = tmp_path / "clips"
    folder.mkdir()
    for number, still in enumerate(stills()):
        write_lossless(folder / f"{number}.mkv", np.repeat(still[None], 2, axis=0), Fraction(25))
    return folder


@pytest.mark.parametrize(("fitting", "network_of"), [(fit_leak_scenery, scenery), (fit_leak_net, network)])
def test_the_networks_are_taught_and_written(
    fitting: ModuleType, network_of: ModuleType, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"SIZE": (256, 144), "LENGTHS": (8,), "FRAMES": 8, "BATCH": 1}.items():
        monkeypatch.setattr(fitting, name, value, raising=False)
    file = tmp_path / "w.safetensors"
    arguments = ["--clips", str(clips), "-o", str(file), "--calls", "2", "--steps", "2"]
    assert fitting.main(arguments) == 0
    written = load_file(file)
    assert {name.split(".")[0] for name in written} == set(network_of.LAYERS)
    assert all(bool(each.isfinite().all()) for each in written.values())


def test_the_baseline_is_taught_and_written(clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--clips", str(clips), "-o", str(tmp_path / "w.safetensors"), "--calls", "2", "--rounds", "1"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fit_leak_segmenter, "SIZE", (256, 144))
        patch.setattr(fit_leak_segmenter, "ROUND", 2)
        patch.setattr(fit_leak_segmenter, "FRAMES", 8)
        assert fit_leak_segmenter.main(arguments) == 0
    network_of_file = baseline.LeakSegmenter()
    network_of_file.load_state_dict(load_file(tmp_path / "w.safetensors"))
    said = capsys.readouterr().out.splitlines()
    assert said[-1].startswith("error 0.")
    with torch.inference_mode():
        assert network_of_file.eval()(torch.zeros(1, baseline.channels(), 16, 24)).shape == (1, 1, 16, 24)
