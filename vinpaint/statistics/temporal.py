"""Statistics over time of every pixel of a stack of frames.

All functions take ``(T, H, W)`` or ``(T, H, W, C)`` stacks of uint8 or uint16, T from 1 to 65535, use all cores,
and need memory for their result only (a few rows at a time are copied; never the stack).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vinpaint.statistics import kernels
from vinpaint.statistics.types import AnyArray, FloatMap, Stack

Maps: TypeAlias = tuple[FloatMap, FloatMap]


def median(stack: Stack) -> FloatMap:
    """Exact median over time, like ``np.median(stack, axis=0)``.

    Parameters
    ----------
    stack : (T, H, W) or (T, H, W, C) uint8 or uint16

    Returns
    -------
    (H, W) or (H, W, C) float32
        In the units of the stack; whole or half numbers.

    Raises
    ------
    ValueError
        If the stack has no frame, another shape or another type.
    """
    return _medians(stack, 0, 0, deviation=False)[0]


def median_and_mad(stack: Stack) -> tuple[FloatMap, FloatMap]:
    """Median over time and the median absolute deviation from it (unscaled).

    Parameters
    ----------
    stack : (T, H, W) or (T, H, W, C) uint8 or uint16

    Returns
    -------
    median, mad : (H, W) or (H, W, C) float32
        In the units of the stack; 1.4826 times the second estimates a normal distribution's deviation.
    """
    return _medians(stack, 0, 0, deviation=True)


def gradient_median(stack: Stack) -> FloatMap:
    """Median over time of the signed forward differences: moving content cancels, what stands still remains.

    Parameters
    ----------
    stack : (T, H, W) or (T, H, W, C) uint8 or uint16

    Returns
    -------
    (2, H, W) or (2, H, W, C) float32
        Horizontal, then vertical differences, right minus left and lower minus upper; 0 in the last column
        (horizontal) and the last row (vertical).

    References
    ----------
    Dekel, Rubinstein, Liu, Freeman: On the Effectiveness of Visible Watermarks, CVPR 2017, section 3.1.
    """
    return _of_gradient(stack, partial(_medians, deviation=False))[0]


def gradient_median_and_mad(stack: Stack) -> tuple[FloatMap, FloatMap]:
    """Median over time of the signed forward differences, and their median absolute deviation.

    Parameters
    ----------
    stack : (T, H, W) or (T, H, W, C) uint8 or uint16

    Returns
    -------
    median, mad : (2, H, W) or (2, H, W, C) float32
        Laid out like the result of :func:`gradient_median`.
    """
    return _of_gradient(stack, partial(_medians, deviation=True))


def mean_and_deviation(stack: Stack) -> tuple[FloatMap, FloatMap]:
    """Mean and (population) standard deviation over time.

    Parameters
    ----------
    stack : (T, H, W) or (T, H, W, C) uint8 or uint16

    Returns
    -------
    mean, deviation : (H, W) or (H, W, C) float32
    """
    return _moments(stack, 0, 0)


def gradient_deviation(stack: Stack) -> FloatMap:
    """Root mean square over time of the forward differences' deviation from their mean.

    Parameters
    ----------
    stack : (T, H, W) or (T, H, W, C) uint8 or uint16

    Returns
    -------
    (2, H, W) or (2, H, W, C) float32
        Laid out like the result of :func:`gradient_median`.
    """
    return _of_gradient(stack, _moments)[1]


def gradient_mean_where(stack: Stack, flags: NDArray[np.bool_], factor: int) -> tuple[FloatMap, FloatMap]:
    """Mean of the forward differences over some of the frames, chosen block by block.

    Parameters
    ----------
    stack : (T, H, W) uint8 or uint16
    flags : (T, H // factor, W // factor) bool
        Which frames count, for every square block of pixels; the last blocks reach to the border.
    factor : int
        Side of the blocks.

    Returns
    -------
    mean : (2, H, W) float32
        Laid out like the result of :func:`gradient_median`; 0 where no frame counts.
    share : (H, W) float32
        Share of the frames that count, 0 to 1.

    Raises
    ------
    ValueError
        If the stack is none of grey frames, or the flags do not fit it.
    """
    rows = flat(stack)
    expected = (len(stack), stack.shape[1] // factor, stack.shape[2] // factor)
    if stack.ndim != 3 or flags.shape != expected or 0 in expected:
        raise ValueError(f"flags {flags.shape} do not fit a stack {stack.shape} in blocks of {factor}")
    total = np.zeros((2, *stack.shape[1:]), _sum_type(len(stack) * int(np.iinfo(stack.dtype).max)))
    times = np.zeros(stack.shape[1:], np.int32)
    kernels.flagged_sums(rows, flags, factor, total[0], total[1], times)
    mean = (total / np.maximum(times, 1)).astype(np.float32)
    return mean, (times / len(stack)).astype(np.float32)


def extremes(stack: Stack) -> tuple[AnyArray, AnyArray]:
    """Smallest and largest value over time, in the type of the stack.

    Parameters
    ----------
    stack : (T, H, W) or (T, H, W, C) uint8 or uint16

    Returns
    -------
    low, high : (H, W) or (H, W, C) of the stack's type
    """
    rows = flat(stack)
    low, high = np.empty_like(rows[0]), np.empty_like(rows[0])
    kernels.extremes(rows, low, high)
    return low.reshape(stack.shape[1:]), high.reshape(stack.shape[1:])


def mode(stack: Stack) -> tuple[AnyArray, FloatMap]:
    """Most frequent value over time, the smallest of several, and the share of the time it has.

    Parameters
    ----------
    stack : (T, H, W) or (T, H, W, C) uint8 or uint16

    Returns
    -------
    value : (H, W) or (H, W, C) of the stack's type
    share : (H, W) or (H, W, C) float32
        0 to 1.
    """
    rows = flat(stack)
    value, votes = np.empty_like(rows[0]), np.empty(rows.shape[1:], np.uint16)
    kernels.modes(rows, int(np.iinfo(rows.dtype).max) + 1, value, votes)
    share = votes.astype(np.float32) / np.float32(len(stack))
    return value.reshape(stack.shape[1:]), share.reshape(stack.shape[1:])


def block_means(stack: Stack, factor: int, *, gain: int = 1) -> NDArray[np.uint16]:
    """Frames averaged over square blocks, as fixed-point numbers: a mean is worth fractions of a level.

    Parameters
    ----------
    stack : (T, H, W) uint8 or uint16
    factor : int
        Side of the blocks; rows and columns beyond the last whole block are left out.
    gain : int
        Units per level of the input.

    Returns
    -------
    (T, H // factor, W // factor) uint16
        Means times ``gain``, rounded.

    Raises
    ------
    ValueError
        If the stack is none of grey frames, the blocks have more than 256 pixels a side, or ``gain`` times the largest
        possible value does not fit.
    """
    rows = flat(stack)
    fits = 1 <= factor <= 256 and gain * int(np.iinfo(stack.dtype).max) <= np.iinfo(np.uint16).max
    if stack.ndim != 3 or not fits:
        raise ValueError(f"gain {gain} in blocks of {factor} does not fit {stack.dtype} frames {stack.shape[1:]}")
    out = np.empty((len(stack), stack.shape[1] // factor, stack.shape[2] // factor), np.uint16)
    kernels.block_means(rows, factor, gain, out)
    return out


def flat(stack: Stack) -> AnyArray:
    """The stack as (T, H, W·C), checked: 1 to 65535 grey or colour frames of uint8 or uint16."""
    if stack.ndim not in (3, 4) or stack.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"the stack is {stack.dtype} {stack.shape}; give uint8 or uint16 (T, H, W) or (T, H, W, C)")
    if not 1 <= len(stack) <= np.iinfo(np.uint16).max:
        raise ValueError(f"the stack holds {len(stack)} frames; give 1 to 65535")
    return stack.reshape(*stack.shape[:2], int(np.prod(stack.shape[2:])))


def _shape(stack: Stack, dy: int, dx: int) -> tuple[int, ...]:
    """The shape of a map of differences to the neighbour at (dy, dx)."""
    _, height, width, *channels = stack.shape
    return (height - dy, width - dx, *channels)


def _of_gradient(stack: Stack, statistic: Callable[[Stack, int, int], Maps]) -> Maps:
    """Two statistics of the horizontal and vertical forward differences: (2, H, W) or (2, H, W, C), 0 at the border."""
    results = np.zeros((2, *stack.shape[1:]), np.float32), np.zeros((2, *stack.shape[1:]), np.float32)
    for axis, (dy, dx) in enumerate(((0, 1), (1, 0))):
        if stack.shape[1] > dy and stack.shape[2] > dx:
            for result, part in zip(results, statistic(stack, dy, dx), strict=True):
                if part.size:
                    result[axis, : part.shape[0], : part.shape[1]] = part
    return results


def _medians(stack: Stack, dy: int, dx: int, *, deviation: bool) -> Maps:
    """Median of values (dy = dx = 0) or of differences to the neighbour at (dy, dx); their MAD, or nothing."""
    rows = flat(stack)
    top = int(np.iinfo(rows.dtype).max)
    zero = top if dy or dx else 0
    shape = _shape(stack, dy, dx)
    centre = np.empty((shape[0], int(np.prod(shape[1:]))), np.float32)
    spread = np.empty(centre.shape if deviation else (0, 0), np.float32)
    largest = (2 if deviation else 1) * (top + zero)
    work = np.empty(0, np.min_scalar_type(largest))
    kernels.medians(rows, dy, dx * int(np.prod(stack.shape[3:])), zero, (top + zero).bit_length(), work, centre, spread)
    return centre.reshape(shape), spread.reshape(shape if deviation else (0,))


def _moments(stack: Stack, dy: int, dx: int) -> Maps:
    """Mean and deviation of values (dy = dx = 0) or of differences to the neighbour at (dy, dx)."""
    rows = flat(stack)
    shape = _shape(stack, dy, dx)
    mean = np.empty((shape[0], int(np.prod(shape[1:]))), np.float32)
    deviation = np.empty_like(mean)
    work = np.empty(0, _sum_type(len(rows) * int(np.iinfo(rows.dtype).max) ** 2))
    kernels.moments(rows, dy, dx * int(np.prod(stack.shape[3:])), work, mean, deviation)
    return mean.reshape(shape), deviation.reshape(shape)


def _sum_type(largest: int) -> type[np.signedinteger[Any]]:
    """The faster integer type that holds a sum."""
    return np.int32 if largest <= np.iinfo(np.int32).max else np.int64
