"""What people see: messages and progress on stderr."""

from __future__ import annotations

import sys
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING

from vinpaint.reporting import Reporter

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


def error(text: str) -> None:
    """Say what went wrong and what to do, in one line."""
    _line(f"vinpaint: error: {' '.join(text.split())}")


def _line(text: str) -> None:
    """A line on stderr, if anybody is there to read it: work goes on without a reader."""
    with suppress(OSError, AttributeError):  # None where it was closed before the program began
        sys.stderr.write(text + "\n")
        sys.stderr.flush()


class Console(Reporter):
    """Writes to stderr: warnings always, notes unless quiet, a progress bar when someone is looking.

    A context manager, so that the bar is gone before an error is printed.
    """

    def __init__(self, *, quiet: bool = False, verbose: bool = False) -> None:
        self._quiet, self._verbose = quiet, verbose
        self._watched = sys.stderr is not None and sys.stderr.isatty()
        self._bar: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._said: set[str] = set()

    def __enter__(self) -> Console:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def note(self, text: str) -> None:
        """Print unless quiet."""
        if not self._quiet:
            self._say(f"vinpaint: {text}")

    def detail(self, text: str) -> None:
        """Print when verbose."""
        if self._verbose:
            self._say(f"vinpaint: {text}")

    def warn(self, text: str) -> None:
        """Print a warning, once."""
        if text not in self._said:
            self._said.add(text)
            self._say(f"vinpaint: warning: {text}")

    def progress(self, task: str, done: int, total: int | None) -> None:
        """Move the bar of a task."""
        if self._quiet or not self._watched:
            return
        bar = self._bar or self._start()
        if task not in self._tasks:
            self._tasks[task] = bar.add_task(task, total=total)
        bar.update(self._tasks[task], completed=done)

    def _start(self) -> Progress:
        from rich.console import Console as RichConsole
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            ProgressColumn,
            TextColumn,
            TimeRemainingColumn,
        )
        from rich.text import Text

        class Speed(ProgressColumn):
            def render(self, task: object) -> Text:
                speed = getattr(task, "speed", None)
                return Text(f"{speed:.1f} frames/s" if speed else "")

        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            Speed(),
            TimeRemainingColumn(),
            console=RichConsole(stderr=True),
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._bar.start()
        return self._bar

    def _say(self, text: str) -> None:
        if self._bar is not None:
            self._bar.console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            _line(text)
