"""From the mask a user gave to the mask of a stored frame: time span, growth, orientation."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from vinpaint.contracts import Mask
from vinpaint.errors import MaskError
from vinpaint.masks import MaskSource, coverage_warning, dilate, handles, read_mask
from vinpaint.reporting import Reporter
from vinpaint.timing import Span
from vinpaint.video import ClipInfo, Frame, rotate
from vinpaint.video import open_masks as open_mask_video


def open_masks(text: str, info: ClipInfo, reporter: Reporter, *, object_id: int | None = None) -> MaskSource:
    """Open masks of any format, a video included, and say how they were understood.

    Parameters
    ----------
    text : str
        A file, a folder, a video, or a box ``x,y,w,h[@t0-t1]``.
    info : ClipInfo
        The clip.
    reporter : Reporter
        Hears the interpretation, and a warning when it looks wrong.
    object_id : int, optional
        The only object to take.

    Raises
    ------
    MaskError
        If it cannot be read, or does not fit the clip.
    """
    if not handles(text):
        return open_mask_video(text, info)
    masks = read_mask(text, info.displayed, object_id=object_id)
    if info.frames_exact:
        masks.check_count(info.frames or 0)
    describe_masks(masks, reporter)
    return masks


def describe_masks(masks: MaskSource, reporter: Reporter) -> None:
    """Say how a static mask was understood, and warn when it hides nothing or nearly everything."""
    if masks.static:
        reporter.note(masks.describe())
        if warning := coverage_warning(masks.coverage):
            reporter.warn(warning)


class StoredMasks:
    """Gives the pipeline the mask of each frame, (H, W) bool in stored orientation; ask in order.

    Parameters
    ----------
    masks : MaskSource
        Displayed orientation.
    info : ClipInfo
        The clip.
    span : Span
        Outside of it nothing is hidden.
    growth : float
        Pixels by which hidden areas are grown.
    """

    def __init__(self, masks: MaskSource, info: ClipInfo, span: Span, growth: float) -> None:
        self._masks, self._info, self._span, self._growth = masks, info, span, growth
        self._nothing = np.zeros((info.height, info.width), np.bool_)
        self._last: tuple[Mask, Mask, float] | None = None
        self._start: Fraction | None = None
        self.in_span, self._hidden = 0, 0.0

    def __call__(self, index: int, frame: Frame) -> Mask:
        """The mask of a frame."""
        if self._start is None:
            self._start = frame.time
        seconds = frame.time - self._start
        if not self._span.holds(index, seconds):
            return self._nothing
        self.in_span += 1
        mask, hidden = self._stored(self._masks.frame(index, seconds))
        self._hidden += hidden
        return mask

    @property
    def static(self) -> Mask | None:
        """The one mask that frames of the span have; None if they have different ones."""
        return self._stored(self._masks.frame(0))[0] if self._masks.static else None

    @property
    def coverage(self) -> float:
        """Mean hidden share of the frames of the span so far."""
        return self._hidden / max(1, self.in_span)

    def _stored(self, mask: Mask) -> tuple[Mask, float]:
        """Grown and turned, and its hidden share; the same array again for the same mask, so that a static one is
        known as such.
        """
        if self._last is None or self._last[0] is not mask:
            if mask.shape[::-1] != self._info.displayed:
                ours, theirs = ("{}x{}".format(*size) for size in (mask.shape[::-1], self._info.displayed))
                raise MaskError(f"mask is {ours}, frames are {theirs}; scale it to the frames")
            grown = dilate(mask, self._growth) if self._growth else mask
            self._last = mask, rotate(grown, -self._info.rotation), float(grown.mean())
        return self._last[1:]
