"""What a server does beside answering: it marks runs whose process has died, and tells who wants to hear of it."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool

from noria.automation.hooks import Hooks
from noria.runs.runs import Runs

if TYPE_CHECKING:
    from noria.server.site import Site

__all__ = ["EVERY_SECONDS", "tell_hooks", "watch_runs"]

EVERY_SECONDS = 5.0
"""With `noria.runs.runs.EXPIRY` of silence, and time to look, within 30 s."""

_log = logging.getLogger("noria.server")


async def watch_runs(site: Site, *, every_seconds: float = EVERY_SECONDS) -> None:
    """Look for dead runs until cancelled."""
    while True:
        await asyncio.sleep(every_seconds)
        silent = site.presence.silent()  # on the event loop, where presence lives
        try:
            await run_in_threadpool(_look, site, silent)
        except Exception:  # noqa: BLE001 - the database may be away for a while; the watch goes on
            _log.exception("cannot look for runs that died")


async def tell_hooks(site: Site, *, every_seconds: float = EVERY_SECONDS) -> None:
    """Send what happened in the registry to those who want to hear of it, until cancelled."""
    while True:
        await asyncio.sleep(every_seconds)
        try:
            # Beside the watch over runs, which must not wait for somebody who does not answer.
            await run_in_threadpool(_tell, site)
        except Exception:  # noqa: BLE001 - as above
            _log.exception("cannot tell what happened in the registry")


def _tell(site: Site) -> None:
    Hooks(site.workspace.database).deliver(now=datetime.now(UTC))


def _look(site: Site, silent: list[str]) -> None:
    runs = Runs(site.workspace.database, site.commits)
    runs.mark_lost(datetime.now(UTC))
    if silent:
        runs.give_up(silent)
