"""Filling: the contract of the methods, the methods by name, and the streaming pipeline.

Called, ``vinpaint.fill(frames, mask)`` is :func:`vinpaint.api.fill`.
"""

from vinpaint.callable import make_callable
from vinpaint.fill.method import FillMethod, Window
from vinpaint.fill.registry import MethodSpec, available, create

__all__ = ["FillMethod", "MethodSpec", "Window", "available", "create"]

make_callable(__name__)
