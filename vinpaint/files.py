"""Files that appear complete or not at all."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from vinpaint.errors import OutputError, OutputExistsError, UsageError

PICTURE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"})
"""Pictures of one frame, which can be read and written."""

_NUMBERED = re.compile(r"(\d+|.*%0?\d*d.*)\.png")  # names that an output folder writes over, or a pattern of them
_PLACE = re.compile(r"%0?\d*d")


def check_outputs(
    files: Iterable[Path | None], inputs: Sequence[Path], *, overwrite: bool, folders: Iterable[Path | None] = ()
) -> None:
    """Check every output that is not None with :func:`check_output`, and that no two are the same."""
    kinds = [(path, False) for path in files] + [(path, True) for path in folders]
    outputs = [path for path, _ in kinds if path is not None]
    for number, (path, folder) in enumerate((path, folder) for path, folder in kinds if path is not None):
        check_output(path, *inputs, overwrite=overwrite, folder=folder)
        if any(_same(path, other) for other in outputs[:number]):
            raise UsageError(f"{path} is named for two outputs; give each a name of its own")


def check_output(path: Path, *inputs: Path, overwrite: bool, folder: bool = False) -> None:
    """Refuse an output that is one of the inputs, exists (unless told otherwise), or has no folder.

    Parameters
    ----------
    path : Path
        The output.
    *inputs : Path
        What is read.
    overwrite : bool
        Whether it may exist.
    folder : bool
        Whether a folder is going to be written, and not a file.

    Raises
    ------
    UsageError
        If it is the same file as an input, a picture of an input that is a folder or a pattern, or a folder whose
        numbered pictures are inputs.
    OutputExistsError
        If it exists, and for a folder: holds anything.
    OutputError
        If it cannot be created, or is a folder where a file is wanted, or the reverse.
    """
    if any(_reads(other, path, folder=folder) for other in inputs):
        raise UsageError(f"{path} is the input; name another output")
    if path.exists() and path.is_dir() != folder:
        kind = ("a folder", "a file")[folder]
        raise OutputError(f"{path} is {kind}; name {('a file', 'a folder')[folder]}")
    if path.is_dir():
        if not overwrite and any(path.iterdir()):
            raise OutputExistsError(f"{path} is a folder with files in it; add -y to overwrite, or name another")
        if not os.access(path, os.W_OK):
            raise OutputError(f"{path} is not writable; choose another folder")
        return
    if path.exists() and not overwrite:
        raise OutputExistsError(f"{path} exists; add -y to overwrite it, or name another")
    if not path.parent.is_dir():
        raise OutputError(f"{path.parent} is not a folder; create it first")
    if not os.access(path.parent, os.W_OK):
        raise OutputError(f"{path.parent} is not writable; choose another folder")


def numbered_like(pattern: Path) -> re.Pattern[str] | None:
    """Names of the pictures that a path such as ``frame_%05d.png`` stands for; None if it is a file or no pattern."""
    parts = _PLACE.split(pattern.name)
    if len(parts) != 2 or pattern.suffix.lower() not in PICTURE_SUFFIXES or pattern.exists():
        return None
    return re.compile(r"\d+".join(map(re.escape, parts)))


def _reads(source: Path, path: Path, *, folder: bool) -> bool:
    """Whether writing ``path`` would change what is read from ``source``."""
    if _same(path, source):
        return True
    if folder:
        return bool(_NUMBERED.fullmatch(source.name)) and _same(path, source.parent)
    if not path.exists() or path.suffix.lower() not in PICTURE_SUFFIXES:
        return False
    names = numbered_like(source)
    return _same(path.parent, source) or bool(
        names and names.fullmatch(path.name) and _same(path.parent, source.parent)
    )


def _same(a: Path, b: Path) -> bool:
    try:
        return a.samefile(b)
    except OSError:
        return a.absolute() == b.absolute()


def temporary_beside(path: Path) -> Path:
    """An unused name in the folder of ``path``, hidden, ending in ``.part``."""
    return path.with_name(f".{path.name[:80]}.{secrets.token_hex(4)}.part")


def put_in_place(temporary: Path, path: Path) -> None:
    """Make a finished file durable, then rename it over ``path``."""
    with explained(path):
        _sync(temporary)
        temporary.replace(path)
        _sync(path.parent)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError:
        if not path.is_dir():  # some file systems cannot sync a folder
            raise
    finally:
        os.close(handle)


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn an operating system error into one that names the output."""
    try:
        yield
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        raise OutputError(f"cannot write {path}: {error.strerror or error}; check space and permissions") from error


def write_bytes(path: Path, data: bytes) -> None:
    """Write a small file atomically."""
    temporary = temporary_beside(path)
    try:
        with explained(path):
            temporary.write_bytes(data)
        put_in_place(temporary, path)
    finally:
        with suppress(OSError):
            temporary.unlink()
