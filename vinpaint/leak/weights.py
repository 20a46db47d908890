"""What the signs of a leak weigh: quadratic forms in a logistic regression, by ``vinpaint.benchmarks.fit_leaks``.

All but the first, which was chosen by hand, were fitted to calls composed from drawn people and stills of clips (:mod:`vinpaint.benchmarks.leak_calls`), none
of them a call that vinpaint is measured on.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from vinpaint.contracts import FloatMap
from vinpaint.leak import kernels

# fmt: off
_ROOM = (1.0, -3.0, -4.0, 0.0, 0.0, 0.0, 8.0, -8.0, *(0.0,) * 28)  # chosen by hand: see docs/design.md
_OPACITY = (
    -6.77, -4.14, -0.562, -0.199, -1.52, 1.32, 0.571, -1.82, -3.67, -1.3, -1.26, 0.0856, -1.21, 2.27, -5.4, -0.0632,
    1.8, -1.62, -0.224, 0.0478, -0.497, -0.473, -0.138, 0.557, -0.732, 0.176, -0.619, 0.249, -0.613, -1.22, 0.782,
    -1.23, -0.749, 2.62, -2.04, -0.068,
)
_GROUP_IMAGE = (
    -3.21, -0.263, 0.386, -2.15, 0.989, 1.64, 1.03, 0.185, -0.707, -1.52, -0.867, -0.447, 0.827, 1.4, 0.477, 0.247,
    -0.0688, -0.535, 1.04, 0.979, 1.27, -0.691, 0.776, 0.267, -0.348, 0.822, -0.413, -0.437, -0.654, -0.629, 0.0308,
    0.0258, 0.434, -0.671, 0.099, -0.624, -0.521, 0.0709, -0.136, -0.599, -3.68, -0.00702, 0.0393, -0.55, -0.159,
    -0.11, 0.0966, 0.154, -0.137, -0.177, -0.0281, 0.00613, -0.0755, -0.0691, 0.756,
)
_GROUP_BLURRED = (
    -1.87, 0.859, 0.421, 0.0399, 1.61, -0.229, -0.696, -0.0502, -0.213, -1.49, -0.0465, -0.201, 0.146, 0.862, 0.623,
    0.455, 0.285, -0.513, 0.467, -0.0275, -0.0483, -0.318, 0.673, 0.121, -0.368, 0.383, -0.467, -0.226, 0.0232, 0.605,
    -0.0729, -0.152, 0.387, -0.136, 0.939, -1.65, 0.158, -0.154, -0.201, -0.0967, -1.51, -1.28, 0.0694, 0.373, 0.811,
    -0.403, -0.267, -0.12, -0.818, 0.119, 0.0025, 0.219, 0.113, -0.245, -0.346,
)
_PLAIN = (0,)
# fmt: on


def products(signs: NDArray[np.floating]) -> NDArray[np.float64]:
    """Products of signs (N, K), each with each, (N, K·(K+1)/2); where they lack a constant, one is put before them."""
    first, second = np.triu_indices(signs.shape[-1] + (signs.shape[-1] != kernels.SIGNS))
    full = signs if signs.shape[-1] == kernels.SIGNS else np.insert(signs, 0, 1, axis=-1)
    return full[:, first].astype(np.float64) * full[:, second]


def square(table: NDArray[np.float64] | tuple[float, ...]) -> NDArray[np.float32]:
    """A table of weights of products as an upper triangle."""
    side = int((2 * len(table)) ** 0.5)
    out = np.zeros((side, side), np.float32)
    out[np.triu_indices(side)] = table
    return out


def chance(signs: FloatMap, table: NDArray[np.float32]) -> FloatMap:
    """Probability (...) that what has these signs (..., K) is the room's, by a quadratic form (K + 1, K + 1)."""
    full = np.insert(signs.reshape(-1, signs.shape[-1]), 0, 1, axis=-1)
    odds = np.einsum("ni,ij,nj->n", full, table, full, optimize=True)
    likely: FloatMap = expit(odds).astype(np.float32).reshape(signs.shape[:-1])
    return likely


def of_samples() -> NDArray[np.float32]:
    """Weights (2, SIGNS, SIGNS) of the signs of a sample: that nobody stands there; the mask's opacity."""
    return np.stack([ROOM, OPACITY])


ROOM, OPACITY = square(_ROOM), square(_OPACITY)
GROUP = {True: square(_GROUP_IMAGE), False: square(_GROUP_BLURRED)}
PLAIN = square(_PLAIN)
