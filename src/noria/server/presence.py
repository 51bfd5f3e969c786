"""Who still holds a connection: how a run of a client without a heartbeat is known to have died.

The MLflow client says when a run begins and when it ends, and nothing when its process is killed; its tracking server
shows such a run as running for ever. But the client keeps its connections as long as it lives, and when a process dies
its machine closes them. So a run is given up when the last connection that spoke for it was closed from the other
side and nobody has spoken for it since, for `GRACE_SECONDS`. A verdict that proves wrong is taken back by the next word
about the run (see `noria.runs.recording.open_run`).

Everything here happens on the server's event loop; nothing waits.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from noria.security.patience import PatientProtocol

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

__all__ = ["GRACE_SECONDS", "Presence", "present"]

GRACE_SECONDS = 20.0

Client = tuple[str, int]


class Presence:
    """Which connections spoke for which runs.

    Parameters
    ----------
    clock : callable
        Seconds that never go back.

    Examples
    --------
    >>> now = [0.0]
    >>> presence = Presence(clock=lambda: now[0])
    >>> presence.spoke(("127.0.0.1", 5), "run")
    >>> presence.left(("127.0.0.1", 5), by_peer=True)
    >>> now[0] = 60.0
    >>> presence.silent()
    ['run']
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._holders: dict[str, set[Client]] = {}
        self._held: dict[Client, set[str]] = {}
        self._left_at: dict[str, float] = {}

    def spoke(self, client: Client, run: str) -> None:
        """Note that a connection said something about a run that is going on."""
        self._holders.setdefault(run, set()).add(client)
        self._held.setdefault(client, set()).add(run)
        self._left_at.pop(run, None)

    def ended(self, run: str) -> None:
        """Forget a run that has said how it ended."""
        self._left_at.pop(run, None)
        for client in self._holders.pop(run, ()):
            self._let_go(client, run)

    def holds(self, client: Client) -> bool:
        """Say whether a connection spoke for a run that goes on: then it is worth keeping, however idle."""
        return client in self._held

    def left(self, client: Client, *, by_peer: bool) -> None:
        """Note that a connection is gone; one that we closed ourselves says nothing about the other side."""
        for run in self._held.pop(client, ()):
            holders = self._holders.get(run, set())
            holders.discard(client)
            if not holders:
                self._holders.pop(run, None)
                if by_peer:
                    self._left_at[run] = self._clock()

    def silent(self) -> list[str]:
        """Give up the runs that nobody has held for the grace, and name them."""
        last = self._clock() - GRACE_SECONDS
        gone = [run for run, at in self._left_at.items() if at <= last]
        for run in gone:
            del self._left_at[run]
        return gone

    def _let_go(self, client: Client, run: str) -> None:
        held = self._held.get(client)
        if held is not None:
            held.discard(run)
            if not held:
                del self._held[client]


def present(presence: Presence) -> type[PatientProtocol]:
    """Give the HTTP protocol whose connections are known to a `Presence`."""

    class PresentProtocol(PatientProtocol):
        """Tells when a connection is closed, and by whom; keeps one that a run depends on."""

        _by_peer = False

        def eof_received(self) -> None:
            """Note that the other side has closed."""
            self._by_peer = True
            super().eof_received()

        def connection_lost(self, exc: Exception | None) -> None:
            """Tell that the connection is gone."""
            if self.client is not None:
                presence.left(self.client, by_peer=self._by_peer or exc is not None)
            super().connection_lost(exc)

        def timeout_keep_alive_handler(self) -> None:
            """Keep an idle connection while a run depends on it."""
            if self.client is not None and presence.holds(self.client):
                self.timeout_keep_alive_task: asyncio.TimerHandle | None = self.loop.call_later(
                    self.timeout_keep_alive, self.timeout_keep_alive_handler
                )
            else:
                super().timeout_keep_alive_handler()

    return PresentProtocol
