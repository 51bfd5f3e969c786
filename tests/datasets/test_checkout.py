"""Checkout: only what differs is touched, and an edit that no version has is never lost."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from noria.datasets.catalog import Datasets
from noria.datasets.folder_version import FolderVersion
from noria.datasets.folders import Folders
from noria.errors import Conflict, CorruptedBlob, NotFound, StoreBusy, StoreUnavailable
from noria.store import placing as placing_module
from noria.store.blobs import Blobs
from noria.store.contents import SMALL_BYTES
from noria.store.database import Database, metadata
from noria.store.occupancy import together

BIG = b"b" * SMALL_BYTES
ONE = {"a": b"1", "b/c": b"22", "b/d": b"333", "big": BIG}
TWO = {"a": b"changed", "b/c": b"22", "new/e": b"e", "big": BIG + b"!"}


def fill(folder: Path, files: dict[str, bytes]) -> None:
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)


def held(folder: Path) -> dict[str, bytes]:
    return {
        os.path.relpath(path, folder): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink()
    }


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    database = Database(f"sqlite:///{tmp_path}/.noria/noria.db")
    with database.transaction() as connection:
        metadata.create_all(connection)
    return Datasets(database, Blobs(tmp_path / ".noria" / "objects"), tmp_path).folders


@pytest.fixture
def work(tmp_path: Path) -> Path:
    return tmp_path / "pics"


@pytest.fixture
def versions(folders: Folders, work: Path) -> tuple[FolderVersion, FolderVersion]:
    """Two versions; the folder holds the second."""
    fill(work, ONE)
    one = folders.add(work).version
    (work / "b" / "d").unlink()
    fill(work, TWO)
    return one, folders.add(work).version


Pair = tuple[FolderVersion, FolderVersion]


def test_there_and_back(folders: Folders, work: Path, versions: Pair) -> None:
    inode = (work / "b" / "c").stat().st_ino
    done = folders.checkout(versions[0])
    assert held(work) == ONE
    assert (sorted(done.written), done.removed, done.unchanged) == (["a", "b/d", "big"], ["new/e"], 1)
    assert not (work / "new").exists()
    assert (work / "b" / "c").stat().st_ino == inode
    assert not folders.status(work).changes
    folders.checkout(versions[1])
    assert held(work) == TWO
    assert folders.checkout(versions[1]).unchanged == 4


def test_what_is_added_after_a_checkout_comes_from_it(folders: Folders, work: Path, versions: Pair) -> None:
    folders.checkout(versions[0])
    assert folders.add(work).version == versions[0]
    fill(work, {"more": b"m"})
    three = folders.add(work).version
    assert (three.number, three.parent) == (3, 1)


@pytest.mark.parametrize("path", ["a", "big", "new/e"])
def test_an_edit_is_not_overwritten(folders: Folders, work: Path, versions: Pair, path: str) -> None:
    fill(work, {path: b"mine"})
    before = held(work)
    with pytest.raises(Conflict, match="hold what no version has: 1"):
        folders.checkout(versions[0])
    assert held(work) == before
    folders.checkout(versions[0], force=True)
    assert held(work) == ONE


def test_an_edit_of_the_same_size_and_time_is_not_overwritten(folders: Folders, work: Path, versions: Pair) -> None:
    fill(work, {"a": b"CHANGED"})
    os.utime(work / "a", ns=(10**18, 10**18))
    with pytest.raises(Conflict):
        folders.checkout(versions[0])
    assert (work / "a").read_bytes() == b"CHANGED"


def test_a_file_of_ones_own_stays(folders: Folders, work: Path, versions: Pair) -> None:
    fill(work, {"notes.txt": b"mine"})
    folders.checkout(versions[0])
    assert held(work) == {**ONE, "notes.txt": b"mine"}
    fill(work, {"new/e": b"in the way"})
    with pytest.raises(Conflict):
        folders.checkout(versions[1])
    assert held(work) == {**ONE, "notes.txt": b"mine", "new/e": b"in the way"}


def test_into_a_folder_that_noria_never_saw(folders: Folders, tmp_path: Path, versions: Pair) -> None:
    fill(tmp_path / "copy", {"a": b"1", "big": b"other"})
    with pytest.raises(Conflict):
        folders.checkout(versions[0], tmp_path / "copy")
    fill(tmp_path / "copy", {"big": BIG + b"!"})  # some version has that
    assert folders.checkout(versions[0], tmp_path / "copy").unchanged == 1
    assert held(tmp_path / "copy") == ONE


def test_what_changes_after_the_look_is_not_overwritten(
    folders: Folders, work: Path, versions: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = placing_module.Placing._still

    def late(self: placing_module.Placing, final: str, before: object) -> bool:
        if final.endswith("/a"):
            Path(final).write_bytes(b"edited this instant")
        return plain(self, final, before)  # type: ignore[arg-type]

    monkeypatch.setattr(placing_module.Placing, "_still", late)
    with pytest.raises(Conflict):
        folders.checkout(versions[0])
    assert held(work) == {**ONE, "a": b"edited this instant"}


def test_no_edit_reaches_the_store(folders: Folders, work: Path, versions: Pair) -> None:
    folders.checkout(versions[0])
    for path in ("a", "big"):
        with (work / path).open("r+b") as file:
            file.write(b"EDIT")
    assert folders.audit().damaged == {}
    folders.checkout(versions[0], force=True)
    assert held(work) == ONE


def test_a_link_in_the_way_is_never_followed(folders: Folders, work: Path, tmp_path: Path, versions: Pair) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    folders.checkout(versions[0])
    (work / "new").symlink_to(outside)
    with pytest.raises(Conflict, match="in the way"):
        folders.checkout(versions[1])
    assert held(work) == ONE
    folders.checkout(versions[1], force=True)
    assert held(work) == TWO
    assert list(outside.iterdir()) == []
    (work / "a").unlink()
    (work / "a").symlink_to(outside / "target")
    with pytest.raises(Conflict, match="in the way"):
        folders.checkout(versions[0])


def test_a_folder_becomes_a_file_and_back(folders: Folders, work: Path) -> None:
    fill(work, {"x/y": b"1"})
    one = folders.add(work).version
    (work / "x" / "y").unlink()
    (work / "x").rmdir()
    fill(work, {"x": b"file"})
    two = folders.add(work).version
    folders.checkout(one)
    assert held(work) == {"x/y": b"1"}
    folders.checkout(two)
    assert held(work) == {"x": b"file"}
    folders.checkout(one)
    fill(work, {"x/mine": b"mine"})
    with pytest.raises(Conflict, match="in the way"):
        folders.checkout(two)
    with pytest.raises(Conflict, match="in the way"):
        folders.checkout(two, force=True)
    assert held(work) == {"x/y": b"1", "x/mine": b"mine"}


def test_single_files_come_back(folders: Folders, work: Path, versions: Pair) -> None:
    assert sorted(folders.restore(versions[0], ["a", "b/"]).written) == ["a", "b/d"]
    assert held(work) == {**TWO, "a": b"1", "b/d": b"333"}
    with pytest.raises(NotFound, match="holds no 'nothing'"):
        folders.restore(versions[0], ["nothing"])
    fill(work, {"a": b"mine"})
    with pytest.raises(Conflict):
        folders.restore(versions[0], ["a"])
    folders.restore(versions[0], ["."], force=True)
    assert held(work) == {**ONE, "new/e": b"e"}


@pytest.mark.parametrize("path", ["a", "big"])
def test_what_is_damaged_is_never_handed_out(
    folders: Folders, work: Path, tmp_path: Path, versions: Pair, path: str
) -> None:
    files = list((tmp_path / ".noria").rglob("*.pack" if path == "a" else "objects/*/*"))
    for file in files:
        data = file.read_bytes().replace(BIG, b"c" + BIG[1:]).replace(b"\x00\x00\x001", b"\x00\x00\x002")
        file.chmod(0o644)
        file.write_bytes(data)
    with pytest.raises(CorruptedBlob):
        folders.checkout(versions[0])
    assert (work / path).read_bytes() == TWO[path]
    assert [name for name in held(work) if "noria" in name] == []


def test_two_checkouts_into_one_folder_do_not_mix(folders: Folders, work: Path, versions: Pair) -> None:
    lock = folders._working(work).lock
    with together(lock), pytest.raises(StoreBusy):
        folders.checkout(versions[0])
    assert held(work) == TWO


def test_leftovers_of_a_broken_off_checkout_go(folders: Folders, work: Path, versions: Pair) -> None:
    fill(work, {"b/.noria-tmp-0-0": b"half"})
    assert not folders.status(work).changes
    folders.checkout(versions[1])
    assert held(work) == TWO


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_told(folders: Folders, work: Path, versions: Pair) -> None:
    work.chmod(0o555)
    with pytest.raises(StoreUnavailable, match="cannot write"):
        folders.checkout(versions[0])


@pytest.mark.parametrize("path", ["/etc/noria", "../up", "a/../../up", ".git/hooks/x", "b/.noria/x", "", "a//b"])
def test_a_list_of_files_that_leaves_the_folder_is_refused(
    folders: Folders, work: Path, tmp_path: Path, versions: Pair, path: str
) -> None:
    from noria.datasets import manifest
    from noria.errors import NotAllowed

    files = {**folders.files(versions[0]), path: folders.files(versions[0])["a"]}
    with folders._contents.adding() as adding:
        stored, listed = manifest.write(files, adding.put)
        adding.settle()
        bad, _ = folders.catalog.insert("pics", stored, listed, source="pics", parent=None)
    before = held(tmp_path)
    with pytest.raises(NotAllowed, match="does not stay inside"):
        folders.checkout(bad)
    assert held(work) == TWO
    assert {name for name in held(tmp_path) if not name.startswith(".noria/")} <= before.keys()


def test_what_is_ignored_now_comes_and_goes_like_any_file(folders: Folders, work: Path) -> None:
    fill(work, {"x.raw": b"raw", "a": b"1"})
    one = folders.add(work).version
    fill(work, {".noriaignore": b"*.raw\n"})
    two = folders.add(work).version
    assert set(folders.files(two)) == {".noriaignore", "a"}
    assert folders.checkout(one).removed == [".noriaignore"]
    assert held(work) == {"x.raw": b"raw", "a": b"1"}
    folders.checkout(two)
    assert held(work) == {".noriaignore": b"*.raw\n", "a": b"1"}
    fill(work, {"x.raw": b"mine"})
    with pytest.raises(Conflict):
        folders.checkout(one)
    assert held(work)["x.raw"] == b"mine"


def test_what_the_store_has_lost_is_not_overwritten(
    folders: Folders, work: Path, tmp_path: Path, versions: Pair
) -> None:
    for path in (tmp_path / ".noria" / "objects").glob("*/*"):
        if path.stat().st_size == len(TWO["big"]):
            path.unlink()
    with pytest.raises(Conflict):
        folders.checkout(versions[0])
    assert held(work) == TWO


def test_a_checkout_that_was_broken_off_is_told(
    folders: Folders, work: Path, versions: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(placing_module.Placing, "place", broken)
        with pytest.raises(KeyboardInterrupt):
            folders.checkout(versions[0])
    assert folders.status(work).unfinished == "pics@1"
    folders.checkout(versions[0])
    assert folders.status(work).unfinished == ""
    assert held(work) == ONE
