"""Diffusion into a hole along the structures that run into it."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from vinpaint.contracts import FloatMap, Mask
from vinpaint.flow.complete import complete
from vinpaint.flow.kernels import pull

_SWEEPS = 8  # on each level
_SLOPE = 3.0  # levels of 255 a pixel: from this contrast on diffusion prefers to go along an edge
_LEAST = 0.05  # share that still goes across the sharpest edge
_NOISE, _SCALE = 1.0, 3.0  # pixels: Gaussians before the derivatives and over the structure tensor
_UP = (-1, -1, -1, 0, 0, 1, 1, 1)  # the eight neighbours
_LEFT = (-1, 0, 1, -1, 1, -1, 0, 1)


def diffuse(image: FloatMap, hole: Mask) -> FloatMap:
    """Fill a hole by edge-enhancing diffusion: a membrane that is stiffer along edges than across them.

    The direction of edges is the structure tensor of the surroundings, completed smoothly into the hole
    (J. Weickert, Anisotropic diffusion in image processing, 1998). The steady state is found from coarse to fine
    with a few Gauss-Seidel sweeps on each level; all weights are positive, so that no value leaves the range of
    the surroundings.

    Parameters
    ----------
    image : (H, W, 3) float32
        0 to 255; ignored in the hole.
    hole : (H, W) bool

    Returns
    -------
    (H, W, 3) float32
        Zeros in the hole where nothing at all is known.
    """
    values = np.where(hole[..., None], np.float32(0), image)
    return _solve(values, ~hole, _tensor(values, hole))


def _tensor(values: FloatMap, hole: Mask) -> FloatMap:
    """Diffusion tensor xx, xy, yy of each pixel: 1 along edges, less across them."""
    known = (~hole).astype(np.float32)
    smooth, weight = (cv2.GaussianBlur(part, (0, 0), _NOISE) for part in (values.mean(axis=2), known))
    x, y = (cv2.Sobel(smooth / np.maximum(weight, 1e-3), cv2.CV_32F, *order, scale=1 / 8) for order in ((1, 0), (0, 1)))
    reach = np.ones((5, 5), np.uint8)  # derivatives so near the hole are not to be trusted
    trusted = cv2.erode(known, reach)
    products = np.dstack([x * x, x * y, y * y, np.ones_like(x)]) * trusted[..., None]
    sums = cv2.GaussianBlur(products, (0, 0), _SCALE)
    weight = sums[..., 3]
    structure = complete(sums[..., :3] / np.maximum(weight, 1e-3)[..., None], (weight > 0.3) & ~hole, sweeps=2)
    return _stiffness(structure)


def _stiffness(structure: FloatMap) -> FloatMap:
    """I − (1 − g)·n·nᵀ with n across the edge and g falling with the difference of the eigenvalues."""
    xx, xy, yy = np.moveaxis(structure, 2, 0)
    gap = np.hypot(xx - yy, 2 * xy)
    across = np.maximum(1 / (1 + gap / _SLOPE**2), _LEAST)
    half = (1 - across) / 2
    cosine, sine = (xx - yy) / np.maximum(gap, 1e-6), 2 * xy / np.maximum(gap, 1e-6)  # of twice the angle of n
    return np.dstack([1 - half * (1 + cosine), -half * sine, 1 - half * (1 - cosine)]).astype(np.float32)


def _solve(values: FloatMap, known: Mask, tensor: FloatMap) -> FloatMap:
    if known.all() or not known.any():
        return values
    height, width = known.shape
    coarse_values, coarse_known = pull(values, known.astype(np.float32))
    coarse = _solve(coarse_values, coarse_known > 0, _halve(tensor))
    start = cv2.resize(coarse, (2 * coarse.shape[1], 2 * coarse.shape[0]), interpolation=cv2.INTER_LINEAR)
    start = start.reshape(*start.shape[:2], -1)[:height, :width]
    solution = np.where(known[..., None], values, start)
    rows, columns = np.nonzero(~known)
    gauss_seidel(solution, rows, columns, couplings(tensor, rows, columns), _SWEEPS)
    return solution


def _halve(tensor: FloatMap) -> FloatMap:
    """Means of 2x2 cells."""
    even = np.pad(tensor, [(0, n % 2) for n in tensor.shape[:2]] + [(0, 0)], mode="edge")
    return np.asarray((even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]) / 4, np.float32)


@njit(cache=True, nogil=True)
def couplings(tensor: FloatMap, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> FloatMap:
    """How much each of eight neighbours counts: the stencil of Weickert (1998), kept positive.

    Parameters
    ----------
    tensor : (H, W, 3) float32
        Diffusion tensor xx, xy, yy.
    rows, columns : (N,) int
        The pixels asked for.

    Returns
    -------
    (N, 8) float32
        From the upper left neighbour to the lower right one, row by row; sum 1, and 0 beyond the picture's edge.
    """
    height, width, _ = tensor.shape
    weights = np.zeros((rows.size, 8), np.float32)
    for n in range(rows.size):
        total = np.float32(0)
        for k in range(8):
            y, x = rows[n] + _UP[k], columns[n] + _LEFT[k]
            if not (0 <= y < height and 0 <= x < width):
                continue
            weight = np.float32(0)
            for xx, xy, yy in (tensor[rows[n], columns[n]], tensor[y, x]):
                if _UP[k] == 0:
                    weight += xx - abs(xy)
                elif _LEFT[k] == 0:
                    weight += yy - abs(xy)
                else:
                    weight += np.float32(0.5) * (abs(xy) + _UP[k] * _LEFT[k] * xy)
            weights[n, k] = max(weight, np.float32(1e-3))
            total += weights[n, k]
        if total > 0:
            weights[n] /= total
    return weights


@njit(cache=True, nogil=True)
def gauss_seidel(
    solution: FloatMap, rows: NDArray[np.intp], columns: NDArray[np.intp], weights: FloatMap, sweeps: int
) -> None:
    """Sweeps to and fro in which every given pixel becomes the weighted mean of its neighbours.

    Parameters
    ----------
    solution : (H, W, 3) float32
        The start; becomes the solution in place.
    rows, columns : (N,) int
        The pixels to solve for.
    weights : (N, 8) float32
        See :func:`couplings`.
    sweeps : int
    """
    for sweep in range(sweeps):
        for i in range(rows.size):
            n = i if sweep % 2 == 0 else rows.size - 1 - i
            red = green = blue = np.float32(0)
            for k in range(8):
                weight = weights[n, k]
                if weight > 0:
                    neighbour = solution[rows[n] + _UP[k], columns[n] + _LEFT[k]]
                    red += weight * neighbour[0]
                    green += weight * neighbour[1]
                    blue += weight * neighbour[2]
            pixel = solution[rows[n], columns[n]]
            pixel[0], pixel[1], pixel[2] = red, green, blue


def as_levels(image: NDArray[Any]) -> tuple[FloatMap, float]:
    """An image as float32 from 0 to 255, and what one such level is in the image's own units."""
    unit = (1.0 if image.dtype.kind == "f" else float(np.iinfo(image.dtype).max)) / 255
    return (image / np.float32(unit)).astype(np.float32, copy=False), unit
