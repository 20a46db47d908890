"""Places of a clip that show the same point of the scene: matched patches of neighbouring frames."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from vinpaint.flow.consistency import grid, returning
from vinpaint.flow.estimate import Flow, Gray, estimator

F32 = NDArray[np.float32]
Lattice: TypeAlias = tuple[slice, slice]

_PATCH = 13  # pixels; side of a patch
_FINE = 128  # units per grey level of averaged colours
_ALIKE = 0.8  # normalised correlation below which two patches do not show the same
_MOVED = 2.0  # pixels; a place matched with itself says nothing about the frame
_TEXTURE = 1.5  # grey levels; patches with less contrast cannot be matched
_FLOOR = 0.3  # variance, grey levels squared, of quantisation
_LOCAL = 8.0, 2.0, 40.0  # pixels, grey levels, gain: normalisation of local contrast
_GAPS = ((1, 2), (3, 5), (6, 9), (10, 15), (16, 30))  # frames between the two of a pair
_PAIRS = 30  # of each range of gaps
_THREADS = 4  # that pairs are shared among, at most


@dataclass(frozen=True, eq=False)
class Matches:
    """Pairs of places, in different frames, at which the same point of the scene was seen.

    Attributes
    ----------
    here, there : (N, 2) float32
        (x, y), pixels.
    level_here, level_there : (N, 3) float32
        Mean colours of the two patches, grey levels.
    contrast : (N,) float32
        Logarithm of the ratio of the patches' standard deviations, here over there.
    weight : (N,) float32
        0 to 1, from the correlation of the patches.
    frame : (N,) int32
        Index of the frame that ``here`` lies in.
    """

    here: F32
    there: F32
    level_here: F32
    level_there: F32
    contrast: F32
    weight: F32
    frame: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.weight)

    def __repr__(self) -> str:
        return f"Matches({len(self)})"

    def __getitem__(self, chosen: Any) -> Matches:
        return Matches(*(getattr(self, field.name)[chosen] for field in fields(self)))


def _nothing() -> Matches:
    points, levels, values = (np.zeros((0, 2), np.float32), np.zeros((0, 3), np.float32), np.zeros(0, np.float32))
    return Matches(points, points, levels, levels, values, values, np.zeros(0, np.int32))


def neighbours(numbers: NDArray[Any], shots: NDArray[Any] | None = None) -> list[tuple[int, int]]:
    """Pairs of samples worth matching: near and less near ones of one shot, spread over the clip.

    Parameters
    ----------
    numbers : (N,) int
        Frame numbers of the samples, rising.
    shots : (N,) int, optional
        Shot number of every sample.

    Returns
    -------
    list of (int, int)
        Indices of samples, the first smaller.
    """
    i, j = np.triu_indices(len(numbers), 1)
    gap = np.asarray(numbers)[j] - np.asarray(numbers)[i]
    same = np.ones(len(gap), bool) if shots is None else np.asarray(shots)[i] == np.asarray(shots)[j]
    pairs: list[tuple[int, int]] = []
    for low, high in _GAPS:
        of_gap = np.flatnonzero(same & (gap >= low) & (gap <= high))
        taken = np.unique(np.linspace(0, len(of_gap) - 1, min(len(of_gap), _PAIRS)).round().astype(int))
        pairs.extend((int(i[k]), int(j[k])) for k in of_gap[taken])
    return pairs


def match(frames: NDArray[np.uint8], pairs: Sequence[tuple[int, int]], stride: int) -> Matches:
    """Match patches of pairs of frames, in both directions.

    Flow is estimated on pictures of normalised local contrast: a smooth veil over a part of the frame, which changes
    gain and offset there, does not disturb it. A match counts if the flow leads back and the patches correlate.

    Parameters
    ----------
    frames : (N, H, W, 3) uint8
        RGB.
    pairs : sequence of (int, int)
        Indices of frames.
    stride : int
        Pixels between the patches.

    Returns
    -------
    Matches
        Of all pairs.
    """
    lattice = (slice(stride // 2, None, stride),) * 2
    patches = [_Patches.of(index, frame, lattice) for index, frame in enumerate(frames)]

    def both_ways(pair: tuple[int, int]) -> list[Matches]:
        return list(_both_ways(patches[pair[0]], patches[pair[1]], lattice))

    with ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1)) as pool:
        found = [part for parts in pool.map(both_ways, pairs) for part in parts] or [_nothing()]
    return Matches(*(np.concatenate([getattr(part, field.name) for part in found]) for field in fields(Matches)))


@dataclass(frozen=True, eq=False)
class _Patches:
    """A frame, and what its patches look like: around every pixel, and on a lattice."""

    index: int
    normalised: Gray
    gray: Gray
    level: NDArray[np.uint16]
    mean: F32
    deviation: F32

    @staticmethod
    def of(index: int, frame: NDArray[np.uint8], lattice: Lattice) -> _Patches:
        gray = np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), np.uint8)
        whole = gray.astype(np.float32)
        mean, deviation = (each[lattice] for each in _moments(whole))
        level = cv2.blur(frame.astype(np.uint16) * np.uint16(_FINE), (_PATCH, _PATCH))
        return _Patches(index, _normalise(whole), gray, np.asarray(level, np.uint16), mean, deviation)


def _normalise(gray: F32) -> Gray:
    """The picture with the same mean and contrast everywhere."""
    reach, floor, gain = _LOCAL
    mean = cv2.GaussianBlur(gray, (0, 0), reach)
    variance = cv2.GaussianBlur(gray * gray, (0, 0), reach) - mean * mean
    scaled = 128 + gain * (gray - mean) / np.sqrt(np.maximum(variance, 0) + floor**2)
    return np.asarray(np.clip(scaled, 0, 255), np.uint8)


def _moments(gray: F32) -> tuple[F32, F32]:
    mean = _average(gray)
    variance = _average(gray * gray) - mean * mean
    return mean, np.sqrt(np.maximum(variance, 0) + np.float32(_FLOOR))


def _average(image: F32) -> F32:
    """Means of the patches around all pixels."""
    return np.asarray(cv2.blur(image, (_PATCH, _PATCH)), np.float32)


def _both_ways(a: _Patches, b: _Patches, lattice: Lattice) -> Iterator[Matches]:
    estimate = estimator("dis-fast")
    forward, backward = estimate(a.normalised, b.normalised), estimate(b.normalised, a.normalised)
    yield _matched(a, b, forward, backward, lattice)
    yield _matched(b, a, backward, forward, lattice)


def _matched(a: _Patches, b: _Patches, forward: Flow, backward: Flow, lattice: Lattice) -> Matches:
    """The matches of one frame's patches with places of another frame."""
    whole = grid(*forward.shape[:2])
    warped = _sample(b.gray, whole + forward)
    mean, deviation = (each[lattice] for each in _moments(warped))
    moved, place = forward[lattice], whole[lattice] + forward[lattice]
    alike = (_average(a.gray * warped)[lattice] - a.mean * mean) / (a.deviation * deviation)
    good = (alike > _ALIKE) & (a.deviation > _TEXTURE) & (deviation > _TEXTURE)
    good &= returning(place, moved, backward) & (moved[..., 0] ** 2 + moved[..., 1] ** 2 > _MOVED**2)
    return Matches(
        here=whole[lattice][good],
        there=place[good],
        level_here=a.level[lattice][good] / np.float32(_FINE),
        level_there=_sample(b.level, place)[good] / np.float32(_FINE),
        contrast=np.log(a.deviation[good] / deviation[good]),
        weight=np.clip((alike[good] - _ALIKE) / (1 - _ALIKE), 0, 1),
        frame=np.full(int(good.sum()), a.index, np.int32),
    )


def _sample(image: NDArray[Any], place: Flow) -> F32:
    """A picture's values at points (h, w, 2)."""
    x, y = np.ascontiguousarray(place[..., 0]), np.ascontiguousarray(place[..., 1])
    return np.asarray(cv2.remap(image, x, y, cv2.INTER_LINEAR), np.float32)
