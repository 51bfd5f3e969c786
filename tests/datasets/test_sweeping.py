"""The sweep takes what nothing names, and nothing else; the audit finds what is damaged, and the quarantine mends."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from noria.datasets.catalog import Datasets
from noria.datasets.folders import Folders
from noria.errors import BlobNotFound, CorruptedBlob, StoreBusy
from noria.store.blobs import Blobs
from noria.store.contents import SMALL_BYTES
from noria.store.database import Database, metadata
from noria.store.occupancy import together

BIG = b"b" * SMALL_BYTES
DAY = 24 * 3600


def fill(folder: Path, files: dict[str, bytes]) -> None:
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)


def age(home: Path) -> None:
    for path in home.rglob("*"):
        if path.is_file():
            os.utime(path, (time.time() - 2 * DAY,) * 2)


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    database = Database(f"sqlite:///{tmp_path}/.noria/noria.db")
    with database.transaction() as connection:
        metadata.create_all(connection)
    return Datasets(database, Blobs(tmp_path / ".noria" / "objects"), tmp_path).folders


@pytest.fixture
def work(tmp_path: Path) -> Path:
    return tmp_path / "pics"


def test_only_what_no_version_names_goes(folders: Folders, work: Path, tmp_path: Path) -> None:
    fill(work, {"a": b"1" * 5000, "keep": b"2" * 9000, "big": BIG})
    one = folders.add(work).version
    fill(work, {"a": b"3", "big": BIG + b"!"})
    two = folders.add(work).version
    assert folders.sweep(set(), grace_seconds=0).size == 0
    folders.catalog.remove(one)
    assert folders.sweep(set()).size == 0  # younger than a day
    age(tmp_path / ".noria")
    would = folders.sweep(set(), dry_run=True)
    assert would.objects == 1
    assert would.size > SMALL_BYTES + 5000
    assert folders.sweep(set()) == would
    assert folders.sweep(set(), grace_seconds=0).size == 0
    folders.checkout(two, tmp_path / "copy")
    assert (tmp_path / "copy" / "keep").read_bytes() == b"2" * 9000
    assert folders.lacking(folders.audit(), []) == []


def test_what_others_name_stays(folders: Folders, tmp_path: Path) -> None:
    blobs = Blobs(tmp_path / ".noria" / "objects")
    kept, gone = blobs.put(b"a model"), blobs.put(b"nothing")
    age(tmp_path / ".noria")
    assert folders.sweep({kept}).objects == 1
    assert (blobs.has(kept), blobs.has(gone)) == (True, False)


def test_what_was_swept_is_kept_again_when_it_comes_back(folders: Folders, work: Path, tmp_path: Path) -> None:
    fill(work, {"a": b"1" * 5000, "big": BIG})
    time.sleep(2.1)
    folders.catalog.remove(folders.add(work).version)
    age(tmp_path / ".noria")
    assert folders.sweep(set()).objects == 1
    two = folders.add(work).version
    assert two.number == 2
    folders.checkout(two, tmp_path / "copy")
    assert (tmp_path / "copy" / "big").read_bytes() == BIG


def test_many_small_packs_become_one(folders: Folders, work: Path, tmp_path: Path) -> None:
    for number in range(20):
        fill(work, {"a": b"%d" % number})
        folders.add(work)
    assert len(list((tmp_path / ".noria" / "packs").iterdir())) == 20
    age(tmp_path / ".noria")
    folders.sweep(set())
    assert len(list((tmp_path / ".noria" / "packs").iterdir())) == 1
    for version in folders.catalog.versions():
        assert folders.read(version, "a") == b"%d" % (version.number - 1)


def test_nobody_is_swept_away_under(folders: Folders) -> None:
    with together(folders.lock), pytest.raises(StoreBusy, match="others are at work"):
        folders.sweep(set())


def test_nothing_goes_while_a_list_cannot_be_read(folders: Folders, work: Path, tmp_path: Path) -> None:
    fill(work, {"a": b"1"})
    folders.add(work)
    Blobs(tmp_path / ".noria" / "objects").put(b"unnamed")
    for path in (tmp_path / ".noria" / "packs").iterdir():
        path.unlink()
    age(tmp_path / ".noria")
    with pytest.raises(BlobNotFound):
        folders.sweep(set())
    assert len(list((tmp_path / ".noria" / "objects").glob("*/*"))) == 1


def test_leftovers_go_and_what_was_moved_aside_comes_back(folders: Folders, tmp_path: Path) -> None:
    blobs = Blobs(tmp_path / ".noria" / "objects")
    digest = blobs.put(b"a model")
    blobs.path(digest).rename(blobs.root / f".tmp-{digest}")  # a sweep was killed this instant
    fill(tmp_path / ".noria" / "packs", {".tmp-abc": b"half"})
    fill(blobs.root, {".tmp-old": b"half", ".tmp-new": b"half"})
    os.utime(blobs.root / ".tmp-old", (0, 0))
    assert folders.sweep({digest}).temporaries == 2
    assert blobs.get(digest) == b"a model"
    assert (blobs.root / ".tmp-new").exists()


def damage(path: Path, position: int) -> None:
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.chmod(0o644)
    path.write_bytes(bytes(data))


@pytest.mark.parametrize("where", ["content", "lead", "index", "foot", "object", "lost pack", "lost object"])
def test_damage_is_found_set_aside_and_mended(folders: Folders, work: Path, tmp_path: Path, where: str) -> None:
    fill(work, {"a": b"first", "b": b"second", "big": BIG})
    time.sleep(2.1)
    version = folders.add(work).version
    (pack,) = (tmp_path / ".noria" / "packs").iterdir()
    (thing,) = (tmp_path / ".noria" / "objects").glob("*/*")
    match where:
        case "content":
            damage(pack, pack.read_bytes().index(b"first"))
        case "lead":
            damage(pack, pack.read_bytes().index(b"first") - 10)
        case "index":
            damage(pack, pack.stat().st_size - 100)
        case "foot":
            damage(pack, pack.stat().st_size - 1)
        case "object":
            damage(thing, 7)
        case "lost pack":
            pack.unlink()
        case _:
            thing.unlink()
    blobs = Blobs(tmp_path / ".noria" / "objects")
    bad = [digest for digest in blobs if not blobs.is_whole(digest)]
    audit = folders.audit()
    lacking = folders.lacking(audit, bad)
    assert bad or audit.packs or where.startswith("lost")
    expected = {"content": {"a"}, "lead": set(), "object": {"big"}, "lost object": {"big"}}.get(where)
    if expected is not None:
        assert {entry["path"] for entry in lacking} == expected
    assert {entry["owner"] for entry in lacking} <= {"pics@1"}
    folders.quarantine(audit, bad)
    healed = folders.add(work)
    assert (healed.version, healed.is_new) == (version, False)
    audit = folders.audit()
    assert (audit.damaged, audit.packs) == ({}, [])
    assert folders.lacking(audit, []) == []
    folders.checkout(version, tmp_path / "copy")
    assert (tmp_path / "copy" / "a").read_bytes() == b"first"


def test_a_damaged_file_is_refused_until_then(folders: Folders, work: Path, tmp_path: Path) -> None:
    fill(work, {"a": b"first"})
    version = folders.add(work).version
    (pack,) = (tmp_path / ".noria" / "packs").iterdir()
    damage(pack, pack.read_bytes().index(b"first"))
    with pytest.raises(CorruptedBlob):
        folders.read(version, "a")
    with pytest.raises(CorruptedBlob):
        folders.checkout(version, tmp_path / "copy")
    assert not (tmp_path / "copy" / "a").exists()
