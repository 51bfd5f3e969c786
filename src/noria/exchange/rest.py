"""A small client of MLflow's protocol: one connection kept alive, one host, no redirections.

Every request goes to the host that the user named, whatever addresses the answers hold: a server cannot send the
reader elsewhere, nor have the credentials sent there.
"""

from __future__ import annotations

import http.client
import io
import json
import os
import ssl
import time
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from typing import IO
from urllib.parse import quote, unquote, urlencode, urlsplit

from noria.errors import NotAllowed, NotFound, WorkFailed, WrongArgument

__all__ = ["Missing", "Rest"]

_TIMEOUT_SECONDS = 120
_TRIES = 5
_LONGEST_WAIT_SECONDS = 30.0
_BUSY = frozenset({429, 500, 502, 503, 504})
_MOST_JSON = 512 << 20

Parameters = Mapping[str, object] | Sequence[tuple[str, object]]


class Missing(NotFound):
    """The server has no such thing, or no such route."""


class Rest:
    """A server that speaks MLflow's protocol.

    Parameters
    ----------
    url : str
        Such as ``http://127.0.0.1:5000`` or ``https://host/mlflow``. Credentials in it, or in MLFLOW_TRACKING_TOKEN,
        or in MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, are sent with each request.

    Raises
    ------
    WrongArgument
        It is no such URL.
    """

    def __init__(self, url: str) -> None:
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise _wrong(url) from error
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise _wrong(url)
        self._secure = parts.scheme == "https"
        self._host = parts.hostname
        self._port = port or (443 if self._secure else 80)
        self._path = quote(unquote(parts.path.rstrip("/")), safe="/")
        self.shown = f"{parts.scheme}://{parts.hostname}:{self._port}{self._path}"
        self._headers = {
            "User-Agent": "noria",
            "Accept-Encoding": "identity",
            **_credentials(parts.username, parts.password),
        }
        self._connection: http.client.HTTPConnection | None = None

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def get(self, route: str, parameters: Parameters = ()) -> dict[str, object]:
        """Ask for a JSON object."""
        pairs = parameters.items() if isinstance(parameters, Mapping) else parameters
        query = urlencode([(name, str(value)) for name, value in pairs])
        return self._json("GET", f"{route}?{query}" if query else route, None, again=True)

    def post(
        self, route: str, body: Mapping[str, object], *, again: bool = False, method: str = "POST"
    ) -> dict[str, object]:
        """Send a JSON object; gives the answer.

        Parameters
        ----------
        route : str
            From ``/api``.
        body : mapping
            What to send.
        again : bool
            Whether sending it twice does no harm, so that it is sent again when the answer is lost.
        method : str
            ``PATCH`` for the routes that want it.
        """
        return self._json(method, route, json.dumps(body, allow_nan=False).encode(), again=again)

    def fetch(self, route: str, parameters: Parameters = ()) -> IO[bytes]:
        """Ask for bytes, to be read to their end."""
        pairs = parameters.items() if isinstance(parameters, Mapping) else parameters
        query = urlencode([(name, str(value)) for name, value in pairs])
        response = self._answered("GET", f"{route}?{query}" if query else route, None, again=True)
        return io.BufferedReader(_Body(response, f"{self.shown}{route}"), 1 << 20)

    def put(self, route: str, pieces: Iterable[bytes], size: int) -> None:
        """Send bytes."""
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
        try:
            connection = self._connected()
            connection.request("PUT", self._path + route, body=pieces, headers={**self._headers, **headers})
            response = connection.getresponse()
            response.read(_MOST_JSON)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise self._unreachable(error) from error
        self._checked(response, b"", route)

    def _json(self, method: str, route: str, body: bytes | None, *, again: bool) -> dict[str, object]:
        response = self._answered(method, route, body, again=again)
        try:
            data = response.read(_MOST_JSON)
            found = json.loads(data) if data.strip() else {}
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise self._unreachable(error) from error
        except (ValueError, RecursionError) as error:
            self.close()
            raise WorkFailed(
                f"{self.shown} does not answer as MLflow does",
                why=f"{route.partition('?')[0]} gives no JSON: {error}",
                mend="check that the address is that of an MLflow server, with its path if it has one",
                code="N-EXCHANGE-060",
            ) from error
        return found if isinstance(found, dict) else {}

    def _answered(self, method: str, route: str, body: bytes | None, *, again: bool) -> http.client.HTTPResponse:
        wait = 0.5
        headers = dict(self._headers)
        if body is not None:
            headers["Content-Type"] = "application/json"
        for attempt in range(_TRIES):
            last = attempt == _TRIES - 1
            try:
                connection = self._connected()
                connection.request(method, self._path + route, body=body, headers=headers)
                response = connection.getresponse()
            except (OSError, http.client.HTTPException) as error:
                fresh = self._connection is None
                self.close()
                # A server that is not there at all is told at once; one that dropped a connection is asked again.
                if last or not again or fresh or isinstance(error, ConnectionRefusedError):
                    raise self._unreachable(error) from error
            else:
                if response.status not in _BUSY or not again or last:
                    data = b"" if response.status == 200 else response.read(1 << 16)
                    self._checked(response, data, route)
                    return response
                response.read(_MOST_JSON)
            time.sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT_SECONDS)
        raise AssertionError("the last try returns or raises")

    def _connected(self) -> http.client.HTTPConnection:
        if self._connection is None:
            made: http.client.HTTPConnection
            if self._secure:
                context = ssl.create_default_context()
                made = http.client.HTTPSConnection(self._host, self._port, timeout=_TIMEOUT_SECONDS, context=context)
            else:
                made = http.client.HTTPConnection(self._host, self._port, timeout=_TIMEOUT_SECONDS)
            made.connect()
            self._connection = made
        return self._connection

    def _checked(self, response: http.client.HTTPResponse, data: bytes, route: str) -> None:
        status, route = response.status, route.partition("?")[0]
        if status == 200:
            return
        message = _message(data) or response.reason
        if status in (401, 403):
            raise NotAllowed(
                f"{self.shown} does not let us in: {status}",
                why=message,
                mend="set MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD",
                code="N-EXCHANGE-061",
            )
        if status == 404:
            raise Missing(
                f"{self.shown}{route} is not there", why=message, mend="check the address", code="N-EXCHANGE-062"
            )
        moved = response.getheader("Location")
        raise WorkFailed(
            f"{self.shown}{route} answers {status}",
            why=f"it leads to {moved}, which is not followed" if moved else message,
            mend="give the address it leads to" if moved else "see the server's log",
            code="N-EXCHANGE-063",
        )

    def _unreachable(self, error: Exception) -> WorkFailed:
        return WorkFailed(
            f"{self.shown} does not answer",
            why=str(error) or type(error).__name__,
            mend="check the address, and that the server runs; then begin again: it goes on where it was",
            code="N-EXCHANGE-064",
        )


class _Body(io.RawIOBase):
    """The body of an answer; one that ends too soon is an error, not an end."""

    def __init__(self, response: http.client.HTTPResponse, shown: str) -> None:
        super().__init__()
        self._response = response
        self._left = response.length
        self._shown = shown

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        try:
            count = self._response.readinto(buffer)  # type: ignore[arg-type] # whatever buffer a reader gives
        except http.client.HTTPException as error:
            raise OSError(f"{self._shown} broke off: {error}") from error
        if self._left is not None:
            self._left -= count
            if count == 0 and self._left > 0:
                raise OSError(f"{self._shown} broke off {self._left:,} bytes before its end")
        return count

    def close(self) -> None:
        if not self.closed and not self._response.isclosed():
            # What is left unread would be taken for the next answer.
            self._response.read()
        super().close()


def _credentials(user: str | None, password: str | None) -> dict[str, str]:
    token = os.environ.get("MLFLOW_TRACKING_TOKEN", "")
    name, secret = os.environ.get("MLFLOW_TRACKING_USERNAME", ""), os.environ.get("MLFLOW_TRACKING_PASSWORD", "")
    if user:
        name, secret = unquote(user), unquote(password or "")
    elif token:
        return {"Authorization": f"Bearer {token}"}
    return {"Authorization": "Basic " + b64encode(f"{name}:{secret}".encode()).decode()} if name else {}


def _message(data: bytes) -> str:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return ""
    return str(found.get("message", ""))[:500] if isinstance(found, dict) else ""


def _wrong(url: str) -> WrongArgument:
    return WrongArgument(
        f"{url!r} is no address of a server", mend="write http://host:port or https://host", code="N-EXCHANGE-065"
    )
