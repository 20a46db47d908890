"""Detect, then fill."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vinpaint.contracts import Blemish
from vinpaint.detect import Detection
from vinpaint.detect.job import detect_file
from vinpaint.errors import UsageError
from vinpaint.fill.job import FillSettings, Summary, fill_file
from vinpaint.fill.prior import given_blemish, stored
from vinpaint.masks import from_array
from vinpaint.reporting import Reporter
from vinpaint.video import VideoSource


@dataclass(frozen=True, eq=False)
class Cleaned:
    """What was found in a clip, and what was done about it."""

    detection: Detection
    summary: Summary


def clean_file(source: VideoSource, target: str, settings: FillSettings, reporter: Reporter) -> Cleaned:
    """Find static blemishes in a clip, fill them, and write it.

    Without a finding the clip is passed on as it is, and the verdict is said as a warning. A mark that the settings
    give is not looked for elsewhere, and a blind method looks for itself: it gets whole frames.

    Parameters
    ----------
    source : VideoSource
        The clip.
    target : str
        A video file, a folder (ending in a slash or existing), or an image.
    settings : FillSettings
        How to fill, and what to write besides the clip.
    reporter : Reporter
        Hears the verdict, warnings and progress.
    """
    if settings.fill_method().blind:
        if settings.alpha is not None:
            raise UsageError(f"method {settings.method} makes no use of --alpha and --color; leave them out")
        detection = whole_frames(source.info.displayed, settings.method)
    elif settings.alpha is not None and settings.colour is not None:
        detection = _given(source, settings.alpha, settings.colour, settings, reporter)
    else:
        detection = detect_file(source, settings.span, reporter, memory=settings.memory).detection
    if detection.verdict == "found":
        reporter.note(f"{detection.verdict}: {detection.reason}")
    else:
        reporter.warn(f"{detection.verdict}: {detection.reason}; the clip is passed on as it is")
    known = stored(detection.blemish, source.info.rotation)
    summary = fill_file(source, from_array(detection.blemish.mask), target, settings, reporter, blemish=known)
    return Cleaned(detection, summary)


def whole_frames(size: tuple[int, int], method: str) -> Detection:
    """What stands for a detection where a blind method looks for itself: frames of a width and height are hidden."""
    shape = size[::-1]
    full, colour = np.ones(shape, np.float32), np.zeros((*shape, 3), np.float32)
    blemish = Blemish(np.ones(shape, np.bool_), full, colour, full)
    return Detection(blemish, "found", f"{method} sees whole frames and looks for itself", 0, ())


def _given(source: VideoSource, alpha: Path, colour: Path, settings: FillSettings, reporter: Reporter) -> Detection:
    blemish = given_blemish(source, alpha, colour, settings.span, reporter, memory=settings.memory)
    return Detection(blemish, "found", "opacity and colour are given", 0, ())
