"""Which frames of a clip to take statistics from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]

SAMPLES = 100
"""Frames that tell a static blemish from a moving scene; more tell little more."""


def sample_frames(count: int, wanted: int = SAMPLES) -> Indices:
    """Indices of evenly spread frames: the middles of ``wanted`` equal parts of the clip.

    Parameters
    ----------
    count : int
        Frames of the clip.
    wanted : int
        At most so many are taken; all of them when the clip has no more.

    Returns
    -------
    (min(count, wanted),) int64
        Strictly rising.

    Raises
    ------
    ValueError
        If a number is negative, or no frame is wanted.
    """
    if count < 0 or wanted < 1:
        raise ValueError(f"cannot take {wanted} of {count} frames; give a count of 0 or more and want 1 or more")
    taken = min(count, wanted)
    return (2 * np.arange(taken, dtype=np.int64) + 1) * count // (2 * max(taken, 1))


def sample_shots(starts: Sequence[int], count: int, wanted: int = SAMPLES) -> tuple[Indices, Indices]:
    """Frames spread evenly over a clip, and the shot that each belongs to.

    Parameters
    ----------
    starts : sequence of int
        First frame of every shot, rising; the first is 0.
    count : int
        Frames of the clip.
    wanted : int
        At most so many are taken.

    Returns
    -------
    indices, shots : (N,) int64
        Rising indices of frames; the number of each one's shot, from 0.
    """
    indices = sample_frames(count, wanted)
    return indices, np.searchsorted(np.asarray(starts, np.int64), indices, side="right").astype(np.int64) - 1
