"""What is done to the signal: compression, noise, grain, too few levels, blur."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from vinpaint.contracts import FloatMap, Frames
from vinpaint.refiner.artifacts.contract import VISIBLE, Artifact, Damaged
from vinpaint.refiner.drawing import Generator
from vinpaint.video.compose import recode


@dataclass(frozen=True)
class JpegCompression(Artifact):
    """Every frame through JPEG.

    Attributes
    ----------
    quality : int
        1 to 100, of libjpeg.
    """

    name: ClassVar[str] = "jpeg_compression"

    quality: int = 30

    @classmethod
    def draw(cls, rng: Generator, severity: float) -> Self:
        """See :meth:`Artifact.draw`."""
        return cls(round(float(np.clip(rng.uniform(75, 90) - 77 * severity, 5, 95))))

    def apply(self, frames: Frames, seed: int | Generator) -> Damaged:
        """See :meth:`Artifact.apply`."""
        return Damaged(np.stack([jpeg(frame, self.quality) for frame in frames]))


def jpeg(frame: Frames, quality: int) -> Frames:
    """A picture (H, W, 3) uint8 RGB as JPEG gives it back, quality 1 to 100."""
    coded = cv2.imencode(".jpg", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)[..., ::-1]


@dataclass(frozen=True)
class VideoCompression(Artifact):
    """The clip through a real video codec.

    Attributes
    ----------
    encoder : str
        FFmpeg's name: ``libx264``, ``libx265``, ``mpeg4`` (blocky) or ``libvpx-vp9``.
    strength : float
        0 = visually lossless, 1 = the coarsest that the encoder knows.
    """

    name: ClassVar[str] = "video_compression"
    ENCODERS: ClassVar[tuple[str, ...]] = ("libx264", "libx265", "mpeg4", "libvpx-vp9")

    encoder: str = "libx264"
    strength: float = 0.6

    @classmethod
    def draw(cls, rng: Generator, severity: float) -> Self:
        """See :meth:`Artifact.draw`."""
        return cls(str(rng.choice(cls.ENCODERS)), float(np.clip(rng.uniform(0.1, 0.35) + 0.6 * severity, 0, 1)))

    def apply(self, frames: Frames, seed: int | Generator) -> Damaged:
        """See :meth:`Artifact.apply`."""
        return Damaged(recode(frames, self.encoder, self.strength))


@dataclass(frozen=True)
class GaussianNoise(Artifact):
    """Noise of a sensor: it grows with the light (shot noise), and is there in the dark (read noise).

    Attributes
    ----------
    deviation : float
        At mid-grey, in levels of 255.
    shot : float
        Share of the variance there that grows with the light; 0 = the same everywhere.
    chroma : float
        Share of it that differs between the channels; 0 = grey.
    """

    name: ClassVar[str] = "gaussian_noise"

    deviation: float = 12.0
    shot: float = 0.5
    chroma: float = 0.6

    @classmethod
    def draw(cls, rng: Generator, severity: float) -> Self:
        """See :meth:`Artifact.draw`."""
        return cls(rng.uniform(2, 6) + 30 * severity, rng.uniform(0, 0.9), rng.uniform(0, 1))

    def apply(self, frames: Frames, seed: int | Generator) -> Damaged:
        """See :meth:`Artifact.apply`."""
        rng = np.random.default_rng(seed)
        return Damaged(_frame_by_frame(frames, lambda frame: frame + self._noise(frame, rng)))

    def _noise(self, frame: FloatMap, rng: Generator) -> FloatMap:
        grey = rng.standard_normal((*frame.shape[:2], 1), np.float32)
        own = rng.standard_normal(frame.shape, np.float32)
        mixed = np.sqrt(1 - self.chroma) * grey + np.sqrt(self.chroma) * own
        variance = 1 - self.shot + self.shot * frame / 127.5
        return np.asarray(self.deviation * np.sqrt(variance) * mixed, np.float32)


def _frame_by_frame(frames: Frames, change: Callable[[FloatMap], NDArray[Any]]) -> Frames:
    """Each frame changed as float32 levels (H, W, 3) of 0 to 255, and rounded."""
    result = np.empty_like(frames)
    for target, frame in zip(result, frames, strict=True):
        target[:] = np.rint(np.clip(change(frame.astype(np.float32)), 0, 255))
    return result


@dataclass(frozen=True)
class SaltPepperNoise(Artifact):
    """Single samples that are lost or stuck: white or black dots, other ones in every frame.

    Attributes
    ----------
    share : float
        Of the pixels, 0 to 1.
    size : int
        Side of a dot in pixels.
    """

    name: ClassVar[str] = "salt_pepper_noise"

    share: float = 0.02
    size: int = 1

    @classmethod
    def draw(cls, rng: Generator, severity: float) -> Self:
        """See :meth:`Artifact.draw`."""
        return cls(rng.uniform(0.001, 0.005) + 0.06 * severity**2, int(rng.choice([1, 1, 2])))

    def apply(self, frames: Frames, seed: int | Generator) -> Damaged:
        """See :meth:`Artifact.apply`; the dots are its mask."""
        rng = np.random.default_rng(seed)
        count, height, width = frames.shape[:3]
        lattice = (count, -(-height // self.size), -(-width // self.size))
        hit = rng.random(lattice, np.float32)[..., None]
        dots = np.where(hit < self.share / 2, np.uint8(0), np.uint8(255))
        struck, shown = (self._enlarged(each)[:, :height, :width] for each in (hit < self.share, dots))
        return Damaged(np.where(struck, shown, frames), struck[..., 0], struck[..., 0].astype(np.float32))

    def _enlarged(self, lattice: NDArray[Any]) -> NDArray[Any]:
        return lattice.repeat(self.size, axis=1).repeat(self.size, axis=2)


@dataclass(frozen=True)
class FilmGrain(Artifact):
    """Grain of a film: clumps of some size, strongest in the mid-tones, other ones in every frame.

    Attributes
    ----------
    strength : float
        Deviation in the mid-tones, in levels of 255.
    size : float
        Of the clumps: deviation of their blur, in pixels.
    colour : float
        0 = black and white film, 1 = three layers of their own.
    """

    name: ClassVar[str] = "film_grain"

    strength: float = 14.0
    size: float = 0.8
    colour: float = 0.3

    @classmethod
    def draw(cls, rng: Generator, severity: float) -> Self:
        """See :meth:`Artifact.draw`."""
        return cls(rng.uniform(3, 7) + 16 * severity, rng.uniform(0.5, 0.8) + 0.4 * severity, rng.uniform(0, 0.6))

    def apply(self, frames: Frames, seed: int | Generator) -> Damaged:
        """See :meth:`Artifact.apply`."""
        rng = np.random.default_rng(seed)
        return Damaged(_frame_by_frame(frames, lambda frame: frame + self._grain(frame, rng)))

    def _grain(self, frame: FloatMap, rng: Generator) -> FloatMap:
        white = rng.standard_normal((*frame.shape[:2], 4), np.float32)
        clumps = np.asarray(cv2.GaussianBlur(white, (0, 0), self.size), np.float32)
        clumps /= max(float(clumps.std()), 1e-6)
        mixed = np.sqrt(1 - self.colour) * clumps[..., :1] + np.sqrt(self.colour) * clumps[..., 1:]
        light = cv2.GaussianBlur(frame, (0, 0), 1.5) / 255
        visible = 0.25 + 3 * light * (1 - light)  # neither clear film nor the darkest shows much of it
        return np.asarray(self.strength * visible * mixed, np.float32)


@dataclass(frozen=True)
class ColorBanding(Artifact):
    """Too few levels: smooth slopes become terraces.

    Attributes
    ----------
    levels : int
        Of each channel, 2 to 256.
    luma_only : bool
        Whether brightness is coarse and hue is kept, as in a dark or overcompressed picture, or each channel by itself.
    """

    name: ClassVar[str] = "color_banding"

    levels: int = 12
    luma_only: bool = False

    @classmethod
    def draw(cls, rng: Generator, severity: float) -> Self:
        """See :meth:`Artifact.draw`."""
        return cls(round(2 ** (rng.uniform(4.6, 5.4) - 2.4 * severity)), luma_only=bool(rng.random() < 0.5))

    def apply(self, frames: Frames, seed: int | Generator) -> Damaged:
        """See :meth:`Artifact.apply`; nothing is left to chance."""
        step = np.float32(255 / (self.levels - 1))
        if not self.luma_only:
            return Damaged(_frame_by_frame(frames, lambda frame: np.rint(frame / step) * step))

        def terraced(frame: FloatMap) -> NDArray[Any]:
            luma = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
            return np.asarray(frame + (np.rint(luma / step) * step - luma)[..., None])

        return Damaged(_frame_by_frame(frames, terraced))


@dataclass(frozen=True)
class Blur(Artifact):
    """Out of focus, shaken, or soft.

    Attributes
    ----------
    kind : str
        ``defocus`` (a disc), ``motion`` (a line, another one in every frame) or ``gaussian``.
    radius : float
        In frame heights; half the length of the line.
    """

    name: ClassVar[str] = "blur"
    KINDS: ClassVar[tuple[str, ...]] = ("defocus", "motion", "gaussian")

    kind: str = "defocus"
    radius: float = 0.012

    @classmethod
    def draw(cls, rng: Generator, severity: float) -> Self:
        """See :meth:`Artifact.draw`."""
        return cls(str(rng.choice(cls.KINDS)), rng.uniform(0.003, 0.006) + 0.02 * severity)

    def apply(self, frames: Frames, seed: int | Generator) -> Damaged:
        """See :meth:`Artifact.apply`."""
        return self.upon(Damaged(frames), seed)

    def upon(self, before: Damaged, seed: int | Generator) -> Damaged:
        """See :meth:`Artifact.upon`; what hides the scene already is spread as the scene is."""
        kernels = self._kernels(before.frames.shape, np.random.default_rng(seed))
        each = iter(kernels)
        frames = _frame_by_frame(before.frames, lambda frame: _spread(frame, next(each)))
        if before.alpha is None:
            return Damaged(frames)
        alpha = self._spread_alpha(before.alpha, kernels)
        return Damaged(frames, alpha > VISIBLE, alpha)

    def _spread_alpha(self, alpha: FloatMap, kernels: list[FloatMap]) -> FloatMap:
        """Opacities (H, W) or (T, H, W); one for all frames stays one if the kernels are alike."""
        if alpha.ndim == 2 and self.kind != "motion":
            spread = _spread(alpha, kernels[0])
        else:
            shape = len(kernels), *alpha.shape[-2:]
            spread = np.stack([_spread(*each) for each in zip(np.broadcast_to(alpha, shape), kernels, strict=True)])
        return np.asarray(np.clip(spread, 0, 1), np.float32)  # Fourier transforms of large kernels round

    def _kernels(self, shape: tuple[int, ...], rng: Generator) -> list[FloatMap]:
        """One for each frame of a clip."""
        radius = max(self.radius * shape[1], 0.3)
        turns = np.cumsum(rng.normal(0, 0.35, shape[0])) + rng.uniform(0, np.pi)
        return [self._kernel(radius, turn) for turn in turns]

    def _kernel(self, radius: float, turn: float) -> FloatMap:
        half = int(np.ceil(radius * (1.5 if self.kind == "gaussian" else 1))) + 1
        y, x = np.mgrid[-half : half + 1, -half : half + 1]
        if self.kind == "defocus":
            weights = np.clip(radius + 0.5 - np.hypot(x, y), 0, 1)
        elif self.kind == "gaussian":
            weights = np.exp(-2 * (x**2 + y**2) / radius**2)  # as wide as the disc
        else:
            along, across = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
            weights = np.clip(radius + 0.5 - np.abs(along), 0, 1) * np.clip(1 - np.abs(across), 0, 1)
        return np.asarray(weights / weights.sum(), np.float32)


def _spread(picture: FloatMap, kernel: FloatMap) -> FloatMap:
    return np.asarray(cv2.filter2D(picture, -1, kernel, borderType=cv2.BORDER_REFLECT_101), np.float32)
