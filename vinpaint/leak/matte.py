"""Where the matte of a call is open: what differs from the virtual background, and how deep inside."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from vinpaint.contracts import FloatMap, Frames, Mask
from vinpaint.leak import kernels
from vinpaint.leak.background import large_islands

FLOOR = 14.0
"""Levels by which a pixel differs from the virtual background when it shows something else."""

CORE = 18
"""The person's core begins at this part of the frame's height inside the matte: no leak is as wide."""

_SMALLEST = 0.002  # of the frame: smaller islands are noise of the codec
_HOLE = 0.01  # of the frame: smaller holes are a person's parts of the background's colour
_STEP = 0.5  # levels that a pixel's way costs where there is no edge
_FAR = 1e4


@dataclass(frozen=True, eq=False)
class Matte:
    """The open part of a frame, at half size.

    Attributes
    ----------
    depth : (h, w) float32
        Distance from the matte's edge in pixels of the frame; 0 outside.
    ways : (2, h, w) float32
        Geodesic ways, in levels crossed, to the person's core and to the virtual background.
    """

    depth: FloatMap
    ways: FloatMap


def measure(picture: FloatMap, known: FloatMap, unseen: Mask) -> Matte:
    """The matte of a frame.

    Parameters
    ----------
    picture, known : (h, w, 3) float32
        The frame and the virtual background at half size.
    unseen : (h, w) bool
        Where the virtual background never showed: always open.
    """
    gap = np.empty(unseen.shape, np.float32)
    kernels.distances(picture, known, gap)
    opened = _joined((cv2.GaussianBlur(gap, (0, 0), unseen.shape[0] / 270) > FLOOR) | unseen)
    edged = cv2.copyMakeBorder(opened, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    inwards = cv2.distanceTransform(edged, cv2.DIST_L2, 3)[1:-1, 1:-1]
    depth: FloatMap = 2 * np.minimum(inwards, np.float32(max(unseen.shape)))  # one that is open throughout has no edge
    core = depth >= 2 * unseen.shape[0] / CORE
    inside = opened.astype(bool)
    return Matte(depth, np.stack([_ways(picture, inside, core), _ways(picture, inside, ~inside)]))


def _ways(picture: FloatMap, inside: Mask, seeds: Mask) -> FloatMap:
    out = np.full(inside.shape, _FAR, np.float32)
    out[seeds] = 0
    kernels.geodesic(picture, inside, _STEP, out)
    return out


def _joined(opened: Mask) -> Frames:
    """Large islands only, closed, without holes; uint8."""
    closed = cv2.morphologyEx(opened.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    islands = large_islands(closed.astype(bool), _SMALLEST)
    return (~large_islands(~islands, _HOLE)).astype(np.uint8)
