"""Groups of like colours at every pixel: what it shows often, how often, and how steadily."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, prange

from vinpaint.statistics.temporal import flat
from vinpaint.statistics.types import AnyArray, FloatMap, Stack

MOST_CHANNELS = 4

_CELLS = 32  # of the histogram along each channel, at most: the 64 KiB of counts for colour stay in cache
_STEPS = 32  # of a mean shift; the flat kernel ends by itself, mostly within five
_TILE = 32  # pixels handled at a time


def clusters(stack: Stack, k: int, bandwidth: float) -> tuple[FloatMap, FloatMap, FloatMap]:
    """Up to ``k`` groups of like colours at every pixel, by mean shift in colour space.

    A histogram whose cells are about as wide as the bandwidth, or a 32nd of the range if that is more, gives the place
    to begin; the mean of all samples within the bandwidth is taken, then the mean of those around it, until it stays.
    Its samples are set aside, and the next group is looked for among the rest, until there are ``k``.

    Parameters
    ----------
    stack : (T, H, W) or (T, H, W, C) uint8 or uint16
        C at most 4.
    k : int
        Groups.
    bandwidth : float
        Radius of a group in the units of the stack, as Euclidean distance over the channels.

    Returns
    -------
    weights : (k, H, W) float32
        Share of the samples in each group, 0 to 1, falling; 0 where there are fewer groups.
    centres : (k, H, W) or (k, H, W, C) float32
        Mean of each group in the units of the stack; 0 where the weight is.
    spreads : (k, H, W) float32
        Standard deviation of each group around its centre: root mean square over its samples and channels.

    Raises
    ------
    ValueError
        If the stack is none of such frames, or ``k`` or the bandwidth is not positive.

    References
    ----------
    Comaniciu, Meer: Mean Shift: A Robust Approach Toward Feature Space Analysis, IEEE TPAMI 24(5), 2002, section 2
    (flat kernel; convergence).
    """
    rows = flat(stack)
    channels = stack.shape[3] if stack.ndim == 4 else 1
    if k < 1 or bandwidth <= 0 or not 1 <= channels <= MOST_CHANNELS:
        raise ValueError(f"{k} groups of radius {bandwidth} in {channels} channels; give positive ones and 1 to 4")
    height, width = stack.shape[1:3]
    weights = np.zeros((k, height, width), np.float32)
    spreads = np.zeros_like(weights)
    centres = np.zeros((k, height, width, channels), np.float32)
    levels = int(np.iinfo(rows.dtype).max) + 1
    cells = min(int(np.ceil(levels / bandwidth)), _CELLS)
    cell_of = (np.arange(levels) * cells // levels).astype(np.int32)
    _clusters(rows, float(bandwidth) ** 2, cell_of, weights, centres, spreads)
    return weights, centres.reshape(k, *stack.shape[1:]), spreads


@njit(cache=True, nogil=True, parallel=True)
def _clusters(
    stack: AnyArray, reach: float, cell_of: AnyArray, weights: AnyArray, centres: AnyArray, spreads: AnyArray
) -> None:
    """All groups of all pixels; ``reach`` is the squared bandwidth, ``cell_of`` the histogram's cell of a level."""
    count = stack.shape[0]
    _, rows, columns, channels = centres.shape
    cells = cell_of[-1] + 1
    for y in prange(rows):
        values = np.empty((_TILE, channels, count), np.float32)
        keys = np.empty((_TILE, count), np.int32)
        histogram = np.zeros(cells**channels, np.uint16)
        for left in range(0, columns, _TILE):
            width = min(_TILE, columns - left)
            _load(stack, y, left, width, cell_of, values, keys)
            for x in range(width):
                at = left + x
                _group(values[x], keys[x], histogram, reach, weights[:, y, at], centres[:, y, at], spreads[:, y, at])


@njit(cache=True, nogil=True)
def _group(
    values: AnyArray,
    keys: AnyArray,
    histogram: AnyArray,
    reach: float,
    weights: AnyArray,
    centres: AnyArray,
    spreads: AnyArray,
) -> None:
    """The groups of one pixel, largest first; the histogram is empty before and after."""
    channels, count = values.shape
    free = np.ones(count, np.float32)
    member = np.empty(count, np.float32)
    centre = np.empty(channels, np.float32)
    for t in range(count):
        histogram[keys[t]] += 1
    for group in range(weights.size):
        seed = _fullest(keys, free, histogram)
        if seed < 0:
            break
        centre[:] = values[:, seed]
        size, spread = _shift(values, free, reach, centre, member)
        for t in range(count):
            if member[t] > 0:
                free[t] = 0
                histogram[keys[t]] -= 1
        place = group
        while place and weights[place - 1] * count < size:
            weights[place], spreads[place] = weights[place - 1], spreads[place - 1]
            centres[place] = centres[place - 1]
            place -= 1
        weights[place], spreads[place] = size / count, spread
        centres[place] = centre
    for t in range(count):  # clearing what was touched is cheaper than clearing all cells
        histogram[keys[t]] = 0


@njit(cache=True, nogil=True)
def _load(stack: AnyArray, y: int, left: int, width: int, cell_of: AnyArray, values: AnyArray, keys: AnyArray) -> None:
    """Gather a few pixels' samples over time, and the histogram's cell of each."""
    channels, cells = values.shape[1], cell_of[-1] + 1
    for t in range(stack.shape[0]):
        for x in range(width):
            key = 0
            for c in range(channels):
                value = stack[t, y, (left + x) * channels + c]
                values[x, c, t] = value
                key = key * cells + cell_of[value]
            keys[x, t] = key


@njit(cache=True, nogil=True)
def _fullest(keys: AnyArray, free: AnyArray, histogram: AnyArray) -> int:
    """The first free sample of the fullest cell; -1 if none is free."""
    best, most = -1, 0
    for t in range(keys.size):
        if histogram[keys[t]] > most and free[t] > 0:
            best, most = t, int(histogram[keys[t]])
    return best


@njit(cache=True, nogil=True, fastmath=True)
def _shift(values: AnyArray, free: AnyArray, reach: float, centre: AnyArray, member: AnyArray) -> tuple[Any, Any]:
    """Move a centre to where it is the mean of the free samples around it; their number and spread."""
    channels, count = values.shape
    limit = np.float32(reach)  # in single precision all the loops vectorise
    distance = np.empty(count, np.float32)
    size = np.float32(0)
    spread = np.float32(0)
    for _ in range(_STEPS):
        distance[:] = 0
        for c in range(channels):
            middle = centre[c]
            for t in range(count):
                distance[t] += (values[c, t] - middle) * (values[c, t] - middle)
        size = np.float32(0)
        spread = np.float32(0)
        for t in range(count):
            member[t] = free[t] if distance[t] <= limit else np.float32(0)
            size += member[t]
            spread += member[t] * distance[t]
        moved = np.float32(0)
        for c in range(channels):
            total = np.float32(0)
            for t in range(count):
                total += member[t] * values[c, t]
            moved = max(moved, abs(total / size - centre[c]))
            centre[c] = total / size
        if moved == 0:
            break
    return size, np.sqrt(spread / (size * channels))
