"""Global motion between neighbouring pictures, and chains of it: tracked corners, a robust plane motion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from vinpaint.flow.complete import bounding_box
from vinpaint.flow.estimate import Gray

Matrix: TypeAlias = NDArray[np.float64]
"""``(3, 3)`` float64: maps (x, y, 1) of one picture to the other, up to scale."""

_SURROUNDINGS = 20  # pixels around the hole whose motion is wanted first
_CORNERS = 150
_TOLERANCE = 1.5  # pixels
_STILL = 0.15  # pixels; tracks that move less are a camera at rest
_NEARLY, _FEW = 1.0, 0.1  # pixels, and the share of the tracks that move less: a camera that may rest
_STEEP, _MANY = 12.0, 1000  # grey levels a pixel: edges that show the slightest motion; if they are fewer …
_STEEPEST, _SOFT = 0.9, 4.0  # … the steepest tenth of the pixels, with this slope at least
_EDGES = 200  # pixels of them that are enough to tell
_EVEN = 15, 15  # pixels; over so few the light of two pictures differs by the same
_APART, _OUTLYING, _AT_REST = 0.25, 0.75, 0.1  # pixels: median distance of edges; of what moves itself; mean shift
_FOR_HOMOGRAPHY, _FOR_AFFINE, _FOR_SHIFT = 40, 12, 3  # inliers that each model wants


def pair_motion(
    source: Gray, target: Gray, hidden_source: NDArray[np.bool_], hidden_target: NDArray[np.bool_]
) -> Matrix | None:
    """Motion of the dominant plane from one picture to the next.

    Corners outside the holes are tracked (Lucas & Kanade 1981 in pyramids, Bouguet 2001), those of the holes'
    surroundings first; :func:`plane_motion` finds the motion most of them share.

    Parameters
    ----------
    source, target : (H, W) uint8
        Pictures, their holes filled somehow.
    hidden_source, hidden_target : (H, W) bool
        Where nothing may be trusted.

    Returns
    -------
    (3, 3) float64 or None
        Exactly the identity for a camera at rest; None if no motion is supported.
    """
    near = np.zeros_like(hidden_source)
    near[bounding_box(hidden_source, _SURROUNDINGS)] = True
    tracks = track(source, target, near & ~hidden_source)
    if _may_rest(*tracks) and at_rest(source, target, hidden_source | hidden_target):
        return np.eye(3)
    motion = _shared(*tracks, hidden_target)
    return motion if motion is not None else _shared(*track(source, target, ~hidden_source), hidden_target)


def _may_rest(before: NDArray[np.float32], after: NDArray[np.float32]) -> bool:
    """Whether so many tracks rest, or there are so few, that a closer look pays."""
    return len(before) < _FOR_AFFINE or bool(np.mean(np.abs(after - before).max(axis=1) < _NEARLY) > _FEW)


def _shared(before: NDArray[np.float32], after: NDArray[np.float32], hidden: NDArray[np.bool_]) -> Matrix | None:
    """The motion of the tracks that do not end in a hole."""
    x, y = np.rint(after).astype(int).T
    kept = ~hidden[y.clip(0, hidden.shape[0] - 1), x.clip(0, hidden.shape[1] - 1)]
    return plane_motion(before[kept], after[kept], hidden.shape)


def at_rest(source: Gray, target: Gray, hidden: NDArray[np.bool_]) -> bool:
    """Whether edges are where they were, for a camera that rests, whatever moves before it and however the light does.

    The distance between an edge and the same edge in the other picture is the difference of the two, at locally the
    same light, over the gradient (Lucas & Kanade 1981). Its median has to be small, and the shift that most edges share
    next to none.

    Parameters
    ----------
    source, target : (H, W) uint8
    hidden : (H, W) bool
        Where either picture is not to be trusted.

    Returns
    -------
    bool
        False also where there are too few edges to tell.
    """
    shown = cv2.dilate(hidden.view(np.uint8), np.ones((5, 5), np.uint8)) == 0
    if not shown[::4, ::4].any():
        return False
    part = shown[::4, ::4]
    before, after = source.astype(np.float32), target.astype(np.float32)
    light = np.median((before[::4, ::4][part] + 1) / (after[::4, ::4][part] + 1))
    across, down = (cv2.Sobel(before, cv2.CV_32F, *way, ksize=3, scale=1 / 8) for way in ((1, 0), (0, 1)))
    slope = across * across + down * down
    steep = shown & (slope > _STEEP**2)
    if np.count_nonzero(steep) < _MANY:
        steep = shown & (slope > max(_SOFT**2, np.quantile(slope[::4, ::4][part], _STEEPEST)))
    if np.count_nonzero(steep) < _EDGES:
        return False
    ways = np.column_stack([across[steep], down[steep]])
    gap = np.where(shown, before - np.float32(light) * after, 0)
    gap = (gap - cv2.blur(gap, _EVEN) / cv2.blur(shown.astype(np.float32), _EVEN).clip(1e-3))[steep]
    apart = np.abs(gap) / np.sqrt(slope[steep])
    if np.median(apart) > _APART:
        return False
    common = apart < _OUTLYING
    shift = np.linalg.lstsq(ways[common], gap[common], rcond=None)[0]
    return bool(np.hypot(*shift) < _AT_REST)


def track(source: Gray, target: Gray, usable: NDArray[np.bool_]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Corners of the usable part of a picture, and where the other has them.

    Parameters
    ----------
    source, target : (H, W) uint8
    usable : (H, W) bool
        Where corners of ``source`` may be.

    Returns
    -------
    before, after : (N, 2) float32
        (x, y) in ``source`` and ``target``, pixels; N is 0 where there is nothing to track.
    """
    none = np.zeros((0, 2), np.float32)
    if min(source.shape) < 16 or not usable.any():
        return none, none
    spacing = max(4.0, 0.6 * np.sqrt(np.count_nonzero(usable) / _CORNERS))
    mask = usable.astype(np.uint8) * 255
    before: NDArray[Any] | None = cv2.goodFeaturesToTrack(source, _CORNERS, 0.005, spacing, mask=mask, blockSize=5)
    if before is None:
        return none, none
    levels = int(np.clip(np.log2(min(source.shape) / 24), 0, 4))
    after, found, _ = cv2.calcOpticalFlowPyrLK(  # type: ignore[call-overload]
        source, target, before, None, winSize=(11, 11), maxLevel=levels
    )
    before, after = before.reshape(-1, 2), after.reshape(-1, 2)
    inside = np.all((after >= 0) & (after <= (source.shape[1] - 1, source.shape[0] - 1)), axis=1)
    kept = (found.ravel() == 1) & inside
    return before[kept], after[kept]


def plane_motion(before: NDArray[np.float32], after: NDArray[np.float32], shape: tuple[int, ...]) -> Matrix | None:
    """The motion that most tracks share, as rich a one as their number supports.

    The identity if most tracks rest; else a homography by least median of squares (Rousseeuw 1984); else an affine
    motion by RANSAC (Fischler & Bolles 1981); else a shift. The median takes its tolerance from the tracks' own
    spread, since a scene with depth is no plane: fills of the ten DAVIS clips come out 0.3 dB better than with a
    homography by RANSAC at 1.5 pixels.

    Parameters
    ----------
    before, after : (N, 2) float32
        (x, y) of the tracks in the two pictures, pixels.
    shape : (H, W, ...)
        Of the pictures.

    Returns
    -------
    (3, 3) float64 or None
        Maps ``before`` to ``after``; None if no motion is supported.
    """
    if len(before) < _FOR_SHIFT:
        return None
    shift = after - before
    if np.mean(np.abs(shift).max(axis=1) < _STILL) > 0.5:
        return np.eye(3)
    if len(before) >= _FOR_HOMOGRAPHY:
        homography, inliers = cv2.findHomography(before, after, cv2.LMEDS, maxIters=300)
        if homography is not None and inliers.sum() >= _FOR_HOMOGRAPHY and sane(homography, shape):
            return np.asarray(homography, np.float64)
    if len(before) >= _FOR_AFFINE:
        affine, inliers = cv2.estimateAffine2D(before, after, method=cv2.RANSAC, ransacReprojThreshold=_TOLERANCE)
        if affine is not None and inliers.sum() >= _FOR_AFFINE and sane(_square(affine), shape):
            return _square(affine)
    return _shift(shift)


def _square(affine: NDArray[Any]) -> Matrix:
    return np.vstack([affine, (0.0, 0.0, 1.0)])


def _shift(shift: NDArray[np.float32]) -> Matrix | None:
    middle = np.median(shift, axis=0)
    agreeing = np.abs(shift - middle).max(axis=1) <= 2 * _TOLERANCE
    if agreeing.sum() < max(_FOR_SHIFT, 0.5 * len(shift)):
        return None
    matrix = np.eye(3)
    matrix[:2, 2] = shift[agreeing].mean(axis=0)
    return matrix


def sane(matrix: NDArray[Any], shape: tuple[int, ...]) -> bool:
    """Whether a motion between neighbouring frames is possible: no flip, no leap, no extreme zoom.

    Parameters
    ----------
    matrix : (3, 3) float
        Maps (x, y, 1), pixels.
    shape : (H, W, ...)
        Of the pictures.

    Returns
    -------
    bool
        Whether the picture's area becomes neither half nor double, and no corner moves by 3/4 of the longer side.
    """
    height, width = shape[:2]
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float64)
    moved = transform(matrix, corners)
    if not np.isfinite(moved).all():
        return False
    area = cv2.contourArea(moved.astype(np.float32), oriented=True) / (width * height)
    return bool(0.5 < area < 2 and np.abs(moved - corners).max() < 0.75 * max(height, width))


def transform(matrix: NDArray[Any], points: NDArray[Any]) -> NDArray[np.float32]:
    """Positions ``(N, 2)`` mapped by a matrix."""
    if not len(points):
        return np.zeros((0, 2), np.float32)
    shaped = np.ascontiguousarray(points, np.float32)[None]
    return np.asarray(cv2.perspectiveTransform(shaped, matrix)[0], np.float32)


def chain(pairs: Mapping[int, Matrix | None], start: int, low: int, high: int) -> dict[int, Matrix]:
    """Motion from one picture to those before and after it, as far as the chain holds.

    Parameters
    ----------
    pairs : mapping
        ``pairs[i]`` maps picture i to picture i + 1, or is None.
    start : int
        The picture to start from.
    low, high : int
        First picture and end of the range.

    Returns
    -------
    dict
        Matrix from picture ``start`` to each picture reached, ``start`` left out.
    """
    reached: dict[int, Matrix] = {}
    for step, end in ((1, high), (-1, low - 1)):
        matrix = np.eye(3)
        for index in range(start + step, end, step):
            link = pairs[index - 1] if step > 0 else pairs[index]
            if link is None:
                break
            matrix = (link if step > 0 else np.linalg.inv(link)) @ matrix
            matrix = matrix / matrix[2, 2]
            reached[index] = matrix
    return reached
