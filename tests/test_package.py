"""The layout: what is installed, the links, and the arrows between the rooms."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("flow", "refiner", "baselines", "benchmarks")

pytestmark = pytest.mark.skipif(not (ROOT / "setup.cfg").exists(), reason="not in a checkout")


def setup() -> ConfigParser:
    config = ConfigParser()
    config.read(ROOT / "setup.cfg")
    return config


def folder_of(package: str) -> Path:
    parts = package.split(".")
    if len(parts) > 1 and parts[1] in ROOMS:
        parts = parts[1:]
    return ROOT.joinpath(*parts)


def packages() -> set[str]:
    """Every folder with Python files, by the name under which it is imported; tests are none."""
    found = set()
    for top in ("vinpaint", *ROOMS):
        for file in (ROOT / top).rglob("*.py"):
            inside = file.parent.relative_to(ROOT)
            if not any((ROOT / part).is_symlink() for part in (inside, *inside.parents)):
                found.add(".".join(inside.parts if top == "vinpaint" else ("vinpaint", *inside.parts)))
    return found


def test_the_package_list_is_the_tree() -> None:
    listed = setup()["options"]["packages"].split()
    assert len(listed) == len(set(listed))
    assert set(listed) == packages()


@pytest.mark.parametrize("package", sorted(packages()) if (ROOT / "setup.cfg").exists() else [])
def test_every_package_has_an_init_with_a_docstring(package: str) -> None:
    assert ast.get_docstring(ast.parse((folder_of(package) / "__init__.py").read_text()))


@pytest.mark.parametrize("room", ROOMS)
def test_links(room: str) -> None:
    link = ROOT / "vinpaint" / room
    assert link.is_symlink()
    assert str(link.readlink()) == f"../{room}"
    assert link.resolve() == ROOT / room
    assert f"vinpaint.{room} = {room}" in setup()["options"]["package_dir"]


# ---------------------------------------------------------------- arrows


def modules() -> Iterator[tuple[str, Path]]:
    for package in sorted(packages()):
        for file in sorted(folder_of(package).glob("*.py")):
            yield package if file.stem == "__init__" else f"{package}.{file.stem}", file


def imports(file: Path, *, typing: bool = True) -> set[str]:
    """Modules that a file imports, anywhere in it; without those for type checkers if asked."""
    tree = ast.parse(file.read_text())
    skipped: set[ast.AST] = set()
    for node in ast.walk(tree):
        if not typing and isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            skipped.update(inner for part in node.body for inner in ast.walk(part))
    found = set()
    for node in ast.walk(tree):
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            found.update(name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file} imports relatively"
            module = node.module or ""
            found.update({module, *(f"{module}.{name.name}" for name in node.names)})
    return found


def under(names: set[str], *roots: str) -> set[str]:
    return {name for name in names if any(name == root or name.startswith(f"{root}.") for root in roots)}


def test_only_the_video_room_knows_pyav() -> None:
    allowed = {"vinpaint.cli.doctor"}  # names the version
    for name, file in modules():
        if not name.startswith("vinpaint.video") and name not in allowed:
            assert not under(imports(file), "av"), name


OUTER = ("vinpaint.cli", "vinpaint.api", "vinpaint.cleaning", "vinpaint.benchmarks", "vinpaint.batch", "vinpaint.ui")
FORBIDDEN = {
    "vinpaint.flow": ("vinpaint.video", "vinpaint.fill", "vinpaint.detect", "vinpaint.masks", *OUTER),
    "vinpaint.statistics": ("vinpaint.video", "vinpaint.fill", "vinpaint.detect", "vinpaint.masks", *OUTER),
    "vinpaint.masks": ("vinpaint.video", "vinpaint.fill", "vinpaint.detect", "vinpaint.flow", *OUTER),
    "vinpaint.video": ("vinpaint.fill", "vinpaint.detect", "vinpaint.flow", "vinpaint.refiner", *OUTER),
    "vinpaint.detect": ("vinpaint.fill", "vinpaint.baselines", *OUTER),
    "vinpaint.fill": OUTER,
    "vinpaint.refiner": ("vinpaint.fill", *OUTER),
    "vinpaint.baselines": OUTER,
    "vinpaint.contracts": ("vinpaint",),
    "vinpaint.errors": ("vinpaint",),
}


@pytest.mark.parametrize("room", FORBIDDEN)
def test_arrows_point_one_way(room: str) -> None:
    for name, file in modules():
        if name == room or name.startswith(f"{room}."):
            assert not under(imports(file, typing=False), *FORBIDDEN[room]), name


def test_only_the_command_line_prints() -> None:
    for name, file in modules():
        if name.startswith(("vinpaint.cli", "vinpaint.benchmarks")):
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            called = node.func if isinstance(node, ast.Call) else None
            assert not (isinstance(called, ast.Name) and called.id in ("print", "exit", "input")), name


def test_modules_postpone_annotations() -> None:
    for name, file in modules():
        tree = ast.parse(file.read_text())
        if any(isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AnnAssign) for node in ast.walk(tree)):
            assert "__future__.annotations" in imports(file), name
