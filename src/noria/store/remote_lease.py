"""Who is at work on a remote: many who push, or one who takes away what nobody needs.

A remote has no locks, but what one has written all others see at once. Whoever comes writes down that they are there,
and only then looks who else is: of two who come together at least one sees the other. A sign that has not been renewed
for some time is that of somebody who died. Times are the remote's own, so that no clock here matters.
"""

from __future__ import annotations

import json
import os
import random
import socket
import threading
import time
import uuid
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

from noria.errors import NoriaError, StoreBusy
from noria.store.parcel import patiently

if TYPE_CHECKING:
    from collections.abc import Iterator

    from noria.store.remote import Found, Remote

__all__ = ["Lease", "alone_on", "signs_on", "together_on"]

_DEAD_SECONDS = 900.0
_RENEWAL_SECONDS = 60.0
_PAUSE_SECONDS = 0.2


class Lease:
    """A sign that somebody is at work, renewed by a thread for as long as it is held.

    Parameters
    ----------
    remote : Remote
        Where.
    kind : str
        ``share`` for one of many, ``sweep`` for one who works alone.
    """

    def __init__(self, remote: Remote, kind: str) -> None:
        self._remote, self._kind = remote, kind
        self._id = uuid.uuid4().hex
        self._turn = 0
        self._mine: set[str] = set()  # signs of ours that may be there
        self._turning = threading.Lock()
        self._ended = threading.Event()
        self._body = json.dumps({"host": socket.gethostname(), "process": os.getpid()}).encode()
        self.lost = False
        self._write(self.name)
        self._thread = threading.Thread(target=self._renew, name="noria-lease", daemon=True)
        self._thread.start()

    @property
    def name(self) -> str:
        """How the sign is called now."""
        return self._called(self._turn)

    def is_held(self) -> bool:
        """Say whether nobody has taken us for dead; once that happened it stays so."""
        with self._turning:
            self.lost = self.lost or patiently(partial(self._remote.size, self.name)) is None
        return not self.lost

    def end(self) -> None:
        """Take the sign away."""
        self._ended.set()
        self._thread.join()
        self._take_away(self._mine)

    def others(self) -> list[Found]:
        """List the signs of others who live; what the dead have left is taken away."""
        found = signs_on(self._remote)
        now = max((one.modified for one in found if self._id in one.name), default=None)
        alive = []
        for one in found:
            if self._id in one.name:
                continue
            if now is not None and (now - one.modified).total_seconds() > _DEAD_SECONDS:
                with suppress(NoriaError):  # without the right to delete one still pushes
                    self._remote.delete(one.name)
            else:
                alive.append(one)
        return alive

    def _called(self, turn: int) -> str:
        return f"leases/{self._kind}-{self._id}.{turn}"

    def _write(self, name: str) -> None:
        self._mine.add(name)  # who is told that a write failed does not know that it did
        patiently(partial(self._remote.put_new, name, self._body))  # False: an earlier attempt has written it

    def _take_away(self, names: set[str]) -> None:
        for name in sorted(names):
            with suppress(NoriaError):  # tried again with the next one; at last it dies by itself
                self._remote.delete(name)
                self._mine.discard(name)

    def _renew(self) -> None:
        while not self._ended.wait(_RENEWAL_SECONDS):
            with suppress(NoriaError):  # tried again in a while
                if not self.is_held():
                    return
                with self._turning:
                    self._write(self._called(self._turn + 1))
                    self._turn += 1
                    self._take_away(self._mine - {self.name})


def signs_on(remote: Remote) -> list[Found]:
    """List the signs on a remote, by two looks: one that is renewed in the middle of a look may hide from it.

    Its new name was not there yet when its place was looked at, the old one not any more. Who has just gone may be
    listed still.
    """
    looks = [patiently(lambda: list(remote.walk("leases"))) for _ in range(2)]
    return list({one.name: one for look in looks for one in look}.values())


@contextmanager
def together_on(remote: Remote, *, patience_seconds: float = 600.0) -> Iterator[Lease]:
    """Work on a remote beside others; wait while somebody works there alone.

    Parameters
    ----------
    remote : Remote
        Where.
    patience_seconds : float
        How long to wait.

    Raises
    ------
    StoreBusy
        Somebody was still at it.
    """
    with _held(remote, "share", "sweep", patience_seconds, stays=False) as lease:
        yield lease


@contextmanager
def alone_on(remote: Remote, *, patience_seconds: float = 0.0) -> Iterator[Lease]:
    """Work on a remote with nobody else; who comes meanwhile waits.

    Parameters
    ----------
    remote, patience_seconds
        As `together_on` takes them.

    Raises
    ------
    StoreBusy
        Others were still at work.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from noria.store.remote_folder import RemoteFolder
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     remote = RemoteFolder(pathlib.Path(folder))
    ...     with together_on(remote):
    ...         try:
    ...             with alone_on(remote):
    ...                 pass
    ...         except StoreBusy as error:
    ...             print(error.what.partition(" file:")[0])
    others are at work on
    """
    with _held(remote, "sweep", "", patience_seconds, stays=True) as lease:
        yield lease


@contextmanager
def _held(remote: Remote, kind: str, but: str, patience_seconds: float, *, stays: bool) -> Iterator[Lease]:
    end = time.monotonic() + patience_seconds
    while True:
        lease = Lease(remote, kind)
        try:
            while True:
                others = [one for one in lease.others() if one.name.startswith(f"leases/{but}")]
                if not others:
                    yield lease
                    return
                if time.monotonic() >= end:
                    raise _busy(remote, others)
                # Who wants to work alone keeps the sign up, so that nobody new comes; of two of them one must yield.
                if not stays or any(one.name.startswith("leases/sweep") for one in others):
                    break
                time.sleep(_PAUSE_SECONDS)
        finally:
            lease.end()
        time.sleep(_PAUSE_SECONDS * (0.5 + random.random()))  # noqa: S311 - no secret


def _busy(remote: Remote, others: list[Found]) -> StoreBusy:
    who = set()
    for one in others:
        with suppress(NoriaError, ValueError, KeyError, TypeError):
            said = json.loads(remote.get(one.name))
            who.add(f"process {said['process']} on {said['host']}")
    return StoreBusy(
        f"others are at work on {remote.address}",
        why=", ".join(sorted(who)) or "they have just gone",
        mend=f"try again when they are done; who died is forgotten after {_DEAD_SECONDS / 60:.0f} minutes",
        code="N-STORE-080",
    )
