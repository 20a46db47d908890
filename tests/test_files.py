"""Outputs: refused before the work starts, and complete or absent after it."""

from __future__ import annotations

import os
from pathlib import Path

import media
import pytest

from vinpaint.errors import OutputError, OutputExistsError, UsageError
from vinpaint.files import check_output, check_outputs, explained, put_in_place, temporary_beside, write_bytes


def touched(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"old")
    return path


def test_a_new_output_is_fine(tmp_path: Path) -> None:
    check_output(tmp_path / "new.mp4", touched(tmp_path / "in.mp4"), overwrite=False)
    check_output(tmp_path / "new folder", overwrite=False)


def test_existing_output(tmp_path: Path) -> None:
    old = touched(tmp_path / "old.mp4")
    with pytest.raises(OutputExistsError, match="add -y"):
        check_output(old, overwrite=False)
    check_output(old, overwrite=True)


def test_existing_folder(tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    check_output(folder, overwrite=False, folder=True)
    touched(folder / "x")
    with pytest.raises(OutputExistsError, match="folder with files"):
        check_output(folder, overwrite=False, folder=True)
    check_output(folder, overwrite=True, folder=True)


def test_output_is_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = touched(tmp_path / "in.mp4")
    link = tmp_path / "link.mp4"
    link.symlink_to(source)
    monkeypatch.chdir(tmp_path)
    for same in (source, link, Path("in.mp4"), tmp_path / "." / "in.mp4"):
        with pytest.raises(UsageError, match="is the input"):
            check_output(same, source, overwrite=True)


@pytest.mark.parametrize("name", ["00003.png", "%05d.png", "7.png", "%d.png", "0%04d.png"])
def test_folder_of_the_pictures_that_are_read(tmp_path: Path, name: str) -> None:
    touched(tmp_path / "frames" / "00003.png")
    with pytest.raises(UsageError, match="is the input"):
        check_output(tmp_path / "frames", tmp_path / "frames" / name, overwrite=True, folder=True)
    check_output(tmp_path / "frames", tmp_path / "frames" / "clip.mp4", overwrite=True, folder=True)


@pytest.mark.parametrize("name", [".", "%05d.png", "0%04d.png"])
def test_a_picture_of_those_that_are_read(tmp_path: Path, name: str) -> None:
    frames = tmp_path / "frames"
    source = frames / name
    with pytest.raises(UsageError, match="is the input"):
        check_output(touched(frames / "00003.png"), source, overwrite=True)
    check_output(frames / "00004.png", source, overwrite=True)
    check_output(touched(frames / "mask.mp4"), source, overwrite=True)
    check_output(touched(tmp_path / "00003.png"), source, overwrite=True)


def test_folder_where_a_file_is_wanted_and_the_reverse(tmp_path: Path) -> None:
    touched(tmp_path / "folder" / "a")
    with pytest.raises(OutputError, match="is a folder; name a file"):
        check_output(tmp_path / "folder", overwrite=True)
    with pytest.raises(OutputError, match="is a file; name a folder"):
        check_output(touched(tmp_path / "file"), overwrite=True, folder=True)


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="create it first"):
        check_output(tmp_path / "no" / "out.mp4", overwrite=False)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_folder_without_permission(tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    with pytest.raises(OutputError, match="not writable"):
        check_output(locked / "out.mp4", overwrite=False)


def test_two_outputs_of_one_name(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="two outputs"):
        check_outputs((tmp_path / "a.png", None, tmp_path / "a.png"), [], overwrite=True)
    check_outputs((tmp_path / "a.png", None, tmp_path / "b.png"), [], overwrite=False)


def test_write_bytes_replaces_and_leaves_nothing_behind(tmp_path: Path) -> None:
    target = touched(tmp_path / "r.json")
    write_bytes(target, b"new")
    assert target.read_bytes() == b"new"
    assert media.names(tmp_path) == ["r.json"]


def test_failed_write_keeps_the_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = touched(tmp_path / "r.json")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match=r"r\.json: No space left on device"):
        write_bytes(target, b"new")
    assert target.read_bytes() == b"old"
    assert media.names(tmp_path) == ["r.json"]


def test_put_in_place_takes_folders(tmp_path: Path) -> None:
    temporary = tmp_path / ".x.part"
    touched(temporary / "a")
    put_in_place(temporary, tmp_path / "x")
    assert (tmp_path / "x" / "a").exists()


def test_temporary_names(tmp_path: Path) -> None:
    long = tmp_path / ("n" * 240 + ".mp4")
    names = {temporary_beside(long) for _ in range(20)}
    assert len(names) == 20
    for name in names:
        assert name.parent == tmp_path
        assert name.name.startswith(".")
        assert name.suffix == ".part"
        name.touch()  # not too long for the file system


def test_an_explanation_is_given_once(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="first"), explained(tmp_path):
        raise OutputError("first")
