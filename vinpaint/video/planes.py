"""YUV <-> RGB of a region, and compositing that changes nothing but what is masked.

A round trip of whole frames through 8-bit RGB changes two thirds of the YUV samples of a clip. So only the
region around a hole is converted, and only the samples under the mask are written back, luma by pixel and chroma
by block.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vinpaint.contracts import FloatMap, Mask
from vinpaint.masks.regions import Region
from vinpaint.video.layout import Layout

Planes = tuple[NDArray[Any], ...]
Picture = NDArray[Any]

_REACH, _SPREAD = 9, 1.0  # chroma samples: window and Gaussian by which spoilt chroma is replaced
_LEAST = 1e-4  # weight of the known samples from which their mean is used


def to_rgb(planes: Planes, layout: Layout, region: Region, hidden: Mask | None = None) -> Picture:
    """RGB of a region.

    Parameters
    ----------
    planes : tuple of (H, W) or chroma-sized uint8 or uint16
        The stored planes.
    region : Region
        Aligned to chroma blocks (or to the frame's border).
    hidden : (h, w) bool, optional
        What a blemish hides. Its colour has run into the subsampled chroma of the visible pixels beside it; these
        get the chroma of their surroundings instead.

    Returns
    -------
    (h, w, 3) uint8 or uint16
        Full-range RGB; uint16 when the source has more than 8 bits.
    """
    target = np.uint8 if layout.bits == 8 else np.uint16
    peak = np.float32(np.iinfo(target).max)
    if layout.model == "gray":
        level = _expand(planes[0][region.slices].astype(np.float32), layout)
        return _saturated(np.repeat(level[..., None], 3, axis=2) * peak, target)
    if layout.model == "rgb":
        green, blue, red = (plane[region.slices] for plane in planes[:3])
        if layout.bits in (8, 16):
            return np.dstack([red, green, blue])
        return _saturated(np.dstack([red, green, blue]) * (peak / np.float32(layout.peak)), target)
    matrix, offset = _from_yuv(layout)
    rgb = cv2.transform(_yuv(planes, layout, region, hidden), np.column_stack([matrix, -matrix @ offset]) * peak)
    return _saturated(rgb, target)


def eight_bits(picture: Picture) -> Picture:
    """A picture of the full range of uint8 or uint16 as uint8."""
    return (picture >> 8).astype(np.uint8) if picture.dtype == np.uint16 else picture


def composite(planes: Planes, layout: Layout, region: Region, rgb: Picture, mask: Mask) -> None:
    """Write RGB into the masked samples of a region, in place.

    Luma changes exactly under the mask; a chroma sample changes when any pixel of its block is masked.

    Parameters
    ----------
    planes : tuple of writable arrays
        The stored planes.
    region : Region
        Aligned to chroma blocks (or to the frame's border).
    rgb : (h, w, 3) uint8 or uint16
        Full-range RGB; outside the mask as :func:`to_rgb` gave it.
    mask : (h, w) bool
        True = write.
    """
    if not mask.any():
        return
    box = _hole_box(mask).aligned(layout.ystep, layout.xstep, *mask.shape)
    rgb, mask = rgb[box.slices], mask[box.slices]
    region = Region(region.y0 + box.y0, region.y0 + box.y1, region.x0 + box.x0, region.x0 + box.x1)
    if layout.model == "gray":
        weights = np.array([layout.kr, 1 - layout.kr - layout.kb, layout.kb], np.float32)
        level = (rgb[mask].astype(np.float32) / np.float32(np.iinfo(rgb.dtype).max)) @ weights
        planes[0][region.slices][mask] = _quantise(_compress(level, layout), planes[0].dtype)
    elif layout.model == "rgb":
        scale = np.float32(layout.peak / np.iinfo(rgb.dtype).max)
        for plane, channel in zip(planes, (1, 2, 0), strict=False):
            plane[region.slices][mask] = _quantise(rgb[..., channel][mask] * scale, plane.dtype)
    else:
        _composite_yuv(planes, layout, region, rgb, mask)


def _hole_box(mask: Mask) -> Region:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return Region(int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1)


def _composite_yuv(planes: Planes, layout: Layout, region: Region, rgb: Picture, mask: Mask) -> None:
    matrix, offset = _from_yuv(layout)
    back = np.linalg.inv(matrix.astype(np.float64)).astype(np.float32)
    yuv: Picture = cv2.transform(
        rgb.astype(np.float32), np.column_stack([back / np.float32(np.iinfo(rgb.dtype).max), offset])
    )
    planes[0][region.slices][mask] = _quantise(yuv[..., 0][mask], planes[0].dtype, layout.peak)
    block = chroma_region(region, layout)
    touched = _pool(mask, layout)
    for plane, channel in zip(planes[1:3], (1, 2), strict=True):
        samples = _mean_of_blocks(yuv[..., channel], layout)
        plane[block.slices][touched] = _quantise(samples[touched], plane.dtype, layout.peak)


def chroma_region(region: Region, layout: Layout) -> Region:
    """The chroma samples of an aligned region."""
    x, y = layout.xstep, layout.ystep
    return Region(region.y0 // y, -(-region.y1 // y), region.x0 // x, -(-region.x1 // x))


def _yuv(planes: Planes, layout: Layout, region: Region, hidden: Mask | None) -> FloatMap:
    """(h, w, 3) float32 in stored units, chroma interpolated between the centres of its blocks."""
    luma = planes[0][region.slices]
    block = chroma_region(region, layout).slices
    channels = [luma, *(_upsample(plane[block], luma.shape, layout) for plane in planes[1:3])]
    if hidden is not None and (layout.xstep > 1 or layout.ystep > 1) and hidden.any():
        _repair_chroma(channels[1:], [plane[block] for plane in planes[1:3]], hidden, layout)
    merged: Picture = cv2.merge([np.ascontiguousarray(c, np.float32) for c in channels])
    return merged


def _repair_chroma(wide: list[Picture], chroma: list[Picture], hidden: Mask, layout: Layout) -> None:
    """Give visible pixels beside a hole the chroma of their surroundings, in place; only near the hole."""
    x, y = layout.xstep, layout.ystep
    hole = _hole_box(hidden)
    margin = _REACH // 2 + 2  # blocks: what the repair looks at, and one more that interpolation needs
    box = Region(hole.y0 - margin * y, hole.y1 + margin * y, hole.x0 - margin * x, hole.x1 + margin * x)
    box = box.clip(*hidden.shape).aligned(y, x, *hidden.shape)
    near = hidden[box.slices]
    kept = cv2.dilate(near.view(np.uint8), np.ones((2 * y + 1, 2 * x + 1), np.uint8)).view(np.bool_) & ~near
    spoilt, block = _pool(near, layout), chroma_region(box, layout).slices
    for channel, samples in zip(wide, chroma, strict=True):
        clean = _upsample(_without(samples[block], spoilt), near.shape, layout)
        channel[box.slices][kept] = clean[kept]


def _without(samples: Picture, spoilt: Mask) -> FloatMap:
    """Samples with the spoilt ones replaced by the weighted mean of the others near them, where there are any."""
    known = (~spoilt).astype(np.float32)
    values = samples.astype(np.float32)
    weight = cv2.GaussianBlur(known, (_REACH, _REACH), _SPREAD)
    mean = cv2.GaussianBlur(values * known, (_REACH, _REACH), _SPREAD) / np.maximum(weight, _LEAST)
    return np.where(spoilt & (weight >= _LEAST), mean, values).astype(np.float32, copy=False)


def _upsample(chroma: Picture, shape: tuple[int, ...], layout: Layout) -> Picture:
    if layout.xstep == layout.ystep == 1:
        return chroma
    size = (chroma.shape[1] * layout.xstep, chroma.shape[0] * layout.ystep)
    wide = cv2.resize(chroma.astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
    return wide[: shape[0], : shape[1]]


def _blocks(image: NDArray[Any], layout: Layout) -> NDArray[Any]:
    """View of an image as (rows, ystep, columns, xstep), its last row and column repeated where a block is cut."""
    height, width = image.shape
    padding = ((0, -height % layout.ystep), (0, -width % layout.xstep))
    if any(after for _, after in padding):
        image = np.pad(image, padding, mode="edge")
    return image.reshape(-1, layout.ystep, image.shape[1] // layout.xstep, layout.xstep)


def _pool(mask: Mask, layout: Layout) -> Mask:
    """Blocks that a mask touches."""
    height, width = mask.shape
    rows, columns = -(-height // layout.ystep), -(-width // layout.xstep)
    touched = np.zeros((rows, columns), np.bool_)
    for y in range(layout.ystep):
        for x in range(layout.xstep):
            part = mask[y :: layout.ystep, x :: layout.xstep]
            touched[: part.shape[0], : part.shape[1]] |= part
    return touched


def _mean_of_blocks(channel: Picture, layout: Layout) -> Picture:
    rows, ystep, columns, xstep = _blocks(channel, layout).shape
    whole = _blocks(channel, layout).reshape(rows * ystep, columns * xstep)
    return cv2.resize(whole, (columns, rows), interpolation=cv2.INTER_AREA)


def _from_yuv(layout: Layout) -> tuple[FloatMap, FloatMap]:
    """Matrix and offset: RGB in 0..1 = matrix @ (stored YUV − offset) (ITU-R BT.709-6 and H.273, section 8.3)."""
    kr, kb = layout.kr, layout.kb
    kg = 1 - kr - kb
    basis = np.array(
        [[1, 0, 2 * (1 - kr)], [1, -2 * kb * (1 - kb) / kg, -2 * kr * (1 - kr) / kg], [1, 2 * (1 - kb), 0]]
    )
    black, span, chroma_span = _levels(layout)
    matrix = basis / np.array([span, chroma_span, chroma_span])
    half = 1 << (layout.bits - 1)
    return matrix.astype(np.float32), np.array([black, half, half], np.float32)


def _levels(layout: Layout) -> tuple[int, int, int]:
    """Black, the span from black to white, and the span of chroma, in stored units."""
    if layout.full_range:
        return 0, layout.peak, layout.peak
    scale = 1 << (layout.bits - 8)
    return 16 * scale, 219 * scale, 224 * scale


def _expand(level: FloatMap, layout: Layout) -> FloatMap:
    black, span, _ = _levels(layout)
    return (level - np.float32(black)) / np.float32(span)


def _compress(level: Picture, layout: Layout) -> Picture:
    black, span, _ = _levels(layout)
    return level * np.float32(span) + np.float32(black)


def _quantise(values: Picture, dtype: Any, peak: int | None = None) -> Picture:
    rounded: Picture = np.rint(np.clip(values, 0, peak or np.iinfo(dtype).max)).astype(dtype)
    return rounded


def _saturated(values: Picture, dtype: Any) -> Picture:
    """A picture rounded to the nearest values of uint8 or uint16, in one pass."""
    depth = cv2.CV_8U if dtype == np.uint8 else cv2.CV_16U
    return np.asarray(cv2.add(values, 0.0, dtype=depth))  # type: ignore[call-overload]
