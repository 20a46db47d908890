"""Dense motion between two pictures: several estimators behind one contract."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from vinpaint.errors import UsageError

Gray: TypeAlias = NDArray[np.uint8]
Flow: TypeAlias = NDArray[np.float32]
"""``(H, W, 2)`` float32, pixels, (x, y): the point at p in the source lies at p + flow(p) in the target."""

Estimator: TypeAlias = Callable[[Gray, Gray], Flow]
"""``estimate(source, target)``: two ``(H, W)`` uint8 pictures to a :data:`Flow`."""

_DIS = {
    "dis-ultrafast": cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST,
    "dis-fast": cv2.DISOPTICAL_FLOW_PRESET_FAST,
    "dis-medium": cv2.DISOPTICAL_FLOW_PRESET_MEDIUM,
}
ESTIMATORS = (*_DIS, "farneback")
_SMALLEST = 24  # pixels; below, the coarsest level of the pyramids is smaller than a patch


def estimator(name: str) -> Estimator:
    """An estimator by name, one of :data:`ESTIMATORS`.

    ``dis-*`` is dense inverse search (Kroeger et al., ECCV 2016), ``farneback`` polynomial expansion (Farnebäck,
    SCIA 2003).

    Raises
    ------
    UsageError
        If there is no such estimator.
    """
    if name in _DIS:
        return partial(_dis, _DIS[name])
    if name == "farneback":
        return _farneback
    raise UsageError(f"no flow estimator is called {name!r}; choose one of {', '.join(ESTIMATORS)}")


def _dis(preset: int, source: Gray, target: Gray) -> Flow:
    if min(source.shape) < _SMALLEST:
        return np.zeros((*source.shape, 2), np.float32)
    engine = cv2.DISOpticalFlow.create(preset)  # anew: small pictures change its scales for good
    engine.setFinestScale(1)
    return np.asarray(engine.calc(source, target, None), np.float32)  # type: ignore[call-overload]


def _farneback(source: Gray, target: Gray) -> Flow:
    if min(source.shape) < _SMALLEST:
        return np.zeros((*source.shape, 2), np.float32)
    start = np.zeros((*source.shape, 2), np.float32)
    found = cv2.calcOpticalFlowFarneback(source, target, start, 0.5, 4, 15, 3, 5, 1.1, 0)
    return np.asarray(found, np.float32)
