"""vinpaint for programs: arrays in and arrays out, or files in and files out."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from vinpaint.cleaning import clean_file, whole_frames
from vinpaint.contracts import Blemish, Filled, Frames, Mask
from vinpaint.detect import Detection
from vinpaint.detect.job import detect_file
from vinpaint.errors import MaskError, UsageError
from vinpaint.fill.job import FillSettings, Summary, fill_file, prepared
from vinpaint.fill.masking import StoredMasks, describe_masks, open_masks
from vinpaint.fill.pipeline import WindowPlan, fill_stream
from vinpaint.fill.registry import create
from vinpaint.fill.threads import single_threaded
from vinpaint.leak.result import Leak
from vinpaint.masks import from_array
from vinpaint.reporting import Reporter
from vinpaint.timing import Span
from vinpaint.video import VideoSource, open_source
from vinpaint.video.arrays import ArraySource
from vinpaint.video.shots import shot_numbers


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
    mask: Mask,
    *,
    method: str = "auto",
    quality: str = "balanced",
    flow: str | None = None,
    device: str = "auto",
    dilate: float = 0,
    refine: bool = True,
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
        ``auto``, ``unblend``, ``flow``, ``spatial``, ``median`` or a baseline; ``vinpaint methods`` lists them.
    quality : str
        ``fast``, ``balanced`` or ``best``.
    flow : str, optional
        Estimator of motion, for methods that estimate it; by default chosen by the quality. See
        :func:`vinpaint.flow.estimate.estimator`.
    device : str
        Where networks run: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
    dilate : float
        Pixels by which the mask is grown first.
    refine : bool
        Whether the refinement network takes part, where the method has one and its weights are there.
    blemish : Blemish, optional
        What is known of a static blemish, from :func:`detect`; methods that make use of it measure it if it is not
        given.

    Returns
    -------
    Filled
        Frames, confidence and origin; outside the mask the frames equal the input.

    Raises
    ------
    UsageError
        If there is no such method, quality, estimator or device, or the frames are of another kind.
    DependencyError
        If something is missing that the method needs.
    MaskError
        If the mask is not bool, or does not fit the frames.

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
    settings = FillSettings(method=method, quality=quality, flow=flow, device=device, refine=refine)
    source = ArraySource(frames)
    _check_mask(mask, dilate, blemish, source.info.displayed)
    masks = from_array(mask)
    masks.check_count(len(frames))
    stored = StoredMasks(masks, source.info, settings.span, dilate)
    chosen, blemish = prepared(source, stored.static, settings, Reporter(), blemish)
    plan = WindowPlan(chosen.look_around)
    with single_threaded():
        results = list(fill_stream(shot_numbers(source), stored, chosen, lambda _: plan, blemish=blemish))
    return Filled(
        np.stack([result.frame.rgb() for result in results]),
        np.stack([result.confidence() for result in results]),
        np.stack([result.origin() for result in results]),
    )


def _check_mask(mask: Mask, dilate: float, blemish: Blemish | None, size: tuple[int, int]) -> None:
    if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_:
        kind = mask.dtype if isinstance(mask, np.ndarray) else type(mask).__name__
        raise MaskError(f"mask is {kind}; give an array of bool, True = hidden (levels: mask > 127)")
    if not dilate >= 0:
        raise UsageError(f"dilate is {dilate}; give 0 pixels or more")
    if blemish is not None and blemish.mask.shape[::-1] != size:
        raise UsageError(f"blemish is {blemish!r}, frames are {size[0]}x{size[1]}; detect it on these frames")


def clean(
    frames: Frames,
    *,
    method: str = "auto",
    quality: str = "balanced",
    flow: str | None = None,
    device: str = "auto",
    dilate: float = 0,
    refine: bool = True,
) -> tuple[Filled, Detection]:
    """Find static blemishes in frames in memory and fill them.

    Parameters
    ----------
    frames : (T, H, W, 3) uint8 or uint16
        RGB; never changed.
    method, quality, flow, device, dilate, refine
        As for :func:`fill`.

    Returns
    -------
    filled : Filled
        The frames; equal to the input when nothing was found.
    detection : Detection
        What was found, and why.

    Raises
    ------
    UsageError
        If there is no such method, quality, estimator or device, or the frames are of another kind.
    DependencyError
        If something is missing that the method needs.
    """
    if not isinstance(frames, np.ndarray):
        raise UsageError(f"frames are a {type(frames).__name__}; give an array, or use clean_video for files")
    blind = create(method, quality=quality).blind
    detection = whole_frames(frames.shape[2:0:-1], method) if blind else detect(frames)
    blemish = detection.blemish
    filled = fill(
        frames,
        blemish.mask,
        method=method,
        quality=quality,
        flow=flow,
        device=device,
        dilate=dilate,
        refine=refine,
        blemish=blemish,
    )
    return filled, detection


def fill_video(
    source: str | os.PathLike[str],
    mask: str | os.PathLike[str] | Mask,
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

    Returns
    -------
    Summary
        Pixels by origin, and the damage met in the source.

    Raises
    ------
    VinpaintError
        With nothing left at the target that was not there before.
    """
    settings, reporter = settings or FillSettings(), reporter or Reporter()
    given = from_array(mask) if isinstance(mask, np.ndarray) else os.fspath(mask)
    with open_source(source) as clip:
        settings.check(clip.info, os.fspath(target), *([Path(given)] if isinstance(given, str) else []))
        if isinstance(given, str):
            masks = open_masks(given, clip.info, reporter)
        else:
            masks = given
            describe_masks(masks, reporter)
        return fill_file(clip, masks, os.fspath(target), settings, reporter)


def clean_video(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    settings: FillSettings | None = None,
    reporter: Reporter | None = None,
) -> tuple[Summary, Detection]:
    """Find static blemishes in a clip on disk, fill them, and write another, as ``vinpaint clean`` does.

    Parameters are those of :func:`fill_video`, without the mask, and so are the errors.

    Returns
    -------
    summary : Summary
        Pixels by origin, and the damage met in the source.
    detection : Detection
        What was found, and why.
    """
    settings = settings or FillSettings()
    with open_source(source) as clip:
        settings.check(clip.info, os.fspath(target))
        cleaned = clean_file(clip, os.fspath(target), settings, reporter or Reporter())
        return cleaned.summary, cleaned.detection


def leak(
    clip: Frames | str | os.PathLike[str],
    *,
    method: str = "learned",
    virtual_background: Frames | None = None,
    segmenter: str | os.PathLike[str] | None = None,
    reporter: Reporter | None = None,
) -> Leak:
    """Reconstruct the room behind a virtual background from what leaks through it.

    Parameters
    ----------
    clip : (T, H, W, 3) uint8 or uint16, or path-like
        RGB frames of a call, 8 or more, or anything the command line takes.
    method : str
        ``learned``: a small network tells the mask of the service; or ``statistics``.
    virtual_background : (H, W, 3) uint8, optional
        RGB, of the frames' size as displayed; estimated if it is not given.
    segmenter : path-like, optional
        ONNX model of a segmenter of people; by default statistics tell the person.
    reporter : Reporter, optional
        Hears progress.

    Returns
    -------
    Leak
        The room, where it is known, and how much of it each frame shows.

    Raises
    ------
    InputError
        If the clip or the segmenter cannot be read, or the clip is too short.
    UsageError
        If there is no such method, an array is of another kind, or the call does not show the background.
    DependencyError
        If a segmenter is given and onnxruntime is missing.
    """
    from vinpaint.leak.job import LeakSettings, find_leaks

    settings = LeakSettings(
        method=method, background=virtual_background, segmenter=None if segmenter is None else Path(segmenter)
    )
    with _opened(clip) as source:
        return find_leaks(source, settings, reporter or Reporter())


def _opened(clip: Frames | str | os.PathLike[str]) -> VideoSource:
    return ArraySource(clip) if isinstance(clip, np.ndarray) else open_source(Path(clip))
