"""The loops of leak finding: rows in parallel where they are independent, nothing allocated a pixel."""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from vinpaint.statistics.types import AnyArray

CELLS = 12
"""Cells of a colour histogram along each channel."""

GROUPS = 5
"""Groups of like colours that are kept for every pixel."""

LEAST = np.float32(0.15)
"""Opacity from which a sample is un-mixed."""

CODEC = np.float32(4)
"""Levels by which a codec changes what it shows."""

REACH = np.float32(14)
"""Levels, largest difference of a channel: colours nearer than this are one group's."""

PAUSE = 8
"""Frames after which it is another moment."""

SIGNS = 8
"""Signs of a leak, the constant among them; see :func:`signs`."""


@njit(cache=True, nogil=True, parallel=True)
def halve(frame: AnyArray, out: AnyArray) -> None:
    """Means of two by two pixels, (H, W, 3) uint8 to (H // 2, W // 2, 3) float32."""
    for y in prange(out.shape[0]):
        for x in range(out.shape[1]):
            for c in range(3):
                total = np.int32(frame[2 * y, 2 * x, c]) + frame[2 * y, 2 * x + 1, c]
                total += np.int32(frame[2 * y + 1, 2 * x, c]) + frame[2 * y + 1, 2 * x + 1, c]
                out[y, x, c] = total * np.float32(0.25)


@njit(cache=True, nogil=True, parallel=True)
def distances(picture: AnyArray, known: AnyArray, out: AnyArray) -> None:
    """Euclidean colour distance of two (H, W, 3) pictures."""
    for y in prange(out.shape[0]):
        for x in range(out.shape[1]):
            total = np.float32(0)
            for c in range(3):
                gap = np.float32(picture[y, x, c]) - np.float32(known[y, x, c])
                total += gap * gap
            out[y, x] = np.sqrt(total)


@njit(cache=True, nogil=True, parallel=True)
def count_still(
    samples: AnyArray, centres: AnyArray, reach: float, pairs: AnyArray, still: AnyArray, moved: AnyArray
) -> None:
    """How many neighbouring samples both belong to a group of like colours, and how many of these are equal.

    ``moved`` (H, W): how many differ by more than two levels, whatever they belong to.
    """
    for y in prange(samples.shape[1]):
        for x in range(samples.shape[2]):
            for g in range(centres.shape[0]):
                member = False
                for t in range(samples.shape[0]):
                    gap, step = np.float32(0), np.int32(0)
                    for c in range(3):
                        off = np.float32(samples[t, y, x, c]) - centres[g, y, x, c]
                        gap += off * off
                        if t:
                            step = max(step, abs(np.int32(samples[t, y, x, c]) - np.int32(samples[t - 1, y, x, c])))
                    if g == 0:
                        moved[y, x] += step > 2
                    belongs = bool(gap <= reach * reach)
                    if member and belongs:
                        pairs[g, y, x] += 1
                        still[g, y, x] += step == 0
                    member = belongs


@njit(cache=True, nogil=True)
def geodesic(picture: AnyArray, inside: AnyArray, first: float, out: AnyArray) -> None:
    """Cheapest way from the seeds (where ``out`` is 0) over the pixels ``inside``: ``first`` a step, and edges crossed.

    Two raster sweeps forth and back (Toivanen 1996); ``out`` is large where it was not reached.
    """
    height, width = inside.shape
    for _ in range(2):
        for backward in range(2):
            sign = -1 if backward else 1
            for row in range(height):
                y = height - 1 - row if backward else row
                for column in range(width):
                    x = width - 1 - column if backward else column
                    if not inside[y, x] or out[y, x] == 0:
                        continue
                    best = out[y, x]
                    for k in range(4):
                        down, right = (1, k - 1) if k < 3 else (0, 1)
                        v, u = y - sign * down, x - sign * right
                        if v < 0 or v >= height or u < 0 or u >= width:
                            continue
                        edge = np.float32(0)
                        for c in range(3):
                            edge = max(edge, abs(picture[y, x, c] - picture[v, u, c]))
                        step = np.float32(first * (1.414 if down and right else 1.0))
                        best = min(best, out[v, u] + step + edge)
                    out[y, x] = best


@njit(cache=True, nogil=True)
def cell(red: int, green: int, blue: int) -> int:
    """The histogram's cell of a colour of 8 bits."""
    return ((red * CELLS >> 8) * CELLS + (green * CELLS >> 8)) * CELLS + (blue * CELLS >> 8)


@njit(cache=True, nogil=True)
def count_colours(picture: AnyArray, counted: AnyArray, side: int, histogram: AnyArray) -> None:
    """Add the colours of the counted pixels to the histograms (rows, columns, cells) of tiles of ``side`` pixels."""
    for y in range(counted.shape[0]):
        for x in range(counted.shape[1]):
            if counted[y, x]:
                key = cell(int(picture[y, x, 0]), int(picture[y, x, 1]), int(picture[y, x, 2]))
                histogram[y // side, x // side, key] += 1


@njit(cache=True, nogil=True, parallel=True)
def remember(shown: AnyArray, bits: AnyArray) -> None:
    """Shift what a pixel showed (True = the virtual background) into the lowest of its eight bits."""
    for y in prange(bits.shape[0]):
        for x in range(bits.shape[1]):
            bits[y, x] = np.uint8((bits[y, x] << 1) & 255) | np.uint8(shown[y, x])


@njit(cache=True, nogil=True)
def signs(
    commonness: float, depth: float, before: int, after: int, gap: float, inner: float, outer: float, out: AnyArray
) -> None:
    """What speaks for and against a leak at a sample.

    ``commonness`` is the logarithm of the colour's share of the person nearby; ``depth`` the way to the matte's edge
    in hundredths of the height; ``before`` and ``after`` how many frames ago and hence the virtual background shows
    (8 = longer); ``gap`` the distance from it in levels; ``inner`` and ``outer`` the geodesic ways to the person's core
    and to the virtual background.
    """
    out[0] = 1
    out[1] = commonness / 5
    out[2] = depth / 3
    out[3] = 1 / after
    out[4] = 1 / before
    out[5] = np.log(gap / 100 + 0.05)
    out[6] = np.log(inner + 5) / 5
    out[7] = np.log(outer + 5) / 5


@njit(cache=True, nogil=True)
def since(bits: int) -> int:
    """How many frames before one the virtual background was shown, by the bits of :func:`remember`; 8 = longer."""
    for count in range(7):
        if bits >> count & 1:
            return count + 1
    return 8


@njit(cache=True, nogil=True)
def until(bits: int) -> int:
    """How many frames after one the virtual background is shown, by the bits of the seven that follow; 8 = longer."""
    for count in range(7):
        if bits >> (6 - count) & 1:
            return count + 1
    return 8


@njit(cache=True, nogil=True)
def _signs_at(
    y: int,
    x: int,
    frame: AnyArray,
    known: AnyArray,
    floor: float,
    depth: AnyArray,
    ways: AnyArray,
    shown: AnyArray,
    common: AnyArray,
    side: int,
    values: AnyArray,
) -> bool:
    """Put the signs of a pixel into ``values``, unless it shows the virtual background; see :func:`judge`."""
    v, u = min(y // 2, depth.shape[0] - 1), min(x // 2, depth.shape[1] - 1)
    if depth[v, u] <= 0:
        return False
    gap = np.float32(0)
    for c in range(3):
        step = np.float32(frame[y, x, c]) - np.float32(known[y, x, c])
        gap += step * step
    gap = np.sqrt(gap)
    if gap < floor:
        return False
    share = common[y // side, x // side, cell(int(frame[y, x, 0]), int(frame[y, x, 1]), int(frame[y, x, 2]))]
    ago, hence = since(shown[0, v, u]), until(shown[1, v, u])
    signs(share, 100 * depth[v, u] / frame.shape[0], ago, hence, gap, ways[0, v, u], ways[1, v, u], values)
    return True


@njit(cache=True, nogil=True, parallel=True)
def judge(
    frame: AnyArray,
    known: AnyArray,
    floor: float,
    depth: AnyArray,
    ways: AnyArray,
    shown: AnyArray,
    common: AnyArray,
    side: int,
    weights: AnyArray,
    seen: AnyArray,
) -> None:
    """For every pixel of a frame (H, W, 2) the probability that nobody stands there, and the mask's opacity.

    Both are 0 where it shows the virtual background ``known``, from which it differs by less than ``floor``. At half
    the size: ``depth`` (h, w) in pixels of the frame, geodesic ``ways`` (2, h, w) to the person's core and to the
    background, and ``shown`` (2, h, w), the bits of :func:`remember` before the frame and after it. ``common`` (rows,
    columns, cells) is the logarithm of a colour's share of the person near a tile of ``side`` pixels, and ``weights``
    (2, SIGNS, SIGNS) are two quadratic forms of the signs.
    """
    for y in prange(seen.shape[0]):
        values = np.empty(SIGNS, np.float32)
        for x in range(seen.shape[1]):
            seen[y, x] = 0
            if not _signs_at(y, x, frame, known, floor, depth, ways, shown, common, side, values):
                continue
            for part in range(2):
                odds = np.float32(0)
                for i in range(SIGNS):
                    for k in range(i, SIGNS):
                        odds += weights[part, i, k] * values[i] * values[k]
                seen[y, x, part] = 1 / (1 + np.exp(-odds))


@njit(cache=True, nogil=True, parallel=True)
def sign_map(
    frame: AnyArray,
    known: AnyArray,
    floor: float,
    depth: AnyArray,
    ways: AnyArray,
    shown: AnyArray,
    common: AnyArray,
    side: int,
    values: AnyArray,
    valid: AnyArray,
) -> None:
    """The signs (H, W, SIGNS) that :func:`judge` weighs, and where there are any (H, W)."""
    for y in prange(valid.shape[0]):
        for x in range(valid.shape[1]):
            valid[y, x] = _signs_at(y, x, frame, known, floor, depth, ways, shown, common, side, values[y, x])


@njit(cache=True, nogil=True, parallel=True)
def gather(
    frame: AnyArray,
    known: AnyArray,
    room: AnyArray,
    opacity: AnyArray,
    error: AnyArray,
    number: int,
    colours: AnyArray,
    tallies: AnyArray,
) -> None:
    """Un-mix a frame and add it to the groups of like colours: means (H, W, GROUPS, 3), tallies (H, W, GROUPS, 5).

    Where the mask's ``opacity`` (H, W) is LEAST or more, what is behind it is (frame - known) / opacity + known. Its
    expected error follows from that of the opacity, ``error``, and from the codec's, and so does its weight. It joins
    the nearest group within REACH (largest difference of a channel); else it takes the place of the group with the
    least support. ``room`` (H, W) is the probability that nobody stands there. Tallies: weights of samples that are
    for the room, and of those that are against it; squares of the distances from the mean by the former; separate
    moments; the ``number`` of the last frame.
    """
    height, width = room.shape
    for y in prange(height):
        sample = np.empty(3, np.float32)
        for x in range(width):
            m, chance = opacity[y, x], room[y, x]
            if m < LEAST or (chance < 0.02 and tallies[y, x, 0, 0] == 0):
                continue
            gap, beyond = np.float32(0), np.float32(0)
            for c in range(3):
                step = np.float32(frame[y, x, c]) - np.float32(known[y, x, c])
                gap += step * step
                sample[c] = known[y, x, c] + step / m
                beyond = max(beyond, -sample[c], sample[c] - 255)
                sample[c] = min(max(sample[c], np.float32(0)), np.float32(255))
            doubt = np.sqrt(gap) * error[y, x] / (m * m)
            doubt = doubt * doubt + (CODEC / m) ** 2 + beyond * beyond
            weight = CODEC * CODEC / doubt
            best, nearest = -1, np.float32(REACH)
            least, fewest = 0, np.float32(1e9)
            for g in range(GROUPS):
                support = tallies[y, x, g, 0]
                if support < fewest:
                    least, fewest = g, support
                if support + tallies[y, x, g, 1] == 0:
                    continue
                far = np.float32(0)
                for c in range(3):
                    far = max(far, abs(sample[c] - colours[y, x, g, c]))
                if far < nearest:
                    best, nearest = g, far
            if best < 0:
                if chance * weight < 0.005 or chance * weight < 0.1 * fewest:
                    continue
                best = least
                for k in range(5):
                    tallies[y, x, best, k] = 0
                tallies[y, x, best, 4] = -PAUSE
                for c in range(3):
                    colours[y, x, best, c] = sample[c]
            tally = tallies[y, x, best]
            tally[0] += chance * weight
            tally[1] += (1 - chance) * weight
            share = chance * weight / max(tally[0], np.float32(1e-6))
            for c in range(3):
                off = sample[c] - colours[y, x, best, c]
                colours[y, x, best, c] += share * off
                tally[2] += chance * weight * off * off * (1 - share)
            if chance > 0.5:
                tally[3] += number - tally[4] >= PAUSE
                tally[4] = number
