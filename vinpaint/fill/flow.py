"""Filling from what other frames saw, aligned over long ranges; the spatial fill where none saw anything."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vinpaint.contracts import Filled, Origin
from vinpaint.devices import few_threads
from vinpaint.fill.method import FillMethod, Window, forget, quantised
from vinpaint.fill.registry import check_quality
from vinpaint.fill.spatial import inpaint
from vinpaint.fill.steady import View, aligned, averaged, steadied, view_of
from vinpaint.flow.align import Matrix, at_rest, chain, pair_motion
from vinpaint.flow.complete import bounding_box, complete_hole
from vinpaint.flow.estimate import Estimator, estimator
from vinpaint.flow.kernels import combine
from vinpaint.flow.propagate import (
    Candidate,
    Picture,
    Target,
    candidate,
    choose,
    picture,
    redrawn,
    spatial_variance,
    target,
    unit_of,
)
from vinpaint.flow.still import remembered
from vinpaint.refiner.evidence import Evidence, Offer, Part, Refine, best_offers, blank
from vinpaint.refiner.shipped import refiner_weights

F32 = NDArray[np.float32]
Box: TypeAlias = tuple[tuple[int, int], tuple[int, int]]
"""First and end, of rows and of columns."""


@dataclass(frozen=True)
class Quality:
    """What a level of quality means."""

    estimator: str | None
    """Of what the global motion leaves, if that is estimated at all."""
    wanted: int
    """References that should see each pixel."""
    limit: int
    """References a frame at most."""
    reach: int
    """Frames to the furthest reference."""
    again: bool
    """Whether motion is estimated once more, inside the filled hole."""
    near: tuple[int, ...]
    """Frames to those that a fill is averaged with."""


_LEVELS: Mapping[str, Quality] = {
    "fast": Quality(None, 2, 5, 20, False, ()),
    "balanced": Quality(None, 4, 6, 60, False, (1,)),
    "best": Quality("farneback", 8, 16, 60, True, (1, 2)),
}
_EASY = 8.0  # grey levels; what a smooth fill gets right to this asks for half the references
_ROUNDS = 2  # of reweighting candidates by how far they are from the rest
_ENDLESS = np.float32(1e12)  # stands for an infinite variance
_CORRELATION = 0.6  # of the errors of the propagated and the spatial fill (fitted)
_WHOLE = np.s_[:, :]
_CONTEXT = 24  # pixels around the hole that take part when fills are aligned with each other
_RIM = 8  # pixels around the hole where candidates show how well they fit
_SURE = 0.3  # confidence from which a fill tells motion
_SMALLER = 0.3  # errors of a fill, of those that its candidates expect: these are for the choice between the two
_SEEN = 1.0  # variance of what is visible, squared grey levels
_THREADS = 4  # that frames are shared among, at most


@dataclass(frozen=True, eq=False)
class _Draft:
    """A frame filled by itself.

    Attributes
    ----------
    frame : (H, W, 3)
    confidence : (H, W) float32
    origin : (H, W) uint8
    variance : (H, W) float32
        Squared error to expect, in the units of the frame.
    settled : (H, W) bool
        What a resting camera saw: that does not flicker.
    offers : tuple of Offer
        What follows from the surroundings, then the best candidates of other frames.
    """

    frame: NDArray[Any]
    confidence: F32
    origin: NDArray[np.uint8]
    variance: F32
    settled: NDArray[np.bool_]
    offers: tuple[Offer, ...] = ()


@dataclass
class _State:
    """What is kept of the frames of a window, by their index in the clip."""

    pictures: dict[int, Picture] = field(default_factory=dict)
    pairs: dict[int, Matrix | None] = field(default_factory=dict)
    drafts: dict[int, _Draft] = field(default_factory=dict)
    views: dict[tuple[int, Box], View] = field(default_factory=dict)

    def forget(self, pictures: int, drafts: int) -> None:
        """Drop what no later window can ask for: pictures, and drafts, before two frames."""
        forget(pictures, self.pictures, self.pairs)
        forget(drafts, self.drafts)
        for key in [key for key in self.views if key[0] < drafts]:
            del self.views[key]

    def view(self, index: int, box: Box) -> View:
        """A part of a draft."""
        if (index, box) not in self.views:
            draft, inside = self.drafts[index], (slice(*box[0]), slice(*box[1]))
            unit = unit_of(draft.frame)
            variance = np.float32(_SMALLER / unit**2) * draft.variance[inside] + np.float32(_SEEN)
            scene = draft.frame[inside].astype(np.float32)
            self.views[index, box] = view_of(scene, variance, unit, np.zeros(variance.shape, np.bool_))
        return self.views[index, box]


class FlowFill(FillMethod):
    """Long-range flow fill.

    Parameters
    ----------
    quality : str
        ``fast``, ``balanced`` or ``best``.
    flow : Estimator, optional
        Estimator of motion in place of that of the quality.
    refine : bool
        Whether a network makes the last choice between what frames saw, and fills what none did; without weights none
        does.
    device : str
        Where it runs: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
    weights : Path, optional
        Its weights; those that ship by default, if any do.
    gather : bool
        Whether to keep what :meth:`evidence` tells, also where no network asks for it.

    Raises
    ------
    UsageError
        If there is no such quality.
    DependencyError
        If the weights are missing.
    """

    margin = 1.0
    temporal = True

    def __init__(
        self,
        *,
        quality: str = "balanced",
        flow: Estimator | None = None,
        refine: bool = True,
        device: str = "auto",
        weights: Path | None = None,
        gather: bool = False,
    ) -> None:
        check_quality(quality)
        path = refiner_weights(weights) if refine else None
        self._refiner = None if path is None else (path, device)
        self._gathers = gather or path is not None
        self._quality = _LEVELS[quality]
        named = self._quality.estimator
        self._estimate = flow or (None if named is None else estimator(named))
        self._align = estimator("dis-coarse")
        self.look_around = self._quality.reach + max(self._quality.near, default=0)

    def new_state(self) -> _State:
        """Pictures, motions and drafts of the frames seen."""
        return _State()

    def fill_window(self, window: Window, state: Any) -> Filled:
        """Fill ``window.frames[start:stop]``."""
        return self.fill_with_error(window, state)[0]

    def fill_with_error(self, window: Window, state: Any) -> tuple[Filled, F32]:
        """Fill ``window.frames[start:stop]``, and say how far off it may be.

        Every frame is first filled by itself, from what other frames saw. These drafts err differently, so a draft is
        then averaged with those of the frames next to it, along the motion: that is sharper, and steady.

        Returns
        -------
        filled : Filled
        variance : (T, H, W) float32
            Squared error to expect of each hidden pixel, in the units of the frames; 0 where visible.
        """
        state.forget(window.first, window.first + window.start - max(self._quality.near, default=0))
        frames = window.frames[window.start : window.stop].copy()
        confidence, variance = np.ones(frames.shape[:3], np.float32), np.zeros(frames.shape[:3], np.float32)
        origin = np.full(frames.shape[:3], Origin.OBSERVED, np.uint8)
        hidden = [index for index in range(window.start, window.stop) if window.mask[index].any()]
        alone = few_threads(1) if self._refiner else nullcontext()  # frames share the cores already
        with alone, ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1)) as pool:
            self._complete_drafts(window, state, hidden, pool)
            for index, frame in zip(hidden, pool.map(self._finish(window, state), hidden), strict=True):
                i, draft = index - window.start, state.drafts[window.first + index]
                frames[i], confidence[i], origin[i], variance[i] = frame, draft.confidence, draft.origin, draft.variance
        return Filled(frames, confidence, origin), variance

    def _complete_drafts(self, window: Window, state: _State, hidden: Sequence[int], pool: Executor) -> None:
        """Have drafts of some frames, and of those that they are averaged with."""
        near = max(self._quality.near, default=0)
        wanted = [i for i in _around(hidden, near, window) if any(abs(i - index) <= near for index in hidden)]
        _prepare(state, window, _around(wanted, self._quality.reach, window), pool)
        missing = [window.first + i for i in wanted if window.first + i not in state.drafts]
        state.drafts.update(zip(missing, pool.map(partial(self._draft, window, state), missing), strict=True))

    def _draft(self, window: Window, state: _State, index: int) -> _Draft:
        """A frame filled from what other frames saw."""
        pic = state.pictures[index]
        shape = pic.hidden.shape
        confidence, variance = np.ones(shape, np.float32), np.zeros(shape, np.float32)
        draft = _Draft(
            pic.image.copy(), confidence, np.full(shape, Origin.OBSERVED, np.uint8), variance, np.zeros(shape, np.bool_)
        )
        if not pic.hidden.any():
            return draft
        low, high = max(window.first, index - self._quality.reach), index + self._quality.reach + 1
        motions = chain(state.pairs, index, low, min(high, window.first + len(window.frames)))
        aim = target(pic, _RIM if self._gathers else 0)
        spatial, doubt = complete_hole(pic.image, pic.hidden), spatial_variance(aim)
        x, y = aim.hole.T
        prior = spatial[y, x].astype(np.float32), doubt
        still = self._still(aim, motions, state, index)
        draft.settled[y, x] = known = np.isfinite(still.variance)
        names = self._references(aim, known, motions, state, index, doubt)
        for final in (False, True) if self._quality.again and names else (True,):
            found = [still] * bool(known.any()) + self._candidates(aim, known, names, motions, state, index)
            value, share, variance = _fuse(*prior, found)
            draft.frame[y, x] = quantised(value, spatial.dtype)
            draft.confidence[y, x], draft.variance[y, x] = share, variance
            if not share.all():
                # What nothing was seen of continues what was propagated beside it, too: no seam between the two.
                draft.frame[...] = (complete_hole if share.any() else inpaint)(draft.frame, draft.confidence == 0)
            if not final:
                aim = redrawn(aim, draft.frame, draft.confidence < _SURE)
        draft.origin[y, x] = np.where(share > 0.5, Origin.PROPAGATED, Origin.SYNTHESISED)
        if not self._gathers:
            return draft
        return replace(draft, offers=(Offer(aim.hole, *prior), *best_offers(aim.points[: len(aim.root_depth)], found)))

    def _still(self, aim: Target, motions: Mapping[int, Matrix], state: _State, index: int) -> Candidate:
        """What the camera saw while it rested where it is."""
        resting = [n for n, motion in motions.items() if _rests(motion)]
        x, y = aim.hole.T
        if all(state.pictures[n].hidden[y, x].all() for n in resting):  # a mask that rests, too: it shows nothing new
            resting = []
        sides = ([n for n in resting if n > index], sorted((n for n in resting if n < index), reverse=True))
        kept = [n for side in sides for n in _without_drift(aim.picture, side, state)]
        ages = [abs(n - index) for n in kept]
        return remembered(aim.picture, aim.hole, [state.pictures[n] for n in kept], ages)

    def _references(
        self,
        aim: Target,
        known: NDArray[np.bool_],
        motions: Mapping[int, Matrix],
        state: _State,
        index: int,
        doubt: F32,
    ) -> list[int]:
        """Frames that see the rest of a hole."""
        if known.all():
            return []
        easy = bool(doubt.mean() < (_EASY * unit_of(aim.picture.image)) ** 2)
        limit = self._quality.limit // 2 if easy else self._quality.limit
        moved = {n: motion for n, motion in motions.items() if not _rests(motion)}
        return choose(aim.hole[~known], moved, state.pictures, index, wanted=self._quality.wanted, limit=limit)

    def _candidates(
        self,
        aim: Target,
        known: NDArray[np.bool_],
        names: Sequence[int],
        motions: Mapping[int, Matrix],
        state: _State,
        index: int,
    ) -> list[Candidate]:
        """What references offer, each for the pixels that those before it did not see often enough."""
        found: list[Candidate] = []
        seen = np.where(known, self._quality.wanted, 0)
        for n in names:
            needed = seen < self._quality.wanted
            offer = candidate(aim, state.pictures[n], motions[n], abs(n - index), self._estimate, needed)
            seen += np.isfinite(offer.variance[: aim.holes])
            found.append(offer)
        return found

    def _finish(self, window: Window, state: _State) -> Callable[[int], NDArray[Any]]:
        """What makes of drafts what is given out; torch is loaded with the first refinement."""
        if self._refiner is None:
            return partial(self._steadied, window, state)
        from vinpaint.refiner.refine import refinement

        return partial(self._refined, window, state, refinement(*self._refiner))

    def _steadied(self, window: Window, state: _State, index: int) -> NDArray[Any]:
        """The draft of a frame, averaged with those beside it."""
        name = window.first + index
        draft = state.drafts[name]
        frame, hidden = draft.frame.copy(), window.mask[index] & ~draft.settled
        beside = self._beside(window, index)
        if beside and hidden.any():
            inside = bounding_box(hidden, _CONTEXT)
            box = _box(inside)
            others = (state.view(n, box) for n in beside)
            within = hidden[inside]
            mean, _ = steadied(state.view(name, box), others, within, self._align, unit_of(frame))
            frame[inside][within] = quantised(mean[within], frame.dtype)
        return frame

    def evidence(self, window: Window, state: Any, index: int) -> tuple[Evidence, Part] | None:
        """What is known of the hidden pixels of a frame, once :meth:`fill_window` has drafted and gathered it.

        Parameters
        ----------
        window : Window
        state : Any
            Of :meth:`new_state`, as :meth:`fill_window` left it.
        index : int
            Of the frame in the window.

        Returns
        -------
        evidence : Evidence
        inside : (slice, slice)
            Which part of the frame it is about.
        None
            If nothing is hidden, or nothing but what a resting camera saw.
        """
        name = window.first + index
        draft = state.drafts[name]
        hidden = window.mask[index] & ~draft.settled
        if not hidden.any():
            return None
        inside = bounding_box(hidden, _CONTEXT)
        box, unit = _box(inside), unit_of(draft.frame)
        own, near = state.view(name, box), {n - name: state.view(n, box) for n in self._beside(window, index)}
        moved = dict(zip(near, aligned(own, near.values(), _WHOLE, self._align, unit), strict=True))
        pictures, variance = blank(own.scene)
        mean, error = averaged(own.scene, own.variance, moved.values())
        within = hidden[inside]
        pictures[0, within], variance[0] = mean[within], np.where(within, error, 0)
        variance[1] = np.where(within, own.variance, 0)
        for slot, step in enumerate((-1, 1), 2):
            if step in moved:
                pictures[slot], variance[slot] = moved[step]
        for slot, offer in enumerate(draft.offers, 4):
            offer.draw(pictures[slot], variance[slot], inside, unit)
        return Evidence(pictures / np.float32(unit), variance, within), inside

    def _refined(self, window: Window, state: _State, refine: Refine, index: int) -> NDArray[Any]:
        """The draft of a frame, refined."""
        frame = state.drafts[window.first + index].frame.copy()
        found = self.evidence(window, state, index)
        if found is not None:
            evidence, inside = found
            scene = refine(evidence) * unit_of(frame)
            frame[inside][evidence.hidden] = quantised(scene[evidence.hidden], frame.dtype)
        return frame

    def _beside(self, window: Window, index: int) -> list[int]:
        """Names of the frames that a fill is averaged with, near ones first."""
        steps = [sign * step for step in self._quality.near for sign in (-1, 1)]
        return [window.first + index + step for step in steps if 0 <= index + step < len(window.frames)]


def _box(inside: Part) -> Box:
    return (inside[0].start, inside[0].stop), (inside[1].start, inside[1].stop)


def _rests(motion: Matrix) -> bool:
    """Whether a motion is none (see :func:`vinpaint.flow.align.plane_motion`)."""
    return np.array_equal(motion, np.eye(3))


def _without_drift(pic: Picture, names: Sequence[int], state: _State) -> Sequence[int]:
    """Frames, the furthest last, as far as the camera rests there, too: shifts that are next to none add up."""
    while names:
        other = state.pictures[names[-1]]
        if at_rest(pic.gray, other.gray, pic.veil | other.veil):
            break
        names = names[: len(names) // 2]
    return names


def _around(indices: Sequence[int], reach: int, window: Window) -> range:
    """From some frames before to some after, within the window."""
    if not indices:
        return range(0)
    return range(max(0, indices[0] - reach), min(len(window.frames), indices[-1] + reach + 1))


def _fuse(prior: F32, doubt: F32, found: Sequence[Candidate]) -> tuple[F32, F32, F32]:
    """The best mixture of a spatial fill and of candidates, the share of the latter, and its expected error."""
    if not found:
        return prior, np.zeros(len(prior), np.float32), doubt
    holes = slice(len(prior))
    colours, expected = np.stack([c.colours[holes] for c in found]), np.stack([c.variance[holes] for c in found])
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


def _prepare(state: _State, window: Window, span: range, pool: Executor) -> None:
    """Complete pictures and motions for frames of a window."""
    names = [window.first + i for i in span]

    def drawn(name: int) -> Picture:
        i = name - window.first
        return picture(window.frames[i].copy(), window.mask[i].copy())  # parts of a window would keep all of it

    def moved(name: int) -> Matrix | None:
        a, b = state.pictures[name], state.pictures[name + 1]
        return pair_motion(a.gray, b.gray, a.veil, b.veil)

    unseen = [name for name in names if name not in state.pictures]
    state.pictures.update(zip(unseen, pool.map(drawn, unseen), strict=True))
    unlinked = [name for name in names[:-1] if name not in state.pairs]
    state.pairs.update(zip(unlinked, pool.map(moved, unlinked), strict=True))
