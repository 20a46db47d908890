"""The report as Markdown, and its rows as CSV."""

from __future__ import annotations

import csv as csv_format
from collections.abc import Iterator, Sequence
from io import StringIO

from vinpaint.benchmarks.history import changes
from vinpaint.benchmarks.metrics import METRICS
from vinpaint.benchmarks.results import Json
from vinpaint.benchmarks.summary import Line, Table, failures, losses, overall, shown, summed_up, verdict

_MOST_LOSSES = 20


def csv(results: Json) -> str:
    """One line a suite, case, method and metric."""
    out = StringIO()
    writer = csv_format.writer(out, lineterminator="\n")
    writer.writerow(("suite", "case", "clip", "method", "reference", "status", "frames", "metric", "value"))
    for suite in results["suites"]:
        for row in suite["rows"]:
            head = suite["name"], row["case"], row["clip"], row["method"], int(row["reference"]), row["status"]
            for metric, value in row["metrics"].items() or {"": None}.items():
                writer.writerow((*head, row["frames"], metric, "" if value is None else f"{value:.6g}"))
    return out.getvalue()


def markdown(results: Json, then: Json | None = None) -> str:
    """The whole report but for its pictures."""
    tables = [summed_up(suite) for suite in results["suites"]]
    verdicts = [verdict(table) for table in tables]
    lines = ["# vinpaint benchmark", "", f"**{overall(verdicts)}**", "", about(results), ""]
    for table, said in zip(tables, verdicts, strict=True):
        lines += [f"## {table.title}", "", table.question, "", said.text, "", *table_lines(table), ""]
        lines += [f"- {sentence}" for sentence in (*table.source["protocol"], *table.source["excluded"])] + [""]
    if then is not None:
        lines += [*_changed(results, then), ""]
    lines += [*_lost(tables), *_failed(results), "## What the figures mean", ""]
    used = {metric for table in tables for metric in table.metrics}
    for name, metric in METRICS.items():
        if name in used or name in results["not_computed"]:
            missing = results["not_computed"].get(name, "")
            lines.append(
                f"- **{metric.title}**{f' ({metric.unit})' * bool(metric.unit)}: {metric.definition} {missing}".rstrip()
            )
    return "\n".join(lines) + "\n"


def about(results: Json) -> str:
    """When, where and how, in one line."""
    machine = results["machine"]
    load = f"load {machine['load']:.1f} when it began"
    where = f"{machine['processor']}, {machine['cores']} cores, {load}, Python {machine['python']}"
    return (
        f"`{results['command']}`, {results['made']}, vinpaint {results['vinpaint']} (code {results['code']}), {where}."
    )


def table_lines(table: Table, metrics: Sequence[str] = ()) -> Iterator[str]:
    """A suite's table: best in bold, differences from the pure U-Net of the headline metric behind it."""
    names = metrics or table.metrics
    heads = [f"{METRICS[name].title}{f', {METRICS[name].unit}' * bool(METRICS[name].unit)}" for name in names]
    yield f"| method | {' | '.join(heads)} |"
    yield f"|---|{'---|' * len(names)}"
    for line in table.lines:
        failed = f" ({line.failed} failed)" if line.failed else ""
        yield f"| {line.method}{failed} | {' | '.join(_cell(table, line, name) for name in names)} |"


def _cell(table: Table, line: Line, metric: str) -> str:
    text = shown(line.means.get(metric), metric)
    text = f"**{text}**" if metric in line.best else text
    against = line.against.get(metric)
    if metric != table.headline or against is None or line.reference:
        return text
    return f"{text} ({shown(against.difference, metric, signed=True)})"


def _changed(results: Json, then: Json) -> Iterator[str]:
    found = [one for one in changes(results, then) if one.verdict != "noise"]
    yield from (f"## Against the run of {then['made']}", "")
    if not found:
        yield "All differences are noise."
        return
    yield "| suite | method | metric | before | now | verdict |"
    yield "|---|---|---|---|---|---|"
    for one in found:
        figures = f"{shown(one.before, one.metric)} | {shown(one.after, one.metric)}"
        yield f"| {one.suite} | {one.method} | {one.metric} | {figures} | {one.verdict} ({one.reason}) |"


def _lost(tables: Sequence[Table]) -> Iterator[str]:
    found = [one for table in tables for one in losses(table)]
    yield from ("## Losses", "")
    if not found:
        yield from ("No case in which another method does noticeably better.", "")
        return
    for one in found[:_MOST_LOSSES]:
        gap = f"{shown(one.ours, one.metric, unit=True)} against {shown(one.theirs, one.metric, unit=True)}"
        yield f"- {one.suite}, {one.case}: {gap} of {one.method}"
    if len(found) > _MOST_LOSSES:
        yield f"- and {len(found) - _MOST_LOSSES} more, in results.csv"
    yield ""


def _failed(results: Json) -> Iterator[str]:
    if found := failures(results):
        yield from ("## Failures", "")
        yield from (f"- {row['suite']}, {row['case']}, {row['method']}: {row['error']}" for row in found)
        yield ""
