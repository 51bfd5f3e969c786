"""A noria server as the place where runs are told."""

from __future__ import annotations

import http.client
import json
import os
import ssl
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from noria.errors import NotAllowed, NotFound, WrongArgument, from_dict
from noria.tracking.sink import Arrived, TooLarge, Unreachable

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["HttpSink", "checked_server"]

_SECONDS = 10.0
_MOST_ANSWER = 4 << 20
_PIECE = 1 << 20


def checked_server(address: str, token: str = "") -> str:
    """Give the address of a server back when it is one, without the slash at its end.

    Raises
    ------
    WrongArgument
        It is no http or https address.
    NotAllowed
        A token would travel in the clear to another machine.

    Examples
    --------
    >>> checked_server("http://localhost:8765/")
    'http://localhost:8765'
    """
    try:
        parts = urlsplit(address)
        sound = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        sound = sound and not parts.query and not parts.fragment and parts.username is None
    except ValueError:
        sound = False
    if not sound or not address.isascii() or not address.isprintable() or " " in address:
        raise WrongArgument(
            f"{address[:200]!r} is not the address of a server",
            mend="write http://HOST:PORT or https://HOST, as noria ui prints it",
            code="N-TRACKING-010",
        )
    if token and parts.scheme == "http" and not _is_here(str(parts.hostname)):
        raise NotAllowed(
            f"a token is not sent to {parts.hostname} without TLS",
            why="whoever listens on the way could log in with it",
            mend="use https://, or an SSH tunnel to a port of this machine",
            code="N-TRACKING-011",
        )
    return address.rstrip("/")


class HttpSink:
    """One connection to a server, kept and opened again as needed.

    Parameters
    ----------
    address : str
        As `checked_server` gave it.
    token : str
        Sent with every request when there is one.
    """

    def __init__(self, address: str, token: str = "") -> None:
        self._parts = urlsplit(checked_server(address, token))
        self._token = token
        self._connection: http.client.HTTPConnection | None = None

    def send(self, run: str, batch: bytes) -> Arrived:
        """Hand a batch over: see `noria.tracking.sink.Sink`."""
        said = self._ask("POST", f"/api/tracking/runs/{run}/batch", batch, "application/json", str(len(batch)))
        try:
            acknowledged, refused = said["acknowledged"], said["refused"]
            told = tuple(f"{one['what']} [{one['code']}]" for one in refused)  # type: ignore[attr-defined] # as below
        except (KeyError, TypeError) as error:
            raise self._foreign() from error
        if not isinstance(acknowledged, int):
            raise self._foreign()
        return Arrived(acknowledged, told)

    def put(self, run: str, path: str, file: Path) -> None:
        """Hand a file over, read while it is sent: see `noria.tracking.sink.Sink`."""
        from blake3 import blake3  # noqa: PLC0415 - only when there are files

        hasher = blake3()
        with file.open("rb") as content:
            size = os.fstat(content.fileno()).st_size

            def pieces() -> object:
                while piece := content.read(_PIECE):
                    hasher.update(piece)
                    yield piece

            place = f"/api/tracking/runs/{run}/artifacts/{quote(path)}"
            said = self._ask("PUT", place, pieces(), "application/octet-stream", str(size))
        if said.get("digest") != hasher.hexdigest():
            raise Unreachable(f"{path} arrived as something else")

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _ask(self, method: str, path: str, body: object, kind: str, length: str) -> dict[str, object]:
        headers = {"Content-Type": kind, "Content-Length": length}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        fresh = self._connection is None
        try:
            status, text = self._exchange(method, path, body, headers)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            # The server may have closed a connection that was idle. Bytes may be sent again; a file that is half
            # read is for the next attempt.
            if fresh or not isinstance(body, bytes):
                raise Unreachable(f"{self._shown()}: {error or type(error).__name__}") from error
            try:
                status, text = self._exchange(method, path, body, headers)
            except (OSError, http.client.HTTPException) as again:
                self.close()
                raise Unreachable(f"{self._shown()}: {again or type(again).__name__}") from again
        return self._read(status, text)

    def _exchange(self, method: str, path: str, body: object, headers: dict[str, str]) -> tuple[int, bytes]:
        if self._connection is None:
            self._connection = self._open()
        self._connection.request(method, self._parts.path + path, body, headers)  # type: ignore[arg-type] # bytes or pieces
        answer = self._connection.getresponse()
        text = answer.read(_MOST_ANSWER)
        if answer.will_close or not answer.isclosed():
            self.close()
        return answer.status, text

    def _open(self) -> http.client.HTTPConnection:
        host, port = self._parts.hostname or "", self._parts.port
        if self._parts.scheme == "https":
            return http.client.HTTPSConnection(host, port, timeout=_SECONDS, context=ssl.create_default_context())
        return http.client.HTTPConnection(host, port, timeout=_SECONDS)

    def _read(self, status: int, text: bytes) -> dict[str, object]:
        try:
            said = json.loads(text)
        except ValueError:
            said = None
        if status == 200:
            if isinstance(said, dict):
                return said
            raise self._foreign()
        if status == 413:
            raise TooLarge
        error = said.get("error") if isinstance(said, dict) else None
        if status in (400, 404, 409) and isinstance(error, dict) and str(error.get("code", "")).startswith("N-"):
            told = {name: str(error.get(name, "")) for name in ("code", "what", "why", "mend")}
            kind = {400: WrongArgument, 404: NotFound}.get(status)
            raise from_dict({**told, "type": "Conflict" if kind is None else kind.__name__})
        if status in (401, 403):
            raise Unreachable(f"{self._shown()} does not let us in: set NORIA_TRACKING_TOKEN to a token that may track")
        raise Unreachable(f"{self._shown()} answered {status}")

    def _foreign(self) -> Unreachable:
        return Unreachable(f"{self._shown()} does not answer as a noria server does")

    def _shown(self) -> str:
        return f"{self._parts.scheme}://{self._parts.netloc}"


def _is_here(host: str) -> bool:
    import ipaddress  # noqa: PLC0415 - only when a token is to be sent in the clear

    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
