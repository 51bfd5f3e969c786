"""The servers that `serving.py` compares: how each is started, asked and read."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
WORKERS = 2
START_SECONDS = 120.0

MLFLOW_SAVE = """
import sys, joblib, mlflow.pyfunc
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema
name, columns = sys.argv[1], sys.argv[2].split(",")

class Probabilities(mlflow.pyfunc.PythonModel):
    def load_context(self, context):
        import joblib
        self.model = joblib.load(context.artifacts["model"])
    def predict(self, context, model_input, params=None):
        return self.model.predict_proba(model_input)[:, 1]

taken = Schema([ColSpec("double" if c.startswith("n") else "string", c, required=not c in ("n0", "n1", "n2", "n3"))
                for c in columns])
mlflow.pyfunc.save_model(f"mlflow-{name}", python_model=Probabilities(), artifacts={"model": f"{name}.joblib"},
                         code_paths=["peer_model.py"], signature=ModelSignature(inputs=taken),
                         pip_requirements=["mlflow"])
"""

FASTAPI = """
import os, joblib, pandas as pd
from fastapi import FastAPI
from pydantic import create_model
model = joblib.load(os.environ["MODEL"] + ".joblib")
fields = {c: ((float | None, None) if c in ("n0", "n1", "n2", "n3") else
              (float, ...) if c.startswith("n") else (str, ...)) for c in os.environ["COLUMNS"].split(",")}
Row = create_model("Row", __config__={"extra": "forbid"}, **fields)
kinds = {c: float if c.startswith("n") else object for c in fields}
app = FastAPI()

@app.post("/predict")
def predict(rows: list[Row]) -> list[float]:
    frame = pd.DataFrame([row.model_dump() for row in rows]).astype(kinds)
    return model.predict_proba(frame)[:, 1].tolist()
"""

BENTOML = """
import os, bentoml, joblib, pandas as pd
from pydantic import create_model
fields = {c: ((float | None, None) if c in ("n0", "n1", "n2", "n3") else
              (float, ...) if c.startswith("n") else (str, ...)) for c in os.environ["COLUMNS"].split(",")}
Row = create_model("Row", __config__={"extra": "forbid"}, **fields)
kinds = {c: float if c.startswith("n") else object for c in fields}

@bentoml.service(workers=int(os.environ["WORKERS"]))
class Scorer:
    def __init__(self):
        self.model = joblib.load(os.environ["MODEL"] + ".joblib")

    @bentoml.api
    def predict(self, rows: list[Row]) -> list[float]:
        frame = pd.DataFrame([row.model_dump() for row in rows]).astype(kinds)
        return self.model.predict_proba(frame)[:, 1].tolist()
"""


@dataclass(frozen=True)
class Server:
    """A server of one kind, to be started for one model.

    Parameters
    ----------
    name : str
        As the table shows it.
    python : Path
        Interpreter of its environment.
    command : callable
        From model and port to the arguments behind ``python``.
    path : callable
        From model to the path that is posted to.
    body : callable
        From rows to the body that asks about them.
    read : callable
        From the answer to the probabilities of the second class.
    prepare : str
        Code run once a model in the folder ``peers``, with the model's name and its columns.
    """

    name: str
    python: Path
    command: Callable[[str, int], list[str]]
    path: Callable[[str], str]
    body: Callable[[list[dict[str, object]]], object]
    read: Callable[[Any], list[float]]
    prepare: str = ""


def servers() -> Iterator[tuple[str, Server | None]]:
    """Give noria and each peer; None for a peer whose environment is not there."""
    yield "noria", _noria()
    for name, variable, folder, made in (
        ("mlflow", "NORIA_BENCH_MLFLOW", ".venv-mlflow", _mlflow),
        ("bentoml", "NORIA_BENCH_BENTOML", ".venv-bentoml", _bentoml),
        ("fastapi+pandas", "NORIA_BENCH_FASTAPI", ".venv-fastapi", _fastapi),
    ):
        python = Path(os.environ.get(variable, str(ROOT / folder))) / "bin" / "python"
        yield name, made(python) if python.exists() else None


def _noria() -> Server:
    return Server(
        "noria",
        Path(sys.executable),
        lambda model, port: [
            "-m", "noria", "serve", "--model", model, "--port", str(port), "--workers", str(WORKERS)
        ],
        lambda _model: "/predict/serving",
        lambda rows: rows,
        lambda said: [each["probabilities"]["good"] for each in said["predictions"]],
    )  # fmt: skip


def _mlflow(python: Path) -> Server:
    return Server(
        "mlflow",
        python,
        lambda model, port: [
            "-m", "mlflow", "models", "serve", "-m", f"peers/mlflow-{model}", "--env-manager", "local",
            "--port", str(port), "--workers", str(WORKERS)
        ],
        lambda _model: "/invocations",
        lambda rows: {"dataframe_records": rows},
        lambda said: said["predictions"],
        MLFLOW_SAVE,
    )  # fmt: skip


def _bentoml(python: Path) -> Server:
    return Server(
        "bentoml",
        python,
        lambda _model, port: [
            "-m", "bentoml", "serve", "bento_service:Scorer", "--working-dir", "peers", "--port", str(port)
        ],
        lambda _model: "/predict",
        lambda rows: {"rows": rows},
        lambda said: said,
        f"open('bento_service.py', 'w').write({BENTOML!r})",
    )  # fmt: skip


def _fastapi(python: Path) -> Server:
    return Server(
        "fastapi+pandas",
        python,
        lambda _model, port: [
            "-m", "uvicorn", "--app-dir", "peers", "fastapi_app:app", "--port", str(port),
            "--workers", str(WORKERS), "--no-access-log", "--log-level", "warning"
        ],
        lambda _model: "/predict",
        lambda rows: rows,
        lambda said: said,
        f"open('fastapi_app.py', 'w').write({FASTAPI!r})",
    )  # fmt: skip


@contextmanager
def running(server: Server, root: Path, model: str, columns: list[str]) -> Iterator[tuple[int, str]]:
    """Run a server until the block ends; give its process id and the address to post to.

    Entered once a first question has been answered.
    """
    folder = root / "peers"
    # MLflow calls `uvicorn` by name, and an environment that borrows the library has no such command of its own.
    named = folder / "bin" / server.name
    named.mkdir(parents=True, exist_ok=True)
    (named / "uvicorn").write_text(f'#!/bin/sh\nexec {server.python} -m uvicorn "$@"\n')
    (named / "uvicorn").chmod(0o755)
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(folder)]),
        "WORKERS": str(WORKERS),
        "MODEL": str(folder / model),
        "COLUMNS": ",".join(columns),
        "OMP_NUM_THREADS": "1",
        "BENTOML_DO_NOT_TRACK": "True",
        "BENTOML_HOME": str(root / "bentoml"),
        "BENTOML_CONFIG_OPTIONS": "api_server.logging.access.enabled=false api_server.metrics.enabled=true",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PATH": os.pathsep.join([str(named), str(server.python.parent), os.environ["PATH"]]),
    }
    if server.prepare:
        given = [str(server.python), "-c", server.prepare, model, ",".join(columns)]
        subprocess.run(given, cwd=folder, env=environment, check=True, capture_output=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with (root / f"{server.name}-{model}.log").open("w") as log:
        child = subprocess.Popen(
            [str(server.python), *server.command(model, port)],
            cwd=root, env=environment, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        yield child.pid, f"http://127.0.0.1:{port}{server.path(model)}"
    finally:
        child.terminate()
        try:
            child.wait(20)
        except subprocess.TimeoutExpired:
            child.kill()
        _end_session(child.pid)
        child.wait()


def _end_session(leader: int) -> None:
    """End what a server has left behind: two of the peers do not always end their workers."""
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rsplit(")", 1)[1].split()
            if int(fields[3]) == leader:
                os.kill(int(entry.parent.name), 9)
        except OSError:
            continue


def _has_ended(pid: int) -> bool:
    # Not by its command line: that is empty for a moment while a process begins.
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"


def first_answer(server: Server, url: str, rows: list[dict[str, object]], pid: int, said: Path) -> list[float]:
    """Ask until there is an answer, and give it; `said` is what the server has printed."""
    body = json.dumps(server.body(rows)).encode()
    until = time.monotonic() + START_SECONDS
    while True:
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return server.read(json.load(answer))
        except OSError as error:
            if isinstance(error, urllib.error.HTTPError) and error.code < 500:
                raise RuntimeError(f"{server.name} refuses: {error.read()[:2000]!r}") from error
            if time.monotonic() > until or _has_ended(pid):
                raise RuntimeError(f"it does not answer: {error}; {said.read_text()[-500:]}") from error
            time.sleep(0.1)
