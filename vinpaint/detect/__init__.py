"""Detectors: what hides a part of every frame. Arrays in, verdict and blemish out."""

from __future__ import annotations

from vinpaint.detect.preview import preview
from vinpaint.detect.static import Detection, Finding, detect_static

__all__ = ["Detection", "Finding", "detect_static", "preview"]
