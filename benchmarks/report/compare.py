"""A page on which two results can be looked at: slider, side by side, difference, frame by frame."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path

import numpy as np
from markupsafe import Markup

from vinpaint.benchmarks.metrics import psnr
from vinpaint.benchmarks.pictures import webp
from vinpaint.benchmarks.report import charts
from vinpaint.benchmarks.report.page import data_url, environment, script_json, source
from vinpaint.contracts import Frames
from vinpaint.errors import InputError
from vinpaint.reporting import Reporter
from vinpaint.video import Damage, VideoSource, open_source
from vinpaint.video.source import upright

MOST = 60
"""Frames that the page holds, evenly spread; figures are of all frames."""
WIDEST = 1280
_FASTEST = 40  # milliseconds a frame
_CHANGED = 8  # levels from which two pixels differ for an eye


@dataclass
class _Kept:
    """Pictures of some frames, evenly spread over a clip of unknown length: thinned out whenever there are too many."""

    step: int = 1
    numbers: list[int] = field(default_factory=list)
    pictures: list[tuple[bytes, ...]] = field(default_factory=list)

    def offer(self, number: int, frames: tuple[Frames, ...]) -> None:
        if number % self.step:
            return
        self.numbers.append(number)
        self.pictures.append(tuple(webp(frame, widest=WIDEST) for frame in frames))
        if len(self.numbers) > 2 * MOST:
            self.step *= 2
            self.numbers, self.pictures = self.numbers[::2], self.pictures[::2]

    def final(self) -> None:
        """At most MOST of them."""
        if len(self.numbers) > MOST:
            chosen = np.unique(np.linspace(0, len(self.numbers) - 1, MOST).round().astype(int))
            self.numbers = [self.numbers[index] for index in chosen]
            self.pictures = [self.pictures[index] for index in chosen]


@dataclass
class _Figures:
    """What is measured of every frame."""

    differences: list[float] = field(default_factory=list)
    changed: list[float] = field(default_factory=list)
    quality: list[list[float]] = field(default_factory=lambda: [[], []])
    places: list[tuple[float, float]] = field(default_factory=list)

    def add(self, frames: tuple[Frames, ...]) -> None:
        gap = np.abs(frames[0].astype(np.int16) - frames[1]).max(axis=-1)
        self.differences.append(float(gap.mean()))
        self.changed.append(float((gap >= _CHANGED).mean()))
        self.places.append(_middle(gap))
        if len(frames) > 2:
            for series, frame in zip(self.quality, frames[:2], strict=True):
                series.append(psnr(frame, frames[2]))


def _middle(gap: np.ndarray[tuple[int, ...], np.dtype[np.int16]]) -> tuple[float, float]:
    """Where two frames differ most on the mean: x, y in percent."""
    weight = np.square(gap.astype(np.float64))
    total = weight.sum()
    if not total:
        return 50.0, 50.0
    rows, columns = weight.sum(axis=1), weight.sum(axis=0)
    height, width = gap.shape
    return 100 * float(columns @ np.arange(width) / total / width), 100 * float(
        rows @ np.arange(height) / total / height
    )


def compare_page(
    a: str | os.PathLike[str],
    b: str | os.PathLike[str],
    reference: str | os.PathLike[str] | None = None,
    *,
    reporter: Reporter | None = None,
) -> tuple[str, Damage]:
    """Make the page.

    Parameters
    ----------
    a, b : path-like
        Two clips of one size: videos, folders of frames, images.
    reference : path-like, optional
        What both should be; adds PSNR.
    reporter : Reporter, optional
        Hears progress, and if the clips differ in length.

    Returns
    -------
    page : str
        HTML that needs nothing from elsewhere.
    damage : Damage
        What was wrong with the clips, all together.

    Raises
    ------
    InputError
        If a clip cannot be read, or sizes differ.
    """
    reporter = reporter or Reporter()
    paths = [Path(path) for path in (a, b, reference) if path is not None]
    kept, figures = _Kept(), _Figures()
    with ExitStack() as stack:
        sources = [stack.enter_context(open_source(path)) for path in paths]
        _check_sizes(paths, sources)
        rate, total = sources[0].info.rate, sources[0].info.frames
        for number, frames in enumerate(_together(paths, sources, reporter)):
            kept.offer(number, frames)
            figures.add(frames)
            reporter.progress("compare", number + 1, total)
        width, height = sources[0].info.displayed
    damage = Damage(sum(each.damage.frames for each in sources), sum(each.damage.missing for each in sources))
    kept.final()
    names = _names(paths)
    first = int(np.argmax([figures.differences[number] for number in kept.numbers]))
    steps = np.diff(kept.numbers).mean() if len(kept.numbers) > 1 else 1.0
    page = (
        environment()
        .get_template("compare.html")
        .render(
            a=names[0],
            b=names[1],
            frames=len(figures.differences),
            width=width,
            height=height,
            kept=kept.numbers,
            first=first,
            headline=_headline(names, figures),
            chart=_chart(names, figures),
            legend=[(names[0], charts.variable("auto")), (names[1], charts.variable("unet"))] if len(names) > 2 else [],
            **_table(names, figures),
            colours=dict(zip(("light", "dark"), map(Markup, charts.styles(["auto", "unet"])), strict=True)),
            style=source("style.css") + Markup(charts.STYLE),
            common=source("common.js"),
            script=source("compare.js"),
            data=script_json(
                {
                    "names": names,
                    "kept": kept.numbers,
                    "first": first,
                    "place": figures.places[kept.numbers[first]],
                    "pause": max(_FASTEST, round(1000 * float(steps) / float(rate or 25))),
                    "pictures": [[data_url(frame[index]) for frame in kept.pictures] for index in range(len(paths))],
                }
            ),
        )
    )
    return page, damage


def _check_sizes(paths: list[Path], sources: list[VideoSource]) -> None:
    sizes = [source.info.displayed for source in sources]
    for path, size in zip(paths[1:], sizes[1:], strict=True):
        if size != sizes[0]:
            raise InputError(
                f"{paths[0]} is {sizes[0][0]}x{sizes[0][1]}, {path} is {size[0]}x{size[1]}; give clips of one size"
            )


def _together(paths: list[Path], sources: list[VideoSource], reporter: Reporter) -> Iterator[tuple[Frames, ...]]:
    """Frames of all clips, as far as the shortest reaches."""
    for number, frames in enumerate(zip_longest(*sources)):
        if None in frames:
            short = paths[frames.index(None)]
            reporter.warn(f"{short} has {number} frames, fewer than another; only these are compared")
            return
        pairs = zip(frames, sources, strict=True)
        yield tuple(upright(frame, source.info.rotation) for frame, source in pairs)


def _names(paths: list[Path]) -> list[str]:
    """Short names that tell the clips apart."""
    names = [path.name or str(path) for path in paths]
    return names if len(set(names)) == len(names) else [str(path) for path in paths]


def _headline(names: list[str], figures: _Figures) -> str:
    if len(names) > 2:
        one, other = (float(np.mean(series)) for series in figures.quality)
        nearer, further = (names[0], names[1]) if one >= other else (names[1], names[0])
        if abs(one - other) < 0.05:
            return f"{names[0]} and {names[1]} are equally near the reference."
        return f"{nearer} is {abs(one - other):.2f} dB nearer the reference than {further}."
    changed = 100 * float(np.mean(figures.changed))
    if not any(figures.differences):
        return f"{names[0]} and {names[1]} are equal, pixel by pixel."
    return f"{names[0]} and {names[1]} differ visibly in {changed:.1f} % of the picture."


def _chart(names: list[str], figures: _Figures) -> Markup | None:
    if len(figures.differences) < 2:
        return None
    if len(names) > 2:
        series = {"auto": figures.quality[0], "unet": figures.quality[1]}
        return charts.curve(series, "PSNR against the reference, dB")
    return charts.curve({"auto": figures.differences}, "mean difference, levels of 255")


def _table(names: list[str], figures: _Figures) -> dict[str, list[object]]:
    differ = f"{np.mean(figures.differences):.2f}", f"{100 * np.mean(figures.changed):.1f} %"
    if len(names) < 3:
        return {"heads": ["difference, levels", "pixels that differ visibly"], "rows": [["A against B", *differ]]}
    rows: list[object] = []
    for name, series in zip(names, figures.quality, strict=False):
        worst = int(np.argmin(series))
        rows.append([name, f"{np.mean(series):.2f}", f"{series[worst]:.2f}", str(worst + 1)])
    return {"heads": ["PSNR, dB", "worst frame, dB", "which"], "rows": rows}
