"""Runs of the benchmark as a user starts them: real methods, in processes of their own."""

from __future__ import annotations

import json
import shutil
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vinpaint.benchmarks import headline, metrics, perceptual
from vinpaint.benchmarks.results import SCHEMA, read_results
from vinpaint.benchmarks.runner import Bench, Method, Plan, parse_methods
from vinpaint.benchmarks.suites.sources import Sources, seeded
from vinpaint.benchmarks.suites.static_masks import destroyed, random_shape
from vinpaint.benchmarks.worker import Job, peak_memory
from vinpaint.cli import run
from vinpaint.errors import UsageError
from vinpaint.fill.registry import create
from vinpaint.refiner.synthetic import PAN, moving_scene
from vinpaint.reporting import Reporter
from vinpaint.video.clips import write_lossless

Capture = pytest.CaptureFixture[str]
pytestmark = pytest.mark.xdist_group("bench")


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    write_lossless(folder / "pan.mkv", moving_scene(5, 240, 320, seed=3, motion=PAN), Fraction(25))
    return folder


@pytest.fixture(scope="module")
def done(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """A run of two methods, one of which has no weights."""
    folder = tmp_path_factory.mktemp("bench")
    return folder, run(bench(clips, folder, "telea,artifact-v1"))


def bench(clips: Path, folder: Path, methods: str) -> list[str]:
    return ["bench", "static-masks", "-o", str(folder), "--clips", str(clips), "--methods", methods, "-q"]


def rows(folder: Path) -> dict[str, Any]:
    (suite,) = read_results(folder / "results.json")["suites"]
    return {row["method"]: row for row in suite["rows"]}


def test_figures_are_those_of_the_method(done: tuple[Path, int], clips: Path) -> None:
    """In this process, without files and workers, the same method gives the same picture."""
    truth = moving_scene(5, 240, 320, seed=3, motion=PAN)
    material = destroyed(truth, random_shape(seeded("pan", "shape"), truth.shape[1:3]))
    filled = create("telea").fill(material.damaged, material.hidden)
    row = rows(done[0])["telea"]
    assert row["status"] == "ok"
    assert row["metrics"]["psnr"] == pytest.approx(metrics.mean_psnr(filled.frames, truth), abs=0.01)
    assert row["metrics"]["outside"] == 0
    assert 0 < row["metrics"]["seconds"] < 10
    assert 20 < row["metrics"]["peak"] < 4000
    assert row["invented"] == 1
    assert row["frames"] == 5


def test_what_fails_is_listed_and_told(done: tuple[Path, int]) -> None:
    folder, status = done
    row = rows(folder)["artifact-v1"]
    assert (status, row["status"]) == (1, "failed")
    assert "no weights of the network artifact-v1" in row["error"]
    assert "no weights of the network artifact-v1" in (folder / "report.md").read_text()


def test_results_are_as_the_schema_says(done: tuple[Path, int]) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    found = json.loads((done[0] / "results.json").read_text())
    jsonschema.validate(found, SCHEMA)
    assert found["command"].startswith("vinpaint bench static-masks --clips")


def test_a_run_goes_on_where_it_was(done: tuple[Path, int], clips: Path) -> None:
    """Rows of the same code are not made again, those of other code are."""
    folder = done[0]
    kept = folder / "rows" / "static-masks" / "pan" / "telea.json"
    marked = json.loads(kept.read_text())
    marked["row"]["metrics"]["psnr"] = 12.5
    kept.write_text(json.dumps(marked))
    assert run(bench(clips, folder, "telea,ns")) == 0
    assert rows(folder)["telea"]["metrics"]["psnr"] == 12.5
    assert rows(folder)["ns"]["status"] == "ok"
    marked["key"] = "of other code"
    kept.write_text(json.dumps(marked))
    assert run(bench(clips, folder, "telea")) == 0
    assert rows(folder)["telea"]["metrics"]["psnr"] > 13


def test_a_clip_that_cannot_be_read_fails_alone(clips: Path, tmp_path: Path) -> None:
    folder = tmp_path / "clips"
    shutil.copytree(clips, folder)
    (folder / "bad.mp4").write_text("no video\n" * 50)
    for _ in range(2):
        assert run(bench(folder, tmp_path / "out", "telea")) == 1
        (suite,) = read_results(tmp_path / "out" / "results.json")["suites"]
        found = {row["case"]: row["status"] for row in suite["rows"] if row["method"] == "telea"}
        assert found == {"bad": "failed", "pan": "ok"}
    assert "bad.mp4" in (tmp_path / "out" / "report.md").read_text()


def test_clips_that_cannot_be_told_apart_are_refused(clips: Path, tmp_path: Path, capsys: Capture) -> None:
    folder = tmp_path / "clips"
    folder.mkdir()
    for name in ("my pan.mkv", "my_pan.mkv"):
        shutil.copy(clips / "pan.mkv", folder / name)
    assert run(bench(folder, tmp_path / "out", "telea")) == 4
    assert "cannot be told apart" in capsys.readouterr().err


def test_what_was_measured_before_an_interrupt_is_kept(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = Bench._row

    def once(self: Bench, suite: Any, case: Any, method: Any, *rest: Any) -> Any:
        if method.name == "ns":
            raise KeyboardInterrupt
        return measured(self, suite, case, method, *rest)

    monkeypatch.setattr(Bench, "_row", once)
    assert run(bench(clips, tmp_path, "telea,ns")) == 130
    kept = tmp_path / "rows" / "static-masks" / "pan"
    assert sorted(path.name for path in kept.iterdir()) == ["references.json", "telea.json"]


def test_a_run_begins_anew_if_told_so(clips: Path, tmp_path: Path, capsys: Capture) -> None:
    page = tmp_path / "report.html"
    page.write_text("mine")
    assert run(bench(clips, tmp_path, "telea")) == 5
    assert "report.html exists and is of no run" in capsys.readouterr().err
    assert page.read_text() == "mine"
    stale = tmp_path / "rows" / "static-masks" / "gone" / "telea.json"
    stale.parent.mkdir(parents=True)
    stale.write_text("{}")
    assert run([*bench(clips, tmp_path, "telea"), "-y"]) == 0
    assert not stale.exists()
    assert rows(tmp_path)["telea"]["status"] == "ok"


def test_a_detector_and_a_blind_network(tmp_path: Path) -> None:
    """What a network changes in a clean clip counts as found. A method that only fills has no part in it."""
    sources = Sources(quick=True, limit=8, only="painted-pan")
    bench = Bench(Plan(("detect",), tmp_path, sources, parse_methods("static,unet,telea")), Reporter())
    bench._cases = [[case for case in bench._cases[0] if case.name.endswith("clean")]]
    (suite,) = bench.run()["suites"]
    alarms = {row["method"]: row["metrics"].get("alarm") for row in suite["rows"]}
    assert set(alarms) == {"still", "static", "unet"}
    assert alarms == {"still": 1, "static": 0, "unet": 1}


def test_rooms_behind_virtual_backgrounds(tmp_path: Path) -> None:
    """Methods that fill have no part in it, those that find leaks have none in anything else."""
    sources = Sources(quick=True, limit=12)
    plan = Plan(("leaks", "mnist"), tmp_path, sources, parse_methods("statistics,spatial"))
    bench = Bench(plan, Reporter())
    assert [[one.name for one in bench._methods(suite)] for suite in bench._suites] == [["statistics"], ["spatial"]]
    bench._suites, bench._cases = bench._suites[:1], bench._cases[:1]
    (suite,) = bench.run()["suites"]
    rows = {row["method"]: row for row in suite["rows"]}
    assert set(rows) == {"mode", "statistics"}
    assert rows["statistics"]["verdict"] in ("found", "clean")
    assert 0 <= rows["statistics"]["metrics"]["room_share"] <= 1
    assert rows["mode"]["metrics"]["room_claimed"] == 100


# ---------------------------------------------------------------- the command line


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["nonsense"], 2, "there is no suite 'nonsense'"),
        (["--quick", "--clips", "."], 2, "--quick takes painted clips only"),
        (["--methods", "auto,none"], 2, "unknown method 'none'"),
        (["--clips", "missing"], 4, "missing is no folder"),
        (["--compare", "missing.json"], 4, "cannot read missing.json"),
        (["--only", "nothing"], 4, "--only"),
    ],
)
def test_bad_input(arguments: list[str], status: int, words: str, tmp_path: Path, capsys: Capture) -> None:
    assert run(["bench", "-o", str(tmp_path / "out"), *arguments]) == status
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("vinpaint: error: ")
    assert words in line
    assert not (tmp_path / "out").exists()


def test_compare_on_the_command_line(clips: Path, tmp_path: Path, capsys: Capture) -> None:
    one, other, page = str(clips / "pan.mkv"), str(tmp_path / "small.mkv"), str(tmp_path / "page.html")
    write_lossless(Path(other), moving_scene(3, 120, 160), Fraction(25))
    assert run(["compare", one, one, "-o", page]) == 0
    assert "pan.mkv are equal, pixel by pixel." in Path(page).read_text()
    assert run(["compare", one, one, "-o", page]) == 5
    assert run(["compare", one, other, "-o", page, "-y"]) == 4
    assert "320x240" in capsys.readouterr().err
    assert run(["compare", one, one, "-o", str(tmp_path / "page.mp4")]) == 2
    assert run(["compare", one, one, "-o", one]) == 2


def test_methods_with_weights() -> None:
    assert parse_methods("auto, unet=run/best.safetensors") == [
        Method("auto"),
        Method("unet", Path("run/best.safetensors")),
    ]
    assert parse_methods("unet=a/b.safetensors")[0].label == "unet=b"
    with pytest.raises(UsageError, match="unknown method"):
        parse_methods("auto,")
    for twice in ("auto,auto", "unet=a/best.safetensors,unet=b/best.safetensors"):
        with pytest.raises(UsageError, match="two methods are called"):
            parse_methods(twice)


# ---------------------------------------------------------------- parts


def test_peak_memory_is_of_this_process() -> None:
    before = peak_memory()
    held = np.ones(64 << 20, np.uint8)
    assert peak_memory() >= before
    assert 64 < peak_memory() < 1 << 20
    del held


def test_a_job_survives_its_file(tmp_path: Path) -> None:
    job = Job("fill", "telea", None, str(tmp_path), "in.mkv", warm=True)
    assert Job(**json.loads(job.write().read_text())) == job


def test_missing_weights_are_said() -> None:
    """No package brings them; where somebody has put them, equal pictures must be 0 apart."""
    found = perceptual.Perceptual()
    assert found.missing["vfid"].startswith("not computed: weights missing")
    if "lpips" in found.missing:
        assert found.missing["lpips"].startswith("not computed: weights missing (")
    else:
        picture = np.random.default_rng(1).integers(0, 256, (1, 64, 64, 3), dtype=np.uint8)
        assert perceptual.distance(found._network, picture, picture) == 0


def test_the_projects_pages_come_from_a_run(done: tuple[Path, int], tmp_path: Path) -> None:
    import bench_results as made

    (tmp_path / "README.md").write_text(f"# name\n\n{headline.BEGIN}\nold\n{headline.END}\nrest\n")
    results = tmp_path / "results.json"
    results.write_text(json.dumps(made.usual()))
    assert headline.main([str(results), "--root", str(tmp_path)]) == 0
    text = (tmp_path / "README.md").read_text()
    assert "| Stains (8 cases) | in the hole, dB | **40.35** | 15.35 | 22.35 (telea) | 20.35 |" in text
    assert text.startswith("# name\n")
    assert text.endswith("\nrest\n")
    assert "old" not in text
    page = (tmp_path / "docs" / "benchmark.md").read_text()
    names = {path.name for path in (tmp_path / "docs" / "figures").iterdir()}
    assert names == {"stains-time.svg", "stains-cases.svg", "mnist-time.svg", "mnist-cases.svg"}
    assert all(f"(figures/{name})" in page for name in names)
    assert "image/webp" not in page
    assert headline.main([str(results), "--root", str(tmp_path)]) == 0
    assert (tmp_path / "README.md").read_text() == text
    (tmp_path / "README.md").write_text("no place")
    assert headline.main([str(results), "--root", str(tmp_path)]) == 4
