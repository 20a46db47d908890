"""How work that takes a while speaks to whoever started it."""

from __future__ import annotations

import logging

_log = logging.getLogger("vinpaint")


class Reporter:
    """Takes messages and progress; this one hands messages to the logger ``vinpaint`` and drops progress."""

    def note(self, text: str) -> None:
        """Say what is being done."""
        _log.info(text)

    def warn(self, text: str) -> None:
        """Say what the user should know about the result."""
        _log.warning(text)

    def progress(self, task: str, done: int, total: int | None) -> None:
        """Tell that ``done`` frames of ``total`` (None = unknown) are through."""
