"""Asks everybody who he is, before anything else is read of what he sent.

Without team mode everybody on this machine is let in. With it a request needs a session, a token or a password, and a
right: the one that its route names. What no route names is not there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from noria.errors import Misused, NoriaError, NotAllowed, NotFound, StoreUnavailable
from noria.security.credentials import BadCredentials
from noria.security.identity import LOCAL
from noria.security.throttle import TooManyAttempts
from noria.server.caller import IDENTITY, address_of

if TYPE_CHECKING:
    from noria.security.guard import Scope, Send
    from noria.security.identity import Identity
    from noria.security.policy import RoutePolicy
    from noria.server.site import Site

__all__ = ["Doorman", "is_own_path"]

_FOR_PROGRAMS = ("/api/", "/ajax-api/", "/events/", "/compare/", "/v1/", "/graphql", "/health", "/version")
_CODES = {
    400: "BAD_REQUEST",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "RESOURCE_DOES_NOT_EXIST",
    405: "BAD_REQUEST",
    429: "REQUEST_LIMIT_EXCEEDED",
    503: "TEMPORARILY_UNAVAILABLE",
}


class Doorman:
    """Lets a request in, or answers it.

    Parameters
    ----------
    site : Site
        The server, with the credentials it asks for in team mode.
    policy : RoutePolicy
        What each route needs.
    """

    def __init__(self, site: Site, policy: RoutePolicy) -> None:
        self._site = site
        self._policy = policy

    async def __call__(self, scope: Scope, send: Send) -> bool:
        """Say whether the request may go on; the body is not read."""
        credentials = self._site.credentials
        if credentials is None:
            scope[IDENTITY] = LOCAL
            return True
        scope[IDENTITY] = None
        if scope["type"] != "http":
            # There is none, and none comes without a row in the table.
            await send({"type": "websocket.close", "code": 4403})
            return False
        method, path = scope["method"], scope["path"]
        need = self._policy.need(method, path)
        if need == "open":
            return True
        try:
            identity = await credentials.identify(scope["headers"], address_of(scope))
            if identity is None:
                await self._ask(scope, send)
                return False
            self._judge(identity, method, path, need)
        except NoriaError as error:
            await self._refuse(scope, send, error)
            return False
        scope[IDENTITY] = identity
        return True

    def _judge(self, identity: Identity, method: str, path: str, need: str | None) -> None:
        if need == "account" and not identity.interactive:
            raise NotAllowed(
                "a token cannot do that",
                why="who made it, and what for, is for people to decide",
                mend="log in with a browser: /login",
                code="N-SERVER-031",
            )
        allowed = identity.actions(self._site.workspace.project.name)
        if not allowed and path != "/logout":
            # Whether there is such a thing is not for everybody to know.
            raise NotFound(
                "there is nothing here for you",
                why="you have no role in this project, or the token you sent is not for it",
                mend="ask an administrator of the project for a role",
                code="N-SERVER-032",
            )
        if need is None:
            if self._policy.knows(path):
                raise _WrongMethod(
                    "this cannot be asked for in that way", mend="start from the home page: /", code="N-SERVER-405"
                )
            raise NotFound("there is no such page", mend="start from the home page: /", code="N-SERVER-404")
        if need not in (*allowed, "account"):
            role = identity.role(self._site.workspace.project.name) or "no role"
            raise NotAllowed(
                f"{identity.name} may not do that",
                why=f"it needs the right to {need}; {role} and what the credentials are narrowed to do not give it",
                mend="ask an administrator of the project",
                code="N-SERVER-033",
            )

    async def _ask(self, scope: Scope, send: Send) -> None:
        """Tell somebody who has shown nothing how to say who he is."""
        if scope["path"].startswith(_FOR_PROGRAMS):
            error = BadCredentials(
                "nobody has said who asks",
                mend="send a token: Authorization: Bearer nor_… (noria tokens create), or log in: /login",
                code="N-SERVER-034",
            )
            await self._refuse(scope, send, error)
            return
        wanted = quote(scope["path"], safe="/@:")
        if scope["query_string"]:
            wanted += "?" + scope["query_string"].decode("ascii", "replace")
        back = f"?next={quote(wanted, safe='')}" if scope["method"] == "GET" and is_own_path(wanted) else ""
        await _send(RedirectResponse(f"/login{back}", 303), scope, send)

    async def _refuse(self, scope: Scope, send: Send, error: NoriaError) -> None:
        status = _status(error)
        fields = {"code": error.code, "what": error.what, "why": error.why, "mend": error.mend}
        headers: dict[str, str] = {}
        if status == 401:
            # Asked for Basic, a browser would open its own window and then send the password with everything.
            basic = any(name == b"authorization" and value[:6].lower() == b"basic " for name, value in scope["headers"])
            headers["www-authenticate"] = 'Basic realm="noria", charset="UTF-8"' if basic else 'Bearer realm="noria"'
        if isinstance(error, TooManyAttempts):
            headers["retry-after"] = str(error.retry_seconds)
        if scope["path"].startswith(_FOR_PROGRAMS) or status == 401:
            message = "\n".join(line for line in (error.what, error.why, f"mend: {error.mend}") if line)
            body = msgspec.json.encode({"error_code": _CODES[status], "message": message, "error": fields})
            response: Response = Response(body, status, headers, "application/json")
        else:
            title = error.what
            response = self._site.entrance(Request(scope), "refused.html", title=title, status=status, error=fields)
            response.headers.update(headers)
        await _send(response, scope, send)


class _WrongMethod(NotAllowed):
    """A route that exists for other methods."""


def is_own_path(text: str) -> bool:
    r"""Say whether a text is a path of this server, and nothing that a browser takes for another's.

    Examples
    --------
    >>> is_own_path("/runs?where=a"), is_own_path("//evil.example"), is_own_path("/\\evil.example")
    (True, False, False)
    """
    # Browsers read a backslash as a slash, and leave tabs and line ends out.
    if not text.startswith("/") or text.startswith("//") or "\\" in text or len(text) > 2000:
        return False
    if not all("!" <= char <= "~" for char in text):
        return False
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return not parts.scheme and not parts.netloc and parts.path not in ("/login", "/logout", "/join")


def _status(error: NoriaError) -> int:
    table: tuple[tuple[type[NoriaError], int], ...] = (
        (BadCredentials, 401),
        (TooManyAttempts, 429),
        (_WrongMethod, 405),
        (NotAllowed, 403),
        (NotFound, 404),
        (Misused, 400),
        (StoreUnavailable, 503),
    )
    return next((status for kind, status in table if isinstance(error, kind)), 503)


async def _send(response: Response, scope: Scope, send: Send) -> None:
    if any(name in (b"content-length", b"transfer-encoding") for name, _value in scope["headers"]):
        response.headers["connection"] = "close"  # what he sent is not read, so the connection cannot go on

    async def nothing() -> dict[str, object]:
        return {"type": "http.disconnect"}

    await response(scope, nothing, send)
