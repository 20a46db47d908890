"""A run against an earlier one: better, worse, or noise."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from vinpaint.benchmarks.metrics import METRICS
from vinpaint.benchmarks.results import Json
from vinpaint.benchmarks.summary import ALPHA, Paired, paired, sign, values_of

_FASTER = 0.1
"""Share of the time below which a difference is that of the machine's mood."""
_COSTS = ("seconds", "peak")


@dataclass(frozen=True)
class Change:
    """One metric of one method, now and then.

    Attributes
    ----------
    suite, method, metric : str
        Of what.
    before, after : float
        Means over the clips of both runs.
    paired : Paired
        After against before; its p is corrected for the number of comparisons (Benjamini and Hochberg 1995).
    equal : bool
        Whether they are the same on every clip.
    verdict : {"better", "worse", "noise"}
        Noise: smaller than anyone notices, not significant, or too few clips to tell.
    reason : str
        Why.
    """

    suite: str
    method: str
    metric: str
    before: float
    after: float
    paired: Paired
    equal: bool
    verdict: Literal["better", "worse", "noise"] = "noise"
    reason: str = ""


def changes(now: Json, then: Json) -> list[Change]:
    """All comparable figures of two runs, those that changed first."""
    found = _corrected(list(_all(now, then)))
    judged = [_judged(one, same_machine=_same_machine(now, then)) for one in found]
    rank = {"worse": 0, "better": 1, "noise": 2}
    return sorted(judged, key=lambda one: (rank[one.verdict], one.suite, one.method, one.metric))


def _all(now: Json, then: Json) -> Iterator[Change]:
    earlier = {suite["name"]: suite for suite in then["suites"]}
    for suite in now["suites"]:
        if suite["name"] not in earlier:
            continue
        old = _of_same_clips(earlier[suite["name"]], suite)
        for method in dict.fromkeys(row["method"] for row in suite["rows"] if not row["reference"]):
            for metric in suite["metrics"]:
                if METRICS[metric].better != "none":
                    yield from _one(suite, old, method, metric)


def _one(suite: Json, old: Json, method: str, metric: str) -> Iterator[Change]:
    after, before = values_of(suite, method, metric), values_of(old, method, metric)
    cases = [case for case in after if case in before]
    if cases:
        pair = [after[case] for case in cases], [before[case] for case in cases]
        gaps = paired(*pair, METRICS[metric].better)
        means = float(np.mean(pair[1])), float(np.mean(pair[0]))
        yield Change(suite["name"], method, metric, *means, gaps, pair[0] == pair[1])


def _of_same_clips(old: Json, suite: Json) -> Json:
    """An earlier suite without cases of another length or size: under one name there may be another clip."""
    shapes = {row["case"]: (row["frames"], row["size"]) for row in suite["rows"] if row["status"] == "ok"}
    return old | {"rows": [row for row in old["rows"] if shapes.get(row["case"]) == (row["frames"], row["size"])]}


def _corrected(found: Sequence[Change]) -> list[Change]:
    """With p-values that hold for all comparisons together; figures that are equal clip by clip are no comparison."""
    tested = [index for index, one in enumerate(found) if one.paired.p is not None and not one.equal]
    result = list(found)
    if tested:
        from scipy.stats import false_discovery_control

        for index, p in zip(tested, false_discovery_control([found[index].paired.p for index in tested]), strict=True):
            result[index] = replace(found[index], paired=replace(found[index].paired, p=float(p)))
    return result


def _same_machine(now: Json, then: Json) -> bool:
    keys = ("processor", "cores")
    return all(now["machine"][key] == then["machine"][key] for key in keys)


def _judged(one: Change, *, same_machine: bool) -> Change:
    if one.metric in _COSTS and not same_machine:
        return replace(one, reason="measured on another machine")
    if one.metric in _COSTS:
        small = one.before > 0 and abs(math.log(max(one.after, 1e-9) / one.before)) < math.log(1 + _FASTER)
        why = f"within {100 * _FASTER:.0f} %"
    else:
        small = abs(one.paired.difference) <= METRICS[one.metric].noticeable
        why = "equal" if one.equal else "too small to notice"
    if small:
        return replace(one, reason=why)
    if one.paired.p is None or one.paired.p > ALPHA:
        return replace(one, reason=one.paired.chance)
    improved = sign(one.metric) * one.paired.difference > 0
    return replace(one, verdict="better" if improved else "worse", reason=one.paired.chance)
