"""From judged frames to the room: groups of like colours at every pixel, and which of them is the room's."""

from __future__ import annotations

import cv2
import numpy as np

from vinpaint.contracts import FloatMap, Mask
from vinpaint.leak import kernels, weights
from vinpaint.leak.background import Backdrop
from vinpaint.leak.evidence import Sight
from vinpaint.leak.result import Leak

_EVIDENCE = 0.02  # support of a group, at least
_SURE = 0.5  # probability from which a colour is claimed
_AROUND = 7.4  # thousandths of the height: how far neighbours support a pixel
_STRONG = 0.5  # opacity from which a frame is taken for the room itself where that is blurred: it differs by little

SIGNS = 10
"""Signs of a group, without the constant; see :func:`signs`."""


class Fusion:
    """Takes judged frames in order; the result grows with each.

    Parameters
    ----------
    backdrop : Backdrop
        The virtual background.
    method : str
        Of the judge: what its frames are worth.
    """

    def __init__(self, backdrop: Backdrop, method: str) -> None:
        height, width = backdrop.seen.shape
        self._backdrop, self._method = backdrop, method
        self._colours = np.zeros((height, width, kernels.GROUPS, 3), np.float32)
        self._tallies = np.zeros((height, width, kernels.GROUPS, 5), np.float32)
        self._leaked = np.zeros((height, width), np.bool_)
        self._leaking: list[float] = []
        self._grown: list[float] = []

    def add(self, sight: Sight) -> None:
        """One more frame."""
        if sight.fresh:
            self._gather(sight)
        shown = sight.leak
        self._leaked |= shown
        self._leaking.append(float(shown.mean()))
        self._grown.append(float(self._leaked.mean()))

    def _gather(self, sight: Sight) -> None:
        opacity, error = sight.opacity, sight.error
        if not self._backdrop.sharp:
            opacity, error = (opacity >= _STRONG).astype(np.float32), 1 - opacity
        known, number = self._backdrop.picture, len(self._leaking)
        kernels.gather(sight.frame, known, sight.room, opacity, error, number, self._colours, self._tallies)

    def result(self) -> Leak:
        """What the frames so far reveal."""
        known = self._backdrop.picture
        room, confidence = self.best()
        coverage = confidence > _SURE
        picture = np.where(coverage[..., None], np.rint(np.clip(room, 0, 255)), known).astype(np.uint8)
        leaking, grown = (np.array(values, np.float32) for values in (self._leaking, self._grown))
        kind = "image" if self._backdrop.sharp else "blurred"
        return Leak(picture, coverage, confidence, kind, known, leaking, grown)

    def best(self) -> tuple[FloatMap, FloatMap]:
        """The likeliest room (H, W, 3), and how likely it is (H, W)."""
        values, valid = self.groups()
        valid &= (self._backdrop.free >= 0.5)[..., None]  # nothing tells the room from a person who stays
        chance = np.zeros(valid.shape, np.float32)
        chance[valid] = weights.chance(values[valid], weights.GROUPS[self._method, self._backdrop.sharp])
        best = chance.argmax(axis=-1)[..., None]
        confidence = np.take_along_axis(chance, best, axis=-1)[..., 0]
        room = np.take_along_axis(self._colours, best[..., None], axis=2)[:, :, 0]
        plain = self._backdrop.plain
        room = np.where((plain > confidence)[..., None], self._backdrop.picture, room)
        return room, np.maximum(plain, confidence)

    def groups(self) -> tuple[FloatMap, Mask]:
        """The signs (H, W, G, SIGNS) of the groups of every pixel, and which groups (H, W, G) there is evidence for."""
        values = signs(self._colours, self._tallies, self._backdrop.picture)
        return values, self._tallies[..., 0] > _EVIDENCE

    @property
    def colours(self) -> FloatMap:
        """Mean RGB (H, W, G, 3) of the groups."""
        return self._colours


def signs(colours: FloatMap, tallies: FloatMap, known: np.ndarray) -> FloatMap:
    """What speaks for and against a group's colour being the room's.

    Parameters
    ----------
    colours, tallies : (H, W, G, 3) and (H, W, G, 5) float32
        See :func:`vinpaint.leak.kernels.gather`.
    known : (H, W, 3) uint8
        The virtual background.

    Returns
    -------
    (H, W, G, 10) float32
        Logarithms of the support, its share of all samples of that colour, the spread, the moments and the distance
        from the virtual background; share of the pixel's support; support around; distance from the neighbours'
        colour; support and spread of the neighbours' groups of the same colour.
    """
    support, spread = tallies[..., 0], tallies[..., 2]
    mean = support / np.maximum(support + tallies[..., 1], 1e-6)
    apart = np.sqrt(spread / np.maximum(support, 1e-3) / 3)
    offset = colours - known.astype(np.float32)[:, :, None]
    gap = np.sqrt((offset**2).sum(axis=-1))
    sigma = _AROUND * len(gap) / 1000
    strength = support * mean
    best = strength.argmax(axis=-1)[..., None]
    around = cv2.GaussianBlur(np.minimum(strength.max(axis=-1), 1), (0, 0), sigma)[..., None]
    leader = np.take_along_axis(colours, best[..., None], axis=2)[:, :, 0]
    median = cv2.medianBlur(np.clip(leader, 0, 255).astype(np.uint8), 5).astype(np.float32)
    away = np.minimum(np.abs(colours - median[:, :, None]).max(axis=-1), 60) / 30
    first = np.minimum(strength.max(axis=-1), 3)
    smooth = cv2.GaussianBlur(leader * first[..., None], (0, 0), sigma)
    smooth /= np.maximum(cv2.GaussianBlur(first, (0, 0), sigma), 1e-3)[..., None]
    rough = np.minimum(np.abs(colours - smooth[:, :, None]).max(axis=-1), 60) / 30
    total = np.maximum(support.sum(axis=-1, keepdims=True), 1e-3)
    return np.stack(
        [
            np.log(support + 0.03), np.log(mean + 0.01), np.log(apart + 1), np.log(tallies[..., 3] + 0.5),
            np.log(gap / 100 + 0.05), support / total, np.broadcast_to(np.log(around + 0.01), gap.shape),
            away, rough, np.broadcast_to(np.log(total + 0.03), gap.shape),
        ], axis=-1,
    ).astype(np.float32)  # fmt: skip
