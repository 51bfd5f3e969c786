"""Cells brought to the schema's types."""

from __future__ import annotations

from datetime import datetime

import pyarrow as pa
import pytest

from noria.datasets.casting import ColumnType, to_types


@pytest.mark.parametrize(
    ("values", "wanted", "made"),
    [
        (["1", " 2 ", "2.5", "3.0", "x", "", None], "int", [1, 2, None, 3, None, None, None]),
        (["1", "1e3", "nan", "x"], "float", [1.0, 1000.0, None, None]),
        (["yes", "No", "1", "f", "maybe"], "bool", [True, False, True, False, None]),
        (["2026-05-01", "1.5.2026 12:30", "2026/05/01", "soon"], "timestamp",
         [datetime(2026, 5, 1), datetime(2026, 5, 1, 12, 30), datetime(2026, 5, 1), None]),
        ([1.0, 2.5, None], "int", [1, None, None]),
        ([1.0, 2.5, None], "category", ["1", "2.5", None]),
        ([1, 0, 2], "bool", [True, False, None]),
        ([1767225600, 1767225600000, 1767225600000000], "timestamp", [datetime(2026, 1, 1)] * 3),
        ([1, 2], "text", ["1", "2"]),
        ([1, None], "float", [1.0, None]),
        ([True, None], "int", [1, None]),
        ([True, False], "category", ["true", "false"]),
        ([datetime(2026, 1, 1)], "int", [None]),
        ([datetime(2026, 1, 1)], "bool", [None]),
    ],
)  # fmt: skip
def test_casts(values: list[object], wanted: ColumnType, made: list[object]) -> None:
    kind = pa.timestamp("us") if isinstance(values[0], datetime) else None
    table, lost = to_types(pa.table({'a "b"': pa.array(values, kind)}), {'a "b"': wanted, "none": "int"})
    assert table.column(0).to_pylist() == made
    assert lost['a "b"'] == made.count(None) - values.count(None)


def test_whatever_else_a_table_says_stays() -> None:
    kept = pa.field("b", pa.int64(), nullable=False, metadata={"unit": "m"})
    schema = pa.schema([pa.field("a", pa.string()), kept, pa.field("c", pa.string())], {"of": "somebody"})
    table = pa.Table.from_arrays([pa.array(["1", "x"]), pa.array([3, 4]), pa.array(["1.5", None])], schema=schema)
    made, lost = to_types(table, {"c": "float", "a": "int", "none": "int"})
    assert made.to_pydict() == {"a": [1, None], "b": [3, 4], "c": [1.5, None]}
    assert (made.schema.field("b"), made.schema.metadata) == (kept, schema.metadata)
    assert lost == {"c": 0, "a": 1}


def test_order_and_other_columns_stay() -> None:
    table = pa.table({"a": [str(number) for number in range(300_000)], "b": list(range(300_000))})
    made, _ = to_types(table, {"a": "int"})
    assert made["a"].to_pylist() == made["b"].to_pylist()
