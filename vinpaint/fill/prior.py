"""What is known of a blemish before a clip is filled: given as maps or as a template of the mark."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from vinpaint.contracts import Blemish, Frames
from vinpaint.detect.registration import blemish_of, register
from vinpaint.errors import UsageError
from vinpaint.masks.template import read_template
from vinpaint.reporting import Reporter
from vinpaint.statistics.sampling import SAMPLES
from vinpaint.timing import Span
from vinpaint.video import VideoSource, rotate
from vinpaint.video.planes import eight_bits

_A_PIXEL = 8  # bytes a pixel of a sample takes: its planes, RGB, grey, and maps over time
_LEAST_SAMPLES = 24


def given_blemish(
    source: VideoSource, alpha: Path, colour: Path, span: Span, reporter: Reporter, *, memory: int
) -> Blemish:
    """A mark that the user knows.

    Parameters
    ----------
    source : VideoSource
        The clip; it is sampled when the maps are smaller than its frames, and not iterated.
    alpha, colour : Path
        Pictures of the opacity and the colour, of the frames' displayed size or smaller.
    span : Span
        Part of the clip that shows the mark.
    reporter : Reporter
        Hears where a template was found.
    memory : int
        Bytes for samples, about.

    Returns
    -------
    Blemish
        Displayed orientation.

    Raises
    ------
    MaskError
        If a picture cannot be read, or the mark is not found.
    """
    template = read_template(alpha, colour)
    if template.alpha.shape[::-1] == source.info.displayed:
        return blemish_of(template.alpha, template.colour)
    reporter.progress("look", 0, None)
    found = register(_sampled(source, span, memory), template)
    ys, xs = np.nonzero(found.mask)
    reporter.note(
        f"the mark was found: {np.ptp(xs) + 1}x{np.ptp(ys) + 1} at {xs.min()},{ys.min()}, "
        f"opacity up to {found.alpha.max():.2f}"
    )
    return found


def stored(blemish: Blemish, rotation: int) -> Blemish:
    """A blemish of displayed orientation in that of the stored frames, which a player turns by ``rotation`` degrees."""
    error = blemish.alpha_error
    return replace(
        blemish,
        mask=rotate(blemish.mask, -rotation),
        alpha=rotate(blemish.alpha, -rotation),
        colour=rotate(blemish.colour, -rotation),
        confidence=rotate(blemish.confidence, -rotation),
        alpha_error=None if error is None else rotate(error, -rotation),
    )


def _sampled(source: VideoSource, span: Span, memory: int) -> Frames:
    """(N, H, W, 3) uint8 in displayed orientation."""
    info = source.info
    count = max(_LEAST_SAMPLES, min(SAMPLES, memory // (_A_PIXEL * info.whole.area)))
    frames = source.sample(count, *span.in_seconds(info.rate)).frames
    if not frames:
        raise UsageError(f"no frame of {info.path} lies in the range; check --start and --end")
    return np.stack([rotate(eight_bits(frame.rgb()), info.rotation) for frame in frames])
