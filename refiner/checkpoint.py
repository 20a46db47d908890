"""Networks on disk: safetensors, with what they are and how they were made in the header. Nothing is ever unpickled."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from vinpaint.errors import DependencyError, InputError
from vinpaint.files import write_bytes
from vinpaint.refiner.networks import NETS, REFINERS, Refiner, Restorer, make_net, make_refiner

FORMAT = "vinpaint-1"
SHAPE = ("net", "width", "residual", "temporal")
"""Parts of a recipe that tell one network from another."""

WIDEST = 4096
"""Channels of a network at most."""

_ABOUT = "vinpaint"

N = TypeVar("N", bound=nn.Module)


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """Tensors by name, and what the header says of them."""

    tensors: dict[str, Tensor]
    about: dict[str, Any]


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint; it appears complete or not at all."""
    tensors = {name: each.detach().cpu().contiguous() for name, each in checkpoint.tensors.items()}
    about = json.dumps({"format": FORMAT, **checkpoint.about}, sort_keys=True)
    write_bytes(path, save(tensors, {_ABOUT: about}))


def read_checkpoint(path: Path) -> Checkpoint:
    """Read what :func:`write_checkpoint` wrote.

    Raises
    ------
    DependencyError
        If there is no such file.
    InputError
        If it is no checkpoint of vinpaint, or damaged.
    """
    if not path.is_file():
        raise DependencyError(f"the weights {path} are missing; name a file that 'vinpaint train' wrote")
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads((file.metadata() or {}).get(_ABOUT, "{}"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    except (SafetensorError, OSError, ValueError) as error:
        raise InputError(f"{path} is no weights file ({error}); give one that 'vinpaint train' wrote") from error
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        raise InputError(f"{path} holds no weights of vinpaint; give a file that 'vinpaint train' wrote")
    return Checkpoint(tensors, about)


def network_checkpoint(network: nn.Module, about: dict[str, Any]) -> Checkpoint:
    """A network as a checkpoint.

    Parameters
    ----------
    network : Restorer or Refiner
        Its parameters and running statistics are kept.
    about : dict
        Needs ``recipe`` (:meth:`vinpaint.refiner.training.Recipe.as_dict`).
    """
    return Checkpoint({name: each for name, each in network.state_dict().items() if each.is_floating_point()}, about)


def load_network(path: Path, *nets: str, device: torch.device | str = "cpu") -> Restorer:
    """A trained network, ready to use.

    Parameters
    ----------
    path : Path
        A checkpoint of :func:`network_checkpoint`.
    *nets : str
        Networks that would do.
    device : torch.device or str
        Where to put it.

    Raises
    ------
    DependencyError
        If there is no such file.
    InputError
        If it is no checkpoint, damaged, or of another network.
    """
    checkpoint, recipe = _stored(path, [net for net in nets if net in NETS])
    options = {name: recipe[name] for name in SHAPE[1:]}
    return _made(path, partial(make_net, recipe["net"], **options), checkpoint).to(device)


def load_refiner(path: Path, *nets: str, device: torch.device | str = "cpu") -> Refiner:
    """A trained network that refines, ready to use.

    Parameters and errors are those of :func:`load_network`; by default any of them would do.
    """
    checkpoint, recipe = _stored(path, nets or list(REFINERS))
    return _made(path, partial(make_refiner, recipe["net"], width=recipe["width"]), checkpoint).to(device)


def load_weights(path: Path, network: nn.Module, recipe: dict[str, Any]) -> dict[str, Any]:
    """Give a network the weights of a file, and return what its header says of them.

    Parameters
    ----------
    path : Path
        A checkpoint of :func:`network_checkpoint`.
    network : Restorer or Refiner
        Changed in place.
    recipe : dict
        What the network is by :data:`SHAPE`; the checkpoint's must be the same.

    Errors are those of :func:`load_network`.
    """
    checkpoint, stored = _stored(path, [recipe["net"]])
    for name in SHAPE:
        if stored.get(name) != recipe[name]:
            raise InputError(
                f"{path} holds a network of {name} {stored.get(name)}, not {recipe[name]}; ask for the same"
            )
    _learned(path, network, checkpoint)
    return checkpoint.about


def _stored(path: Path, nets: Sequence[str]) -> tuple[Checkpoint, dict[str, Any]]:
    """A checkpoint and its recipe, if it is of one of some networks."""
    checkpoint = read_checkpoint(path)
    recipe = checkpoint.about.get("recipe")
    if not isinstance(recipe, dict) or any(name not in recipe for name in SHAPE):
        raise InputError(f"{path} does not say what network it holds; give a file that 'vinpaint train' wrote")
    net = recipe["net"]
    if net not in nets:
        raise InputError(f"{path} holds the network {net}; give weights of {' or '.join(nets)}")
    width = recipe["width"]
    if type(width) is not int or not 2 <= width <= WIDEST:
        raise InputError(f"{path} says that its width is {width!r}; give a file that 'vinpaint train' wrote")
    return checkpoint, recipe


def _made(path: Path, make: Callable[[], N], checkpoint: Checkpoint) -> N:
    """A network of what a checkpoint holds, ready to use."""
    with torch.device("meta"):  # a header may promise more than memory holds
        _check_shapes(path, make(), checkpoint)
    network = make()
    _learned(path, network, checkpoint)
    return network.eval().requires_grad_(False)


def _learned(path: Path, network: nn.Module, checkpoint: Checkpoint) -> None:
    """Give a network what a checkpoint holds."""
    _check_shapes(path, network, checkpoint)
    tensors = {name: each.float() for name, each in checkpoint.tensors.items()}
    network.load_state_dict(network.state_dict() | tensors)


def _check_shapes(path: Path, network: nn.Module, checkpoint: Checkpoint) -> None:
    """Raise InputError unless a checkpoint holds all that a network learns, and nothing else."""
    wanted = {name: each.shape for name, each in network.state_dict().items() if each.is_floating_point()}
    if wanted != {name: each.shape for name, each in checkpoint.tensors.items()}:
        net = checkpoint.about["recipe"]["net"]
        raise InputError(f"{path} does not fit the network {net}; give a file that 'vinpaint train' wrote")
