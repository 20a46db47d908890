"""Networks as estimators: what goes into them and comes out, and the weights they are given."""

from __future__ import annotations

import pickle
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from moving import MOTIONS, SHAPE, before_and_after, flow_of, layered, motion

from vinpaint.errors import DependencyError, UsageError
from vinpaint.flow.estimate import estimator
from vinpaint.flow.learned import LearnedEstimator, fitted, learned

WEIGHTS = Path(__file__).parents[2] / "shared" / "data" / "flow_weights" / "raft-small.pth"

with_ptlflow = pytest.mark.skipif(find_spec("ptlflow") is None, reason="ptlflow is not installed (make raft)")
with_weights = pytest.mark.skipif(not WEIGHTS.exists(), reason=f"no {WEIGHTS}")


class Colours(torch.nn.Module):
    """Gives as flow the blue of the first picture and the red of the second, and remembers the shapes it got."""

    def __init__(self) -> None:
        super().__init__()
        self.shapes: list[tuple[int, ...]] = []

    def forward(self, inputs: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        images = inputs["images"]
        self.shapes.append(tuple(images.shape))
        return {"flows": torch.stack([images[:, 0, 0], images[:, 1, 2]], 1)[:, None]}


def colours(count: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(count).integers(0, 256, (count, *shape), np.uint8)


@pytest.mark.parametrize("shape", [(40, 300), (129, 131), (200, 7), (1, 1)])
def test_a_model_gets_blue_green_red_padded_and_gives_what_was_asked_for(shape: tuple[int, int]) -> None:
    model = Colours()
    before, after = colours(3, *shape, 3), colours(4, *shape, 3)[:3]
    flows = LearnedEstimator(model, torch.device("cpu")).batch(before, after)
    assert flows.dtype == np.float32
    np.testing.assert_allclose(flows, np.stack([before[..., 2], after[..., 0]], -1) / np.float32(255), atol=1e-6)
    assert model.shapes == [(3, 2, 3, max(shape[0], 128), max(shape[1], 128))]


def test_grey_is_all_three_colours() -> None:
    before, after = colours(2, 50, 60), colours(3, 50, 60)[:2]
    flows = LearnedEstimator(Colours(), torch.device("cpu")).batch(before, after)
    np.testing.assert_allclose(flows, np.stack([before, after], -1) / np.float32(255), atol=1e-6)


def test_many_pairs_go_in_parts_and_keep_their_order() -> None:
    model = Colours()
    before, after = colours(9, 400, 500), colours(10, 400, 500)[:9]
    flows = LearnedEstimator(model, torch.device("cpu")).batch(before, after)
    assert [shape[0] for shape in model.shapes] == [5, 4]
    np.testing.assert_allclose(flows, np.stack([before, after], -1) / np.float32(255), atol=1e-6)
    assert LearnedEstimator(model, torch.device("cpu")).batch(before[:0], after[:0]).shape == (0, 400, 500, 2)


# ---------------------------------------------------------------- weights

SHAPES = {"conv.weight": (2, 3), "conv.bias": (2,)}


@pytest.mark.parametrize("prefix", ["", "module."])
def test_weights_get_the_names_of_the_model(prefix: str) -> None:
    weights = {f"{prefix}conv.weight": torch.ones(2, 3), f"{prefix}conv.bias": torch.zeros(2)}
    found = fitted(weights, SHAPES, "odd")
    assert {name: tuple(value.shape) for name, value in found.items()} == SHAPES
    assert found["conv.weight"].sum() == 6


@pytest.mark.parametrize(
    ("weights", "wrong"),
    [
        ({"conv.weight": torch.ones(2, 3)}, "1 differ.*conv.bias first"),
        ({"conv.weight": torch.ones(3, 2), "conv.bias": torch.zeros(2)}, "1 differ.*conv.weight first"),
        ({"conv.weight": torch.ones(2, 3), "conv.bias": torch.zeros(2), "c": torch.ones(1)}, "1 differ.*, c first"),
        ({}, "2 differ"),
    ],
)
def test_weights_of_another_model_are_refused(weights: dict[str, torch.Tensor], wrong: str) -> None:
    with pytest.raises(DependencyError, match=f"odd do not fit, {wrong}"):
        fitted(weights, SHAPES, "odd")


@pytest.mark.parametrize("name", ["/nowhere/raft.pth", "raft:/nowhere/raft.ckpt"])
def test_a_missing_file_is_named(name: str) -> None:
    with pytest.raises(DependencyError, match=r"weights /nowhere/raft\.\w+ are missing; give the path"):
        learned(name, "cpu")


class Library:
    """In place of ptlflow: one model, which moves everything as its checkpoint says."""

    class Model(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.motion = torch.nn.Parameter(torch.zeros(2))

        def forward(self, inputs: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
            count, _, _, height, width = inputs["images"].shape
            return {"flows": self.motion.view(1, 1, 2, 1, 1).expand(count, 1, 2, height, width)}

    @staticmethod
    def get_model_names() -> list[str]:
        return ["still"]

    @staticmethod
    def get_model_reference(_: str) -> type[torch.nn.Module]:
        return Library.Model


def test_a_network_is_loaded_once_and_again_when_its_file_changed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("vinpaint.flow.learned._import_ptlflow", lambda: Library)
    name = f"still:{tmp_path / 'still.pth'}"
    for motion_ in (1.0, 2.0):
        torch.save({"motion": torch.full((2,), motion_)}, tmp_path / "still.pth")
        assert learned(name, "cpu") is learned(name, "cpu")
        assert (learned(name, "cpu")(*colours(2, 9, 9)) == motion_).all()


class Harmful:
    """Runs code when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("kind", ["empty", "text", "cut", "numbers", "harmful"])
def test_a_file_that_is_no_checkpoint_is_refused_and_runs_nothing(kind: str, tmp_path: Path) -> None:
    file, trace = tmp_path / "raft.pth", tmp_path / "trace"
    if kind in ("empty", "text"):
        file.write_text("" if kind == "empty" else "weights")
    elif kind == "harmful":
        file.write_bytes(pickle.dumps({"weights": Harmful(trace)}))
    else:
        torch.save([1, 2] if kind == "numbers" else {"a": torch.ones(9)}, file)
        if kind == "cut":
            file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(DependencyError, match=r"raft\.pth is no checkpoint that can be read safely; get another"):
        learned(str(file), "cpu")
    assert not trace.exists()


def test_a_checkpoint_of_another_network_has_to_name_it(tmp_path: Path) -> None:
    torch.save({"state_dict": {"conv.weight": torch.ones(3)}}, tmp_path / "other.pth")
    with pytest.raises(UsageError, match=r"other\.pth is neither RAFT nor RAFT-small; name its model, as in gma:"):
        learned(str(tmp_path / "other.pth"), "cpu")


def test_a_device_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match="no device 'tpu'"):
        learned("raft", "tpu")
    with pytest.raises(DependencyError, match="cuda:99 is not available"):
        learned("raft", "cuda:99")


@with_ptlflow
def test_unknown_models_and_checkpoints_name_the_choices(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no flow estimator is called 'raft_smal'; .*raft_small"):
        estimator("raft_smal")
    with pytest.raises(UsageError, match="raft has no checkpoint 'good'; choose one of chairs, things"):
        estimator("raft:good")


@with_ptlflow
def test_weights_that_cannot_be_downloaded_say_where_they_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # nobody listens there
    with pytest.raises(
        DependencyError, match=r"raft_small:things cannot be had .*get https://.*ckpt and give"
    ) as caught:
        estimator("raft_small")
    assert caught.value.exit_code == 6
    assert not list(tmp_path.rglob("*.ckpt"))


@with_ptlflow
def test_the_authors_form_of_weights_gives_the_flow_of_the_model_itself(tmp_path: Path) -> None:
    import ptlflow

    torch.manual_seed(0)
    model = ptlflow.get_model_reference("raft_small")().eval()
    torch.save({f"module.{key}": value for key, value in model.state_dict().items()}, tmp_path / "small.pth")
    model.iters = 12
    before, after = colours(2, 136, 136, 3)
    images = torch.from_numpy(np.stack([before, after])[..., ::-1].copy()).permute(0, 3, 1, 2)[None] / 255
    with torch.inference_mode():
        truth = model({"images": images})["flows"][0, 0].permute(1, 2, 0).numpy()
    found = estimator(f"raft_small:{tmp_path / 'small.pth'}", device="cpu")(before, after)
    np.testing.assert_allclose(found, truth, atol=1e-4)


# ---------------------------------------------------------------- the authors' weights

INSIDE = (slice(16, -16), slice(16, -16))


@with_ptlflow
@with_weights
@pytest.mark.data
@pytest.mark.parametrize("kind", ["diagonal", "rotation", "all"])
def test_raft_finds_known_motion(kind: str) -> None:
    matrix = motion(*MOTIONS[kind])
    error = (estimator(str(WEIGHTS), device="cpu")(*before_and_after(matrix)) - flow_of(matrix))[INSIDE]
    assert np.abs(np.median(error, axis=(0, 1))).max() < 0.25
    assert np.percentile(np.hypot(*np.moveaxis(error, -1, 0)), 95) < 0.7


@with_ptlflow
@with_weights
@pytest.mark.data
def test_raft_tells_layers_apart_alone_or_among_others() -> None:
    before, after, truth, disc = layered(motion(0, 1, 5.5, 0), motion(0, 1, -3.25, 2))
    raft = estimator(str(WEIGHTS), device="cpu")
    flows = raft.batch(np.stack([before, after]), np.stack([after, before]))
    assert flows.shape == (2, *SHAPE, 2)
    np.testing.assert_allclose(flows[0], raft(before, after), atol=0.01)
    assert np.median(np.hypot(*(flows[0] - truth)[disc].T)) < 0.6
    assert np.median(np.hypot(*(flows[0] - truth)[~disc].T)) < 0.4
