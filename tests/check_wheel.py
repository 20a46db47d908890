"""Check what is in a wheel: every module of the tree and its weights, the type marker, the licence, and nothing else.

Run as ``python tests/check_wheel.py WHEEL``.
"""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("flow", "refiner", "baselines", "benchmarks")
_NETWORKS = (".safetensors", ".md")  # weights and their cards


def expected() -> set[str]:
    """Names that belong into the wheel besides its metadata."""
    own = {p for p in (ROOT / "vinpaint").rglob("*.py") if not any((ROOT / "vinpaint" / r) in p.parents for r in ROOMS)}
    own |= {p for room in ("detect", "leak") for p in (ROOT / "vinpaint" / room).iterdir() if p.suffix in _NETWORKS}
    names = {str(p.relative_to(ROOT)) for p in own} | {"vinpaint/py.typed"}
    for room in ROOMS:
        names |= {f"vinpaint/{p.relative_to(ROOT)}" for p in (ROOT / room).rglob("*.py")}
    for room in ("baselines", "refiner"):
        names |= {f"vinpaint/{p.relative_to(ROOT)}" for p in (ROOT / room / "weights").glob("*.[sm]*")}
    report = ROOT / "benchmarks" / "report"
    names |= {f"vinpaint/{p.relative_to(ROOT)}" for kind in ("html", "css", "js") for p in report.glob(f"*.{kind}")}
    return names


def main(wheel: Path) -> str | None:
    """What is wrong with a wheel; None when it is in order."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    content = {name for name in names if ".dist-info/" not in name}
    if missing := sorted(expected() - content):
        return f"the wheel lacks {', '.join(missing)}; is its package in setup.cfg?"
    if surplus := sorted(content - expected()):
        return f"the wheel holds {', '.join(surplus)}, which no user needs"
    if not any(name.endswith("LICENSE") for name in names):
        return "the wheel lacks the LICENSE"
    return None


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
