"""Dense motion by networks: the models of ptlflow (Morimitsu 2021), RAFT among them, as estimators."""

from __future__ import annotations

import importlib
import io
import logging
import re
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from vinpaint.devices import chosen_device, few_threads
from vinpaint.errors import DependencyError, UsageError
from vinpaint.flow.estimate import ESTIMATORS, Estimator
from vinpaint.loading import cached_by_file

Model: TypeAlias = Callable[[dict[str, Tensor]], Mapping[str, Tensor]]
"""Takes ``images`` (N, 2, 3, H, W), BGR, 0 to 1; gives ``flows`` (N, 1, 2, H, W), as ptlflow's models do."""

_LEAST = 128  # pixels; RAFT's coarsest correlations, at 1/64 of the size, need two rows
_ITERATIONS = 12  # of recurrent models: more cost in proportion and change little (docs/results.md)
_BATCH = 1 << 20  # pixels of pictures at a time
_BACKBONES = {(128, 96, 1, 1): "raft_small", (256, 128, 1, 1): "raft"}  # shapes of ``fnet.conv2.weight``
_CHECKPOINT = re.compile(r"\.(pth|pt|ckpt)$", re.IGNORECASE)

_schemas: list[Any] = []  # torch forgets an operator when its library is collected


def learned(name: str, device: str = "auto") -> Estimator:
    """A network by name; loaded once, and again when its file changed.

    Parameters
    ----------
    name : str
        ``MODEL:CHECKPOINT``: the name of one of ptlflow's models for two pictures, and the name of one of its
        checkpoints or the path of a file. ``MODEL`` alone takes its checkpoint ``things``, or its first.
        ``CHECKPOINT`` alone is the path of a file for ``raft`` or ``raft_small``, of ptlflow or of RAFT's authors
        (Teed & Deng, ECCV 2020). What is asked for by name is downloaded from ptlflow's releases the first time, and
        kept where torch keeps such files.
    device : str
        ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.

    Raises
    ------
    UsageError
        If there is no such model, checkpoint or device.
    DependencyError
        If ptlflow, the weights or the device are missing or damaged.
    """
    place = torch.device(chosen_device(device))
    model_name, checkpoint = _parsed(name)
    return _loaded(checkpoint, model_name, place)


@cached_by_file(2)
def _loaded(checkpoint: str, model_name: str, place: torch.device) -> Estimator:
    weights = _from_file(checkpoint) if _is_file_name(checkpoint) else None
    if not model_name:
        model_name = _model_of(weights or {}, checkpoint)
    library = _import_ptlflow()
    if model_name not in library.get_model_names():
        names = (*ESTIMATORS, *library.get_model_names())
        some = get_close_matches(model_name, names, n=5, cutoff=0)
        raise UsageError(
            f"no flow estimator is called {model_name!r}; of {len(names)}, these are near: {', '.join(some)}"
        )
    with _quietly():
        model = library.get_model_reference(model_name)()
    if weights is None:
        weights = _released(model_name, getattr(model, "pretrained_checkpoints", {}), checkpoint)
    shapes = {key: tuple(value.shape) for key, value in model.state_dict().items()}
    model.load_state_dict(fitted(weights, shapes, f"{model_name}:{checkpoint}"))
    if getattr(model, "iters", 0) > _ITERATIONS:
        model.iters = _ITERATIONS
    return LearnedEstimator(model.to(place).eval(), place)


class LearnedEstimator(Estimator):
    """A model of ptlflow's kind as an estimator.

    Parameters
    ----------
    model : callable
        See :data:`Model`. Gets pictures of at least 128 pixels a side; edges are repeated up to that.
    device : torch.device
        Where it is.
    """

    def __init__(self, model: Model, device: torch.device) -> None:
        self._model = model
        self._device = device

    def _flows(self, sources: NDArray[np.uint8], targets: NDArray[np.uint8]) -> NDArray[np.float32]:
        count, height, width = sources.shape[:3]
        flows = np.empty((count, height, width, 2), np.float32)
        step = max(1, _BATCH // (height * width))
        for i in range(0, count, step):
            flows[i : i + step] = self._some(sources[i : i + step], targets[i : i + step])
        return flows

    def _some(self, sources: NDArray[np.uint8], targets: NDArray[np.uint8]) -> NDArray[np.float32]:
        height, width = sources.shape[1:3]
        left, top = (max(0, _LEAST - side) // 2 for side in (width, height))
        with torch.inference_mode(), few_threads():
            images = torch.stack([self._images(sources), self._images(targets)], 1)
            flows = self._model({"images": images})["flows"][:, 0]
            cut = flows[:, :, top : top + height, left : left + width]
            return np.asarray(cut.permute(0, 2, 3, 1).float().cpu().numpy())

    def _images(self, pictures: NDArray[np.uint8]) -> Tensor:
        """Pictures as a model wants them: ``(N, 3, H, W)``, BGR, 0 to 1, at least of the least size."""
        images = torch.from_numpy(np.ascontiguousarray(pictures)).to(self._device).float() / 255
        images = images[:, None].expand(-1, 3, -1, -1) if images.ndim == 3 else images.permute(0, 3, 1, 2).flip(1)
        across, down = (max(0, _LEAST - images.shape[axis]) for axis in (3, 2))
        return functional.pad(images, (across // 2, across - across // 2, down // 2, down - down // 2), "replicate")


def fitted(weights: Mapping[str, Tensor], shapes: Mapping[str, tuple[int, ...]], name: str) -> dict[str, Tensor]:
    """The weights of a checkpoint under the names that a model gives them.

    Checkpoints of RAFT's authors come from ``DataParallel``, which puts ``module.`` before each name.

    Parameters
    ----------
    weights : mapping
        Tensors by name, as in the file.
    shapes : mapping
        The shape of each tensor that the model has, by its name.
    name : str
        What was asked for, for messages.

    Raises
    ------
    DependencyError
        If the two do not fit.
    """
    named = {key.removeprefix("module."): value for key, value in weights.items()}
    wrong = sorted(
        key for key in named.keys() | shapes.keys() if key not in named or tuple(named[key].shape) != shapes.get(key)
    )
    if wrong:
        raise DependencyError(
            f"weights {name} do not fit, {len(wrong)} differ in name or shape, {wrong[0]} first; "
            "name the model they belong to, as in raft_small:FILE"
        )
    return named


def _parsed(name: str) -> tuple[str, str]:
    """Model and checkpoint; either may be empty."""
    if _is_file_name(name) and (Path(name).exists() or ":" not in name):
        return "", name
    model, _, checkpoint = name.partition(":")
    return model, checkpoint


def _is_file_name(text: str) -> bool:
    return bool(_CHECKPOINT.search(text)) or Path(text).is_file()


def _from_file(path: str) -> Mapping[str, Tensor]:
    if not Path(path).is_file():
        raise DependencyError(f"weights {path} are missing; give the path of a checkpoint, as in raft_small:FILE")
    try:
        return _tensors(torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:  # a damaged file can fail in any way
        raise DependencyError(f"{path} is no checkpoint that can be read safely; get another") from error


def _tensors(content: Any) -> Mapping[str, Tensor]:
    """Tensors by name: a checkpoint of ptlflow, or the tensors as such."""
    weights = content.get("state_dict", content)
    if not all(isinstance(value, Tensor) for value in weights.values()):
        raise ValueError("it holds no tensors by name")
    return dict(weights)


def _model_of(weights: Mapping[str, Tensor], path: str) -> str:
    """Which of RAFT's two sizes a checkpoint is for."""
    shapes = [tuple(value.shape) for key, value in weights.items() if key.endswith("fnet.conv2.weight")]
    if len(shapes) != 1 or shapes[0] not in _BACKBONES:
        raise UsageError(f"{path} is neither RAFT nor RAFT-small; name its model, as in gma:{path}")
    return _BACKBONES[shapes[0]]


def _released(model: str, urls: Mapping[str, str], checkpoint: str) -> Mapping[str, Tensor]:
    """Weights that ptlflow has on its release page, downloaded unless they are here."""
    chosen = checkpoint or ("things" if "things" in urls else next(iter(urls), ""))
    if chosen not in urls:
        raise UsageError(
            f"{model} has no checkpoint {chosen!r}; choose one of {', '.join(urls) or 'none'}, or give a file"
        )
    try:
        content = torch.hub.load_state_dict_from_url(
            urls[chosen], map_location="cpu", progress=False, check_hash=True, weights_only=True
        )
    except (OSError, RuntimeError) as error:
        raise DependencyError(
            f"the weights {model}:{chosen} cannot be had ({error}); get {urls[chosen]} and give {model}:FILE"
        ) from error
    return _tensors(content)


def _import_ptlflow() -> Any:
    with _quietly():
        try:
            _import_torchvision()
            return importlib.import_module("ptlflow")
        except (ImportError, OSError, RuntimeError) as error:
            raise DependencyError(
                f"ptlflow does not load ({error}); pip install 'vinpaint[raft]', or in a checkout: make raft"
            ) from error


@contextmanager
def _quietly() -> Iterator[None]:
    """ptlflow's models say on standard output and in warnings which of their options are not installed."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _import_torchvision() -> None:
    """Import torchvision, which ptlflow does, also where its wheel is built for another torch than the one here.

    Then its compiled operators do not load, and its import fails for want of the schemas of two of them, which no
    model needs.
    """
    try:
        importlib.import_module("torchvision")
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        schemas: Any = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
        for operator in ("nms", "qnms"):
            schemas.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _schemas.append(schemas)
        importlib.import_module("torchvision")
