"""The report as a page: a view of the results for the template."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

import jinja2
from markupsafe import Markup

from vinpaint.benchmarks.history import changes
from vinpaint.benchmarks.metrics import METRICS
from vinpaint.benchmarks.pictures import filename
from vinpaint.benchmarks.report import charts
from vinpaint.benchmarks.results import Json
from vinpaint.benchmarks.runner import PICTURES
from vinpaint.benchmarks.suites.contract import BASELINE
from vinpaint.benchmarks.summary import (
    OURS,
    Line,
    Table,
    Verdict,
    failures,
    losses,
    overall,
    shown,
    sign,
    spread,
    summed_up,
    tone_of,
    verdict,
)

_HERE = Path(__file__).parent
_ARROWS = {"higher": "▲", "lower": "▼", "none": ""}
_NAMED = {
    "input": "as it is",
    "truth": "the true frames",
    "lifted": "ceiling: the true stain taken off",
    "still": "textbook",
    "mode": "the most frequent colour",
}
_WORTH = {"better": ("not worth it", "worse"), "worse": ("worth it", "better"), "even": ("no difference", "")}
"""What to say of the network, and in which tone, by how vinpaint does against it."""
_HARDLY = 0.03  # share of the span between best and worst within which a method is hardly worse
_REFERENCES = ("truth", "input", "lifted", "still", "mode")


def html(results: Json, folder: Path, then: Json | None = None) -> str:
    """The page.

    Parameters
    ----------
    results : dict
        See :mod:`vinpaint.benchmarks.results`.
    folder : Path
        Holds the pictures of the run.
    then : dict, optional
        Results of an earlier run to compare with.
    """
    tables = [summed_up(suite) for suite in results["suites"]]
    verdicts = [verdict(table) for table in tables]
    album = _Album(folder / PICTURES)
    sections = [_section(table, said, album) for table, said in zip(tables, verdicts, strict=True)]
    methods = list(dict.fromkeys(line.method for table in tables for line in table.lines))
    light, dark = charts.styles(methods)
    return (
        environment()
        .get_template("page.html")
        .render(
            made=results["made"].replace("T", " ").replace("+00:00", " UTC"),
            version=results["vinpaint"],
            code=results["code"],
            quick=results["quick"],
            command=results["command"],
            machine=results["machine"],
            overall=overall(verdicts),
            ours=next((table.ours.method for table in tables if table.ours), OURS[0]),
            trained_on=_trained_on(methods),
            sections=sections,
            choice=[row for table in tables if table.name != "speed" and (row := _choice(table))],
            losses=[_loss(one) for table in tables for one in losses(table)],
            failures=failures(results),
            metrics=_definitions(results, tables),
            **_history(results, then),
            colours={"light": Markup(light), "dark": Markup(dark)},
            style=source("style.css") + Markup(charts.STYLE),
            common=source("common.js"),
            script=source("page.js"),
            pictures=script_json(album.data),
        )
    )


@cache
def environment() -> jinja2.Environment:
    """Templates of this folder; everything is escaped that is not said to be markup."""
    loader = jinja2.FileSystemLoader(_HERE)
    return jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)


def source(name: str) -> Markup:
    """A file of this folder that goes into a page as it is."""
    return Markup((_HERE / name).read_text(encoding="utf-8"))


def script_json(value: Any) -> Markup:
    """JSON that may stand in a script element: nothing in it ends the element."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029"))


def data_url(picture: bytes) -> str:
    """A WebP picture as a URL that needs no network."""
    return "data:image/webp;base64," + b64encode(picture).decode()


class _Album:
    """The pictures that the page shows; each is stored once."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.data: dict[str, str] = {}
        self._keys: dict[Path, str] = {}

    def key(self, suite: str, case: str, name: str) -> str | None:
        """What a picture is called in the page; None if there is none."""
        path = self._root / suite / filename(case) / f"{name}.webp"
        if path not in self._keys:
            if not path.is_file():
                return None
            self._keys[path] = f"p{len(self._keys)}"
            self.data[self._keys[path]] = data_url(path.read_bytes())
        return self._keys[path]


# ---------------------------------------------------------------------------------------------
# A suite
# ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Section:
    """What the template shows of a suite."""

    table: Table
    verdict: Verdict
    number: str
    unit: str
    champion: str
    headline: Any
    frames: int
    by_frames: bool
    columns: list[dict[str, str]]
    rows: list[dict[str, Any]]
    has_worst: bool
    scatter: Markup | None
    bars: Markup | None
    legend: list[tuple[str, str]]
    cases: list[dict[str, Any]]
    first_right: str
    protocol: Sequence[str]
    excluded: Sequence[str]
    viewer: Markup = field(default_factory=Markup)


def _section(table: Table, said: Verdict, album: _Album) -> Section:
    ours, key = table.ours, table.headline
    chosen = barred(table)
    cases = _cases(table, album)
    champion = table.champion
    rows = [_row(table, line, album) for line in table.lines]
    first = {row["case"]: row["frames"] for row in table.source["rows"]}
    return Section(
        table=table,
        verdict=said,
        number="–" if ours is None else shown(ours.means.get(key), key),
        unit=METRICS[key].unit,
        champion=champion.method if champion and ours and champion.method != ours.method else "",
        headline=METRICS[key],
        frames=sum(first.values()),
        by_frames=table.source["by_frames"],
        columns=[_column(name) for name in table.metrics],
        rows=rows,
        has_worst=any(row["worst"] for row in rows),
        scatter=scatter_of(table),
        bars=bars_of(table, chosen),
        legend=[(name, charts.variable(name)) for name in chosen],
        cases=cases,
        first_right=ours.method if ours else "truth",
        protocol=table.source["protocol"],
        excluded=table.source["excluded"],
        viewer=script_json([{"pictures": case["pictures"], "across": case["across"]} for case in cases]),
    )


def _column(name: str) -> dict[str, str]:
    metric = METRICS[name]
    return {
        "title": metric.title,
        "unit": metric.unit,
        "arrow": _ARROWS[metric.better],
        "definition": metric.definition,
        "first": "descending" if metric.better == "higher" else "ascending",
    }


def _row(table: Table, line: Line, album: _Album) -> dict[str, Any]:
    ours = table.ours is not None and line.method == table.ours.method
    kind = "reference" if line.reference else "ours" if ours else "other"
    tag = _NAMED.get(line.method, "") if line.reference else "pure U-Net" if line.method == BASELINE else ""
    return {
        "name": line.method,
        "kind": kind,
        "tag": tag + (f" {line.failed} failed" if line.failed else ""),
        "colour": charts.variable(line.method),
        "cells": [_cell(line, name) for name in table.metrics],
        "worst": None if line.reference else _worst(table, line, album),
    }


def _cell(line: Line, metric: str) -> dict[str, Any]:
    value, against = line.means.get(metric), line.against.get(metric)
    cell = {"text": shown(value, metric), "raw": "" if value is None else f"{value:.8g}", "best": metric in line.best}
    if against is None or line.reference or value is None or METRICS[metric].better == "none":
        return cell | {"difference": "", "tone": ""}
    tone = tone_of(against, metric)
    difference = shown(against.difference, metric, signed=True)
    return cell | {"difference": difference, "tone": "" if tone == "even" else tone}


def _worst(table: Table, line: Line, album: _Album) -> dict[str, str] | None:
    if line.worst is None or len(table.cases) < 2:
        return None
    case, frame, value = line.worst
    figure = shown(value, table.headline, unit=True)
    result = album.key(table.name, case, f"{filename(line.method)}.worst")
    truth = album.key(table.name, case, f"{filename(line.method)}.worst.truth")
    where = "" if frame is None else f", frame {frame + 1}"
    return {
        "text": case,
        "raw": f"{value:.8g}",
        "said": f"{line.method} at its worst: {case}{where}; mean of the clip {figure}",
        "pair": f"{result} {truth}" if result and truth else "",
    }


def scatter_of(table: Table) -> Markup | None:
    """Quality against time; None if there are no times."""
    quality = table.headline if table.headline != "seconds" else "psnr_hole"
    dots = []
    for line in table.methods:
        rows = [row["times"] for row in table.source["rows"] if row["method"] == line.method and row.get("times")]
        value = line.means.get(quality)
        if rows and value is not None:
            strong = line.method in (*OURS, BASELINE)
            dots.append(charts.Dot(line.method, _scattered(rows), value, strong))
    if len(dots) < 2:
        return None
    metric = METRICS[quality]
    title = f"{metric.title}{f', {metric.unit}' * bool(metric.unit)}"
    return charts.scatter(dots, "seconds a frame", title, upwards=metric.better == "higher")


def _scattered(rows: Sequence[Sequence[float]]) -> tuple[float, float, float]:
    """Median and quartiles of times: of the processes, in the middle of the clips; of the clips if each ran once."""
    if max(map(len, rows)) == 1:
        return spread([times[0] for times in rows])
    middle, low, high = (median(each) for each in zip(*map(spread, rows), strict=True))
    return middle, low, high


def barred(table: Table) -> list[str]:
    """Methods of the bars: vinpaint, the pure U-Net, the best of the others, and the input."""
    others = [line for line in table.methods if line.method not in (*OURS, BASELINE)]
    known = [line for line in others if line.means.get(table.headline) is not None]
    known.sort(key=lambda line: -sign(table.headline) * (line.means[table.headline] or 0.0))
    names = [line.method for line in (table.ours, table.baseline, *known[:1]) if line is not None]
    reference = next((line.method for line in table.lines if line.method in ("input", "still", "mode")), None)
    return names if reference is None else [*names, reference]


def bars_of(table: Table, methods: Sequence[str]) -> Markup | None:
    """Bars case by case; None if nothing was measured."""
    metric = METRICS[table.headline]
    groups = []
    for case in table.cases:
        values = {method: table.values(method, table.headline).get(case) for method in methods}
        known = {method: value for method, value in values.items() if value is not None}
        if known:
            groups.append(charts.Bars(case, known))
    if not groups:
        return None
    title = f"{metric.title}{f', {metric.unit}' * bool(metric.unit)}, case by case"
    return charts.bars(groups, methods, title)


# ---------------------------------------------------------------------------------------------
# Pictures
# ---------------------------------------------------------------------------------------------


def _cases(table: Table, album: _Album) -> list[dict[str, Any]]:
    """The cases to look at: of vinpaint's figures the one in the middle, the best and the worst."""
    if table.ours is None:
        return []
    values = table.values(table.ours.method, table.headline)
    ranked = sorted(values, key=lambda case: sign(table.headline) * values[case])
    if not ranked:
        return []
    wanted = {"middle": ranked[len(ranked) // 2], "best": ranked[-1], "worst": ranked[0]}
    names: dict[str, list[str]] = {}
    for what, case in wanted.items():
        names.setdefault(case, []).append(what)
    found = [_case(table, case, names[case] if len(ranked) > 1 else [], album) for case in names]
    return [case for case in found if len(case["pictures"]) > 1]


def _case(table: Table, case: str, ranks: Sequence[str], album: _Album) -> dict[str, Any]:
    pictures: list[Mapping[str, str]] = []
    slices: list[Mapping[str, str]] = []
    order = [*_REFERENCES, *(line.method for line in table.methods)]
    for method in order:
        label = {"truth": "truth", "input": "input", "lifted": "lifted (ceiling)"}.get(method, method)
        part = filename(method)
        if key := album.key(table.name, case, part):
            pictures.append({"name": method, "label": label, "key": key})
        if _recovers(table, case, method) and (key := album.key(table.name, case, f"{part}.origin")):
            pictures.append({"name": f"{method} origin", "label": f"{method}: origin of pixels", "key": key})
        if key := album.key(table.name, case, f"{part}.slice"):
            slices.append({"label": label, "key": key})
    width, height = next(row["size"] for row in table.source["rows"] if row["case"] == case)
    rank = f" ({' and '.join(ranks)})" if ranks else ""
    return {
        "label": case + rank,
        "pictures": pictures,
        "slices": slices,
        "width": width,
        "height": height,
        "across": _across(table, case),
    }


def _across(table: Table, case: str) -> float:
    """Where the border between two pictures stands at first, in percent: in the middle of what is hidden."""
    facts: dict[str, float] = next(row.get("facts", {}) for row in table.source["rows"] if row["case"] == case)
    return round(100 * facts.get("across", 0.5), 1)


def _recovers(table: Table, case: str, method: str) -> bool:
    """Whether a map of origins says anything: that of a method that invents all is red all over."""
    rows = (row for row in table.source["rows"] if row["case"] == case and row["method"] == method)
    return any((row.get("recovered") or 0) > 0 for row in rows)


# ---------------------------------------------------------------------------------------------
# The rest
# ---------------------------------------------------------------------------------------------


def _choice(table: Table) -> dict[str, str] | None:
    """What to take for such clips: the best, and the fastest of those that are hardly worse."""
    key = table.headline
    best = table.champion
    if best is None:
        return None
    values = {line.method: line.means[key] or 0.0 for line in table.methods if line.means.get(key) is not None}
    span = max(values.values()) - min(values.values())
    near = [
        line
        for line in table.methods
        if line.method in values
        and abs(values[line.method] - values[best.method]) <= max(_HARDLY * span, METRICS[key].noticeable)
    ]
    fast = min(near, key=lambda line: line.means.get("seconds") or float("inf"))
    base = table.baseline
    against = None if base is None or table.ours is None else table.ours.against.get(key)
    if against is None:
        learned, tone, gap = "not run" if base is None else "not compared", "", ""
    else:
        learned, tone = _WORTH[tone_of(against, key)]
        gap = f"{shown(-against.difference, key, signed=True, unit=True)} against vinpaint"
    return {
        "title": table.title,
        "best": best.method,
        "best_value": shown(values[best.method], key, unit=True),
        "fast": fast.method,
        "fast_value": shown(fast.means.get("seconds"), "seconds", unit=True),
        "learned": learned,
        "learned_value": gap,
        "tone": tone,
    }


def _trained_on(methods: Sequence[str]) -> str:
    """What has to be known of the baseline, if it was run with the weights that ship."""
    if BASELINE not in methods:
        return ""
    return (
        "The weights that ship with it were taught with filmed clips, painted scenes and moving digits behind stains "
        "and marks; none of the clips here is among them unless you gave them with --clips."
    )


def _loss(one: Any) -> dict[str, str]:
    return {
        "suite": one.suite,
        "case": one.case,
        "method": one.method,
        "metric": METRICS[one.metric].title,
        "ours": shown(one.ours, one.metric, unit=True),
        "ours_raw": f"{one.ours:.8g}",
        "theirs": shown(one.theirs, one.metric, unit=True),
        "theirs_raw": f"{one.theirs:.8g}",
    }


def _definitions(results: Json, tables: Sequence[Table]) -> list[dict[str, str]]:
    used = {metric for table in tables for metric in table.metrics}
    missing = results["not_computed"]
    return [
        {"title": one.title, "unit": one.unit, "definition": one.definition, "missing": missing.get(name, "")}
        for name, one in METRICS.items()
        if name in used or name in missing
    ]


def _history(results: Json, then: Json | None) -> dict[str, Any]:
    if then is None:
        return {"changes": None, "counts": None, "then": None}
    found = changes(results, then)
    rows = [
        {
            "suite": one.suite,
            "method": one.method,
            "metric": METRICS[one.metric].title,
            "before": shown(one.before, one.metric),
            "before_raw": f"{one.before:.8g}",
            "after": shown(one.after, one.metric),
            "after_raw": f"{one.after:.8g}",
            "pairs": one.paired.pairs,
            "verdict": one.verdict,
            "reason": one.reason,
        }
        for one in found
    ]
    counts = {name: sum(one.verdict == name for one in found) for name in ("better", "worse", "noise")}
    return {"changes": rows, "counts": counts, "then": then["made"]}
