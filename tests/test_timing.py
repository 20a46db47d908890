"""Positions and ranges as users write them."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vinpaint.errors import UsageError
from vinpaint.timing import Position, Span, parse_position, parse_span


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", Position(frame=0)),
        ("120", Position(frame=120)),
        ("2.5s", Position(seconds=Fraction(5, 2))),
        ("3s", Position(seconds=Fraction(3))),
        (".5s", Position(seconds=Fraction(1, 2))),
        ("01:02", Position(seconds=Fraction(62))),
        ("1:02:03.250", Position(seconds=Fraction(14893, 4))),
        ("00:00:00.040", Position(seconds=Fraction(1, 25))),
    ],
)
def test_positions(text: str, expected: Position) -> None:
    assert parse_position(text) == expected


@pytest.mark.parametrize("text", ["", "x", "-1", "1.5", "1e3", "2.5 s", "1:2:3:4", "s", "1:", "²", "٣"])
def test_what_is_no_position(text: str) -> None:
    with pytest.raises(UsageError, match="write a frame number"):
        parse_position(text)


@given(st.integers(0, 99), st.integers(0, 59), st.integers(0, 59_999))
def test_clock_and_seconds_agree(hours: int, minutes: int, milliseconds: int) -> None:
    total = Fraction(milliseconds, 1000) + 60 * minutes + 3600 * hours
    clock = f"{hours:02d}:{minutes:02d}:{milliseconds // 1000:02d}.{milliseconds % 1000:03d}"
    assert parse_position(clock).seconds == total
    assert parse_position(f"{float(total):.3f}s").seconds == total


@given(st.integers(0, 40), st.integers(1, 40), st.integers(0, 100))
def test_span_of_frames_is_a_slice(start: int, length: int, count: int) -> None:
    span = parse_span(str(start), str(start + length))
    held = [i for i in range(count) if span.holds(i, Fraction(i, 25))]
    assert held == list(range(count))[start : start + length]


def test_frames_and_seconds_name_the_same_span() -> None:
    rate = Fraction(30000, 1001)
    frames, seconds = parse_span("30", "60"), Span(Position(seconds=30 / rate), Position(seconds=60 / rate))
    for index in range(100):
        assert frames.holds(index, index / rate) == seconds.holds(index, index / rate)


def test_frames_of_a_range_of_seconds_are_those_named_though_times_are_rounded() -> None:
    rate = Fraction(30)
    times = [Fraction(round(1000 * index / rate), 1000) for index in range(100)]
    for first in range(40):
        start, end = parse_span(str(first), str(first + 4)).in_seconds(rate)
        held = [index for index, time in enumerate(times) if (start or 0) <= time < (end or 0)]
        assert held == [*range(first, first + 4)]


def test_open_spans() -> None:
    assert parse_span(None, None).holds(10**6, Fraction(10**6))
    assert parse_span(None, None).in_seconds(Fraction(25)) == (None, None)
    assert not parse_span(None, "5").holds(5, Fraction(0))
    assert parse_span("5", None).holds(5, Fraction(0))


@pytest.mark.parametrize(("start", "end"), [("8", "3"), ("4", "4"), ("2s", "00:00:01"), ("0", "0"), ("1s", "0")])
def test_an_empty_span_is_refused(start: str, end: str) -> None:
    with pytest.raises(UsageError, match="empty"):
        parse_span(start, end)


def test_an_empty_text_is_no_position() -> None:
    with pytest.raises(UsageError):
        parse_span("", None)
