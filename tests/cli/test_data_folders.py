"""``noria data`` for folders of files, tags, and the sweep, over a real project folder."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from click.testing import CliRunner, Result

from noria.cli.data import data
from noria.cli.fsck import fsck
from noria.cli.runs_gc import gc as runs_gc
from noria.errors import (
    Conflict,
    CorruptedBlob,
    DatasetNotFound,
    NotAllowed,
    StoreBusy,
    StoreUnavailable,
    VersionExists,
    WrongArgument,
)
from noria.sources.source import read
from noria.store.contents import SMALL_BYTES
from noria.store.occupancy import together
from noria.workspace import Workspace

PROJECT = '[project]\nname = "loans"\n[data]\nsource = "a.csv"\ntarget = "bad"\n'


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "noria.toml").write_text(PROJECT)
    (tmp_path / "pics" / "cats").mkdir(parents=True)
    (tmp_path / "pics" / "a.png").write_bytes(b"first")
    (tmp_path / "pics" / "cats" / "b.png").write_bytes(b"b" * SMALL_BYTES)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def call(root: Path) -> Callable[..., Result]:
    return lambda *args: CliRunner().invoke(data, args, catch_exceptions=False)


@pytest.fixture
def two(root: Path, call: Callable[..., Result]) -> Callable[..., Result]:
    """A project with two versions of a folder."""
    call("add", "pics", "-m", "first")
    (root / "pics" / "a.png").write_bytes(b"second!")
    (root / "pics" / "c.png").write_bytes(b"c")
    call("add", "pics")
    return call


def test_a_folder_is_named_by_its_dataset_too(two: Callable[..., Result], tmp_path: Path) -> None:
    assert two("diff", "pics").output == two("diff", "pics@1", "pics@2").output == two("diff", "pics@1").output
    (tmp_path / "pics").rename(tmp_path / "elsewhere")
    two("add", "elsewhere", "--name", "photos")
    assert two("status", "photos").output == two("status", "elsewhere").output
    with pytest.raises(DatasetNotFound) as caught:
        two("show", "photo")
    assert caught.value.mend == "did you mean 'photos'?"


def test_add_and_status(root: Path, call: Callable[..., Result]) -> None:
    assert "pics: no version yet; 2 files" in call("status", "pics").stdout
    added = call("add", "pics", "-m", "first").stdout
    assert added == "+ a.png  5 B\n+ cats/b.png  128.0 KB\npics@1: 2 added, 0 changed, 0 removed; 2 files, 128.0 KB\n"
    assert call("add", "pics").stdout == "nothing has changed since pics@1\n"
    (root / "pics" / "a.png").write_bytes(b"second")
    (root / "pics" / "link").symlink_to("a.png")
    told = call("status")
    assert told.stdout == "~ a.png  5 B -> 6 B\npics@1: 0 added, 1 changed, 0 removed\n"
    assert "passed over: link is a symbolic link" in told.stderr
    found = json.loads(call("add", "pics", "--json").stdout)
    assert (found["ref"], found["new"], found["changes"]["changed"]) == ("pics@2", True, {"a.png": [5, 6]})
    assert json.loads(call("status", "--json").stdout)[0]["changes"] == {"added": {}, "removed": {}, "changed": {}}


def test_list_log_show_and_diff(two: Callable[..., Result]) -> None:
    assert "pics           2      3" in two("list").stdout
    assert [one["ref"] for one in json.loads(two("list", "--json").stdout)] == ["pics@2"]
    two("tag", "pics@1", "prod")
    assert [(one["number"], one["tags"]) for one in json.loads(two("log", "pics", "--json").stdout)] == [
        (2, []),
        (1, ["prod"]),
    ]
    assert two("log", "pics").stdout.splitlines()[2].split()[-2:] == ["prod", "first"]
    assert "a.png  5 B" in two("show", "pics@prod").stdout
    shown = json.loads(two("show", "pics", "--json").stdout)
    assert [one["path"] for one in shown["contents"]] == ["a.png", "c.png", "cats/b.png"]
    assert two("diff", "pics@1", "pics").stdout == (
        "~ a.png  5 B -> 7 B\n+ c.png  1 B\n1 added, 1 changed, 0 removed; 128.0 KB -> 128.0 KB\n"
    )
    assert json.loads(two("diff", "pics@2", "pics@prod", "--json").stdout)["removed"] == {"c.png": 1}
    assert two("diff", "pics", "pics").stdout == "the same files\n"


def test_the_difference_of_two_folders_is_written_as_a_page(two: Callable[..., Result], tmp_path: Path) -> None:
    made = two("diff", "pics", "--html", "out.html")
    assert made.stdout == ""
    page = (tmp_path / "out.html").read_text()
    for told in ("pics@1 → pics@2", "a.png", "c.png", "5 B → 7 B"):
        assert told in page
    assert "http" not in page.replace("http-equiv", "")


def test_checkout_and_restore(root: Path, two: Callable[..., Result]) -> None:
    assert "2 files written" not in two("checkout", "pics@1").stdout
    assert (root / "pics" / "a.png").read_bytes() == b"first"
    assert not (root / "pics" / "c.png").exists()
    assert "3 files written" in two("checkout", "pics@2", "copy").stdout
    (root / "pics" / "a.png").write_bytes(b"mine")
    with pytest.raises(Conflict, match="hold what no version has"):
        two("checkout", "pics@2")
    with pytest.raises(Conflict):
        two("restore", "pics@2", "a.png")
    done = json.loads(two("restore", "pics@2", "a.png", "--force", "--json").stdout)
    assert done["written"] == ["a.png"]
    assert (root / "pics" / "a.png").read_bytes() == b"second!"


def test_a_table_is_checked_out_as_a_file(root: Path, call: Callable[..., Result]) -> None:
    opened = Workspace(root)
    opened.datasets.commit("loans", pa.table({"a": [1, 2]}), source="")
    opened.datasets.commit("loans", pa.table({"a": [1, 3]}), source="")
    opened.close()
    call("tag", "1", "prod")
    assert "2 rows written" in call("checkout", "loans@prod").stdout
    assert read("loans.parquet", root=root)["a"].to_pylist() == [1, 2]
    assert "holds it already" in call("checkout", "loans@1", "loans.parquet").stdout
    with pytest.raises(VersionExists):
        call("checkout", "loans@2", "loans.parquet")
    assert json.loads(call("checkout", "loans@2", "loans.parquet", "--force", "--json").stdout)["written"]
    assert call("checkout", "loans@2", "b.csv").exit_code == 0
    assert "pics/loans.parquet: 2 rows" in call("checkout", "loans", "pics").stdout
    with pytest.raises(WrongArgument, match="has no files"):
        call("restore", "loans", "x")
    assert json.loads(call("show", "loans@prod", "--json").stdout)["number"] == 1
    assert call("diff", "loans@prod", "loans").exit_code == 0
    call("add", "pics")
    with pytest.raises(WrongArgument, match="a table and a folder"):
        call("diff", "loans", "pics")
    with pytest.raises(DatasetNotFound, match="folder of files, no table"):
        call("export", "pics", "-o", "x.csv")


def test_tags(two: Callable[..., Result]) -> None:
    assert two("tag", "pics@1", "prod").stdout == "pics@prod is pics@1\n"
    assert two("tag", "pics", "prod").stdout == "pics@prod is pics@2 (was pics@1)\n"
    assert two("tag").stdout.splitlines()[1].split() == ["pics", "prod", "2"]
    assert json.loads(two("tag", "pics", "--json").stdout) == {"pics": {"prod": 2}}
    assert two("tag", "pics", "prod", "--remove").exit_code == 0
    with pytest.raises(DatasetNotFound):
        two("show", "pics@prod")
    with pytest.raises(WrongArgument):
        two("tag", "pics", "--remove")


def test_remove_and_gc(root: Path, two: Callable[..., Result]) -> None:
    with pytest.raises(WrongArgument):
        two("remove", "pics")
    assert "would be removed" in two("remove", "pics@1").stderr
    assert two("remove", "pics@1", "--yes").exit_code == 0
    assert json.loads(two("gc", "--json").stdout)["bytes"] == 0
    os.utime(next((root / ".noria" / "packs").iterdir()), (0, 0))
    would = two("gc", "--dry-run", "--older-than", "0s").stdout
    assert would.startswith("would remove ")
    assert two("gc", "--older-than", "0s").stdout == would.replace("would remove", "removed")
    assert two("checkout", "pics@2", "copy").exit_code == 0


def test_a_folders_file_outlives_the_run_that_left_it(root: Path, two: Callable[..., Result]) -> None:
    from datetime import UTC, datetime

    opened = Workspace(root)
    content = (root / "pics" / "cats" / "b.png").read_bytes()
    run = opened.runs.start("train", {})
    digest = opened.blobs.put(content)
    opened.artifacts.add(run, "b.png", digest, len(content), "image/png")
    opened.runs.finish(run, "finished")
    opened.runs.delete([run], at=datetime(2020, 1, 1, tzinfo=UTC))
    os.utime(opened.blobs.path(digest), (0, 0))
    lock = opened.datasets.folders.lock
    removed = json.loads(CliRunner().invoke(runs_gc, ["--yes", "--json"], catch_exceptions=False).stdout)
    assert (len(removed["runs"]), removed["objects"]) == (1, 0)
    assert opened.blobs.get(digest) == content
    opened.close()
    with together(lock), pytest.raises(StoreBusy):
        two("gc")


def test_fsck_names_what_a_damaged_pack_costs_and_mends_it(root: Path, two: Callable[..., Result]) -> None:
    def check(*args: str) -> Result:
        return CliRunner().invoke(fsck, args)

    assert check().exit_code == 0
    for pack in (root / ".noria" / "packs").iterdir():
        pack.chmod(0o644)
        pack.write_bytes(pack.read_bytes().replace(b"second!", b"2econd!"))
    failed = check()
    assert isinstance(failed.exception, CorruptedBlob)
    assert "noria fsck --quarantine" in failed.exception.mend
    assert "noria data add pics --name pics" in failed.exception.mend
    assert "pics@2 lacks object" in failed.stdout
    assert "pics@1 lacks" not in failed.stdout
    with pytest.raises(CorruptedBlob):
        two("checkout", "pics@2", "copy")
    found = json.loads(check("--quarantine", "--json").stdout)
    assert [one["owner"] for one in found["versions_touched"]] == ["pics@2"]
    assert len(found["quarantined"]) == 1
    assert two("add", "pics").stdout == "nothing has changed since pics@2\n"
    assert check().exit_code == 0
    assert two("checkout", "pics@2", "copy").exit_code == 0


def test_another_database_may_name_what_is_stored(
    root: Path, two: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = Workspace(root)
    opened.database.dialect = "postgresql"
    monkeypatch.setattr("noria.cli.data_gc.workspace", lambda: opened)
    with pytest.raises(NotAllowed, match="another database"):
        two("gc")
    opened.close()


def test_what_is_meant_wrongly_is_mended(root: Path, two: Callable[..., Result]) -> None:
    (root / "a.csv").write_text("a\n1\n")
    (root / "one").mkdir()
    (root / "one" / "file").touch()
    assert "no version has a tag yet: noria data tag REF NAME" in two("tag").stderr
    with pytest.raises(DatasetNotFound, match="no dataset 'picts'"):
        two("tag", "picts")
    with pytest.raises(StoreUnavailable) as stood:
        two("checkout", "pics@1", "a.csv")
    assert "stands in the way: name another place" in stood.value.mend
    assert (root / "a.csv").read_text() == "a\n1\n"
    assert "one@1: 1 added, 0 changed, 0 removed; 1 file, 0 B" in two("add", "one").stdout
    with pytest.raises(WrongArgument) as caught:
        two("remove", "pics")
    assert "noria data remove pics@NUMBER" in caught.value.mend
    Workspace(root).datasets.commit("loans", pa.table({"a": [1]}), source="a.csv")
    with pytest.raises(WrongArgument) as caught:
        two("remove", "loans@1")
    assert "noria data erase" in caught.value.mend
