"""The benchmark of alignment: a plane scene is aligned, and an estimator that errs is told from one that does not."""

from __future__ import annotations

import numpy as np
from moving import SHAPE, places, seen, texture
from numpy.typing import NDArray

from vinpaint.benchmarks.alignment import Nothing, scores
from vinpaint.flow.estimate import Estimator


class Wrong(Estimator):
    """Sees three pixels of motion everywhere, but only in pictures that differ by them."""

    def _flows(self, sources: NDArray[np.uint8], targets: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.full((*sources.shape[:3], 2), 3, np.float32)


def test_what_a_pan_hides_is_found() -> None:
    frames = np.stack([seen(texture(places() + (7.5 * t, 0)))[..., None].repeat(3, 2) for t in range(14)])
    mask = np.zeros(SHAPE, bool)
    mask[55:85, 70:105] = True
    found = list(scores(frames, mask, 6, {"none": Nothing(), "wrong": Wrong()}))
    assert len(found) == 2  # the frames 0 and 12 have one reference each
    assert min(score["none"].psnr for score in found) > 32
    # Vectors that explain nothing are dropped: three pixels off would be below 20 dB.
    assert min(score["wrong"].psnr for score in found) > 32
    assert all(score["none"].seconds > 0 for score in found)
