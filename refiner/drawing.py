"""What synthetic scenes and defects are drawn with: shapes with soft edges, letters, outlines, noise, layers."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw, ImageFont

from vinpaint.contracts import FloatMap, Frames

Colour: TypeAlias = tuple[float, float, float]
"""RGB, 0 to 1."""

Generator: TypeAlias = np.random.Generator

FINE = 4
"""Shapes are drawn this much larger, then averaged, for soft edges."""


def painted(shape: tuple[int, ...], paint: Callable[[NDArray[np.uint8]], object]) -> FloatMap:
    """Coverage (H, W), 0 to 1, of what ``paint`` draws in white on a canvas FINE times as large."""
    canvas = np.zeros((shape[0] * FINE, shape[1] * FINE), np.uint8)
    paint(canvas)
    return np.asarray(cv2.resize(canvas, shape[1::-1], interpolation=cv2.INTER_AREA) / np.float32(255), np.float32)


def filled(shape: tuple[int, ...], *outlines: ArrayLike) -> FloatMap:
    """Coverage (H, W) of polygons with corners (N, 2) as x, y in pixels; they may lie partly outside."""
    corners = [np.rint(np.asarray(outline) * FINE).astype(np.int32) for outline in outlines]
    return painted(shape, lambda canvas: [cv2.fillPoly(canvas, [one], 255) for one in corners])


def letters(text: str, height: float, *, weight: float = 0.0, width: float = 1.0, slant: float = 0.0) -> FloatMap:
    """Text in Pillow's own sans-serif font (Aileron).

    Parameters
    ----------
    text : str
        Lines end with a newline.
    height : float
        Of the capitals, pixels.
    weight : float
        By which strokes are thickened, as a share of the height; 0.06 is bold.
    width : float
        Of the letters against those of the font.
    slant : float
        Pixels to the right for each pixel up; 0.2 is italic.

    Returns
    -------
    (h, w) float32
        Coverage, 0 to 1, with a margin of clear pixels.
    """
    font = _font(max(4, round(height * FINE / 0.72)))  # capitals take 72 % of its size
    stroke = round(weight * height * FINE / 2)
    box = ImageDraw.Draw(Image.new("L", (1, 1))).multiline_textbbox((0, 0), text, font=font, stroke_width=stroke)
    margin = 2 * FINE
    size = int(box[2] - box[0]) + 2 * margin, int(box[3] - box[1]) + 2 * margin
    picture = Image.new("L", size)
    place = margin - box[0], margin - box[1]
    ImageDraw.Draw(picture).multiline_text(place, text, fill=255, font=font, stroke_width=stroke, align="center")
    sheared = _sheared(np.asarray(picture), slant)
    small = max(1, round(sheared.shape[1] * width / FINE)), max(1, round(sheared.shape[0] / FINE))
    return np.asarray(cv2.resize(sheared, small, interpolation=cv2.INTER_AREA) / np.float32(255), np.float32)


@lru_cache(maxsize=64)
def _font(size: int) -> Any:
    return ImageFont.load_default(size)


def _sheared(picture: NDArray[np.uint8], slant: float) -> NDArray[np.uint8]:
    if not slant:
        return picture
    height, width = picture.shape
    matrix = np.array([[1, -slant, slant * height], [0, 1, 0]])
    return np.asarray(cv2.warpAffine(picture, matrix, (width + round(slant * height), height)), np.uint8)


def placed(patch: FloatMap, shape: tuple[int, ...], centre: tuple[float, float], turn: float = 0.0) -> FloatMap:
    """A patch (h, w[, C]) on a clear canvas (H, W[, C]): its middle at x, y, turned anti-clockwise by degrees."""
    height, width = patch.shape[:2]
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), turn, 1)
    matrix[:, 2] += np.subtract(centre, ((width - 1) / 2, (height - 1) / 2))
    return np.asarray(cv2.warpAffine(patch, matrix, shape[1::-1], flags=cv2.INTER_LINEAR), np.float32)


def shifted(picture: FloatMap, x: float, y: float) -> FloatMap:
    """A picture (H, W) moved to the right by ``x`` and down by ``y`` pixels; clear where it comes from."""
    matrix = np.array([[1, 0, x], [0, 1, y]], np.float64)
    return np.asarray(cv2.warpAffine(picture, matrix, picture.shape[1::-1]), np.float32)


def ragged(turn: NDArray[Any], rng: Generator, *, amplitude: float, waves: range) -> NDArray[np.float64]:
    """Reach of an irregular outline at angles in radians: 1 on the mean, the longer the wave the stronger."""
    outline = np.ones(turn.shape)
    for wave in waves:
        outline += rng.normal(0, amplitude / wave) * np.cos(wave * turn + rng.uniform(0, 2 * np.pi))
    return outline


def fractal(rng: Generator, shape: tuple[int, int], roughness: float) -> FloatMap:
    """Periodic fractal noise, mean 0, deviation 1; spectrum ~ 1 / frequency**roughness."""
    fy, fx = np.fft.fftfreq(shape[0])[:, None] * shape[0], np.fft.rfftfreq(shape[1]) * shape[1]
    # Measured in pixels of the shorter side, so that features are round whatever the shape.
    frequency = np.hypot(fy / shape[0], fx / shape[1]) * min(shape)
    frequency[0, 0] = np.inf
    spectrum = np.fft.rfft2(rng.standard_normal(shape)) / np.maximum(frequency, 1) ** roughness
    noise = np.fft.irfft2(spectrum, s=shape)
    return np.asarray((noise - noise.mean()) / max(noise.std(), 1e-9), np.float32)


def smoothstep(x: NDArray[Any], low: float, high: float) -> NDArray[Any]:
    """0 below ``low``, 1 above ``high``, smooth between."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t))


def mix(a: ArrayLike, b: ArrayLike, weight: NDArray[Any]) -> NDArray[Any]:
    """Colours (…, 3) between ``a`` (weight 0) and ``b`` (weight 1); weight of shape (…)."""
    weight = weight[..., None]
    return np.asarray(np.asarray(a, np.float32) * (1 - weight) + np.asarray(b, np.float32) * weight)


def lay(frames: Frames, alpha: FloatMap, colour: ArrayLike) -> Frames:
    """Put a layer in front of a clip: observed = (1 − alpha)·scene + alpha·colour.

    Parameters
    ----------
    frames : (T, H, W, 3) uint8 or uint16
        RGB; never changed.
    alpha : (H, W) or (T, H, W) float32
        Opacity, 0 to 1.
    colour : (3,), (H, W, 3) or (T, H, W, 3)
        RGB, 0 to 1.

    Returns
    -------
    (T, H, W, 3)
        In the frames' type; equal to them where the layer is clear.
    """
    top = np.iinfo(frames.dtype).max
    alphas = np.broadcast_to(alpha, frames.shape[:3])
    colours = np.broadcast_to(np.asarray(colour, np.float32), frames.shape)
    left, up, width, height = cv2.boundingRect(np.asarray((alphas > 0).any(axis=0), np.uint8))
    box = np.s_[up : up + height, left : left + width]
    result = frames.copy()
    for frame, opacity, tint in zip(result, alphas, colours, strict=True):
        veil = opacity[box][..., None]
        frame[box] = np.rint(np.clip((1 - veil) * frame[box] + veil * tint[box] * top, 0, top))
    return result
