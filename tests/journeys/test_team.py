"""A team in a real browser, without JavaScript: invited, logged in, given a token, logged out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from chromium import PATIENCE, opened, serving

from noria.security.audit import Who
from noria.security.invites import Invites
from noria.security.users import Users
from noria.server.site import Site
from noria.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser
pytest.importorskip("argon2")

PASSWORD = "correct horse battery staple"
PROJECT = """
[project]
name = "lab"

[data]
source = "rows.csv"
target = "y"
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests."""
    yield from opened()


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    (tmp_path / "noria.toml").write_text(PROJECT)
    opened = Workspace(tmp_path)
    yield opened
    opened.close()


def test_from_the_invitation_to_the_way_out(browser: Browser, workspace: Workspace) -> None:
    users, by, at = Users(workspace.database), Who("host"), Site(workspace).now()
    users.add("ada", by=by, at=at)
    users.grant("ada", "admin", by=by, at=at)
    code = Invites(workspace.database).make(users.get("ada"), by=by, at=at)
    for url in serving(workspace.root, "--team"):
        context = browser.new_context(java_script_enabled=False)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)

        page.goto(f"{url}/models")
        assert page.url == f"{url}/login?next=%2Fmodels"
        page.get_by_role("link", name="Choose your password").click()
        page.get_by_label("Invitation").fill(code)
        page.get_by_label("New password").fill(PASSWORD)
        page.get_by_label("The same again").fill(PASSWORD)
        page.get_by_role("button", name="Set the password").click()

        page.goto(f"{url}/models")
        page.get_by_label("Name").fill("Ada")
        page.get_by_label("Password").fill("not that one")
        page.get_by_role("button", name="Log in").click()
        assert page.get_by_role("alert").is_visible()
        page.get_by_label("Name").fill("Ada")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        assert page.url == f"{url}/models"
        [cookie] = context.cookies()
        assert (cookie["name"], cookie["httpOnly"], cookie["secure"]) == ("__Host-noria", True, True)

        page.get_by_role("link", name="ada").click()
        page.get_by_text("Make a token").click()
        page.get_by_label("What for").fill("nightly training")
        page.get_by_role("button", name="Make it").click()
        assert page.locator("#made .command").first.inner_text().startswith("nor_")
        page.get_by_text("Add a user").click()
        page.locator("#users form").last.get_by_label("Name").fill("bob")
        page.get_by_role("button", name="Add", exact=True).click()
        assert page.locator("#invited .command").is_visible()

        page.get_by_role("button", name="Log out").click()
        assert page.url == f"{url}/login?said=logged-out"
        page.goto(f"{url}/models")
        assert "/login" in page.url
        context.close()
    assert {user.name for user in users.list()} == {"ada", "bob"}
