"""Which encoder, pixel format and options an output gets."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.video.format import VideoFormat, VideoFormatComponent
from av.video.frame import VideoFrame

from vinpaint.errors import UsageError
from vinpaint.video.layout import Layout
from vinpaint.video.source import ClipInfo

CONTAINERS = {
    ".mp4": "mp4",
    ".m4v": "mp4",
    ".mov": "mov",
    ".mkv": "matroska",
    ".webm": "webm",
    ".avi": "avi",
    ".ts": "mpegts",
    ".m2ts": "mpegts",
}


@dataclass(frozen=True)
class Encoding:
    """What the user asks of the encoder; None = the default.

    Attributes
    ----------
    encoder : str, optional
        FFmpeg's name; default: of the source's codec family.
    crf : int, optional
        Constant rate factor; smaller is better and larger.
    preset : str, optional
        Speed preset of the encoder.
    lossless : bool
        FFV1 in the source's own pixel format.
    threads : int
        Encoder threads, 0 = as the encoder likes.
    """

    encoder: str | None = None
    crf: int | None = None
    preset: str | None = None
    lossless: bool = False
    threads: int = 0


@dataclass(frozen=True)
class Encoder:
    """An encoder of the wheel and its visually lossless settings."""

    name: str
    crf: int | None = None
    preset: str | None = None
    options: tuple[tuple[str, str], ...] = ()
    quantiser: int | None = None
    """Fixed quantiser, for encoders that know no rate factor."""
    whole_blocks: bool = False
    """Whether the size must be a multiple of the chroma block."""
    ticks: int | None = None
    """The finest clock it knows, ticks a second."""
    worst: int = 51
    """The largest rate factor."""
    refused: tuple[str, ...] = ()
    """Pixel formats that it offers and then does not take."""


_ENCODERS = {
    encoder.name: encoder
    for encoder in (
        Encoder("libx264", 16, "medium", whole_blocks=True),
        Encoder("libx265", 18, "medium", (("x265-params", "log-level=none"),), whole_blocks=True),
        Encoder(
            "libvpx-vp9",
            18,
            None,
            (("b", "0"), ("row-mt", "1"), ("cpu-used", "2")),
            refused=("gbrap", "yuva422p", "yuva444p"),
            worst=63,
        ),
        Encoder("libsvtav1", 20, "6", worst=63),
        Encoder("ffv1", options=(("level", "3"), ("slicecrc", "1"))),
        Encoder("prores_ks", options=(("profile", "hq"),)),
        Encoder("mpeg4", quantiser=2, ticks=65535),
        Encoder("mjpeg", quantiser=2),
    )
}
_PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow", "placebo")
_FAMILIES = {
    "h264": "libx264",
    "hevc": "libx265",
    "vp9": "libvpx-vp9",
    "av1": "libsvtav1",
    "ffv1": "ffv1",
    "prores": "prores_ks",
    "mpeg4": "mpeg4",
    "mjpeg": "mjpeg",
}
_SUBSTITUTES = ("libx264", "libx265", "libvpx-vp9", "libsvtav1", "ffv1")
# What a muxer takes without complaint though next to no player can show it from that container.
_UNFIT = {
    "mp4": {"ffv1"},
    "mov": {"libvpx-vp9"},
    "avi": {"libvpx-vp9", "libsvtav1"},
    "mpegts": {"ffv1", "prores_ks", "mjpeg", "libvpx-vp9", "libsvtav1"},
}


def container_of(path: Path, encoding: Encoding) -> str:
    """Container format by suffix.

    Raises
    ------
    UsageError
        If the suffix is unknown, or the container cannot hold what was asked for.
    """
    try:
        container = CONTAINERS[path.suffix.lower()]
    except KeyError:
        raise UsageError(
            f"{path.name}: no video format ends in {path.suffix!r}; "
            f"use one of {' '.join(CONTAINERS)}, or a folder ending in '/'"
        ) from None
    if encoding.lossless and container != "matroska":
        raise UsageError(f"--lossless writes FFV1 into .mkv, not {path.suffix}; name the output {path.stem}.mkv")
    return container


@dataclass(frozen=True)
class Choice:
    """An encoder and the pixel format that it is given."""

    encoder: Encoder
    form: str
    bits_lost: int


def check_options(encoding: Encoding, container: str, info: ClipInfo) -> None:
    """Raise UsageError if none of the encoders for a clip takes the options asked for."""
    problems = []
    for choice in choices(encoding, container, info):
        try:
            options_of(choice.encoder, encoding)
        except UsageError as problem:
            problems.append(problem)
        else:
            return
    if problems:
        raise problems[0]


def choices(encoding: Encoding, container: str, info: ClipInfo) -> list[Choice]:
    """Encoders to try for a clip, best first: those that keep its bits, of these its own codec family.

    Raises
    ------
    UsageError
        If the encoder asked for does not exist.
    """
    found = []
    for encoder in _candidates(encoding, info.codec):
        too_fine = encoder.ticks is not None and clock(container, info).denominator > encoder.ticks
        if encoder.name in _UNFIT.get(container, ()) or (too_fine and not encoding.encoder):
            continue
        if choice := _choice(encoder, info.layout, info.width, info.height):
            found.append(choice)
    return sorted(found, key=lambda choice: choice.bits_lost)


def clock(container: str, info: ClipInfo) -> Fraction:
    """Seconds of a tick in the output: the source's own, but AVI knows nothing between two frames."""
    return 1 / info.rate if container == "avi" else info.time_base


def _candidates(encoding: Encoding, codec: str) -> list[Encoder]:
    if encoding.lossless:
        return [_ENCODERS["ffv1"]]
    if encoding.encoder:
        return [_named(encoding.encoder)]
    family = _FAMILIES.get(codec)
    names = dict.fromkeys([*([family] if family else []), *_SUBSTITUTES])
    return [_ENCODERS[name] for name in names if _exists(name)]


def _named(name: str) -> Encoder:
    if not _exists(name):
        raise UsageError(f"there is no video encoder {name!r} here; try one of {' '.join(_ENCODERS)}")
    return _ENCODERS.get(name, Encoder(name, whole_blocks=True))


def _exists(name: str) -> bool:
    try:
        return bool(av.Codec(name, "w").type == "video")
    except (av.FFmpegError, ValueError):
        return False


def missing_encoders() -> list[str]:
    """Encoders of the table that this build of FFmpeg lacks."""
    return [name for name in _ENCODERS if not _exists(name)]


def options_of(encoder: Encoder, encoding: Encoding) -> dict[str, str]:
    """Options of the encoder's private context."""
    options = dict(encoder.options)
    crf = encoding.crf if encoding.crf is not None else encoder.crf
    preset = encoding.preset or encoder.preset
    if encoding.crf is not None and encoder.crf is None:
        raise UsageError(f"{encoder.name} has no rate factor; leave --crf out or choose --encoder libx264")
    if encoding.crf is not None and encoding.crf > encoder.worst:
        raise UsageError(f"the rate factor of {encoder.name} ends at {encoder.worst}; give --crf a smaller one")
    if encoding.preset and encoder.preset is None:
        raise UsageError(f"{encoder.name} has no presets; leave --preset out or choose --encoder libx264")
    if encoder.name in ("libx264", "libx265") and preset not in _PRESETS:  # they print a complaint of their own
        raise UsageError(f"{encoder.name} has no preset {preset!r}; choose from {', '.join(_PRESETS)}")
    if crf is not None:
        options["crf"] = str(crf)
    if preset is not None:
        options["preset"] = preset
    return options


def _choice(encoder: Encoder, layout: Layout, width: int, height: int) -> Choice | None:
    """The encoder with its pixel format nearest to a layout; None if none of them takes the size.

    The layout's own format when the encoder has it; else the smallest one that keeps bits and chroma. RGB becomes
    4:2:0 where it has to become YUV: hardly a player takes H.264 in 4:4:4.
    """
    offered = av.Codec(encoder.name, "w").video_formats or [VideoFormat(layout.name)]
    if layout.model == "rgb" and encoder.crf is not None:
        layout = replace(layout, xstep=2, ystep=2)
    for loss, name in sorted((_loss(VideoFormat(f.name, 64, 64), layout), f.name) for f in offered):
        if name not in encoder.refused and (not encoder.whole_blocks or _divides(name, width, height)):
            return Choice(encoder, str(name), loss[0])
    return None


def _loss(form: VideoFormat, layout: Layout) -> tuple[int, bool, bool, bool, bool, bool, int, bool]:
    """Sorting key: lost are bits, colour, alpha, the model, chroma; then another name, size, shared planes."""
    parts = form.components
    xstep, ystep = chroma_steps(form)
    grey = len(colours_of(form)) == 1
    return (
        max(0, layout.bits - max(part.bits for part in parts)),
        grey and layout.model != "gray",
        has_alpha(VideoFormat(layout.name)) and not has_alpha(form),
        form.is_rgb != (layout.model == "rgb"),
        xstep > layout.xstep or ystep > layout.ystep,
        form.name != layout.name,
        form.padded_bits_per_pixel,
        len({part.plane for part in parts}) < len(parts),
    )


def same_storage(name: str, layout: Layout) -> bool:
    """Whether a pixel format holds just what a layout holds, under whatever name and in whatever order."""
    form = VideoFormat(name, 64, 64)
    return (
        max(part.bits for part in form.components) == layout.bits
        and (len(colours_of(form)) == 1) == (layout.model == "gray")
        and form.is_rgb == (layout.model == "rgb")
        and chroma_steps(form) == (layout.xstep, layout.ystep)
        and has_alpha(form) == has_alpha(VideoFormat(layout.name))
    )


def has_alpha(form: VideoFormat) -> bool:
    """Whether a pixel format has an alpha component."""
    return any(part.is_alpha for part in form.components)


def colours_of(form: VideoFormat) -> list[VideoFormatComponent]:
    """The components of a pixel format but alpha: one when it is grey."""
    return [part for part in form.components if not part.is_alpha]


def chroma_steps(form: VideoFormat) -> tuple[int, int]:
    """Luma samples for one chroma sample, across and down."""
    colours = colours_of(VideoFormat(form.name, 64, 64))
    if form.is_rgb or len(colours) == 1:
        return 1, 1
    return 64 // colours[1].width, 64 // colours[1].height


def _divides(name: str, width: int, height: int) -> bool:
    xstep, ystep = chroma_steps(VideoFormat(name))
    return width % xstep == 0 and height % ystep == 0


def hdr_parameters(encoder: Encoder, frame: VideoFrame) -> dict[str, str] | None:
    """Options that carry the mastering display and light level (SMPTE ST 2086, CTA-861.3) of a picture.

    Empty when the picture has none; None when the encoder cannot hold them.
    """
    sides: Iterable[Any] = frame.side_data
    data = {side.type.name: bytes(side) for side in sides}
    display, light = data.get("MASTERING_DISPLAY_METADATA"), data.get("CONTENT_LIGHT_LEVEL")
    if not display and not light:
        return {}
    if encoder.name != "libx265":
        return None
    parts = ["log-level=none", "repeat-headers=1", "hdr10=1"]
    if light and len(light) >= 8:
        parts.append("max-cll={},{}".format(*struct.unpack("<2I", light[:8])))
    if display and len(display) >= 88:
        parts.append(f"master-display={_mastering_display(display)}")
    return {"x265-params": ":".join(parts)}


def _mastering_display(data: bytes) -> str:
    """AVMasteringDisplayMetadata in x265's notation: chromaticity in 1/50000, luminance in 1/10000 cd/m²."""
    numbers = struct.unpack("<20i", data[:80])
    values = [n / d if d else 0 for n, d in zip(numbers[::2], numbers[1::2], strict=True)]
    points = [round(50000 * v) for v in values[:8]]
    red, green, blue, white = (points[i : i + 2] for i in (0, 2, 4, 6))
    darkest, brightest = (round(10000 * v) for v in values[8:10])
    named: Iterable[tuple[str, list[int]]] = (
        ("G", green),
        ("B", blue),
        ("R", red),
        ("WP", white),
        ("L", [brightest, darkest]),
    )
    return "".join(f"{name}({a},{b})" for name, (a, b) in named)
