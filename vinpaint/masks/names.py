"""Names of pictures: which files are pictures, and their order."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from vinpaint.files import PICTURE_SUFFIXES

MASK_SUFFIXES = PICTURE_SUFFIXES | {".pbm", ".pgm", ".ppm", ".pnm", ".gif"}
"""Pictures that are read as masks."""


def there(test: Callable[[], bool]) -> bool:
    """What a path's ``is_dir``, ``is_file`` or ``exists`` says; False of a name that no file can have: too long."""
    try:
        return test()
    except OSError:
        return False


def natural_key(path: Path) -> tuple[list[tuple[int, int, str]], str]:
    """Sorting key of a file's name: numbers by their value (2 before 10), letters whatever their case."""
    parts = re.findall(r"\d+|\D+", path.name)
    return [(0, int(p), p) if p.isdecimal() else (1, 0, p.lower()) for p in parts], path.name
