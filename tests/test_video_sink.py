"""What every output keeps to: complete or absent, and nothing lost on the way."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import media
import numpy as np
import pytest
from media import Clip

from vinpaint.errors import OutputError, UsageError
from vinpaint.video import (
    Encoding,
    Frame,
    VideoSink,
    container_sink,
    images,
    open_masks,
    open_sink,
    open_source,
    threads,
)
from vinpaint.video.mask_video import MaskWriter
from vinpaint.video.threads import WriteBehind, ahead, depth_for

FAST = Encoding(preset="ultrafast")


def fast_for(target: Path | str) -> Encoding:
    """Pictures take no preset."""
    return FAST if Path(target).suffix in (".mp4", ".mkv", ".mov", ".webm", ".avi", ".ts") else Encoding()


LOSSLESS = Encoding(lossless=True)


def copy(source: Path, target: Path | str, encoding: Encoding | None = None) -> list[str]:
    """Pass a clip on without a change; the warnings."""
    warnings: list[str] = []
    with open_source(source) as clip:
        frames = iter(clip)
        first = next(frames)
        with open_sink(target, clip, first, encoding or fast_for(target), warnings.append) as sink:
            for frame in (first, *frames):
                sink.write(frame)
            sink.commit()
    return warnings


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return media.write_clip(tmp_path / "in.mp4", Clip(audio=("eng",)))


TARGETS = ["out.mp4", "out.mkv", "out.mov", "out.ts", "out.avi", "frames/"]


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_stands_at_the_target_before_the_commit(clip: Path, tmp_path: Path, name: str) -> None:
    target = f"{tmp_path}/{name}"
    with open_source(clip) as source:
        frames = iter(source)
        first = next(frames)
        with open_sink(target, source, first, fast_for(target), lambda _: None) as sink:
            sink.write(first)
            for frame in frames:
                sink.write(frame)
            assert not Path(target).exists()
            sink.commit()
            sink.abort()  # does nothing any more
    assert media.names(tmp_path) == sorted(["in.mp4", name.rstrip("/")])
    if name.endswith("/"):
        assert media.names(Path(target)) == [f"{n:05d}.png" for n in range(12)]
    else:
        assert len(media.probe(Path(target)).times) == 12


@pytest.mark.parametrize("name", TARGETS)
def test_abort_leaves_nothing_and_keeps_what_was_there(clip: Path, tmp_path: Path, name: str) -> None:
    target = Path(f"{tmp_path}/{name}")
    old = target / "00000.png" if name.endswith("/") else target
    old.parent.mkdir(exist_ok=True)
    old.write_bytes(b"old")
    before = media.names(tmp_path)
    with open_source(clip) as source:
        first = next(iter(source))
        with open_sink(f"{tmp_path}/{name}", source, first, fast_for(name), lambda _: None) as sink:
            sink.write(first)
    assert media.names(tmp_path) == before
    assert old.read_bytes() == b"old"


def test_missing_frames_are_found_before_the_rename(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tmp_path / "out.mp4"
    old.write_bytes(b"old")
    monkeypatch.setattr(container_sink, "_count", lambda _: 11)
    with pytest.raises(OutputError, match="11 of 12 frames"):
        copy(clip, old)
    assert old.read_bytes() == b"old"
    assert media.names(tmp_path) == ["in.mp4", "out.mp4"]


def test_longer_run_before_leaves_no_stale_frames(tmp_path: Path) -> None:
    long, short = (media.write_folder(tmp_path / str(n), media.scene(n)) for n in (12, 5))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notes.txt").write_text("mine")
    copy(long, f"{tmp_path}/out/")
    copy(short, f"{tmp_path}/out/")
    assert media.names(tmp_path / "out") == [*(f"{n:05d}.png" for n in range(5)), "notes.txt"]


# ---------------------------------------------------------------- fidelity

CARRIED = {
    "sound": Clip(audio=("eng", "deu"), metadata={"title": "A title", "artist": "Someone"}),
    "texts": Clip(audio=("eng",), subtitles=True, chapters=True, metadata={"title": "A title"}),
    "vfr": Clip(time_base=Fraction(1, 1000), pts=(0, 40, 80, 200, 240, 500, 540, 541, 600, 700, 720, 800)),
    "late": Clip(pts=tuple(range(35, 47)), options={"bf": "3"}, audio=("eng",)),
    "ntsc": Clip(rate=Fraction(30000, 1001)),
    "rotated": Clip(rotation=90),
    "full-range": Clip(tags=media.FULL),
    "untagged": Clip(tags=media.UNTAGGED),
    "422-10": Clip(codec="ffv1", pix_fmt="yuv422p10le"),
    "12-bit": Clip(codec="ffv1", pix_fmt="yuv420p12le", count=4),
    "16-bit": Clip(codec="ffv1", pix_fmt="gbrp16le", count=4, tags=(2, 0, 1, 1)),
    "gray": Clip(codec="ffv1", pix_fmt="gray"),
    "odd": Clip(codec="ffv1", width=97, height=63),
    "interlaced": Clip(interlaced=True),
    "mpeg4": Clip(codec="mpeg4", tags=media.UNTAGGED),
}


def suffix_of(name: str) -> str:
    return ".mkv" if CARRIED[name].codec == "ffv1" or CARRIED[name].subtitles else ".mp4"


@pytest.mark.parametrize("name", CARRIED)
def test_lossless_copies_every_sample_and_all_the_rest(tmp_path: Path, name: str) -> None:
    source = media.write_clip(tmp_path / f"in{suffix_of(name)}", CARRIED[name])
    assert copy(source, tmp_path / "out.mkv", LOSSLESS) == []
    nothing = np.zeros((CARRIED[name].height, CARRIED[name].width), np.bool_)
    assert media.changed_outside(source, tmp_path / "out.mkv", nothing) == 0
    compare(source, tmp_path / "out.mkv")
    assert media.probe(tmp_path / "out.mkv").pix_fmt == media.probe(source).pix_fmt.replace("yuvj", "yuv")


@pytest.mark.parametrize("name", ["sound", "vfr", "late", "ntsc", "rotated", "full-range", "interlaced", "422-10"])
def test_default_encoder_carries_all_but_the_samples(tmp_path: Path, name: str) -> None:
    source = media.write_clip(tmp_path / f"in{suffix_of(name)}", CARRIED[name])
    copy(source, tmp_path / "out.mp4")
    compare(source, tmp_path / "out.mp4")
    before, after = media.rgb_frames(source), media.rgb_frames(tmp_path / "out.mp4")
    assert np.abs(before.astype(int) - after).mean() < 5


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".avi", ".ts"])
def test_the_cover_is_carried_or_missed(tmp_path: Path, suffix: str) -> None:
    source = media.write_clip(tmp_path / "in.mp4", Clip(audio=("eng",), cover=True))
    warnings = copy(source, tmp_path / f"out{suffix}")
    with av.open(str(tmp_path / f"out{suffix}")) as out:
        covers = [stream for stream in out.streams.video if stream.disposition & stream.disposition.attached_pic]
    assert (len(covers), len(warnings)) == ((1, 0) if suffix == ".mp4" else (0, 1))


def test_sound_of_recordings_joined_end_to_end_is_carried(tmp_path: Path) -> None:
    part = media.write_clip(tmp_path / "part.ts", Clip(audio=("eng",), audio_codec="mp2"))
    joined = tmp_path / "joined.ts"
    joined.write_bytes(3 * part.read_bytes())
    copy(joined, tmp_path / "out.mp4")
    one, three = (sum(t.packets for t in media.tracks(p) if t.kind == "audio") for p in (part, tmp_path / "out.mp4"))
    assert three >= 3 * one - 3


def compare(source: Path, target: Path) -> None:
    """Times, tags, orientation, sound and texts are equal."""
    before, after = media.probe(source), media.probe(target)
    assert np.abs(np.subtract(before.times, after.times)).max() <= 0.001
    assert before.tracks == after.tracks
    for key in ("width", "height", "tags", "rotation", "interlaced", "chapters"):
        assert getattr(before, key) == getattr(after, key), key
    for key in ("title", "artist"):
        assert before.metadata.get(key) == after.metadata.get(key)


def test_pixel_aspect(tmp_path: Path) -> None:
    source = media.write_clip(tmp_path / "in.mp4", Clip(aspect=Fraction(4, 3)))
    assert copy(source, tmp_path / "out.mp4") == []
    assert media.probe(tmp_path / "out.mp4").aspect == Fraction(4, 3)
    assert any("aspect 4/3" in text for text in copy(source, tmp_path / "out.mkv", LOSSLESS))


def test_hdr_is_carried_by_x265(tmp_path: Path) -> None:
    hdr = "log-level=none:crf=12:hdr10=1:repeat-headers=1:max-cll=1000,400:master-display=" + (
        "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)"
    )
    clip = Clip(codec="libx265", pix_fmt="yuv420p10le", tags=media.HDR10, options={"x265-params": hdr}, count=4)
    source = media.write_clip(tmp_path / "in.mp4", clip)
    assert copy(source, tmp_path / "out.mp4") == []
    before, after = media.probe(source), media.probe(tmp_path / "out.mp4")
    assert {"MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL"} <= before.side_data <= after.side_data
    assert (after.codec, after.pix_fmt, after.tags) == ("hevc", "yuv420p10le", media.HDR10)
    assert any("HDR" in text for text in copy(source, tmp_path / "out.mkv", Encoding(encoder="libx264")))


def test_what_a_container_cannot_hold_is_said(tmp_path: Path) -> None:
    source = media.write_clip(tmp_path / "in.mkv", Clip(audio=("eng",), subtitles=True, chapters=True))
    assert any("subtitle" in text for text in copy(source, tmp_path / "out.mp4"))
    assert any("chapters" in text for text in copy(source, tmp_path / "out.avi"))
    turned = media.write_clip(tmp_path / "turned.mp4", Clip(rotation=90))
    assert any("rotation" in text for text in copy(turned, tmp_path / "out.ts"))


# ---------------------------------------------------------------- encoders


@pytest.mark.parametrize(
    ("made", "name", "target", "codec", "pix_fmts"),
    [
        (Clip(), "in.mp4", "o.mp4", "h264", {"yuv420p"}),
        (Clip(codec="mpeg2video"), "in.ts", "o.ts", "h264", {"yuv420p"}),  # its clock is too fine for MPEG-2
        (Clip(codec="mpeg2video"), "in.ts", "o.mp4", "h264", {"yuv420p"}),
        (Clip(codec="mpeg4", tags=media.UNTAGGED), "in.avi", "o.avi", "mpeg4", {"yuv420p"}),
        (Clip(codec="prores_ks", pix_fmt="yuv422p10le"), "in.mov", "o.mov", "prores", {"yuv422p10le"}),
        (Clip(codec="prores_ks", pix_fmt="yuv422p10le"), "in.mov", "o.ts", "h264", {"yuv422p10le"}),
        (Clip(codec="ffv1"), "in.mkv", "o.mkv", "ffv1", {"yuv420p"}),
        (Clip(codec="ffv1"), "in.mkv", "o.mp4", "h264", {"yuv420p"}),
        (Clip(codec="ffv1", width=97, height=63), "in.mkv", "o.mp4", "h264", {"yuv444p"}),
        (Clip(codec="ffv1", pix_fmt="bgr0"), "in.mkv", "o.mp4", "h264", {"yuv420p"}),
        (Clip(codec="ffv1", pix_fmt="bgra"), "in.mkv", "o.mkv", "ffv1", {"bgra"}),
        (Clip(codec="ffv1", pix_fmt="yuv422p12le", count=3), "in.mkv", "o.mp4", "hevc", {"yuv422p12le"}),
        (Clip(codec="ffv1", pix_fmt="gbrp16le", count=3), "in.mkv", "o.mp4", "hevc", {"gbrp12le"}),
        (Clip(codec="mjpeg", pix_fmt="yuvj420p", tags=media.UNTAGGED), "in.avi", "o.avi", "mjpeg", {"yuvj420p"}),
        (Clip(codec="libvpx-vp9", count=4), "in.webm", "o.mkv", "vp9", {"yuv420p"}),
        (Clip(codec="libsvtav1", count=4), "in.mp4", "o.mp4", "av1", {"yuv420p"}),
    ],
)  # fmt: skip
def test_codec_and_format(tmp_path: Path, made: Clip, name: str, target: str, codec: str, pix_fmts: set[str]) -> None:
    source = media.write_clip(tmp_path / name, made)
    copy(source, tmp_path / target, Encoding())
    found = media.probe(tmp_path / target)
    assert (found.codec, {found.pix_fmt}) == (codec, pix_fmts)
    before, after = media.rgb_frames(source), media.rgb_frames(tmp_path / target)
    assert np.abs(before.astype(int) - after).mean() < 5


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_colours_of_image_sequences_survive(tmp_path: Path, dtype: Any) -> None:
    frames = media.scene(6).astype(dtype) * (257 if dtype is np.uint16 else 1)
    folder = media.write_folder(tmp_path / "f", frames)
    for name in ("o.mp4", "o.mkv"):
        copy(folder, tmp_path / name, Encoding())
        assert np.abs(media.rgb_frames(tmp_path / name).astype(int) - media.scene(6)).mean() < 6
    copy(folder, tmp_path / "l.mkv", LOSSLESS)
    with open_source(tmp_path / "l.mkv") as source:
        assert np.array_equal(np.stack([frame.rgb() for frame in source]), frames)
    copy(folder, f"{tmp_path}/again/")
    assert np.array_equal(media.read_image(tmp_path / "again" / "00003.png"), frames[3])


@pytest.mark.parametrize("channels", [1, 4])
def test_gray_and_alpha_pictures_keep_their_kind(tmp_path: Path, channels: int) -> None:
    rgb = media.scene(3)
    alpha = np.full((*rgb.shape[:3], 1), 99, np.uint8)
    frames = rgb[..., 1] if channels == 1 else np.concatenate([rgb, alpha], axis=3)
    folder = media.write_folder(tmp_path / "f", frames)
    copy(folder, f"{tmp_path}/again/")
    for n in range(3):
        assert np.array_equal(media.read_image(tmp_path / "again" / f"{n:05d}.png"), frames[n])


def test_folder_of_a_rotated_clip_stands_upright(tmp_path: Path) -> None:
    source = media.write_clip(tmp_path / "in.mp4", Clip(rotation=90, count=2))
    copy(source, f"{tmp_path}/out/")
    shown = media.read_image(tmp_path / "out" / "00000.png")
    assert shown.shape == (96, 64, 3)
    assert np.abs(np.rot90(media.scene(2)[0]).astype(int) - shown).mean() < 8


@pytest.mark.parametrize(
    ("target", "encoding", "words"),
    [
        ("o.xyz", Encoding(), "no video format"),
        ("o.mp4", LOSSLESS, r"o\.mkv"),
        ("o.png", Encoding(), "one image"),
        ("frames/", LOSSLESS, "pictures need no encoder"),
        ("o.mp4", Encoding(encoder="nope"), "no video encoder 'nope'"),
        ("o.webm", Encoding(encoder="libx265"), "cannot hold"),
        ("o.mkv", Encoding(encoder="ffv1", crf=3), "no rate factor"),
        ("o.mp4", Encoding(preset="warp"), "no preset 'warp'"),
    ],
)
def test_refused(clip: Path, tmp_path: Path, target: str, encoding: Encoding, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        copy(clip, f"{tmp_path}/{target}", encoding)
    assert media.names(tmp_path) == ["in.mp4"]


def test_pictures_that_a_format_cannot_hold_are_refused() -> None:
    deep, transparent = np.full((4, 4, 3), 40000, np.uint16), np.full((4, 4, 4), 90, np.uint8)
    for picture, suffix in ((deep, ".jpg"), (deep, ".webp"), (deep, ".bmp"), (transparent, ".jpg")):
        with pytest.raises(OutputError, match=r"use \.png"):
            images.encode_picture(picture, suffix)
    assert images.encode_picture(deep, ".tif")
    assert images.encode_picture(transparent, ".webp")


def test_a_folder_that_is_there_is_written_from_within(tmp_path: Path) -> None:
    """It may be the one place that can be written, and a file system of its own."""
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    for folder, place in ((inside, inside), (outside, tmp_path)):
        pictures = images.PictureFolder(folder)
        pictures.add(np.zeros((4, 4), np.uint8))
        assert [path.suffix for path in place.iterdir() if path.name.startswith(".")] == [".part"]
        pictures.commit()
        assert media.names(folder) == ["00000.png"]


def test_masks_have_the_times_of_their_frames(tmp_path: Path) -> None:
    stamps = (0, 40, 80, 120, 160, 200, 1000, 1040, 1080, 1960, 2000, 2040)
    clip = media.write_clip(tmp_path / "in.mkv", Clip(time_base=Fraction(1, 1000), pts=stamps))
    made = [np.arange(96)[None].repeat(64, 0) < 8 * number for number in range(12)]
    with open_source(clip) as source, MaskWriter(str(tmp_path / "m.mkv"), source.info, [clip], False) as writer:
        for mask, stamp in zip(made, stamps, strict=True):
            writer.add(mask, Fraction(stamp, 1000))
        writer.commit()
    with open_source(clip) as source:
        masks = open_masks(str(tmp_path / "m.mkv"), source.info)
        times = [frame.time for frame in source]
    found = [masks.frame(number, time - times[0]) for number, time in enumerate(times)]
    assert all(np.array_equal(a, b) for a, b in zip(found, made, strict=True))


# ---------------------------------------------------------------- threads


class Recorder(VideoSink):
    """Takes frames, and fails at one of them."""

    def __init__(self, fails_at: int | None = None, error: BaseException | None = None) -> None:
        self.frames: list[Any] = []
        self.done: list[str] = []
        self._fails_at, self._error = fails_at, error or OutputError("full")

    def write(self, frame: Frame) -> None:
        if len(self.frames) == self._fails_at:
            raise self._error
        self.frames.append(frame)

    def commit(self) -> None:
        self.done.append("commit")

    def abort(self) -> None:
        self.done.append("abort")


def alive(name: str) -> bool:
    return any(thread.name == name for thread in threads.threading.enumerate())


def counted(count: int, read: list[int], fails_at: int | None = None) -> Any:
    for n in range(count):
        if n == fails_at:
            raise ValueError("damaged")
        read.append(n)
        yield n


def test_ahead_gives_everything_in_order() -> None:
    assert list(ahead(counted(50, []), 4)) == list(range(50))
    assert not alive("decode")


def test_ahead_is_bounded_and_ends_with_its_reader() -> None:
    read: list[int] = []
    frames = ahead(counted(1000, read), 4)
    assert [next(frames) for _ in range(3)] == [0, 1, 2]
    frames.close()
    assert not alive("decode")
    assert len(read) <= 3 + 4 + 2


def test_ahead_raises_in_order() -> None:
    frames = ahead(counted(10, [], fails_at=6), 4)
    got: list[Any] = []
    with pytest.raises(ValueError, match="damaged"):
        got.extend(iter(lambda: got.append(next(frames)) or 0, 1))
    assert [n for n in got if n] == [1, 2, 3, 4, 5]
    assert not alive("decode")


def test_ahead_ends_with_an_interrupted_reader() -> None:
    frames = ahead(counted(1000, []), 2)

    def work() -> None:
        for _ in frames:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    frames.close()
    assert not alive("decode")


def test_write_behind_writes_everything_then_commits() -> None:
    recorder = Recorder()
    with WriteBehind(recorder, 3) as sink:
        for n in range(40):
            sink.write(n)  # type: ignore[arg-type]
        sink.commit()
    assert recorder.frames == list(range(40))
    assert recorder.done[0] == "commit"
    assert not alive("encode")


@pytest.mark.parametrize("error", [OutputError("full"), MemoryError("all")])
def test_write_behind_passes_errors_on(error: BaseException) -> None:
    recorder = Recorder(5, error)

    def work() -> None:
        with WriteBehind(recorder, 2) as sink:
            for n in range(40):
                sink.write(n)  # type: ignore[arg-type]
            sink.commit()

    with pytest.raises(type(error)):
        work()
    assert recorder.done == ["abort"]
    assert len(recorder.frames) == 5
    assert not alive("encode")


def test_error_at_the_last_frame_stops_the_commit() -> None:
    recorder = Recorder(3)
    with WriteBehind(recorder, 8) as sink:
        for n in range(4):
            sink.write(n)  # type: ignore[arg-type]
        with pytest.raises(OutputError):
            sink.commit()
    assert recorder.done == ["abort"]


def test_interrupt_drops_what_is_waiting() -> None:
    recorder = Recorder()

    def work() -> None:
        with WriteBehind(recorder, 8) as sink:
            sink.write(0)  # type: ignore[arg-type]
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert recorder.done == ["abort"]
    assert not alive("encode")


@pytest.mark.parametrize(("size", "depth"), [(1, 8), (64 << 20, 2), (16 << 20, 4)])
def test_depth_by_memory(size: int, depth: int) -> None:
    assert depth_for(size) == depth
