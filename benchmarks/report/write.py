"""Puts the files of a report into their folder."""

from __future__ import annotations

import json
from pathlib import Path

from vinpaint.benchmarks.report.page import html
from vinpaint.benchmarks.report.text import csv, markdown
from vinpaint.benchmarks.results import Json
from vinpaint.files import write_bytes

RESULTS, PAGE, MARKDOWN, CSV = "results.json", "report.html", "report.md", "results.csv"


def write_report(results: Json, folder: Path, then: Json | None = None) -> None:
    """Write figures and report.

    Parameters
    ----------
    results : dict
        What :meth:`vinpaint.benchmarks.runner.Bench.run` found.
    folder : Path
        Where; holds the pictures, too.
    then : dict, optional
        Results of an earlier run to compare with.

    Raises
    ------
    OutputError
        If a file cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_bytes(folder / RESULTS, (json.dumps(results, indent=1, ensure_ascii=False) + "\n").encode())
    write_bytes(folder / CSV, csv(results).encode())
    write_bytes(folder / MARKDOWN, markdown(results, then).encode())
    write_bytes(folder / PAGE, html(results, folder, then).encode())
