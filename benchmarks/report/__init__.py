"""The report of a benchmark: one page without anything from elsewhere, Markdown, CSV, and charts as files."""

from __future__ import annotations

from vinpaint.benchmarks.report.compare import compare_page
from vinpaint.benchmarks.report.page import html
from vinpaint.benchmarks.report.text import csv, markdown
from vinpaint.benchmarks.report.write import PAGE, RESULTS, write_report

__all__ = ["PAGE", "RESULTS", "compare_page", "csv", "html", "markdown", "write_report"]
