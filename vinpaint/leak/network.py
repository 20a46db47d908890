"""A small network that tells the service's mask, and whether anybody stands there, from a few frames.

It sees a frame, two before it and two after, and the virtual background, all with ROWS rows, and works on blocks of
2 x 2 pixels at three resolutions. The weights were taught with composed calls by ``vinpaint.benchmarks.fit_leak_net``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import replace

import cv2
import numpy as np
import torch
from torch import Tensor

from vinpaint.contracts import FloatMap, Frames
from vinpaint.detect.net import layers_of
from vinpaint.leak.background import Backdrop
from vinpaint.leak.evidence import Sight
from vinpaint.leak.unet import STEP, forward, seen_size, shipped

OFFSETS = (-6, -2, 0, 2, 6)
"""Frames that it sees, from the one it judges."""

CHANNELS = 3 * len(OFFSETS) + 4
WIDTHS, OUTPUTS = (24, 40, 64), 3
_EVERY = 2  # frames of which one is looked at: services judge no more often
_MARGIN = 40  # columns that are seen on either side
_DIFFERS = 0.1  # share of the range by which a pixel differs from the virtual background
SURE, VAGUE = -5.0, 2.0
"""Bounds of the logarithm of the opacity's error."""


LAYERS = layers_of(4 * CHANNELS, WIDTHS, 4 * OUTPUTS)
"""Of the layers, in the order in which they are applied. They give the logit of the mask's opacity, the logarithm of
its expected error, and the logit of nobody standing there."""


class Network:
    """The judge that is a network: it gives frames back six frames later, and looks at every other.

    Parameters
    ----------
    backdrop : Backdrop
    weights : mapping of tensors, optional
        Those that ship by default.
    """

    def __init__(self, backdrop: Backdrop, weights: Mapping[str, Tensor] | None = None) -> None:
        self._weights = shipped("net.safetensors") if weights is None else weights
        self._backdrop = seen_backdrop(backdrop)
        self._waiting: deque[Frames] = deque()
        self._last: Sight | None = None
        self._count = 0
        self._near: deque[FloatMap] = deque(maxlen=OFFSETS[-1] - OFFSETS[0] + 1)

    def add(self, frame: Frames) -> Iterator[Sight]:
        """One more frame, (H, W, 3) uint8; yields none or one."""
        self._waiting.append(frame)
        small = seen_picture(frame)
        if not self._near:
            self._near.extend([small] * -OFFSETS[0])
        self._near.append(small)
        if len(self._waiting) > OFFSETS[-1]:
            yield self._judge()

    def finish(self) -> Iterator[Sight]:
        """Those that wait, when no more frames come."""
        while self._waiting and len(self._near) < OFFSETS[-1] - OFFSETS[0]:
            self._near.append(self._near[-1])
        while self._waiting:
            self._near.append(self._near[-1])
            yield self._judge()

    def _judge(self) -> Sight:
        frame = self._waiting.popleft()
        self._count += 1
        if self._count % _EVERY == 0 and self._last is not None:
            return replace(self._last, frame=frame, fresh=False)
        self._last = self._looked_at(frame)
        return self._last

    def _looked_at(self, frame: Frames) -> Sight:
        wide = np.zeros((OUTPUTS, *self._backdrop.shape[:2]), np.float32)
        if (columns := self._columns()) is not None:
            near = [self._near[offset - OFFSETS[0]][:, columns] for offset in OFFSETS]
            wide[:, :, columns] = self._seen(np.concatenate([*near, self._backdrop[:, columns]], axis=-1))
        opacity, error, room = (cv2.resize(each, frame.shape[1::-1], interpolation=cv2.INTER_LINEAR) for each in wide)
        return Sight(frame, room, opacity, error)

    def _seen(self, pictures: FloatMap) -> FloatMap:
        """Opacity, its error, and the probability of nobody (3, h, w), of pictures (h, w, CHANNELS)."""
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            seen = torch.from_numpy(pictures).permute(2, 0, 1)[None]
            maps = forward(self._weights, seen, len(WIDTHS))[0].float().numpy()
        return np.stack([_squashed(maps[0]), np.exp(np.clip(maps[1], SURE, VAGUE)), _squashed(maps[2])])

    def _columns(self) -> slice | None:
        """Those in which the frame is not the virtual background, and some more: elsewhere the mask is shut."""
        known = self._backdrop
        gap = np.abs(self._near[-OFFSETS[0]] - known[..., :3]).max(axis=-1)
        differs = np.flatnonzero(((gap > _DIFFERS) | (known[..., 3] < 0)).any(axis=0))
        if not len(differs):
            return None
        first, last = max(0, differs[0] - _MARGIN), min(known.shape[1], differs[-1] + _MARGIN)
        return slice(first // STEP * STEP, -(-last // STEP) * STEP)


def seen_picture(frame: Frames) -> FloatMap:
    """A frame as the network sees it, (ROWS, w, 3), -0.5 to 0.5."""
    small = cv2.resize(frame, seen_size(frame), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32) / np.float32(255) - np.float32(0.5)


def seen_backdrop(backdrop: Backdrop) -> FloatMap:
    """A virtual background as the network sees it, and where it was seen, (ROWS, w, 4), -0.5 to 0.5."""
    seen = cv2.resize(backdrop.seen.astype(np.float32), seen_size(backdrop.picture), interpolation=cv2.INTER_AREA)
    return np.dstack([seen_picture(backdrop.picture), seen - np.float32(0.5)]).astype(np.float32)


def _squashed(logits: FloatMap) -> FloatMap:
    return (1 / (1 + np.exp(-np.clip(logits, -30, 30)))).astype(np.float32)
