"""Rows from a URL: encrypted, bounded in size and time, told apart by ETag."""

from __future__ import annotations

import base64
import ipaddress
import socket
import tempfile
import time
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, cast
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from noria.errors import NoriaError, NotAllowed, SourceNotFound, WorkFailed, WrongArgument
from noria.sources.credential import hidden, looked_up
from noria.sources.reference import parse
from noria.sources.retrying import Transient, retried

if TYPE_CHECKING:
    from collections.abc import Mapping
    from http.client import HTTPMessage, HTTPResponse
    from typing import IO

    import pyarrow as pa

    from noria.sources.kind import Pull, Reference

__all__ = ["read_url", "url_token"]

_TIMEOUT_SECONDS = 30
_MOST_SECONDS = 900
_MOST_BYTES = 4 << 30
_CHUNK = 1 << 20
_IN_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_TYPES = {
    "text/csv": ".csv",
    "text/tab-separated-values": ".tsv",
    "application/json": ".json",
    "application/x-ndjson": ".jsonl",
    "application/vnd.apache.parquet": ".parquet",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
}


def read_url(reference: Reference, pull: Pull) -> tuple[pa.Table, bool]:
    """Fetch a file and read it; the ending of the URL or the server's content type tells the format.

    What fails in passing is tried again from the beginning; what breaks off is never read.

    Raises
    ------
    SourceNotFound
        The server says there is no such thing.
    WorkFailed
        The server does not answer, breaks off, or sends too much.
    """
    from noria.sources.files import read_file  # noqa: PLC0415 - pyarrow only when rows are read

    with tempfile.TemporaryDirectory(prefix="noria-") as folder:
        path = retried(lambda: _fetched(reference, pull, Path(folder)), note=pull.note)
        return read_file(path, reference.hints, pull.na_values, shown=reference.text)


def url_token(reference: Reference, pull: Pull) -> str | None:
    """Ask for the ETag or the date of a URL; None when the server gives neither, or answers only whole requests."""
    try:
        asked = retried(lambda: _opened(reference, pull, "HEAD"), note=pull.note)
    except WorkFailed as error:
        if isinstance(error.__cause__, HTTPError):
            return None  # no such method, or a signature for GET alone: reading will tell whether the file is there
        raise
    with asked as response:
        tag = response.headers.get("ETag")
        changed, length = response.headers.get("Last-Modified"), response.headers.get("Content-Length")
    if tag:
        return f"etag:{tag}"
    return f"modified:{changed}:{length}" if changed else None


def _fetched(reference: Reference, pull: Pull, folder: Path) -> Path:
    from noria.sources.files import FORMATS  # noqa: PLC0415 - as above

    url = hidden(reference.location)
    with _opened(reference, pull, "GET") as response:
        name = PurePosixPath(unquote(urlsplit(reference.location).path)).name or "download"
        if not any(ending in name.lower() for ending in FORMATS):
            name += _TYPES.get(response.headers.get_content_type(), "")
        # A name from the outside: no slash, and no longer than a folder takes.
        path = folder / name.replace("/", "_").replace("\x00", "_")[-100:]
        try:
            with path.open("wb") as file:
                _copy(response, file, url, pull)
        except (HTTPException, TimeoutError, ConnectionError) as error:
            broken = WorkFailed(
                f"{url} broke off: {error or type(error).__name__}", mend="run it again", code="N-SOURCE-062"
            )
            broken.__cause__ = error
            raise Transient(broken) from error
        return path


def _copy(response: HTTPResponse, file: IO[bytes], url: str, pull: Pull) -> None:
    size, begun = 0, time.monotonic()
    announced = response.headers.get("Content-Length")
    whole = int(announced) if announced and announced.isdigit() else None
    while chunk := response.read(_CHUNK):
        size += len(chunk)
        if size > _MOST_BYTES or time.monotonic() - begun > _MOST_SECONDS:
            raise WorkFailed(
                f"{url} sends more than noria waits for: {size >> 20:,} MB in {time.monotonic() - begun:.0f} s",
                mend="fetch it with a tool of your own and name the file",
                code="N-SOURCE-061",
            )
        file.write(chunk)
        pull.progress(size / whole if whole else None, f"{size / 1e6:,.1f} MB")
    if whole is not None and size < whole:
        raise Transient(
            WorkFailed(f"{url} broke off after {size:,} of {whole:,} bytes", mend="run it again", code="N-SOURCE-062")
        )


class _Encrypted(HTTPRedirectHandler):
    """Follows a redirection only to where the user could have pointed himself, and takes no secret elsewhere."""

    def __init__(self, secret: Mapping[str, str]) -> None:
        self._secret = secret

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        """Check the new address by the rules of the first."""
        shown = hidden(newurl)
        try:
            allowed = parse(newurl).kind == "http"
        except NoriaError as error:
            raise WrongArgument(f"{hidden(req.full_url)} leads to {shown}: {error.what}", mend=error.mend,
                                code="N-SOURCE-063") from error  # fmt: skip
        if not allowed:
            raise WrongArgument(
                f"{hidden(req.full_url)} leads to {shown}", mend="name a file on the web", code="N-SOURCE-063"
            )
        old, new = urlsplit(req.full_url), urlsplit(newurl)
        if _inside(new.hostname or "") and not _inside(old.hostname or ""):
            raise NotAllowed(
                f"{hidden(req.full_url)} leads into this network: {shown}",
                why="a server outside could so have noria read what only this machine may",
                mend="name that address itself, if you trust it",
                code="N-SOURCE-064",
            )
        made = super().redirect_request(req, fp, code, msg, headers, newurl)
        if made is not None and (old.scheme, old.netloc) == (new.scheme, new.netloc):
            for name, value in self._secret.items():
                made.add_unredirected_header(name, value)
        return made


def _inside(host: str) -> bool:
    """Say whether a name leads to this machine or into a network that is not the open one."""
    try:
        found = {entry[4][0] for entry in socket.getaddrinfo(host, None)}
    except OSError:
        return False  # it will not be reached either
    return any(not ipaddress.ip_address(str(address).partition("%")[0]).is_global for address in found)


def _opened(reference: Reference, pull: Pull, method: str) -> HTTPResponse:
    url = reference.location
    request = Request(url, method=method, headers={"User-Agent": "noria", "Accept-Encoding": "identity"})  # noqa: S310 - scheme checked by parse()
    secret = _secret(reference, pull)
    for name, value in secret.items():
        request.add_unredirected_header(name, value)
    shown = hidden(url)
    try:
        return cast("HTTPResponse", build_opener(_Encrypted(secret)).open(request, timeout=_TIMEOUT_SECONDS))
    except HTTPError as error:
        error.close()
        kind = SourceNotFound if error.code in {404, 410} else WorkFailed
        refused = kind(
            f"{shown} answers {error.code} {error.reason}",
            mend="name what it asks for: #token=env:NAME, or #user=…&password=env:NAME"
            if error.code in {401, 403} and not secret
            else "open it in a browser; what needs more than a token is fetched by a function of your own (python:…)",
            code="N-SOURCE-060",
        )
        refused.__cause__ = error
        if error.code in _IN_PASSING:
            raise Transient(refused, _asked(error.headers.get("Retry-After"))) from error
        raise refused from error
    except (URLError, TimeoutError, HTTPException, OSError) as error:
        silent = WorkFailed(
            f"{shown} does not answer",
            why=str(getattr(error, "reason", error)),
            mend="check the address and the network, then run it again",
            code="N-SOURCE-060",
        )
        silent.__cause__ = error
        raise Transient(silent) from error
    except ValueError as error:  # a port that is no number, a line break in the address
        raise WrongArgument(
            f"{shown} is no address: {error}", mend="write https://host/file.csv", code="N-SOURCE-003"
        ) from error


def _secret(reference: Reference, pull: Pull) -> dict[str, str]:
    hints, shown = reference.hints, reference.text
    if "token" in hints:
        return {"Authorization": f"Bearer {looked_up(hints['token'], root=pull.root, whose=shown)}"}
    if "password" in hints:
        password = looked_up(hints["password"], root=pull.root, whose=shown)
        pair = base64.b64encode(f"{hints.get('user', '')}:{password}".encode()).decode()
        return {"Authorization": f"Basic {pair}"}
    return {}


def _asked(header: str | None) -> float:
    return float(header) if header is not None and header.isdigit() else 0.0
