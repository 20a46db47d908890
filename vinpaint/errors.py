"""The errors vinpaint raises on purpose.

Each has one base, inherits the natural builtin type, and knows the exit status of the command line that stands for
it. A message says what is wrong, where, and (after a semicolon) what to do.
"""

from __future__ import annotations

from collections.abc import Iterable


class VinpaintError(Exception):
    """Base of every error that vinpaint raises on purpose."""

    exit_code = 1


class UsageError(VinpaintError, ValueError):
    """The call itself is wrong: an unknown method, an option out of range, output = input."""

    exit_code = 2


class InputError(VinpaintError, ValueError):
    """An input that is missing, is no video, or holds no frame that can be decoded."""

    exit_code = 4


class MaskError(VinpaintError, ValueError):
    """A mask that cannot be read, or does not fit the frames."""

    exit_code = 1


class OutputError(VinpaintError, OSError):
    """An output that cannot be written: no space, no permission, a format that cannot hold it."""

    exit_code = 1


class OutputExistsError(VinpaintError, FileExistsError):
    """An output that exists and may not be overwritten."""

    exit_code = 5


class Interrupted(VinpaintError, RuntimeError):
    """Work that was interrupted and can be resumed; the message says how."""

    exit_code = 130


class DependencyError(VinpaintError, ImportError):
    """A package or weights file that is needed and missing."""

    exit_code = 6


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A hint for a message about an unknown name: the one that it is most like, or nothing."""
    from difflib import get_close_matches

    close = get_close_matches(name, list(known), n=1)
    return f"did you mean {close[0]}? " if close else ""
