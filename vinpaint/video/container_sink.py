"""Writing video files through PyAV: atomic, verified, with everything the source carried."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import av
from av.container import OutputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from vinpaint.errors import OutputError, UsageError
from vinpaint.files import explained, put_in_place, temporary_beside
from vinpaint.video.container import DECODE_ERRORS, ContainerSource, clone, display_matrix, is_cover, native_of
from vinpaint.video.encoders import (
    Encoder,
    Encoding,
    choices,
    clock,
    container_of,
    hdr_parameters,
    options_of,
    same_storage,
)
from vinpaint.video.source import Frame, VideoSink, VideoSource

Warn = Callable[[str], None]

# Written by the muxer itself; stale when carried over.
_TECHNICAL = {"encoder", "major_brand", "minor_version", "compatible_brands", "duration", "vendor_id"}
# Matroska: without this, sound that starts before zero shifts everything.
_MUXER_OPTIONS = {"matroska": {"avoid_negative_ts": "disabled"}, "webm": {"avoid_negative_ts": "disabled"}}
_ESSENTIAL = ("audio", "subtitle")
_UNFIT = {"mov": ("opus", "libopus", "vorbis")}  # sound that a muxer takes first and then refuses
_BARE = ("avi", "mpegts")  # these know neither rotation nor chapters
_ASPECT_INSIDE = ("libx264", "libx265", "mpeg4")  # encoders that write the pixel aspect into their own stream


class ContainerSink(VideoSink):
    """A video file that appears at ``path`` when committed.

    Parameters
    ----------
    path : Path
        Target; the suffix chooses the container.
    source : VideoSource
        The clip; a video file also hands on sound, subtitles, chapters and metadata.
    first : Frame
        Its first picture: pixel format, side data.
    encoding : Encoding
        What the user asks of the encoder.
    warn : callable
        Takes one sentence for each thing that the output cannot hold.

    Raises
    ------
    UsageError
        For a suffix, encoder or option that cannot be.
    OutputError
        If the file cannot be created.
    """

    def __init__(
        self,
        path: Path,
        source: VideoSource,
        first: Frame,
        encoding: Encoding,
        warn: Warn,
    ) -> None:
        self._path, self._info, self._warn = path, source.info, warn
        self._source = source if isinstance(source, ContainerSource) else None
        picture = native_of(first)
        self._format = container_of(path, encoding)
        self._temporary = temporary_beside(path)
        self._written, self._last = 0, -1
        self._waiting: deque[Any] = deque()
        self._passed: dict[int, int] = {}
        self._overlapping = 0
        try:
            try:
                self._begin(picture, encoding, (*_ESSENTIAL, "video", "data", "attachment"))
            except av.FFmpegError:  # some containers refuse data streams only when the header is written
                self._drop()
                self._begin(picture, encoding, _ESSENTIAL)
        except av.FFmpegError as error:
            self.abort()
            raise OutputError(f"cannot write {path}: {_words(error)}; try another container or encoder") from error
        except BaseException:
            self.abort()
            raise

    def _begin(self, first: VideoFrame, encoding: Encoding, kinds: tuple[str, ...]) -> None:
        with explained(self._path):
            self._container: OutputContainer = av.open(
                f"file:{self._temporary}",
                "w",
                format=self._format,
                container_options=_MUXER_OPTIONS.get(self._format, {}),
            )
        self._stream, self._encoder = self._add_video(first, encoding)
        self._describe_video(first)
        self._copies = self._add_copies(kinds)
        if self._source is not None:
            self._carry_texts(self._source)
        self._container.start_encoding()

    # ------------------------------------------------------------ streams

    def _add_video(self, first: VideoFrame, encoding: Encoding) -> tuple[VideoStream, Encoder]:
        for choice in choices(encoding, self._format, self._info):
            encoder = choice.encoder
            try:
                stream: Any = self._container.add_stream(encoder.name, rate=self._info.rate)
            except ValueError:  # the container cannot hold it
                continue
            stream.pix_fmt = choice.form
            stream.options = self._options(encoder, encoding, first)
            if encoder.quantiser is not None:
                stream.codec_context.qscale = True
                stream.codec_context.global_quality = 118 * encoder.quantiser  # FF_QP2LAMBDA
            stream.codec_context.thread_count = encoding.threads
            return stream, encoder
        asked = f"encoder {encoding.encoder}" if encoding.encoder else f"{self._info.layout.bits}-bit video"
        raise UsageError(f"{self._path.suffix} cannot hold {asked}; choose .mkv")

    def _options(self, encoder: Encoder, encoding: Encoding, first: VideoFrame) -> dict[str, str]:
        options = options_of(encoder, encoding)
        hdr = hdr_parameters(encoder, first)
        if hdr is None:
            self._warn(f"HDR mastering data cannot be carried by {encoder.name} and is left out")
        if first.interlaced_frame:
            if encoder.name in ("libx264", "mpeg4"):
                options["flags"] = "+ildct+ilme"
            elif encoder.name != "ffv1":
                self._warn(f"{encoder.name} writes the interlaced picture as progressive")
        if self._format == "avi" and encoder.name in ("libx264", "libx265"):
            options["bf"] = "0"  # AVI has no time stamps, only an order
        return {**options, **(hdr or {})}

    def _describe_video(self, first: VideoFrame) -> None:
        stream, info = self._stream, self._info
        context = stream.codec_context
        stream.width, stream.height = info.width, info.height
        context.time_base = clock(self._format, info)
        tags = info.tags
        if stream.format.is_rgb:
            context.color_range, context.colorspace = tags.range, 0
        elif info.layout.model == "rgb":
            context.color_range, context.colorspace = 1, 1
        else:
            context.color_range, context.colorspace = tags.range, tags.matrix
        context.color_primaries, context.color_trc = tags.primaries, tags.transfer
        if not same_storage(stream.pix_fmt or "", info.layout):
            self._warn(f"{self._encoder.name} stores the picture as {stream.pix_fmt} instead of {info.layout.name}")
        if self._source is None:
            return
        if matrix := display_matrix(first):
            stream.set_display_matrix(matrix)
            if self._format in _BARE and info.rotation:
                self._warn(f"{self._path.suffix} cannot store a rotation of {info.rotation} degrees: it is lost")
        aspect = self._source.stream.sample_aspect_ratio
        if aspect and aspect != 1:
            context.sample_aspect_ratio = aspect
            if self._format in ("matroska", "webm") and self._encoder.name not in _ASPECT_INSIDE:
                self._warn(
                    f"pixel aspect {aspect} cannot be stored with {self._encoder.name} in {self._path.suffix}; "
                    "set it when you play the file"
                )
        stream.metadata.update(_texts(self._source.stream.metadata))

    def _add_copies(self, kinds: tuple[str, ...]) -> dict[int, Any]:
        """Streams passed on as they are, by their index in the source."""
        copies: dict[int, Any] = {}
        if self._source is None:
            return copies
        for stream in self._source.container.streams:
            if stream is self._source.stream:
                continue
            copy = self._copy_of(stream) if stream.type in kinds else None
            if copy is None:
                self._warn(
                    f"{stream.type} stream {stream.index} cannot be stored in {self._path.suffix} and is left out"
                )
            else:
                copies[stream.index] = copy
        return copies

    def _copy_of(self, stream: Any) -> Any:
        if stream.type == "attachment" and self._format != "matroska":
            return None
        if is_cover(stream) and self._format != "mp4":
            return None
        if stream.codec_context is not None and stream.codec_context.name in _UNFIT.get(self._format, ()):
            return None
        try:
            copy = self._container.add_stream_from_template(stream, opaque=True)
        except DECODE_ERRORS:
            return None
        copy.metadata.update(_texts(stream.metadata))
        with suppress(*DECODE_ERRORS, AttributeError):
            copy.disposition = stream.disposition
        return copy

    def _carry_texts(self, source: ContainerSource) -> None:
        self._container.metadata.update(_texts(source.container.metadata))
        chapters = source.container.chapters()
        if chapters and self._format in _BARE:
            self._warn(f"{self._path.suffix} cannot store chapters: {len(chapters)} are lost")
        elif chapters:
            self._container.set_chapters(chapters)

    # ------------------------------------------------------------ frames

    def write(self, frame: Frame) -> None:
        """See :meth:`VideoSink.write`."""
        try:
            self._waiting.extend(frame.companions)
            self._mux(self._stream.encode(self._prepared(frame)))
        except DECODE_ERRORS as error:
            raise OutputError(f"cannot write {self._path}: {_words(error)}; check the space left") from error
        self._written += 1

    def _prepared(self, frame: Frame) -> VideoFrame:
        native = native_of(frame)
        form = self._stream.pix_fmt or native.format.name
        if native.format.name != form:
            native = self._converted(native, form)
        native.pict_type = 0
        native.pts, native.time_base = frame.pts, frame.time_base
        if self._format == "avi":  # one slot a frame
            native.time_base = clock("avi", self._info)
            native.pts = self._last = max(self._last + 1, round(frame.time / native.time_base))
        return native

    def _converted(self, native: VideoFrame, form: str) -> VideoFrame:
        if native.format.name == form.replace("yuv", "yuvj", 1):
            return clone(native, form)
        context = self._stream.codec_context
        changed = native.reformat(
            format=form,
            dst_colorspace=_known(context.colorspace),
            dst_color_range=_known(context.color_range, 0),
        )
        changed.color_range, changed.colorspace = context.color_range, context.colorspace
        changed.color_primaries, changed.color_trc = context.color_primaries, context.color_trc
        return changed

    def _mux(self, packets: list[Any]) -> None:
        """Mux video packets, each after the companions that come before it in time."""
        for packet in packets:
            time = packet.dts * packet.time_base if packet.dts is not None else 0
            while self._waiting and _time(self._waiting[0]) <= time:
                self._pass_on(self._waiting.popleft())
            self._container.mux(packet)

    def _pass_on(self, packet: Any) -> None:
        """Hand a packet of another stream on; a picture of the cover has no time, all others need one."""
        index = packet.stream.index
        target = self._copies.get(index)
        if target is None:
            return
        if packet.dts is None:
            packet.dts = 0 if packet.pts is None else packet.pts
        if packet.pts is None:
            packet.pts = packet.dts
        if index in self._passed and packet.dts <= self._passed[index] and packet.stream.type == "audio":
            self._overlapping += 1
            return
        self._passed[index] = packet.dts
        packet.stream = target
        self._container.mux(packet)

    # ------------------------------------------------------------ the end

    def commit(self) -> None:
        """See :meth:`VideoSink.commit`."""
        try:
            self._mux(self._stream.encode(None))
            while self._waiting:
                self._pass_on(self._waiting.popleft())
            self._container.close()
            found = _count(self._temporary)
            if self._overlapping:
                self._warn(f"{self._overlapping} packets of sound overlap others and are left out")
        except DECODE_ERRORS as error:
            raise OutputError(f"cannot write {self._path}: {_words(error)}; check the space left") from error
        if found != self._written:
            raise OutputError(
                f"cannot write {self._path}: {found} of {self._written} frames arrived; check the space left"
            )
        put_in_place(self._temporary, self._path)

    def abort(self) -> None:
        """See :meth:`VideoSink.abort`."""
        self._drop()

    def _drop(self) -> None:
        container = getattr(self, "_container", None)
        if container is not None:
            with suppress(*DECODE_ERRORS, OSError):
                container.close()
        with suppress(OSError):
            self._temporary.unlink()


def _count(path: Path) -> int:
    with av.open(f"file:{path}", "r", options={"protocol_whitelist": "file"}) as check:
        return sum(1 for packet in check.demux(check.streams.video[0]) if packet.size)


def _texts(metadata: dict[str, str]) -> dict[str, str]:
    """Metadata without what the muxers write themselves (Matroska's statistics tags included)."""
    return {
        key: value
        for key, value in metadata.items()
        if key.lower() not in _TECHNICAL and not key.startswith(("_STATISTICS", "NUMBER_OF_", "BPS"))
    }


def _time(packet: Any) -> Any:
    stamp = packet.dts if packet.dts is not None else packet.pts
    return stamp * packet.time_base if stamp is not None else 0


def _known(code: int, unknown: int = 2) -> int | None:
    return None if code == unknown else code


def _words(error: BaseException) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
