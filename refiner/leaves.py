"""Dead leaves: pictures without things in them, but with the edges, the textures and the contrasts of photographs.

A. B. Lee, D. Mumford, J. Huang, Occlusion models for natural images, International Journal of Computer Vision 41, 2001
(radii by a power of −3 give the statistics of photographs at every scale); R. Achddou, Y. Gousseau, S. Ladjal,
Synthetic images as a regularity prior for image restoration neural networks, SSVM 2021 (networks that learn from them
restore photographs).
"""

from __future__ import annotations

import cv2
import numpy as np

from vinpaint.contracts import FloatMap, Frames
from vinpaint.refiner.drawing import Generator, fractal

FINER = 2
"""Pixels of a picture for one of a frame, each way."""
_LEAVES = 4000
_SMALLEST, _LARGEST = 1.5, 0.6  # radii: pixels of the picture, share of its height
_COLOURS = (3, 9)  # of a picture; leaves vary them
_CONTRAST, _COLOURFUL = 35.0, 15.0  # by how much these differ from each other, and from grey
_FASTEST = 6.0  # pixels a frame
_RESTING = 0.25  # share of the clips
_SOFTEST = 0.6  # deviation of the lens, pixels of a frame


def leaves_clip(rng: Generator, count: int, size: tuple[int, int]) -> Frames:
    """A camera that passes over leaves: (count, height, width, 3) uint8, size is (width, height)."""
    speed = 0.0 if rng.random() < _RESTING else rng.uniform(0, _FASTEST)
    turn = rng.uniform(0, 2 * np.pi)
    way = np.rint(FINER * speed * np.outer(np.arange(count), [np.sin(turn), np.cos(turn)])).astype(int)
    way -= way.min(axis=0)
    height, width = FINER * size[1], FINER * size[0]
    picture = leaves(rng, height + int(way[:, 0].max()), width + int(way[:, 1].max()))
    soft = rng.uniform(0, FINER * _SOFTEST)
    if soft > 0.3:
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), soft), np.float32)
    parts = (picture[top : top + height, left : left + width] for top, left in way)
    frames = [cv2.resize(part, size, interpolation=cv2.INTER_AREA) for part in parts]
    return np.asarray(np.rint(np.clip(frames, 0, 255)), np.uint8)


def leaves(rng: Generator, height: int, width: int) -> FloatMap:
    """Ellipses of all sizes on top of each other, (H, W, 3), about 0 to 255."""
    number = np.zeros((height, width), np.int32)
    radii = _radii(rng, _LARGEST * height)
    places, turns = rng.uniform(0, 1, (_LEAVES, 2)) * (width, height), rng.uniform(0, 180, _LEAVES)
    for leaf, (place, radius, turn) in enumerate(zip(places, radii, turns, strict=True), 1):
        cv2.ellipse(number, ((*place,), (2 * radius, 2 * radius * rng.uniform(0.3, 1)), turn), leaf, cv2.FILLED)
    greys = rng.uniform(50, 205) + rng.normal(0, _CONTRAST, (rng.integers(*_COLOURS), 1))
    palette = greys + rng.normal(0, _COLOURFUL, (len(greys), 3))
    colours = palette[rng.integers(0, len(palette), _LEAVES + 1)] + rng.normal(0, 12, (_LEAVES + 1, 3))
    picture = colours[number].astype(np.float32)
    for roughness in (0.8, 1.4, 2.0):
        strength = (rng.exponential(6, _LEAVES + 1) * (rng.random(_LEAVES + 1) < 0.7)).astype(np.float32)
        picture += (strength[number] * fractal(rng, (height, width), roughness))[..., None]
    return picture


def _radii(rng: Generator, largest: float) -> FloatMap:
    """Radii whose density falls with their third power."""
    low, high = _SMALLEST**-2, largest**-2
    return np.asarray((low - rng.random(_LEAVES) * (low - high)) ** -0.5, np.float32)
