"""Which frames of a clip to take statistics from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")
Indices = NDArray[np.int64]

SAMPLES = 120
"""Frames that tell a static blemish from a moving scene; more tell little more."""

BURST = (0, 3, 12, 18)
"""Frames of a burst, counted from its first: a Golomb ruler (0, 1, 4, 6) of three frames a mark.

Its differences are 3, 6, … 18 frames, each once: four pictures show every motion at six spacings.
"""

FEWEST_BURSTS = 6
"""With fewer, the clip is seen at too few places, and single frames are taken instead."""


@dataclass(frozen=True)
class Plan:
    """Frames to take from a clip: bursts of one pattern.

    Attributes
    ----------
    count : int
        Frames of the clip.
    starts : tuple of int
        First frame of every burst, rising; bursts do not overlap.
    offsets : tuple of int
        Frames of a burst counted from its first, rising from 0.
    """

    count: int
    starts: tuple[int, ...]
    offsets: tuple[int, ...] = (0,)

    @property
    def indices(self) -> Indices:
        """(N,) strictly rising numbers of all the frames, from 0 to below ``count``."""
        return np.add.outer(np.array(self.starts, np.int64), np.array(self.offsets, np.int64)).ravel()


@dataclass(frozen=True)
class Taken(Generic[T]):
    """An item of a stream, its number from 0, and its shot."""

    item: T
    index: int
    shot: int


def plan_samples(count: int, wanted: int = SAMPLES) -> Plan:
    """Frames spread evenly over a clip: all, every so many, or, when these would lie far apart, bursts.

    Statistics over time want frames from everywhere; motion wants neighbours. Evenly spread frames serve both while
    they are about as dense as a burst.

    Parameters
    ----------
    count : int
        Frames of the clip.
    wanted : int
        At most so many are taken; all of them when the clip has no more.

    Raises
    ------
    ValueError
        If a number is negative, or no frame is wanted.
    """
    if count < 0 or wanted < 1:
        raise ValueError(f"cannot take {wanted} of {count} frames; give a count of 0 or more and want 1 or more")
    bursts = wanted // len(BURST)
    if bursts < FEWEST_BURSTS or count < bursts * (BURST[-1] + 1):
        return Plan(count, _middles(count, min(count, wanted)))
    return Plan(count, tuple(middle - BURST[-1] // 2 for middle in _middles(count, bursts)), BURST)


def take(plan: Plan, items: Iterable[tuple[T, int]]) -> Iterator[Taken[T]]:
    """The planned items of a stream of items and their shots.

    A burst that would cross a cut begins anew after it, if it ends before the next one begins; else it is cut short.
    No more than a burst is held, and nothing is read after the last.

    Parameters
    ----------
    plan : Plan
    items : iterable of (T, int)
        Items in order, each with the number of its shot; more or fewer than planned.

    Yields
    ------
    Taken
        In order.
    """
    limits = (*plan.starts[1:], plan.count)
    burst: list[Taken[T]] = []
    start, turn = -1, 0
    for index, (item, shot) in enumerate(items):
        if turn < len(plan.starts) and index == plan.starts[turn]:
            yield from burst
            burst, start, turn = [], index, turn + 1
        if burst and len(burst) < len(plan.offsets) and shot != burst[0].shot:
            if index + plan.offsets[-1] >= limits[turn - 1]:
                continue
            burst, start = [], index
        if start >= 0 and index - start in plan.offsets:
            burst.append(Taken(item, index, shot))
        if turn == len(plan.starts) and len(burst) == len(plan.offsets):
            break
    yield from burst


def _middles(count: int, parts: int) -> tuple[int, ...]:
    """The middles of equal parts of a clip."""
    return tuple((2 * part + 1) * count // (2 * parts) for part in range(parts))
