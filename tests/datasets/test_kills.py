"""Killed at any instant, a folder's versions are whole, nothing acknowledged is lost, and the next call goes on.

NORIA_KILLS=300 python -m pytest tests/datasets/test_kills.py     kills so often; a few times, when left out
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from noria.datasets import recording
from noria.datasets.catalog import Datasets
from noria.datasets.folder_version import FolderVersion
from noria.datasets.folders import Folders
from noria.store import contents, packs
from noria.store.blobs import Blobs
from noria.store.database import Database, metadata

KILLS = int(os.environ.get("NORIA_KILLS", "24"))
# What changes anything on disk, SQLite's own calls aside: those are met by the clock and by strace.
HOOKED = (
    "open",
    "write",
    "rename",
    "replace",
    "fsync",
    "unlink",
    "rmdir",
    "mkdir",
    "fchmod",
    "chmod",
    "copy_file_range",
)
State = dict[str, bytes]


class Project:
    """A folder, its store, and what must be true of both."""

    def __init__(self, root: Path, seed: int) -> None:
        self.root, self.work = root, root / "work"
        self.rng = random.Random(seed)
        self.known: dict[int, State] = {}
        self.steps = 40
        self.seconds = 0.05
        self.work.mkdir(parents=True)
        (self.work / "mine.txt").write_bytes(b"my own")
        (self.work / ".noriaignore").write_bytes(b"mine.txt\n")
        database = Database(f"sqlite:///{root}/.noria/noria.db")
        with database.transaction() as connection:
            metadata.create_all(connection)
        database.close()

    def open(self) -> Folders:
        database = Database(f"sqlite:///{self.root}/.noria/noria.db")
        return Datasets(database, Blobs(self.root / ".noria" / "objects"), self.root).folders

    def state(self, folder: Path | None = None) -> State:
        top = folder or self.work
        return {
            str(path.relative_to(top)): path.read_bytes()
            for path in top.rglob("*")
            if path.is_file() and not path.name.startswith(".noria-tmp-") and path.name != "mine.txt"
        }

    def edit(self) -> None:
        for _ in range(self.rng.randint(1, 6)):
            path = self.work / self.rng.choice("abc") / f"{self.rng.randint(0, 12)}"
            path.parent.mkdir(exist_ok=True)
            if path.exists() and self.rng.random() < 0.3:
                path.unlink()
            else:
                path.write_bytes(self.rng.randbytes(self.rng.choice((0, 10, 900, 3000))))

    def killed(self, work: Callable[[Folders], object], *, by_clock: bool) -> bool:
        """Do some work in a process of its own, and kill it; False where it was done before."""
        at = self.rng.randint(1, self.steps)
        begun = time.monotonic()
        child = os.fork()
        if child == 0:
            try:
                if not by_clock:
                    hook(at)
                work(self.open())
                os._exit(0)
            finally:
                os._exit(9)
        if by_clock:
            time.sleep(self.rng.uniform(0, self.seconds * 1.1))
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        died = os.WIFSIGNALED(status)
        assert died or os.WEXITSTATUS(status) == 0, "the work itself failed"
        if by_clock:
            if not died:
                self.seconds = 0.7 * self.seconds + 0.3 * (time.monotonic() - begun)
        else:
            self.steps = at + 15 if died and at > self.steps - 3 else max(12, min(self.steps, at + 25))
        return died

    def check(self, folders: Folders, *, unsaid: State | None = None) -> None:
        """See that every version is what it was, and everything in the store is whole."""
        versions = {version.number: version for version in folders.catalog.versions("work")}
        assert self.known.keys() <= versions.keys(), "an acknowledged version is lost"
        fresh = versions.keys() - self.known.keys()
        assert len(fresh) <= 1
        for number in fresh:  # committed, and killed before it could say so
            assert unsaid is not None
            self.known[number] = unsaid
        for number, state in self.known.items():
            assert contents_of(folders, versions[number]) == state
        audit = folders.audit()
        assert (audit.damaged, audit.packs) == ({}, [])
        objects = Blobs(self.root / ".noria" / "objects")
        assert [digest for digest in objects if not objects.is_whole(digest)] == []
        assert folders.lacking(audit, []) == []
        assert (self.work / "mine.txt").read_bytes() == b"my own"


def contents_of(folders: Folders, version: FolderVersion) -> State:
    return {path: folders._contents.get(entry.digest) for path, entry in folders.files(version).items()}


def hook(at: int) -> None:
    """Kill this process instead of its `at`-th call that changes anything."""
    left = at

    def wrap(plain: Callable[..., object]) -> Callable[..., object]:
        def call(*given: object, **named: object) -> object:
            nonlocal left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return plain(*given, **named)

        return call

    for name in HOOKED:
        setattr(os, name, wrap(getattr(os, name)))


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let little data fill several packs, and make objects."""
    monkeypatch.setattr(packs, "TARGET_BYTES", 4000)
    monkeypatch.setattr(contents, "SMALL_BYTES", 2000)
    monkeypatch.setattr(recording, "SMALL_BYTES", 2000)


def add(project: Project, *, by_clock: bool) -> bool:
    project.edit()
    before = project.state()
    died = project.killed(lambda folders: folders.add(project.work), by_clock=by_clock)
    assert project.state() == before
    folders = project.open()
    project.check(folders, unsaid=before)
    version = folders.add(project.work).version
    project.known[version.number] = before
    project.check(folders)
    return died


def checkout(project: Project, *, by_clock: bool) -> bool:
    folders = project.open()
    number = project.rng.choice(sorted(project.known))
    version, target, before = folders.catalog.get("work", number), project.known[number], project.state()
    died = project.killed(lambda inner: inner.checkout(version), by_clock=by_clock)
    now = project.state()
    for path in before.keys() | target.keys() | now.keys():
        assert now.get(path) in (before.get(path), target.get(path)), "a file that is neither old nor new"
    project.check(folders)
    if died and project.rng.random() < 0.5:  # somewhere else, before it was finished
        number = project.rng.choice(sorted(project.known))
        version, target = folders.catalog.get("work", number), project.known[number]
    folders.checkout(version)
    assert project.state() == target
    assert not any(path.name.startswith(".noria-tmp-") for path in project.work.rglob("*"))
    assert not folders.status(project.work).changes
    return died


def sweep(project: Project, *, by_clock: bool) -> bool:
    folders = project.open()
    if len(project.known) > 2 and project.rng.random() < 0.7:
        number = project.rng.choice(sorted(project.known))
        folders.catalog.remove(folders.catalog.get("work", number))
        del project.known[number]
    died = project.killed(lambda inner: inner.sweep(set(), grace_seconds=-1), by_clock=by_clock)
    project.check(folders)
    folders.sweep(set(), grace_seconds=-1)
    project.check(folders)
    return died


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
@pytest.mark.parametrize("by_clock", [False, True], ids=["at a call", "at an instant"])
@pytest.mark.parametrize("work", [add, checkout, sweep], ids=["add", "checkout", "sweep"])
def test_killed_and_nothing_is_lost(tmp_path: Path, small: None, work: Callable[..., bool], by_clock: bool) -> None:
    project = Project(tmp_path / "0", seed=len(work.__name__) * 2 + by_clock)
    add(project, by_clock=False)
    add(project, by_clock=False)
    kills = rounds = 0
    wanted = max(1, KILLS // 6)
    while kills < wanted:
        rounds += 1
        assert rounds < 30 * wanted, "hardly ever killed in time"
        if work is sweep or rounds % 5 == 0:
            add(project, by_clock=False)
        kills += work(project, by_clock=by_clock)


STRACED = """
import sys; from pathlib import Path
from noria.datasets import recording
from noria.store import contents, packs
packs.TARGET_BYTES, contents.SMALL_BYTES, recording.SMALL_BYTES = 4000, 2000, 2000
from noria.datasets.catalog import Datasets
from noria.store.blobs import Blobs
from noria.store.database import Database
root = Path(sys.argv[1])
folders = Datasets(Database(f"sqlite:///{root}/.noria/noria.db"), Blobs(root / ".noria" / "objects"), root).folders
match sys.argv[2]:
    case "add":
        folders.add(root / "work")
    case "checkout":
        folders.checkout(folders.catalog.get("work", int(sys.argv[3])))
    case "sweep":
        folders.sweep(set(), grace_seconds=-1)
"""


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not here")
@pytest.mark.parametrize("call", ["pwrite64", "fdatasync", "fsync", "rename", "write", "unlink", "ftruncate"])
def test_killed_at_a_system_call_of_the_databases_too(tmp_path: Path, small: None, call: str) -> None:
    project = Project(tmp_path / "0", seed=len(call))
    add(project, by_clock=False)
    for _ in range(max(1, KILLS // 24)):
        project.edit()
        before = project.state()
        inject = f"inject={call}:signal=SIGKILL:when={project.rng.randint(1, 12)}"
        for what in ("add", "checkout", "sweep"):
            number = str(project.rng.choice(sorted(project.known)))
            if what == "checkout":
                version = project.open().add(project.work).version
                project.known[version.number] = before
            command = ["strace", "-f", "-o", os.devnull, "-e", f"trace={call}", "-e", inject]
            done = subprocess.run(
                [*command, sys.executable, "-c", STRACED, project.root, what, number], capture_output=True, text=True
            )
            if "ptrace" in done.stderr and "not permitted" in done.stderr:
                pytest.skip("strace may not look into processes here")
            assert done.returncode in (0, -signal.SIGKILL, 128 + signal.SIGKILL), done.stderr
            project.check(project.open(), unsaid=before)
        project.open().checkout(project.open().catalog.get("work", int(number)))
        assert project.state() == project.known[int(number)]
