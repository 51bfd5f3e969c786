"""Promotions with four eyes on the pages: asked for, told on Home, agreed to by somebody else."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime

import pytest
from page_browser import Browser

PAGE = "/models/credit-risk@1"


@pytest.fixture
def careful(changing: Browser) -> Browser:
    """A project in which one other must agree."""
    file = changing.workspace.root / "noria.toml"
    file.write_text(f"{file.read_text()}\n[deploy]\napprovals = 1\n" if "[deploy]" not in file.read_text()
                    else file.read_text().replace("[deploy]", "[deploy]\napprovals = 1"))  # fmt: skip
    changing.workspace.__dict__.pop("project", None)
    return changing


def champion(browser: Browser) -> int | None:
    return browser.workspace.aliases.current("credit-risk")


def test_a_promotion_is_asked_for(careful: Browser) -> None:
    assert "Ask for it" in careful.get(PAGE).text
    before = champion(careful)
    response = careful.post(f"{PAGE}/promote", PAGE, reason="better in the north", expect="3")
    assert response.headers["location"] == f"{PAGE}?said=asked"
    assert champion(careful) == before
    (asked,) = careful.workspace.approvals.list()
    assert (asked.ref, asked.reason) == ("credit-risk@1", "better in the north")
    home = careful.get("/").text
    assert "credit-risk@1 waits for approval to become champion" in home
    assert "noria models approve credit-risk@1" in home
    page = careful.get(PAGE).text
    assert "asked" in page
    assert f'action="{PAGE}/approve"' in page
    assert f'formaction="{PAGE}/reject"' in page


def test_who_asked_cannot_agree_and_may_take_it_back(careful: Browser) -> None:
    careful.post(f"{PAGE}/promote", PAGE, reason="better", expect="3")
    (asked,) = careful.workspace.approvals.list()
    response = careful.post(f"{PAGE}/approve", PAGE, reason="I agree with myself", request=str(asked.id))
    assert response.status_code == 403
    assert "cannot be the one who approves it" in response.text
    response = careful.post(f"{PAGE}/reject", PAGE, reason="never mind", request=str(asked.id))
    assert response.headers["location"] == f"{PAGE}?said=rejected"
    assert "never mind" in careful.get(PAGE).text
    assert "waits for approval" not in careful.get("/").text


def test_another_person_agrees(careful: Browser) -> None:
    now = datetime.now(UTC)
    asked = careful.workspace.approvals.request("credit-risk", 1, actor="somebody else", reason="better", at=now)
    response = careful.post(f"{PAGE}/approve", PAGE, reason="looked at it", request=str(asked.id))
    assert response.headers["location"] == f"{PAGE}?said=promoted"
    assert champion(careful) == 1
    move = careful.workspace.aliases.history("credit-risk")[-1]
    assert move.reason == f"better (approved by {getpass.getuser()} (page))"


@pytest.mark.parametrize("request_", ["", "x", "99", "9" * 30])
def test_a_request_that_is_none(careful: Browser, request_: str) -> None:
    response = careful.post(f"{PAGE}/approve", PAGE, reason="r", request=request_)
    assert response.status_code in (400, 404)
