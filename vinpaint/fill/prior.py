"""What is known of a blemish before a clip is filled: given as maps or a template of the mark, or measured."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from vinpaint.contracts import Blemish, Mask
from vinpaint.detect.job import take_samples
from vinpaint.detect.measure import measure_blemish
from vinpaint.detect.registration import blemish_of, register
from vinpaint.detect.static import FEWEST, SMALLEST
from vinpaint.fill.strength import can_follow, imprint
from vinpaint.fill.veil import part_of, surroundings, veil_of
from vinpaint.masks.template import read_template
from vinpaint.reporting import Reporter
from vinpaint.timing import Span
from vinpaint.video import VideoSource, rotate
from vinpaint.video.planes import eight_bits

_FRAMES = 60  # that tell what lifting leaves on the mean


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
    found = register(take_samples(source, span, memory).pictures, template)
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
    samples = take_samples(source, span, memory)
    if len(samples.pictures) < FEWEST:
        return None
    return measure_blemish(samples.pictures, mask, numbers=samples.numbers, shots=samples.shots)


def with_imprint(source: VideoSource, blemish: Blemish, mask: Mask, span: Span) -> Blemish:
    """A measured blemish that knows what frames keep of it on the mean when it is taken off.

    Parameters
    ----------
    source : VideoSource
        The clip; it is sampled, not iterated.
    blemish : Blemish
        Stored orientation.
    mask : (H, W) bool
        What is filled; stored orientation.
    span : Span
        Part of the clip that shows the blemish.

    Returns
    -------
    Blemish
        As it was if it has no fine detail, or its opacity is known exactly.
    """
    info = source.info
    if blemish.alpha_error is None:
        return blemish
    part = surroundings(mask, info.layout)
    veil = veil_of(part_of(blemish, part.slices), mask[part.slices], np.uint8, info.layout)
    if not can_follow(veil):
        return blemish
    frames = source.sample(_FRAMES, *span.in_seconds(info.rate)).frames
    slopes = [imprint(veil, veil.lift(eight_bits(frame.rgb(part)))).slope for frame in frames]
    return replace(blemish, imprint=float(np.mean(slopes))) if slopes else blemish


def stored(blemish: Blemish, rotation: int) -> Blemish:
    """A blemish of displayed orientation in that of the stored frames, which a player turns by ``rotation`` degrees."""
    return blemish.mapped(partial(rotate, degrees=-rotation))
