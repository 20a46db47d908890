"""The figures that the project's own pages show, written from the results of a run: nothing is copied by hand.

Run as ``python -m vinpaint.benchmarks.headline RESULTS.json [--root CHECKOUT]``. It writes ``docs/benchmark.md`` with
all tables, its charts as SVG into ``docs/figures``, and the table between the markers of ``README.md``. No frame of a
clip gets into any of these.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from vinpaint.benchmarks.metrics import METRICS
from vinpaint.benchmarks.report import charts
from vinpaint.benchmarks.report.page import barred, bars_of, scatter_of
from vinpaint.benchmarks.report.text import about, markdown
from vinpaint.benchmarks.results import Json, read_results
from vinpaint.benchmarks.suites.contract import BASELINE
from vinpaint.benchmarks.summary import Table, shown, summed_up
from vinpaint.errors import InputError, VinpaintError
from vinpaint.files import write_bytes

BEGIN, END = "<!-- benchmark: begin -->", "<!-- benchmark: end -->"
PAGE, FIGURES = Path("docs/benchmark.md"), Path("docs/figures")
_MOST_BARS = 30


def main(arguments: Sequence[str]) -> int:
    """Write the pages; the exit status."""
    parser = argparse.ArgumentParser(description="Write the figures of a benchmark into the project's pages.")
    parser.add_argument("results", type=Path, help="results.json of 'vinpaint bench'")
    parser.add_argument("--root", type=Path, default=Path(), help="the checkout (default: the current folder)")
    options = parser.parse_args(arguments)
    try:
        write_pages(read_results(options.results), options.root)
    except VinpaintError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def write_pages(results: Json, root: Path) -> None:
    """Write the page, the charts and the block of the README.

    Raises
    ------
    InputError
        If the README has no markers.
    OutputError
        If a file cannot be written.
    """
    readme = root / "README.md"
    changed = replaced(readme.read_text(encoding="utf-8"), "\n".join(headline(results)))
    tables = [summed_up(suite) for suite in results["suites"]]
    (root / FIGURES).mkdir(parents=True, exist_ok=True)
    text = markdown(results)
    for table in tables:
        links = []
        for kind, picture in _charts(table):
            name = f"{table.name}-{kind}.svg"
            write_bytes(root / FIGURES / name, (picture + "\n").encode())
            links.append(f"![{table.title}, {kind}]({FIGURES.name}/{name})")
        text = text.replace(f"## {table.title}\n\n", f"## {table.title}\n\n{' '.join(links)}\n\n", 1)
    write_bytes(root / PAGE, text.encode())
    write_bytes(readme, changed.encode())


def _charts(table: Table) -> Iterator[tuple[str, str]]:
    methods = [line.method for line in table.lines]
    if (chart := scatter_of(table)) is not None:
        yield "time", charts.standalone(chart, methods)
    if len(table.cases) <= _MOST_BARS and (chart := bars_of(table, barred(table))) is not None:
        yield "cases", charts.standalone(chart, methods)


def headline(results: Json) -> Iterator[str]:
    """The table of the README: vinpaint, the pure U-Net, the best of the others, doing nothing."""
    yield "| | measured | vinpaint | pure U-Net | best other method | as it is |"
    yield "|---|---|---|---|---|---|"
    for suite in results["suites"]:
        table = summed_up(suite)
        if table.ours is not None and table.name != "speed":
            yield _line(table, table.ours.method)
    yield ""
    yield f"{about(results)} All figures, losses too: [{PAGE}]({PAGE})."


def _line(table: Table, ours: str) -> str:
    key = table.headline
    others = [line for line in table.methods if line.method not in (ours, BASELINE)]
    known = [line for line in others if line.means.get(key) is not None]
    sign = -1 if METRICS[key].better == "lower" else 1
    known.sort(key=lambda line: -sign * (line.means[key] or 0.0))
    cells = [_figure(table, method) for method in (ours, BASELINE)]
    cells.append(f"{_figure(table, known[0].method)} ({known[0].method})" if known else "–")
    cells.append(_figure(table, "input"))
    unit = f", {METRICS[key].unit}" * bool(METRICS[key].unit)
    cases = f"{len(table.cases)} case{'s' * (len(table.cases) != 1)}"
    return f"| {table.title} ({cases}) | {METRICS[key].title}{unit} | {' | '.join(cells)} |"


def _figure(table: Table, method: str) -> str:
    line = table.line(method)
    if line is None or line.means.get(table.headline) is None:
        return "–"
    text = shown(line.means[table.headline], table.headline)
    return f"**{text}**" if table.headline in line.best else text


def replaced(text: str, block: str) -> str:
    """A page with another block between the markers.

    Raises
    ------
    InputError
        If the markers are not there, once each and in order.
    """
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise InputError(f"README.md has no place for the table; put the lines {BEGIN} and {END} where it belongs")
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n{block}\n{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
