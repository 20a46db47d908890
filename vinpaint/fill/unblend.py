"""Un-blending: the scene that shines through a translucent blemish, fused with what other frames saw of it."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vinpaint.contracts import Blemish, Filled, Frames, Mask, Origin
from vinpaint.fill.flow import FlowFill
from vinpaint.fill.method import FillMethod, Window, forget, quantised
from vinpaint.fill.steady import View, steadied, view_of
from vinpaint.fill.strength import REACH, Imprint, can_follow, imprint, strength
from vinpaint.fill.veil import CONTRAST, OPAQUE, Veil, part_of, surroundings, veil_of
from vinpaint.flow.complete import bounding_box
from vinpaint.flow.estimate import Estimator, estimator

if TYPE_CHECKING:
    from vinpaint.video.layout import Layout

F32 = NDArray[np.float32]
Box = tuple[slice, slice]

# Errors in grey levels:
_NEEDY = 12.0  # what is recovered with more asks for the flow fill, which is seldom better
_HOPELESS = 18.0  # from here on the two are mixed by their expected errors alone
_NOISY = 1.4  # noise that lifting may add without being averaged out; twice that is averaged fully
_WRONG = 6.0  # the same for what an error of the opacity makes: it is alike in frames nearby, and averages out badly
_WORTH = 0.5  # share from which averaging is done at all
_CONTEXT = 24  # pixels around the blemish that take part in the estimation of motion
_NEAR: Mapping[str, tuple[int, ...]] = {"fast": (), "balanced": (1, 2, 8), "best": (1, 2, 4, 8, 16)}
_MOST = 0.5  # share from which a pixel's origin is called by it
_SHEETS = 16  # that are kept: as many as frames whose strength is compared, and one
_SURE = 2.0  # standard errors of what a saturated sample says of the scene


class UnblendFill(FillMethod):
    """What shines through is lifted, what does not is filled from other frames.

    The scene is (observed − α·colour) / (1 − α), which amplifies the noise of the samples and an error of α. It is
    averaged with the same scene in frames nearby along the motion, each weighted by its inverse variance, as far as
    error was added; where little shines through it is mixed with the flow fill by the expected errors of the two.

    Without a blemish this is the flow fill: all that is hidden counts as opaque.

    Parameters
    ----------
    quality : str
        ``fast``, ``balanced`` or ``best``.
    flow : Estimator, optional
        Estimator of motion in place of those that are used by default.
    refine, device, weights
        As for :class:`FlowFill`.

    Raises
    ------
    UsageError
        If there is no such quality.
    DependencyError
        If the weights of the refinement are missing.
    """

    margin = 1.0
    temporal = True
    wants_blemish = True

    def __init__(
        self,
        *,
        quality: str = "balanced",
        flow: Estimator | None = None,
        refine: bool = True,
        device: str = "auto",
        weights: Path | None = None,
    ) -> None:
        self._flow = FlowFill(quality=quality, flow=flow, refine=refine, device=device, weights=weights)
        self._near = _NEAR[quality]
        self._estimate = flow or estimator("dis-fast")
        self.look_around = max(self._flow.look_around, *self._near, 0) + REACH

    def suited(self, mask: Mask, blemish: Blemish | None, layout: Layout | None = None) -> FillMethod:
        """See :meth:`FillMethod.suited`: looks around only as far as this blemish asks for."""
        if blemish is None:
            return self
        box = surroundings(mask, layout).slices
        dtype = np.uint8 if layout is None or layout.bits == 8 else np.uint16
        veil = veil_of(part_of(blemish, box), mask[box], dtype, layout)
        if (mask[box] & (veil.deviation() > _NEEDY)).any():
            return self
        suited = copy(self)
        suited.margin = 0
        suited.look_around = REACH if can_follow(veil) else 0
        suited.look_around += max(self._near, default=0) if _averaged(veil).any() else 0
        return suited

    def new_state(self) -> _State:
        """Lifted frames, and the state of the flow fill."""
        return _State(self._flow.new_state())

    def fill_window(self, window: Window, state: Any) -> Filled:
        """Fill ``window.frames[start:stop]``."""
        if window.blemish is None or not (window.blemish.mask & (window.blemish.alpha < OPAQUE)).any():
            return self._flow.fill_window(window, state.flow)
        state.forget(window.first)
        frames = window.frames[window.start : window.stop].copy()
        confidence = np.ones(frames.shape[:3], np.float32)
        origin = np.full(frames.shape[:3], Origin.OBSERVED, np.uint8)
        beneath = self._beneath(window, state)
        for i, index in enumerate(range(window.start, window.stop)):
            if not window.mask[index].any():
                continue
            sheet = state.sheet(window, index)
            scene, variance, own = self._recovered(window, state, index)
            origin[i][window.mask[index]] = Origin.UNBLENDED
            if beneath is not None and sheet.needy.any():
                filled, expected = beneath
                part = _Fill(filled.frames[i], filled.confidence[i], filled.origin[i], expected[i])
                _mix(sheet, window.frames[index], (scene, variance, own), part, confidence[i], origin[i])
                frames[i][sheet.veil.hidden] = part.frame[sheet.veil.hidden]
            known = sheet.known[sheet.box]
            frames[i][sheet.box][known] = quantised(scene[known], frames.dtype)
        return Filled(frames, confidence, origin)

    def _recovered(self, window: Window, state: _State, index: int) -> tuple[F32, F32, F32]:
        """Scene, variance and the frame's own share in it, in the blemish's box, steadied where lifting added error."""
        view, sheet = state.view(window, index), state.sheet(window, index)
        scene, variance = view.scene.copy(), view.variance.copy()
        if sheet.averaged.any():
            near = [index + sign * step for step in self._near for sign in (-1, 1)]
            others = (state.view(window, n).cut(sheet.uneven) for n in near if 0 <= n < len(window.frames))
            share = sheet.averaged[sheet.uneven]
            mean, error = steadied(view.cut(sheet.uneven), others, share > 0, self._estimate, sheet.veil.unit)
            scene[sheet.uneven] += share[..., None] * (mean - scene[sheet.uneven])
            variance[sheet.uneven] += share * (error - variance[sheet.uneven])
        return scene, variance, variance / view.variance

    def _beneath(self, window: Window, state: _State) -> tuple[Filled, F32] | None:
        """The flow fill of what hardly shines through, from lifted frames, and its expected error."""
        span = range(window.start, window.stop)
        if not any(state.needy(window, index).any() for index in span):
            return None
        low = max(0, window.start - self._flow.look_around)
        high = min(len(window.frames), window.stop + self._flow.look_around)
        lifted = np.stack([state.lifted(window, index) for index in range(low, high)])
        masks = np.stack([state.needy(window, index) for index in range(low, high)])
        part = Window(lifted, masks, window.first + low, window.start - low, window.stop - low)
        return self._flow.fill_with_error(part, state.flow)


def _averaged(veil: Veil) -> F32:
    """How far lifted frames are averaged (H, W), 0 to 1: as far as lifting adds to the noise of the samples.

    Not at all where that is little everywhere: it is not worth the time.
    """
    clear = veil.clear[..., 0]
    noise = veil.noise * np.sqrt(1 / np.square(clear) - 1)
    wrong = CONTRAST * veil.error / clear
    share = np.clip(np.hypot(noise / _NOISY, wrong / _WRONG) - 1, 0, 1).astype(np.float32)
    return share if share.max(initial=0) > _WORTH else np.zeros_like(share)


@dataclass(frozen=True, eq=False)
class _Sheet:
    """What is the same for all frames with one mask.

    Attributes
    ----------
    mask : (H, W) bool
    veil : Veil
        Of the whole region.
    box : (slice, slice)
        The blemish and its context; what follows in brackets has the size of the box.
    known : (H, W) bool
        What is lifted.
    needy : (H, W) bool
        What asks for the flow fill.
    mixed : (H, W) float32
        How far it may take over, 0 to 1.
    inner : Veil
        [Of the box.]
    averaged : (h, w) float32
        [How far frames are averaged, 0 to 1.]
    uneven : (slice, slice)
        [Where they are, and its context.]
    followed : bool
        Whether the strength of the blemish can be told from a frame.
    """

    mask: Mask
    veil: Veil
    box: Box
    known: Mask
    needy: Mask
    mixed: F32
    inner: Veil
    averaged: F32
    uneven: Box
    followed: bool


def _sheet(mask: Mask, blemish: Blemish, dtype: Any, layout: Layout | None) -> _Sheet:
    veil = veil_of(blemish, mask, dtype, layout)
    tinted = blemish.mask & (blemish.alpha > 0) & (blemish.alpha < OPAQUE)
    box = bounding_box(tinted if tinted.any() else blemish.mask, _CONTEXT)
    deviation = veil.deviation()
    needy = mask & (deviation > _NEEDY)
    mixed = np.where(needy, np.clip((deviation - _NEEDY) / (_HOPELESS - _NEEDY), 0, 1), 0).astype(np.float32)
    inner = veil.cut(box)
    averaged = np.where(mask[box], _averaged(inner), 0).astype(np.float32)
    uneven = bounding_box(averaged > 0, _CONTEXT)
    return _Sheet(mask, veil, box, mask & ~veil.hidden, needy, mixed, inner, averaged, uneven, can_follow(inner))


@dataclass
class _State:
    """What is kept of a region's frames, by their index in the clip."""

    flow: Any
    views: dict[int, View] = field(default_factory=dict)
    imprints: dict[int, Imprint] = field(default_factory=dict)
    pictures: dict[int, Frames] = field(default_factory=dict)
    needs: dict[int, Mask] = field(default_factory=dict)
    sheets: list[_Sheet] = field(default_factory=list)  # the last ones first

    def forget(self, before: int) -> None:
        """Drop what no later window can ask for."""
        forget(before, self.views, self.imprints, self.pictures, self.needs)

    def sheet(self, window: Window, index: int) -> _Sheet:
        """Of one frame of the window."""
        mask = window.mask[index]
        found = next((n for n, each in enumerate(self.sheets) if np.array_equal(mask, each.mask)), None)
        if found is None:
            assert window.blemish is not None
            sheet = _sheet(mask.copy(), window.blemish, window.frames.dtype, window.layout)
        else:
            sheet = self.sheets.pop(found)
        self.sheets = [sheet, *self.sheets[: _SHEETS - 1]]
        return sheet

    def needy(self, window: Window, index: int) -> Mask:
        """What of one frame of the window asks for the flow fill."""
        name = window.first + index
        if name not in self.needs:
            self.needs[name] = self.sheet(window, index).needy
        return self.needs[name]

    def _veil(self, window: Window, index: int) -> Veil:
        """Of the box, as strong as it is in one frame of the window."""
        sheet = self.sheet(window, index)
        if not sheet.followed:
            return sheet.inner
        near = range(max(0, index - REACH), min(len(window.frames), index + REACH + 1))
        found = [self._imprint(window, n) for n in near if window.mask[n].any()]
        distances = [n - index for n in near if window.mask[n].any()]
        assert window.blemish is not None
        return sheet.inner.scaled(strength(found, distances, window.blemish.imprint))

    def _imprint(self, window: Window, index: int) -> Imprint:
        name = window.first + index
        if name not in self.imprints:
            sheet = self.sheet(window, index)
            scene = sheet.inner.lift(window.frames[index][sheet.box])
            self.imprints[name] = imprint(sheet.inner, scene)
        return self.imprints[name]

    def view(self, window: Window, index: int) -> View:
        """The lifted box of one frame of the window."""
        name = window.first + index
        if name not in self.views:
            sheet = self.sheet(window, index)
            veil = self._veil(window, index)
            scene = veil.lift(window.frames[index][sheet.box])
            variance = veil.variance(scene)
            self.views[name] = view_of(scene, variance, sheet.inner.unit, sheet.needy[sheet.box])
        return self.views[name]

    def lifted(self, window: Window, index: int) -> Frames:
        """One frame of the window with what is known of the blemish taken away."""
        name = window.first + index
        if name not in self.pictures:
            sheet = self.sheet(window, index)
            known = sheet.known[sheet.box]
            picture = window.frames[index].copy()
            scene = self._veil(window, index).lift(picture[sheet.box])
            picture[sheet.box][known] = quantised(scene[known], picture.dtype)
            self.pictures[name] = picture
        return self.pictures[name]


@dataclass(frozen=True, eq=False)
class _Fill:
    """What the flow fill says of one frame."""

    frame: NDArray[Any]
    confidence: F32
    origin: NDArray[np.uint8]
    variance: F32


def _mix(
    sheet: _Sheet,
    observed: NDArray[Any],
    recovered: tuple[F32, F32, F32],
    part: _Fill,
    confidence: F32,
    origin: NDArray[np.uint8],
) -> None:
    """Mix the flow fill into a recovered scene, in place, by the expected errors of both."""
    scene, variance, own = recovered
    origin[sheet.box][sheet.needy[sheet.box] & (own < _MOST)] = Origin.PROPAGATED
    expected = part.variance[sheet.box] / np.float32(sheet.veil.unit**2)
    share = sheet.mixed.copy()
    share[sheet.box] *= variance / np.maximum(variance + expected, np.float32(1e-6))
    seen, bound = observed[sheet.box], _SURE * np.sqrt(variance)[..., None] * sheet.veil.unit
    least = np.where(seen == np.iinfo(seen.dtype).max, scene - bound, -np.inf)
    most = np.where(seen == 0, scene + bound, np.inf)
    mixed = scene + share[sheet.box][..., None] * (part.frame[sheet.box] - scene)
    scene[...] = np.clip(mixed, least, most)
    confidence[sheet.needy] = (1 - share * (1 - part.confidence))[sheet.needy]
    foreign = sheet.needy & (share > _MOST)
    origin[foreign] = part.origin[foreign]
