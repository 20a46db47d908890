"""Dense motion between two pictures: several estimators behind one contract."""

from __future__ import annotations

from abc import ABC, abstractmethod
from difflib import get_close_matches
from importlib.util import find_spec
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from vinpaint.errors import DependencyError, UsageError

Gray: TypeAlias = NDArray[np.uint8]
Flow: TypeAlias = NDArray[np.float32]
"""``(H, W, 2)`` float32, pixels, (x, y): the point at p in the source lies at p + flow(p) in the target."""

_DIS = {
    "dis-coarse": (cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST, 2),
    "dis-ultrafast": (cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST, 1),
    "dis-fast": (cv2.DISOPTICAL_FLOW_PRESET_FAST, 1),
    "dis-medium": (cv2.DISOPTICAL_FLOW_PRESET_MEDIUM, 1),
}
"""Preset, and how often the finest pictures compared are halved."""
ESTIMATORS = (*_DIS, "farneback")
"""Those that need no further package."""

_SMALLEST = 24  # pixels; below, the coarsest level of the pyramids is smaller than a patch


class Estimator(ABC):
    """Estimates the motion between two pictures.

    Pictures are uint8, grey ``(H, W)`` or RGB ``(H, W, 3)``, of one size, any size, and never changed. The same
    pictures give the same flow, alone or among others.
    """

    def __call__(self, source: NDArray[np.uint8], target: NDArray[np.uint8]) -> Flow:
        """Flow from one picture to another.

        Parameters
        ----------
        source, target : (H, W) or (H, W, 3) uint8

        Returns
        -------
        (H, W, 2) float32
            See :data:`Flow`.

        Raises
        ------
        UsageError
            If these are no such pictures.
        """
        return np.asarray(self.batch(source[None], target[None])[0])

    def batch(self, sources: NDArray[np.uint8], targets: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Flows of several pairs at once.

        Parameters
        ----------
        sources, targets : (N, H, W) or (N, H, W, 3) uint8

        Returns
        -------
        (N, H, W, 2) float32

        Raises
        ------
        UsageError
            If these are no such pictures.
        """
        _check(sources, targets)
        if not sources.size:
            return np.zeros((*sources.shape[:3], 2), np.float32)
        return self._flows(sources, targets)

    @abstractmethod
    def _flows(self, sources: NDArray[np.uint8], targets: NDArray[np.uint8]) -> NDArray[np.float32]:
        """What :meth:`batch` returns, for pictures that were checked and are not empty."""


def _check(sources: NDArray[np.uint8], targets: NDArray[np.uint8]) -> None:
    kinds = {(pictures.dtype, pictures.shape) for pictures in (sources, targets)}
    if len(kinds) > 1 or sources.dtype != np.uint8 or (sources.ndim != 3 and (*sources.shape[3:],) != (3,)):
        found = " and ".join(f"{pictures.dtype} {pictures.shape}" for pictures in (sources, targets))
        raise UsageError(f"no flow between pictures of {found}; give two of one size, uint8, grey or RGB")


def estimator(name: str, *, device: str = "auto") -> Estimator:
    """An estimator by name.

    ``dis-*`` is dense inverse search (Kroeger et al., ECCV 2016), ``farneback`` polynomial expansion (Farnebäck,
    SCIA 2003). All other names are those of :func:`vinpaint.flow.learned.learned`: networks.

    Parameters
    ----------
    name : str
        One of :data:`ESTIMATORS`, or ``raft``, ``MODEL``, ``MODEL:CHECKPOINT``, or the path of a checkpoint.
    device : str
        Where networks run: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.

    Raises
    ------
    UsageError
        If there is no such estimator or device.
    DependencyError
        If the package, weights or device are missing that it needs.
    """
    if name in _DIS:
        return _Dis(*_DIS[name])
    if name == "farneback":
        return _Farneback()
    if close := get_close_matches(name, ESTIMATORS, n=1):
        raise UsageError(f"no flow estimator is called {name!r}; did you mean {close[0]}?")
    if find_spec("ptlflow") is None:
        raise DependencyError(
            f"flow estimator {name!r} is none of {', '.join(ESTIMATORS)}, and others need the package ptlflow; "
            "pip install 'vinpaint[raft]', or in a checkout: make raft"
        )
    from vinpaint.flow.learned import learned

    return learned(name, device)


class _Classical(Estimator):
    """Estimates on grey pictures, one pair after the other."""

    def _flows(self, sources: NDArray[np.uint8], targets: NDArray[np.uint8]) -> NDArray[np.float32]:
        if min(sources.shape[1:3]) < _SMALLEST:
            return np.zeros((*sources.shape[:3], 2), np.float32)
        return np.stack([self._flow(_gray(a), _gray(b)) for a, b in zip(sources, targets, strict=True)])

    @abstractmethod
    def _flow(self, source: Gray, target: Gray) -> Flow: ...


def _gray(picture: NDArray[np.uint8]) -> Gray:
    return picture if picture.ndim == 2 else np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)


class _Dis(_Classical):
    def __init__(self, preset: int, finest: int) -> None:
        self._preset, self._finest = preset, finest

    def _flow(self, source: Gray, target: Gray) -> Flow:
        engine = cv2.DISOpticalFlow.create(self._preset)  # anew: small pictures change its scales for good
        engine.setFinestScale(self._finest)
        return np.asarray(engine.calc(source, target, None), np.float32)  # type: ignore[call-overload]


class _Farneback(_Classical):
    def _flow(self, source: Gray, target: Gray) -> Flow:
        start = np.zeros((*source.shape, 2), np.float32)
        found = cv2.calcOpticalFlowFarneback(source, target, start, 0.5, 4, 15, 3, 5, 1.1, 0)
        return np.asarray(found, np.float32)
