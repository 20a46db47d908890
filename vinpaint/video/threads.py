"""Decoding ahead and encoding behind, so that both overlap with the work between them."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterable
from typing import Any

from vinpaint.video.source import Frame, VideoSink

_END = object()
_BYTES_AHEAD = 64 << 20


def depth_for(frame_bytes: int) -> int:
    """Frames to hold between two threads: few of large ones."""
    return max(2, min(8, _BYTES_AHEAD // max(1, frame_bytes)))


def ahead(frames: Iterable[Frame], depth: int) -> Generator[Frame, None, None]:
    """Iterate in a thread of its own, at most ``depth`` frames ahead of the reader.

    Errors of the thread are raised here, in order. When the reader stops early the thread ends as well.
    """
    box: queue.Queue[Any] = queue.Queue(depth)
    stop = threading.Event()

    def put(item: Any) -> bool:
        while not stop.is_set():
            try:
                box.put(item, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def work() -> None:
        try:
            for frame in frames:
                if not put(frame):
                    return
            put(_END)
        except BaseException as error:  # noqa: BLE001 - handed to the reader, who raises it
            put(error)

    thread = threading.Thread(target=work, name="decode", daemon=True)
    thread.start()
    try:
        while (item := box.get()) is not _END:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stop.set()
        thread.join()


class WriteBehind(VideoSink):
    """A sink that encodes in a thread of its own, at most ``depth`` frames behind."""

    def __init__(self, sink: VideoSink, depth: int) -> None:
        self._sink = sink
        self._box: queue.Queue[Any] = queue.Queue(depth)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="encode", daemon=True)
        self._thread.start()

    def write(self, frame: Frame) -> None:
        """See :meth:`VideoSink.write`; an error may belong to an earlier frame."""
        self._raise()
        self._box.put(frame)

    def commit(self) -> None:
        """See :meth:`VideoSink.commit`."""
        self._finish()
        self._raise()
        self._sink.commit()

    def abort(self) -> None:
        """See :meth:`VideoSink.abort`."""
        if self._error is None:
            self._error = InterruptedError()  # the thread drops what is waiting
        self._finish()
        self._sink.abort()

    def _work(self) -> None:
        while (frame := self._box.get()) is not _END:
            if self._error is not None:
                continue
            try:
                self._sink.write(frame)
            except BaseException as error:  # noqa: BLE001 - raised at the next write or at the commit
                self._error = error

    def _finish(self) -> None:
        if self._thread.is_alive():
            self._box.put(_END)
            self._thread.join()

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error
