"""``vinpaint synth``: make pairs of damaged and clean clips to learn from."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vinpaint.cli import options as opt
from vinpaint.cli.console import Console
from vinpaint.cli.outcome import print_json
from vinpaint.errors import Interrupted, UsageError

if TYPE_CHECKING:
    from vinpaint.refiner.mixture import Damage, Scenes

MNIST, STAINS, ARTIFACTS = KINDS = ("mnist", "stains", "artifacts")
SIZES = {MNIST: (128, 72), STAINS: (426, 240), ARTIFACTS: (426, 240)}
RADII = {MNIST: (10.0, 30.0), STAINS: (20.0, 45.0)}
LARGEST = 4096

_RANGE = re.compile(r"(\d+(?:\.\d+)?|\.\d+)(?:-(\d+(?:\.\d+)?|\.\d+))?", re.ASCII)
_SIZE = re.compile(r"(\d{1,5})x(\d{1,5})", re.ASCII)


def command(
    kind: Annotated[
        str,
        typer.Argument(
            metavar="mnist|stains|artifacts",
            help="Stains before moving digits; stains, or all kinds of defects, before clips or painted scenes.",
        ),
    ],
    output: Annotated[Path, typer.Argument(metavar="OUT", help="Folder of the set: train/ and val/, four to one.")],
    count: Annotated[int, typer.Option(min=1, metavar="N", help="Clips; more than are there adds to a set.")] = 100,
    frames: Annotated[int, typer.Option(min=1, max=500, metavar="N", help="Frames of a clip.")] = 20,
    size: Annotated[
        str | None, typer.Option(metavar="WxH", help="Of the frames (mnist: 128x72; others: 426x240).")
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Clips to damage: video files, or folders of frames; default: painted scenes."
        ),
    ] = None,
    leaves: Annotated[
        bool, typer.Option("--leaves", help="Leaves on top of each other, rich in detail, instead of painted scenes.")
    ] = False,
    idx: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Digits as MNIST has them (mnist): the first 8000 of an IDX file are used."),
    ] = None,
    color: Annotated[bool, typer.Option("--color", help="Coloured digits (mnist).")] = False,
    stains: Annotated[str | None, typer.Option(metavar="A-B", help="Stains of a clip: 1-3.")] = None,
    radius: Annotated[str | None, typer.Option(metavar="A-B", help="In pixels (mnist: 10-30, stains: 20-45).")] = None,
    opacity: Annotated[str | None, typer.Option(metavar="A-B", help="In their middle: 0.4-1.")] = None,
    hardness: Annotated[str | None, typer.Option(metavar="A-B", help="Exponent of their profile: 0.5-1.")] = None,
    irregular: Annotated[
        float | None, typer.Option(min=0, max=1, metavar="SHARE", help="Of stains that are not round: 0.2.")
    ] = None,
    varying: Annotated[
        float | None, typer.Option(min=0, max=1, metavar="SHARE", help="Of stains that fade and return: 0.2.")
    ] = None,
    artifacts: Annotated[
        str | None, typer.Option(metavar="A,B", help="Defects to choose from (artifacts); default: all.")
    ] = None,
    severity: Annotated[
        str | None, typer.Option(metavar="A-B", help="0 = hardly seen, 1 = spoils the clip (artifacts): 0.1-0.8.")
    ] = None,
    layout: Annotated[
        str,
        typer.Option(
            metavar="pairs|original",
            help="FFV1 in train/ and val/, or H.264 as batch_i/video_j/video_original.mp4 and video_con_manchas.mp4.",
        ),
    ] = "pairs",
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Everything follows from it.")] = 0,
    jobs: Annotated[int, typer.Option(min=0, metavar="N", help="Processes; 0 = as many as there are cores.")] = 0,
    overwrite: opt.Overwrite = False,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
) -> int:
    """Make pairs of damaged and clean clips, with masks; the same call resumes an interrupted run."""
    if kind not in KINDS:
        raise UsageError(f"there is no data set of kind {kind!r}; use {', '.join(KINDS)}")
    ranges = {"stains": stains, "radius": radius, "opacity": opacity, "hardness": hardness}
    _only(kind, (MNIST,), idx=idx, color=color or None)
    _only(kind, (STAINS, ARTIFACTS), source=source, leaves=leaves or None)
    if leaves and source is not None:
        raise UsageError("--leaves makes scenes, --source takes clips; leave one of them out")
    _only(kind, (MNIST, STAINS), **ranges, irregular=irregular, varying=varying)
    _only(kind, (ARTIFACTS,), artifacts=artifacts, severity=severity)
    from vinpaint.refiner.builder import Order, build
    from vinpaint.refiner.mixture import Mixture

    damage = _artifacts(artifacts, severity) if kind == ARTIFACTS else _stains(kind, ranges, irregular, varying)
    shape = parse_frame_size(size) if size else SIZES[kind]
    order = Order(output, Mixture(_scenes(kind, idx, source, color, leaves), damage, shape, frames, seed), layout)
    with Console(quiet=quiet, verbose=verbose) as console:
        try:
            made = build(order, count, jobs=jobs, overwrite=overwrite, reporter=console)
        except KeyboardInterrupt as interrupt:
            raise Interrupted("interrupted; complete clips stay, the same command makes the rest") from interrupt
        console.note(f"{count} clips, {made} of them new: {output}")
    if json:
        print_json({"clips": count, "new": made, "output": str(output)})
    return 0


def _only(kind: str, kinds: tuple[str, ...], **options: object) -> None:
    """Raise UsageError for an option that is given and means nothing for a kind of set."""
    for name, value in options.items():
        if value is not None and kind not in kinds:
            raise UsageError(f"--{name} is for {' and '.join(kinds)}; leave it out for {kind}")


def _scenes(kind: str, idx: Path | None, source: Path | None, colour: bool, leaves: bool) -> Scenes:
    from vinpaint.refiner.mixture import DigitScenes, FilmedScenes, LeavesScenes, PaintedScenes

    if kind == MNIST:
        if idx is None:
            raise UsageError("digits are needed; give --idx FILE, for example train-images-idx3-ubyte.gz of MNIST")
        return DigitScenes(idx.absolute(), colour)
    if source is not None:
        return FilmedScenes(source.absolute())
    return LeavesScenes() if leaves else PaintedScenes()


def _stains(kind: str, ranges: dict[str, str | None], irregular: float | None, varying: float | None) -> Damage:
    from vinpaint.refiner.mixture import StainRanges

    usual = StainRanges(RADII[kind])
    low, high = _given("stains", ranges, usual.count, 1, 50)
    if low % 1 or high % 1:
        raise UsageError(f"--stains {ranges['stains']}: stains are counted; write 1-3")
    return StainRanges(
        _given("radius", ranges, usual.radius, 1, LARGEST),
        (int(low), int(high)),
        _given("opacity", ranges, usual.opacity, 0, 1),
        _given("hardness", ranges, usual.hardness, 0.05, 20),
        usual.irregular if irregular is None else irregular,
        usual.swinging if varying is None else varying,
    )


def _given(
    name: str, ranges: dict[str, str | None], usual: tuple[float, float], least: float, most: float
) -> tuple[float, float]:
    text = ranges[name]
    return usual if text is None else parse_range(name, text, least, most)


def _artifacts(artifacts: str | None, severity: str | None) -> Damage:
    from vinpaint.refiner.mixture import ArtifactMix

    names = tuple(name.strip() for name in artifacts.split(",")) if artifacts else ()
    return ArtifactMix(names, severity=_given("severity", {"severity": severity}, ArtifactMix().severity, 0, 1))


def parse_range(name: str, text: str, least: float, most: float) -> tuple[float, float]:
    """Read ``0.4-1``, or ``0.7`` for both ends.

    Raises
    ------
    UsageError
        If it is no range, or leaves the bounds.
    """
    match = _RANGE.fullmatch(text)
    low, high = (float(match[1]), float(match[2] or match[1])) if match else (1.0, 0.0)
    if not least <= low <= high <= most:
        raise UsageError(f"--{name} {text}: no range from {least:g} to {most:g}; write two numbers with '-' between")
    return low, high


def parse_frame_size(text: str) -> tuple[int, int]:
    """Read ``426x240``: width and height.

    Raises
    ------
    UsageError
        If it is no size, or too large.
    """
    match = _SIZE.fullmatch(text)
    size = (int(match[1]), int(match[2])) if match else (0, 0)
    if not 0 < min(size) <= max(size) <= LARGEST:
        raise UsageError(f"{text!r} is no size of frames; write 426x240, at most {LARGEST} a side")
    return size
