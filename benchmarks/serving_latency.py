"""What a prediction request costs the running server, beside a handler that answers nothing.

    python benchmarks/serving_latency.py > benchmarks/serving_latency.txt

The whole path is on: door, strict JSON, check against the signature, the model, the log, the counters. The model is
asked through its scikit-learn pipeline: nearly all of the time is spent there.
CPU is that of the server process alone, by the kernel's account, over kept connections.
"""

from __future__ import annotations

import http.client
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

NUMERIC, CATEGORIES = 14, 6
REQUESTS, CONNECTIONS = 400, 4

EMPTY = """
import socket, uvicorn
async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"{}"})
bound = socket.socket(); bound.bind(("127.0.0.1", 0)); bound.listen()
print(f"http://127.0.0.1:{bound.getsockname()[1]}", flush=True)
config = uvicorn.Config(app, loop="uvloop", ws="none", lifespan="off", log_config=None, access_log=False)
uvicorn.Server(config).run(sockets=[bound])
"""

FULL = """
import sys
from pathlib import Path
from noria.serving.run import serve
from noria.store.blobs import Blobs
from noria.store.database import Database
root = Path(sys.argv[1])
serve(database=Database(f"sqlite:///{root}/noria.db"), blobs=Blobs(root / "objects"), model=sys.argv[2],
      endpoint="m", predictions=root / "predictions", port=0, on_ready=lambda url: print(url, flush=True))
"""


def lay_out(root: Path) -> list[dict[str, object]]:
    """Register a logistic regression, a forest and a boosting; give rows to ask about."""
    import numpy as np
    import pyarrow as pa
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression

    import noria.store
    from noria.preparation.frame import frame
    from noria.preparation.recipe import preparation
    from noria.registry import format as formats
    from noria.registry.aliases import Aliases
    from noria.registry.catalog import Registry
    from noria.scoring.signature import learn
    from noria.store.blobs import Blobs
    from noria.store.database import Database
    from noria.store.migrations import upgrade
    from noria.training.boosting import BOOSTING
    from noria.training.family import Fitting
    from noria.training.model import TabularModel

    rng = np.random.default_rng(1)
    rows = 5_000
    made: dict[str, object] = {}
    for number in range(NUMERIC):
        made[f"n{number}"] = pa.array(rng.normal(size=rows), mask=rng.random(rows) < (0.05 if number < 4 else 0))
    for number in range(CATEGORIES):
        made[f"c{number}"] = pa.array(list("abcdefgh")).take(pa.array(rng.integers(0, 8, rows)))
    table = pa.table(made)
    columns = [(name, "float" if name.startswith("n") else "category") for name in table.column_names]
    kinds = tuple((name, "number" if kind == "float" else "string") for name, kind in columns)
    X = frame(table, columns)
    y = (X["n5"].to_numpy() + rng.normal(size=rows) > 0).astype(int)
    database = Database(f"sqlite:///{root}/noria.db")
    upgrade(database, sorted(Path(noria.store.__file__).parents[1].glob("*/migrations")))
    registry = Registry(database, Blobs(root / "objects"))
    signature = learn(table, columns, target="y", positive="bad")
    fitting = Fitting(task="classification", seed=1, n_classes=2)
    heads = {
        "logistic": ("linear", LogisticRegression(max_iter=500)),
        "forest": ("tree", RandomForestClassifier(200, max_depth=14, random_state=1)),
        "boosting": ("tree", BOOSTING.build({}, fitting)),
    }
    for name, (encoding, head) in heads.items():
        prepared = preparation(columns, encoding=encoding, task="classification").fit(X, y)  # type: ignore[arg-type]
        head.fit(prepared.transform(X), y)
        model = TabularModel("classification", name, kinds, prepared, head, ("bad", "good"))  # type: ignore[arg-type]
        now = datetime.now(UTC)
        registry.register(
            name, formats.save(model), run_id="b", dataset="b@1", data_digest="b", task="classification",
            family=name, created=now, signature=signature.to_json(),
        )  # fmt: skip
        Aliases(database).move(name, "champion", 1, actor="b", reason="b", at=now)
    return table.slice(0, 500).to_pylist()  # type: ignore[no-any-return]


@contextmanager
def running(code: str, *arguments: str) -> Iterator[tuple[int, str]]:
    """Run a server; give its process id and address."""
    child = subprocess.Popen([sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    try:
        yield child.pid, child.stdout.readline().strip()
    finally:
        child.terminate()
        child.wait()


def cpu_seconds(pid: int) -> float:
    """Give the CPU time of a process so far, all its threads together."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def ask(url: str, bodies: list[bytes], requests: int) -> None:
    """Send requests over several kept connections; every one must be answered with 200."""

    def work(first: int) -> None:
        connection = http.client.HTTPConnection(urlsplit(url).netloc)
        for number in range(first, requests, CONNECTIONS):
            connection.request("POST", "/predict/m", bodies[number % len(bodies)], {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 200, answer.status

    threads = [threading.Thread(target=work, args=(first,)) for first in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def milliseconds(code: str, arguments: tuple[str, ...], bodies: list[bytes], requests: int) -> float:
    """Give CPU milliseconds a request, warmed up."""
    with running(code, *arguments) as (pid, url):
        ask(url, bodies, requests // 4)
        before = cpu_seconds(pid)
        ask(url, bodies, requests)
        return (cpu_seconds(pid) - before) / requests * 1000


def main() -> None:
    """Measure and print."""
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()}")
    print("command: python benchmarks/serving_latency.py")
    print(
        f"{NUMERIC} numbers and {CATEGORIES} categories a row; CPU milliseconds a request, {CONNECTIONS} connections\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        rows = lay_out(root)
        single = [json.dumps(row).encode() for row in rows]
        many = [json.dumps(rows[start : start + 100]).encode() for start in range(0, 500, 100)]
        print(f"{'':<16}{'1 row':>10}{'100 rows':>10}")
        empty = milliseconds(EMPTY, (), single, 10 * REQUESTS), milliseconds(EMPTY, (), many, 10 * REQUESTS)
        print(f"{'empty handler':<16}{empty[0]:>10.3f}{empty[1]:>10.3f}")
        for model in ("logistic", "forest", "boosting"):
            one = milliseconds(FULL, (str(root), model), single, REQUESTS)
            hundred = milliseconds(FULL, (str(root), model), many, REQUESTS // 5)
            print(f"{model:<16}{one:>10.3f}{hundred:>10.3f}", flush=True)


if __name__ == "__main__":
    main()
