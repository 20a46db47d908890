"""Detection from a file: samples of a clip in displayed orientation, and what the detector says of them."""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vinpaint.contracts import Frames
from vinpaint.detect.static import Detection, detect_static
from vinpaint.errors import UsageError
from vinpaint.reporting import Reporter
from vinpaint.statistics.sampling import SAMPLES
from vinpaint.timing import Span
from vinpaint.video import ClipInfo, Frame, VideoSource
from vinpaint.video.source import upright

MEMORY = 1 << 30
_A_PIXEL = 8  # bytes a pixel of a sample takes: its planes, RGB, grey, and maps over time
_LEAST_SAMPLES = 24


@dataclass(frozen=True, eq=False)
class Sampled:
    """A detection and the picture to show it on.

    Attributes
    ----------
    detection : Detection
        Displayed orientation.
    picture : (H, W, 3) uint8
        The middle sample.
    """

    detection: Detection
    picture: Frames


@dataclass(frozen=True, eq=False)
class Pictures:
    """Samples of a clip.

    Attributes
    ----------
    pictures : (N, H, W, 3) uint8
        RGB, displayed orientation.
    numbers : (N,) int
        Frame numbers, rising.
    shots : (N,) int or None
        Shot numbers, where they are known.
    """

    pictures: Frames
    numbers: NDArray[np.int64]
    shots: NDArray[np.int64] | None


def detect_file(source: VideoSource, span: Span, reporter: Reporter, *, memory: int = MEMORY) -> Sampled:
    """Look for static blemishes in a clip.

    Parameters
    ----------
    source : VideoSource
        The clip; it is not iterated, so it can still be filled.
    span : Span
        Part of the clip that is looked at.
    reporter : Reporter
        Hears progress.
    memory : int
        Bytes for samples, about; of large frames fewer are taken.

    Raises
    ------
    UsageError
        If the span holds no frame.
    """
    reporter.progress("look", 0, None)
    samples = take_samples(source, span, memory)
    detection = detect_static(samples.pictures, numbers=samples.numbers, shots=samples.shots)
    return Sampled(detection, samples.pictures[len(samples.pictures) // 2])


def take_samples(source: VideoSource, span: Span, memory: int) -> Pictures:
    """Frames from all over a clip, for statistics.

    Parameters
    ----------
    source : VideoSource
        The clip; it is not iterated.
    span : Span
        Part of the clip that they are taken from.
    memory : int
        Bytes for them, about; of large frames fewer are taken.

    Raises
    ------
    UsageError
        If the span holds no frame.
    """
    info = source.info
    count = max(_LEAST_SAMPLES, min(SAMPLES, memory // (_A_PIXEL * info.whole.area)))
    samples = source.sample(count, *span.in_seconds(info.rate))
    if not samples.frames:
        raise UsageError(f"no frame of {info.path} lies in the range; check --start and --end")
    shots = None if samples.shots is None else np.array(samples.shots)
    return Pictures(_pictures(samples.frames, info), np.array(samples.numbers), shots)


def _pictures(frames: list[Frame], info: ClipInfo) -> Frames:
    """(N, H, W, 3) uint8 in displayed orientation; the list is emptied on the way to spare memory."""
    width, height = info.displayed
    pictures = np.empty((len(frames), height, width, 3), np.uint8)
    waiting = list(enumerate(frames))
    frames.clear()

    def draw(_: Frames) -> None:
        index, frame = waiting.pop()
        pictures[index] = upright(frame, info.rotation)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        deque(pool.map(draw, pictures), maxlen=0)
    return pictures
