"""``vinpaint export``: a network for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vinpaint.cli import options as opt
from vinpaint.cli.console import Console
from vinpaint.errors import UsageError


def command(
    net: Annotated[str, typer.Argument(metavar="NET", help="refiner-v1 or refiner-v2.")],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="FILE", help="An ONNX model (.onnx) or a Core ML package (.mlpackage)."),
    ],
    weights: opt.Weights = None,
    overwrite: opt.Overwrite = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
) -> int:
    """Write the refinement network as an ONNX model or a Core ML package."""
    from vinpaint.files import check_output
    from vinpaint.refiner.checkpoint import load_refiner
    from vinpaint.refiner.export import writer
    from vinpaint.refiner.networks import REFINERS
    from vinpaint.refiner.shipped import needed_weights

    if net not in REFINERS:
        raise UsageError(f"the network {net!r} cannot be exported; choose from {', '.join(REFINERS)}")
    write, path = writer(output), needed_weights(weights)
    check_output(output, path, overwrite=overwrite, folder=output.suffix == ".mlpackage")
    with Console(quiet=quiet, verbose=verbose) as console:
        write(load_refiner(path, net), output)
        console.note(f"{output}")
    return 0
