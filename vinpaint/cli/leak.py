"""``vinpaint leak``: what a virtual background reveals, and the room behind it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vinpaint.cli import options as opt
from vinpaint.cli.console import Console
from vinpaint.cli.outcome import conclude

if TYPE_CHECKING:
    from vinpaint.contracts import Frames
    from vinpaint.leak.job import LeakSettings

Background = Annotated[
    Path | None,
    typer.Option(
        "--virtual-background", metavar="IMG", help="The image that the service shows; estimated if left out."
    ),
]
Segmenter = Annotated[
    Path | None,
    typer.Option(metavar="ONNX", help="A segmentation model that sees people; needs the extra 'segmenter'."),
]
LeakMethod = Annotated[
    str,
    typer.Option(metavar="NAME", help="How to find leaks: learned (a small network tells the mask), or statistics."),
]


def command(
    source: opt.Input,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="ROOM", help="Picture of the room to write.")],
    coverage: Annotated[
        Path | None,
        typer.Option(metavar="PNG", help="Write where the room is reconstructed from evidence: white; else black."),
    ] = None,
    virtual_background: Background = None,
    segmenter: Segmenter = None,
    method: LeakMethod = "learned",
    mask_out: Annotated[
        str | None,
        typer.Option(metavar="MASKS", help="Write where each frame leaks: a video (.mkv), or a folder, ending in '/'."),
    ] = None,
    report: Annotated[
        Path | None, typer.Option(metavar="JSON", help="Write how much of the room leaks, and when.")
    ] = None,
    start: opt.Start = None,
    end: opt.End = None,
    fps: opt.Fps = None,
    threads: opt.Threads = 0,
    max_memory: opt.Memory = "1G",
    overwrite: opt.Overwrite = False,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
) -> int:
    """Reconstruct the room behind a virtual background from what flickers through, and say how much that is.

    For auditing your own recordings, and for research.
    """
    from contextlib import ExitStack

    from vinpaint.files import check_outputs
    from vinpaint.leak.job import find_leaks
    from vinpaint.video import open_source
    from vinpaint.video.images import check_picture, write_image
    from vinpaint.video.mask_video import MaskWriter

    settings = read_settings(method, segmenter, start, end, max_memory)
    opt.use_device("cpu", threads)
    with Console(quiet=quiet, verbose=verbose) as console:
        for picture in (output, coverage):
            if picture is not None:
                check_picture(picture)
        inputs = [Path(source), *(path for path in (virtual_background, segmenter) if path is not None)]
        check_outputs((output, coverage, report), inputs, overwrite=overwrite)
        with ExitStack() as stack:
            clip = stack.enter_context(open_source(source, rate=opt.parse_rate(fps), threads=threads))
            console.detail(str(clip.info))
            settings = with_background(settings, virtual_background, clip.info.displayed)
            masks = stack.enter_context(MaskWriter(mask_out, clip.info, inputs, overwrite)) if mask_out else None
            leak = find_leaks(clip, settings, console, sink=masks.add if masks else None)
            write_image(output, leak.room)
            if coverage is not None:
                write_image(coverage, leak.coverage.astype("uint8") * 255)
            if masks is not None:
                masks.commit()
            damage = clip.damage
        return conclude(leak, report, damage, console, as_json=json)


def read_settings(
    method: str, segmenter: Path | None, start: str | None, end: str | None, max_memory: str
) -> LeakSettings:
    """Checked settings, still without the virtual background.

    Raises
    ------
    UsageError
        If an option cannot be understood.
    """
    from vinpaint.leak.job import LeakSettings, check_method
    from vinpaint.timing import parse_span

    check_method(method)
    memory = opt.parse_size(max_memory)
    return LeakSettings(method=method, segmenter=segmenter, span=parse_span(start, end), memory=memory)


def with_background(settings: LeakSettings, path: Path | None, size: tuple[int, int]) -> LeakSettings:
    """The settings with a virtual background from a file, scaled to cover the frames and cut to them.

    Raises
    ------
    InputError
        If the picture cannot be read.
    """
    from dataclasses import replace

    return settings if path is None else replace(settings, background=_picture(path, size))


def _picture(path: Path, size: tuple[int, int]) -> Frames:
    from vinpaint.video.clips import fitted, read_clip

    picture: Frames = read_clip(path, count=1)[0]
    return picture if picture.shape[1::-1] == size else fitted(picture, size)
