"""What is loaded from a file once, and again when the file is another."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar

T = TypeVar("T")


def cached_by_file(most: int) -> Callable[[Callable[..., T]], Callable[..., T]]:
    """Keep what a function of a file gave last, for as long as the file is the same.

    Parameters
    ----------
    most : int
        Results that are kept.

    Returns
    -------
    callable
        Decorates a function whose first argument is the path of a file, or the name of what is none; all of them are
        positional and hashable.
    """

    def decorate(load: Callable[..., T]) -> Callable[..., T]:
        @lru_cache(maxsize=most)
        def kept(stamp: tuple[int, ...], *arguments: Any) -> T:
            return load(*arguments)

        return lambda path, *arguments: kept(_stamp(path), path, *arguments)

    return decorate


def _stamp(path: str | os.PathLike[str]) -> tuple[int, ...]:
    """Tells a file from what it was before it was changed or replaced; empty where there is none."""
    try:
        status = os.stat(path)  # noqa: PTH116 - an empty name is no file, Path("") is a folder
    except (OSError, ValueError):
        return ()
    return status.st_ino, status.st_size, status.st_mtime_ns
