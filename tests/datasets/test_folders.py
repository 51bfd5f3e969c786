"""Versions of folders: what is added comes back to the byte, and only what changed is read."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from noria.datasets import working as working_module
from noria.datasets.catalog import Datasets
from noria.datasets.folders import Folders
from noria.datasets.manifest import Entry, entries, read, write
from noria.errors import (
    DatasetNotFound,
    NotAllowed,
    StoreUnavailable,
    VersionExists,
    WrongArgument,
    WrongData,
)
from noria.store import contents as contents_module
from noria.store.blobs import Blobs, Digest, digest_bytes
from noria.store.database import Database

OLD = 1_600_000_000_000_000_000


def fill(folder: Path, files: dict[str, bytes]) -> None:
    """Write files, old enough for their stamps to be trusted but for the time of change."""
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
def datasets(database: Database, tmp_path: Path) -> Datasets:
    return Datasets(database, Blobs(tmp_path / ".noria" / "objects"), tmp_path)


@pytest.fixture
def folders(datasets: Datasets) -> Folders:
    return datasets.folders


@pytest.fixture
def no_racing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trust stamps at once, as if every test waited two seconds."""
    monkeypatch.setattr("noria.store.stat_cache.RACY_NS", -(10**12))


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Name the files that are opened."""
    names: list[str] = []
    plain = working_module._open
    monkeypatch.setattr(working_module, "_open", lambda path: names.append(path.name) or plain(path))
    return names


def test_versions_are_numbered_and_nothing_changed_makes_none(folders: Folders, tmp_path: Path) -> None:
    fill(tmp_path / "pics", {"a": b"1", "b/c": b"22", "b/d": b"333"})
    one = folders.add(tmp_path / "pics", note="first")
    assert (one.version.ref, one.is_new, one.version.files, one.version.size) == ("pics@1", True, 3, 6)
    assert (one.version.note, one.version.source, one.version.parent) == ("first", "pics", None)
    assert one.changes.added == {"a": 1, "b/c": 2, "b/d": 3}
    again = folders.add(tmp_path / "pics")
    assert (again.version, again.is_new, bool(again.changes)) == (one.version, False, False)
    fill(tmp_path / "pics", {"a": b"changed", "new": b""})
    (tmp_path / "pics" / "b" / "c").unlink()
    two = folders.add(tmp_path / "pics").version
    assert (two.number, two.parent) == (2, 1)
    changes = folders.diff(one.version, two)
    assert (changes.added, changes.removed, changes.changed) == ({"new": 0}, {"b/c": 2}, {"a": (1, 7)})
    assert folders.catalog.versions("pics") == (two, one.version)
    assert folders.read(one.version, "a") == b"1"
    assert folders.catalog.get("pics", 1) == one.version


def test_only_what_changed_is_read(folders: Folders, tmp_path: Path, no_racing: None, opened: list[str]) -> None:
    fill(tmp_path / "pics", {"a": b"1", "b": b"2", "c": b"3"})
    folders.add(tmp_path / "pics")
    assert sorted(opened) == ["a", "b", "c"]
    opened.clear()
    assert not folders.status(tmp_path / "pics").changes
    folders.add(tmp_path / "pics")
    assert opened == []
    fill(tmp_path / "pics", {"b": b"5"})
    assert folders.status(tmp_path / "pics").changes.changed == {"b": (1, 1)}
    folders.add(tmp_path / "pics")
    assert set(opened) == {"b"}


def test_a_file_changed_within_its_clocks_tick_is_not_missed(folders: Folders, tmp_path: Path) -> None:
    fill(tmp_path / "pics", {"a": b"one"})
    folders.add(tmp_path / "pics")
    before = (tmp_path / "pics" / "a").stat()
    fill(tmp_path / "pics", {"a": b"two"})  # same size, and a time stamp that may be the same
    os.utime(tmp_path / "pics" / "a", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert folders.status(tmp_path / "pics").changes.changed == {"a": (3, 3)}
    assert folders.read(folders.add(tmp_path / "pics").version, "a") == b"two"


NAMES = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=12).filter(
    lambda name: name not in (".", "..", ".noria", ".git", ".noriaignore") and not name.startswith(".noria-tmp-")
)


@settings(suppress_health_check=list(HealthCheck), deadline=None, max_examples=25)
@given(states=st.lists(st.dictionaries(NAMES, st.binary(max_size=40), max_size=6), min_size=1, max_size=4))
def test_any_history_comes_back(tmp_path_factory: pytest.TempPathFactory, states: list[dict[str, bytes]]) -> None:
    from noria.store.database import metadata

    root = tmp_path_factory.mktemp("history")
    database = Database(f"sqlite:///{root}/.noria/noria.db")
    with database.transaction() as connection:
        metadata.create_all(connection)
    folders = Folders(database, Blobs(root / ".noria" / "objects"), root)
    made = []
    for state in states:
        for path in (root / "data").glob("*"):
            path.unlink()
        fill(root / "data", state)
        (root / "data").mkdir(exist_ok=True)
        made.append(folders.add(root / "data").version)
    for version, state in zip(made, states, strict=True):
        folders.checkout(version, root / "data")
        assert held(root / "data") == state
        folders.checkout(version, root / "copy")
        assert held(root / "copy") == state
    database.close()


@pytest.mark.parametrize("name", [b"new\nline", b"no\xfftext", b".hidden", b"-rf", b"a b\t", "übergröße".encode()])
def test_any_name_is_kept(folders: Folders, tmp_path: Path, name: bytes) -> None:
    (tmp_path / "pics").mkdir()
    path = Path(os.fsdecode(os.fsencode(tmp_path / "pics") + b"/" + name))
    path.write_bytes(b"x")
    version = folders.add(tmp_path / "pics").version
    path.unlink()
    folders.checkout(version)
    assert path.read_bytes() == b"x"
    assert not folders.status(tmp_path / "pics").changes


def test_large_files_are_objects_and_small_ones_packed(folders: Folders, tmp_path: Path) -> None:
    large = os.urandom(contents_module.SMALL_BYTES)
    fill(tmp_path / "pics", {"large": large, "small": large[:-1]})
    version = folders.add(tmp_path / "pics").version
    files = folders.files(version)
    assert [path.name for path in (tmp_path / ".noria" / "objects").glob("*/*")] == [files["large"].digest]
    assert files["large"].digest == digest_bytes(large)
    folders.checkout(version, tmp_path / "copy")
    assert held(tmp_path / "copy") == {"large": large, "small": large[:-1]}


def test_whether_it_runs_is_kept(folders: Folders, tmp_path: Path) -> None:
    fill(tmp_path / "pics", {"run": b"x"})
    (tmp_path / "pics" / "run").chmod(0o755)
    one = folders.add(tmp_path / "pics").version
    (tmp_path / "pics" / "run").chmod(0o644)
    assert folders.status(tmp_path / "pics").changes.changed == {"run": (1, 1)}
    two = folders.add(tmp_path / "pics").version
    assert two.number == 2
    folders.checkout(one)
    assert (tmp_path / "pics" / "run").stat().st_mode & 0o100
    folders.checkout(two)
    assert not (tmp_path / "pics" / "run").stat().st_mode & 0o111


def test_links_are_told_and_special_files_refused(folders: Folders, tmp_path: Path) -> None:
    fill(tmp_path / "pics", {"a": b"1"})
    (tmp_path / "pics" / "loop").symlink_to(".")
    assert folders.add(tmp_path / "pics").links == ("loop",)
    os.mkfifo(tmp_path / "pics" / "pipe")
    assert folders.status(tmp_path / "pics").special == {"pipe": "a pipe"}
    with pytest.raises(WrongData, match="'pipe' is a pipe"):
        folders.add(tmp_path / "pics")
    (tmp_path / "pics" / ".noriaignore").write_text("pipe\n")
    assert folders.add(tmp_path / "pics").is_new


@pytest.mark.parametrize("size", [10, contents_module.SMALL_BYTES + 10])
def test_a_file_that_never_holds_still_is_refused(
    folders: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    fill(tmp_path / "pics", {"log": b"x" * size})
    kept = os.read if size == 10 else contents_module.Adding.put_file

    def moving(*given: object, **more: object) -> object:
        done = kept(*given, **more)  # type: ignore[operator]
        with (tmp_path / "pics" / "log").open("ab") as file:
            file.write(b"more")
        return done

    if size == 10:
        monkeypatch.setattr(working_module.os, "read", moving)
    else:
        monkeypatch.setattr(contents_module.Adding, "put_file", moving)
    with pytest.raises(WrongData, match="changes while it is read"):
        folders.add(tmp_path / "pics")
    monkeypatch.undo()
    assert folders.catalog.versions() == ()
    assert folders.add(tmp_path / "pics").version.number == 1


def test_a_file_that_goes_meanwhile_is_not_in_the_version(
    folders: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path / "pics", {"a": b"1", "b": b"2"})
    plain = working_module._open

    def gone(path: Path) -> int:
        if path.name == "b":
            path.unlink()
        return plain(path)

    monkeypatch.setattr(working_module, "_open", gone)
    assert set(folders.files(folders.add(tmp_path / "pics").version)) == {"a"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_told(folders: Folders, tmp_path: Path) -> None:
    fill(tmp_path / "pics", {"a": b"1"})
    (tmp_path / "pics" / "a").chmod(0)
    with pytest.raises(WrongData, match="cannot read"):
        folders.add(tmp_path / "pics")


def test_what_a_folder_is_called(folders: Folders, datasets: Datasets, tmp_path: Path) -> None:
    fill(tmp_path / "a" / "pics", {"x": b"1"})
    fill(tmp_path / "b" / "pics", {"x": b"2"})
    fill(tmp_path / "no name", {"x": b"2"})
    assert folders.add(tmp_path / "a" / "pics").version.ref == "pics@1"
    with pytest.raises(WrongArgument, match="came from a/pics"):
        folders.add(tmp_path / "b" / "pics")
    assert folders.add(tmp_path / "b" / "pics", name="other").version.ref == "other@1"
    assert folders.add(tmp_path / "b" / "pics").version.ref == "other@1"
    with pytest.raises(WrongArgument, match="cannot name a dataset"):
        folders.add(tmp_path / "no name")
    with pytest.raises(WrongArgument, match="cannot name a dataset"):
        folders.add(tmp_path / "no name", name="../up")
    datasets.commit("table", pa.table({"a": [1]}), source="")
    with pytest.raises(VersionExists, match="table already"):
        folders.add(tmp_path / "no name", name="table")
    with pytest.raises(VersionExists, match="folder already"):
        datasets.commit("pics", pa.table({"a": [1]}), source="")


def test_either_kind_is_found_by_number_and_tag(datasets: Datasets, tmp_path: Path) -> None:
    fill(tmp_path / "pics", {"x": b"1"})
    one = datasets.folders.add(tmp_path / "pics").version
    table = datasets.commit("table", pa.table({"a": [1]}), source="")
    datasets.tag("pics", "prod")
    datasets.tag("table@1", "prod")
    fill(tmp_path / "pics", {"x": b"2"})
    two = datasets.folders.add(tmp_path / "pics").version
    datasets.commit("table", pa.table({"a": [2]}), source="")
    assert datasets.find("pics@prod") == datasets.find("pics@1") == one
    assert datasets.find("pics") == datasets.find("pics@latest") == two
    assert datasets.find("table@prod") == datasets.get("table@prod") == datasets.get("table", "prod") == table
    assert datasets.tag("pics@2", "prod") == (two, 1)
    assert datasets.find("pics@prod") == two
    assert datasets.tags.all() == {"pics": {"prod": 2}, "table": {"prod": 1}}
    assert datasets.tags.of("pics", 2) == ["prod"]
    with pytest.raises(DatasetNotFound, match="is a folder of files"):
        datasets.get("pics")
    for wrong in ("pics@7", "pics@nope", "table@nope", "nope@prod", "nope", "pics@" + "9" * 30):
        with pytest.raises(DatasetNotFound):
            datasets.find(wrong)
    for wrong in ("7", "latest", "a/b", ""):
        with pytest.raises(WrongArgument):
            datasets.tag("pics", wrong)
    datasets.tags.remove("pics", "prod")
    with pytest.raises(DatasetNotFound, match="no version or tag 'prod'"):
        datasets.tags.remove("pics", "prod")


def test_a_removed_version_keeps_its_number(datasets: Datasets, tmp_path: Path) -> None:
    folders = datasets.folders
    fill(tmp_path / "pics", {"x": b"1"})
    one = folders.add(tmp_path / "pics").version
    datasets.tag("pics@1", "prod")
    with pytest.raises(NotAllowed, match="tagged prod"):
        folders.catalog.remove(one)
    datasets.tags.remove("pics", "prod")
    folders.catalog.remove(one)
    with pytest.raises(DatasetNotFound, match="was removed on"):
        datasets.find("pics@1")
    with pytest.raises(DatasetNotFound, match="no version 1"):
        datasets.tags.set("pics", "prod", 1)
    assert folders.add(tmp_path / "pics").version.number == 2


def test_threads_that_add_at_once_each_get_their_own(folders: Folders, tmp_path: Path) -> None:
    for number in range(5):
        fill(tmp_path / str(number), {"x": b"%d" % number, "same": b"same"})
    made: dict[int, object] = {}

    def work(number: int) -> None:
        made[number] = folders.add(tmp_path / str(number), name="shared").version

    threads = [threading.Thread(target=work, args=(number,)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [version.number for version in folders.catalog.versions("shared")] == [5, 4, 3, 2, 1]
    for number, version in made.items():
        assert folders.read(version, "x") == b"%d" % number  # type: ignore[arg-type]


ADD = "import sys, pathlib; from noria.workspace import Workspace as W; w = W(pathlib.Path(sys.argv[1])); "


def test_processes_that_add_the_same_at_once_make_one_version(tmp_path: Path) -> None:
    (tmp_path / "noria.toml").write_text('[project]\nname = "p"\n[data]\nsource = "a.csv"\n')
    fill(tmp_path / "pics", {f"{number}": b"%d" % number for number in range(200)})
    code = ADD + "print(w.datasets.folders.add(w.root / 'pics').version.ref)"
    running = [
        subprocess.Popen([sys.executable, "-c", code, tmp_path], stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    assert [process.communicate()[0] for process in running] == ["pics@1\n"] * 3


LIMITED = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from noria.errors import StoreUnavailable
w.database
resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))
try:
    w.datasets.folders.add(w.root / "pics")
except StoreUnavailable as error:
    print(error.what)
"""


@pytest.mark.parametrize("size", [5000, 300_000])
def test_a_file_system_that_is_full_costs_nothing_stored(tmp_path: Path, size: int) -> None:
    from noria.workspace import Workspace

    (tmp_path / "noria.toml").write_text('[project]\nname = "p"\n[data]\nsource = "a.csv"\n')
    opened = Workspace(tmp_path)
    fill(tmp_path / "pics", {"a": b"1"})
    one = opened.datasets.folders.add(tmp_path / "pics").version
    fill(tmp_path / "pics", {f"{number}": os.urandom(size) for number in range(20)})
    done = subprocess.run(
        [sys.executable, "-c", ADD + "\n" + LIMITED, tmp_path], capture_output=True, text=True, check=True
    )
    assert "File too large" in done.stdout
    assert opened.datasets.folders.catalog.versions("pics") == (one,)
    audit = opened.datasets.folders.audit()
    assert (audit.damaged, audit.packs) == ({}, [])
    assert list((tmp_path / ".noria").rglob(".tmp-*")) == []
    assert opened.datasets.folders.add(tmp_path / "pics").version.files == 21
    opened.close()


def test_a_change_rewrites_only_its_part() -> None:
    kept: dict[Digest, bytes] = {}

    def put(data: bytes) -> Digest:
        kept.setdefault(digest_bytes(data), data)
        return digest_bytes(data)

    files = {f"{number:06d}": Entry(number, digest_bytes(b"%d" % number)) for number in range(20_000)}
    stored, manifest = write(files, put)
    assert len(manifest.parts) > 10
    assert entries(read(stored, kept.__getitem__), kept.__getitem__) == files
    before = len(kept)
    later = {**files, "010000": Entry(1, digest_bytes(b"x")), "000000a": Entry(2, digest_bytes(b"y"))}
    _, other = write(later, put, manifest)
    assert len(kept) - before <= 3  # two parts and the list
    assert entries(other, kept.__getitem__) == later
    assert write(later, put)[1].content == other.content


def test_a_lost_cache_costs_reading_only(folders: Folders, tmp_path: Path) -> None:
    fill(tmp_path / "pics", {"a": b"1"})
    one = folders.add(tmp_path / "pics").version
    (tmp_path / ".noria" / "folders.db").unlink()
    assert folders.add(tmp_path / "pics").version == one


def test_progress_is_told(folders: Folders, tmp_path: Path) -> None:
    fill(tmp_path / "pics", {"a": b"1", "b": b"2"})
    told: list[tuple[int, int]] = []
    tell: Callable[[int, int], None] = lambda done, total: told.append((done, total))  # noqa: E731
    version = folders.add(tmp_path / "pics", progress=tell).version
    assert told[-1] == (2, 2)
    folders.checkout(version, tmp_path / "copy", progress=tell)
    assert told[-1] == (2, 2)


def test_a_cache_that_cannot_be_written_fails_no_version(
    folders: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise StoreUnavailable("no room")

    fill(tmp_path / "pics", {"a": b"1"})
    monkeypatch.setattr("noria.store.stat_cache.StatCache.record", refuse)
    monkeypatch.setattr("noria.store.stat_cache.StatCache.set_note", refuse)
    assert folders.add(tmp_path / "pics").is_new


def test_a_large_file_that_was_only_touched_is_not_copied_again(
    folders: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path / "pics", {"large": b"x" * contents_module.SMALL_BYTES})
    one = folders.add(tmp_path / "pics").version
    os.utime(tmp_path / "pics" / "large")
    monkeypatch.setattr(contents_module.Adding, "put_file", None)
    assert folders.add(tmp_path / "pics").version == one


def test_a_folder_whose_own_name_is_no_text_is_refused(folders: Folders, tmp_path: Path) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/no\xfftext"))
    fill(folder, {"a": b"1"})
    with pytest.raises(WrongArgument, match="no text"):
        folders.add(folder, name="pics")


def test_the_database_keeps_numbers_whatever_others_commit(
    folders: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder was changed and added by somebody else, from another copy, while this one was being read."""
    fill(tmp_path / "a", {"x": b"1"})
    folders.add(tmp_path / "a", name="shared")
    folders.checkout(folders.catalog.get("shared", 1), tmp_path / "b")
    fill(tmp_path / "b", {"y": b"2"})
    fill(tmp_path / "a", {"x": b"3"})
    two = folders.add(tmp_path / "a").version
    three = folders.add(tmp_path / "b").version
    assert [(two.number, two.parent), (three.number, three.parent)] == [(2, 1), (3, 1)]
    assert set(folders.files(three)) == {"x", "y"}


def test_a_disk_that_is_really_full(tmp_path: Path) -> None:
    from noria.workspace import Workspace

    (tmp_path / "noria.toml").write_text('[project]\nname = "p"\n[data]\nsource = "a.csv"\n')
    (tmp_path / ".noria").mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", tmp_path / ".noria"], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("nothing can be mounted here")
    try:
        opened = Workspace(tmp_path)
        fill(tmp_path / "pics", {"a": b"1"})
        one = opened.datasets.folders.add(tmp_path / "pics").version
        fill(tmp_path / "pics", {"b": os.urandom(3_000_000), "c": os.urandom(60_000), "d": os.urandom(2_000_000)})
        with pytest.raises(StoreUnavailable, match="No space left"):
            opened.datasets.folders.add(tmp_path / "pics")
        assert opened.datasets.folders.catalog.versions() == (one,)
        assert opened.datasets.folders.read(one, "a") == b"1"
        (tmp_path / "pics" / "d").unlink()
        opened.datasets.folders.sweep(set(), grace_seconds=0)
        assert opened.datasets.folders.add(tmp_path / "pics").version.files == 3
        opened.datasets.folders.checkout(one)
        opened.close()
    finally:
        subprocess.run(["umount", "-l", tmp_path / ".noria"], check=True)


def test_a_coarse_clock_hides_no_change(folders: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where times are whole seconds, a change within the second leaves size, times and inode as they were."""
    from noria.store import scanning
    from noria.store.stat_cache import Stamp

    def coarse(size: int, modified: int, changed: int, inode: int) -> Stamp:
        return Stamp(size, modified // 10**9 * 10**9, changed // 10**9 * 10**9, inode)

    def coarse_stamp(found: os.stat_result) -> Stamp:
        return coarse(found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)

    monkeypatch.setattr(scanning, "Stamp", coarse)
    monkeypatch.setattr(working_module, "stamp", coarse_stamp)
    for number in range(100):
        fill(tmp_path / "pics", {"a": b"one"})
        before = coarse_stamp((tmp_path / "pics" / "a").stat())
        version = folders.add(tmp_path / "pics", name=f"pics{number}").version
        fill(tmp_path / "pics", {"a": b"two"})
        if coarse_stamp((tmp_path / "pics" / "a").stat()) == before:
            break
    assert folders.status(tmp_path / "pics").changes.changed == {"a": (3, 3)}
    assert folders.read(version, "a") == b"one"
