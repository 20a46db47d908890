"""Fit what the signs of a leak weigh, as the tables of ``vinpaint.leak.weights``.

Run as ``python -m vinpaint.benchmarks.fit_leaks --clips FOLDER [--calls N]``: calls are composed from stills
of clips whose licence allows it; samples of their frames teach the signs of a sample, then groups of like colours
those of a group, for each method.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq, minimize
from scipy.special import expit

from vinpaint.benchmarks.leak_calls import SOLID, ComposedCall, compose, stills_of
from vinpaint.benchmarks.leaks import RIGHT, colour_distance
from vinpaint.leak import fusion, kernels, weights
from vinpaint.leak.background import PLAIN_SIGNS, Backdrop
from vinpaint.leak.background import plain_signs as plain_signs_of
from vinpaint.leak.evidence import Statistics, palette
from vinpaint.leak.job import METHODS, find_backdrop, make_judge

SIZE = (960, 540)
SAMPLES, GROUPS = 20_000, 20_000
"""Samples and groups taken from each call."""

_EVERY = 3  # frames whose samples are taken
_OPEN = 0.03  # opacity from which a pixel tells what is behind

Table = NDArray[np.float64]


def main(arguments: list[str]) -> int:
    """Fit, and print the tables; the exit status."""
    parser = argparse.ArgumentParser(description="Fit what the signs of a leak weigh.")
    parser.add_argument("--clips", type=Path, required=True, help="folder of clips whose licence allows it")
    parser.add_argument("--calls", type=int, default=10, help="calls of each kind of background")
    options = parser.parse_args(arguments)
    stills = stills_of(options.clips, SIZE)
    calls = [
        (compose(stills, np.random.default_rng((blurred, seed)), blurred=bool(blurred)), bool(blurred))
        for blurred in (0, 1)
        for seed in range(options.calls)
    ]
    fit_all(calls)
    return 0


def fit_all(calls: list[tuple[ComposedCall, bool]]) -> None:
    """Fit every table to calls, and whether their backgrounds are blurred rooms; tell them."""
    ruled = [(call, find_backdrop("statistics", call.frames), blurred) for call, blurred in calls]
    taken = [sample_signs(call, backdrop) for call, backdrop, _ in ruled]
    signs, clear, opacity = (np.concatenate(parts) for parts in zip(*taken, strict=True))
    weights.ROOM[...] = tell("ROOM", fit(signs, clear))
    weights.OPACITY[...] = tell("OPACITY", fit(signs[clear > 0], opacity[clear > 0]))
    plain = [plain_signs(call, backdrop) for call, backdrop, blurred in ruled if blurred]
    tell("PLAIN", fit(*(np.concatenate(parts) for parts in zip(*plain, strict=True))))
    for method in METHODS:
        for kind, name in ((False, "IMAGE"), (True, "BLURRED")):
            found = [group_signs(call, method) for call, blurred in calls if blurred == kind]
            table = fit(*(np.concatenate(parts) for parts in zip(*found, strict=True)))
            tell(f"{method.upper()}_{name}", table)


def sample_signs(call: ComposedCall, backdrop: Backdrop) -> tuple[Table, Table, Table]:
    """Products of signs (N, K) of samples; whether nobody stands there; the mask's opacity."""
    judge = Statistics(backdrop, palette(call.frames[::4], backdrop))
    rng = np.random.default_rng(0)
    signs, clear, opacity = [], [], []
    each = SAMPLES // (len(call.frames) // _EVERY)
    for number, (values, valid) in enumerate(_looked_at(call, judge)):
        if number % _EVERY:
            continue
        mask, person = (part[number].reshape(-1) / 255 for part in (call.masks, call.people))
        where = np.flatnonzero(valid.reshape(-1) & (mask > _OPEN) & ((person <= SOLID) | (person > 0.3)))
        where = rng.choice(where, min(each, len(where)), replace=False)
        signs.append(values.reshape(-1, kernels.SIGNS)[where])
        clear.append((person[where] <= SOLID).astype(np.float64))
        opacity.append(mask[where])
    return weights.products(np.concatenate(signs)), np.concatenate(clear), np.concatenate(opacity)


def _looked_at(call: ComposedCall, judge: Statistics) -> Iterator[tuple[NDArray[np.float32], NDArray[np.bool_]]]:
    for frame in call.frames:
        yield from judge.signs(frame)
    yield from judge.signs(None)


def plain_signs(call: ComposedCall, backdrop: Backdrop) -> tuple[Table, Table]:
    """Products of signs (N, K) of pixels of a blurred room; whether its colour is the room's."""
    values = plain_signs_of(backdrop.picture).reshape(-1, PLAIN_SIGNS)
    right = (colour_distance(backdrop.picture, call.room) < RIGHT).reshape(-1)
    where = np.flatnonzero(backdrop.seen)
    where = np.random.default_rng(0).choice(where, min(GROUPS, len(where)), replace=False)
    return weights.products(values[where]), right[where].astype(np.float64)


def group_signs(call: ComposedCall, method: str) -> tuple[Table, Table]:
    """Products of signs (N, K) of groups of colours, and whether they are the room's."""
    backdrop = find_backdrop(method, call.frames)
    judge, fused = make_judge(method, call.frames[::4], backdrop), fusion.Fusion(backdrop, method)
    for frame in call.frames:
        for sight in judge.add(frame):
            fused.add(sight)
    for sight in judge.finish():
        fused.add(sight)
    (values, valid), colours = fused.groups(), fused.colours
    where = np.flatnonzero(valid)
    where = np.random.default_rng(0).choice(where, min(GROUPS, len(where)), replace=False)
    room = np.broadcast_to(call.room[:, :, None], colours.shape).reshape(-1, 3)[where]
    apart = colour_distance(np.clip(colours.reshape(-1, 3)[where], 0, 255)[None], room[None])[0]
    return weights.products(values.reshape(-1, fusion.SIGNS)[where]), (apart < RIGHT).astype(np.float64)


def fit(signs: Table, true: Table) -> Table:
    """Logistic regression to answers from 0 to 1, then made to give the true share on the mean."""
    share = float(true.mean())
    balance = true * (0.5 / share) + (1 - true) * (0.5 / (1 - share))

    def loss(table: Table) -> tuple[float, Table]:
        odds = signs @ table
        wrong = np.logaddexp(0, odds) - true * odds
        slope = balance * (expit(odds) - true)
        return float((balance * wrong).mean() + 1e-4 * table @ table), signs.T @ slope / len(true) + 2e-4 * table

    table: Table = minimize(loss, np.zeros(signs.shape[1]), jac=True, method="L-BFGS-B").x
    odds = signs @ table
    table[0] += brentq(lambda shift: expit(odds + shift).mean() - share, -30, 30)
    return table


def tell(name: str, table: Table) -> NDArray[np.float32]:
    """Print a table as it stands in the code, and give it as a square."""
    print(f"_{name} = ({', '.join(f'{value:.3g}' for value in table)})", flush=True)
    return weights.square(table)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
