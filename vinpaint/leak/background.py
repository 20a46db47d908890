"""The virtual background of a call: what most pixels show, unchanged, most of the time."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from vinpaint.contracts import FloatMap, Frames, Mask
from vinpaint.errors import UsageError
from vinpaint.leak import kernels
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


@dataclass(frozen=True, eq=False)
class Backdrop:
    """What a service shows instead of the room.

    Attributes
    ----------
    picture : (H, W, 3) uint8
        RGB; continued from around where it was never seen.
    seen : (H, W) bool
        Where it was seen.
    """

    picture: Frames
    seen: Mask


def estimate(samples: Frames) -> Backdrop:
    """The virtual background from samples of a call, (N, H, W, 3) uint8.

    An image is encoded once and then repeated, while the noise of a camera changes every frame. So it is the group of
    like colours that is frequent and does not change from one sample to the next.
    """
    shares, centres, _ = clusters(samples, _GROUPS, BANDWIDTH)
    pairs, still = (np.zeros(shares.shape, np.float32) for _ in range(2))
    kernels.count_still(samples, centres, BANDWIDTH, pairs, still)
    total = np.stack([cv2.blur(group, (5, 5)) for group in pairs])
    stillness = np.stack([cv2.blur(group, (5, 5)) for group in still]) / np.maximum(total, 1e-3)
    fit = np.where(shares >= _RAREST, np.minimum(shares, 0.5) * stillness**4, 0)
    best = fit.argmax(axis=0)[None]
    picture = np.take_along_axis(centres, best[..., None], axis=0)[0]
    calm = np.take_along_axis(np.where(shares >= _RAREST, stillness, 0), best, axis=0)[0]
    usual, whole = np.percentile(calm, 75), np.rint(picture).astype(np.uint8)
    found = _where(whole, calm > _STILL * usual)
    return found if is_sharp(found) else _where(whole, calm > _STILL_BLURRED * usual)


def _where(picture: Frames, steady: Mask) -> Backdrop:
    """A background as far as it is steady, without specks, and continued."""
    seen = ~large_islands(~large_islands(steady, _SMALLEST), _SPECK)
    return Backdrop(continued(picture, seen), seen)


def given(picture: Frames, samples: Frames) -> Backdrop:
    """A known virtual background (H, W, 3) uint8, as the samples show it: in their colours where they do.

    Raises
    ------
    UsageError
        If it is of another size or type, or the call does not show it.
    """
    if picture.shape != samples.shape[1:] or picture.dtype != np.uint8:
        raise UsageError(
            f"the virtual background is {picture.dtype} {picture.shape}, frames are uint8 {samples.shape[1:]}; scale it"
        )
    own = estimate(samples)
    near = np.abs(own.picture.astype(np.int16) - picture).max(axis=-1) <= _SAME
    if own.seen.any() and near[own.seen].mean() < 0.5:
        raise UsageError("the virtual background is not what the call shows; leave it out, or give the right picture")
    return Backdrop(np.where((own.seen & near)[..., None], own.picture, picture), np.ones(own.seen.shape, np.bool_))


def is_sharp(backdrop: Backdrop) -> bool:
    """Whether a virtual background has detail, which a blurred room has not."""
    grey = cv2.cvtColor(backdrop.picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    detail = np.abs(grey - cv2.GaussianBlur(grey, (0, 0), max(1.0, grey.shape[0] / 180)))
    side = max(3, grey.shape[0] // 18)
    inside = cv2.erode(backdrop.seen.astype(np.uint8), np.ones((side, side), np.uint8)) > 0
    return bool(inside.any() and np.percentile(detail[inside], 97) > _DETAIL)


def continued(picture: Frames, seen: Mask) -> Frames:
    """The picture with what is not seen filled smoothly from around, coarse to fine."""
    if seen.all() or not seen.any():
        return picture
    weight = seen.astype(np.float32)
    levels = [(picture.astype(np.float32) * weight[..., None], weight)]
    while min(levels[-1][1].shape) > 1:
        half: list[FloatMap] = [
            cv2.resize(part, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA).astype(np.float32)
            for part in levels[-1]
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
