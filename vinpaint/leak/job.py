"""What a call reveals: one pass for samples, one over all frames, memory bounded by the frame's size."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from vinpaint.contracts import Frames, Mask
from vinpaint.detect.job import take_samples
from vinpaint.errors import InputError, UsageError
from vinpaint.leak.background import Backdrop, estimate, given, most_constant
from vinpaint.leak.evidence import Judge, Segment, Sight, Statistics, palette, without_people
from vinpaint.leak.fusion import Fusion
from vinpaint.leak.result import Leak
from vinpaint.reporting import Reporter
from vinpaint.timing import Span
from vinpaint.video import VideoSource
from vinpaint.video.source import upright
from vinpaint.video.threads import ahead, depth_for

MEMORY = 1 << 30
LEAST_FRAMES = 8
"""Fewer frames tell nothing about what is constant."""
SMALLEST, LONGEST = 32, 8
"""Rows and columns of a call at least, and how many times as long as wide it is at most."""

_PALETTE = 40  # samples that tell the person's colours

Sink = Callable[[Mask, Fraction], None]


@dataclass(frozen=True, kw_only=True)
class LeakSettings:
    """How to look for leaks.

    Attributes
    ----------
    method : str
        ``learned``: a network tells the mask of the service; or ``statistics``: signs of a leak do.
    background : (H, W, 3) uint8, optional
        The virtual background, RGB, displayed orientation; estimated if it is not given.
    segmenter : Path, optional
        ONNX model of a segmenter.
    span : Span
        Part of the clip.
    memory : int
        Bytes for samples, about.
    """

    method: str = "learned"
    background: Frames | None = None
    segmenter: Path | None = None
    span: Span = field(default_factory=Span)
    memory: int = MEMORY


METHODS = ("learned", "statistics")


def find_leaks(source: VideoSource, settings: LeakSettings, reporter: Reporter, *, sink: Sink | None = None) -> Leak:
    """Reconstruct the room behind a virtual background from what leaks.

    Parameters
    ----------
    source : VideoSource
        The call; read once, beside its samples.
    settings : LeakSettings
    reporter : Reporter
        Hears progress.
    sink : callable, optional
        Takes the mask of the leak of every frame, (H, W) bool, displayed orientation, in order, and the seconds since
        the first one; empty outside the span.

    Raises
    ------
    UsageError
        If there is no such method, the background does not fit, or the span holds too few frames.
    InputError
        If the clip has too few frames, or too small or too narrow ones, or the segmenter cannot be read.
    DependencyError
        If a segmenter is given and onnxruntime is missing.
    """
    check_method(settings.method)
    check_size(source)
    reporter.progress("look", 0, None)
    samples = take_samples(source, settings.span, settings.memory).pictures
    if len(samples) < LEAST_FRAMES:  # the range may be longer than it seems: rates vary
        samples = take_samples(source, Span(), settings.memory).pictures
    if len(samples) < LEAST_FRAMES:
        raise _too_short(source, len(samples))
    backdrop = find_backdrop(settings.method, samples)
    if settings.background is not None:
        backdrop = given(settings.background, backdrop)
    judge = make_judge(settings.method, samples, backdrop)
    del samples
    return _run(source, settings, judge, Fusion(backdrop, settings.method), reporter, sink)


def _too_short(source: VideoSource, count: int) -> InputError:
    return InputError(f"{source.info.path} holds {count} frames there; give {LEAST_FRAMES} or more")


def find_backdrop(method: str, samples: Frames) -> Backdrop:
    """The virtual background by the name of a method; samples (N, H, W, 3) uint8."""
    found = most_constant(samples)
    if method == "learned":
        from vinpaint.leak.scenery import look

        return look(found)
    return estimate(found)


def make_judge(method: str, samples: Frames, backdrop: Backdrop) -> Judge:
    """The judge of frames by the name of a method; samples (N, H, W, 3) uint8 tell it the person's colours."""
    if method == "learned":
        from vinpaint.leak.network import Network

        return Network(backdrop)
    return Statistics(backdrop, palette(samples[:: max(1, len(samples) // _PALETTE)], backdrop))


def check_size(source: VideoSource) -> None:
    """Raise InputError for frames in which no person fits."""
    width, height = source.info.displayed
    if min(width, height) < SMALLEST or max(width, height) > LONGEST * min(width, height):
        raise InputError(
            f"{source.info.path} has frames of {width}x{height}; give a call of {SMALLEST} rows and columns or more, "
            f"and at most {LONGEST} times as long as wide"
        )


def check_method(name: str) -> None:
    """Raise UsageError for a method that is none."""
    if name not in METHODS:
        raise UsageError(f"there is no method {name!r} of finding leaks; use {' or '.join(METHODS)}")


def _segmenter(path: Path | None) -> Segment | None:
    if path is None:
        return None
    from vinpaint.leak.segmenter import Segmenter

    return Segmenter(path)


def _run(
    source: VideoSource, settings: LeakSettings, judge: Judge, fusion: Fusion, reporter: Reporter, sink: Sink | None
) -> Leak:
    """All frames through the judge into the fusion."""
    empty = np.zeros(source.info.displayed[::-1], np.bool_)
    segment, span = _segmenter(settings.segmenter), settings.span
    times: deque[Fraction] = deque()

    def take(results: Iterator[Sight]) -> None:
        for sight in results:
            seen = sight if segment is None else without_people(sight, segment)
            fusion.add(seen)
            if sink is not None:
                sink(seen.leak, times.popleft())

    first, ended, looked_at = None, False, 0
    begin = None
    with closing(ahead(source, depth_for(3 * source.info.whole.area))) as frames:
        for number, frame in enumerate(frames):
            begin = frame.time if begin is None else begin
            seconds = frame.time - begin
            inside = span.holds(number, seconds)
            if sink is not None:
                times.append(seconds)
            if inside:
                first = number if first is None else first
                looked_at += 1
                take(judge.add(upright(frame, source.info.rotation)))
            elif first is not None and not ended:
                take(judge.finish())
                ended = True
            if ended and sink is None:
                break
            if not inside and sink is not None:
                sink(empty, times.popleft())
            reporter.progress("leak", number + 1, source.info.frames)
    if looked_at < LEAST_FRAMES:
        raise _too_short(source, looked_at)
    if not ended:
        take(judge.finish())
    return replace(fusion.result(), first=first or 0)
