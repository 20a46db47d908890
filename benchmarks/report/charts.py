"""Charts as SVG: drawn for the page's colours, or with colours of their own for a file."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from markupsafe import Markup, escape

# One colour a method everywhere: light, dark. vinpaint is blue, the pure U-Net orange; the others recede.
PALETTE: Mapping[str, tuple[str, str]] = {
    "auto": ("#2563eb", "#6ea0ff"),
    "static": ("#2563eb", "#6ea0ff"),
    "learned": ("#2563eb", "#6ea0ff"),
    "artifact-v2": ("#2563eb", "#6ea0ff"),
    "unet": ("#e8590c", "#ff9255"),
    "unet-masked": ("#b8860b", "#e0b84c"),
    "flow": ("#0d9488", "#3cc9bb"),
    "unblend": ("#4f46e5", "#9b93ff"),
    "spatial": ("#9333ea", "#c58bff"),
    "median": ("#be185d", "#f472b6"),
    "telea": ("#64748b", "#94a3b8"),
    "ns": ("#78716c", "#a8a29e"),
    "delogo": ("#4d7c0f", "#a3cf4f"),
    "chained-flow": ("#0e7490", "#5cc6e0"),
    "input": ("#9aa3b0", "#7b8594"),
    "lifted": ("#1f9d55", "#5bd58f"),
    "truth": ("#1f9d55", "#5bd58f"),
    "still": ("#64748b", "#94a3b8"),
    "mode": ("#64748b", "#94a3b8"),
}
_SPARE = (("#7c3aed", "#b49bff"), ("#c2410c", "#fb923c"), ("#15803d", "#4ade80"), ("#a21caf", "#e879f9"))

_Box: TypeAlias = tuple[float, float, float, float]  # left, top, right, bottom
_WIDTH, _HEIGHT = 560, 340
_LETTER = 6.6  # mean width of a letter of a label
_TEXT = {"ink": ("#1c2430", "#e8ecf3"), "soft": ("#5b6676", "#9aa6b8"), "line": ("#dde2ea", "#2c3543")}


def colour_names(methods: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Colours (light, dark) of methods; unknown ones get spare colours in turn."""
    found, spare = {}, 0
    for method in methods:
        known = PALETTE.get(method)
        if known is None:
            known, spare = _SPARE[spare % len(_SPARE)], spare + 1
        found[method] = known
    return found


def variable(method: str) -> str:
    """The CSS variable that holds a method's colour."""
    return "--m-" + "".join(sign if sign.isalnum() else "-" for sign in method)


def styles(methods: Sequence[str]) -> tuple[str, str]:
    """Declarations of the methods' colours, light and dark."""
    colours = colour_names(methods)
    light, dark = ("".join(f"{variable(name)}:{pair[index]};" for name, pair in colours.items()) for index in (0, 1))
    return light, dark


@dataclass(frozen=True)
class Dot:
    """A method in the plot: time and quality, with the quartiles of the clips."""

    name: str
    x: tuple[float, float, float]
    y: float
    strong: bool


def scatter(dots: Sequence[Dot], x_title: str, y_title: str, *, upwards: bool) -> Markup:
    """Quality against time, time on a logarithmic axis; ``upwards``: more is better."""
    left, right, top, bottom = 56, 18, 26, 46
    lows, highs = [dot.x[1] for dot in dots], [dot.x[2] for dot in dots]
    x_low, x_high = math.log10(max(min(lows), 1e-4)) - 0.15, math.log10(max(*highs, 1e-4)) + 0.45
    ticks = nice([dot.y for dot in dots])

    def across(value: float) -> float:
        return left + (math.log10(max(value, 1e-4)) - x_low) / (x_high - x_low) * (_WIDTH - left - right)

    def down(value: float) -> float:
        return _HEIGHT - bottom - (value - ticks[0]) / (ticks[-1] - ticks[0]) * (_HEIGHT - top - bottom)

    parts = [_line(left, down(tick), _WIDTH - right, down(tick), "grid") for tick in ticks]
    parts += [_text(left - 8, down(tick) + 4, _plain(tick), "tick end") for tick in ticks]
    for tick in _decades(x_low, x_high):
        parts.append(_line(across(tick), top, across(tick), _HEIGHT - bottom, "grid"))
        parts.append(_text(across(tick), _HEIGHT - bottom + 18, f"{tick:g}", "tick mid"))
    parts.append(_text((left + _WIDTH - right) / 2, _HEIGHT - 8, x_title, "title mid"))
    parts.append(_text(left - 44, 14, f"{y_title} ({'higher' if upwards else 'lower'} is better)", "title"))
    points = [(across(dot.x[0]), down(dot.y), dot.name) for dot in dots]
    whiskers = [(across(dot.x[1]), down(dot.y) - 3, across(dot.x[2]), down(dot.y) + 3) for dot in dots]
    places = _labels(points, whiskers, (left, _WIDTH - right))
    for dot, (label_x, label_y, anchor) in zip(dots, places, strict=True):
        paint = f"style='--c:var({variable(dot.name)})'"
        middle = down(dot.y)
        parts.append(f"<g class='dot{' strong' if dot.strong else ''}' {paint}>")
        parts.append(f"<title>{escape(dot.name)}: {_plain(dot.y)}, {dot.x[0]:.3g} s a frame</title>")
        parts.append(_line(across(dot.x[1]), middle, across(dot.x[2]), middle, "whisker"))
        parts.append(f"<circle cx='{across(dot.x[0]):.1f}' cy='{middle:.1f}' r='{7 if dot.strong else 5}'/>")
        parts.append(_text(label_x, label_y, dot.name, f"label {anchor}") + "</g>")
    return _svg(parts, _WIDTH, _HEIGHT, f"{y_title} against time")


@dataclass(frozen=True)
class Bars:
    """The bars of one clip, by method."""

    name: str
    values: Mapping[str, float]


def bars(groups: Sequence[Bars], methods: Sequence[str], title: str) -> Markup:
    """Horizontal bars, a group a clip."""
    thick, gap, head = 11, 14, 46
    left = min(190, 16 + int(_LETTER * max(len(group.name) for group in groups)))
    right = 50
    height = head + len(groups) * (thick * len(methods) + gap) + 8
    ticks = nice([0.0, *(value for group in groups for value in group.values.values())])

    def across(value: float) -> float:
        return left + (value - ticks[0]) / (ticks[-1] - ticks[0]) * (_WIDTH - left - right)

    parts = [_line(across(tick), head - 6, across(tick), height - 4, "grid") for tick in ticks]
    parts += [_text(across(tick), head - 12, _plain(tick), "tick mid") for tick in ticks]
    parts.append(_text(0, 14, title, "title"))
    y = float(head)
    for group in groups:
        middle = y + thick * len(methods) / 2 + 4
        parts.append(_text(left - 8, middle, _short(group.name), "tick end"))
        for method in methods:
            if (value := group.values.get(method)) is not None:
                start, end = sorted((across(0 if ticks[0] <= 0 else ticks[0]), across(value)))
                parts.append(f"<g style='--c:var({variable(method)})'><title>{escape(group.name)}, {escape(method)}: ")
                parts.append(f"{_plain(value)}</title><rect class='bar' x='{start:.1f}' y='{y + 1:.1f}' rx='2' ")
                parts.append(f"width='{max(end - start, 1):.1f}' height='{thick - 2}'/></g>")
                parts.append(_text(end + 4, y + thick - 2.5, _plain(value), "value"))
            y += thick
        y += gap
    return _svg(parts, _WIDTH, int(height), title)


def curve(series: Mapping[str, Sequence[float | None]], title: str) -> Markup:
    """Lines over the frames of a clip."""
    left, right, top, bottom, width, height = 46, 12, 28, 30, 2 * _WIDTH, 230
    known = [value for values in series.values() for value in values if value is not None]
    count = max(len(values) for values in series.values())
    ticks = nice(known, 4)

    def down(value: float) -> float:
        return height - bottom - (value - ticks[0]) / (ticks[-1] - ticks[0]) * (height - top - bottom)

    def across(index: int) -> float:
        return left + index / max(count - 1, 1) * (width - left - right)

    parts = [_line(left, down(tick), width - right, down(tick), "grid") for tick in ticks]
    parts += [_text(left - 8, down(tick) + 4, _plain(tick), "tick end") for tick in ticks]
    parts += [_text(0, 14, title, "title"), _text(across(count - 1), height - 8, f"frame {count}", "tick end")]
    parts.append(_text(left, height - 8, "frame 1", "tick"))
    for name, values in series.items():
        known_points = [(index, value) for index, value in enumerate(values) if value is not None]
        points = " ".join(f"{across(index):.1f},{down(value):.1f}" for index, value in known_points)
        parts.append(f"<polyline class='curve' style='--c:var({variable(name)})' points='{points}'/>")
    return _svg(parts, width, height, title)


def standalone(chart: Markup, methods: Sequence[str]) -> str:
    """A chart as a file, with its own colours for light and dark."""
    light, dark = styles(methods)
    own = [f":root{{{light}{_inks(0)}}}", f"@media (prefers-color-scheme:dark){{:root{{{dark}{_inks(1)}}}}}", STYLE]
    return (
        str(chart)
        .replace("<svg ", "<svg xmlns='http://www.w3.org/2000/svg' ", 1)
        .replace("</title>", f"</title><style>{''.join(own)}</style>", 1)
    )


def _inks(index: int) -> str:
    return "".join(f"--{name}:{pair[index]};" for name, pair in _TEXT.items())


STYLE = (Path(__file__).parent / "chart.css").read_text(encoding="utf-8")


def nice(values: Sequence[float], count: int = 5) -> list[float]:
    """Round ticks that hold all values: multiples of 1, 2 or 5 times a power of ten."""
    low, high = min(values), max(values)
    if high - low < 1e-9:
        low, high = low - 0.5, high + 0.5
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(index * step, 10) for index in range(first, last + 1)]


def _decades(low: float, high: float) -> Iterator[float]:
    """1, 2 and 5 times powers of ten between two logarithms; powers alone if these are many."""
    factors = (1, 2, 5) if high - low < 2.2 else (1,)
    for power in range(math.floor(low), math.ceil(high) + 1):
        for factor in factors:
            if low <= math.log10(factor) + power <= high:
                yield float(factor * 10.0**power)


def _labels(
    points: Sequence[tuple[float, float, str]], lines: Sequence[_Box], bounds: tuple[float, float]
) -> list[tuple[float, float, str]]:
    """Where labels go so that they cover neither dots, lines nor each other, as far as there is room."""
    taken = [*lines, *((x - 7, y - 7, x + 7, y + 7) for x, y, _ in points)]
    found = []
    for x, y, name in points:
        wide = _LETTER * len(name)
        options = [
            (x + dx, y + dy, anchor)
            for dy in (4, -10, 18, -24, 32, -38, 46)
            for dx, anchor in ((11.0, "start"), (-11.0, "end"))
        ]
        best = min(options, key=lambda option: _crowding(_box(option, wide), taken, bounds))
        taken.append(_box(best, wide))
        found.append(best)
    return found


def _box(place: tuple[float, float, str], wide: float) -> _Box:
    x, y, anchor = place
    left = x if anchor == "start" else x - wide
    return left, y - 10, left + wide, y + 3


def _crowding(
    box: _Box,
    taken: Sequence[_Box],
    bounds: tuple[float, float],
) -> float:
    outside = max(0, bounds[0] - box[0]) + max(0, box[2] - bounds[1])
    overlap = sum(
        max(0, min(box[2], other[2]) - max(box[0], other[0])) * max(0, min(box[3], other[3]) - max(box[1], other[1]))
        for other in taken
    )
    return 50 * outside + overlap


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f"<line class='{kind}' x1='{x1:.1f}' y1='{y1:.1f}' x2='{x2:.1f}' y2='{y2:.1f}'/>"


def _text(x: float, y: float, text: str, kind: str) -> str:
    return f"<text class='{kind}' x='{x:.1f}' y='{y:.1f}'>{escape(text)}</text>"


def _plain(value: float) -> str:
    return f"{value:.3g}".replace("-", "−")


def _short(name: str) -> str:
    return name if len(name) <= 27 else name[:26] + "…"


def _svg(parts: Sequence[str], width: int, height: int, title: str) -> Markup:
    """An SVG picture of the size; the parts are markup that was escaped where it had to be."""
    head = f"<svg class='chart' role='img' viewBox='0 0 {width} {height}' width='{width}' height='{height}'>"
    return Markup(f"{head}<title>{escape(title)}</title>{''.join(parts)}</svg>")
