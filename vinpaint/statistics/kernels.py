"""The loops of the temporal statistics: rows in parallel, tiles that stay in the cache, no copy of the stack.

Every kernel takes stacks of shape (T, H, N), where N counts columns times interleaved channels, and writes
into arrays that its caller allocated. Medians are found bit by bit: the k-th smallest of T values is the largest
p with at most k values below p, so one counting pass per bit settles it exactly, in loops that vectorise.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from vinpaint.statistics.types import AnyArray

TILE = 512
"""Columns handled at a time: a hundred frames of them fit into the second-level cache."""


@njit(cache=True, nogil=True)
def _select(tile: AnyArray, width: int, bits: int, rank: int, value: AnyArray, lower: AnyArray) -> None:
    """Put the ``rank``-th smallest (from 0) of each of a tile's first ``width`` columns into ``value``."""
    trial = np.empty_like(value)
    for x in range(width):
        value[x] = 0
    for bit in range(bits - 1, -1, -1):
        for x in range(width):
            trial[x] = value[x] | (1 << bit)
            lower[x] = 0
        for t in range(tile.shape[0]):
            for x in range(width):
                lower[x] += tile[t, x] < trial[x]
        for x in range(width):
            if lower[x] <= rank:
                value[x] = trial[x]


@njit(cache=True, nogil=True)
def _twice_median(tile: AnyArray, width: int, bits: int, value: AnyArray, lower: AnyArray, out: AnyArray) -> None:
    """Put the sum of the two middle values (twice the only one for odd T) of each column into ``out``."""
    count = tile.shape[0]
    _select(tile, width, bits, (count - 1) // 2, value, lower)
    for x in range(width):
        out[x] = 2 * value[x]
    if count % 2:
        return
    upper = np.full_like(value, np.iinfo(value.dtype).max)
    for x in range(width):
        lower[x] = 0
    for t in range(count):
        for x in range(width):
            v = tile[t, x]
            lower[x] += v <= value[x]
            upper[x] = min(upper[x], v if v > value[x] else upper[x])
    for x in range(width):
        if lower[x] <= count // 2:
            out[x] += upper[x] - value[x]


@njit(cache=True, nogil=True)
def _load(stack: AnyArray, y: int, left: int, width: int, dy: int, dx: int, zero: int, tile: AnyArray) -> None:
    """Copy a piece of one row at all times; with (dy, dx) its difference to that neighbour, plus ``zero``."""
    offset = np.int32(zero)
    for t in range(stack.shape[0]):
        here, into = stack[t, y, left : left + width], tile[t]
        if dy == 0 and dx == 0:
            for x in range(width):
                into[x] = here[x]
        else:
            there = stack[t, y + dy, left + dx : left + dx + width]
            for x in range(width):
                into[x] = np.int32(there[x]) - np.int32(here[x]) + offset


@njit(cache=True, nogil=True)
def _deviate(tile: AnyArray, width: int, middle: AnyArray) -> None:
    """Replace values by twice their distance from the middle, which is given twice."""
    for t in range(tile.shape[0]):
        row = tile[t]
        for x in range(width):
            row[x] = abs(np.int32(2) * np.int32(row[x]) - middle[x])


@njit(cache=True, nogil=True, parallel=True)
def medians(
    stack: AnyArray, dy: int, dx: int, zero: int, bits: int, work: AnyArray, centre: AnyArray, spread: AnyArray
) -> None:
    """Median over time of values or differences and, where ``spread`` has room, the median deviation from it.

    Differences are stored with ``zero`` added, in numbers of ``bits`` bits. ``work`` is an empty array of the type
    that holds them, doubled.
    """
    rows, columns = centre.shape
    for y in prange(rows):
        tile = np.empty((stack.shape[0], TILE), work.dtype)
        value = np.empty(TILE, work.dtype)
        lower = np.empty(TILE, np.uint16)
        twice = np.empty(TILE, np.int32)
        for left in range(0, columns, TILE):
            width = min(TILE, columns - left)
            _load(stack, y, left, width, dy, dx, zero, tile)
            _twice_median(tile, width, bits, value, lower, twice)
            for x in range(width):
                centre[y, left + x] = np.float32(0.5) * np.float32(twice[x] - 2 * zero)
            if spread.size:
                _deviate(tile, width, twice)
                _twice_median(tile, width, bits + 1, value, lower, twice)
                for x in range(width):
                    spread[y, left + x] = np.float32(0.25) * np.float32(twice[x])


@njit(cache=True, nogil=True, parallel=True)
def moments(stack: AnyArray, dy: int, dx: int, work: AnyArray, mean: AnyArray, deviation: AnyArray) -> None:
    """Mean and population deviation over time of values or of differences to the neighbour at (dy, dx).

    ``work`` is an empty array of the integer type that holds the sum of squares.
    """
    count = stack.shape[0]
    rows, columns = mean.shape
    for y in prange(rows):
        total, squares = np.empty(TILE, work.dtype), np.empty(TILE, work.dtype)
        for left in range(0, columns, TILE):
            width = min(TILE, columns - left)
            total[:] = 0
            squares[:] = 0
            for t in range(count):
                here = stack[t, y, left : left + width]
                there = stack[t, y + dy, left + dx : left + dx + width]
                _add(here, there, dy != 0 or dx != 0, total, squares)
            for x in range(width):
                centre = total[x] / count
                mean[y, left + x] = centre
                deviation[y, left + x] = np.sqrt(max(squares[x] / count - centre * centre, 0.0))


@njit(cache=True, nogil=True)
def _add(here: AnyArray, there: AnyArray, differs: bool, total: AnyArray, squares: AnyArray) -> None:
    """Add values, or their differences to the neighbours, and the squares to the sums."""
    if differs:
        for x in range(here.size):
            v = total.dtype.type(there[x]) - total.dtype.type(here[x])
            total[x] += v
            squares[x] += v * v
    else:
        for x in range(here.size):
            v = total.dtype.type(here[x])
            total[x] += v
            squares[x] += v * v


@njit(cache=True, nogil=True, parallel=True)
def extremes(stack: AnyArray, low: AnyArray, high: AnyArray) -> None:
    """Smallest and largest value over time."""
    rows, columns = low.shape
    for y in prange(rows):
        for x in range(columns):
            low[y, x] = stack[0, y, x]
            high[y, x] = stack[0, y, x]
        for t in range(1, stack.shape[0]):
            for x in range(columns):
                low[y, x] = min(low[y, x], stack[t, y, x])
                high[y, x] = max(high[y, x], stack[t, y, x])


@njit(cache=True, nogil=True, parallel=True)
def modes(stack: AnyArray, levels: int, value: AnyArray, votes: AnyArray) -> None:
    """Most frequent value over time (the smallest of several) and how often it occurs."""
    count, rows, columns = stack.shape
    for y in prange(rows):
        histogram = np.zeros(levels, np.uint16)
        for x in range(columns):
            best, most = 0, 0
            for t in range(count):
                v = int(stack[t, y, x])
                histogram[v] += 1
                n = int(histogram[v])
                if n > most or (n == most and v < best):
                    best, most = v, n
            value[y, x] = best
            votes[y, x] = most
            for t in range(count):  # clearing what was touched is cheaper than clearing all levels
                histogram[stack[t, y, x]] = 0


@njit(cache=True, nogil=True, parallel=True)
def block_means(stack: AnyArray, factor: int, gain: int, out: AnyArray) -> None:
    """Mean over blocks of ``factor`` x ``factor`` values times ``gain``, rounded."""
    count, rows, columns = out.shape
    area = np.uint32(factor * factor)
    for y in prange(rows):
        total = np.empty(columns * factor, np.uint32)
        for t in range(count):
            total[:] = 0
            for v in range(factor * y, factor * (y + 1)):
                row = stack[t, v]
                for x in range(columns * factor):
                    total[x] += np.uint32(row[x])
            for x in range(columns):
                block = np.uint32(0)
                for u in range(factor):
                    block += total[x * factor + u]
                out[t, y, x] = (np.uint32(gain) * block + area // np.uint32(2)) // area


@njit(cache=True, nogil=True, parallel=True)
def flagged_sums(
    stack: AnyArray, flags: AnyArray, factor: int, across: AnyArray, down: AnyArray, times: AnyArray
) -> None:
    """Sums of the forward differences over the times at which a pixel's block is flagged, and their number."""
    count, rows, columns = stack.shape
    last_row, last_column = flags.shape[1] - 1, flags.shape[2] - 1
    for y in prange(rows):
        block_row = min(y // factor, last_row)
        below = min(y + 1, rows - 1)
        for t in range(count):
            for block in range(last_column + 1):
                if not flags[t, block_row, block]:
                    continue
                stop = columns if block == last_column else (block + 1) * factor
                for x in range(block * factor, stop):
                    here = np.int32(stack[t, y, x])
                    across[y, x] += np.int32(stack[t, y, min(x + 1, columns - 1)]) - here
                    down[y, x] += np.int32(stack[t, below, x]) - here
                    times[y, x] += 1
