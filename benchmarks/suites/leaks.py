"""How much of the room behind a virtual background is brought back, and can what is claimed be believed?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial

import numpy as np

from vinpaint.benchmarks.leak_calls import compose
from vinpaint.benchmarks.leaks import leak_score
from vinpaint.benchmarks.suites.contract import Case, Material, Measures, Result, Suite
from vinpaint.benchmarks.suites.sources import PAPER, Scene, Sources, seeded
from vinpaint.leak.job import METHODS
from vinpaint.statistics import mode
from vinpaint.video.clips import fitted

_FRAMES = 60
_KINDS = ("image", "blur")
_STILLS = 3  # of each of two clips: room, virtual background, and the cloth of the person


class Leaks(Suite):
    """See the module."""

    name, title = "leaks", "Leaks of virtual backgrounds"
    question = "How much of the room behind a virtual background can be recovered, and is it true?"
    work = "leak"
    metrics = ("room_share", "room_precision", "room_claimed", "seconds", "peak")
    headline = "room_share"
    methods, quick = METHODS, METHODS[:1]
    protocol = (
        "Calls of drawn people before stills of the clips and drawn interiors, 432x240, stored as H.264: a mask that "
        "is coarse, late, soft and wrong in places covers the room with another picture, or with its blur.",
        "Methods see the call alone. mode: the most frequent value of every pixel, all of it claimed. "
        "No U-Net fills a room that it was never shown, so none takes part.",
    )

    def cases(self, sources: Sources) -> Iterator[Case]:
        """Every clip as a room behind an image, and behind its blur; of a quick run one."""
        scenes = replace(sources, only=None).natural()  # which clips meet does not depend on which are asked for
        for number, scene in enumerate(scenes[: 1 if sources.quick else None]):
            other = scenes[(number + 1) % len(scenes)]
            for kind in _KINDS[: 1 if sources.quick else None] if sources.wanted(scene.name) else ():
                make = partial(_call, scene, other, kind, sources.frames(_FRAMES))
                yield Case(f"{scene.name} {kind}", scene.name, make)

    def measure(self, material: Material, result: Result) -> Measures:
        """Of a room that is shown by every frame of the result, and claimed by its mask."""
        assert material.truth is not None
        assert material.alpha is not None
        claimed = np.ones(material.hidden.shape, np.bool_) if result.mask is None else result.mask
        virtual = np.rint(255 * np.asarray(material.tint)).astype(np.uint8)
        score = leak_score(result.frames[0], claimed, material.truth[0], virtual, material.alpha)
        values = {"room_share": score.room, "room_claimed": 100 * score.coverage}
        return values if score.precision is None else values | {"room_precision": score.precision}

    def references(self, material: Material) -> Mapping[str, Result]:
        """What most frames show."""
        usual = np.repeat(mode(material.damaged)[0][None], len(material.damaged), axis=0)
        return {"mode": Result(usual)}

    def per_frame(self, material: Material, result: Result) -> dict[str, list[float]]:
        """A room has no frames."""
        return {}


def _call(scene: Scene, other: Scene, kind: str, count: int) -> Material:
    stills = [fitted(frame, PAPER) for clip in (scene, other) for frame in _spread(clip)]
    call = compose(np.stack(stills), seeded(scene.name, kind), blurred=kind == "blur", count=count)
    alpha = call.opacity.max(axis=0).astype(np.float32) / 255
    return Material(
        call.frames, alpha > 0, np.repeat(call.room[None], count, axis=0), alpha, call.virtual.astype(np.float32) / 255
    )


def _spread(clip: Scene) -> np.ndarray:
    frames = clip.read()
    return np.asarray(frames[np.linspace(0, len(frames) - 1, _STILLS).round().astype(int)])
