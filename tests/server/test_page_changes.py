"""What the pages can change: asked for from our own page, with a reason, confirmed, and written down."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from page_browser import HOST, Browser

from noria.server.pages.pulse import pulse
from noria.serving.stats import Process, Traffic

VERSION = "/models/credit-risk@2"


def champion(browser: Browser) -> int | None:
    return browser.workspace.aliases.current("credit-risk")


def test_a_scorer_without_a_version_is_not_said_to_answer(changing: Browser) -> None:
    now = datetime.now(UTC)
    state = Process("p", "credit-risk", "credit-risk", "champion", "http://127.0.0.1:1", 1, now, now, "serving", 1,
                    None, None, 0, 0, "")  # fmt: skip
    traffic = Traffic(changing.workspace.database)
    for old in traffic.processes():
        traffic.record_process(replace(old, state="stopped"))
    traffic.record_process(state)
    assert ">answering<" in changing.get("/deployments/credit-risk").text
    traffic.record_process(replace(state, version=None))
    page = changing.get("/deployments/credit-risk").text
    assert ">answering<" not in page
    assert "nothing answers" in page


def test_a_version_is_promoted_with_a_reason(changing: Browser) -> None:
    page = "/models/credit-risk@1"
    response = changing.post(f"{page}/promote", page, reason="the old one after all", expect="3")
    assert response.status_code == 303
    assert response.headers["location"] == f"{page}?said=promoted"
    assert champion(changing) == 1
    move = changing.workspace.aliases.history("credit-risk")[-1]
    assert (move.old, move.new, move.reason) == (3, 1, "the old one after all")
    assert move.actor.endswith("(page)")
    assert "Promoted." in changing.get(response.headers["location"]).text


def test_failed_gates_hold_a_promotion_back_until_overruled(changing: Browser) -> None:
    response = changing.post(f"{VERSION}/promote", VERSION, reason="I like it", expect="3")
    assert response.status_code == 409
    assert "roc_auc &gt;= 0.75" in response.text
    assert champion(changing) == 3
    response = changing.post(f"{VERSION}/promote", VERSION, reason="I like it", override="audit wants it", expect="3")
    assert response.status_code == 303
    assert changing.workspace.aliases.history("credit-risk")[-1].override == "audit wants it"


def test_who_comes_second_is_told(changing: Browser) -> None:
    page = "/models/credit-risk@1"
    response = changing.post(f"{page}/promote", page, reason="on what I saw", expect="2")
    assert response.status_code == 409
    assert "moved meanwhile" in response.text
    assert champion(changing) == 3


def test_the_champion_is_rolled_back(changing: Browser) -> None:
    response = changing.post("/models/credit-risk/rollback", "/models/credit-risk@3", reason="complaints")
    assert response.headers["location"] == "/models/credit-risk@1?said=rolled-back"
    assert champion(changing) == 1
    assert "complaints" in changing.get("/models/credit-risk@1").text


@pytest.mark.parametrize(
    ("fields", "status", "why"),
    [
        ({"reason": "x", "confirm": "yes"}, 403, "not from a page of this server"),
        ({"reason": "x", "confirm": "yes", "token": "00.11"}, 403, "not from a page of this server"),
        ({"reason": "x", "confirm": "yes", "token": "ü.ü"}, 403, "not from a page of this server"),
    ],
)
def test_a_form_from_elsewhere_changes_nothing(
    changing: Browser, fields: dict[str, str], status: int, why: str
) -> None:
    response = changing.post("/models/credit-risk@1/promote", **fields)
    assert response.status_code == status
    assert why in response.text
    assert champion(changing) == 3


def test_a_form_without_confirmation_or_reason_changes_nothing(changing: Browser) -> None:
    page = "/models/credit-risk@1"
    token = changing.token(page)
    assert changing.post(f"{page}/promote", token=token, reason="x").status_code == 400
    assert changing.post(f"{page}/promote", page, reason="   ", expect="3").status_code == 400
    assert champion(changing) == 3


def test_another_origin_is_refused_before_anything_is_read(changing: Browser) -> None:
    page = "/models/credit-risk@1"
    fields = {"token": changing.token(page), "confirm": "yes", "reason": "x"}
    for headers in (
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": f"https://{HOST}"},
        {"origin": f"http://{HOST}", "sec-fetch-site": "cross-site"},
    ):
        assert changing.ask("POST", f"{page}/promote", data=fields, headers=headers).status_code == 403
    assert champion(changing) == 3


@pytest.mark.parametrize(
    "request_",
    [
        {"json": {"reason": "x"}},
        {"content": b"reason=%ff%fe&confirm=yes", "headers": {"content-type": "application/x-www-form-urlencoded"}},
        {"content": b"a=1&" * 500, "headers": {"content-type": "application/x-www-form-urlencoded"}},
        {"content": b"\xff\xfe", "headers": {"content-type": "application/x-www-form-urlencoded"}},
        {},
    ],
)
def test_what_is_no_form_is_refused(changing: Browser, request_: dict[str, object]) -> None:
    assert changing.ask("POST", "/models/credit-risk@1/promote", **request_).status_code in (400, 403)
    assert champion(changing) == 3


def test_a_body_without_end_is_refused(changing: Browser) -> None:
    big = b"reason=" + b"x" * 100_000
    headers = {"content-type": "application/x-www-form-urlencoded"}
    assert changing.ask("POST", "/models/credit-risk@1/promote", content=big, headers=headers).status_code == 413


def test_an_alert_is_muted_and_closed_with_a_reason(changing: Browser) -> None:
    alert = changing.workspace.alerts.open()[0]
    assert changing.post(f"/alerts/{alert.id}/mute", "/alerts", reason="known", **{"for": "4h"}).status_code == 303
    muted = changing.workspace.alerts.get(alert.id)
    assert muted.muted_reason == "known"
    page = changing.get("/alerts?said=muted").text
    assert "Muted." in page
    assert "Muted until" in page
    assert changing.post(f"/alerts/{alert.id}/resolve", "/alerts", reason="").status_code == 400
    assert changing.post(f"/alerts/{alert.id}/resolve", "/alerts", reason="it was the sensor").status_code == 303
    assert changing.workspace.alerts.open() == ()
    assert "it was the sensor" in changing.get("/alerts").text


def test_wrong_spans_and_alerts_are_told(changing: Browser) -> None:
    assert changing.post("/alerts/1/mute", "/alerts", reason="x", **{"for": "soon"}).status_code == 400
    for number in ("999", "9" * 30, "9" * 5000, "x"):
        assert changing.post(f"/alerts/{number}/mute", "/alerts", reason="x").status_code == 404
        assert changing.post(f"/alerts/{number}/resolve", "/alerts", reason="x").status_code == 404


@pytest.mark.parametrize("topic", ["home", "runs", "models", "deployments", "monitoring", "alerts"])
def test_a_topic_keeps_still_while_nothing_happens(changing: Browser, topic: str) -> None:
    assert pulse(changing.workspace, topic) == pulse(changing.workspace, topic)


def test_a_topic_stirs_when_something_happens(changing: Browser) -> None:
    topics = ("home", "runs", "models", "deployments", "alerts")
    before = {topic: pulse(changing.workspace, topic) for topic in topics}
    run = changing.workspace.runs.start("pipeline", "credit-risk")
    changing.post("/models/credit-risk/rollback", "/models/credit-risk@3", reason="complaints")
    alert = changing.workspace.alerts.open()[0]
    changing.post(f"/alerts/{alert.id}/resolve", "/alerts", reason="seen")
    after = {topic: pulse(changing.workspace, topic) for topic in topics}
    assert [topic for topic in topics if before[topic] == after[topic]] == []
    running = pulse(changing.workspace, f"runs/{run}")
    changing.workspace.runs.finish(run, "finished")
    assert pulse(changing.workspace, f"runs/{run}") != running
