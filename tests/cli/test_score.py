"""Bulk scoring on the command line: equal to asking row by row, whole or not at all."""

from __future__ import annotations

import csv
import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq
import pytest
from tests.cli import test_models

from noria.evaluation.regions import Regions
from noria.scoring.scorer import Scorer
from noria.serving.run import ScoringServer
from noria.workspace import Workspace

project, run = test_models.project, test_models.run

Run = Callable[..., tuple[int, str, str]]
ROWS = 1_000


@pytest.fixture
def rows(project: Path) -> pa.Table:
    rng = np.random.default_rng(5)
    table = pa.table(
        {
            "id": pa.array(range(2**60, 2**60 + ROWS)),
            "age": rng.integers(18, 90, ROWS),
            "grade": rng.choice(["A", "B"], ROWS),
            "city": rng.choice(["Ulm", "Bonn"], ROWS),
        }
    )
    pq.write_table(table, project / "new.parquet")
    arrow_csv.write_csv(table, project / "new.csv")
    (project / "new.jsonl").write_text("\n".join(map(json.dumps, table.to_pylist())))
    return table


@pytest.mark.parametrize("source", ["new.parquet", "new.csv", "new.jsonl"])
@pytest.mark.parametrize("out", ["out.parquet", "out.csv"])
def test_every_row_gets_the_answer_it_gets_alone(
    run: Run, project: Path, rows: pa.Table, source: str, out: str
) -> None:
    status, told, err = run("score", source, "--model", "1", "--out", out, "--keep", "city", "--batch", "64", "--json")
    assert (status, err) == (0, "")
    made = pq.read_table(out) if out.endswith("parquet") else arrow_csv.read_csv(out)
    assert made.column_names == ["row", "id", "city", "prediction", "score", "p.bad", "p.good", "flags"]
    assert made["row"].to_pylist() == list(range(ROWS))
    assert made["id"].to_pylist() == rows["id"].to_pylist()
    assert made["city"].to_pylist() == rows["city"].to_pylist()
    opened = Workspace.find()
    answers = Scorer.load(opened.registry, opened.registry.get("credit", 1)).score(
        rows.drop_columns("city").to_pylist()
    )
    opened.close()
    np.testing.assert_allclose(made["score"], [answer.score for answer in answers], rtol=1e-12)
    assert made["prediction"].to_pylist() == [answer.prediction for answer in answers]
    summary = json.loads(told)
    flagged = sum(bool(answer.flags) for answer in answers)
    assert (summary["rows"], summary["scored"], summary["refused"], summary["unusual"]) == (ROWS, ROWS, 0, flagged)


@pytest.mark.parametrize("out", ["out.parquet", "out.csv"])
def test_the_set_of_classes_comes_on_request(run: Run, project: Path, rows: pa.Table, out: str) -> None:
    opened = Workspace.find()
    plain = opened.registry.get("credit", 1)
    opened.registry.register(
        "credit", opened.registry.files(plain), run_id="r", dataset="credit@1", data_digest="e" * 64,
        task="classification", family="logistic", created=datetime.now(UTC), evaluation_digest="regions",
        signature=dict(plain.signature) | {"regions": Regions(0.9, 0.7).to_json()},
    )  # fmt: skip
    opened.close()
    status, _, err = run("score", "new.parquet", "--model", "4", "--out", out, "--region")
    assert status == 0, err
    made = pq.read_table(out) if out.endswith("parquet") else arrow_csv.read_csv(out)
    sure = np.maximum(made["p.bad"].to_numpy(), made["p.good"].to_numpy())
    for found, best, most in zip(made["set"].to_pylist(), made["prediction"].to_pylist(), sure, strict=True):
        assert best in json.loads(found)
        assert (len(json.loads(found)) == 2) == (most <= 2 * 0.7 - 1 + 1e-9)
    assert run("score", "new.parquet", "--model", "1", "--out", "other.csv", "--region")[0] == 2
    assert not Path("other.csv").exists()


def test_rows_that_do_not_fit_end_the_work_or_are_left_out_with_the_reason(run: Run, project: Path) -> None:
    (project / "new.csv").write_text("id,age,grade\n1,30,A\n2,old,A\n3,30,Q\n4,,B\n5,41,B\n")
    status, _, err = run("score", "new.csv", "--model", "1", "--out", "out.csv", "--batch", "2")
    assert status != 0
    assert "row 1, column 'age': expected an integer, got 'old'" in err
    assert "--skip-bad FILE" in err
    assert not [path.name for path in project.iterdir() if path.name.startswith((".tmp", "out"))]
    status, _, err = run(
        "score", "new.csv", "--model", "1", "--out", "out.csv", "--batch", "2", "--skip-bad", "bad.csv"
    )
    assert status == 0
    assert "2 rows scored by credit@1 to out.csv" in err
    assert "3 refused" in err
    with (project / "out.csv").open() as file:
        assert [(row["row"], row["id"]) for row in csv.DictReader(file)] == [("0", "1"), ("4", "5")]
    with (project / "bad.csv").open() as file:
        told = [(row["row"], row["column"], row["code"]) for row in csv.DictReader(file)]
    assert told == [("1", "age", "wrong_type"), ("2", "grade", "unseen"), ("3", "age", "missing_value")]


def test_where_no_row_fits_there_is_no_output_but_every_reason(run: Run, project: Path) -> None:
    (project / "new.csv").write_text("id,age,grade\n1,x,A\n2,y,A\n")
    status, _, err = run("score", "new.csv", "--model", "1", "--out", "out.csv", "--skip-bad", "bad.csv")
    assert status == 1
    assert "no row of new.csv was scored: 2 do not fit the model" in err
    assert not (project / "out.csv").exists()
    assert len((project / "bad.csv").read_text().splitlines()) == 3


def test_numbers_with_a_decimal_comma_are_read_as_the_whole_file_has_them(run: Run, project: Path) -> None:
    (project / "new.csv").write_text("age;grade\n30,0;A\n41,0;B\n")
    assert run("score", "new.csv", "--model", "1", "--out", "out.parquet")[0] == 0
    assert pq.read_table("out.parquet").num_rows == 2


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (("new.csv", "--out", "out.txt"), 2, "cannot write out.txt"),
        (("new.csv", "--out", "new.csv"), 2, "would be written over"),
        (("nothing.csv", "--out", "out.csv"), 3, "nothing.csv"),
        (("new.csv", "--out", "out.csv", "--keep", "cty"), 2, "did you mean 'city'"),
        (("new.csv", "--out", "out.csv", "--endpoint", "x"), 2, "two ways to say who answers"),
        (("new.csv", "--out", "out.csv", "--skip-bad", "bad.txt"), 2, "cannot write bad.txt"),
    ],
)
def test_misuse(run: Run, rows: pa.Table, arguments: tuple[str, ...], status: int, told: str) -> None:
    got, _, err = run("score", *arguments, "--model", "1")
    assert got == status, err
    assert told in err
    assert not Path("out.csv").exists()


def test_a_missing_column_is_named(run: Run, project: Path) -> None:
    (project / "new.csv").write_text("age\n30\n")
    status, _, err = run("score", "new.csv", "--model", "1", "--out", "out.csv")
    assert status != 0
    assert "column 'grade': the column is not there" in err


def test_a_running_endpoint_gives_the_same_answers_with_ids(run: Run, project: Path, rows: pa.Table) -> None:
    opened = Workspace.find()
    opened.aliases.move("credit", "champion", 1, actor="t", reason="t", at=datetime.now(UTC))
    ready = threading.Event()
    server = ScoringServer(
        database=opened.database, blobs=opened.blobs, model="credit", endpoint="credit-risk",
        predictions=project / ".noria" / "predictions", port=0, poll_seconds=0.05, on_ready=lambda _: ready.set(),
    )  # fmt: skip
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        assert ready.wait(120)
        asked = run("score", "new.csv", "--endpoint", server.url, "--out", "asked.parquet", "--batch", "100", "--json")
        unknown = run("score", "new.csv", "--endpoint", "ftp://x", "--out", "none.parquet")
    finally:
        server.stop()
        thread.join()
        opened.close()
    assert asked[0] == 0, asked
    assert json.loads(asked[1])["taken_up"] == 0
    assert unknown[0] == 2
    assert run("score", "new.csv", "--model", "1", "--out", "here.parquet")[0] == 0
    there, here = pq.read_table("asked.parquet"), pq.read_table("here.parquet")
    for name in ("row", "id", "prediction", "flags"):
        assert there["input.id" if name == "id" else name].to_pylist() == here[name].to_pylist()
    np.testing.assert_allclose(there["score"], here["score"], rtol=1e-12)
    assert len(set(there["id"].to_pylist())) == ROWS
    assert not [path for path in project.iterdir() if path.name.endswith(".parts")]
