"""The pages of a team: complete and safe, before the login and after it, with everything shown that can be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from page_browser import Browser
from page_checker import check

from noria.security.audit import Who
from noria.security.credentials import COOKIE, Credentials
from noria.security.identity import Scope
from noria.security.tokens import Tokens
from noria.security.users import Users
from noria.server.site import Site

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest.importorskip("argon2")

EVIL = '"><img src=x onerror=alert(1)>'


@pytest.fixture
def team(changing: Browser) -> Iterator[tuple[Browser, dict[str, str]]]:
    """The project with users, asked by its administrator."""
    database, by = changing.workspace.database, Who("host")
    site = Site(changing.workspace, None, Credentials(database))
    now, users = site.now(), Users(database)
    for name, role in (("ada", "admin"), ("bob", "editor"), ("ünal@example.com", "none")):
        users.add(name, by=by, at=now)
        users.grant(name, role, by=by, at=now, reviewer=role == "editor")
    users.set_active("bob", False, by=by, at=now)
    ada = users.get("ada")
    Tokens(database).create(ada, EVIL, by=by, at=now)
    scope = Scope("credit-risk", "viewer", frozenset({"view"}))
    gone = Tokens(database).create(ada, "gone", by=by, at=now, scope=scope)[0]
    Tokens(database).revoke(gone.id, by=by, at=now)
    assert site.credentials is not None
    key = site.credentials.sessions.open(ada, at=now)
    changing.serve(site)
    yield changing, {"cookie": f"{COOKIE}={key}"}
    site.close()


def test_pages_before_the_login(team: tuple[Browser, dict[str, str]]) -> None:
    browser, _ = team
    for path in ("/login", "/login?next=/runs", "/login?said=logged-out", "/join"):
        answer = browser.get(path)
        assert answer.status_code == 200
        check(answer)
        assert "credit" not in answer.text


def test_pages_after_it(team: tuple[Browser, dict[str, str]]) -> None:
    browser, session = team
    for path in ("/", "/settings", "/models/credit-risk@1", "/alerts"):
        answer = browser.get(path, headers=session)
        assert answer.status_code == 200
        check(answer)
        assert "<img" not in answer.text
        assert ">ada</a>" in answer.text
    for path in ("/nothing", "/runs/none"):
        answer = browser.get(path, headers=session)
        assert answer.status_code == 404
        check(answer)


def test_the_settings_of_a_server_without_a_team(changing: Browser) -> None:
    answer = changing.get("/settings")
    assert answer.status_code == 200
    check(answer)
    assert "noria ui --team" in answer.text
