"""The training loop.

A run goes on exactly where it was: everything it depends on (weights, their average, Adam's moments, the plateau's
count) is in ``last.safetensors`` after each epoch, and the samples of an epoch follow from the seed and its number.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vinpaint.errors import InputError, VinpaintError
from vinpaint.refiner.checkpoint import (
    Checkpoint,
    load_weights,
    network_checkpoint,
    read_checkpoint,
    write_checkpoint,
)
from vinpaint.refiner.training.course import course
from vinpaint.refiner.training.log import Epoch, write_log
from vinpaint.refiner.training.recipe import Recipe
from vinpaint.refiner.training.refining import LessonFiles
from vinpaint.refiner.training.samples import Clips
from vinpaint.refiner.training.stages import PLAIN, Emphasis, emphasis, judged_alike
from vinpaint.reporting import Reporter

LAST, BEST, LOG = "last.safetensors", "best.safetensors", "log.csv"
EVERY = 10
"""Epochs between the checkpoints that are kept."""
IMPROVED = 1e-3
"""Share by which the held-out loss must fall to count as an improvement."""
WAIT = 3
"""Epochs without improvement after which the schedule ``plateau`` halves the rate."""
_MOMENTS = ("exp_avg", "exp_avg_sq")


@dataclass(frozen=True)
class Progress:
    """How far a run is.

    Attributes
    ----------
    steps : int
        Batches learned from.
    best : float
        Held-out loss of the best epoch; losses may be negative.
    best_epoch : int
        Its number, from 1.
    waited : int
        Epochs since then, or since the stage began.
    halvings : int
        Of the rate.
    epochs : tuple of Epoch
        What each brought.
    """

    steps: int = 0
    best: float = math.inf
    best_epoch: int = 0
    waited: int = 0
    halvings: int = 0
    epochs: tuple[Epoch, ...] = field(default=())

    def after(self, row: Epoch, steps: int, *, plateau: bool) -> Progress:
        """How far it is after one more epoch of so many batches; ``plateau``: whether waiting halves the rate."""
        before = self.epochs[-1].stage if self.epochs else None
        alike = before is not None and judged_alike(before, row.stage)
        better = not alike or row.val_loss < self.best - IMPROVED * abs(self.best)
        waited = 0 if better or row.stage != before else self.waited + 1
        return Progress(
            steps=self.steps + steps,
            best=row.val_loss if better else self.best,
            best_epoch=row.epoch if better else self.best_epoch,
            waited=waited,
            halvings=self.halvings + (plateau and waited > 0 and waited % WAIT == 0),
            epochs=(*self.epochs, row),
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain types, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> Progress:
        """The reverse of :meth:`as_dict`."""
        return cls(**stored | {"epochs": tuple(Epoch(**each) for each in stored["epochs"])})


def run_files(folder: Path) -> list[Path]:
    """What a run has left in a folder."""
    return [path for path in folder.iterdir() if path.name in (LAST, BEST, LOG) or path.match("epoch-*.safetensors")]


class Trainer:
    """One run: a network learns from pairs of clips, or from lessons.

    Parameters
    ----------
    recipe : Recipe
        How.
    learned, held_out : Clips or LessonFiles
        What it learns from, and what it is judged by.
    folder : Path
        For checkpoints and the log; exists.
    device : torch.device
        Where it computes.
    reporter : Reporter
        Hears of every epoch.

    Raises
    ------
    UsageError
        If the network learns from something else.
    DependencyError
        If a loss needs weights that are not there.
    """

    def __init__(
        self,
        recipe: Recipe,
        learned: Clips | LessonFiles,
        held_out: Clips | LessonFiles,
        folder: Path,
        *,
        device: torch.device,
        reporter: Reporter,
    ) -> None:
        self._recipe, self._folder, self._device, self._reporter = recipe, folder, device, reporter
        self._course = course(recipe, learned, held_out, device)
        self._counts = {"learned": len(learned), "held_out": len(held_out)}
        torch.manual_seed(recipe.seed)
        self.network = self._course.new_network().to(device)
        self._judged = self._course.new_network().to(device).eval()
        self._optimizer = torch.optim.Adam(self.network.parameters(), lr=recipe.rate)
        self._average = {name: each.clone() for name, each in self._floating().items()}
        self._progress = Progress()
        self._begun_with: dict[str, Any] | None = None

    @property
    def epochs(self) -> tuple[Epoch, ...]:
        """What each epoch brought so far."""
        return self._progress.epochs

    def begin_with(self, path: Path) -> None:
        """Begin with trained weights instead of random ones.

        Raises
        ------
        DependencyError
            If there is no such file.
        InputError
            If it is no checkpoint, damaged, or of another network or width.
        """
        about = load_weights(path, self.network, self._recipe.as_dict())
        self._average = {name: each.clone() for name, each in self._floating().items()}
        self._begun_with = {name: about.get(name) for name in ("recipe", "metrics")}

    def resume(self) -> None:
        """Go on with the run whose last checkpoint is in the folder.

        Raises
        ------
        UsageError
            If it was begun with another recipe.
        DependencyError, InputError
            If there is none, or it is damaged.
        """
        path = self._folder / LAST
        stored = read_checkpoint(path)
        try:
            recipe, progress = Recipe.from_dict(stored.about["recipe"]), Progress.from_dict(stored.about["progress"])
            self._recipe.check_resumed(recipe)
            self._restore(stored.tensors, progress)
            self._begun_with = stored.about.get("begun_with")
        except VinpaintError:
            raise
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise InputError(f"{path} is no checkpoint of a run ({error}); begin the run anew") from error

    def run(self) -> str:
        """Learn until nothing improves any more, or all epochs are through; in one sentence, why it ended."""
        with _repeatable():
            while len(self.epochs) < self._recipe.epochs:
                if self._stalled():
                    return f"no improvement for {self._progress.waited} epochs"
                self._one_epoch()
        return f"all {self._recipe.epochs} epochs are through"

    def _one_epoch(self) -> None:
        number, begin = len(self.epochs), time.monotonic()
        stress = self._stress()
        rate = self._rate(number) * stress.rate
        train_loss, steps = self._learn(number, stress, rate)
        measured = self._judge(stress.judged())
        seconds = time.monotonic() - begin
        row = Epoch(epoch=number + 1, stage=stress.stage, rate=rate, train_loss=train_loss, seconds=seconds, **measured)
        self._note(row, steps)

    def _stalled(self) -> bool:
        """Whether nothing improves any more, in a stage that may end the run and has begun."""
        stress = self._stress()
        return self._progress.waited >= self._recipe.patience and stress.last and self.epochs[-1].stage == stress.stage

    def _stress(self) -> Emphasis:
        """What counts in the next epoch."""
        return emphasis(len(self.epochs), self._recipe.epochs) if self._recipe.staged else PLAIN

    def _learn(self, number: int, stress: Emphasis, rate: float) -> tuple[float, int]:
        """Mean loss, and batches."""
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        self.network.train()
        total, steps = 0.0, 0
        for batch in self._course.batches(number):
            total += self._step(batch, stress, self._progress.steps + steps)
            steps += 1
        return total / steps, steps

    def _step(self, batch: Any, stress: Emphasis, done: int) -> float:
        loss = self._course.loss(self.network, batch, stress)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise InputError(f"the loss is {value} after {done} steps; --resume with a lower --lr")
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), self._recipe.gradient_norm)
        self._optimizer.step()
        decay = min(self._recipe.average, (1 + done) / (10 + done))  # the first weights are worth nothing
        for name, each in self._floating().items():
            self._average[name].lerp_(each, 1 - decay)
        return value

    def _judge(self, stress: Emphasis) -> dict[str, float]:
        """Means over what is held out, by the averaged weights, in full precision."""
        self._judged.load_state_dict(self.network.state_dict() | self._average)
        return self._course.measures(self._judged, stress)

    def _rate(self, number: int) -> float:
        recipe = self._recipe
        if recipe.schedule == "cosine":
            return recipe.rate * (1 + math.cos(math.pi * number / recipe.epochs)) / 2
        return math.ldexp(recipe.rate, -self._progress.halvings)

    def _note(self, row: Epoch, steps: int) -> None:
        """Keep what an epoch brought, in memory and on disk."""
        self._progress = self._progress.after(row, steps, plateau=self._recipe.schedule == "plateau")
        self._reporter.note(str(row))
        self._reporter.progress("epochs", len(self.epochs), self._recipe.epochs)
        result = network_checkpoint(self._judged, self._about(row))
        if self._progress.best_epoch == row.epoch:
            write_checkpoint(self._folder / BEST, result)
        if row.epoch % EVERY == 0:
            write_checkpoint(self._folder / f"epoch-{row.epoch:04d}.safetensors", result)
        about = self._about(row) | {"progress": self._progress.as_dict()}
        write_checkpoint(self._folder / LAST, Checkpoint(self._state(), about))
        write_log(self._folder / LOG, self.epochs)

    def _about(self, row: Epoch) -> dict[str, Any]:
        return {
            "recipe": self._recipe.as_dict(),
            "metrics": asdict(row),
            "parameters": self.network.parameter_count,
            "clips": self._counts,
            "begun_with": self._begun_with,
            "torch": torch.__version__,
        }

    def _floating(self) -> dict[str, Tensor]:
        return {name: each for name, each in self.network.state_dict().items() if each.is_floating_point()}

    def _state(self) -> dict[str, Tensor]:
        tensors = {f"network.{name}": each for name, each in self.network.state_dict().items()}
        tensors |= {f"average.{name}": each for name, each in self._average.items()}
        for name, parameter in self.network.named_parameters():
            tensors |= {f"{key}.{name}": self._optimizer.state[parameter][key] for key in _MOMENTS}
        return tensors

    def _restore(self, tensors: dict[str, Tensor], progress: Progress) -> None:
        def under(kind: str) -> dict[str, Tensor]:
            return {
                name.removeprefix(f"{kind}."): each for name, each in tensors.items() if name.startswith(f"{kind}.")
            }

        self.network.load_state_dict(under("network"))
        average = under("average")
        self._average = {name: average[name].to(self._device) for name in self._average}
        moments = {key: under(key) for key in _MOMENTS}
        for name, parameter in self.network.named_parameters():
            state: dict[str, Tensor] = {key: moments[key][name].to(self._device) for key in _MOMENTS}
            self._optimizer.state[parameter] = state | {"step": torch.tensor(float(progress.steps))}
        self._progress = replace(progress)


@contextmanager
def _repeatable() -> Iterator[None]:
    """Choose kernels by the shapes alone, not by a race of candidates."""
    before = torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark
    torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False
    try:
        yield
    finally:
        torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = before
