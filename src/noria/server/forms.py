"""Reading what a form of ours sent."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from noria.errors import NotAllowed, WrongArgument
from noria.server.caller import holder_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from noria.server.tokens import FormTokens

__all__ = ["confirmed_form", "sent_form"]

_FIELDS = 20
_LENGTH = 4_000


async def confirmed_form(request: Request, tokens: FormTokens) -> Mapping[str, str]:
    """Give the fields of a form that one of our pages sent and a person confirmed.

    Raises
    ------
    WrongArgument
        It is no form, or nobody ticked the confirmation.
    NotAllowed
        Its token is not of this process, or was made for somebody else.
    """
    form = await sent_form(request, tokens)
    if form.get("confirm") != "yes":
        raise WrongArgument(
            "nobody confirmed the change", mend="tick the confirmation on the page", code="N-SERVER-002"
        )
    return form


async def sent_form(request: Request, tokens: FormTokens) -> Mapping[str, str]:
    """Give the fields of a form that one of our pages sent.

    Raises
    ------
    WrongArgument
        It is no form.
    NotAllowed
        Its token is not of this process: it comes from elsewhere, or the server was started again meanwhile. Or it
        was made for another session.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise WrongArgument(
            f"a form was expected, not {kind or 'nothing'}", mend="use the form on the page", code="N-SERVER-003"
        )
    try:
        text = (await request.body()).decode("utf-8")
        fields = parse_qs(text, keep_blank_values=True, errors="strict", max_num_fields=_FIELDS)
    except ValueError as error:
        raise WrongArgument(
            "the form cannot be read", why=str(error), mend="send it again", code="N-SERVER-004"
        ) from error
    form = {name: values[-1][:_LENGTH] for name, values in fields.items()}
    if not tokens.accepts(form.get("token", ""), holder_of(request)):
        raise NotAllowed(
            "the form is not from a page of this server",
            why="noria was started again or you logged in since the page was opened, or another page sent the form",
            mend="open the page again and send the form from there",
            code="N-SERVER-001",
        )
    return form
