"""The networks by name, and what each of them offers to training and inference."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from torch import Tensor, nn

from vinpaint.errors import UsageError


@dataclass(frozen=True, eq=False)
class Restored:
    """What a network makes of frames.

    Attributes
    ----------
    picture : (B, T, 3, H, W)
        RGB, about 0 to 1; not clipped, so that gradients pass.
    blemish : (B, T, 1, H, W) or None
        Logits of where the network sees something in front of the scene; None from a network that does not say.
    """

    picture: Tensor
    blemish: Tensor | None = None


class Restorer(nn.Module, ABC):
    """A network that gives clean frames for damaged ones.

    Attributes
    ----------
    window : int
        Frames that it sees together, an odd number; 1 for one that works frame by frame.
    masked : bool
        Whether it is told what is hidden. One that is not told is blind.
    corrects : bool
        Whether it computes what to add to what it sees, which half precision is enough for.
    """

    window: int = 1
    masked: bool = False
    corrects: bool = False

    @abstractmethod
    def forward(self, damaged: Tensor, mask: Tensor) -> Restored:
        """Restore frames of any size.

        Parameters
        ----------
        damaged : (B, T, 3, H, W)
            RGB, 0 to 1; T is :attr:`window`.
        mask : (B, T, 1, H, W)
            1 = hidden, 0 = visible; blind networks do not look at it.
        """

    @property
    def parameter_count(self) -> int:
        """Trained numbers."""
        return sum(parameter.numel() for parameter in self.parameters())


@dataclass(frozen=True, eq=False)
class Refined:
    """What a network makes of evidence.

    Attributes
    ----------
    picture : (B, 3, H, W)
        RGB, about 0 to 1; visible pixels as they were.
    error : (B, 1, H, W)
        Natural logarithm of the squared error to expect, in squared grey levels, and one more.
    weights : (B, S, H, W)
        Share of each picture; sum 1.
    recovered : (B, 1, H, W) or None
        Logits of where the picture is right; None from a network that does not say.
    """

    picture: Tensor
    error: Tensor
    weights: Tensor
    recovered: Tensor | None = None


class Refiner(nn.Module, ABC):
    """A network that makes one picture of several that show the same, each better in other places."""

    @abstractmethod
    def forward(self, pictures: Tensor, error: Tensor, hidden: Tensor) -> Refined:
        """Refine parts of frames of any size.

        Parameters
        ----------
        pictures : (B, S, 3, H, W)
            RGB, 0 to 1, in the order of :data:`vinpaint.refiner.evidence.SOURCES`. The first is what is refined.
        error : (B, S, H, W)
            What is known of their errors, see :func:`vinpaint.refiner.evidence.levels`.
        hidden : (B, 1, H, W)
            1 = hidden, 0 = visible.
        """

    @property
    def parameter_count(self) -> int:
        """Trained numbers."""
        return sum(parameter.numel() for parameter in self.parameters())


@dataclass(frozen=True)
class NetSpec:
    """Where a network is and how it is made.

    Attributes
    ----------
    target : str
        ``module:Class``.
    options : mapping
        Fixed keyword arguments of the class.
    takes : str or None
        The keyword argument that may be chosen besides the width: ``residual`` or ``temporal``.
    """

    target: str
    options: Mapping[str, Any]
    takes: str | None


NETS: Mapping[str, NetSpec] = {
    "unet": NetSpec("vinpaint.baselines.unet:UNet", {"masked": False}, "residual"),
    "unet-masked": NetSpec("vinpaint.baselines.unet:UNet", {"masked": True}, "residual"),
    "artifact-v1": NetSpec("vinpaint.baselines.artifact:ArtifactNet", {}, "temporal"),
    "artifact-v2": NetSpec("vinpaint.baselines.artifact:ArtifactNetV2", {}, None),
}
REFINERS: Mapping[str, str] = {
    "refiner-v1": "vinpaint.refiner.network:RefinerV1",
    "refiner-v2": "vinpaint.refiner.network:RefinerV2",
}
"""Networks that learn from evidence instead of damaged frames."""


def check_net(name: str) -> None:
    """Raise UsageError unless there is a network of a name."""
    if name not in NETS and name not in REFINERS:
        raise UsageError(f"unknown network {name!r}; choose from {', '.join([*NETS, *REFINERS])}")


def check_options(name: str, *, residual: bool, temporal: bool) -> None:
    """Raise UsageError if a network is asked for something that it does not offer."""
    takes = NETS[name].takes if name in NETS else None
    for option, asked in (("residual", residual), ("no temporal", not temporal)):
        if asked and takes != option.removeprefix("no "):
            raise UsageError(f"{name} is not asked for {option!r}; leave it out")


def make_net(name: str, *, width: int, residual: bool = False, temporal: bool = True) -> Restorer:
    """An untrained network.

    Parameters
    ----------
    name : str
        One of :data:`NETS`.
    width : int
        Channels at full resolution; at half of it for ``artifact-v2``.
    residual : bool
        Whether its output is added to what it sees; ``artifact-v1`` and ``-v2`` always do so.
    temporal : bool
        Whether it looks at other frames, if it can.
    """
    check_net(name)
    spec = NETS[name]
    chosen = {"residual": residual, "temporal": temporal}
    taken = {name: value for name, value in chosen.items() if name == spec.takes}
    network: Restorer = _class(spec.target)(width=width, **spec.options, **taken)
    return network


def make_refiner(name: str, *, width: int, **options: Any) -> Refiner:
    """An untrained network that refines.

    Parameters
    ----------
    name : str
        One of :data:`REFINERS`.
    width : int
        Channels at half the size.
    **options
        Further ones of the network's class.
    """
    check_net(name)
    network: Refiner = _class(REFINERS[name])(width=width, **options)
    return network


def _class(target: str) -> Any:
    module, _, attribute = target.partition(":")
    return getattr(import_module(module), attribute)
