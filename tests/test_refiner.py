"""The refinement: what is gathered, the networks, how they learn, and filling with them."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from vinpaint.benchmarks import filmed_scenes
from vinpaint.benchmarks.filmed_scenes import SIZE, Shot, scene
from vinpaint.benchmarks.fit_refiner import lessons
from vinpaint.cli import run
from vinpaint.contracts import Frames, Mask, Origin
from vinpaint.errors import DependencyError, InputError, UsageError
from vinpaint.fill import Window, create
from vinpaint.fill.alone import alone
from vinpaint.fill.flow import FlowFill
from vinpaint.flow.propagate import Candidate
from vinpaint.refiner.checkpoint import load_refiner, network_checkpoint, read_checkpoint, write_checkpoint
from vinpaint.refiner.data import TRAIN, VAL
from vinpaint.refiner.evidence import OFFERS, SOURCES, Evidence, best_offers, levels
from vinpaint.refiner.export import write_onnx
from vinpaint.refiner.lessons import DECODED, MISSING, Lessons, coded, read_lessons, split_lessons, write_lessons
from vinpaint.refiner.network import BOUND, HoleAttention, deviation
from vinpaint.refiner.networks import REFINERS, Refiner, make_refiner
from vinpaint.refiner.refine import OVERLAP, TILE, Refinement, refinement
from vinpaint.refiner.shipped import REFINER
from vinpaint.refiner.synthetic import moving_scene
from vinpaint.refiner.training import Clips, LessonFiles, Recipe, Trainer, refining
from vinpaint.refiner.training.dummy import dummy_pairs
from vinpaint.refiner.training.refining import FEWEST, LessonBatch, Refining, Sample, refining_loss, stacked, varied
from vinpaint.reporting import Reporter

torch.set_num_threads(1)  # beside other tests, one is faster than two

COUNT, HEIGHT, WIDTH = 9, 72, 104
TRUTH = moving_scene(COUNT, HEIGHT, WIDTH, seed=4)
Y, X = np.mgrid[:HEIGHT, :WIDTH]
HOLE: Mask = (Y - 34) ** 2 + (X - 50) ** 2 < 13**2
Capture = pytest.CaptureFixture[str]


def destroyed(truth: Frames = TRUTH, hole: Mask = HOLE) -> Frames:
    damaged = truth.copy()
    damaged[np.broadcast_to(hole, truth.shape[:3])] = 128
    return damaged


def evidence_of(
    index: int, dtype: type = np.uint8
) -> tuple[Evidence, tuple[slice, slice], NDArray[np.unsignedinteger]]:
    """Of a frame of the scene, and the frame as it is filled without the network."""
    factor = np.iinfo(dtype).max // 255
    flow, frames = FlowFill(refine=False, gather=True), destroyed().astype(dtype) * dtype(factor)
    window, state = Window(frames, np.broadcast_to(HOLE, TRUTH.shape[:3]), 0, 0, COUNT), flow.new_state()
    filled = flow.fill_window(window, state)
    found = flow.evidence(window, state, index)
    assert found is not None
    return *found, filled.frames[index]


def learned(name: str = "refiner-v1", width: int = 4, seed: int = 0) -> Refiner:
    """A network that does something: no layer is zero."""
    torch.manual_seed(seed)
    network = make_refiner(name, width=width)
    for parameter in network.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.05)
    return network.eval()


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "refiner.safetensors"
    recipe = Recipe(net="refiner-v1", width=4).as_dict()
    write_checkpoint(path, network_checkpoint(learned(), {"recipe": recipe}))
    return path


def given(height: int, width: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    torch.manual_seed(seed)
    pictures, error = torch.rand(2, len(SOURCES), 3, height, width), torch.rand(2, len(SOURCES), height, width)
    return pictures, error, (torch.rand(2, 1, height, width) > 0.5).float()


# ---------------------------------------------------------------- evidence


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_evidence_holds_the_fill_the_frame_and_what_others_saw(dtype: type) -> None:
    evidence, inside, filled = evidence_of(4, dtype)
    truth, hidden = TRUTH[4][inside].astype(float), HOLE[inside]
    assert np.array_equal(evidence.hidden, hidden)
    assert hidden.sum() == HOLE.sum()
    unit = np.iinfo(dtype).max // 255
    assert np.abs(evidence.pictures[0][hidden] * unit - filled[inside][hidden].astype(float)).max() <= 0.51
    for source in ("mean", "draft"):
        number = SOURCES.index(source)
        assert np.array_equal(evidence.pictures[number][~hidden], truth[~hidden])
        assert (evidence.variance[number][~hidden] == 0).all()
        assert (evidence.variance[number][hidden] > 0).all()
    first, fourth = SOURCES.index("first"), SOURCES.index("fourth")
    shown = np.isfinite(evidence.variance[first]) & hidden
    assert shown[hidden].mean() > 0.5
    error = [np.square(evidence.pictures[k] - truth)[shown].mean() for k in (first, SOURCES.index("spatial"))]
    assert error[0] < 0.2 * error[1]
    best = evidence.variance[first:]
    assert (best[1:] >= best[:-1])[:, shown].all()
    rim = ~hidden & np.isfinite(evidence.variance[first])
    assert rim.sum() > 100  # candidates show beside the hole how well they fit
    assert np.square(evidence.pictures[first] - truth)[rim].mean() < 40
    nowhere = np.isinf(evidence.variance[fourth])
    assert np.array_equal(evidence.pictures[fourth][nowhere], evidence.pictures[1][nowhere])


def test_neighbours_are_moved_onto_the_frame() -> None:
    evidence, inside, _ = evidence_of(4)
    for source, other in (("before", 3), ("after", 5)):
        moved = evidence.pictures[SOURCES.index(source)][~evidence.hidden]
        here, there = (TRUTH[t][inside][~evidence.hidden].astype(float) for t in (4, other))
        assert np.square(moved - here).mean() < 0.3 * np.square(there - here).mean()
    first, _, _ = evidence_of(0)
    before, draft = SOURCES.index("before"), SOURCES.index("draft")
    assert np.isinf(first.variance[before]).all()
    assert np.array_equal(first.pictures[before], first.pictures[draft])


def test_what_a_resting_camera_saw_is_no_question() -> None:
    still = np.repeat(TRUTH[:1], COUNT, axis=0)
    masks = np.stack([np.roll(HOLE, 9 * t - 30, axis=1) for t in range(COUNT)])
    damaged = destroyed(still, masks)
    window, flow = Window(damaged, masks, 0, 0, COUNT), FlowFill(refine=False, gather=True)
    state = flow.new_state()
    flow.fill_window(window, state)
    found = flow.evidence(window, state, 4)
    assert found is None or found[0].hidden.sum() < 0.1 * masks[4].sum()


def test_the_best_offers_come_first() -> None:
    variance = np.array([[3, np.inf], [1, 2], [2, 5], [9, np.inf], [4, np.inf]], np.float32)
    colours = [np.full((2, 3), k, np.float32) for k in range(5)]
    points = np.array([[3, 1], [4, 1]], np.int32)
    offers = best_offers(points, [Candidate(c, v) for c, v in zip(colours, variance, strict=True)])
    assert [offer.variance.tolist() for offer in offers] == [[1, 2], [2, 5], [3, np.inf], [4, np.inf]]
    assert [float(offer.colours[0, 0]) for offer in offers] == [1, 2, 0, 4]
    picture, errors = np.zeros((2, 2, 3), np.float32), np.full((2, 2), np.inf, np.float32)
    offers[0].draw(picture, errors, np.s_[1:3, 4:6], 2.0)  # the first point lies beside this part
    assert errors.tolist() == [[0.5, np.inf], [np.inf, np.inf]]
    assert picture[0, 0].tolist() == [1, 1, 1]
    assert len(best_offers(points, [])) == OFFERS
    assert np.isinf(best_offers(points, [])[0].variance).all()


# ---------------------------------------------------------------- networks


@pytest.mark.parametrize("name", REFINERS)
@pytest.mark.parametrize("size", [(1, 1), (7, 33), (64, 48)])
def test_visible_pixels_stay_and_weights_are_shares(name: str, size: tuple[int, int]) -> None:
    pictures, error, hidden = given(*size)
    refined = learned(name)(pictures, error, hidden)
    visible = (hidden == 0).expand(-1, 3, -1, -1)
    assert torch.equal(refined.picture[visible], pictures[:, 0][visible])
    assert refined.picture.shape == (2, 3, *size)
    assert refined.error.shape == (2, 1, *size)
    assert torch.allclose(refined.weights.sum(1), torch.ones(2, *size), atol=1e-5)
    assert (refined.recovered is None) == (name == "refiner-v1")
    assert size == (1, 1) or (refined.picture - pictures[:, 0]).abs().max() > 0.01


@pytest.mark.parametrize("name", REFINERS)
def test_before_it_learns_a_network_changes_little_and_is_small(name: str) -> None:
    network, (pictures, error, hidden) = make_refiner(name, width=32), given(16, 16)
    refined = network(pictures, error, hidden)
    assert (refined.picture - pictures[:, 0]).abs().mean() < 0.05
    assert 1e6 < network.parameter_count < 2e6


def test_corrections_are_bounded_by_the_error_to_expect() -> None:
    network, (pictures, _, hidden) = learned(seed=3), given(32, 32)
    torch.nn.init.constant_(network.end.bias[36:48], 50.0)  # type: ignore[union-attr, index, arg-type]
    pictures[:] = 0.5
    expected = np.full((2, len(SOURCES), 32, 32), 16, np.float32)  # four grey levels
    error = torch.from_numpy(levels(expected))
    assert torch.allclose(deviation(error), torch.tensor(4 / 255), rtol=1e-4)
    change = (network(pictures, error, hidden).picture - 0.5).abs()
    assert change.max() <= BOUND * 4 / 255 + 1e-6
    assert change.max() > BOUND * 2 / 255
    nothing = torch.from_numpy(levels(0 * expected))
    assert (network(pictures, nothing, hidden).picture - 0.5).abs().max() < 1e-6


def test_sparse_attention_is_full_attention_where_hidden() -> None:
    torch.manual_seed(0)
    full, features, hidden = HoleAttention(8, sparse=False), torch.rand(2, 8, 3, 4), torch.rand(2, 1, 3, 4).round()
    torch.nn.init.normal_(full.answer.weight)
    sparse = HoleAttention(8)
    sparse.load_state_dict(full.state_dict())
    everywhere, there = full(features, hidden), sparse(features, hidden)
    asked = (hidden > 0).expand_as(features)
    assert torch.allclose(there[asked], everywhere[asked], atol=1e-6)
    assert torch.equal(there[~asked], features[~asked])
    assert not torch.allclose(everywhere[~asked], features[~asked])


# ---------------------------------------------------------------- lessons, and learning from them


def made(count: int = 3, side: int = 48, seed: int = 0) -> Lessons:
    """Lessons in which the spatial fill, of large expected error, is right and the mean is not."""
    rng = np.random.default_rng(seed)
    truth = cv2.resize(rng.integers(60, 190, (6, 6, 3)).astype(np.uint8), (side, side))[None].repeat(count, 0)
    pictures = truth[:, None].repeat(len(SOURCES), 1)
    hidden = np.zeros((count, side, side), bool)
    hidden[:, 12:36, 12:36] = True
    wrong = np.clip(pictures[:, 0].astype(int) + rng.integers(-30, 30, (count, 1, 1, 3)), 0, 255).astype(np.uint8)
    pictures[:, 0] = np.where(hidden[..., None], wrong, truth)
    errors = np.full((count, len(SOURCES), side, side), 100, np.uint8)
    errors[:, :2][~np.stack([hidden, hidden], 1)] = 0
    return Lessons(pictures, errors, hidden, truth)


@pytest.fixture
def stock(tmp_path: Path) -> Path:
    for kind, seed in ((TRAIN, 0), (TRAIN, 1), (VAL, 2)):
        (tmp_path / "lessons" / kind).mkdir(parents=True, exist_ok=True)
        write_lessons(tmp_path / "lessons" / kind / f"scene_{seed}.safetensors", made(24, seed=seed))
    return tmp_path / "lessons"


def test_errors_are_kept_to_a_few_percent() -> None:
    variance = np.array([0, 1, 50, 3000, 2e5, np.inf], np.float32)
    codes = coded(variance)
    assert codes[0] == 0
    assert codes[-1] == MISSING
    assert (codes[:-1] < MISSING).all()
    assert np.allclose(DECODED[codes], levels(variance), atol=0.004)
    assert np.allclose(np.expm1(8 * DECODED[codes[1:-1]]), variance[1:-1], rtol=0.06)


def test_lessons_come_back_as_they_were(stock: Path) -> None:
    train, val = split_lessons(stock)
    assert [path.name for path in (*train, *val)] == [f"scene_{n}.safetensors" for n in range(3)]
    back, put = read_lessons(train[0]), made(24)
    for name in ("pictures", "errors", "hidden", "truth"):
        assert np.array_equal(getattr(back, name), getattr(put, name))
    (stock / "text.safetensors").write_text("no")
    with pytest.raises(InputError, match="holds no lessons"):
        read_lessons(stock / "text.safetensors")
    with pytest.raises(InputError, match="fit_refiner"):
        split_lessons(stock / TRAIN)


@pytest.mark.parametrize(
    "change",
    [
        {"pictures": np.zeros((3, 4, 48, 48, 3), np.uint8)},
        {"errors": np.zeros((3, len(SOURCES), 48, 47), np.uint8)},
        {"hidden": np.zeros((3, 48, 48), np.uint8)},
        {"hidden": np.zeros((48, 48), bool)},
        {"truth": np.zeros((2, 48, 48, 3), np.uint8)},
        {name: array[:0] for name, array in vars(made()).items()},
    ],
)
def test_lessons_whose_arrays_do_not_fit_each_other_are_refused(change: dict[str, Any], tmp_path: Path) -> None:
    write_lessons(tmp_path / "odd.safetensors", replace(made(), **change))
    with pytest.raises(InputError, match="holds lessons of another version; make them anew"):
        read_lessons(tmp_path / "odd.safetensors")


def test_lessons_of_different_sizes_want_a_crop_and_small_ones_are_continued(tmp_path: Path) -> None:
    paths = [tmp_path / f"{side}.safetensors" for side in (36, 48)]
    for path, side in zip(paths, (36, 48), strict=True):
        write_lessons(path, made(side=side))
    files = LessonFiles(paths, 1 << 30)

    def batch(crop: int) -> LessonBatch:
        recipe = Recipe(net="refiner-v1", width=4, batch=6, crop=crop)
        return next(Refining(recipe, files, files, torch.device("cpu")).batches(0))

    with pytest.raises(UsageError, match=r"the lessons are of different sizes \(36x36, 48x48\); give --crop"):
        batch(0)
    found = batch(48)
    assert found.pictures.shape == (6, len(SOURCES), 3, 48, 48)
    assert torch.equal(found.pictures[:, 0] * (1 - found.hidden), found.truth * (1 - found.hidden))


@pytest.mark.parametrize("seed", range(6))
def test_parts_mirrors_and_turns_keep_all_together(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refining, "_poorer", lambda sample, _: sample)
    row, column = np.mgrid[:20, :24].astype(np.uint8)
    place = np.dstack([row, 100 + column, np.full_like(row, 200)])  # told by its size, whatever the order of colours
    hidden = (row > 9) & (column > 11)
    pictures = np.stack([place + k for k in range(len(SOURCES))])
    errors = np.stack([row + 2 * column + k for k in range(len(SOURCES))])
    sample = varied(Sample(pictures, errors, hidden, place), 16, np.random.default_rng(seed), flip=True)
    assert sample.truth.shape == (16, 16, 3)
    row, column, _ = np.moveaxis(np.sort(sample.truth, axis=2), 2, 0)
    column -= 100
    assert np.array_equal(sample.hidden, (row > 9) & (column > 11))
    for k in range(len(SOURCES)):
        assert np.array_equal(sample.pictures[k], sample.truth + k)
        assert np.array_equal(sample.errors[k], row + 2 * column + k)


def test_samples_lack_now_and_then_what_may_be_missing() -> None:
    lessons_, rng, seen = made(), np.random.default_rng(0), set()
    sample = Sample(lessons_.pictures[0], lessons_.errors[0], lessons_.hidden[0], lessons_.truth[0])
    for _ in range(60):
        poor = varied(sample, 0, rng, flip=False)
        missing = [name for name, errors in zip(SOURCES, poor.errors, strict=True) if (errors == MISSING).all()]
        seen.add(" ".join(missing))
        assert (poor.errors[0] < MISSING).all()  # what is refined is always there
        assert np.array_equal(poor.pictures[0][~poor.hidden], poor.truth[~poor.hidden])
    offers = "first second third fourth"
    assert seen == {"", "before after", offers, f"before after {offers}"}


def test_samples_of_which_nothing_was_seen_are_what_refine_only_gathers() -> None:
    found, inside, _ = evidence_of(4)
    pictures = np.rint(found.pictures.clip(0, 255)).astype(np.uint8)
    sample = Sample(pictures, coded(found.variance), found.hidden, TRUTH[4][inside])
    some = (varied(sample, 0, np.random.default_rng(seed), flip=False) for seed in range(99))
    others = [SOURCES.index(source) for source in ("before", "first")]
    poor = next(each for each in some if (each.errors[others] == MISSING).all())
    assert np.array_equal(poor.errors, coded(alone(destroyed()[4], HOLE)[0].variance))


def test_the_loss_is_a_logarithm_and_rewards_the_truth() -> None:
    batch = stacked([Sample(*(getattr(made(), n)[0] for n in ("pictures", "errors", "hidden", "truth")))])
    refined = make_refiner("refiner-v2", width=4)(batch.pictures, batch.error, batch.hidden)

    def loss(offset: float) -> float:
        picture = batch.truth + offset * batch.hidden
        changed = replace(refined, picture=picture, recovered=None, error=torch.full_like(refined.error, 30))
        return refining_loss(changed, batch.truth, batch.hidden).item()

    assert batch.hidden.sum() >= FEWEST
    gains = [loss(0.2) - loss(0.1), loss(0.1) - loss(0.05)]
    assert gains == pytest.approx([2 * np.log(2)] * 2, rel=0.05)
    assert loss(0.05) > loss(0.0) + 1
    both = [
        refining_loss(each, batch.truth, batch.hidden).item() for each in (refined, replace(refined, recovered=None))
    ]
    assert both[0] > both[1] + 0.01  # what a network says it recovered counts, too


@pytest.mark.parametrize("name", REFINERS)
def test_a_network_learns_which_picture_is_right(tmp_path: Path, stock: Path, name: str) -> None:
    train, val = split_lessons(stock)
    recipe = Recipe(net=name, width=8, epochs=2, batch=3, rate=3e-3, crop=32, average=0.5, patience=99)
    files = LessonFiles(train, 1 << 30), LessonFiles(val, 1 << 30)
    trainer = Trainer(recipe, *files, tmp_path, device=torch.device("cpu"), reporter=Reporter())
    trainer.run()
    last = trainer.epochs[-1]
    assert last.psnr_in > last.input_psnr_in + 3
    assert last.val_loss < trainer.epochs[0].val_loss
    loaded = load_refiner(tmp_path / "best.safetensors")
    assert loaded.parameter_count == trainer.network.parameter_count


def test_networks_learn_from_what_is_theirs(tmp_path: Path, stock: Path) -> None:
    files, clips = LessonFiles(split_lessons(stock)[0], 1 << 30), Clips(dummy_pairs()[0], 1 << 30)
    for net, material, word in (("unet", files, "pairs of clips"), ("refiner-v1", clips, "lessons")):
        with pytest.raises(UsageError, match=word):
            Trainer(
                Recipe(net=net, width=4, perceptual=False),
                material,
                material,
                tmp_path,
                device=torch.device("cpu"),
                reporter=Reporter(),
            )


def test_scenes_are_filmed_and_lessons_gathered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filmed_scenes, "LENGTH", 8)
    shots = [Shot(name, moving_scene(10, 270, 480, seed=seed)) for name, seed in (("one", 1), ("two", 2))]
    truth, mask = scene(shots[0], shots, np.random.default_rng(5))
    assert truth.shape == (8, *SIZE, 3)
    assert truth.dtype == np.uint8
    assert mask.shape == truth.shape[:3]
    assert 0.005 < mask.mean() < 0.25
    found = next(made for number in range(9) if (made := lessons(shots, number)) is not None)
    assert found.hidden.any(axis=(1, 2)).all()
    assert np.array_equal(found.pictures[:, 0][~found.hidden], found.truth[~found.hidden])
    assert len(found) == 4  # every other frame


# ---------------------------------------------------------------- export


@pytest.mark.slow
@pytest.mark.parametrize("name", REFINERS)
def test_onnx_gives_the_same(tmp_path: Path, name: str) -> None:
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    write_onnx(learned(name), tmp_path / "net.onnx")
    session = runtime.InferenceSession(tmp_path / "net.onnx")
    operators = {node.op_type for node in pytest.importorskip("onnx").load(tmp_path / "net.onnx").graph.node}
    assert "Conv" in operators
    assert "GridSample" not in operators
    for size in ((32, 64), (80, 48)):  # of any size
        pictures, error, hidden = (each[:1] for each in given(*size))
        refined = learned(name)(pictures, error, hidden)
        inputs = {"pictures": pictures.numpy(), "error": error.numpy(), "hidden": hidden.numpy()}
        picture, expected = session.run(None, inputs)
        assert np.abs(picture - refined.picture.detach().numpy()).max() < 1e-4
        assert np.abs(expected - refined.error.detach().numpy()).max() < 1e-3


def test_export_refuses_what_it_cannot_do(tmp_path: Path, weights: Path, capsys: Capture) -> None:
    for arguments, status, words in (
        (["unet", "-o", str(tmp_path / "a.onnx")], 2, "choose from refiner-v1"),
        (["refiner-v1", "-o", str(tmp_path / "a.pt")], 2, ".onnx or .mlpackage"),
        (["refiner-v2", "-o", str(tmp_path / "a.onnx")], 4, "holds the network refiner-v1"),
        (["refiner-v1", "-o", str(tmp_path / "none" / "a.onnx")], 1, "is not a folder"),
    ):
        assert run(["export", *arguments, "--weights", str(weights)]) == status
        assert words in capsys.readouterr().err


def test_a_missing_package_is_named_with_its_extra(
    tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    for package, suffix, extra in (("coremltools", ".mlpackage", "coreml"), ("onnxscript", ".onnx", "onnx")):
        monkeypatch.setitem(sys.modules, package, None)
        target = tmp_path / f"net{suffix}"
        assert run(["export", "refiner-v1", "-o", str(target), "--weights", str(weights)]) == 6
        assert f"vinpaint[{extra}]" in capsys.readouterr().err
        assert not target.exists()


# ---------------------------------------------------------------- filling


def test_the_network_changes_hidden_pixels_only(weights: Path) -> None:
    with_it, without = (FlowFill(refine=refine, weights=weights).fill(destroyed(), HOLE) for refine in (True, False))
    assert np.array_equal(with_it.frames[:, ~HOLE], TRUTH[:, ~HOLE])
    assert np.abs(with_it.frames[:, HOLE].astype(int) - without.frames[:, HOLE]).mean() > 0.1
    assert np.array_equal(with_it.origin, without.origin)
    assert np.array_equal(with_it.confidence, without.confidence)


def test_large_parts_are_refined_in_tiles(weights: Path) -> None:
    evidence, _, _ = evidence_of(4)
    times = [-(-(TILE + 40) // side) for side in evidence.hidden.shape]
    large = Evidence(
        np.tile(evidence.pictures, (1, *times, 1)),
        np.tile(evidence.variance, (1, *times)),
        np.tile(evidence.hidden, times),
    )
    assert min(large.hidden.shape) > TILE > OVERLAP
    tiled = Refinement(weights)(large)
    tensors = (
        torch.from_numpy(large.pictures).movedim(-1, 1)[None] / 255,
        torch.from_numpy(levels(large.variance))[None],
        torch.from_numpy(large.hidden)[None, None].float(),
    )
    whole = 255 * learned()(*tensors).picture[0].detach().clamp(0, 1).permute(1, 2, 0).numpy()
    assert np.abs(tiled - whole).mean() < 0.25
    assert (np.abs(tiled - whole) > 6).mean() < 0.03
    assert np.allclose(tiled[~large.hidden], large.pictures[0][~large.hidden], atol=1e-3)


def test_refine_only_fills_a_picture(weights: Path) -> None:
    filled = create("refine-only", weights=weights).fill(destroyed()[:1], HOLE)
    spatial = create("spatial").fill(destroyed()[:1], HOLE)
    assert (filled.origin[0][HOLE] == Origin.SYNTHESISED).all()
    change = np.abs(filled.frames[0][HOLE].astype(int) - spatial.frames[0][HOLE])
    assert 0.1 < change.mean() < 60
    assert np.array_equal(filled.frames[0][~HOLE], TRUTH[0][~HOLE])


def test_weights_that_were_taught_further_are_loaded_again(weights: Path) -> None:
    assert refinement(weights, "cpu") is refinement(weights, "cpu")
    first, evidence = refinement(weights, "cpu"), evidence_of(4)[0]
    write_checkpoint(weights, network_checkpoint(learned(seed=1), read_checkpoint(weights).about))
    assert not np.array_equal(refinement(weights, "cpu")(evidence), first(evidence))


def test_missing_weights_are_named() -> None:
    nowhere = Path("nowhere.safetensors")
    for method in ("flow", "unblend", "refine-only"):
        with pytest.raises(DependencyError, match="are missing; name a file"):
            create(method, weights=nowhere)
    FlowFill(refine=False, weights=nowhere)
    if not REFINER.is_file():
        with pytest.raises(DependencyError, match="vinpaint train"):
            create("refine-only")


def test_from_lessons_to_a_filled_clip(
    tmp_path: Path, stock: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.chdir(tmp_path)
    teach = ["train", "lessons", "-o", "run", "--net", "refiner-v1", "--width", "4", "--crop", "32", "--batch", "3"]
    assert run([*teach, "--epochs", "1", "--lr", "0.01"]) == 0
    assert run([*teach, "--epochs", "2", "--lr", "0.01", "--resume"]) == 0
    assert "epoch 2" in capsys.readouterr().err
    cv2.imwrite("mask.png", HOLE.astype(np.uint8) * 255)
    (tmp_path / "in").mkdir()
    for number, frame in enumerate(destroyed()):
        cv2.imwrite(f"in/{number:05d}.png", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
    filled = {}
    for out, options in {"a": ["--weights", "run/best.safetensors"], "b": ["--no-refine"]}.items():
        assert run(["fill", "in", "-m", "mask.png", "-o", f"{out}/", "--method", "flow", "-q", *options]) == 0
        filled[out] = cv2.imread(f"{out}/00004.png")
    assert not np.array_equal(filled["a"], filled["b"])
    assert run(["train", "in", "-o", "run2", "--net", "refiner-v1"]) == 4
    assert "fit_refiner" in capsys.readouterr().err
    assert run(["fill", "in", "-m", "mask.png", "-o", "c/", "--weights", "mask.png"]) == 4
