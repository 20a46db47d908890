"""The optical model on pictures: what a blemish adds, how to take it away, and how far off the result is.

observed = (1 − α)·scene + α·colour, so scene = (observed − α·colour) / (1 − α): noise is amplified by 1 / (1 − α), and
an error of α tells by (scene − colour) / (1 − α).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vinpaint.contracts import Blemish, Mask
from vinpaint.flow.complete import bounding_box
from vinpaint.masks.regions import Region

if TYPE_CHECKING:
    from vinpaint.video.layout import Layout

F32 = NDArray[np.float32]

# In grey levels, of 255:
ROUNDING = 0.29
"""Deviation of an 8-bit sample from what was rounded to it: 1 / √12."""

COMPRESSION = 3.0
"""Deviation of a sample of compressed video, as common quantisers leave it (H.264 at CRF 20: 2 to 6)."""

OPAQUE = 1 - 1 / 256
"""Opacity from which nothing can be told of the scene."""

CONTRAST = 80.0
"""Difference to expect of scene and blemish where the scene is not known."""

_WORTHLESS = np.float32(1e8)  # squared error of what nothing shines through
_AROUND = 32  # pixels; no filter looks further
_CLEAREST = 1e-3  # 1 − α at least: beyond it the quotient says nothing


@dataclass(frozen=True, eq=False)
class Veil:
    """A blemish made ready for pictures of one kind.

    Attributes
    ----------
    clear : (H, W, 1) float32
        1 − α, at least 0.001; 1 outside the blemish.
    tint : (H, W, 3) float32
        α·colour in the units of the pictures.
    error : (H, W) float32
        Standard error of α.
    noise : float
        Deviation of the samples, grey levels.
    unit : float
        One grey level of 255 in the units of the pictures.
    hidden : (H, W) bool
        Masked, and opaque or no part of the blemish that is known: nothing shines through.
    coarse : Veil or None
        The same as it lies in the chroma, where that has fewer samples and the blemish differs there.
    luma : (3,) float32
        Weights of red, green and blue in luma.
    """

    clear: F32
    tint: F32
    error: F32
    noise: float
    unit: float
    hidden: Mask
    luma: F32
    coarse: Veil | None = None

    def lift(self, picture: NDArray[Any]) -> F32:
        """The scene behind the blemish, (H, W, 3) float32 in the units of the picture and within its range."""
        seen = picture.astype(np.float32)
        scene = (seen - self.tint) / self.clear
        if self.coarse is not None:
            chroma = (seen - self.coarse.tint) / self.coarse.clear
            scene = chroma + ((scene - chroma) @ self.luma)[..., None]
        return np.asarray(np.clip(scene, 0, np.iinfo(picture.dtype).max), np.float32)

    def variance(self, scene: F32) -> F32:
        """Expected squared error (H, W) of a lifted picture, in squared grey levels."""
        square = np.full(self.error.shape, self.noise**2, np.float32)
        if self.error.any():
            # α·(scene − colour), from which no colour need be known where nothing is hidden.
            contrast = ((1 - self.clear) * scene - self.tint) / (np.maximum(1 - self.clear, 1e-3) * self.unit)
            square += self.error**2 * np.square(contrast).mean(axis=2)
        return np.where(self.hidden, _WORTHLESS, square / np.square(self.clear[..., 0])).astype(np.float32)

    def deviation(self) -> F32:
        """Error (H, W) to expect of any lifted picture, grey levels; infinite where nothing shines through."""
        expected = np.sqrt(self.noise**2 + np.square(self.error * CONTRAST)) / self.clear[..., 0]
        return np.where(self.hidden, np.float32(np.inf), expected).astype(np.float32)

    def cut(self, box: tuple[slice, slice]) -> Veil:
        """The veil of a part of the picture."""
        return replace(
            self,
            clear=self.clear[box],
            tint=self.tint[box],
            error=self.error[box],
            hidden=self.hidden[box],
            coarse=None if self.coarse is None else self.coarse.cut(box),
        )

    def scaled(self, strength: float) -> Veil:
        """The veil with ``strength`` times the opacity."""
        if strength == 1:
            return self
        clear = np.maximum(1 - strength * (1 - self.clear), np.float32(_CLEAREST))
        return replace(
            self,
            clear=clear,
            tint=self.tint * np.float32(strength),
            coarse=None if self.coarse is None else self.coarse.scaled(strength),
        )


def part_of(blemish: Blemish, box: tuple[slice, slice]) -> Blemish:
    """What is known of a blemish in a part of the frame."""
    return blemish.mapped(lambda each: each[box])


def surroundings(mask: Mask, layout: Layout | None = None) -> Region:
    """The part of the frame that a veil under a mask depends on, on whole blocks of chroma; not empty."""
    rows, columns = bounding_box(mask, 0)
    steps = (1, 1) if layout is None else (layout.ystep, layout.xstep)
    wide = Region(rows.start - _AROUND, rows.stop + _AROUND, columns.start - _AROUND, columns.stop + _AROUND)
    return wide.aligned(*steps, *mask.shape)


def veil_of(blemish: Blemish, mask: Mask, dtype: Any, layout: Layout | None = None) -> Veil:
    """Prepare a blemish.

    Parameters
    ----------
    blemish : Blemish
    mask : (H, W) bool
        What is asked for; where it is no part of the blemish, or opaque, the veil is clear and ``hidden``.
    dtype : numpy dtype
        Of the pictures: uint8 or uint16.
    layout : Layout, optional
        How the pictures were stored; RGB of the type's precision by default.
    """
    hidden = mask & (~blemish.mask | (blemish.alpha >= OPAQUE))
    here = mask & ~hidden
    unit = np.iinfo(dtype).max / 255
    alpha = np.where(here, np.clip(blemish.alpha, 0, 1), 0).astype(np.float32)[..., None]
    tint = alpha * np.clip(blemish.colour, 0, 1) * np.float32(255 * unit)
    error = np.zeros(mask.shape, np.float32) if blemish.alpha_error is None else blemish.alpha_error
    veil = Veil(
        np.maximum(1 - alpha, np.float32(_CLEAREST)),
        tint.astype(np.float32),
        np.where(here, np.clip(np.nan_to_num(error, nan=1.0), 0, 1), 0).astype(np.float32),
        noise_of(layout, dtype),
        unit,
        hidden,
        _luma_weights(layout),
    )
    if layout is None or layout.model != "yuv" or layout.xstep * layout.ystep == 1:
        return veil
    coarse = replace(veil, clear=_as_chroma(veil.clear, layout)[..., None], tint=_as_chroma(veil.tint, layout))
    return replace(veil, coarse=coarse)


def noise_of(layout: Layout | None, dtype: Any) -> float:
    """Deviation of samples, grey levels: of rounding, or of compression where chroma was reduced.

    Reduced chroma is what nearly all compressed video has, and nothing else.
    """
    if layout is not None and layout.model == "yuv":
        return COMPRESSION if layout.xstep * layout.ystep > 1 else 2 * ROUNDING
    bits = 8 * np.dtype(dtype).itemsize if layout is None else layout.bits
    return ROUNDING * 255 / ((1 << bits) - 1)


def _luma_weights(layout: Layout | None) -> F32:
    red, blue = (0.299, 0.114) if layout is None else (layout.kr, layout.kb)
    return np.array([red, 1 - red - blue, blue], np.float32)


def _as_chroma(field: F32, layout: Layout) -> F32:
    """A field averaged over the blocks of chroma and interpolated between their centres, as chroma itself is."""
    height, width = field.shape[:2]
    down, right = -height % layout.ystep, -width % layout.xstep
    padded = cv2.copyMakeBorder(field, 0, down, 0, right, cv2.BORDER_REPLICATE)
    size = (padded.shape[1] // layout.xstep, padded.shape[0] // layout.ystep)
    small = cv2.resize(padded, size, interpolation=cv2.INTER_AREA)
    wide = cv2.resize(small, padded.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(wide[:height, :width], np.float32)
