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
    """

    window: int = 1
    masked: bool = False

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


@dataclass(frozen=True)
class NetSpec:
    """Where a network is and how it is made.

    Attributes
    ----------
    target : str
        ``module:Class``.
    options : mapping
        Fixed keyword arguments of the class.
    takes : str
        The keyword argument that may be chosen besides the width: ``residual`` or ``temporal``.
    """

    target: str
    options: Mapping[str, Any]
    takes: str


NETS: Mapping[str, NetSpec] = {
    "unet": NetSpec("vinpaint.baselines.unet:UNet", {"masked": False}, "residual"),
    "unet-masked": NetSpec("vinpaint.baselines.unet:UNet", {"masked": True}, "residual"),
    "artifact-v1": NetSpec("vinpaint.baselines.artifact:ArtifactNet", {}, "temporal"),
}
PLANNED = ("refiner-v1", "refiner-v2")


def net_spec(name: str) -> NetSpec:
    """The network of a name.

    Raises
    ------
    UsageError
        If there is none.
    """
    if name in PLANNED:
        raise UsageError(f"the network {name!r} does not exist yet; choose from {', '.join(NETS)}")
    if name not in NETS:
        raise UsageError(f"unknown network {name!r}; choose from {', '.join(NETS)}")
    return NETS[name]


def make_net(name: str, *, width: int, residual: bool = False, temporal: bool = True) -> Restorer:
    """An untrained network.

    Parameters
    ----------
    name : str
        One of :data:`NETS`.
    width : int
        Channels at full resolution.
    residual : bool
        Whether its output is added to what it sees; ``artifact-v1`` always does so.
    temporal : bool
        Whether it looks at other frames, if it can.
    """
    spec = net_spec(name)
    module, _, attribute = spec.target.partition(":")
    chosen = {"residual": residual, "temporal": temporal}[spec.takes]
    network: Restorer = getattr(import_module(module), attribute)(width=width, **spec.options, **{spec.takes: chosen})
    return network
