"""The import is silent and light, and the public names are those of the inventory."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import vinpaint

HEAVY = {"torch", "numba", "cv2", "av", "scipy", "numpy", "skimage", "PIL", "typer", "rich", "scenedetect", "gradio"}
SURFACE = Path(__file__).with_name("api_surface.json")


def fresh(code: str) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh interpreter in which warnings are errors."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=60, check=True
    )


def loaded_by(code: str) -> set[str]:
    done = fresh(f"{code}\nimport sys\nsys.stderr.write(' '.join(sys.modules))")
    return {name.partition(".")[0] for name in done.stderr.split()}


def test_import_is_silent() -> None:
    done = fresh("import vinpaint")
    assert (done.stdout, done.stderr) == ("", "")


def test_import_is_light() -> None:
    assert HEAVY.isdisjoint(loaded_by("import vinpaint"))


@pytest.mark.parametrize(
    ("code", "allowed"),
    [
        ("from vinpaint.cli import run", {"typer", "rich"}),
        ("import vinpaint.errors, vinpaint.files, vinpaint.timing, vinpaint.reporting", set()),
        ("from vinpaint.fill.registry import available; available()", {"numpy", "cv2"}),
    ],
)
def test_nothing_is_loaded_before_it_is_needed(code: str, allowed: set[str]) -> None:
    assert HEAVY & loaded_by(code) <= allowed


def test_the_command_line_starts_without_the_libraries() -> None:
    code = "import contextlib, io\nfrom vinpaint.cli import run\nwith contextlib.redirect_stdout(io.StringIO()):\n"
    for arguments in (
        ["--help"],
        ["fill", "--help"],
        ["synth", "--help"],
        ["bench", "--help"],
        ["compare", "--help"],
        ["--version"],
    ):
        assert (HEAVY - {"typer", "rich"}).isdisjoint(loaded_by(f"{code}    run({arguments})"))


def test_filling_needs_no_torch() -> None:
    code = "import numpy as np, vinpaint\nvinpaint.fill(np.zeros((2, 32, 32, 3), np.uint8), np.eye(32, dtype=bool))"
    assert "torch" not in loaded_by(code)


# ---------------------------------------------------------------- public names


def surface() -> dict[str, list[str]]:
    from vinpaint import detect, fill, leak, masks, statistics, video
    from vinpaint.benchmarks import report, suites
    from vinpaint.refiner import artifacts, losses, training

    rooms = {"vinpaint": vinpaint, "masks": masks, "statistics": statistics, "video": video}
    rooms |= {"fill": fill, "detect": detect, "leak": leak, "refiner.artifacts": artifacts}
    rooms |= {"benchmarks.report": report, "benchmarks.suites": suites}
    rooms |= {"refiner.losses": losses, "refiner.training": training}
    return {name: sorted(room.__all__) for name, room in sorted(rooms.items())}


def test_public_names_are_those_of_the_inventory() -> None:
    """A name that comes or goes is for the changelog; then write the inventory anew."""
    assert surface() == json.loads(SURFACE.read_text())


def test_every_public_name_exists_and_is_described() -> None:
    for name in vinpaint.__all__:
        value = getattr(vinpaint, name)
        assert name.startswith("_") or value.__doc__
    assert set(vinpaint.__all__) <= set(dir(vinpaint))
    with pytest.raises(AttributeError, match="nonsense"):
        _ = vinpaint.nonsense


def test_version() -> None:
    assert vinpaint.__version__.count(".") == 2
