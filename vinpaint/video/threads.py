"""Decoding ahead and encoding behind, so that both overlap with the work between them."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterable
from queue import SimpleQueue
from typing import Any

from vinpaint.video.source import Frame, VideoSink

_END = object()
_BYTES_AHEAD = 64 << 20


def depth_for(frame_bytes: int) -> int:
    """Frames to hold between two threads: few of large ones."""
    return max(2, min(8, _BYTES_AHEAD // max(1, frame_bytes)))


class _Line:
    """A bounded queue between two threads, which an interrupt cannot leave locked.

    ``queue.Queue`` takes its lock in Python code: an interrupt in that moment leaves it locked for good, and whoever
    cleans up after the interrupt waits for ever. These queues are compiled.
    """

    def __init__(self, depth: int) -> None:
        self._items: SimpleQueue[Any] = SimpleQueue()
        self._room: SimpleQueue[None] = SimpleQueue()
        for _ in range(depth):
            self.widen()

    def put(self, item: Any) -> None:
        """Add an item, when there is room."""
        self._room.get()
        self._items.put(item)

    def get(self) -> Any:
        """Take the first item, when there is one."""
        item = self._items.get()
        self.widen()
        return item

    def widen(self) -> None:
        """Make room for one more item."""
        self._room.put(None)


def ahead(frames: Iterable[Frame], depth: int) -> Generator[Frame, None, None]:
    """Iterate in a thread of its own, at most ``depth`` frames ahead of the reader.

    Errors of the thread are raised here, in order. When the reader stops early the thread ends as well.
    """
    line, stopped = _Line(depth), False

    def work() -> None:
        try:
            for frame in frames:
                line.put(frame)
                if stopped:
                    return
            line.put(_END)
        except BaseException as error:  # noqa: BLE001 - handed to the reader, who raises it
            line.put(error)

    thread = threading.Thread(target=work, name="decode", daemon=True)
    thread.start()
    try:
        while (item := line.get()) is not _END:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stopped = True
        line.widen()  # the thread may wait for room
        thread.join()


class WriteBehind(VideoSink):
    """A sink that encodes in a thread of its own, at most ``depth`` frames behind."""

    def __init__(self, sink: VideoSink, depth: int) -> None:
        self._sink = sink
        self._line = _Line(depth)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="encode", daemon=True)
        self._thread.start()

    def write(self, frame: Frame) -> None:
        """See :meth:`VideoSink.write`; an error may belong to an earlier frame."""
        self._raise()
        self._line.put(frame)

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
        while (frame := self._line.get()) is not _END:
            if self._error is not None:
                continue
            try:
                self._sink.write(frame)
            except BaseException as error:  # noqa: BLE001 - raised at the next write or at the commit
                self._error = error

    def _finish(self) -> None:
        if self._thread.is_alive():
            self._line.widen()
            self._line.put(_END)
            self._thread.join()

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error
