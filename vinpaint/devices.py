"""Where networks run."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from vinpaint.errors import DependencyError, UsageError

_lock = Lock()
_inside, _usual = 0, 0  # threads within few_threads, and torch's threads before

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


@contextmanager
def few_threads(count: int = 0) -> Iterator[None]:
    """Have torch use few threads for a while: decoder and encoder keep the other cores busy.

    Threads that wait for each other are slower than one: two on two busy cores take four times the work. The number
    belongs to the calling thread and to those that begin later; the last to leave brings back the first one's.

    Parameters
    ----------
    count : int
        Threads; 0 = half as many as there are cores.
    """
    import torch

    global _inside, _usual
    with _lock:
        before = torch.get_num_threads()  # of this thread; one that began meanwhile has the lowered number
        _usual = _usual if _inside else before
        _inside += 1
        torch.set_num_threads(count or max(1, min(before, (os.cpu_count() or 1) // 2)))
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            torch.set_num_threads(before if _inside else _usual)


def _is_there(kind: str, number: int) -> bool:
    import torch

    return bool(torch.backends.mps.is_available() if kind == "mps" else number < torch.cuda.device_count())
