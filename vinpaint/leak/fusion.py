"""From judged frames to the room: groups of like colours at every pixel, and which of them is the room's."""

from __future__ import annotations

import cv2
import numpy as np

from vinpaint.contracts import FloatMap, Mask
from vinpaint.leak import kernels, weights
from vinpaint.leak.background import Backdrop, is_sharp
from vinpaint.leak.evidence import Judged
from vinpaint.leak.result import Leak

_REACH = 12.0  # levels, largest difference of a channel: colours nearer than this are one group's
_SHOWN = 0.5
_EVIDENCE = 0.05  # votes of a group, at least
_SURE = {"image": 0.7, "blurred": 0.65}
_AROUND = 7.4  # thousandths of the height: how far neighbours support a pixel
_PLAIN = 0.1  # of the range of L: a blurred room is the room where it changes by less over the blur's width
_BLUR = 45  # the blur's usual width as a part of the height

SIGNS = 9
"""Signs of a group, without the constant; see :func:`signs`."""


class Fusion:
    """Takes judged frames in order; the result grows with each.

    Parameters
    ----------
    backdrop : Backdrop
        The virtual background.
    """

    def __init__(self, backdrop: Backdrop) -> None:
        height, width = backdrop.seen.shape
        self._backdrop = backdrop
        self._colours = np.zeros((height, width, kernels.GROUPS, 3), np.float32)
        self._votes = np.zeros((height, width, kernels.GROUPS, 2), np.float32)
        self._leaked = np.zeros((height, width), np.bool_)
        self._leaking: list[float] = []
        self._grown: list[float] = []

    def add(self, judged: Judged) -> None:
        """One more frame."""
        kernels.gather(judged.frame, judged.depth, judged.clear, _REACH, self._colours, self._votes)
        shown = judged.leak >= _SHOWN
        self._leaked |= shown
        self._leaking.append(float(shown.mean()))
        self._grown.append(float(self._leaked.mean()))

    def result(self) -> Leak:
        """What the frames so far reveal."""
        kind = "image" if is_sharp(self._backdrop) else "blurred"
        colours, known = self._colours, self._backdrop.picture
        values, valid = self.groups()
        chance = np.zeros(valid.shape, np.float32)
        chance[valid] = weights.chance(values[valid], sharp=kind == "image")
        best = chance.argmax(axis=-1)[..., None]
        confidence = np.take_along_axis(chance, best, axis=-1)[..., 0]
        room = np.take_along_axis(colours, best[..., None], axis=2)[:, :, 0]
        coverage = confidence > _SURE[kind]
        picture = np.where(coverage[..., None], np.rint(np.clip(room, 0, 255)), known).astype(np.uint8)
        if kind == "blurred":
            plain = self._plain() & ~coverage
            coverage, confidence = coverage | plain, np.where(plain, np.float32(_SURE[kind]), confidence)
        leaking, grown = (np.array(values, np.float32) for values in (self._leaking, self._grown))
        return Leak(picture, coverage, confidence, kind, known, leaking, grown)

    def groups(self) -> tuple[FloatMap, Mask]:
        """The signs (H, W, G, 9) of the groups of every pixel, and which groups (H, W, G) there is evidence for."""
        values = signs(self._colours, self._votes, self._backdrop.picture)
        return values, self._votes[..., 0] > _EVIDENCE

    @property
    def colours(self) -> FloatMap:
        """Mean RGB (H, W, G, 3) of the groups."""
        return self._colours

    def _plain(self) -> Mask:
        """Where a blurred room shows the room as it is, because there is nothing in it to blur."""
        lab = cv2.cvtColor(self._backdrop.picture.astype(np.float32) / 255, cv2.COLOR_RGB2Lab) / 100
        across, down = (cv2.Sobel(lab, cv2.CV_32F, dx, 1 - dx, scale=1 / 8) for dx in (1, 0))
        slope = np.sqrt((across**2 + down**2).sum(axis=-1)) * lab.shape[0] / _BLUR
        plain: Mask = self._backdrop.seen & (cv2.blur(slope, (5, 5)) < _PLAIN)
        return plain


def signs(colours: FloatMap, votes: FloatMap, known: np.ndarray) -> FloatMap:
    """What speaks for and against a group's colour being the room's.

    Parameters
    ----------
    colours, votes : (H, W, G, 3) and (H, W, G, 2) float32
        See :func:`vinpaint.leak.kernels.gather`.
    known : (H, W, 3) uint8
        The virtual background.

    Returns
    -------
    (H, W, G, 9) float32
        Logarithms of votes, samples, mean vote and distance from the virtual background; share of the pixel's votes;
        support around; votes of fainter and of stronger mixtures of the same colour with the background; distance from
        the neighbours' colour.
    """
    support, count = votes[..., 0], votes.sum(axis=-1)
    mean = support / np.maximum(count, 1e-6)
    offset = colours - known.astype(np.float32)[:, :, None]
    gap = np.sqrt((offset**2).sum(axis=-1))
    strength = mean * np.minimum(support, 0.5)
    around = cv2.GaussianBlur(strength.max(axis=-1), (0, 0), _AROUND * len(gap) / 1000)[..., None]
    fainter, stronger = _same_ray(offset, gap, support)
    common = np.take_along_axis(colours, strength.argmax(axis=-1)[..., None, None], axis=2)[:, :, 0]
    common = cv2.medianBlur(np.clip(common, 0, 255).astype(np.uint8), 5).astype(np.float32)
    apart = np.minimum(np.abs(colours - common[:, :, None]).max(axis=-1), 60) / 30
    total = np.maximum(support.sum(axis=-1, keepdims=True), 1e-3)
    return np.stack(
        [
            np.log(support + 0.03), np.log(count + 0.5), np.log(mean + 0.01), np.log(gap / 100 + 0.05),
            support / total, np.broadcast_to(np.log(around + 0.01), gap.shape),
            np.log(fainter + 0.05), np.log(stronger + 0.05), apart,
        ], axis=-1,
    ).astype(np.float32)  # fmt: skip


def _same_ray(offset: FloatMap, gap: FloatMap, support: FloatMap) -> tuple[FloatMap, FloatMap]:
    """Votes of the other groups that are nearer to, and farther from, the virtual background in the same direction."""
    direction = offset / np.maximum(gap, 1)[..., None]
    fainter, stronger = np.zeros_like(gap), np.zeros_like(gap)
    for other in range(gap.shape[-1]):
        along = (direction * direction[:, :, other : other + 1]).sum(axis=-1) > 0.95
        far, votes = gap[..., other : other + 1], support[..., other : other + 1]
        fainter += np.where(along & (far < 0.95 * gap), votes, 0)
        stronger += np.where(along & (far > 1.08 * gap), votes, 0)
    return fainter, stronger
