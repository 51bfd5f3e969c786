"""From the source to the locked rows: names, personal columns, roles, groups and time."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from loans import Heard, start, turn

from noria.datasets.catalog import Datasets
from noria.datasets.marks import COLLECTED
from noria.datasets.settings import DataSettings
from noria.errors import CheckFailed, WrongData, WrongSetting
from noria.pipeline.context import StepContext
from noria.project.file import load
from noria.project.inspection import inspect
from noria.steps.check import check
from noria.steps.ingest import ingest
from noria.steps.matrix import carried_columns
from noria.steps.split import split
from noria.steps.train import train
from noria.store.blobs import Blobs
from noria.training.family import Fitting
from noria.training.folds import Fold, folds
from noria.training.inner import Bonds
from noria.workspace import Workspace

PEOPLE = pa.table(
    {
        "id": list(range(60)),
        "mail": [f"p{n}@example.org" for n in range(60)],
        "age": [20 + n % 40 for n in range(60)],
        "house": [f"h{n // 4}" for n in range(60)],
        "bad": ["yes" if n % 3 == 0 else "no" for n in range(60)],
    }
)
PERSONAL = {"source": "people.csv", "target": "bad", "columns": {"mail": {"pii": True}}}


def checked(context: StepContext, data: dict[str, object], **given: object) -> dict[str, object]:
    arguments = {"name": "people", "source": "people.csv", "checks": {}, "task": None, "token": "t", **given}
    return check(PEOPLE, context, data=data, **arguments)  # type: ignore[arg-type]


def test_columns_are_renamed_where_they_are_read(finished: Path) -> None:
    opened = Workspace(finished)
    version = opened.datasets.get("loans")
    assert version.schema.names == ("id", "income", "grade", "email", "bad")
    assert {column.name for column in inspect(opened.project, now=version.created).columns} >= {"income"}
    opened.close()


def test_a_renaming_of_nothing_names_what_there_is(tmp_path: Path, context: Heard) -> None:
    start(tmp_path)
    with pytest.raises(WrongSetting, match=r"rename names the column 'Incc'") as refused:
        ingest(context, source="loans.csv", token="t", rename={"Incc": "income"})
    assert "Inc" in refused.value.mend


def test_collected_rows_join_under_the_new_names(tmp_path: Path, context: Heard) -> None:
    start(tmp_path)
    import pyarrow.parquet as pq

    live = pa.table({"id": [3, 900], "income": [1.0, 2.0], "grade": ["A", "B"], "bad": ["yes", "no"]})
    pq.write_table(live, tmp_path / "live.parquet")
    digest = context.blobs.put_file(tmp_path / "live.parquet")
    table = ingest(
        context, source="loans.csv", token="t", rename={"Inc": "income"}, collected=digest, key=["id"],
        personal={"email": {"pii": True, "store": "plain"}},
    )  # fmt: skip
    assert table.num_rows == 241  # row 3 came back: the collected one counts
    assert table.column_names.count("income") == 1
    assert sum(bool(mark) for mark in table[COLLECTED].to_pylist()) == 2


def test_personal_columns_are_in_no_profile(context: Heard) -> None:
    checked(context, PERSONAL)
    catalog = Datasets(context.database, context.blobs)
    version = catalog.get("people")
    assert version.schema["mail"].pii
    assert "example.org" not in json.dumps(catalog.profile(version).to_json())


def test_what_becomes_personal_later_leaves_the_profile(context: Heard) -> None:
    catalog = Datasets(context.database, context.blobs)
    checked(context, {"source": "people.csv", "target": "bad"})
    assert "example.org" in json.dumps(catalog.profile(catalog.get("people")).to_json())
    checked(context, PERSONAL)
    version = catalog.get("people")
    assert version.number == 1
    assert version.schema["mail"].pii
    assert "example.org" not in json.dumps(catalog.profile(version).to_json())


def test_a_failed_check_keeps_the_version(context: Heard) -> None:
    with pytest.raises(CheckFailed):
        checked(context, PERSONAL, checks={"rows": {"min": 1000}})
    assert Datasets(context.database, Blobs(context.blobs.root)).get("people").rows == 60


def test_quarantined_rows_are_set_aside(context: Heard) -> None:
    out = checked(context, PERSONAL, checks={"rules": [{"rule": "age < 50", "severity": "quarantine"}]})
    kept, aside = out["table"], out["quarantined"]
    assert isinstance(kept, pa.Table)
    assert isinstance(aside, pa.Table)
    assert (kept.num_rows + aside.num_rows, min(aside["age"].to_pylist())) == (60, 50)


def test_roles_and_personal_columns_are_no_features(context: Heard) -> None:
    data = {**PERSONAL, "key": ["id"], "group": "house"}
    out = split(PEOPLE, context, data=data, settings={"method": "group"}, task=None)
    about = out["about"]
    assert about["features"] == ["age"]
    assert "personal" in about["left_out"]["mail"]
    assert (about["task"], about["method"]) == ("classification", "group")


def test_a_group_is_on_one_side_only(context: Heard) -> None:
    out = split(PEOPLE, context, data={**PERSONAL, "group": "house"}, settings={"method": "group"}, task=None)
    houses = [set(out[side]["house"].to_pylist()) for side in ("train", "test")]  # type: ignore[literal-required]
    assert not houses[0] & houses[1]
    assert out["train"].num_rows + out["test"].num_rows == 60
    # Requests may bring it along, so that the monitor knows which answers depend on each other.
    assert "house" in dict(carried_columns(out, DataSettings(**PERSONAL, group="house")))


def test_collected_rows_are_on_both_sides_and_counted(context: Heard) -> None:
    marked = PEOPLE.append_column(COLLECTED, pa.array([n >= 30 for n in range(60)]))
    out = split(marked, context, data=PERSONAL, settings={"test": 0.2}, task=None)
    about = out["about"]
    assert (about["collected_rows"], about["collected_test_rows"]) == (30, 6)
    assert COLLECTED not in about["features"]


def test_time_locks_the_newest_away(context: Heard) -> None:
    table = PEOPLE.append_column("when", pa.array(range(0, 60 * 86_400_000_000, 86_400_000_000), pa.timestamp("us")))
    out = split(
        table, context, data={**PERSONAL, "time": "when"}, settings={"method": "time", "gap": "2d"}, task=None
    )  # fmt: skip
    train, test = out["train"]["when"].to_pylist(), out["test"]["when"].to_pylist()
    assert (min(test) - max(train)).days > 2
    assert "when" not in out["about"]["features"]


def test_rows_that_cleaning_left_without_a_target_are_left_out(context: Heard) -> None:
    marked = [None if n % 10 == 0 else value for n, value in enumerate(PEOPLE["bad"].to_pylist())]
    table = PEOPLE.set_column(PEOPLE.column_names.index("bad"), "bad", pa.array(marked, pa.string()))
    out = split(table, context, data=PERSONAL, settings={}, task=None)
    assert out["train"].num_rows + out["test"].num_rows == 54
    assert not out["train"]["bad"].null_count
    assert not out["test"]["bad"].null_count
    with pytest.raises(WrongData, match="no row with a target"):
        split(table.filter(table["bad"].is_null()), context, data=PERSONAL, settings={}, task=None)


def test_the_gap_lies_before_the_rows_that_judge_a_fold_too(context: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    table = PEOPLE.append_column("when", pa.array(range(0, 60 * 86_400_000_000, 86_400_000_000), pa.timestamp("us")))
    data = {**PERSONAL, "time": "when"}
    made: list[Fold] = []

    def heard(*args: object, **given: object) -> list[Fold]:
        made.extend(folds(*args, **given))  # type: ignore[arg-type]
        return made

    monkeypatch.setattr("noria.steps.fitting.folds", heard)
    model = {"candidates": ["logistic"], "folds": 3, "trials": 1}
    for gap, parted in (({}, 1), ({"gap": "2d"}, 3)):
        made.clear()
        out = split(table, context, data=data, settings={"method": "time", **gap}, task=None)
        assert ("gap" in out["about"]) is bool(gap)  # who sets none keeps the step's key
        train(out, context, data=data, model=model, prepare={})
        when = out["train"]["when"].to_numpy().astype("datetime64[D]")
        assert {int((when[valid].min() - when[rows].max()).astype(int)) for rows, valid in made} == {parted}


def test_rows_on_neither_side_are_told(context: Heard) -> None:
    table = PEOPLE.append_column("when", pa.array(range(0, 60 * 86_400_000_000, 86_400_000_000), pa.timestamp("us")))
    table = table.set_column(3, "house", pa.array([f"h{n % 20}" for n in range(60)]))
    data = {**PERSONAL, "time": "when", "group": "house"}
    settings = {"method": "time", "gap": "3d", "valid": 0.2}
    out = split(table, context, data=data, settings=settings, task=None)
    told = [str(message["text"]) for message in context.said if message["kind"] == "note"]
    assert f"{out['train'].num_rows} rows to learn from, 12 locked away (time)" in told
    assert (
        "test begins at 1970-02-18 00:00:00; 3 rows in the gap left out; "
        f"{60 - 12 - 3 - out['train'].num_rows} earlier rows of groups that are in the test left out"
    ) in told
    train(out, context, data=data, model={"candidates": ["logistic"], "trials": 1}, prepare={})
    (line,) = [text for text in (str(one.get("text")) for one in context.said) if "are judged on" in text]
    assert line.endswith("([split] valid)")
    assert int(line.split()[3]) + int(line.split()[9]) < out["train"].num_rows  # neither are rows between the two


def test_what_stops_a_booster_keeps_to_groups_and_times_as_the_folds_do(
    context: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = PEOPLE.append_column("when", pa.array(range(0, 60 * 86_400_000_000, 86_400_000_000), pa.timestamp("us")))
    seen: list[Bonds] = []

    def heard(best: object, y: object, fitting: Fitting, **given: object) -> int:
        seen.append(fitting.bonds)
        return 20

    monkeypatch.setattr("noria.training.boosting.choose_rounds", heard)
    data = {**PERSONAL, "time": "when", "group": "house"}
    out = split(table, context, data=data, settings={"method": "time", "gap": "2d"}, task=None)
    train(out, context, data=data, model={"candidates": ["boosting"], "folds": 2, "trials": 1}, prepare={})
    for bonds in seen:
        assert bonds.gap == timedelta(days=2)
        assert bonds.times is not None
        assert bonds.groups is not None
        house = bonds.times.astype("datetime64[D]").astype(int) // 4
        np.testing.assert_array_equal(np.equal.outer(bonds.groups, bonds.groups), np.equal.outer(house, house))
    known = [len(bonds.times) for bonds in seen if bonds.times is not None]
    assert max(known) == out["train"].num_rows  # the final fit knows all of them
    assert known[-1] < out["train"].num_rows  # what looks at the winner afterwards keeps to the folds


def test_nothing_to_learn_from_is_told(context: Heard) -> None:
    with pytest.raises(WrongData, match="no column is left") as refused:
        split(PEOPLE.select(["mail", "bad"]), context, data=PERSONAL, settings={}, task=None)
    assert "mail: personal" in refused.value.why
    assert "[data.columns] NAME = { use = true }" in refused.value.mend


def test_a_missing_target_is_told_with_what_there_is(tmp_path: Path) -> None:
    text = '[project]\nname = "loans"\n[data]\nsource = "loans.csv"\ntarget = "badd"\n'
    text += "[data.columns]\nemail = { pii = true }\n"
    root = start(tmp_path / "p", text)
    done = turn(root).run()
    assert not done.ok
    assert isinstance(done.error, WrongSetting)
    assert "did you mean 'bad'" in done.error.mend
    assert load(root).name == "loans"


def test_a_rule_no_candidate_could_follow_is_told_before_any_is_tried(context: Heard) -> None:
    out = split(PEOPLE, context, data=PERSONAL, settings={}, task=None)
    with pytest.raises(WrongSetting, match="names the column 'agee', which is not a feature"):
        train(out, context, data=PERSONAL, model={"candidates": ["logistic"]}, prepare={"agee": ["log"]})


def test_the_progress_of_training_tells_the_metric_not_the_error(
    context: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(context, "progress", lambda done, text: said.append(text))
    out = split(PEOPLE.set_column(4, "bad", pa.array(["yes" if n % 40 < 20 else "no" for n in range(60)])), context,
                data=PERSONAL, settings={}, task=None)  # fmt: skip
    train(out, context, data={**PERSONAL, "positive": "yes"}, prepare={},
          model={"candidates": ["logistic"], "metric": "roc_auc", "trials": 1, "folds": 2})  # fmt: skip
    # Behind the metric stands whether it is the best so far.
    best = max(float(text.split(": ")[1][:6]) for text in said if text.startswith("logistic"))
    assert best > 0.9  # the age gives it away; as an error it would be told as 0.0000
