"""What stays while the scene changes: one vote a shot."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from vinpaint.statistics.temporal import flat, gradient_median, median
from vinpaint.statistics.types import AnyArray, FloatMap, Stack

_BAND = 64  # rows handled at a time, so that the shots' maps need little memory
_LEAST_GRADIENT = 0.5  # levels of 8 bits below which a gradient is rounding


def persistence(stack: Stack, shots: NDArray[np.integer], tolerance: float) -> tuple[FloatMap, FloatMap]:
    """The level of a pixel over the shots, and the share of them in which it keeps that.

    Every shot has one vote whatever its length, so a still scene that fills half of the clip does not count as half:
    what stays over many scenes belongs to none of them. The level is the median over the shots of each one's median.

    Parameters
    ----------
    stack : (T, H, W) or (T, H, W, C) uint8 or uint16
    shots : (T,) int
        The shot, or better the scene (:func:`scene_numbers`), of every frame.
    tolerance : float
        Largest difference of a shot's median to the level, in the units of the stack; all channels have to keep to it.

    Returns
    -------
    level : (H, W) or (H, W, C) float32
        In the units of the stack.
    share : (H, W) float32
        0 to 1; with one shot 1 everywhere.

    Raises
    ------
    ValueError
        If there is not one shot number for each frame.
    """

    def keeps(own: FloatMap, common: FloatMap) -> AnyArray:
        stays = np.abs(own - common) <= tolerance
        return np.asarray(stays if stays.ndim == 2 else stays.all(axis=2))

    return _votes(stack, shots, median, keeps, 0)


def gradient_persistence(stack: Stack, shots: NDArray[np.integer]) -> tuple[FloatMap, FloatMap]:
    """The static gradient over the shots, and the share of them in which it stays: what no single shot can tell.

    Within a shot a static scene keeps its edges just as a mark does; over shots only the mark's are left. The median
    over the shots of each one's median gradient finds them even where one still scene fills most of the clip. Every
    shot has one vote: whether its median gradient has, along that direction, at least half of that strength. By chance
    about half of the shots have, so shares well above that are evidence once there are half a dozen.

    Parameters
    ----------
    stack : (T, H, W) uint8 or uint16
        Grey.
    shots : (T,) int
        The shot, or better the scene (:func:`scene_numbers`), of every frame.

    Returns
    -------
    gradient : (2, H, W) float32
        Laid out like the result of :func:`gradient_median`, which it is with one shot.
    share : (H, W) float32
        0 to 1; 0 where nothing is left over the shots, with one shot 1 wherever it has a static gradient.

    Raises
    ------
    ValueError
        If the stack is none of grey frames, or there is not one shot number for each.

    References
    ----------
    Dekel, Rubinstein, Liu, Freeman: On the Effectiveness of Visible Watermarks, CVPR 2017, section 3.1 (over a
    collection of photographs, of which shots are the equivalent).
    """
    if stack.ndim != 3:
        raise ValueError(f"the stack is {stack.shape}; give grey frames (T, H, W)")
    least = _LEAST_GRADIENT * np.iinfo(flat(stack).dtype).max / 255

    def keeps(own: FloatMap, common: FloatMap) -> AnyArray:
        strength = common[0] ** 2 + common[1] ** 2
        along = own[0] * common[0] + own[1] * common[1]
        return np.asarray((along >= strength / 2) & (strength >= least**2))

    return _votes(stack, shots, gradient_median, keeps, 1)


def _votes(
    stack: Stack,
    shots: NDArray[np.integer],
    statistic: Callable[[Stack], FloatMap],
    keeps: Callable[[FloatMap, FloatMap], AnyArray],
    axis: int,
) -> tuple[FloatMap, FloatMap]:
    """Median over the shots of a statistic, and the share of them that keep to it.

    ``axis`` is that of the rows in a map of the statistic: 1 for differences, which look at one row below, else 0.
    """
    if shots.shape != (len(flat(stack)),):
        raise ValueError(f"{shots.size} shot numbers for {len(stack)} frames; give one for each")
    top = int(np.iinfo(stack.dtype).max)
    numbers = [_slice(np.flatnonzero(shots == shot)) for shot in np.unique(shots)]
    votes = np.zeros(stack.shape[1:3], np.float32)
    bands = []
    for start in range(0, len(votes), _BAND):
        into = votes[start : start + _BAND]
        rows = (slice(None),) * axis + (slice(len(into)),)
        band = stack[:, start : start + _BAND + axis]
        maps = np.stack([statistic(band[number])[rows] for number in numbers])
        common = _middle(maps, top)
        for own in maps:
            into += keeps(own, common)
        bands.append(common)
    return np.concatenate(bands, axis=axis), votes / np.float32(len(numbers))


def _middle(maps: AnyArray, top: int) -> FloatMap:
    """Median over the shots of values from −``top`` to ``top``: exact for 8 bits, to two of 65535 levels for 16."""
    gain = np.float32(min(2, np.iinfo(np.uint16).max / (2 * top)))
    codes = np.rint((maps + np.float32(top)) * gain).astype(np.uint16)
    middle = median(codes.reshape(len(codes), -1, codes.shape[-1]))
    return np.asarray(middle.reshape(codes.shape[1:]) / gain - np.float32(top))


def _slice(indices: NDArray[np.int64]) -> slice | NDArray[np.int64]:
    """Indices as a slice where they follow each other, to look instead of copy."""
    together = all(b - a == 1 for a, b in pairwise(indices.tolist()))
    return slice(int(indices[0]), int(indices[-1]) + 1) if together else indices
