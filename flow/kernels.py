"""The loops over pixels, compiled."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

F32 = NDArray[np.float32]


@njit(cache=True, nogil=True)
def pull(values: F32, confidence: F32) -> tuple[F32, F32]:
    """Halve a grid: means of 2x2 cells weighted by confidence; a cell is as sure as its children together.

    Parameters
    ----------
    values : (H, W, C) float32
    confidence : (H, W) float32
        0 (unknown) to 1.

    Returns
    -------
    coarse : (⌈H / 2⌉, ⌈W / 2⌉, C) float32
        0 where nothing is known.
    sure : (⌈H / 2⌉, ⌈W / 2⌉) float32
        0 to 1.
    """
    height, width, channels = values.shape
    rows, columns = (height + 1) // 2, (width + 1) // 2
    coarse = np.zeros((rows, columns, channels), np.float32)
    sure = np.zeros((rows, columns), np.float32)
    for y in range(rows):
        for x in range(columns):
            total, doubt = np.float32(0), np.float32(1)
            for v in range(2 * y, min(2 * y + 2, height)):
                for u in range(2 * x, min(2 * x + 2, width)):
                    c = confidence[v, u]
                    if c > 0:
                        total += c
                        doubt *= 1 - c
                        for k in range(channels):
                            coarse[y, x, k] += c * values[v, u, k]
            if total > 0:
                for k in range(channels):
                    coarse[y, x, k] /= total
                sure[y, x] = 1 - doubt
    return coarse, sure


@njit(cache=True, nogil=True)
def relax(solution: F32, values: F32, confidence: F32, sweeps: int) -> None:
    """Gauss-Seidel sweeps, to and fro, of  s = c·v + (1 − c)·(mean of the four neighbours).

    Parameters
    ----------
    solution : (H, W, C) float32
        The start; becomes the solution in place. Not changed where the confidence is 1.
    values : (H, W, C) float32
    confidence : (H, W) float32
        0 to 1.
    sweeps : int
    """
    height, width, channels = solution.shape
    for sweep in range(sweeps):
        for j in range(height):
            y = j if sweep % 2 == 0 else height - 1 - j
            up, down = max(y - 1, 0), min(y + 1, height - 1)
            for i in range(width):
                x = i if sweep % 2 == 0 else width - 1 - i
                c = confidence[y, x]
                if c >= 1:
                    continue
                left, right = max(x - 1, 0), min(x + 1, width - 1)
                for k in range(channels):
                    around = solution[up, x, k] + solution[down, x, k] + solution[y, left, k] + solution[y, right, k]
                    solution[y, x, k] = c * values[y, x, k] + (1 - c) * np.float32(0.25) * around


@njit(cache=True, nogil=True)
def push(coarse: F32, values: F32, confidence: F32) -> F32:
    """Double a grid bilinearly, and mix it with what is known on the finer one.

    Parameters
    ----------
    coarse : (⌈H / 2⌉, ⌈W / 2⌉, C) float32
    values : (H, W, C) float32
        Known on the finer grid.
    confidence : (H, W) float32
        How sure that is, 0 to 1.

    Returns
    -------
    (H, W, C) float32
    """
    height, width, channels = values.shape
    rows, columns = coarse.shape[:2]
    fine = np.empty_like(values)
    for y in range(height):
        near_y = y // 2
        far_y = min(max(near_y + 2 * (y % 2) - 1, 0), rows - 1)
        for x in range(width):
            c = confidence[y, x]
            if c >= 1:
                for k in range(channels):
                    fine[y, x, k] = values[y, x, k]
                continue
            near_x = x // 2
            far_x = min(max(near_x + 2 * (x % 2) - 1, 0), columns - 1)
            for k in range(channels):
                near = np.float32(0.75) * coarse[near_y, near_x, k] + np.float32(0.25) * coarse[near_y, far_x, k]
                far = np.float32(0.75) * coarse[far_y, near_x, k] + np.float32(0.25) * coarse[far_y, far_x, k]
                start = np.float32(0.75) * near + np.float32(0.25) * far
                fine[y, x, k] = c * values[y, x, k] + (1 - c) * start
    return fine


@njit(cache=True, nogil=True)
def solve(values: F32, confidence: F32, sweeps: int) -> F32:
    """Cascadic multigrid: halve until all is known, then double and relax.

    Parameters
    ----------
    values : (H, W, C) float32
    confidence : (H, W) float32
        0 (unknown) to 1.
    sweeps : int
        Of :func:`relax` on each level.

    Returns
    -------
    (H, W, C) float32
        See :func:`vinpaint.flow.complete.complete`.
    """
    fields, sure = [values], [confidence]
    while sure[-1].size > 1 and sure[-1].min() < np.float32(0.99):
        coarse, surer = pull(fields[-1], sure[-1])
        fields.append(coarse)
        sure.append(surer)
    solution = fields[-1].copy()
    for level in range(len(fields) - 2, -1, -1):
        solution = push(solution, fields[level], sure[level])
        relax(solution, fields[level], sure[level], sweeps)
    return solution


@njit(cache=True, nogil=True)
def locate(
    places: F32,
    needed: NDArray[np.bool_],
    flow: F32,
    size: int,
    matrix: NDArray[np.float64],
    factor: int,
    blocked: NDArray[np.uint8],
) -> tuple[F32, NDArray[np.intp]]:
    """Where points lie in a reference that sees them.

    Parameters
    ----------
    places : (N, 2) float32
        (x, y) in the box of the target.
    needed : (holes,) bool
        Which of the first points are asked for; all that follow are.
    flow : (h, w, 2) float32
        Residual motion on cells of ``size`` pixels of the box; empty where there is none.
    matrix : (3, 3) float64
        Maps the box to the reference, working size.
    factor : int
        Full over working size.
    blocked : (H, W) uint8
        Full size: not 0 where the reference is not to be used.

    Returns
    -------
    positions : (M, 2) float32
        In the reference, full size, of the points it sees.
    taken : (M,) intp
        Which points these are, ascending.
    """
    height, width = blocked.shape
    offset = np.zeros(2, np.float32)
    positions, taken = np.empty_like(places), np.empty(len(places), np.intp)
    count = 0
    for i in range(len(places)):
        if i < len(needed) and not needed[i]:
            continue
        if flow.size:
            _read_cell(places[i, 0], places[i, 1], flow, size, offset)
        x, y = places[i, 0] + offset[0], places[i, 1] + offset[1]
        depth = matrix[2, 0] * x + matrix[2, 1] * y + matrix[2, 2]
        u = (matrix[0, 0] * x + matrix[0, 1] * y + matrix[0, 2]) / depth
        v = (matrix[1, 0] * x + matrix[1, 1] * y + matrix[1, 2]) / depth
        u, v = (u + 0.5) * factor - 0.5, (v + 0.5) * factor - 0.5
        inside = -0.5 <= u < width - 0.5 and -0.5 <= v < height - 0.5
        if inside and blocked[int(v + 0.5), int(u + 0.5)] == 0:
            positions[count, 0], positions[count, 1] = u, v
            taken[count] = i
            count += 1
    return positions[:count], taken[:count]


@njit(cache=True, nogil=True)
def gather_cells(places: F32, values: F32, cells: F32, size: int) -> None:
    """Add up values in cells.

    Parameters
    ----------
    places : (N, 2) float32
        (x, y), pixels; inside the cells.
    values : (N, 3) float32
    cells : (h, w, 5) float32
        Added to in place: count, sum of each channel, sum of the squares' means over the channels.
    size : int
        Side of a cell, pixels.
    """
    for i in range(len(places)):
        cell = cells[int(places[i, 1] + 0.5) // size, int(places[i, 0] + 0.5) // size]
        cell[0] += 1
        for k in range(3):
            v = values[i, k]
            cell[1 + k] += v
            cell[4] += v * v / 3


@njit(cache=True, nogil=True)
def _read_cell(x: float, y: float, cells: F32, size: int, found: F32) -> None:
    """Write one value of :func:`read_cells`, all its channels."""
    height, width, channels = cells.shape
    x = min(max((x + 0.5) / size - 0.5, 0.0), width - 1.0)
    y = min(max((y + 0.5) / size - 0.5, 0.0), height - 1.0)
    left, top = int(x), int(y)
    right, bottom = min(left + 1, width - 1), min(top + 1, height - 1)
    a, b = np.float32(x - left), np.float32(y - top)
    for k in range(channels):
        upper = (1 - a) * cells[top, left, k] + a * cells[top, right, k]
        lower = (1 - a) * cells[bottom, left, k] + a * cells[bottom, right, k]
        found[k] = (1 - b) * upper + b * lower


@njit(cache=True, nogil=True)
def read_cells(places: F32, cells: F32, size: int) -> F32:
    """Values of a grid of cells, interpolated bilinearly between the cells' middles.

    Parameters
    ----------
    places : (N, 2) float32
        (x, y), pixels; beyond the outermost middles their values hold.
    cells : (h, w, C) float32
    size : int
        Side of a cell, pixels.

    Returns
    -------
    (N, C) float32
    """
    found = np.empty((len(places), cells.shape[2]), np.float32)
    for i in range(len(places)):
        _read_cell(places[i, 0], places[i, 1], cells, size, found[i])
    return found


@njit(cache=True, nogil=True)
def corrected(
    places: F32, taken: NDArray[np.intp], values: F32, cells: F32, size: int, root_depth: F32
) -> tuple[F32, F32]:
    """Samples of a reference, brought to the light around the hole, and their expected errors.

    Parameters
    ----------
    places : (N, 2) float32
        (x, y), pixels.
    taken : (M,) intp
        The points sampled; those of the hole are among the first ``holes``.
    values : (M, 3) float32
        Their samples.
    cells : (h, w, 4) float32
        What to add to them, and their expected squared error at the edge of the hole.
    size : int
        Side of a cell, pixels.
    root_depth : (holes,) float32
        Square root of the distance from the edge.

    Returns
    -------
    colours : (holes, 3) float32
    variance : (holes,) float32
        Infinite for points that were not sampled.
    """
    holes = len(root_depth)
    colours, variance = np.zeros((holes, 3), np.float32), np.full(holes, np.inf, np.float32)
    read = np.empty(4, np.float32)
    for j in range(len(taken)):
        i = taken[j]
        if i >= holes:
            break
        _read_cell(places[i, 0], places[i, 1], cells, size, read)
        for k in range(3):
            colours[i, k] = values[j, k] + read[k]
        variance[i] = read[3] * root_depth[i]
    return colours, variance


@njit(cache=True, nogil=True)
def weighted_median(values: F32, weights: F32, count: int) -> Any:
    """Weighted (lower) median.

    Parameters
    ----------
    values, weights : (K,) float32
        The first ``count``, 1 or more, take part, and are sorted by value in place.
    count : int

    Returns
    -------
    float32
        The smallest value up to which half of the weight lies, or more.
    """
    total = np.float32(0)
    for i in range(count):
        v, w = values[i], weights[i]
        total += w
        j = i
        while j > 0 and values[j - 1] > v:
            values[j], weights[j] = values[j - 1], weights[j - 1]
            j -= 1
        values[j], weights[j] = v, w
    half, below = total / 2, np.float32(0)
    for i in range(count):
        if below + weights[i] >= half:
            return values[i]
        below += weights[i]
    return values[count - 1]


@njit(cache=True, nogil=True)
def recall(values: F32, seen: NDArray[np.bool_], weights: F32, most: int) -> tuple[F32, F32]:
    """Weighted medians over time, of the first values that were seen.

    Parameters
    ----------
    values : (K, N, 3) float32
    seen : (K, N) bool
        Which of them count.
    weights : (K,) float32
    most : int
        Values a pixel that are enough.

    Returns
    -------
    value : (N, 3) float32
        0 where nothing was seen.
    variance : (N,) float32
        Weighted median of the squared distances from it; infinite where nothing was seen.
    """
    count, points = seen.shape
    value, variance = np.zeros((points, 3), np.float32), np.full(points, np.inf, np.float32)
    rows = np.empty(most, np.int64)
    v, w = np.empty(most, np.float32), np.empty(most, np.float32)
    for i in range(points):
        found = 0
        for k in range(count):
            if seen[k, i] and found < most:
                rows[found] = k
                found += 1
        if found == 0:
            continue
        for channel in range(3):
            for j in range(found):
                v[j], w[j] = values[rows[j], i, channel], weights[rows[j]]
            value[i, channel] = weighted_median(v, w, found)
        for j in range(found):
            w[j], v[j] = weights[rows[j]], 0
            for channel in range(3):
                v[j] += (values[rows[j], i, channel] - value[i, channel]) ** 2 / 3
        variance[i] = weighted_median(v, w, found)
    return value, variance


@njit(cache=True, nogil=True)
def reweigh(colours: F32, errors: F32, count: int, value: F32) -> Any:
    """One round of :func:`combine` for one pixel.

    Parameters
    ----------
    colours : (K, 3) float32
        The first ``count`` are candidates.
    errors : (K,) float32
        Expected squared error of each.
    count : int
    value : (3,) float32
        The last result; becomes the new one in place.

    Returns
    -------
    float
        Expected squared error of the new value.
    """
    total, own, spread = np.float32(0), np.float32(0), np.float32(0)
    red, green, blue = np.float32(0), np.float32(0), np.float32(0)
    for j in range(count):
        r, g, b = colours[j, 0], colours[j, 1], colours[j, 2]
        e2 = errors[j]
        d2 = ((r - value[0]) ** 2 + (g - value[1]) ** 2 + (b - value[2]) ** 2) / 3
        weight = 1 / (e2 * (e2 + d2))
        total += weight
        own += weight * e2
        spread += weight * d2
        red += weight * r
        green += weight * g
        blue += weight * b
    value[0], value[1], value[2] = red / total, green / total, blue / total
    return (own + spread) / (2 * total)


@njit(cache=True, nogil=True)
def combine(candidates: F32, expected: F32, rounds: int) -> tuple[F32, F32]:
    """Robust mean of candidates per pixel.

    Starts at the candidate of median brightness, weighted by the inverse square of the expected squared error, then
    averages with each candidate's weight lowered by its distance from the last result (Cauchy weights, scale = the
    candidate's error).

    Parameters
    ----------
    candidates : (K, N, 3) float32
    expected : (K, N) float32
        Expected squared error of each; infinite = not seen.
    rounds : int
        Rounds of reweighting.

    Returns
    -------
    value : (N, 3) float32
        0 where nothing was seen.
    variance : (N,) float32
        Expected squared error: half of what the candidates expect plus how they disagree (the half is fitted);
        infinite where nothing was seen.
    """
    count, points = expected.shape
    value = np.zeros((points, 3), np.float32)
    variance = np.full(points, np.inf, np.float32)
    colours, errors = np.empty((count, 3), np.float32), np.empty(count, np.float32)
    v, w = np.empty(count, np.float32), np.empty(count, np.float32)
    for i in range(points):
        seen = 0
        for k in range(count):
            if expected[k, i] < np.inf:
                colours[seen] = candidates[k, i]
                errors[seen] = expected[k, i]
                seen += 1
        if seen == 0:
            continue
        for j in range(seen):
            v[j], w[j] = colours[j].sum(), 1 / errors[j] ** 2
        middle = weighted_median(v, w, seen)
        for j in range(seen):
            if colours[j].sum() == middle:
                value[i] = colours[j]
        for _ in range(rounds):
            variance[i] = reweigh(colours, errors, seen, value[i])
    return value, variance
