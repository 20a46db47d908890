"""Metrics that need the weights of large networks: computed where these are, and otherwise said to be missing."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from vinpaint.contracts import Frames
from vinpaint.errors import DependencyError

if TYPE_CHECKING:
    from vinpaint.benchmarks.suites.contract import Material, Result, Suite

_FRAMES = 24  # of a clip that are compared
_SMALLEST = 32  # pixels a side that VGG's layers need


class Perceptual:
    """LPIPS of results, if its weights are there and give 0 for equal pictures.

    Attributes
    ----------
    missing : dict
        Name of a metric and why it is not computed.
    """

    def __init__(self) -> None:
        self.missing: dict[str, str] = {
            "vfid": "not computed: weights missing (I3D's come with no package, and none are fetched)"
        }
        if self._network is None:
            self.missing["lpips"] = f"not computed: weights missing ({self._problem})"

    @cached_property
    def _network(self) -> Any:
        from vinpaint.refiner.losses.perceptual import Perceptual as Network

        self._problem = ""
        try:
            network = Network()
        except DependencyError as error:
            self._problem = str(error).partition(";")[0]
            return None
        picture = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
        if (itself := distance(network, picture, picture)) != 0:
            self._problem = f"self-test: a picture is {itself:g} away from itself"
            return None
        return network

    def metrics(self, suite: Suite) -> list[str]:
        """Names of what is computed for a suite."""
        return ["lpips"] if self._network is not None and suite.work not in ("detect", "leak") else []

    def __call__(self, suite: Suite, material: Material, result: Result) -> dict[str, float]:
        """Figures of a result."""
        if not self.metrics(suite) or material.truth is None or min(material.truth.shape[1:3]) < _SMALLEST:
            return {}
        chosen = np.unique(np.linspace(0, len(material.truth) - 1, _FRAMES).round().astype(int))
        return {"lpips": distance(self._network, result.frames[chosen], material.truth[chosen])}


def distance(network: Any, one: Frames, other: Frames) -> float:
    """Mean LPIPS of pictures (N, H, W, 3) uint8."""
    import torch

    values = []
    with torch.inference_mode():
        for pair in zip(one, other, strict=True):
            tensors = [torch.from_numpy(picture.transpose(2, 0, 1)[None] / np.float32(255)) for picture in pair]
            values.append(float(network(*tensors)))
    return float(np.mean(values))
