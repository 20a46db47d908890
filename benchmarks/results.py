"""What a run found, as plain JSON with a schema."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, TypeAlias

import vinpaint
from vinpaint.benchmarks.metrics import METRICS
from vinpaint.errors import InputError

Json: TypeAlias = dict[str, Any]

VERSION = 1
_PACKAGES = ("numpy", "scipy", "opencv-contrib-python-headless", "scikit-image", "numba", "av", "torch")
_BENCHMARKS = ("suites", "leak_calls.py", "leaks.py", "metrics.py", "perceptual.py", "runner.py", "worker.py")
"""The part of the benchmarks that figures depend on; reports and programs are free to change."""

_number = {"type": ["number", "null"]}
_text = {"type": "string"}
_row = {
    "type": "object",
    "required": ["case", "clip", "method", "reference", "status", "frames", "size", "metrics"],
    "properties": {
        "case": _text,
        "clip": _text,
        "method": _text,
        "reference": {"type": "boolean"},
        "status": {"enum": ["ok", "failed"]},
        "error": _text,
        "frames": {"type": "integer", "minimum": 0},
        "size": {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2},
        "facts": {"type": "object", "additionalProperties": _number},
        "metrics": {
            "type": "object",
            "additionalProperties": _number,
            "propertyNames": {"enum": list(METRICS)},
        },
        "per_frame": {"type": "object", "additionalProperties": {"type": "array", "items": _number}},
        "times": {"type": "array", "items": {"type": "number", "minimum": 0}},
        "recovered": _number,
        "invented": _number,
        "verdict": _text,
        "warnings": {"type": "array", "items": _text},
    },
}
SCHEMA: Json = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "vinpaint benchmark",
    "type": "object",
    "required": ["schema", "vinpaint", "code", "made", "command", "quick", "machine", "metrics", "suites"],
    "properties": {
        "schema": {"const": VERSION},
        "vinpaint": _text,
        "code": {"type": "string", "description": "hash of the code and weights that the figures depend on"},
        "made": {"type": "string", "description": "ISO 8601, UTC"},
        "command": _text,
        "quick": {"type": "boolean"},
        "machine": {
            "type": "object",
            "required": ["processor", "cores", "memory_gib", "system", "python", "packages", "load"],
            "properties": {"packages": {"type": "object", "additionalProperties": _text}},
        },
        "metrics": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "required": ["title", "unit", "better", "definition"],
                "properties": {"better": {"enum": ["higher", "lower", "none"]}},
            },
        },
        "not_computed": {"type": "object", "additionalProperties": _text},
        "suites": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name", "title", "question", "headline", "metrics", "protocol", "excluded", "rows"],
                "properties": {
                    "metrics": {"type": "array", "items": {"enum": list(METRICS)}},
                    "by_frames": {"type": "boolean"},
                    "rows": {"type": "array", "items": _row},
                },
            },
        },
    },
}
"""JSON schema of ``results.json``."""


def read_results(path: Path) -> Json:
    """Results of an earlier run.

    Raises
    ------
    InputError
        If it is no such file, or one of another version.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        version = found["schema"]
        if version == VERSION:
            _require(found, SCHEMA)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}; give the results.json of a benchmark") from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path} is no result of a benchmark; give the results.json that 'vinpaint bench' wrote"
        ) from error
    if version != VERSION:
        raise InputError(f"{path} is of version {version!r}, this is version {VERSION}; run the benchmark anew")
    return dict(found)


def _require(value: Any, schema: Json) -> None:
    """Raise KeyError, or TypeError, if a value lacks what a schema requires at any depth."""
    for key in schema.get("required", ()):
        value[key]
    for key, part in schema.get("properties", {}).items():
        if key in value:
            _require(value[key], part)
    if "items" in schema:
        for each in value:
            _require(each, schema["items"])


def machine() -> Json:
    """The machine and the versions that figures depend on."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count() or 0,
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30), 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in _PACKAGES},
        "load": round(os.getloadavg()[0], 2),
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def code_hash() -> str:
    """Hash of everything in the package that a figure depends on: rows of other code are measured anew."""
    root = Path(vinpaint.__file__).parent
    parts = [path for path in root.iterdir() if path.name not in ("benchmarks", "cli")]
    parts += [root / "benchmarks" / name for name in _BENCHMARKS]
    files = [path for part in parts for path in ([part] if part.is_file() else part.rglob("*"))]
    digest = hashlib.sha256()
    for path in sorted(path for path in files if path.suffix in (".py", ".safetensors")):
        digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def now() -> str:
    """Date and time, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
