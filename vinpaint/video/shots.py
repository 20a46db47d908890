"""Where one shot ends and the next begins."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import cv2
import numpy as np

from vinpaint.contracts import Frames
from vinpaint.statistics.sampling import Taken
from vinpaint.statistics.scenes import scene_numbers
from vinpaint.video.source import Frame, Samples

_WIDTH = 192  # cuts show at any size; small is fast and blind to noise
_SHORTEST = 6  # frames; flashes and flicker are no shots
LATENCY = 2  # frames that the detector looks ahead


class CutFinder:
    """Finds cuts as frames go by, with PySceneDetect's adaptive detector (content against its rolling mean).

    Fast camera motion raises the mean along with the content, so it is not taken for a cut.
    """

    def __init__(self) -> None:
        from scenedetect.detectors import AdaptiveDetector

        self._detector = AdaptiveDetector(min_scene_len=_SHORTEST, window_width=LATENCY)
        self._index = 0

    def push(self, frame: Frame) -> list[int]:
        """Take the next frame; indices of frames, at most ``LATENCY`` back, at which a new shot begins."""
        cuts = self._detector.process_frame(self._index, thumbnail(frame))
        self._index += 1
        return [int(cut) for cut in cuts]


def thumbnail(frame: Frame) -> Frames:
    """(h, w, 3) uint8 picture of about ``_WIDTH`` columns, in BGR order of the frame's own colours.

    Reduced by skipping: it is looked at as a whole, and averaging would cost more than all the rest.
    """
    columns = min(frame.planes[0].shape[1], _WIDTH)
    small = [plane[:: (skip := max(1, plane.shape[1] // columns)), ::skip] for plane in frame.planes[:3]]
    height, width = (min(plane.shape[axis] for plane in small) for axis in (0, 1))
    order = {"gray": (0, 0, 0), "rgb": (1, 0, 2), "yuv": (0, 1, 2)}[frame.layout.model]
    stacked = np.dstack([small[plane][:height, :width] for plane in order])
    if frame.layout.bits > 8:
        stacked = (stacked >> (frame.layout.bits - 8)).astype(np.uint8)
    return cv2.cvtColor(stacked, cv2.COLOR_YUV2BGR) if frame.layout.model == "yuv" else stacked


def shot_numbers(frames: Iterable[Frame]) -> Iterator[tuple[Frame, int]]:
    """Each frame with the number of its shot, ``LATENCY`` frames late."""
    finder, waiting = CutFinder(), []
    cuts: set[int] = set()
    shot = 0
    for index, frame in enumerate(frames):
        waiting.append((index, frame))
        cuts.update(finder.push(frame))
        if len(waiting) > LATENCY:
            first, ready = waiting.pop(0)
            shot += first in cuts
            yield ready, shot
    for first, ready in waiting:
        shot += first in cuts
        yield ready, shot


def samples_of(taken: list[Taken[Frame]]) -> Samples:
    """Numbered frames and their shots as samples; shots that look the same become one."""
    frames = [one.item for one in taken]
    looks = [np.asarray(thumbnail(frame).mean(axis=2), np.uint8) for frame in frames]
    return Samples(frames, [one.index for one in taken], scene_numbers(looks, [one.shot for one in taken]))
