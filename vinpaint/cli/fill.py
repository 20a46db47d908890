"""``vinpaint fill``: fill the hidden pixels of a clip."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vinpaint.cli import options as opt
from vinpaint.cli.console import Console
from vinpaint.cli.outcome import finish

MaskArgument = Annotated[
    str,
    typer.Option(
        "--mask",
        "-m",
        metavar="MASK",
        help="What is hidden, white: an image, a folder or video of masks, a box x,y,w,h[@t0-t1], or JSON.",
    ),
]


def command(
    source: opt.Input,
    mask: MaskArgument,
    output: opt.Output,
    method: opt.Method = "auto",
    quality: opt.Quality = "balanced",
    flow: opt.Flow = None,
    dilate: opt.Dilate = 0,
    alpha: opt.Alpha = None,
    color: opt.Color = None,
    weights: opt.Weights = None,
    no_refine: opt.NoRefine = False,
    confidence: opt.Confidence = None,
    explain: opt.Explain = None,
    lossless: opt.Lossless = False,
    encoder: opt.EncoderName = None,
    crf: opt.Crf = None,
    preset: opt.Preset = None,
    start: opt.Start = None,
    end: opt.End = None,
    fps: opt.Fps = None,
    object_id: opt.ObjectId = None,
    device: opt.Device = "auto",
    threads: opt.Threads = 0,
    max_memory: opt.Memory = "1G",
    overwrite: opt.Overwrite = False,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
) -> int:
    """Fill what a mask hides from the rest of the video; everything else stays as it is."""
    opt.use_device(device, threads)
    settings = opt.FillOptions(
        method=method,
        quality=quality,
        flow=flow,
        device=device,
        no_refine=no_refine,
        dilate=dilate,
        start=start,
        end=end,
        confidence=confidence,
        explain=explain,
        lossless=lossless,
        encoder=encoder,
        crf=crf,
        preset=preset,
        threads=threads,
        max_memory=max_memory,
        overwrite=overwrite,
        alpha=alpha,
        color=color,
        weights=weights,
    ).settings()
    from vinpaint.fill.job import fill_file
    from vinpaint.fill.masking import open_masks
    from vinpaint.video import open_source

    with Console(quiet=quiet, verbose=verbose) as console:
        with open_source(source, rate=opt.parse_rate(fps), threads=threads) as clip:
            console.detail(str(clip.info))
            settings.check(clip.info, output, Path(mask))
            masks = open_masks(mask, clip.info, console, object_id=object_id)
            summary = fill_file(clip, masks, output, settings, console)
        return finish(summary, output, console, as_json=json)
