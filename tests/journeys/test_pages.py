"""The pages in real headless Chromium: no console error, live, usable by keyboard and without scripts.

With ``NORIA_SCREENSHOTS=1`` the pictures for README and docs are kept in ``docs/images``;
``NORIA_SCREENSHOTS=/path/of/a/project`` takes them of that project.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent.parent / "server"))
import seeded_project
from chromium import Watched, opened, serving

from noria.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

IMAGES = Path(__file__).parent.parent.parent / "docs" / "images"

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests."""
    yield from opened()


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A project after some weeks, served."""
    workspace = seeded_project.seeded(tmp_path_factory.mktemp("pages") / "credit")
    folder = workspace.root / "scans"
    for name in ("train/a.png", "train/b.png", "valid/c.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode() * 100)
    workspace.datasets.folders.add(folder, note="first delivery")
    (folder / "train/b.png").unlink()
    workspace.datasets.folders.add(folder)
    yield workspace
    workspace.close()


@pytest.fixture(scope="module")
def address(project: Workspace) -> Iterator[str]:
    """The address of a real server process on the project."""
    yield from serving(project.root)


@pytest.fixture(scope="module")
def empty_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The same on a project in which nothing has run."""
    workspace = seeded_project.new_project(tmp_path_factory.mktemp("empty") / "credit")
    workspace.close()
    yield from serving(workspace.root)


def pages_of(project: Workspace) -> list[str]:
    runs = [f"/runs/{run.id}" for run in project.runs.list(4)]
    model = project.project.name
    versions = [f"/models/{version.ref}" for version in project.registry.versions(model)]
    data = [f"/datasets/{version.ref}" for version in project.datasets.versions(model)]
    return [
        "/",
        "/runs",
        "/runs?where=status+%3D+failed",
        *runs,
        "/models",
        f"/models/{model}",
        *versions,
        "/datasets",
        *data,
        f"/datasets/{model}@2/diff",
        "/datasets/scans@2",
        "/datasets/scans@2?in=train",
        "/datasets/scans@2/diff",
        "/deployments",
        "/monitoring",
        "/alerts",
        "/search?q=boost",
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_makes_the_browser_complain(browser: Browser, project: Workspace, address: str, scheme: str) -> None:
    context = browser.new_context(color_scheme=scheme, viewport={"width": 1360, "height": 850})  # type: ignore[arg-type]
    watched = Watched(context.new_page())
    for path in pages_of(project):
        response = watched.page.goto(address + path)
        assert response is not None
        assert response.status == 200, path
        assert watched.page.locator("h1").count() == 1, path
    context.close()
    assert watched.complaints == []


def test_an_empty_project_makes_no_page_complain(browser: Browser, empty_address: str) -> None:
    context = browser.new_context()
    watched = Watched(context.new_page())
    for path in ("/", "/runs", "/models", "/datasets", "/deployments", "/monitoring", "/alerts"):
        watched.page.goto(empty_address + path)
        assert watched.page.locator("h1").count() == 1, path
    context.close()
    assert watched.complaints == []


def test_a_narrow_screen_needs_no_sideways_scrolling(browser: Browser, project: Workspace, address: str) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 800})
    page = context.new_page()
    for path in pages_of(project):
        page.goto(address + path)
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 390, f"{path} is {wide} px wide"
    context.close()


def test_a_wide_screen_cuts_no_table_off(browser: Browser, project: Workspace, address: str) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    cut = "[...document.querySelectorAll('.scroll')].filter(one => one.scrollWidth > one.clientWidth).length"
    for path in pages_of(project):
        page.goto(address + path)
        assert page.evaluate(cut) == 0, path
    context.close()


@pytest.mark.parametrize("width", [400, 700, 1280])
def test_tiles_leave_no_hole(browser: Browser, project: Workspace, address: str, width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 800})
    page = context.new_page()
    holes = """[...document.querySelectorAll(".tiles")].flatMap(tiles => {
        const ends = {};
        for (const tile of tiles.children) {
            const { top, right } = tile.getBoundingClientRect();
            ends[top] = Math.max(ends[top] ?? 0, right);
        }
        return Object.values(ends).map(end => tiles.getBoundingClientRect().right - end).filter(hole => hole > 2);
    })"""
    for path in pages_of(project):
        page.goto(address + path)
        assert page.evaluate(holes) == [], path
    context.close()


def test_the_slash_key_leads_to_the_search(browser: Browser, address: str) -> None:
    page = browser.new_page()
    page.goto(address)
    page.keyboard.press("/")
    page.keyboard.type("boosting")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search?q=boosting")
    assert page.locator("main a[href^='/models/']").count() > 0
    page.close()


def test_the_theme_is_kept(browser: Browser, address: str) -> None:
    context = browser.new_context(color_scheme="light")
    page = context.new_page()
    page.goto(address)
    page.click("#theme")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.goto(f"{address}/runs")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    context.close()


def test_a_new_run_appears_by_itself(browser: Browser, project: Workspace, address: str) -> None:
    page = browser.new_page()
    page.goto(f"{address}/runs")
    before = page.locator("#runs tbody tr").count()
    run = project.runs.start("pipeline", "seen without a reload")
    page.wait_for_selector(f"a[href='/runs/{run}']")
    assert page.locator("#runs tbody tr").count() == before + 1
    project.runs.finish(run, "finished")
    page.close()


def test_a_run_is_followed_to_its_end(browser: Browser, project: Workspace, address: str) -> None:
    run = project.runs.start("pipeline", "to its end")
    page = browser.new_page()
    page.goto(f"{address}/runs/{run}")
    assert page.inner_text("#state") == "running"
    project.runs.finish(run, "finished")
    page.locator("#state", has_text="finished").wait_for()
    page.close()


def test_a_version_is_promoted_by_hand_without_scripts(browser: Browser, project: Workspace, address: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/models/credit-risk@1")
    page.fill("#promotion input[name=reason]", "seen in a browser")
    page.check("#promotion input[name=confirm]")
    page.click("#promotion button")
    assert "Promoted." in page.inner_text("[role=status]")
    assert project.aliases.current("credit-risk") == 1
    page.click("#promotion summary")
    page.fill("#promotion input[name=reason]", "and back again")
    page.check("#promotion input[name=confirm]")
    page.click("#promotion button")
    assert project.aliases.current("credit-risk") == 3
    context.close()


def test_a_report_cannot_run_scripts(browser: Browser, project: Workspace, address: str) -> None:
    content = b"<!doctype html><title>x</title><script>document.title = 'ran'</script>"
    run = project.runs.start("pipeline", "hostile")
    project.artifacts.add(run, "report.html", project.blobs.put(content), len(content), "text/html")
    project.runs.finish(run, "finished")
    page = browser.new_page()
    page.goto(f"{address}/runs/{run}/artifacts/report.html")
    assert page.title() == "x"
    page.close()


def test_pictures(browser: Browser, project: Workspace, address: str, tmp_path: Path) -> None:
    wanted = os.environ.get("NORIA_SCREENSHOTS", "")
    if wanted in ("", "1"):
        folder = IMAGES if wanted else tmp_path
        take(browser, project, address, folder)
    else:
        folder = IMAGES
        workspace = Workspace(Path(wanted))
        source = serving(workspace.root)
        take(browser, workspace, next(source), folder)
        next(source, None)
        workspace.close()
    assert all((folder / f"monitoring-{scheme}.png").stat().st_size > 10_000 for scheme in ("light", "dark"))


def take(browser: Browser, project: Workspace, address: str, folder: Path) -> None:
    model = project.project.name
    newest = project.registry.get(model).ref
    shots = {
        "home-light": "/",
        "run-light": f"/runs/{project.registry.get(model).run_id}",
        "model-version-light": f"/models/{newest}",
        "monitoring-light": f"/monitoring/{model}",
        "monitoring-dark": f"/monitoring/{model}",
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, path in shots.items():
        context = browser.new_context(color_scheme=name.rpartition("-")[2], viewport={"width": 1280, "height": 800})  # type: ignore[arg-type]
        page = context.new_page()
        page.goto(address + path)
        page.screenshot(path=folder / f"{name}.png")
        context.close()
