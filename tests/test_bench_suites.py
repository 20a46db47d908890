"""The suites: what they hide, what they tell, and that nothing leaks."""

from __future__ import annotations

import gzip
import shutil
import struct
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from vinpaint.benchmarks import metrics
from vinpaint.benchmarks.suites import SUITES, suite
from vinpaint.benchmarks.suites.contract import Material, Result
from vinpaint.benchmarks.suites.detect import still_pixels
from vinpaint.benchmarks.suites.mnist import bouncing, printed_digits
from vinpaint.benchmarks.suites.sources import Sources, read_scaled, seeded
from vinpaint.benchmarks.suites.stains import COVERED, KINDS, STAINED
from vinpaint.benchmarks.suites.static_masks import GREY, random_shape
from vinpaint.benchmarks.suites.watermarks import static_edges
from vinpaint.contracts import Frames
from vinpaint.errors import InputError, UsageError
from vinpaint.fill.registry import METHODS
from vinpaint.leak.job import METHODS as LEAK_METHODS
from vinpaint.refiner.digits import FOR_TRAINING
from vinpaint.refiner.synthetic import PAN, Motion, moving_scene
from vinpaint.video.clips import write_lossless

SHORT = Sources(quick=True, limit=10)


def first(name: str, sources: Sources = SHORT) -> Material:
    return next(iter(suite(name).cases(sources))).make()


@pytest.fixture(scope="module")
def materials() -> dict[str, Material]:
    return {name: first(name) for name in SUITES}


@pytest.mark.parametrize("name", SUITES)
def test_a_suite_says_what_it_does(name: str) -> None:
    one = suite(name)
    assert one.name == name
    assert one.headline in one.metrics
    assert set(one.metrics) <= set(metrics.METRICS)
    assert {*one.methods, *one.quick} - {"static"} <= set(LEAK_METHODS if one.work == "leak" else METHODS)
    assert all(sentence.endswith(".") for sentence in (*one.protocol, *one.excluded))
    assert "unet" in one.methods or one.work == "leak"  # which has no hole that a network could fill


def test_an_unknown_suite() -> None:
    with pytest.raises(UsageError, match="did you mean stains"):
        suite("stain")


@pytest.mark.parametrize("name", SUITES)
def test_cases_are_the_same_every_time(name: str, materials: dict[str, Material]) -> None:
    again = first(name)
    assert np.array_equal(again.damaged, materials[name].damaged)
    assert np.array_equal(again.hidden, materials[name].hidden)


@pytest.mark.parametrize("name", SUITES)
def test_measures_have_names_that_are_defined(name: str, materials: dict[str, Material]) -> None:
    one, material = suite(name), materials[name]
    for result in (Result(material.damaged, material.hidden, material.alpha), *one.references(material).values()):
        measured = set(one.measure(material, result))
        assert measured <= set(metrics.METRICS)
        assert measured & set(one.metrics)


@pytest.mark.parametrize("name", [name for name in SUITES if name != "watermarks"])
def test_the_truth_is_the_best_there_is(name: str, materials: dict[str, Material]) -> None:
    one, material = suite(name), materials[name]
    assert material.truth is not None
    right = material.hidden if name in ("detect", "leaks") or material.alpha is None else material.alpha > COVERED
    perfect = one.measure(material, Result(material.truth.copy(), right, material.alpha))
    for key, value in perfect.items():
        best = {"dB": metrics.CAP, "": 1.0 if metrics.METRICS[key].better == "higher" else 0.0}
        if metrics.METRICS[key].unit in best and key != "outside":
            assert value == pytest.approx(best[metrics.METRICS[key].unit], abs=1e-6), key


# ---------------------------------------------------------------- nothing leaks


@pytest.mark.parametrize("name", ["static-masks", "speed"])
def test_what_a_hole_destroyed_is_not_in_the_input(name: str, materials: dict[str, Material]) -> None:
    material = materials[name]
    assert (material.damaged[:, material.hidden] == GREY).all()
    assert suite(name).measure(material, Result(material.damaged)).get("outside", 0) == 0


def test_a_touched_pixel_outside_is_seen(materials: dict[str, Material]) -> None:
    material = materials["static-masks"]
    touched = material.damaged.copy()
    y, x = np.argwhere(~material.hidden)[0]
    touched[3, y, x, 1] ^= 16
    assert suite("static-masks").measure(material, Result(touched))["outside"] == 16


def test_only_digits_that_were_not_learned_are_shown(tmp_path: Path) -> None:
    """Those for training are blank here; what is seen comes from the rest."""
    digits = np.zeros((FOR_TRAINING + 5, 28, 28), np.uint8)
    path = tmp_path / "digits.gz"
    for value, part in ((0, slice(FOR_TRAINING)), (255, slice(FOR_TRAINING, None))):
        digits[part] = value
    path.write_bytes(gzip.compress(struct.pack(">HBB3I", 0, 8, 3, *digits.shape) + digits.tobytes(), 1))
    material = first("mnist", Sources(quick=True, limit=3, idx=path))
    assert material.truth is not None
    assert (material.truth == 255).sum() >= 3 * 3 * 28 * 28


# ---------------------------------------------------------------- stains


def test_stains_are_those_of_the_protocol(materials: dict[str, Material]) -> None:
    """One round stain: opacity 0.7·max(0, 1 − distance / 45)^0.8, wholly in the frame."""
    material = materials["stains"]
    assert material.alpha is not None
    assert material.truth is not None
    assert 0.65 < material.alpha.max() <= 0.7
    y, x = np.unravel_index(material.alpha.argmax(), material.alpha.shape)
    for away in (10, 20, 30, 40):
        values = material.alpha[y, x - away], material.alpha[y, x + away], material.alpha[y - away, x]
        assert values == pytest.approx(3 * [0.7 * (1 - away / 45) ** 0.8], abs=0.02)
    assert np.array_equal(material.hidden, material.alpha > STAINED)
    expected = np.rint(material.truth * (1 - material.alpha[..., None]) + 255 * 0.3 * material.alpha[..., None])
    assert np.abs(expected - material.damaged).max() <= 1


def test_storage_and_tint_do_not_move_a_stain() -> None:
    alphas = [
        KINDS[kind].alpha(seeded("a clip", KINDS[kind].drawn_as), (432, 240)) for kind in ("one", "h264", "brown")
    ]
    assert np.array_equal(alphas[0], alphas[1])
    assert np.array_equal(alphas[0], alphas[2])
    assert not np.array_equal(alphas[0], KINDS["one"].alpha(seeded("another", "A"), (432, 240)))


def test_the_ceiling_is_near_the_truth(materials: dict[str, Material]) -> None:
    for name in ("stains", "mnist"):
        found = suite(name).references(materials[name])
        lifted, untouched = (
            suite(name).measure(materials[name], found[one])["psnr_hole"] for one in ("lifted", "input")
        )
        assert lifted > 45 > untouched


# ---------------------------------------------------------------- shapes and digits


def test_random_shapes() -> None:
    shares = [random_shape(seeded("shape", index), (240, 432)).mean() for index in range(60)]
    assert 0.02 < np.mean(shares) < 0.2
    assert min(shares) > 0.001
    count, _ = cv2.connectedComponents(random_shape(seeded("shape", 1), (240, 432)).astype(np.uint8))
    assert count == 2


def test_digits_bounce_within_the_frame() -> None:
    frames = bouncing(printed_digits(), np.random.default_rng(0), 200)
    assert frames.shape == (200, 72, 128, 3)
    ink = (frames > 128).sum(axis=(1, 2, 3))
    assert ink.min() > 0.5 * ink.max()
    assert len({tuple(np.argwhere(frame[..., 0] > 128).mean(axis=0).round(1)) for frame in frames}) > 100


# ---------------------------------------------------------------- detection and marks


def test_the_textbook_finds_what_stands_still() -> None:
    frames = moving_scene(12, 96, 128, seed=1, motion=PAN, car=False)
    assert still_pixels(frames).mean() < 0.3
    frames[:, 10:30, 40:70] = 200
    assert still_pixels(frames)[10:30, 40:70].mean() > 0.9


def test_a_clean_clip_counts_for_alarms_only() -> None:
    clean = next(case for case in suite("detect").cases(SHORT) if case.name.endswith("clean")).make()
    everywhere = np.ones(clean.damaged.shape[1:3], bool)
    assert suite("detect").measure(clean, Result(clean.damaged, everywhere)) == {"alarm": 1.0}
    assert suite("detect").measure(clean, Result(clean.damaged, ~everywhere)) == {"alarm": 0.0}


def test_edges_that_stand_still_are_a_mark() -> None:
    frames = moving_scene(30, 96, 128, seed=1, motion=Motion(pan=4, sway=0.1, period=20), car=False)
    letters = np.zeros((96, 128), np.uint8)
    cv2.putText(letters, "MARK", (20, 40), cv2.FONT_HERSHEY_DUPLEX, 0.9, 1, 2)
    frames[:, letters > 0] = 255
    found = static_edges(frames)
    assert found[letters > 0].mean() > 0.9
    assert found[60:].mean() < 0.05


# ---------------------------------------------------------------- sources


@pytest.fixture(scope="module")
def davis(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sequences, as the data set lays them out."""
    root = tmp_path_factory.mktemp("davis")
    for index, name in enumerate(("bear", "cow")):
        frames, masks = root / "JPEGImages" / "480p" / name, root / "Annotations" / "480p" / name
        frames.mkdir(parents=True)
        masks.mkdir(parents=True)
        for number, frame in enumerate(moving_scene(4, 480, 854, seed=index)):
            cv2.imwrite(str(frames / f"{number:05d}.jpg"), frame[..., ::-1])
            mask = np.zeros((480, 854), np.uint8)
            mask[200:300, 100 + 300 * index : 200 + 300 * index] = 255
            cv2.imwrite(str(masks / f"{number:05d}.png"), mask)
    (root / "static_masks").mkdir()
    given = np.zeros((240, 432), np.uint8)
    given[50:90, 60:100] = 255
    cv2.imwrite(str(root / "static_masks" / "bear.png"), given)
    return root


def test_davis(davis: Path) -> None:
    sources = Sources(davis=davis, limit=3)
    cases = list(suite("static-masks").cases(sources))
    assert [case.name for case in cases] == ["bear", "cow"]
    bear, cow = (case.make() for case in cases)
    assert bear.damaged.shape == (3, 240, 432, 3)
    assert bear.hidden.sum() == 40 * 40
    assert 0 < cow.hidden.mean() < 0.5


def test_objects_of_another_sequence_hide_a_sequence(davis: Path) -> None:
    material = next(iter(suite("objects").cases(Sources(davis=davis, limit=3)))).make()
    assert material.hidden.shape == (3, 240, 432)
    columns = np.flatnonzero(material.hidden.any(axis=(0, 1)))
    assert columns[0] == pytest.approx(400 * 432 / 854 - 4, abs=2)  # the cow's place, grown by 4
    assert columns[-1] == pytest.approx(500 * 432 / 854 + 4, abs=2)


def test_other_clips_of_the_same_name_are_seen(tmp_path: Path) -> None:
    prints = []
    for content in ("one", "one", "another"):
        (tmp_path / "clip.mp4").write_text(content)
        prints.append(Sources(clips=tmp_path).fingerprint())
    assert prints[0] == prints[1] != prints[2]


def test_the_output_of_a_run_is_none_of_its_clips(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_text("one")
    before = Sources(clips=tmp_path).fingerprint(without=tmp_path / "bench")
    (tmp_path / "bench").mkdir()
    (tmp_path / "bench" / "report.md").write_text("a report")
    assert Sources(clips=tmp_path).fingerprint(without=tmp_path / "bench") == before
    assert Sources(clips=tmp_path).fingerprint() != before


def test_a_sequence_without_objects_says_so(davis: Path, tmp_path: Path) -> None:
    shutil.copytree(davis, tmp_path / "part")
    shutil.rmtree(tmp_path / "part" / "Annotations" / "480p" / "cow")
    with pytest.raises(InputError, match="complete the DAVIS folder"):
        list(suite("objects").cases(Sources(davis=tmp_path / "part")))


def test_rooms_do_not_depend_on_which_clips_are_asked_for() -> None:
    every, some = Sources(limit=10), Sources(limit=10, only="painted-tilt")
    wanted = next(case for case in suite("leaks").cases(every) if case.clip == "painted-tilt")
    (alone, _) = suite("leaks").cases(some)
    assert alone.name == wanted.name
    assert np.array_equal(alone.make().damaged, wanted.make().damaged)


def test_a_folder_of_clips(tmp_path: Path) -> None:
    frames: Frames = moving_scene(3, 120, 200, seed=4)
    write_lossless(tmp_path / "one.mkv", frames, Fraction(25))
    (scene,) = Sources(clips=tmp_path).natural()
    assert scene.name == "one"
    assert scene.read().shape == (3, 240, 400, 3)
    assert np.array_equal(read_scaled(tmp_path / "one.mkv", None, (200, 120)), frames)


def test_what_is_no_source_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no clips"):
        Sources(clips=tmp_path).natural()
    with pytest.raises(InputError, match="laid out as DAVIS"):
        Sources(davis=tmp_path).natural()
    with pytest.raises(InputError, match="--only"):
        Sources(only="nothing of that name").natural()
