"""What every source of frames keeps to: files, folders, patterns, images."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import media
import numpy as np
import pytest
from media import Clip

from vinpaint.contracts import Frames
from vinpaint.errors import InputError, UsageError
from vinpaint.statistics.sampling import BURST
from vinpaint.video import Frame, VideoSource, container, open_source
from vinpaint.video.arrays import ArraySource

Make = Callable[[Path], Path]
COUNT = 12


def clip(name: str, **options: object) -> Make:
    return lambda folder: media.write_clip(folder / name, Clip(**options))  # type: ignore[arg-type]


def folder_of(dtype: type, name: str = "{:05d}.png", opened: str = "") -> Make:
    def make(folder: Path) -> Path:
        frames = media.scene(COUNT).astype(dtype) * (257 if dtype is np.uint16 else 1)
        return media.write_folder(folder / "frames", frames, name) / opened

    return make


def gray_folder(folder: Path) -> Path:
    return media.write_folder(folder / "frames", media.scene(COUNT)[..., 1])


def single(folder: Path) -> Path:
    return media.write_image(folder / "one.png", media.scene(COUNT)[0])


SOURCES: dict[str, tuple[Make, int, str, int, int]] = {
    # make, frames, model, bits, planes
    "mp4-h264": (clip("a.mp4", audio=("eng",)), COUNT, "yuv", 8, 3),
    "mkv-ffv1-10": (clip("a.mkv", codec="ffv1", pix_fmt="yuv422p10le"), COUNT, "yuv", 10, 3),
    "mkv-ffv1-odd": (clip("a.mkv", codec="ffv1", width=97, height=63), COUNT, "yuv", 8, 3),
    "mkv-ffv1-rgb": (clip("a.mkv", codec="ffv1", pix_fmt="bgr0"), COUNT, "rgb", 8, 3),
    "mkv-ffv1-gray": (clip("a.mkv", codec="ffv1", pix_fmt="gray"), COUNT, "gray", 8, 1),
    "webm-vp9": (clip("a.webm", codec="libvpx-vp9", options={"cpu-used": "8"}), COUNT, "yuv", 8, 3),
    "ts-mpeg2": (clip("a.ts", codec="mpeg2video"), COUNT, "yuv", 8, 3),
    "avi-packed": (clip("a.avi", codec="rawvideo", pix_fmt="yuyv422"), COUNT, "yuv", 8, 3),
    "mov-prores": (clip("a.mov", codec="prores_ks", pix_fmt="yuv422p10le"), COUNT, "yuv", 10, 3),
    "png-8": (folder_of(np.uint8), COUNT, "rgb", 8, 3),
    "png-16": (folder_of(np.uint16), COUNT, "rgb", 16, 3),
    "png-gray": (gray_folder, COUNT, "gray", 8, 1),
    "pattern": (folder_of(np.uint8, "shot_{:d}.png", "shot_%d.png"), COUNT, "rgb", 8, 3),
    "image": (single, 1, "rgb", 8, 3),
}


@pytest.fixture(scope="module", params=SOURCES)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int, str, int, int]:
    make, *rest = SOURCES[request.param]
    return make(tmp_path_factory.mktemp(request.param)), *rest


Case = tuple[Path, int, str, int, int]


def test_frames_in_order_each_once(case: Case) -> None:
    path, count, model, bits, planes = case
    with open_source(path) as source:
        info = source.info
        frames = list(source)
    assert len(frames) == count
    assert source.damage.total == 0
    stamps = [frame.pts for frame in frames]
    assert all(isinstance(stamp, int) for stamp in stamps)
    assert stamps == sorted(set(stamps))
    assert {frame.time_base for frame in frames} == {info.time_base}
    steps = {frame.time - frames[0].time - Fraction(n, 25) for n, frame in enumerate(frames)}
    assert max(map(abs, steps)) <= info.time_base
    assert (info.layout.model, info.layout.bits, len(frames[0].planes)) == (model, bits, planes)


def test_planes_have_the_shape_and_type_of_the_layout(case: Case) -> None:
    path, _, _, bits, _ = case
    with open_source(path) as source:
        info, frame = source.info, next(iter(source))
    block = -(-info.height // info.layout.ystep), -(-info.width // info.layout.xstep)
    for number, plane in enumerate(frame.planes):
        assert plane.shape == ((info.height, info.width) if number in (0, 3) else block)
        assert plane.dtype == (np.uint8 if bits == 8 else np.uint16)
        assert plane.flags.writeable
    rgb = frame.rgb()
    assert rgb.shape == (info.height, info.width, 3)
    assert rgb.dtype == (np.uint8 if bits == 8 else np.uint16)
    if (info.height, info.width) == (64, 96):
        scene = media.scene(COUNT)[0].astype(float)
        if info.layout.model == "gray":
            scene, rgb = scene.mean(axis=2), rgb[..., 0]
        assert np.corrcoef(rgb.ravel(), scene.ravel())[0, 1] > 0.9


def test_frames_are_their_own(case: Case) -> None:
    path, count, *_ = case
    if count == 1:
        pytest.skip("one frame")
    with open_source(path) as source:
        frames = list(source)
    before = frames[1].planes[0].copy()
    frames[0].planes[0][:] = 0
    assert np.array_equal(frames[1].planes[0], before)
    with open_source(path) as source:
        assert next(iter(source)).planes[0].any()


def test_sample_is_spread_and_leaves_the_source_unread(case: Case) -> None:
    path, count, *_ = case
    with open_source(path) as source:
        samples = source.sample(4)
        assert len(list(source)) == count
    assert len(samples.frames) == len(samples.numbers) == min(count, 4)
    times = [frame.time - samples.frames[0].time for frame in samples.frames]
    assert times == sorted(times)
    assert times[-1] >= Fraction(count, 25) * Fraction(1, 2) - Fraction(1, 25)


def test_sample_of_a_range(case: Case) -> None:
    path, count, *_ = case
    with open_source(path) as source:
        first = next(iter(source)).time
    with open_source(path) as source:
        frames = source.sample(50, Fraction(4, 25), Fraction(8, 25)).frames
    assert len(frames) == (4 if count > 1 else 0)
    assert all(Fraction(15, 100) < frame.time - first < Fraction(32, 100) for frame in frames)


@pytest.mark.parametrize("gop", [12, 4000])
def test_range_of_a_long_clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gop: int) -> None:
    """By key frames where there are enough of them, else by decoding; never by what lies outside of the range."""
    monkeypatch.setattr(container, "DECODE_WHOLE", 50)
    monkeypatch.setattr(container, "ENOUGH_KEYS", 6)
    frames = np.concatenate([media.scene(12)] * 20)
    options = {"g": str(gop), "preset": "ultrafast"}
    path = media.write_clip(tmp_path / "long.mp4", Clip(count=240, options=options), frames)
    with open_source(path) as source:
        start, end = Fraction(60, 25), Fraction(180, 25)
        times = [frame.time for frame in source.sample(10, start, end).frames]
    assert 6 <= len(times) <= 10
    assert start <= times[0]
    assert times[-1] < end
    assert times[-1] - times[0] > (end - start) / 2


def test_samples_of_a_range_have_the_numbers_of_the_clip(case: Case) -> None:
    path, count, *_ = case
    with open_source(path) as source:
        assert source.sample(50).numbers == list(range(count))
    with open_source(path) as source:
        assert source.sample(50, Fraction(4, 25), Fraction(8, 25)).numbers == ([4, 5, 6, 7] if count > 1 else [])


def counter_scene(count: int, cuts: tuple[int, ...] = ()) -> Frames:
    """Frames that carry their own number: the seed of a block of noise for the shot, a bar code above it."""
    frames = np.empty((count, 64, 96, 3), np.uint8)
    for shot, (start, stop) in enumerate(zip((0, *cuts), (*cuts, count), strict=True)):
        noise = np.random.default_rng(shot).integers(0, 256, (8, 12, 3), dtype=np.uint8)
        frames[start:stop] = np.kron(noise, np.ones((8, 8, 1), np.uint8))
    bits = np.arange(count)[:, None] >> np.arange(12) & 1
    frames[:, :2] = 255 * np.repeat(bits, 8, axis=1)[:, None, :, None]
    return frames


def read_number(frame: Frame) -> int:
    return int(((frame.rgb()[:2].mean(axis=(0, 2)).reshape(12, 8).mean(axis=1) > 127) << np.arange(12)).sum())


@pytest.mark.parametrize("kind", ["array", "folder", "decoded", "sought", "sought with B-frames", "endless"])
def test_numbers_of_bursts(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the way of reading, a frame has the number that it bears, and a burst's pattern is the ruler's."""
    frames = counter_scene(700)
    options = {"preset": "ultrafast", "g": "4000" if kind == "endless" else "17"}
    options |= {"bf": "3"} if kind == "sought with B-frames" else {}
    if "decoded" not in kind:
        monkeypatch.setattr(container, "DECODE_WHOLE", 300)
    if kind == "array":
        source: VideoSource = ArraySource(frames)
    elif kind == "folder":
        source = open_source(media.write_folder(tmp_path / "frames", frames))
    else:
        source = open_source(media.write_clip(tmp_path / "a.mp4", Clip(count=700, options=options), frames))
    with source:
        samples = source.sample(60)
        part = source.sample(24, Fraction(400, 25), Fraction(640, 25))
    numbers = np.array(samples.numbers).reshape(-1, 4)
    assert len(numbers) >= 12
    assert (numbers - numbers[:, :1] == BURST).all()
    assert [read_number(frame) for frame in samples.frames] == samples.numbers
    assert [read_number(frame) for frame in part.frames] == part.numbers
    assert part.numbers[0] >= 400
    assert part.numbers[-1] < 640
    assert samples.shots is None or set(samples.shots) == {0}


@pytest.mark.parametrize("whole", [False, True])
def test_bursts_keep_to_one_shot(whole: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cuts = tuple(range(40, 700, 47))
    options = {"preset": "ultrafast", "g": "30", "sc_threshold": "0"}
    path = media.write_clip(tmp_path / "a.mp4", Clip(count=700, options=options), counter_scene(700, cuts))
    monkeypatch.setattr(container, "DECODE_WHOLE", 1500 if whole else 300)
    with open_source(path) as source:
        samples = source.sample(60)
    assert samples.shots is not None
    true = np.searchsorted(cuts, samples.numbers, side="right")
    same, told = np.equal.outer(true, true), np.equal.outer(samples.shots, samples.shots)
    # After a seek the first frames are too few to tell a cut.
    assert (same == told).mean() > (0.999 if whole else 0.95)
    bursts = np.flatnonzero(np.diff(samples.numbers, prepend=-99) > BURST[2] - BURST[1])
    assert np.mean([len(set(part)) == 1 for part in np.split(true, bursts[1:])]) > (0.999 if whole else 0.9)
    assert len(samples.frames) >= 40


def test_reprs_print_no_pixels(case: Case) -> None:
    with open_source(case[0]) as source:
        assert len(repr(next(iter(source)))) < 100


def test_a_file_is_iterated_once(tmp_path: Path) -> None:
    with open_source(media.write_clip(tmp_path / "a.mp4")) as source:
        list(source)
        with pytest.raises(RuntimeError, match="once"):
            list(source)


# ---------------------------------------------------------------- timing, rotation


def stamps_of(path: Path) -> list[Fraction]:
    with open_source(path) as source:
        return [frame.time for frame in source]


def test_variable_rate_is_kept_and_no_damage(tmp_path: Path) -> None:
    stamps = (0, 40, 80, 200, 240, 500, 540, 541, 600, 700, 720, 1900)
    for name in ("v.mkv", "v.mp4"):
        path = media.write_clip(tmp_path / name, Clip(time_base=Fraction(1, 1000), pts=stamps))
        with open_source(path) as source:
            found = [round(1000 * frame.time) for frame in source]
            assert found == list(stamps)
            assert source.damage.total == 0


def test_clip_that_starts_late(tmp_path: Path) -> None:
    path = media.write_clip(tmp_path / "late.mkv", Clip(pts=tuple(range(35, 47))))
    assert stamps_of(path)[0] == Fraction(35, 25)


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_rotation(tmp_path: Path, degrees: int) -> None:
    path = media.write_clip(tmp_path / "r.mp4", Clip(rotation=degrees))
    with open_source(path) as source:
        assert source.info.rotation == degrees
        assert source.info.displayed == ((96, 64) if degrees == 180 else (64, 96))


def test_mirrored_clips_are_refused(tmp_path: Path) -> None:
    path = media.write_clip(tmp_path / "r.mp4", Clip(mirrored=True))
    with pytest.raises(InputError, match="mirror"):
        open_source(path)


def test_raw_streams_have_the_times_of_their_rate(tmp_path: Path) -> None:
    path = media.write_clip(tmp_path / "raw.h264", Clip(options={"bf": "0"}))
    assert stamps_of(path) == [Fraction(n, 25) for n in range(COUNT)]


@pytest.mark.parametrize("audio", [(), ("eng",)])
def test_recordings_joined_end_to_end_go_on(tmp_path: Path, audio: tuple[str, ...]) -> None:
    """Times fall back where the second and the third begin."""
    part = media.write_clip(tmp_path / "part.ts", Clip(audio=audio, audio_codec="mp2"))
    joined = tmp_path / "joined.ts"
    joined.write_bytes(3 * part.read_bytes())
    stamps = stamps_of(joined)
    steps = [after - before for before, after in pairwise(stamps)]
    assert len(stamps) == 3 * COUNT
    assert set(steps[: COUNT - 1]) == {Fraction(1, 25)}
    assert steps.count(Fraction(1, 25)) >= 3 * COUNT - 3
    assert max(steps) < Fraction(3, 25)  # sound may end a little later


def test_grey_without_a_range_is_full(tmp_path: Path) -> None:
    levels = np.repeat(np.repeat(np.array([0, 5, 16, 128, 235, 250], np.uint8), 16)[None], 64, axis=0)
    frames = np.repeat(np.repeat(levels[..., None], 3, axis=2)[None], 2, axis=0)
    path = media.write_clip(tmp_path / "g.mkv", Clip(codec="ffv1", pix_fmt="gray", tags=media.UNTAGGED), frames)
    with open_source(path) as source:
        shown = next(iter(source)).rgb()
        stored = media.planes_of(next(iter(av.open(str(path)).decode(video=0))))[0]
    assert np.array_equal(shown[..., 0], stored)


def test_cover_art_is_not_the_picture(tmp_path: Path) -> None:
    path = media.write_clip(tmp_path / "c.mp4", Clip(cover=True))
    with open_source(path) as source:
        assert (source.info.width, len(list(source))) == (96, COUNT)


# ---------------------------------------------------------------- damage


@pytest.mark.parametrize("numbers", [[5], [4, 5, 6], [2, 9], [11]])
def test_damaged_packets_are_replaced_in_place(tmp_path: Path, numbers: list[int]) -> None:
    """Concealed by the decoder or repeated: every frame comes at its time, and the damage is counted."""
    clip = Clip(audio=("eng",), options={"bf": "0"})
    whole = media.write_clip(tmp_path / "whole.mp4", clip)
    broken = media.damage(media.write_clip(tmp_path / "broken.mp4", clip), numbers)
    with open_source(broken) as source:
        frames = list(source)
    assert [frame.time for frame in frames] == stamps_of(whole)[: len(frames)]
    assert len(frames) + source.damage.missing == COUNT
    assert len(numbers) <= source.damage.total <= COUNT
    assert str(source.damage.frames) in str(source.damage)


def test_undecodable_packets_are_repeated(tmp_path: Path) -> None:
    """PNG frames that cannot be decoded leave nothing at all; the frame before stands in."""
    path = media.write_clip(tmp_path / "p.mov", Clip(codec="png", pix_fmt="rgb24"))
    data = bytearray(path.read_bytes())
    starts = [i for i in range(len(data)) if data[i : i + 8] == b"\x89PNG\r\n\x1a\n"]
    for number in (3, 4):
        data[starts[number] : starts[number] + 40] = bytes(40)
    path.write_bytes(data)
    with open_source(path) as source:
        frames = list(source)
    assert [frame.repeated for frame in frames] == [n in (3, 4) for n in range(COUNT)]
    assert [round(25 * frame.time) for frame in frames] == list(range(COUNT))
    assert np.array_equal(frames[4].planes[0], frames[2].planes[0])
    assert frames[4].planes[0] is not frames[2].planes[0]
    assert source.damage.frames == 2


@pytest.mark.parametrize("suffix", [".mkv", ".ts"])
def test_a_truncated_file_is_short_and_says_so(tmp_path: Path, suffix: str) -> None:
    codec = "ffv1" if suffix == ".mkv" else "mpeg2video"
    path = media.write_clip(tmp_path / f"t{suffix}", Clip(codec=codec, count=24))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with open_source(path) as source:
        frames = list(source)
    assert 4 <= len(frames) < 24
    if suffix == ".mkv":  # a transport stream promises nothing
        assert source.damage.missing >= 24 - len(frames) - 1


def test_mp4_with_its_index_first_counts_what_is_missing(tmp_path: Path) -> None:
    path = media.write_clip(tmp_path / "t.mp4", Clip(count=24))
    data = path.read_bytes()
    start, length = data.index(b"mdat") - 4, int.from_bytes(data[data.index(b"mdat") - 4 : data.index(b"mdat")], "big")
    cut = bytearray(data)
    cut[start + length // 2 : start + length] = bytes(length - length // 2)
    path.write_bytes(cut)
    with open_source(path) as source:
        frames = list(source)
    assert source.damage.total > 0
    assert len(frames) + source.damage.missing >= 23


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("missing.mp4", None, "does not exist"),
        ("empty.mp4", b"", "is empty"),
        ("text.mp4", b"no video at all\n" * 100, "not a video"),
        ("image.png", b"\x89PNG\r\n\x1a\n" + bytes(64), "not an image"),
        ("missing.png", None, "does not exist"),
    ],
)
def test_no_video(tmp_path: Path, name: str, content: bytes | None, words: str) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=words):
        open_source(path)


def test_sound_only(tmp_path: Path) -> None:
    import av

    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("aac", rate=48000)
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 48000
        out.mux(stream.encode(frame) + stream.encode())
    with pytest.raises(InputError, match="no picture"):
        open_source(path)


def test_folder_without_images(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no images"):
        open_source(tmp_path)
    with pytest.raises(InputError, match="holds no images"):
        open_source(tmp_path / "frame_%05d.png")


def test_images_of_two_sizes(tmp_path: Path) -> None:
    media.write_folder(tmp_path, media.scene(2))
    media.write_image(tmp_path / "00002.png", media.scene(2)[0][:50])
    with open_source(tmp_path) as source, pytest.raises(InputError, match=r"00002\.png is 96x50 .* 96x64"):
        list(source)


def test_floating_point_pixels_are_refused(tmp_path: Path) -> None:
    path = media.write_clip(tmp_path / "f.nut", Clip(codec="rawvideo", pix_fmt="gbrpf32le", count=2))
    with pytest.raises(InputError, match="gbrpf32le"):
        open_source(path)


def test_rate_belongs_to_sequences(tmp_path: Path) -> None:
    path = media.write_clip(tmp_path / "a.mp4")
    with pytest.raises(UsageError, match="own timing"):
        open_source(path, rate=Fraction(25))
    folder = media.write_folder(tmp_path / "f", media.scene(2))
    with open_source(folder, rate=Fraction(30000, 1001)) as source:
        assert [frame.time for frame in source] == [0, Fraction(1001, 30000)]


# ---------------------------------------------------------------- images


def test_natural_order(tmp_path: Path) -> None:
    for number in (10, 9, 1):
        media.write_image(tmp_path / f"f{number}.png", np.full((8, 8), number, np.uint8))
    with open_source(tmp_path) as source:
        assert [int(frame.planes[0][0, 0]) for frame in source] == [1, 9, 10]


def test_photographs_stand_upright(tmp_path: Path) -> None:
    from PIL import Image

    turned = Image.Exif()
    turned[0x0112] = 6  # the camera was held upright: turn clockwise to show
    Image.fromarray(np.rot90(media.scene(1)[0])).save(tmp_path / "photo.jpg", exif=turned, quality=95)
    with open_source(tmp_path / "photo.jpg") as source:
        shown = next(iter(source)).rgb()
    assert shown.shape == (64, 96, 3)
    assert np.abs(shown.astype(int) - media.scene(1)[0]).mean() < 8


def test_an_existing_file_is_no_pattern(tmp_path: Path) -> None:
    media.write_image(tmp_path / "a%d.png", media.scene(1)[0])
    with open_source(tmp_path / "a%d.png") as source:
        assert source.info.frames == 1


# ---------------------------------------------------------------- pixel formats


@pytest.mark.parametrize(
    ("pix_fmt", "working"),
    [("nv12", "yuv420p"), ("yuyv422", "yuv422p"), ("uyvy422", "yuv422p"), ("p010le", "yuv420p10le"),
     ("rgb24", "gbrp"), ("bgra", "gbrap"), ("rgb48le", "gbrp16le"), ("pal8", "gbrap"), ("gray10be", "gray10le"),
     ("yuv420p10be", "yuv420p10le"), ("yuv410p", "yuv410p"), ("ya8", "gbrap"), ("monow", "gray")],
)  # fmt: skip
def test_working_format(pix_fmt: str, working: str) -> None:
    from av.video.format import VideoFormat

    from vinpaint.video.container import working_format

    assert working_format(VideoFormat(pix_fmt), Path("x")) == working


@pytest.mark.parametrize(("packed", "planar"), [("nv12", "yuv420p"), ("p010le", "yuv420p10le"), ("rgb24", "gbrp")])
def test_repacking_keeps_every_sample(packed: str, planar: str) -> None:
    from vinpaint.video.container import _repacked

    source = media.native(media.scene(1)[0], planar)
    source.pts, source.time_base = 0, Fraction(1, 25)
    there = _repacked(source, packed)
    for before, after in zip(media.planes_of(source), media.planes_of(_repacked(there, planar)), strict=True):
        assert np.array_equal(before, after)
