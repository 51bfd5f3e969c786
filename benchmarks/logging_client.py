"""What a call of `run.log_metric` costs the training loop that makes it.

    python benchmarks/logging_client.py > benchmarks/logging_client.txt

Promise: at most 5 µs (median) in the loop, wherever the run goes: a server, the store of the project, or nowhere
because the server is away. Beside it an MLflow client that logs to the same server, one call after the other, where
NORIA_BENCH_MLFLOW names the Python of an environment that has one.

Between two calls the loop computes for about 0.1 ms, so that the threads which write and ship have their turns as
they have in a training. CPU is that of the whole process, threads included, over that of the same loop without logging.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from pipeline_steps import machine

CALLS = 20_000
PEER_CALLS = 500
PROJECT = '[project]\nname = "credit"\n[data]\nsource = "data.csv"\ntarget = "status"\n'

LOOP = """
import json, sys, time, warnings
warnings.simplefilter("ignore")
{begin}
def work():
    until = time.perf_counter_ns() + 100_000
    while time.perf_counter_ns() < until:
        pass
for _ in range(50):
    log(0.5, 0)
time.sleep(2.0)  # what is loaded in the background is loaded
taken = []
cpu = time.process_time()
for step in range({calls}):
    work()
    begun = time.perf_counter_ns()
    log(1.0 / (step + 1), step)
    taken.append(time.perf_counter_ns() - begun)
cpu = time.process_time() - cpu
end = time.perf_counter()
{end}
end = time.perf_counter() - end
taken.sort()
at = lambda share: taken[int(share * (len(taken) - 1))] / 1000
print(json.dumps(dict(median=at(0.5), p99=at(0.99), most=at(1.0), cpu=cpu / {calls} * 1e6, end=end)))
"""
NORIA = """
import noria
run = noria.start_run("bench", server={server!r}, system_metrics=False)
log = lambda value, step: run.log_metric("loss", value, step)
"""
MLFLOW = """
import mlflow
mlflow.set_tracking_uri({server!r})
mlflow.start_run(run_name="bench")
log = lambda value, step: mlflow.log_metric("loss", value, step)
"""


def measured(python: str, begin: str, end: str, calls: int, folder: Path) -> dict[str, float]:
    """Run the loop in a process of its own."""
    code = LOOP.format(begin=begin, end=end, calls=calls)
    done = subprocess.run([python, "-c", code], cwd=folder, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def serve(root: Path) -> tuple[subprocess.Popen[bytes], str]:
    """Start a server of the project."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "noria.server", "--root", str(root), "--host", "127.0.0.1", "--port", str(port)]
    server = subprocess.Popen(command)
    url = f"http://127.0.0.1:{port}"
    for _ in range(600):
        try:
            urllib.request.urlopen(f"{url}/health").close()
            break
        except OSError:
            time.sleep(0.1)
    return server, url


def main() -> None:
    """Measure and print."""
    print(machine())
    print("command: python benchmarks/logging_client.py")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        (root / "noria.toml").write_text(PROJECT)
        os.environ["XDG_STATE_HOME"] = str(root / "state")
        server, url = serve(root)
        try:
            bare = measured(sys.executable, "log = lambda value, step: None", "", CALLS, root)
            rows = [("an empty function", bare, CALLS)]
            for name, address in (("noria, to a server", url), ("noria, to the project", None)):
                begin = NORIA.format(server=address)
                rows.append((name, measured(sys.executable, begin, "run.finish()", CALLS, root), CALLS))
            away = NORIA.format(server="http://127.0.0.1:9")
            rows.append(("noria, server away", measured(sys.executable, away, "run.finish()", CALLS, root), CALLS))
            peer = os.environ.get("NORIA_BENCH_MLFLOW", "")
            if peer:
                begin = MLFLOW.format(server=url)
                found = measured(peer, begin, "mlflow.end_run()", PEER_CALLS, root)
                rows.append(("MLflow client, same server", found, PEER_CALLS))
        finally:
            server.kill()
            server.wait()
    print(f"{'':28}{'median µs':>11}{'p99 µs':>10}{'most µs':>11}{'CPU µs a call':>15}{'end s':>8}")
    for name, one, _calls in rows:
        cpu = one["cpu"] - bare["cpu"]
        print(f"{name:28}{one['median']:11.1f}{one['p99']:10.1f}{one['most']:11.0f}{cpu:15.1f}{one['end']:8.2f}")


if __name__ == "__main__":
    main()
