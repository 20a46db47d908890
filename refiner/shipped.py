"""The weights that ship with the package, each with a model card."""

from __future__ import annotations

from pathlib import Path

from vinpaint.errors import DependencyError

REFINER = Path(__file__).parent / "weights" / "refiner-v1.safetensors"
"""Weights of the refinement; there are none as long as none are better than no refinement."""


def refiner_weights(given: Path | None = None) -> Path | None:
    """The file of the weights of the refinement: the given one, or the one that ships; None if none does.

    Raises
    ------
    DependencyError
        If the given one is missing.
    """
    if given is not None and not given.is_file():
        raise DependencyError(f"the weights {given} are missing; name a file that 'vinpaint train' wrote")
    return given or (REFINER if REFINER.is_file() else None)


def needed_weights(given: Path | None = None) -> Path:
    """The same, where nothing can be done without.

    Raises
    ------
    DependencyError
        If there are none.
    """
    path = refiner_weights(given)
    if path is None:
        raise DependencyError(
            "no weights of the refinement are installed; "
            "train some with 'vinpaint train --net refiner-v1' and give them with --weights"
        )
    return path
