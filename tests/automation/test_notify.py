"""Messages get out once, signed, to where they should and nowhere else."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from noria.automation import webhook as hooks
from noria.automation.outbox import Outbox, Webhook
from noria.automation.tables import outbox
from noria.errors import NotAllowed, WrongSetting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from noria.store.database import Database

NOW = datetime(2026, 5, 4, 3, tzinfo=UTC)


class Receiver(ThreadingHTTPServer):
    """A webhook's other side."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.status = 200

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(self.server.status)
        if self.server.status == 302:
            self.send_header("Location", self.server.url)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_message_arrives_signed(receiver: Receiver) -> None:
    hooks.send(receiver.url, {"text": "drift"}, key="k1", secret="s", allow_private=True, now=NOW)
    ((headers, body),) = receiver.got
    assert json.loads(body) == {"text": "drift"}
    assert headers["idempotency-key"] == "k1"
    assert headers["x-noria-signature"] == hooks.sign("s", headers["x-noria-timestamp"], body)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "10.0.0.1", "169.254.169.254", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "[::]",
     "[::127.0.0.1]", "[::8.8.8.8]", "[64:ff9b::127.0.0.1]", "[64:ff9b:1::8.8.8.8]", "[64:ff9b:1:a::1]",
     "[2002:7f00:1::]"],
)  # fmt: skip
def test_private_addresses_are_refused(host: str) -> None:
    with pytest.raises(NotAllowed, match="private"):
        hooks.send(f"http://{host}:9/hook", {}, key="k", now=NOW)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "64:ff9b::8.8.8.8", "2002:808:808::"])
def test_what_leads_to_a_public_address_is_public(address: str) -> None:
    assert hooks._public(address)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "gopher://x", "https://", "http://user:pw@example.org/", "x",
                                 "http://[bad/", "http://.../", "http://example.org/ä"])  # fmt: skip
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(WrongSetting, match="webhook"):
        hooks.send(url, {}, key="k", now=NOW)


def test_redirects_are_not_followed(receiver: Receiver) -> None:
    receiver.status = 302
    with pytest.raises(hooks.WebhookFailed, match="did not take"):
        hooks.send(receiver.url, {}, key="k", allow_private=True, now=NOW)
    assert len(receiver.got) == 1


def test_an_answer_that_trickles_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks, "_TIMEOUT_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def trickle() -> None:
            connected, _ = listening.accept()
            with connected, contextlib.suppress(OSError):
                connected.recv(65536)
                connected.sendall(b"HTTP/1.1 ")
                for _ in range(100):
                    connected.sendall(b"a")
                    time.sleep(0.1)

        thread = threading.Thread(target=trickle, daemon=True)
        thread.start()
        began = time.monotonic()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        with pytest.raises(hooks.WebhookFailed):
            hooks.send(url, {}, key="k", allow_private=True, now=NOW)
        assert time.monotonic() - began < 5
        thread.join()


def test_nobody_there_is_told(receiver: Receiver) -> None:
    with pytest.raises(hooks.WebhookFailed):
        hooks.send("http://127.0.0.1:1/", {}, key="k", allow_private=True, now=NOW)


def test_the_same_key_is_one_message(database: Database, receiver: Receiver) -> None:
    box = Outbox(database, Webhook(receiver.url, "s", allow_private=True))
    box.put("alert:1:opened", {"text": "a"}, now=NOW)
    box.put("alert:1:opened", {"text": "a"}, now=NOW)
    assert box.deliver(now=NOW) == 2  # log and webhook
    assert box.deliver(now=NOW) == 0
    assert len(receiver.got) == 1


def test_a_failed_message_is_tried_again_later(database: Database, receiver: Receiver) -> None:
    box = Outbox(database, Webhook(receiver.url, allow_private=True))
    receiver.status = 503
    box.put("alert:1:opened", {"text": "a"}, now=NOW)
    assert box.deliver(now=NOW) == 1  # the log has it
    assert box.deliver(now=NOW + timedelta(seconds=10)) == 0
    receiver.status = 200
    assert box.deliver(now=NOW + timedelta(seconds=31)) == 1
    assert [headers["idempotency-key"] for headers, _ in receiver.got] == ["alert:1:opened"] * 2


def test_a_message_that_never_gets_through_is_given_up(database: Database, receiver: Receiver) -> None:
    box = Outbox(database, Webhook(receiver.url, allow_private=True))
    receiver.status = 500
    box.put("k", {"text": "a"}, now=NOW)
    for turn in range(12):
        box.deliver(now=NOW + timedelta(days=turn))
    assert len(receiver.got) == 10
    with database.reading() as connection:
        row = connection.execute(sa.select(outbox).where(outbox.c.channel == "webhook")).mappings().one()
    assert row["state"] == "failed"
    assert "500" in row["error"]
