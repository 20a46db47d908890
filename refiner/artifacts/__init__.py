"""Defects of clips, drawn at random from a seed: something in front of the scene, or something done to its signal."""

from __future__ import annotations

from vinpaint.errors import UsageError
from vinpaint.refiner.artifacts.contract import VISIBLE, Artifact, Composed, Damaged, Layer, Overlay, compose
from vinpaint.refiner.artifacts.degradations import (
    Blur,
    ColorBanding,
    FilmGrain,
    GaussianNoise,
    JpegCompression,
    SaltPepperNoise,
    VideoCompression,
)
from vinpaint.refiner.artifacts.overlays import (
    ChannelLogo,
    CornerLogo,
    DiagonalText,
    MovingLogo,
    TextOverlay,
    TiledPattern,
)
from vinpaint.refiner.artifacts.stains import GREY, CircularStain, Hair, IrregularStain, Scratches, WaterDrops

__all__ = [
    "GREY",
    "HIDING",
    "KINDS",
    "VISIBLE",
    "Artifact",
    "Blur",
    "ChannelLogo",
    "CircularStain",
    "ColorBanding",
    "Composed",
    "CornerLogo",
    "Damaged",
    "DiagonalText",
    "FilmGrain",
    "GaussianNoise",
    "Hair",
    "IrregularStain",
    "JpegCompression",
    "Layer",
    "MovingLogo",
    "Overlay",
    "SaltPepperNoise",
    "Scratches",
    "TextOverlay",
    "TiledPattern",
    "VideoCompression",
    "WaterDrops",
    "artifact_kind",
    "compose",
]

HIDING: tuple[type[Artifact], ...] = (
    WaterDrops,
    CircularStain,
    IrregularStain,
    Hair,
    Scratches,
    CornerLogo,
    ChannelLogo,
    TextOverlay,
    TiledPattern,
    DiagonalText,
    MovingLogo,
)
"""What hides part of the scene, and has a mask."""

_OPTICAL: tuple[type[Artifact], ...] = (Blur, GaussianNoise, FilmGrain)
_DIGITAL: tuple[type[Artifact], ...] = (ColorBanding, SaltPepperNoise, JpegCompression, VideoCompression)

KINDS: dict[str, type[Artifact]] = {kind.name: kind for kind in (*HIDING[:3], *_OPTICAL, *HIDING[3:], *_DIGITAL)}
"""All of them by name, in the order in which they come into a picture: glass, lens and film, studio, codec."""


def artifact_kind(name: str) -> type[Artifact]:
    """The class of a defect.

    Raises
    ------
    UsageError
        If there is none of this name.

    Examples
    --------
    >>> artifact_kind("film_grain")(strength=9.0).name
    'film_grain'
    """
    try:
        return KINDS[name]
    except KeyError:
        raise UsageError(f"there is no defect {name!r}; use {', '.join(KINDS)}") from None
