"""What handlers share: the server they belong to, how many rows are asked for, an answer in JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from starlette.responses import Response

from noria.errors import WrongArgument
from noria.server.exact import exact

if TYPE_CHECKING:
    from starlette.requests import Request

    from noria.server.site import Site

__all__ = ["as_json", "limit_of", "site_of"]


def site_of(request: Request) -> Site:
    """Give the server that a request came to, its project file read anew if it was written since."""
    site: Site = request.app.state.site
    site.look_again()
    return site


def as_json(value: object) -> Response:
    """Answer in JSON; numbers that it has no form for are texts, so that none is lost or altered."""
    return Response(msgspec.json.encode(exact(value), enc_hook=str), media_type="application/json")


def limit_of(request: Request, most: int = 500, default: int = 100) -> int:
    """Give how many rows are asked for.

    Raises
    ------
    WrongArgument
        It is no number, or too many.
    """
    text = request.query_params.get("limit", str(default))
    if not (text.isascii() and text.isdigit() and 0 < int(text[:6]) <= most):
        raise WrongArgument(
            f"limit {text[:40]!r} is not a number from 1 to {most}", mend="?limit=100", code="N-SERVER-005"
        )
    return int(text)
