"""Recover what is hidden in a video: find it, bring back what other frames saw, say what is invented."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from vinpaint.api import clean, clean_video, detect, fill, fill_video, leak
    from vinpaint.contracts import Blemish, Filled, Origin
    from vinpaint.detect import Detection
    from vinpaint.errors import (
        DependencyError,
        InputError,
        MaskError,
        OutputError,
        OutputExistsError,
        UsageError,
        VinpaintError,
    )
    from vinpaint.fill.job import FillSettings, Summary
    from vinpaint.reporting import Reporter

__all__ = [
    "Blemish",
    "DependencyError",
    "Detection",
    "FillSettings",
    "Filled",
    "InputError",
    "MaskError",
    "Origin",
    "OutputError",
    "OutputExistsError",
    "Reporter",
    "Summary",
    "UsageError",
    "VinpaintError",
    "__version__",
    "clean",
    "clean_video",
    "detect",
    "fill",
    "fill_video",
    "leak",
]

# Where public names come from; loaded when they are first used, so that the import stays light.
_HOMES = {
    **dict.fromkeys(("clean", "fill_video", "clean_video"), "vinpaint.api"),
    **dict.fromkeys(("Blemish", "Filled", "Origin"), "vinpaint.contracts"),
    **dict.fromkeys(("FillSettings", "Summary"), "vinpaint.fill.job"),
    **dict.fromkeys([name for name in __all__ if name.endswith("Error")], "vinpaint.errors"),
    "Detection": "vinpaint.detect",
    "Reporter": "vinpaint.reporting",
}


_CALLABLE_PACKAGES = ("detect", "fill", "leak")


def __getattr__(name: str) -> Any:
    if name in _CALLABLE_PACKAGES:
        return import_module(f"vinpaint.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'vinpaint' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
