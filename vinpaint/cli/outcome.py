"""What the commands have in common before and after their work."""

from __future__ import annotations

import os
import sys
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from vinpaint.cli.console import Console

if TYPE_CHECKING:
    from vinpaint.detect import Detection
    from vinpaint.fill.job import Summary
    from vinpaint.video import Damage

PARTIAL = 3


class Finding(Protocol):
    """What was looked for, and whether it was found."""

    @property
    def verdict(self) -> str:
        """In one word."""

    @property
    def reason(self) -> str:
        """In one sentence."""

    def report(self) -> dict[str, Any]:
        """All of it, ready for JSON."""


def conclude(finding: Finding, report: Path | None, damage: Damage, console: Console, *, as_json: bool) -> int:
    """Say what was found, and write it down; the exit status."""
    from vinpaint.files import write_bytes

    if report is not None:
        write_bytes(report, (dumps(finding.report(), indent=1) + "\n").encode())
    console.note(f"{finding.verdict}: {finding.reason}")
    if as_json:
        print_json(finding.report())
    return status_of(damage, console)


def finish(
    summary: Summary, output: str, console: Console, *, as_json: bool, detection: Detection | None = None
) -> int:
    """Say what was done; the exit status."""
    from vinpaint.contracts import Origin

    console.note(f"{summary}: {output}")
    if as_json:
        print_json(
            {
                "frames": summary.tally.frames,
                "hidden_pixels": int(summary.tally.pixels.sum()),
                "recovered": summary.tally.recovered,
                "invented": summary.tally.share(Origin.SYNTHESISED),
                "damaged_frames": summary.damage.total,
                "output": output,
                **({"detection": detection.report()} if detection else {}),
            }
        )
    return status_of(summary.damage, console)


def status_of(damage: Damage, console: Console) -> int:
    """Exit status by the damage of the input; it is said aloud."""
    if not damage.total:
        return 0
    console.warn(f"the input has {damage}; the output is complete otherwise")
    return PARTIAL


def print_json(report: dict[str, Any]) -> None:
    """The report, on standard output; a reader who has left wants no more of it."""
    from vinpaint.errors import OutputError
    from vinpaint.files import explained

    if sys.stdout is None:
        raise OutputError("standard output is closed; leave --json out, or name a --report")
    try:
        with explained(Path("standard output")):
            sys.stdout.write(dumps(report, indent=1) + "\n")
            sys.stdout.flush()
    except OutputError as error:
        if not isinstance(error.__cause__, BrokenPipeError):
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or else the interpreter complains when it ends
