"""Promise: a page over 100,000 runs is at most 60 KB and 6 requests cold, and costs the browser at most 150 ms of CPU.

Run: python benchmarks/page_load.py [runs]      needs Chromium and playwright
Real Chromium, an empty cache for each page, gzip as the server sends it. Bytes are what came over the wire with its
headers; CPU is the page's main thread (script share in brackets); server CPU is the median of repeated requests of
the page alone, from the process's own account.
"""

from __future__ import annotations

import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import urllib.request
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa
from playwright.sync_api import sync_playwright

from noria.runs.tables import run_metrics, run_params, runs
from noria.workspace import Workspace

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "server"))
import seeded_project

if TYPE_CHECKING:
    from playwright.sync_api import Browser

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
BATCH = 10_000
TICKS = os.sysconf("SC_CLK_TCK")


def fill(workspace: Workspace, count: int) -> None:
    """Add runs of three metrics and three parameters each."""
    now = datetime.now(UTC) - timedelta(days=40)
    for start in range(0, count, BATCH):
        ids = [uuid.uuid4().hex for _ in range(min(BATCH, count - start))]
        begun = {name: now - timedelta(minutes=start + place) for place, name in enumerate(ids)}
        with workspace.database.transaction() as connection:
            connection.execute(
                sa.insert(runs),
                [
                    {
                        "id": name, "kind": "pipeline", "name": "credit-risk", "status": "finished",
                        "started": begun[name], "ended": begun[name] + timedelta(seconds=20), "beat": begun[name],
                        "process": "x", "trigger": "manual", "git_commit": name, "git_clean": True, "error": None,
                    }
                    for name in ids
                ],
            )  # fmt: skip
            connection.execute(
                sa.insert(run_metrics),
                [
                    {"run_id": name, "name": metric, "step": 0, "value": 0.7, "at": now}
                    for name in ids
                    for metric in ("roc_auc", "brier", "log_loss")
                ],
            )
            connection.execute(
                sa.insert(run_params),
                [{"run_id": name, "name": key, "value": 5} for name in ids for key in ("folds", "depth", "seed")],
            )


def cpu_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def server_ms(url: str, pid: int) -> float:
    urllib.request.urlopen(url).read()
    costs = []
    for _ in range(4):
        before = cpu_of(pid)
        for _ in range(5):
            urllib.request.urlopen(url).read()
        costs.append((cpu_of(pid) - before) / 5 * 1000)
    return statistics.median(costs)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    print(f"python benchmarks/page_load.py {count}")
    print(f"{platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}; {count:,} runs\n")
    with tempfile.TemporaryDirectory() as folder:
        workspace = seeded_project.seeded(Path(folder) / "credit")
        fill(workspace, count)
        model = workspace.registry.get("credit-risk")
        pages = {
            "home": "/",
            "runs": "/runs",
            "runs, filtered": "/runs?where=trigger+%3D+data%3Achanged",
            "a run": f"/runs/{model.run_id}",
            "a model version": f"/models/{model.ref}",
            "a dataset": "/datasets/credit-risk@2",
            "deployment": "/deployments/credit-risk",
            "monitoring": "/monitoring/credit-risk",
            "alerts": "/alerts",
        }
        workspace.close()
        command = [sys.executable, "-m", "noria", "ui", "--port", "0"]
        with subprocess.Popen(
            command, cwd=workspace.root, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as server:
            assert server.stdout is not None
            url = server.stdout.readline().split()[2]
            print(f"{'page':<17}{'KB sent':>9}{'requests':>10}{'CPU ms':>12}{'heap MB':>9}{'server CPU ms':>15}")
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
                measure(browser, url + "/search?q=")  # the first page of a fresh browser pays for its start
                _, _, cpu, script, heap = measure(browser, "data:text/html,<p>empty")
                print(f"{'an empty page':<17}{0:>9.1f}{0:>10}{f'{cpu:.0f} ({script:.0f})':>12}{heap:>9.1f}")
                for name, path in pages.items():
                    sent, requests, cpu, script, heap = measure(browser, url + path)
                    ours = server_ms(url + path, server.pid)
                    spent = f"{cpu:.0f} ({script:.0f})"
                    print(f"{name:<17}{sent / 1000:>9.1f}{requests:>10}{spent:>12}{heap:>9.1f}{ours:>15.1f}")
                browser.close()
            server.terminate()
            server.wait()


def measure(browser: Browser, url: str) -> tuple[int, int, float, float, float]:
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    page = context.new_page()
    session = context.new_cdp_session(page)
    sent: list[int] = []
    session.on("Network.loadingFinished", lambda event: sent.append(int(event["encodedDataLength"])))
    requests: list[str] = []
    session.on("Network.requestWillBeSent", lambda event: requests.append(event["request"]["url"]))
    session.send("Network.enable")
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.goto(url, wait_until="load")
    page.wait_for_timeout(400)
    metrics = {entry["name"]: entry["value"] for entry in session.send("Performance.getMetrics")["metrics"]}
    context.close()
    pages = [one for one in requests if "/events/" not in one]
    heap = metrics["JSHeapUsedSize"] / 1e6
    return sum(sent), len(pages), metrics["TaskDuration"] * 1000, metrics["ScriptDuration"] * 1000, heap


if __name__ == "__main__":
    main()
