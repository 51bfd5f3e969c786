"""Versions shared through a folder and a real S3 server: they arrive whole, once, and harm nobody."""

from __future__ import annotations

import json
import os
import random
import select
import shutil
import signal
import socket
import socketserver
import subprocess
import sys
import textwrap
import threading
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa
import pytest

from noria.datasets.catalog import Datasets
from noria.datasets.remote_sweeping import sweep_there
from noria.datasets.sharing import Sharing
from noria.errors import BlobNotFound, Conflict, CorruptedBlob, DatasetNotFound, NoriaError, NotAllowed
from noria.store import parcel
from noria.store.blobs import Blobs, digest_json
from noria.store.database import Database
from noria.store.migrations import upgrade
from noria.store.remote import RemoteUnavailable
from noria.store.remotes import open_remote

if TYPE_CHECKING:
    from collections.abc import Iterator

    from noria.store.remote import Remote

MIGRATIONS = sorted((Path(__file__).parents[2] / "src" / "noria").glob("*/migrations"))


@pytest.fixture(params=["folder", "s3"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "folder":
        return (tmp_path / "remote").as_uri()
    return f"{request.getfixturevalue('s3_bucket')}/{uuid.uuid4().hex}"


class Clone:
    """A colleague's project, as far as versions go."""

    def __init__(self, home: Path, address: str, remote: Remote | None = None) -> None:
        home.mkdir(exist_ok=True)
        self.home = home
        self.database = Database(f"sqlite:///{home}/noria.db")
        upgrade(self.database, MIGRATIONS)
        self.blobs = Blobs(home / "objects")
        self.datasets = Datasets(self.database, self.blobs)
        self.remote = remote or open_remote(address)
        self.sharing = Sharing(self.datasets, self.blobs, self.remote, home)

    def faults(self) -> list[str]:
        """Say what is stored and not whole, or named and not there."""
        owned = [
            d for name in self.datasets.names() for v in self.datasets.versions(name) for d in (v.digest, v.profile)
        ]
        return [digest for digest in [*self.blobs, *owned] if not self.blobs.is_whole(digest)]


@pytest.fixture
def clones(tmp_path: Path, address: str) -> Iterator[tuple[Clone, Clone]]:
    both = Clone(tmp_path / "mine", address), Clone(tmp_path / "theirs", address)
    yield both
    for clone in both:
        clone.database.close()


def table(rows: int = 60_000, seed: int = 0) -> pa.Table:
    draw = np.random.default_rng(seed)
    return pa.table({"id": np.arange(rows), "x": draw.normal(size=rows), "y": draw.normal(size=rows)})


def changed(old: pa.Table, seed: int) -> pa.Table:
    draw = np.random.default_rng(seed)
    x = old["x"].to_numpy().copy()
    x[draw.integers(0, len(x), 200)] = seed
    return old.set_column(1, "x", pa.array(x))


def commit(clone: Clone, versions: int = 3, name: str = "credit") -> list[pa.Table]:
    tables = [table()]
    for seed in range(1, versions):
        tables.append(changed(tables[-1], seed))
    for one in tables:
        clone.datasets.commit(name, one, source="a.csv", key=["id"], note="n", run_id="r1")
    return tables


def test_a_colleague_gets_the_version_and_reads_it(clones: tuple[Clone, Clone]) -> None:
    mine, theirs = clones
    tables = commit(mine)
    newest = mine.datasets.get("credit")
    assert len(mine.blobs.files(newest.digest)) == 3
    sent = mine.sharing.push(newest)
    assert (sent.ref, sent.new, sent.files) == ("credit@3", True, 4)
    assert mine.sharing.refs() == [("credit", 3)]
    got = theirs.sharing.pull("credit")
    assert (got.ref, got.new, got.files) == ("credit@3", True, 4)
    assert theirs.datasets.get("credit") == newest
    assert theirs.datasets.read(newest).equals(tables[-1])
    assert theirs.datasets.profile(newest) == mine.datasets.profile(newest)
    assert theirs.faults() == []
    assert list((theirs.blobs.root / "incoming").iterdir()) == []
    # Again: nothing is sent, nothing comes, nothing changes.
    assert not mine.sharing.push(newest).new
    again = theirs.sharing.pull("credit", 3)
    assert (again.new, again.files) == (False, 0)
    # Theirs goes on from it, and mine gets that.
    theirs.datasets.commit("credit", changed(tables[-1], 9), source="b.csv")
    assert theirs.sharing.push(theirs.datasets.get("credit")).files == 2
    assert mine.sharing.pull("credit").files == 2
    assert mine.datasets.read(mine.datasets.get("credit@4")).equals(changed(tables[-1], 9))
    assert theirs.sharing.refs() == [("credit", 3), ("credit", 4)]


def test_two_versions_of_one_number_stay_apart(clones: tuple[Clone, Clone]) -> None:
    mine, theirs = clones
    one = mine.datasets.commit("credit", table(seed=1), source="mine")
    two = theirs.datasets.commit("credit", table(seed=2), source="theirs")
    mine.sharing.push(one)
    with pytest.raises(Conflict, match="another version") as caught:
        theirs.sharing.push(two)
    assert caught.value.mend == "noria data push credit@1 --as credit-mine"
    with pytest.raises(Conflict):
        theirs.sharing.pull("credit")
    assert theirs.sharing.push(two, name="credit-theirs").ref == "credit-theirs@1"
    assert theirs.sharing.pull("credit", name="credit-mine").ref == "credit-mine@1"
    assert theirs.datasets.read(theirs.datasets.get("credit-mine")).equals(table(seed=1))
    assert theirs.datasets.read(two).equals(table(seed=2))
    assert mine.sharing.pull("credit-theirs").new
    assert mine.faults() == theirs.faults() == []


def test_of_two_who_push_at_once_one_wins_and_both_are_told(clones: tuple[Clone, Clone], tmp_path: Path) -> None:
    pushed: list[object] = []
    versions = [clone.datasets.commit("credit", table(seed=seed), source="") for seed, clone in enumerate(clones)]

    def push(number: int) -> None:
        try:
            pushed.append(clones[number].sharing.push(versions[number]))
        except Conflict as error:
            pushed.append(error)

    threads = [threading.Thread(target=push, args=(number,)) for number in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(isinstance(one, Conflict) for one in pushed) == 1
    third = Clone(tmp_path / "third", "", clones[0].remote)
    third.sharing.pull("credit")
    assert third.datasets.get("credit").digest in {version.digest for version in versions}
    assert third.faults() == []
    third.database.close()


def test_what_is_not_there(clones: tuple[Clone, Clone]) -> None:
    mine, _ = clones
    with pytest.raises(DatasetNotFound, match="no dataset 'credit'"):
        mine.sharing.pull("credit")
    commit(mine, 1)
    mine.sharing.push(mine.datasets.get("credit"))
    with pytest.raises(DatasetNotFound, match="no credit@7") as caught:
        mine.sharing.pull("credit", 7)
    assert caught.value.why == "it has credit@1"


def test_a_version_that_is_damaged_here_is_not_pushed(clones: tuple[Clone, Clone]) -> None:
    mine, _ = clones
    commit(mine, 2)
    newest = mine.datasets.get("credit")
    base = mine.blobs.files(newest.digest)[-1]
    base.chmod(0o644)
    base.write_bytes(base.read_bytes()[:-1] + b"x")
    with pytest.raises(CorruptedBlob):
        mine.sharing.push(newest)
    assert mine.sharing.refs() == []
    base.unlink()
    with pytest.raises(BlobNotFound):
        mine.sharing.push(newest)


def test_what_is_damaged_here_is_mended_by_a_pull(clones: tuple[Clone, Clone]) -> None:
    mine, theirs = clones
    tables = commit(mine)
    newest = mine.datasets.get("credit")
    mine.sharing.push(newest)
    theirs.sharing.pull("credit")
    for path in theirs.blobs.files(newest.digest):
        path.chmod(0o644)
        path.write_bytes(b"nothing")
        theirs.sharing.pull("credit")
        assert theirs.datasets.read(newest).equals(tables[-1])
    assert theirs.faults() == []


def fill(folder: Path, seed: int, lines: int = 60_000) -> None:
    draw = random.Random(seed)
    (folder / "sub").mkdir(parents=True, exist_ok=True)
    for number in range(30):
        (folder / "sub" / f"{number}.txt").write_text(f"{number} {seed if number < 3 else 0}")
    rows = [f"{row},{row * 7919 % 100_003},text {row % 17}\n" for row in range(lines)]
    for _ in range(200):
        rows[draw.randrange(lines)] = f"{seed},{draw.random()}\n"
    (folder / "big.csv").write_text("".join(rows))


def held(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_of_files_is_shared_as_well(clones: tuple[Clone, Clone], tmp_path: Path) -> None:
    mine, theirs = clones
    versions = []
    for seed in range(2):
        fill(tmp_path / "images", seed)
        versions.append((mine.datasets.folders.add(tmp_path / "images").version, held(tmp_path / "images")))
        time.sleep(0.01)
    assert sum("deltas" in path.parts for path in mine.datasets.folders.needed(versions[1][0])) == 1
    first = mine.sharing.push(versions[0][0])
    second = mine.sharing.push(versions[1][0])
    assert first.new
    assert second.new
    assert second.bytes < 0.1 * first.bytes
    got = theirs.sharing.pull("images")
    assert (got.ref, got.new) == ("images@2", True)
    assert theirs.sharing.pull("images", 1).files <= 1
    for version, content in versions:
        arrived = theirs.datasets.folders.catalog.get("images", version.number)
        assert arrived == version
        theirs.datasets.folders.checkout(arrived, tmp_path / f"out{version.number}")
        assert held(tmp_path / f"out{version.number}") == content
    assert not theirs.sharing.pull("images", 2).new
    # What is removed here comes back; what is damaged here is mended.
    theirs.datasets.folders.catalog.remove(versions[1][0])
    for path in theirs.datasets.folders.needed(versions[1][0]):
        path.chmod(0o644)
        path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert theirs.sharing.pull("images").new
    assert theirs.datasets.folders.is_whole(versions[1][0])
    assert theirs.faults() == []


def test_a_sweep_leaves_what_a_shared_version_needs(clones: tuple[Clone, Clone], tmp_path: Path) -> None:
    mine, _ = clones
    folder = tmp_path / "images"
    made = []
    for seed in range(3):
        fill(folder, seed)
        made.append(mine.datasets.folders.add(folder).version)
    mine.datasets.folders.catalog.remove(made[0])
    mine.datasets.folders.catalog.remove(made[1])
    before = len(list(mine.blobs))
    mine.datasets.folders.sweep(set(), grace_seconds=-60)
    assert mine.datasets.folders.is_whole(made[2])
    assert len(list(mine.blobs)) == before, "the newest is kept against those before"
    mine.datasets.folders.catalog.remove(made[2])
    mine.datasets.folders.sweep(set(), grace_seconds=-60)
    assert list(mine.blobs) == []


def test_a_name_is_a_table_or_a_folder_wherever_it_comes_from(clones: tuple[Clone, Clone], tmp_path: Path) -> None:
    mine, theirs = clones
    fill(tmp_path / "credit", 0, 100)
    mine.sharing.push(mine.datasets.folders.add(tmp_path / "credit").version)
    commit(theirs, 1)
    with pytest.raises(Conflict):
        theirs.sharing.push(theirs.datasets.get("credit"))
    with pytest.raises(NoriaError, match="cannot be a folder too"):
        theirs.sharing.pull("credit")
    assert theirs.sharing.pull("credit", name="pictures").new


class Failing:
    """A remote that fails at every so many calls, before or after it did what was asked."""

    def __init__(self, remote: Remote, every: int) -> None:
        self._remote, self._every, self._calls = remote, every, 0
        self.address = remote.address
        self.down = False

    def __getattr__(self, name: str) -> object:
        real = getattr(self._remote, name)

        def call(*given: object) -> object:
            self._calls += 1
            turn = self._calls % (2 * self._every)
            if self.down or turn == 0:
                raise RemoteUnavailable("down")
            done = real(*given)
            if turn == self._every:
                raise RemoteUnavailable("it said nothing, but did it")
            return done

        return call


def test_a_remote_that_fails_now_and_then(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parcel, "_PART", 200_000)
    monkeypatch.setattr(parcel.time, "sleep", lambda _: None)
    remote = Failing(open_remote(address), 3)
    mine, theirs = (Clone(tmp_path / name, address, remote) for name in ("mine", "theirs"))  # type: ignore[arg-type]
    tables = commit(mine)
    mine.sharing.push(mine.datasets.get("credit"))
    theirs.sharing.pull("credit")
    assert theirs.datasets.read(theirs.datasets.get("credit")).equals(tables[-1])
    remote.down = True
    with pytest.raises(RemoteUnavailable):
        theirs.sharing.pull("credit")
    for clone in (mine, theirs):
        clone.database.close()


class Cutting(socketserver.ThreadingTCPServer):
    """Stands between a client and a server, and cuts each connection after some bytes, either way."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, upstream: tuple[str, int]) -> None:
        super().__init__(("127.0.0.1", 0), _Cut)
        self.upstream, self.draw, self.cuts = upstream, random.Random(3), 0


class _Cut(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, Cutting)
        left = self.server.draw.choice([300, 60_000, 400_000, 3_000_000])
        with socket.create_connection(self.server.upstream) as upstream:
            ends = {self.request: upstream, upstream: self.request}
            while left > 0:
                for ready in select.select(list(ends), [], [], 30)[0]:
                    data = ready.recv(min(left, 1 << 16))
                    if not data:
                        return
                    left -= len(data)
                    ends[ready].sendall(data)
        self.server.cuts += 1


def test_connections_that_break_in_the_middle(s3_bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parcel, "_PART", 200_000)
    monkeypatch.setattr(parcel.time, "sleep", lambda _: None)
    endpoint = urlsplit(os.environ["AWS_ENDPOINT_URL"])
    with Cutting((endpoint.hostname or "", endpoint.port or 0)) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{proxy.server_address[1]}")
        address = f"{s3_bucket}/{uuid.uuid4().hex}"
        mine, theirs = Clone(tmp_path / "mine", address), Clone(tmp_path / "theirs", address)
        tables = commit(mine)
        for share in (lambda: mine.sharing.push(mine.datasets.get("credit")), lambda: theirs.sharing.pull("credit")):
            for _ in range(20):
                try:
                    share()
                except RemoteUnavailable:
                    assert mine.faults() == theirs.faults() == []
                else:
                    break
        assert theirs.datasets.read(theirs.datasets.get("credit")).equals(tables[-1])
        assert theirs.faults() == []
        assert proxy.cuts > 3
        proxy.shutdown()
    for clone in (mine, theirs):
        clone.database.close()


def _flip(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


def test_a_part_that_is_damaged_there_is_not_taken(tmp_path: Path) -> None:
    mine, theirs = (Clone(tmp_path / name, (tmp_path / "remote").as_uri()) for name in ("mine", "theirs"))
    commit(mine, 2)
    mine.sharing.push(mine.datasets.get("credit"))
    for part in sorted((tmp_path / "remote" / "parts").rglob("*")):
        if not part.is_file():
            continue
        shutil.rmtree(theirs.blobs.root / "incoming", ignore_errors=True)
        sound = part.read_bytes()
        part.chmod(0o644)
        part.write_bytes(_flip(sound))
        with pytest.raises(CorruptedBlob, match="damaged"):
            theirs.sharing.pull("credit")
        assert theirs.datasets.names() == ()
        assert theirs.faults() == []
        part.write_bytes(sound)
    assert theirs.sharing.pull("credit").new
    for clone in (mine, theirs):
        clone.database.close()


@pytest.mark.parametrize(
    "change",
    [
        lambda record: record.update(noria=2),
        lambda record: record.update(kind="other"),
        lambda record: record["version"].update(number=2),
        lambda record: record["version"].update(digest="../x"),
        lambda record: record["version"].update(created="2026-01-01"),
        lambda record: record["version"].update(schema={"columns": 3}),
        lambda record: record["files"][0].update(path="../../etc/passwd"),
        lambda record: record["files"][0].update(path="objects/ab/../../../x"),
        lambda record: record["files"][0].update(parts=[["x", 1]]),
        lambda record: record["files"][0].update(parts=7),
        lambda record: record.pop("files"),
        lambda record: record.clear(),
    ],
)
def test_a_record_that_is_none_changes_nothing(tmp_path: Path, change: object) -> None:
    mine, theirs = (Clone(tmp_path / name, (tmp_path / "remote").as_uri()) for name in ("mine", "theirs"))
    commit(mine, 1)
    mine.sharing.push(mine.datasets.get("credit"))
    place = tmp_path / "remote" / "versions" / "credit" / "1.json"
    record = json.loads(place.read_bytes())
    place.chmod(0o644)
    place.write_bytes(place.read_bytes().replace(b"a.csv", b"b.csv"))
    with pytest.raises(CorruptedBlob, match="cannot be read"):
        theirs.sharing.pull("credit", 1)
    del record["digest"]
    change(record)  # type: ignore[operator]
    place.write_text(json.dumps({**record, "digest": digest_json(record)}))
    with pytest.raises(NoriaError, match="cannot be read"):
        theirs.sharing.pull("credit", 1)
    assert theirs.datasets.names() == ()
    assert list(theirs.blobs) == []
    for clone in (mine, theirs):
        clone.database.close()


WORK = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    sys.path.insert(0, sys.argv[4])
    from test_sharing import Clone, parcel
    parcel._PART = 50_000
    clone = Clone(Path(sys.argv[2]), sys.argv[3])
    print("ready", flush=True)
    if sys.argv[1] == "push":
        clone.sharing.push(clone.datasets.get("credit"))
    else:
        clone.sharing.pull("credit")
    print("done", flush=True)
    """
)


@pytest.mark.parametrize("what", ["push", "pull"])
def test_killed_at_any_moment_it_goes_on_and_nothing_dangles(tmp_path: Path, address: str, what: str) -> None:
    mine, theirs = Clone(tmp_path / "mine", address), Clone(tmp_path / "theirs", address)
    tables = commit(mine, 4)
    newest = mine.datasets.get("credit")
    if what == "pull":
        mine.sharing.push(newest)
    home = mine.home if what == "push" else theirs.home
    draw, killed = random.Random(7), 0
    for _ in range(12):
        command = [sys.executable, "-c", WORK, what, str(home), address, str(Path(__file__).parent)]
        worker = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
        time.sleep(draw.uniform(0, 0.5))
        os.kill(worker.pid, signal.SIGKILL)
        killed += "done" not in worker.communicate()[0]
        assert mine.faults() == theirs.faults() == []
        if what == "push" and mine.sharing.refs():
            third = Clone(tmp_path / uuid.uuid4().hex, address)
            third.sharing.pull("credit")  # a version that can be seen there is all there
            assert third.datasets.read(newest).equals(tables[-1])
            third.database.close()
    assert killed > 0
    mine.sharing.push(newest)
    theirs.sharing.pull("credit")
    assert theirs.datasets.read(theirs.datasets.get("credit")).equals(tables[-1])
    assert mine.faults() == theirs.faults() == []
    for clone in (mine, theirs):
        clone.database.close()


def parts(remote: Remote) -> set[str]:
    return set(remote.names("parts"))


def test_a_sweep_there_leaves_what_versions_need(clones: tuple[Clone, Clone], tmp_path: Path) -> None:
    mine, theirs = clones
    tables = commit(mine)
    for number in (1, 3):
        mine.sharing.push(mine.datasets.get(f"credit@{number}"))
    fill(tmp_path / "images", 0, 100)
    mine.sharing.push(mine.datasets.folders.add(tmp_path / "images").version)
    before = parts(mine.remote)
    mine.remote.put_new("parts/ab/left-by-somebody", b"x" * 1000)
    for kept in (
        sweep_there(mine.sharing.catalog, grace_seconds=3600),
        sweep_there(mine.sharing.catalog, grace_seconds=0, dry_run=True),
    ):
        assert kept.versions == 3
        assert parts(mine.remote) == {*before, "parts/ab/left-by-somebody"}
    assert (kept.parts, kept.size) == (1, 1000)
    assert sweep_there(mine.sharing.catalog, grace_seconds=0).parts == 1
    assert parts(mine.remote) == before
    theirs.sharing.pull("credit", 1)
    theirs.sharing.pull("credit", 3)
    theirs.sharing.pull("images")
    assert theirs.datasets.read(theirs.datasets.get("credit@3")).equals(tables[-1])
    # A folder's version that is removed there frees what only it needs, and is not brought again.
    mine.sharing.push(mine.datasets.folders.catalog.get("images", 1), name="same")
    mine.sharing.remove("images", 1)
    assert sweep_there(mine.sharing.catalog, grace_seconds=0).parts == 0
    assert theirs.sharing.pull("same").new
    mine.sharing.remove("same", 1)
    assert mine.sharing.refs() == [("credit", 1), ("credit", 3)]
    assert sweep_there(mine.sharing.catalog, grace_seconds=0).parts > 0
    with pytest.raises(NotAllowed, match="was removed from"):
        theirs.sharing.push(theirs.datasets.folders.catalog.get("images", 1))
    with pytest.raises(NotAllowed, match="a table's version"):
        mine.sharing.remove("credit", 1)
    third = Clone(tmp_path / "third", "", mine.remote)
    third.sharing.pull("credit", 3)
    assert third.datasets.read(third.datasets.get("credit@3")).equals(tables[-1])
    third.database.close()


def test_nothing_is_swept_there_while_a_record_cannot_be_read(tmp_path: Path) -> None:
    mine = Clone(tmp_path / "mine", (tmp_path / "remote").as_uri())
    commit(mine, 2)
    mine.sharing.push(mine.datasets.get("credit"))
    place = tmp_path / "remote" / "versions" / "credit" / "2.json"
    record = json.loads(place.read_bytes())
    place.chmod(0o644)
    before = parts(mine.remote)
    record["files"] = [file for file in record["files"] if "deltas" in file["path"]]
    del record["digest"]
    place.write_text(json.dumps({**record, "digest": digest_json(record)}))
    with pytest.raises(CorruptedBlob, match="leaves out what it is kept against"):
        sweep_there(mine.sharing.catalog, grace_seconds=0)
    place.write_text("{}")
    with pytest.raises(CorruptedBlob, match="cannot be read"):
        sweep_there(mine.sharing.catalog, grace_seconds=0)
    assert parts(mine.remote) == before
    mine.database.close()


SWEEP = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    sys.path.insert(0, sys.argv[4])
    from test_sharing import Clone, parcel, sweep_there, time
    parcel._PART = 50_000
    clone = Clone(Path(sys.argv[2]), sys.argv[3])
    print("ready", flush=True)
    if sys.argv[1] == "sweep":
        end = time.monotonic() + 60
        while time.monotonic() < end:
            sweep_there(clone.sharing.catalog, grace_seconds=0, patience_seconds=60)
    else:
        for version in reversed(clone.datasets.versions("credit")):
            clone.sharing.push(version)
            print("pushed", flush=True)
    """
)


def _begin(what: str, clone: Clone, address: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", SWEEP, what, str(clone.home), address, str(Path(__file__).parent)]
    worker = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert worker.stdout is not None
    assert worker.stdout.readline() == "ready\n"
    return worker


def _kill(worker: subprocess.Popen[str]) -> int:
    worker.kill()
    assert worker.stdout is not None
    worker.stdout.close()
    return worker.wait()


def test_sweeping_there_without_grace_while_others_push_and_killed_at_any_moment(tmp_path: Path) -> None:
    address = (tmp_path / "remote").as_uri()
    mine = Clone(tmp_path / "mine", address)
    tables = commit(mine, 6)
    mine.sharing.push(mine.datasets.get("credit@1"))
    draw, ends = random.Random(11), []
    pushing = _begin("push", mine, address)
    for _ in range(8):
        sweeping = _begin("sweep", mine, address)
        if pushing.poll() is not None:
            ends.append(_kill(pushing))
            pushing = _begin("push", mine, address)
        time.sleep(draw.uniform(0.05, 0.6))
        assert _kill(sweeping) == -signal.SIGKILL
        if draw.random() < 0.5:
            ends.append(_kill(pushing))
        for lease in (tmp_path / "remote" / "leases").glob("*"):
            if pushing.poll() is not None or lease.name.startswith("sweep"):
                lease.unlink(missing_ok=True)  # which would be waited for, for a quarter of an hour
        theirs = Clone(tmp_path / uuid.uuid4().hex, address)
        for name, number in theirs.sharing.refs():
            theirs.sharing.pull(name, number)
            assert theirs.datasets.read(theirs.datasets.get(f"credit@{number}")).equals(tables[number - 1])
        theirs.database.close()
    assert {*ends, _kill(pushing)} <= {0, -signal.SIGKILL}
    mine.database.close()


class TakenForDead:
    """A remote where, at the moment a version's record is written, a sweeper takes us for dead and everything away."""

    def __init__(self, remote: Remote, forbidden: str = "") -> None:
        self._remote, self._forbidden = remote, forbidden
        self.address = remote.address

    def __getattr__(self, name: str) -> object:
        return getattr(self._remote, name)

    def put_new(self, name: str, data: bytes) -> bool:
        done = self._remote.put_new(name, data)
        if name.startswith("versions/"):
            for lost in [*self._remote.names("leases"), *self._remote.names("parts")]:
                self._remote.delete(lost)
            if self._forbidden:
                self._remote.put_new(f"erased/objects/{self._forbidden}", b"")
        return done


def test_who_was_so_slow_as_to_be_taken_for_dead_brings_again_what_was_taken_away(
    clones: tuple[Clone, Clone], address: str, tmp_path: Path
) -> None:
    mine, theirs = clones
    tables = commit(mine, 2)
    newest = mine.datasets.get("credit")
    slow = Clone(mine.home, address, TakenForDead(mine.remote))  # type: ignore[arg-type]
    slow.sharing.push(newest)
    theirs.sharing.pull("credit")
    assert theirs.datasets.read(newest).equals(tables[-1])
    # What was erased meanwhile is not brought again, and the version is not there.
    slow.remote = TakenForDead(mine.remote, mine.datasets.get("credit@1").digest)  # type: ignore[assignment]
    slow.sharing = Sharing(slow.datasets, slow.blobs, slow.remote, slow.home)
    with pytest.raises(NotAllowed, match="needs rows that were erased"):
        slow.sharing.push(mine.datasets.get("credit@1"))
    assert mine.sharing.refs() == [("credit", 2)]
    slow.database.close()
