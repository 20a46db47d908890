"""Which shots show the same scene, by their look."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from vinpaint.statistics.types import AnyArray

_SHAPE = 96, 160  # rows and columns of the small pictures that are compared
_BLOCK = 8
_NOISE = 2.0  # grey levels of detail in a small picture that compression explains
_ALIKE = 0.5  # mean correlation from which two pictures are taken for the same scene


def scene_numbers(pictures: Sequence[NDArray[np.uint8]], shots: Sequence[int]) -> list[int]:
    """Number shots by what they show: a camera that comes back to its place shows the same scene again.

    Two pictures show one scene when they share most of their detail, wherever either has any, block by block and
    whatever its contrast: a static camera keeps its background while people walk in front of it and light changes, and
    a blemish of less than half of the picture makes no two scenes alike. Shots are one scene if any of their pictures
    are.

    Parameters
    ----------
    pictures : sequence of (h, w) uint8
        Grey and small; N of one size.
    shots : sequence of int
        The shot of each.

    Returns
    -------
    list of int
        The scene of each picture, from 0 in order of appearance. Two pictures of one shot have one number.
    """
    if len(set(shots)) < 2:
        return [0] * len(shots)
    from scipy.sparse import csgraph  # a fifth of a second, which clips of one shot spare

    alike = _agreement(_details(pictures)) >= _ALIKE
    same = alike | np.equal.outer(shots, shots)
    labels = csgraph.connected_components(same, directed=False)[1]
    order = list(dict.fromkeys(labels.tolist()))
    return [order.index(label) for label in labels]


def _details(pictures: Sequence[NDArray[np.uint8]]) -> AnyArray:
    """(N, blocks, values) float32: what the blocks of each picture show beside their mean."""
    rows, columns = _SHAPE
    small = np.stack([cv2.resize(p, (columns, rows), interpolation=cv2.INTER_AREA) for p in pictures])
    blocks = small.astype(np.float32).reshape(len(small), rows // _BLOCK, _BLOCK, columns // _BLOCK, _BLOCK)
    values = blocks.transpose(0, 1, 3, 2, 4).reshape(len(small), -1, _BLOCK**2)
    return np.asarray(values - values.mean(axis=2, keepdims=True))


def _agreement(details: AnyArray) -> AnyArray:
    """(N, N): mean correlation over the blocks in which either picture of a pair has detail; 1 without any."""
    energy = (details**2).mean(axis=2, keepdims=True)
    unit = details / np.sqrt((energy + np.float32(_NOISE**2)) * details.shape[2])
    plain = np.asarray(energy <= 2 * _NOISE**2, np.float32)
    total = _products(unit) - _products(unit * plain)
    blocks = details.shape[1] - _products(plain)
    return np.asarray(np.where(blocks > 0, total / np.maximum(blocks, 1), 1))


def _products(maps: AnyArray) -> AnyArray:
    """(N, N) scalar products."""
    flat = maps.reshape(len(maps), -1)
    return np.asarray(flat @ flat.T)
