"""The web as it is: it breaks off, is busy, and sends elsewhere."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from noria.errors import NoriaError, NotAllowed, SourceNotFound, WorkFailed, WrongArgument
from noria.sources.http import _inside
from noria.sources.reference import parse
from noria.sources.source import read, token

Handler = Callable[[BaseHTTPRequestHandler], None]


class Site:
    """A server whose pages are functions; remembers what it was asked."""

    def __init__(self) -> None:
        self.pages: dict[str, Handler] = {}
        self.asked: list[tuple[str, str, str | None]] = []
        site = self

        class Pages(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                site.asked.append((self.command, self.path, self.headers.get("Authorization")))
                self.close_connection = True
                site.pages[self.path](self)

            do_HEAD = do_GET

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr("noria.sources.retrying.FIRST_SECONDS", 0.01)
    made = Site()
    yield made
    made.close()


def sent(body: bytes, status: int = 200, **headers: str) -> Handler:
    def handle(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in {"Content_Length": str(len(body)), **headers}.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()
        request.wfile.write(body)

    return handle


def in_turn(*handlers: Handler) -> Handler:
    left = list(handlers)
    return lambda request: (left.pop(0) if len(left) > 1 else left[0])(request)


def chunked(body: bytes, *, whole: bool) -> Handler:
    def handle(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Transfer-Encoding", "chunked")
        request.end_headers()
        request.wfile.write(b"%x\r\n%s\r\n" % (len(body), body) + (b"0\r\n\r\n" if whole else b"ff\r\nhalf"))

    return handle


def test_what_is_cut_off_is_never_read(site: Site, tmp_path: Path) -> None:
    site.pages = {
        "/length.csv": sent(b"a\n1\n", Content_Length="900"),
        "/chunked.csv": chunked(b"a\n1\n", whole=False),
    }
    for page in site.pages:
        site.asked.clear()
        notes: list[str] = []
        with pytest.raises(WorkFailed, match="broke off") as caught:
            read(f"{site.url}{page}", root=tmp_path, note=notes.append)
        assert caught.value.code == "N-SOURCE-062"
        assert len(site.asked) == 3
        assert len(notes) == 2
    site.pages = {"/chunked.csv": in_turn(chunked(b"a\n1\n", whole=False), chunked(b"a\n1\n", whole=True))}
    assert read(f"{site.url}/chunked.csv", root=tmp_path).num_rows == 1


def test_a_busy_server_is_asked_again(site: Site, tmp_path: Path) -> None:
    site.pages = {"/a.csv": in_turn(sent(b"", 503), sent(b"", 429, Retry_After="0"), sent(b"a\n1\n", ETag='"x"'))}
    notes: list[str] = []
    assert read(f"{site.url}/a.csv", root=tmp_path, note=notes.append).num_rows == 1
    assert "503" in notes[0]
    assert "429" in notes[1]
    site.pages = {"/a.csv": in_turn(sent(b"", 502), sent(b"a\n1\n", ETag='"x"'))}
    assert token(f"{site.url}/a.csv", root=tmp_path) == 'etag:"x"'


def test_what_is_refused_is_not_asked_again(site: Site, tmp_path: Path) -> None:
    for status, kind in ((404, SourceNotFound), (403, WorkFailed), (401, WorkFailed)):
        site.asked.clear()
        site.pages = {"/a.csv": sent(b"", status)}
        with pytest.raises(kind, match=str(status)):
            read(f"{site.url}/a.csv", root=tmp_path)
        assert len(site.asked) == 1


def test_progress_is_told(site: Site, tmp_path: Path) -> None:
    site.pages = {"/a.csv": sent(b"a\n" + b"1\n" * 1_500_000)}
    told: list[tuple[float | None, str]] = []
    read(f"{site.url}/a.csv", root=tmp_path, progress=lambda done, text: told.append((done, text)))
    assert told[-1] == (1.0, "3.0 MB")
    assert len(told) >= 2


def test_a_secret_goes_nowhere_else(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAGE_PASSWORD", "hunter2")
    other = Site()
    try:
        other.pages = {"/a.csv": sent(b"a\n1\n")}
        site.pages = {
            "/there.csv": sent(b"", 302, Location=f"{other.url}/a.csv"),
            "/here.csv": sent(b"", 302, Location="/a.csv"),
            "/a.csv": sent(b"a\n1\n"),
        }
        hint = "#user=me&password=env:PAGE_PASSWORD"
        assert read(f"{site.url}/there.csv{hint}", root=tmp_path).num_rows == 1
        assert read(f"{site.url}/here.csv{hint}", root=tmp_path).num_rows == 1
        assert [secret for _, _, secret in other.asked] == [None]
        assert [secret for _, _, secret in site.asked] == ["Basic bWU6aHVudGVyMg=="] * 3
    finally:
        other.close()


def test_a_redirection_into_this_network(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site.pages = {
        "/a.csv": sent(b"", 302, Location=site.url.replace("127.0.0.1", "localhost") + "/secret.csv"),
        "/file.csv": sent(b"", 302, Location="file:///etc/passwd"),
        "/secret.csv": sent(b"a\n1\n"),
    }
    monkeypatch.setattr("noria.sources.http._inside", lambda host: host == "localhost")
    with pytest.raises(NotAllowed, match="leads into this network"):
        read(f"{site.url}/a.csv", root=tmp_path)
    assert [path for _, path, _ in site.asked] == ["/a.csv"]
    with pytest.raises(NoriaError):
        read(f"{site.url}/file.csv", root=tmp_path)


@pytest.mark.parametrize("host", ["127.0.0.1", "10.0.0.1", "192.168.1.1", "169.254.169.254", "::1", "fd00::1"])
def test_what_is_inside(host: str) -> None:
    assert _inside(host)


def test_what_is_outside() -> None:
    assert not _inside("8.8.8.8")


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("https://me:secret@host/a.csv", "password"),
        ("https://host/a.csv#token=secret", "password"),
        ("https://host/a.csv#user=me&password=secret", "password"),
        ("http://host/a.csv", "not encrypted"),
        ("https:///a.csv", "names no host"),
        ("https://host/a.csv#tokn=env:A", "unknown hint"),
    ],
)
def test_what_cannot_be_a_source(source: str, says: str) -> None:
    with pytest.raises(WrongArgument, match=says) as caught:
        parse(source)
    assert "secret" not in caught.value.render()


def test_an_address_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(NoriaError):
        read("http://127.0.0.1:notaport/a.csv", root=tmp_path)
