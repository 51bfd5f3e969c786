"""Whether something a page shows has changed: a few cheap queries, told to the browser as one short digest."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool

from noria.errors import NoriaError
from noria.server.caller import address_of, visitor
from noria.server.pages.pulse import fingerprint

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

    from noria.server.site import Site

__all__ = ["stream"]

_EVERY_SECONDS = 1.0
_KEEP_ALIVE = 15
_ASK_AGAIN = 5
_LONGEST = 900


async def stream(site: Site, request: Request, topic: str) -> AsyncIterator[str]:
    """Give Server-Sent Events: one when the page opens, one each time something has changed, at most one a second.

    The stream ends after a quarter of an hour, when the server stops, and soon after the reader's rights have changed;
    the browser opens it again by itself, and is let in or not.
    """
    last = ""
    for second in range(_LONGEST):
        if site.stopping.is_set() or await request.is_disconnected():
            return
        if second % _ASK_AGAIN == 0 and not await _still_let_in(site, request):
            return
        state = await run_in_threadpool(fingerprint, site.workspace, topic)
        if state != last:
            last = state
            yield f"event: changed\ndata: {state}\n\n"
        elif second % _KEEP_ALIVE == 0:
            yield ": still here\n\n"
        await asyncio.sleep(_EVERY_SECONDS)


async def _still_let_in(site: Site, request: Request) -> bool:
    if site.credentials is None:
        return True
    try:
        found = await site.credentials.identify(request.scope["headers"], address_of(request.scope))
    except NoriaError:
        return False
    return found == visitor(request)
