"""A segmentation model file as the judge of where the person is, through onnxruntime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from vinpaint.contracts import FloatMap, Frames
from vinpaint.errors import DependencyError, InputError


class Segmenter:
    """A picture in, the probability of a person out.

    Parameters
    ----------
    path : Path
        An ONNX model: one picture in, (1, h, w, 3) or (1, 3, h, w) float32, RGB from 0 to 1, of fixed size; one map of
        probabilities out.

    Raises
    ------
    DependencyError
        If onnxruntime is missing.
    InputError
        If the file is no such model.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._session = _session(path)
        source = self._session.get_inputs()[0]
        shape = source.shape
        if len(shape) != 4 or 3 not in (shape[1], shape[3]) or source.type != "tensor(float)":
            raise InputError(f"{path} takes {source.type} {shape}; give a model of one RGB picture as float32")
        self._planar = shape[3] != 3
        size = shape[2:] if self._planar else shape[1:3]
        if not all(isinstance(side, int) and side > 0 for side in size):
            raise InputError(f"{path} takes pictures of any size; give a model of a fixed size")
        self._name, self._size = source.name, (size[1], size[0])

    def __call__(self, frame: Frames) -> FloatMap:
        """Probability (h, w) of a person, 0 to 1, of a frame (H, W, 3) uint8, in the size of the model."""
        small = cv2.resize(frame, self._size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
        picture = small.transpose(2, 0, 1)[None] if self._planar else small[None]
        result = np.asarray(self._session.run(None, {self._name: picture})[0], np.float32).squeeze()
        if result.ndim != 2 or not np.isfinite(result).all() or result.min() < -0.01 or result.max() > 1.01:
            raise InputError(f"{self._path} gives {result.shape}; give a model of one map of probabilities")
        return result


def _session(path: Path) -> Any:
    if not path.is_file():
        raise InputError(f"{path} is not there; give the file of an ONNX model")
    try:
        import onnxruntime
    except ImportError as error:
        raise DependencyError("a segmenter needs onnxruntime; pip install 'vinpaint[segmenter]'") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise InputError(f"{path} cannot be read as an ONNX model; give another file") from error
