"""Every drawing: well-formed, inert, readable without eyes, sane with no or odd data."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest

from noria import plots
from noria.plots import PLOT_CSS, Figure, Node, Series

DAYS = [datetime(2024, 3, 1, tzinfo=UTC) + timedelta(days=at) for at in range(12)]
NASTY = '<script>alert("x")</script> & "quoted"'

DRAWN: dict[str, Callable[[], Figure]] = {
    "line": lambda: plots.line(
        [
            Series(NASTY, [1, 2, 3, 4], [0.1, None, math.nan, 0.4], [0.0, None, 0.1, 0.3], [0.2, None, 0.2, 0.5]),
            Series("b", [1, 2, 3, 4], [1, 2, 3, 4], dashed=True, dots=True, flagged=[False, True, False, False]),
        ],
        title=NASTY,
        bounds={NASTY: 0.3},
    ),
    "time": lambda: plots.line([Series("auc", DAYS, [0.7] * 12, dots=True)], title="AUC", share=True),
    "roc": lambda: plots.roc({NASTY: ([0, 0.5, 1], [0, 0.8, 1])}, band=([0, 0.7, 1], [0, 0.9, 1])),
    "calibration": lambda: plots.calibration([0.1, 0.6], [0.2, 0.5], low=[0, 0.4], high=[0.3, 0.7], counts=[9, 8]),
    "sparkline": lambda: plots.sparkline([1, None, 3, 2], title=NASTY),
    "bars": lambda: plots.sparkline([1, 2, 3], kind="bars"),
    "scatter": lambda: plots.scatter({NASTY: ([1, 2], [3, math.nan]), "noise": ([0.0], [0.0])}, muted=["noise"]),
    "residuals": lambda: plots.residuals([1, 2, 3], [1, 3, 2], trend=([1, 3], [0, 0.1], [-1, -1], [1, 1])),
    "intervals": lambda: plots.intervals([NASTY, "b"], [0.5, None], low=[0.4, None], high=[0.6, None], bound=0.45),
    "bar": lambda: plots.bar([NASTY, "b"], [3, -1], highlight=[0]),
    "clusters": lambda: plots.cluster_sizes({"0": 3, "-1": 1}),
    "histogram": lambda: plots.histogram([1, 2, 2, 3, None, math.nan], title=NASTY),
    "overlay": lambda: plots.overlay([1.5, 2, 3], [2, 3, 4.5], names=(NASTY, "now")),
    "heatmap": lambda: plots.heatmap(
        [[0.1, None], [1, 2]], [NASTY, "b"], ["x", NASTY], flags=[[True, False], [False] * 2]
    ),
    "confusion": lambda: plots.confusion([[3, 1], [0, 4]], [NASTY, "good"]),
    "graph": lambda: plots.graph([Node(NASTY, "note", "failed"), "b"], [(NASTY, "b")], title=NASTY),
}


@pytest.fixture(params=DRAWN)
def figure(request: pytest.FixtureRequest) -> Figure:
    return DRAWN[request.param]()


def test_it_is_well_formed_and_inert(figure: Figure) -> None:
    root = ElementTree.fromstring(figure.svg)
    for element in root.iter():
        assert element.tag.rpartition("}")[2] in {"svg", "title", "g", "path", "rect", "line", "circle", "text"}
        assert not {"style", "href", "onclick", "onload", "id"} & set(element.attrib)
    assert "<script" not in figure.svg
    assert "nan" not in re.sub(r">[^<]*<", "", figure.svg).lower()
    assert "http" not in figure.svg.replace("http://www.w3.org/2000/svg", "")


def test_it_is_announced(figure: Figure) -> None:
    root = ElementTree.fromstring(figure.svg)
    assert root.get("role") == "img"
    assert root.get("aria-label")
    assert root[0].tag.endswith("title")
    assert root[0].text == root.get("aria-label")


def test_every_mark_lies_on_the_sheet(figure: Figure) -> None:
    root = ElementTree.fromstring(figure.svg)
    _, _, width, height = map(float, root.get("viewBox").split())
    assert (float(root.get("width")), float(root.get("height"))) == (width, height)
    for element in root.iter():
        for name, most in (("x", width), ("cx", width), ("x1", width), ("x2", width), ("cy", height), ("y1", height)):
            if element.get(name) is not None:
                assert -1 <= float(element.get(name)) <= most + 1, (element.tag, name, element.get(name))


def test_every_class_has_a_colour_and_every_colour_a_fallback(figure: Figure) -> None:
    for element in ElementTree.fromstring(figure.svg).iter():
        for name in (element.get("class") or "").split():
            assert f".{name}" in PLOT_CSS or name == "np", name
        if "np-f1" in (element.get("class") or ""):
            assert element.get("fill", "").startswith("#")


def test_it_is_shown_in_a_notebook_and_saved_with_its_style(figure: Figure, tmp_path: Path) -> None:
    bundle = figure._repr_mimebundle_()
    assert bundle["image/svg+xml"] == figure._repr_svg_() == figure.standalone
    saved = figure.save(tmp_path / "figure.svg").read_text(encoding="utf-8")
    assert ElementTree.fromstring(saved)[0].tag.endswith("style")
    assert figure.data


@pytest.mark.parametrize(
    "empty",
    [
        lambda: plots.line([]),
        lambda: plots.line([Series("a", [], [])]),
        lambda: plots.line([Series("a", [1], [None])]),
        lambda: plots.line([Series("a", DAYS[:1], [0.5])]),
        lambda: plots.roc({}),
        lambda: plots.calibration([], []),
        lambda: plots.sparkline([]),
        lambda: plots.sparkline([2.0]),
        lambda: plots.scatter({}),
        lambda: plots.residuals([], []),
        lambda: plots.residuals([1.0], [1.0]),
        lambda: plots.intervals([], []),
        lambda: plots.bar([], []),
        lambda: plots.bar(["a"], [0]),
        lambda: plots.cluster_sizes({}),
        lambda: plots.histogram([]),
        lambda: plots.histogram([5.0, 5.0]),
        lambda: plots.histogram([1e12, 1e12 + 1]),
        lambda: plots.overlay([], []),
        lambda: plots.heatmap([], [], []),
        lambda: plots.confusion([], []),
        lambda: plots.confusion([[3]], ["only"]),
        lambda: plots.graph([], []),
    ],
)
def test_little_or_no_data_still_draws(empty: Callable[[], Figure]) -> None:
    svg = empty().svg
    ElementTree.fromstring(svg)
    assert "nan" not in svg.replace("tooltip", "")


def test_many_points_are_thinned() -> None:
    many = [float(at) for at in range(20_000)]
    assert len(plots.scatter({"a": (many, many)}).svg) < 200_000


def test_the_room_needs_no_numpy() -> None:
    code = "import sys, noria.plots; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
