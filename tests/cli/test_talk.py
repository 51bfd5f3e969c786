"""How commands talk: the lines of a run, the chapters of a demo, what runs and fsck print."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from noria.cli.main import main
from noria.cli.opening import print_table
from noria.cli.progress import _LiveTable, duration, shown
from noria.cli.stage import DemoFailed, Stage
from noria.pipeline.event import Event
from noria.pipeline.graph import Graph
from noria.pipeline.step import Step
from noria.workspace import Workspace

PROJECT = '[project]\nname = "loans"\n[data]\nsource = "loans.csv"\ntarget = "bad"\n'
GRAPH = Graph([Step("a", "m:a", {}, {}), Step("b", "m:b", {"a": "a"}, {})])
EVENTS = [
    Event("step_started", "a", reason="never run before"),
    Event("progress", "a", value=0.5, text="half"),
    Event("note", "a", text="3 rows"),
    Event("step_finished", "a", seconds=0.25),
    Event("step_failed", "b", seconds=1.5),
    Event("step_skipped", "c", reason="b failed"),
]


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    (tmp_path / "noria.toml").write_text(PROJECT)
    monkeypatch.chdir(tmp_path)
    return Workspace(tmp_path)


def say(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    out, err = capsys.readouterr()
    assert isinstance(left.value.code, int)
    return left.value.code, out, err


def test_a_run_is_told_in_lines_where_no_terminal_is(capsys: pytest.CaptureFixture[str]) -> None:
    with shown() as (begin, take):
        begin(GRAPH)
        for event in EVENTS:
            take(event)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "2 steps: a → b",
        "● a          running   never run before",
        "  a          50% half",
        "  a          3 rows",
        "✓ a          finished  250 ms",
        "✗ b          failed    1.5 s",
        "- c          skipped   b failed",
    ]


def test_quiet_is_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    with shown(quiet=True) as (begin, take):
        begin(GRAPH)
        take(EVENTS[0])
    assert capsys.readouterr() == ("", "")


def test_a_terminal_gets_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    with _LiveTable() as table:
        table.begin(GRAPH)
        for event in EVENTS:
            table.take(event)
    err = capsys.readouterr().err
    assert "finished" in err
    assert "250 ms" in err
    assert "3 rows" in err


def test_durations_keep_their_unit_at_the_edges() -> None:
    told = [duration(seconds) for seconds in (0.0, 0.949, 0.95, 59.94, 59.96, 119.6, 3600.0)]
    assert told == ["0 ms", "949 ms", "0.9 s", "59.9 s", "1 min 0 s", "2 min 0 s", "60 min 0 s"]


def test_a_claim_that_does_not_hold_ends_the_demo(capsys: pytest.CaptureFixture[str]) -> None:
    stage = Stage()
    stage.chapter("First")
    stage.say("one\ntwo")
    stage.claim("it holds", holds=True, evidence="seen")
    with pytest.raises(DemoFailed) as failed:
        stage.claim("it does not", holds=False, evidence="got 3")
    assert (failed.value.exit_status, failed.value.why) == (1, "got 3")
    assert capsys.readouterr().out == "\n1. First   0 s\n  one\n  two\n  ✓ it holds   seen\n  ✗ it does not   got 3\n"


def test_waiting_gives_what_came_or_ends(capsys: pytest.CaptureFixture[str]) -> None:
    stage = Stage()
    answers = iter([None, 7])
    assert stage.wait("seven comes", lambda: next(answers), seconds=60) == 7
    with pytest.raises(DemoFailed, match="nothing comes"):
        stage.wait("nothing comes", lambda: None, seconds=-1)


def test_a_table_shows_what_a_terminal_must_not_obey(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("name", "n"), [("a\x1b[31m", 1), ("b", None)], right=(1,))
    assert capsys.readouterr().out == "name       n\na\\x1b[31m  1\nb          –\n"


def test_runs_are_listed_and_shown(opened: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    assert say(capsys, "runs", "list") == (0, "", "no runs yet; next: noria run\n")
    run = opened.runs.start("pipeline", "loans", git_commit="c" * 40, git_clean=False, trigger="manual", tags={})
    opened.runs.log_metrics(run, {"roc_auc": 0.8125})
    opened.runs.log_params(run, {"model": "logistic"})
    opened.runs.finish(run, "failed", error={"code": "N-X-001", "what": "it broke", "why": "", "mend": ""})
    status, out, _ = say(capsys, "runs", "list")
    assert status == 0
    assert "cccccccc +changes" in out
    status, out, _ = say(capsys, "runs", "show", run[:6])
    assert status == 0
    assert "0.8125" in out
    assert out.endswith("error[N-X-001]: it broke\n")
    status, out, _ = say(capsys, "runs", "show", run, "--json")
    told = json.loads(out)
    assert (told["id"], told["status"], told["metrics"], told["steps"]) == (run, "failed", {"roc_auc": 0.8125}, [])
    status, _, err = say(capsys, "runs", "show", "ffffff")
    assert status == 3
    assert "noria runs list" in err


def test_fsck_reads_everything_and_names_the_damage(opened: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    import pyarrow as pa

    table = pa.table({"age": [1, 2, 3], "bad": ["y", "n", "y"]})
    version = opened.datasets.commit("loans", table, source="loans.csv", at=datetime(2026, 1, 1, tzinfo=UTC))
    whole = say(capsys, "fsck")
    assert whole[0] == 0
    assert "0 damaged" in whole[1]
    path = opened.blobs.path(version.digest)
    path.chmod(0o644)
    path.write_bytes(b"x" + path.read_bytes()[1:])
    status, out, err = say(capsys, "fsck")
    assert status == 1
    assert version.digest in out
    assert "loans@1" in out
    assert "N-STORE-030" in err
    status, out, _ = say(capsys, "fsck", "--json")
    told = json.loads(out)
    assert (status, told["damaged"]) == (1, [version.digest])
    path.unlink()
    status, out, _ = say(capsys, "fsck", "--json")
    assert (status, json.loads(out)["damaged"]) == (1, [])
    assert {"owner": "loans@1", "object": version.digest} in json.loads(out)["versions_touched"]
