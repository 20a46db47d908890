"""A small network that tells marks and stains from the scene, by the maps of :mod:`vinpaint.detect.maps`.

It works on blocks of 2 x 2 pixels at five resolutions. Its sums are matrix products of numpy: as small as it is,
loading a library for it would take longer than running it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load
from scipy.special import expit

from vinpaint.contracts import FloatMap
from vinpaint.detect.maps import CHANNELS, describe

LEVELS, WIDTHS, OUTPUTS = 5, (24, 32, 32, 32, 32), 2
BOTTOM = LEVELS - 1


def layers_of(fed: int, widths: Sequence[int], outputs: int) -> dict[str, tuple[int, int, int]]:
    """Layers of a small U-Net, in the order in which they are applied.

    Parameters
    ----------
    fed : int
        Channels that the first layer is fed.
    widths : sequence of int
        Channels at each resolution, the finest first.
    outputs : int
        Channels that the last layer gives.

    Returns
    -------
    dict
        Name of every layer: channels it is fed and gives, and side of its kernel.
    """
    layers: dict[str, tuple[int, int, int]] = {}
    for level, width in enumerate(widths):
        layers |= {f"down{level}a": (fed, width, 3), f"down{level}b": (width, width, 3)}
        fed = width
    for level in reversed(range(len(widths) - 1)):
        layers |= {f"narrow{level}": (fed, widths[level], 1), f"up{level}": (widths[level], widths[level], 3)}
        fed = widths[level]
    return layers | {"out": (fed, outputs, 1)}


LAYERS = layers_of(CHANNELS, WIDTHS, OUTPUTS)
"""Of the layers, in the order in which they are applied."""


def look(small: NDArray[np.uint8], shape: tuple[int, int], shots: NDArray[Any] | None = None) -> FloatMap:
    """How likely every pixel of sampled frames is part of a mark with sharp edges.

    Parameters
    ----------
    small : (N, h, w, 3) uint8
        RGB, in the size that the network was taught with; see :func:`vinpaint.detect.maps.sized`.
    shape : (int, int)
        Height and width of the frames.
    shots : (N,) int, optional
        Shot number of every sample.

    Returns
    -------
    (H, W) float32
        0 to 1.
    """
    mark = see(describe(small, shots))[0]
    return np.asarray(cv2.resize(mark, shape[::-1], interpolation=cv2.INTER_LINEAR), np.float32)


def see(maps: FloatMap) -> FloatMap:
    """How likely every block is part of a blemish.

    Parameters
    ----------
    maps : (CHANNELS, h, w) float32
        From :func:`vinpaint.detect.maps.describe`.

    Returns
    -------
    (2, h, w) float32
        Probability, 0 to 1, of a mark with sharp edges, and of a soft stain. The second is there because a mark is
        told best if it is also known what resembles it; stains are found better by what moves behind them.
    """
    weights = _weights()
    kept = []
    for level in range(LEVELS):
        maps = _rectified(_layer(weights, f"down{level}b", _rectified(_layer(weights, f"down{level}a", maps))))
        kept.append(maps)
        if level < BOTTOM:
            maps = _halved(maps)
    for level in reversed(range(BOTTOM)):
        wide = _enlarged(_layer(weights, f"narrow{level}", maps), kept[level].shape[1:])
        maps = _rectified(_layer(weights, f"up{level}", _rectified(wide + kept[level])))
    return np.asarray(expit(_layer(weights, "out", maps)), np.float32)


@cache
def _weights() -> dict[str, FloatMap]:
    file = resources.files("vinpaint.detect") / "net.safetensors"
    return {name: each.astype(np.float32) for name, each in load(file.read_bytes()).items()}


def _layer(weights: dict[str, FloatMap], name: str, image: FloatMap) -> FloatMap:
    """A convolution with zeros around the image, as one matrix product for each place of the kernel."""
    kernel, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
    side, (height, width) = kernel.shape[2], image.shape[1:]
    padded = np.pad(image, ((0, 0), (side // 2, side // 2), (side // 2, side // 2)))
    result = np.repeat(bias[:, None], height * width, axis=1)
    for row in range(side):
        for column in range(side):
            moved = padded[:, row : row + height, column : column + width]
            result += kernel[:, :, row, column] @ moved.reshape(len(image), -1)
    return result.reshape(-1, height, width)


def _rectified(image: FloatMap) -> FloatMap:
    return np.maximum(image, 0, out=image)


def _halved(image: FloatMap) -> FloatMap:
    """Means of 2 x 2; a row or column that is over counts twice."""
    _, height, width = image.shape
    even = np.pad(image, ((0, 0), (0, height % 2), (0, width % 2)), mode="edge")
    return np.asarray((even[:, ::2, ::2] + even[:, 1::2, ::2] + even[:, ::2, 1::2] + even[:, 1::2, 1::2]) / 4)


def _enlarged(image: FloatMap, shape: tuple[int, ...]) -> FloatMap:
    return np.stack([cv2.resize(channel, shape[::-1], interpolation=cv2.INTER_LINEAR) for channel in image])
