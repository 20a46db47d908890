"""Networks on disk: safetensors, with what they are and how they were made in the header. Nothing is ever unpickled."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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

_ABOUT = "vinpaint"


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
    options = {"residual": recipe["residual"], "temporal": recipe["temporal"]}
    network = make_net(recipe["net"], width=recipe["width"], **options)
    _learned(path, network, checkpoint)
    return network.eval().requires_grad_(False).to(device)


def load_refiner(path: Path, *nets: str, device: torch.device | str = "cpu") -> Refiner:
    """A trained network that refines, ready to use.

    Parameters and errors are those of :func:`load_network`; by default any of them would do.
    """
    checkpoint, recipe = _stored(path, nets or list(REFINERS))
    network = make_refiner(recipe["net"], width=recipe["width"])
    _learned(path, network, checkpoint)
    return network.eval().requires_grad_(False).to(device)


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
    return checkpoint, recipe


def _learned(path: Path, network: nn.Module, checkpoint: Checkpoint) -> None:
    """Give a network what a checkpoint holds."""
    wanted = network.state_dict()
    counters = {name: each for name, each in wanted.items() if not each.is_floating_point()}
    try:
        network.load_state_dict({name: each.float() for name, each in checkpoint.tensors.items()} | counters)
    except RuntimeError as error:
        net = checkpoint.about["recipe"]["net"]
        raise InputError(f"{path} does not fit the network {net}; give a file that 'vinpaint train' wrote") from error
