"""Defects of clips, drawn at random from a seed: something in front of the scene, or something done to its signal."""

from vinpaint.refiner.artifacts.contract import Artifact, Composed, Damaged, Layer, Overlay, compose
from vinpaint.refiner.artifacts.stains import GREY, CircularStain, IrregularStain

__all__ = [
    "GREY",
    "Artifact",
    "CircularStain",
    "Composed",
    "Damaged",
    "IrregularStain",
    "Layer",
    "Overlay",
    "compose",
]
