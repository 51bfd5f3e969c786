"""What people change on the deployment page: end a rollout either way, let it wait, let it go on."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse

from noria.server.asking import site_of
from noria.server.caller import address_of, name_of
from noria.server.forms import confirmed_form
from noria.server.pages import deployments
from noria.server.pages.rollouts import orders_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.responses import Response

    from noria.serving.document import Document
    from noria.serving.orders import Orders

__all__ = ["pause", "promote", "resume", "rollback"]


async def promote(request: Request) -> Response:
    """Let the version that is tried answer everything."""
    return await _ordered(request, lambda orders: orders.promote, "promoted")


async def rollback(request: Request) -> Response:
    """Let what answered before answer again."""
    return await _ordered(request, lambda orders: orders.rollback, "rolled-back")


async def pause(request: Request) -> Response:
    """Let the rollout take no further step."""
    return await _ordered(request, lambda orders: orders.pause, "paused")


async def resume(request: Request) -> Response:
    """Let the rollout go on."""
    return await _ordered(request, lambda orders: orders.resume, "resumed")


async def _ordered(request: Request, which: Callable[[Orders], Callable[..., Document]], said: str) -> Response:
    site = site_of(request)
    form, actor = await confirmed_form(request, site.tokens), name_of(request)
    name = str(request.path_params["endpoint"])

    def work() -> None:
        deployments.known(site.workspace, name)
        orders = orders_of(site.workspace)
        orders.deployments.expect(form.get("expect", ""))
        act = which(orders)
        act(actor=actor, reason=form.get("reason", ""), at=site.now(), address=address_of(request.scope))

    await run_in_threadpool(work)
    return RedirectResponse(f"/deployments/{quote(name)}?said={said}", 303)
