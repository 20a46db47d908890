from __future__ import annotations

import subprocess
import sys

import cv2
import numpy as np
import pytest

from vinpaint.errors import DependencyError, UsageError
from vinpaint.fill import FillMethod, MethodSpec, available, create, registry
from vinpaint.fill.flow import FlowFill
from vinpaint.flow.estimate import estimator

UNTRAINED = {"artifact-v1": "artifact-v1", "refine-only": "refiner-v1"}
"""Networks whose weights do not ship."""


@pytest.mark.parametrize("name", UNTRAINED)
def test_networks_without_weights_say_what_to_do(name: str) -> None:
    with pytest.raises(DependencyError, match=f"vinpaint train --net {UNTRAINED[name]}' and give them with --weights"):
        create(name)


@pytest.mark.parametrize("name", [name for name, _ in available() if name not in UNTRAINED])
def test_every_method_can_be_made_and_has_a_summary(name: str) -> None:
    method = create(name)
    assert isinstance(method, FillMethod)
    assert method.look_around >= 0
    assert method.margin >= 0
    assert "\n" not in dict(available())[name].summary


@pytest.mark.parametrize("quality", registry.QUALITIES)
def test_quality_reaches_only_those_that_have_levels(quality: str) -> None:
    create("flow", quality=quality)
    create("telea", quality=quality)


@pytest.mark.parametrize("name", ["flow", "unblend", "auto"])
def test_an_estimator_reaches_those_that_estimate_motion(name: str) -> None:
    draw = np.random.default_rng(0)
    world = cv2.GaussianBlur(draw.integers(0, 256, (90, 200, 3), np.uint8), (0, 0), 2)
    halves = [(world[:45, 2 * x : 2 * x + 100], world[45:, x : x + 100]) for x in range(0, 24, 3)]  # no plane motion
    frames = np.stack([np.vstack(both) for both in halves])
    mask = np.zeros((90, 100), bool)
    mask[35:55, 40:60] = True
    asked = create(name, flow="dis-medium").fill(frames, mask).frames
    assert np.array_equal(asked, FlowFill(flow=estimator("dis-medium")).fill(frames, mask).frames)
    assert not np.array_equal(asked, create(name).fill(frames, mask).frames)
    with pytest.raises(UsageError, match="method telea has no option flow; it has none"):
        create("telea", flow="farneback")


def test_unknown_names_list_the_choices() -> None:
    with pytest.raises(UsageError, match=r"unknown method 'tela'; did you mean telea\? .*biharmonic"):
        create("tela")
    with pytest.raises(UsageError, match="unknown quality 'good'; choose from fast, balanced, best"):
        create("flow", quality="good")
    with pytest.raises(UsageError, match="method telea has no option radius"):
        create("telea", radius=3)


@pytest.mark.parametrize(("extra", "repair"), [("raft", r"vinpaint\[raft\]"), (None, "pip install no_such_package")])
def test_missing_package_names_the_repair(extra: str | None, repair: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "METHODS", {"odd": MethodSpec("no_such_package.fill:Fill", "none", extra)})
    with pytest.raises(DependencyError, match=f"odd needs the package no_such_package; .*{repair}"):
        create("odd")


def test_a_broken_module_of_our_own_is_no_missing_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "METHODS", {"odd": MethodSpec("vinpaint.no_such:Fill", "none")})
    with pytest.raises(ModuleNotFoundError, match=r"vinpaint\.no_such"):
        create("odd")


def test_names_cost_no_heavy_import() -> None:
    code = (
        "import sys; from vinpaint.fill import available; assert available(); "
        "heavy = {'cv2', 'numba', 'scipy', 'skimage', 'torch', 'av'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
