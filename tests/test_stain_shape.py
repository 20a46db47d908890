"""What is known of stains and lenses beforehand: round shapes, and shading of the frame."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from vinpaint.contracts import FloatMap
from vinpaint.detect.roundness import round_shape, rounded
from vinpaint.detect.shading import Shading, fit_shading
from vinpaint.detect.stains import _resized
from vinpaint.detect.veils import _search_lattice
from vinpaint.flow.matching import Matches

SIZE = 90, 120


def cone(y: float = 40, x: float = 55, radius: float = 24) -> FloatMap:
    rows, columns = np.indices(SIZE)
    return np.clip(1 - np.hypot(rows - y, columns - x) / radius, 0, 1).astype(np.float32) * np.float32(0.7)


def wavy(amount: float) -> FloatMap:
    """A smooth pattern without a centre, with this standard deviation."""
    rows, columns = np.indices(SIZE)
    wave = np.sin(rows / 2) * np.sin(columns / 3)
    return (amount * wave / wave.std()).astype(np.float32)


def test_deviations_within_the_error_are_taken_out_of_a_round_stain() -> None:
    true = cone()
    measured = np.where(true > 0, true + wavy(0.03), 0).astype(np.float32)
    alpha = rounded(measured, np.full(SIZE, 0.05, np.float32))
    inside = true > 0.2
    assert np.abs(alpha - true)[inside].mean() < 0.4 * np.abs(measured - true)[inside].mean()
    assert np.abs(alpha - true).mean() < np.abs(measured - true).mean()


def test_a_shape_that_is_well_known_stays_as_it_is() -> None:
    true = np.maximum(cone(), cone(y=50, x=85, radius=20))
    alpha = rounded(true, np.full(SIZE, 0.01, np.float32))
    assert np.abs(alpha - true).max() < 0.02


def test_faint_skirt_is_no_part_of_the_round_shape() -> None:
    rows, columns = np.indices(SIZE)
    skirt = np.where(np.hypot(rows - 40, columns - 55) < 38, np.float32(0.04), np.float32(0))
    shape = round_shape(np.maximum(cone(), skirt))
    assert np.abs(shape - cone()).max() < 0.05
    assert shape[40, 55 + 30] == 0


def test_nothing_stays_nothing() -> None:
    empty = np.zeros(SIZE, np.float32)
    assert not rounded(empty, empty).any()


def shaded_matches(light: NDArray[np.float64], count: int = 20_000) -> Matches:
    """The same points of scenes at two places of a frame that is shaded, with some errors."""
    draw = np.random.default_rng(3)
    here, there = (draw.uniform((0, 0), (SIZE[1] - 1, SIZE[0] - 1), (count, 2)).astype(np.float32) for _ in range(2))
    level = draw.uniform(30, 220, (count, 3)).astype(np.float32)
    matches = Matches(
        here, there, level, level, np.zeros(count, np.float32), np.ones(count, np.float32), np.zeros(count, np.int32)
    )
    shaded = Shading(*SIZE, -light, -light).removed(matches)
    shaded.level_here[::7] = 255 - shaded.level_here[::7]  # wrong matches
    return shaded


@pytest.mark.parametrize("shape", [(240, 427), (427, 240), (32, 1920), (240, 6000)])
def test_stains_are_looked_for_on_as_many_nodes_however_a_frame_is_turned(shape: tuple[int, int]) -> None:
    lattice = _search_lattice(np.zeros((*shape, 3), np.float32))
    turned = _search_lattice(np.zeros((*shape[::-1], 3), np.float32))
    assert lattice.shape == turned.shape[::-1]
    assert lattice.shape[0] * lattice.shape[1] < 3500


@pytest.mark.parametrize(("shape", "resized"), [((60, 107), (240, 428)), ((107, 60), (428, 240)), ((32, 1920),) * 2])
def test_small_pictures_are_enlarged_unless_they_are_long_strips(
    shape: tuple[int, int], resized: tuple[int, int]
) -> None:
    assert _resized(np.zeros((1, *shape, 3), np.uint8)).shape[1:3] == resized


def test_shading_is_found_and_removed() -> None:
    light = np.array([0.05, -0.03, -0.2, -0.1])
    matches = shaded_matches(light)
    shading = fit_shading(matches, *SIZE)
    even = shading.removed(matches)
    right = np.arange(len(even)) % 7 > 0
    before, after = (np.abs(m.level_here - m.level_there)[right].mean() for m in (matches, even))
    assert after < 0.1 * before
    assert np.abs(even.contrast).mean() < 0.15 * np.abs(matches.contrast).mean()


def test_even_light_is_left_alone() -> None:
    matches = shaded_matches(np.zeros(4))
    even = fit_shading(matches, *SIZE).removed(matches)
    assert np.abs(even.level_here - matches.level_here).max() < 1
