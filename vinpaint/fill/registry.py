"""The fill methods by name. Nothing is imported before it is asked for."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from vinpaint.errors import DependencyError, UsageError, did_you_mean
from vinpaint.fill.method import FillMethod

if TYPE_CHECKING:
    from vinpaint.flow.estimate import Estimator

QUALITIES = ("fast", "balanced", "best")


@dataclass(frozen=True)
class MethodSpec:
    """Where a method is, and what it is.

    Attributes
    ----------
    target : str
        ``module:Class``; the class takes keyword options only.
    summary : str
        One line for ``vinpaint methods``.
    extra : str or None
        The extra of the package that installs what the method needs.
    """

    target: str
    summary: str
    extra: str | None = None


_UNBLEND = "vinpaint.fill.unblend:UnblendFill"

METHODS: Mapping[str, MethodSpec] = {
    "auto": MethodSpec(_UNBLEND, "the best there is: unblend, which is flow where nothing shines through"),
    "unblend": MethodSpec(_UNBLEND, "what shines through a translucent blemish; flow where nothing does"),
    "flow": MethodSpec(
        "vinpaint.fill.flow:FlowFill",
        "what other frames saw, aligned over long ranges; the surroundings where none did",
    ),
    "spatial": MethodSpec(
        "vinpaint.fill.spatial:SpatialFill", "diffusion along the edges that run into the hole, from the same frame"
    ),
    "refine-only": MethodSpec(
        "vinpaint.fill.alone:RefineOnlyFill",
        "the network that refines flow, on the surroundings alone; comes without weights",
    ),
    "telea": MethodSpec("vinpaint.baselines.opencv:TeleaFill", "fast marching (Telea 2004), from the same frame"),
    "ns": MethodSpec(
        "vinpaint.baselines.opencv:NavierStokesFill", "fluid dynamics (Bertalmio 2001), from the same frame"
    ),
    "biharmonic": MethodSpec(
        "vinpaint.baselines.biharmonic:BiharmonicFill", "a stiff plate over the hole, from the same frame"
    ),
    "fsr": MethodSpec("vinpaint.baselines.xphoto:FSRFill", "frequency-selective reconstruction, from the same frame"),
    "shiftmap": MethodSpec("vinpaint.baselines.xphoto:ShiftMapFill", "pieces of the same frame, moved into the hole"),
    "delogo": MethodSpec(
        "vinpaint.baselines.delogo:DelogoFill", "from the border of each hole's box, as ffmpeg's filter of this name"
    ),
    "chained-flow": MethodSpec(
        "vinpaint.baselines.chained_flow:ChainedFlowFill",
        "the textbook: flow between neighbours, chained, sampled once",
    ),
    "unet": MethodSpec(
        "vinpaint.baselines.learned:UNetFill", "a pure U-Net on single frames, smoothed over time; blind: whole frames"
    ),
    "unet-masked": MethodSpec("vinpaint.baselines.learned:UNetMaskedFill", "the same network, told what is hidden"),
    "artifact-v1": MethodSpec(
        "vinpaint.baselines.learned:ArtifactFill", "a U-Net of NAF blocks; blind; comes without weights (--weights)"
    ),
    "artifact-v2": MethodSpec(
        "vinpaint.baselines.learned:DegradationFill", "a quick U-Net against noise, grain, compression, blur; blind"
    ),
    "median": MethodSpec("vinpaint.baselines.median:MedianFill", "median over time of what is visible at the pixel"),
}


def available() -> tuple[tuple[str, MethodSpec], ...]:
    """All methods, by name, in the order to show them."""
    return tuple(METHODS.items())


def create(
    name: str,
    *,
    quality: str = "balanced",
    flow: str | None = None,
    device: str = "auto",
    threads: int = 0,
    refine: bool = True,
    **options: Any,
) -> FillMethod:
    """Make a fill method.

    Parameters
    ----------
    name : str
        One of :func:`available`.
    quality : {"fast", "balanced", "best"}
        For the methods that have levels; the others do not get to know of it.
    flow : str, optional
        Estimator of motion, for the methods that estimate it: see :func:`vinpaint.flow.estimate.estimator`.
    device : str
        Where networks run: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
    threads : int
        Frames at once of methods that are networks, on a CPU; 0 = as many as there are cores, at most four.
    refine : bool
        Whether methods that can have their result refined by a network.
    **options
        Passed on to the method.

    Raises
    ------
    UsageError
        If there is no such method, quality, estimator or option.
    DependencyError
        If a package, weights or a device are missing that the method needs.
    """
    check_quality(quality)
    method = _load(name, _spec(name))
    known = inspect.signature(method).parameters
    asked = set(options) if flow is None else {*options, "flow"}
    if unknown := asked - set(known):
        raise UsageError(
            f"method {name} has no option {', '.join(sorted(unknown))}; it has {', '.join(known) or 'none'}"
        )
    common = {"quality": quality, "device": device, "threads": threads, "refine": refine}
    options |= {key: value for key, value in common.items() if key in known}
    if flow is not None:
        options["flow"] = _estimator(flow, device)
    return method(**options)


def _estimator(name: str, device: str) -> Estimator:
    from vinpaint.flow.estimate import estimator

    return estimator(name, device=device)


def check_quality(quality: str) -> None:
    """Raise UsageError unless ``quality`` is one of :data:`QUALITIES`."""
    if quality not in QUALITIES:
        raise UsageError(f"unknown quality {quality!r}; choose from {', '.join(QUALITIES)}")


def _spec(name: str) -> MethodSpec:
    if name in METHODS:
        return METHODS[name]
    raise UsageError(f"unknown method {name!r}; {did_you_mean(name, METHODS)}choose from {', '.join(METHODS)}")


def _load(name: str, spec: MethodSpec) -> type[FillMethod]:
    module, _, attribute = spec.target.partition(":")
    try:
        method: type[FillMethod] = getattr(import_module(module), attribute)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "vinpaint":
            raise
        repair = f"pip install 'vinpaint[{spec.extra}]'" if spec.extra else f"pip install {error.name}"
        raise DependencyError(f"method {name} needs the package {error.name}; {repair}") from error
    return method
