"""Detect, then fill."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vinpaint.contracts import Blemish
from vinpaint.detect.job import Sampled, detect_file
from vinpaint.fill.job import FillSettings, Summary, fill_file
from vinpaint.masks import from_array
from vinpaint.reporting import Reporter
from vinpaint.video import VideoSource, rotate


@dataclass(frozen=True, eq=False)
class Cleaned:
    """What was found in a clip, and what was done about it."""

    found: Sampled
    summary: Summary


def clean_file(source: VideoSource, target: str, settings: FillSettings, reporter: Reporter) -> Cleaned:
    """Find static blemishes in a clip, fill them, and write it.

    Without a finding the clip is passed on as it is, and the verdict is said as a warning.

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
    found = detect_file(source, settings.span, reporter, memory=settings.memory)
    detection = found.detection
    if detection.verdict == "found":
        reporter.note(f"{detection.verdict}: {detection.reason}")
    else:
        reporter.warn(f"{detection.verdict}: {detection.reason}; the clip is passed on as it is")
    stored = _turned(detection.blemish, -source.info.rotation)
    summary = fill_file(source, from_array(detection.blemish.mask), target, settings, reporter, blemish=stored)
    return Cleaned(found, summary)


def _turned(blemish: Blemish, degrees: int) -> Blemish:
    maps = (blemish.mask, blemish.alpha, blemish.colour, blemish.confidence)
    return Blemish(*(np.ascontiguousarray(rotate(each, degrees)) for each in maps))
