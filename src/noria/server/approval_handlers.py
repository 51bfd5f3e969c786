"""Promotions on the pages: at once, or asked for and agreed to."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse

from noria.errors import WrongArgument
from noria.registry import promotion
from noria.registry.version import parse_ref
from noria.server.asking import site_of
from noria.server.caller import name_of
from noria.server.forms import confirmed_form

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["approve", "promote", "reject"]


async def promote(request: Request) -> Response:
    """Make a version the champion, or ask that it become it where others must agree."""
    site = site_of(request)
    form, actor = await confirmed_form(request, site.tokens), name_of(request)
    ref = parse_ref(str(request.path_params["ref"]))

    def work() -> str:
        workspace = site.workspace
        version = workspace.registry.get(ref.model, ref.which)
        reason, override = form.get("reason", ""), form.get("override")
        if promotion.approvals_needed(workspace.registry, version):
            workspace.approvals.request(
                version.model, version.number, actor=actor, reason=reason, at=site.now(), override=override
            )
            return "asked"
        promotion.promote(
            workspace.registry,
            version.model,
            version.number,
            actor=actor,
            reason=reason,
            at=site.now(),
            override=override,
            expect=_expected(form.get("expect", "")),
        )
        return "promoted"

    return _back(request, await run_in_threadpool(work))


async def approve(request: Request) -> Response:
    """Agree to a promotion."""
    site = site_of(request)
    form, actor = await confirmed_form(request, site.tokens), name_of(request)

    def work() -> str:
        key = _number(form.get("request", ""))
        _asked, move = site.workspace.approvals.approve(key, actor=actor, reason=form.get("reason", ""), at=site.now())
        return "approved" if move is None else "promoted"

    return _back(request, await run_in_threadpool(work))


async def reject(request: Request) -> Response:
    """Refuse a promotion, or take one's own request back."""
    site = site_of(request)
    form, actor = await confirmed_form(request, site.tokens), name_of(request)

    def work() -> None:
        key = _number(form.get("request", ""))
        site.workspace.approvals.reject(key, actor=actor, reason=form.get("reason", ""), at=site.now())

    await run_in_threadpool(work)
    return _back(request, "rejected")


def _back(request: Request, said: str) -> Response:
    return RedirectResponse(f"/models/{quote(str(request.path_params['ref']), safe='@')}?said={said}", 303)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise WrongArgument("the form names no request", mend="use the form on the page", code="N-SERVER-095")
    return int(text)


def _expected(text: str) -> int | None:
    return int(text[:9]) if text.isascii() and text.isdigit() else None
