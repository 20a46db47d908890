"""Averaging what is noisy along the motion: the same scene point in other frames, seen as well or better."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vinpaint.contracts import Mask
from vinpaint.flow.complete import bounding_box, complete_hole
from vinpaint.flow.consistency import grid
from vinpaint.flow.estimate import Estimator, Gray

F32 = NDArray[np.float32]

_BLUR = 0.7  # pixels; noise of single pixels moves nothing
_WINDOW = 1.5  # pixels, of the comparison of two frames
_MARGIN = 6  # pixels around what is wanted: as far as the comparison looks
_SHARED = 0.3  # of the noise of two frames is the same in both (compressed video copies it), and is no difference
_DOUBT = 2.0  # of a difference beyond the noise: it is only the mean over a window
_OUTSIDE = 1e8  # variance beyond the border of the picture
_BLIND = 150.0  # squared grey levels; error of motion to expect where the picture is too poor to show it …
_POOR = 24.0**2  # … which it is with this variance to a quarter


@dataclass(frozen=True, eq=False)
class View:
    """A picture of the scene, uneven in quality.

    Attributes
    ----------
    scene : (H, W, 3) float32
    variance : (H, W) float32
        Expected squared error in squared grey levels.
    gray : (H, W) uint8
        For the estimation of motion: opaque parts are filled smoothly.
    """

    scene: F32
    variance: F32
    gray: Gray

    def cut(self, box: tuple[slice, slice]) -> View:
        """A part of the view."""
        return View(self.scene[box], self.variance[box], np.ascontiguousarray(self.gray[box]))


def view_of(scene: F32, variance: F32, unit: float, opaque: Mask) -> View:
    """A view from a scene in ``unit`` a grey level, which is worth nothing where ``opaque``."""
    gray = cv2.GaussianBlur(cv2.cvtColor(scene, cv2.COLOR_RGB2GRAY) / np.float32(unit), (0, 0), _BLUR)
    return View(scene, variance, complete_hole(np.rint(gray).astype(np.uint8), opaque))


def steadied(view: View, others: Iterable[View], wanted: Mask, estimate: Estimator, unit: float) -> tuple[F32, F32]:
    """The inverse-variance mean of a view and of others, warped onto it.

    The variance of a warped view is its own and, beside it, what it differs from the view by more than the noise of
    both explains; where the view is too poor to tell, an error of the motion is expected.

    Parameters
    ----------
    view : View
    others : iterable of View
        Of the same size.
    wanted : (H, W) bool
        Where the mean is asked for, not empty; beyond its bounding box all stays as it is.
    estimate : callable
        Estimates motion between the grey pictures.
    unit : float
        One grey level in the units of the scenes.

    Returns
    -------
    scene : (H, W, 3) float32
    variance : (H, W) float32
    """
    box = bounding_box(wanted, _MARGIN)
    own = view.cut(box)
    found = aligned(view, others, box, estimate, unit)
    mean, error = view.scene.copy(), view.variance.copy()
    mean[box], error[box] = averaged(own.scene, own.variance, found)
    return mean, error


def averaged(scene: F32, variance: F32, others: Iterable[tuple[F32, F32]]) -> tuple[F32, F32]:
    """The inverse-variance mean of a scene (H, W, 3) and of others, and its variance (H, W)."""
    total = np.asarray(scene / variance[..., None], np.float32)
    weights = np.asarray(1 / variance, np.float32)
    for other, error in others:
        weight = 1 / error
        total += other * weight[..., None]
        weights += weight
    return np.asarray(total / weights[..., None], np.float32), np.asarray(1 / weights, np.float32)


def aligned(
    view: View, others: Iterable[View], box: tuple[slice, slice], estimate: Estimator, unit: float
) -> Iterator[tuple[F32, F32]]:
    """Views warped onto another, within a box.

    Parameters
    ----------
    view : View
    others : iterable of View
        Of the same size.
    box : (slice, slice)
        What of the view is asked for.
    estimate, unit
        See :func:`steadied`.

    Yields
    ------
    scene : (h, w, 3) float32
    variance : (h, w) float32
        Expected squared error as an estimate of the view's scene, in squared grey levels.
    """
    own = view.cut(box)
    blind = _BLIND * np.square(own.variance / (own.variance + _POOR))
    places = grid(*view.gray.shape)[box]
    for other in others:
        at = places + estimate(view.gray, other.gray)[box]
        scene = cv2.remap(  # type: ignore[call-overload]
            other.scene, at, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        )
        variance = cv2.remap(  # type: ignore[call-overload]
            other.variance, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=_OUTSIDE
        )
        gap = scene - own.scene
        square = np.einsum("yxc,yxc->yx", gap, gap) / np.float32(3 * unit**2)
        excess = cv2.GaussianBlur(square, (0, 0), _WINDOW) - (1 - _SHARED) * (own.variance + variance)
        yield scene, variance + blind + _DOUBT * np.maximum(excess, 0)
