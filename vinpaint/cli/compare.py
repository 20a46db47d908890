"""``vinpaint compare``: two results on a page to look at."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vinpaint.cli import options as opt
from vinpaint.cli.console import Console
from vinpaint.cli.outcome import status_of
from vinpaint.errors import UsageError


def command(
    first: Annotated[str, typer.Argument(metavar="A", help="A video, a folder of frames or an image.")],
    second: Annotated[str, typer.Argument(metavar="B", help="Another of the same size.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="PAGE.html", help="The page to write.")],
    reference: Annotated[
        str | None, typer.Option(metavar="R", help="What both should be: adds PSNR, frame by frame.")
    ] = None,
    overwrite: opt.Overwrite = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
) -> int:
    """Make a page with a slider between two results; it holds its pictures and needs no network."""
    if output.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"{output.name} is no page; give a name that ends in .html")
    from vinpaint.benchmarks.report.compare import compare_page
    from vinpaint.files import check_output, write_bytes

    inputs = [Path(path) for path in (first, second, reference) if path is not None]
    check_output(output, *inputs, overwrite=overwrite)
    with Console(quiet=quiet, verbose=verbose) as console:
        page, damage = compare_page(first, second, reference, reporter=console)
        write_bytes(output, page.encode())
        console.note(f"{output}")
        return status_of(damage, console)
