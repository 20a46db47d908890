"""Losses: known answers, and gradients against finite differences."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity
from torch import Tensor

from vinpaint.errors import DependencyError
from vinpaint.refiner import losses
from vinpaint.refiner.losses.structure import sobel

torch.set_num_threads(1)  # beside other tests, one is faster than two

Loss = Callable[..., Tensor]


def pictures(*shape: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Two of random values that differ by 0.05 at least: no loss has a kink near them."""
    rng = np.random.default_rng(seed)
    truth = rng.uniform(0.2, 0.8, shape)
    result = truth + rng.choice([-1, 1], shape) * rng.uniform(0.05, 0.2, shape)
    return torch.from_numpy(result), torch.from_numpy(truth)


OF_PICTURES: dict[str, Loss] = {
    "l1": losses.l1,
    "charbonnier": losses.charbonnier,
    "spectral": losses.spectral,
    "edges": losses.edges,
    "ssim": losses.ssim,
    "ms_ssim": losses.ms_ssim,
    "continuous_regression": losses.continuous_regression,
    "focal_mse": losses.focal_mse,
    "soft_jaccard": losses.soft_jaccard,
}
OF_LOGITS: dict[str, Loss] = {"mask_bce": losses.mask_bce, "dice": losses.dice}


@pytest.mark.parametrize("name", [*OF_PICTURES, *OF_LOGITS])
def test_gradients_are_those_of_the_function(name: str) -> None:
    result, truth = pictures(1, 2, 12, 13)
    loss = (OF_PICTURES | OF_LOGITS)[name]
    assert torch.autograd.gradcheck(lambda value: loss(value, truth), (result.requires_grad_(),), atol=1e-6)


def test_gradient_of_the_temporal_loss() -> None:
    frames, _ = pictures(1, 3, 2, 6, 7)
    flow = torch.full((1, 2, 2, 6, 7), 0.3, dtype=torch.float64)
    visible = torch.ones(1, 2, 1, 6, 7, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda value: losses.temporal(value, flow, visible), (frames.requires_grad_(),))
    assert torch.autograd.gradcheck(
        losses.warped,
        (frames[0].detach().requires_grad_(), flow[:, :, :].repeat(1, 2, 1, 1, 1)[0, :3].requires_grad_()),
    )


@pytest.mark.parametrize("name", OF_PICTURES)
def test_equal_pictures_are_the_minimum(name: str) -> None:
    result, truth = pictures(2, 3, 24, 30)
    loss = OF_PICTURES[name]
    least = 1e-3 if name == "charbonnier" else 0.0
    assert float(loss(truth, truth)) == pytest.approx(least, abs=1e-9)
    half = float(loss(truth + 0.5 * (result - truth), truth))
    assert least < half < float(loss(result, truth))


@pytest.mark.parametrize("name", OF_PICTURES)
def test_descent_along_the_gradient_restores_the_picture(name: str) -> None:
    result, truth = pictures(1, 1, 12, 12)
    value = result.clone().requires_grad_()
    descent = torch.optim.Adam([value], lr=0.003)
    first = float((result - truth).abs().mean())
    for _ in range(40):
        descent.zero_grad()
        OF_PICTURES[name](value, truth).backward()
        descent.step()
    assert float((value.detach() - truth).abs().mean()) < (1.0 if name in ("edges", "soft_jaccard") else 0.6) * first


def test_known_answers_of_pixels() -> None:
    black, white = torch.zeros(1, 3, 8, 8), torch.ones(1, 3, 8, 8)
    assert float(losses.l1(white, black)) == 1
    assert float(losses.charbonnier(white, black, 0.1)) == pytest.approx(math.sqrt(1.01))
    # One coefficient of 64, of 8 (orthonormal), the rest nothing; half of the spectrum is kept, real and imaginary.
    assert float(losses.spectral(white, black)) == pytest.approx(8 / (8 * 5 * 2))
    assert float(losses.focal_mse(white, black, steepness=1, power=1)) == pytest.approx(math.tanh(1))
    assert float(losses.focal_mse(white, black, power=0)) == pytest.approx(1)


def test_focal_weights_small_errors_less_than_the_square_does() -> None:
    zero = torch.zeros(10)
    ratio = [float(losses.focal_mse(zero + error, zero)) / error**2 for error in (0.01, 0.1, 0.5)]
    assert ratio[0] < 0.11 < 0.7 < ratio[1] < 0.99 < ratio[2] <= 1


def test_known_answers_of_edges() -> None:
    slope = torch.arange(8.0).expand(1, 1, 6, 8)
    gradients = sobel(slope)
    assert torch.allclose(gradients[:, 0, :, 1:-1], torch.ones(6, 6))
    assert torch.allclose(gradients[:, 1], torch.zeros(6, 8))
    step = torch.zeros(1, 1, 6, 8)
    step[..., 4:] = 1
    assert float(losses.edges(step, torch.zeros_like(step))) == pytest.approx(2 * 0.5 / 8 / 2)
    assert float(losses.edges(step + 0.3, step)) == pytest.approx(0, abs=1e-6)


def test_similarity_is_that_of_scikit_image() -> None:
    result, truth = pictures(1, 1, 40, 52)
    _, whole = structural_similarity(
        result[0, 0].numpy(),
        truth[0, 0].numpy(),
        data_range=1,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )
    assert float(losses.ssim(result, truth)) == pytest.approx(1 - whole[5:-5, 5:-5].mean(), abs=1e-9)


def test_similarity_over_scales() -> None:
    result, truth = pictures(1, 3, 200, 180)
    assert float(losses.ms_ssim(result, truth, [1.0])) == pytest.approx(float(losses.ssim(result, truth)), abs=1e-6)
    blurred = torch.nn.functional.avg_pool2d(result - truth, 3, 1, 1)
    fine, coarse = truth + (result - truth), truth + blurred * (result - truth).std() / blurred.std()
    # Single pixels that differ are gone at coarse scales; spots of the same contrast stay.
    assert float(losses.ms_ssim(coarse, truth)) > float(losses.ms_ssim(fine, truth))


@pytest.mark.parametrize("size", [(1, 1), (4, 9), (11, 11), (25, 40)])
def test_similarity_of_small_pictures(size: tuple[int, int]) -> None:
    result, truth = pictures(2, 3, *size)
    for loss in (losses.ssim, losses.ms_ssim):
        assert 0 < float(loss(result, truth)) <= 2
        assert float(loss(truth, truth)) == pytest.approx(0, abs=1e-6)


def test_regression_is_the_sum_of_its_parts() -> None:
    result, truth = pictures(2, 1, 20, 20)
    parts = (result - truth).square().mean(), losses.edges(result, truth), losses.ssim(result, truth)
    for weights in ((1, 0, 0), (0, 1, 0), (0, 0, 1), (2, 3, 4)):
        total = losses.continuous_regression(
            result, truth, squares=weights[0], gradient=weights[1], structure=weights[2]
        )
        assert float(total) == pytest.approx(sum(w * float(part) for w, part in zip(weights, parts, strict=True)))


def test_known_answers_of_masks() -> None:
    mask = torch.zeros(1, 1, 10, 10)
    mask[..., :5] = 1
    sure = 40 * (2 * mask - 1)
    assert float(losses.mask_bce(sure, mask)) == pytest.approx(0, abs=1e-6)
    assert float(losses.mask_bce(torch.zeros_like(mask), mask)) == pytest.approx(math.log(2))
    assert float(losses.mask_bce(-sure, mask)) == pytest.approx(40)
    assert float(losses.dice(sure, mask)) == pytest.approx(0, abs=1e-6)
    assert float(losses.dice(-sure, mask, smooth=0)) == pytest.approx(1)
    # Half of the mask found: 2·25 / (25 + 50).
    assert float(losses.dice(torch.where(torch.arange(10)[:, None] < 5, sure, -40.0), mask, smooth=0)) == pytest.approx(
        1 / 3
    )
    assert float(losses.dice(torch.full_like(mask, -40.0), torch.zeros_like(mask))) == pytest.approx(0, abs=1e-6)


def test_known_answers_of_the_soft_jaccard() -> None:
    whole, half = torch.ones(1, 1, 4, 4), torch.full((1, 1, 4, 4), 0.5)
    jaccard = partial(losses.soft_jaccard, smooth=0.0)
    assert float(jaccard(half, half)) == 0
    assert float(jaccard(half, whole)) == pytest.approx(0.5)
    assert float(jaccard(torch.zeros_like(whole), whole)) == 1


def test_what_moves_along_the_flow_is_steady() -> None:
    rng = np.random.default_rng(0)
    world = torch.from_numpy(rng.random((3, 20, 40))).float()
    frames = torch.stack([world[..., 2 * t : 2 * t + 24] for t in range(4)])[None]  # the scene moves 2 to the left
    flow = torch.zeros(1, 3, 2, 20, 24)
    flow[:, :, 0] = -2
    visible = torch.ones(1, 3, 1, 20, 24)
    visible[..., :2] = 0
    assert float(losses.temporal(frames, flow, visible)) == pytest.approx(0, abs=1e-5)
    assert float(losses.temporal(frames, 0 * flow, visible)) > 0.2
    assert float(losses.temporal(frames, flow, torch.ones_like(visible))) > 0.005
    assert float(losses.temporal(frames, flow, 0 * visible)) == 0


def test_a_flicker_counts_by_its_size() -> None:
    frames = torch.full((1, 4, 3, 8, 8), 0.5)
    frames[:, ::2] += 0.1
    still, visible = torch.zeros(1, 3, 2, 8, 8), torch.ones(1, 3, 1, 8, 8)
    assert float(losses.temporal(frames, still, visible)) == pytest.approx(0.1)


def test_missing_weights_of_the_perceptual_loss_are_named(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with pytest.raises(DependencyError, match=r"vgg16-397923af\.pth; put .* or train without it \(--no-lpips\)"):
        losses.Perceptual()
