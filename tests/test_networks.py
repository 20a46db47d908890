"""The networks, their weights on disk, and cleaning with them."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any

import media
import numpy as np
import pytest
import torch
from media import Clip
from torch.nn.functional import interpolate

import vinpaint
from vinpaint import FillSettings
from vinpaint.baselines.learned import WEIGHTS
from vinpaint.baselines.unet import SMOOTHING, enlarged
from vinpaint.benchmarks import ship_weights
from vinpaint.cli import run
from vinpaint.errors import DependencyError, InputError, UsageError
from vinpaint.fill import Window, create
from vinpaint.refiner import synthetic
from vinpaint.refiner.checkpoint import (
    Checkpoint,
    load_network,
    load_refiner,
    network_checkpoint,
    read_checkpoint,
    write_checkpoint,
)
from vinpaint.refiner.inference import psnr, restore
from vinpaint.refiner.networks import NETS, REFINERS, Restorer, make_net, make_refiner
from vinpaint.refiner.training import Recipe

torch.set_num_threads(1)  # beside other tests, one is faster than two

SCENE = synthetic.moving_scene(5, 37, 51, seed=3, car=False)
Capture = pytest.CaptureFixture[str]


def untrained(name: str, width: int = 4, **options: Any) -> Restorer:
    torch.manual_seed(0)
    network = make_net(name, width=width, **options)
    for module in network.modules():  # as if it had learned: no block is nothing
        if hasattr(module, "share"):
            torch.nn.init.ones_(module.share)
            torch.nn.init.ones_(module.share_alone)
    if name == "artifact-v2":
        torch.nn.init.normal_(network.end.weight, std=0.1)
    return network.eval()


def stored(folder: Path, name: str, *, residual: bool = False) -> Path:
    path = folder / f"{name}.safetensors"
    recipe = Recipe(net=name, width=4, residual=residual)
    write_checkpoint(path, network_checkpoint(untrained(name, residual=residual), {"recipe": recipe.as_dict()}))
    return path


def double_conv(fed: int, given: int) -> int:
    """Kernels without bias, and two numbers a channel for the batch norm, twice."""
    return 9 * fed * given + 9 * given * given + 4 * given


@pytest.mark.parametrize("masked", [False, True])
def test_unet_has_the_layers_of_the_description(masked: bool) -> None:
    widths = [64, 128, 256, 512, 1024]
    down = sum(map(double_conv, [3 + masked, *widths[:-1]], widths))
    up = sum(2 * each * each + each + double_conv(2 * each, each) for each in widths[:-1])
    network = make_net("unet-masked" if masked else "unet", width=64)
    assert network.parameter_count == down + up + 64 * 3 + 3 == (28_949_379 if masked else 28_948_803)


def test_artifact_networks_have_their_size() -> None:
    assert 1e6 < make_net("artifact-v2", width=32).parameter_count < 2e6
    assert 5e6 < make_net("artifact-v1", width=32).parameter_count < 10e6
    with_time, without = (make_net("artifact-v1", width=32, temporal=each) for each in (True, False))
    assert (with_time.window, without.window) == (3, 1)
    assert with_time.parameter_count > without.parameter_count


def test_enlarging_is_bicubic() -> None:
    image = torch.from_numpy(np.random.default_rng(0).normal(size=(2, 3, 5, 9))).float()
    expected = interpolate(image, scale_factor=2, mode="bicubic", align_corners=False)
    assert torch.allclose(enlarged(image), expected, atol=1e-5)


def test_what_is_kept_while_looking_serves_for_learning() -> None:
    with torch.inference_mode():
        enlarged(torch.zeros(1, 1, 23, 29))
    image = torch.zeros(1, 1, 23, 29, requires_grad=True)
    enlarged(image).sum().backward()
    assert torch.allclose(image.grad.sum(), torch.tensor(4.0 * 23 * 29))


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("size", [(1, 1), (16, 32), (19, 45)])
def test_any_size_goes(name: str, size: tuple[int, int]) -> None:
    network = untrained(name)
    frames, mask = torch.rand(2, network.window, 3, *size), torch.zeros(2, network.window, 1, *size)
    restored = network(frames, mask)
    assert restored.picture.shape == frames.shape
    assert restored.blemish is None or restored.blemish.shape == mask.shape
    assert torch.isfinite(restored.picture).all()


def test_residual_adds_to_what_is_seen() -> None:
    frames, mask = torch.rand(1, 1, 3, 16, 16), torch.zeros(1, 1, 1, 16, 16)
    plain, residual = untrained("unet"), untrained("unet", residual=True)
    assert torch.allclose(residual(frames, mask).picture - plain(frames, mask).picture, frames, atol=1e-6)


def test_only_the_masked_network_knows_the_mask_and_not_what_it_hides() -> None:
    frames, hole = torch.rand(1, 1, 3, 32, 32), torch.zeros(1, 1, 1, 32, 32)
    hole[..., 8:20, 8:20] = 1
    other = torch.where(hole > 0, torch.rand_like(frames), frames)
    masked, blind = untrained("unet-masked"), untrained("unet")
    assert torch.equal(masked(frames, hole).picture, masked(other, hole).picture)
    assert not torch.allclose(masked(frames, hole).picture, masked(frames, 0 * hole).picture)
    assert torch.equal(blind(frames, hole).picture, blind(frames, 0 * hole).picture)
    assert not torch.allclose(blind(frames, hole).picture, blind(other, hole).picture)


@pytest.mark.parametrize(("temporal", "differs"), [(True, True), (False, False)])
def test_attention_over_time_looks_at_other_frames(temporal: bool, differs: bool) -> None:
    network = untrained("artifact-v1", temporal=temporal)
    if temporal:
        torch.nn.init.eye_(network.over_time.answer.weight)
    frames = torch.rand(1, 3, 3, 32, 32)
    other = frames.clone()
    other[:, 0] = torch.rand(1, 3, 32, 32)
    count = frames.shape[1]
    one, two = (network(each, torch.zeros(1, count, 1, 32, 32)).picture[:, 1] for each in (frames, other))
    assert torch.allclose(one, two, atol=1e-6) != differs


def test_an_untaught_restorer_changes_nothing() -> None:
    frames, mask = torch.rand(1, 3, 3, 19, 45), torch.zeros(1, 3, 1, 19, 45)
    assert torch.equal(make_net("artifact-v2", width=4)(frames, mask).picture, frames)


def test_restored_pictures_are_clipped_and_visible_pixels_stay() -> None:
    frames, hole = 3 * torch.rand(1, 1, 3, 32, 32) - 1, torch.zeros(1, 1, 1, 32, 32)
    hole[..., 8:20, 8:20] = 1
    picture = restore(untrained("unet-masked"), frames, hole)
    hidden = hole[:, 0].expand_as(picture) > 0
    assert torch.equal(picture[~hidden], frames[:, 0][~hidden])
    assert 0 <= picture[hidden].min() <= picture[hidden].max() <= 1


def test_known_answers_of_psnr() -> None:
    truth, where = torch.zeros(2, 3, 4, 4), torch.zeros(2, 1, 4, 4)
    result = truth + torch.tensor([0.1, 0.0]).view(2, 1, 1, 1)
    where[:, :, :2] = 1
    assert psnr(result, truth).tolist() == pytest.approx([20, 100], abs=1e-4)
    result[0, :, 2:] = 1
    assert psnr(result, truth, where).tolist() == pytest.approx([20, 100], abs=1e-4)
    assert torch.isnan(psnr(result, truth, 0 * where)).all()


# ---------------------------------------------------------------- on disk


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("name", NETS)
def test_weights_come_back(name: str, half: bool, tmp_path: Path) -> None:
    network, path = untrained(name), tmp_path / "net.safetensors"
    kept = network_checkpoint(network, {"recipe": Recipe(net=name, width=4).as_dict()})
    tensors = {each: one.half() if half else one for each, one in kept.tensors.items()}
    write_checkpoint(path, Checkpoint(tensors, kept.about))
    loaded = load_network(path, name)
    frames, mask = torch.rand(1, network.window, 3, 20, 20), torch.zeros(1, network.window, 1, 20, 20)
    expected, found = (each(frames, mask).picture for each in (network, loaded))
    assert torch.allclose(found, expected, atol=0.02 if half else 0)
    assert not any(parameter.requires_grad for parameter in loaded.parameters())
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize("name", ["unet", "refiner-v1"])
def test_what_ships_is_half_as_large_and_tells_its_history(name: str, tmp_path: Path) -> None:
    network = make_refiner(name, width=4) if name in REFINERS else make_net(name, width=4)
    best = network_checkpoint(network, {"recipe": Recipe(net=name, width=4).as_dict(), "metrics": {"epoch": 2}})
    write_checkpoint(tmp_path / "best.safetensors", best)
    progress = {"epochs": [{"epoch": 1}, {"epoch": 2}]}
    write_checkpoint(tmp_path / "last.safetensors", Checkpoint({}, {"progress": progress}))
    assert ship_weights.main([str(tmp_path), "-o", str(tmp_path / "out.safetensors")]) == 0
    shipped = read_checkpoint(tmp_path / "out.safetensors")
    assert shipped.about["history"] == progress["epochs"]
    assert {each.dtype for each in shipped.tensors.values()} == {torch.float16}
    (load_refiner if name in REFINERS else load_network)(tmp_path / "out.safetensors", name)


def test_wrong_weights_are_refused(tmp_path: Path) -> None:
    path = stored(tmp_path, "unet")
    with pytest.raises(InputError, match="holds the network unet; give weights of unet-masked"):
        load_network(path, "unet-masked")
    about = {"recipe": Recipe(net="unet", width=8).as_dict()}
    write_checkpoint(tmp_path / "narrow", Checkpoint(read_checkpoint(path).tensors, about))
    with pytest.raises(InputError, match="does not fit the network unet"):
        load_network(tmp_path / "narrow", "unet")
    (tmp_path / "text").write_text("no weights at all")
    with pytest.raises(InputError, match="is no weights file"):
        load_network(tmp_path / "text", "unet")
    with pytest.raises(InputError, match="holds no weights of vinpaint"):
        load_network(Path(vinpaint.__file__).parent / "detect" / "net.safetensors", "unet")
    with pytest.raises(DependencyError, match="are missing; name a file that 'vinpaint train' wrote"):
        load_network(tmp_path / "none", "unet")


@pytest.mark.parametrize("width", ["4", -1, 1, 1.5, None, True, 10**12, 4096, 5])
@pytest.mark.parametrize("name", ["unet", "refiner-v1"])
def test_widths_that_no_weights_have_are_refused_before_memory_is_taken(name: str, width: Any, tmp_path: Path) -> None:
    made = make_refiner(name, width=4) if name in REFINERS else make_net(name, width=4)
    recipe = Recipe(net=name, width=4).as_dict() | {"width": width}
    write_checkpoint(tmp_path / "net", network_checkpoint(made, {"recipe": recipe}))
    with pytest.raises(InputError, match=r"does not fit the network|says that its width is"):
        (load_refiner if name in REFINERS else load_network)(tmp_path / "net", name)


@pytest.mark.parametrize("name", ["unet-masked", "artifact-v2"])
def test_weights_that_were_taught_further_are_loaded_again(name: str, tmp_path: Path) -> None:
    path = stored(tmp_path, name)
    methods = [create(name, weights=path) for _ in range(2)]
    assert methods[0]._network is methods[1]._network
    kept = read_checkpoint(path)
    write_checkpoint(path, Checkpoint({key: 0 * each for key, each in kept.tensors.items()}, kept.about))
    fills = [method.fill(SCENE, SCENE[..., 0] > 0).frames for method in (*methods, create(name, weights=path))]
    assert np.array_equal(fills[0], fills[1])
    assert not np.array_equal(fills[0], fills[2])


@pytest.mark.parametrize("path", sorted(WEIGHTS.glob("*.safetensors")), ids=lambda path: path.stem)
def test_shipped_weights_have_a_card_and_are_small(path: Path) -> None:
    content, card = path.read_bytes(), path.with_suffix(".md").read_text()
    assert len(content) <= 8 << 20
    assert sha256(content).hexdigest() in card
    about = read_checkpoint(path).about
    assert f"{about['parameters']:,}" in card
    assert f"{about['metrics']['psnr_in']:.2f}" in card


def digits() -> np.ndarray:
    scene = np.zeros((1, 72, 128, 3), np.uint8)
    media.cv2.putText(scene[0], "58", (40, 50), media.cv2.FONT_HERSHEY_SIMPLEX, 1.1, (255, 255, 255), 3, 16)
    return scene


@pytest.mark.parametrize(
    ("weights", "scene", "better"),
    [
        ("unet-mnist", digits(), 10),
        ("unet", digits(), 2),
        ("unet", synthetic.moving_scene(1, 120, 160, seed=1, car=False), 3),
    ],
    ids=["digits, by digits", "digits", "painted"],
)
def test_shipped_unets_see_what_shines_through_stains(weights: str, scene: np.ndarray, better: float) -> None:
    """What is behind a veil comes back, and the veil is gone: so many times better than doing nothing."""
    y, x = np.mgrid[: scene.shape[1], : scene.shape[2]]
    alpha = 0.6 * np.clip(1 - np.hypot(x - 60, y - 40) / 25, 0, 1)[..., None]
    seen = np.rint((1 - alpha) * scene + 255 * 0.3 * alpha).astype(np.uint8)
    method = create("unet", weights=WEIGHTS / f"{weights}.safetensors")
    result = method.fill(seen, np.ones(scene.shape[1:3], bool)).frames
    inside = alpha[..., 0] > 0.02
    before, after = (np.square(each[0][inside].astype(float) - scene[0][inside]).mean() for each in (seen, result))
    assert after < before / better


# ---------------------------------------------------------------- filling and cleaning


def test_unet_is_smoothed_over_time(tmp_path: Path) -> None:
    weights = stored(tmp_path, "unet", residual=True)
    everything = np.ones(SCENE.shape[1:3], bool)
    filled = create("unet", weights=weights).fill(SCENE, everything).frames
    each = alone(weights, SCENE)
    expected = each.copy()
    expected[1:-1] = SMOOTHING * each[1:-1] + (1 - SMOOTHING) / 2 * (each[:-2] + each[2:])
    assert SMOOTHING == 0.6
    assert np.abs(filled - 255 * expected).max() <= 0.51


def alone(weights: Path, frames: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """What the network makes of each frame, (T, H, W, 3), 0 to 1."""
    seen = torch.from_numpy(frames).permute(0, 3, 1, 2).float()[:, None] / 255
    return restore(load_network(weights, "unet"), seen, torch.ones_like(seen[:, :, :1])).permute(0, 2, 3, 1).numpy()


def test_nothing_is_smoothed_across_a_cut(tmp_path: Path) -> None:
    weights = stored(tmp_path, "unet", residual=True)  # results differ as the frames do
    first = synthetic.moving_scene(12, 72, 96, seed=1, car=False)
    second = 255 - synthetic.moving_scene(12, 72, 96, seed=2, car=False)
    media.write_folder(tmp_path / "in", np.concatenate([first, second]))
    (tmp_path / "out").mkdir()
    vinpaint.clean_video(
        tmp_path / "in", f"{tmp_path}/out/", settings=FillSettings(method="unet", weights=weights, device="cpu")
    )
    for index, frame in ((11, first[-1]), (12, second[0])):
        result = media.read_image(tmp_path / "out" / f"{index:05d}.png")
        assert np.abs(result - 255 * alone(weights, frame[None])[0]).max() <= 1


def test_unet_state_holds_three_frames(tmp_path: Path) -> None:
    method = create("unet", weights=stored(tmp_path, "unet"), threads=1)
    state, mask = method.new_state(), np.ones(SCENE.shape[:3], bool)
    method.fill_window(Window(SCENE, mask, 10, 0, 5), state)
    assert sorted(state) == [13, 14]


def test_cleaning_with_a_blind_method_writes_whole_frames(tmp_path: Path, capsys: Capture) -> None:
    weights, frames = stored(tmp_path, "unet"), SCENE[:, :36, :50]
    media.write_clip(tmp_path / "in.mkv", Clip(codec="ffv1", pix_fmt="bgr0", width=50, height=36, count=5), frames)
    names = {name: str(tmp_path / name) for name in ("in.mkv", "out.mkv", "m.png", "a.png")}
    status = run(
        [
            "clean",
            names["in.mkv"],
            "-o",
            names["out.mkv"],
            "--method",
            "unet",
            "--weights",
            str(weights),
            "--lossless",
            "--mask-out",
            names["m.png"],
            "--alpha-out",
            names["a.png"],
        ]
    )
    assert status == 0
    assert "unet sees whole frames" in capsys.readouterr().err
    result = media.rgb_frames(tmp_path / "out.mkv")
    expected = create("unet", weights=weights).fill(frames, np.ones((36, 50), bool)).frames
    assert np.abs(result.astype(int) - expected).max() <= 1
    assert media.cv2.imread(names["m.png"], -1).min() == 255
    assert media.cv2.imread(names["a.png"], -1).min() == 65535


def test_cleaning_arrays_with_a_blind_method() -> None:
    filled, detection = vinpaint.clean(SCENE, method="unet")
    assert detection.verdict == "found"
    assert detection.blemish.mask.all()
    assert (filled.origin == vinpaint.Origin.SYNTHESISED).all()


def test_blind_methods_want_no_maps(tmp_path: Path) -> None:
    media.write_folder(tmp_path / "in", SCENE)
    media.write_mask(tmp_path / "a.png", np.ones(SCENE.shape[1:3], bool))
    settings = FillSettings(method="unet", alpha=tmp_path / "a.png", colour=tmp_path / "a.png")
    with pytest.raises(UsageError, match="unet makes no use of --alpha"):
        vinpaint.clean_video(tmp_path / "in", tmp_path / "out.mkv", settings=settings)


def test_missing_weights_end_with_status_6(tmp_path: Path, capsys: Capture) -> None:
    missing = str(tmp_path / "none.safetensors")
    arguments = ["fill", "in.mp4", "-m", "m.png", "-o", "out.mp4", "--method", "unet", "--weights", missing]
    assert run(arguments) == 6
    assert "none.safetensors are missing; name a file that 'vinpaint train' wrote" in capsys.readouterr().err


def test_a_method_without_weights_takes_none(capsys: Capture) -> None:
    assert run(["fill", "a", "-m", "b", "-o", "c", "--method", "telea", "--weights", "w"]) == 2
    assert "method telea has no option weights" in capsys.readouterr().err
