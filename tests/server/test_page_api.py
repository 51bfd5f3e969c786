"""The read-only JSON API gives the same records as the pages."""

from __future__ import annotations

import pytest
from page_browser import Browser


def test_health(filled: Browser) -> None:
    body = filled.get("/api/health").json()
    assert body["status"] == "ok"
    assert body["project"] == "credit-risk"
    assert body["open_alerts"] == 1


def test_runs(filled: Browser) -> None:
    body = filled.get("/api/runs", params={"limit": "2"}).json()
    assert [row["status"] for row in body["rows"]] == ["finished", "failed"]
    following = filled.get(f"/api/runs?{body['next']}").json()
    assert len(following["rows"]) == 2
    assert following["next"] is None
    run = filled.get(f"/api/runs/{body['rows'][0]['id'][:8]}").json()
    assert [step["name"] for step in run["steps"]][:3] == ["ingest", "check", "clean"]
    assert run["versions"] == ["credit-risk@3"]


def test_models(filled: Browser) -> None:
    (model,) = filled.get("/api/models").json()
    assert model["aliases"] == {"champion": 3}
    assert [row["number"] for row in filled.get("/api/models/credit-risk").json()] == [3, 2, 1]
    version = filled.get("/api/models/credit-risk@2").json()
    assert version["row"]["passed"] is False
    assert [node["kind"] for node in version["lineage"]["nodes"]] == ["dataset", "run", "model version"]
    assert version["metrics"][0]["name"] == "roc_auc"


def test_datasets(filled: Browser) -> None:
    assert filled.get("/api/datasets").json()[0]["versions"] == 2
    view = filled.get("/api/datasets/credit-risk@2").json()
    columns = {column["name"]: column for column in view["columns"]}
    assert columns["status"]["role"] == "target"
    assert columns["id"]["role"] == "key"
    assert columns["income"]["missing"] > 0
    assert view["versions"][0]["change"] == 454


def test_deployment(filled: Browser) -> None:
    view = filled.get("/api/deployments/credit-risk").json()
    assert view["requests"] == sum(minute["requests"] for minute in view["minutes"])
    assert view["errors"] == 1
    assert 0 < view["p50"] <= view["p95"] <= view["p99"]
    assert {arm["version"] for arm in view["arms"]} == {1, 3}
    assert sum(arm["share"] for arm in view["arms"]) == pytest.approx(1)


def test_monitoring(filled: Browser) -> None:
    view = filled.get("/api/monitoring/credit-risk").json()
    assert view["labels"] == 17 * 500 + 300 + 100  # fifty more are of predictions that nobody made
    assert len(view["windows"]) == 20
    assert view["heat"]["names"][:2] == ["income", "amount"] or set(view["heat"]["names"][:2]) == {"income", "amount"}
    assert all(len(row) == 20 for row in view["heat"]["effects"])
    assert view["performance"][-1]["verdict"] == "immature"


def test_attention_and_alerts(filled: Browser) -> None:
    needs = filled.get("/api/attention").json()["needs"]
    assert needs[0]["kind"] == "performance"
    assert [row["alert"]["state"] for row in filled.get("/api/alerts").json()] == ["open", "resolved"]


def test_errors_are_json(filled: Browser) -> None:
    for path, status in (("/api/runs/ffff0000", 404), ("/api/nothing", 404), ("/api/runs?limit=x", 400)):
        response = filled.get(path)
        assert response.status_code == status
        assert set(response.json()["error"]) == {"code", "what", "why", "mend"}
    assert filled.ask("POST", "/api/runs").status_code == 405
