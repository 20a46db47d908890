"""A generated scene that the tests of sharp marks share."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def wandering(count: int, height: int, width: int, seed: int) -> NDArray[np.uint8]:
    """A camera that wanders over a picture with detail at all scales."""
    draw = np.random.default_rng(seed)
    scene = np.zeros((height + 100, width + 100, 3), np.float32)
    for scale in (2, 4, 8, 16, 32):
        small = draw.normal(size=(height // scale + 60, width // scale + 60, 3)).astype(np.float32)
        scene += np.sqrt(scale) * cv2.resize(small, scene.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    scene = np.clip(120 + 45 * scene / scene.std(), 0, 255)
    time = np.arange(count) / count * 2 * np.pi
    tops, lefts = np.rint(50 + 48 * np.sin(2 * time)).astype(int), np.rint(50 + 48 * np.cos(3 * time)).astype(int)
    return np.stack([scene[y : y + height, x : x + width] for y, x in zip(tops, lefts, strict=True)]).astype(np.uint8)
