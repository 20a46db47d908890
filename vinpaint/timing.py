"""Positions and ranges in a clip, as users write them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from vinpaint.errors import UsageError

_CLOCK = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d{1,2}(?:\.\d+)?)")
_SECONDS = re.compile(r"(\d+(?:\.\d+)?|\.\d+)s")


@dataclass(frozen=True)
class Position:
    """A place in a clip: a frame number from 0, or seconds after the first frame."""

    frame: int | None = None
    seconds: Fraction | None = None

    def reached(self, index: int, seconds: Fraction) -> bool:
        """Whether a frame, by number and seconds after the first, is at or after this place."""
        if self.frame is not None:
            return index >= self.frame
        return self.seconds is None or seconds >= self.seconds

    def in_seconds(self, rate: Fraction) -> Fraction:
        """Seconds after the first frame; a frame number is converted at the average rate.

        Half a frame early: time stamps are rounded, in Matroska to milliseconds.
        """
        if self.seconds is not None:
            return self.seconds
        return max(Fraction(0), (self.frame or 0) - Fraction(1, 2)) / rate


@dataclass(frozen=True)
class Span:
    """Part of a clip: from ``start`` until just before ``end``; None = the clip's own."""

    start: Position | None = None
    end: Position | None = None

    def holds(self, index: int, seconds: Fraction) -> bool:
        """Whether a frame lies in the span."""
        after_start = self.start is None or self.start.reached(index, seconds)
        return after_start and not (self.end is not None and self.end.reached(index, seconds))

    def in_seconds(self, rate: Fraction) -> tuple[Fraction | None, Fraction | None]:
        """Both ends in seconds after the first frame; None = the clip's own."""
        start = self.start.in_seconds(rate) if self.start else None
        return start, self.end.in_seconds(rate) if self.end else None


def parse_position(text: str) -> Position:
    """Read ``120`` (frame), ``2.5s`` or ``HH:MM:SS.mmm``.

    Raises
    ------
    UsageError
        If it is none of these.

    Examples
    --------
    >>> parse_position("2.5s")
    Position(frame=None, seconds=Fraction(5, 2))
    """
    if text.isascii() and text.isdigit():
        return Position(frame=int(text))
    if match := _SECONDS.fullmatch(text):
        return Position(seconds=Fraction(match[1]))
    if match := _CLOCK.fullmatch(text):
        hours, minutes, seconds = match.groups()
        return Position(seconds=3600 * int(hours or 0) + 60 * int(minutes) + Fraction(seconds))
    raise UsageError(f"{text!r} is no place in a clip; write a frame number, 2.5s or HH:MM:SS.mmm")


def parse_span(start: str | None, end: str | None) -> Span:
    """Read both ends of a range; None = the clip's own.

    Raises
    ------
    UsageError
        If an end is no place, or the range ends before it begins.
    """
    span = Span(*(None if text is None else parse_position(text) for text in (start, end)))
    if span.start and span.end and span.end.reached(span.start.frame or 0, span.start.seconds or Fraction(0)):
        raise UsageError(f"the range from {start} to {end} is empty; name an end after its start")
    return span
