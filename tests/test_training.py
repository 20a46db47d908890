"""Training: what is learned from, in which order, how a run goes on, and that it learns."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from vinpaint.cli import run
from vinpaint.contracts import Frames, Mask
from vinpaint.errors import InputError, UsageError
from vinpaint.refiner.checkpoint import load_network, read_checkpoint
from vinpaint.refiner.losses import warped
from vinpaint.refiner.synthetic import Motion, moving_scene
from vinpaint.refiner.training import Clips, Recipe, Trainer
from vinpaint.refiner.training.defects import Defects, Redamaged, redamaged
from vinpaint.refiner.training.dummy import dummy_pairs
from vinpaint.refiner.training.log import Epoch
from vinpaint.refiner.training.loop import EVERY, Progress
from vinpaint.refiner.training.objective import motion
from vinpaint.refiner.training.samples import Batch, training_batches, whole_batches
from vinpaint.refiner.training.stages import emphasis
from vinpaint.reporting import Reporter
from vinpaint.video.clips import write_lossless

torch.set_num_threads(1)  # beside other tests, one is faster than two

MEMORY = 1 << 30
SMALL = Recipe(width=2, epochs=3, batch=4, rate=1e-3, crop=32, average=0.5, perceptual=False)


@dataclass
class Numbered:
    """A pair whose pixels tell clip and frame; it counts how often it is read."""

    number: int
    count: int = 5
    size: tuple[int, int] = (32, 48)
    reads: int = 0

    @property
    def name(self) -> str:
        return f"clip {self.number}"

    def read(self) -> tuple[Frames, Frames, Mask]:
        self.reads += 1
        damaged = np.zeros((self.count, *self.size, 3), np.uint8)
        damaged[..., 0], damaged[..., 1] = self.number, np.arange(self.count)[:, None, None]
        damaged[..., 2] = np.arange(self.size[1])
        mask = np.zeros(self.size, bool)
        mask[20, 30] = True
        return damaged, damaged + 100, mask


def batches(pairs: list[Any], **options: Any) -> Iterator[Batch]:
    settings: dict[str, Any] = {"window": 1, "batch": 4, "crop": 0, "flip": False, "seed": 0, "epoch": 0}
    return training_batches(Clips(pairs, options.pop("memory", MEMORY)), **settings | options)


def numbers(batch: Batch) -> list[tuple[int, int]]:
    """Clip and frame of every sample."""
    middle = batch.damaged[:, batch.damaged.shape[1] // 2, :2, 0, 0]
    return [tuple(each) for each in middle.tolist()]


# ---------------------------------------------------------------- samples


def test_every_frame_once_an_epoch_in_another_order() -> None:
    pairs = [Numbered(n, count=4) for n in range(5)]
    orders = [[place for batch in batches(pairs, epoch=epoch) for place in numbers(batch)] for epoch in (0, 0, 1)]
    assert orders[0] == orders[1] != orders[2]
    for order in orders:
        assert sorted(order) == [(clip, frame) for clip in range(5) for frame in range(4)]
    assert len({clip for clip, _ in orders[0][:8]}) > 2  # frames of different clips are mixed


@pytest.mark.parametrize("kept", [0, 2])
def test_memory_bounds_what_is_held_and_what_was_held_before_changes_nothing(kept: int) -> None:
    pairs = [Numbered(n) for n in range(6)]
    clips = Clips(pairs, 2 * 5 * 32 * 48 * 7)  # two of them
    for _ in clips.groups(range(kept)):
        pass
    groups = [[int(clip.damaged[0, 0, 0, 0]) for clip in group] for group in clips.groups([3, 0, 1, 5, 4, 2])]
    assert groups == [[3, 0], [1, 5], [4, 2]]
    assert len(clips._held) <= 2
    everything = Clips(pairs, MEMORY)
    for pair in pairs:
        pair.reads = 0
    for _ in range(3):
        assert len(list(everything.groups(range(6)))) == 1
    assert [pair.reads for pair in pairs] == [1] * 6


def test_windows_of_frames_end_with_the_clip() -> None:
    batch = next(iter(whole_batches(Clips([Numbered(7, count=4)], MEMORY), window=3, batch=9)))
    assert batch.damaged[:, :, 1, 0, 0].tolist() == [[0, 0, 1], [0, 1, 2], [1, 2, 3], [2, 3, 3]]
    assert (batch.original - batch.damaged == 100).all()


def test_crops_are_parts_of_all_pictures_alike_and_half_of_them_see_the_blemish() -> None:
    pairs = [Numbered(n, count=50) for n in range(4)]
    seen, columns = [], set()
    for batch in batches(pairs, crop=16):
        assert batch.damaged.shape == (4, 1, 3, 16, 16)
        assert (batch.original - batch.damaged == 100).all()
        corner = batch.damaged[:, 0, 2, 0, 0]
        for sample, left in zip(batch.mask[:, 0, 0], corner.tolist(), strict=True):
            columns.add(left)
            places = sample.nonzero()
            seen.append(len(places) == 1)
            if len(places):
                assert left + int(places[0, 1]) == 30
    by_chance = (16 / 33) * (13 / 17)
    assert np.mean(seen) == pytest.approx(0.5 + 0.5 * by_chance, abs=0.1)
    assert len(columns) > 25


def test_small_clips_are_continued_for_crops() -> None:
    batch = next(batches([Numbered(0, size=(21, 40))], crop=32))
    assert batch.damaged.shape[-2:] == (32, 32)


def test_mirrored_samples_are_mirrored_in_all_pictures() -> None:
    first = [
        bool(sample[0, 2, 0, 0] > 0) for batch in batches([Numbered(0, 100)], flip=True) for sample in batch.damaged
    ]
    assert 0.3 < np.mean(first) < 0.7
    for batch in batches([Numbered(0, 40)], flip=True):
        turned = batch.damaged[:, 0, 2, 0, 0] > 0
        columns = batch.mask[:, 0, 0, 20].float().argmax(dim=1)
        assert torch.equal(columns, torch.where(turned, 47 - 30, 30))


def test_whole_frames_of_different_sizes_want_a_crop() -> None:
    pairs = [Numbered(0), Numbered(1, size=(32, 64))]
    with pytest.raises(UsageError, match=r"48x32, 64x32\); give --crop"):
        list(batches(pairs, batch=10))
    assert next(batches(pairs, batch=10, crop=32)).damaged.shape == (10, 1, 3, 32, 32)


def test_defects_are_new_for_each_sample_and_the_same_for_each_judgement() -> None:
    defects = Defects.named(["circular_stain", "gaussian_noise"])
    pair = dummy_pairs()[0][0]
    _, original, _ = pair.read()
    kept = Redamaged(pair, defects, 3)
    one, other = kept.read(), kept.read()
    assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
    assert np.array_equal(one[1], original)
    shares, seen = set(), set()
    for batch in batches([pair], batch=1, change=defects.put_before):
        assert (batch.damaged != batch.original).any()
        outside = ~batch.mask.expand_as(batch.damaged)
        assert (batch.damaged.int() - batch.original.int()).abs()[outside].sum() <= 2 * outside.sum()
        shares.add(round(float(batch.mask.float().mean()), 4))
        seen.add(batch.damaged.numpy().tobytes())
    assert len(seen) == len(original)
    assert 1.0 in shares  # noise hides everything
    assert min(shares) < 0.9  # a stain does not
    assert redamaged([pair], []) == [pair]


# ---------------------------------------------------------------- runs


def trainer(folder: Path, recipe: Recipe = SMALL, **options: Any) -> Trainer:
    folder.mkdir(exist_ok=True)
    pairs = options.get("learned", [Numbered(50), Numbered(90)]), options.get("held_out", [Numbered(70, count=2)])
    torch.rand(3)  # whatever was drawn before must not matter
    return Trainer(
        recipe,
        *(Clips(each, MEMORY) for each in pairs),
        folder,
        device=torch.device("cpu"),
        reporter=options.get("reporter", Reporter()),
    )


class Interrupting(Reporter):
    """Raises what Ctrl-C raises, in the middle of an epoch or at its end."""

    def __init__(self, after: int) -> None:
        self.left = after

    def note(self, text: str) -> None:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


@dataclass
class Failing:
    """A pair that is interrupted when it is read."""

    name: str = "failing"

    def read(self) -> tuple[Frames, Frames, Mask]:
        raise KeyboardInterrupt


RECIPES = {
    "unet": SMALL,
    "plateau": replace(SMALL, schedule="plateau", flip=True, crop=0),
    "artifact-v1": replace(SMALL, net="artifact-v1", staged=True, epochs=4, schedule="cosine", artifacts=("hair",)),
}


@pytest.mark.parametrize("name", RECIPES)
def test_interrupted_and_resumed_is_uninterrupted(name: str, tmp_path: Path) -> None:
    recipe = RECIPES[name]
    whole = trainer(tmp_path / "whole", recipe)
    whole.run()
    with pytest.raises(KeyboardInterrupt):
        trainer(tmp_path / "parts", recipe, reporter=Interrupting(after=2)).run()  # the second epoch is lost
    stopped = trainer(tmp_path / "parts", recipe)
    stopped.resume()
    assert len(stopped.epochs) == 1
    stopped.run()
    for file in ("last.safetensors", "best.safetensors"):
        one, other = (read_checkpoint(tmp_path / folder / file).tensors for folder in ("whole", "parts"))
        assert set(one) == set(other)
        assert all(torch.equal(one[key], other[key]) for key in one)
    assert [replace(each, seconds=0) for each in whole.epochs] == [replace(each, seconds=0) for each in stopped.epochs]


def test_interrupt_within_an_epoch_leaves_the_last_checkpoint(tmp_path: Path) -> None:
    first = trainer(tmp_path, replace(SMALL, epochs=1))
    first.run()
    before = (tmp_path / "last.safetensors").read_bytes()
    broken = trainer(tmp_path, replace(SMALL, epochs=2), learned=[Numbered(50), Failing()])
    broken.resume()
    with pytest.raises(KeyboardInterrupt):
        broken.run()
    assert (tmp_path / "last.safetensors").read_bytes() == before
    assert not list(tmp_path.glob(".*"))


def test_a_run_begins_with_given_weights_and_says_so_to_its_end(tmp_path: Path) -> None:
    trainer(tmp_path / "first", replace(SMALL, epochs=1)).run()
    given = tmp_path / "first" / "best.safetensors"
    second = trainer(tmp_path / "second", replace(SMALL, seed=1, epochs=1))
    second.begin_with(given)
    expected = read_checkpoint(given).tensors
    begun = second.network.state_dict()
    assert all(torch.equal(begun[name], each) for name, each in expected.items())
    second.run()
    third = trainer(tmp_path / "second", replace(SMALL, seed=1, epochs=2))
    third.resume()
    third.run()
    about = read_checkpoint(tmp_path / "second" / "last.safetensors").about
    assert about["begun_with"]["metrics"]["epoch"] == 1
    with pytest.raises(InputError, match="a network of width 2, not 4; ask for the same"):
        trainer(tmp_path / "third", replace(SMALL, width=4)).begin_with(given)


def test_another_seed_gives_other_weights(tmp_path: Path) -> None:
    for seed in (0, 1):
        trainer(tmp_path / str(seed), replace(SMALL, seed=seed, epochs=1)).run()
    one, other = (read_checkpoint(tmp_path / str(seed) / "best.safetensors").tensors for seed in (0, 1))
    assert not torch.equal(one["out.weight"], other["out.weight"])


def test_resuming_wants_the_same_recipe_but_for_its_length_and_rate(tmp_path: Path) -> None:
    trainer(tmp_path, replace(SMALL, epochs=1)).run()
    with pytest.raises(UsageError, match=r"begun with average 0\.5, not 0\.9; resume it with the same"):
        trainer(tmp_path, replace(SMALL, average=0.9)).resume()
    longer = trainer(tmp_path, replace(SMALL, epochs=2, rate=1e-4))
    longer.resume()
    assert longer.run() == "all 2 epochs are through"
    assert len(longer.epochs) == 2


def test_resuming_from_something_else_is_refused(tmp_path: Path) -> None:
    trainer(tmp_path, replace(SMALL, epochs=1)).run()
    (tmp_path / "best.safetensors").rename(tmp_path / "last.safetensors")
    with pytest.raises(InputError, match="is no checkpoint of a run"):
        trainer(tmp_path, SMALL).resume()


def test_a_run_ends_when_nothing_improves(tmp_path: Path) -> None:
    """With a rate that is nearly nothing only the first epoch counts; the seventh after it is the last."""
    recipe = replace(SMALL, net="artifact-v1", temporal=False, rate=1e-12, average=0.0, epochs=50)
    stuck = trainer(tmp_path, recipe, learned=[Numbered(0)])
    assert stuck.run() == "no improvement for 7 epochs"
    assert len(stuck.epochs) == 8
    assert read_checkpoint(tmp_path / "best.safetensors").about["metrics"]["epoch"] == 1
    again = trainer(tmp_path, recipe)
    again.resume()
    assert again.run() == "no improvement for 7 epochs"
    assert len(again.epochs) == 8


def test_no_stage_but_the_last_ends_a_run(tmp_path: Path) -> None:
    recipe = replace(SMALL, net="artifact-v1", temporal=False, rate=1e-12, average=0.0, epochs=20, patience=2)
    staged = trainer(tmp_path, replace(recipe, staged=True), learned=[Numbered(0)])
    assert staged.run() == "no improvement for 2 epochs"
    assert [each.stage for each in staged.epochs] == ["warm-up"] * 2 + ["joint"] * 12 + ["fine-tune"] * 3


def row(number: int, loss: float, stage: str = "") -> Epoch:
    return Epoch(number, stage, 0.1, loss, loss, 20.0, 21.0, 10.0, 11.0, 5.0)


def test_waiting_halves_the_rate() -> None:
    progress, halvings, waited = Progress(), [], []
    for number, loss in enumerate([1.0, 0.9, 0.8995, 0.95, 0.92, 0.9, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]):
        progress = progress.after(row(number, loss), 10, plateau=True)
        halvings.append(progress.halvings)
        waited.append(progress.waited)
    assert waited == [0, 0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 5, 6, 7]  # 0.8995 is not enough better than 0.9
    assert halvings == [0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 3, 3]
    assert (progress.best, progress.steps) == (0.5, 140)


def test_a_new_stage_begins_anew() -> None:
    progress = (
        Progress().after(row(1, 0.1, "warm-up"), 1, plateau=False).after(row(2, 0.2, "warm-up"), 1, plateau=False)
    )
    assert (progress.waited, progress.best) == (1, 0.1)
    progress = progress.after(row(3, 5.0, "joint"), 1, plateau=False)
    assert (progress.waited, progress.best, progress.best_epoch) == (0, 5.0, 3)


def test_a_stage_that_is_judged_alike_keeps_the_best() -> None:
    progress = Progress().after(row(1, 0.1, "joint"), 1, plateau=False)
    progress = progress.after(row(2, 0.2, "fine-tune"), 1, plateau=False)
    assert (progress.waited, progress.best, progress.best_epoch) == (0, 0.1, 1)


def test_losses_may_be_negative() -> None:
    """Logarithms of errors are."""
    progress = Progress().after(row(1, -4.5), 1, plateau=False)
    for number, loss, best in ((2, -4.496, 1), (3, -4.5001, 1), (4, -4.51, 4)):
        progress = progress.after(row(number, loss), 1, plateau=False)
        assert progress.best_epoch == best


def test_checkpoints_and_log_tell_the_run(tmp_path: Path) -> None:
    made = trainer(tmp_path, replace(SMALL, epochs=EVERY + 1, patience=50), learned=[Numbered(60)])
    made.run()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "best.safetensors",
        "epoch-0010.safetensors",
        "last.safetensors",
        "log.csv",
    ]
    rows = list(csv.DictReader((tmp_path / "log.csv").read_text().splitlines()))
    assert [int(row["epoch"]) for row in rows] == list(range(1, EVERY + 2))
    best = min(made.epochs, key=lambda each: each.val_loss)
    about = read_checkpoint(tmp_path / "best.safetensors").about
    assert about["metrics"]["val_loss"] == pytest.approx(best.val_loss, rel=2e-3)
    assert Recipe.from_dict(about["recipe"]).width == 2
    assert about["parameters"] == made.network.parameter_count
    assert float(rows[-1]["train_loss"]) < float(rows[0]["train_loss"])


def test_measured_is_what_the_kept_weights_give(tmp_path: Path) -> None:
    made = trainer(tmp_path, replace(SMALL, epochs=2), held_out=dummy_pairs()[1][:1])
    made.run()
    network = load_network(tmp_path / "best.safetensors", "unet")
    damaged, original, mask = dummy_pairs()[1][0].read()
    frames = torch.from_numpy(damaged).movedim(-1, 1)[:, None].float() / 255
    result = network(frames, frames[:, :, :1]).picture[:, 0].clamp(0, 1).movedim(1, -1).numpy()
    last = made.epochs[-1]
    inside = [np.square(r[mask] - o[mask] / 255).mean() for r, o in zip(result, original, strict=True)]
    assert last.psnr_in == pytest.approx(np.mean(-10 * np.log10(inside)), abs=1e-3)
    before = [np.square(d[mask] / 255.0 - o[mask] / 255.0).mean() for d, o in zip(damaged, original, strict=True)]
    assert last.input_psnr_in == pytest.approx(np.mean(-10 * np.log10(before)), abs=1e-3)


def test_a_loss_that_explodes_ends_the_run(tmp_path: Path) -> None:
    exploding = trainer(tmp_path, replace(SMALL, rate=1e30), learned=[Numbered(0, 12)])
    with pytest.raises(InputError, match=r"the loss is (nan|inf) after \d+ steps; --resume with a lower --lr"):
        exploding.run()


# ---------------------------------------------------------------- parts


def test_stages_follow_each_other() -> None:
    run_of_20 = [emphasis(epoch, 20) for epoch in range(20)]
    names = [each.stage for each in run_of_20]
    assert names == ["warm-up"] * 2 + ["joint"] * 12 + ["fine-tune"] * 6
    assert [each.picture for each in run_of_20] == [0.0] * 2 + [1.0] * 18
    joint = [each.mask for each in run_of_20 if each.stage == "joint"]
    assert joint[0] == pytest.approx(0.3)
    assert all(a > b > 0 for a, b in pairwise(joint))
    assert {each.mask for each in run_of_20[14:]} == {0.0}
    assert {each.rate for each in run_of_20[14:]} == {0.1}
    assert [each.last for each in run_of_20] == [False] * 14 + [True] * 6
    judged = [each.judged() for each in run_of_20]
    assert [(each.picture, each.mask) for each in judged] == [(0.0, 1.0)] * 2 + [(1.0, 0.0)] * 18


def test_motion_is_that_of_the_scene() -> None:
    scene = moving_scene(3, 64, 96, seed=1, motion=Motion(pan=2.0), car=False)
    frames = torch.from_numpy(scene).movedim(-1, 1).float()[None] / 255
    flow, visible = motion(frames)
    assert flow.shape == (1, 2, 2, 64, 96)
    assert visible.shape == (1, 2, 1, 64, 96)
    assert visible[..., 8:].mean() > 0.9
    inner = np.s_[:, :, 8:-8, 8:-8]
    assert float(flow[0, 0, 0].median()) == pytest.approx(-2, abs=0.1)
    brought = warped(frames[0, 1:], flow[0])
    assert (brought - frames[0, :-1])[inner].abs().mean() < 0.3 * (frames[0, 1:] - frames[0, :-1])[inner].abs().mean()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"net": "unt"}, "unknown network 'unt'; choose from unet"),
        ({"net": "refiner-v9"}, "unknown network 'refiner-v9'"),
        ({"crop": 30}, "give a multiple of 16"),
        ({"rate": 0.0}, "rate is 0.0; give a positive number"),
        ({"rate": float("nan")}, "give a positive number"),
        ({"average": 1.0}, "average is 1.0"),
        ({"schedule": "step"}, "unknown schedule 'step'; choose from constant, plateau, cosine"),
        ({"precision": "int8"}, "unknown precision"),
        ({"batch": 0}, "batch is 0; give 1 or more"),
        ({"artifacts": ("dirt",)}, "there is no defect 'dirt'; use"),
        ({"net": "artifact-v2", "residual": True}, "artifact-v2 is not asked for 'residual'; leave it out"),
        ({"net": "refiner-v1", "temporal": False}, "refiner-v1 is not asked for 'no temporal'; leave it out"),
    ],
)
def test_wrong_recipes(change: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Recipe(**change)


def test_recipe_and_progress_survive_json() -> None:
    recipe = replace(SMALL, artifacts=("hair", "film_grain"))
    assert Recipe.from_dict(json.loads(json.dumps(recipe.as_dict()))) == recipe
    progress = Progress(3, 0.5, 1, 1, 2, (row(1, 0.2),))
    assert Progress.from_dict(json.loads(json.dumps(progress.as_dict()))) == progress


# ---------------------------------------------------------------- the command


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Six pairs on disk, of which one is held out."""
    for number, pair in enumerate(dummy_pairs()[0][:6]):
        folder = tmp_path / "set" / f"clip_{number}"
        folder.mkdir(parents=True)
        damaged, original, _ = pair.read()
        write_lossless(folder / "damaged.mkv", damaged[:3], Fraction(25))
        write_lossless(folder / "original.mkv", original[:3], Fraction(25))
    return tmp_path / "set"


def call(capture: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    status = run(["train", *map(str, arguments)])
    heard = capture.readouterr()
    return status, heard.err, heard.out


SHORT = ("--width", 4, "--batch", 4, "--device", "cpu", "--threads", 1)


def test_command(pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "run"
    status, said, out = call(capsys, pairs, "-o", folder, *SHORT, "--epochs", 1, "--json")
    assert status == 0
    assert "5 clips, 1 held out" in said
    assert f"all 1 epochs are through: {folder / 'best.safetensors'}" in said
    assert len(json.loads(out)["epochs"]) == 1
    assert call(capsys, pairs, "-o", folder, *SHORT, "--epochs", 1)[0] == 5
    status, said, _ = call(capsys, pairs, "-o", folder, *SHORT, "--epochs", 2, "--resume")
    assert (status, "epoch 2" in said, "epoch 1:" in said) == (0, True, False)
    assert call(capsys, pairs, "-o", folder, *SHORT, "--epochs", 1, "-y", "-q") == (0, "", "")


def test_a_run_that_begins_anew_may_use_the_weights_it_replaces(
    pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    anew = (pairs, "-o", folder, *SHORT, "--epochs", 1, "-y", "-q")
    assert call(capsys, *anew) == (0, "", "")
    kept = {path.name: path.read_bytes() for path in folder.iterdir()}
    best = folder / "best.safetensors"
    for refused in (("--weights", "none.safetensors"), ("--weights", best, "--net", "unet-masked")):
        assert call(capsys, *anew, *refused)[0] > 0
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == kept
    assert call(capsys, *anew, "--weights", best) == (0, "", "")
    assert read_checkpoint(best).about["begun_with"]["recipe"]["net"] == "unet"


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["--net", "refiner-v9", "set", "-o", "run"], 2, "unknown network 'refiner-v9'"),
        (["--net", "refiner-v2", "--dummy"], 2, "refiner-v2 learns from lessons"),
        (["--net", "refiner-v2", "set", "-o", "run"], 4, "fit_refiner"),
        (["set"], 2, "train DATA -o RUN/"),
        (["--dummy", "set"], 2, "leave DATA and the options of a run out"),
        (["nowhere", "-o", "run"], 4, "vinpaint synth"),
        (["set", "-o", "nowhere/run"], 1, "is not a folder; create it first"),
        (["set", "-o", "run", "--resume"], 6, "last.safetensors are missing"),
        (["set", "-o", "run", "--weights", "none.safetensors"], 6, "the weights none.safetensors are missing"),
        (["set", "-o", "run", "--weights", "w", "--resume"], 2, "leave --weights or --resume out"),
        (["set", "-o", "run", "--device", "tpu"], 2, "there is no device"),
    ],
)
def test_command_refuses(
    arguments: list[str],
    status: int,
    words: str,
    pairs: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(pairs.parent)
    found, said, out = call(capsys, *arguments)
    assert (found, out) == (status, "")
    assert words in said
    assert said.startswith("vinpaint: error: ")
    assert not Path("run").exists()


@pytest.mark.slow
def test_dummy_learns(capsys: pytest.CaptureFixture[str]) -> None:
    status, said, _ = call(capsys, "--dummy", "--device", "cpu", "--threads", 1)
    assert status == 0, said
    assert "training works: the loss fell from" in said
