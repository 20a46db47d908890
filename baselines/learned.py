"""The trained networks as fill methods."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vinpaint.baselines.unet import smoothed
from vinpaint.contracts import Filled, FloatMap
from vinpaint.devices import chosen_device, few_threads
from vinpaint.errors import DependencyError
from vinpaint.fill.method import FillMethod, Window, forget
from vinpaint.fill.spatial import invented
from vinpaint.loading import cached_by_file
from vinpaint.refiner.checkpoint import load_network
from vinpaint.refiner.inference import hastened, restore
from vinpaint.refiner.networks import Restorer

WEIGHTS = Path(__file__).parent / "weights"
"""The weights that ship, each with a model card."""

_AT_ONCE = 4  # frames: each takes some hundred times its own size within a network


@cached_by_file(4)
def _load(path: Path, net: str, device: torch.device) -> Restorer:
    network = load_network(path, net, device=device)
    return hastened(network, device) if network.corrects else network


class LearnedFill(FillMethod):
    """Base of the methods that are a network.

    Parameters
    ----------
    weights : Path, optional
        A file of ``vinpaint train``; those that ship by default.
    device : str
        ``auto``, ``cpu``, ``cuda``, ``cuda:1`` or ``mps``.
    threads : int
        Frames at once on a CPU, each on one core; 0 = as many as there are cores, at most four.

    Raises
    ------
    DependencyError
        If the weights are missing.
    InputError
        If they are no weights, or those of another network.
    """

    net: str
    shipped: str

    def __init__(self, *, weights: Path | None = None, device: str = "auto", threads: int = 0) -> None:
        self._device, self._threads = torch.device(chosen_device(device)), threads
        path = weights or WEIGHTS / self.shipped
        if weights is None and not path.is_file():
            raise DependencyError(
                f"no weights of the network {self.net} are installed; "
                f"train some with 'vinpaint train --net {self.net}' and give them with --weights"
            )
        self._network = _load(path, self.net, self._device)

    @property
    def parameters(self) -> int:
        """How many numbers were learned."""
        return self._network.parameter_count

    def fill_window(self, window: Window, state: Any) -> Filled:
        """Fill ``window.frames[start:stop]``, a few at once."""
        frames = window.frames[window.start : window.stop].copy()
        top = np.iinfo(frames.dtype).max
        wanted = [index for index in range(window.start, window.stop) if window.mask[index].any()]
        at_once = (self._threads or min(_AT_ONCE, os.cpu_count() or 1)) if self._device.type == "cpu" else 1
        with few_threads(1), ThreadPoolExecutor(at_once) as pool:
            for first in range(0, len(wanted), at_once):
                some = wanted[first : first + at_once]
                for index, picture in zip(some, self._pictures(window, some, state, pool), strict=True):
                    mask = window.mask[index]
                    frames[index - window.start][mask] = np.rint(top * picture[mask]).astype(frames.dtype)
        return invented(frames, window.mask[window.start : window.stop])

    def _pictures(self, window: Window, wanted: Sequence[int], state: Any, pool: Executor) -> Iterable[FloatMap]:
        """What the method makes of some frames, each (H, W, 3) float32, 0 to 1."""
        return map(_as_image, self._restored(window, wanted, pool))

    def _restored(self, window: Window, wanted: Sequence[int], pool: Executor) -> Iterable[Tensor]:
        """What the network makes of some frames, each (3, H, W), 0 to 1."""
        return pool.map(partial(self._one, window), wanted)

    def _one(self, window: Window, index: int) -> Tensor:
        """What it makes of one; beyond the ends of the shot its last frame again."""
        reach = self._network.window // 2
        around = np.arange(index - reach, index + reach + 1).clip(0, len(window.frames) - 1)
        frames = window.frames[around].astype(np.float32) / np.iinfo(window.frames.dtype).max
        damaged = torch.from_numpy(np.ascontiguousarray(frames.transpose(0, 3, 1, 2)))
        mask = torch.from_numpy(window.mask[around][:, None].astype(np.float32))
        return restore(self._network, damaged[None].to(self._device), mask[None].to(self._device))[0]


def _as_image(picture: Tensor) -> NDArray[np.float32]:
    return picture.permute(1, 2, 0).cpu().numpy()


class UNetFill(LearnedFill):
    """The pure U-Net on single frames, smoothed over time: the baseline that everything is measured against.

    It is blind: it sees frames as they are and changes what it likes. The first and the last frame of a shot are not
    smoothed.
    """

    net, shipped = "unet", "unet.safetensors"
    look_around = 1
    blind = True

    def new_state(self) -> dict[int, Tensor]:
        """What the network made of the last frames, by their index in the clip."""
        return {}

    def _pictures(
        self, window: Window, wanted: Sequence[int], state: dict[int, Tensor], pool: Executor
    ) -> Iterator[FloatMap]:
        forget(window.first + wanted[0] - 1, state)
        near = {each for index in wanted for each in (index - 1, index, index + 1) if 0 <= each < len(window.frames)}
        missing = [each for each in sorted(near) if window.first + each not in state]
        made = self._restored(window, missing, pool)
        state.update(zip((window.first + each for each in missing), made, strict=True))
        for index in wanted:
            before, picture, after = (state.get(window.first + each) for each in (index - 1, index, index + 1))
            assert picture is not None
            yield _as_image(picture if before is None or after is None else smoothed(before, picture, after))


class UNetMaskedFill(LearnedFill):
    """The same network, told what is hidden; visible pixels stay, and frames are not smoothed."""

    net, shipped = "unet-masked", "unet-masked.safetensors"


class ArtifactFill(LearnedFill):
    """The artifact-removal network: blind, and changes what it takes for a blemish."""

    net, shipped = "artifact-v1", "artifact-v1.safetensors"
    look_around = 1
    blind = True


class DegradationFill(LearnedFill):
    """The network against what is done to whole frames: compression, noise, grain, too few levels, blur."""

    net, shipped = "artifact-v2", "artifact-v2.safetensors"
    blind = True
