"""Webhooks of the registry: who is told of what, signed, once, tried again, and never somewhere private."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from noria.automation.hooks import Hooks
from noria.automation.webhook import WebhookFailed, sign
from noria.errors import Conflict, NotAllowed, NotFound, WrongArgument, WrongSetting
from noria.registry.models import Models

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from noria.store.database import Database

NOW = datetime(2026, 5, 4, 3, tzinfo=UTC)
LATER = NOW + timedelta(seconds=1)


class Receiver(ThreadingHTTPServer):
    """The other side."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.status = 200

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook"

    @property
    def events(self) -> list[str]:
        return [json.loads(body)["event"] for _, body in self.got]


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(self.server.status)
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


@pytest.fixture
def hooks(database: Database) -> Hooks:
    return Hooks(database, {"KEY": "s3cret"})


def test_a_change_is_told_signed_and_once(hooks: Hooks, receiver: Receiver) -> None:
    hooks.add("ci", receiver.url, secret="env:KEY", allow_private=True, now=NOW)
    Models(hooks.database).create("churn", actor="ann", at=LATER)
    assert hooks.deliver(now=LATER) == 1
    assert hooks.deliver(now=LATER) == 0
    ((headers, body),) = receiver.got
    told = json.loads(body)
    assert (told["event"], told["model"], told["actor"]) == ("registered_model.created", "churn", "ann")
    assert told["text"] == "churn: registered model created by ann"
    assert headers["x-noria-event"] == "registered_model.created"
    assert headers["x-noria-signature"] == sign("s3cret", headers["x-noria-timestamp"], body)
    (delivery,) = hooks.deliveries("ci")
    assert (delivery.state, delivery.attempts, delivery.key) == ("sent", 1, headers["idempotency-key"])


def test_each_hears_what_it_wants_from_when_it_was_added(hooks: Hooks, receiver: Receiver) -> None:
    models = Models(hooks.database)
    models.create("before", at=NOW - timedelta(days=1))
    hooks.add("tags", receiver.url, events=["*.tag_set"], model="churn", allow_private=True, now=NOW)
    hooks.add("all", receiver.url, allow_private=True, now=NOW)
    for name in ("churn", "other"):
        models.create(name, at=LATER)
        models.set_tags(name, {"a": "b"}, at=LATER)
    assert hooks.deliver(now=LATER) == 5
    assert [one.event for one in hooks.deliveries("tags")] == ["registered_model.tag_set"]
    assert len(hooks.deliveries("all")) == 4


def test_what_is_not_taken_is_sent_again_with_the_same_key(hooks: Hooks, receiver: Receiver) -> None:
    hooks.add("ci", receiver.url, allow_private=True, now=NOW)
    receiver.status = 500
    models = Models(hooks.database)
    for name in ("a", "b"):
        models.create(name, at=LATER)
    assert hooks.deliver(now=LATER) == 0
    assert len(receiver.got) == 1, "one that does not answer is asked once a turn"
    newest, oldest = hooks.deliveries("ci")
    assert (oldest.state, oldest.attempts, newest.attempts) == ("waiting", 1, 0)
    assert "it answered 500" in oldest.error
    receiver.status = 200
    assert hooks.deliver(now=LATER) == 1
    assert hooks.deliver(now=LATER + timedelta(seconds=31)) == 1
    keys = [headers["idempotency-key"] for headers, _ in receiver.got]
    assert keys == [oldest.key, newest.key, oldest.key]
    receiver.status = 404
    models.create("c", at=LATER)
    for day in range(12):
        hooks.deliver(now=LATER + timedelta(days=day + 1))
    assert (hooks.deliveries("ci")[0].state, hooks.deliveries("ci")[0].attempts) == ("failed", 10)


def test_of_many_who_deliver_one_sends(hooks: Hooks, receiver: Receiver) -> None:
    hooks.add("ci", receiver.url, allow_private=True, now=NOW)
    models = Models(hooks.database)
    for number in range(10):
        models.create(f"m{number}", at=LATER)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: hooks.deliver(now=LATER), range(4)))
    hooks.deliver(now=LATER)
    assert len(receiver.got) == 10
    assert len({headers["idempotency-key"] for headers, _ in receiver.got}) == 10


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/x", "http://localhost/x", "http://169.254.169.254/latest/meta-data", "http://[::1]/x",
        "http://[::ffff:10.0.0.1]/x", "http://0.0.0.0/x", "http://2130706433/x", "http://10.1.2.3/x",
        "http://[64:ff9b::7f00:1]/x", "http://[fe80::1]/x",
    ],
)  # fmt: skip
def test_nothing_is_sent_to_private_addresses(hooks: Hooks, url: str) -> None:
    hooks.add("ci", url, now=NOW)
    with pytest.raises(NotAllowed, match="private"):
        hooks.test("ci", now=NOW)
    Models(hooks.database).create("churn", at=LATER)
    assert hooks.deliver(now=LATER) == 0
    (delivery,) = hooks.deliveries("ci")
    assert (delivery.state, "private" in delivery.error) == ("waiting", True)


@pytest.mark.parametrize(
    ("url", "more"),
    [
        ("ftp://example.org", {}),
        ("example.org", {}),
        ("http://", {}),
        ("env:", {}),
        ("https://example.org", {"secret": "the key itself"}),
        ("https://example.org", {"secret": "env:"}),
        ("https://example.org", {"secret": "file:relative"}),
        ("https://example.org", {"events": ["registered_model.create"]}),
        ("https://example.org", {"events": []}),
    ],
)
def test_what_is_no_webhook(hooks: Hooks, url: str, more: dict[str, str]) -> None:
    with pytest.raises(WrongArgument) as caught:
        hooks.add("ci", url, now=NOW, **more)  # type: ignore[arg-type]  # some are of another type on purpose
    assert "the key itself" not in str(caught.value.to_dict())
    assert hooks.list() == ()


def test_keys_are_read_where_they_are(hooks: Hooks, receiver: Receiver, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("k\n")
    hooks.add("file", receiver.url, secret=f"file:{key}", allow_private=True, now=NOW)
    hooks.test("file", now=NOW)
    headers, body = receiver.got[0]
    assert headers["x-noria-signature"] == sign("k", headers["x-noria-timestamp"], body)
    hooks.add("lost", receiver.url, secret="env:NOWHERE", allow_private=True, now=NOW)
    with pytest.raises(WrongSetting, match="lacks its key"):
        hooks.test("lost", now=NOW)
    assert len(receiver.got) == 1, "nothing goes out unsigned that should be signed"


def test_names(hooks: Hooks, receiver: Receiver) -> None:
    hooks.add("ci", receiver.url, allow_private=True, now=NOW)
    with pytest.raises(Conflict):
        hooks.add("ci", receiver.url, now=NOW)
    with pytest.raises(NotFound, match="no webhook"):
        hooks.get("cl")
    receiver.status = 302
    with pytest.raises(WebhookFailed):
        hooks.test("ci", now=NOW)
    Models(hooks.database).create("churn", at=LATER)
    hooks.remove("ci")
    assert hooks.deliver(now=LATER) == 0
    assert hooks.list() == ()
