"""Shading of the frame at large: lenses lose light and sharpness towards the corners, and that is no stain.

A point that moves through the frame gets darker, and its surroundings plainer, on its way to a corner. Left alone, such
slow changes over the frame are taken for opacity, or for the colour of a stain.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vinpaint.flow.matching import Matches

F64 = NDArray[np.float64]

_ANNEALING = (20.0, 10.0, 6.0, 4.0)  # grey levels; residuals above count less and less (Cauchy)
_CONTRAST_ERROR = 0.27  # of the logarithm of a ratio of contrasts
_USUAL = 0.1  # standard deviation of each coefficient, log gain from the centre to a corner
_ALIKE = 50.0  # errors of matched patches are alike: so many count as one
_LIMIT = 60_000  # matches that are enough


@dataclass(frozen=True, eq=False)
class Shading:
    """How bright and how sharp each place of a frame is, as smooth functions.

    Attributes
    ----------
    height, width : int
        Of the frame, pixels.
    light, contrast : (4,) float64
        Coefficients of the logarithms of brightness, and of contrast: across, down, and the second and fourth power of
        the distance from the centre, which is 1 in the corners.
    """

    height: int
    width: int
    light: F64
    contrast: F64

    def removed(self, matches: Matches) -> Matches:
        """Matches as they would be under even light and equally sharp."""
        here, there = (_terms(points, self.height, self.width) for points in (matches.here, matches.there))
        return replace(
            matches,
            level_here=(matches.level_here * np.exp(-here @ self.light)[:, None]).astype(np.float32),
            level_there=(matches.level_there * np.exp(-there @ self.light)[:, None]).astype(np.float32),
            contrast=(matches.contrast - (here - there) @ self.contrast).astype(np.float32),
        )


def fit_shading(matches: Matches, height: int, width: int) -> Shading:
    """The shading under which matched places differ least, robustly.

    Parameters
    ----------
    matches : Matches
    height, width : int
        Of the frame, pixels.

    Returns
    -------
    Shading
        Even where matches say nothing else.
    """
    matches = matches[:: max(1, len(matches) // _LIMIT)]
    here, there = (_terms(points, height, width) for points in (matches.here, matches.there))
    light, contrast = np.zeros(here.shape[1]), np.zeros(here.shape[1])
    for sigma in _ANNEALING:
        lit = np.exp(-here @ light)[:, None] * matches.level_here
        other = np.exp(-there @ light)[:, None] * matches.level_there
        gap, middle = lit - other, (lit + other) / 2
        weight = matches.weight / (1 + (gap**2).mean(axis=1) / sigma**2) / sigma**2
        light += _step(here - there, weight * (middle**2).sum(axis=1), weight * (middle * gap).sum(axis=1), light)
        gap = matches.contrast - (here - there) @ contrast
        weight = matches.weight / (_CONTRAST_ERROR**2 + gap**2)
        contrast += _step(here - there, weight, weight * gap, contrast)
    return Shading(height, width, light, contrast)


def _step(slope: F64, weight: F64, residual: F64, coefficients: F64) -> F64:
    """The change of coefficients that weighted residuals ask for, unless they get unusual."""
    prior = _ALIKE / _USUAL**2
    matrix = (slope * weight[:, None]).T @ slope + prior * np.eye(slope.shape[1])
    return np.asarray(np.linalg.solve(matrix, slope.T @ residual - prior * coefficients), np.float64)


def _terms(points: NDArray[np.float32], height: int, width: int) -> F64:
    x, y = (points - np.array([(width - 1) / 2, (height - 1) / 2])).T / (np.hypot(height, width) / 2)
    square = x * x + y * y
    return np.asarray(np.stack([x, y, square, square * square], axis=1), np.float64)
