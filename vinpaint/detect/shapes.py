"""Small tools for masks and maps."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from vinpaint.contracts import FloatMap, Mask
from vinpaint.masks.regions import dilate


def pull_push(image: FloatMap, known: Mask) -> FloatMap:
    """An image continued smoothly from its known pixels into the others.

    Parameters
    ----------
    image : (H, W) float32
    known : (H, W) bool

    Returns
    -------
    (H, W) float32
        Equal to ``image`` where known.

    References
    ----------
    Gortler, Grzeszczuk, Szeliski, Cohen: The Lumigraph, SIGGRAPH 1996, section 3.4.
    """
    weight = known.astype(np.float32)
    return np.asarray(np.where(known, image, _pull(image * weight, weight)), np.float32)


def _pull(total: FloatMap, weight: FloatMap) -> FloatMap:
    """Weighted averages at this resolution where there is weight, at coarser ones where there is none."""
    here = total / np.maximum(weight, 1e-6)
    if min(weight.shape) < 3 or weight.min() >= 1:
        return np.asarray(here if weight.any() else total, np.float32)
    coarse = _pull(*_halve(total, weight))
    wide = np.asarray(cv2.resize(coarse, total.shape[::-1], interpolation=cv2.INTER_LINEAR), np.float32)
    share = np.minimum(weight, 1)
    return np.asarray(share * here + (1 - share) * wide, np.float32)


def _halve(total: FloatMap, weight: FloatMap) -> tuple[FloatMap, FloatMap]:
    """Half the resolution, where a pixel is known in full as soon as it saw one known pixel."""
    small, share = cv2.pyrDown(total), cv2.pyrDown(weight)
    full = np.minimum(4 * share, 1) / np.maximum(share, 1e-6)
    return np.asarray(small * full, np.float32), np.asarray(share * full, np.float32)


def label(mask: Mask) -> NDArray[np.int32]:
    """Numbers of connected components, 0 outside."""
    return np.asarray(cv2.connectedComponents(mask.astype(np.uint8))[1], np.int32)


def grouped(mask: Mask, radius: float) -> Iterator[Mask]:
    """The parts of a mask one by one.

    Parameters
    ----------
    mask : (H, W) bool
    radius : float
        Pixels; what is apart by up to twice that is one part.

    Yields
    ------
    (H, W) bool
    """
    labels = label(dilate(mask, radius))
    for number, box in enumerate(ndimage.find_objects(labels), 1):
        part = np.zeros_like(mask)
        part[box] = mask[box] & (labels[box] == number)
        yield part


def direction(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """The direction (x, y), of length 1, in which points (N, 2) extend most."""
    return np.asarray(np.linalg.svd(points - points.mean(axis=0), full_matrices=False)[2][0], np.float64)


def drawn(points: NDArray[np.float64], shape: tuple[int, ...], thickness: float) -> Mask:
    """A line through points (N, 2), N at least 2, as a mask (H, W)."""
    canvas = np.zeros(shape, np.uint8)
    sixteenths = np.rint(16 * points).astype(np.int32)
    cv2.polylines(canvas, [sixteenths], False, (1,), max(1, round(thickness)), cv2.LINE_8, shift=4)
    return np.asarray(canvas > 0)


def component_at(mask: Mask, x: int, y: int) -> Mask:
    """The connected part of a mask that holds a pixel; nothing where the pixel is clear."""
    labels = label(mask)
    return np.asarray((labels == labels[y, x]) & mask & mask[y, x])


def erode(mask: Mask, radius: float) -> Mask:
    """A mask shrunk by a disc.

    Parameters
    ----------
    mask : (H, W) bool
    radius : float
        Pixels; 0 or more.

    Returns
    -------
    (H, W) bool
        True where no clear pixel is within ``radius``; the frame's edge does not count as clear.
    """
    x, y, width, height = cv2.boundingRect(mask.astype(np.uint8))
    box = np.s_[max(y - 1, 0) : y + height + 1, max(x - 1, 0) : x + width + 1]  # with the nearest clear pixels
    result = np.zeros_like(mask)
    result[box] = ~dilate(~mask[box], radius)
    return result


def close(mask: Mask, radius: float) -> Mask:
    """A mask whose gaps up to twice the radius are closed.

    Parameters
    ----------
    mask : (H, W) bool
    radius : float
        Pixels; 0 or more.

    Returns
    -------
    (H, W) bool
        Holds the mask.
    """
    return erode(dilate(mask, radius), radius) | mask


def fill_holes(mask: Mask) -> Mask:
    """A mask without holes."""
    x, y, width, height = cv2.boundingRect(mask.astype(np.uint8))
    result = mask.copy()
    box = np.s_[y : y + height, x : x + width]
    result[box] = ndimage.binary_fill_holes(mask[box])
    return result


def disc(shape: tuple[int, ...], x: float, y: float, radius: float) -> Mask:
    """The pixels within a distance of a place."""
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    return np.asarray((rows - y) ** 2 + (columns - x) ** 2 <= radius**2)
