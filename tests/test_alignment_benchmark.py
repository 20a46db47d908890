"""The benchmark of alignment: what a hole in a plane scene hides is found, and what was never there is not."""

from __future__ import annotations

import numpy as np
from moving import SHAPE, motion, moved, places, seen, texture

from vinpaint.benchmarks.alignment import Nothing, scores
from vinpaint.flow.estimate import estimator


def test_what_a_pan_hides_is_found() -> None:
    views = [texture(moved(motion(0, 1, 7.5 * t, 0), places())) for t in range(14)]
    frames = np.stack([seen(view)[..., None].repeat(3, axis=2) for view in views])
    mask = np.zeros(SHAPE, bool)
    mask[55:85, 70:105] = True
    frames[12][mask] = frames[12][mask] // 2 + 64  # no other frame tells that
    first, last = scores(frames, mask, 6, {"none": Nothing(), "dis-fast": estimator("dis-fast")})
    assert min(first["none"].psnr, first["dis-fast"].psnr) > 32
    wrong = np.square(frames[12][mask] - texture(moved(motion(0, 1, 90, 0), places()))[mask, None]).mean()
    assert abs(last["none"].psnr - 10 * np.log10(255**2 / wrong)) < 1
    assert first["dis-fast"].seconds > 0
