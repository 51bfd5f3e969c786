"""Labels: late, by id or by key, the last word counting."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from noria.errors import WrongData
from noria.predictions.labels import Labels
from noria.predictions.log import PredictionLog
from noria.predictions.matured import collected, join, unknown

if TYPE_CHECKING:
    from tests.predictions.conftest import MakeEntry

    from noria.store.database import Database

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(days=30)


def test_the_last_label_counts_and_unknown_ids_are_kept(database: Database, tmp_path: Path, entry: MakeEntry) -> None:
    log = PredictionLog(tmp_path)
    log.append(entry(1, 4))
    log.close()
    labels = Labels(database)
    assert labels.add("credit", [("p1", "good"), ("p2", "bad"), ("p99", "bad")], NOW, "file").predictions == 3
    labels.add("credit", [("p1", "bad")], LATER, "file")
    labels.add("other", [("p3", "bad")], LATER, "file")
    assert labels.rows("credit") == 4  # a correction is news as well
    assert labels.corrections("credit") == 1
    rows, known = log.read("credit"), labels.latest("credit")
    joined = join(rows, known)
    assert joined["label"].to_pylist() == ["bad", "bad", None, None]
    assert joined["label_ts"].to_pylist() == [LATER, NOW, None, None]
    assert unknown(rows, known["prediction_id"]) == 1
    assert collected(joined, target="status").to_pydict() == {
        "age": [21, 22],
        "grade": [None, None],
        "id": [1, 2],
        "status": ["bad", "bad"],
    }


def test_labels_by_key_reach_every_prediction_of_the_key(database: Database, tmp_path: Path, entry: MakeEntry) -> None:
    log = PredictionLog(tmp_path)
    for first in (1, 1, 2):
        log.append(entry(first))
    log.close()
    labels = Labels(database)
    added = labels.add_by_key("credit", log, ["id"], [({"id": 1.0}, "bad"), ({"id": "2"}, "good"), ({"id": 7}, "bad")],
                              NOW, "file")  # fmt: skip
    assert (added.labels, added.predictions, added.unmatched) == (3, 3, 1)
    with pytest.raises(WrongData, match="customer"):
        labels.add_by_key("credit", log, ["customer"], [({"customer": 1}, "bad")], NOW, "file")


@pytest.mark.parametrize(
    ("values", "wanted", "expected"),
    [
        ([1, 0.5], pa.float64(), [1.0, 0.5]),
        ([1, 0], pa.string(), ["1", "0"]),
        ([True, False], pa.string(), ["True", "False"]),
        (["1.5", "x"], pa.float64(), [1.5, None]),
    ],
)
def test_labels_take_the_type_of_the_prediction(
    database: Database, values: list[object], wanted: pa.DataType, expected: list[object]
) -> None:
    labels = Labels(database)
    labels.add("m", [(f"p{n}", value) for n, value in enumerate(values)], NOW, "t")  # type: ignore[misc]
    log = pa.table({"prediction_id": ["p0", "p1"], "prediction": pa.nulls(2, wanted)})
    assert join(log, labels.latest("m"))["label"].to_pylist() == expected


def test_no_labels_at_all(database: Database) -> None:
    log = pa.table({"prediction_id": ["p0"], "prediction": ["a"]})
    assert join(log, Labels(database).latest("m"))["label"].to_pylist() == [None]


def test_a_label_written_in_another_case_is_the_class_it_means() -> None:
    log = pa.table(
        {
            "prediction_id": ["a", "b", "c", "d"],
            "prediction": ["True", "True", "False", "False"],
            "p.False": [0.1, 0.2, 0.8, 0.9],
            "p.True": [0.9, 0.8, 0.2, 0.1],
        }
    )
    known = pa.table(
        {
            "prediction_id": ["a", "b", "c", "d"],
            "label": ["true", "FALSE", "False", "maybe"],
            "label_ts": pa.array([NOW] * 4, pa.timestamp("us", tz="UTC")),
        }
    )
    assert join(log, known)["label"].to_pylist() == ["True", "False", "False", "maybe"]


def test_classes_that_differ_in_case_only_stay_apart() -> None:
    log = pa.table({"prediction_id": ["x", "y"], "prediction": ["a", "A"], "p.A": [0.1, 0.9], "p.a": [0.9, 0.1]})
    known = pa.table({"prediction_id": ["x", "y"], "label": ["a", "A"], "label_ts": [NOW, NOW]})
    assert join(log, known)["label"].to_pylist() == ["a", "A"]
