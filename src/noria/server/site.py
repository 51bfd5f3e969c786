"""What every page needs: the workspace, the clock, the form tokens."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING

from starlette.responses import HTMLResponse

from noria.errors import NoriaError
from noria.server import assets
from noria.server.caller import holder_of, visitor
from noria.server.commits import GroupCommit
from noria.server.pages.attention import count_open
from noria.server.pages.pulse import fingerprint
from noria.server.presence import Presence
from noria.server.rendering import render
from noria.server.tokens import FormTokens

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from noria.security.credentials import Credentials
    from noria.workspace import Workspace

__all__ = ["NAVIGATION", "Site"]

NAVIGATION = (
    ("home", "/", "Home"),
    ("runs", "/runs", "Runs"),
    ("models", "/models", "Models"),
    ("datasets", "/datasets", "Datasets"),
    ("deployments", "/deployments", "Deployment"),
    ("monitoring", "/monitoring", "Monitoring"),
    ("alerts", "/alerts", "Alerts"),
)


# An address carries a code, never the sentence: nobody can make our page say something by a link.
_SAID = {
    "promoted": "Promoted. Scorers follow within a second.",
    "asked": "Asked for. It becomes champion when somebody else has agreed.",
    "approved": "Approved. Others must agree as well.",
    "rejected": "Rejected.",
    "rolled-back": "Rolled back. Scorers follow within a second.",
    "paused": "Paused. A broken gate still goes back.",
    "resumed": "It goes on.",
    "muted": "Muted.",
    "resolved": "Resolved.",
    "deleted": "Deleted. They are in the bin.",
    "restored": "Restored.",
    "logged-out": "You are logged out.",
    "joined": "Your password is set: log in with it.",
    "password": "Your password is changed, and every session of yours has ended. Log in again.",
    "revoked": "Revoked. It is refused from the next second on.",
    "rights": "Changed. It holds from the next second on.",
}


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(eq=False)
class Site:
    """One running server's surroundings.

    Parameters
    ----------
    workspace : Workspace
        The project it shows.
    scorer_url : str or None
        Where predictions are answered, when this server was started beside a scorer.
    credentials : Credentials or None
        Finds out who asks, in team mode; None where everybody on this machine may do everything.
    tokens : FormTokens
        Of this process.
    stopping : Event
        Set when the server stops, so that open streams end.
    presence : Presence
        Which connections speak for which runs.
    now : Callable
        Gives the time that a page is written at, in UTC.
    """

    workspace: Workspace
    scorer_url: str | None = None
    credentials: Credentials | None = None
    tokens: FormTokens = field(default_factory=FormTokens)
    stopping: threading.Event = field(default_factory=threading.Event)
    presence: Presence = field(default_factory=Presence)
    now: Callable[[], datetime] = _now
    trouble: NoriaError | None = field(default=None, init=False)
    """Why the project file as it is now cannot be used; the last good one is shown meanwhile."""
    _seen: tuple[int, int] | None = field(default=None, init=False, repr=False)

    @cached_property
    def commits(self) -> GroupCommit:
        """The one writer that all requests share."""
        return GroupCommit(self.workspace.database)

    def close(self) -> None:
        """Tell open streams to end, and finish what waits to be written."""
        self.stopping.set()
        if "commits" in self.__dict__:
            self.commits.close()
        if self.credentials is not None:
            self.credentials.close()

    def look_again(self) -> None:
        """Read the project file anew if it has been written since."""
        try:
            status = (self.workspace.root / "noria.toml").stat()
        except OSError:
            return  # gone for a moment, as some editors make it
        stamp = (status.st_mtime_ns, status.st_size)
        if stamp == self._seen:
            return
        self._seen = stamp
        before = self.workspace.project
        self.workspace.__dict__.pop("project", None)
        try:
            _ = self.workspace.project
        except NoriaError as error:
            self.workspace.__dict__["project"] = before
            self.trouble = error
        else:
            self.trouble = None

    def page(
        self,
        request: Request,
        template: str,
        *,
        title: str,
        active: str = "",
        events: str | None = None,
        status: int = 200,
        **context: object,
    ) -> HTMLResponse:
        """Render a page inside the frame.

        Parameters
        ----------
        request : Request
            The request it answers.
        template : str
            Its file.
        title : str
            For the window and the first heading.
        active : str
            The entry of `NAVIGATION` it belongs to.
        events : str, optional
            Topic whose changes the page follows.
        status : int
            Of the answer.
        **context
            Names of the template.
        """
        who = visitor(request)
        team = self.credentials is not None
        frame: dict[str, object] = {
            "title": title,
            "active": active,
            "navigation": NAVIGATION,
            "project": self.workspace.project.name,
            # Where it lies on the host is nobody's business who comes in through the network.
            "root": "" if team else str(self.workspace.root),
            "who": who.name if team and who is not None else "",
            "may": who.actions(self.workspace.project.name) if who is not None else frozenset(),
            "open_alerts": count_open(self.workspace),
            "static": f"/static/{assets.version()}",
            "theme": _theme(request),
            "query": request.query_params.get("q", ""),
            "events": f"/events/{events}" if events else "",
            # What the page shows, so that its stream tells what has changed since and nothing is missed.
            "state": fingerprint(self.workspace, events) if events else "",
            "now": self.now(),
            "token": self.tokens.make(holder_of(request)),
            "trouble": self.trouble,
            "said": _SAID.get(request.query_params.get("said", ""), ""),
        }
        return HTMLResponse(render(template, frame | context), status_code=status)

    def entrance(
        self, request: Request, template: str, *, title: str, status: int = 200, **context: object
    ) -> HTMLResponse:
        """Render a page for people of whom nothing is known yet: it shows nothing of the project.

        Parameters
        ----------
        request : Request
            The request it answers.
        template : str
            Its file.
        title : str
            For the window and the heading.
        status : int
            Of the answer.
        **context
            Names of the template.
        """
        frame: dict[str, object] = {
            "title": title,
            "static": f"/static/{assets.version()}",
            "theme": _theme(request),
            "token": self.tokens.make(holder_of(request)),
            "now": self.now(),
            "said": _SAID.get(request.query_params.get("said", ""), ""),
        }
        return HTMLResponse(render(template, frame | context), status_code=status)


def _theme(request: Request) -> str:
    theme = request.cookies.get("noria-theme", "")
    return theme if theme in ("light", "dark") else ""
