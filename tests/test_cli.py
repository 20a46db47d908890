"""The command line: what scripts rely on (exit status, one line of error, a silent stdout), and what people see."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import media
import numpy as np
import pytest
from media import Clip

from vinpaint.cli import run
from vinpaint.fill import available
from vinpaint.refiner import synthetic

HIDDEN = media.box(64, 96)
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a clip, a mask and a sequence; the current folder."""
    monkeypatch.chdir(tmp_path)
    media.write_clip(tmp_path / "in.mp4", Clip(audio=("eng",)))
    media.write_mask(tmp_path / "mask.png", HIDDEN)
    media.write_folder(tmp_path / "frames", media.scene(4))
    return tmp_path


def call(capture: Capture, *arguments: str) -> tuple[int, list[str], str]:
    """Status, lines on stderr, stdout."""
    capture.readouterr()
    status = run(arguments)
    heard = capture.readouterr()
    return status, heard.err.splitlines(), heard.out


def fill(capture: Capture, *more: str, source: str = "in.mp4") -> tuple[int, list[str], str]:
    method = () if "--method" in more else ("--method", "telea")
    return call(capture, "fill", source, *(() if "-m" in more else ("-m", "mask.png")), *method, *more)


def refused(capture: Capture, status: int, words: str, *arguments: str) -> None:
    """The call ends with a status and one line that holds the words."""
    before = sorted(Path().rglob("*"))
    found, errors, out = call(capture, *arguments)
    assert (found, out) == (status, "")
    *notes, error = errors
    assert all(note.startswith("vinpaint: mask: ") for note in notes)
    assert error.startswith("vinpaint: error: ")
    assert words in error
    assert sorted(Path().rglob("*")) == before


# ---------------------------------------------------------------- success


def test_fill(work: Path, capsys: Capture) -> None:
    status, said, out = fill(capsys, "-o", "out.mp4")
    assert (status, out) == (0, "")
    assert said == [
        "vinpaint: mask: mask.png (over 127 is hidden): 4.10 % of the frame",
        "vinpaint: 12 frames; of the hidden pixels 0.0 % recovered, 100.0 % invented: out.mp4",
    ]
    assert media.tracks(work / "out.mp4") == media.tracks(work / "in.mp4")


def test_quiet_says_nothing(work: Path, capsys: Capture) -> None:
    assert fill(capsys, "-o", "out.mp4", "-q") == (0, [], "")


def test_quiet_still_warns(work: Path, capsys: Capture) -> None:
    media.write_mask(work / "none.png", np.zeros_like(HIDDEN))
    status, said, _ = fill(capsys, "-q", "-m", "none.png", "-o", "out.mp4")
    assert status == 0
    assert len(said) == 1
    assert said[0].startswith("vinpaint: warning: mask is empty")


def test_verbose_says_how_the_clip_is_understood(work: Path, capsys: Capture) -> None:
    _, said, _ = fill(capsys, "-o", "out.mp4", "-v")
    assert "vinpaint: in.mp4: 96x64 yuv420p h264, 12 frames, 25 a second" in said
    assert "vinpaint: in.mp4: 96x64 yuv420p h264, 12 frames, 25 a second" not in fill(capsys, "-o", "more.mp4")[1]


def test_json_report(work: Path, capsys: Capture) -> None:
    status, _, out = fill(capsys, "-o", "out.mp4", "--json")
    report = json.loads(out)
    assert status == 0
    assert report["frames"] == 12
    assert report["hidden_pixels"] == 12 * HIDDEN.sum()
    assert report["recovered"] + report["invented"] == pytest.approx(1)
    assert report["output"] == "out.mp4"


@pytest.mark.parametrize("target", ["out.mp4", "out.mkv", "out.webm", "out.mov", "out.avi", "out.ts", "out/"])
def test_outputs(work: Path, capsys: Capture, target: str) -> None:
    status, _, out = fill(capsys, "-o", target)
    assert (status, out) == (0, "")
    if target.endswith("/"):
        assert len(media.names(Path(target))) == 12
    else:
        assert len(media.probe(Path(target)).times) == 12
        sound = [track for track in media.tracks(Path(target)) if track.kind == "audio"]
        assert len(sound) == (0 if target == "out.webm" else 1)


@pytest.mark.parametrize("source", ["frames", "frames/%05d.png", "frames/00002.png"])
def test_pictures(work: Path, capsys: Capture, source: str) -> None:
    target = "out.png" if source.endswith("2.png") else "out/"
    assert fill(capsys, "-o", target, source=source)[0] == 0
    made = media.read_image(Path("out.png" if target == "out.png" else "out/00002.png"))
    assert np.array_equal(made[~HIDDEN], media.scene(4)[2][~HIDDEN])
    assert not np.array_equal(made[HIDDEN], media.scene(4)[2][HIDDEN])


def test_frame_rate_of_a_sequence(work: Path, capsys: Capture) -> None:
    assert fill(capsys, "-o", "out.mkv", "--fps", "10", source="frames")[0] == 0
    assert media.probe(Path("out.mkv")).times == (0, 0.1, 0.2, 0.3)


@pytest.mark.parametrize("name", ["-dash.mp4", "a b 'c' \"d\".mp4", "ünïcödé 動画.mp4", "a%d#?:b.mp4", "[x]{y}*.mp4"])
def test_names(work: Path, capsys: Capture, name: str) -> None:
    (work / "in.mp4").rename(work / name)
    Path("out ü").mkdir()
    target = f"out ü/{name}"
    status, _, out = call(capsys, "fill", "-m", "mask.png", "--method", "telea", "-o", target, "--", name)
    assert (status, out) == (0, "")
    assert media.names(work / "out ü") == [name]


def test_encoder_options(work: Path, capsys: Capture) -> None:
    options = ["--encoder", "libx265", "--preset", "ultrafast", "--crf"]
    sizes = []
    for crf in ("10", "40"):
        assert fill(capsys, "-o", f"{crf}.mp4", *options, crf)[0] == 0
        assert media.probe(Path(f"{crf}.mp4")).codec == "hevc"
        sizes.append(Path(f"{crf}.mp4").stat().st_size)
    assert sizes[0] > sizes[1]


def test_lossless(work: Path, capsys: Capture) -> None:
    assert fill(capsys, "-o", "out.mkv", "--lossless")[0] == 0
    assert media.changed_outside(work / "in.mp4", work / "out.mkv", HIDDEN) == 0


def test_overwriting(work: Path, capsys: Capture) -> None:
    (work / "out.mp4").write_bytes(b"old")
    refused(capsys, 5, "add -y", "fill", "in.mp4", "-m", "mask.png", "-o", "out.mp4")
    assert (work / "out.mp4").read_bytes() == b"old"
    refused(capsys, 5, "add -y", "detect", "in.mp4", "-o", "out.mp4")
    assert fill(capsys, "-o", "out.mp4", "-y")[0] == 0
    assert len(media.probe(Path("out.mp4")).times) == 12
    assert fill(capsys, "-o", "out/", "--confidence", "conf/")[0] == 0
    refused(capsys, 5, "add -y", "fill", "in.mp4", "-m", "mask.png", "-o", "out/")
    refused(capsys, 5, "add -y", "fill", "in.mp4", "-m", "mask.png", "-o", "new/", "--confidence", "conf")
    assert fill(capsys, "-o", "out/", "-y", source="frames")[0] == 0
    assert len(media.names(Path("out"))) == 4


# ---------------------------------------------------------------- partial and refused


def test_damaged_frames_are_counted(work: Path, capsys: Capture) -> None:
    media.damage(media.write_clip(work / "bad.mp4", Clip(options={"bf": "0"})), [5])
    status, said, _ = fill(capsys, "-o", "out.mp4", source="bad.mp4")
    assert status == 3
    assert any("damaged" in line and "complete otherwise" in line for line in said)
    assert len(media.probe(Path("out.mp4")).times) >= 11


FILL = ["fill", "in.mp4", "-m", "mask.png", "-o", "x.mp4"]
REFUSED: dict[str, tuple[int, str, list[str]]] = {
    "missing input": (4, "does not exist", ["fill", "no.mp4", "-m", "mask.png", "-o", "x.mp4"]),
    "a text as input": (4, "not a video", ["fill", "text.mp4", "-m", "mask.png", "-o", "x.mp4"]),
    "an empty input": (4, "is empty", ["fill", "empty.mp4", "-m", "mask.png", "-o", "x.mp4"]),
    "a folder without images": (4, "holds no images", ["fill", "nothing", "-m", "mask.png", "-o", "x.mp4"]),
    "a URL": (4, "does not exist", ["fill", "http://localhost/x.mp4", "-m", "mask.png", "-o", "x.mp4"]),
    "missing input of detect": (4, "does not exist", ["detect", "no.mp4", "-o", "x.png"]),
    "missing mask": (1, "no.png", ["fill", "in.mp4", "-m", "no.png", "-o", "x.mp4"]),
    "mask of another size": (1, "50x40", ["fill", "in.mp4", "-m", "small.png", "-o", "x.mp4"]),
    "too few masks": (1, "4 masks for 12 frames", ["fill", "in.mp4", "-m", "frames", "-o", "x.mp4"]),
    "no such folder": (1, "create it first", ["fill", "in.mp4", "-m", "mask.png", "-o", "no/x.mp4"]),
    "output is input": (2, "is the input", ["fill", "in.mp4", "-m", "mask.png", "-o", "in.mp4", "-y"]),
    "output is the mask": (2, "one image", ["fill", "in.mp4", "-m", "mask.png", "-o", "mask.png", "-y"]),
    "folder is input": (2, "is the input", ["fill", "frames", "-m", "mask.png", "-o", "frames/", "-y"]),
    "pattern is input": (2, "is the input", ["fill", "frames/%05d.png", "-m", "mask.png", "-o", "frames/", "-y"]),
    "image is input": (2, "is the input", ["fill", "frames/00001.png", "-m", "mask.png", "-o", "frames/", "-y"]),
    "two outputs": (2, "two outputs", ["fill", "frames", "-m", "mask.png", "-o", "x/", "--confidence", "x"]),
    "two maps": (2, "two outputs", ["detect", "in.mp4", "-o", "x.png", "--alpha", "x.png"]),
    "a map that is no picture": (2, "ends in one of", ["detect", "in.mp4", "-o", "x.mp4"]),
    "opacity in 8 bits": (2, "16 bits", ["detect", "in.mp4", "-o", "x.png", "--alpha", "a.jpg"]),
    "explanation that is no picture": (2, "ends in", [*FILL, "--explain", "e"]),
    "unknown suffix": (2, "no video format", ["fill", "in.mp4", "-m", "mask.png", "-o", "x.xyz"]),
    "lossless .mp4": (2, "x.mkv", [*FILL, "--lossless"]),
    "lossless and crf": (2, "--lossless", [*FILL[:-1], "x.mkv", "--lossless", "--crf", "3"]),
    "unknown method": (2, "did you mean telea?", [*FILL, "--method", "tela"]),
    "unknown quality": (2, "fast, balanced, best", ["clean", "in.mp4", "-o", "x.mp4", "--quality", "ultra"]),
    "unknown preset": (2, "ultrafast", [*FILL, "--preset", "warp"]),
    "unknown encoder": (2, "libx264", [*FILL, "--encoder", "nope"]),
    "a future kind": (2, "does not exist yet", ["detect", "in.mp4", "-o", "x.png", "--kind", "person"]),
    "opacity of a leak": (2, "--alpha", ["detect", "in.mp4", "-o", "x.mkv", "--kind", "leak", "--alpha", "a.png"]),
    "masks of leaks in one picture": (2, "no video format", ["detect", "in.mp4", "-o", "x.png", "--kind", "leak"]),
    "an unknown command": (2, "No such command", ["benchmark", "-o", "d"]),
    "an unknown suite": (2, "static-masks", ["bench", "quick", "-o", "d"]),
    "a frame of the input": (2, "is the input", ["detect", "frames", "-o", "frames/00000.png", "-y"]),
    "the only frame of the input": (
        2, "is the input", ["fill", "one", "-m", "mask.png", "-o", "one/00000.png", "-y"]),
    "a frame of the pattern": (2, "is the input", ["detect", "frames/%05d.png", "-o", "frames/00000.png", "-y"]),
    "an explanation over a frame": (
        2, "is the input", ["fill", "frames", "-m", "mask.png", "-o", "x.mp4", "--explain", "frames/00001.png", "-y"]),
    "a name too long": (4, "check the name", ["detect", f"{300 * 'n'}.mp4", "-o", "x.png"]),
    "a rate factor that no encoder has": (2, "ends at 51", [*FILL, "--encoder", "libx265", "--crf", "60"]),
    "more memory than there are numbers": (2, "no memory size", [*FILL, "--max-memory", 400 * "9"]),
    "a device for leaks": (
        2, "no device", ["detect", "in.mp4", "-o", "x.mkv", "--kind", "leak", "--device", "banana"]),
    "a room that is no picture": (2, "ends in one of", ["leak", "in.mp4", "-o", "room.mp4"]),
    "unknown method of leaks": (2, "statistics", ["leak", "in.mp4", "-o", "room.png", "--method", "magic"]),
    "no such background": (4, "nope.png", ["leak", "in.mp4", "-o", "room.png", "--virtual-background", "nope.png"]),
    "no such segmenter": (4, "nope.onnx", ["leak", "in.mp4", "-o", "room.png", "--segmenter", "nope.onnx"]),
    "no command": (2, "Missing command", []),
    "no mask": (2, "--mask", ["fill", "in.mp4", "-o", "x.mp4"]),
    "no output": (2, "--output", ["fill", "in.mp4", "-m", "mask.png"]),
    "no input": (2, "INPUT", ["detect", "-o", "x.png"]),
    "an empty argument": (2, "empty", ["fill", "in.mp4", "-m", "", "-o", "x.mp4"]),
    "unknown option": (2, "--nope", ["fill", "in.mp4", "--nope"]),
    "a word for a number": (2, "--crf", [*FILL, "--crf", "good"]),
    "negative growth": (2, "--dilate", [*FILL, "--dilate", "-2"]),
    "no place": (2, "write a frame number", [*FILL, "--start", "soon"]),
    "backwards": (2, "empty", [*FILL, "--start", "8", "--end", "3"]),
    "nothing to look at": (2, "--start", ["detect", "in.mp4", "-o", "x.png", "--start", "900"]),
    "rate of a video": (2, "own timing", [*FILL, "--fps", "25"]),
    "no rate": (2, "no frame rate", ["fill", "frames", "-m", "mask.png", "-o", "x.mp4", "--fps", "0"]),
    "little memory": (2, "64M", [*FILL, "--max-memory", "5"]),
    "no device": (2, "cuda:1", [*FILL, "--device", "tpu"]),
    "a device that is not there": (6, "not available", ["detect", "in.mp4", "-o", "x.png", "--device", "cuda:99"]),
    "a slip in the flow": (2, "did you mean dis-fast", [*FILL, "--method", "flow", "--flow", "dis-fats"]),
    "flow for those who have none": (2, "telea has no option flow", [*FILL, "--method", "telea", "--flow", "dis-fast"]),
    "no weights": (6, "raft", ["clean", "in.mp4", "-o", "x.mp4", "--flow", "missing/raft-small.pth"]),
}  # fmt: skip


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Inputs of the refusals, made once."""
    folder = tmp_path_factory.mktemp("shelf")
    media.write_clip(folder / "in.mp4")
    media.write_mask(folder / "mask.png", HIDDEN)
    media.write_mask(folder / "small.png", HIDDEN[:40, :50])
    media.write_folder(folder / "frames", media.scene(4))
    media.write_folder(folder / "one", media.scene(1))
    (folder / "text.mp4").write_text("no video\n" * 50)
    (folder / "empty.mp4").touch()
    (folder / "nothing").mkdir()
    return folder


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(shelf: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture, name: str) -> None:
    monkeypatch.chdir(shelf)
    status, words, arguments = REFUSED[name]
    refused(capsys, status, words, *arguments)


def test_unknown_methods_are_told_the_choices(shelf: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.chdir(shelf)
    for command in (["fill", "in.mp4", "-m", "mask.png"], ["clean", "in.mp4"]):
        _, errors, _ = call(capsys, *command, "-o", "x.mp4", "--method", "magic")
        assert all(name in errors[0] for name, _ in available())


def test_unexpected_errors_are_one_line(work: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    from vinpaint.baselines.opencv import TeleaFill

    def broken(*_: object) -> None:
        raise ZeroDivisionError("two\nlines")

    monkeypatch.setattr(TeleaFill, "inpaint", broken)
    arguments = [*FILL, "--method", "telea"]
    refused(capsys, 1, "VINPAINT_DEBUG=1", *arguments)
    monkeypatch.setenv("VINPAINT_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        run(arguments)


def test_planned_kinds_say_so(work: Path, capsys: Capture) -> None:
    refused(capsys, 2, "'person' does not exist yet", "detect", "in.mp4", "-o", "m.png", "--kind", "person")
    refused(capsys, 2, "'zebra' is unknown", "detect", "in.mp4", "-o", "m.png", "--kind", "zebra")


@pytest.mark.parametrize("rate", ["1e99999999", "1/0", "-3", "9" * 40])
def test_rates_that_are_none(work: Path, capsys: Capture, rate: str) -> None:
    refused(capsys, 2, "no frame rate", "fill", "frames", "-m", "mask.png", "-o", "out.mp4", "--fps", rate)


def test_explanation_of_a_clip_with_nothing_hidden(work: Path, capsys: Capture) -> None:
    media.write_mask(work / "none.png", np.zeros_like(HIDDEN))
    status, _, _ = fill(capsys, "-m", "none.png", "-o", "out.mp4", "--explain", "e.png")
    assert status == 0
    assert (work / "e.png").exists()


def test_lossless_pictures_are_refused_for_videos_only_options(work: Path, capsys: Capture) -> None:
    refused(capsys, 2, "pictures need no encoder", *FILL[:-1], "out/", "--lossless")


def test_interrupt_in_compiled_code(work: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    from vinpaint.baselines.opencv import TeleaFill

    def interrupted(*_: object) -> None:
        raise SystemError("returned a result with an exception set") from KeyboardInterrupt()

    monkeypatch.setattr(TeleaFill, "inpaint", interrupted)
    refused(capsys, 130, "interrupted", *FILL, "--method", "telea")


# ---------------------------------------------------------------- detect and clean


@pytest.fixture(scope="module")
def stained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any, Any]:
    """A clip with sound through a stained lens, the clean frames and the blemish."""
    folder = tmp_path_factory.mktemp("stained")
    clean = synthetic.moving_scene(40, 108, 160, seed=2, motion=synthetic.HANDHELD, car=False)
    mask = np.zeros((108, 160), np.bool_)
    y, x = np.mgrid[:108, :160]
    mask[(y - 50) ** 2 + (x - 90) ** 2 < 13**2] = True
    frames = clean.copy()
    frames[:, mask] = (30, 20, 25)
    clip = Clip(width=160, height=108, count=40, audio=("eng",))
    return media.write_clip(folder / "in.mp4", clip, frames), clean, mask


def test_detect_report(stained: tuple[Path, Any, Any], tmp_path: Path, capsys: Capture) -> None:
    source, _, mask = stained
    paths = {name: tmp_path / f"{name}.png" for name in ("mask", "alpha", "color", "preview")}
    maps = [part for name in ("alpha", "color", "preview") for part in (f"--{name}", str(paths[name]))]
    status, _, out = call(
        capsys, "detect", str(source), "-o", str(paths["mask"]), *maps, "--report", f"{tmp_path}/r.json", "--json"
    )
    assert status == 0
    report = json.loads(out)
    assert report == json.loads((tmp_path / "r.json").read_text())
    assert {"verdict", "reason", "coverage", "frames", "blemishes"} <= report.keys()
    assert report["verdict"] == "found"
    assert isinstance(report["reason"], str)
    assert 0 < report["coverage"] < 0.2
    assert report["frames"] == 40
    (blemish,) = report["blemishes"]
    x, y, width, height = blemish["bbox"]
    assert max(abs(x - 78), abs(y - 38), abs(x + width - 103), abs(y + height - 63)) <= 3
    assert 0 < blemish["area"] <= width * height
    assert 0.85 < blemish["opacity"] <= 1
    assert 0 <= blemish["confidence"] <= 1
    found = media.read_image(paths["mask"])
    assert (found.shape, found.dtype, set(np.unique(found))) == ((108, 160), np.uint8, {0, 255})
    assert (found[mask] == 255).mean() > 0.8
    alpha = media.read_image(paths["alpha"])
    assert (alpha.shape, alpha.dtype) == ((108, 160), np.uint16)
    assert media.read_image(paths["color"]).shape == (108, 160, 3)
    assert media.read_image(paths["preview"]).shape == (108, 160, 3)


@pytest.mark.parametrize("method", ["auto", "spatial"])
def test_clean(stained: tuple[Path, Any, Any], tmp_path: Path, capsys: Capture, method: str) -> None:
    source, truth, mask = stained
    target = tmp_path / "out.mp4"
    maps = ["--mask-out", f"{tmp_path}/m.png", "--alpha-out", f"{tmp_path}/a.png"]
    status, said, out = call(capsys, "clean", str(source), "-o", str(target), "--method", method, *maps)
    assert (status, out) == (0, "")
    assert said[0].startswith("vinpaint: found: ")
    before, after = (np.abs(media.rgb_frames(path)[:, mask].astype(int) - truth[:, mask]) for path in (source, target))
    assert after.mean() < 0.45 * before.mean()
    assert media.tracks(target) == media.tracks(source)
    assert len(media.probe(target).times) == 40
    assert media.names(tmp_path) == ["a.png", "m.png", "out.mp4"]
    assert (media.read_image(tmp_path / "m.png")[mask] == 255).mean() > 0.8


def test_clean_passes_a_clean_clip_on(tmp_path: Path, capsys: Capture) -> None:
    source = media.write_clip(tmp_path / "in.mkv", Clip(codec="ffv1", count=2))
    maps = ["--mask-out", f"{tmp_path}/m.png", "--alpha-out", f"{tmp_path}/a.png"]
    status, said, _ = call(capsys, "clean", str(source), "-o", f"{tmp_path}/out.mkv", "--lossless", *maps)
    assert status == 0
    assert any("undecidable" in line and "passed on as it is" in line for line in said)
    assert media.changed_outside(source, tmp_path / "out.mkv", np.zeros((64, 96), np.bool_)) == 0
    assert not media.read_image(tmp_path / "m.png").any()
    assert not media.read_image(tmp_path / "a.png").any()


@pytest.mark.parametrize("clips", [("in.mp4", "bad.mp4"), ("in.mp4", "in.mp4", "--reference", "bad.mp4")])
def test_compare_counts_damaged_frames(work: Path, capsys: Capture, clips: tuple[str, ...]) -> None:
    media.damage(media.write_clip(work / "bad.mp4", Clip(options={"bf": "0"})), [5])
    status, said, _ = call(capsys, "compare", *clips, "-o", "page.html")
    assert status == 3
    assert any("damaged frames" in line for line in said)
    assert (work / "page.html").exists()
    assert call(capsys, "compare", "in.mp4", "in.mp4", "-o", "page.html", "-y", "-q")[:2] == (0, [])


# ---------------------------------------------------------------- help, methods, doctor


@pytest.mark.parametrize(
    "command", [[], ["fill"], ["detect"], ["clean"], ["bench"], ["compare"], ["methods"], ["doctor"]]
)
def test_help(capsys: Capture, command: list[str]) -> None:
    for flag in ("--help", "-h"):
        status, errors, out = call(capsys, *command, flag)
        assert (status, errors) == (0, [])
        assert "Usage: vinpaint" in out
        assert "\x1b" not in out
    assert command != ["fill"] or "--dilate" in out


def test_version(capsys: Capture) -> None:
    from vinpaint import __version__

    assert call(capsys, "--version") == (0, [], f"vinpaint {__version__}\n")


def test_methods(capsys: Capture) -> None:
    status, errors, out = call(capsys, "methods")
    assert (status, errors) == (0, [])
    assert [line.split()[0] for line in out.splitlines()] == [name for name, _ in available()]


def test_doctor(capsys: Capture) -> None:
    status, errors, out = call(capsys, "doctor")
    assert (status, errors) == (0, [])
    assert out.splitlines()[-1] == "all is well"
    assert all(word in out for word in ("torch", "cv2 comes from", "video encoders", "devices"))


@pytest.mark.parametrize("how", ["gone", "broken"])
def test_doctor_finds_a_damaged_opencv(monkeypatch: pytest.MonkeyPatch, capsys: Capture, how: str) -> None:
    if how == "gone":
        monkeypatch.delattr(cv2.ximgproc, "guidedFilter")
    else:
        monkeypatch.setattr(cv2.ximgproc, "guidedFilter", lambda *_: 1 / 0)
    status, _, out = call(capsys, "doctor")
    assert status == 6
    assert "pip install --force-reinstall --no-deps opencv-contrib-python-headless==" in out
    assert out.splitlines()[-1] == "1 to repair"


# ---------------------------------------------------------------- as a process


@pytest.mark.parametrize(
    ("redirected", "status"), [("2>&-", 0), ("2>/dev/full", 0), ("--json >&-", 1), ("--json >/dev/full", 1)]
)
def test_closed_and_full_streams(work: Path, redirected: str, status: int) -> None:
    """The work is done though nobody hears of it; a report that cannot be written is an error in one line."""
    command = f"{sys.executable} -m vinpaint fill in.mp4 -m mask.png --method telea -o out.mp4 {redirected}"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert done.returncode == status
    assert len(media.probe(work / "out.mp4").times) == 12
    assert "unexpected" not in done.stderr
    assert "Traceback" not in done.stderr


def test_a_reader_who_has_left_is_no_error(work: Path) -> None:
    command = f"{sys.executable} -m vinpaint fill in.mp4 -m mask.png --method telea -o out.mp4 --json | true"
    done = subprocess.run(["bash", "-c", f"set -o pipefail; {command}"], capture_output=True, text=True, check=False)
    assert (done.returncode, "rror" in done.stderr) == (0, False)


def start(*arguments: str, cwd: Path, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "vinpaint", *arguments],
        cwd=cwd,
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | environment,
    )


def test_process_and_exit_status(work: Path) -> None:
    process = start("fill", "no.mp4", "-m", "mask.png", "-o", "x.mp4", cwd=work)
    out, errors = process.communicate(timeout=60)
    assert (process.returncode, out) == (4, "")
    assert errors == "vinpaint: error: no.mp4 does not exist; check the name\n"


@pytest.fixture
def heard() -> Iterator[None]:
    """Have interrupts heard, by processes started here too, though a shell in the background has them ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heard")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupt_leaves_nothing(work: Path, number: signal.Signals) -> None:
    frames = np.repeat(media.scene(24, 240, 320), 10, axis=0)
    media.write_clip(work / "long.mkv", Clip(codec="mpeg4", width=320, height=240), frames)
    mask = media.write_mask(work / "large.png", media.box(240, 320, 20, 20, 180, 260))
    (work / "out").mkdir()
    process = start("fill", "long.mkv", "-m", mask.name, "-o", "out/x.mp4", "--method", "biharmonic", cwd=work)
    deadline = time.monotonic() + 60
    while not any((work / "out").iterdir()) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(number)
    out, errors = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert errors.endswith("\nvinpaint: error: interrupted; outputs are as they were before\n")
    assert errors.count("vinpaint: error: ") == 1
    assert media.names(work / "out") == []


@pytest.mark.skipif(sys.platform == "win32", reason="needs limits on file sizes")
@pytest.mark.parametrize("target", ["out/x.mkv", "out/f/"])
def test_full_disk_leaves_nothing(work: Path, target: str) -> None:
    """A limit on the size of files stands for a disk that is full."""
    (work / "out").mkdir()
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000)); "
        "from vinpaint.cli import run; sys.exit(run(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "fill", "in.mp4", "-m", "mask.png", "-o", target, "--method", "telea"],
        cwd=work, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    errors = [line for line in done.stderr.splitlines() if line.startswith("vinpaint: error: ")]
    assert len(errors) == 1
    assert "space" in errors[0]
    assert "Traceback" not in done.stderr
    assert media.names(work / "out") == []


def test_progress_only_where_someone_looks(work: Path) -> None:
    import pty

    seen = {}
    for colour in ("", "1"):
        main, side = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, "-m", "vinpaint", *FILL, "-y", "--method", "ns"],
            cwd=work, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=side,
            env={**os.environ, "TERM": "xterm", "COLUMNS": "100"} | ({"NO_COLOR": colour} if colour else {}),
        )  # fmt: skip
        os.close(side)
        text = b""
        while True:
            try:
                data = os.read(main, 4096)
            except OSError:
                break
            if not data:
                break
            text += data
        out, _ = process.communicate(timeout=60)
        os.close(main)
        assert (process.returncode, out) == (0, b"")
        seen[colour] = text.decode()
    assert all("fill" in text and "12/12" in text for text in seen.values())
    assert "\x1b[3" not in seen["1"].replace("\x1b[2K", "")
