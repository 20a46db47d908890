"""The weights that ship with the package, each with a model card."""

from __future__ import annotations

from pathlib import Path

from vinpaint.errors import DependencyError

REFINER = Path(__file__).parent / "weights" / "refiner-v1.safetensors"
"""Weights of the refinement."""


def refiner_weights(given: Path | None = None) -> Path:
    """The file of the weights of the refinement: the given one, or the one that ships.

    Raises
    ------
    DependencyError
        If there is none.
    """
    path = given or REFINER
    if not path.is_file():
        raise DependencyError(f"the weights {path} are missing; fill with --no-refine, or name others with --weights")
    return path
