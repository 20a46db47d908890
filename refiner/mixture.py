"""What a data set consists of: where its scenes come from, and what is done to them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np

from vinpaint.contracts import Frames
from vinpaint.errors import InputError
from vinpaint.refiner.artifacts import (
    GREY,
    HIDING,
    KINDS,
    Artifact,
    CircularStain,
    Composed,
    IrregularStain,
    artifact_kind,
    compose,
)
from vinpaint.refiner.data import HELD_OUT, held_out
from vinpaint.refiner.digits import Digits, idx_file, moving_digits, read_digits
from vinpaint.refiner.drawing import Generator
from vinpaint.refiner.leaves import leaves_clip
from vinpaint.refiner.synthetic import any_motion, moving_scene
from vinpaint.video import open_source
from vinpaint.video.clips import clips_in, read_shot
from vinpaint.video.images import image_files

Range: TypeAlias = tuple[float, float]

_SEARCHED = 600  # frames of a source among which a clip may begin; all before it have to be decoded
_SCENE, _DAMAGE = 0, 1  # streams of random numbers of a clip


class Scenes(Protocol):
    """Where clean clips come from."""

    def check(self) -> None:
        """Raise InputError, early, if they cannot be made."""

    def sources(self) -> dict[str, int]:
        """Names and bytes of the files that they are made from."""

    def clip(self, rng: Generator, count: int, size: tuple[int, int], *, held: bool) -> tuple[Frames, dict[str, Any]]:
        """A clip (count, height, width, 3) uint8, and what it shows.

        Held-out clips show nothing that others show.
        """


class Damage(Protocol):
    """What is done to them."""

    def draw(self, rng: Generator, height: int) -> Composed:
        """Defects for a clip of so many rows."""


@dataclass(frozen=True)
class Mixture:
    """Everything that the clips of a set follow from, but their number.

    Attributes
    ----------
    scenes : Scenes
        Where the clean clips come from.
    damage : Damage
        What is done to them.
    size : (width, height)
        Of the frames.
    frames : int
        Of a clip.
    seed : int
        Clip n of a seed is the same whatever the number of clips and of processes.
    """

    scenes: Scenes
    damage: Damage
    size: tuple[int, int]
    frames: int = 20
    seed: int = 0

    def scene(self, number: int) -> tuple[Frames, dict[str, Any]]:
        """The clean clip of a number, (T, H, W, 3) uint8, and what it shows."""
        rng = np.random.default_rng([self.seed, number, _SCENE])
        return self.scenes.clip(rng, self.frames, self.size, held=held_out(number))

    def defects(self, number: int) -> tuple[Composed, Generator]:
        """What is done to the clip of a number, and the random numbers for it."""
        rng = np.random.default_rng([self.seed, number, _DAMAGE])
        return self.damage.draw(rng, self.size[1]), rng

    def describe(self) -> dict[str, Any]:
        """For JSON."""
        kinds = {"scenes": type(self.scenes).__name__, "damage": type(self.damage).__name__}
        # One file more or less divides them anew: what was held out so far would be shown to the network.
        sources = self.scenes.sources()
        return {"kinds": kinds, **_plain(asdict(self)), **({"sources": sources} if sources else {})}


def _plain(value: Any) -> Any:
    """With paths as texts and tuples as lists, as JSON gives them back."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return str(value) if isinstance(value, Path) else value


# ---------------------------------------------------------------------------------------------
# Scenes
# ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class DigitScenes:
    """Moving digits of an IDX file; the last fifth of those that may be learned from is for held-out clips."""

    idx: Path
    colour: bool = False

    def check(self) -> None:
        """See :meth:`Scenes.check`."""
        _digits(self.idx)

    def sources(self) -> dict[str, int]:
        """See :meth:`Scenes.sources`."""
        path = idx_file(self.idx)
        return {path.name: path.stat().st_size}

    def clip(self, rng: Generator, count: int, size: tuple[int, int], *, held: bool) -> tuple[Frames, dict[str, Any]]:
        """See :meth:`Scenes.clip`."""
        digits = _digits(self.idx)
        border = max(1, len(digits) - len(digits) // HELD_OUT)
        chosen = digits[border:] if held else digits[:border]
        return moving_digits(chosen, rng, count=count, size=size, colour=self.colour), {"scene": "digits"}


@lru_cache(maxsize=1)
def _digits(path: Path) -> Digits:
    return read_digits(path)


@dataclass(frozen=True)
class FilmedScenes:
    """Parts of real clips; one in five of these is for held-out clips only."""

    folder: Path

    def check(self) -> None:
        """See :meth:`Scenes.check`."""
        if len(clips_in(self.folder)) < 2:
            raise InputError(f"{self.folder} holds a single clip; two or more are needed to hold one out")

    def sources(self) -> dict[str, int]:
        """See :meth:`Scenes.sources`; a folder of pictures is as large as these together."""
        return {
            clip.name: sum(file.stat().st_size for file in (image_files(clip) if clip.is_dir() else [clip]))
            for clip in clips_in(self.folder)
        }

    def clip(self, rng: Generator, count: int, size: tuple[int, int], *, held: bool) -> tuple[Frames, dict[str, Any]]:
        """See :meth:`Scenes.clip`."""
        clips = clips_in(self.folder)
        kept_out = clips[-max(1, len(clips) // HELD_OUT) :]
        chosen = kept_out if held else clips[: -len(kept_out)]
        path = chosen[rng.integers(len(chosen))]
        frames, start = _some(path, rng, count, size)
        return frames, {"scene": path.name, "start": start}


def _some(path: Path, rng: Generator, count: int, size: tuple[int, int]) -> tuple[Frames, int]:
    """Frames of one shot from somewhere in a clip, and where they were searched from."""
    with open_source(path, threads=1) as source:
        room = min(source.info.frames or 0, _SEARCHED + count) - count
    start = int(rng.integers(max(room, 0) + 1))
    try:
        return read_shot(path, count=count, start=start, size=size), start
    except InputError:  # the last shot is too short; an earlier one may not be
        return read_shot(path, count=count, start=0, size=size), 0


class _Drawn:
    """Scenes that are made of nothing."""

    def check(self) -> None:
        """Nothing can be missing."""

    def sources(self) -> dict[str, int]:
        """There are none."""
        return {}


@dataclass(frozen=True)
class PaintedScenes(_Drawn):
    """Painted landscapes before a moving camera."""

    def clip(self, rng: Generator, count: int, size: tuple[int, int], *, held: bool) -> tuple[Frames, dict[str, Any]]:
        """See :meth:`Scenes.clip`."""
        seed, motion = int(rng.integers(1 << 31)), any_motion(rng)
        frames = moving_scene(count, size[1], size[0], seed=seed, motion=motion)
        return frames, {"scene": "painted", "scene_seed": seed}


@dataclass(frozen=True)
class LeavesScenes(_Drawn):
    """Leaves on top of each other: no things, but all the detail that a frame can hold."""

    def clip(self, rng: Generator, count: int, size: tuple[int, int], *, held: bool) -> tuple[Frames, dict[str, Any]]:
        """See :meth:`Scenes.clip`."""
        return leaves_clip(rng, count, size), {"scene": "leaves"}


# ---------------------------------------------------------------------------------------------
# Damage
# ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class StainRanges:
    """Soft stains as the evaluation protocol has them, some of them irregular.

    Attributes
    ----------
    radius : (float, float)
        Pixels.
    count : (int, int)
        Fewest and most stains of a clip.
    opacity, hardness : (float, float)
        See :class:`vinpaint.refiner.artifacts.CircularStain`.
    irregular, swinging : float
        Shares of the stains that are irregular, and that fade and return.
    """

    radius: Range
    count: tuple[int, int] = (1, 3)
    opacity: Range = (0.4, 1.0)
    hardness: Range = (0.5, 1.0)
    irregular: float = 0.2
    swinging: float = 0.2

    def draw(self, rng: Generator, height: int) -> Composed:
        """See :meth:`Damage.draw`."""
        return compose(self._stain(rng, height) for _ in range(rng.integers(self.count[0], self.count[1] + 1)))

    def _stain(self, rng: Generator, height: int) -> Artifact:
        radius, opacity, hardness = (rng.uniform(*bounds) for bounds in (self.radius, self.opacity, self.hardness))
        swing = rng.uniform(0.2, 0.8) if rng.random() < self.swinging else 0.0
        if rng.random() < self.irregular:
            return IrregularStain(radius=0.6 * radius / height, opacity=opacity, tint=GREY, swing=swing)
        return CircularStain(radius=radius / height, opacity=opacity, hardness=hardness, swing=swing)


@dataclass(frozen=True)
class ArtifactMix:
    """Some of many defects, in the order in which light, film, broadcaster and codec would add them.

    Attributes
    ----------
    names : tuple of str
        To choose from; at least one that hides something is chosen if there is one. Empty = all.
    count : (int, int)
        Fewest and most defects of a clip.
    severity : (float, float)
        See :meth:`vinpaint.refiner.artifacts.Artifact.draw`.

    Raises
    ------
    UsageError
        If there is no defect of a name.
    """

    names: tuple[str, ...] = ()
    count: tuple[int, int] = (1, 3)
    severity: Range = (0.1, 0.8)

    def __post_init__(self) -> None:
        for name in self.names:
            artifact_kind(name)

    def draw(self, rng: Generator, height: int) -> Composed:
        """See :meth:`Damage.draw`."""
        names = self.names or tuple(KINDS)
        shuffled = [names[index] for index in rng.permutation(len(names))]
        hiding = {kind.name for kind in HIDING}
        shuffled.sort(key=lambda name: name not in hiding)  # one that hides comes first, the rest as shuffled
        first, *rest = shuffled
        more = int(rng.integers(self.count[0], self.count[1] + 1)) - 1
        chosen = {first, *(rest[index] for index in rng.permutation(len(rest))[:more])}
        ordered = [kind for name, kind in KINDS.items() if name in chosen]
        return compose(kind.draw(rng, rng.uniform(*self.severity)) for kind in ordered)
