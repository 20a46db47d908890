"""``vinpaint bench``: every method on the same clips, and a report."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vinpaint.cli import options as opt
from vinpaint.cli.console import Console
from vinpaint.errors import InputError, OutputError, OutputExistsError, UsageError

if TYPE_CHECKING:
    from vinpaint.benchmarks.runner import Plan


def command(
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="DIR", help="Folder of the report; the same folder goes on with a run."),
    ],
    suites: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SUITE]...",
            help="stains, static-masks, objects, watermarks, mnist, degradations, detect, leaks, speed; default: all.",
        ),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Few short painted clips: minutes on two cores.")] = False,
    clips: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Your clips: videos, or folders of frames; default: painted ones."),
    ] = None,
    davis: Annotated[Path | None, typer.Option(metavar="DIR", help="A folder in the layout of DAVIS.")] = None,
    marks: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Clips with real watermarks; NAME_mask.png says where, if there.")
    ] = None,
    idx: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Digits as MNIST has them; default: printed ones.")
    ] = None,
    methods: Annotated[
        str | None,
        typer.Option(metavar="A,B", help="Instead of those that each suite has; unet=FILE takes other weights."),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=2, metavar="N", help="Frames of a clip, at most.")] = None,
    only: Annotated[str | None, typer.Option(metavar="NAME", help="Clips whose name holds this.")] = None,
    repeat: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Processes a job of which the median time counts.")
    ] = None,
    compare: Annotated[
        Path | None, typer.Option(metavar="OLD.json", help="results.json of an earlier run: better, worse or noise?")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", "-y", help="Measure all anew instead of going on with a run.")
    ] = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
) -> int:
    """Run methods on clips with a known truth; writes report.html, report.md, results.csv and results.json."""
    if quick and (clips or davis or marks or idx):
        raise UsageError("--quick takes painted clips only; leave out --quick, or --clips, --davis, --marks and --idx")
    asked = _Asked(output, suites or [], quick, clips, davis, marks, idx, methods, limit, only, repeat)
    plan = asked.plan()
    from vinpaint.benchmarks.report import PAGE, write_report
    from vinpaint.benchmarks.results import read_results
    from vinpaint.benchmarks.runner import Bench, forget, is_run
    from vinpaint.benchmarks.summary import failures, overall, summed_up, verdict

    then = None if compare is None else read_results(compare)
    if overwrite:
        forget(output)
    elif (output / PAGE).exists() and not is_run(output):
        raise OutputExistsError(
            f"{output / PAGE} exists and is of no run; add -y to overwrite it, or name another folder"
        )
    with Console(quiet=quiet, verbose=verbose) as console:
        results = Bench(plan, console).run()
        write_report(results, output, then)
        verdicts = [verdict(summed_up(suite)) for suite in results["suites"]]
        for one in verdicts:
            console.note(f"{one.table.name}: {one.text}")
        console.note(f"{overall(verdicts)} {output / PAGE}")
    return int(bool(failures(results)))


@dataclass(frozen=True)
class _Asked:
    output: Path
    suites: list[str]
    quick: bool
    clips: Path | None
    davis: Path | None
    marks: Path | None
    idx: Path | None
    methods: str | None
    limit: int | None
    only: str | None
    repeat: int | None

    def plan(self) -> Plan:
        """What to run; checked."""
        from vinpaint.benchmarks.runner import Plan, parse_methods
        from vinpaint.benchmarks.suites import SUITES, suite
        from vinpaint.benchmarks.suites.sources import Sources

        for name in self.suites:
            suite(name)
        for path, folder in ((self.clips, True), (self.davis, True), (self.marks, True), (self.idx, False)):
            if path is not None and not (path.is_dir() if folder else path.exists()):
                raise InputError(f"{path} is no {'folder' if folder else 'file'}; check the name")
        if self.output.exists() and not self.output.is_dir():
            raise OutputError(f"{self.output} is a file; name a folder")
        sources = Sources(self.clips, self.davis, self.marks, self.idx, self.limit, self.only, self.quick)
        methods = parse_methods(self.methods) if self.methods else []
        return Plan(tuple(self.suites or SUITES), self.output, sources, methods, self._command(), self.repeat)

    def _command(self) -> str:
        """The command that made the report, without the place of its output."""
        named: dict[str, object] = {"clips": self.clips, "davis": self.davis, "marks": self.marks, "idx": self.idx}
        named |= {"methods": self.methods, "limit": self.limit, "only": self.only, "repeat": self.repeat}
        options = [part for name, value in named.items() if value is not None for part in (f"--{name}", str(value))]
        return shlex.join(["vinpaint", "bench", *self.suites, *(["--quick"] if self.quick else []), *options])
