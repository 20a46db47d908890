"""Statistics over time of every pixel of a stack of frames.

All functions take ``(T, H, W)`` or ``(T, H, W, C)`` stacks of uint8 or uint16, T from 1 to 65535, use all cores,
and need memory for their result only (a few rows at a time are copied; never the stack).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vinpaint.statistics import kernels
from vinpaint.statistics.types import AnyArray, FloatMap, Stack


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
    return gradient_median_and_mad(stack, deviation=False)[0]


def gradient_median_and_mad(stack: Stack, *, deviation: bool = True) -> tuple[FloatMap, FloatMap]:
    """Median over time of the signed forward differences, and their median absolute deviation.

    Parameters
    ----------
    stack : (T, H, W) or (T, H, W, C) uint8 or uint16
    deviation : bool
        False leaves the second result all zero, in half the time.

    Returns
    -------
    median, mad : (2, H, W) or (2, H, W, C) float32
        Laid out like the result of :func:`gradient_median`.
    """
    centre = np.zeros((2, *stack.shape[1:]), np.float32)
    spread = np.zeros_like(centre)
    for axis, (dy, dx) in enumerate(((0, 1), (1, 0))):
        if stack.shape[1] > dy and stack.shape[2] > dx:
            middle, around = _medians(stack, dy, dx, deviation=deviation)
            part = np.s_[axis, : middle.shape[0], : middle.shape[1]]
            centre[part] = middle
            if deviation:
                spread[part] = around
    return centre, spread


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
    result = np.zeros((2, *stack.shape[1:]), np.float32)
    if stack.shape[2] > 1:
        result[0, :, :-1] = _moments(stack, 0, 1)[1]
    if stack.shape[1] > 1:
        result[1, :-1] = _moments(stack, 1, 0)[1]
    return result


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
    flat = _flat(stack)
    expected = (len(stack), stack.shape[1] // factor, stack.shape[2] // factor)
    if stack.ndim != 3 or flags.shape != expected or 0 in expected:
        raise ValueError(f"flags {flags.shape} do not fit a stack {stack.shape} in blocks of {factor}")
    total = np.zeros((2, *stack.shape[1:]), np.int32)
    times = np.zeros(stack.shape[1:], np.int32)
    kernels.flagged_sums(flat, flags, factor, total[0], total[1], times)
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
    flat = _flat(stack)
    low, high = np.empty_like(flat[0]), np.empty_like(flat[0])
    kernels.extremes(flat, low, high)
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
    flat = _flat(stack)
    value, votes = np.empty_like(flat[0]), np.empty(flat.shape[1:], np.uint16)
    kernels.modes(flat, int(np.iinfo(flat.dtype).max) + 1, value, votes)
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
        If the stack is none of grey frames, or ``gain`` times its largest possible value does not fit.
    """
    flat = _flat(stack)
    if stack.ndim != 3 or gain * int(np.iinfo(stack.dtype).max) > np.iinfo(np.uint16).max:
        raise ValueError(f"gain {gain} does not fit {stack.dtype} frames of shape {stack.shape[1:]}")
    out = np.empty((len(stack), stack.shape[1] // factor, stack.shape[2] // factor), np.uint16)
    kernels.block_means(flat, factor, gain, out)
    return out


def _flat(stack: Stack) -> AnyArray:
    """The stack as (T, H, W·C), checked."""
    if stack.ndim not in (3, 4) or stack.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"the stack is {stack.dtype} {stack.shape}; give uint8 or uint16 (T, H, W) or (T, H, W, C)")
    if not 1 <= len(stack) <= np.iinfo(np.uint16).max:
        raise ValueError(f"the stack holds {len(stack)} frames; give 1 to 65535")
    return stack.reshape(*stack.shape[:2], int(np.prod(stack.shape[2:])))


def _shape(stack: Stack, dy: int, dx: int) -> tuple[int, ...]:
    """The shape of a map of differences to the neighbour at (dy, dx)."""
    _, height, width, *channels = stack.shape
    return (height - dy, width - dx, *channels)


def _medians(stack: Stack, dy: int, dx: int, *, deviation: bool) -> tuple[FloatMap, FloatMap]:
    """Median and MAD of values (dy = dx = 0) or of differences to the neighbour at (dy, dx)."""
    flat = _flat(stack)
    top = int(np.iinfo(flat.dtype).max)
    zero = top if dy or dx else 0
    shape = _shape(stack, dy, dx)
    centre = np.empty((shape[0], int(np.prod(shape[1:]))), np.float32)
    spread = np.empty(centre.shape if deviation else (0, 0), np.float32)
    largest = (2 if deviation else 1) * (top + zero)
    work = np.empty(0, np.min_scalar_type(largest))
    kernels.medians(flat, dy, dx * int(np.prod(stack.shape[3:])), zero, (top + zero).bit_length(), work, centre, spread)
    return centre.reshape(shape), spread.reshape(shape if deviation else (0,))


def _moments(stack: Stack, dy: int, dx: int) -> tuple[FloatMap, FloatMap]:
    """Mean and deviation of values (dy = dx = 0) or of differences to the neighbour at (dy, dx)."""
    flat = _flat(stack)
    shape = _shape(stack, dy, dx)
    total = np.empty((shape[0], int(np.prod(shape[1:]))), np.int64)
    squares = np.empty_like(total)
    kernels.sums(flat, dy, dx * int(np.prod(stack.shape[3:])), total, squares)
    mean = total / len(flat)
    variance = np.maximum(squares / len(flat) - mean**2, 0)
    return mean.astype(np.float32).reshape(shape), np.sqrt(variance).astype(np.float32).reshape(shape)
