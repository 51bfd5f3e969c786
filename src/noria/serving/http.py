"""Requests and responses as the raw ASGI application sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from noria.errors import WrongData

if TYPE_CHECKING:
    from noria.security.guard import Receive, Scope, Send

__all__ = ["Problem", "Response", "as_json", "content_type", "read_body", "text"]

_encode = msgspec.json.Encoder().encode
_SECURE = ((b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store"))


class Response(msgspec.Struct, frozen=True):
    """A whole response."""

    status: int
    body: bytes
    media_type: bytes = b"application/json"
    headers: tuple[tuple[bytes, bytes], ...] = ()

    async def send(self, send: Send, *, head: bool = False) -> None:
        """Send it; of an answer to HEAD only the head."""
        await send(
            {
                "type": "http.response.start",
                "status": self.status,
                "headers": [
                    (b"content-type", self.media_type),
                    (b"content-length", b"%d" % len(self.body)),
                    *_SECURE,
                    *self.headers,
                ],
            }
        )
        await send({"type": "http.response.body", "body": b"" if head else self.body})


class Problem(WrongData):
    """A request that gets another status than 400."""

    def __init__(self, status: int, what: str, *headers: tuple[bytes, bytes], code: str) -> None:
        super().__init__(what, code=code)
        self.status = status
        self.headers = headers


def as_json(value: object, status: int = 200) -> Response:
    """Answer with JSON."""
    return Response(status, _encode(value))


def text(value: str, status: int = 200, media_type: bytes = b"text/plain; charset=utf-8") -> Response:
    """Answer with text."""
    return Response(status, value.encode(), media_type)


def content_type(scope: Scope) -> str:
    """Give the media type of the body, without parameters; its charset must be UTF-8.

    Raises
    ------
    Problem
        415: another charset, or more than one type.
    """
    values = [value for name, value in scope["headers"] if name == b"content-type"]
    if len(values) > 1 or (values and len(values[0]) > 256):
        raise Problem(415, "more than one Content-Type, or too long a one", code="N-SERVING-050")
    if not values:
        return ""
    value: bytes = values[0]
    if value == b"application/json":  # as nearly everybody writes it
        return "application/json"
    kind, _, parameters = value.decode("latin-1").lower().partition(";")
    for parameter in parameters.split(";"):
        name, _, charset = parameter.partition("=")
        if name.strip() == "charset" and charset.strip().strip('"') not in ("utf-8", "utf8", "us-ascii"):
            raise Problem(415, "the body must be UTF-8", code="N-SERVING-050")
    return kind.strip()


async def read_body(receive: Receive) -> bytes:
    """Read the body; the guard has bounded it."""
    parts = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise Problem(400, "the client has gone", code="N-SERVING-051")
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return parts[0] if len(parts) == 1 else b"".join(parts)
