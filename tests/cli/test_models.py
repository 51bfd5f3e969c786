"""Versions, labels and bulk scoring on the command line."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from sklearn.linear_model import LogisticRegression

from noria.cli.main import main
from noria.cli.turning import loop_of
from noria.monitoring.reference import Reference
from noria.predictions.entry import Entry
from noria.predictions.log import PredictionLog
from noria.preparation.frame import frame
from noria.preparation.recipe import preparation
from noria.registry import format as formats
from noria.registry.aliases import Aliases
from noria.registry.catalog import Registry
from noria.registry.verdicts import Verdicts
from noria.scoring.learning import learn
from noria.scoring.scorer import Scorer
from noria.store.blobs import Blobs
from noria.store.database import Database
from noria.store.migrations import upgrade
from noria.training.model import TabularModel
from noria.workspace import Workspace

NOW = datetime(2026, 3, 1, tzinfo=UTC)
COLUMNS = [("age", "int"), ("grade", "category")]
PROJECT = """
[project]
name = "credit"
[data]
source = "data.csv"
target = "status"
positive = "bad"
key = ["id"]
"""

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with versions 1 (passed), 2 (failed) and 3 (never judged)."""
    (tmp_path / "noria.toml").write_text(PROJECT)
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(1)
    table = pa.table({"age": rng.integers(18, 76, 100), "grade": rng.choice(["A", "B"], 100)})
    X = frame(table, COLUMNS)
    prepared = preparation(COLUMNS, encoding="linear").fit(X)
    database = Database(f"sqlite:///{tmp_path}/.noria/noria.db")
    upgrade(database, sorted((Path(__file__).parents[2] / "src" / "noria").glob("*/migrations")))
    registry = Registry(database, Blobs(tmp_path / ".noria" / "objects"))
    signature = learn(table, COLUMNS, carried=[("id", "int")], target="status", positive="bad")
    reference = json.dumps(Reference({}, classes=("bad", "good")).to_json()).encode()
    for number in (1, 2, 3):
        y = (X["age"].to_numpy() + rng.normal(0, 10, 100) < 45).astype(int)
        head = LogisticRegression(C=number).fit(prepared.transform(X), 1 - y)
        kinds = (("age", "number"), ("grade", "string"))
        model = TabularModel("classification", "logistic", kinds, prepared, head, ("bad", "good"))  # type: ignore[arg-type]
        version = registry.register(
            "credit", formats.save(model), evidence={"reference.json": reference},
            run_id=f"run{number}", dataset=f"credit@{number}", data_digest="d" * 64,
            task="classification", family="logistic", created=NOW, signature=signature.to_json(),
            params={"C": number}, metrics={"roc_auc": {"value": 0.7 + number / 100, "low": 0.6, "high": 0.8}},
        )  # fmt: skip
        if number < 3:
            verdict = {"gate": "roc_auc >= 0.75", "passed": number == 1, "message": f"0.7{number}"}
            Verdicts(database).record("credit", version.model_digest, "run", [verdict], NOW)
    database.close()
    return tmp_path


@pytest.fixture
def run(project: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command; give its exit status, standard output and standard error."""

    def command(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            main(arguments)
        told = capsys.readouterr()
        return int(left.value.code or 0), told.out, told.err

    return command


def test_list_and_show(run: Run) -> None:
    status, out, _ = run("models", "list")
    assert status == 0
    lines = out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["credit@3", "credit@2", "credit@1"]
    assert "1 of 1 failed" in lines[2]
    listed = json.loads(run("models", "list", "--json")[1])
    assert [version["passed"] for version in listed] == [None, False, True]
    status, out, _ = run("models", "show", "2")
    assert status == 0
    assert "FAILED" in out
    assert "19 to 74" in out
    shown = json.loads(run("models", "show", "credit@v2", "--json")[1])
    assert shown["version"] == 2
    assert shown["signature"]["target"] == "status"


def test_what_is_not_there(run: Run) -> None:
    for arguments, status in (
        (("models", "show", "credit@9"), 3),
        (("models", "show", "champion"), 3),
        (("models", "list", "credt"), 3),
        (("models", "show", "@"), 2),
        (("models", "rollback", "--reason", "r"), 3),
        (("models", "promote", "1", "--reason", ""), 2),
    ):
        got, out, err = run(*arguments)
        assert (got, out) == (status, ""), arguments
        assert err.startswith("error[N-REGISTRY-")
        assert "mend:" in err


def test_promotion_through_gates_and_back(run: Run, project: Path) -> None:
    status, _, err = run("models", "promote", "credit@2", "--reason", "hope")
    assert status == 1
    assert 'gate "roc_auc >= 0.75" failed: 0.72' in err
    assert run("models", "promote", "3", "--reason", "hope")[0] == 5
    assert run("models", "promote", "1", "--reason", "first")[1] == "credit@champion is version 1\n"
    status, out, _ = run(
        "models", "promote", "2", "--reason", "try", "--override", "the gate is too high", "--actor", "ann"
    )
    assert (status, out) == (0, "credit@champion is version 2, before version 1\n")
    assert "already" in run("models", "promote", "2", "--reason", "again")[2]
    assert "gates overruled: the gate is too high" in run("models", "show", "2")[1]
    moved = json.loads(run("models", "rollback", "--reason", "worse", "--json")[1])
    assert (moved["kind"], moved["old"], moved["new"]) == ("rollback", 2, 1)
    database = Database(f"sqlite:///{project}/.noria/noria.db")
    assert [move.actor for move in Aliases(database).history("credit")][1] == "ann"
    database.close()


def test_compare(run: Run) -> None:
    status, out, _ = run("models", "compare", "1", "credit@2")
    assert status == 0
    assert "+0.01" in out
    found = json.loads(run("models", "compare", "1", "2", "--json")[1])
    assert {difference["name"] for difference in found["differences"]} == {"roc_auc", "dataset", "C"}


def test_bulk_scoring(run: Run, project: Path) -> None:
    (project / "new.csv").write_text("id,grade,age,status\n7,A,30,bad\n8,B,60,good\n")
    assert run("models", "promote", "1", "--reason", "first")[0] == 0
    status, out, err = run("predict", "new.csv")
    assert status == 0
    rows = list(csv.DictReader(out.splitlines()))
    assert [row["id"] for row in rows] == ["7", "8"]
    assert [row["prediction"] for row in rows] == ["bad", "good"]
    assert float(rows[0]["p.bad"]) == float(rows[0]["score"]) > 0.5
    assert "2 rows scored by credit@1" in err
    assert run("predict", "new.csv", "--model", "3", "--out", "out.parquet", "--keep")[0] == 0
    import pyarrow.parquet as pq

    names = pq.read_table(project / "out.parquet").column_names
    assert names == ["id", "grade", "age", "status", "prediction", "score", "p.bad", "p.good", "flags"]


def test_bulk_scoring_of_rows_that_do_not_fit(run: Run, project: Path) -> None:
    (project / "new.csv").write_text("id,grade,age\n7,A,30\n8,Z,60\n9,B,\n")
    assert run("models", "promote", "1", "--reason", "first")[0] == 0
    status, out, err = run("predict", "new.csv")
    assert (status, out) == (2, "")
    assert "row 1, column 'grade'" in err
    assert "--skip-bad" in err
    status, out, err = run("predict", "new.csv", "--skip-bad")
    rows = list(csv.DictReader(out.splitlines()))
    assert [row["prediction"] for row in rows] == ["bad", "", ""]
    assert rows[1]["error"].startswith("grade: ")
    (project / "new.csv").write_text("id,age\n7,30\n")
    assert run("predict", "new.csv", "--skip-bad")[0] == 2
    assert run("predict", "nothing.csv")[0] == 3
    assert run("predict", "new.csv", "--out", "x.txt")[0] == 2


def log_two(project: Path) -> None:
    database = Database(f"sqlite:///{project}/.noria/noria.db")
    registry = Registry(database, Blobs(project / ".noria" / "objects"))
    scorer = Scorer.load(registry, registry.get("credit", 1))
    checked = scorer.signature.check([{"age": 30, "grade": "A", "id": 7}, {"age": 60, "grade": "B", "id": 8}])
    log = PredictionLog(project / ".noria" / "predictions")
    log.append(Entry("credit", 1, "live", NOW, 1.0, ["p7", "p8"], scorer.answer(checked), checked, scorer.signature))
    log.close()
    database.close()


def test_a_value_that_is_no_class_is_refused_with_its_file(run: Run, project: Path) -> None:
    log_two(project)
    assert run("models", "promote", "1", "--reason", "first")[0] == 0
    (project / "late.csv").write_text("id,status\n7,good\n8,banana\n")
    status, out, err = run("labels", "add", "late.csv")
    assert (status, out) == (2, "")
    assert "row 1, column 'status': 'banana' is none of the classes bad, good" in err
    assert json.loads(run("labels", "list", "--json")[1])["labelled"] == 0
    (project / "late.csv").write_text("id,status\n7,good\n8,\n")
    assert run("labels", "add", "late.csv")[0] == 0


def test_a_corrected_label_is_news_to_the_loop(run: Run, project: Path) -> None:
    log_two(project)
    (project / "late.csv").write_text("id,status\n7,good\n")
    assert run("labels", "add", "late.csv")[0] == 0
    opened = Workspace(project)
    told, corrected = loop_of(opened).rooms.label_rows, loop_of(opened).rooms.corrections
    assert told is not None
    assert corrected is not None
    before = told()
    assert corrected() == 0
    (project / "late.csv").write_text("id,status\n7,bad\n")
    assert run("labels", "add", "late.csv")[0] == 0
    assert told() > before
    assert corrected() == 1
    opened.close()


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ("prediction_id,status\np8,bad\n,good\n,\n,bad\n", "row 1 has no prediction_id (and 1 more)"),
        ('prediction_id,status\n"",good\n', "row 0 has no prediction_id"),
        ("id,status\n7,good\n,bad\n", "row 1 has no id"),
    ],
)
def test_a_label_of_nobody_is_refused_with_its_row(run: Run, project: Path, rows: str, told: str) -> None:
    log_two(project)
    (project / "late.csv").write_text(rows)
    status, _, err = run("labels", "add", "late.csv")
    assert status == 2
    assert told in err
    assert "no label was added" in err
    assert json.loads(run("labels", "list", "--json")[1])["labelled"] == 0


def test_the_loop_knows_which_rows_belong_together(project: Path) -> None:
    written = project / "noria.toml"
    written.write_text(written.read_text().replace("[data]\n", '[data]\ngroup = "house"\n', 1))
    opened = Workspace(project)
    loop = loop_of(opened)
    assert (loop.group_column, loop.contest.group) == ("house", "house")
    opened.close()


def test_labels_by_key_by_id_and_not_at_all(run: Run, project: Path) -> None:
    log_two(project)
    (project / "late.csv").write_text("id,status\n7,good\n99,bad\n8,\n")
    status, out, err = run("labels", "add", "late.csv")
    assert (status, out) == (0, "2 labels for 1 predictions of credit\n")
    assert "1 labels belong to rows that were never scored" in err
    assert "1 rows without a label" in err
    (project / "ids.csv").write_text("prediction_id,outcome\np8,bad\np0,bad\n")
    assert run("labels", "add", "ids.csv")[0] == 2
    added = run("labels", "add", "ids.csv", "--value", "outcome", "--at", "2026-03-02", "--json")
    assert json.loads(added[1]) == {"labels": 2, "predictions": 1, "unmatched": 0, "unknown": 1, "empty": 0}
    assert json.loads(run("labels", "list", "--json")[1]) == {"predictions": 2, "labelled": 2, "unknown": 1}
    (project / "none.csv").write_text("customer,status\n1,bad\n")
    status, _, err = run("labels", "add", "none.csv")
    assert status == 2
    assert "prediction_id" in err
    assert run("labels", "add", "late.csv", "--at", "soon")[0] == 2
    assert run("labels", "add", "gone.csv")[0] == 3
    assert run("labels", "add", "late.csv", "--model", "other")[0] == 3
