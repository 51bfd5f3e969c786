"""The deployment page: who answers, what the gates say, and the buttons that change it."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime

import pytest
from page_browser import Browser

from noria.server.pages.rollouts import deployments_of, orders_of
from noria.serving.document import Document
from noria.serving.gates import Gates
from noria.serving.rollout import Rollout

PAGE = "/deployments/credit-risk"
CANARY = Rollout("canary", (5, 100), 600.0, gates=Gates(min_requests=50, errors=0.01))


@pytest.fixture
def rolling(changing: Browser) -> Browser:
    """A canary of version 1 beside the champion."""
    orders_of(changing.workspace).start(
        [1], CANARY, actor="ada", reason="is <b>older</b> better?", at=datetime.now(UTC), override="a test"
    )
    return changing


def newest(browser: Browser) -> Document:
    found = deployments_of(browser.workspace).current()
    assert found is not None
    return found


def order(browser: Browser, what: str, **fields: str) -> object:
    fields = {"reason": "seen enough", "expect": str(newest(browser).number), **fields}
    return browser.post(f"{PAGE}/{what}", PAGE, **fields)


def test_arms_gates_and_documents_are_shown(rolling: Browser) -> None:
    page = rolling.get(PAGE).text
    document = newest(rolling)
    deployments_of(rolling.workspace).tallies.write("p", [
        {"rollout": document.first, "arm": arm, "version": 1, "requests": 200, "failed": failed, "rows": 200,
         "seconds": 1.0, "histogram": [0, 0, 200] + [0] * 13, "scores": [], "compared": 0, "agreed": 0, "gap": 0.0}
        for arm, failed in (("live", 0), ("canary", 4))
    ])  # fmt: skip
    assert ">undecided<" in page
    assert "0 of 50 requests" in page
    page = rolling.get(PAGE).text
    assert "2.00 %" in page or "2.0 %" in page or "2 %" in page
    assert "is &lt;b&gt;older&lt;/b&gt; better?" in page
    assert "<b>older</b>" not in page
    told = rolling.get(f"/api{PAGE}").json()["rollout"]
    assert [(arm["name"], arm["version"]) for arm in told["arms"]][1] == ("canary", 1)
    assert told["document"]["number"] == document.number


@pytest.mark.parametrize(
    ("what", "change", "champion"), [("promote", "promote", 1), ("rollback", "rollback", 3), ("pause", "pause", 3)]
)
def test_a_button_changes_the_deployment(rolling: Browser, what: str, change: str, champion: int) -> None:
    before = newest(rolling).champion.version
    response = order(rolling, what)
    assert response.status_code == 303, response.text  # type: ignore[attr-defined]
    document = newest(rolling)
    assert (document.change, document.reason) == (change, "seen enough")
    assert document.made_by == f"{getpass.getuser()} (page)"
    expected = champion if what == "promote" else before
    assert document.champion.version == rolling.workspace.aliases.current("credit-risk") == expected
    assert rolling.get(response.headers["location"]).status_code == 200  # type: ignore[attr-defined]


def test_a_paused_rollout_goes_on(rolling: Browser) -> None:
    order(rolling, "pause")
    assert ">paused<" in rolling.get(PAGE).text
    order(rolling, "resume")
    assert newest(rolling).phase == "rolling"


@pytest.mark.parametrize(
    ("fields", "status"),
    [({"reason": " "}, 400), ({"expect": "1"}, 409), ({"expect": "x"}, 409), ({"confirm": "no"}, 400),
     ({"token": "stolen"}, 403)],
)  # fmt: skip
def test_a_form_that_is_not_right_changes_nothing(rolling: Browser, fields: dict[str, str], status: int) -> None:
    before = newest(rolling)
    assert order(rolling, "promote", **fields).status_code == status  # type: ignore[attr-defined]
    assert newest(rolling) == before


def test_another_endpoint_is_not_there(rolling: Browser) -> None:
    assert rolling.post("/deployments/other/pause", PAGE, reason="x", expect="1").status_code == 404
