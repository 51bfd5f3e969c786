"""A walk: every file is found, nothing else is followed."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noria.errors import SourceNotFound
from noria.store.ignoring import Ignoring
from noria.store.scanning import scan


def test_files_are_found_by_path(tmp_path: Path) -> None:
    for name in ("a", ".hidden", "b/c/d", "b/new\nline", "b/.tmp-own"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    (tmp_path / "b" / "run").write_text("x")
    (tmp_path / "b" / "run").chmod(0o755)
    (tmp_path / "empty").mkdir()
    found = scan(tmp_path)
    assert set(found.files) == {"a", ".hidden", "b/c/d", "b/new\nline", "b/.tmp-own", "b/run"}
    assert found.executable == {"b/run"}
    assert found.folders == {"b", "b/c", "empty"}
    assert found.files["a"].size == 1
    assert found.files["a"].inode == (tmp_path / "a").stat().st_ino


def test_names_that_are_no_text_are_found(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/a\xff")).write_text("x")
    assert set(scan(tmp_path).files) == {"a\udcff"}


def test_links_are_told_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside" / "loop").symlink_to("..")
    (tmp_path / "gone").symlink_to("nowhere")
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to("file")
    found = scan(tmp_path)
    assert set(found.files) == {"file"}
    assert set(found.links) == {"inside/loop", "gone", "link"}


def test_what_is_no_file_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        assert scan(tmp_path).special == {"pipe": "a pipe", "socket": "a socket"}


def test_our_own_and_gits_are_passed_over(tmp_path: Path) -> None:
    for name in (".noria/a", ".git/b", "c/.git/d", "c/.noria-tmp-1", "c/.gitignore"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    found = scan(tmp_path)
    assert set(found.files) == {"c/.gitignore"}
    assert found.leftovers == ["c/.noria-tmp-1"]


def test_what_is_ignored_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / ".noriaignore").write_text("# raw data\n*.raw\n/cache/\n!keep.raw\n")
    for name in ("a.raw", "keep.raw", "cache/x", "b/cache/y", "b/c.raw"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    assert set(scan(tmp_path).files) == {".noriaignore", "keep.raw", "b/cache/y"}


def test_no_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(SourceNotFound, match="no folder"):
        scan(tmp_path / "nowhere")


@given(st.text(max_size=30), st.text(alphabet="ab/.*[]!", min_size=1, max_size=12))
def test_any_line_is_a_pattern(line: str, path: str) -> None:
    assert Ignoring(line + "\n*\n").fits(path.replace("/", "x"), folder=False)
