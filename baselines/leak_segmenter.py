"""A U-Net that says pixel by pixel how much a frame of a call looks like the room: the learned way of the literature.

It sees one frame, filtered versions of it and the picture that is most frequent over time, and knows neither motion
nor opacities. Its labels are no masks but similarities to the room. Weissberg et al., VADER, 2025, tell leaks by
statistics and a person's mask; this is what a network makes of the same question. Taught by
``vinpaint.benchmarks.fit_leak_segmenter``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import cv2
import numpy as np
import torch
from scipy.ndimage import gaussian_laplace
from skimage.feature import local_binary_pattern
from skimage.filters import farid, gabor, scharr, sobel
from skimage.metrics import structural_similarity
from torch import Tensor, nn

from vinpaint.contracts import FloatMap, Frames
from vinpaint.errors import UsageError
from vinpaint.statistics import mode

WIDTHS = (32, 64, 128)

Filter = Callable[[FloatMap], Any]

_gabor_waves: Any = gabor  # scikit-image is untyped
_binary_pattern: Any = local_binary_pattern
_likeness: Any = structural_similarity


def _log(grey: FloatMap) -> FloatMap:
    return np.asarray(4 * gaussian_laplace(grey, 1.5), np.float32)


def _dog(grey: FloatMap) -> FloatMap:
    narrow, wide = (cv2.GaussianBlur(grey, (0, 0), sigma) for sigma in (1.0, 2.0))
    return np.asarray(4 * (narrow - wide), np.float32)


def _gabor(grey: FloatMap, angle: float) -> FloatMap:
    return np.asarray(_gabor_waves(grey, 0.2, theta=angle)[0], np.float32)


def _lbp(grey: FloatMap) -> FloatMap:
    levels = np.rint(255 * grey).astype(np.uint8)
    return np.asarray(_binary_pattern(levels, 8, 1, "uniform") / 9, np.float32)


def _hat(grey: FloatMap, kind: int) -> FloatMap:
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (9, 9))
    return np.asarray(cv2.morphologyEx(grey, kind, disc), np.float32)


FILTERS: Mapping[str, Filter] = {
    "sobel": sobel,
    "scharr": scharr,
    "farid": farid,
    "log": _log,
    "dog": _dog,
    "gabor-across": partial(_gabor, angle=0.0),
    "gabor-down": partial(_gabor, angle=np.pi / 2),
    "lbp": _lbp,
    "top-hat": partial(_hat, kind=cv2.MORPH_TOPHAT),
    "black-hat": partial(_hat, kind=cv2.MORPH_BLACKHAT),
}
"""Filters of a grey picture (H, W), 0 to 1, by name; each gives a map (H, W) of about -1 to 1."""

USUAL = ("scharr", "dog")


def describe(frame: Frames, usual: Frames | None, filters: Sequence[str] = USUAL) -> FloatMap:
    """What the network sees.

    Parameters
    ----------
    frame : (H, W, 3) uint8
        RGB.
    usual : (H, W, 3) uint8, or None
        The picture that is most frequent over time, see :func:`most_frequent`; None leaves its channels out.
    filters : sequence of str
        Of :data:`FILTERS`.

    Returns
    -------
    (C, H, W) float32
        RGB from 0 to 1, a channel a filter, and RGB of ``usual``.

    Raises
    ------
    UsageError
        If there is no filter of a name.
    """
    unknown = [name for name in filters if name not in FILTERS]
    if unknown:
        raise UsageError(f"there is no filter {unknown[0]!r}; choose from {', '.join(FILTERS)}")
    grey = np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) / np.float32(255), np.float32)
    maps = [np.asarray(FILTERS[name](grey), np.float32)[None] for name in filters]
    pictures = [frame] if usual is None else [frame, usual]
    colours = [picture.transpose(2, 0, 1).astype(np.float32) / 255 for picture in pictures]
    return np.concatenate([colours[0], *maps, *colours[1:]])


def most_frequent(samples: Frames) -> Frames:
    """The mode over time of every pixel, (H, W, 3) uint8, of samples (N, H, W, 3) uint8."""
    return np.asarray(mode(samples)[0], np.uint8)


def channels(filters: Sequence[str] = USUAL, *, usual: bool = True) -> int:
    """How many channels :func:`describe` gives."""
    return 3 + len(filters) + 3 * usual


class LeakSegmenter(nn.Module):
    """A U-Net of three levels, enlarged by transposed convolutions.

    O. Ronneberger, P. Fischer, T. Brox, U-Net, MICCAI 2015.

    Parameters
    ----------
    fed : int
        Channels of the input.
    """

    def __init__(self, fed: int = channels()) -> None:
        super().__init__()
        narrow, middle, wide = WIDTHS
        self.first, self.second, self.third = _pair(fed, narrow), _pair(narrow, middle), _pair(middle, wide)
        self.wider, self.widest = (nn.ConvTranspose2d(2 * each, each, 2, stride=2) for each in (middle, narrow))
        self.fourth, self.fifth = _pair(2 * middle, middle), _pair(2 * narrow, narrow)
        self.last = nn.Conv2d(narrow, 1, 1)

    def forward(self, maps: Tensor) -> Tensor:
        """Similarity to the room (N, 1, h, w), 0 to 1, of maps (N, C, h, w) whose sides are multiples of 4."""
        fine: Tensor = self.first(maps)
        half: Tensor = self.second(nn.functional.max_pool2d(fine, 2))
        coarse: Tensor = self.third(nn.functional.max_pool2d(half, 2))
        half = self.fourth(torch.cat([self.wider(coarse), half], dim=1))
        fine = self.fifth(torch.cat([self.widest(half), fine], dim=1))
        result: Tensor = self.last(fine).sigmoid()
        return result


def _pair(fed: int, width: int) -> nn.Sequential:
    """Two convolutions, each normalised and rectified."""
    layers: list[nn.Module] = []
    for source in (fed, width):
        layers += [nn.Conv2d(source, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


# ---------------------------------------------------------------- labels


def perceptual_distance(frame: Frames, room: Frames) -> FloatMap:
    """exp(-ΔLab / 50) of two pictures (H, W, 3) uint8: (H, W), 1 where they are equal."""
    return softened(np.exp(-_lab_gap(frame, room) / 50))


def cosine_similarity(frame: Frames, room: Frames) -> FloatMap:
    """Cosine of the angle between the colours of two pictures (H, W, 3) uint8: (H, W), 1 where they are parallel.

    Black has no angle; it is like nothing but black.
    """
    a, b = frame.astype(np.float32), room.astype(np.float32)
    lengths = np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1)
    cosine = (a * b).sum(axis=-1) / np.maximum(lengths, 1e-6)
    return softened(np.where(lengths > 0, cosine, (frame == room).all(axis=-1)))


def combined(frame: Frames, room: Frames) -> FloatMap:
    """0.4·exp(-ΔLab / 40) + 0.3·exp(-ΔHS / 30) + 0.3·SSIM in windows of 7 pixels, of two pictures (H, W, 3) uint8.

    ΔHS is the distance of hues, in degrees of the shorter way, and saturations, in per cent.
    """
    hue_a, hue_b = (cv2.cvtColor(part.astype(np.float32) / 255, cv2.COLOR_RGB2HSV) for part in (frame, room))
    turn = np.abs(hue_a[..., 0] - hue_b[..., 0])
    hues = np.hypot(np.minimum(turn, 360 - turn), 100 * (hue_a[..., 1] - hue_b[..., 1]))
    alike = _likeness(frame, room, win_size=7, channel_axis=-1, full=True)[1].mean(axis=-1)
    return softened(0.4 * np.exp(-_lab_gap(frame, room) / 40) + 0.3 * np.exp(-hues / 30) + 0.3 * alike)


LABELS: Mapping[str, Callable[[Frames, Frames], FloatMap]] = {
    "perceptual_distance": perceptual_distance,
    "cosine_similarity": cosine_similarity,
    "combined": combined,
}
"""How much a frame (H, W, 3) uint8 looks like the room, 0 to 1, by name."""


def softened(similarity: np.ndarray) -> FloatMap:
    """A similarity (H, W) through a 5 x 5 Gaussian of deviation 1, within 0 and 1."""
    soft: FloatMap = np.clip(cv2.GaussianBlur(similarity.astype(np.float32), (5, 5), 1), 0, 1)
    return soft


def _lab_gap(a: Frames, b: Frames) -> FloatMap:
    one, other = (cv2.cvtColor(part.astype(np.float32) / 255, cv2.COLOR_RGB2LAB) for part in (a, b))
    return np.asarray(np.linalg.norm(one - other, axis=-1), np.float32)
