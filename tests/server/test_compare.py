"""Runs side by side: the page without scripts, the data its drawings ask for, and what is said to a wrong question."""

from __future__ import annotations

import gzip
import math
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import curved_project
import pytest
from hypothesis import given
from hypothesis import strategies as st
from page_browser import Browser
from page_checker import check

from noria.runs.operations import number_to
from noria.runs.recording import Point
from noria.server.assets import _FOLDER, assets
from noria.server.pages.compare import greater_is_better
from noria.server.pages.pulse import fingerprint
from noria.server.pages.thinning import thin

if TYPE_CHECKING:
    from pathlib import Path

MANY = "tags.sweep = many"
MOST_SCRIPT = 20_000
"""Bytes, gzip, of all modules of one page."""


class Curved(Browser):
    """A browser before a project of curves, and the ids of the runs that have them."""

    ids: list[str]

    def compare(self, *ids: str, **more: str) -> str:
        response = self.get("/compare", params=[*(("run", one) for one in ids), *more.items()])
        assert response.status_code == 200
        check(response)
        return response.text


@pytest.fixture(scope="session")
def curved(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Curved]:
    workspace, ids = curved_project.curved(tmp_path_factory.mktemp("curved") / "credit")
    browser = Curved(workspace)
    browser.ids = ids
    yield browser
    workspace.close()


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Curved]:
    """The same for a test that adds runs."""
    workspace, ids = curved_project.curved(tmp_path / "credit", runs=2, points=30, many=3)
    browser = Curved(workspace)
    browser.ids = ids
    yield browser
    workspace.close()


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


# ---- the page


def test_only_differences_are_shown_until_all_are_asked_for(curved: Curved) -> None:
    page = curved.compare(*curved.ids)
    assert ">learning_rate<" in page
    assert ">layers<" in page
    assert ">optimizer<" not in page
    assert "2 parameters are the same everywhere" in text_of(page)
    everything = curved.compare(*curved.ids, all="1")
    assert ">optimizer<" in everything
    assert ">batch<" in everything
    assert "only what differs" in everything


def test_the_best_is_marked_in_the_direction_of_each_metric(curved: Curved) -> None:
    page = curved.compare(*curved.ids)
    runs = [curved.workspace.runs.get(one) for one in curved.ids]
    for name, best in (("accuracy", max), ("loss", min)):
        row = re.search(rf'<tr><th scope="row"><span class="clip" title="{name}">.*?</tr>', page, re.DOTALL)
        assert row is not None
        cells = re.findall(r"<td(.*?)</td>", row[0])
        values = [run.metrics[name] for run in runs]
        assert ["best" in cell for cell in cells] == [value == best(values) for value in values], name
        told = [re.search(r"<small[^>]*>([+-]?[\d.e-]+)</small>", cell) for cell in cells]
        assert told[0] is None, "the first run does not differ from itself"
        for value, found in zip(values[1:], told[1:], strict=True):
            assert found is not None
            assert float(found[1]) == pytest.approx(value - values[0], abs=5.1e-5)


def test_a_metric_whose_direction_nobody_knows_has_no_best(alone: Curved) -> None:
    for place, one in enumerate(alone.ids):
        alone.workspace.runs.log_metrics(one, {"width": 3.0 + place})
    page = alone.compare(*alone.ids)
    row = re.search(r'title="width">.*?</tr>', page, re.DOTALL)
    assert row is not None
    assert "best" not in row[0]
    assert greater_is_better("width") is None


def test_values_that_are_not_finite_are_written_as_they_are(alone: Curved) -> None:
    first, second = alone.ids
    alone.workspace.runs.log_metrics(first, {"f1": math.nan, "auc": math.inf})
    alone.workspace.runs.log_metrics(second, {"f1": 0.5, "auc": 0.5})
    page = text_of(alone.compare(first, second))
    assert re.search(r"f1 ↑ NaN 0.5000", page)
    assert re.search(r"auc ↑ ∞ 0.5000", page)


def test_without_scripts_the_curves_are_drawn_and_small(curved: Curved) -> None:
    page = curved.compare(*curved.ids, metric="loss")
    figure = re.search(r'<figure class="curves".*?</figure>', page, re.DOTALL)
    assert figure is not None
    paths = re.findall(r'<path d="([^"]+)"', figure[0])
    # Four curves, the first in three pieces around its gaps.
    assert len(paths) == 6
    assert sum(len(re.findall(r"[\d.]+ ", path)) for path in paths) < 4 * 600
    assert all(f"net {number}" in figure[0] for number in range(1, 5))
    assert len(gzip.compress(page.encode())) < 60_000


def test_the_metric_is_chosen_in_the_address_or_taken_from_the_longest_curves(curved: Curved) -> None:
    assert "<option selected>accuracy" in curved.compare(*curved.ids, metric="accuracy")
    assert re.search(r"<option selected>(accuracy|loss)<", curved.compare(*curved.ids))
    assert re.search(r"<option selected>(accuracy|loss)<", curved.compare(*curved.ids, metric="<none>"))


def test_ids_may_be_short_and_each_run_stands_once(curved: Curved) -> None:
    first, second, *_ = curved.ids
    page = curved.compare(first[:10], second, first)
    assert "Compare 2 runs" in page
    assert f"noria runs compare {first[:8]} {second[:8]}" in page


def test_runs_without_anything_in_common_can_be_compared(alone: Curved) -> None:
    bare = [alone.workspace.runs.start("train", "bare") for _ in range(2)]
    page = text_of(alone.compare(*bare))
    assert "None recorded." in page
    assert "No run has recorded a metric yet" in page


def test_a_hundred_runs_stand_side_by_side(alone: Curved) -> None:
    ids = [alone.workspace.runs.start("train", f"r{number}", tags={}) for number in range(100)]
    alone.workspace.runs.log_metrics(ids[0], {"loss": 1.0})
    assert "Compare 100 runs" in alone.compare(*ids)


def test_names_from_outside_are_shown_and_never_run(alone: Curved) -> None:
    evil = '"><img src=x onerror=alert(1)>'
    ids = [alone.workspace.runs.start("train", evil) for _ in range(2)]
    for place, one in enumerate(ids):
        alone.workspace.runs.log_params(one, {evil: evil * (place + 1)})
        alone.workspace.runs.log_batch(one, points=[Point(evil, 1.0, 1, 1), Point(evil, 2.0, 2, 2)])
    for page in (alone.compare(*ids), alone.compare(where=""), alone.get(f"/runs/{ids[0]}").text):
        assert "<img" not in page


def test_the_start_says_how_and_offers_the_newest(curved: Curved, empty: Browser) -> None:
    page = curved.get("/compare")
    assert page.status_code == 200
    check(page)
    offered = re.search(r'href="(/compare\?run=[^"]+)"', page.text)
    assert offered is not None
    assert curved.get(offered[1].replace("&amp;", "&")).status_code == 200
    nothing = empty.get("/compare")
    check(nothing)
    assert "noria run" in nothing.text


def test_runs_are_chosen_on_their_page(curved: Curved) -> None:
    page = curved.get("/runs")
    check(page)
    form = re.search(r'<form action="/compare">.*?</form>', page.text, re.DOTALL)
    assert form is not None
    boxes = re.findall(r'<input type="checkbox" name="run" value="([0-9a-f]{32})"', form[0])
    assert set(curved.ids) <= set(boxes)
    assert '/compare?where=status%20%3D%20finished"' in curved.get("/runs?where=status+%3D+finished").text


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ("run=ffff0000", 404, "there is no run"),
        ("run=ffff0000&run=0000ffff", 404, "there is no run"),
        ("run={0}", 400, "one run alone cannot be compared"),
        ("run={0}&run={0}", 400, "one run alone cannot be compared"),
        ("&".join(["run={0}"] * 101), 400, "101 runs are too many"),
        ("where=&limit=0", 400, "is not a number from 2 to 5000"),
        ("where=&limit=5001", 400, "is not a number from 2 to 5000"),
        ("where=&limit=1e3", 400, "is not a number from 2 to 5000"),
        ("run=", 404, "there is no run"),
        ("run=%00", 400, "mend"),
        ("run=%25", 404, "there is no run"),
    ],
)
def test_a_wrong_question_gives_a_page_that_says_what_to_do(
    curved: Curved, query: str, status: int, words: str
) -> None:
    response = curved.get(f"/compare?{query.format(curved.ids[0])}")
    assert response.status_code == status
    check(response)
    assert words in text_of(response.text)
    assert "mend:" in response.text


# ---- a filter


def test_the_runs_of_a_filter_are_shown_with_their_true_count(curved: Curved) -> None:
    page = curved.compare(where=MANY, limit="5000")
    assert re.search(r"60 runs where tags.sweep = many", text_of(page))
    assert 'class="parallel"' in page
    assert 'class="curves"' not in page
    assert len(set(re.findall(r'href="/runs/([0-9a-f]{32})"', page))) == 60
    few = text_of(curved.compare(where=MANY, limit="20"))
    assert "20 newest runs" in few
    assert "up to 5,000" in few


def test_a_filter_that_cannot_be_read_or_keeps_nothing_is_told_on_the_page(curved: Curved) -> None:
    wrong = curved.compare(where="== =")
    assert "mend:" in wrong
    assert 'value="== ="' in wrong
    assert "Nothing to compare" in curved.compare(where="name = nobody")


def test_chosen_runs_can_stand_before_all(curved: Curved) -> None:
    page = curved.compare(*curved.ids[:2], where="")
    assert "Compare 2 runs" in page
    assert "64 runs" in text_of(page)


# ---- the data


def test_a_curve_comes_exactly_as_it_was_logged(curved: Curved) -> None:
    first, second = curved.ids[:2]
    answer = curved.get(f"/compare/curves?run={first}&run={second}&metric=loss")
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["content-encoding"] == "gzip"
    body = answer.json()
    assert body["metric"] == "loss"
    for sent, one in zip(body["runs"], (first, second), strict=True):
        history = curved.workspace.runs.history(one, "loss")
        assert sent["id"] == one
        assert sent["total"] == len(history) == 2000
        assert sent["points"]["step"] == [point.step for point in history]
        assert sent["points"]["time"] == [point.at_ms for point in history]
        values = [float(value) for value in sent["points"]["value"]]
        assert [repr(value) for value in values] == [repr(point.value) for point in history]
    assert (body["runs"][0]["nan"], body["runs"][0]["infinite"]) == (2, 1)
    assert body["runs"][0]["points"]["value"][500] == "NaN"
    assert body["runs"][0]["points"]["value"][700] == "Infinity"


def test_one_run_alone_has_curves_and_a_metric_it_lacks_is_empty(curved: Curved) -> None:
    only = curved.get(f"/compare/curves?run={curved.ids[0][:8]}&metric=roc_auc").json()["runs"]
    assert only == [
        {
            "id": curved.ids[0],
            "name": "net 1",
            "total": 0,
            "nan": 0,
            "infinite": 0,
            "points": {"step": [], "time": [], "value": []},
        }
    ]


def test_columns_hold_what_the_runs_hold(curved: Curved) -> None:
    body = curved.get("/compare/points", params={"where": MANY, "limit": "5000"}).json()
    runs = [curved.workspace.runs.get(one) for one in body["runs"]["id"]]
    assert body["total"] == len(runs) == 60
    assert body["runs"]["name"] == [run.name for run in runs]
    columns = {column["key"]: column for column in body["columns"]}
    assert set(columns) == {
        "params.depth",
        "params.rate",
        "params.model",
        "params.seed",
        "metrics.roc_auc",
        "metrics.log_loss",
    }
    assert columns["params.depth"]["values"] == [run.params.get("depth") for run in runs]
    assert None in columns["params.depth"]["values"]
    names = columns["params.model"]["categories"]
    assert [names[place] for place in columns["params.model"]["values"]] == [run.params["model"] for run in runs]
    assert columns["metrics.roc_auc"]["values"] == [number_to(run.metrics["roc_auc"]) for run in runs]
    assert "NaN" in columns["metrics.roc_auc"]["values"]
    # What decides is the colour and the last axis; what is the same everywhere has no axis.
    assert body["colour"] == body["axes"][-1] == "metrics.roc_auc"
    assert "params.seed" not in body["axes"]


def test_a_text_that_is_another_in_every_run_is_left_out_and_said(alone: Curved) -> None:
    for number in range(50):
        run = alone.workspace.runs.start("train", "r", tags={"sweep": "texts"})
        alone.workspace.runs.log_params(
            run, {"path": f"/data/{number}", "lr": str(0.1 * number), "on": number % 2 == 0}
        )
    body = alone.get("/compare/points", params={"where": "tags.sweep = texts"}).json()
    kinds = {column["key"]: (column["kind"], column["categories"]) for column in body["columns"]}
    assert body["left_out"] == ["params.path"]
    assert kinds["params.lr"] == ("number", []), "other clients log numbers as texts"
    assert kinds["params.on"] == ("category", ["no", "yes"])


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/compare/curves", 400),
        ("/compare/curves?metric=loss", 400),
        ("/compare/curves?run={0}", 400),
        ("/compare/curves?run=ffff0000&metric=loss", 404),
        ("/compare/points?run=ffff0000", 404),
        ("/compare/points?where=%3D", 400),
        ("/compare/points?where=&limit=9999999", 400),
        ("/compare/points", 400),
        ("/compare/nothing", 404),
        ("/compare/curves?run={0}&metric=none", 200),
    ],
)
def test_the_data_routes_answer_in_json_whatever_is_asked(curved: Curved, path: str, status: int) -> None:
    response = curved.get(path.format(curved.ids[0]))
    assert response.status_code == status
    body = response.json()
    assert status == 200 or set(body["error"]) == {"code", "what", "why", "mend"}


def test_what_any_client_may_log_is_shown(alone: Curved) -> None:
    ids = curved_project.extreme(alone.workspace)
    for name, one in ids.items():
        response = alone.get(f"/runs/{one}")
        assert response.status_code == 200, name
        check(response)
        assert name in alone.compare(one, alone.ids[0], metric="m")
        sent = alone.get(f"/compare/curves?run={one}&metric=m").json()["runs"][0]["points"]
        logged = sorted((p.at_ms, p.step, repr(p.value)) for p in curved_project.EXTREMES[name])
        assert sorted(zip(sent["time"], sent["step"], (repr(float(v)) for v in sent["value"]), strict=True)) == logged
    alone.compare(*ids.values(), metric="m", all="1")
    alone.compare(where="tags.sweep = extreme")
    assert alone.get("/compare/points", params={"where": "tags.sweep = extreme"}).json()["total"] == len(ids)


# ---- the run page


def test_a_run_page_has_a_curve_for_each_metric_that_has_one(alone: Curved) -> None:
    run = alone.ids[0]
    alone.workspace.runs.log_metrics(run, {"final": 1.0}, step=29)
    response = alone.get(f"/runs/{run}")
    check(response)
    assert re.findall(r'<figure class="curves" id="curve-([^"]+)"', response.text) == ["accuracy", "loss"]
    assert response.text.count('<figure class="curves"') == response.text.count("data-small")
    single = alone.workspace.runs.start("train", "single")
    alone.workspace.runs.log_metrics(single, {"final": 1.0})
    assert 'class="curves"' not in alone.get(f"/runs/{single}").text


def test_another_point_is_a_change_of_the_page(alone: Curved) -> None:
    run = alone.workspace.runs.start("train", "live")
    alone.workspace.runs.log_metrics(run, {"loss": 1.0}, step=1)
    before = [fingerprint(alone.workspace, topic) for topic in ("runs", f"runs/{run}")]
    alone.workspace.runs.log_metrics(run, {"loss": 0.5}, step=2)
    after = [fingerprint(alone.workspace, topic) for topic in ("runs", f"runs/{run}")]
    assert all(one != two for one, two in zip(before, after, strict=True))


# ---- thinning


@given(
    st.lists(st.floats(width=32) | st.sampled_from([math.nan, math.inf]), max_size=300),
    st.integers(min_value=5, max_value=80),
)
def test_thinning_keeps_what_can_be_seen(values: list[float], most: int) -> None:
    kept = thin(values, most)
    assert kept == sorted(set(kept))
    assert len(kept) <= max(most, 0)
    assert set(kept) <= set(range(len(values)))
    if len(values) <= most:
        assert kept == list(range(len(values)))
    finite = [value for value in values if math.isfinite(value)]
    shown = [values[place] for place in kept if math.isfinite(values[place])]
    assert bool(finite) == bool(shown)
    if finite:
        assert (min(shown), max(shown)) == (min(finite), max(finite))
        # The drawing begins and ends where the curve does.
        places = [place for place, value in enumerate(values) if math.isfinite(value)]
        drawn = [place for place in kept if math.isfinite(values[place])]
        assert (drawn[0], drawn[-1]) == (places[0], places[-1])
    assert len(finite) == len(values) or len(shown) < len(kept)


# ---- the modules


def test_all_modules_of_a_page_are_small(curved: Curved) -> None:
    page = curved.compare(*curved.ids)
    wanted = set(re.findall(r'src="/static/[^/]+/([^"]+\.js)"', page)) | {"live.js"}
    while (
        more := {name for one in wanted for name in re.findall(r'from "\./([^"]+)"', assets()[one].content.decode())}
        - wanted
    ):
        wanted |= more
    assert wanted >= {"curves.js", "parallel.js", "scatter.js", "canvas.js", "columns.js", "keys.js"}
    assert sum(len(gzip.compress(assets()[name].content)) for name in wanted) <= MOST_SCRIPT


def test_leaving_comments_out_leaves_the_code() -> None:
    for path in sorted(_FOLDER.glob("*.js")):
        source = path.read_text()
        # No text over several lines: its indentation would be part of it.
        assert all(
            line.count("`") % 2 == 0 for line in source.splitlines() if not line.lstrip().startswith(("//", "*", "/*"))
        ), path
        slim = assets()[path.name].content.decode()
        assert slim.count("\n") == source.count("\n"), "an error's line is the line of the file"
        code = [line.strip() for line in source.split("\n")]
        assert all(line in ("", written) for line, written in zip(slim.split("\n"), code, strict=True))
        assert not [line for line in slim.split("\n") if line.startswith(("*", "//", "/**\n"))]
