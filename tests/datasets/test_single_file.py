"""A single file as a dataset: added by itself, compared, and given back, without what lies beside it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pyarrow as pa
import pytest
from click.testing import CliRunner, Result

from noria.cli.data import data
from noria.datasets.catalog import Datasets
from noria.errors import Conflict, SourceNotFound, VersionExists, WrongArgument, WrongData
from noria.store.blobs import Blobs
from noria.store.database import Database
from noria.workspace import Workspace


@pytest.fixture
def datasets(database: Database, tmp_path: Path) -> Datasets:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "loans.csv").write_text("a\n1\n")
    (tmp_path / "data" / "beside.csv").write_text("not meant")
    return Datasets(database, Blobs(tmp_path / ".noria" / "objects"), tmp_path)


def test_it_is_kept_changed_and_given_back(datasets: Datasets, tmp_path: Path) -> None:
    path, folders = tmp_path / "data" / "loans.csv", datasets.folders
    first = folders.add(path)
    version = first.version
    assert (version.ref, version.files, version.source, version.single) == ("loans.csv@1", 1, "data/loans.csv", True)
    assert first.changes.added == {"loans.csv": 4}
    assert not folders.add(path).is_new
    assert not folders.status(path).changes
    path.write_text("a\n1\n2\n")
    path.chmod(0o755)
    assert folders.status(path).changes.changed == {"loans.csv": (4, 6)}
    second = folders.add(path, note="two").version
    assert (second.ref, second.parent) == ("loans.csv@2", 1)
    path.write_text("my edit")
    with pytest.raises(Conflict, match="hold what no version has"):
        folders.checkout(version)
    assert path.read_text() == "my edit"
    assert folders.checkout(version, force=True).written == ["loans.csv"]
    assert path.read_text() == "a\n1\n"
    path.unlink()
    assert folders.status(path).changes.removed == {"loans.csv": 4}
    assert folders.restore(second, ["loans.csv"]).written == ["loans.csv"]
    assert path.read_text() == "a\n1\n2\n"
    assert path.stat().st_mode & 0o100
    assert (tmp_path / "data" / "beside.csv").read_text() == "not meant"
    assert sorted(os.listdir(tmp_path / "data")) == ["beside.csv", "loans.csv"]


def test_it_goes_into_a_folder_or_under_another_name(datasets: Datasets, tmp_path: Path) -> None:
    folders = datasets.folders
    version = folders.add(tmp_path / "data" / "loans.csv").version
    (tmp_path / "there").mkdir()
    folders.checkout(version, tmp_path / "there")
    assert (tmp_path / "there" / "loans.csv").read_text() == "a\n1\n"
    folders.checkout(version, tmp_path / "new" / "other.csv")
    assert (tmp_path / "new" / "other.csv").read_text() == "a\n1\n"
    (tmp_path / "new" / "other.csv").write_text("a\n7\n")
    assert folders.add(tmp_path / "new" / "other.csv").version.ref == "loans.csv@2"  # it came from there
    assert folders.checkout(version, tmp_path / "new" / "other.csv").written == ["other.csv"]
    assert folders.restore(version, ["."], tmp_path / "new" / "third.csv").written == ["third.csv"]


def test_a_file_and_the_folder_it_lies_in_are_apart(datasets: Datasets, tmp_path: Path) -> None:
    folders = datasets.folders
    one = folders.add(tmp_path / "data" / "loans.csv").version
    whole = folders.add(tmp_path / "data").version
    assert (whole.ref, whole.files, whole.single) == ("data@1", 2, False)
    (tmp_path / "data" / "beside.csv").write_text("changed")
    assert not folders.status(tmp_path / "data" / "loans.csv").changes
    assert folders.status(tmp_path / "data").changes
    folders.checkout(one)
    assert (tmp_path / "data" / "beside.csv").read_text() == "changed"
    assert folders.sweep(set(), grace_seconds=-60).contents == 0


def test_what_is_in_the_way_or_not_there(datasets: Datasets, tmp_path: Path) -> None:
    folders, path = datasets.folders, tmp_path / "data" / "loans.csv"
    for ask in (folders.add, folders.status):
        with pytest.raises(SourceNotFound, match="no file or folder"):
            ask(tmp_path / "data" / "none.csv")
    version = folders.add(path).version
    (tmp_path / "data" / "link.csv").symlink_to(path)
    with pytest.raises(WrongData, match="symbolic link"):
        folders.add(tmp_path / "data" / "link.csv")
    os.mkfifo(tmp_path / "data" / "pipe")
    with pytest.raises(WrongData, match="a pipe"):
        folders.add(tmp_path / "data" / "pipe")
    path.unlink()
    path.mkdir()
    (path / "kept").write_text("mine")
    for force in (False, True):
        with pytest.raises(Conflict):
            folders.checkout(version, force=force)
        assert (path / "kept").read_text() == "mine"
    with pytest.raises(WrongArgument, match=r"dataset loans.csv came from data/loans.csv"):
        folders.add(path)  # a folder has taken its place: it is another dataset
    assert folders.add(path, name="folder").version.single is False
    (tmp_path / "data" / "-x y").write_text("")
    with pytest.raises(WrongArgument, match="cannot name a dataset"):
        folders.add(tmp_path / "data" / "-x y")
    assert folders.add(tmp_path / "data" / "-x y", name="odd").version.ref == "odd@1"


def test_only_the_change_of_a_large_file_is_kept(datasets: Datasets, tmp_path: Path) -> None:
    path = tmp_path / "data" / "big.csv"
    lines = [f"{number},{number * 7919 % 100_003},text\n" for number in range(120_000)]
    path.write_text("".join(lines))
    first = datasets.folders.add(path).version
    lines[500] = "changed\n"
    path.write_text("".join(lines))
    second = datasets.folders.add(path).version
    files = datasets.folders.needed(second)
    assert sum("deltas" in file.parts for file in files) == 1
    datasets.folders.checkout(first)
    assert "changed" not in path.read_text()


def test_a_dataset_of_that_name_from_elsewhere(datasets: Datasets, tmp_path: Path) -> None:
    datasets.folders.add(tmp_path / "data" / "loans.csv")
    (tmp_path / "loans.csv").write_text("other")
    with pytest.raises(WrongArgument, match=r"dataset loans.csv came from data/loans.csv, not from loans.csv"):
        datasets.folders.add(tmp_path / "loans.csv")
    assert datasets.folders.add(tmp_path / "loans.csv", name="loans.csv").version.number == 2


def test_the_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    remote = (tmp_path / "remote").as_uri()
    toml = f'[project]\nname = "p"\n[data]\nsource = "a.csv"\n[store]\nremote = "{remote}"\n'

    def call(home: str, *args: str) -> Result:
        (tmp_path / home).mkdir(exist_ok=True)
        (tmp_path / home / "noria.toml").write_text(toml)
        monkeypatch.chdir(tmp_path / home)
        return CliRunner().invoke(data, args, catch_exceptions=False)

    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "model.bin").write_bytes(b"one")
    assert "model.bin@1: 1 added" in call("mine", "add", "model.bin").stdout
    (tmp_path / "mine" / "model.bin").write_bytes(b"three")
    assert "model.bin@1: 0 added, 1 changed" in call("mine", "status").stdout
    assert "1 changed" in call("mine", "status", "model.bin").stdout
    call("mine", "add", "model.bin")
    assert "1 changed" in call("mine", "diff", "model.bin").stdout
    assert "model.bin@2" in call("mine", "log", "model.bin").stdout
    assert [one["path"] for one in json.loads(call("mine", "show", "model.bin", "--json").stdout)["contents"]] == [
        "model.bin"
    ]
    assert "1 file written" in call("mine", "checkout", "model.bin@1").stdout
    assert (tmp_path / "mine" / "model.bin").read_bytes() == b"one"
    (tmp_path / "mine" / "model.bin").unlink()
    assert "1 removed" in call("mine", "status", "model.bin").stdout
    assert "1 file written" in call("mine", "restore", "model.bin@2", "model.bin").stdout
    call("mine", "push", "model.bin@2")
    call("theirs", "pull", "model.bin")
    assert "1 file written" in call("theirs", "checkout", "model.bin").stdout
    assert (tmp_path / "theirs" / "model.bin").read_bytes() == b"three"
    assert "nothing has changed" in call("theirs", "status").stdout
    (tmp_path / "mine" / "p").write_bytes(b"")  # the name of the project's own table is taken from then on
    assert call("mine", "add", "p").exit_code == 0
    table, mine = pa.table({"a": [1]}), Workspace(tmp_path / "mine").datasets
    with pytest.raises(VersionExists):
        mine.commit("p", table, source="")
