"""The defects: what all of them promise, and what each of them is known to do."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from vinpaint.errors import UsageError
from vinpaint.refiner.artifacts import (
    HIDING,
    KINDS,
    VISIBLE,
    Artifact,
    Blur,
    CircularStain,
    ColorBanding,
    Damaged,
    DiagonalText,
    FilmGrain,
    GaussianNoise,
    Hair,
    IrregularStain,
    JpegCompression,
    MovingLogo,
    SaltPepperNoise,
    Scratches,
    TextOverlay,
    TiledPattern,
    VideoCompression,
    WaterDrops,
    artifact_kind,
    compose,
)
from vinpaint.refiner.mixture import ArtifactMix, StainRanges
from vinpaint.refiner.synthetic import moving_scene
from vinpaint.video.compose import recode

Frames = NDArray[np.uint8]
Map = NDArray[np.float32]

SCENE = moving_scene(4, 96, 160, seed=2)
SCENE.setflags(write=False)
GREY = np.full((3, 96, 160, 3), 128, np.uint8)
CERTAIN = {"color_banding", "jpeg_compression", "video_compression"}  # nothing in these is left to chance
HIDES = {kind.name for kind in HIDING}


def drawn(name: str, severity: float, seed: int = 0) -> tuple[Artifact, Damaged]:
    rng = np.random.default_rng(seed)
    artifact = KINDS[name].draw(rng, severity)
    return artifact, artifact.apply(SCENE, rng)


def psnr(one: Frames, other: Frames) -> float:
    return float(10 * np.log10(255**2 / max(((one.astype(float) - other) ** 2).mean(), 1e-9)))


def truth(damaged: Damaged) -> tuple[NDArray[np.bool_], Map]:
    assert damaged.mask is not None
    assert damaged.alpha is not None
    return damaged.mask, damaged.alpha


# ---------------------------------------------------------------- what all of them promise


@pytest.mark.parametrize("name", KINDS)
def test_damage_follows_from_parameters_and_seed(name: str) -> None:
    artifact, damaged = drawn(name, 0.7)
    assert damaged.frames.shape == SCENE.shape
    assert damaged.frames.dtype == np.uint8
    assert (damaged.frames != SCENE).any()
    again, other = artifact.apply(SCENE, 5).frames, artifact.apply(SCENE, 6).frames
    assert np.array_equal(artifact.apply(SCENE, 5).frames, again)
    certain = name in CERTAIN or (isinstance(artifact, Blur) and artifact.kind != "motion")
    assert np.array_equal(again, other) == certain
    assert json.loads(json.dumps(artifact.describe()))["name"] == name


@pytest.mark.parametrize("name", sorted(HIDES))
@pytest.mark.parametrize("seed", range(3))
def test_only_what_is_hidden_changes(name: str, seed: int) -> None:
    _, damaged = drawn(name, 0.8, seed)
    mask, alpha = truth(damaged)
    assert mask.dtype == np.bool_
    assert alpha.dtype == np.float32
    assert 0 <= alpha.min() <= alpha.max() <= 1
    assert np.array_equal(mask, alpha > VISIBLE)
    assert 0 < mask.mean() < 0.8
    clear = np.broadcast_to(alpha == 0, SCENE.shape[:3])
    assert np.array_equal(damaged.frames[clear], SCENE[clear])
    # Opaque enough to be a defect, not the scene itself: where it is strong, something changes.
    strong = np.broadcast_to(alpha > 0.5 * alpha.max(), SCENE.shape[:3])
    assert (damaged.frames[strong] != SCENE[strong]).any(axis=1).mean() > 0.5


@pytest.mark.parametrize("name", KINDS)
def test_more_severe_is_worse(name: str) -> None:
    slight, heavy = (np.mean([psnr(drawn(name, s, seed)[1].frames, SCENE) for seed in range(8)]) for s in (0.0, 1.0))
    assert heavy < slight - 1


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("shape", [(1, 33, 47), (2, 64, 35)])
def test_small_and_odd_clips_are_damaged_too(name: str, shape: tuple[int, int, int]) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    damaged = KINDS[name]().apply(frames, 1)
    assert damaged.frames.shape == frames.shape
    assert damaged.mask is None or damaged.mask.shape in (shape, shape[1:])


def test_a_name_that_is_unknown_lists_the_choices() -> None:
    with pytest.raises(UsageError, match=r"no defect 'rust'; use water_drops, .*video_compression"):
        artifact_kind("rust")


# ---------------------------------------------------------------- composition


def test_round_stains_are_those_of_the_protocol() -> None:
    """frame·(1 − m) + 0.3·m with m = 1 − Π (1 − clip(1 − d/r, 0, 1)**hardness · opacity), rounded once."""
    stains = compose([CircularStain(0.2, 0.9, 0.6), CircularStain(0.15, 0.7, 1.0)])
    damaged = stains.apply(SCENE, 3)
    mask, alpha = truth(damaged)
    expected = SCENE / 255 * (1 - alpha[..., None]) + 0.3 * alpha[..., None]
    assert np.abs(damaged.frames - 255 * expected).max() <= 0.5 + 1e-3
    alone = [CircularStain(0.2, 0.9, 0.6), CircularStain(0.15, 0.7, 1.0)]
    rng = np.random.default_rng(3)
    parts = [stain.layer(SCENE.shape[:3], rng).alpha for stain in alone]
    np.testing.assert_allclose(alpha, 1 - (1 - parts[0]) * (1 - parts[1]), atol=1e-6)
    radius, opacity, hardness = 0.2 * 96, 0.9, 0.6
    y, x = np.nonzero(parts[0] > 0)
    fitted = np.clip(1 - np.hypot(x - _middle(parts[0])[0], y - _middle(parts[0])[1]) / radius, 0, 1) ** hardness
    np.testing.assert_allclose(parts[0][y, x], opacity * fitted, atol=0.03)
    assert mask.shape == (96, 160)


def _middle(alpha: Map) -> tuple[float, float]:
    y, x = np.mgrid[: alpha.shape[0], : alpha.shape[1]]
    return float((x * alpha).sum() / alpha.sum()), float((y * alpha).sum() / alpha.sum())


def test_overlays_together_are_those_one_after_the_other() -> None:
    parts = [IrregularStain(), TextOverlay("headline"), MovingLogo(opacity=0.6)]
    together = compose(parts).apply(SCENE, 8)
    rng, frames = np.random.default_rng(8), SCENE
    for part in parts:
        frames = part.apply(frames, rng).frames
    assert np.abs(together.frames.astype(int) - frames).max() <= 2  # each step rounds


def test_truth_of_a_composition_is_that_of_all_its_parts() -> None:
    still, moving, noise = CircularStain(0.15), MovingLogo(), GaussianNoise(5)
    parts = compose([compose([still, noise]), moving, JpegCompression(60)])
    assert [part.name for part in parts.parts] == [
        "circular_stain",
        "gaussian_noise",
        "moving_logo",
        "jpeg_compression",
    ]
    mask, alpha = truth(parts.apply(SCENE, 2))
    assert mask.shape == alpha.shape == SCENE.shape[:3]
    rng = np.random.default_rng(2)
    first, _ = truth(compose([still, noise]).apply(SCENE, rng))
    second, _ = truth(moving.apply(SCENE, rng))
    assert np.array_equal(mask, first | second)
    assert json.loads(json.dumps(parts.describe()))[1]["deviation"] == 5


@pytest.mark.parametrize("kind", Blur.KINDS)
@pytest.mark.parametrize("softness", [0.05, 0.6])
def test_blur_spreads_what_hides_the_scene(kind: str, softness: float) -> None:
    """Beside the mask nothing differs from the clean clip with the same blur."""
    stain, blur = IrregularStain(0.2, softness=softness, opacity=1.0), Blur(kind, 0.06)
    rng = np.random.default_rng(4)
    stain.apply(SCENE, rng)
    clean = blur.apply(SCENE, rng).frames
    damaged = compose([stain, blur]).apply(SCENE, 4)
    mask, alpha = truth(damaged)
    assert mask.ndim == (3 if kind == "motion" else 2)
    assert np.array_equal(mask, alpha > VISIBLE)
    gap = np.abs(damaged.frames.astype(int) - clean).max(axis=3)
    outside = ~np.broadcast_to(mask, gap.shape)
    assert gap[outside].max() <= 8
    sharp, _ = truth(stain.apply(SCENE, 4))
    assert 0.5 < sharp.mean() / mask.mean() < 1


def test_blur_spreads_a_logo_that_moves_and_nothing_where_nothing_is() -> None:
    mask, alpha = truth(compose([MovingLogo(), Blur("gaussian", 0.05), CircularStain(0.1)]).apply(SCENE, 2))
    assert mask.shape == alpha.shape == SCENE.shape[:3]
    assert (mask != mask[:1]).any()
    assert compose([GaussianNoise(5), Blur()]).apply(SCENE, 2).mask is None


def test_nothing_composed_changes_nothing() -> None:
    damaged = compose([]).apply(SCENE, 0)
    assert np.array_equal(damaged.frames, SCENE)
    assert damaged.frames is not SCENE
    assert damaged.mask is None


@pytest.mark.parametrize("seed", range(12))
def test_a_mix_hides_something_and_keeps_the_order_of_things(seed: int) -> None:
    parts = ArtifactMix(count=(2, 4)).draw(np.random.default_rng(seed), 96).parts
    names = [part.name for part in parts]
    assert 2 <= len(names) <= 4
    assert HIDES.intersection(names)
    assert names == sorted(names, key=list(KINDS).index)


def test_a_mix_of_what_hides_nothing_is_possible() -> None:
    for seed in range(8):
        parts = ArtifactMix(("blur", "film_grain"), (1, 2)).draw(np.random.default_rng(seed), 96).parts
        assert {part.name for part in parts} <= {"blur", "film_grain"}
    with pytest.raises(UsageError, match="no defect 'rust'"):
        ArtifactMix(("blur", "rust"))


def test_ranges_of_stains_are_kept() -> None:
    ranges = StainRanges((10, 20), (2, 4), (0.5, 0.6), (0.7, 0.8), irregular=0.5, swinging=0.3)
    drawn = [ranges.draw(np.random.default_rng(seed), 100).parts for seed in range(60)]
    assert {len(parts) for parts in drawn} == {2, 3, 4}
    stains = [stain for parts in drawn for stain in parts]
    round_ones = [stain for stain in stains if isinstance(stain, CircularStain)]
    assert 0.35 < len(round_ones) / len(stains) < 0.65
    assert all(0.1 <= stain.radius <= 0.2 and 0.7 <= stain.hardness <= 0.8 for stain in round_ones)
    assert all(0.5 <= stain.opacity <= 0.6 for stain in stains)  # type: ignore[attr-defined]
    assert 0.15 < np.mean([stain.swing > 0 for stain in stains]) < 0.45  # type: ignore[attr-defined]


# ---------------------------------------------------------------- dirt


def test_a_stain_that_swings_fades_and_returns() -> None:
    frames = np.zeros((60, 48, 64, 3), np.uint8)
    _, alpha = truth(CircularStain(opacity=0.8, swing=0.5).apply(frames, 1))
    strength = alpha.max(axis=(1, 2))
    assert 0.35 < strength.min() < 0.5
    assert 0.7 < strength.max() <= 0.8
    _, steady = truth(CircularStain(opacity=0.8).apply(frames, 1))
    assert steady.ndim == 2


def test_an_irregular_stain_is_irregular() -> None:
    def roundness(alpha: Map) -> float:
        """Area by that of a disc with the same second moments."""
        y, x = np.nonzero(alpha > VISIBLE)
        return float(len(x) / (2 * np.pi * (x.var() + y.var())))

    ragged = [roundness(truth(IrregularStain().apply(SCENE, seed))[1]) for seed in range(6)]
    assert roundness(truth(CircularStain().apply(SCENE, 0))[1]) > 0.97
    assert np.mean(ragged) < 0.9


def test_dirt_out_of_focus_is_soft() -> None:
    def steepest(defocus: float) -> float:
        _, alpha = truth(IrregularStain(softness=0.1, defocus=defocus).apply(SCENE, 2))
        return float(np.abs(np.diff(alpha, axis=1)).max())

    assert steepest(0.3) < 0.4 * steepest(0.0)


def test_scratches_of_a_film_tremble_and_stand_upright() -> None:
    mask, _ = truth(Scratches(2, film=True).apply(SCENE, 4))
    assert (mask[0] != mask[1]).any()
    rows, columns = (mask[0].any(axis=axis).sum() for axis in (1, 0))
    assert rows > 3 * columns
    still, _ = truth(Scratches(2, film=False).apply(SCENE, 4))
    assert still.ndim == 2


def test_hairs_are_thin_and_dark() -> None:
    damaged = Hair(count=2, opacity=0.9).apply(np.full_like(SCENE, 220), 1)
    mask, _ = truth(damaged)
    assert 0 < mask.mean() < 0.08
    assert damaged.frames[:, mask].mean() < 170
    weaving, _ = truth(Hair(weave=0.01).apply(SCENE, 1))
    assert (weaving[0] != weaving[1]).any()


def test_drops_show_the_scene_upside_down() -> None:
    frames = np.zeros((1, 120, 160, 3), np.uint8)
    frames[:, :60] = 255
    differences = []
    for seed in range(12):
        damaged = WaterDrops(count=1, radius=0.3).apply(frames, seed)
        mask, _ = truth(damaged)
        y, x = np.nonzero(mask)
        if y.min() > 20 and y.max() < 100 and abs(y.mean() - 60) < 15 and y.max() - y.min() > 12:
            column = damaged.frames[0, :, round(x.mean()), 0].astype(int)
            third = (y.max() - y.min()) // 4
            differences.append(column[y.max() - third] - column[y.min() + third])
    assert differences
    assert min(differences) > 0
    assert np.median(differences) > 100


# ---------------------------------------------------------------- overlays


def test_a_time_code_runs_and_a_date_does_not() -> None:
    frames = np.repeat(GREY[:1], 3, axis=0)
    running = TextOverlay("timecode", 0.1).apply(frames, 1).frames
    assert all((one != other).any() for one, other in pairwise(running))
    for style in ("subtitle", "headline", "date", "credit"):
        shown = TextOverlay(style, 0.08).apply(frames, 1).frames
        assert (shown == shown[:1]).all()
        assert (shown != frames).any()


def test_a_logo_wanders_at_its_speed_or_jumps() -> None:
    frames = np.zeros((10, 120, 200, 3), np.uint8)
    _, alpha = truth(MovingLogo(speed=0.02).apply(frames, 7))
    middles = np.array([_middle(each) for each in alpha])
    steps = np.hypot(*np.diff(middles, axis=0).T)
    assert np.median(steps) == pytest.approx(0.02 * 120, abs=0.15)
    _, alpha = truth(MovingLogo(stay=4).apply(frames, 7))
    jumps = [bool((one != other).any()) for one, other in pairwise(alpha)]
    assert jumps == [False, False, False, True, False, False, False, True, False]


def test_a_tiled_pattern_is_everywhere() -> None:
    mask, _ = truth(TiledPattern().apply(np.zeros((1, 240, 426, 3), np.uint8), 0))
    quarters = [half for part in np.array_split(mask, 3) for half in np.array_split(part, 3, axis=1)]
    assert min(part.mean() for part in quarters) > 0.3 * mask.mean()


@pytest.mark.parametrize("rising", [True, False])
def test_diagonal_text_runs_along_a_diagonal(rising: bool) -> None:
    mask, _ = truth(DiagonalText(rising=rising).apply(SCENE, 0))
    y, x = np.nonzero(mask)
    assert (np.corrcoef(x, y)[0, 1] < -0.7) if rising else (np.corrcoef(x, y)[0, 1] > 0.7)
    assert x.max() - x.min() > 0.4 * mask.shape[1]


# ---------------------------------------------------------------- signal


def test_compression_costs_quality() -> None:
    found = [psnr(JpegCompression(quality).apply(SCENE, 0).frames, SCENE) for quality in (95, 50, 10)]
    assert found[0] > 32
    assert found == sorted(found, reverse=True)


@pytest.mark.parametrize("encoder", VideoCompression.ENCODERS)
def test_every_codec_is_real_and_repeatable(encoder: str) -> None:
    fine, coarse = (VideoCompression(encoder, strength).apply(SCENE, 0).frames for strength in (0.0, 1.0))
    assert psnr(fine, SCENE) > 30
    assert psnr(coarse, SCENE) < psnr(fine, SCENE) - 5
    assert np.array_equal(recode(SCENE, encoder, 1.0), coarse)


def test_colours_survive_a_codec() -> None:
    for colour in ((200, 30, 40), (20, 160, 60), (30, 50, 190)):
        frames = np.broadcast_to(np.array(colour, np.uint8), (2, 33, 47, 3))
        assert np.abs(recode(frames, "libx264", 0.0).astype(int) - frames).max() <= 4


def test_an_unknown_codec_is_refused() -> None:
    with pytest.raises(UsageError, match="no encoder 'betamax' for this; use one of libx264"):
        VideoCompression("betamax").apply(SCENE, 0)


def test_noise_has_the_deviation_that_was_asked_for() -> None:
    noise = GaussianNoise(10, shot=0, chroma=0.5).apply(GREY, 1).frames - GREY.astype(float)
    assert noise.std() == pytest.approx(10, rel=0.05)
    assert np.corrcoef(noise[..., 0].ravel(), noise[..., 1].ravel())[0, 1] == pytest.approx(0.5, abs=0.05)
    dark, bright = (
        GaussianNoise(8, shot=0.9).apply(np.full_like(GREY, level), 1).frames.astype(float).std() for level in (40, 180)
    )
    assert bright > 1.5 * dark
    grey = GaussianNoise(10, chroma=0).apply(GREY, 1).frames
    assert (grey == grey[..., :1]).all()


def test_salt_and_pepper_are_as_many_as_asked_for() -> None:
    damaged = SaltPepperNoise(0.1).apply(GREY, 3)
    mask, _ = truth(damaged)
    assert mask.mean() == pytest.approx(0.1, abs=0.01)
    assert set(np.unique(damaged.frames)) == {0, 128, 255}
    assert np.array_equal(mask, (damaged.frames != 128).all(axis=3))
    assert (damaged.frames == 0).mean() == pytest.approx(0.05, abs=0.01)


def test_grain_is_clumped_and_other_in_every_frame() -> None:
    grain = FilmGrain(20, size=1.0, colour=0).apply(GREY, 2).frames[..., 0].astype(float) - 128

    def correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
        return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])

    assert correlation(grain[:, :, 1:], grain[:, :, :-1]) > 0.5
    assert abs(correlation(grain[1:], grain[:-1])) < 0.05
    assert grain.std() == pytest.approx(20, rel=0.1)
    black = FilmGrain(20, colour=0).apply(np.zeros_like(GREY), 2).frames
    assert black.std() < 5


def test_banding_leaves_few_levels() -> None:
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, None, :, None], 3, axis=3)
    assert len(np.unique(ColorBanding(8).apply(ramp, 0).frames)) == 8
    assert len(np.unique(ColorBanding(8, luma_only=True).apply(ramp, 0).frames)) == 8
    assert np.abs(ColorBanding(8).apply(ramp, 0).frames.astype(int) - ramp).max() <= 19


@pytest.mark.parametrize("kind", Blur.KINDS)
def test_blur_spreads_a_point_and_keeps_its_light(kind: str) -> None:
    frames = np.zeros((1, 101, 101, 3), np.uint8)
    frames[0, 48:53, 48:53] = 255
    seen = Blur(kind, 0.08).apply(frames, 5).frames.astype(float)
    assert seen.sum() == pytest.approx(frames.sum(), rel=0.03)
    assert seen.max() < 130
    y, x = np.nonzero(seen[0, ..., 0] > 4)
    spread = np.hypot(x - 50, y - 50).max()
    assert 6 < spread < 17
    flat = Blur(kind, 0.08).apply(GREY, 5).frames
    assert np.array_equal(flat, GREY)
