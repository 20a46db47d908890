"""Reading video files through PyAV: every frame once, damage counted, everything else handed on."""

from __future__ import annotations

import heapq
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from fractions import Fraction
from itertools import dropwhile, islice, takewhile
from math import ceil, inf
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.container import InputContainer
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from vinpaint.errors import InputError
from vinpaint.statistics.sampling import Plan, Taken, plan_samples, take
from vinpaint.video.encoders import chroma_steps, colours_of
from vinpaint.video.layout import FULL_RANGE, ColourTags, Layout, make_layout
from vinpaint.video.shots import samples_of, shot_numbers
from vinpaint.video.source import MAX_PIXELS, ClipInfo, Frame, Samples, VideoSource

Time = Fraction | float  # seconds; infinite where a clip ends by itself

# What PyAV raises on damaged files; the builtin ones are leaks from its own parsing.
DECODE_ERRORS = (av.FFmpegError, IndexError, ValueError, MemoryError, OverflowError)
LONGEST_GAP = 250  # damaged frames in a row before the run is given up
DECODE_WHOLE = 1500  # ranges of at most so many frames are sampled by decoding all of them
ENOUGH_KEYS = 12  # key frames to begin a burst at, below which a longer range is decoded, too
PROMISE_KEPT = 0.9  # share of the frames estimated from a duration that has to be there
STEADY = 0.75  # share of equal steps from which a clip is taken to have a constant frame rate
FALLS_BACK = Fraction(1, 10)  # seconds by which decoding times fall back where recordings were joined

av.logging.set_level(None)


class ContainerSource(VideoSource):
    """A video file.

    Parameters
    ----------
    path : Path
        The file; never taken for a URL.
    threads : int
        Decoder threads, 0 = as many as there are cores.

    Raises
    ------
    InputError
        If it is no file, no video, or holds no frame that can be decoded.
    """

    def __init__(self, path: Path, *, threads: int = 0) -> None:
        self._threads = threads
        self._path = path
        self.container, self.stream = _open(path, threads)
        self._errors = self._stand_ins = self._concealed = self._discarded = self._emitted = 0
        self._companions: list[Any] = []
        self._continuity = Continuity()
        self._steps: Counter[int] = Counter()
        self._frames = self._read()
        self._working = ""
        try:
            self._first = next(self._frames, None)
        except InputError:
            self.close()
            raise
        if self._first is None:
            self.close()
            raise InputError(f"{path} holds no frame that can be decoded; check that it plays")
        self.first_time = self._first.time
        try:
            super().__init__(self._info(path, self._first))
        except InputError:
            self.close()
            raise

    def close(self) -> None:
        """Release the file."""
        self.container.close()

    def __iter__(self) -> Iterator[Frame]:
        held, self._first = self._first, None
        if held is None:
            raise RuntimeError("a source is iterated once")
        for frame in self._frames:
            self._steps[frame.pts - held.pts] += 1
            yield replace(held, companions=self._take_companions())
            held = frame
        yield replace(held, companions=self._take_companions())
        self.damage.missing = self._missing(held.time)

    def sample(self, count: int, start: Fraction | None = None, end: Fraction | None = None) -> Samples:
        """See :meth:`VideoSource.sample`."""
        begin = self.first_time + (start or 0)
        stop = inf if end is None else self.first_time + end
        expected = self._expected_frames(begin, stop)
        if expected is not None and expected > DECODE_WHOLE:
            plan = plan_samples(expected, count)
            keys = self._keys([begin + first / self.info.rate for first in plan.starts], plan, stop)
            if len(keys) >= min(len(plan.starts), ENOUGH_KEYS):
                return self._sought(keys, plan, stop)
        return self._decoded(plan_samples(self._counted(begin, stop, expected), count), begin, stop)

    # ------------------------------------------------------------ decoding

    def _read(self, *streams: VideoStream) -> Iterator[Frame]:
        """Pictures in order of time, stand-ins included, and companions of all or some streams."""
        expected: list[int] = []
        last: Frame | None = None
        for packet in self._packets(*streams):
            if packet.stream is not self.stream:
                if packet.size:
                    self._companions.append(packet)
                continue
            if packet.is_discard:
                self._discarded += 1
            elif packet.pts is not None and packet.size:
                heapq.heappush(expected, packet.pts)
            for native in self._pictures(packet):
                for pts in self._lost(expected, native.pts):
                    if last is not None and pts > last.pts:
                        last = stand_in(last, pts)
                        yield last
                last = self._frame(native, last)
                self._emitted += 1
                yield last

    def _packets(self, *streams: VideoStream) -> Iterator[Any]:
        """Packets of all or some streams, then the flush; a damaged stretch of the file is skipped."""
        for _ in range(LONGEST_GAP):
            try:
                for packet in self.container.demux(*streams):
                    self._continuity.apply(packet)
                    yield packet
                return
            except DECODE_ERRORS:
                self._note_error()
        raise InputError(f"{self._path} is damaged throughout; nothing more can be read")

    def _pictures(self, packet: Any) -> list[VideoFrame]:
        try:
            frames = packet.decode()
        except DECODE_ERRORS:
            self._note_error()
            return []
        return [frame for frame in frames if self._usable(frame)]

    def _usable(self, native: VideoFrame) -> bool:
        if self._emitted == 0:
            if native.width * native.height > MAX_PIXELS:
                raise InputError(f"{self._path} has frames of {native.width}x{native.height}; that is too large")
            self._size = native.width, native.height, native.format.name
        if (native.width, native.height, native.format.name) != self._size:
            self._note_error()
            return False
        if native.is_corrupt:
            self._concealed += 1
            self._count_damage()
        return True

    def _lost(self, expected: list[int], pts: int | None) -> list[int]:
        """Time stamps before ``pts`` whose packets gave no picture; they are damage only once errors were met."""
        lost = []
        while pts is not None and expected and expected[0] <= pts:
            stamp = heapq.heappop(expected)
            if stamp < pts:
                lost.append(stamp)
        if not self._errors or not self._emitted:
            return []
        if len(lost) > LONGEST_GAP:
            raise InputError(f"{self._path}: more than {LONGEST_GAP} frames in a row are damaged; repair it first")
        self._stand_ins += len(lost)
        self._count_damage()
        return lost

    def _note_error(self) -> None:
        self._errors += 1
        self._count_damage()

    def _count_damage(self) -> None:
        if hasattr(self, "damage"):
            self.damage.frames = max(self._errors, self._stand_ins) + self._concealed

    def _missing(self, end: Fraction) -> int:
        """Frames that the container promises beyond those that came; ``end`` is the time of the last one."""
        self._count_damage()
        total = self._emitted + self._stand_ins
        if self.info.frames_exact:
            return max(0, self.stream.frames - self._discarded - total)
        promised = self.info.frames or 0
        if not self._steady():  # its frames cannot be foretold from its duration, only its end
            total = max(total, round((end - self.first_time) * self.info.rate) + 1)
        return promised - total if total < PROMISE_KEPT * promised - 1 else 0

    def _steady(self) -> bool:
        """Whether frames come at a constant rate but for gaps; AVI leaves out frames that repeat another."""
        if self.container.format.name == "avi" or not self._steps:
            return False
        usual = self._steps.most_common(1)[0][0]
        near = sum(self._steps[step] for step in (usual - 1, usual, usual + 1))
        return near >= STEADY * self._steps.total()

    def _take_companions(self) -> tuple[Any, ...]:
        taken, self._companions = tuple(self._companions), []
        return taken

    def _frame(self, native: VideoFrame, last: Frame | None) -> Frame:
        self._working = self._working or working_format(native.format, self._path)
        if native.format.name != self._working:
            native = _repacked(native, self._working)
        time_base = native.time_base or self.stream.time_base or Fraction(1, 1000)
        pts = native.pts
        if pts is None:  # raw streams have no times
            pts = last.pts + max(1, round(1 / (self._rate * time_base))) if last else 0
        elif last is not None and pts <= last.pts:  # encoders and players need time to go on
            pts = last.pts + 1
        layout = last.layout if last else layout_of(native)
        native.make_writable()
        return Frame(plane_views(native), layout, pts, time_base, native=native)

    @property
    def _rate(self) -> Fraction:
        return self.stream.average_rate or self.stream.guessed_rate or Fraction(25)

    def _info(self, path: Path, first: Frame) -> ClipInfo:
        native: VideoFrame = first.native
        if _mirrored(native):
            raise InputError(f"{path} asks players to mirror it, which is not supported; store it as it is to be seen")
        rotation = native.rotation % 360
        rate = self._rate
        return ClipInfo(
            path,
            native.width,
            native.height,
            first.layout,
            tags_of(native),
            rotation if rotation % 90 == 0 else 0,
            first.time_base,
            rate,
            self.stream.frames or _estimated(self.container, self.stream, rate),
            frames_exact=bool(self.stream.frames) and self.container.format.name != "avi",
            codec=self.stream.codec_context.codec.canonical_name,
        )

    # ------------------------------------------------------------ sampling

    def _expected_frames(self, begin: Fraction, stop: Time) -> int | None:
        """Frames of a range of time by the average rate; None if the clip's length is unknown."""
        if not self.info.frames:
            return None
        last = self.first_time + self.info.frames / self.info.rate
        return max(1, round((min(stop, last) - begin) * self.info.rate))

    def _counted(self, begin: Fraction, stop: Time, expected: int | None) -> int:
        """Pictures that are stored in a range of time; nothing is decoded for that."""
        container, stream = _open(self._path, 1)
        count, base = 0, stream.time_base or Fraction(1, 1000)
        with container:
            self._go_near(container, stream, begin)
            try:
                for packet in container.demux(stream):
                    if (packet.dts or 0) * base >= stop:
                        break
                    stamp = packet.dts if packet.pts is None else packet.pts
                    here = stamp is None or begin <= stamp * base < stop
                    count += here and bool(packet.size) and not packet.is_discard
            except DECODE_ERRORS:
                return max(count, expected or 0)
        return count

    def _decoded(self, plan: Plan, begin: Fraction, stop: Time) -> Samples:
        """Samples of a range that is decoded from end to end, and what is damaged or missing there."""
        with closing(ContainerSource(self._path, threads=self._threads)) as again:
            far = self._go_near(again.container, again.stream, begin)
            again._continuity = Continuity()
            frames = takewhile(lambda frame: frame.time < stop, again._read(again.stream) if far else again)
            inside = dropwhile(lambda item: item[0].time < begin, shot_numbers(frames))
            taken = list(take(plan, inside))
            deque(inside, maxlen=0)
            self.damage.frames, self.damage.missing = again.damage.frames, again.damage.missing
        before = ceil((begin - self.first_time) * self.info.rate)
        return samples_of([replace(one, index=before + one.index) for one in taken])

    def _go_near(self, container: InputContainer, stream: VideoStream, begin: Fraction) -> bool:
        """Seek to the key frame before a time, if that is far enough from the beginning to be worth it."""
        if (begin - self.first_time) * self.info.rate <= DECODE_WHOLE or not stream.time_base:
            return False
        with suppress(*DECODE_ERRORS):
            container.seek(int(begin / stream.time_base), stream=stream)
        return True

    def _keys(self, times: list[Fraction], plan: Plan, stop: Time) -> list[int]:
        """Time stamps of the key frames before given times, far enough apart for a burst from each."""
        container, stream = _open(self._path, 1)
        base = stream.time_base or Fraction(1, 1000)
        room = (plan.offsets[-1] + 1) / self.info.rate
        found: list[int] = []
        with container:
            for time in times:
                key = _key_before(container, stream, int(time / base))
                earliest = (found[-1] * base + room) if found else times[0] - plan.starts[0] / self.info.rate
                if key is not None and earliest <= key * base < stop:
                    found.append(key)
        return found

    def _sought(self, keys: list[int], plan: Plan, stop: Time) -> Samples:
        """Bursts that begin at key frames."""
        taken: list[Taken[Frame]] = []
        with closing(ContainerSource(self._path, threads=self._threads)) as again:
            for key in keys:
                burst = again._burst(key, plan.offsets, stop)
                if not burst:
                    continue
                number = round((burst[0].item.time - self.first_time) * self.info.rate) - burst[0].index
                shot = 0
                if taken:
                    number, shot = max(number, taken[-1].index + 1), taken[-1].shot + 1
                taken += [replace(one, index=number + one.index, shot=shot + one.shot) for one in burst]
            self.damage.frames = again.damage.frames
        return samples_of(taken)

    def _burst(self, key: int, offsets: tuple[int, ...], stop: Time) -> list[Taken[Frame]]:
        """A burst from a key frame, or from a cut soon after it."""
        begin = key * (self.stream.time_base or Fraction(1, 1000))
        longest = 2 * (offsets[-1] + 1)
        try:
            self.container.seek(key, stream=self.stream)
            self._continuity = Continuity()
            frames = dropwhile(lambda frame: frame.time < begin, self._read(self.stream))
            inside = takewhile(lambda frame: frame.time < stop, islice(frames, longest))
            return list(take(Plan(longest, (0,), offsets), shot_numbers(inside)))
        except (InputError, *DECODE_ERRORS):
            self._note_error()
            return []


class Continuity:
    """Times that go on where those of a file fall back, as they do where recordings were joined end to end.

    The first stream that falls back tells by how much all streams are late from there on.
    """

    def __init__(self) -> None:
        self._ends: dict[int, Fraction] = {}
        self._parts: Counter[int] = Counter()
        self._shifts = [Fraction(0)]

    def apply(self, packet: Any) -> None:
        """Change the times of the next packet."""
        index, base = packet.stream.index, packet.time_base
        if not base:
            return
        if packet.dts is not None:
            now, end = packet.dts * base, self._ends.get(index)
            if end is not None and now < end - FALLS_BACK:
                self._parts[index] += 1
                if self._parts[index] == len(self._shifts):
                    self._shifts.append(self._shifts[-1] + end - now)
            self._ends[index] = now + (packet.duration or 0) * base
        if shift := round(self._shifts[self._parts[index]] / base):
            packet.pts = None if packet.pts is None else packet.pts + shift
            packet.dts = None if packet.dts is None else packet.dts + shift


def stand_in(frame: Frame, pts: int) -> Frame:
    """A copy of a frame for another time."""
    native = clone(frame.native)
    return Frame(plane_views(native), frame.layout, pts, frame.time_base, repeated=True, native=native)


# ---------------------------------------------------------------- opening


def _open(path: Path, threads: int) -> tuple[InputContainer, VideoStream]:
    if not path.is_file():
        raise InputError(f"{path} {'is no file' if path.exists() else 'does not exist'}; check the name")
    if path.stat().st_size == 0:
        raise InputError(f"{path} is empty; check how it was copied")
    try:
        # "file:" and the white list keep names and play lists from opening anything but files.
        container = av.open(f"file:{path}", "r", options={"protocol_whitelist": "file"}, metadata_errors="replace")
    except DECODE_ERRORS as error:
        raise InputError(f"{path} is not a video that can be read ({_words(error)}); check that it plays") from error
    videos = [stream for stream in container.streams.video if not is_cover(stream)]
    if not videos or videos[0].codec_context is None:
        container.close()
        raise InputError(f"{path} has no picture that can be decoded; give a video file")
    stream = videos[0]
    if stream.codec_context.width * stream.codec_context.height > MAX_PIXELS:
        container.close()
        size = f"{stream.codec_context.width}x{stream.codec_context.height}"
        raise InputError(f"{path} declares frames of {size}; that is too large")
    stream.thread_type = "AUTO"
    stream.codec_context.thread_count = threads
    return container, stream


def is_cover(stream: Any) -> bool:
    """Whether a stream is a picture beside the video: cover art."""
    return stream.type == "video" and bool(stream.disposition & stream.disposition.attached_pic)


def _key_before(container: InputContainer, stream: VideoStream, stamp: int) -> int | None:
    """Time stamp of the key frame before another; None if it cannot be sought."""
    with suppress(*DECODE_ERRORS):
        container.seek(stamp, stream=stream)
        return next((p.pts for p in container.demux(stream) if p.is_keyframe and p.pts is not None), None)
    return None


def _words(error: BaseException) -> str:
    return getattr(error, "strerror", None) or type(error).__name__


def _estimated(container: InputContainer, stream: VideoStream, rate: Fraction) -> int | None:
    """Frames by duration: the stream's own, as Matroska tags it, or else the file's."""
    seconds: Fraction | None = None
    if stream.duration is not None and stream.time_base:
        seconds = stream.duration * stream.time_base
    elif (tag := _tagged_seconds(stream.metadata.get("DURATION", ""))) is not None:
        seconds = tag - Fraction(max(0, stream.start_time or 0)) * (stream.time_base or 1)
    elif container.duration:
        seconds = Fraction(container.duration, av.time_base)
    return round(seconds * rate) if seconds is not None and 0 < seconds * rate < 1 << 32 else None


def _tagged_seconds(text: str) -> Fraction | None:
    parts = text.split(":")
    try:
        hours, minutes, seconds = int(parts[0]), int(parts[1]), Fraction(parts[2])
    except (IndexError, ValueError, ZeroDivisionError):
        return None
    return 3600 * hours + 60 * minutes + seconds


# ---------------------------------------------------------------- pixel formats


def working_format(form: VideoFormat, path: Path) -> str:
    """The planar little-endian format of 8 to 16 bits that holds a pixel format without loss.

    Raises
    ------
    InputError
        If there is none (floating point, Bayer).
    """
    parts = form.components
    bits = max(part.bits for part in parts)
    if bits > 16 or form.is_bayer or form.name.startswith("xyz"):
        raise InputError(f"{path} stores pixels as {form.name}, which is not supported; convert it first")
    own_planes = len({part.plane for part in parts}) == len(parts) and not form.has_palette
    if own_planes and not form.is_big_endian and bits >= 8:
        return str(form.name)
    depth = next(d for d in (8, 10, 12, 14, 16) if d >= bits)
    alpha = "a" if any(part.is_alpha for part in parts) or form.has_palette else ""
    return _planar_name(form, alpha) + (f"{depth}le" if depth > 8 else "")


def _planar_name(form: VideoFormat, alpha: str) -> str:
    if form.is_rgb or form.has_palette:
        return f"gbr{alpha}p"
    if len(colours_of(form)) == 1:
        return "gbrap" if alpha else "gray"
    xstep, ystep = chroma_steps(form)
    return f"yuv{alpha}{ {(2, 2): '420', (2, 1): '422', (1, 1): '444', (1, 2): '440', (4, 1): '411'}[xstep, ystep] }p"


def layout_of(native: VideoFrame) -> Layout:
    """Layout of a picture in a working format."""
    form = native.format
    model = "rgb" if form.is_rgb else "gray" if len(colours_of(form)) == 1 else "yuv"
    bits = max(part.bits for part in form.components)
    return make_layout(form.name, model, bits, chroma_steps(form), tags_of(native), native.height)


def tags_of(native: VideoFrame) -> ColourTags:
    """Colour description of a picture."""
    return ColourTags(
        int(native.color_range), int(native.colorspace), int(native.color_primaries), int(native.color_trc)
    )


def plane_views(native: VideoFrame) -> tuple[NDArray[Any], ...]:
    """Arrays over the planes of a picture in a working format, (H, W) each, without a copy."""
    dtype = np.uint8 if max(part.bits for part in native.format.components) == 8 else np.uint16
    views = []
    for plane in native.planes:
        rows = np.frombuffer(memoryview(plane), dtype).reshape(plane.height, -1)
        views.append(rows[:, : plane.width])
    return tuple(views)


def native_of(frame: Frame) -> VideoFrame:
    """The picture of a frame for an encoder; made from the planes when the frame came from an image."""
    if frame.native is not None:
        native: VideoFrame = frame.native
        return native
    height, width = frame.planes[0].shape
    native = VideoFrame(width, height, frame.layout.name)
    for target, source in zip(plane_views(native), frame.planes, strict=True):
        target[...] = source
    native.color_range = FULL_RANGE
    return native


def clone(native: VideoFrame, form: str | None = None) -> VideoFrame:
    """A copy of a picture, if asked under another name of the same storage (``yuvj420p`` and ``yuv420p``)."""
    copy = VideoFrame(native.width, native.height, form or native.format.name)
    for target, source in zip(plane_views(copy), plane_views(native), strict=True):
        target[...] = source
    copy.pts, copy.time_base = native.pts, native.time_base
    _tag(copy, tags_of(native))
    return copy


def display_matrix(native: VideoFrame) -> list[int]:
    """What players do with a picture before they show it: nine numbers, row by row; none if it has no such matrix."""
    sides: Iterable[Any] = native.side_data
    found = (memoryview(bytes(side)).cast("i").tolist() for side in sides if side.type.name == "DISPLAYMATRIX")
    return next(found, [])


def _mirrored(native: VideoFrame) -> bool:
    """Whether the display matrix of a picture has a reflection in it."""
    if not (matrix := display_matrix(native)):
        return False
    a, b, _, c, d, *_ = matrix
    return bool(a * d < b * c)


def _repacked(native: VideoFrame, form: str) -> VideoFrame:
    """The same samples in another arrangement; neither matrix nor range are converted."""
    tags = tags_of(native)
    frame = (
        native.reformat(format=form, src_color_range=2, dst_color_range=2)
        if native.format.is_rgb
        else (native.reformat(format=form))
    )
    frame.pts, frame.time_base = native.pts, native.time_base
    _tag(frame, tags)
    return frame


def _tag(native: VideoFrame, tags: ColourTags) -> None:
    native.color_range, native.colorspace = tags.range, tags.matrix
    native.color_primaries, native.color_trc = tags.primaries, tags.transfer
