"""Many work on a remote at once, or one alone; who died is forgotten."""

from __future__ import annotations

import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from noria.errors import StoreBusy
from noria.store import remote_lease
from noria.store.remote import Remote, RemoteUnavailable
from noria.store.remote_folder import RemoteFolder
from noria.store.remote_lease import Lease, alone_on, together_on
from noria.store.remotes import open_remote


@pytest.fixture(params=["folder", "s3"])
def remote(request: pytest.FixtureRequest, tmp_path: Path) -> Remote:
    if request.param == "folder":
        return open_remote((tmp_path / "remote").as_uri())
    return open_remote(f"{request.getfixturevalue('s3_bucket')}/{uuid.uuid4().hex}")


def signs(remote: Remote) -> list[str]:
    return list(remote.names("leases"))


def test_many_together_and_one_alone(remote: Remote) -> None:
    with together_on(remote), together_on(remote):
        assert len(signs(remote)) == 2
        with pytest.raises(StoreBusy, match="others are at work") as caught, alone_on(remote):
            pass
        assert f"process {os.getpid()}" in caught.value.why
    assert signs(remote) == []
    with alone_on(remote):
        for asked in (alone_on, together_on):
            with pytest.raises(StoreBusy), asked(remote, patience_seconds=0):
                pass
    assert signs(remote) == []


def test_who_comes_second_waits(remote: Remote) -> None:
    order: list[str] = []
    begun = threading.Event()

    def share() -> None:
        with together_on(remote):
            begun.set()
            time.sleep(0.3)
            order.append("shared")

    thread = threading.Thread(target=share)
    thread.start()
    begun.wait()
    with alone_on(remote, patience_seconds=60):
        order.append("alone")
    thread.join()
    assert order == ["shared", "alone"]


def test_never_both_at_once(remote: Remote) -> None:
    inside: list[str] = []
    wrong: list[tuple[str, ...]] = []

    def work(kind: str) -> None:
        for _ in range(6):
            with (alone_on if kind == "alone" else together_on)(remote, patience_seconds=120):
                inside.append(kind)
                seen = tuple(inside)
                if "alone" in seen and len(seen) > 1:
                    wrong.append(seen)
                time.sleep(0.01)
                inside.remove(kind)

    threads = [threading.Thread(target=work, args=(kind,)) for kind in ("alone", "alone", "share", "share", "share")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert signs(remote) == []


def test_who_died_is_forgotten_and_who_lives_renews(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    remote = open_remote((tmp_path / "remote").as_uri())
    monkeypatch.setattr(remote_lease, "_RENEWAL_SECONDS", 0.05)
    dead = tmp_path / "remote" / "leases" / "share-dead.0"
    remote.put_new("leases/share-dead.0", b"{}")
    with pytest.raises(StoreBusy), alone_on(remote):
        pass
    os.utime(dead, (time.time() - 1000, time.time() - 1000))
    lease = Lease(remote, "share")
    first = lease.name
    deadline = time.monotonic() + 20
    while lease.name == first and time.monotonic() < deadline:
        time.sleep(0.02)
    assert lease.name != first
    assert lease.is_held()
    assert lease.others() == []
    assert not dead.exists()
    for name in signs(remote):
        remote.delete(name)
    assert not lease.is_held()
    lease.end()


class Faulty:
    """A remote that fails at what it is told to fail at."""

    def __init__(self, remote: Remote) -> None:
        self.address, self.size, self.get = remote.address, remote.size, remote.get
        self.names, self.walk = remote.names, remote.walk
        self._remote = remote
        self.fails: Callable[[str, str], bool] = lambda _call, _name: False
        self.writes_first = False
        self.refused: dict[str, int] = {}
        self.changed = threading.Event()

    def put_new(self, name: str, data: bytes) -> bool:
        """Write, and say nothing of it where it is to fail after it."""
        failing = self.fails("put", name)
        done = self._remote.put_new(name, data) if self.writes_first or not failing else False
        self._told(name, failing=failing)
        return done

    def delete(self, name: str) -> None:
        self._told(name, failing=self.fails("delete", name))
        self._remote.delete(name)

    def _told(self, name: str, *, failing: bool) -> None:
        if failing:
            self.refused[name] = self.refused.get(name, 0) + 1
            raise RemoteUnavailable("it is away")
        if self.refused:
            self.changed.set()


@pytest.fixture
def faulty(remote: Remote, monkeypatch: pytest.MonkeyPatch) -> Faulty:
    monkeypatch.setattr(remote_lease, "_RENEWAL_SECONDS", 0.01)
    monkeypatch.setattr("noria.store.parcel._LONGEST_WAIT", 0.0)
    return Faulty(remote)


def until_refused(faulty: Faulty, times: int) -> None:
    """Wait until it has failed so often."""
    step = threading.Event()
    for _ in range(2_000):
        if sum(faulty.refused.values()) >= times:
            return
        step.wait(0.01)
    raise AssertionError(f"nobody tried again: {faulty.refused}")


def until_renewed_after(faulty: Faulty, refusals: int) -> None:
    """Wait until it has failed so often, and worked again."""
    until_refused(faulty, refusals)
    faulty.fails = lambda _call, _name: False
    assert faulty.changed.wait(90)


@pytest.mark.parametrize("writes_first", [False, True])
def test_a_renewal_that_fails_is_done_later_and_leaves_nothing(faulty: Faulty, *, writes_first: bool) -> None:
    lease = Lease(faulty, "share")
    first = lease.name
    faulty.writes_first = writes_first
    faulty.fails = lambda call, name: call == "put" and name != first
    until_renewed_after(faulty, 13)  # two renewals, six attempts each, and one more
    assert lease.is_held()
    lease.end()
    assert not lease.lost
    assert signs(faulty) == []


def test_a_renewal_that_never_got_through_leaves_nothing(faulty: Faulty) -> None:
    """It was written, and we were told that it was not."""
    lease = Lease(faulty, "share")
    first = lease.name
    faulty.writes_first = True
    faulty.fails = lambda call, name: call == "put" and name != first
    until_refused(faulty, 6)
    lease.end()
    assert len(faulty.refused) == 1
    assert lease.name == first
    assert signs(faulty) == []


def test_a_sign_that_could_not_be_taken_away_goes_with_the_next(faulty: Faulty) -> None:
    lease = Lease(faulty, "share")
    faulty.fails = lambda call, _name: call == "delete"
    until_renewed_after(faulty, 3)
    lease.end()
    assert not lease.lost
    assert signs(faulty) == []


class Renewing(RemoteFolder):
    """A folder in which somebody renews their sign while the names are walked."""

    turns: Iterator[tuple[str, str]] = iter(())

    def names(self, prefix: str) -> Iterator[str]:
        listed = list(super().names(prefix))
        for before, after in self.turns:
            self.put_new(after, b"{}")
            self.delete(before)
            break
        yield from listed


def test_who_renews_while_others_look_is_seen(tmp_path: Path) -> None:
    remote = Renewing(tmp_path / "remote")
    remote.put_new("leases/share-other.0", b"{}")
    remote.turns = iter([("leases/share-other.0", "leases/share-other.1")])
    with pytest.raises(StoreBusy) as caught, alone_on(remote):
        pass
    assert caught.value.code == "N-STORE-080"
    assert signs(remote) == ["leases/share-other.1"]


def test_who_renews_their_own_sign_while_looking_still_knows_what_time_it_is(tmp_path: Path) -> None:
    remote = Renewing(tmp_path / "remote")
    remote.put_new("leases/share-dead.0", b"{}")
    os.utime(tmp_path / "remote" / "leases" / "share-dead.0", (time.time() - 1000, time.time() - 1000))
    lease = Lease(remote, "sweep")
    remote.turns = iter([(lease.name, lease.name.removesuffix("0") + "1")])
    assert lease.others() == []
    assert signs(remote) == [lease.name.removesuffix("0") + "1"]
    lease.end()
