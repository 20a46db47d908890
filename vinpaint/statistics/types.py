"""Array types of the temporal statistics."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

AnyArray: TypeAlias = NDArray[Any]

Stack: TypeAlias = NDArray[Any]
"""``(T, H, W)`` or ``(T, H, W, C)``, uint8 or uint16: samples of a clip over time."""

FloatMap: TypeAlias = NDArray[np.float32]
"""A statistic: the stack's shape without time."""
