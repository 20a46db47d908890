"""Opacity and colour of sharp marks, measured on scenes made here."""

from __future__ import annotations

from functools import cache
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from vinpaint.contracts import Blemish
from vinpaint.detect.layers import Offsets, find_layers, solve
from vinpaint.detect.matting import measure_marks
from vinpaint.detect.polish import residue
from vinpaint.detect.views import PAIRS, compare, find_views, follow, near_pairs
from vinpaint.errors import UsageError
from vinpaint.masks.regions import dilate

HEIGHT, WIDTH, COUNT = 96, 144, 32
WHITE, BLACK = (245.0, 245.0, 245.0), (10.0, 10.0, 10.0)


@cache
def scene(speed: float = 5.0) -> NDArray[np.float32]:
    """A camera that pans back and forth over a coloured picture."""
    draw = np.random.default_rng(3)
    wide = np.zeros((HEIGHT, WIDTH + 200, 3), np.float32)
    for scale in (3, 6, 12, 24):
        small = draw.normal(size=(HEIGHT // scale + 2, (WIDTH + 200) // scale + 2, 3)).astype(np.float32)
        wide += np.sqrt(scale) * cv2.resize(small, (WIDTH + 200, HEIGHT), interpolation=cv2.INTER_CUBIC)
    wide = np.clip(120 + 40 * wide / wide.std(), 0, 255)
    lefts = np.abs((np.arange(COUNT) * speed + 90) % 180 - 90).round().astype(int)
    return np.stack([wide[:, left : left + WIDTH] for left in lefts])


def lettering(thickness: int) -> NDArray[np.float32]:
    canvas = np.zeros((4 * HEIGHT, 4 * WIDTH), np.uint8)
    cv2.putText(canvas, "mark", (100, 240), cv2.FONT_HERSHEY_SIMPLEX, 5, 255, 4 * thickness, cv2.LINE_AA)
    return np.asarray(cv2.resize(canvas, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA) / np.float32(255))


def paste(frames: NDArray[np.float32], alpha: NDArray[np.float32], colour: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.rint(frames * (1 - alpha[..., None]) + colour * alpha[..., None]).astype(np.uint8)


@cache
def outlined(opacity: float) -> tuple[NDArray[np.float32], NDArray[np.float32], Blemish]:
    """White letters with a black outline: their opacity, their colour (0 to 255), and what is measured."""
    alpha, fill = opacity * lettering(7), lettering(3)[..., None]
    colour = (fill * np.array(WHITE) + (1 - fill) * np.array(BLACK)).astype(np.float32)
    samples = paste(scene(), alpha, colour)
    return alpha, colour, measure_marks(samples, dilate(alpha > 0.01, 2))


@pytest.mark.parametrize(("opacity", "tolerance"), [(0.15, 0.03), (0.5, 0.04), (1.0, 0.08)])
def test_opacity_and_colour_of_outlined_letters(opacity: float, tolerance: float) -> None:
    alpha, colour, found = outlined(opacity)
    assert np.abs(found.alpha - alpha)[alpha > 0.02].mean() < tolerance
    core = alpha > 0.9 * opacity
    assert np.abs(255 * found.colour - colour)[core].mean() < 25


@pytest.mark.parametrize("opacity", [0.15, 0.5])
def test_inverting_the_model_uncovers_the_scene(opacity: float) -> None:
    alpha, colour, found = outlined(opacity)
    samples, inside = paste(scene(), alpha, colour), alpha > 0.02
    opaque = np.minimum(found.alpha, 0.95)[..., None]
    cleaned = (samples - 255 * opaque * found.colour) / (1 - opaque)
    left = np.square(cleaned - scene())[:, inside].mean()
    assert left < 0.03 * np.square(samples - scene())[:, inside].mean()


@pytest.mark.parametrize("opacity", [0.15, 0.5, 1.0])
def test_mask_is_refined(opacity: float) -> None:
    alpha, _, found = outlined(opacity)
    truth = alpha > 0.03
    assert (found.mask & truth).sum() > 0.8 * (found.mask | truth).sum()
    assert not found.alpha[~dilate(alpha > 0.01, 2)].any()


def test_error_bar_is_of_the_size_of_the_error() -> None:
    alpha, _, found = outlined(0.5)
    inside = alpha > 0.02
    assert found.alpha_error is not None
    wrong = np.abs(found.alpha - alpha)[inside]
    assert wrong.mean() < 3 * found.alpha_error[inside].mean() < 0.3


def test_still_scene_says_that_it_does_not_know() -> None:
    alpha = 0.5 * lettering(5)
    still = np.repeat(scene()[:1], COUNT, axis=0)
    found = measure_marks(paste(still, alpha, np.array(WHITE, np.float32)), alpha > 0.01)
    assert found.alpha_error is not None
    assert np.median(found.alpha_error[alpha > 0.1]) >= 0.3


def test_marks_far_apart_are_measured_on_their_own() -> None:
    alpha = np.zeros((HEIGHT, WIDTH), np.float32)
    alpha[20:32, 20:26] = alpha[60:72, 110:116] = 0.5
    colour = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    colour[:, : WIDTH // 2] = 255
    found = measure_marks(paste(scene(), alpha, colour), dilate(alpha > 0, 2))
    assert np.abs(found.alpha - alpha)[alpha > 0].mean() < 0.03
    assert found.colour[25, 23].min() > 0.9
    assert found.colour[65, 113].max() < 0.1


def test_empty_mask_measures_nothing() -> None:
    found = measure_marks(scene().astype(np.uint8), np.zeros((HEIGHT, WIDTH), bool))
    assert not found.mask.any()
    assert not found.alpha.any()


def test_input_is_not_changed() -> None:
    samples = paste(scene(), 0.5 * lettering(5), np.array(WHITE, np.float32))[:8]
    mask = lettering(5) > 0
    before = samples.copy(), mask.copy()
    measure_marks(samples, mask)
    assert np.array_equal(samples, before[0])
    assert np.array_equal(mask, before[1])


@pytest.mark.parametrize(
    ("samples", "mask", "numbers"),
    [
        (np.zeros((4, 8, 8), np.uint8), np.zeros((8, 8), bool), None),
        (np.zeros((4, 8, 8, 3), np.float32), np.zeros((8, 8), bool), None),
        (np.zeros((4, 8, 8, 3), np.uint8), np.zeros((8, 9), bool), None),
        (np.zeros((4, 8, 8, 3), np.uint8), np.zeros((8, 8), np.uint8), None),
        (np.zeros((4, 8, 8, 3), np.uint8), np.zeros((8, 8), bool), np.arange(3)),
    ],
)
def test_bad_input_is_refused(samples: Any, mask: Any, numbers: Any) -> None:
    with pytest.raises(UsageError):
        measure_marks(samples, mask, numbers=numbers)


def test_pairs_stay_within_a_shot_and_near() -> None:
    numbers = np.array([0, 3, 12, 18, 500, 503, 512, 518])
    shots = np.array([0, 0, 1, 1, 2, 2, 2, 2])
    pairs = near_pairs(numbers, shots)
    assert (0, 1) in pairs
    assert all(shots[i] == shots[j] and 0 < numbers[j] - numbers[i] <= 20 for i, j in pairs)
    assert len(near_pairs(np.arange(1000))) <= PAIRS


def test_points_are_followed_in_wide_pictures() -> None:
    forward = np.zeros((8, 2200, 2), np.float32)
    forward[..., 0] = 10
    columns = np.array([500, 1000, 1020, 1500, 2080])
    places = np.empty((columns.size, 2), np.int32)
    follow(forward, -forward, np.full(columns.size, 4), columns, places)
    assert np.array_equal(places / 32, np.column_stack([columns + 10, np.full(columns.size, 4)]))
    gray = np.random.default_rng(0).integers(0, 256, (40, 1200), np.uint8)
    views = find_views([gray, np.roll(gray, 5, axis=1)], [(0, 1)], np.full(3, 20), np.array([100, 1040, 1100]))
    assert np.abs(views.places[0] / 32 - [(105, 20), (1045, 20), (1105, 20)]).max() < 0.5


def test_points_at_the_border_stay_within_reach_of_the_interpolation() -> None:
    height, width = 12, 20
    forward = np.full((height, width, 2), (2.99, 2.995), np.float32)
    rows, columns = np.array([height - 5, 4]), np.array([4, width - 5])
    places = np.empty((2, 2), np.int32)
    follow(forward, -forward, rows, columns, places)
    assert (places >= 32).all()
    assert (places // 32 < (width - 2, height - 2)).all()


def test_clear_points_are_what_other_frames_promise() -> None:
    frames = scene()
    gray = [cv2.cvtColor(np.rint(frame).astype(np.uint8), cv2.COLOR_RGB2GRAY) for frame in frames]
    rows, columns = (part.ravel() for part in np.mgrid[30:60:5, 40:100:5])
    views = find_views(gray, near_pairs(np.arange(COUNT)), rows, columns)
    clear = np.zeros((HEIGHT, WIDTH), np.float32)
    observed = np.rint(frames[:, rows, columns]).astype(np.uint8)
    moments = compare(views, frames, 1 - clear, clear, observed)
    assert (moments.count > 5).all()
    assert np.median(np.abs(moments.observed - moments.scene)) < 0.5
    assert abs(np.median(np.sqrt(moments.observed_variance / moments.scene_variance)) - 1) < 0.02


def offsets_of(
    alpha: NDArray[np.float32], colour: NDArray[np.float32], noise: float = 0.1
) -> tuple[Offsets, NDArray[np.bool_]]:
    """What pixels of a square mark show, each before another scene, and where they are."""
    draw = np.random.default_rng(1)
    behind = draw.uniform(40, 200, (alpha.size, 3)).astype(np.float32)
    variance = np.full(alpha.size, 900, np.float32)
    change = alpha[:, None] * (colour - behind) + draw.normal(0, noise, behind.shape)
    error = np.full(alpha.size, noise**2 + 0.1, np.float32)
    side = int(np.sqrt(alpha.size))
    return Offsets(change.astype(np.float32), behind, variance, alpha * variance, error), np.ones((side, side), bool)


@pytest.mark.parametrize("opacities", [(0.3,), (0.2, 0.2), (0.3, 0.8)])
def test_layers_are_found(opacities: tuple[float, ...]) -> None:
    colours = np.array([(250, 240, 20), (10, 30, 200)], np.float32)[: len(opacities)]
    layer = np.arange(400) * len(opacities) // 400
    offsets, mask = offsets_of(np.array(opacities, np.float32)[layer], colours[layer], noise=2.0)
    layers = find_layers(offsets)
    assert len(layers) == len(opacities)
    order = np.argsort([np.abs(colours - colour).sum(axis=1).argmin() for colour in layers.colour])
    assert np.abs(layers.colour[order] - colours).max() < 16
    assert np.abs(layers.opacity[order] - opacities).max() < 0.03
    assert np.abs(solve(offsets, layers, mask).alpha - np.array(opacities)[layer]).mean() < 0.02


def test_opacity_between_layers_is_found_if_it_is_told() -> None:
    alpha = np.random.default_rng(2).uniform(0.1, 0.8, 400).astype(np.float32)
    offsets, mask = offsets_of(alpha, np.full((400, 3), 240, np.float32))
    assert np.abs(solve(offsets, find_layers(offsets), mask).alpha - alpha).mean() < 0.02


def test_light_is_added_by_colour_or_opacity() -> None:
    offsets, mask = offsets_of(np.full(100, 0.5, np.float32), np.full((100, 3), 230, np.float32))
    matte = solve(offsets, find_layers(offsets), mask)
    for light in (5.0, 20.0, -20.0):
        lit = matte.lit(np.full((100, 3), light, np.float32), offsets.scene)
        more = lit.alpha[:, None] * (lit.colour - offsets.scene) - matte.alpha[:, None] * (matte.colour - offsets.scene)
        assert np.abs(more - light).max() < 0.1
        assert lit.colour.min() >= 0
        assert lit.colour.max() <= 255


def test_residue_is_what_the_gradient_integrates_to() -> None:
    bump = np.zeros((20, 30), np.float32)
    bump[6:14, 8:20] = 2
    gradient = np.zeros((2, 20, 30), np.float32)
    gradient[0, :, :-1], gradient[1, :-1] = np.diff(bump, axis=1), np.diff(bump, axis=0)
    certainty = np.zeros((20, 30), np.float32)
    certainty[4:16, 5:23] = 1e-6
    found = residue(gradient, certainty, np.full((20, 30), 0.5, np.float32))
    assert np.abs(found - bump).max() < 0.1
    assert not found[certainty == 0].any()
