"""Promise: a zoom step over 10 curves of 20,000 points costs the page's main thread at most 50 ms.

Run: python benchmarks/compare_view.py      needs Chromium and playwright
Real Chromium without a GPU, so that drawing is paid for too. A step is a key pressed on the curves; the same keys are
pressed on an empty page, and its cost is taken off. Lines of parallel coordinates: a key moves a range over 5,000 runs.
CPU is the main thread's own account, not wall time; each figure is the median of several rounds.
"""

from __future__ import annotations

import gzip
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "server"))
import curved_project

from noria.server.assets import assets

if TYPE_CHECKING:
    from playwright.sync_api import CDPSession, Page

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
ROUNDS = 7
STEPS = 8
TICKS = os.sysconf("SC_CLK_TCK")
EMPTY = "data:text/html,<body tabindex=0>empty"


def cpu_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def spent(session: CDPSession) -> float:
    metrics = {entry["name"]: entry["value"] for entry in session.send("Performance.getMetrics")["metrics"]}
    return float(metrics["TaskDuration"]) * 1000


def step_ms(page: Page, session: CDPSession, keys: list[str]) -> float:
    """Give the main thread's CPU for one key, from several."""
    before = spent(session)
    for key in keys:
        page.keyboard.press(key)
        # The next frame has been drawn when a second one is asked for.
        page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return (spent(session) - before) / len(keys)


def main() -> None:
    print("python benchmarks/compare_view.py")
    print(f"{platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}\n")
    scripts = ("keys", "canvas", "columns", "curves", "parallel", "scatter")
    sent = sum(len(gzip.compress(assets()[f"{name}.js"].content)) for name in scripts)
    print(f"JavaScript of the page, gzip: {sent / 1000:.1f} KB")
    with tempfile.TemporaryDirectory() as folder:
        workspace, ids = curved_project.curved(Path(folder) / "credit", runs=10, points=20_000, many=0)
        chance = random.Random(1)
        for _ in range(5_000):
            run = workspace.runs.start("train", "trial", tags={"sweep": "many"})
            workspace.runs.log_batch(
                run,
                params={
                    "depth": chance.randint(1, 12),
                    "rate": 10 ** chance.uniform(-4, 0),
                    "model": chance.choice("abc"),
                },
            )
            workspace.runs.log_metrics(
                run, {"auc": chance.random(), "log_loss": chance.random(), "f1": chance.random()}
            )
        workspace.close()
        command = [sys.executable, "-m", "noria", "ui", "--port", "0"]
        with subprocess.Popen(
            command, cwd=workspace.root, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as server:
            assert server.stdout is not None
            url = server.stdout.readline().split()[2]
            chosen = "&".join(f"run={one}" for one in ids)
            for name, path in {
                "curves of 10 x 20,000 points": f"/compare/curves?{chosen}&metric=loss",
                "columns of 5,000 runs": "/compare/points?where=tags.sweep+%3D+many&limit=5000",
                "the page of 10 runs": f"/compare?{chosen}",
            }.items():
                urllib.request.urlopen(url + path).read()
                before = cpu_of(server.pid)
                request = urllib.request.Request(url + path, headers={"accept-encoding": "gzip"})
                size = len(urllib.request.urlopen(request).read())
                print(f"server, {name}: {(cpu_of(server.pid) - before) * 1000:.0f} ms CPU, {size / 1000:.0f} KB gzip")
            print(f"\n{'main thread, CPU ms a step':<52}{'step':>8}{'empty page':>12}{'difference':>12}")
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
                many = "/compare?where=tags.sweep+%3D+many&limit=5000"
                views = (
                    # In and out again, so that every step draws most of the points.
                    ("zoom, 10 x 20,000 points", f"/compare?{chosen}", "curves", ".chart", ["+", "0"]),
                    ("the same, smoothed", f"/compare?{chosen}&smooth=0.9", "curves", ".chart", ["+", "0"]),
                    ("zoom far in, and along", f"/compare?{chosen}", "curves", ".chart", ["+", "ArrowRight"]),
                    ("a range moved over 5,000 lines", many, "parallel", ".axis", ["ArrowUp", "ArrowDown"]),
                )
                for name, path, kind, target, keys in views:
                    page = browser.new_page(viewport={"width": 1280, "height": 800})
                    page.goto(url + path)
                    figure = page.locator(f"figure.{kind}")
                    figure.scroll_into_view_if_needed()
                    page.wait_for_selector(f"figure.{kind}[data-mounted=yes]")
                    figure.locator(target).first.focus()
                    blank = browser.new_page(viewport={"width": 1280, "height": 800})
                    blank.goto(EMPTY)
                    costs, idle = [], []
                    for one, into, found in ((page, costs, keys * (STEPS // 2)), (blank, idle, keys * (STEPS // 2))):
                        one.bring_to_front()
                        session = one.context.new_cdp_session(one)
                        session.send("Performance.enable", {"timeDomain": "threadTicks"})
                        step_ms(one, session, found)
                        into += [step_ms(one, session, found) for _ in range(ROUNDS)]
                    step, nothing = statistics.median(costs), statistics.median(idle)
                    print(f"{name:<52}{step:>8.1f}{nothing:>12.1f}{step - nothing:>12.1f}")
                    page.close()
                    blank.close()
                browser.close()
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
