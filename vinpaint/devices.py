"""Where networks run."""

from __future__ import annotations

import re

from vinpaint.errors import DependencyError, UsageError

_DEVICE = re.compile(r"auto|cpu|mps|cuda(:\d{1,3})?", re.ASCII)


def check_device(name: str) -> None:
    """Check that a device is there; torch is loaded for accelerators only.

    Parameters
    ----------
    name : str
        ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.

    Raises
    ------
    UsageError
        If there is no such kind of device.
    DependencyError
        If this machine has none.
    """
    kind = name.partition(":")[0]
    if not _DEVICE.fullmatch(name):
        raise UsageError(f"there is no device {name!r}; use auto, cpu, cuda, cuda:1 or mps")
    if kind in ("cuda", "mps") and not _is_there(kind, int(name.partition(":")[2] or 0)):
        raise DependencyError(f"device {name} is not available here; use --device auto, or see 'vinpaint doctor'")


def chosen_device(name: str) -> str:
    """The name of a device for torch; ``auto`` is an accelerator where there is one.

    Raises
    ------
    UsageError, DependencyError
        See :func:`check_device`.
    """
    check_device(name)
    if name != "auto":
        return name
    return next((kind for kind in ("cuda", "mps") if _is_there(kind, 0)), "cpu")


def _is_there(kind: str, number: int) -> bool:
    import torch

    return bool(torch.backends.mps.is_available() if kind == "mps" else number < torch.cuda.device_count())
