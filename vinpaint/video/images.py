"""Folders, numbered patterns and single images as clips, and back."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from vinpaint.errors import InputError, OutputError, UsageError
from vinpaint.files import PICTURE_SUFFIXES as SUFFIXES
from vinpaint.files import explained, numbered_like, put_in_place, temporary_beside, write_bytes
from vinpaint.masks.names import natural_key
from vinpaint.statistics.sampling import Taken, plan_samples
from vinpaint.video.arrays import frames_in
from vinpaint.video.layout import FULL_RANGE, ColourTags, make_layout
from vinpaint.video.planes import Planes
from vinpaint.video.shots import samples_of, shot_numbers
from vinpaint.video.source import MAX_PIXELS, ClipInfo, Frame, Samples, VideoSink, VideoSource, rotate

DEEP = {".png", ".tif", ".tiff"}
"""Suffixes of pictures that can have 16 bits."""
_OPAQUE = {".jpg", ".jpeg"}
_DEFAULT_RATE = Fraction(25)
_ORIENTATION = 0x0112  # Exif tag
_TURNS = {2: (0, True), 3: (2, False), 4: (2, True), 5: (3, True), 6: (3, False), 7: (1, True), 8: (1, False)}
_COMPRESSION = [cv2.IMWRITE_PNG_COMPRESSION, 1]


class ImageSource(VideoSource):
    """Images in natural order, one frame each.

    Parameters
    ----------
    path : Path
        A folder, a pattern such as ``frame_%05d.png``, or one image.
    rate : Fraction, optional
        Frames a second, for outputs that are videos; default 25.

    Raises
    ------
    InputError
        If there is no image, or they differ in size or type.
    """

    def __init__(self, path: Path, *, rate: Fraction | None = None) -> None:
        self.files = image_files(path)
        if not self.files:
            raise InputError(f"{path} holds no images; give a folder of {' '.join(sorted(SUFFIXES))} files")
        first = _read(self.files[0])
        height, width = first.shape[:2]
        self._shape, self._dtype = first.shape, first.dtype
        rate = rate or _DEFAULT_RATE
        model = "gray" if first.ndim == 2 else "rgb"
        tags = ColourTags(range=FULL_RANGE)
        bits = 8 * first.dtype.itemsize
        layout = make_layout(_native_name(first), model, bits, (1, 1), tags, height)
        super().__init__(
            ClipInfo(path, width, height, layout, tags, 0, 1 / rate, rate, len(self.files), frames_exact=True)
        )

    def __iter__(self) -> Iterator[Frame]:
        return (self._frame(index) for index in range(len(self.files)))

    def sample(self, count: int, start: Fraction | None = None, end: Fraction | None = None) -> Samples:
        """See :meth:`VideoSource.sample`."""
        inside = frames_in(self.info, start, end)
        numbers = [inside[index] for index in plan_samples(len(inside), count).indices]
        frames = [self._frame(number) for number in numbers]
        if len(frames) < len(inside):  # cuts show between neighbours only, and reading all of them takes long
            return Samples(frames, numbers)
        numbered = zip(numbers, shot_numbers(frames), strict=True)
        return samples_of([Taken(frame, number, shot) for number, (frame, shot) in numbered])

    def _frame(self, index: int) -> Frame:
        image = _read(self.files[index])
        if image.shape != self._shape or image.dtype != self._dtype:
            raise InputError(
                f"{self.files[index].name} is {_words(image.shape, image.dtype)}, {self.files[0].name} is "
                f"{_words(self._shape, self._dtype)}; all frames need one size and type"
            )
        return Frame(planes_of(image), self.info.layout, index, self.info.time_base)


def image_files(path: Path) -> list[Path]:
    """The images of a folder, a pattern, or a single file, in natural order."""
    if path.is_dir():
        return sorted(
            (p for p in path.iterdir() if p.suffix.lower() in SUFFIXES and not p.name.startswith(".")),
            key=natural_key,
        )
    if (names := numbered_like(path)) is None:
        return [path]
    folder = path.parent
    numbered = (p for p in folder.iterdir() if names.fullmatch(p.name)) if folder.is_dir() else ()
    return sorted(numbered, key=natural_key)


def planes_of(image: NDArray[Any]) -> Planes:
    """Planes of a stored image as views: gray (H, W), or G, B, R (and alpha) of OpenCV's BGR(A)."""
    if image.ndim == 2:
        return (image,)
    return tuple(image[..., channel] for channel in (1, 0, 2, 3)[: image.shape[2]])


def _native_name(image: NDArray[Any]) -> str:
    name = "gray" if image.ndim == 2 else "gbrap" if image.shape[2] == 4 else "gbrp"
    return name if image.dtype == np.uint8 else f"{name}16le"


def _read(path: Path) -> NDArray[Any]:
    """An image as stored, in OpenCV's order; the header is checked before anything is decoded."""
    try:
        with Image.open(path) as header:
            width, height = header.size
            orientation = header.getexif().get(_ORIENTATION, 1) if header.format in ("JPEG", "WEBP") else 1
    except (
        OSError,
        ValueError,
        SyntaxError,
        UnidentifiedImageError,
        Image.DecompressionBombError,
        Image.DecompressionBombWarning,
    ) as error:
        if not path.exists():
            raise InputError(f"{path} does not exist; check the name") from error
        raise InputError(f"{path} is not an image that can be read; check that it opens") from error
    if width * height > MAX_PIXELS:
        raise InputError(f"{path} is {width}x{height}; that is too large")
    image = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
    if image is None or image.dtype not in (np.uint8, np.uint16):
        raise InputError(f"{path} cannot be decoded as 8- or 16-bit pixels; convert it to PNG")
    decoded: NDArray[Any] = image[..., 0] if image.ndim == 3 and image.shape[2] == 1 else image
    return _upright(decoded, orientation)


def _upright(image: NDArray[Any], orientation: int) -> NDArray[Any]:
    """A photograph as a viewer shows it, by its Exif orientation, 1 to 8."""
    turns, mirrored = _TURNS.get(orientation, (0, False))
    turned = np.rot90(image, turns)
    return np.ascontiguousarray(turned[:, ::-1] if mirrored else turned)


def _words(shape: tuple[int, ...], dtype: Any) -> str:
    channels = {2: "gray"}.get(len(shape)) or {3: "RGB", 4: "RGBA"}.get(shape[-1], f"{shape[-1]} channels")
    return f"{shape[1]}x{shape[0]} {channels} {dtype}"


def encode_picture(image: NDArray[Any], suffix: str) -> bytes:
    """File content of a gray (H, W), RGB or RGBA picture, uint8 or uint16, in the format of a suffix.

    Raises
    ------
    OutputError
        If no format has this suffix, or it cannot hold the picture.
    """
    suffix = suffix.lower() or ".png"
    if image.dtype == np.uint16 and suffix not in DEEP:  # OpenCV would clip it to 8 bits
        raise OutputError(f"cannot write 16 bits as {suffix!r}; use .png")
    if image.ndim == 3 and image.shape[2] == 4 and suffix in _OPAQUE:
        raise OutputError(f"cannot write a picture that is transparent in places as {suffix!r}; use .png")
    order = {3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}
    stored = cv2.cvtColor(image, order[image.shape[2]]) if image.ndim == 3 else image
    try:
        done, data = cv2.imencode(suffix, np.ascontiguousarray(stored), _COMPRESSION if suffix == ".png" else [])
    except cv2.error:
        done = False
    if not done:
        raise OutputError(f"cannot write {image.dtype} pixels as {suffix!r}; use .png")
    return data.tobytes()


def check_picture(path: Path, *, deep: bool = False) -> None:
    """Raise UsageError unless a picture, ``deep``: of 16 bits, can be written under a name."""
    able = DEEP if deep else SUFFIXES
    if path.suffix.lower() not in able:
        raise UsageError(f"{path.name}: a picture{' of 16 bits' * deep} ends in one of {' '.join(sorted(able))}")


def write_image(path: Path, image: NDArray[Any]) -> None:
    """Write a gray, RGB or RGBA picture atomically; the suffix chooses the format."""
    write_bytes(path, encode_picture(image, path.suffix))


class PictureFolder:
    """A folder of PNG pictures ``00000.png`` …, complete when committed."""

    def __init__(self, path: Path) -> None:
        self._path, self._count = path, 0
        # Inside a folder that is there: it may be a file system of its own, or the one place that can be written.
        self._temporary = temporary_beside(path / path.name if path.is_dir() else path.absolute())
        with explained(path):
            self._temporary.mkdir()

    def add(self, image: NDArray[Any]) -> None:
        """Write the next picture: gray, RGB or RGBA, 8 or 16 bits."""
        data = encode_picture(image, ".png")
        with explained(self._path):
            (self._temporary / f"{self._count:05d}.png").write_bytes(data)
        self._count += 1

    def commit(self) -> None:
        """Put the pictures at their place; frames of an earlier, longer run that follow are removed."""
        if not self._path.exists():
            put_in_place(self._temporary, self._path)
            return
        with explained(self._path):
            for file in sorted(self._temporary.iterdir()):
                file.replace(self._path / file.name)
            number = self._count
            while (stale := self._path / f"{number:05d}.png").exists():
                stale.unlink()
                number += 1
        self.abort()

    def abort(self) -> None:
        """Remove what was written; does nothing after a commit."""
        shutil.rmtree(self._temporary, ignore_errors=True)


class FolderSink(VideoSink):
    """A folder of PNG frames.

    Pictures are written as a viewer sees them (turned by the clip's rotation), RGB, or as stored when the source
    is images: gray, alpha and 16 bits are kept.
    """

    def __init__(self, path: Path, info: ClipInfo) -> None:
        self._folder, self._rotation = PictureFolder(path), info.rotation

    def write(self, frame: Frame) -> None:
        """See :meth:`VideoSink.write`."""
        self._folder.add(rotate(displayed_picture(frame), self._rotation))

    def commit(self) -> None:
        """See :meth:`VideoSink.commit`."""
        self._folder.commit()

    def abort(self) -> None:
        """See :meth:`VideoSink.abort`."""
        self._folder.abort()


class ImageSink(VideoSink):
    """A single image, for a clip of one."""

    def __init__(self, path: Path, info: ClipInfo) -> None:
        self._path, self._rotation = path, info.rotation
        self._image: NDArray[Any] | None = None

    def write(self, frame: Frame) -> None:
        """See :meth:`VideoSink.write`."""
        if self._image is not None:
            raise OutputError(f"{self._path} can hold one frame only; name a video or a folder ending in '/'")
        self._image = rotate(displayed_picture(frame), self._rotation)

    def commit(self) -> None:
        """See :meth:`VideoSink.commit`."""
        if self._image is not None:
            write_image(self._path, self._image)

    def abort(self) -> None:
        """See :meth:`VideoSink.abort`."""


def displayed_picture(frame: Frame) -> NDArray[Any]:
    """Gray (H, W), RGB or RGBA picture of a frame, before rotation."""
    if frame.native is None and frame.layout.model == "gray":
        return frame.planes[0]
    rgb = frame.rgb()
    if frame.native is None and len(frame.planes) == 4:
        return np.dstack([rgb, frame.planes[3]])
    return rgb
