"""The command line: one file a command; nothing else that is installed prints, but for the benchmark programs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from vinpaint import __version__
from vinpaint.cli import bench, clean, compare, detect, doctor, export, fill, leak, methods, synth, train
from vinpaint.cli.console import error
from vinpaint.errors import InputError, UsageError, VinpaintError

INTERRUPTED = 130

app = typer.Typer(
    name="vinpaint",
    help="Recover what is hidden in a video: stains on the lens, logos, watermarks, anything that stands in the way.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_COMMANDS = {
    clean: "Find stains, logos and watermarks, and remove them.",
    detect: "Find what hides part of every frame.",
    fill: "Fill what a mask hides from the rest of the video.",
    leak: "Show the room behind a virtual background.",
    synth: "Make pairs of damaged and clean clips.",
    train: "Teach a network with such pairs.",
    export: "Write a network as ONNX or Core ML.",
    bench: "Compare methods on clips with a known truth.",
    compare: "Make a page with a slider between two clips.",
    methods: "List the ways to fill.",
    doctor: "Check the installation; for bug reports.",
}
for command, summary in _COMMANDS.items():
    app.command(command.__name__.rsplit(".", 1)[1], short_help=summary)(command.command)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"vinpaint {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


def run(arguments: Sequence[str]) -> int:
    """Run a command line and return its exit status; prints, never raises."""
    debug = os.environ.get("VINPAINT_DEBUG") == "1"
    if "" in arguments:
        error("an argument is empty; give a name or a value")
        return UsageError.exit_code
    try:
        status = int(app(list(arguments), prog_name="vinpaint", standalone_mode=False) or 0)
        return _interrupted() if status == INTERRUPTED else status  # the parser turns an interrupt into this
    except typer.TyperException as problem:  # wrong arguments, in the words of the parser
        error(_with_hint(problem))
        return problem.exit_code
    except VinpaintError as problem:
        if debug:
            raise
        error(str(problem))
        return problem.exit_code
    except Exception as problem:
        if _was_interrupt(problem):
            return _interrupted()
        if debug:
            raise
        if isinstance(problem, OSError) and problem.filename:  # what is written explains itself
            error(f"cannot read {str(problem.filename)[:200]}: {problem.strerror}; check the name")
            return InputError.exit_code
        error(f"unexpected {type(problem).__name__}: {problem}; set VINPAINT_DEBUG=1 to see where, and report it")
        return 1


def _interrupted() -> int:
    error("interrupted; outputs are as they were before")
    return INTERRUPTED


def _was_interrupt(problem: BaseException | None) -> bool:
    """Whether an interrupt is behind an error: compiled code that it hits raises a SystemError because of it."""
    while problem is not None and not isinstance(problem, KeyboardInterrupt):
        problem = problem.__cause__ or problem.__context__
    return problem is not None


def _with_hint(problem: typer.TyperException) -> str:
    context: Any = getattr(problem, "ctx", None)
    command = context.command_path if context is not None else "vinpaint"
    return f"{problem.format_message().rstrip('.')}; see '{command} --help'"
