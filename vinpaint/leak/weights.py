"""What the signs of a leak weigh: quadratic forms in a logistic regression, by ``vinpaint.benchmarks.fit_leaks``.

They were fitted to calls composed from drawn people and stills of clips (:mod:`vinpaint.benchmarks.leak_calls`), none of
them a call that vinpaint is measured on.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from vinpaint.contracts import FloatMap
from vinpaint.leak import kernels

_LEAK = (0.0,) * 36
_CLEAR_IMAGE = (0.0,) * 36
_CLEAR_BLURRED = (0.0,) * 36
_GROUP_IMAGE = (0.0,) * 55
_GROUP_BLURRED = (0.0,) * 55


def products(signs: NDArray[np.floating]) -> NDArray[np.float64]:
    """Products of signs, each with each (N, K) to (N, K·(K+1)/2); of signs without a constant, one is put before them."""
    first, second = np.triu_indices(signs.shape[-1] + (signs.shape[-1] != kernels.SIGNS))
    full = signs if signs.shape[-1] == kernels.SIGNS else np.insert(signs, 0, 1, axis=-1)
    return full[:, first].astype(np.float64) * full[:, second]


def square(table: NDArray[np.float64] | tuple[float, ...]) -> NDArray[np.float32]:
    """A table of weights of products as an upper triangle."""
    side = int((2 * len(table)) ** 0.5)
    out = np.zeros((side, side), np.float32)
    out[np.triu_indices(side)] = table
    return out


def chance(signs: FloatMap, *, sharp: bool) -> FloatMap:
    """Probability (N,) that groups with these signs (N, 9) have the room's colour."""
    full = np.insert(signs, 0, 1, axis=-1)
    odds = np.einsum("ni,ij,nj->n", full, GROUP[sharp], full, optimize=True)
    return expit(odds).astype(np.float32)


def of_samples(*, sharp: bool) -> NDArray[np.float32]:
    """Weights (2, SIGNS, SIGNS) of the signs of a sample: that it shows the room; that it has the room's colour."""
    return np.stack([LEAK, CLEAR[sharp]])


LEAK = square(_LEAK)
CLEAR = {True: square(_CLEAR_IMAGE), False: square(_CLEAR_BLURRED)}
GROUP = {True: square(_GROUP_IMAGE), False: square(_GROUP_BLURRED)}
