"""What a training run is asked for."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import Any

from vinpaint.errors import UsageError
from vinpaint.refiner.artifacts import artifact_kind
from vinpaint.refiner.networks import check_net, check_options

SCHEDULES = ("constant", "plateau", "cosine")
PRECISIONS = ("bfloat16", "float32")
MULTIPLE = 16
"""Crops are of a multiple of so many pixels, as the networks halve them four times."""

RESUMABLE = frozenset({"epochs", "patience", "rate"})
"""What may change when a run goes on."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that the weights depend on besides the data and the machine.

    Attributes
    ----------
    net : str
        Name of the network.
    width : int
        Its channels at full resolution; at half of it for ``artifact-v2`` and the refiners.
    residual : bool
        Whether it predicts the difference to what it sees.
    temporal : bool
        Whether it looks at other frames, if it can.
    epochs : int
        At most.
    batch : int
        Samples a step.
    rate : float
        Learning rate of Adam.
    schedule : str
        ``constant``; ``plateau``: halved after each :data:`WAIT` epochs without improvement; ``cosine``: to zero at
        the last epoch.
    gradient_norm : float
        Longer gradients are shortened to it.
    average : float
        Decay of the moving average of the weights that is kept as the result; 0 = the weights themselves.
    patience : int
        Epochs without improvement after which the run ends.
    crop : int
        Side of the squares that are learned from, pixels; 0 = whole frames.
    flip : bool
        Whether half of the samples are mirrored.
    precision : str
        Of the forward and backward pass; weights are always float32.
    seed : int
        Initial weights and order of the samples follow from it.
    staged : bool
        Whether a network that says where blemishes are learns that first (:mod:`vinpaint.refiner.training.stages`).
    perceptual : bool
        Whether a perceptual loss takes part where the network's loss has one.
    artifacts : tuple of str
        Defects that are put before the original frames anew for each sample; empty = the damaged clips as they are.
    memory : int
        Bytes for clips that are held at a time; samples are mixed among these.

    Raises
    ------
    UsageError
        If a value is out of range.
    """

    net: str = "unet"
    width: int = 64
    residual: bool = False
    temporal: bool = True
    epochs: int = 200
    batch: int = 64
    rate: float = 1e-4
    schedule: str = "constant"
    gradient_norm: float = 1.0
    average: float = 0.999
    patience: int = 7
    crop: int = 0
    flip: bool = False
    precision: str = "bfloat16"
    seed: int = 0
    staged: bool = False
    perceptual: bool = True
    artifacts: tuple[str, ...] = ()
    memory: int = 2 << 30

    def __post_init__(self) -> None:
        check_net(self.net)
        check_options(self.net, residual=self.residual, temporal=self.temporal)
        for name in self.artifacts:
            artifact_kind(name)
        for name, least in (("width", 2), ("epochs", 1), ("batch", 1), ("patience", 1), ("seed", 0)):
            if getattr(self, name) < least:
                raise UsageError(f"{name} is {getattr(self, name)}; give {least} or more")
        for name in ("rate", "gradient_norm"):
            if not 0 < getattr(self, name) < math.inf:
                raise UsageError(f"{name.replace('_', ' ')} is {getattr(self, name)}; give a positive number")
        if not 0 <= self.average < 1:
            raise UsageError(f"average is {self.average}; give a decay from 0 to below 1")
        if self.crop < 0 or self.crop % MULTIPLE:
            raise UsageError(f"crop is {self.crop}; give a multiple of {MULTIPLE}, or 0 for whole frames")
        _check_choice("schedule", self.schedule, SCHEDULES)
        _check_choice("precision", self.precision, PRECISIONS)

    def as_dict(self) -> dict[str, Any]:
        """Plain types, ready for JSON."""
        return asdict(self) | {"artifacts": list(self.artifacts)}

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> Recipe:
        """The reverse of :meth:`as_dict`."""
        known = {field.name: stored[field.name] for field in fields(cls) if field.name in stored}
        return cls(**known | {"artifacts": tuple(stored.get("artifacts", ()))})

    def check_resumed(self, stored: Recipe) -> None:
        """Raise UsageError unless a run of another recipe may go on with this one."""
        for field in fields(self):
            mine, theirs = getattr(self, field.name), getattr(stored, field.name)
            if mine != theirs and field.name not in RESUMABLE:
                raise UsageError(f"the run was begun with {field.name} {theirs}, not {mine}; resume it with the same")


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise UsageError(f"unknown {name} {value!r}; choose from {', '.join(choices)}")
