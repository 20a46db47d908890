"""Filling a stream of frames: shots, windows, regions, compositing; memory bounded by the window.

Frames flow one way: source → shots → a window of one shot → regions → method → the frame's own planes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from vinpaint.contracts import Blemish, Filled, FloatMap, Frames, Mask, Origin
from vinpaint.fill.method import FillMethod, Window, forget
from vinpaint.fill.veil import part_of
from vinpaint.masks.regions import Region, regions_of
from vinpaint.video.layout import Layout
from vinpaint.video.source import Frame

MaskOf = Callable[[int, Frame], Mask]
"""The mask of a frame, (H, W) bool in stored orientation, by index and frame; asked once a frame, in order."""

_CORE = 16  # frames filled at a time; more saves little work and costs latency and memory
_SMALLEST_CORE = 4
_METHOD_COPIES = 3.0  # what a method holds of a region besides its frames, in multiples of them


@dataclass(frozen=True, eq=False)
class Patch:
    """What was filled in one region of one frame."""

    region: Region
    frames: Frames
    mask: Mask
    confidence: FloatMap
    origin: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class FilledFrame:
    """A frame after the fill, and what was done to it."""

    frame: Frame
    patches: tuple[Patch, ...]

    def confidence(self) -> FloatMap:
        """(H, W) float32, stored orientation: 1 = observed or recovered, 0 = invented."""
        whole = np.ones(self.frame.planes[0].shape, np.float32)
        for patch in self.patches:
            whole[patch.region.slices][patch.mask] = patch.confidence[patch.mask]
        return whole

    def origin(self) -> NDArray[np.uint8]:
        """(H, W) uint8, stored orientation: values of :class:`Origin`."""
        whole = np.full(self.frame.planes[0].shape, Origin.OBSERVED, np.uint8)
        for patch in self.patches:
            whole[patch.region.slices][patch.mask] = patch.origin[patch.mask]
        return whole


@dataclass
class Tally:
    """Pixels by origin, summed over the frames of a run."""

    frames: int = 0
    pixels: NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(Origin), np.int64))

    def add(self, filled: FilledFrame) -> None:
        """Count one frame."""
        self.frames += 1
        for patch in filled.patches:
            self.pixels += np.bincount(patch.origin[patch.mask], minlength=len(Origin))

    def share(self, origin: Origin) -> float:
        """Share of the hidden pixels that came from ``origin``; 0 when nothing was hidden."""
        return float(self.pixels[origin] / max(1, self.pixels.sum()))

    @property
    def recovered(self) -> float:
        """Share of the hidden pixels that were seen, in this frame or another."""
        return self.share(Origin.PROPAGATED) + self.share(Origin.UNBLENDED)


@dataclass(frozen=True)
class WindowPlan:
    """How many frames are looked at and filled together."""

    look_around: int
    core: int = _CORE


def plan_window(method: FillMethod, layout: Layout, area: int, hidden: int, budget: int) -> WindowPlan:
    """The largest window that stays within a memory budget; at the least one frame around and four at a time.

    Parameters
    ----------
    method : FillMethod
        Wants ``look_around`` frames on each side.
    layout : Layout
        Storage of the frames.
    area, hidden : int
        Pixels of a frame, and of the regions that are worked on.
    budget : int
        Bytes for frames, regions and the method's own arrays.
    """
    width = 1 if layout.bits == 8 else 2
    planes = 1.0 if layout.model == "gray" else 1 + 2 / (layout.xstep * layout.ystep)
    a_frame = width * (area * planes + hidden * 3 * (1 + _METHOD_COPIES))

    def needed(around: int, core: int) -> float:
        return (2 * around + core) * a_frame

    around, core = method.look_around, _CORE
    while core > _SMALLEST_CORE and needed(around, core) > budget:
        core //= 2
    while around > 1 and needed(around, core) > budget:
        around -= 1
    return WindowPlan(around, core)


class _RegionRun:
    """One region of one shot: its pictures within the window, and what the method keeps."""

    def __init__(self, region: Region, method: FillMethod, blemish: Blemish | None) -> None:
        self.region = region
        self._method = method
        self._blemish = None if blemish is None else part_of(blemish, region.slices)
        self._state = method.new_state()
        self._pictures: dict[int, Frames] = {}

    def fill(self, window: Sequence[_Held], start: int, stop: int) -> Iterator[Patch | None]:
        """Patches of ``window[start:stop]``, None where nothing is hidden in this region."""
        masks = _stacked([held.mask for held in window], self.region)
        if not masks[start:stop].any():
            yield from [None] * (stop - start)
            return
        pictures = np.stack([self._picture(held) for held in window])
        forget(window[0].index, self._pictures)
        filled = self._method.fill_window(
            Window(pictures, masks, window[0].index, start, stop, self._blemish, window[0].frame.layout), self._state
        )
        yield from (self._patch(filled, i, masks[start + i]) for i in range(stop - start))

    def _picture(self, held: _Held) -> Frames:
        if held.index not in self._pictures:
            self._pictures[held.index] = held.frame.rgb(self.region, held.mask[self.region.slices])
        return self._pictures[held.index]

    def _patch(self, filled: Filled, i: int, mask: Mask) -> Patch | None:
        if not mask.any():
            return None
        return Patch(self.region, filled.frames[i], mask, filled.confidence[i], filled.origin[i])


@dataclass(frozen=True, eq=False)
class _Held:
    """A frame that waits in the window."""

    index: int
    frame: Frame
    mask: Mask

    def as_recorded(self) -> _Held:
        """The same with samples of its own: the frame itself is about to be filled."""
        planes = tuple(plane.copy() for plane in self.frame.planes)
        return replace(self, frame=replace(self.frame, planes=planes, native=None, companions=()))


def fill_stream(
    numbered: Iterable[tuple[Frame, int]],
    mask_of: MaskOf,
    method: FillMethod,
    plan: Callable[[Sequence[Region]], WindowPlan],
    *,
    blemish: Blemish | None = None,
) -> Iterator[FilledFrame]:
    """Fill frames as they come.

    Parameters
    ----------
    numbered : iterable of (Frame, int)
        Frames in order of time with the number of their shot.
    mask_of : callable
        Gives the mask of each frame.
    method : FillMethod
        Fills the windows.
    plan : callable
        Chooses the window from the regions that are worked on.
    blemish : Blemish, optional
        What is known of a static blemish, stored orientation.

    Yields
    ------
    FilledFrame
        Each frame once, in order; frames without a hidden pixel are passed on untouched.
    """
    shot = _Shot(method, plan, blemish)
    current = None
    for index, (frame, number) in enumerate(numbered):
        if number != current:
            yield from shot.finish()
            shot, current = _Shot(method, plan, blemish), number
        yield from shot.push(_Held(index, frame, mask_of(index, frame)))
    yield from shot.finish()


class _Shot:
    """The window that moves over the frames of one shot."""

    def __init__(
        self, method: FillMethod, make_plan: Callable[[Sequence[Region]], WindowPlan], blemish: Blemish | None
    ) -> None:
        self._method, self._make_plan, self._blemish = method, make_plan, blemish
        self._window: deque[_Held] = deque()
        self._next = 0  # position in the window of the first frame that is not filled yet
        self._runs: list[_RegionRun] = []
        self._plan = make_plan(())
        self._hidden: Mask | None = None  # what the regions were chosen for

    def push(self, held: _Held) -> Iterator[FilledFrame]:
        if not self._runs and held.mask.any():
            self._choose_regions(held.mask, held.frame.layout)
        self._window.append(held)
        waiting = len(self._window) - self._next
        if not self._runs:
            yield from self._fill(1)  # nothing hidden so far: nothing to wait for
        elif waiting >= self._plan.core + self._plan.look_around:
            yield from self._fill(self._plan.core)

    def finish(self) -> Iterator[FilledFrame]:
        while (waiting := len(self._window) - self._next) > 0:
            yield from self._fill(min(waiting, self._plan.core))
        self._window.clear()

    def _fill(self, count: int) -> Iterator[FilledFrame]:
        due = list(islice(self._window, self._next, self._next + count))
        hidden = _union([held.mask for held in due])
        if hidden.any():
            self._choose_regions(hidden, due[0].frame.layout)
        window, start, stop = list(self._window), self._next, self._next + count
        last = min(len(window), stop + self._plan.look_around)
        columns = [run.fill(window[:last], start, stop) for run in self._runs] if hidden.any() else []
        rows = zip(*columns, strict=True) if columns else [()] * count
        for place, row in zip(range(start, stop), rows, strict=True):
            patches = tuple(patch for patch in row if patch is not None)
            if patches and place >= stop - self._plan.look_around:  # it is looked at again
                self._window[place] = window[place].as_recorded()
            yield _composited(window[place].frame, patches)
        self._advance(stop)

    def _choose_regions(self, hidden: Mask, layout: Layout) -> None:
        """Keep the regions, and what the method knows of them, while they surround what is hidden."""
        if self._hidden is not None and np.array_equal(hidden, self._hidden):
            return
        self._hidden = hidden
        margin = self._method.margin
        kept = [run.region for run in self._runs]
        if kept and all(_inside(region, kept) for region in regions_of(hidden, margin / 2)):
            return
        regions = [region.aligned(layout.ystep, layout.xstep, *hidden.shape) for region in regions_of(hidden, margin)]
        if regions != kept:
            self._runs = [_RegionRun(region, self._method, self._blemish) for region in regions]
            self._plan = self._make_plan(regions)
            self._advance(self._next)  # a smaller window looks less far back

    def _advance(self, stop: int) -> None:
        """Let go of what the frames from ``stop`` on do not look at."""
        keep = min(stop, self._plan.look_around)
        for _ in range(stop - keep):
            self._window.popleft()
        self._next = keep


def _union(masks: Sequence[Mask]) -> Mask:
    different = {id(mask): mask for mask in masks}  # a static mask is one array
    union: Mask = np.logical_or.reduce(list(different.values()))
    return union


def _stacked(masks: Sequence[Mask], region: Region) -> Mask:
    """(T, h, w) masks of a region; a static mask is repeated without a copy."""
    first = masks[0][region.slices]
    if all(mask is masks[0] for mask in masks):
        return np.broadcast_to(first, (len(masks), *first.shape))
    return np.stack([mask[region.slices] for mask in masks])


def _inside(region: Region, others: Sequence[Region]) -> bool:
    return any(
        other.y0 <= region.y0 and region.y1 <= other.y1 and other.x0 <= region.x0 and region.x1 <= other.x1
        for other in others
    )


def _composited(frame: Frame, patches: tuple[Patch, ...]) -> FilledFrame:
    for patch in patches:
        frame.composite(patch.region, patch.frames, patch.mask)
    return FilledFrame(frame, patches)
