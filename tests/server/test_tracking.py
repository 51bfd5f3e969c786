"""The door for runs that speak over HTTP: what it takes, what it refuses, and that nothing breaks it."""

from __future__ import annotations

import asyncio
import json
import uuid
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
import seeded_project
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from page_browser import Browser

from noria.runs.log import RunLog
from noria.runs.operations import Start
from noria.server import vigil

AT = 1_760_000_000_000
JSON = {"content-type": "application/json"}
START = {"do": "start", "at_ms": AT, "name": "r"}


def send(browser: Browser, run: str, *operations: object, first: int = 1, journal: str = "ab" * 8) -> tuple[int, dict]:
    body = json.dumps({"journal": journal, "first": first, "operations": operations})
    answer = browser.ask("POST", f"/api/tracking/runs/{run}/batch", content=body, headers=JSON)
    return answer.status_code, answer.json()


def test_a_run_over_http(empty: Browser) -> None:
    run = uuid.uuid4().hex
    said = [START, {"do": "metrics", "at_ms": AT, "step": 0, "values": {"loss": 1, "odd": "Infinity"}}]
    assert send(empty, run, *said) == (200, {"acknowledged": 2, "refused": []})
    said += [{"do": "lines", "at_ms": AT, "lines": ["a"]}, {"do": "metrics", "at_ms": 0, "step": 0, "values": {"": 1}}]
    status, answer = send(empty, run, *said)
    assert (status, answer["acknowledged"]) == (200, 4)
    assert [(one["number"], one["code"]) for one in answer["refused"]] == [(4, "N-RUNS-050")]
    assert send(empty, run, first=5) == (200, {"acknowledged": 4, "refused": []})
    found = empty.workspace.runs.get(run)
    assert found.metrics == {"loss": 1.0, "odd": float("inf")}
    assert [line.line for line in RunLog(empty.workspace.database).tail(run)] == ["a"]


def test_a_file_over_http(empty: Browser) -> None:
    run = uuid.uuid4().hex
    send(empty, run, START)
    data = bytes(range(256)) * 20_000
    answer = empty.ask("PUT", f"/api/tracking/runs/{run}/artifacts/plots/a%20b.bin", content=data)
    assert answer.status_code == 200, answer.text
    found = empty.workspace.artifacts.find(run, "plots/a b.bin")
    assert found is not None
    assert answer.json() == {"digest": found.digest, "size": len(data)}
    assert empty.workspace.blobs.get(found.digest) == data
    for path in ("plots", "plots/a b.bin/c", "../x", "a/%2e%2e/%2e%2e/x", "a//b", "a%00b", "C:x"):
        refused = empty.ask("PUT", f"/api/tracking/runs/{run}/artifacts/{path}", content=b"x")
        assert refused.status_code in (400, 404), (path, refused.text)
    missing = empty.ask("PUT", f"/api/tracking/runs/{uuid.uuid4().hex}/artifacts/a", content=b"x")
    assert missing.status_code == 404
    assert [file.path for file in empty.workspace.artifacts.all(run)] == ["plots/a b.bin"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b'{"journal":"ab"}',
        b'{"journal":"abababab","first":0,"operations":[]}',
        b'{"journal":"abababab","first":1,"operations":[],"more":1}',
        b'{"journal":"abababab","first":1,"first":2,"operations":[]}',
        b'{"journal":"abababab","first":1,"operations":[{"do":"drop"}]}',
        b'{"journal":"abababab","first":1,"operations":[{"do":"metrics","at_ms":1,"step":0,"values":{"a":NaN}}]}',
        b'{"journal":"abababab","first":1,"operations":[{"do":"metrics","at_ms":1,"step":0,"values":{"a":"nan"}}]}',
        b'{"journal":"abababab","first":1,"operations":[{"do":"metrics","at_ms":1,"step":0.5,"values":{}}]}',
        b'{"journal":"abababab","first":1,"operations":[{"do":"metrics","at_ms":1,"step":9223372036854775808,"values":{}}]}',
        b'{"journal":"abababab","first":1,"operations":[{"do":"finish","at_ms":1,"status":"running"}]}',
        b'{"journal":"abababab","first":1,"operations":[{"do":"lines","at_ms":1e99,"lines":[]}]}',
        b'{"journal":"abababab","first":1,"operations":[{"do":"lines","at_ms":1,"lines":["\\u0000"]}]}',
        b'{"journal":"abababab","first":1,"operations":[{"do":"tags","values":{"a":"\\ud800"}}]}',
    ],
)
def test_what_is_no_batch_is_refused_and_changes_nothing(empty: Browser, body: bytes) -> None:
    run = uuid.uuid4().hex
    send(empty, run, START)
    answer = empty.ask("POST", f"/api/tracking/runs/{run}/batch", content=body, headers=JSON)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["code"].startswith("N-")
    assert send(empty, run)[1]["acknowledged"] == 1


def test_other_refusals(empty: Browser) -> None:
    run = uuid.uuid4().hex
    assert send(empty, run, {"do": "tags", "values": {"a": "b"}})[0] == 404
    assert send(empty, "A" * 32, START)[0] == 400
    form = empty.ask("POST", f"/api/tracking/runs/{run}/batch", content=b"{}", headers={"content-type": "text/plain"})
    assert (form.status_code, form.json()["error"]["code"]) == (400, "N-SERVER-070")
    foreign = {**JSON, "origin": "http://evil.example"}
    assert empty.ask("POST", f"/api/tracking/runs/{run}/batch", content=b"{}", headers=foreign).status_code == 403


_JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
_OPERATION = st.fixed_dictionaries(
    {"do": st.sampled_from(["start", "metrics", "params", "tags", "lines", "dataset", "finish"])},
    optional={
        "at_ms": st.integers() | _JSON_VALUES,
        "step": st.integers() | _JSON_VALUES,
        "values": st.dictionaries(st.text(max_size=5), _JSON_VALUES, max_size=3) | _JSON_VALUES,
        "lines": st.lists(st.text(max_size=5), max_size=3),
        "name": st.text(max_size=5),
        "digest": st.text(max_size=5),
        "status": st.sampled_from(["finished", "lost", "odd"]),
        "error": _JSON_VALUES,
        "resume": st.booleans(),
        "experiment": st.text(max_size=3),
    },
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(_OPERATION, max_size=4))
def test_no_batch_is_ever_a_failure_of_the_server(empty: Browser, operations: list[object]) -> None:
    run = uuid.uuid4().hex
    send(empty, run, START)
    status, answer = send(empty, run, *operations, first=2)
    assert status in (200, 400, 404, 409), answer


def test_dead_runs_are_found_while_the_server_runs(tmp_path_factory: pytest.TempPathFactory) -> None:
    workspace = seeded_project.new_project(tmp_path_factory.mktemp("vigil") / "credit")
    browser = Browser(workspace)
    dead, silent = uuid.uuid4().hex, uuid.uuid4().hex
    send(browser, dead, msgspec.to_builtins(Start(AT, "r", process="elsewhere b n 1 2")))
    long_ago = datetime.now(UTC) - timedelta(minutes=1)
    workspace.runs.heartbeat(dead, long_ago)
    workspace.runs.start("logged", "of a client without a heart", run=silent, beats=False)
    browser.site.presence.spoke(("127.0.0.1", 1), silent)
    browser.site.presence.left(("127.0.0.1", 1), by_peer=True)
    browser.site.presence._left_at[silent] -= 60

    async def some_looks() -> None:
        watch = asyncio.create_task(vigil.watch_runs(browser.site, every_seconds=0.01))
        for _ in range(500):
            await asyncio.sleep(0.01)
            if {workspace.runs.get(run).status for run in (dead, silent)} == {"lost"}:
                break
        watch.cancel()

    asyncio.run(some_looks())
    assert [workspace.runs.get(run).status for run in (dead, silent)] == ["lost", "lost"]
    browser.site.close()
    workspace.close()
