"""What a call with a virtual background reveals, and the room behind it.

Called, ``vinpaint.leak(clip)`` is :func:`vinpaint.api.leak`.
"""

from __future__ import annotations

from vinpaint.callable import make_callable
from vinpaint.leak.job import LeakSettings, find_leaks
from vinpaint.leak.result import Leak

__all__ = ["Leak", "LeakSettings", "find_leaks"]

make_callable(__name__)
