"""What differs between the networks that are taught: what they learn from, by which loss, and how they are judged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import torch
from torch import Tensor

from vinpaint.errors import UsageError
from vinpaint.refiner.inference import finished, psnr
from vinpaint.refiner.networks import REFINERS, Restorer, make_net
from vinpaint.refiner.training.defects import Defects
from vinpaint.refiner.training.log import MEASURES
from vinpaint.refiner.training.objective import Objective
from vinpaint.refiner.training.recipe import Recipe
from vinpaint.refiner.training.refining import LessonFiles, Refining
from vinpaint.refiner.training.samples import Batch, Clips, training_batches, whole_batches
from vinpaint.refiner.training.stages import Emphasis


class Course(Protocol):
    """How networks of a kind are taught."""

    def new_network(self) -> Any:
        """An untrained network."""

    def batches(self, epoch: int) -> Iterator[Any]:
        """All that is learned from in an epoch; it follows from its number."""

    def loss(self, network: Any, batch: Any, stress: Emphasis) -> Tensor:
        """What is to be made smaller, a scalar."""

    def measures(self, network: Any, stress: Emphasis) -> dict[str, float]:
        """Means over what is held out, by name of :data:`vinpaint.refiner.training.log.MEASURES`."""


def course(recipe: Recipe, learned: Clips | LessonFiles, held_out: Clips | LessonFiles, device: torch.device) -> Course:
    """The course for the network of a recipe.

    Raises
    ------
    UsageError
        If it learns from something else.
    DependencyError
        If a loss needs weights that are not there.
    """
    if recipe.net in REFINERS:
        if isinstance(learned, LessonFiles) and isinstance(held_out, LessonFiles):
            return Refining(recipe, learned, held_out, device)
        raise UsageError(f"{recipe.net} learns from lessons, not from pairs of clips")
    if isinstance(learned, Clips) and isinstance(held_out, Clips):
        return Restoring(recipe, learned, held_out, device)
    raise UsageError(f"{recipe.net} learns from pairs of clips, not from lessons")


class Restoring:
    """Networks that give clean frames for damaged ones, taught with pairs of clips."""

    def __init__(self, recipe: Recipe, learned: Clips, held_out: Clips, device: torch.device) -> None:
        self._recipe, self._learned, self._held_out, self._device = recipe, learned, held_out, device
        self._objective = Objective(recipe, device)
        self._defects = Defects.named(recipe.artifacts) if recipe.artifacts else None

    def new_network(self) -> Restorer:
        """See :class:`Course`."""
        recipe = self._recipe
        return make_net(recipe.net, width=recipe.width, residual=recipe.residual, temporal=recipe.temporal)

    def batches(self, epoch: int) -> Iterator[Batch]:
        """See :class:`Course`."""
        recipe = self._recipe
        return training_batches(
            self._learned,
            window=self.new_network().window,
            batch=recipe.batch,
            crop=recipe.crop,
            flip=recipe.flip,
            seed=recipe.seed,
            epoch=epoch,
            change=self._defects.put_before if self._defects else None,
        )

    def loss(self, network: Restorer, batch: Batch, stress: Emphasis) -> Tensor:
        """See :class:`Course`."""
        damaged, original, mask = batch.on(self._device)
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._recipe.precision == "bfloat16"):
            restored = network(damaged, mask)
        return self._objective(restored, original, mask, stress)

    def measures(self, network: Restorer, stress: Emphasis) -> dict[str, float]:
        """See :class:`Course`; in full precision."""
        rows = []
        for batch in whole_batches(self._held_out, window=network.window, batch=self._recipe.batch):
            damaged, original, mask = batch.on(self._device)
            middle = damaged.shape[1] // 2
            with torch.no_grad():
                restored = network(damaged, mask)
                loss = self._objective(restored, original, mask, stress)
            pictures = finished(network, restored, damaged, mask), damaged[:, middle]
            values = [psnr(each, original[:, middle], w) for each in pictures for w in (None, mask[:, middle])]
            rows.append(torch.stack([loss.expand(len(damaged)), *values]).cpu())
        return dict(zip(MEASURES, torch.cat(rows, dim=1).nanmean(dim=1).tolist(), strict=True))
