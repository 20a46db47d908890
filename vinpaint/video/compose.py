"""Writing a clip from arrays, with sound: for demonstrations, tests and training data."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from vinpaint.contracts import Frames
from vinpaint.files import explained, put_in_place, temporary_beside

_SOUND_RATE = 48000
_BLOCK = 1024


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
    video = out.add_stream("libx264", rate=rate, options={"crf": str(crf)})
    video.height, video.width = first.shape[:2]
    video.pix_fmt = "yuv420p"
    context = video.codec_context
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


def _write_sound(out: Any, track: Any, sound: NDArray[np.float32]) -> None:
    for start in range(0, len(sound), _BLOCK):
        block = av.AudioFrame.from_ndarray(sound[None, start : start + _BLOCK], format="fltp", layout="mono")
        block.sample_rate, block.pts, block.time_base = _SOUND_RATE, start, Fraction(1, _SOUND_RATE)
        out.mux(track.encode(block))
    out.mux(track.encode(None))
