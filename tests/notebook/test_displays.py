"""What a notebook shows: the project's own records, as plain HTML that stands by itself, and as data frames."""

from __future__ import annotations

import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

import noria
from noria.errors import AliasNotFound, ModelNotFound, NotFound, ProjectNotFound, RunNotFound, WrongArgument
from noria.notebook.listing import Listing
from noria.notebook.markup import table


class Closed(HTMLParser):
    """Whether every element is closed, and nothing needs a script or leaks a style."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.wrong += [tag] if tag in ("script", "style", "link", "iframe") else []
        self.wrong += [name for name, _ in attrs if name.startswith("on") or name in ("class", "id")]
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def stands_alone(shown: object) -> str:
    text: str = shown._repr_html_()  # type: ignore[attr-defined]
    parser = Closed()
    parser.feed(text)
    assert parser.open == []
    assert parser.wrong == []
    return text


def test_a_project_shows_itself(opened: noria.Project) -> None:
    shown = stands_alone(opened)
    assert "credit-risk@3 (champion)" in shown
    assert "Project credit-risk" in shown
    assert repr(opened).startswith("noria project credit-risk in ")


def test_runs_are_found_by_place_and_by_the_beginning_of_their_id(opened: noria.Project) -> None:
    runs = opened.runs
    assert len(runs) == 4
    assert runs[0].status == "finished"
    assert runs[runs[1].id[:8]].record == runs[1].record
    assert [step.step for step in runs[0].steps][:2] == ["ingest", "check"]
    assert "the data broke 1 expectation" in stands_alone(runs[1])
    assert "roc_auc" in stands_alone(runs)
    frame = runs.frame()
    assert isinstance(frame, pd.DataFrame)
    assert list(frame["status"]) == ["finished", "failed", "finished", "finished"]
    assert frame["roc_auc"].iloc[0] == pytest.approx(0.802)
    assert runs[0].frame().set_index("metric").loc["roc_auc", "value"] == pytest.approx(0.802)
    with pytest.raises(RunNotFound):
        runs["ffff0000"]


def test_versions_are_found_by_number_and_alias(opened: noria.Project) -> None:
    model = opened.models["credit-risk"]
    assert model["champion"].ref == "credit-risk@3"
    assert model.champion.aliases == ("champion",)
    assert model[1].record.family == "logistic"
    assert list(model.frame()["gates"]) == ["passed", "failed", "passed"]
    assert "roc_auc &gt;= 0.75" in stands_alone(model[2])
    assert list(model[2].frame().columns) == ["metric", "value", "low", "high"]
    assert stands_alone(model) == stands_alone(model.versions)
    assert "champion" in stands_alone(opened.models)
    with pytest.raises(ModelNotFound):
        opened.models["credit-rusk"]
    with pytest.raises(AliasNotFound):
        model["nobody"]


def test_a_version_draws_its_evaluation(opened: noria.Project, tmp_path: Path) -> None:
    plots = opened.models["credit-risk"]["champion"].plots
    assert {"roc", "calibration", "confusion"} <= set(plots)
    assert plots["roc"]._repr_svg_().startswith("<svg")
    assert plots["roc"].save(tmp_path / "roc.svg").read_text().startswith("<svg")


def test_datasets_give_their_rows(opened: noria.Project) -> None:
    data = opened.datasets["credit-risk"]
    assert data.ref == "credit-risk@2"
    assert len(data.frame()) == data.record.rows == 2454
    assert len(data[1].frame()) == 2000
    assert "status" in data.frame().columns
    stands_alone(data)
    stands_alone(opened.datasets)


def test_alerts(opened: noria.Project) -> None:
    assert len(opened.alerts) == 2
    assert opened.alerts["2"].kind == "performance"
    assert "proven worse" in stands_alone(opened.alerts)
    with pytest.raises(NotFound):
        opened.alerts["99"]


def test_a_plan_says_what_would_run(opened: noria.Project) -> None:
    plan = opened.plan()
    assert "train" in repr(plan)
    assert plan["ingest"].state in ("run", "cached")
    stands_alone(plan)


def test_whatever_is_recorded_is_escaped() -> None:
    evil = "<img src=x onerror=alert(1)>"
    assert "<img" not in table([evil], [[evil]])
    assert "<img" not in stands_alone(Listing("things", (evil,), {"thing": str}, by_name=str))


def test_a_long_list_says_how_much_it_leaves_out() -> None:
    shown = Listing("numbers", tuple(range(100)), {"number": lambda number: number}, by_name=int)
    assert "… and 70 more" in repr(shown)
    assert "… and 70 more" in stands_alone(shown)
    assert len(shown.frame()) == 100
    assert list(shown[2:4]) == [2, 3]


def test_without_a_project_the_mend_is_told(tmp_path: Path) -> None:
    with pytest.raises(ProjectNotFound) as caught:
        noria.open(tmp_path)
    assert "noria init" in caught.value.mend


def test_opening_loads_nothing_heavy(opened: noria.Project) -> None:
    program = f"""
import sys, noria
project = noria.open({str(opened.root)!r})
project.runs, project.models, repr(project), project._repr_html_(), project.models["credit-risk"].champion
heavy = {{"pandas", "sklearn", "tensorflow", "lightgbm", "scipy"}} & set(sys.modules)
sys.exit(f"loaded {{heavy}}" if heavy else 0)
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_runs_are_found_as_on_their_page(opened: noria.Project) -> None:
    book = opened.workspace.runs
    made = [book.start("logged", f"r{number}") for number in range(3)]
    for number, run in enumerate(made):
        book.log_metrics(run, {"found": number / 10})
    found = opened.find_runs("found > .05", order="metrics.found DESC")
    assert [run.id for run in found] == [made[2], made[1]]
    assert [run.id for run in opened.find_runs("found >= 0", limit=1, order="metrics.found")] == [made[0]]
    book.delete([made[0]])
    assert [run.id for run in opened.find_runs("found >= 0", deleted=True)] == [made[0]]
    with pytest.raises(WrongArgument, match="at letter"):
        opened.find_runs("found >")


def test_a_profile_shows_itself(opened: noria.Project) -> None:
    profile = opened.datasets[0].profile()
    shown = stands_alone(profile)
    column = profile.record.columns[0]
    assert column.name in shown
    assert "Profile of" in shown
    assert list(profile.frame()["column"]) == [each.name for each in profile.record.columns]
    assert profile[column.name].distinct == column.distinct
    drawn = [profile.figure(each.name) for each in profile.record.columns]
    assert any(figure is not None and figure.svg.startswith("<svg") for figure in drawn)
