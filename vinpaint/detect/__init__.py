"""Detectors: what hides a part of every frame. Arrays in, verdict and blemish out.

Called, ``vinpaint.detect(clip)`` is :func:`vinpaint.api.detect`.
"""

from __future__ import annotations

from vinpaint.callable import make_callable
from vinpaint.detect.preview import preview
from vinpaint.detect.static import Detection, Finding, detect_static

__all__ = ["Detection", "Finding", "detect_static", "preview"]

make_callable(__name__)
