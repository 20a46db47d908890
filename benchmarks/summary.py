"""From rows to tables: means, differences from the baseline, what is best, what is worst, and what that says."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median, quantiles
from typing import Any, Literal

import numpy as np

from vinpaint.benchmarks.metrics import METRICS
from vinpaint.benchmarks.results import Json
from vinpaint.benchmarks.suites.contract import BASELINE
from vinpaint.benchmarks.worker import DETECTOR

OURS = ("auto", DETECTOR, "learned", "artifact-v2")
"""Methods that stand for vinpaint in verdicts, the first that is there."""

FEWEST_PAIRS = 6
"""Clips below which no difference can be told from chance (the best possible p of the test is 2 / 2^n)."""

ALPHA = 0.05

_BY_MEDIAN = ("seconds", "peak")

Tone = Literal["better", "worse", "even", "unknown"]


@dataclass(frozen=True)
class Paired:
    """A method against another on the clips that both did.

    Attributes
    ----------
    pairs : int
        Clips.
    difference : float
        Average of the first minus that of the second.
    wins : int
        Clips on which the first is better.
    p : float or None
        Of the two-sided Wilcoxon signed-rank test; None with fewer than :data:`FEWEST_PAIRS` clips.
    """

    pairs: int
    difference: float
    wins: int
    p: float | None

    @property
    def chance(self) -> str:
        """How sure that is, in words."""
        if self.p is None:
            return f"{self.pairs} clip{'s' * (self.pairs != 1)}: too few for a test"
        return f"p = {self.p:.2g}" if self.p >= 1e-4 else "p < 0.0001"


def paired(first: Sequence[float], second: Sequence[float], better: str) -> Paired:
    """Compare figures clip by clip.

    F. Wilcoxon, Individual comparisons by ranking methods, Biometrics Bulletin 1945; exact where there are no ties.
    """
    gaps = np.asarray(first, float) - np.asarray(second, float)
    signed = -gaps if better == "lower" else gaps
    p = None
    if len(gaps) >= FEWEST_PAIRS:
        from scipy.stats import wilcoxon

        p = float(wilcoxon(gaps).pvalue) if np.any(gaps) else 1.0
    return Paired(len(gaps), float(gaps.mean()), int((signed > 0).sum()), p)


@dataclass(frozen=True)
class Line:
    """One method of a suite's table.

    Attributes
    ----------
    method : str
        Its label.
    reference : bool
        No method: the input, a ceiling.
    means : mapping
        By metric; None where there is nothing to average.
    against : mapping
        By metric: the method against the baseline.
    best : frozenset of str
        Metrics in which no method is better, as shown.
    done, failed : int
        Clips.
    worst : (str, int or None, float), optional
        Case, frame and value of the worst result in the headline metric.
    """

    method: str
    reference: bool
    means: Mapping[str, float | None]
    against: Mapping[str, Paired]
    best: frozenset[str]
    done: int
    failed: int
    worst: tuple[str, int | None, float] | None


@dataclass(frozen=True)
class Table:
    """A suite, summed up."""

    name: str
    title: str
    question: str
    headline: str
    metrics: tuple[str, ...]
    lines: tuple[Line, ...]
    cases: tuple[str, ...]
    source: Json

    def line(self, method: str) -> Line | None:
        """The line of a method."""
        return next((line for line in self.lines if line.method == method), None)

    @property
    def ours(self) -> Line | None:
        """The line that stands for vinpaint."""
        return next((line for name in OURS if (line := self.line(name))), None)

    @property
    def baseline(self) -> Line | None:
        """The line of the pure U-Net."""
        return self.line(BASELINE)

    @property
    def methods(self) -> list[Line]:
        """Lines that are no references."""
        return [line for line in self.lines if not line.reference]

    @property
    def champion(self) -> Line | None:
        """The method that is best in the headline metric; one that failed on no clip, if there is any."""
        known = [line for line in self.methods if line.means.get(self.headline) is not None]
        known = [line for line in known if not line.failed] or known
        key = sign(self.headline)
        return max(known, key=lambda line: key * (line.means[self.headline] or 0.0), default=None)

    def values(self, method: str, metric: str) -> dict[str, float]:
        """Figures by case."""
        return values_of(self.source, method, metric)


def sign(metric: str) -> int:
    """1 if more is better, −1 if less is."""
    return -1 if METRICS[metric].better == "lower" else 1


def values_of(suite: Json, method: str, metric: str) -> dict[str, float]:
    """Figures of a method by case, those that there are."""
    rows = [row for row in suite["rows"] if row["method"] == method and row["status"] == "ok"]
    return {row["case"]: row["metrics"][metric] for row in rows if row["metrics"].get(metric) is not None}


def summed_up(suite: Json) -> Table:
    """The table of a suite."""
    shown = [name for name in suite["metrics"] if any(row["metrics"].get(name) is not None for row in suite["rows"])]
    names = list(dict.fromkeys(row["method"] for row in suite["rows"]))
    means = {name: {metric: _mean(suite, name, metric) for metric in shown} for name in names}
    references = {row["method"] for row in suite["rows"] if row["reference"]}
    failed = {row["method"] for row in suite["rows"] if row["status"] == "failed"}
    best = _best(means, references | failed, shown)
    key = suite["headline"]
    if key not in shown:  # real marks: no truth is known
        key = next((name for name in shown if METRICS[name].better != "none"), key)
        suite = {**suite, "headline": key}
    lines = [_line(suite, name, name in references, means[name], best[name]) for name in names]
    lines.sort(key=lambda line: (not line.reference, -sign(key) * _sortable(line.means.get(key), key)))
    cases = tuple(dict.fromkeys(row["case"] for row in suite["rows"]))
    return Table(suite["name"], suite["title"], suite["question"], key, tuple(shown), tuple(lines), cases, suite)


def _sortable(value: float | None, metric: str) -> float:
    return -math.inf * sign(metric) if value is None else value


def _mean(suite: Json, method: str, metric: str) -> float | None:
    values = values_of(suite, method, metric)
    return _averaged(suite, values, metric) if values else None


def _averaged(suite: Json, values: Mapping[str, float], metric: str) -> float:
    """The average of figures by case: the median of costs, a mean of the rest, over clips or their frames."""
    if metric in _BY_MEDIAN:
        return median(values.values())
    frames = {row["case"]: row["frames"] for row in suite["rows"] if row["status"] == "ok"}
    weights = [frames[case] if suite["by_frames"] else 1 for case in values]
    return float(np.average(list(values.values()), weights=weights))


def _best(
    means: Mapping[str, Mapping[str, float | None]], unranked: set[str], metrics: Sequence[str]
) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {name: set() for name in means}
    for metric in metrics:
        known = {name: rounded(each[metric], metric) for name, each in means.items() if each[metric] is not None}
        ranked = {name: value for name, value in known.items() if name not in unranked}
        if METRICS[metric].better == "none" or len(ranked) < 2:
            continue
        top = max(sign(metric) * value for value in ranked.values())
        for name, value in ranked.items():
            if sign(metric) * value == top:
                found[name].add(metric)
    return {name: frozenset(each) for name, each in found.items()}


def rounded(value: float | None, metric: str) -> float:
    """A figure as it is shown."""
    return math.nan if value is None else round(value, METRICS[metric].digits)


def _line(suite: Json, method: str, reference: bool, means: Mapping[str, float | None], best: frozenset[str]) -> Line:
    rows = [row for row in suite["rows"] if row["method"] == method]
    failed = sum(row["status"] == "failed" for row in rows)
    against = {metric: against_of(suite, method, BASELINE, metric) for metric in means if method != BASELINE}
    kept = {metric: one for metric, one in against.items() if one is not None}
    return Line(method, reference, means, kept, best, len(rows) - failed, failed, _worst(suite, rows))


def against_of(suite: Json, method: str, other: str, metric: str) -> Paired | None:
    """A method against another on the clips that both did; None if there is none."""
    mine, theirs = values_of(suite, method, metric), values_of(suite, other, metric)
    mine = {case: value for case, value in mine.items() if case in theirs}
    theirs = {case: theirs[case] for case in mine}
    if not mine:
        return None
    gap = _averaged(suite, mine, metric) - _averaged(suite, theirs, metric)
    return replace(paired(list(mine.values()), list(theirs.values()), METRICS[metric].better), difference=gap)


def _worst(suite: Json, rows: Sequence[Any]) -> tuple[str, int | None, float] | None:
    key = suite["headline"]
    known = [row for row in rows if row["metrics"].get(key) is not None]
    if not known:
        return None
    row = min(known, key=lambda row: sign(key) * row["metrics"][key])
    return row["case"], worst_frame(row), row["metrics"][key]


def worst_frame(row: Json) -> int | None:
    """The frame that came out worst, if frames were judged."""
    series = [value for values in row.get("per_frame", {}).values() for value in values]
    known = [(value, index) for index, value in enumerate(series) if value is not None]
    return min(known)[1] if known else None


def spread(values: Sequence[float]) -> tuple[float, float, float]:
    """Median and the quartiles around it."""
    if len(values) < 2:
        return values[0], values[0], values[0]
    low, middle, high = quantiles(values, n=4, method="inclusive")
    return middle, low, high


# ---------------------------------------------------------------------------------------------
# What it says
# ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Verdict:
    """One suite in a sentence.

    Attributes
    ----------
    table : Table
        The suite.
    tone : {"better", "worse", "even", "unknown"}
        vinpaint against the pure U-Net; unknown if one of them is missing.
    value, difference : str
        The headline figure of vinpaint, and by how much it differs.
    text : str
        The sentence.
    """

    table: Table
    tone: Tone
    value: str
    difference: str
    text: str


def shown(value: float | None, metric: str, *, signed: bool = False, unit: bool = False) -> str:
    """A figure as text; an en dash for none."""
    if value is None or math.isnan(value):
        return "–"
    digits = METRICS[metric].digits
    text = f"{value:+.{digits}f}" if signed else f"{value:.{digits}f}"
    if digits == 0 and abs(value) >= 10000:
        text = f"{value:+,.0f}" if signed else f"{value:,.0f}"
    text = text.replace("-", "−")
    return f"{text} {METRICS[metric].unit}".rstrip() if unit else text


def verdict(table: Table) -> Verdict:
    """What a suite says about vinpaint and the pure U-Net."""
    ours, base, key = table.ours, table.baseline, table.headline
    if ours is None or ours.means.get(key) is None:
        champion = table.champion
        said = "nothing could be measured" if champion is None else f"best is {champion.method}"
        why = f"neither {' nor '.join(OURS)} was run here" if ours is None else _absent(ours, ours.method)
        return Verdict(table, "unknown", "–", "", f"{said}; {why}.")
    value = shown(ours.means[key], key, unit=True)
    against = ours.against.get(key)
    if base is None or against is None:
        return Verdict(
            table, "unknown", value, "", f"{ours.method} has {value}; {_absent(base, 'the pure U-Net')}.{_gaps(ours)}"
        )
    tone = tone_of(against, key)
    gap = shown(against.difference, key, signed=True, unit=True)
    words = {"better": "better than", "worse": "worse than", "even": "no different from"}[tone]
    text = (
        f"{ours.method} has {value} ({METRICS[key].title}), the pure U-Net {shown(base.means[key], key, unit=True)}: "
        f"{words} the baseline on the whole, better on {against.wins} of {against.pairs} ({against.chance})."
    )
    champion = table.champion
    if champion is not None and champion.method != ours.method:
        text += f" {champion.method} is ahead of both with {shown(champion.means[key], key, unit=True)}."
        text = text.replace("ahead of both", "ahead") if champion.method == BASELINE else text
    return Verdict(table, tone, value, gap, text + _gaps(ours, base))


def _absent(line: Line | None, name: str) -> str:
    """Why there is nothing to compare."""
    if line is None:
        return f"{name} was not run here"
    return f"{name} failed on {line.failed} of {line.done + line.failed}" if line.failed else f"{name} has no figure"


def _gaps(*lines: Line | None) -> str:
    """What is missing in the averages, as sentences."""
    gaps = [line for line in lines if line is not None and line.failed and line.done]
    return "".join(f" {line.method} failed on {line.failed} of {line.done + line.failed}." for line in gaps)


def tone_of(against: Paired, metric: str) -> Tone:
    """Whether a difference is for the better, or too small to notice."""
    if abs(against.difference) <= METRICS[metric].noticeable:
        return "even"
    return "better" if sign(metric) * against.difference > 0 else "worse"


def overall(verdicts: Sequence[Verdict]) -> str:
    """The answer to whether the learned baseline is worth it, in a sentence; what it costs is another matter."""
    told = [one for one in verdicts if one.tone != "unknown" and one.table.headline != "seconds"]
    if not told:
        return (
            "There is no suite in which both vinpaint and the pure U-Net have a figure, so nothing is said of the two."
        )
    ahead = [one.table.title.lower() for one in told if one.tone == "better"]
    behind = [one.table.title.lower() for one in told if one.tone == "worse"]
    even = [one.table.title.lower() for one in told if one.tone == "even"]
    parts = []
    if ahead:
        parts.append(f"vinpaint beats the pure U-Net in {len(ahead)} of {len(told)} suites")
    if behind:
        parts.append(f"the U-Net wins in {_listed(behind)}" if ahead else f"The pure U-Net wins in {_listed(behind)}")
    if even:
        parts.append(f"{_listed(even)}: no difference")
    return "; ".join(parts) + "."


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


@dataclass(frozen=True)
class Loss:
    """A case in which another method, or doing nothing, is better than vinpaint."""

    suite: str
    case: str
    method: str
    ours: float
    theirs: float
    metric: str


def losses(table: Table) -> list[Loss]:
    """The cases that vinpaint loses, by more than is noticeable, to its strongest rival; largest losses first."""
    if table.ours is None:
        return []
    key = table.headline
    mine = table.values(table.ours.method, key)
    rivals = [line for line in table.lines if line.method not in (table.ours.method, "lifted", "truth")]
    found = []
    for case, value in mine.items():
        others = {line.method: table.values(line.method, key).get(case) for line in rivals}
        known = {method: other for method, other in others.items() if other is not None}
        if not known:
            continue
        rival = max(known, key=lambda method: sign(key) * known[method])
        if sign(key) * (known[rival] - value) > METRICS[key].noticeable:
            found.append(Loss(table.name, case, rival, value, known[rival], key))
    return sorted(found, key=lambda one: -abs(one.theirs - one.ours))


def failures(results: Json) -> list[Json]:
    """Rows of methods that did not finish."""
    return [
        {"suite": suite["name"], **row}
        for suite in results["suites"]
        for row in suite["rows"]
        if row["status"] == "failed"
    ]
