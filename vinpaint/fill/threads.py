"""OpenCV on one thread."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import cv2


@contextmanager
def single_threaded() -> Iterator[None]:
    """Keep OpenCV on the calling thread for a while.

    Regions are small, and decoder and encoder keep the cores busy: sharing a small picture costs a quarter of the
    work. The setting belongs to the process.
    """
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)
