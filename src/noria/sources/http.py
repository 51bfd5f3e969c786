"""Rows from a URL: encrypted, bounded in size and time, told apart by ETag."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, cast
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from noria.errors import SourceNotFound, WorkFailed, WrongArgument
from noria.sources.reference import parse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from http.client import HTTPMessage, HTTPResponse
    from typing import IO

    import pyarrow as pa

    from noria.sources.reference import Reference

__all__ = ["read_url", "url_token"]

_TIMEOUT_SECONDS = 30
_MOST_SECONDS = 900
_MOST_BYTES = 4 << 30
_CHUNK = 1 << 20
_TYPES = {
    "text/csv": ".csv",
    "text/tab-separated-values": ".tsv",
    "application/json": ".json",
    "application/x-ndjson": ".jsonl",
    "application/vnd.apache.parquet": ".parquet",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
}


def read_url(reference: Reference, na_values: tuple[str, ...]) -> tuple[pa.Table, bool]:
    """Fetch a file and read it; the ending of the URL or the server's content type tells the format.

    Raises
    ------
    SourceNotFound
        The server says there is no such thing.
    WorkFailed
        The server does not answer, or sends too much.
    """
    from noria.sources.files import FORMATS, read_file  # noqa: PLC0415 - pyarrow only when rows are read

    with _opened(reference.location, "GET") as response, tempfile.TemporaryDirectory(prefix="noria-") as folder:
        name = PurePosixPath(unquote(urlsplit(reference.location).path)).name or "download"
        kind = response.headers.get_content_type()
        if not any(ending in name.lower() for ending in FORMATS):
            name += _TYPES.get(kind, "")
        path = Path(folder) / name.replace("/", "_")
        with path.open("wb") as file:
            for chunk in _pieces(response, reference.location):
                file.write(chunk)
        return read_file(path, reference.hints, na_values, shown=reference.text)


def url_token(url: str) -> str | None:
    """Ask for the ETag or the date of a URL; None when the server gives neither, or answers only whole requests."""
    try:
        asked = _opened(url, "HEAD")
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


def _pieces(response: HTTPResponse, url: str) -> Iterator[bytes]:
    size, begun = 0, time.monotonic()
    announced = response.headers.get("Content-Length")
    while chunk := response.read(_CHUNK):
        size += len(chunk)
        if size > _MOST_BYTES or time.monotonic() - begun > _MOST_SECONDS:
            raise WorkFailed(
                f"{url} sends more than noria waits for: {size >> 20:,} MB in {time.monotonic() - begun:.0f} s",
                mend="fetch it with a tool of your own and name the file",
                code="N-SOURCE-061",
            )
        yield chunk
    if announced and announced.isdigit() and size < int(announced):
        raise WorkFailed(
            f"{url} broke off after {size:,} of {int(announced):,} bytes", mend="run it again", code="N-SOURCE-062"
        )


class _Encrypted(HTTPRedirectHandler):
    """Follows a redirection only to where the user could have pointed himself."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        """Check the new address by the rules of the first."""
        if parse(newurl).kind != "http":
            raise WrongArgument(f"{req.full_url} leads to {newurl}", mend="name a file on the web", code="N-SOURCE-063")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opened(url: str, method: str) -> HTTPResponse:
    request = Request(url, method=method, headers={"User-Agent": "noria", "Accept-Encoding": "identity"})  # noqa: S310 - scheme checked by parse()
    try:
        return cast("HTTPResponse", build_opener(_Encrypted).open(request, timeout=_TIMEOUT_SECONDS))
    except HTTPError as error:
        error.close()
        kind = SourceNotFound if error.code in {404, 410} else WorkFailed
        raise kind(
            f"{url} answers {error.code} {error.reason}",
            mend="open it in a browser; what needs a login has to be fetched by a function of your own (python:…)",
            code="N-SOURCE-060",
        ) from error
    except (URLError, TimeoutError, OSError) as error:
        raise WorkFailed(
            f"{url} does not answer",
            why=str(getattr(error, "reason", error)),
            mend="check the address and the network, then run it again",
            code="N-SOURCE-060",
        ) from error
