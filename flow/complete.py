"""Smooth completion of a field from where it is known: a membrane, solved from coarse to fine."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vinpaint.flow.kernels import solve

F32 = NDArray[np.float32]


def complete(values: NDArray[Any], confidence: NDArray[Any], *, sweeps: int = 3) -> F32:
    """Fill a field where it is not known, smoothly, from where it is.

    Every sample of the result is ``c·v + (1 − c)·(mean of its four neighbours)``: for c in {0, 1} the discrete
    Laplace equation with the known samples as boundary. A pyramid gives each level a start that is right at large
    scale (cascadic multigrid, Bornemann & Deuflhard 1996; the pyramid as in Gortler et al. 1996), so that a few
    Gauss-Seidel sweeps a level suffice: the cost is proportional to the number of samples.

    Parameters
    ----------
    values : (H, W) or (H, W, C)
        The field; ignored where the confidence is 0.
    confidence : (H, W) bool or float
        0 = unknown to 1 = kept as it is.
    sweeps : int
        Sweeps on each level.

    Returns
    -------
    (H, W) or (H, W, C) float32
        Zeros where nothing at all is known.
    """
    field = np.ascontiguousarray(values.reshape(*values.shape[:2], -1), np.float32)
    sure = np.ascontiguousarray(confidence, np.float32)
    return np.asarray(solve(field, sure, sweeps).reshape(values.shape), np.float32)


def complete_hole(image: NDArray[Any], hole: NDArray[np.bool_], *, border: int = 2) -> NDArray[Any]:
    """A copy of an image, its hole filled by :func:`complete` within the hole's bounding box.

    Parameters
    ----------
    image : (H, W) or (H, W, C) uint8, uint16 or float32
    hole : (H, W) bool
    border : int
        Known samples around the bounding box that take part.

    Returns
    -------
    Like ``image``.
    """
    filled = image.copy()
    if not hole.any():
        return filled
    box = bounding_box(hole, border)
    inside = hole[box]
    membrane = complete(image[box], ~inside)[inside]
    if np.issubdtype(image.dtype, np.integer):
        membrane = np.rint(membrane)
    filled[box][inside] = membrane.astype(image.dtype)
    return filled


def bounding_box(mask: NDArray[np.bool_], margin: int) -> tuple[slice, slice]:
    """Slices of the smallest rectangle around a mask, grown by a margin and cut to the picture."""
    height, width = mask.shape
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return slice(0, 0), slice(0, 0)
    top, bottom = max(rows[0] - margin, 0), min(rows[-1] + 1 + margin, height)
    left, right = max(columns[0] - margin, 0), min(columns[-1] + 1 + margin, width)
    return slice(int(top), int(bottom)), slice(int(left), int(right))
