"""A team in front of an empty project, asked over ASGI with every message counted."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest

from noria.security.audit import Who
from noria.security.credentials import COOKIE, Credentials
from noria.security.tokens import Tokens
from noria.security.users import User, Users
from noria.server.app import application
from noria.server.site import Site
from noria.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from noria.security.identity import Scope
    from noria.store.database import Database

HOST = "noria.example"
AT = datetime(2026, 5, 1, 12, tzinfo=UTC)
HOSTMASTER = Who("hostmaster (command line)")
PASSWORD = "correct horse battery staple"  # the canary too: it must be found nowhere
PROJECT = """
[project]
name = "lab"

[data]
source = "rows.csv"
target = "y"
"""


@dataclass
class Answer:
    """What came back, and how much of the body was asked for."""

    status: int
    headers: dict[str, str]
    body: bytes
    reads: int
    cookies: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> dict[str, object]:
        found = json.loads(self.body)
        assert isinstance(found, dict)
        return found


class Team:
    """A server in team mode and its users."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.database: Database = workspace.database
        self.site = Site(workspace, None, Credentials(self.database))
        self.app = application(self.site, hosts=frozenset({HOST}), scheme="https")
        self.users = Users(self.database)
        self.tokens = Tokens(self.database)

    def user(
        self, name: str, role: str = "none", *, project: str = "*", reviewer: bool = False, password: str | None = None
    ) -> User:
        self.users.add(name, by=HOSTMASTER, at=self.site.now(), password=password)
        return self.users.grant(name, role, by=HOSTMASTER, at=self.site.now(), project=project, reviewer=reviewer)

    def token(self, user: User, scope: Scope | None = None) -> str:
        return self.tokens.create(user, "test", by=HOSTMASTER, at=self.site.now(), scope=scope)[1]

    def ask(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        address: str = "203.0.113.7",
    ) -> Answer:
        """Send one request; every part of the body that the application asks for is counted."""
        given = {"host": HOST, **(headers or {})}
        if body:
            given.setdefault("content-length", str(len(body)))
        bare, _, query = path.partition("?")
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "https",
            "path": bare, "raw_path": bare.encode(), "query_string": query.encode(), "root_path": "",
            "headers": [(name.encode(), value.encode()) for name, value in given.items()],
            "client": (address, 40000), "server": ("127.0.0.1", 8765),
        }  # fmt: skip
        sent: list[dict[str, object]] = []
        reads = 0

        async def receive() -> dict[str, object]:
            nonlocal reads
            reads += 1
            if reads == 1:
                return {"type": "http.request", "body": body, "more_body": False}
            return {"type": "http.disconnect"}

        async def send(message: dict[str, object]) -> None:
            sent.append(message)

        try:
            asyncio.run(self.app(scope, receive, send))  # type: ignore[arg-type]
        except Exception:
            # As uvicorn does: a failure that has been answered is seen in the answer.
            if not sent:
                raise
        start = next(message for message in sent if message["type"] == "http.response.start")
        pairs = [(name.decode().lower(), value.decode()) for name, value in start["headers"]]  # type: ignore[attr-defined]
        content = b"".join(message.get("body", b"") for message in sent if message["type"] == "http.response.body")  # type: ignore[misc]
        cookies = [value for name, value in pairs if name == "set-cookie"]
        return Answer(int(start["status"]), dict(pairs), content, reads, cookies)  # type: ignore[call-overload]

    def send(
        self, path: str, page: str | None = None, *, cookie: str = "", address: str = "203.0.113.7", **fields: str
    ) -> Answer:
        """Send a form from one of the server's pages, as a browser does."""
        headers = {"content-type": "application/x-www-form-urlencoded", "origin": f"https://{HOST}"}
        if cookie:
            headers["cookie"] = f"{COOKIE}={cookie}"
        if page is not None:
            shown = self.ask("GET", page, headers={"cookie": headers.get("cookie", "")})
            found = re.search(r'name="token" value="([^"]+)"', shown.text)
            assert found, shown.text
            fields = {"token": found[1], **fields}
        return self.ask("POST", path, headers=headers, body=urlencode(fields).encode(), address=address)

    def log_in(self, name: str, password: str = PASSWORD, **rest: str) -> str:
        """Log in and give the session's key."""
        answer = self.send("/login", "/login", name=name, password=password, **rest)
        assert answer.status == 303, answer.text
        return key_of(answer)


def key_of(answer: Answer) -> str:
    [cookie] = answer.cookies
    return cookie.split(";")[0].removeprefix(f"{COOKIE}=")


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


@pytest.fixture
def team(migrated_url: str, tmp_path: Path) -> Iterator[Team]:
    """A team, on SQLite and on PostgreSQL."""
    root = tmp_path / "lab"
    root.mkdir()
    (root / "noria.toml").write_text(f"{PROJECT}\n[store]\ndatabase = {migrated_url!r}\n")
    workspace = Workspace(root)
    opened = Team(workspace)
    yield opened
    opened.site.close()
    workspace.close()


@pytest.fixture
def users(database: Database) -> Users:
    return Users(database)


@pytest.fixture(scope="module")
def shut(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    """A team with a user of each role, for tests that change nothing."""
    root = tmp_path_factory.mktemp("shut") / "lab"
    root.mkdir()
    (root / "noria.toml").write_text(PROJECT)
    workspace = Workspace(root)
    opened = Team(workspace)
    for role in ("viewer", "editor", "deployer", "admin"):
        opened.user(role, role)
    opened.user("reviewer", reviewer=True)
    opened.user("nothing")
    yield opened
    opened.site.close()
    workspace.close()
