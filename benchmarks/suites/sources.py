"""Where the clips of a benchmark come from: painted scenes, folders, and the layout of DAVIS."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from vinpaint.contracts import Frames, Mask
from vinpaint.errors import InputError
from vinpaint.masks import read_mask
from vinpaint.masks.names import natural_key
from vinpaint.refiner.drawing import Generator
from vinpaint.refiner.synthetic import HANDHELD, PAN, Motion, moving_scene
from vinpaint.video import open_source
from vinpaint.video.clips import clips_in, read_clip
from vinpaint.video.images import image_files

PAPER = (432, 240)
"""Width and height of the papers on video inpainting."""

_PAINTED: tuple[tuple[str, int, Motion], ...] = (
    ("painted-pan", 3, PAN),
    ("painted-handheld", 5, HANDHELD),
    ("painted-slow", 8, Motion(pan=0.7, sway=0.02, zoom=0.02)),
    ("painted-tilt", 11, Motion(sway=0.08, roll=0.5, period=60)),
)
_PAINTED_FRAMES = 60
_QUICK = 2  # clips of a quick run
_QUICK_FRAMES = 20
_LONGEST = 100  # frames of a clip that is longer


@dataclass(frozen=True)
class Scene:
    """A clip by name; read when it is needed."""

    name: str
    read: Callable[[], Frames]


@dataclass(frozen=True)
class Sources:
    """Which clips a run works on.

    Attributes
    ----------
    clips : Path, optional
        A folder of videos, or of folders of frames.
    davis : Path, optional
        A folder in the layout of DAVIS: ``JPEGImages/480p`` and ``Annotations/480p``, or ``frames``, ``objects`` and
        ``static_masks``.
    marks : Path, optional
        A folder of clips with real marks.
    idx : Path, optional
        Digits as MNIST has them.
    limit : int, optional
        Frames of a clip, from the first.
    only : str, optional
        Clips whose name holds this.
    quick : bool
        Painted scenes only, few and short.
    """

    clips: Path | None = None
    davis: Path | None = None
    marks: Path | None = None
    idx: Path | None = None
    limit: int | None = None
    only: str | None = None
    quick: bool = False

    @property
    def painted_only(self) -> bool:
        """Whether no folder is given."""
        return self.clips is None and self.davis is None

    def frames(self, usual: int) -> int:
        """How many frames of a clip to take, where a suite usually takes so many."""
        usual = min(usual, _QUICK_FRAMES) if self.quick else usual
        return usual if self.limit is None else min(usual, self.limit)

    def wanted(self, name: str) -> bool:
        """Whether a clip is asked for."""
        return self.only is None or self.only in name

    def natural(self) -> list[Scene]:
        """All clips, 240 rows high: those of the folders, or painted ones if none is given."""
        found = [*self.davis_clips(), *self.folder_clips()] if not self.painted_only else self.painted()
        if not found:
            raise InputError(f"no clip is named *{self.only}*; check --only")
        return found

    def painted(self, size: tuple[int, int] = PAPER) -> list[Scene]:
        """Painted landscapes before a moving camera."""
        count = self.frames(_PAINTED_FRAMES)
        chosen = _PAINTED[: _QUICK if self.quick else None]
        return [
            Scene(name, partial(moving_scene, count, size[1], size[0], seed=seed, motion=motion))
            for name, seed, motion in chosen
            if self.wanted(name)
        ]

    def davis_clips(self, size: tuple[int, int] = PAPER) -> list[Scene]:
        """The sequences of DAVIS, scaled to a size."""
        if self.davis is None:
            return []
        homes = _davis(self.davis, "JPEGImages", "frames")
        found = [home for home in homes if self.wanted(home.name)]
        return [Scene(home.name, partial(read_scaled, home, self.limit, size)) for home in found]

    def objects(self) -> dict[str, Path]:
        """Folders of the object masks of DAVIS by name of the sequence."""
        if self.davis is None:
            return {}
        return {home.name: home for home in _davis(self.davis, "Annotations", "objects")}

    def static_mask(self, name: str) -> Mask | None:
        """The mask that a DAVIS folder gives for a sequence, at the papers' size; None if there is none."""
        path = None if self.davis is None else self.davis / "static_masks" / f"{name}.png"
        if path is None or not path.is_file():
            return None
        picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        if picture is None:
            raise InputError(f"{path} is no picture; give a grey PNG, white = hidden")
        return np.asarray(cv2.resize(picture, PAPER, interpolation=cv2.INTER_NEAREST) > 127)

    def folder_clips(self) -> list[Scene]:
        """The clips of the folder, scaled to 240 rows, at most 100 frames each."""
        count = min(_LONGEST, self.limit or _LONGEST)
        wanted = [path for path in self.files() if self.wanted(path.stem)]
        return [Scene(path.stem, partial(read_scaled, path, count, None)) for path in wanted]

    def files(self) -> list[Path]:
        """Videos and folders of frames in the folder of clips, in natural order."""
        return [] if self.clips is None else clips_in(self.clips)

    def fingerprint(self, without: Path | None = None) -> str:
        """A hash of the names, the sizes and the beginnings of all files that are given, but for those in a folder."""
        given = [path for path in (self.clips, self.davis, self.marks, self.idx) if path is not None]
        files = sorted(path for top in given for path in ([top] if top.is_file() else top.rglob("*")) if path.is_file())
        digest = hashlib.sha256()
        for path in files:
            if without is None or not path.resolve().is_relative_to(without.resolve()):
                digest.update(f"{path} {path.stat().st_size}\n".encode() + _beginning(path))
        return digest.hexdigest()

    def marked(self) -> list[Path]:
        """Clips with real marks."""
        return [] if self.marks is None else [path for path in clips_in(self.marks) if self.wanted(path.stem)]


def _beginning(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(1 << 16)


def _davis(root: Path, *names: str) -> list[Path]:
    """Folders of frames in the first of some folders that exists, or in its subfolder of 480 rows."""
    for name in names:
        home = next((path for path in (root / name / "480p", root / name) if path.is_dir()), None)
        if home is not None:
            return sorted((path for path in home.iterdir() if path.is_dir()), key=natural_key)
    raise InputError(f"{root} is not laid out as DAVIS is; it needs a folder {' or '.join(names)}")


def read_scaled(path: Path, count: int | None, size: tuple[int, int] | None) -> Frames:
    """Frames of a clip, bilinear as the papers' programs do it, to a size, or to 240 rows and an even width."""
    frames = read_clip(path, count=count)
    height, width = frames.shape[1:3]
    wanted = size or (2 * round(PAPER[1] * width / height / 2), PAPER[1])
    if wanted == (width, height):
        return frames
    return np.stack([cv2.resize(frame, wanted, interpolation=cv2.INTER_LINEAR) for frame in frames])


def read_masks(folder: Path, count: int, size: tuple[int, int]) -> Mask:
    """The first masks of a folder of pictures, scaled to (width, height): (T, H, W) bool, all objects."""
    masks = []
    for path in image_files(folder)[:count]:
        with open_source(path) as source:
            own = read_mask(path, source.info.displayed).frame(0)
        masks.append(cv2.resize(own.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0)
    return np.stack(masks)


def seeded(*names: object) -> Generator:
    """A generator that depends on some names only (CRC-32 of them, joined by slashes)."""
    return np.random.default_rng(zlib.crc32("/".join(map(str, names)).encode()))
