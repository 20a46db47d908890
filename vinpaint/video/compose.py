"""Clips from arrays, with sound, or through a codec and back: for demonstrations, tests and training data."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from vinpaint.contracts import Frames
from vinpaint.errors import UsageError
from vinpaint.files import explained, put_in_place, temporary_beside

_SOUND_RATE = 48000
_BLOCK = 1024
# With macroblock trees the first clip that a process encodes may come out other than the same clip later.
_REPEATABLE = {"x264-params": "no-mbtree=1"}
# Options of each encoder; {} is its quantiser or rate factor, between what hardly shows and the coarsest.
_CODECS: dict[str, tuple[str, tuple[int, int], dict[str, str]]] = {
    "libx264": ("crf", (16, 48), {"preset": "veryfast", **_REPEATABLE}),
    "libx265": ("crf", (16, 48), {"preset": "superfast", "x265-params": "log-level=none:pools=none:frame-threads=1"}),
    "mpeg4": ("qscale", (2, 31), {}),
    "libvpx-vp9": ("crf", (16, 62), {"b": "0", "cpu-used": "8", "deadline": "realtime"}),
}


def write_video(
    path: Path, frames: Iterable[Frames], rate: Fraction, *, sound: NDArray[np.float32] | None = None, crf: int = 16
) -> None:
    """Write RGB frames as H.264 in .mp4, BT.709, with a mono sound track if there is one.

    Parameters
    ----------
    path : Path
        Target; written atomically.
    frames : iterable of (H, W, 3) uint8
        RGB, of even size.
    rate : Fraction
        Frames a second.
    sound : (N,) float32, optional
        Samples of −1 to 1 at 48 kHz.
    crf : int
        Rate factor of x264.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    temporary = temporary_beside(path)
    try:
        with explained(path), av.open(f"file:{temporary}", "w", format="mp4") as out:
            _write(out, iter(frames), rate, sound, crf)
        put_in_place(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _write(out: Any, frames: Any, rate: Fraction, sound: NDArray[np.float32] | None, crf: int) -> None:
    first = next(frames)
    video = out.add_stream("libx264", rate=rate, options={"crf": str(crf), **_REPEATABLE})
    video.height, video.width = first.shape[:2]
    video.pix_fmt = "yuv420p"
    context = video.codec_context
    context.thread_count = 1  # what is encoded must not depend on the number of cores
    context.color_range, context.colorspace, context.color_primaries, context.color_trc = 1, 1, 1, 1
    if sound is not None:
        track = out.add_stream("aac", rate=_SOUND_RATE)
        track.layout = "mono"
    for index, rgb in enumerate((first, *frames)):
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
        frame = frame.reformat(format="yuv420p", dst_colorspace=1, dst_color_range=1)
        frame.pts, frame.time_base = index, 1 / rate
        out.mux(video.encode(frame))
    out.mux(video.encode(None))
    if sound is not None:
        _write_sound(out, track, sound)


def recode(frames: Frames, encoder: str, strength: float) -> Frames:
    """What a lossy codec makes of a clip, 4:2:0, BT.709, coded and decoded in memory with one thread.

    Parameters
    ----------
    frames : (T, H, W, 3) uint8
        RGB; an odd size is continued by a row or a column for the codec.
    encoder : str
        ``libx264``, ``libx265``, ``mpeg4`` or ``libvpx-vp9``.
    strength : float
        0 = hardly to be seen, 1 = about the coarsest that there is.

    Returns
    -------
    (T, H, W, 3) uint8
        RGB.

    Raises
    ------
    UsageError
        If there is no such encoder.
    """
    if encoder not in _CODECS:
        raise UsageError(f"there is no encoder {encoder!r} for this; use one of {', '.join(_CODECS)}")
    height, width = frames.shape[1:3]
    padded = np.pad(frames, ((0, 0), (0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    file = BytesIO()
    with av.open(file, "w", format="matroska") as out:
        _encode(out, padded, encoder, strength)
    file.seek(0)
    with av.open(file, "r", format="matroska") as coded:
        seen = [_rgb(frame)[:height, :width] for frame in coded.decode(video=0)]
    return np.stack(seen)


def _encode(out: Any, frames: Frames, encoder: str, strength: float) -> None:
    knob, (finest, coarsest), options = _CODECS[encoder]
    level = round(finest + (coarsest - finest) * min(max(strength, 0.0), 1.0))
    video = out.add_stream(encoder, rate=25, options=options if knob == "qscale" else {**options, knob: str(level)})
    video.height, video.width = frames.shape[1:3]
    video.pix_fmt = "yuv420p"
    context = video.codec_context
    context.thread_count = 1
    if knob == "qscale":
        context.qmin = context.qmax = level
        context.bit_rate = 100_000_000  # the quantiser decides, not the rate
    for index, rgb in enumerate(frames):
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
        frame = frame.reformat(format="yuv420p", dst_colorspace=1, dst_color_range=1)
        frame.pts, frame.time_base = index, Fraction(1, 25)
        out.mux(video.encode(frame))
    out.mux(video.encode(None))


def _rgb(frame: Any) -> NDArray[np.uint8]:
    return np.asarray(frame.reformat(format="rgb24", src_colorspace=1, src_color_range=1).to_ndarray(), np.uint8)


def _write_sound(out: Any, track: Any, sound: NDArray[np.float32]) -> None:
    for start in range(0, len(sound), _BLOCK):
        block = av.AudioFrame.from_ndarray(sound[None, start : start + _BLOCK], format="fltp", layout="mono")
        block.sample_rate, block.pts, block.time_base = _SOUND_RATE, start, Fraction(1, _SOUND_RATE)
        out.mux(track.encode(block))
    out.mux(track.encode(None))
