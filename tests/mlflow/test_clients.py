"""The stock MLflow clients, unmodified, against noria's server: everything that people do with them.

The flows are in ``flows``; they run in environments of their own (``make .venv-mlflow/.ready .venv-mlflow2/.ready``),
many in one process, because importing the client takes seconds. ``proto_check`` reads every message meanwhile.
"""

from __future__ import annotations

import ast
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from noria.server.mlflow.routes import MLFLOW_ROUTES

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
PROJECT = '[project]\nname = "lab"\n\n[data]\nsource = "rows.csv"\ntarget = "y"\n'
PATIENCE = 120.0
CLIENTS = {"newest": ("NORIA_TEST_MLFLOW", ".venv-mlflow"), "oldest": ("NORIA_TEST_MLFLOW2", ".venv-mlflow2")}
GROUPS = {
    # group of flows that share a process: which client, which files
    "newest": ("newest", ("tracking", "searching", "files", "registry", "command_line", "rarely")),
    "training": ("newest", ("autologging",)),
    "oldest": ("oldest", ("tracking", "searching", "files", "older")),
}
NEVER_ASKED = {
    # what none of the two clients asks for, with what tests it instead: tests/server/mlflow
    ("GET", "/health"),
    ("GET", "/api/2.0/mlflow/experiments/search"),
    ("GET", "/api/2.0/mlflow/metrics/get-history-bulk"),
    ("GET", "/api/2.0/mlflow/metrics/get-history-bulk-interval"),
    # The newest client has this one with a path that no server knows: "/api/2.0mlflow/experiments/search-datasets".
    ("POST", "/api/2.0/mlflow/experiments/search-datasets"),
    ("GET", "/api/2.0/mlflow/registered-models/list"),
    ("GET", "/api/2.0/mlflow/registered-models/get-latest-versions"),
    ("HEAD", "/api/2.0/mlflow-artifacts/artifacts/{path:path}"),
    ("POST", "/api/2.0/mlflow-artifacts/mpu/create/{path:path}"),
    ("POST", "/api/2.0/mlflow-artifacts/mpu/complete/{path:path}"),
    ("POST", "/api/2.0/mlflow-artifacts/mpu/abort/{path:path}"),
    ("GET", "/api/2.0/mlflow-artifacts/presigned/{path:path}"),
}


def missing(what: str) -> None:
    """Skip visibly, or fail where everything is demanded."""
    if os.environ.get("NORIA_REQUIRE_SERVICES") == "1":
        pytest.fail(f"{what} is not here, and NORIA_REQUIRE_SERVICES=1 demands it")
    pytest.skip(f"{what} is not here")


def flows_of(name: str) -> list[str]:
    """Name the flows of a file, in order, without the client that it imports."""
    body = ast.parse((HERE / "flows" / f"{name}.py").read_text()).body
    return [f"{name}.{one.name}" for one in body if isinstance(one, ast.FunctionDef) and not one.name.startswith("_")]


@dataclass(frozen=True)
class Lab:
    """A running server, and where its clients live."""

    url: str
    folder: Path

    def environment(self, python: Path) -> dict[str, str]:
        """Give a client the world it would have, and nothing of ours."""
        return {
            "PATH": f"{python.parent}:{os.environ['PATH']}",
            "HOME": str(self.folder),
            "MLFLOW_TRACKING_URI": self.url,
            "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
            # To find out what a model needs the client imports it again in another process: ten times as long as
            # everything else, and no word of it is spoken to the server.
            "MLFLOW_REQUIREMENTS_INFERENCE_TIMEOUT": "1",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "DO_NOT_TRACK": "true",
            "GIT_PYTHON_REFRESH": "quiet",
            "SETUPTOOLS_USE_DISTUTILS": "stdlib",
            "PYTHONDONTWRITEBYTECODE": "1",
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "OMP_NUM_THREADS": "1",
        }

    def asked(self, path: str) -> dict[str, Any]:
        """Ask the server for what a path names."""
        with urllib.request.urlopen(f"{self.url}/api/2.0/mlflow/{path}", timeout=90) as answer:
            told: dict[str, Any] = json.load(answer)
            return told


Labs = Callable[[str], Lab]


def client_python(which: str) -> Path:
    """Give a client's interpreter; skip where there is none."""
    variable, folder = CLIENTS[which]
    python = Path(os.environ.get(variable) or ROOT / folder / "bin" / "python")
    ready = variable in os.environ or (ROOT / folder / ".ready").exists()
    if not (ready and python.exists()):
        missing(f"the environment of the {which} MLflow client (make {folder}/.ready)")
    return python


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[Lab]:
    """Serve an empty project."""
    folder.mkdir()
    (folder / "noria.toml").write_text(PROJECT)
    # The log goes to a file: nobody reads a pipe here, and a full one would stop the server.
    with (folder / "ui.log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "noria", "ui", "--port", "0"], cwd=folder, stdout=log, stderr=log,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
    try:
        deadline = time.monotonic() + PATIENCE
        while (said := re.search(r"http://[\d.]+:\d+", (folder / "ui.log").read_text())) is None:
            assert server.poll() is None, (folder / "ui.log").read_text()
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.1)
        yield Lab(said[0], folder)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=60)
    assert "Traceback" not in (folder / "ui.log").read_text()


@pytest.fixture(scope="module")
def labs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Lab]]:
    """Give each client a server of its own, for both do the same things under the same names."""
    root, started = tmp_path_factory.mktemp("labs"), dict[str, Lab]()
    with contextlib.ExitStack() as stack:

        def lab(which: str) -> Lab:
            if which not in started:
                started[which] = stack.enter_context(serving(root / which))
            return started[which]

        yield lab


@dataclass(frozen=True)
class Told:
    """What became of a group of flows."""

    errors: dict[str, str | None]
    notes: list[dict[str, Any]]
    stderr: str


@pytest.fixture(scope="module")
def groups() -> dict[str, Told]:
    """The groups that have run."""
    return {}


def ran(group: str, labs: Labs, groups: dict[str, Told]) -> Told:
    """Run a group of flows, once."""
    if group not in groups:
        which, names = GROUPS[group]
        python = client_python(which)
        lab = labs(which)
        home = lab.folder / group
        home.mkdir()
        notes = home / "notes.jsonl"
        files = [HERE / "flows" / f"{name}.py" for name in names]
        done = subprocess.run(
            [python, HERE / "run_flows.py", notes, *files], cwd=home, capture_output=True, text=True, timeout=900,
            env=lab.environment(python), check=False,
        )  # fmt: skip
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        errors = {line["flow"]: line["error"] for line in lines}
        noted = [json.loads(line) for line in notes.read_text().splitlines()] if notes.exists() else []
        groups[group] = Told(errors, noted, done.stderr)
    return groups[group]


@pytest.fixture(scope="module")
def killed(labs: Labs) -> str:
    """A run whose client was killed before anything else happened here."""
    python, lab = client_python("newest"), labs("newest")
    process = subprocess.Popen(
        [python, HERE / "flows" / "to_be_killed.py"], cwd=lab.folder, stdout=subprocess.PIPE, text=True,
        env=lab.environment(python),
    )  # fmt: skip
    assert process.stdout is not None
    run = process.stdout.readline().strip()
    process.kill()
    process.wait()
    process.stdout.close()
    assert lab.asked(f"runs/get?run_id={run}")["run"]["info"]["status"] == "RUNNING"
    return run


@pytest.mark.slow
@pytest.mark.parametrize(
    ("group", "flow"),
    [(group, flow) for group, (_, files) in GROUPS.items() for one in files for flow in flows_of(one)],
)
def test_flow(group: str, flow: str, labs: Labs, groups: dict[str, Told], request: pytest.FixtureRequest) -> None:
    if group == "newest":
        request.getfixturevalue("killed")  # it takes a while to be found dead; meanwhile the flows run
    told = ran(group, labs, groups)
    assert flow in told.errors, told.stderr[-3000:]
    assert told.errors[flow] is None, told.errors[flow]


@pytest.mark.slow
@pytest.mark.parametrize("group", GROUPS)
def test_every_message_is_one_of_the_protocol(group: str, labs: Labs, groups: dict[str, Told]) -> None:
    notes = ran(group, labs, groups).notes
    assert len(notes) > 50
    wrong = [f"{one['method']} {one['path']}: {fault}" for one in notes for fault in one["faults"]]
    assert not wrong, "\n".join(wrong[:20])


@pytest.mark.slow
def test_every_route_is_asked(labs: Labs, groups: dict[str, Told]) -> None:
    asked: Counter[tuple[str, str]] = Counter()
    patterns = [
        (method, path, re.compile(re.sub(r"\\\{\w+(:path)?\\\}", lambda m: ".+" if m[1] else "[^/]+", re.escape(path))))
        for method, path, _, _ in MLFLOW_ROUTES
        if not path.startswith("/ajax-api/")
    ]
    patterns.sort(key=lambda row: row[1].count("{"))
    for group in GROUPS:
        for one in ran(group, labs, groups).notes:
            if one["status"] == 200:
                found = next(
                    (
                        (verb, path)
                        for verb, path, form in patterns
                        if verb == one["method"] and form.fullmatch(one["path"])
                    ),
                    None,
                )
                asked.update([found] if found else [])
    silent = {(method, path) for method, path, _ in patterns} - set(asked)
    assert silent <= NEVER_ASKED


@pytest.mark.slow
def test_the_client_serves_a_model_of_ours(labs: Labs, groups: dict[str, Told]) -> None:
    ran("newest", labs, groups)  # it registers the model
    python, lab = client_python("newest"), labs("newest")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    # The client calls its server by the name of a command, which is not there when the library came by another path.
    commands = lab.folder / "commands"
    commands.mkdir()
    (commands / "uvicorn").write_text(f'#!/bin/sh\nexec "{python}" -m uvicorn "$@"\n')
    (commands / "uvicorn").chmod(0o755)
    environment = lab.environment(python)
    environment["PATH"] = f"{commands}:{environment['PATH']}"
    options = ["-m", "models:/line@champion", "--env-manager", "local", "--host", "127.0.0.1", "--port", str(port)]
    with (lab.folder / "serve.log").open("w") as log:
        server = subprocess.Popen(
            [python, "-m", "mlflow", "models", "serve", *options], cwd=lab.folder, stdout=log, stderr=log,
            env=environment, start_new_session=True,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + PATIENCE
        while True:
            assert server.poll() is None, (lab.folder / "serve.log").read_text()[-3000:]
            assert time.monotonic() < deadline, "the client did not serve"
            with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=5):
                break
            time.sleep(0.3)
        body = json.dumps({"dataframe_split": {"columns": ["a"], "data": [[4.0], [10.0]]}}).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{port}/invocations", body)
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=60) as answer:
            predictions = json.load(answer)["predictions"]
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
    assert [round(value) for value in predictions] == [8, 20]


@pytest.mark.slow
def test_a_killed_client_leaves_no_run_that_goes_on(labs: Labs, killed: str) -> None:
    lab = labs("newest")
    deadline = time.monotonic() + PATIENCE
    while (status := lab.asked(f"runs/get?run_id={killed}")["run"]["info"]["status"]) == "RUNNING":
        assert time.monotonic() < deadline, "still shown as running"
        time.sleep(0.5)
    assert status == "KILLED"
    run = lab.asked(f"runs/get?run_id={killed}")["run"]
    assert run["data"]["metrics"][0]["value"] == 0.5
    assert run["info"]["end_time"] >= run["info"]["start_time"]
