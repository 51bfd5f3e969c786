"""Coming in, going out, and the first password."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from noria.errors import NoriaError, NotAllowed, NotFound, WrongArgument
from noria.security.audit import Who, record
from noria.security.credentials import COOKIE, session_key
from noria.security.invites import Invites
from noria.security.login import WrongCredentials
from noria.security.sessions import LONGEST
from noria.security.throttle import Throttle, TooManyAttempts
from noria.server.caller import address_of, caller
from noria.server.doorman import is_own_path
from noria.server.forms import sent_form

if TYPE_CHECKING:
    from starlette.requests import Request

    from noria.security.credentials import Credentials
    from noria.server.site import Site

__all__ = ["join", "join_form", "login", "login_form", "logout"]

_INVITATIONS = "\ninvitations"  # counted like an account, and no user's name


def login_form(request: Request) -> Response:
    """The form that asks for name and password."""
    site = _site(request)
    if site.credentials is None:
        return RedirectResponse("/", 303)
    return _login_page(request, request.query_params.get("next", ""))


async def login(request: Request) -> Response:
    """Begin a session."""
    site = _site(request)
    credentials = _credentials(site)
    form = await sent_form(request, site.tokens)
    name, password = form.get("name", ""), form.get("password", "")
    address, before = address_of(request.scope), _key(request)

    def work() -> str:
        user = credentials.login.check(name, password, address=address, at=site.now())
        return credentials.sessions.open(user, at=site.now(), instead_of=before)

    try:
        key = await credentials.run_hashing(work)
    except WrongCredentials as error:
        return _login_page(request, form.get("next", ""), error, 403)
    except TooManyAttempts as error:
        return _login_page(request, form.get("next", ""), error, 429)
    credentials.forget()
    wanted = form.get("next", "")
    response = RedirectResponse(wanted if is_own_path(wanted) else "/", 303)
    _keep(response, key)
    return response


async def logout(request: Request) -> Response:
    """End the session."""
    site = _site(request)
    credentials = _credentials(site)
    await sent_form(request, site.tokens)
    who, key = Who(caller(request).name, address_of(request.scope)), _key(request)

    def work() -> None:
        credentials.sessions.close(key)
        with site.workspace.database.transaction() as connection:
            record(connection, who, "logout", who.name, at=site.now())

    await run_in_threadpool(work)
    credentials.forget()
    response = RedirectResponse("/login?said=logged-out", 303)
    response.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="strict")
    return response


def join_form(request: Request) -> Response:
    """The form in which an invited user chooses a password."""
    _credentials(_site(request))
    return _join_page(request)


async def join(request: Request) -> Response:
    """Take an invitation."""
    site = _site(request)
    credentials = _credentials(site)
    form = await sent_form(request, site.tokens)
    code, password, address = form.get("code", "").strip(), form.get("password", ""), address_of(request.scope)
    throttle = Throttle(site.workspace.database)

    def work() -> None:
        if password != form.get("again", ""):
            raise WrongArgument("the two passwords differ", mend="type it twice the same", code="N-SERVER-035")
        throttle.attempt(_INVITATIONS, address, now=site.now())
        Invites(site.workspace.database).take(code, password, address=address, at=site.now())
        throttle.clear(_INVITATIONS, address)

    try:
        await credentials.run_hashing(work)
    except TooManyAttempts as error:
        return _join_page(request, error, 429)
    except WrongArgument as error:
        return _join_page(request, error, 400)
    except NotAllowed as error:
        return _join_page(request, error, 403)
    credentials.forget()
    return RedirectResponse("/login?said=joined", 303)


def _login_page(request: Request, wanted: str, error: NoriaError | None = None, status: int = 200) -> Response:
    site = _site(request)
    kept = wanted if is_own_path(wanted) else ""
    page = site.entrance(request, "login.html", title="Log in", status=status, error=error, wanted=kept)
    return _told(page, error)


def _join_page(request: Request, error: NoriaError | None = None, status: int = 200) -> Response:
    page = _site(request).entrance(request, "join.html", title="Choose a password", status=status, error=error)
    return _told(page, error)


def _told(page: Response, error: NoriaError | None) -> Response:
    if isinstance(error, TooManyAttempts):
        page.headers["retry-after"] = str(error.retry_seconds)
    return page


def _site(request: Request) -> Site:
    site: Site = request.app.state.site
    return site


def _credentials(site: Site) -> Credentials:
    if site.credentials is None:
        raise NotFound(
            "nobody logs in here: this server answers this machine only",
            mend="noria ui --team asks everybody who he is",
            code="N-SERVER-036",
        )
    return site.credentials


def _key(request: Request) -> str:
    return session_key(request.headers.get("cookie", "").encode("latin-1", "replace"))


def _keep(response: Response, key: str) -> None:
    response.set_cookie(
        COOKIE, key, max_age=int(LONGEST.total_seconds()), path="/", secure=True, httponly=True, samesite="strict"
    )
