"""A real headless Chromium before a real server process, and a page that remembers every complaint."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import urllib.request
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

__all__ = ["Watched", "opened", "serving"]

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-dev-shm-usage",
    "--no-first-run",
]
PATIENCE = 90_000  # ms


def opened() -> Iterator[Browser]:
    """Open one Chromium for a module's tests, or skip them visibly."""
    reason = ""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        reason = "playwright"
    if CHROMIUM is None:
        reason = "Chromium"
    if reason and os.environ.get("NORIA_REQUIRE_SERVICES") == "1":
        pytest.fail(f"{reason} is not here, and NORIA_REQUIRE_SERVICES=1 demands it")
    if reason:
        pytest.skip(f"{reason} is not here")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


def serving(root: Path, *options: str) -> Iterator[str]:
    """Give the address of a server process on a project."""
    command = [sys.executable, "-m", "noria", "ui", "--port", "0", *options]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        url = server.stdout.readline().split()[2]
        urllib.request.urlopen(f"{url}/health").read()
        yield url
        server.terminate()
        assert server.wait(timeout=120) == 0


class Watched:
    """A page that remembers every complaint of the browser."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        page.set_default_timeout(PATIENCE)
        page.on("console", lambda message: self._note(message.type, message.text))
        page.on("pageerror", lambda error: self._note("error", str(error)))
        page.on("requestfailed", lambda request: self._note("error", f"{request.url}: {request.failure}"))

    def _note(self, kind: str, text: str) -> None:
        # A stream ends when its page is left, and the browser cancels the tab's icon if that is still under way.
        # Anything else that is cut short, or an icon that fails in another way, is a complaint.
        left = "/events/" in text or text.endswith("/wheel.svg: net::ERR_ABORTED")
        if kind in ("error", "warning") and not left:
            self.complaints.append(text)
