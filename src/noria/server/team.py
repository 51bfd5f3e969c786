"""The settings of a team: one's password and tokens; for administrators users and roles."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from noria.duration import parse_duration
from noria.errors import NotAllowed, UserNotFound, WrongArgument
from noria.security.identity import EVERYWHERE, Scope
from noria.security.invites import INVITE_HOURS, Invites
from noria.security.policy import ACTIONS, ROLES
from noria.security.tokens import Tokens
from noria.security.users import Users
from noria.server.asking import site_of
from noria.server.caller import address_of, caller, who
from noria.server.forms import sent_form

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.requests import Request

    from noria.security.identity import Identity
    from noria.security.users import User
    from noria.server.site import Site

__all__ = [
    "add_user",
    "create_token",
    "grant_role",
    "invite_user",
    "revoke_token",
    "set_active",
    "set_own_password",
    "settings",
]


def settings(request: Request) -> Response:
    """One's own tokens and password; users and roles for administrators."""
    return _page(request)


async def create_token(request: Request) -> Response:
    """Make a token of the caller's own, and show it this once."""
    site = site_of(request)
    form = await sent_form(request, site.tokens)
    lasts = form.get("lasts", "90d")
    actions = frozenset(name for name in ACTIONS if form.get(f"may-{name}") == "yes")
    scope = Scope(site.workspace.project.name, form.get("role") or None, actions or None)
    by = who(request)

    def work() -> str:
        user = _own(request)
        tokens = Tokens(site.workspace.database)
        time: timedelta | None = None if lasts == "ever" else parse_duration(lasts)
        return tokens.create(user, form.get("label", ""), by=by, at=site.now(), scope=scope, lasts=time)[1]

    made = await run_in_threadpool(work)
    return await run_in_threadpool(_page, request, made_token=made)


async def revoke_token(request: Request) -> Response:
    """Revoke a token: one's own, or, for administrators, anybody's."""
    site = site_of(request)
    await sent_form(request, site.tokens)
    number, by = str(request.path_params["token"]), who(request)
    owner = None if _administers(site, caller(request)) else await run_in_threadpool(_own, request)

    def work() -> None:
        Tokens(site.workspace.database).revoke(number, by=by, at=site.now(), owner=owner)

    return await _changed(site, work, "revoked")


async def set_own_password(request: Request) -> Response:
    """Change one's own password; the old one is asked for."""
    site = site_of(request)
    form = await sent_form(request, site.tokens)
    by, address = who(request), address_of(request.scope)
    credentials = site.credentials
    if credentials is None:
        raise _no_user()

    def work() -> None:
        user = _own(request)
        credentials.login.check(user.name, form.get("old", ""), address=address, at=site.now())
        if form.get("password", "") != form.get("again", ""):
            raise WrongArgument("the two passwords differ", mend="type it twice the same", code="N-SERVER-037")
        Users(site.workspace.database).set_password(user.name, form.get("password", ""), by=by, at=site.now())

    await credentials.run_hashing(work)
    credentials.forget()
    return RedirectResponse("/login?said=password", 303)


async def add_user(request: Request) -> Response:
    """Add a user with a role in this project, and show his invitation this once."""
    site = site_of(request)
    form = await sent_form(request, site.tokens)
    _require_everywhere(caller(request))
    by = who(request)

    def work() -> tuple[str, str]:
        users, at = Users(site.workspace.database), site.now()
        place = _place(request, form)
        users.check_role(role := form.get("role", "viewer"))
        user = users.add(form.get("name", "").strip(), by=by, at=at)
        reviewer = form.get("reviewer") == "yes"
        users.grant(user.name, role, by=by, at=at, project=place, reviewer=reviewer)
        return user.name, Invites(site.workspace.database).make(user, by=by, at=at)

    invited = await run_in_threadpool(work)
    return await run_in_threadpool(_page, request, invited=invited)


async def invite_user(request: Request) -> Response:
    """Invite a user anew: who has forgotten the password chooses another with it."""
    site = site_of(request)
    await sent_form(request, site.tokens)
    _require_everywhere(caller(request))
    by = who(request)

    def work() -> tuple[str, str]:
        user = _named(request)
        return user.name, Invites(site.workspace.database).make(user, by=by, at=site.now())

    invited = await run_in_threadpool(work)
    return await run_in_threadpool(_page, request, invited=invited)


async def grant_role(request: Request) -> Response:
    """Give a user another role."""
    site = site_of(request)
    form = await sent_form(request, site.tokens)
    by = who(request)

    def work() -> None:
        place = _place(request, form)
        reviewer = form.get("reviewer") == "yes"
        users, user = Users(site.workspace.database), _named(request)
        users.grant(user.name, form.get("role", ""), by=by, at=site.now(), project=place, reviewer=reviewer)

    return await _changed(site, work, "rights")


async def set_active(request: Request) -> Response:
    """Shut a user out, or let him in again."""
    site = site_of(request)
    form = await sent_form(request, site.tokens)
    _require_everywhere(caller(request))
    by = who(request)

    def work() -> None:
        active = form.get("active") == "yes"
        Users(site.workspace.database).set_active(_named(request).name, active, by=by, at=site.now())

    return await _changed(site, work, "rights")


async def _changed(site: Site, work: Callable[[], None], said: str) -> Response:
    await run_in_threadpool(work)
    if site.credentials is not None:
        site.credentials.forget()
    return RedirectResponse(f"/settings?said={said}", 303)


def _page(request: Request, *, made_token: str = "", invited: tuple[str, str] | None = None) -> Response:
    site = site_of(request)
    who_asks = caller(request)
    database, project = site.workspace.database, site.workspace.project.name
    users = Users(database).list() if _administers(site, who_asks) else ()
    mine = None if who_asks.user_id is None else Users(database).by_id(who_asks.user_id)
    listed = Tokens(database).list() if users else () if mine is None else Tokens(database).list(mine)
    return site.page(
        request,
        "settings.html",
        title="Settings",
        active="settings",
        identity=who_asks,
        role=who_asks.role(project),
        mine=mine,
        users=users,
        tokens=[(token, token.state(site.now())) for token in listed],
        roles=ROLES,
        actions=[name for name in ACTIONS if who_asks.may(name, project)],
        everywhere=EVERYWHERE,
        all_projects=who_asks.may("administer", EVERYWHERE),
        made_token=made_token,
        invited=invited,
        invite_hours=INVITE_HOURS,
        team=site.credentials is not None,
    )


def _administers(site: Site, who_asks: Identity) -> bool:
    return who_asks.may("administer", site.workspace.project.name)


def _require_everywhere(who_asks: Identity) -> None:
    # Users are one for all projects of a database: who administers one of them must not take over the others by
    # inviting their administrators anew.
    if not who_asks.may("administer", EVERYWHERE):
        raise NotAllowed(
            "only an administrator of every project may do that",
            why="users are shared by all projects of this database",
            mend="ask one of them; roles in this project are yours to give",
            code="N-SERVER-038",
        )


def _place(request: Request, form: Mapping[str, str]) -> str:
    """Give the project that a form means: this one, or all."""
    if form.get("where") != EVERYWHERE:
        return site_of(request).workspace.project.name
    _require_everywhere(caller(request))
    return EVERYWHERE


def _named(request: Request) -> User:
    text = str(request.path_params["user"])
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise UserNotFound(f"no user {text[:40]}", mend="noria users list", code="N-SERVER-039")
    return Users(site_of(request).workspace.database).by_id(int(text))


def _own(request: Request) -> User:
    number = caller(request).user_id
    if number is None:
        raise _no_user()
    return Users(site_of(request).workspace.database).by_id(number)


def _no_user() -> NotAllowed:
    return NotAllowed(
        "you are no user here: without team mode everybody on this machine may do everything",
        mend='noria tokens create NAME --label "…"   for a user of the team\nnoria ui --team',
        code="N-SERVER-092",
    )
