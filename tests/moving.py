"""Pictures of which the motion is known: a texture that has a value at every point, not only at pixels."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Picture = NDArray[np.uint8]
SHAPE = (144, 176)

MOTIONS = {
    "rest": (0, 1, 0, 0),
    "right": (0, 1, 3.5, 0),
    "up": (0, 1, 0, -2.25),
    "diagonal": (0, 1, -4.75, 3.25),
    "rotation": (2.5, 1, 0, 0),
    "zoom in": (0, 1.05, 0, 0),
    "zoom out": (0, 0.96, 0, 0),
    "all": (-1.5, 1.03, 2.25, -1.75),
}
"""Degrees (anticlockwise on the screen), zoom, and pixels to the right and down."""


def motion(degrees: float, zoom: float, x: float, y: float, shape: tuple[int, int] = SHAPE) -> Matrix:
    """How points of a picture move, around its middle."""
    matrix = cv2.getRotationMatrix2D(((shape[1] - 1) / 2, (shape[0] - 1) / 2), degrees, zoom)
    matrix[:, 2] += (x, y)
    return np.vstack([matrix, (0, 0, 1)])


def places(shape: tuple[int, int] = SHAPE) -> NDArray[np.float64]:
    """(x, y) of all pixels."""
    return np.dstack(np.meshgrid(np.arange(shape[1], dtype=float), np.arange(shape[0], dtype=float)))


def moved(matrix: Matrix, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points (..., 2) mapped by a matrix, exactly."""
    found = np.concatenate([points, np.ones_like(points[..., :1])], axis=-1) @ matrix.T
    return np.asarray(found[..., :2] / found[..., 2:])


def texture(points: NDArray[np.float64], seed: int = 0) -> NDArray[np.float64]:
    """A sum of waves of 7 to 60 pixels in all directions, at any points; about 20 to 235."""
    rng = np.random.default_rng(seed)
    length, angle, phase = rng.uniform(7, 60, 40), rng.uniform(0, np.pi, 40), rng.uniform(0, 2 * np.pi, 40)
    waves = 2 * np.pi / length * np.stack([np.cos(angle), np.sin(angle)])
    return 128 + np.cos(points @ waves + phase) @ (6 + 0.25 * length)


def seen(values: NDArray[np.float64]) -> Picture:
    return np.asarray(np.rint(values).clip(0, 255), np.uint8)


def before_and_after(matrix: Matrix, seed: int = 0, shape: tuple[int, int] = SHAPE) -> tuple[Picture, Picture]:
    """Two pictures of the texture; what is at p in the first is at ``matrix @ p`` in the second."""
    grid = places(shape)
    return seen(texture(grid, seed)), seen(texture(moved(np.linalg.inv(matrix), grid), seed))


def flow_of(matrix: Matrix, shape: tuple[int, int] = SHAPE) -> NDArray[np.float64]:
    grid = places(shape)
    return moved(matrix, grid) - grid


def layered(front: Matrix, back: Matrix) -> tuple[Picture, Picture, NDArray[np.float64], NDArray[np.bool_]]:
    """A disc before a ground, both moving: two pictures, the true flow of the first, and where the disc is in it."""
    grid, middle = places(), np.array(SHAPE[::-1]) / 2

    def disc(points: NDArray[np.float64]) -> NDArray[np.bool_]:
        return np.hypot(*np.moveaxis(points - middle, -1, 0)) < 38

    pictures = []
    for on_front, on_back in ((grid, grid), (moved(np.linalg.inv(front), grid), moved(np.linalg.inv(back), grid))):
        pictures.append(seen(np.where(disc(on_front), texture(on_front, 1), texture(on_back, 2))))
    flow = np.where(disc(grid)[..., None], flow_of(front), flow_of(back))
    return pictures[0], pictures[1], flow, disc(grid)
