"""``vinpaint train``: teach a network with pairs of clips."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vinpaint.cli import options as opt
from vinpaint.cli.console import Console
from vinpaint.cli.outcome import print_json
from vinpaint.devices import chosen_device
from vinpaint.errors import OutputError, OutputExistsError, UsageError, VinpaintError
from vinpaint.files import explained

if TYPE_CHECKING:
    import torch

    from vinpaint.refiner.training import Clips, LessonFiles, Recipe, Trainer

HALVED = 0.5
"""What must be left of the loss, at most, for ``--dummy`` to succeed."""


def command(
    data: Annotated[
        Path | None,
        typer.Argument(
            metavar="DATA",
            help="A folder of 'vinpaint synth': train/ and val/, or pairs to be split. For refiner-…: lessons of "
            "'python -m vinpaint.benchmarks.fit_refiner'.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="RUN/", help="Folder for the weights (best.safetensors) and the log."),
    ] = None,
    net: Annotated[
        str,
        typer.Option(metavar="unet|unet-masked|artifact-v1|artifact-v2|refiner-v1|refiner-v2", help="What to teach."),
    ] = "unet",
    width: Annotated[
        int,
        typer.Option(
            min=2,
            metavar="N",
            help="Channels at full resolution (artifact-v2, refiner-…: at half of it); 16 (32) for a CPU.",
        ),
    ] = 64,
    epochs: Annotated[int, typer.Option(min=1, metavar="N", help="At most.")] = 200,
    batch: Annotated[int, typer.Option(min=1, metavar="N", help="Samples a step.")] = 64,
    lr: Annotated[float, typer.Option(metavar="RATE", help="Learning rate of Adam.")] = 1e-4,
    schedule: Annotated[
        str,
        typer.Option(
            metavar="constant|plateau|cosine", help="Of the rate; plateau halves it after 3 epochs without improvement."
        ),
    ] = "constant",
    patience: Annotated[
        int, typer.Option(min=1, metavar="N", help="Epochs without improvement after which the run ends.")
    ] = 7,
    crop: Annotated[
        int, typer.Option(min=0, metavar="N", help="Learn from squares of N pixels; 0 = from whole frames.")
    ] = 0,
    flip: Annotated[bool, typer.Option("--flip", help="Mirror half of the samples.")] = False,
    residual: Annotated[bool, typer.Option("--residual", help="Predict the difference to the input.")] = False,
    no_temporal: Annotated[bool, typer.Option("--no-temporal", help="Leave the attention over time out.")] = False,
    no_lpips: Annotated[bool, typer.Option("--no-lpips", help="Leave the perceptual loss out.")] = False,
    artifacts: Annotated[
        str, typer.Option(metavar="A,B", help="Put these defects before the original frames, anew for each sample.")
    ] = "",
    staged: Annotated[
        bool, typer.Option("--staged", help="First the mask, then mask and picture, then the picture, slowly.")
    ] = False,
    precision: Annotated[str, typer.Option(metavar="bfloat16|float32", help="Of the passes.")] = "bfloat16",
    average: Annotated[float, typer.Option(metavar="DECAY", help="Of the moving average of the weights.")] = 0.999,
    gradient_norm: Annotated[float, typer.Option(metavar="NORM", help="To which gradients are clipped.")] = 1.0,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Everything follows from it.")] = 0,
    weights: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Begin with these weights of 'vinpaint train'.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in RUN.")] = False,
    dummy: Annotated[
        bool, typer.Option("--dummy", help="A minute or so on generated clips: does the loss halve?")
    ] = False,
    device: opt.Device = "auto",
    threads: opt.Threads = 0,
    max_memory: Annotated[str, typer.Option(metavar="SIZE", help="Memory for clips: 800M, 2G.")] = "2G",
    overwrite: opt.Overwrite = False,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
) -> int:
    """Teach a network with pairs of damaged and clean clips; an interrupted run goes on with --resume."""
    from vinpaint.refiner.training import Recipe

    recipe = Recipe(
        net=net,
        width=width,
        residual=residual,
        temporal=not no_temporal,
        epochs=epochs,
        batch=batch,
        rate=lr,
        schedule=schedule,
        gradient_norm=gradient_norm,
        average=average,
        patience=patience,
        crop=crop,
        flip=flip,
        precision=precision,
        seed=seed,
        staged=staged,
        perceptual=not no_lpips,
        artifacts=tuple(name for name in artifacts.split(",") if name),
        memory=opt.parse_size(max_memory),
    )
    opt.use_device(device, threads)
    if dummy:
        if net.startswith("refiner"):
            raise UsageError(f"--dummy makes pairs of clips; {net} learns from lessons")
        if data is not None or output is not None or resume or weights is not None:
            raise UsageError("--dummy makes its own clips and keeps nothing; leave DATA and the options of a run out")
        return _dummy(recipe, device, threads or 1, Console(quiet=quiet, verbose=verbose))
    if data is None or output is None:
        raise UsageError("training needs a folder of pairs and one for the weights: vinpaint train DATA -o RUN/")
    if resume and weights is not None:
        raise UsageError("a run that goes on has its weights; leave --weights or --resume out")
    with Console(quiet=quiet, verbose=verbose) as console:
        old = _old_run(output, keep=resume, overwrite=overwrite)
        trainer = _trainer(data, recipe, output, device, threads, console, weights, resume=resume)
        _make_room(output, old)  # last: the new run may begin with the old one's weights, or not at all
        reason = trainer.run()
        console.note(f"{reason}: {output / 'best.safetensors'}")
        if json:
            print_json({"reason": reason, "epochs": [asdict(epoch) for epoch in trainer.epochs]})
    return 0


def _trainer(
    data: Path,
    recipe: Recipe,
    output: Path,
    device: str,
    threads: int,
    console: Console,
    weights: Path | None,
    *,
    resume: bool,
) -> Trainer:
    from vinpaint.refiner.training import Trainer

    learned, held_out = _material(data, recipe)
    where = _device(device, threads)
    trainer = Trainer(recipe, learned, held_out, output, device=where, reporter=console)
    if resume:
        trainer.resume()
    if weights is not None:
        trainer.begin_with(weights)
    parameters = f"{trainer.network.parameter_count:,} parameters"
    console.note(f"{recipe.net}, width {recipe.width}: {parameters}; {len(learned)} clips, {len(held_out)} held out")
    return trainer


def _material(data: Path, recipe: Recipe) -> tuple[Clips, Clips] | tuple[LessonFiles, LessonFiles]:
    """What is learned from, and what is judged by."""
    from vinpaint.refiner.networks import REFINERS
    from vinpaint.refiner.training import Clips, LessonFiles
    from vinpaint.refiner.training.defects import redamaged

    if recipe.net in REFINERS:
        from vinpaint.refiner.lessons import split_lessons

        files, judged_files = split_lessons(data)
        return LessonFiles(files, recipe.memory), LessonFiles(judged_files, recipe.memory)
    from vinpaint.refiner.data import split_pairs

    pairs, judged = split_pairs(data)
    return Clips(pairs, recipe.memory), Clips(redamaged(judged, recipe.artifacts), recipe.memory)


def _old_run(folder: Path, *, keep: bool, overwrite: bool) -> list[Path]:
    """The files of an earlier run in the folder of a new one, if that may overwrite them."""
    from vinpaint.refiner.training.loop import run_files

    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder} is a file; name a folder")
    if not folder.parent.is_dir():
        raise OutputError(f"{folder.parent} is not a folder; create it first")
    if keep or not folder.exists():
        return []
    if (old := run_files(folder)) and not overwrite:
        raise OutputExistsError(f"{folder} holds a run; go on with --resume, add -y to begin anew, or name another")
    return old


def _make_room(folder: Path, old: Sequence[Path]) -> None:
    with explained(folder):
        folder.mkdir(exist_ok=True)
        for path in old:
            path.unlink()


def _device(name: str, threads: int) -> torch.device:
    import torch

    if threads:
        torch.set_num_threads(threads)
    return torch.device(chosen_device(name))


def _dummy(recipe: Recipe, device: str, threads: int, console: Console) -> int:
    """Learn from generated clips, keep nothing; whether the loss fell by half."""
    from vinpaint.refiner.training import Clips, Trainer
    from vinpaint.refiner.training.defects import redamaged
    from vinpaint.refiner.training.dummy import dummy_pairs, dummy_recipe

    pairs, judged = dummy_pairs()
    learned, held_out = Clips(pairs, recipe.memory), Clips(redamaged(judged, recipe.artifacts), recipe.memory)
    with console, tempfile.TemporaryDirectory(prefix="vinpaint-") as folder:
        where = _device(device, threads)
        trainer = Trainer(dummy_recipe(recipe), learned, held_out, Path(folder), device=where, reporter=console)
        trainer.run()
        first, last = trainer.epochs[0].train_loss, trainer.epochs[-1].train_loss
        if last > HALVED * first:
            raise VinpaintError(f"the loss fell from {first:.4f} to {last:.4f} only; see 'vinpaint doctor'")
        console.note(f"training works: the loss fell from {first:.4f} to {last:.4f}")
    return 0
