"""``vinpaint clean``: find static blemishes and fill them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vinpaint.cli import options as opt
from vinpaint.cli.console import Console
from vinpaint.cli.detect import check_maps, write_maps
from vinpaint.cli.outcome import finish


def command(
    source: opt.Input,
    output: opt.Output,
    mask_out: Annotated[Path | None, typer.Option(metavar="PNG", help="Write the mask that was found.")] = None,
    alpha_out: Annotated[Path | None, typer.Option(metavar="PNG", help="Write the opacity that was measured.")] = None,
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
    device: opt.Device = "auto",
    threads: opt.Threads = 0,
    max_memory: opt.Memory = "1G",
    overwrite: opt.Overwrite = False,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
) -> int:
    """Find stains, logos and watermarks, and fill them; a clip in which none is found is passed on as it is."""
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
    from vinpaint.cleaning import clean_file
    from vinpaint.video import open_source

    with Console(quiet=quiet, verbose=verbose) as console:
        with open_source(source, rate=opt.parse_rate(fps), threads=threads) as clip:
            console.detail(str(clip.info))
            settings.check(clip.info, output, files=(mask_out, alpha_out))
            check_maps(mask_out, alpha_out)
            cleaned = clean_file(clip, output, settings, console)
        write_maps(cleaned.detection, mask=mask_out, alpha=alpha_out)
        return finish(cleaned.summary, output, console, as_json=json, detection=cleaned.detection)
