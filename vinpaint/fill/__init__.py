"""Filling: the contract of the methods, the methods by name, and the streaming pipeline."""

from vinpaint.fill.method import FillMethod, Window
from vinpaint.fill.registry import MethodSpec, available, create

__all__ = ["FillMethod", "MethodSpec", "Window", "available", "create"]
