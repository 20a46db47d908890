"""Networks that refine, for other programs: ONNX and Core ML.

Both take ``pictures`` (1, S, 3, H, W), ``error`` (1, S, H, W) and ``hidden`` (1, 1, H, W), float32, and give
``picture`` (1, 3, H, W) and ``expected`` (1, 1, H, W); see :class:`vinpaint.refiner.networks.Refiner`. H and W are
multiples of 16; in ONNX they are free.
"""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vinpaint.errors import DependencyError, UsageError
from vinpaint.files import explained, write_bytes
from vinpaint.refiner.evidence import SOURCES
from vinpaint.refiner.network import HoleAttention
from vinpaint.refiner.networks import Refiner

MULTIPLE = 16
"""Of the sides of pictures."""
SIDE = 256
"""Of the pictures that a Core ML package takes."""
INPUTS, OUTPUTS = ("pictures", "error", "hidden"), ("picture", "expected")


class Exported(nn.Module):
    """A network as other programs see it: tensors in, tensors out.

    Parameters
    ----------
    network : Refiner
        In evaluation mode, float32.
    """

    def __init__(self, network: Refiner) -> None:
        super().__init__()
        self.network = network.float()
        for module in network.modules():
            if isinstance(module, HoleAttention):
                module.gathers = False

    def forward(self, pictures: Tensor, error: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """See :meth:`Refiner.forward`."""
        refined = self.network(pictures, error, hidden)
        return refined.picture, refined.error


def write_onnx(network: Refiner, path: Path) -> None:
    """Write an ONNX model for pictures of any size, multiples of 16.

    Raises
    ------
    DependencyError
        If onnx or onnxscript are missing.
    OutputError
        If it cannot be written.
    """
    for package in ("onnx", "onnxscript"):
        _needed(package, "onnx")
    height, width = (MULTIPLE * torch.export.Dim(name, min=2, max=256) for name in ("rows", "columns"))
    shapes = {name: {given.dim() - 2: height, given.dim() - 1: width} for name, given in _example(64).items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter's own insides
        program = torch.onnx.export(
            Exported(network).eval(),
            (),
            kwargs=_example(64),
            input_names=INPUTS,
            output_names=OUTPUTS,
            dynamic_shapes=shapes,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    write_bytes(path, program.model_proto.SerializeToString())


def write_core_ml(network: Refiner, path: Path) -> None:
    """Write a Core ML package for pictures of 256x256.

    Raises
    ------
    DependencyError
        If coremltools are missing.
    """
    tools = _needed("coremltools", "coreml")
    example = _example(SIDE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(Exported(network).eval(), tuple(example.values()))  # type: ignore[no-untyped-call]
        model = tools.convert(
            traced,
            inputs=[tools.TensorType(name=name, shape=each.shape) for name, each in example.items()],
            outputs=[tools.TensorType(name=name) for name in OUTPUTS],
            minimum_deployment_target=tools.target.macOS13,
        )
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".vinpaint-") as folder, explained(path):
        made = Path(folder) / path.name
        model.save(str(made))
        shutil.rmtree(path, ignore_errors=True)
        made.replace(path)


WRITERS: Mapping[str, Callable[[Refiner, Path], None]] = {".onnx": write_onnx, ".mlpackage": write_core_ml}
"""By suffix."""


def writer(path: Path) -> Callable[[Refiner, Path], None]:
    """What writes a file of a suffix.

    Raises
    ------
    UsageError
        If nothing does.
    """
    if path.suffix not in WRITERS:
        raise UsageError(f"{path} has no suffix of a format; name a file {' or '.join(WRITERS)}")
    return WRITERS[path.suffix]


def _example(side: int) -> dict[str, Tensor]:
    torch.manual_seed(0)
    pictures = torch.rand(1, len(SOURCES), 3, side, side)
    return {
        "pictures": pictures,
        "error": torch.rand(1, len(SOURCES), side, side),
        "hidden": (torch.rand(1, 1, side, side) > 0.5).float(),
    }


def _needed(package: str, extra: str) -> Any:
    try:
        return import_module(package)
    except ImportError as error:
        raise DependencyError(
            f"this export needs the package {package} ({error}); pip install 'vinpaint[{extra}]'"
        ) from error
