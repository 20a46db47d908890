"""Data sets: digits, pairs on disk, the builder, ``vinpaint synth``."""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
import struct
from pathlib import Path
from typing import Any

import cv2
import media
import numpy as np
import pytest
from media import Clip

from vinpaint.benchmarks.artifact_sheet import sheet
from vinpaint.cli import run
from vinpaint.errors import InputError, OutputExistsError, UsageError
from vinpaint.refiner import builder
from vinpaint.refiner.builder import Order, build
from vinpaint.refiner.data import find_pairs, split_pairs
from vinpaint.refiner.digits import moving_digits, read_digits
from vinpaint.refiner.leaves import leaves_clip
from vinpaint.refiner.mixture import ArtifactMix, DigitScenes, FilmedScenes, Mixture, PaintedScenes, StainRanges
from vinpaint.video.clips import fitted, read_clip, read_shot, write_lossless
from vinpaint.video.compose import write_video

Capture = pytest.CaptureFixture[str]
STAINS = StainRanges((8, 20))


def idx(path: Path, count: int = 50) -> Path:
    """An IDX file of digits whose first pixel tells their number."""
    images = np.zeros((count, 28, 28), np.uint8)
    for number, image in enumerate(images):
        cv2.putText(image, str(number % 10), (6, 22), cv2.FONT_HERSHEY_SIMPLEX, 0.8, 255, 2)
        image[0, 0] = number + 1
    data = struct.pack(">HBB3I", 0, 8, 3, count, 28, 28) + images.tobytes()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def content(folder: Path) -> dict[str, str]:
    """What is in a set: frames as decoded, other files as they are."""
    found = {}
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        video = file.suffix in (".mkv", ".mp4")
        data: Any = read_clip(file).tobytes() if video else file.read_bytes()
        found[str(file.relative_to(folder))] = hashlib.sha256(data).hexdigest()
    return found


def order(tmp_path: Path, name: str = "set", **more: Any) -> Order:
    scenes = more.pop("scenes", None) or DigitScenes(idx(tmp_path / "digits.gz"))
    damage, layout = more.pop("damage", STAINS), more.pop("layout", "pairs")
    return Order(tmp_path / name, Mixture(scenes, damage, more.pop("size", (64, 48)), 3, **more), layout)


# ---------------------------------------------------------------- digits


@pytest.mark.parametrize("name", ["t10k-images-idx3-ubyte", "t10k-images-idx3-ubyte.gz"])
def test_digits_are_read(tmp_path: Path, name: str) -> None:
    path = idx(tmp_path / name)
    digits = read_digits(path, count=7)
    assert digits.shape == (7, 28, 28)
    assert digits[:, 0, 0].tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert len(read_digits(tmp_path)) == 50  # the folder, and all there are


def test_no_more_digits_than_may_be_learned_from(tmp_path: Path) -> None:
    path = tmp_path / "many"
    path.write_bytes(struct.pack(">HBB3I", 0, 8, 3, 9000, 1, 1) + bytes(9000))
    assert len(read_digits(path)) == 8000


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "cannot be read"),
        (b"\x1f\x8b\x08broken", "cannot be read"),
        (struct.pack(">HBB3I", 0, 8, 3, 9, 28, 28) + bytes(28), "ends before the 9 digits"),
        (struct.pack(">HBB3I", 0, 8, 1, 9, 28, 28) + bytes(9000), "no IDX file of images"),
        (struct.pack(">HBB3I", 0, 8, 3, 9, 1 << 30, 28) + bytes(9000), "no IDX file of images"),
        (gzip.compress(struct.pack(">HBB3I", 0, 8, 3, 9, 28, 28) + bytes(7056))[:-12], "cannot be read"),
    ],
    ids=["empty", "broken gzip", "too few digits", "no images", "too large", "gzip cut short"],
)
def test_what_holds_no_digits_is_refused(tmp_path: Path, data: bytes, words: str) -> None:
    (tmp_path / "file").write_bytes(data)
    with pytest.raises(InputError, match=words):
        read_digits(tmp_path / "file")


def test_a_missing_file_of_digits_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="gone does not exist"):
        read_digits(tmp_path / "gone")
    with pytest.raises(InputError, match=r"holds 0 files named \*idx3-ubyte\*"):
        read_digits(tmp_path)


def test_a_digit_moves_straight_and_bounces() -> None:
    dot = np.full((1, 4, 4), 255, np.uint8)
    bounced = 0
    for seed in range(6):
        frames = moving_digits(dot, seed, count=60, size=(40, 30))
        assert frames.shape == (60, 30, 40, 3)
        assert ((frames == 255).any(axis=3).sum(axis=(1, 2)) >= 16).all()  # never cut by a border
        rows = np.array([np.flatnonzero(frame.any(axis=(1, 2))).min() for frame in frames])
        bounced += int((np.diff(np.sign(np.diff(rows[::4]))) != 0).any())
    assert bounced >= 3
    assert np.array_equal(frames, moving_digits(dot, 5, count=60, size=(40, 30)))


def test_digits_are_white_or_coloured(tmp_path: Path) -> None:
    digits = read_digits(idx(tmp_path / "digits"))
    white, coloured = (moving_digits(digits, 3, count=4, colour=colour) for colour in (False, True))
    assert (white == white[..., :1]).all()
    assert (coloured != coloured[..., :1]).any()
    assert coloured.max() == 255
    with pytest.raises(UsageError, match="digits of 28x28 need larger frames than 64x20"):
        moving_digits(digits, 3, count=4, size=(64, 20))


# ---------------------------------------------------------------- clips


def test_lossless_clips_come_back(tmp_path: Path) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (4, 33, 47, 3), dtype=np.uint8)
    write_lossless(tmp_path / "a.mkv", frames, builder.RATE)
    assert np.array_equal(read_clip(tmp_path / "a.mkv"), frames)
    assert np.array_equal(read_clip(tmp_path / "a.mkv", count=2), frames[:2])


def test_clips_are_encoded_in_one_thread(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", media.scene(2, 128, 192), builder.RATE)
    assert b" threads=1 lookahead_threads=1 " in (tmp_path / "a.mp4").read_bytes()  # x264 notes its settings


def test_a_shot_does_not_cross_a_cut(tmp_path: Path) -> None:
    one, other = media.scene(20, seed=3), 255 - media.scene(20, seed=8)
    write_lossless(tmp_path / "cut.mkv", np.concatenate([one, other]), builder.RATE)
    shot = read_shot(tmp_path / "cut.mkv", count=12, start=14, size=(96, 64))
    assert np.array_equal(shot, other[:12])
    with pytest.raises(InputError, match="no 15 frames of one shot from frame 30"):
        read_shot(tmp_path / "cut.mkv", count=15, start=30, size=(96, 64))


def test_a_picture_covers_the_size_around_its_middle() -> None:
    picture = np.zeros((60, 100, 3), np.uint8)
    picture[:, 40:60] = 255
    cut = fitted(picture, (30, 30))
    assert cut.shape == (30, 30, 3)
    assert cut[:, 12:18].min() > 200
    assert cut[:, :8].max() < 30
    assert fitted(picture, (200, 121)).shape == (121, 200, 3)


# ---------------------------------------------------------------- sets


def test_a_pair_is_what_the_protocol_says(tmp_path: Path) -> None:
    one = order(tmp_path, damage=StainRanges((8, 20), irregular=0, swinging=0))
    assert build(one, 5, jobs=1) == 5
    for pair in find_pairs(one.folder):
        damaged, original, mask = pair.read()
        alpha = cv2.imread(str(pair.damaged.with_name("alpha.png")), cv2.IMREAD_UNCHANGED) / 65535
        assert damaged.shape == original.shape == (3, 48, 64, 3)
        expected = original * (1 - alpha[..., None]) + 0.3 * 255 * alpha[..., None]
        assert np.abs(damaged - expected).max() <= 0.51
        assert np.array_equal(mask, np.rint(alpha * 65535) > 0.02 * 65535)
        assert 0.02 < mask.mean() < 0.9
        about = json.loads(pair.damaged.with_name("clip.json").read_text())
        assert {part["name"] for part in about["defects"]} == {"circular_stain"}
        assert about["coverage"] == pytest.approx(mask.mean(), abs=1e-4)


def test_a_set_does_not_depend_on_the_number_of_processes(tmp_path: Path) -> None:
    mix = ArtifactMix(severity=(0.3, 0.9))
    alone, together = (order(tmp_path, name, scenes=PaintedScenes(), damage=mix) for name in ("alone", "together"))
    build(alone, 6, jobs=1)
    build(together, 6, jobs=2)
    assert content(alone.folder) == content(together.folder)
    other = order(tmp_path, "other", scenes=PaintedScenes(), damage=mix, seed=1)
    build(other, 1, jobs=1)
    first, second = (read_clip(each.folder / "train/clip_00000/original.mkv") for each in (alone, other))
    assert not np.array_equal(first, second)


def test_one_clip_in_five_is_held_out_with_digits_of_its_own(tmp_path: Path) -> None:
    one = order(tmp_path)
    numbers: dict[bool, set[int]] = {True: set(), False: set()}
    for clip in range(60):
        frames, _ = one.mixture.scene(clip)
        numbers[clip % 5 == 4] |= set(np.unique(frames[(frames > 0) & (frames <= 50)]).tolist())
    build(one, 10, jobs=1)
    train, val = split_pairs(one.folder)
    assert [pair.name for pair in val] == ["clip_00004", "clip_00009"]
    assert len(train) == 8
    digits = read_digits(one.mixture.scenes.idx)  # type: ignore[attr-defined]
    marks = [{int(v) - 1 for v in numbers[held] if digits[v - 1, 0, 0] == v} for held in (True, False)]
    assert marks[0] & set(range(40, 50))
    assert marks[1] & set(range(40))


def test_a_run_is_resumed(tmp_path: Path) -> None:
    one = order(tmp_path)
    build(one, 4, jobs=1)
    whole, kept = content(one.folder), one.home(1).stat().st_mtime_ns
    for file in one.home(2).iterdir():
        file.unlink()
    one.home(2).rmdir()
    half = one.home(2).with_name(".clip_00002.12345678.part")
    half.mkdir()
    (half / "damaged.mkv").write_bytes(b"half")
    assert build(one, 4, jobs=1) == 1
    assert content(one.folder) == whole
    assert one.home(1).stat().st_mtime_ns == kept
    assert build(one, 6, jobs=1) == 2


def test_layout_original_is_read_with_and_without_masks(tmp_path: Path) -> None:
    one = order(tmp_path, layout="original", damage=StainRanges((12, 20), opacity=(0.9, 1), irregular=0, swinging=0))
    build(one, 6, jobs=1)
    assert sorted(p.name for p in (one.folder / "batch_0").iterdir()) == [f"video_{number}" for number in range(6)]
    files = {"video_original.mp4", "video_con_manchas.mp4", "mask.png", "alpha.png", "clip.json"}
    assert {p.name for p in one.home(3).iterdir()} == files
    train, val = split_pairs(one.folder)
    assert [pair.name for pair in val] == ["batch_0/video_4"]
    assert len(train) == 5
    _, original, mask = train[0].read()
    truth, _ = one.mixture.scene(0)
    assert np.abs(original.astype(int) - truth).mean() < 6
    (one.home(0) / "mask.png").unlink()
    _, _, guessed = find_pairs(one.folder)[0].read()
    assert (mask & guessed).sum() / (mask | guessed).sum() > 0.75


def test_clips_half_done_are_no_pairs(tmp_path: Path) -> None:
    one = order(tmp_path, ".set")
    build(one, 5, jobs=1)
    shutil.copytree(one.home(0), one.home(0).with_name(".clip_00007.12345678.part"))
    assert len(find_pairs(one.folder)) == 5


def test_pairs_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    home = tmp_path / "pair"
    home.mkdir()
    for name, count in (("original.mkv", 4), ("damaged.mkv", 3)):
        write_lossless(home / name, media.scene(4)[:count], builder.RATE)
    with pytest.raises(InputError, match="pair: damaged clip 96x64, 3 frames, original 96x64, 4 frames"):
        find_pairs(tmp_path)[0].read()
    with pytest.raises(InputError, match="holds 1 pairs; 5 are needed"):
        split_pairs(tmp_path)
    with pytest.raises(InputError, match=r"holds no pair of original.mkv and damaged.mkv"):
        find_pairs(tmp_path / "nothing")


def test_real_clips_are_split_by_video(tmp_path: Path) -> None:
    folder = tmp_path / "clips"
    folder.mkdir()
    for number in range(3):
        media.write_clip(folder / f"{number}.mp4", Clip(), np.ascontiguousarray(media.scene(12, seed=number)))
    media.write_folder(folder / "frames", media.scene(6, seed=9))
    (folder / "notes.txt").write_text("no clip")
    one = order(tmp_path, scenes=FilmedScenes(folder), size=(48, 40))
    shown = [one.mixture.scene(number) for number in range(20)]
    names = [about["scene"] for _, about in shown]
    assert {name for number, name in enumerate(names) if number % 5 == 4} == {"frames"}
    assert {name for number, name in enumerate(names) if number % 5 != 4} == {"0.mp4", "1.mp4", "2.mp4"}
    assert shown[0][0].shape == (3, 40, 48, 3)


def test_a_set_whose_sources_changed_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "clips"
    folder.mkdir()
    for name in "abcd":
        media.write_clip(folder / f"{name}.mkv", Clip(codec="ffv1"))
    filmed = order(tmp_path, "filmed", scenes=FilmedScenes(folder), size=(48, 40))
    digits = order(tmp_path, "digits")
    for one in (filmed, digits):
        build(one, 1, jobs=1)
        assert build(one, 2, jobs=1) == 1
    media.write_clip(folder / "e.mkv", Clip(codec="ffv1"))
    idx(tmp_path / "digits.gz", 60)
    for one in (filmed, digits):
        with pytest.raises(OutputExistsError, match="holds a data set of other settings"):
            build(one, 3, jobs=1)


def test_a_folder_of_pictures_that_changed_is_seen(tmp_path: Path) -> None:
    media.write_folder(tmp_path / "clips" / "one", media.scene(6))
    before = FilmedScenes(tmp_path / "clips").sources()
    (tmp_path / "clips" / "one" / "00005.png").unlink()
    assert FilmedScenes(tmp_path / "clips").sources() != before


@pytest.mark.parametrize(("files", "words"), [((), "holds no clips"), (("a.mp4",), "holds a single clip")])
def test_too_few_clips_are_refused(tmp_path: Path, files: tuple[str, ...], words: str) -> None:
    (tmp_path / "clips").mkdir()
    for name in files:
        media.write_clip(tmp_path / "clips" / name)
    with pytest.raises(InputError, match=words):
        build(order(tmp_path, scenes=FilmedScenes(tmp_path / "clips")), 2, jobs=1)
    assert not (tmp_path / "set").exists()


# ---------------------------------------------------------------- command line


def call(capture: Capture, *arguments: str) -> tuple[int, str, str]:
    """Status, stderr, stdout."""
    capture.readouterr()
    status = run(["synth", *arguments])
    heard = capture.readouterr()
    return status, heard.err, heard.out


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    idx(tmp_path / "digits")
    return tmp_path


SMALL = ("--size", "64x48", "--frames", "2", "--jobs", "1")


def test_command_makes_and_resumes_a_set(work: Path, capsys: Capture) -> None:
    made = ("mnist", "out", "--idx", "digits", *SMALL, "--color", "--stains", "2", "--varying", "1")
    assert call(capsys, *made, "--count", "2") == (0, "vinpaint: 2 clips, 2 of them new: out\n", "")
    status, said, out = call(capsys, *made, "--count", "5", "--json", "-q")
    assert (status, said, json.loads(out)) == (0, "", {"clips": 5, "new": 3, "output": "out"})
    train, val = split_pairs(work / "out")
    assert (len(train), len(val)) == (4, 1)
    about = json.loads((work / "out/val/clip_00004/clip.json").read_text())
    assert len(about["defects"]) == 2
    assert all(part["swing"] > 0 for part in about["defects"])


def test_another_set_is_kept_unless_told_otherwise(work: Path, capsys: Capture) -> None:
    assert call(capsys, "stains", "out", *SMALL, "--count", "1")[0] == 0
    before = content(work / "out")
    status, said, _ = call(capsys, "stains", "out", *SMALL, "--count", "1", "--seed", "1")
    assert (status, said.count("\n")) == (5, 1)
    assert "holds a data set of other settings; add -y to replace it" in said
    assert content(work / "out") == before
    assert call(capsys, "artifacts", "out", *SMALL, "--count", "2", "-y")[0] == 0
    assert len(find_pairs(work / "out")) == 2
    (work / "mine").mkdir()
    (work / "mine" / "file").write_text("mine")
    status, said, _ = call(capsys, "stains", "mine", *SMALL, "-y")
    assert (status, (work / "mine" / "file").read_text()) == (5, "mine")


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["music", "out"], 2, "no data set of kind 'music'; use mnist, stains, artifacts"),
        (["mnist", "out"], 2, "digits are needed; give --idx FILE"),
        (["mnist", "out", "--idx", "gone"], 4, "gone does not exist"),
        (["mnist", "out", "--idx", "digits", "--source", "."], 2, "--source is for stains and artifacts"),
        (["stains", "out", "--idx", "digits"], 2, "--idx is for mnist"),
        (["stains", "out", "--color"], 2, "--color is for mnist"),
        (["stains", "out", "--source", "gone"], 4, "gone is no folder"),
        (["stains", "out", "--opacity", "0.9-0.1"], 2, "no range from 0 to 1"),
        (["stains", "out", "--opacity", "much"], 2, "no range from 0 to 1"),
        (["stains", "out", "--stains", "1.5"], 2, "stains are counted"),
        (["stains", "out", "--size", "64"], 2, "'64' is no size of frames"),
        (["stains", "out", "--size", "20x20"], 2, "frames of 20x20 are too small"),
        (["stains", "out", "--size", "65x48", "--layout", "original"], 2, "H.264 has no frames of 65x48"),
        (["stains", "out", "--layout", "flat"], 2, "no layout 'flat'; use pairs or original"),
        (["artifacts", "out", "--radius", "3"], 2, "--radius is for mnist and stains"),
        (["artifacts", "out", "--artifacts", "hair,rust"], 2, "no defect 'rust'; use water_drops"),
        (["stains", "no/where"], 1, "is not a folder; create it first"),
        (["stains", "digits"], 1, "digits is a file; name a folder"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(
    work: Path, capsys: Capture, arguments: list[str], status: int, words: str
) -> None:
    before = sorted(work.rglob("*"))
    found, said, out = call(capsys, *arguments)
    assert (found, out, said.count("\n")) == (status, "", 1)
    assert said.startswith("vinpaint: error: ")
    assert words in said
    assert sorted(work.rglob("*")) == before


def test_an_interrupt_keeps_what_is_complete(work: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    write, written = builder._write_clips, []

    def interrupted(*arguments: Any) -> None:
        written.append(arguments)
        if len(written) == 3:
            raise KeyboardInterrupt
        write(*arguments)

    monkeypatch.setattr(builder, "_write_clips", interrupted)
    status, said, _ = call(capsys, "stains", "out", *SMALL, "--count", "4")
    assert (status, said) == (
        130,
        "vinpaint: error: interrupted; complete clips stay, the same command makes the rest\n",
    )
    assert len(find_pairs(work / "out")) == 2
    assert not list((work / "out").rglob("*.part"))


def test_sheet_of_defects() -> None:
    drawn = sheet(media.scene(3), ["hair", "blur", "scratches"], [0.5, 1.0], 0, 4)
    assert drawn.shape == (2 * (20 + 64 + 4), 4 * (96 + 24 + 8), 3)
    mask = drawn[20:36, 98:122]
    assert mask.min() == 0
    assert mask.max() > 40
    assert np.abs(drawn[20:84, :96].astype(int) - media.scene(3)[1]).mean() < 5


# ---------------------------------------------------------------- leaves


def test_leaves_have_the_spectrum_of_photographs() -> None:
    """Power falls with about the square of the frequency (D. J. Field, 1987)."""
    slopes = []
    for seed in range(4):
        frame = leaves_clip(np.random.default_rng(seed), 1, (128, 128))[0].mean(axis=-1)
        power = np.abs(np.fft.fft2(frame - frame.mean())) ** 2
        frequency = np.hypot(*np.meshgrid(*2 * [np.fft.fftfreq(128) * 128]))
        bands = [power[(frequency >= low) & (frequency < 2 * low)].mean() for low in (4, 8, 16, 32)]
        slopes.append(np.polyfit(range(4), np.log2(bands), 1)[0])
    assert -3 < np.mean(slopes) < -1


def test_leaves_pass_by_and_repeat() -> None:
    clips = [leaves_clip(np.random.default_rng(3), 4, (64, 48)) for _ in range(2)]
    assert clips[0].shape == (4, 48, 64, 3)
    assert np.array_equal(*clips)


def test_scenes_of_leaves(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert call(capsys, "artifacts", "out", *SMALL, "--count", "2", "--leaves")[0] == 0
    assert json.loads((tmp_path / "out/train/clip_00000/clip.json").read_text())["scene"] == "leaves"
    assert "leave one of them out" in call(capsys, "artifacts", "o", "--leaves", "--source", ".")[1]
