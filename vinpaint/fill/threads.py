"""OpenCV on one thread."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

import cv2

_lock = Lock()
_inside, _usual = 0, 0  # callers within, and OpenCV's threads before


@contextmanager
def single_threaded() -> Iterator[None]:
    """Keep OpenCV on the calling thread for a while.

    Regions are small, and decoder and encoder keep the cores busy: sharing a small picture costs a quarter of the
    work. The setting belongs to the process: the first to enter changes it, the last to leave brings it back.
    """
    global _inside, _usual
    with _lock:
        _usual = _usual if _inside else cv2.getNumThreads()
        _inside += 1
        cv2.setNumThreads(1)
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if not _inside:
                cv2.setNumThreads(_usual)
