"""The arguments that all measures of samples share."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vinpaint.errors import UsageError


def numbered(
    samples: NDArray[np.uint8], numbers: Any = None, shots: Any = None
) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Frame and shot numbers of samples, after all was checked.

    Parameters
    ----------
    samples : (N, H, W, 3) uint8
        RGB frames.
    numbers : (N,) int, optional
        Frame numbers; as if consecutive if not given.
    shots : (N,) int, optional
        Shot numbers.

    Returns
    -------
    numbers : (N,) int
    shots : (N,) int or None

    Raises
    ------
    UsageError
        If shapes or types are not as above.
    """
    if samples.ndim != 4 or samples.shape[3] != 3 or samples.dtype != np.uint8 or not samples.size:
        raise UsageError(f"samples are {samples.dtype} {samples.shape}; give RGB as uint8 of shape (N, H, W, 3)")
    numbers = np.arange(len(samples)) if numbers is None else np.asarray(numbers)
    shots = None if shots is None else np.asarray(shots)
    for name, given in (("frame", numbers), ("shot", shots)):
        if given is not None and given.shape != samples.shape[:1]:
            raise UsageError(f"{given.size} {name} numbers for {len(samples)} samples; give one for each")
    return numbers, shots
