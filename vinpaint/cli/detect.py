"""``vinpaint detect``: find what hides part of every frame."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vinpaint.cli import options as opt
from vinpaint.cli.console import Console
from vinpaint.cli.outcome import conclude
from vinpaint.errors import UsageError

if TYPE_CHECKING:
    from vinpaint.detect import Detection

KINDS, PLANNED = ("static", "leak"), ("person",)


def command(
    source: opt.Input,
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            metavar="MASK",
            help="Mask to write: grey PNG, white = hidden; of leaks a video (.mkv), or a folder, ending in '/'.",
        ),
    ],
    kind: Annotated[
        str,
        typer.Option(
            metavar="static|leak",
            help="What to look for: static = stains, logos, captions, watermarks; leak = the room that shows through a "
            "virtual background, frame by frame.",
        ),
    ] = "static",
    alpha: Annotated[
        Path | None, typer.Option(metavar="PNG", help="Write the opacity: 16-bit grey, white = opaque.")
    ] = None,
    color: Annotated[Path | None, typer.Option(metavar="PNG", help="Write the colour of the blemish.")] = None,
    preview: Annotated[
        Path | None, typer.Option(metavar="PNG", help="Write a frame with the mask drawn over it.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(metavar="JSON", help="Write verdict, reason and a list of blemishes.")
    ] = None,
    start: opt.Start = None,
    end: opt.End = None,
    fps: opt.Fps = None,
    device: opt.Device = "auto",
    threads: opt.Threads = 0,
    max_memory: opt.Memory = "1G",
    overwrite: opt.Overwrite = False,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
) -> int:
    """Find what hides part of every frame, how opaque it is and of what colour; no finding gives a black mask."""
    if kind not in KINDS:
        missing = "does not exist yet" if kind in PLANNED else "is unknown"
        raise UsageError(f"detection of kind {kind!r} {missing}; use --kind {' or '.join(KINDS)}")
    if kind == "leak":
        return _leaks(
            source, output, (alpha, color, preview), report, (start, end, max_memory), fps,
            device=device, threads=threads, overwrite=overwrite, json=json,
            console=Console(quiet=quiet, verbose=verbose),
        )  # fmt: skip
    from vinpaint.detect import preview as drawn
    from vinpaint.detect.job import detect_file
    from vinpaint.files import check_outputs
    from vinpaint.timing import parse_span
    from vinpaint.video import open_source
    from vinpaint.video.images import write_image

    mask = Path(output)
    span, memory = parse_span(start, end), opt.parse_size(max_memory)
    opt.use_device(device, threads)
    with Console(quiet=quiet, verbose=verbose) as console:
        check_outputs((mask, alpha, color, preview, report), [Path(source)], overwrite=overwrite)
        check_maps(mask, alpha, pictures=(color, preview))
        with open_source(source, rate=opt.parse_rate(fps), threads=threads) as clip:
            console.detail(str(clip.info))
            found = detect_file(clip, span, console, memory=memory)
            damage = clip.damage
        write_maps(found.detection, mask=mask, alpha=alpha, color=color)
        if preview is not None:
            write_image(preview, drawn(found.picture, found.detection))
        return conclude(found.detection, report, damage, console, as_json=json)


def _leaks(
    source: str,
    output: str,
    maps: tuple[Path | None, ...],
    report: Path | None,
    range_and_memory: tuple[str | None, str | None, str],
    fps: str | None,
    *,
    device: str,
    threads: int,
    overwrite: bool,
    json: bool,
    console: Console,
) -> int:
    """``--kind leak``: one mask a frame."""
    from vinpaint.cli.leak import read_settings
    from vinpaint.files import check_outputs
    from vinpaint.leak.job import find_leaks
    from vinpaint.video import open_source
    from vinpaint.video.mask_video import MaskWriter

    if any(path is not None for path in maps):
        raise UsageError("leaks have no opacity, colour or preview; leave --alpha, --color and --preview out")
    settings = read_settings("learned", None, *range_and_memory)
    opt.use_device(device, threads)
    with console:
        check_outputs((report,), [Path(source)], overwrite=overwrite)
        with open_source(source, rate=opt.parse_rate(fps), threads=threads) as clip:
            console.detail(str(clip.info))
            with MaskWriter(output, clip.info, [Path(source)], overwrite) as masks:
                leak = find_leaks(clip, settings, console, sink=masks.add)
                masks.commit()
            damage = clip.damage
        return conclude(leak, report, damage, console, as_json=json)


def check_maps(*exact: Path | None, pictures: Sequence[Path | None] = ()) -> None:
    """Raise UsageError for a map whose name is not that of a picture, or would be of one that is not exact."""
    from vinpaint.video.images import check_picture

    for path in (*exact, *pictures):
        if path is not None:
            check_picture(path, deep=path in exact)


def write_maps(detection: Detection, *, mask: Path | None, alpha: Path | None, color: Path | None = None) -> None:
    """Write the mask (8-bit grey), the opacity (16-bit grey) and the colour (8-bit RGB)."""
    import numpy as np

    from vinpaint.video.images import write_image

    blemish = detection.blemish
    if mask is not None:
        write_image(mask, blemish.mask.astype(np.uint8) * 255)
    if alpha is not None:
        write_image(alpha, np.rint(65535 * np.clip(blemish.alpha, 0, 1)).astype(np.uint16))
    if color is not None:
        write_image(color, np.rint(255 * np.clip(blemish.colour, 0, 1)).astype(np.uint8))
