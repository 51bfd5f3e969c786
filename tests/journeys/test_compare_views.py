"""The two interactive views and the scatter in real headless Chromium: by pointer, by keyboard, in the dark, live."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent.parent / "server"))
import curved_project
from chromium import Watched, opened, serving

from noria.runs.recording import Point
from noria.runs.search import Question

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Locator, Page

    from noria.runs.run import Run
    from noria.workspace import Workspace

pytestmark = pytest.mark.browser

POINTS = 2000
MANY = "/compare?where=tags.sweep+%3D+many&limit=5000"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests."""
    yield from opened()


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Workspace, list[str]]]:
    """Four runs with curves of 2,000 points, and sixty of a sweep."""
    workspace, ids = curved_project.curved(tmp_path_factory.mktemp("curved") / "credit", points=POINTS)
    yield workspace, ids
    workspace.close()


@pytest.fixture(scope="module")
def address(project: tuple[Workspace, list[str]]) -> Iterator[str]:
    yield from serving(project[0].root)


@pytest.fixture
def watched(browser: Browser) -> Iterator[Watched]:
    """A page that must not have complained when the test is over."""
    context = browser.new_context(viewport={"width": 1360, "height": 1000})
    page = Watched(context.new_page())
    yield page
    context.close()
    assert page.complaints == []


def compared(ids: list[str]) -> str:
    return "/compare?" + "&".join(f"run={one}" for one in ids)


def figure(page: Page, kind: str, *, also: str = "") -> Locator:
    """Wait until a figure is drawn, and bring it into view."""
    found = page.locator(f"figure.{kind}{also}")
    found.scroll_into_view_if_needed()
    page.wait_for_selector(f"figure.{kind}{also}[data-mounted=yes][data-frames]")
    return found


def state(found: Locator) -> dict[str, str]:
    """What a figure says of itself, after the frame that is under way."""
    found.page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    told: dict[str, str] = found.evaluate("element => ({...element.dataset})")
    return told


def shown(found: Locator) -> tuple[float, float]:
    told = state(found)
    return float(told["from"]), float(told["to"])


def drag(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
    page.mouse.move(*end)
    page.mouse.up()


def box_of(found: Locator) -> dict[str, float]:
    box: Any = found.bounding_box()
    assert box is not None
    return dict(box)


def query(page: Page) -> dict[str, list[str]]:
    # Asked of the page itself: the driver hears of a replaced address a moment later.
    return parse_qs(urlsplit(page.evaluate("location.href")).query, keep_blank_values=True)


def steps_near(page: Page, chart: Locator, at: float) -> float:
    """The step that the note names at a place of the chart, from 0 to 1."""
    box = box_of(chart)
    page.mouse.move(box["x"] + at * box["width"], box["y"] + box["height"] / 2)
    told = chart.locator(".note-box b").inner_text()
    return float(told.removeprefix("step ").replace(",", ""))


# ---- curves


def test_a_drag_zooms_to_the_steps_under_it(
    watched: Watched, project: tuple[Workspace, list[str]], address: str
) -> None:
    page = watched.page
    page.goto(address + compared(project[1]) + "&metric=loss")
    curves = figure(page, "curves")
    chart = curves.locator(".chart")
    assert shown(curves) == (0, POINTS - 1)
    assert int(state(curves)["points"]) == 4 * POINTS
    left, right = steps_near(page, chart, 0.3), steps_near(page, chart, 0.6)
    box = box_of(chart)
    drag(page, (box["x"] + 0.3 * box["width"], box["y"] + 90), (box["x"] + 0.6 * box["width"], box["y"] + 120))
    low, high = shown(curves)
    assert (low, high) == (pytest.approx(left, abs=2), pytest.approx(right, abs=2))
    # What is drawn is what lies between, and one point beyond each edge.
    inside = sum(low <= step <= high for step in range(POINTS))
    assert 4 * inside <= int(state(curves)["points"]) <= 4 * (inside + 2)
    # The vertical axis follows what is seen.
    values = [
        point.value
        for one in project[1]
        for point in project[0].runs.history(one, "loss")
        if low <= point.step <= high and math.isfinite(point.value)
    ]
    told = state(curves)
    assert float(told["low"]) <= min(values)
    assert float(told["high"]) >= max(values)
    assert float(told["high"]) - float(told["low"]) < 2 * (max(values) - min(values))
    # The part is in the address: another person sees the same.
    page.reload()
    assert shown(figure(page, "curves")) == (pytest.approx(low), pytest.approx(high))
    page.locator("figure.curves .chart").dblclick(position={"x": 300, "y": 100})
    assert shown(figure(page, "curves")) == (0, POINTS - 1)
    assert "from" not in query(page)


def test_shift_and_drag_moves_what_is_seen(
    watched: Watched, project: tuple[Workspace, list[str]], address: str
) -> None:
    page = watched.page
    page.goto(address + compared(project[1]) + "&metric=loss&from=500&to=900")
    curves = figure(page, "curves")
    box = box_of(curves.locator(".chart"))
    page.keyboard.down("Shift")
    drag(page, (box["x"] + 700, box["y"] + 90), (box["x"] + 500, box["y"] + 90))
    page.keyboard.up("Shift")
    low, high = shown(curves)
    assert high - low == pytest.approx(400)
    assert 560 < low < 620


def test_curves_by_keyboard(watched: Watched, project: tuple[Workspace, list[str]], address: str) -> None:
    page = watched.page
    page.goto(address + compared(project[1]))
    curves = figure(page, "curves")
    curves.locator(".chart").focus()
    whole = shown(curves)
    page.keyboard.press("+")
    near = shown(curves)
    assert near[1] - near[0] == pytest.approx(0.6 * (whole[1] - whole[0]))
    page.keyboard.press("ArrowRight")
    moved = shown(curves)
    assert moved[0] > near[0]
    assert moved[1] - moved[0] == pytest.approx(near[1] - near[0])
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    assert shown(curves)[0] == whole[0], "never past the data"
    page.keyboard.press("-")
    page.keyboard.press("-")
    assert shown(curves) == whole
    page.keyboard.press("+")
    page.keyboard.press("Escape")
    assert shown(curves) == whole
    page.keyboard.press("+")
    page.keyboard.press("0")
    assert shown(curves) == whole


def test_the_wheel_zooms_only_where_somebody_is_at_work(
    watched: Watched, project: tuple[Workspace, list[str]], address: str
) -> None:
    page = watched.page
    page.goto(address + compared(project[1]))
    curves = figure(page, "curves")
    box = box_of(curves.locator(".chart"))
    page.mouse.move(box["x"] + 400, box["y"] + 100)
    page.mouse.wheel(0, -10)
    assert state(curves)["zoomed"] == "no", "a page is scrolled over a drawing"
    box = box_of(curves.locator(".chart"))
    page.mouse.click(box["x"] + 400, box["y"] + 100)
    page.mouse.wheel(0, -10)
    page.wait_for_selector("figure.curves[data-zoomed=yes]")


def test_the_note_tells_what_was_logged(watched: Watched, project: tuple[Workspace, list[str]], address: str) -> None:
    page = watched.page
    page.goto(address + compared(project[1]) + "&metric=loss")
    curves = figure(page, "curves")
    chart = curves.locator(".chart")
    step = int(steps_near(page, chart, 0.4))
    told = chart.locator(".note-box .n").all_inner_texts()
    logged = [next(p.value for p in project[0].runs.history(one, "loss") if p.step == step) for one in project[1]]
    assert [float(one) for one in told] == [pytest.approx(value, rel=1e-5) for value in logged]
    page.mouse.move(5, 5)
    assert chart.locator(".note-box").is_hidden()


def test_gaps_are_counted_and_a_run_can_be_put_away(
    watched: Watched, project: tuple[Workspace, list[str]], address: str
) -> None:
    page = watched.page
    page.goto(address + compared(project[1]) + "&metric=loss")
    curves = figure(page, "curves")
    keys = curves.locator("button.key")
    assert [key.split() for key in keys.all_inner_texts()] == [
        ["net", "1", "2", "NaN,", "1", "∞"],
        *(["net", str(number)] for number in (2, 3, 4)),
    ]
    keys.nth(0).click()
    assert keys.nth(0).get_attribute("aria-pressed") == "false"
    assert int(state(curves)["points"]) == 3 * POINTS
    assert query(page)["hide"] == [project[1][0]]
    keys.nth(0).press("Enter")
    assert int(state(curves)["points"]) == 4 * POINTS


def test_the_axes_can_be_changed_and_the_address_keeps_them(
    watched: Watched, project: tuple[Workspace, list[str]], address: str
) -> None:
    page = watched.page
    page.goto(address + compared(project[1]) + "&metric=loss")
    curves = figure(page, "curves")
    curves.get_by_label("along").select_option("relative")
    assert shown(curves) == (0, (POINTS - 1) * (90 + 7 * 3))
    curves.get_by_label("along").select_option("time")
    times = [p.at_ms for one in project[1] for p in project[0].runs.history(one, "loss")]
    assert shown(curves) == (min(times), max(times))
    curves.get_by_label("log scale").check()
    assert float(state(curves)["low"]) > 0
    curves.get_by_label("smooth").fill("0.9")
    assert (query(page)["x"], query(page)["log"], query(page)["smooth"]) == (["time"], ["1"], ["0.9"])
    page.reload()
    assert state(figure(page, "curves"))["along"] == "time"
    assert page.get_by_label("log scale").is_checked()
    # Another metric, the same look.
    page.get_by_label("Metric").select_option("accuracy")
    page.wait_for_url("**metric=accuracy**")
    assert query(page)["log"] == ["1"]


def test_smoothing_is_the_average_it_says(watched: Watched, project: tuple[Workspace, list[str]], address: str) -> None:
    page = watched.page
    page.goto(address + compared(project[1][:2]) + "&metric=loss&smooth=0.8")
    curves = figure(page, "curves")
    chart = curves.locator(".chart")
    step = int(steps_near(page, chart, 0.5))
    weights, expected = 0.0, 0.0
    history = [p for p in project[0].runs.history(project[1][0], "loss") if p.step <= step]
    finite = [p.value for p in history if math.isfinite(p.value)]
    for back, value in enumerate(reversed(finite)):
        weights += 0.8**back
        expected += 0.8**back * value
    told = chart.locator(".note-box .n").first.inner_text()
    assert float(told.partition(" ")[0]) == pytest.approx(expected / weights, rel=1e-5)


# ---- parallel coordinates


def inside(project: tuple[Workspace, list[str]], brushes: list[list[Any]]) -> list[str]:
    """Which runs of the sweep lie in all ranges, by another way than the page's."""

    def value(run: Run, key: str) -> object:
        room, _, name = key.partition(".")
        return run.params.get(name) if room == "params" else run.metrics.get(name)

    def kept(run: Run, brush: list[Any]) -> bool:
        key, low, high = brush
        found = value(run, key)
        if isinstance(found, str):
            return str(low) <= found <= str(high)
        return isinstance(found, int | float) and low <= found <= high

    runs = project[0].runs.search(Question.read("tags.sweep = 'many'"), 200).rows
    return [run.id for run in runs if all(kept(run, brush) for brush in brushes)]


def axis(found: Locator, name: str) -> Locator:
    return found.locator(".axis").filter(has=found.page.locator(f".axis-title:text-is('{name}')"))


def brush(page: Page, handle: Locator, low: float, high: float) -> None:
    """Draw a range on an axis between two parts of its height, from its foot."""
    box = box_of(handle)
    x = box["x"] + box["width"] / 2
    drag(page, (x, box["y"] + (1 - low) * box["height"]), (x, box["y"] + (1 - high) * box["height"]))


def ranges(page: Page) -> list[list[Any]]:
    return [json.loads(text) for text in query(page).get("brush", [])]


def test_ranges_keep_exactly_the_runs_inside_all_of_them(
    watched: Watched, project: tuple[Workspace, list[str]], address: str
) -> None:
    page = watched.page
    page.goto(address + MANY)
    lines = figure(page, "parallel")
    assert (state(lines)["selected"], state(lines)["total"]) == ("60", "60")
    brush(page, axis(lines, "rate"), 0.3, 0.8)
    (rate,) = ranges(page)
    assert rate[0] == "params.rate"
    first = inside(project, [rate])
    assert 0 < len(first) < 60
    assert state(lines)["selected"] == str(len(first))
    brush(page, axis(lines, "roc_auc"), 0.4, 0.85)
    both = inside(project, ranges(page))
    assert len(ranges(page)) == 2
    assert 0 < len(both) < len(first)
    assert lines.locator(".count").inner_text() == f"{len(both)} of 60"
    # The address says it all, and leads to those very runs side by side.
    page.reload()
    lines = figure(page, "parallel")
    assert state(lines)["selected"] == str(len(both))
    link = lines.get_by_role("link", name=f"Compare these {len(both)}")
    assert sorted(parse_qs(urlsplit(link.get_attribute("href") or "").query)["run"]) == sorted(both)
    lines.get_by_role("button", name="Clear ranges").click()
    assert state(lines)["selected"] == "60"
    assert ranges(page) == []


def test_a_range_of_categories(watched: Watched, project: tuple[Workspace, list[str]], address: str) -> None:
    page = watched.page
    page.goto(address + MANY)
    lines = figure(page, "parallel")
    box = box_of(axis(lines, "model"))
    brush(page, axis(lines, "model"), 0.02, 0.55)
    (found,) = ranges(page)
    assert found == ["params.model", "boosting", "logistic"]
    assert state(lines)["selected"] == str(len(inside(project, [found]))) == "40"
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] * 0.8)
    assert state(lines)["selected"] == "60", "a click takes the range away"


def test_parallel_coordinates_by_keyboard(watched: Watched, project: tuple[Workspace, list[str]], address: str) -> None:
    page = watched.page
    page.goto(address + MANY)
    lines = figure(page, "parallel")
    lines.get_by_text("Axes").focus()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "axis", "Tab leads to the first axis"
    axis(lines, "rate").focus()
    counts = []
    for key in ("ArrowDown", "ArrowUp", "ArrowUp", "Shift+ArrowUp", "Shift+ArrowUp"):
        page.keyboard.press(key)
        (found,) = ranges(page)
        assert state(lines)["selected"] == str(len(inside(project, [found])))
        counts.append(found)
    assert counts[1][1] > counts[0][1], "the range moved up"
    assert counts[3][1] == pytest.approx(counts[2][1], rel=1e-4)
    assert counts[3][2] > counts[2][2], "and grew"
    assert "rate: " in (axis(lines, "rate").get_attribute("aria-label") or "")
    page.keyboard.press("Escape")
    assert ranges(page) == []
    before = json.loads(state(lines)["axes"])
    page.keyboard.press("ArrowRight")
    after = json.loads(state(lines)["axes"])
    assert after.index("params.rate") == before.index("params.rate") + 1
    assert query(page)["axis"] == after
    page.keyboard.press("ArrowLeft")
    assert json.loads(state(lines)["axes"]) == before
    assert page.evaluate("document.activeElement.querySelector('.axis-title').textContent") == "rate"


def test_a_title_is_dragged_to_another_place(watched: Watched, address: str) -> None:
    page = watched.page
    page.goto(address + MANY)
    lines = figure(page, "parallel")
    before = json.loads(state(lines)["axes"])
    first, third = (box_of(lines.locator(".axis-title").nth(place)) for place in (0, 2))
    drag(page, (first["x"] + 8, first["y"] + 8), (third["x"] + third["width"] / 2, third["y"] + 8))
    after = json.loads(state(lines)["axes"])
    assert after == [before[1], before[2], before[0], *before[3:]]
    page.reload()
    assert json.loads(state(figure(page, "parallel"))["axes"]) == after


def test_axes_are_chosen(watched: Watched, address: str) -> None:
    page = watched.page
    page.goto(address + MANY)
    lines = figure(page, "parallel")
    lines.get_by_text("Axes").click()
    lines.get_by_role("checkbox", name="seed").check()
    lines.get_by_role("checkbox", name="rate").uncheck()
    axes = json.loads(state(lines)["axes"])
    assert "params.seed" in axes
    assert "params.rate" not in axes


def test_a_line_names_its_run_and_leads_to_it(
    watched: Watched, project: tuple[Workspace, list[str]], address: str
) -> None:
    page = watched.page
    page.goto(address + MANY)
    lines = figure(page, "parallel")
    box = box_of(lines.locator(".chart"))
    page.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + 0.45 * box["height"])
    one = state(lines)["hovered"]
    run = project[0].runs.get(one)
    note = lines.locator(".note-box")
    assert note.locator("b").inner_text() == f"{run.name} {one[:8]}"
    told = dict(zip(*[iter(note.inner_text().split("\n")[1:])] * 2, strict=True))
    assert told["model"] == run.params["model"]
    assert float(told["log_loss"]) == pytest.approx(run.metrics["log_loss"], rel=1e-4)
    page.mouse.down()
    page.mouse.up()
    page.wait_for_url(f"**/runs/{one}")


def test_only_the_runs_inside_answer_the_pointer(
    watched: Watched, project: tuple[Workspace, list[str]], address: str
) -> None:
    page = watched.page
    page.goto(address + MANY)
    lines = figure(page, "parallel")
    brush(page, axis(lines, "roc_auc"), 0.7, 0.98)
    kept = inside(project, ranges(page))
    box = box_of(lines.locator(".chart"))
    for down in range(2, 10):
        page.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + down / 10 * box["height"])
        assert state(lines)["hovered"] in ("", *kept)


# ---- scatter


def test_a_point_is_found_and_leads_to_its_run(
    watched: Watched, project: tuple[Workspace, list[str]], address: str
) -> None:
    page = watched.page
    page.goto(address + MANY + "&sx=params.depth&sy=metrics.roc_auc")
    points = page.locator("figure.scatter")
    points.scroll_into_view_if_needed()
    page.wait_for_selector("figure.scatter[data-drawn]")
    runs = project[0].runs.search(Question.read("tags.sweep = 'many'"), 200).rows
    drawn = sum("depth" in run.params and math.isfinite(run.metrics["roc_auc"]) for run in runs)
    assert state(points)["drawn"] == str(drawn)
    assert f"{60 - drawn} without both values" in points.inner_text()
    points.get_by_label("across").select_option("params.rate")
    assert state(points)["x"] == "params.rate"
    assert query(page)["sx"] == ["params.rate"]
    box = box_of(points.locator(".chart"))
    for at in range(5, 60):
        page.mouse.move(box["x"] + at / 60 * box["width"], box["y"] + box["height"] * (0.3 + at % 5 / 10))
        if state(points)["hovered"]:
            break
    one = state(points)["hovered"]
    assert project[0].runs.get(one).name in points.locator(".note-box").inner_text()
    page.mouse.down()
    page.mouse.up()
    page.wait_for_url(f"**/runs/{one}")


# ---- all of them


def test_runs_are_chosen_and_compared_and_a_new_run_does_not_undo_the_choice(
    watched: Watched, project: tuple[Workspace, list[str]], address: str
) -> None:
    page = watched.page
    page.goto(f"{address}/runs")
    for one in project[1][:2]:
        page.locator(f"input[value='{one}']").check()
    page.locator("h1").click()
    with page.expect_response("**/runs"):
        project[0].runs.finish(project[0].runs.start("train", "meanwhile"), "finished")
    assert page.locator("input[name=run]:checked").count() == 2
    page.get_by_role("button", name="Compare the chosen").click()
    page.wait_for_url("**/compare?*")
    assert query(page)["run"] == project[1][1::-1], "the newest stands first"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1360])
def test_everything_is_drawn_without_complaint(
    browser: Browser, project: tuple[Workspace, list[str]], address: str, scheme: str, width: int
) -> None:
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})  # type: ignore[arg-type]
    watched = Watched(context.new_page())
    page = watched.page
    page.goto(f"{address}{compared(project[1])}&where=")
    for kind in ("curves", "parallel", "scatter"):
        found = page.locator(f"figure.{kind}")
        found.scroll_into_view_if_needed()
        page.wait_for_selector(f"figure.{kind}[data-mounted=yes]")
        state(found)
        assert inked(found.locator("canvas").first) > 500, kind
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    context.close()
    assert watched.complaints == []


def inked(canvas: Locator) -> int:
    """How many pixels have a colour."""
    count: int = canvas.evaluate(
        """canvas => {
            const { width, height } = canvas;
            const copy = Object.assign(document.createElement("canvas"), { width, height });
            const pen = copy.getContext("2d", { willReadFrequently: true });
            pen.drawImage(canvas, 0, 0);
            const { data } = pen.getImageData(0, 0, width, height);
            let inked = 0;
            for (let at = 3; at < data.length; at += 4) if (data[at]) inked++;
            return inked;
        }"""
    )
    return count


def colours(canvas: Locator) -> set[str]:
    """The colours that are drawn in full."""
    found: list[str] = canvas.evaluate(
        """canvas => {
            const { width, height } = canvas;
            const copy = Object.assign(document.createElement("canvas"), { width, height });
            const pen = copy.getContext("2d", { willReadFrequently: true });
            pen.drawImage(canvas, 0, 0);
            const { data } = pen.getImageData(0, 0, width, height);
            const found = new Set();
            for (let at = 0; at < data.length; at += 4) if (data[at + 3] === 255)
                found.add("#" + [0, 1, 2].map(part => data[at + part].toString(16).padStart(2, "0")).join(""));
            return [...found];
        }"""
    )
    return set(found)


def test_the_theme_recolours_what_stands(watched: Watched, project: tuple[Workspace, list[str]], address: str) -> None:
    page = watched.page
    page.goto(address + compared(project[1][:2]) + "&metric=accuracy")
    curves = figure(page, "curves")
    line = "getComputedStyle(document.documentElement).getPropertyValue('--line').trim()"
    state(curves)
    light = page.evaluate(line)
    assert light in colours(curves.locator("canvas").first)
    page.click("#theme")
    state(curves)
    assert page.evaluate(line) != light
    assert page.evaluate(line) in colours(curves.locator("canvas").first)
    assert light not in colours(curves.locator("canvas").first)


def test_a_screen_of_fine_pixels_and_another_width_are_followed(
    browser: Browser, project: tuple[Workspace, list[str]], address: str
) -> None:
    context = browser.new_context(viewport={"width": 1200, "height": 900}, device_scale_factor=2)
    page = context.new_page()
    page.goto(address + compared(project[1]))
    curves = figure(page, "curves")
    wide = "canvas => [canvas.width, canvas.clientWidth]"
    real, css = curves.locator("canvas").first.evaluate(wide)
    assert real == 2 * css
    page.set_viewport_size({"width": 800, "height": 900})
    state(curves)
    narrow, after = curves.locator("canvas").first.evaluate(wide)
    assert after < css
    assert narrow == 2 * after
    context.close()


def test_what_any_client_may_log_neither_hangs_nor_breaks_a_drawing(
    watched: Watched, project: tuple[Workspace, list[str]], address: str
) -> None:
    page = watched.page
    extremes = curved_project.extreme(project[0])
    for name, one in extremes.items():
        for look in ("", "&log=1", "&x=time&smooth=0.5", "&x=relative&from=-1e300&to=1e300"):
            page.goto(address + compared([one, project[1][0]]) + "&metric=m" + look)
            curves = figure(page, "curves")
            curves.locator(".chart").focus()
            for key in "++-0":
                page.keyboard.press(key)
            assert state(curves)["mounted"] == "yes", name
    page.goto(address + compared(list(extremes.values())))
    for kind in ("curves", "parallel"):
        assert int(state(figure(page, kind))["frames"]) > 0


def test_data_that_cannot_be_had_leaves_the_drawing_of_the_server(
    browser: Browser, project: tuple[Workspace, list[str]], address: str
) -> None:
    page = browser.new_page()
    page.route("**/compare/curves*", lambda route: route.fulfill(status=503, json={"error": {"what": "busy"}}))
    page.goto(address + compared(project[1]))
    page.locator("figure.curves").scroll_into_view_if_needed()
    page.wait_for_selector("figure.curves[data-mounted=no]")
    assert page.locator("figure.curves svg.np").count() == 1
    page.close()


def test_curves_of_a_running_run_grow_by_themselves(
    watched: Watched, project: tuple[Workspace, list[str]], address: str
) -> None:
    page = watched.page
    runs = project[0].runs
    run = runs.start("train", "at work")
    runs.log_batch(run, points=[Point("loss", 1 / (1 + step), 1_000 * step, step) for step in range(10)])
    page.goto(f"{address}/runs/{run}")
    curves = figure(page, "curves", also="#curve-loss")
    assert shown(curves) == (0, 9)
    curves.locator(".chart").evaluate("chart => { chart.dataset.mine = 'kept'; }")
    runs.log_batch(run, points=[Point("loss", 1 / (1 + step), 1_000 * step, step) for step in range(10, 30)])
    page.wait_for_selector("#curve-loss[data-to='29']")
    assert curves.locator(".chart").get_attribute("data-mine") == "kept", "the drawing itself stays"
    # A metric that begins meanwhile gets a curve of its own.
    runs.log_batch(run, points=[Point("val_loss", 2.0 - step / 10, 1_000 * step, step) for step in range(5)])
    runs.log_metrics(run, {"loss": 0.02}, step=30)
    page.wait_for_selector("#curve-val_loss[data-to='4']")
    page.wait_for_selector("#curve-loss[data-to='30']")
    runs.finish(run, "finished")
    page.locator("#state", has_text="finished").wait_for()


def test_compared_runs_that_are_at_work_grow_too(
    watched: Watched, project: tuple[Workspace, list[str]], address: str
) -> None:
    page = watched.page
    runs = project[0].runs
    run = runs.start("train", "at work beside")
    runs.log_batch(run, points=[Point("loss", 1.0, step, step) for step in range(5)])
    page.goto(address + compared([run, project[1][0]]) + "&metric=loss")
    curves = figure(page, "curves")
    assert int(state(curves)["points"]) == POINTS + 5
    runs.log_batch(run, points=[Point("loss", 0.5, step, step) for step in range(5, 9)])
    page.wait_for_selector(f"figure.curves[data-points='{POINTS + 9}']")
    runs.finish(run, "finished")
