"""What is known of a blemish before a clip is filled: given as maps or a template of the mark, or measured."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vinpaint.contracts import Blemish, Frames, Mask
from vinpaint.detect.measure import measure_blemish
from vinpaint.detect.registration import blemish_of, register
from vinpaint.detect.static import FEWEST, SMALLEST
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
    found = register(_sampled(source, span, memory).pictures, template)
    ys, xs = np.nonzero(found.mask)
    reporter.note(
        f"the mark was found: {np.ptp(xs) + 1}x{np.ptp(ys) + 1} at {xs.min()},{ys.min()}, "
        f"opacity up to {found.alpha.max():.2f}"
    )
    return found


def measured_blemish(source: VideoSource, mask: Mask, span: Span, reporter: Reporter, *, memory: int) -> Blemish | None:
    """Opacity and colour of what a mask hides, from samples of the clip.

    Parameters
    ----------
    source : VideoSource
        The clip; it is sampled, not iterated.
    mask : (H, W) bool
        Displayed orientation.
    span : Span
        Part of the clip that shows the blemish.
    reporter : Reporter
        Hears progress.
    memory : int
        Bytes for samples, about.

    Returns
    -------
    Blemish or None
        Displayed orientation; None if the clip is too short or too small to tell anything.
    """
    if not mask.any() or min(mask.shape) < SMALLEST or not 0 < mask.mean() < 1:
        return None
    reporter.progress("look", 0, None)
    samples = _sampled(source, span, memory)
    if len(samples.pictures) < FEWEST:
        return None
    return measure_blemish(samples.pictures, mask, numbers=samples.numbers, shots=samples.shots)


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


@dataclass(frozen=True, eq=False)
class _Samples:
    """Frames from all over a clip, (N, H, W, 3) uint8 in displayed orientation, their numbers and those of shots."""

    pictures: Frames
    numbers: NDArray[np.int64]
    shots: NDArray[np.int64] | None


def _sampled(source: VideoSource, span: Span, memory: int) -> _Samples:
    info = source.info
    count = max(_LEAST_SAMPLES, min(SAMPLES, memory // (_A_PIXEL * info.whole.area)))
    taken = source.sample(count, *span.in_seconds(info.rate))
    if not taken.frames:
        raise UsageError(f"no frame of {info.path} lies in the range; check --start and --end")
    pictures = np.stack([rotate(eight_bits(frame.rgb()), info.rotation) for frame in taken.frames])
    shots = None if taken.shots is None else np.array(taken.shots)
    return _Samples(pictures, np.array(taken.numbers), shots)
