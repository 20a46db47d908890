"""What the benchmark measures: numbers with their definitions, which every report prints."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.color import deltaE_ciede2000, rgb2lab
from skimage.metrics import structural_similarity

from vinpaint.contracts import FloatMap, Frames, Mask
from vinpaint.flow.consistency import consistent, grid
from vinpaint.flow.estimate import Flow, estimator

_similarity: Any = structural_similarity
_colour_difference: Any = deltaE_ciede2000

CAP = 100.0
"""dB of pictures that are equal, so that means stay finite."""

WINDOW = 65
"""Pixels of the SSIM window in the papers on video inpainting."""
_GAUSSIAN, _MARGIN = 11, 8  # pixels: of the window of SSIM in a region, and around that


@dataclass(frozen=True)
class Metric:
    """What a number of a report is.

    Attributes
    ----------
    title, unit : str
        Heading, and unit (may be empty).
    better : {"higher", "lower", "none"}
        Which way is better; none: only to know.
    definition : str
        Sentences for the report.
    digits : int
        Decimals to show.
    noticeable : float
        Difference below which nobody should care; comparisons call it noise.
    """

    title: str
    unit: str
    better: Literal["higher", "lower", "none"]
    definition: str
    digits: int = 2
    noticeable: float = 0.0


_PSNR = "Peak signal-to-noise ratio of 8-bit RGB, 10·log10(255² / mean squared error) per frame, mean over the frames; "

METRICS: Mapping[str, Metric] = {
    "psnr": Metric("PSNR", "dB", "higher", _PSNR + "whole frame. Equal pictures count 100.", 2, 0.05),
    "psnr_hole": Metric("in the hole", "dB", "higher", _PSNR + "hidden pixels only.", 2, 0.05),
    "psnr_out": Metric(
        "outside", "dB", "higher", _PSNR + "pixels that are not hidden. 100 = nothing was touched.", 2, 0.05
    ),
    "psnr_seen": Metric(
        "seen elsewhere",
        "dB",
        "higher",
        _PSNR
        + "hidden pixels whose point of the scene is visible in another frame: the dense flow of the true frames (DIS "
        "medium, tested forwards and backwards) leads from them out of the hole.",
        2,
        0.05,
    ),
    "psnr_unseen": Metric(
        "never seen", "dB", "higher", _PSNR + "hidden pixels that no frame shows: what is here is invented.", 2, 0.05
    ),
    "ssim": Metric(
        "SSIM",
        "",
        "higher",
        "Structural similarity of RGB, uniform window of 65 pixels as in the papers on video inpainting, mean over the "
        "whole frame and the frames (Wang et al. 2004; scikit-image).",
        4,
        0.0005,
    ),
    "ssim_hole": Metric(
        "SSIM in the hole",
        "",
        "higher",
        "Structural similarity of RGB with the Gaussian window of its authors (deviation 1.5 pixels), mean of its map "
        "over the hidden pixels and the frames.",
        4,
        0.002,
    ),
    "ciede": Metric(
        "colour error",
        "ΔE₀₀",
        "lower",
        "CIEDE2000 of hidden pixels (sRGB, D65), mean over pixels and frames; 1 is about what an eye can tell.",
        2,
        0.05,
    ),
    "warp": Metric(
        "E_warp",
        "10⁻³",
        "lower",
        "Warping error in the hole: mean squared difference between a frame and its successor warped onto it along "
        "the flow of the "
        "true frames (DIS medium), over hidden pixels that are not occluded, in thousandths of the squared range. "
        "Below "
        "the value of the true frames a result is smoother than nature, not better.",
        2,
        0.05,
    ),
    "flicker": Metric(
        "flicker",
        "levels",
        "lower",
        "Mean absolute difference between the result's change from frame to frame and the true frames' change, hidden "
        "pixels, grey "
        "levels of 255.",
        2,
        0.05,
    ),
    "sharpness": Metric(
        "sharpness",
        "×",
        "none",
        "Mean gradient (Sobel, luma) of hidden pixels over that of the true frames: 1 is right, below 1 is blur, "
        "above 1 is noise "
        "or an edge that should not be there.",
        2,
    ),
    "lpips": Metric(
        "LPIPS",
        "",
        "lower",
        "Learned perceptual distance of whole frames (VGG-16; Zhang et al. 2018), mean over at most 24 frames.",
        4,
        0.001,
    ),
    "vfid": Metric(
        "VFID",
        "",
        "lower",
        "Fréchet distance between the I3D features of all results and of all true clips of the suite (Wang et al. "
        "2018); with few "
        "clips it says little.",
        3,
    ),
    "iou": Metric(
        "mask IoU", "", "higher", "Intersection over union of the mask that was found and the true one.", 3, 0.005
    ),
    "f1": Metric("mask F1", "", "higher", "Twice the intersection over the sum of both masks' areas.", 3, 0.005),
    "precision": Metric("precision", "", "higher", "Share of the found pixels that are hidden in truth.", 3, 0.005),
    "recall": Metric("recall", "", "higher", "Share of the truly hidden pixels that were found.", 3, 0.005),
    "alarm": Metric(
        "false alarm", "", "lower", "1 if anything is reported on a clip that hides nothing; mean over such clips.", 2
    ),
    "alpha_error": Metric(
        "opacity error",
        "",
        "lower",
        "Mean absolute error of the opacity where something hides the scene: above 0.02 of stains, 0.05 of marks.",
        3,
        0.002,
    ),
    "room_share": Metric(
        "room recovered",
        "",
        "higher",
        "Share of the leak, weighted by the strongest opacity with which the room ever showed, that is claimed and "
        "within ΔE₀₀ 4 of the room.",
        3,
        0.005,
    ),
    "room_precision": Metric(
        "room precision", "", "higher", "Share of the claimed pixels that are within ΔE₀₀ 6 of the room.", 3, 0.005
    ),
    "room_claimed": Metric("room claimed", "%", "none", "Share of the frame that is claimed to be the room's.", 1),
    "left": Metric(
        "mark left",
        "×",
        "lower",
        "Share of the mark's own static edges that remains: the median over time of the signed gradient of the "
        "result, projected on "
        "that of the input inside the mark; absolute value. 0 = gone, 1 = all there.",
        3,
        0.01,
    ),
    "detail": Metric(
        "detail kept",
        "×",
        "none",
        "Moving detail (deviation over time of the gradient) inside the mark against around it, after over before: "
        "about 1 is right, "
        "far below is blur. Read it together with what is left of the mark.",
        2,
    ),
    "outside": Metric(
        "outside changed",
        "levels",
        "lower",
        "Largest change of any sample outside the mask, of 255. Not 0 means that a method touches what it was not "
        "asked to.",
        0,
    ),
    "seconds": Metric(
        "time",
        "s/frame",
        "lower",
        "Wall time of the call (decode, find, fill, encode without loss) divided by the frames, in a process of its "
        "own, without the "
        "start of Python and the loading of weights.",
        3,
    ),
    "peak": Metric("memory", "MB", "lower", "Peak resident memory of that process, all of it.", 0),
    "parameters": Metric(
        "parameters", "", "none", "Learned parameters of the fill itself (the detector of marks has 122,000 more).", 0
    ),
}


# ---------------------------------------------------------------------------------------------
# Likeness
# ---------------------------------------------------------------------------------------------


def psnr(result: Frames, truth: Frames, region: Mask | None = None) -> float:
    """PSNR of one picture.

    Parameters
    ----------
    result, truth : (H, W, 3) uint8
        RGB.
    region : (H, W) bool, optional
        Pixels that count; all by default.

    Returns
    -------
    float
        dB, at most :data:`CAP`; NaN if no pixel counts.
    """
    gap = result.astype(np.float32) - truth
    if region is not None:
        gap = gap[region]
    if not gap.size:
        return math.nan
    error = float(np.mean(np.square(gap), dtype=np.float64))
    return CAP if error == 0 else min(CAP, 10 * math.log10(255**2 / error))


def psnrs(result: Frames, truth: Frames, region: Mask | None = None) -> NDArray[np.float64]:
    """PSNR of every frame, (T,).

    Parameters
    ----------
    result, truth : (T, H, W, 3) uint8
        RGB.
    region : (H, W) or (T, H, W) bool, optional
        Pixels that count; a frame without any is NaN.
    """
    pairs = zip(result, truth, _each(region, len(truth)), strict=True)
    return np.array([psnr(picture, true, part) for picture, true, part in pairs])


def mean_psnr(result: Frames, truth: Frames, region: Mask | None = None) -> float:
    """Mean over the frames of :func:`psnrs`; NaN if no pixel counts."""
    return _mean(psnrs(result, truth, region))


def ssim(result: Frames, truth: Frames, window: int = WINDOW) -> float:
    """Mean structural similarity of whole frames (T, H, W, 3) uint8.

    Z. Wang, A. C. Bovik, H. R. Sheikh, E. P. Simoncelli, Image quality assessment, IEEE TIP 2004. The window is cut
    to the size of smaller frames.
    """
    window = _odd(min(window, *truth.shape[1:3]))
    values = [
        _similarity(picture, true, win_size=window, channel_axis=-1, data_range=255)
        for picture, true in zip(result, truth, strict=True)
    ]
    return float(np.mean(values))


def ssim_inside(result: Frames, truth: Frames, region: Mask) -> float:
    """Structural similarity with the Gaussian window of its authors, mean of its map over a region; see :func:`ssim`.

    NaN if the region is empty, or the frames are smaller than the window.
    """
    values = []
    if min(truth.shape[1:3]) < _GAUSSIAN:
        return math.nan
    for picture, true, part in zip(result, truth, _each(region, len(truth)), strict=True):
        if part is None or not part.any():
            continue
        rows, columns = _around(part)
        _, found = _similarity(
            picture[rows, columns],
            true[rows, columns],
            channel_axis=-1,
            data_range=255,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            full=True,
        )
        values.append(float(found[part[rows, columns]].mean()))
    return _mean(np.array(values))


def ciede2000(result: Frames, truth: Frames, region: Mask) -> float:
    """Mean CIEDE2000 of a region, sRGB; NaN if it is empty.

    G. Sharma, W. Wu, E. N. Dalal, The CIEDE2000 color-difference formula, Color Research & Application 2005.
    """
    values = [
        _colour_difference(rgb2lab(picture[part]), rgb2lab(true[part])).mean()
        for picture, true, part in zip(result, truth, _each(region, len(truth)), strict=True)
        if part is not None and part.any()
    ]
    return _mean(np.array(values))


def sharpness(result: Frames, truth: Frames, region: Mask) -> float:
    """Mean gradient of a region over that of the truth; NaN where the truth is flat."""
    pairs = [
        (_gradient(picture)[part].sum(dtype=np.float64), _gradient(true)[part].sum(dtype=np.float64))
        for picture, true, part in zip(result, truth, _each(region, len(truth)), strict=True)
    ]
    found, right = np.sum(pairs, axis=0)
    return float(found / right) if right > 0 else math.nan


def _gradient(picture: Frames) -> NDArray[np.float32]:
    gray = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return cv2.magnitude(cv2.Sobel(gray, cv2.CV_32F, 1, 0), cv2.Sobel(gray, cv2.CV_32F, 0, 1)).astype(np.float32)


# ---------------------------------------------------------------------------------------------
# Time
# ---------------------------------------------------------------------------------------------


class TrueMotion:
    """The motion of the true frames, by which results are judged; methods never see it.

    Parameters
    ----------
    truth : (T, H, W, 3) uint8
        RGB.
    """

    def __init__(self, truth: Frames) -> None:
        estimate = estimator("dis-medium")
        gray = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in truth]
        self._forward = [estimate(now, after) for now, after in pairwise(gray)]
        self._backward = [estimate(after, now) for now, after in pairwise(gray)]
        self._truth = truth

    @cached_property
    def _steady(self) -> list[Mask]:
        return [consistent(there, back) for there, back in zip(self._forward, self._backward, strict=True)]

    def warp_error(self, frames: Frames, region: Mask) -> float:
        """Warping error of frames in a region, in 1e-3 of the squared range; NaN if nothing can be compared.

        W.-S. Lai et al., Learning blind video temporal consistency, ECCV 2018.
        """
        places = grid(*frames.shape[1:3])
        errors = []
        for index, part in enumerate(list(_each(region, len(frames)))[:-1]):
            counted = self._steady[index] if part is None else part & self._steady[index]
            if counted.any():
                after = frames[index + 1].astype(np.float32)
                brought = cv2.remap(after, places + self._forward[index], None, cv2.INTER_LINEAR)  # type: ignore[call-overload]
                errors.append(np.square((brought - frames[index])[counted] / 255).mean())
        return 1e3 * _mean(np.array(errors))

    def seen_elsewhere(self, hidden: Mask) -> Mask:
        """Which hidden pixels show a point of the scene that is visible in another frame.

        A point is followed from frame to frame while the flow there and back agrees, forwards and backwards in time.

        Parameters
        ----------
        hidden : (H, W) or (T, H, W) bool
            The hole.

        Returns
        -------
        (T, H, W) bool
            Subset of the hole.
        """
        holes = np.broadcast_to(hidden, self._truth.shape[:3])
        return (
            self._leads_out(holes, self._forward, self._backward)
            | self._leads_out(holes[::-1], self._backward[::-1], self._forward[::-1])[::-1]
        )

    def _leads_out(self, holes: Mask, there: list[Flow], back: list[Flow]) -> Mask:
        """Hidden pixels whose point is visible in a frame further on."""
        seen = np.zeros(holes.shape, np.bool_)
        places = grid(*holes.shape[1:])
        for index in range(len(there) - 1, -1, -1):
            known = ~holes[index + 1] | seen[index + 1]
            target = places + there[index]
            reached = cv2.remap(known.astype(np.uint8), target, None, cv2.INTER_NEAREST)  # type: ignore[call-overload]
            seen[index] = holes[index] & (reached > 0) & consistent(there[index], back[index])
        return seen


def flicker(result: Frames, truth: Frames, region: Mask) -> float:
    """Mean absolute difference of the changes from frame to frame, grey levels; NaN for a single frame."""
    gap = result.astype(np.int16) - truth
    parts = list(_each(region, len(truth)))
    values = [np.abs(after - now)[part].mean() for now, after, part in zip(gap, gap[1:], parts, strict=False)]
    return _mean(np.array(values))


# ---------------------------------------------------------------------------------------------
# Marks
# ---------------------------------------------------------------------------------------------


def overlap(found: Mask, truth: Mask) -> dict[str, float]:
    """IoU, F1, precision and recall of a mask (H, W) bool; an empty one against an empty truth is right."""
    hit, mine, true = (int(np.count_nonzero(each)) for each in (found & truth, found, truth))
    if not mine and not true:
        return dict.fromkeys(("iou", "f1", "precision", "recall"), 1.0)
    return {
        "iou": hit / (mine + true - hit),
        "f1": 2 * hit / (mine + true),
        "precision": hit / max(mine, 1),
        "recall": hit / max(true, 1),
    }


def opacity_error(found: FloatMap, truth: FloatMap, where: Mask) -> float:
    """Mean absolute difference of opacities (H, W), 0 to 1, where something is hidden."""
    return float(np.abs(found - truth)[where].mean())


def median_gradient(frames: Frames) -> NDArray[np.float32]:
    """Median over time of the signed gradient of the luma, (2, H, W): what moves cancels, a mark stays."""
    slopes = [_slopes(frame) for frame in frames]
    return np.median(slopes, axis=0).astype(np.float32)


def _slopes(frame: Frames) -> NDArray[np.float32]:
    gray = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return np.stack([cv2.Sobel(gray, cv2.CV_32F, 1, 0), cv2.Sobel(gray, cv2.CV_32F, 0, 1)]).astype(np.float32)


def mark_left(result: Frames, before: Frames, region: Mask) -> float:
    """Share of a mark's static edges that is left, absolute; NaN if it has none.

    What the median gradient keeps: T. Dekel et al., On the effectiveness of visible watermarks, CVPR 2017, section 4.
    """
    mark, rest = median_gradient(before)[:, region], median_gradient(result)[:, region]
    energy = float(np.square(mark).sum())
    return abs(float((mark * rest).sum())) / energy if energy else math.nan


def detail_kept(result: Frames, before: Frames, region: Mask) -> float:
    """Moving detail inside a region against around it, after over before; NaN where nothing moves."""
    size = max(3, round(math.sqrt(np.count_nonzero(region)) / 4)) * 2 + 1
    ring = (cv2.dilate(region.astype(np.uint8), np.ones((size, size), np.uint8)) > 0) & ~region
    if not region.any() or not ring.any():
        return math.nan
    after, earlier = (_moving(frames, region) / max(_moving(frames, ring), 1e-6) for frames in (result, before))
    return float(after / earlier) if earlier > 0 else math.nan


def _moving(frames: Frames, region: Mask) -> float:
    return float(np.std([_slopes(frame)[:, region] for frame in frames], axis=0).mean())


# ---------------------------------------------------------------------------------------------
# Helpers
# ---------------------------------------------------------------------------------------------


def _each(region: Mask | None, count: int) -> Iterator[Any]:
    """The region of every frame; None = all pixels."""
    return (None if region is None else region if region.ndim == 2 else region[index] for index in range(count))


def _around(part: Mask) -> tuple[slice, slice]:
    """The box of a region with a margin, within the frame, and large enough for the Gaussian window."""
    left, top, width, height = cv2.boundingRect(part.astype(np.uint8))

    def side(first: int, length: int, end: int) -> slice:
        begin, stop = max(first - _MARGIN, 0), min(first + length + _MARGIN, end)
        begin = max(0, min(begin, stop - _GAUSSIAN))
        return slice(begin, max(stop, begin + _GAUSSIAN))

    return side(top, height, part.shape[0]), side(left, width, part.shape[1])


def _odd(size: int) -> int:
    return size - 1 + size % 2


def _mean(values: NDArray[np.float64]) -> float:
    """Mean of what is no NaN; NaN if nothing is."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else math.nan
