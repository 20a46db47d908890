"""The virtual background of a call: what most pixels show, unchanged, most of the time."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from vinpaint.contracts import FloatMap, Frames, Mask
from vinpaint.errors import UsageError
from vinpaint.leak import kernels, weights
from vinpaint.statistics import clusters

BANDWIDTH = 9.0
"""Radius of a colour group in levels: wider than what a codec does to a picture at rest."""

_GROUPS = 3
_RAREST = 0.05  # share of the samples that shows it, at least
_STILL = 0.75  # of the stillness of the stillest quarter of the frame, at least
_STILL_BLURRED = 0.5  # the same where the room is blurred: a background that is not quite right does less harm there
_SMALLEST = 0.002  # of the frame: smaller islands are chance
_SAME = 24  # levels by which a known background differs from what is shown, at most, after scaling and the codec
_DETAIL = 5.0  # levels: blurred rooms have less than 2 of fine detail in the sharpest parts, pictures 30
_SPECK = 0.0005  # of the frame: smaller holes are chance, too
_NEAR = 120  # part of the height by which it may be off where the background shows
_BLUR = 45  # the blur's usual width as a part of the height

PLAIN_SIGNS = 4
"""Signs of a blurred room's plainness, without the constant; see :func:`plain_signs`."""


@dataclass(frozen=True, eq=False)
class Constant:
    """What is most constant at every pixel of a call, and how constant it is.

    Attributes
    ----------
    picture : (H, W, 3) uint8
        RGB of the group of like colours that is frequent and changes least from one sample to the next.
    calm : (2, H, W) float32
        How seldom that group, and the next best, changes; 1 = as seldom as in the stillest quarter of the frame.
    shares : (2, H, W) float32
        Of the samples that belong to either.
    gap : (H, W) float32
        Levels between the two, 0 where there is but one.
    unrest : (H, W) float32
        Share of the samples that differ from the one before.
    sharp : bool
        Whether it is a picture that is shown; else it is the room, blurred.
    """

    picture: Frames
    calm: FloatMap
    shares: FloatMap
    gap: FloatMap
    unrest: FloatMap
    sharp: bool


@dataclass(frozen=True, eq=False)
class Backdrop:
    """What a service shows instead of the room.

    Attributes
    ----------
    picture : (H, W, 3) uint8
        RGB; continued from around where it was never seen.
    seen : (H, W) bool
        Where it was seen.
    sharp : bool
        Whether it is a picture; else it is the room, blurred.
    free : (H, W) float32
        Probability that nobody stands there at some time.
    plain : (H, W) float32
        Probability that its colour is the room's own: 0 of a picture.
    """

    picture: Frames
    seen: Mask
    sharp: bool
    free: FloatMap
    plain: FloatMap


def most_constant(samples: Frames) -> Constant:
    """What is most constant in samples of a call, (N, H, W, 3) uint8.

    An image is encoded once and then repeated, while the noise of a camera changes every frame.
    """
    shares, centres, _ = clusters(samples, _GROUPS, BANDWIDTH)
    pairs, still = (np.zeros(shares.shape, np.float32) for _ in range(2))
    moved = np.zeros(shares.shape[1:], np.float32)
    kernels.count_still(samples, centres, BANDWIDTH, pairs, still, moved)
    total = np.stack([cv2.blur(group, (5, 5)) for group in pairs])
    frequent = shares >= _RAREST
    stillness = np.where(frequent, np.stack([cv2.blur(group, (5, 5)) for group in still]) / np.maximum(total, 1e-3), 0)
    order = np.argsort(-np.minimum(shares, 0.5) * stillness**4, axis=0)[:2]
    colours = np.take_along_axis(centres, order[..., None], axis=0)
    calm, shares = (np.take_along_axis(each, order, axis=0) for each in (stillness, shares))
    calm /= max(float(np.percentile(calm[0], 75)), 1e-3)
    gap = np.where(shares[1] >= _RAREST, np.linalg.norm(colours[1] - colours[0], axis=-1), 0)
    picture = np.rint(colours[0]).astype(np.uint8)
    sharp = is_sharp(picture, steady(calm[0] > _STILL))
    unrest = moved / np.float32(max(1, len(samples) - 1))
    return Constant(picture, calm, shares, gap.astype(np.float32), unrest, sharp)


def estimate(found: Constant) -> Backdrop:
    """The virtual background by rules: where the most constant changes hardly ever."""
    seen = steady(found.calm[0] > (_STILL if found.sharp else _STILL_BLURRED))
    picture = continued(found.picture, seen)
    side = 2 * (len(seen) // _NEAR) + 1
    near = cv2.dilate(seen.astype(np.uint8), np.ones((side, side), np.uint8)).astype(np.float32)
    plain = np.zeros(seen.shape, np.float32)
    if not found.sharp:
        plain[seen] = weights.chance(plain_signs(picture), weights.PLAIN)[seen]
    return Backdrop(picture, seen, found.sharp, near, plain)


def steady(flags: Mask) -> Mask:
    """Without specks, of either kind."""
    return ~large_islands(~large_islands(flags, _SMALLEST), _SPECK)


def given(picture: Frames, own: Backdrop) -> Backdrop:
    """A known virtual background (H, W, 3) uint8, as the call shows it: in its colours where it does.

    Parameters
    ----------
    picture : (H, W, 3) uint8
        RGB.
    own : Backdrop
        What was found in the call.

    Raises
    ------
    UsageError
        If it is of another size or type, or the call does not show it.
    """
    if picture.shape != own.picture.shape or picture.dtype != np.uint8:
        raise UsageError(
            f"the virtual background is {picture.dtype} {picture.shape}, frames are uint8 {own.picture.shape}; scale it"
        )
    near = np.abs(own.picture.astype(np.int16) - picture).max(axis=-1) <= _SAME
    if own.seen.any() and near[own.seen].mean() < 0.5:
        raise UsageError("the virtual background is not what the call shows; leave it out, or give the right picture")
    shown = np.where((own.seen & near)[..., None], own.picture, picture)
    everywhere, nowhere = np.ones(own.seen.shape, np.bool_), np.zeros(own.seen.shape, np.float32)
    return replace(own, picture=shown, seen=everywhere, sharp=True, plain=nowhere)


def is_sharp(picture: Frames, seen: Mask) -> bool:
    """Whether a virtual background has detail where it was seen, which a blurred room has not."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    detail = np.abs(grey - cv2.GaussianBlur(grey, (0, 0), max(1.0, grey.shape[0] / 180)))
    side = max(3, grey.shape[0] // 18)
    inside = cv2.erode(seen.astype(np.uint8), np.ones((side, side), np.uint8)) > 0
    return bool(inside.any() and np.percentile(detail[inside], 97) > _DETAIL)


def plain_signs(picture: Frames) -> FloatMap:
    """What says that a blurred room shows the room as it is, because there is nothing in it to blur: (H, W, 4).

    Logarithms of its slope over the width of the blur, nearby and farther around, and of its curvature; its light.
    """
    lab = cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)
    height = lab.shape[0]
    across, down = (cv2.Sobel(lab, cv2.CV_32F, dx, 1 - dx, scale=1 / 8) for dx in (1, 0))
    slope = np.sqrt((across**2 + down**2).sum(axis=-1)) * height / _BLUR
    curved = np.abs(lab - cv2.GaussianBlur(lab, (0, 0), height / _BLUR)).max(axis=-1)
    near, far = (cv2.GaussianBlur(slope, (0, 0), height / part) for part in (180, 20))
    return np.stack([np.log(near + 0.5), np.log(far + 0.5), np.log(curved + 0.2), lab[..., 0] / 100], axis=-1).astype(
        np.float32
    )


def continued(picture: Frames, seen: Mask) -> Frames:
    """The picture with what is not seen filled smoothly from around, coarse to fine."""
    if seen.all() or not seen.any():
        return picture
    weight = seen.astype(np.float32)
    levels = [(picture.astype(np.float32) * weight[..., None], weight)]
    while max(levels[-1][1].shape) > 1:
        height, width = levels[-1][1].shape
        size = max(1, width // 2), max(1, height // 2)
        half: list[FloatMap] = [
            cv2.resize(part, size, interpolation=cv2.INTER_AREA).astype(np.float32) for part in levels[-1]
        ]
        levels.append((half[0], half[1]))
    filled = levels[-1][0] / np.maximum(levels[-1][1], 1e-6)[..., None]
    for colour, known in reversed(levels[:-1]):
        coarse = cv2.resize(filled, known.shape[::-1], interpolation=cv2.INTER_LINEAR)
        own = np.minimum(known * 4, 1)[..., None]
        filled = own * (colour / np.maximum(known, 1e-6)[..., None]) + (1 - own) * coarse
    return np.where(seen[..., None], picture, np.rint(np.clip(filled, 0, 255)).astype(np.uint8))


def large_islands(flags: Mask, least: float) -> Mask:
    """Without islands below a share of the frame."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(flags.astype(np.uint8))
    keep = stats[:, cv2.CC_STAT_AREA] >= least * flags.size
    keep[0] = False
    islands: Mask = keep[labels]
    return islands
