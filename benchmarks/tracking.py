"""What a tracking server costs: noria's beside MLflow's own, in one run, on SQLite.

    python benchmarks/tracking.py > benchmarks/tracking.txt
    python benchmarks/tracking.py --runs 100000        # ten times the runs; MLflow's searches may run out of time
    python benchmarks/tracking.py --postgres postgresql+psycopg://postgres@127.0.0.1/postgres
    python benchmarks/tracking.py --quick              # a few runs and requests: whether everything works

The peer is MLflow's server in its best set-up: one worker, without its job runner. It runs in an environment of its
own, ``.venv-mlflow``, or the one whose Python NORIA_TEST_MLFLOW names. Both servers are asked by the same client over
kept loopback connections; both stores hold the same runs, bulk-loaded and analysed. What is counted is the CPU of the
server's processes, by the kernel's account (on PostgreSQL not the database's own); before anything is timed the
answers are compared.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import platform
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).parent.parent
START = 1_760_000_000_000
METRICS, PARAMS = 10, 10
LIMIT_SECONDS = 120
API = "/api/2.0/mlflow"


@dataclass
class Server:
    """A running server, and what it takes."""

    name: str
    port: int
    process: subprocess.Popen[bytes]
    ready_seconds: float
    ready_cpu: float
    connections: dict[int, http.client.HTTPConnection] = field(default_factory=dict)

    def tree(self) -> list[int]:
        found, waiting = [], [self.process.pid]
        while waiting:
            pid = waiting.pop()
            found.append(pid)
            for task in Path(f"/proc/{pid}/task").glob("*/children"):
                waiting += [int(child) for child in task.read_text().split()]
        return found

    def cpu(self) -> float:
        total = 0.0
        for pid in self.tree():
            try:
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            total += sum(int(fields[place]) for place in (11, 12, 13, 14)) / os.sysconf("SC_CLK_TCK")
        return total

    def memory(self) -> float:
        total = 0
        for pid in self.tree():
            try:
                lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            except OSError:
                continue
            total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        return total / 1024

    def ask(
        self, method: str, path: str, body: object = None, *, limit: float = LIMIT_SECONDS, again: bool = False
    ) -> bytes:
        key = threading.get_ident()
        connection = self.connections.get(key)
        if connection is None:
            connection = self.connections[key] = http.client.HTTPConnection("127.0.0.1", self.port, timeout=limit)
            connection.connect()
            connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} if data is not None else {}
        try:
            connection.request(method, path, data, headers)
            answer = connection.getresponse()
            content = answer.read()
        except (ConnectionError, http.client.RemoteDisconnected):
            # Kept too long by its client: asked again over a new one, as any client does.
            self.connections.pop(key).close()
            if again:
                raise
            return self.ask(method, path, body, limit=limit, again=True)
        if answer.status >= 300:
            raise RuntimeError(f"{self.name}: {method} {path}: {answer.status} {content[:300]!r}")
        return content

    def post(self, name: str, **fields: object) -> dict[str, object]:
        return json.loads(self.ask("POST", f"{API}/{name}", fields) or b"{}")


def stock_python() -> Path:
    named = os.environ.get("NORIA_TEST_MLFLOW")
    python = Path(named) if named else HERE / ".venv-mlflow" / "bin" / "python"
    if not python.exists():
        sys.exit("MLflow's environment is not here: make .venv-mlflow/.ready, or name its Python in NORIA_TEST_MLFLOW")
    return python


@contextmanager
def serving(name: str, folder: Path, url: str) -> Iterator[Server]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = dict(os.environ)
    if name == "noria":
        command = [
            sys.executable,
            "-m",
            "noria.server",
            "--root",
            str(folder),
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
        ]
    else:
        environment |= {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
        store = ["--backend-store-uri", url, "--artifacts-destination", f"{folder}/files"]
        command = [str(stock_python()), "-m", "mlflow", "server", *store, "--workers", "1", "--port", str(port)]
    began = time.monotonic()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    server = Server(name, port, process, 0.0, 0.0)
    try:
        while True:
            try:
                server.ask("GET", "/health")
                break
            except OSError:
                if process.poll() is not None:
                    sys.exit(f"{name}'s server ended at once: {' '.join(command)}")
                time.sleep(0.02)
        server.ready_seconds, server.ready_cpu = time.monotonic() - began, server.cpu()
        yield server
    finally:
        process.terminate()
        process.wait(30)


def rows(count: int) -> Iterator[tuple[str, int, list[float], list[str]]]:
    rng = random.Random(7)
    for number in range(count):
        metrics = [round(rng.random(), 9) for _ in range(METRICS)]
        params = [str(rng.randrange(4 if place == 0 else 50_000)) for place in range(PARAMS)]
        yield f"{rng.getrandbits(128):032x}", START + number * 1000, metrics, params


def fill_noria(folder: Path, count: int, url: str) -> None:
    import sqlalchemy as sa

    from noria.runs.tables import metric_latest, metric_points, run_params, runs
    from noria.store.database import Database
    from noria.store.migrations import upgrade
    from noria.workspace import MIGRATIONS

    folder.mkdir()
    store = "" if url.startswith("sqlite") else f'[store]\ndatabase = "{url}"\n'
    (folder / "noria.toml").write_text(f'[project]\nname = "bench"\n[data]\nsource = "a.csv"\ntarget = "y"\n{store}')
    database = Database(url)
    upgrade(database, MIGRATIONS)
    fixed = {"experiment_id": 0, "kind": "logged", "status": "finished", "process": "", "trigger": "", "user_id": ""}
    with database.transaction() as connection:
        some: list[tuple[str, int, list[float], list[str]]] = []
        rid = 0
        for row in [*rows(count), None]:
            if row is not None:
                some.append(row)
            if some and (row is None or len(some) == 5000):
                keyed = list(enumerate(some, start=rid + 1))
                rid += len(some)
                at = [datetime.fromtimestamp(one[1] / 1000, UTC) for one in some]
                heads = [
                    {**fixed, "rid": key, "id": one[0], "name": "r", "started": when}
                    for (key, one), when in zip(keyed, at, strict=True)
                ]
                connection.execute(sa.insert(runs), heads)
                points = [
                    {"rid": key, "name": f"m{place}", "value": value, "nan": 0, "step": 0, "at_ms": one[1]}
                    for key, one in keyed
                    for place, value in enumerate(one[2])
                ]
                connection.execute(sa.insert(metric_points), points)
                connection.execute(sa.insert(metric_latest), [{**point, "experiment_id": 0} for point in points])
                params = [
                    {"rid": key, "name": f"p{place}", "value": value, "json": 0}
                    for key, one in keyed
                    for place, value in enumerate(one[3])
                ]
                connection.execute(sa.insert(run_params), params)
                some = []
        if database.dialect == "postgresql":  # numbers were given by hand, of which its counter knows nothing
            connection.execute(sa.text("SELECT setval(pg_get_serial_sequence('runs', 'rid'), max(rid)) FROM runs"))
        connection.execute(sa.text("ANALYZE"))
    database.close()


def fill_stock(folder: Path, count: int, url: str) -> None:
    import sqlalchemy as sa

    folder.mkdir()
    with serving("mlflow", folder, url):
        pass  # its own server lays its tables out
    engine = sa.create_engine(url)
    tables = sa.MetaData()
    tables.reflect(engine, only=["runs", "metrics", "latest_metrics", "params"])
    fixed = {
        "name": "r", "source_type": "LOCAL", "source_name": "", "entry_point_name": "", "user_id": "me",
        "status": "FINISHED", "source_version": "", "lifecycle_stage": "active", "experiment_id": 0,
    }  # fmt: skip
    with engine.begin() as connection:
        some: list[tuple[str, int, list[float], list[str]]] = []
        for row in [*rows(count), None]:
            if row is not None:
                some.append(row)
            if some and (row is None or len(some) == 5000):
                heads = [
                    {
                        **fixed,
                        "run_uuid": id_,
                        "start_time": at,
                        "end_time": at,
                        "artifact_uri": f"mlflow-artifacts:/0/{id_}/artifacts",
                    }
                    for id_, at, _, _ in some
                ]
                connection.execute(sa.insert(tables.tables["runs"]), heads)
                metrics = [
                    {"key": f"m{place}", "value": value, "timestamp": at, "run_uuid": id_, "step": 0, "is_nan": False}
                    for id_, at, values, _ in some
                    for place, value in enumerate(values)
                ]
                connection.execute(sa.insert(tables.tables["metrics"]), metrics)
                connection.execute(sa.insert(tables.tables["latest_metrics"]), metrics)
                params = [
                    {"key": f"p{place}", "value": text, "run_uuid": id_}
                    for id_, _, _, texts in some
                    for place, text in enumerate(texts)
                ]
                connection.execute(sa.insert(tables.tables["params"]), params)
                some = []
        connection.execute(sa.text("ANALYZE"))
    engine.dispose()


def measured(server: Server, work: Callable[[], object], times: int) -> tuple[float, float]:
    """Give the CPU and the wall milliseconds of one call."""
    before, began = server.cpu(), time.monotonic()
    for _ in range(times):
        work()
    return (server.cpu() - before) / times * 1000, (time.monotonic() - began) / times * 1000


def together(server: Server, work: Callable[[int], object], clients: int, each: int) -> tuple[float, float]:
    """Give the CPU milliseconds of a call and the calls a second, from several clients at once."""
    gate = threading.Barrier(clients + 1)

    def client(number: int) -> None:
        work(number * each)
        gate.wait()
        for place in range(1, each):
            work(number * each + place)
        gate.wait()

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    gate.wait()
    before, began = server.cpu(), time.monotonic()
    gate.wait()
    seconds, cpu = time.monotonic() - began, server.cpu() - before
    for thread in threads:
        thread.join()
    calls = clients * (each - 1)
    return cpu / calls * 1000, calls / seconds


def search(server: Server, **fields: object) -> list[str]:
    found = server.post("runs/search", experiment_ids=["0"], **fields)
    return [run["info"]["run_id"] for run in found.get("runs", [])]  # type: ignore[index,union-attr]


SEARCHES: dict[str, dict[str, object]] = {
    "search: metric and param, by metric, 100": {
        "filter": "metrics.m1 > 0.5 and params.p0 = '2'", "order_by": ["metrics.m3 DESC"], "max_results": 100,
    },
    "search: by metric, 100": {"order_by": ["metrics.m3 DESC"], "max_results": 100},
    "search: newest 1000": {"max_results": 1000},
}  # fmt: skip


def everything(
    server: Server, *, quick: bool
) -> tuple[dict[str, tuple[float, float] | None], dict[str, object], dict[str, str]]:
    """Ask one server everything: what each call cost, what it answered, what it takes in all."""
    few, many = (5, 20) if quick else (20, 200)
    table: dict[str, tuple[float, float] | None] = {}
    told: dict[str, object] = {}
    run = server.post("runs/create", experiment_id="0", start_time=1, run_name="w")
    id_ = run["run"]["info"]["run_id"]  # type: ignore[index]
    for clients in (1, 8, 32):
        each = max(2, many // clients if clients > 1 else many)
        base = clients * 1_000_000
        table[f"log_metric, {clients} client{'s' if clients > 1 else ''}"] = together(
            server,
            lambda n, base=base: server.post(
                "runs/log-metric", run_id=id_, key="m", value=n / 7, timestamp=base + n, step=base + n
            ),
            clients,
            each,
        )
    counted = iter(range(10**9))
    table["log_param"] = measured(
        server,
        lambda: server.post("runs/log-parameter", run_id=id_, key=f"p{next(counted)}", value="v"),
        many,
    )
    table["set_tag"] = measured(server, lambda: server.post("runs/set-tag", run_id=id_, key="t", value="v"), many)
    table["create_run"] = measured(
        server, lambda: server.post("runs/create", experiment_id="0", start_time=1, run_name="w"), many
    )
    table["get_run"] = measured(server, lambda: server.ask("GET", f"{API}/runs/get?run_id={id_}"), many)

    def batch(key: str = "b", run: str = id_, server: Server = server) -> None:
        first = next(counted) * 1000
        metrics = [{"key": key, "value": n / 3, "timestamp": first + n, "step": first + n} for n in range(1000)]
        server.post("runs/log-batch", run_id=run, metrics=metrics)

    table["log_batch, 1000 metrics"] = measured(server, batch, few)
    points = 20 if quick else 100
    for _ in range(points):
        batch("h")
    history = f"{API}/metrics/get-history?run_id={id_}&metric_key=h"
    told["history"] = [(one["step"] % 1000, one["value"]) for one in json.loads(server.ask("GET", history))["metrics"]]
    table[f"history, {points},000 points"] = measured(server, lambda: server.ask("GET", history), 3)
    for title, fields in SEARCHES.items():
        try:
            told[title] = search(server, **fields)
        except OSError:
            server.connections.clear()
            table[title] = None
            continue
        slow = server.name == "mlflow" and "by metric" in title
        table[title] = measured(server, lambda fields=fields: search(server, **fields), 2 if slow else few)
    megabytes = 8 if quick else 200
    content = random.Random(1).randbytes(megabytes << 20)
    path = f"/api/2.0/mlflow-artifacts/artifacts/0/{id_}/artifacts/big.bin"
    table[f"file up, {megabytes} MB"] = measured(server, lambda: server.ask("PUT", path, content), 1)
    table[f"file down, {megabytes} MB"] = measured(server, lambda: server.ask("GET", path), 1)
    assert server.ask("GET", path) == content
    return (
        table,
        told,
        {
            "start to first answer": f"{server.ready_seconds:.1f} s, {server.ready_cpu:.2f} CPU-s",
            "processes": str(len(server.tree())),
            "memory after all this": f"{server.memory():.0f} MB",
        },
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a few runs and requests")
    parser.add_argument("--runs", type=int, default=10_000, help="runs in both stores")
    parser.add_argument("--postgres", metavar="URL", help="both on PostgreSQL, each in a database made for this run")
    given = parser.parse_args()
    count = 300 if given.quick else given.runs
    found: dict[str, dict[str, tuple[float, float] | None]] = {}
    alone: dict[str, dict[str, str]] = {}
    answers: dict[str, dict[str, object]] = {}
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        for name in ("noria", "mlflow"):
            folder = root / name
            with stored(name, folder, given.postgres) as url:
                (fill_noria if name == "noria" else fill_stock)(folder, count, url)
                with serving(name, folder, url) as server:
                    found[name], answers[name], alone[name] = everything(server, quick=given.quick)
            shutil.rmtree(folder)
    compare(answers)
    report(found, alone, count, "PostgreSQL" if given.postgres else "SQLite")


@contextmanager
def stored(name: str, folder: Path, postgres: str | None) -> Iterator[str]:
    """Give the address of an empty database, dropped afterwards."""
    if postgres is None:
        yield f"sqlite:///{folder}/.noria/noria.db" if name == "noria" else f"sqlite:///{folder}/mlflow.db"
        return
    import sqlalchemy as sa

    engine = sa.create_engine(postgres, isolation_level="AUTOCOMMIT")
    database = f"bench_tracking_{name}"
    drop = sa.text(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
    with engine.connect() as connection:
        connection.execute(drop)
        connection.execute(sa.text(f"CREATE DATABASE {database}"))
    try:
        yield engine.url.set(database=database).render_as_string(hide_password=False)
    finally:
        with engine.connect() as connection:
            connection.execute(drop)
        engine.dispose()


def compare(answers: dict[str, dict[str, object]]) -> None:
    for title in answers["noria"].keys() & answers["mlflow"].keys():
        ours, theirs = answers["noria"][title], answers["mlflow"][title]
        if "newest" in title:  # runs made meanwhile have ids of their own
            ours, theirs = len(ours), len(theirs)  # type: ignore[arg-type]
        assert ours == theirs, f"the two servers answer differently: {title}"


def report(
    found: dict[str, dict[str, tuple[float, float] | None]], alone: dict[str, dict[str, str]], count: int, store: str
) -> None:
    print(f"{count:,} runs with {METRICS} metrics and {PARAMS} params each; {store}; server CPU in ms a call")
    print(
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, ",
        end="",
    )
    print(f"{datetime.now(UTC):%Y-%m-%d}, load {os.getloadavg()[0]:.1f}")
    print()
    print(f"{'':44}{'noria':>10}{'mlflow':>10}{'ratio':>8}   wall ms or calls/s")
    for title, mine in found["noria"].items():
        theirs = found["mlflow"].get(title)
        assert mine is not None
        if theirs is None:
            print(f"{title:44}{mine[0]:10.2f}{'>':>4} {LIMIT_SECONDS:4d} s{'':>8}   {mine[1]:.1f}")
            continue
        ratio = theirs[0] / mine[0] if mine[0] else float("inf")
        print(f"{title:44}{mine[0]:10.2f}{theirs[0]:10.2f}{ratio:7.1f}x   {mine[1]:.1f} / {theirs[1]:.1f}")
    print()
    for title in alone["noria"]:
        print(f"{title:28} noria {alone['noria'][title]:28} mlflow {alone['mlflow'][title]}")


if __name__ == "__main__":
    main()
