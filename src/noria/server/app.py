"""The application: every route with what it needs, and how an error is shown."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import Response
from starlette.routing import Route

from noria.errors import Conflict, Misused, NoriaError, NotFound, Refused
from noria.security.guard import Guard
from noria.security.policy import RoutePolicy
from noria.security.throttle import TooManyAttempts
from noria.server import (
    account,
    approval_handlers,
    compare_handlers,
    dataset_handlers,
    deployment_handlers,
    handlers,
    run_handlers,
    team,
    tracking,
)
from noria.server.caller import visitor
from noria.server.doorman import Doorman
from noria.server.headers import SecureHeaders
from noria.server.mlflow.dispatch import MlflowProtocol, bodies, tell
from noria.server.mlflow.routes import MLFLOW_ROUTES
from noria.server.vigil import tell_hooks, watch_runs

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from starlette.requests import Request

    from noria.security.guard import App, Body, Scope
    from noria.security.policy import Route as Row
    from noria.server.site import Site

__all__ = ["ROUTES", "TABLES", "application"]

_MAX_FORM = 64 << 10

ROUTES: tuple[tuple[str, str, Callable[..., object], str], ...] = (
    # method, path, who answers, what it needs: "view" reads, "change" moves what is served or watched, "administer"
    # names users; "account" is for whoever has logged in, "open" for everybody
    ("GET", "/", handlers.home, "view"),
    ("GET", "/search", handlers.search, "view"),
    ("GET", "/runs", run_handlers.run_list, "view"),
    ("GET", "/runs/bin", run_handlers.moving, "view"),
    ("POST", "/runs/bin", run_handlers.move, "track"),
    ("GET", "/runs/{run}", handlers.run, "view"),
    ("GET", "/runs/{run}/artifacts/{path:path}", handlers.run_artifact, "view"),
    ("GET", "/compare", compare_handlers.compare, "view"),
    ("GET", "/compare/curves", compare_handlers.curves, "view"),
    ("GET", "/compare/points", compare_handlers.points, "view"),
    ("GET", "/models", handlers.model_list, "view"),
    ("GET", "/models/{ref}", handlers.model, "view"),
    ("GET", "/models/{ref}/files/{path:path}", handlers.model_file, "view"),
    ("POST", "/models/{ref}/promote", approval_handlers.promote, "change"),
    ("POST", "/models/{ref}/approve", approval_handlers.approve, "review"),
    ("POST", "/models/{ref}/reject", approval_handlers.reject, "review"),
    ("POST", "/models/{model}/rollback", handlers.rollback, "change"),
    ("GET", "/datasets", dataset_handlers.dataset_list, "view"),
    ("GET", "/datasets/{ref}", dataset_handlers.dataset, "view"),
    ("GET", "/datasets/{ref}/diff", dataset_handlers.dataset_diff_page, "view"),
    ("GET", "/deployments", handlers.deployment_list, "view"),
    ("GET", "/deployments/{endpoint}", handlers.deployment, "view"),
    ("POST", "/deployments/{endpoint}/promote", deployment_handlers.promote, "change"),
    ("POST", "/deployments/{endpoint}/rollback", deployment_handlers.rollback, "change"),
    ("POST", "/deployments/{endpoint}/pause", deployment_handlers.pause, "change"),
    ("POST", "/deployments/{endpoint}/resume", deployment_handlers.resume, "change"),
    ("GET", "/monitoring", handlers.monitoring_list, "view"),
    ("GET", "/monitoring/{model}", handlers.monitoring, "view"),
    ("GET", "/alerts", handlers.alert_list, "view"),
    ("POST", "/alerts/{number}/mute", handlers.mute, "change"),
    ("POST", "/alerts/{number}/resolve", handlers.resolve, "change"),
    ("GET", "/events/{topic:path}", handlers.events, "view"),
    ("GET", "/static/{version}/{name}", handlers.static, "open"),
    ("GET", "/favicon.ico", handlers.favicon, "open"),
    ("GET", "/login", account.login_form, "open"),
    ("POST", "/login", account.login, "open"),
    ("GET", "/join", account.join_form, "open"),
    ("POST", "/join", account.join, "open"),
    ("POST", "/logout", account.logout, "account"),
    ("GET", "/settings", team.settings, "account"),
    ("POST", "/settings/password", team.set_own_password, "account"),
    ("POST", "/settings/tokens", team.create_token, "account"),
    ("POST", "/settings/tokens/{token}/revoke", team.revoke_token, "account"),
    ("POST", "/settings/users", team.add_user, "administer"),
    ("POST", "/settings/users/{user}/role", team.grant_role, "administer"),
    ("POST", "/settings/users/{user}/active", team.set_active, "administer"),
    ("POST", "/settings/users/{user}/invite", team.invite_user, "administer"),
    ("GET", "/api/health", handlers.health, "view"),
    ("GET", "/api/openapi.json", handlers.openapi, "open"),
    ("GET", "/api/attention", handlers.api_attention, "view"),
    ("GET", "/api/runs", run_handlers.api_runs, "view"),
    ("GET", "/api/runs/{run}", handlers.api_run, "view"),
    ("GET", "/api/models", handlers.api_models, "view"),
    ("GET", "/api/models/{ref}", handlers.api_model, "view"),
    ("GET", "/api/datasets", dataset_handlers.api_datasets, "view"),
    ("GET", "/api/datasets/{ref}", dataset_handlers.api_dataset, "view"),
    ("GET", "/api/datasets/{ref}/diff", dataset_handlers.api_dataset_diff, "view"),
    ("GET", "/api/deployments/{endpoint}", handlers.api_deployment, "view"),
    ("GET", "/api/monitoring/{model}", handlers.api_monitoring, "view"),
    ("GET", "/api/alerts", handlers.api_alerts, "view"),
    ("POST", "/api/tracking/runs/{run}/batch", tracking.batch, "track"),
    ("PUT", "/api/tracking/runs/{run}/artifacts/{path:path}", tracking.artifact, "track"),
)

TABLES: tuple[tuple[Row, ...], ...] = (ROUTES, MLFLOW_ROUTES)
"""Every table of routes: what is in none of them is answered to nobody."""


def application(site: Site, *, hosts: frozenset[str], scheme: str = "http") -> App:
    """Build the server's application, guarded.

    Parameters
    ----------
    site : Site
        What it shows.
    hosts : frozenset of str
        The exact ``Host`` values it answers for, with their ports.
    scheme : str
        ``http`` or ``https``: how browsers reach it.
    """

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        beside = [asyncio.create_task(watch_runs(site)), asyncio.create_task(tell_hooks(site))]
        yield
        for task in beside:
            task.cancel()
        site.close()
        both.close()

    inner = Starlette(
        routes=[Route(path, _bound(handler), methods=[method]) for method, path, handler, _needs in ROUTES],
        lifespan=lifespan,
        exception_handlers={NoriaError: _told, HTTPException: _told_http, Exception: _bug},  # type: ignore[dict-item]
    )
    inner.state.site = site
    inner.state.tables = TABLES
    both = MlflowProtocol(site, otherwise=GZipMiddleware(inner, minimum_size=600))
    guard = Guard(
        both,
        hosts=hosts,
        scheme=scheme,
        max_body=_MAX_FORM,
        bodies=_bodies,
        tell=tell,
        admit=Doorman(site, RoutePolicy(TABLES)),
    )
    return SecureHeaders(guard)


def _bodies(scope: Scope) -> Body | None:
    return tracking.bodies(scope) or bodies(scope)


def status_of(error: NoriaError) -> int:
    """Give the HTTP status of an error of ours.

    Examples
    --------
    >>> status_of(NotFound("no such run"))
    404
    """
    table = ((TooManyAttempts, 429), (NotFound, 404), (Misused, 400), (Conflict, 409), (Refused, 403))
    return next((status for kind, status in table if isinstance(error, kind)), 500)


def _bound(handler: Callable[..., object]) -> Callable[[Request], Awaitable[Response] | Response]:
    return handler  # type: ignore[return-value] # plain functions run in a thread, coroutines in the loop


def _told(request: Request, error: NoriaError) -> Response:
    status = status_of(error)
    # A judging that failed is an answer to the question, not a failure of the server.
    if status == 500 and request.method == "POST":
        status = 409
    return _answer(request, status, {"code": error.code, "what": error.what, "why": error.why, "mend": error.mend})


def _told_http(request: Request, error: HTTPException) -> Response:
    what = {404: "there is no such page", 405: "this page cannot be asked for in that way"}
    fields = {"code": f"N-SERVER-{error.status_code}", "what": what.get(error.status_code, error.detail), "why": ""}
    return _answer(request, error.status_code, {**fields, "mend": "start from the home page: /"})


def _bug(request: Request, error: Exception) -> Response:
    # uvicorn logs it, with its traceback.
    fields = {
        "code": "N-SERVER-000",
        "what": "noria failed where it should not",
        "why": type(error).__name__,
        "mend": "the server's log says where; please send it to the maintainers",
    }
    return _answer(request, 500, fields)


def _answer(request: Request, status: int, error: dict[str, str]) -> Response:
    if request.url.path.startswith(("/api/", "/compare/")):
        return Response(msgspec.json.encode({"error": error}), status, media_type="application/json")
    site: Site = request.app.state.site
    if visitor(request) is None:
        # On a page that is open to all nothing of the project is shown, not even around an error.
        return site.entrance(request, "refused.html", title=error["what"], status=status, error=error)
    try:
        return site.page(request, "error.html", title=error["what"], status=status, error=error)
    except NoriaError as worse:
        # The frame itself needs the project and the database; without them the bare fact must do.
        return Response(f"{error['what']}\n\n{worse.render()}\n", status, media_type="text/plain; charset=utf-8")
