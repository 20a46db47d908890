"""Teaching networks that refine: lessons, varied, and the loss.

What is judged is the mean over frames of a logarithm, the PSNR; so is the loss. A frame that is easy counts as much as
one that is not, and nothing is gained by making it prettier than it is right.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from vinpaint.refiner.evidence import OFFERS, SOURCES
from vinpaint.refiner.inference import psnr
from vinpaint.refiner.lessons import DECODED, MISSING, Lessons, read_lessons
from vinpaint.refiner.networks import Refined, Refiner, make_refiner
from vinpaint.refiner.training.log import MEASURES
from vinpaint.refiner.training.recipe import Recipe
from vinpaint.refiner.training.samples import Stock, check_sizes
from vinpaint.refiner.training.stages import Emphasis

GRADIENT, ERROR, RECOVERED = 2.0, 0.05, 0.1
"""Weights beside the logarithm of the squared error."""
RIGHT = 8.0
"""Grey levels up to which a pixel counts as recovered."""
FEWEST = 150
"""Hidden pixels of a sample that counts."""
_EPSILON = (1.5 / 255) ** 2  # squared error from which on being better is worth less
_NO_NEIGHBOURS, _NO_OFFERS, _NOTHING_SEEN = 0.08, 0.05, 0.10  # shares of the samples without these
_DARKEST, _BRIGHTEST = 0.6, 1.15  # factors of the light
_DRAFT, _BEFORE, _AFTER, _SPATIAL = (SOURCES.index(each) for each in ("draft", "before", "after", "spatial"))
_FIRST = len(SOURCES) - OFFERS


class LessonFiles(Stock[Lessons]):
    """Files of lessons, read when they are needed.

    Parameters
    ----------
    paths : sequence of Path
        At least one.
    memory : int
        Bytes for lessons that are held.
    """

    def __init__(self, paths: Sequence[Path], memory: int) -> None:
        super().__init__(len(paths), memory)
        self._paths = paths

    def _read(self, index: int) -> Lessons:
        return read_lessons(self._paths[index])


@dataclass(frozen=True, eq=False)
class Sample:
    """One lesson: pictures (S, H, W, 3) uint8, errors (S, H, W) uint8, hidden (H, W) bool, truth (H, W, 3) uint8."""

    pictures: NDArray[np.uint8]
    errors: NDArray[np.uint8]
    hidden: NDArray[np.bool_]
    truth: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class LessonBatch:
    """Samples as networks take them, and the truth (B, 3, H, W)."""

    pictures: Tensor
    error: Tensor
    hidden: Tensor
    truth: Tensor

    def on(self, device: torch.device) -> LessonBatch:
        """The same on a device."""
        return LessonBatch(*(each.to(device) for each in (self.pictures, self.error, self.hidden, self.truth)))


class Refining:
    """How networks that refine are taught, see :class:`vinpaint.refiner.training.course.Course`."""

    def __init__(self, recipe: Recipe, learned: LessonFiles, held_out: LessonFiles, device: torch.device) -> None:
        self._recipe, self._learned, self._held_out, self._device = recipe, learned, held_out, device

    def new_network(self) -> Refiner:
        """An untrained network."""
        network = make_refiner(self._recipe.net, width=self._recipe.width)
        return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]

    def batches(self, epoch: int) -> Iterator[LessonBatch]:
        """Every lesson once, in an order and with changes that follow from seed and epoch."""
        rng = np.random.default_rng([self._recipe.seed, epoch])
        crop, flip = self._recipe.crop, self._recipe.flip
        for chosen in self._learned.shuffled(self._recipe.batch, rng):
            light = rng.uniform(_DARKEST, _BRIGHTEST, len(chosen)).astype(np.float32)
            yield stacked([varied(_one(*each), crop, rng, flip=flip) for each in chosen], light)

    def loss(self, network: Refiner, batch: LessonBatch, stress: Emphasis) -> Tensor:
        """See :func:`refining_loss`; stages do not matter."""
        batch = batch.on(self._device)
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._recipe.precision == "bfloat16"):
            refined = network(batch.pictures, batch.error, batch.hidden)
        return refining_loss(refined, batch.truth, batch.hidden)

    def measures(self, network: Refiner, stress: Emphasis) -> dict[str, float]:
        """Means over held-out lessons: the loss, and the PSNR of squares and where hidden, of result and input."""
        rows = [self._measured(network, batch) for batch in whole_lessons(self._held_out, self._recipe.batch)]
        means = torch.cat(rows, dim=1).nanmean(dim=1).tolist()
        return dict(zip(MEASURES, means, strict=True))

    def _measured(self, network: Refiner, batch: LessonBatch) -> Tensor:
        batch = batch.on(self._device)
        with torch.no_grad():
            refined = network(batch.pictures, batch.error, batch.hidden)
        loss = refining_loss(refined, batch.truth, batch.hidden)
        pictures = refined.picture.clamp(0, 1), batch.pictures[:, 0]
        values = [psnr(each, batch.truth, where) for each in pictures for where in (None, batch.hidden)]
        return torch.stack([loss.expand(len(batch.truth)), *values]).cpu()


def refining_loss(refined: Refined, truth: Tensor, hidden: Tensor) -> Tensor:
    """The logarithm of the squared error where hidden, and beside it of derivatives, of the error that was expected …

    … and of what was said to be recovered. A scalar.

    Parameters
    ----------
    refined : Refined
        Of the network.
    truth : (B, 3, H, W) float32
        0 to 1.
    hidden : (B, 1, H, W) float32
        1 = hidden.
    """
    count = hidden.sum(dim=(1, 2, 3))
    difference = (refined.picture - truth) * hidden
    square = difference.square().sum(dim=(1, 2, 3)) / (3 * count).clamp_min(1)
    counts = (count >= FEWEST).float()
    loss = (torch.log(square + _EPSILON) * counts).sum() / counts.sum().clamp_min(1)
    across, down = difference.diff(dim=3).abs().mean(), difference.diff(dim=2).abs().mean()
    levels = (255 * difference.detach()).square().mean(dim=1, keepdim=True)
    expected = (((levels + 1) / refined.error.exp() + refined.error) * hidden).sum() / hidden.sum().clamp_min(1)
    loss = loss + GRADIENT * (across + down) + ERROR * expected
    if refined.recovered is None:
        return loss
    right = (levels < RIGHT**2).float()
    return loss + RECOVERED * binary_cross_entropy_with_logits(refined.recovered, right, hidden)


def _one(lessons: Lessons, index: int) -> Sample:
    return Sample(lessons.pictures[index], lessons.errors[index], lessons.hidden[index], lessons.truth[index])


def whole_lessons(files: LessonFiles, batch: int) -> Iterator[LessonBatch]:
    """Every lesson once, in order, as it is."""
    for chosen in files.in_order(batch):
        yield stacked([_one(*each) for each in chosen])


def varied(sample: Sample, crop: int, rng: np.random.Generator, *, flip: bool) -> Sample:
    """A part of a sample, perhaps mirrored and turned, its colours exchanged, and some of its pictures missing.

    Parameters
    ----------
    sample : Sample
    crop : int
        Side of the part, pixels; smaller samples are continued. 0 = all of it.
    flip : bool
        Whether it may be mirrored and turned, and colours exchanged.
    """
    sample = _continued(sample, crop)
    pictures, errors, hidden, truth = sample.pictures, sample.errors, sample.hidden, sample.truth
    if crop:
        top, left = rng.integers(0, np.array(hidden.shape) - crop + 1)
        cut = np.s_[top : top + crop, left : left + crop]
        pictures, errors, hidden, truth = pictures[:, *cut], errors[:, *cut], hidden[cut], truth[cut]
    if flip:
        down, across, turned = (int(each) for each in rng.choice([-1, 1], 3))
        pictures, errors = pictures[:, ::down, ::across], errors[:, ::down, ::across]
        hidden, truth = hidden[::down, ::across], truth[::down, ::across]
        if turned > 0:
            pictures, errors = pictures.swapaxes(1, 2), errors.swapaxes(1, 2)
            hidden, truth = hidden.T, truth.swapaxes(0, 1)
        if rng.random() < 0.5:
            colours = rng.permutation(3)
            pictures, truth = pictures[..., colours], truth[..., colours]
    return _poorer(Sample(pictures, errors, hidden, truth), rng)


def _continued(sample: Sample, side: int) -> Sample:
    """A sample of at least so many pixels a side: a smaller one goes on with its last pixels."""
    edges = [(0, max(0, side - each)) for each in sample.hidden.shape]
    if not np.any(edges):
        return sample
    return Sample(
        np.pad(sample.pictures, [(0, 0), *edges, (0, 0)], mode="edge"),
        np.pad(sample.errors, [(0, 0), *edges], mode="edge"),
        np.pad(sample.hidden, edges, mode="edge"),
        np.pad(sample.truth, [*edges, (0, 0)], mode="edge"),
    )


def _poorer(sample: Sample, rng: np.random.Generator) -> Sample:
    """A sample of which perhaps some pictures are missing, as at the ends of clips or before a resting camera."""
    chance = rng.random()
    pictures, errors = sample.pictures.copy(), sample.errors.copy()
    if rng.random() < 0.5:  # time may run backwards
        pictures[[_BEFORE, _AFTER]], errors[[_BEFORE, _AFTER]] = pictures[[_AFTER, _BEFORE]], errors[[_AFTER, _BEFORE]]
    if chance < _NO_NEIGHBOURS:
        pictures[[0, _BEFORE, _AFTER]], errors[0], errors[[_BEFORE, _AFTER]] = pictures[_DRAFT], errors[_DRAFT], MISSING
    elif chance < _NO_NEIGHBOURS + _NO_OFFERS:
        pictures[_FIRST:], errors[_FIRST:] = pictures[_DRAFT], MISSING
    elif chance < _NO_NEIGHBOURS + _NO_OFFERS + _NOTHING_SEEN:
        pictures[:] = np.where(sample.hidden[..., None], pictures[_SPATIAL], sample.truth)
        spatial = np.where(sample.hidden, errors[_SPATIAL], MISSING)
        errors[:] = MISSING
        errors[[0, _DRAFT]], errors[_SPATIAL] = np.where(sample.hidden, spatial, 0), spatial
    return Sample(pictures, errors, sample.hidden, sample.truth)


def stacked(samples: Sequence[Sample], light: NDArray[np.float32] | None = None) -> LessonBatch:
    """Samples of one size as a batch, all colours times a factor for each.

    Raises
    ------
    UsageError
        If their sizes differ.
    """
    check_sizes("lessons", {sample.hidden.shape for sample in samples})
    scale = np.ones(len(samples), np.float32) if light is None else light
    factor = torch.from_numpy(scale / np.float32(255))[:, None, None, None]
    pictures, truth = (
        torch.from_numpy(np.ascontiguousarray(np.stack(kind))).movedim(-1, -3)
        for kind in ([each.pictures for each in samples], [each.truth for each in samples])
    )
    errors = torch.from_numpy(DECODED)[torch.from_numpy(np.stack([each.errors for each in samples])).long()]
    hidden = torch.from_numpy(np.stack([each.hidden for each in samples]))[:, None].float()
    return LessonBatch(pictures * factor[:, None], errors, hidden, truth * factor)
