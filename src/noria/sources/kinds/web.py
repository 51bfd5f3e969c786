"""``https://…``: a file on the web."""

from __future__ import annotations

from urllib.parse import urlsplit

from noria.errors import WrongArgument
from noria.sources.credential import hidden, is_reference, written_out
from noria.sources.kind import FILE_HINTS, VOLATILE, Pull, Reference, Rows, taken_apart

__all__ = ["Web"]

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_MEND = 'put it in an environment variable: source = "https://host/file.csv#user=me&password=env:NAME"'


class Web:
    """Files on the web."""

    name = "http"
    summary = "https://host/file.csv: a file on the web; #token=env:NAME or #user=…&password=env:NAME where it is asked"

    def parse(self, text: str) -> Reference:
        """Check that the way is encrypted and no password is written out."""
        if urlsplit(text).password is not None:
            raise written_out(text, _MEND)
        found = taken_apart(text, "http", hints=(*FILE_HINTS, "token", "user", "password"))
        parts = urlsplit(found.location)
        if any(name in found.hints and not is_reference(found.hints[name]) for name in ("token", "password")):
            raise written_out(text, _MEND)
        if parts.scheme.lower() == "http" and parts.hostname not in _LOOPBACK:
            raise WrongArgument(
                f"{hidden(found.location)} is not encrypted on its way",
                mend=f"write https://{found.location.partition('://')[2]}",
                code="N-SOURCE-003",
            )
        if not parts.hostname:
            raise WrongArgument(f"{text} names no host", mend="write https://host/file.csv", code="N-SOURCE-003")
        return found

    def token(self, reference: Reference, pull: Pull) -> str:
        """Ask for the ETag or the date."""
        from noria.sources.http import url_token  # noqa: PLC0415 - the network only when asked for

        return url_token(reference, pull) or VOLATILE

    def read(self, reference: Reference, pull: Pull) -> Rows:
        """Fetch it, then read it as a file."""
        from noria.sources.http import read_url  # noqa: PLC0415 - pyarrow only when rows are read

        return Rows(*read_url(reference, pull))
