"""Small clips of any kind, generated, and what PyAV itself finds in a file: independent of vinpaint.video."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from vinpaint.contracts import Frames, Mask
from vinpaint.refiner import synthetic

Array = NDArray[Any]
Tags = tuple[int, int, int, int]

BT709: Tags = (1, 1, 1, 1)
BT601: Tags = (1, 6, 6, 6)
UNTAGGED: Tags = (0, 2, 2, 2)
FULL: Tags = (2, 1, 1, 1)
HDR10: Tags = (1, 9, 9, 16)
SUBTITLES = "1\n00:00:00,040 --> 00:00:00,200\nfirst\n\n2\n00:00:00,240 --> 00:00:00,400\nsecond\n"
CHAPTERS = (("Opening", 0, 200), ("The rest", 200, 480))
PRECISE = {"libx264": {"crf": "8"}, "libx265": {"x265-params": "log-level=none:crf=8"}, "ffv1": {"level": "3"}}


@dataclass(frozen=True)
class Clip:
    """A clip to generate; ``tags`` are range, matrix, primaries, transfer."""

    codec: str = "libx264"
    pix_fmt: str = "yuv420p"
    width: int = 96
    height: int = 64
    count: int = 12
    rate: Fraction = Fraction(25)
    time_base: Fraction | None = None
    pts: tuple[int, ...] | None = None
    tags: Tags = BT709
    options: dict[str, str] = field(default_factory=dict)
    audio: tuple[str, ...] = ()
    audio_codec: str = "aac"
    subtitles: bool = False
    chapters: bool = False
    cover: bool = False
    metadata: dict[str, str] = field(default_factory=dict)
    rotation: int = 0
    mirrored: bool = False
    aspect: Fraction | None = None
    interlaced: bool = False


@cache
def scene(count: int = 12, height: int = 64, width: int = 96, seed: int = 3) -> Frames:
    """A panning scene, read-only."""
    frames = synthetic.moving_scene(count, height, width, seed=seed, motion=synthetic.PAN, car=False)
    frames.setflags(write=False)
    return frames


def box(height: int, width: int, top: int = 20, left: int = 30, down: int = 14, across: int = 18) -> Mask:
    """A mask that hides a box."""
    mask = np.zeros((height, width), np.bool_)
    mask[top : top + down, left : left + across] = True
    return mask


def write_clip(path: Path, clip: Clip | None = None, frames: Frames | None = None) -> Path:
    """Encode a clip, of the panning scene unless frames are given."""
    clip = clip or Clip()
    if frames is None:
        frames = scene(len(clip.pts) if clip.pts else clip.count, clip.height, clip.width)
    base = clip.time_base or 1 / clip.rate
    stamps = clip.pts or tuple(range(len(frames)))
    with av.open(str(path), "w") as out:
        stream = _add_video(out, clip, base)
        sounds = [_Sound(out, clip.audio_codec, language) for language in clip.audio]
        cover = _add_cover(out) if clip.cover else None
        if clip.subtitles:
            _add_subtitles(out, path)
        if cover is not None:
            out.mux(cover)
        for rgb, pts in zip(frames, stamps, strict=True):
            frame = native(rgb, clip.pix_fmt, clip.tags)
            frame.pts, frame.time_base = pts, base
            out.mux(stream.encode(frame))
            for sound in sounds:
                sound.until(pts * base)
        out.mux(stream.encode())
        for sound in sounds:
            sound.until((stamps[-1] + 1) * base)
            sound.flush()
    return path


def _add_video(out: Any, clip: Clip, base: Fraction) -> Any:
    stream = out.add_stream(clip.codec, rate=clip.rate)
    stream.width, stream.height, stream.pix_fmt = clip.width, clip.height, clip.pix_fmt
    stream.options = PRECISE.get(clip.codec, {}) | clip.options | ({"flags": "+ildct+ilme"} if clip.interlaced else {})
    context = stream.codec_context
    context.time_base = base
    context.color_range, context.colorspace, context.color_primaries, context.color_trc = clip.tags
    if clip.aspect:
        context.sample_aspect_ratio = clip.aspect
    if clip.rotation:
        stream.set_display_rotation(clip.rotation)
    if clip.mirrored:
        stream.set_display_matrix([-1 << 16, 0, 0, 0, 1 << 16, 0, clip.width << 16, 0, 1 << 30])
    if clip.chapters:
        out.set_chapters(
            [
                {"id": n, "start": start, "end": end, "time_base": Fraction(1, 1000), "metadata": {"title": title}}
                for n, (title, start, end) in enumerate(CHAPTERS)
            ]
        )
    out.metadata.update(clip.metadata)
    return stream


def native(rgb: Array, pix_fmt: str, tags: Tags = BT709) -> av.VideoFrame:
    """An FFmpeg picture of 8-bit RGB by swscale, accurate, with its colour description."""
    matrix, span = tags[1], tags[0]
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24").reformat(
        format=pix_fmt,
        dst_colorspace=matrix if matrix in (1, 5, 6, 9) else None,
        dst_color_range=span or None,
        interpolation="ACCURATE_RND",
    )
    frame.color_range, frame.colorspace, frame.color_primaries, frame.color_trc = tags
    return frame


class _Sound:
    """A tone in step with the picture."""

    def __init__(self, out: Any, codec: str, language: str) -> None:
        self._out, self._stream, self._position = out, out.add_stream(codec, rate=48000), 0
        self._stream.layout = "stereo"
        self._stream.metadata["language"] = language

    def until(self, seconds: Fraction) -> None:
        while self._position < seconds * 48000:
            n = np.arange(self._position, self._position + 960)
            wave = (0.2 * np.sin(2 * np.pi * 440 * n / 48000)).astype(np.float32)
            frame = av.AudioFrame.from_ndarray(np.stack([wave, wave]), format="fltp", layout="stereo")
            frame.sample_rate, frame.pts, frame.time_base = 48000, self._position, Fraction(1, 48000)
            self._out.mux(self._stream.encode(frame))
            self._position += 960

    def flush(self) -> None:
        self._out.mux(self._stream.encode())


def _add_subtitles(out: Any, path: Path) -> None:
    text = path.with_suffix(".srt")
    text.write_text(SUBTITLES)
    with av.open(str(text)) as source:
        stream = out.add_stream_from_template(source.streams[0])
        stream.metadata["language"] = "fra"
        for packet in source.demux():
            if packet.size:
                packet.stream = stream
                out.mux(packet)
    text.unlink()


def _add_cover(out: Any) -> Any:
    """Cover art: a still picture in a video stream of its own."""
    stream = out.add_stream("png", rate=1)
    stream.width, stream.height, stream.pix_fmt = 32, 32, "rgb24"
    stream.disposition = av.stream.Disposition.attached_pic
    picture = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 200, np.uint8), format="rgb24")
    return stream.encode(picture) + stream.encode()


# ---------------------------------------------------------------- images


def write_image(path: Path, image: Array) -> Path:
    """Write gray, RGB or RGBA, 8 or 16 bits."""
    order = {3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}
    assert cv2.imwrite(str(path), cv2.cvtColor(image, order[image.shape[2]]) if image.ndim == 3 else image)
    return path


def write_mask(path: Path, mask: Mask) -> Path:
    """Write a mask as a grey picture, white = hidden."""
    return write_image(path, mask.astype(np.uint8) * 255)


def write_folder(folder: Path, frames: Array, name: str = "{:05d}.png") -> Path:
    """Write frames (T, H, W[, C]) as numbered pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    for index, frame in enumerate(frames):
        write_image(folder / name.format(index), frame)
    return folder


def names(folder: Path) -> list[str]:
    """What a folder holds."""
    return sorted(path.name for path in folder.iterdir())


def read_image(path: Path) -> Array:
    """Gray, RGB or RGBA as stored."""
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert image is not None, f"{path} is no image"
    order = {3: cv2.COLOR_BGR2RGB, 4: cv2.COLOR_BGRA2RGBA}
    return cv2.cvtColor(image, order[image.shape[2]]) if image.ndim == 3 else image


# ---------------------------------------------------------------- looking into files


@dataclass(frozen=True)
class Track:
    """A stream besides the picture: kind, language, packets, digest of their payload, seconds of the first."""

    kind: str
    language: str
    packets: int
    digest: str
    start: float


@dataclass(frozen=True)
class Facts:
    """What a player finds in a video file."""

    width: int
    height: int
    codec: str
    pix_fmt: str
    tags: Tags
    rotation: int
    aspect: Fraction
    interlaced: bool
    side_data: frozenset[str]
    times: tuple[float, ...]
    tracks: tuple[Track, ...]
    metadata: dict[str, str]
    chapters: tuple[tuple[str, float], ...]


def probe(path: Path) -> Facts:
    """Facts of a file by PyAV, picture decoded."""
    with av.open(str(path)) as source:
        stream = pictures(source)
        frames = list(source.decode(stream))
        first, context = frames[0], stream.codec_context
        return Facts(
            first.width,
            first.height,
            context.codec.canonical_name,
            str(first.format.name),
            (int(first.color_range), int(first.colorspace), int(first.color_primaries), int(first.color_trc)),
            first.rotation % 360,
            stream.sample_aspect_ratio or Fraction(1),
            first.interlaced_frame,
            frozenset(side.type.name for side in first.side_data),
            tuple(float(frame.time) for frame in frames),
            tracks(path),
            {key.lower(): value for key, value in source.metadata.items()},
            tuple((c["metadata"].get("title", ""), float(c["start"] * c["time_base"])) for c in source.chapters()),
        )


def pictures(source: Any) -> Any:
    """The video stream that is no cover art."""
    return next(s for s in source.streams.video if not s.disposition & s.disposition.attached_pic)


def tracks(path: Path) -> tuple[Track, ...]:
    """Sound and subtitles."""
    found: dict[int, list[Any]] = {}
    with av.open(str(path)) as source:
        streams = [s for s in source.streams if s.type in ("audio", "subtitle")]
        for packet in source.demux(streams):
            if packet.size:
                found.setdefault(packet.stream.index, []).append((bytes(packet), packet.pts * packet.time_base))
        return tuple(
            Track(
                stream.type,
                stream.metadata.get("language", ""),
                len(found[stream.index]),
                hashlib.sha256(b"".join(data for data, _ in found[stream.index])).hexdigest(),
                round(float(found[stream.index][0][1]), 3),
            )
            for stream in streams
        )


def planes(path: Path) -> Iterator[list[Array]]:
    """Stored planes of each frame as uint8 or uint16, alpha included."""
    with av.open(str(path)) as source:
        for frame in source.decode(pictures(source)):
            yield planes_of(frame)


def planes_of(frame: av.VideoFrame) -> list[Array]:
    """Planes of a picture, copied; packed formats give rows of bytes."""
    dtype = np.uint16 if max(part.bits for part in frame.format.components) > 8 else np.uint8
    found = []
    for plane in frame.planes:
        rows = np.frombuffer(bytes(plane), dtype).reshape(plane.height, -1)
        planar = len(frame.planes) == len(frame.format.components)
        found.append(rows[:, : plane.width if planar else None].copy())
    return found


def rgb_frames(path: Path) -> Frames:
    """(T, H, W, 3) uint8 by swscale."""
    with av.open(str(path)) as source:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in source.decode(pictures(source))])


def chroma_mask(mask: Mask, shape: Sequence[int]) -> Mask:
    """The samples of a plane of ``shape`` whose block holds a hidden pixel."""
    ystep, xstep = (next(k for k in (1, 2, 4) if k * s >= m) for m, s in zip(mask.shape, shape, strict=True))
    padded = np.pad(mask, ((0, shape[0] * ystep - mask.shape[0]), (0, shape[1] * xstep - mask.shape[1])))
    return np.asarray(padded.reshape(shape[0], ystep, shape[1], xstep).any(axis=(1, 3)))


def changed_outside(before: Path, after: Path, mask: Mask | Callable[[int], Mask]) -> int:
    """Samples that differ between two clips outside the mask; both must have equal storage."""
    count = 0
    for index, (a, b) in enumerate(zip(planes(before), planes(after), strict=True)):
        hidden = mask(index) if callable(mask) else mask
        for one, other in zip(a, b, strict=True):
            count += int(np.count_nonzero((one != other) & ~chroma_mask(hidden, one.shape)))
    return count


def damage(path: Path, numbers: Sequence[int]) -> Path:
    """Overwrite the payload of some video packets, by decoding order; the container stays intact."""
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as source:
        packets = [p for p in source.demux(pictures(source)) if p.size]
        for number in numbers:
            payload = bytes(packets[number])
            start = data.index(payload)
            data[start + len(payload) // 4 : start + len(payload)] = bytes(len(payload) - len(payload) // 4)
    path.write_bytes(data)
    return path
