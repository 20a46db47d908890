"""The suites of the benchmark by name. Nothing is imported before it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING

from vinpaint.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from vinpaint.benchmarks.suites.contract import Suite

__all__ = ["SUITES", "suite"]

SUITES: Mapping[str, str] = {
    "stains": "vinpaint.benchmarks.suites.stains:Stains",
    "static-masks": "vinpaint.benchmarks.suites.static_masks:StaticMasks",
    "objects": "vinpaint.benchmarks.suites.objects:Objects",
    "watermarks": "vinpaint.benchmarks.suites.watermarks:Watermarks",
    "mnist": "vinpaint.benchmarks.suites.mnist:DigitClips",
    "degradations": "vinpaint.benchmarks.suites.degradations:Degradations",
    "detect": "vinpaint.benchmarks.suites.detect:Detect",
    "leaks": "vinpaint.benchmarks.suites.leaks:Leaks",
    "speed": "vinpaint.benchmarks.suites.speed:Speed",
}
"""``module:Class`` by name, in the order of the report; the class takes nothing."""


def suite(name: str) -> Suite:
    """Make a suite.

    Raises
    ------
    UsageError
        If there is none of that name.
    """
    if name not in SUITES:
        raise UsageError(f"there is no suite {name!r}; {did_you_mean(name, SUITES)}choose from {', '.join(SUITES)}")
    module, _, attribute = SUITES[name].partition(":")
    made: Suite = getattr(import_module(module), attribute)()
    return made
