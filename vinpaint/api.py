"""vinpaint for programs: arrays in and arrays out, or files in and files out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vinpaint.cleaning import clean_file
from vinpaint.contracts import Blemish, Filled, Frames
from vinpaint.detect import Detection
from vinpaint.detect.job import detect_file
from vinpaint.fill.job import FillSettings, Summary, fill_file
from vinpaint.fill.masking import StoredMasks
from vinpaint.fill.pipeline import WindowPlan, fill_stream
from vinpaint.fill.registry import create
from vinpaint.fill.threads import single_threaded
from vinpaint.masks import from_array, handles, read_mask
from vinpaint.reporting import Reporter
from vinpaint.timing import Span
from vinpaint.video import VideoSource, open_masks, open_source
from vinpaint.video.arrays import ArraySource
from vinpaint.video.shots import shot_numbers

_CORE = 16


def detect(clip: Frames | str | os.PathLike[str], *, reporter: Reporter | None = None) -> Detection:
    """Find static blemishes: stains on the lens, logos, captions, watermarks.

    Parameters
    ----------
    clip : (T, H, W, 3) uint8 or uint16, or path-like
        RGB frames, or anything the command line takes: a video, a folder, a pattern, an image.
    reporter : Reporter, optional
        Hears progress; by default messages go to the logger ``vinpaint``.

    Returns
    -------
    Detection
        ``verdict`` (``found``, ``clean`` or ``undecidable``), ``reason``, and ``blemish`` with mask, opacity,
        colour and confidence in displayed orientation.

    Raises
    ------
    InputError
        If a file cannot be read.
    UsageError
        If an array is of another kind.

    Examples
    --------
    >>> import numpy as np, vinpaint
    >>> vinpaint.detect(np.zeros((1, 32, 32, 3), np.uint8)).verdict
    'undecidable'
    """
    with _opened(clip) as source:
        return detect_file(source, Span(), reporter or Reporter()).detection


def fill(
    frames: Frames,
    mask: NDArray[Any],
    *,
    method: str = "auto",
    quality: str = "balanced",
    dilate: float = 0,
    blemish: Blemish | None = None,
) -> Filled:
    """Fill the hidden pixels of frames in memory. No method sees across a cut.

    Parameters
    ----------
    frames : (T, H, W, 3) uint8 or uint16
        RGB; never changed.
    mask : (H, W) or (T, H, W) bool
        True = hidden.
    method : str
        ``auto``, ``flow``, ``spatial``, ``median`` or a baseline; ``vinpaint methods`` lists them.
    quality : str
        ``fast``, ``balanced`` or ``best``.
    dilate : float
        Pixels by which the mask is grown first.
    blemish : Blemish, optional
        What is known of a static blemish, from :func:`detect`.

    Returns
    -------
    Filled
        Frames, confidence and origin; outside the mask the frames equal the input.

    Raises
    ------
    UsageError
        If there is no such method or quality, or the frames are of another kind.
    MaskError
        If the mask does not fit the frames.

    Examples
    --------
    >>> import numpy as np, vinpaint
    >>> frames = np.full((3, 40, 40, 3), 90, np.uint8)
    >>> mask = np.zeros((40, 40), bool)
    >>> mask[10:20, 10:20] = True
    >>> filled = vinpaint.fill(frames, mask, method="spatial")
    >>> filled.frames.shape
    (3, 40, 40, 3)
    """
    chosen = create(method, quality=quality)
    source = ArraySource(frames)
    masks = from_array(mask)
    masks.check_count(len(frames))
    stored = StoredMasks(masks, source.info, Span(), dilate)
    plan = WindowPlan(chosen.look_around, _CORE)
    with single_threaded():
        results = list(fill_stream(shot_numbers(source), stored, chosen, lambda _: plan, blemish=blemish))
    return Filled(
        np.stack([result.frame.rgb() for result in results]),
        np.stack([result.confidence() for result in results]),
        np.stack([result.origin() for result in results]),
    )


def clean(
    frames: Frames, *, method: str = "auto", quality: str = "balanced", dilate: float = 0
) -> tuple[Filled, Detection]:
    """Find static blemishes in frames in memory and fill them.

    Parameters
    ----------
    frames : (T, H, W, 3) uint8 or uint16
        RGB; never changed.
    method, quality, dilate
        As for :func:`fill`.

    Returns
    -------
    filled : Filled
        The frames; equal to the input when nothing was found.
    detection : Detection
        What was found, and why.
    """
    detection = detect(frames)
    blemish = detection.blemish
    filled = fill(frames, blemish.mask, method=method, quality=quality, dilate=dilate, blemish=blemish)
    return filled, detection


def fill_video(
    source: str | os.PathLike[str],
    mask: str | os.PathLike[str] | NDArray[Any],
    target: str | os.PathLike[str],
    *,
    settings: FillSettings | None = None,
    reporter: Reporter | None = None,
) -> Summary:
    """Fill a clip on disk and write another, as ``vinpaint fill`` does.

    Parameters
    ----------
    source : path-like
        A video, a folder of frames, a pattern or an image.
    mask : path-like, or (H, W) or (T, H, W) bool
        Any mask format, displayed orientation; True or white = hidden.
    target : path-like
        A video, a folder (existing, or ending in a slash), or an image.
    settings : FillSettings, optional
        Method, quality, encoder and further outputs.
    reporter : Reporter, optional
        Hears warnings and progress.

    Raises
    ------
    VinpaintError
        With nothing left at the target that was not there before.
    """
    settings = settings or FillSettings()
    with open_source(source) as clip:
        settings.check_outputs(clip.info, os.fspath(target))
        if isinstance(mask, np.ndarray):
            masks = from_array(mask)
        elif handles(os.fspath(mask)):
            masks = read_mask(os.fspath(mask), clip.info.displayed)
        else:
            masks = open_masks(mask, clip.info)
        return fill_file(clip, masks, os.fspath(target), settings, reporter or Reporter())


def clean_video(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    settings: FillSettings | None = None,
    reporter: Reporter | None = None,
) -> tuple[Summary, Detection]:
    """Find static blemishes in a clip on disk, fill them, and write another, as ``vinpaint clean`` does.

    Parameters are those of :func:`fill_video`, without the mask.
    """
    settings = settings or FillSettings()
    with open_source(source) as clip:
        settings.check_outputs(clip.info, os.fspath(target))
        cleaned = clean_file(clip, os.fspath(target), settings, reporter or Reporter())
        return cleaned.summary, cleaned.found.detection


def _opened(clip: Frames | str | os.PathLike[str]) -> VideoSource:
    return ArraySource(clip) if isinstance(clip, np.ndarray) else open_source(Path(clip))
