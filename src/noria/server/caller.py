"""Who sent a request, as the doorman found out."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, cast

from noria.errors import NotAllowed
from noria.security.audit import Who

if TYPE_CHECKING:
    from starlette.requests import Request

    from noria.security.guard import Scope
    from noria.security.identity import Identity

__all__ = ["IDENTITY", "address_of", "caller", "holder_of", "name_of", "visitor", "who", "written_name"]

IDENTITY = "noria.identity"
"""Key of the ASGI scope under which the doorman leaves an `Identity`, or None on pages that are open to all."""


def visitor(request: Request) -> Identity | None:
    """Give who sent the request; None on a page that is open to all."""
    return cast("Identity | None", request.scope.get(IDENTITY))


def caller(request: Request) -> Identity:
    """Give who sent the request.

    Raises
    ------
    NotAllowed
        Nobody has been let in: the request came past the doorman.
    """
    found = visitor(request)
    if found is None:
        raise NotAllowed("nobody has said who asks", mend="log in: /login", code="N-SERVER-093")
    return found


def holder_of(request: Request) -> str:
    """Give what forms for this caller are bound to."""
    found = visitor(request)
    return "" if found is None else found.holder


def name_of(request: Request) -> str:
    """Give the name to write down for what this caller does."""
    return written_name(caller(request))


def written_name(identity: Identity, face: str = "page") -> str:
    """Give the name to write down for somebody who came in by a page, or by the protocol."""
    # Without users there is the account that the server runs under, as before.
    return f"{getpass.getuser()} ({face})" if identity.kind == "local" else identity.name


def address_of(scope: Scope) -> str:
    """Give the address that a request came from."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def who(request: Request) -> Who:
    """Give the caller for the record of what happened to users and rights."""
    return Who(name_of(request), address_of(request.scope))
