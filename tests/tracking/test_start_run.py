"""``noria.start_run`` in real processes: into a store, over HTTP, with nobody there; forks, signals, wrong calls."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from click.testing import CliRunner

import noria
from noria.cli.sync import sync as sync_command
from noria.errors import NotAllowed, WrongArgument
from noria.runs.inputs import Inputs
from noria.runs.log import RunLog
from noria.runs.run import Run
from noria.tracking.channel import LostRun
from noria.tracking.journal import Journal
from noria.tracking.outbox import journals, outbox
from noria.tracking.sync import sync

if TYPE_CHECKING:
    from conftest import Served
    from noria.workspace import Workspace

AWAY = "http://127.0.0.1:9"


def run_code(code: str, *, cwd: Path, stop: int | None = None, **environment: str) -> tuple[str, int]:
    """Run code that prints the id of its run first; send it a signal after its second line."""
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", f"import noria, os, sys, time\n{code}"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=cwd,
        env={**os.environ, **environment},
        start_new_session=True,
    )
    assert process.stdout is not None
    run = process.stdout.readline().strip()
    if stop is not None:
        process.stdout.readline()
        process.send_signal(stop)
    process.stdout.read()
    process.stdout.close()
    return run, process.wait()


def the_run(workspace: Workspace) -> Run:
    (run,) = workspace.runs.list()
    return run


def lines(workspace: Workspace, run: str) -> list[str]:
    return [line.line for line in RunLog(workspace.database).tail(run, 1_000)]


def test_everything_arrives_in_the_store_of_the_project(workspace: Workspace, root: Path, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights.bin").write_bytes(b"\x00\x01")
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", None]})
    with noria.start_run("first", experiment="tries", params={"lr": np.float32(0.5)}, tags={"n": 1}) as run:
        run.log_metric("loss", 1)
        run.log_metric("loss", np.float64("nan"))
        run.log_metrics({"loss": math.inf, "auc": True}, step=7)
        run.log_params({"layers": (1, 2), "odd": math.nan, "text": "x\x00y", "model": object})
        run.set_tag("team", "red")
        run.note("looks good")
        run.log("one\ntwo")
        run.log_text("hällo", "notes/a.txt")
        run.log_dict({"inf": math.inf}, "d.json")
        run.log_table(frame, "t.csv")
        run.log_artifact(tmp_path / "model")
        run.log_artifact(tmp_path / "model" / "weights.bin", "w.bin")
        (tmp_path / "model" / "weights.bin").write_bytes(b"changed since")
        run.log_input(frame, name="train")
        with run.child("inner") as inner:
            inner.log_metric("x", 1)
    found = workspace.runs.get(run.id)
    assert (found.name, found.kind, found.status, found.error) == ("first", "logged", "finished", None)
    assert workspace.experiments.get(found.experiment_id).name == "tries"
    history = workspace.runs.history(run.id, "loss")
    assert [(point.step, str(point.value)) for point in history] == [(0, "1.0"), (1, "nan"), (7, "inf")]
    assert found.metrics["auc"] == 1.0
    assert {name: found.params[name] for name in ("lr", "layers", "odd", "text")} == {
        "lr": 0.5,
        "layers": [1, 2],
        "odd": "NaN",
        "text": "x␀y",
    }
    assert (found.tags["team"], found.tags["n"], found.tags["mlflow.note.content"]) == ("red", "1", "looks good")
    assert lines(workspace, run.id) == ["one", "two"]
    files = {file.path: workspace.blobs.get(file.digest) for file in workspace.artifacts.all(run.id)}
    assert json.loads(files.pop("environment.json"))["python"] == sys.version.split()[0]
    assert files == {
        "notes/a.txt": "hällo".encode(),
        "d.json": b'{\n  "inf": "Infinity"\n}\n',
        "t.csv": b"a,b\n1,x\n2,\n",
        "model/weights.bin": b"\x00\x01",
        "w.bin": b"\x00\x01",
    }
    (given,) = Inputs(workspace.database).datasets([run.id])[run.id]
    assert (given.name, given.context, json.loads(str(given.profile))) == (
        "train",
        "training",
        {"rows": 2, "columns": 2},
    )
    assert workspace.runs.get(inner.id).tags["mlflow.parentRunId"] == run.id
    assert list(outbox(root).iterdir()) == []


def test_the_digest_of_an_input_is_that_of_its_content(workspace: Workspace) -> None:
    a = pd.DataFrame({"a": [1, 2]})
    data = [a, a.copy(), a.assign(a=[1, 3]), a.rename(columns={"a": "b"}), a.astype(float)]
    tables = [pa.table({"a": [1, 2]}), pa.table({"a": [1, 3]}), np.arange(4), np.arange(4).reshape(2, 2)]
    with noria.start_run("inputs", system_metrics=False) as run:
        for place, one in enumerate([*data, *tables]):
            run.log_input(one, name=f"{place}")
        with pytest.raises(WrongArgument):
            run.log_input([1, 2])
    given = {one.name: one.digest for one in Inputs(workspace.database).datasets([run.id])[run.id]}
    assert given["0"] == given["1"]
    assert len(set(given.values())) == len(given) - 1


@pytest.mark.parametrize(
    ("code", "status", "what"),
    [
        ("raise ValueError('odd')", "failed", "ValueError: odd"),
        ("sys.exit(3)", "failed", "SystemExit: 3"),
        ("sys.exit(0)", "finished", None),
        ("raise KeyboardInterrupt", "killed", None),
        ("os._exit(0)", "running", None),
    ],
)
def test_how_a_block_ends_is_how_the_run_ends(
    workspace: Workspace, root: Path, code: str, status: str, what: str | None
) -> None:
    body = f"with noria.start_run('r') as run:\n  print(run.id, flush=True)\n  assert run.flush(60)\n  {code}"
    run, _ = run_code(body, cwd=root)
    found = workspace.runs.get(run)
    assert (found.status, None if found.error is None else found.error["what"]) == (status, what)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, -signal.SIGINT)], ids=["SIGTERM", "SIGINT"]
)
def test_a_signal_unwinds_and_flushes(workspace: Workspace, root: Path, number: int, code: int) -> None:
    body = (
        "with noria.start_run('r') as run:\n  print(run.id, flush=True)\n  run.log('said')\n"
        "  print(flush=True)\n  time.sleep(60)"
    )
    run, status = run_code(body, cwd=root, stop=number)
    assert (workspace.runs.get(run).status, status) == ("killed", code)
    assert lines(workspace, run) == ["said"]


def test_without_a_block_the_end_of_the_process_ends_the_run(workspace: Workspace, root: Path) -> None:
    run, _ = run_code("run = noria.start_run('r'); print(run.id); run.log('said')", cwd=root)
    assert (workspace.runs.get(run).status, lines(workspace, run)) == ("finished", ["said"])
    run, _ = run_code("run = noria.start_run('r'); print(run.id, flush=True); 1 / 0", cwd=root)
    found = workspace.runs.get(run)
    assert found.status == "failed"
    assert found.error is not None
    assert "ZeroDivisionError" in found.error["what"]


def test_what_is_printed_is_captured(workspace: Workspace, root: Path) -> None:
    code = """
run = noria.start_run("r", capture_output=True)
print(run.id, flush=True)
print("10%\\r50%\\r100%")
print("to stderr", file=sys.stderr)
sys.stdout.write("no end")
run.finish()
print("later")
"""
    run, _ = run_code(code, cwd=root)
    assert lines(workspace, run) == [run, "100%", "to stderr", "no end"]


def test_a_fork_doubles_nothing_and_may_speak_itself(workspace: Workspace, root: Path) -> None:
    code = """
import multiprocessing
with noria.start_run("r", system_metrics=False) as run:
    print(run.id, flush=True)
    run.log("before")
    def work():
        run.log("child")
        run.log_text("c", "child.txt")
    child = multiprocessing.get_context("fork").Process(target=work)
    child.start(); child.join()
    if os.fork() == 0:
        run.finish("failed")  # not its run to end
        os._exit(0)
    os.wait()
    run.log("after")
"""
    run, _ = run_code(code, cwd=root)
    for left in sync([outbox(root)]):
        assert left.state == "sent", left
    assert sorted(lines(workspace, run)) == ["after", "before", "child"]
    assert {file.path for file in workspace.artifacts.all(run)} == {"child.txt", "environment.json"}
    assert workspace.runs.get(run).status == "finished"


def test_a_run_goes_on_where_it_was(workspace: Workspace, root: Path) -> None:
    with noria.start_run("r") as run:
        run.log("one")
    with noria.start_run(run_id=run.id) as again:
        again.log("two")
        again.flush()
        assert workspace.runs.get(run.id).status == "running"
    found = workspace.runs.get(run.id)
    assert (found.status, found.name, lines(workspace, run.id)) == ("finished", "r", ["one", "two"])


def test_a_flush_waits_for_what_is_just_being_written(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    append = Journal.append
    writing = threading.Event()

    def slowly(self: Journal, records: list[bytes]) -> None:
        writing.set()
        time.sleep(0.3)
        append(self, records)

    with noria.start_run("r", system_metrics=False) as run:
        assert run.flush(60)
        monkeypatch.setattr(Journal, "append", slowly)
        writing.clear()
        run.log("said")
        assert writing.wait(120)  # it has left the buffer and is not in the journal yet
        assert run.flush(60)
        assert lines(workspace, run.id) == ["said"]


def test_over_http_with_a_page(workspace: Workspace, served: Served) -> None:
    with noria.start_run("r", server=served.url, system_metrics=False) as run:
        run.log_metric("loss", math.nan)
        run.log_params({"odd": [math.inf, 2**70]})
        run.log_text("x" * 3_000_000, "large.txt")
    assert run.url == f"{served.url}/runs/{run.id}"
    found = workspace.runs.get(run.id)
    assert math.isnan(found.metrics["loss"])
    assert found.params["odd"] == ["Infinity", str(2**70)]
    (large,) = (file for file in workspace.artifacts.all(run.id) if file.path == "large.txt")
    assert large.size == 3_000_000
    assert found.status == "finished"


def test_with_nobody_there_it_is_said_once_and_sent_later(workspace: Workspace, root: Path) -> None:
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        with noria.start_run("r", server=AWAY, system_metrics=False) as run:
            run.log("said")
            assert not run.flush(2)
            run.flush(0.1)
    assert [warning.category for warning in said] == [LostRun]
    assert "noria sync" in str(said[0].message)
    (path,) = journals(outbox(root))
    call = CliRunner()
    waiting = json.loads(call.invoke(sync_command, ["--dry-run", "--json"]).stdout)
    assert [(one["run"], one["state"], one["target"]) for one in waiting] == [(run.id, "waiting", AWAY)]
    assert [left.state for left in sync([outbox(root)])] == ["unreachable"]
    path.write_bytes(path.read_bytes())  # what a copy of a home folder would be


def test_outside_any_project_it_waits_for_a_place(
    workspace: Workspace, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    with pytest.warns(LostRun, match="no server and no project"):  # noqa: PT031, SIM117 - it warns where it begins
        with noria.start_run("r", system_metrics=False) as run:
            run.log("said")
            run.log_text("t", "t.txt")
    box = outbox(None)
    assert box.is_relative_to(tmp_path / "state")
    assert [left.state for left in sync([box])] == ["nowhere"]
    monkeypatch.chdir(root)
    assert CliRunner().invoke(sync_command, [], catch_exceptions=False).exit_code == 0
    assert lines(workspace, run.id) == ["said"]
    assert workspace.runs.get(run.id).status == "finished"
    assert {file.path for file in workspace.artifacts.all(run.id)} == {"t.txt", "environment.json"}
    assert list(box.iterdir()) == []


def test_the_next_run_sends_what_a_dead_one_left(workspace: Workspace, root: Path) -> None:
    dead, _ = run_code(
        "run = noria.start_run('dead'); print(run.id, flush=True); run.flush(60); run.log('last')\n"
        "time.sleep(0.2); run._channel._closing.set(); os._exit(1)",
        cwd=root,
    )
    with noria.start_run("next", system_metrics=False) as run:
        run.flush(30)
        for _ in range(300):
            if not list(outbox(root).glob(f"{dead}*")):
                break
            signal.sigtimedwait([], 0.1)
    assert lines(workspace, dead) == ["last"]
    assert workspace.runs.get(dead).status == "lost"


def test_what_the_store_refuses_is_said_and_the_rest_arrives(workspace: Workspace) -> None:
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        with noria.start_run("r", params={"lr": 1}, system_metrics=False) as run:
            run.flush()
            run.log_param("lr", 2)
            run.log_param("lr", 1)
            with noria.start_run(run_id=run.id, system_metrics=False) as again:
                again.log_param("lr", 3)
                again.log("after")
                again.flush()
            run.log_artifact("nowhere.bin")
    texts = [str(warning.message) for warning in said]
    assert len(texts) == 3, texts
    assert "is 1 and stays so; 2 is not taken" in texts[0]
    assert "N-RUNS-013" in texts[1]
    assert "nowhere.bin is not kept" in texts[2]
    assert workspace.runs.get(run.id).params["lr"] == 1
    assert lines(workspace, run.id) == ["after"]


def test_calls_that_make_no_sense_raise(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    run = noria.start_run("r", system_metrics=False)
    for call in (
        lambda: run.log_metric("loss", "0.5"),  # type: ignore[arg-type]
        lambda: run.log_metric("loss", None),  # type: ignore[arg-type]
        lambda: run.log_metric("loss", [1, 2]),  # type: ignore[arg-type]
        lambda: run.log_metric("../loss", 1.0),
        lambda: run.log_metric("loss", 1.0, step=1.5),  # type: ignore[arg-type]
        lambda: run.log_metric("loss", 1.0, step=1 << 63),
        lambda: run.log_param("", 1),
        lambda: run.set_tag("a\nb", 1),
        lambda: run.log_text("x", "../x"),
        lambda: run.log_text("x", "/x"),
        lambda: run.log_text("x", "a//b"),
        lambda: run.log_table(3),
        lambda: run.log_table([], "t.xlsx"),
        lambda: run.log_figure(3, "f.png"),
        lambda: run.finish("odd"),  # type: ignore[arg-type]
        lambda: noria.start_run(run_id="x"),
        lambda: noria.start_run(server="file:///x"),
        lambda: noria.start_run(server="http://user:secret@host/"),
    ):
        with pytest.raises(WrongArgument):
            call()
    run.finish()
    with pytest.warns(LostRun, match="has ended"):
        run.log("late")
    monkeypatch.setenv("NORIA_TRACKING_TOKEN", "secret")
    with pytest.raises(NotAllowed, match="without TLS"):
        noria.start_run(server="http://example.org")
