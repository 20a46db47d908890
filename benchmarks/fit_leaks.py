"""Fit what the signs of a leak weigh, as the tables of ``vinpaint.leak.weights``.

Run as ``python -m vinpaint.benchmarks.fit_leaks --clips FOLDER [--calls N]``: calls are composed from stills
of clips whose licence allows it; samples of their frames teach the signs of a sample, then groups of like colours
those of a group.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq, minimize
from scipy.special import expit

from vinpaint.benchmarks.leak_calls import ComposedCall, compose, stills_of
from vinpaint.benchmarks.leaks import RIGHT, colour_distance
from vinpaint.leak import fusion, kernels, weights
from vinpaint.leak.background import estimate
from vinpaint.leak.evidence import Judge, palette

SIZE = (640, 360)
SAMPLES, GROUPS = 20_000, 15_000
"""Samples and groups taken from each call."""

Table = NDArray[np.float64]


def main(arguments: list[str]) -> int:
    """Fit, and print the tables; the exit status."""
    parser = argparse.ArgumentParser(description="Fit what the signs of a leak weigh.")
    parser.add_argument("--clips", type=Path, required=True, help="folder of clips whose licence allows it")
    parser.add_argument("--calls", type=int, default=5, help="calls of each kind of background")
    options = parser.parse_args(arguments)
    stills = stills_of(options.clips, SIZE)
    calls = {
        blurred: [
            compose(stills, np.random.default_rng((blurred, seed)), blurred=blurred) for seed in range(options.calls)
        ]
        for blurred in (False, True)
    }
    taken = {blurred: [sample_signs(call) for call in group] for blurred, group in calls.items()}
    everything = [part for parts in taken.values() for part in parts]
    tell("LEAK", fit(*joined([(signs, leak) for signs, leak, _ in everything])))
    for blurred, parts in taken.items():
        name = ("IMAGE", "BLURRED")[blurred]
        table = fit(*joined([(signs, close) for signs, _, close in parts]))
        tell(f"CLEAR_{name}", table)
        weights.CLEAR[not blurred][...] = weights.square(table)
        tell(f"GROUP_{name}", fit(*joined([group_signs(call) for call in calls[blurred]])))
    return 0


def sample_signs(call: ComposedCall) -> tuple[Table, NDArray[np.bool_], NDArray[np.bool_]]:
    """Products of signs (N, K) of samples; whether they show the room; whether in its colour."""
    backdrop = estimate(call.frames[:: max(1, len(call.frames) // 120)])
    judge = Judge(backdrop, palette(call.frames[::4], backdrop))
    rng = np.random.default_rng(0)
    signs, leak, close = [], [], []
    each = SAMPLES // (len(call.frames) // 3)

    def take(number: int, taken: tuple[NDArray[np.float32], NDArray[np.bool_]]) -> None:
        values, valid = taken
        where = np.flatnonzero(valid)
        where = rng.choice(where, min(each, len(where)), replace=False)
        opacity = call.opacity[number].reshape(-1)[where]
        signs.append(values.reshape(-1, kernels.SIGNS)[where])
        leak.append(opacity > 0)
        apart = colour_distance(call.frames[number].reshape(1, -1, 3)[:, where], call.room.reshape(1, -1, 3)[:, where])[
            0
        ]
        close.append((opacity > 0) & (apart < RIGHT))

    number = 0
    for frame in [*call.frames, None]:
        for waiting in judge.signs(frame):
            if number % 3 == 0:
                take(number, waiting)
            number += 1
    return weights.products(np.concatenate(signs)), np.concatenate(leak), np.concatenate(close)


def group_signs(call: ComposedCall) -> tuple[Table, NDArray[np.bool_]]:
    """Products of signs (N, K) of groups of colours, and whether they are the room's."""
    backdrop = estimate(call.frames[:: max(1, len(call.frames) // 120)])
    judge, fused = Judge(backdrop, palette(call.frames[::4], backdrop)), fusion.Fusion(backdrop)
    for frame in call.frames:
        for judged in judge.add(frame):
            fused.add(judged)
    for judged in judge.finish():
        fused.add(judged)
    (values, valid), colours = fused.groups(), fused.colours
    where = np.flatnonzero(valid)
    where = np.random.default_rng(0).choice(where, min(GROUPS, len(where)), replace=False)
    room = np.broadcast_to(call.room[:, :, None], colours.shape).reshape(-1, 3)[where]
    apart = colour_distance(np.clip(colours.reshape(-1, 3)[where], 0, 255)[None], room[None])[0]
    return weights.products(values.reshape(-1, fusion.SIGNS)[where]), apart < RIGHT


def joined(parts: list[tuple[Table, NDArray[np.bool_]]]) -> tuple[Table, NDArray[np.bool_]]:
    """All calls' products and answers."""
    return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])


def fit(signs: Table, true: NDArray[np.bool_]) -> Table:
    """Logistic regression, both answers weighing the same, then made to give the true share on the mean."""
    balance = np.where(true, 0.5 / true.mean(), 0.5 / (1 - true.mean()))
    sign = 2.0 * true - 1

    def loss(table: Table) -> tuple[float, Table]:
        margin = sign * (signs @ table)
        slope = -balance * sign * expit(-margin)
        return float((balance * np.logaddexp(0, -margin)).mean() + 1e-4 * table @ table), (
            signs.T @ slope / len(true) + 2e-4 * table
        )

    table: Table = minimize(loss, np.zeros(signs.shape[1]), jac=True, method="L-BFGS-B").x
    odds = signs @ table
    table[0] += brentq(lambda shift: expit(odds + shift).mean() - true.mean(), -30, 30)
    return table


def tell(name: str, table: Table) -> None:
    """Print a table as it stands in the code."""
    print(f"{name} = ({', '.join(f'{value:.3g}' for value in table)})", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
