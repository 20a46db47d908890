"""Batches from pairs of clips: which frames, in which order, which part of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor

from vinpaint.contracts import Frames, Mask
from vinpaint.errors import UsageError

ON_BLEMISH = 0.5
"""Share of the crops that are placed so that they hold a hidden pixel."""


class Readable(Protocol):
    """A pair of clips, as :class:`vinpaint.refiner.data.Pair`."""

    @property
    def name(self) -> str:
        """For messages."""

    def read(self) -> tuple[Frames, Frames, Mask]:
        """Damaged and original frames, and the mask."""


@dataclass(frozen=True, eq=False)
class Clip:
    """A pair in memory: damaged and original (T, H, W, 3) uint8, mask (T, H, W) bool."""

    damaged: Frames
    original: Frames
    mask: Mask

    def __len__(self) -> int:
        return len(self.damaged)

    @property
    def size(self) -> int:
        """Bytes, as if the mask were another for every frame."""
        return self.damaged.nbytes + self.original.nbytes + self.mask.size


@dataclass(frozen=True, eq=False)
class Batch:
    """Samples, each a few consecutive frames.

    Attributes
    ----------
    damaged, original : (B, T, 3, H, W) uint8
        RGB.
    mask : (B, T, 1, H, W) bool
        True = hidden.
    """

    damaged: Tensor
    original: Tensor
    mask: Tensor

    def on(self, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
        """Damaged and original frames and the mask as float32, 0 to 1, on a device."""
        damaged, original = (each.to(device).float() / 255 for each in (self.damaged, self.original))
        return damaged, original, self.mask.to(device).float()


class Sized(Protocol):
    """Several samples, which take memory."""

    def __len__(self) -> int:
        """How many."""

    @property
    def size(self) -> int:
        """Bytes."""


S = TypeVar("S", bound=Sized)


class Stock(ABC, Generic[S]):
    """What is learned from, read when it is needed and kept as far as memory allows.

    Parameters
    ----------
    count : int
        How many there are, at least one.
    memory : int
        Bytes for those that are held.
    """

    def __init__(self, count: int, memory: int) -> None:
        self._count, self._memory = count, memory
        self._held: dict[int, S] = {}

    def __len__(self) -> int:
        return self._count

    def groups(self, order: Sequence[int]) -> Iterator[list[S]]:
        """All in an order, as many at a time as memory holds. What was held before changes no group."""
        group: list[int] = []
        for index in order:
            if index not in self._held:
                one = self._read(index)
                if self._full(one):
                    self._held = {each: self._held[each] for each in group}
                if group and self._full(one):
                    yield [self._held[each] for each in group]
                    self._held, group = {}, []
                self._held[index] = one
            group.append(index)
        yield [self._held[each] for each in group]

    def shuffled(self, batch: int, rng: np.random.Generator) -> Iterator[list[tuple[S, int]]]:
        """Every sample of every one once, a batch at a time, in a random order.

        What does not fill a batch at the end of a group is left out, unless nothing else was there.
        """
        for group in self.groups(rng.permutation(len(self)).tolist()):
            places = [(one, index) for one in group for index in range(len(one))]
            order = rng.permutation(len(places))
            for start in range(0, max(1, len(order) - batch + 1), batch):
                yield [places[index] for index in order[start : start + batch]]

    def in_order(self, batch: int) -> Iterator[list[tuple[S, int]]]:
        """The same in order; no batch holds samples of two."""
        for number in range(len(self)):
            (one,) = next(self.groups([number]))
            for start in range(0, len(one), batch):
                yield [(one, index) for index in range(start, min(start + batch, len(one)))]

    @abstractmethod
    def _read(self, index: int) -> S:
        """One of them."""

    def _full(self, more: S) -> bool:
        return sum(each.size for each in self._held.values()) + more.size > self._memory


class Clips(Stock[Clip]):
    """Pairs of clips.

    Parameters
    ----------
    pairs : sequence of Readable
        At least one.
    memory : int
        Bytes for clips that are held.
    """

    def __init__(self, pairs: Sequence[Readable], memory: int) -> None:
        super().__init__(len(pairs), memory)
        self._pairs = pairs

    def _read(self, index: int) -> Clip:
        damaged, original, mask = self._pairs[index].read()
        return Clip(damaged, original, np.broadcast_to(mask, damaged.shape[:3]))


def training_batches(
    clips: Clips,
    *,
    window: int,
    batch: int,
    crop: int,
    flip: bool,
    seed: int,
    epoch: int,
    change: Callable[[Clip, np.random.Generator], Clip] | None = None,
) -> Iterator[Batch]:
    """Every frame of every clip once, in an order that follows from seed and epoch, see :meth:`Stock.shuffled`.

    Parameters
    ----------
    clips : Clips
        To learn from.
    window : int
        Frames of a sample, around the one that is due; odd.
    batch : int
        Samples at a time.
    crop : int
        Side of the square that is cut out; 0 = whole frames.
    flip : bool
        Whether half of them are mirrored.
    change : callable, optional
        What is done to each sample before it is cut.

    Raises
    ------
    UsageError
        If whole frames are of different sizes.
    """
    rng = np.random.default_rng([seed, epoch])
    for chosen in clips.shuffled(batch, rng):
        samples = [_cut(clip, frame, window) for clip, frame in chosen]
        if change is not None:
            samples = [change(sample, rng) for sample in samples]
        yield stacked([_varied(sample, crop, flip, rng) for sample in samples])


def whole_batches(clips: Clips, *, window: int, batch: int) -> Iterator[Batch]:
    """Every frame of every clip once, in order, uncut; no batch holds frames of two clips."""
    for chosen in clips.in_order(batch):
        yield stacked([_cut(clip, frame, window) for clip, frame in chosen])


def _cut(clip: Clip, frame: int, window: int) -> Clip:
    """Consecutive frames; beyond the ends of the clip its last frame again."""
    around = np.arange(frame - window // 2, frame + window // 2 + 1).clip(0, len(clip.damaged) - 1)
    return Clip(clip.damaged[around], clip.original[around], clip.mask[around])


def _varied(sample: Clip, crop: int, flip: bool, rng: np.random.Generator) -> Clip:
    if crop:
        sample = _cropped(sample, crop, rng)
    if flip and rng.random() < 0.5:
        sample = Clip(sample.damaged[:, :, ::-1], sample.original[:, :, ::-1], sample.mask[:, :, ::-1])
    return sample


def _cropped(sample: Clip, crop: int, rng: np.random.Generator) -> Clip:
    """A square of the frames; frames that are smaller are continued by their last pixels first."""
    missing = [max(0, crop - side) for side in sample.mask.shape[1:]]
    if any(missing):
        edges = [(0, 0), (0, missing[0]), (0, missing[1])]
        damaged, original = (np.pad(each, [*edges, (0, 0)], mode="edge") for each in (sample.damaged, sample.original))
        sample = Clip(damaged, original, np.pad(sample.mask, edges, mode="edge"))
    room = np.array(sample.mask.shape[1:]) - crop
    corner = rng.integers(0, room + 1)
    hidden = np.argwhere(sample.mask[len(sample.mask) // 2]) if rng.random() < ON_BLEMISH else np.empty((0, 2), int)
    if len(hidden):
        corner = (hidden[rng.integers(len(hidden))] - rng.integers(0, crop, 2)).clip(0, room)
    rows, columns = (slice(start, start + crop) for start in corner)
    return Clip(sample.damaged[:, rows, columns], sample.original[:, rows, columns], sample.mask[:, rows, columns])


def stacked(samples: Sequence[Clip]) -> Batch:
    """Samples of one size as a batch.

    Raises
    ------
    UsageError
        If their sizes differ.
    """
    check_sizes("clips", {sample.damaged.shape[1:3] for sample in samples})
    damaged, original = (
        torch.from_numpy(np.stack(kind)).movedim(-1, 2).contiguous()
        for kind in ([sample.damaged for sample in samples], [sample.original for sample in samples])
    )
    return Batch(damaged, original, torch.from_numpy(np.stack([sample.mask[:, None] for sample in samples])))


def check_sizes(what: str, shapes: set[tuple[int, ...]]) -> None:
    """Raise UsageError unless all of a batch have one height and width."""
    if len(shapes) > 1:
        sizes = ", ".join(sorted(f"{width}x{height}" for height, width in shapes))
        raise UsageError(f"the {what} are of different sizes ({sizes}); give --crop to learn from parts of one size")
