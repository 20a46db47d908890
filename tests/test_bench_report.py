"""What a report says: means, differences, what is best, worst, lost and failed; before and now."""

from __future__ import annotations

import copy
import csv
import io
import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import bench_results as made
import pytest

import vinpaint
from vinpaint.benchmarks.history import changes
from vinpaint.benchmarks.report import csv as as_csv
from vinpaint.benchmarks.report import html, markdown, page, write_report
from vinpaint.benchmarks.report.charts import Bars, Dot, bars, nice, scatter, standalone
from vinpaint.benchmarks.results import SCHEMA, code_hash, machine, read_results
from vinpaint.benchmarks.summary import FEWEST_PAIRS, losses, overall, paired, summed_up, verdict
from vinpaint.errors import InputError

# ---------------------------------------------------------------- sums


def test_means_and_differences_from_the_baseline() -> None:
    table = summed_up(made.suite("stains", made.QUALITY))
    auto = table.line("auto")
    assert auto is not None
    assert auto.means["psnr_hole"] == pytest.approx(40.35)
    against = auto.against["psnr_hole"]
    assert (against.difference, against.wins, against.pairs) == (pytest.approx(25), 8, 8)
    assert against.p == pytest.approx(2 / 2**8)
    assert "alpha_error" not in table.metrics


def test_the_best_is_best_as_shown_and_no_reference() -> None:
    suite = made.suite("stains", {"input": 60.0, "auto": 40.001, "telea": 40.0, "unet": 15.0})
    found = {line.method: "psnr_hole" in line.best for line in summed_up(suite).lines}
    assert found == {"input": False, "auto": True, "telea": True, "unet": False}


def test_less_is_better_where_the_metric_says_so() -> None:
    suite = made.suite("stains", made.QUALITY)
    for row in suite["rows"]:
        row["metrics"]["left"] = {"auto": 0.05, "unet": 0.5}.get(row["method"], 0.9)
    suite |= {"headline": "left", "metrics": ["left"]}
    table = summed_up(suite)
    assert table.champion is not None
    assert table.champion.method == "auto"
    assert verdict(table).tone == "better"


def test_where_the_headline_is_unknown_another_metric_tells() -> None:
    suite = made.suite("marks", made.QUALITY)
    for row in suite["rows"]:
        row["metrics"] = {"left": {"auto": 0.05, "unet": 0.5}.get(row["method"], 0.9)}
    table = summed_up(suite | {"metrics": ["psnr_hole", "left"]})
    assert (table.headline, table.lines[0].method) == ("left", "input")
    assert verdict(table).tone == "better"


def test_means_over_frames() -> None:
    suite = made.suite("stains", made.QUALITY, 2)
    suite["by_frames"] = True
    for row in suite["rows"]:
        row["frames"] = 30 if row["case"] == made.CASES[1] else 10
    line = summed_up(suite).line("auto")
    assert line is not None
    assert line.means["psnr_hole"] == pytest.approx((10 * 40 + 30 * 40.1) / 40)


def test_differences_are_those_of_the_averages_beside_them() -> None:
    """Of means over frames, and of medians of costs."""
    suite = made.suite("stains", {"auto": 30.0, "unet": 30.0}, 3)
    suite["by_frames"] = True
    for row in suite["rows"]:
        row["frames"] = 90 if row["case"] == made.CASES[1] else 10
        ahead = (row["method"] == "auto") == (row["case"] != made.CASES[1])
        row["metrics"] = {"psnr_hole": 32.0 if ahead else 30.0, "seconds": 0.1}
    odd = next(row for row in suite["rows"] if row["method"] == "auto")
    odd["metrics"]["seconds"] = 9.0
    line = summed_up(suite).line("auto")
    base = summed_up(suite).line("unet")
    assert line is not None
    assert base is not None
    for metric in ("psnr_hole", "seconds"):
        gap = (line.means[metric] or 0) - (base.means[metric] or 0)
        assert line.against[metric].difference == pytest.approx(gap)
    assert line.against["psnr_hole"].difference < 0
    assert line.against["psnr_hole"].wins == 2
    assert verdict(summed_up(suite)).tone == "worse"


def broken(suite: dict[str, Any], method: str, cases: Sequence[str] = made.CASES) -> dict[str, Any]:
    for row in suite["rows"]:
        if row["method"] == method and row["case"] in cases:
            row |= {"status": "failed", "error": "no", "metrics": {}}
    return suite


def test_who_failed_on_a_clip_is_not_the_best() -> None:
    suite = broken(made.suite("stains", {"auto": 20.0, "unet": 35.0}), "unet", made.CASES[1:])
    table = summed_up(suite)
    assert table.champion is not None
    assert table.champion.method == "auto"
    assert [line.method for line in table.lines if "psnr_hole" in line.best] == []
    assert verdict(table).text.endswith("unet failed on 7 of 8.")


def test_failed_is_not_called_not_run() -> None:
    said = verdict(summed_up(broken(made.suite("stains", made.QUALITY), "auto"))).text
    assert "auto failed on 8 of 8" in said
    assert "was run here" not in said
    said = verdict(summed_up(broken(made.suite("stains", made.QUALITY), "unet"))).text
    assert "the pure U-Net failed on 8 of 8" in said


def test_a_suite_in_which_all_failed_has_a_report(tmp_path: Path) -> None:
    suite = broken(broken(made.suite("speed", {"auto": 20.0, "unet": 35.0}), "auto"), "unet")
    write_report(made.results(suite), tmp_path)
    assert "failed on 8 of 8" in (tmp_path / "report.md").read_text()
    assert "not run" not in (tmp_path / "report.html").read_text()


def test_what_is_said_of_the_network() -> None:
    def told(**quality: float) -> tuple[str, str]:
        choice = page._choice(summed_up(made.suite("stains", quality)))
        assert choice is not None
        return choice["learned"], choice["tone"]

    assert told(auto=40.0, unet=15.0) == ("not worth it", "worse")
    assert told(auto=40.0, unet=50.0) == ("worth it", "better")
    assert told(auto=40.0, unet=40.0) == ("no difference", "")
    assert told(telea=40.0, unet=40.0) == ("not compared", "")
    assert told(auto=40.0) == ("not run", "")


def test_the_worst_frame() -> None:
    line = summed_up(made.suite("stains", made.QUALITY)).line("telea")
    assert line is not None
    assert line.worst == (made.CASES[0], 1, pytest.approx(22))


def test_a_method_is_compared_on_the_clips_that_both_did() -> None:
    suite = made.suite("stains", made.QUALITY)
    for row in suite["rows"][:8]:
        if row["method"] == "unet":
            row |= {"status": "failed", "error": "no", "metrics": {}}
    line = summed_up(suite).line("auto")
    assert line is not None
    assert line.against["psnr_hole"].pairs == 6
    assert summed_up(suite).baseline.failed == 2  # type: ignore[union-attr]


def test_few_clips_prove_nothing() -> None:
    assert paired([9, 9, 9], [1, 1, 1], "higher").p is None
    assert "too few" in paired([9, 9, 9], [1, 1, 1], "higher").chance
    equal = [1.0] * FEWEST_PAIRS
    assert paired(equal, equal, "higher").p == 1


def test_verdicts() -> None:
    said = [verdict(summed_up(suite)) for suite in made.usual()["suites"]]
    assert [one.tone for one in said] == ["better", "worse"]
    assert said[0].difference == "+25.00 dB"
    assert overall(said) == "vinpaint beats the pure U-Net in 1 of 2 suites; the U-Net wins in mnist."
    alone = verdict(summed_up(made.suite("stains", {"auto": 40.0})))
    assert (alone.tone, "not run" in alone.text) == ("unknown", True)


def test_losses_are_published() -> None:
    suite = made.suite("stains", made.QUALITY)
    next(row for row in suite["rows"] if row["case"] == made.CASES[3] and row["method"] == "input")["metrics"] = {
        "psnr_hole": 70.0
    }
    (lost,) = losses(summed_up(suite))
    assert (lost.case, lost.method, lost.theirs) == (made.CASES[3], "input", 70.0)


# ---------------------------------------------------------------- before and now


def moved(by: float, count: int = 8) -> tuple[dict[str, Any], dict[str, Any]]:
    """A run, and an earlier one in which vinpaint was so much worse."""
    then = made.results(made.suite("stains", made.QUALITY, count))
    now = copy.deepcopy(then)
    for row in now["suites"][0]["rows"]:
        if row["method"] == "auto":
            row["metrics"]["psnr_hole"] += by
    return now, then


def judged(now: dict[str, Any], then: dict[str, Any]) -> dict[tuple[str, str], str]:
    return {(one.method, one.metric): one.verdict for one in changes(now, then)}


@pytest.mark.parametrize(("by", "expected"), [(1.0, "better"), (-1.0, "worse"), (0.01, "noise"), (0.0, "noise")])
def test_a_change_on_all_clips_is_real_if_one_can_notice_it(by: float, expected: str) -> None:
    found = judged(*moved(by))
    assert found["auto", "psnr_hole"] == expected
    assert found["telea", "psnr_hole"] == "noise"


def test_a_change_on_few_clips_is_noise() -> None:
    assert judged(*moved(3.0, count=3))["auto", "psnr_hole"] == "noise"


@pytest.mark.parametrize("other", [{"frames": 99}, {"size": [1280, 720]}])
def test_other_clips_of_one_name_are_not_compared(other: dict[str, Any]) -> None:
    now, then = moved(1.0)
    for row in then["suites"][0]["rows"]:
        row |= other
    assert judged(now, then) == {}


def test_times_of_another_machine_are_not_compared() -> None:
    now, then = moved(0.0)
    for row in now["suites"][0]["rows"]:
        if "seconds" in row["metrics"]:
            row["metrics"]["seconds"] = 0.1 + 0.001 * made.CASES.index(row["case"])
    assert judged(now, then)["auto", "seconds"] == "better"
    then["machine"]["processor"] = "another"
    assert judged(now, then)["auto", "seconds"] == "noise"


# ---------------------------------------------------------------- files


@pytest.mark.parametrize("lacking", ["made", "machine", "processor", "name", "metrics"])
def test_results_that_lack_something_are_refused(tmp_path: Path, lacking: str) -> None:
    def without(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: without(part) for key, part in value.items() if key != lacking}
        return [without(part) for part in value] if isinstance(value, list) else value

    (tmp_path / "old.json").write_text(json.dumps(without(made.usual())))
    with pytest.raises(InputError, match="no result of a benchmark"):
        read_results(tmp_path / "old.json")


def test_results_follow_the_schema() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(made.usual(), SCHEMA)
    jsonschema.validate(made.usual() | {"machine": machine()}, SCHEMA)
    broken = made.usual()
    broken["suites"][0]["rows"][0]["metrics"]["nonsense"] = 1.0
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(broken, SCHEMA)


def test_what_is_no_result_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "old.json"
    with pytest.raises(InputError, match="cannot read"):
        read_results(path)
    for text in ("no json", "[]", "{}", json.dumps(made.usual() | {"schema": 99})):
        path.write_text(text)
        with pytest.raises(InputError):
            read_results(path)
    path.write_text(json.dumps(made.usual()))
    assert read_results(path) == made.usual()


def test_the_hash_is_of_all_code_that_figures_depend_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(code_hash()) == 16
    monkeypatch.setattr(vinpaint, "__file__", str(tmp_path / "__init__.py"))
    names = ("api.py", "leak/net.safetensors", "benchmarks/leaks.py", "cli/bench.py", "benchmarks/report/page.py")
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("before")
    hashes = [code_hash()]
    for name in names:
        (tmp_path / name).write_text("after")
        hashes.append(code_hash())
    assert [one != other for one, other in pairwise(hashes)] == [True, True, True, False, False]


def test_csv_holds_every_figure() -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv(made.usual()))))
    assert len(rows) == 2 * 8 * (3 * 4 + 1)
    first = next(row for row in rows if row["method"] == "auto" and row["metric"] == "psnr_hole")
    assert (first["case"], float(first["value"])) == (made.CASES[0], 40.0)


def test_markdown() -> None:
    text = markdown(made.usual(), moved(1.0)[1])
    assert "| auto | **40.35** (+25.00) |" in text
    assert "not computed: weights missing" in text
    assert "## Against the run of" in text


def test_the_page_needs_nothing_from_elsewhere_and_escapes(tmp_path: Path) -> None:
    made.write_pictures(tmp_path)
    failing = made.usual()
    failing["suites"][0]["rows"][1] |= {"status": "failed", "error": "<script>alert(1)</script>", "metrics": {}}
    write_report(failing, tmp_path)
    page = (tmp_path / "report.html").read_text()
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page
    assert "data:image/webp;base64," in page
    assert {path.name for path in tmp_path.iterdir()} >= {"report.html", "report.md", "results.csv", "results.json"}
    assert read_results(tmp_path / "results.json") == failing


def test_the_page_without_pictures(tmp_path: Path) -> None:
    assert "Look at it" not in html(made.usual(), tmp_path)


# ---------------------------------------------------------------- charts


@pytest.mark.parametrize("values", [[0.0, 1.0], [3.3, 3.3], [-20, 47.2], [0.0001, 0.0002], [12.0]])
def test_ticks_are_round_and_hold_all(values: list[float]) -> None:
    ticks = nice(values)
    assert ticks[0] <= min(values) <= max(values) <= ticks[-1]
    assert 2 <= len(ticks) <= 9


def test_charts_are_xml() -> None:
    from xml.etree import ElementTree

    dots = [Dot("auto", (0.1, 0.05, 0.3), 40, True), Dot("a<b", (0.5, 0.5, 0.5), 12, False)]
    charts = [
        scatter(dots, "s", "dB", upwards=True),
        bars([Bars("<clip>", {"auto": 3.0, "unet": -1.0})], ["auto", "unet"], "t"),
    ]
    for chart in charts:
        root = ElementTree.fromstring(standalone(chart, ["auto", "a<b"]))
        assert root.tag.endswith("svg")
        assert root.findtext("{http://www.w3.org/2000/svg}title")
