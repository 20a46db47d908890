"""How well references are aligned with what a hole hides, by estimator of motion.

``python -m vinpaint.benchmarks.alignment DAVIS --flow dis-fast --flow raft_small:FILE``: each clip of ``DAVIS/frames``
is reduced to 432x240 and loses what ``DAVIS/static_masks`` covers. References at a given distance are aligned as the
flow fill does it, and compared with what was lost, in the pixels that all estimators find there.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vinpaint.errors import MaskError
from vinpaint.flow.align import chain, pair_motion
from vinpaint.flow.estimate import ESTIMATORS, Estimator, estimator
from vinpaint.flow.propagate import Picture, Target, candidate, choose, picture, target
from vinpaint.video import open_source

_SIZE = (432, 240)
_STEP = 12  # frames between those that are looked at
_LEAST = 50  # pixels that a reference has to show


class Nothing(Estimator):
    """The global motion alone."""

    def _flows(self, sources: NDArray[np.uint8], targets: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.zeros((*sources.shape[:3], 2), np.float32)


@dataclass(frozen=True)
class Score:
    """Of one estimator with one reference: PSNR behind the hole in dB, and seconds."""

    psnr: float
    seconds: float


def scores(
    frames: NDArray[np.uint8], mask: NDArray[np.bool_], distance: int, estimators: dict[str, Estimator]
) -> Iterator[dict[str, Score]]:
    """Scores by estimator, for each reference of a clip.

    Parameters
    ----------
    frames : (T, H, W, 3) uint8
    mask : (H, W) bool
        The hole, in all frames.
    distance : int
        Frames to the references.
    estimators : dict
        By name.
    """
    pictures = dict(enumerate(picture(np.where(mask[..., None], np.uint8(128), frame), mask) for frame in frames))
    pairs = {i: pair_motion(a.gray, b.gray, a.veil, b.veil) for i, (a, b) in enumerate(_neighbours(pictures))}
    for i in range(0, len(frames), _STEP):
        aim = target(pictures[i])
        motions = chain(pairs, i, max(0, i - distance), min(len(frames), i + distance + 1))
        for j in (i - distance, i + distance):
            if j in motions and choose(aim.hole, {j: motions[j]}, pictures, i, wanted=1, limit=2):
                found = {}
                for name, estimate in estimators.items():
                    start = time.perf_counter()
                    offer = candidate(aim, pictures[j], motions[j], distance, estimate)
                    found[name] = offer.colours, np.isfinite(offer.variance), time.perf_counter() - start
                yield from _compared(aim, frames[i], found)


def _neighbours(pictures: dict[int, Picture]) -> Iterator[tuple[Picture, Picture]]:
    return zip(list(pictures.values())[:-1], list(pictures.values())[1:], strict=True)


def _compared(
    aim: Target, truth: NDArray[np.uint8], found: dict[str, tuple[NDArray[np.float32], NDArray[np.bool_], float]]
) -> Iterator[dict[str, Score]]:
    x, y = aim.hole.T
    common = np.all([seen for _, seen, _ in found.values()], axis=0)
    if np.count_nonzero(common) >= _LEAST:
        wanted = truth[y, x][common].astype(np.float32)
        errors = {name: np.square(colours[common] - wanted).mean() for name, (colours, _, _) in found.items()}
        yield {name: Score(10 * np.log10(255**2 / max(errors[name], 1e-3)), found[name][2]) for name in found}


def _clip(folder: Path) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Frames and mask, reduced."""
    with open_source(folder) as clip:
        frames = [cv2.resize(frame.rgb(), _SIZE, interpolation=cv2.INTER_LINEAR) for frame in clip]
    mask = cv2.imread(str(folder.parents[1] / "static_masks" / f"{folder.name}.png"), cv2.IMREAD_GRAYSCALE)
    if mask is None:
        raise MaskError(f"no mask for {folder}; put {folder.name}.png into static_masks")
    return np.stack(frames).astype(np.uint8), cv2.resize(mask, _SIZE, interpolation=cv2.INTER_NEAREST) > 127


def main() -> None:
    """Print a table: a line a clip, then the means over clips."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("davis", type=Path)
    parser.add_argument("--flow", action="append", help="an estimator; may be repeated (default: those of OpenCV)")
    parser.add_argument("--distance", type=int, default=20)
    parser.add_argument("--device", default="auto")
    given = parser.parse_args()
    names = given.flow or ESTIMATORS
    estimators = {"none": Nothing(), **{Path(name).name: estimator(name, device=given.device) for name in names}}
    print("  ".join(f"{name:>16}" for name in ("PSNR in hole", *estimators)))
    means: dict[str, list[float]] = defaultdict(list)
    seconds: dict[str, list[float]] = defaultdict(list)
    for folder in sorted((given.davis / "frames").iterdir()):
        found = list(scores(*_clip(folder), given.distance, estimators))
        for name in estimators if found else ():
            means[name].append(float(np.mean([score[name].psnr for score in found])))
            seconds[name] += [score[name].seconds for score in found]
        print(
            "  ".join([f"{folder.name:>16}", *(f"{means[name][-1]:16.2f}" for name in estimators if found)]), flush=True
        )
    print("  ".join([f"{'mean':>16}", *(f"{np.mean(means[name]):16.2f}" for name in estimators)]))
    print("  ".join([f"{'s/reference':>16}", *(f"{np.median(seconds[name]):16.4f}" for name in estimators)]))


if __name__ == "__main__":
    main()
