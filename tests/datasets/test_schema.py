"""What columns are found to be."""

from __future__ import annotations

from datetime import datetime, timedelta

import pyarrow as pa
import pytest
from pydantic import ValidationError

from noria.datasets.schema import Column, from_json, infer
from noria.datasets.settings import ColumnSettings, DataSettings, SplitSettings
from noria.errors import WrongSetting

ROWS = 60
TABLE = pa.table(
    {
        "id": [f"c{number}" for number in range(ROWS)],
        "row": list(range(1, ROWS + 1)),
        "customer_id": [number * 37 % 1009 for number in range(ROWS)],
        "age": [None if number % 7 == 0 else 20 + number % 30 for number in range(ROWS)],
        "income": [number * 1.5 for number in range(ROWS)],
        "grade": ["A", "B", None] * (ROWS // 3),
        "at": [datetime(2026, 1, 1) + timedelta(days=number) for number in range(ROWS)],
        "ok": [True, False] * (ROWS // 2),
        "one": [1] * ROWS,
        "empty": pa.nulls(ROWS, pa.string()),
        "note": [f"text {number % 55}" for number in range(ROWS)],
        "_noria_collected": [False] * ROWS,
    }
)


def test_types_and_features() -> None:
    schema = infer(TABLE)
    assert [(column.name, column.type) for column in schema.columns] == [
        ("id", "text"), ("row", "int"), ("customer_id", "int"), ("age", "int"), ("income", "float"),
        ("grade", "category"), ("at", "timestamp"), ("ok", "bool"), ("one", "int"), ("empty", "text"), ("note", "text"),
    ]  # fmt: skip
    assert set(schema.left_out) == {"id", "row", "customer_id", "one", "empty", "note"}
    assert schema.features(target="ok", time="at") == ("age", "income", "grade")
    assert schema["age"] == Column("age", "int", True, 20, 49)
    assert schema["grade"].values == ("A", "B")
    assert schema["at"].min == "2026-01-01T00:00:00"
    assert from_json(schema.to_json()) == schema


def test_what_is_said_wins() -> None:
    settings = DataSettings(
        source="a.csv",
        columns={
            "age": ColumnSettings(type="category"), "row": ColumnSettings(use=True),
            "income": ColumnSettings(min=0, use=False),
            "grade": ColumnSettings(pii=True), "note": ColumnSettings(values=("a", "b"), nullable=False),
        },
    )  # fmt: skip
    schema = infer(TABLE, settings)
    assert schema["age"].type == "category"
    assert schema["age"].values is not None
    assert schema["age"].values[:2] == ("20", "21")
    assert schema["row"].use
    assert schema.left_out["income"] == "use = false"
    assert "personal" in schema.left_out["grade"]
    assert schema["income"].declared == ("min",)
    assert (schema["note"].values, schema["note"].nullable) == (("a", "b"), False)


def test_a_declared_type_is_read_out_of_text() -> None:
    table = pa.table({"n": ["1", "x", "3"]})
    column = infer(table, DataSettings(source="a", columns={"n": ColumnSettings(type="int")}))["n"]
    assert (column.type, column.min, column.max, column.nullable) == ("int", 1, 3, True)


def test_names_that_are_not_there() -> None:
    with pytest.raises(WrongSetting, match="names the column 'grad'") as caught:
        infer(TABLE, DataSettings(source="a", target="grad"))
    assert caught.value.mend == "did you mean 'grade'?"
    with pytest.raises(WrongSetting, match="names 2 columns") as caught:
        infer(TABLE, DataSettings(source="a", target="grad", columns={"agee": ColumnSettings()}))
    assert "'agee' (columns.agee)" in caught.value.why


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "say where the rows come from"),
        ({"source": "a", "query": "select 1"}, "exclude each other"),
        ({"source": "ftp://b/a.csv"}, "unknown prefix"),
        ({"source": "a", "positive": "bad"}, "a target is needed"),
        ({"source": "a", "target": "y", "time": "y"}, "cannot be the time"),
        ({"source": "a", "key": "id"}, "tuple"),
        ({"source": "a", "target": "_noria_x"}, "noria's own"),
        ({"source": "a", "tarket": "y"}, "Extra inputs"),
        ({"source": "a", "columns": {"x": {"type": "integer"}}}, "'int', 'float'"),
        ({"source": "a", "columns": {"x": {"min": 5, "max": 1}}}, "greater than max"),
        ({"source": "a", "columns": {"x": {"min": "2026-01-01", "max": 1}}}, "different kinds"),
        ({"source": "a", "columns": {"x": {"match": "("}}}, "no regular expression"),
    ],
)
def test_settings_that_cannot_be(given: dict[str, object], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        DataSettings.model_validate(given)


def test_split_settings() -> None:
    with pytest.raises(ValidationError, match="only for method"):
        SplitSettings(gap="7d")
    with pytest.raises(ValidationError, match="no duration"):
        SplitSettings(method="time", gap="a week")
    with pytest.raises(ValidationError, match="less than 1"):
        SplitSettings(test=20.0)
    assert SplitSettings(method="time").resolved("classification").method == "time"


def test_toml_dates_travel_as_json() -> None:
    column = ColumnSettings.model_validate({"min": datetime(2026, 1, 1), "type": "timestamp"})
    assert column.min == "2026-01-01T00:00:00"
    assert DataSettings.model_validate_json(DataSettings(source="a", columns={"at": column}).model_dump_json())
