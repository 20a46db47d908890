"""How opaque blemishes are and which colour they have, each by what fits its kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vinpaint.contracts import Blemish, FloatMap, Mask
from vinpaint.detect import matting
from vinpaint.detect.evidence import Evidence, gather
from vinpaint.detect.numbered import numbered
from vinpaint.detect.opacity import measure
from vinpaint.detect.regions import Region
from vinpaint.detect.shapes import grouped, label, pull_push
from vinpaint.detect.stains import Stain, fit_stains
from vinpaint.masks.regions import dilate

_THICK = 0.06  # of a frame's shorter side: what is thicker may be a soft stain
_UNSURE = 0.04  # standard error of an opacity that is inferred from the deviation over time
_STILL, _NOTHING = 2.0, 0.1  # deviation over time of an opaque pixel: grey levels, and share of the scene's
_NEARLY, _NOISY = 0.75, 0.35  # opacity, and share of the scene's deviation, of an opaque pixel that a codec disturbed
_CORE = 0.1  # share of the nearly opaque pixels of a mark that are still, if it is opaque
_MARGIN = 2  # pixels around a mark in which it may go on
_FAINT, _STRONG = 0.15, 0.4  # shares of a mark's opacity; fainter pixels count beside strong ones only
_KNOWN = 0.1  # standard error of an opacity that says whether a pixel belongs to a mark


@dataclass(frozen=True, eq=False)
class Part:
    """One blemish, measured.

    Attributes
    ----------
    mask : (H, W) bool
    alpha, alpha_error : (H, W) float32
    colour : (H, W, 3) float32
        RGB, 0 to 1.
    confidence : float
        0 to 1.
    """

    mask: Mask
    alpha: FloatMap
    alpha_error: FloatMap
    colour: FloatMap
    confidence: float

    @property
    def box(self) -> tuple[int, int, int, int]:
        """The bounding box: x, y, width, height."""
        x, y, width, height = cv2.boundingRect(self.mask.astype(np.uint8))
        return int(x), int(y), int(width), int(height)


def measure_blemish(
    samples: NDArray[np.uint8],
    mask: Mask,
    *,
    numbers: NDArray[Any] | None = None,
    shots: NDArray[Any] | None = None,
) -> Blemish:
    """Measure a static blemish whose place is known.

    Parameters
    ----------
    samples : (N, H, W, 3) uint8
        RGB frames from all over the clip.
    mask : (H, W) bool
        Where it is.
    numbers : (N,) int, optional
        Frame number of every sample, rising; as if consecutive if not given.
    shots : (N,) int, optional
        Shot number of every sample.

    Returns
    -------
    Blemish
        With this mask. Its pixels that are found to be clear have opacity 0; so have all if nothing is found.
    """
    numbers, shots = numbered(samples, numbers, shots)
    wide: list[Mask] = []
    marks: list[Mask] = []
    for part in grouped(mask, 0):
        (wide if _is_wide(part) else marks).append(part)
    parts: list[Part] = []
    for part, stain in zip(wide, fit_stains(samples, numbers, shots, wide) if wide else (), strict=True):
        if stain is None:
            marks.append(part)
        else:
            parts.append(measure_stain(stain))
    regions = [Region(part, 1.0, 0.0) for part in marks]
    if regions:
        parts.extend(measure_marks(samples, gather(samples, shots), regions, numbers, shots))
    return replace(combine(parts), mask=mask) if parts else _nowhere(mask)


def _is_wide(mask: Mask) -> bool:
    """Whether the largest disc that fits in is so large that the blemish may be a soft stain."""
    x, y, width, height = cv2.boundingRect(mask.astype(np.uint8))
    inside = np.pad(mask[y : y + height, x : x + width], 1).astype(np.uint8)
    radius = float(cv2.distanceTransform(inside, cv2.DIST_L2, 5).max())
    return bool(2 * radius > _THICK * min(mask.shape))


def _nowhere(mask: Mask) -> Blemish:
    clear = np.zeros(mask.shape, np.float32)
    return Blemish(mask, clear, np.zeros((*mask.shape, 3), np.float32), clear, clear)


def measure_stain(stain: Stain) -> Part:
    """A soft stain as a part; it was measured when it was found."""
    colour = np.broadcast_to(stain.colour, (*stain.mask.shape, 3))
    return Part(stain.mask, stain.alpha, stain.alpha_error, colour, stain.confidence)


def measure_spot(samples: NDArray[np.uint8], evidence: Evidence, mask: Mask, confidence: float) -> Part:
    """A stain that only statistics show, measured by them.

    Parameters
    ----------
    samples : (N, H, W, 3) uint8
        RGB.
    evidence : Evidence
        Gathered from them.
    mask : (H, W) bool
    confidence : float
        0 to 1.

    Returns
    -------
    Part
    """
    alpha, colour = measure(samples, evidence, mask)
    return Part(mask, alpha, np.where(mask, np.float32(_UNSURE), np.float32(0)), colour, confidence)


def measure_marks(
    samples: NDArray[np.uint8],
    evidence: Evidence,
    regions: Sequence[Region],
    numbers: NDArray[Any],
    shots: NDArray[Any] | None,
) -> list[Part]:
    """Opacity and colour of marks with sharp structure.

    Parameters
    ----------
    samples : (N, H, W, 3) uint8
        RGB.
    evidence : Evidence
        Gathered from them.
    regions : sequence of Region
        The marks.
    numbers, shots : (N,) int
        Frame and shot numbers of the samples.

    Returns
    -------
    list of Part
    """
    if not regions:
        return []
    found = np.logical_or.reduce([region.mask for region in regions])
    margin = dilate(found, _MARGIN)
    measured = matting.measure_marks(samples, margin, numbers=numbers, shots=shots)
    measured = _opaque_where_still(measured, evidence.deviation, margin)
    return [_part(region, measured, dilate(region.mask, _MARGIN)) for region in regions]


def _opaque_where_still(measured: Blemish, deviation: FloatMap, margin: Mask) -> Blemish:
    """A blemish that is opaque where nothing changes over time though the scene around does.

    Near its edges a codec mixes in some of the scene; who is opaque at his core is so there, too.
    """
    scene = pull_push(deviation, ~margin)
    still = measured.mask & (deviation < np.minimum(_STILL, _NOTHING * scene))
    nearly = measured.mask & (measured.alpha > _NEARLY) & (deviation < _NOISY * scene)
    labels = label(still | nearly)
    cores, sizes = (np.bincount(labels[part], minlength=int(labels.max()) + 1) for part in (still, still | nearly))
    opaque = still | (nearly & (cores > _CORE * sizes)[labels])
    return replace(measured, alpha=np.where(opaque, np.float32(1), measured.alpha))


def _part(region: Region, measured: Blemish, around: Mask) -> Part:
    """A mark with its measures; where they are known well, they also say where it ends."""
    error = np.zeros_like(measured.alpha) if measured.alpha_error is None else measured.alpha_error
    exact = measured.mask & around & (error < _KNOWN) & _clear(measured.alpha, region.mask)
    mask = exact | (region.mask & (error >= _KNOWN))
    alpha = np.where(mask, measured.alpha, np.float32(0))
    return Part(mask, alpha, error, measured.colour, region.confidence)


def _clear(alpha: FloatMap, mask: Mask) -> Mask:
    """The pixels of a mark that a codec did not spill around it: strong ones, and the rim that smooths its edge."""
    strength = alpha / max(float(np.percentile(alpha[mask], 90)), 1e-3) if mask.any() else alpha
    return np.asarray((strength > _FAINT) | dilate(strength > _STRONG, 1))


def combine(parts: Sequence[Part]) -> Blemish:
    """Several parts, one in front of the other, as one blemish.

    Parameters
    ----------
    parts : sequence of Part
        At least one.

    Returns
    -------
    Blemish
    """
    shape = parts[0].mask.shape
    passing, light = np.ones(shape, np.float32), np.zeros((*shape, 3), np.float32)
    variance, confidence = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for part in parts:
        through = (1 - part.alpha)[..., None]
        light = light * through + part.alpha[..., None] * part.colour
        passing *= 1 - part.alpha
        variance += np.where(part.mask, part.alpha_error**2, 0)
        confidence = np.maximum(confidence, np.where(part.mask, np.float32(part.confidence), 0))
    alpha = 1 - passing
    mask = np.logical_or.reduce([part.mask for part in parts])
    colour = np.where(mask[..., None], light / np.maximum(alpha, 1e-6)[..., None], 0).clip(0, 1)
    return Blemish(mask, alpha, colour.astype(np.float32), confidence, np.sqrt(variance).astype(np.float32))
