"""Whether something a page shows has changed: a few cheap queries, told to the browser as one short digest."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool

from noria.server.pages.pulse import fingerprint

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

    from noria.server.site import Site

__all__ = ["stream"]

_EVERY_SECONDS = 1.0
_KEEP_ALIVE = 15
_LONGEST = 900


async def stream(site: Site, request: Request, topic: str) -> AsyncIterator[str]:
    """Give Server-Sent Events: one when the page opens, one each time something has changed, at most one a second.

    The stream ends after a quarter of an hour and when the server stops; the browser opens it again by itself.
    """
    last = ""
    for second in range(_LONGEST):
        if site.stopping.is_set() or await request.is_disconnected():
            return
        state = await run_in_threadpool(fingerprint, site.workspace, topic)
        if state != last:
            last = state
            yield f"event: changed\ndata: {state}\n\n"
        elif second % _KEEP_ALIVE == 0:
            yield ": still here\n\n"
        await asyncio.sleep(_EVERY_SECONDS)
