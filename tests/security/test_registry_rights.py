"""Who may do what to models: to write to the registry is not to change what is served, and to ask is not to agree."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from noria.registry.verdicts import Verdicts

from .conftest import PASSWORD, Team, bearer

pytest.importorskip("argon2")

NOW = datetime(2026, 3, 1, tzinfo=UTC)
PASSED = [{"gate": "auc", "passed": True, "message": "fine"}]


def call(team: Team, token: str, method: str, what: str, /, **fields: str) -> int:
    headers = {**bearer(token), "content-type": "application/json"}
    return team.ask(method, f"/api/2.0/mlflow/{what}", headers=headers, body=json.dumps(fields).encode()).status


@pytest.fixture
def served(team: Team) -> Team:
    """Versions 1 and 2 of a model that was judged; 1 is the champion."""
    registry = team.workspace.registry
    for content in (b"1", b"2"):
        version = registry.register(
            "m", {"w": content}, run_id="", dataset="d@1", data_digest="d", task="regression", family="linear",
            created=NOW,
        )  # fmt: skip
        Verdicts(team.database).record("m", version.model_digest, "r", PASSED, NOW)
    team.workspace.aliases.move("m", "champion", 1, actor="x", reason="r", at=NOW)
    return team


def test_who_may_write_to_the_registry_takes_nothing_from_production(served: Team) -> None:
    editor = served.token(served.user("ed", "editor"))
    deployer = served.token(served.user("dee", "deployer"))
    aliases = served.workspace.aliases
    assert call(served, editor, "POST", "model-versions/set-tag", name="m", version="1", key="a", value="b") == 200
    assert call(served, editor, "POST", "registered-models/alias", name="m", alias="champion", version="2") == 403
    assert call(served, editor, "DELETE", "registered-models/alias", name="m", alias="champion") == 403
    assert call(served, editor, "DELETE", "model-versions/delete", name="m", version="1") == 403
    assert call(served, editor, "DELETE", "registered-models/delete", name="m") == 403
    assert call(served, editor, "POST", "registered-models/rename", name="m", new_name="n") == 403
    assert aliases.current("m") == 1
    assert call(served, editor, "DELETE", "model-versions/delete", name="m", version="2") == 200
    assert call(served, deployer, "DELETE", "registered-models/delete", name="m") == 200
    assert aliases.history("m")[-1].actor == "dee"


def test_who_asks_and_who_agrees_are_two(served: Team) -> None:
    file = served.workspace.root / "noria.toml"
    file.write_text(f"{file.read_text()}\n[deploy]\napprovals = 1\n")
    served.workspace.__dict__.pop("project", None)
    page = "/models/m@2"
    served.user("ann", "deployer", reviewer=True, password=PASSWORD)
    served.user("dan", "deployer", password=PASSWORD)
    served.user("eve", "viewer", reviewer=True, password=PASSWORD)
    ann, dan, eve = (served.log_in(name) for name in ("ann", "dan", "eve"))
    form = {"reason": "better", "confirm": "yes"}
    assert served.send(f"{page}/promote", page, cookie=eve, **form).status == 403
    assert served.send(f"{page}/promote", page, cookie=ann, **form).headers["location"].endswith("said=asked")
    (asked,) = served.workspace.approvals.list()
    assert asked.actor == "ann"
    form["request"] = str(asked.id)
    for cookie in (ann, dan):
        assert served.send(f"{page}/approve", page, cookie=cookie, **form).status == 403
    assert served.workspace.aliases.current("m") == 1
    assert served.send(f"{page}/approve", page, cookie=eve, **form).headers["location"].endswith("said=promoted")
    assert served.workspace.aliases.current("m") == 2
    assert served.workspace.aliases.history("m")[-1].reason == "better (approved by eve)"
