"""What the signs of a leak weigh: quadratic forms in a logistic regression, by ``vinpaint.benchmarks.fit_leaks``.

They were fitted to calls composed from drawn people and stills of clips (:mod:`vinpaint.benchmarks.leak_calls`), none
of them a call that vinpaint is measured on.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from vinpaint.contracts import FloatMap
from vinpaint.leak import kernels

# fmt: off
_ROOM = (
    -1.18, -2.88, 2.31, 0.0634, -0.0856, 0.629, 0.173, -0.808, -1.02, -1.33, -0.374, -0.188, -0.547, -0.368,
    -0.913, -0.0105, 0.282, 0.0443, 0.183, -1.2, -3.79, 0.00135, -0.00229, -0.144, 0.00331, -0.173, -0.00908,
    0.062, -0.0405, -0.291, -0.05, -0.291, -2.19, 1.03, -1.3, -0.769,
)
_OPACITY = (
    -1.08, 1.25, -0.428, 0.0557, 0.0434, -0.341, -0.854, 1.21, 0.293, -0.205, 0.588, 0.22, 0.354, 0.1, 0.213,
    0.0256, -0.246, 0.149, -0.0436, 0.806, 0.0743, 0.0752, 0.11, -0.456, 0.163, 0.12, -0.171, -0.0269, -0.0613,
    0.28, 0.00865, -0.427, 1.82, 0.369, -0.257, 1.53,
)
_PLAIN = (
    3.97, 1.7, -2.83, -1.6, 0.768, -0.135, -1.02, 0.119, -2.09, 1.16, 0.691, -1.41, -0.234, 0.335, 6.94,
)
_LEARNED_IMAGE = (
    -0.895, -0.512, 1.12, 1.02, 0.31, 0.111, 0.443, 0.223, -0.925, -0.53, -0.326, 0.0704, -0.0698, 0.12,
    0.254, -0.00215, -0.737, -0.0675, 0.218, 0.262, -0.029, 0.266, -0.0104, -0.292, 0.322, 0.397, -0.0528,
    0.0318, -0.0901, 0.139, -0.358, 0.118, 0.0698, 0.46, -0.0137, 0.229, -0.206, 0.0936, -0.1, 0.363,
    0.0812, 0.0545, 0.228, 0.00667, 0.0409, -0.364, -0.713, -0.109, -0.175, 0.726, -0.296, -0.569, 0.0506,
    -0.136, -0.529, 0.132, -0.302, 0.149, -0.769, 0.307, 0.222, 0.338, -0.196, -0.0909, 0.517, -0.196,
)
_LEARNED_BLURRED = (
    0.666, -0.82, 1.2, 1.32, 0.0431, -0.149, 1.02, 0.835, -2.34, -1.63, -0.0292, -0.0922, -0.223, 0.0988,
    0.34, -0.219, -1.13, -0.0144, 0.153, 0.538, -0.0139, 0.536, 0.188, -0.0156, 0.411, 0.794, -0.225, 0.152,
    0.409, 0.18, -0.744, 0.241, 0.496, 0.159, -0.127, 0.329, -0.0935, 0.112, -0.898, 0.179, -0.0505, 0.0313,
    0.0924, 0.167, 0.111, -0.154, -1.09, 0.458, -0.365, 0.526, -0.632, -0.154, 1, -0.498, -0.781, 0.305,
    -0.0864, -0.367, -0.83, 0.433, 0.97, -0.214, 0.077, 0.823, -0.000443, -0.32,
)
_STATISTICS_IMAGE = (
    -3.9, -0.363, -3.21, -1.26, -1.09, -2.76, -1.01, -0.964, 0.236, -0.683, -0.0655, -0.0851, 0.388, -0.211,
    -0.23, -1.41, -1.06, -0.382, -0.41, -0.0511, 0.273, -0.377, 0.28, -1.19, 1.89, -1.26, -0.334, -0.762, 0.946,
    -0.73, 0.00376, 0.105, -0.0884, 1.1, 0.0682, -0.072, 0.185, -0.104, -0.188, 0.361, 1.43, -0.119, -0.0407,
    -0.139, 0.519, 0.453, -0.893, 0.128, 0.724, 0.11, -0.292, -1.19, 0.625, 1.22, 0.256, 0.455, -0.451, 0.39,
    -0.685, 0.98, -0.343, 0.321, 0.378, -0.332, 0.513, -0.514,
)
_STATISTICS_BLURRED = (
    0.296, -1.94, 1.02, 4.85, 1.33, 1.95, 0.795, 2.48, -0.636, 0.455, -1.22, -0.324, 1.5, 0.67, 0.137, 0.04,
    0.419, 0.0093, 0.635, 0.445, 0.131, -0.404, -0.837, -1.27, -0.755, -1.19, -1.46, 0.328, 0.0666, 0.233,
    -2.54, 0.185, 0.371, 1.61, -0.143, 0.974, -0.286, 0.103, -1.17, 1.83, -1.97, 0.568, -0.114, -0.239, -0.63,
    0.97, -1.47, 0.383, -0.564, 0.0899, -0.814, -0.408, -0.633, -0.255, -0.651, 1.18, -0.0541, -0.238, -1.06,
    0.179, -0.328, 0.364, -0.501, -0.737, 0.511, -0.0313,
)
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


ROOM, OPACITY, PLAIN = square(_ROOM), square(_OPACITY), square(_PLAIN)
"""That nobody stands where a sample is taken; the mask's opacity there; that a blurred room shows its own colour."""

GROUPS = {
    ("learned", True): square(_LEARNED_IMAGE),
    ("learned", False): square(_LEARNED_BLURRED),
    ("statistics", True): square(_STATISTICS_IMAGE),
    ("statistics", False): square(_STATISTICS_BLURRED),
}
"""That a group's colour is the room's, by the method and whether the virtual background is sharp."""
