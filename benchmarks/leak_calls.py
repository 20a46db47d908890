"""Video calls with a known room, composed to learn from: drawn people, rooms from clips, services of many settings.

Nothing in them stems from real calls. A figure with hair, face, neck and clothes stands or sways before a still of a
clip; a stand-in for the service segments it coarsely, late, with errors and softly, and shows another still, or the
room blurred, where it takes what it sees for background.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from numpy.typing import NDArray

from vinpaint.contracts import FloatMap, Frames
from vinpaint.video import open_sink
from vinpaint.video.arrays import ArraySource
from vinpaint.video.clips import fitted, read_clip
from vinpaint.video.encoders import Encoding

Random = np.random.Generator


@dataclass(frozen=True, eq=False)
class ComposedCall:
    """A call and its truth.

    Attributes
    ----------
    frames : (T, H, W, 3) uint8
        RGB, as decoded.
    room, virtual : (H, W, 3) uint8
        What is behind; what the service shows (for a blurred room its blur).
    opacity : (T, H, W) uint8
        With which each frame shows the room; 0 where a person stands. 255 = all of it.
    """

    frames: Frames
    room: Frames
    virtual: Frames
    opacity: NDArray[np.uint8]


def compose(stills: Frames, rng: Random, *, blurred: bool, count: int = 80) -> ComposedCall:
    """A call before one of some stills (N, H, W, 3) uint8; another is the virtual background."""
    height, width = stills.shape[1:3]
    first, second, cloth = rng.choice(len(stills), 3, replace=False)
    room = stills[first].astype(np.float32)
    virtual = _blurred(room, np.zeros((height, width), np.float32)) if blurred else stills[second].astype(np.float32)
    figure, solid = _figure(stills[cloth], rng)
    sway, nod = rng.choice([0.004, 0.03, 0.08, 0.12]) * width, rng.uniform(0.002, 0.01) * height
    period, bob = rng.uniform(60, 120), rng.uniform(17, 45)
    service = _Service(rng, (height, width))
    frames, opacity = [], []
    for t in range(count):
        right = sway * np.sin(2 * np.pi * t / period) + nod * np.sin(2 * np.pi * t / bob)
        turn = cv2.getRotationMatrix2D((width / 2, height), 1.2 * np.sin(2 * np.pi * t / bob), 1)
        turn[:, 2] += right, nod * np.sin(2 * np.pi * t / (1.3 * bob))
        body = cv2.warpAffine(figure, turn, (width, height), borderMode=cv2.BORDER_REPLICATE)
        alpha = cv2.warpAffine(solid, turn, (width, height))[..., None]
        camera = body * alpha + room * (1 - alpha) + rng.normal(0, 1.5, room.shape).astype(np.float32)
        mask = service(alpha[..., 0])[..., None]
        shown = _blurred(camera, mask[..., 0]) if blurred else virtual
        frames.append(np.clip(camera * mask + shown * (1 - mask), 0, 255).round().astype(np.uint8))
        opacity.append(np.where(alpha[..., 0] > 0.02, 0, np.rint(255 * mask[..., 0])).astype(np.uint8))
    decoded = _coded(np.stack(frames), crf=int(rng.integers(18, 28)))
    return ComposedCall(decoded, stills[first], virtual.round().astype(np.uint8), np.stack(opacity))


def stills_of(clips: Path, size: tuple[int, int]) -> Frames:
    """One picture of every clip of a folder, (N, H, W, 3) uint8, and its mirror image."""
    pictures = []
    for path in sorted(clips.iterdir()):
        if path.suffix in (".mp4", ".mkv", ".webm", ".avi", ".mov"):
            picture = fitted(read_clip(path, count=1)[0], size)
            pictures += [picture, picture[:, ::-1]]
    return np.stack(pictures)


class _Service:
    """A mask that is coarse, late, smoothed over time, wrong in places and soft."""

    def __init__(self, rng: Random, shape: tuple[int, int]) -> None:
        self._rng, self._shape = rng, shape
        self._every, self._late = int(rng.integers(1, 4)), int(rng.integers(0, 4))
        self._keep, self._soft = rng.uniform(0, 0.6), rng.uniform(0.6, 2.2) * shape[0] / 360
        self._width = rng.uniform(0.5, 2.5)  # of the ramp, in cells of the mask
        self._grow = rng.uniform(-0.3, 1.2)
        self._cells = (int(rng.choice([160, 256])), int(rng.choice([96, 144])))
        self._past: list[FloatMap] = []
        self._state: FloatMap | None = None
        self._error = np.zeros((9, 16), np.float32)
        self._count = 0

    def __call__(self, alpha: FloatMap) -> FloatMap:
        """The mask (H, W), 0 to 1, for the true one."""
        if self._count % self._every == 0:
            self._past.append(self._coarse(alpha))
            late = self._past[max(0, len(self._past) - 1 - self._late)]
            self._state = late if self._state is None else (1 - self._keep) * late + self._keep * self._state
        self._count += 1
        assert self._state is not None
        mask = cv2.resize(self._state, self._shape[::-1], interpolation=cv2.INTER_LINEAR)
        return np.clip(cv2.GaussianBlur(mask, (0, 0), self._soft), 0, 1)

    def _coarse(self, alpha: FloatMap) -> FloatMap:
        small = (cv2.resize(alpha, self._cells, interpolation=cv2.INTER_AREA) > 0.5).astype(np.uint8)
        signed = cv2.distanceTransform(small, cv2.DIST_L2, 5) - cv2.distanceTransform(1 - small, cv2.DIST_L2, 5)
        self._error = 0.9 * self._error + 0.4 * self._rng.normal(0, 1.6, self._error.shape).astype(np.float32)
        error = cv2.resize(self._error, self._cells, interpolation=cv2.INTER_CUBIC)
        logits = (signed + self._grow + error) / self._width
        return (1 / (1 + np.exp(-np.clip(logits, -30, 30)))).astype(np.float32)


def _blurred(camera: FloatMap, mask: FloatMap) -> FloatMap:
    """The background's blur, without the person's colours in it."""
    weight = np.clip(1 - mask, 1e-3, 1)
    sigma = camera.shape[0] / 45
    total = cv2.GaussianBlur(weight, (0, 0), sigma)[..., None]
    blurred: FloatMap = cv2.GaussianBlur(camera * weight[..., None], (0, 0), sigma) / total
    return blurred


def _figure(cloth: Frames, rng: Random) -> tuple[FloatMap, FloatMap]:
    """A person (H, W, 3) with clothes cut from a picture, or of one colour, and their matte (H, W)."""
    height, width = cloth.shape[:2]
    size, x, y = rng.uniform(0.85, 1.35), width / 2, height * rng.uniform(0.3, 0.42)
    unit = height * size
    picture, matte = np.zeros((height, width, 3), np.float32), np.zeros((height, width), np.uint8)

    def lay(points: list[tuple[float, float, float, float]], colour: FloatMap | Frames) -> None:
        shape = np.zeros_like(matte)
        for dx, dy, across, down in points:
            centre = (int(x + dx * unit), int(y + dy * unit))
            cv2.ellipse(shape, centre, (max(1, int(across * unit)), max(1, int(down * unit))), 0, 0, 360, 1, -1)
        np.copyto(picture, np.broadcast_to(colour, picture.shape).astype(np.float32), where=shape[..., None] > 0)
        np.copyto(matte, 1, where=shape > 0)

    skin = np.array([1, 0.78, 0.66], np.float32) * rng.uniform(90, 240)
    hair = rng.uniform(10, 120) * np.array([1, rng.uniform(0.6, 0.9), rng.uniform(0.4, 0.8)], np.float32)
    plain = rng.uniform(20, 235, 3).astype(np.float32)
    clothes = plain + (cloth - cloth.mean(axis=(0, 1))) * rng.choice([0.0, 0.25, 0.8])
    long = rng.choice([0.06, 0.16, 0.26])
    lay(
        [
            (0, -0.03, 0.15, 0.18),
            (-0.08, long - 0.06, 0.07, 0.14 + long / 3),
            (0.08, long - 0.06, 0.07, 0.14 + long / 3),
        ],
        hair,
    )
    lay([(0, 0.55, 0.34, 0.36), (-0.18, 0.6, 0.2, 0.32), (0.18, 0.6, 0.2, 0.32)], clothes)
    lay([(0, 0.19, 0.06, 0.1), (0, 0.02, 0.11, 0.15)], skin)
    lay([(-0.04, 0, 0.015, 0.01), (0.04, 0, 0.015, 0.01)], hair)
    lay([(0, 0.09, 0.03, 0.01)], skin * np.array([0.9, 0.45, 0.45], np.float32))
    shade = cv2.GaussianBlur(rng.normal(0, 1, (height, width)).astype(np.float32), (0, 0), height / 14)
    picture *= 1 + 0.15 * (shade / shade.std())[..., None]
    picture += cv2.GaussianBlur(rng.normal(0, 12, picture.shape).astype(np.float32), (0, 0), 1)
    return np.clip(picture, 0, 255), cv2.GaussianBlur(matte.astype(np.float32), (0, 0), 0.8 * height / 360)


def _coded(frames: Frames, *, crf: int) -> Frames:
    """What a codec leaves of frames."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "call.mp4"
        source = ArraySource(frames, rate=Fraction(25))
        first, *rest = source
        with open_sink(path, source, first, Encoding(crf=crf, threads=1), lambda _: None) as sink:
            for frame in (first, *rest):
                sink.write(frame)
            sink.commit()
        return read_clip(path)
