from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from noria.errors import WrongData
from noria.preparation.frame import frame, labels


def test_each_type_gets_its_dtype() -> None:
    table = pa.table(
        {
            "n": pa.array([1, None, 3], pa.int64()),
            "x": pa.array([1.5, float("inf"), None]),
            "b": pa.array([True, None, False]),
            "g": pa.array(["a", None, "b"]).dictionary_encode(),
            "code": pa.array([1, 2, None], pa.int64()),
            "t": pa.array([0, None, 10**9], pa.timestamp("ms", tz="Europe/Berlin")),
            "s": pa.array([" 1", "2", None]),
        }
    )
    types = [("n", "int"), ("x", "float"), ("b", "bool"), ("g", "category"), ("code", "category"), ("t", "timestamp")]
    made = frame(table, [*types, ("s", "float")])
    assert made["n"].dtype == np.float64
    assert made["x"].isna().tolist() == [False, True, True]
    np.testing.assert_array_equal(made["b"].to_numpy(), [1.0, np.nan, 0.0])
    assert made["g"].tolist()[:1] == ["a"]
    assert made["g"].isna().tolist() == [False, True, False]
    assert made["code"].tolist()[:2] == ["1", "2"]
    assert made["t"].dt.tz is None
    assert made["t"].isna().tolist() == [False, True, False]
    assert made["s"].tolist()[:2] == [1.0, 2.0]


def test_a_missing_column_is_named() -> None:
    with pytest.raises(WrongData, match="'age'"):
        frame(pa.table({"x": [1]}), [("age", "int")])


def test_words_are_not_numbers() -> None:
    with pytest.raises(WrongData, match="cannot be read as numbers"):
        frame(pa.table({"x": ["one"]}), [("x", "float")])


def test_no_rows_make_an_empty_frame() -> None:
    empty = pa.table({"x": pa.array([], pa.float64()), "g": pa.array([], pa.string())})
    assert frame(empty, [("x", "float"), ("g", "category")]).shape == (0, 2)


def test_labels_keep_their_python_type() -> None:
    table = pa.table({"y": [0, 1], "z": ["a", "b"], "w": [True, False], "v": [1.0, 2.0]})
    assert labels(table, "y", task="classification").tolist() == [0, 1]
    assert labels(table, "w", task="classification").tolist() == [True, False]
    assert labels(table, "v", task="classification").tolist() == [1, 2]
    assert labels(table, "z", task="classification").dtype == object
    assert labels(table, "y", task="regression").dtype == np.float64


@pytest.mark.parametrize("values", [[1.0, None], ["a", None]])
def test_a_missing_label_is_refused(values: list[object]) -> None:
    with pytest.raises(WrongData, match="missing in 1 of 2"):
        labels(pa.table({"y": values}), "y", task="classification")
