"""Two versions held against each other: nothing personal comes of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from noria.datasets.catalog import Datasets
from noria.datasets.comparing import compare
from noria.datasets.diff import TableDiff
from noria.datasets.diff_page import document
from noria.datasets.schema import Schema, infer
from noria.datasets.spreads import Spread
from noria.datasets.version import DatasetVersion
from noria.plots.html_page import write
from noria.store.blobs import Blobs
from noria.store.database import Database, metadata


@pytest.fixture
def datasets(tmp_path: Path) -> Datasets:
    database = Database(f"sqlite:///{tmp_path}/noria.db")
    with database.transaction() as connection:
        metadata.create_all(connection)
    return Datasets(database, Blobs(tmp_path / "objects"))


def commit(datasets: Datasets, people: list[str], *personal: str) -> None:
    rows = pa.table({"id": list(range(len(people))), "person": people, "age": [30 + len(name) for name in people]})
    columns = (replace(column, pii=column.name in personal) for column in infer(rows).columns)
    datasets.commit("people", rows, source="people.csv", schema=Schema(tuple(columns)))


@pytest.mark.parametrize("key", [(), ("id",), ("person",)])
@pytest.mark.parametrize("declared", ["in the older", "in the newer", "since"])
def test_values_that_are_personal_anywhere_are_shown_nowhere(
    datasets: Datasets, key: tuple[str, ...], declared: str
) -> None:
    before, now = (["person"] if declared == side else [] for side in ("in the older", "in the newer"))
    commit(datasets, ["Adalbert", "Brunhild", "Cunigunde"], *before)
    commit(datasets, ["Adalbert", "Bertrada", "Dietlinde", "Eberhard"], *now)
    if declared == "since":
        commit(datasets, ["Adalbert"], "person")
    old, new = datasets.get("people", 1), datasets.get("people", 2)
    made = compare(datasets, old, new, key=key)
    page = write(document(old, new, made.found, made.spread, key=key))
    shown = json.dumps(made.found.to_json()) + str(made.spread) + page
    for name in ("Adalbert", "Brunhild", "Bertrada", "Cunigunde", "Dietlinde", "Eberhard"):
        assert name not in shown
    assert "(personal)" in shown
    assert {each.name for each in made.spread} == {"id", "age"} - set(key)


def test_what_is_not_personal_is_shown(datasets: Datasets) -> None:
    commit(datasets, ["Adalbert", "Brunhild"])
    commit(datasets, ["Adalbert", "Bertrada", "Dietlinde"])
    old, new = datasets.get("people", 1), datasets.get("people", 2)
    found = compare(datasets, old, new, key=["id"]).found
    assert found.examples == ({"id": "1", "person": ["Brunhild", "Bertrada"]},)
    assert found.added_rows == ({"id": "2", "person": "Dietlinde", "age": "39"},)
    page = write(document(old, new, found, (), key=["id"]))
    for text in ("Brunhild", "Bertrada", "Dietlinde", "Added rows"):
        assert text in page
    assert "Removed rows" not in page


def test_only_columns_that_moved_are_drawn(datasets: Datasets) -> None:
    commit(datasets, ["Adalbert", "Brunhild"])
    commit(datasets, ["Brunhild", "Adalbert"])
    old, new = datasets.get("people", 1), datasets.get("people", 2)
    page = write(document(old, new, *_both(datasets, old, new)))
    assert "3 columns are spread as before: none has moved." in page
    assert "<svg" not in page.partition("Spread, before and after")[2]


def _both(datasets: Datasets, old: DatasetVersion, new: DatasetVersion) -> tuple[TableDiff, tuple[Spread, ...]]:
    made = compare(datasets, old, new)
    return made.found, made.spread
