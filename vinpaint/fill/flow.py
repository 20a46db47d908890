"""Filling from what other frames saw, aligned over long ranges; the spatial fill where none saw anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vinpaint.contracts import Filled, Origin
from vinpaint.fill.method import FillMethod, Window
from vinpaint.fill.registry import check_quality
from vinpaint.flow.align import Matrix, chain, pair_motion
from vinpaint.flow.complete import complete_hole
from vinpaint.flow.estimate import Estimator, estimator
from vinpaint.flow.kernels import combine
from vinpaint.flow.propagate import (
    Candidate,
    Picture,
    candidate,
    choose,
    picture,
    spatial_variance,
    target,
    unit_of,
)

F32 = NDArray[np.float32]


@dataclass(frozen=True)
class Quality:
    """What a level of quality means."""

    estimator: str
    wanted: int
    """References that should see each pixel."""
    limit: int
    """References a frame at most."""
    look_around: int


_LEVELS: Mapping[str, Quality] = {
    "fast": Quality("dis-ultrafast", 2, 5, 20),
    "balanced": Quality("dis-ultrafast", 4, 5, 30),
    "best": Quality("farneback", 8, 16, 40),
}
_EASY = 8.0  # grey levels; what a smooth fill gets right to this asks for half the references
_ROUNDS = 2  # of reweighting candidates by how far they are from the rest
_ENDLESS = np.float32(1e12)  # stands for an infinite variance
_CORRELATION = 0.6  # of the errors of the propagated and the spatial fill (fitted)


@dataclass
class _State:
    """What is kept of the frames of a window, by their index in the clip."""

    pictures: dict[int, Picture] = field(default_factory=dict)
    pairs: dict[int, Matrix | None] = field(default_factory=dict)

    def forget(self, before: int) -> None:
        """Drop what no later window can ask for."""
        for store in (self.pictures, self.pairs):
            for index in [i for i in store if i < before]:
                del store[index]


class FlowFill(FillMethod):
    """Long-range flow fill.

    Parameters
    ----------
    quality : str
        ``fast``, ``balanced`` or ``best``.
    flow : Estimator, optional
        Estimator of motion in place of that of the quality.

    Raises
    ------
    UsageError
        If there is no such quality.
    """

    margin = 1.0
    temporal = True

    def __init__(self, *, quality: str = "balanced", flow: Estimator | None = None) -> None:
        check_quality(quality)
        self._quality = _LEVELS[quality]
        self._estimate = flow or estimator(self._quality.estimator)
        self.look_around = self._quality.look_around

    def new_state(self) -> _State:
        """Pictures and motions of the frames seen."""
        return _State()

    def fill_window(self, window: Window, state: Any) -> Filled:
        """Fill ``window.frames[start:stop]``."""
        return self.fill_with_error(window, state)[0]

    def fill_with_error(self, window: Window, state: Any) -> tuple[Filled, F32]:
        """Fill ``window.frames[start:stop]``, and say how far off it may be.

        Returns
        -------
        filled : Filled
        variance : (T, H, W) float32
            Squared error to expect of each hidden pixel, in the units of the frames; 0 where visible.
        """
        state.forget(window.first)
        low = max(0, window.start - self.look_around)
        high = min(len(window.frames), window.stop + self.look_around)
        frames = window.frames[window.start : window.stop].copy()
        confidence = np.ones(frames.shape[:3], np.float32)
        origin = np.zeros(frames.shape[:3], np.uint8)
        variance = np.zeros(frames.shape[:3], np.float32)
        _prepare(state, window, low, high)
        for i, index in enumerate(range(window.start, window.stop)):
            if window.mask[index].any():
                reach = max(low, index - self.look_around), min(high, index + self.look_around + 1)
                near = (window.first + reach[0], window.first + reach[1])
                maps = confidence[i], origin[i], variance[i]
                self._fill_frame(state, window.first + index, near, frames[i], maps)
        return Filled(frames, confidence, origin), variance

    def _fill_frame(
        self,
        state: _State,
        index: int,
        near: tuple[int, int],
        frame: NDArray[Any],
        maps: tuple[F32, NDArray[np.uint8], F32],
    ) -> None:
        confidence, origin, variance = maps
        aim = target(state.pictures[index])
        motions = chain(state.pairs, index, *near)
        spatial, doubt = complete_hole(frame, aim.picture.hidden), spatial_variance(aim)
        easy = bool(doubt.mean() < _EASY**2 * unit_of(frame))
        limit = self._quality.limit // 2 if easy else self._quality.limit
        names = choose(aim.hole, motions, state.pictures, index, wanted=self._quality.wanted, limit=limit)
        found: list[Candidate] = []
        seen = np.zeros(aim.holes, np.int64)
        for n in names:
            needed = seen < self._quality.wanted
            offer = candidate(aim, state.pictures[n], motions[n], abs(n - index), self._estimate, needed)
            seen += np.isfinite(offer.variance)
            found.append(offer)
        x, y = aim.hole.T
        value, share, variance[y, x] = _fuse(spatial[y, x].astype(np.float32), doubt, found)
        frame[y, x] = np.rint(value).clip(0, np.iinfo(frame.dtype).max).astype(frame.dtype)
        confidence[y, x] = share
        origin[y, x] = np.where(share > 0.5, Origin.PROPAGATED, Origin.SYNTHESISED)
        if share.any() and not share.all():
            # What nothing was seen of continues what was propagated beside it, too: no seam between the two.
            frame[...] = complete_hole(frame, confidence == 0)


def _fuse(prior: F32, doubt: F32, found: Sequence[Candidate]) -> tuple[F32, F32, F32]:
    """The best mixture of a spatial fill and of candidates, the share of the latter, and its expected error."""
    if not found:
        return prior, np.zeros(len(prior), np.float32), doubt
    colours, expected = np.stack([c.colours for c in found]), np.stack([c.variance for c in found])
    seen, variance = combine(colours, expected, _ROUNDS)
    share = best_share(doubt, variance)
    return prior + share[:, None] * (seen - prior), share, mixed_variance(doubt, variance, share)


def best_share(prior: F32, other: F32) -> F32:
    """Weight of the other of two estimates that minimises the error of their mixture.

    Parameters
    ----------
    prior, other : (N,) float32
        Expected squared errors; that of ``other`` may be infinite. The errors are taken as correlated: what stands out
        in the hidden scene is missed by both.

    Returns
    -------
    (N,) float32
        0 to 1.
    """
    other = np.minimum(other, _ENDLESS)
    common = np.float32(_CORRELATION) * np.sqrt(prior * other)
    share = (prior - common) / np.maximum(prior + other - 2 * common, np.float32(1e-6))
    return np.asarray(share.clip(0, 1), np.float32)


def mixed_variance(prior: F32, other: F32, share: F32) -> F32:
    """Expected squared error of the mixture of two estimates (see :func:`best_share`)."""
    other = np.minimum(other, _ENDLESS)
    common = np.float32(_CORRELATION) * np.sqrt(prior * other)
    return np.asarray((1 - share) ** 2 * prior + share**2 * other + 2 * share * (1 - share) * common, np.float32)


def _prepare(state: _State, window: Window, low: int, high: int) -> None:
    """Complete the state for frames ``low`` to ``high`` of a window."""
    for i in range(low, high):
        if window.first + i not in state.pictures:
            hidden = np.ascontiguousarray(window.mask[i])
            state.pictures[window.first + i] = picture(window.frames[i], hidden)
    for i in range(window.first + low, window.first + high - 1):
        if i not in state.pairs:
            a, b = state.pictures[i], state.pictures[i + 1]
            state.pairs[i] = pair_motion(a.gray, b.gray, a.veil, b.veil)
