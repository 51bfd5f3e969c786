"""Schemas to pandera and back, judged by pandera itself."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from noria.checks.settings import CheckSettings
from noria.checks.suite import held
from noria.datasets.schema import infer
from noria.datasets.settings import DataSettings
from noria.errors import WrongData
from noria.exchange.pandera import Imported, from_schema, from_yaml, to_python, to_yaml

pandera = pytest.importorskip("pandera.pandas")

ROWS = {
    "id": [1, 2, 3, 4],
    "age": [18, 40, None, 99],
    "rate": [0.5, 0.25, 1.0, 0.0],
    "grade": ["A", "B", "A", "B"],
    "code": ["a1", "a2", None, "a4"],
    "ok": [True, False, True, None],
    "at": pd.to_datetime(["2026-01-01", "2026-01-02", "2026-01-03", "2026-01-04"]),
}
COLUMNS = {
    "age": {"type": "int", "min": 18, "max": 100},
    "rate": {"type": "float", "min": 0.0, "nullable": False},
    "grade": {"type": "category", "values": ["A", "B"]},
    "code": {"type": "text", "match": "^a[0-9]$"},
}


def frame(**cells: object) -> pd.DataFrame:
    made = pd.DataFrame({**ROWS, **cells})
    made["age"] = made["age"].astype("Int64")
    return made


def written(form: str, tmp_path: Path) -> object:
    table = pa.Table.from_pandas(frame(), preserve_index=False)
    schema = infer(table, DataSettings.model_validate({"source": "a.csv", "columns": COLUMNS}))
    if form == "yaml":
        return pandera.DataFrameSchema.from_yaml(to_yaml(schema, unique=["id", ("grade", "age")]))
    space: dict[str, object] = {}
    exec(to_python(schema, unique=["id", ("grade", "age")]), space)
    return space["schema"]


@pytest.mark.parametrize("form", ["yaml", "python"])
def test_pandera_takes_what_noria_writes(form: str, tmp_path: Path) -> None:
    schema = written(form, tmp_path)
    assert len(schema.validate(frame())) == 4  # type: ignore[attr-defined]
    for cells in (
        {"age": [17, 40, None, 99]},
        {"age": [18, 40, None, 101]},
        {"rate": [None, 0.25, 1.0, 0.0]},
        {"grade": ["A", "B", "A", "C"]},
        {"code": ["a1", "a2", None, "b4"]},
        {"id": [1, 2, 3, 3]},
        {"grade": ["A", "A", "A", "B"], "age": [18, 18, 20, 99]},
    ):
        with pytest.raises(pandera.errors.SchemaError):
            schema.validate(frame(**cells))  # type: ignore[attr-defined]


def their_schema() -> object:
    check = pandera.Check
    return pandera.DataFrameSchema(
        {
            "id": pandera.Column(int, unique=True),
            "age": pandera.Column("Int64", check.in_range(18, 100, include_max=False), nullable=True),
            "rate": pandera.Column(float, [check.ge(0), check.lt(5)]),
            "grade": pandera.Column(str, check.isin(["A", "B"])),
            "code": pandera.Column(str, check.str_matches("a[0-9]"), nullable=True),
            "ok": pandera.Column("boolean", nullable=True),
            "at": pandera.Column("datetime64[ns]", check.ge(pd.Timestamp("2020-01-01"))),
            "word": pandera.Column(str, [check.str_length(2, 4), check.ne("no")], required=False),
        },
        unique=["grade", "age"],
        strict=True,
    )


def compare(found: Imported) -> None:
    assert found.columns["id"] == {"type": "int", "nullable": False}
    assert found.columns["age"] == {"type": "int", "min": 18}
    assert found.columns["rate"] == {"type": "float", "nullable": False, "min": 0}
    assert found.columns["grade"] == {"type": "text", "nullable": False, "values": ["A", "B"]}
    assert found.columns["code"] == {"type": "text", "match": "^(?:a[0-9])"}
    assert found.columns["ok"] == {"type": "bool"}
    assert str(found.columns["at"]["min"]).startswith("2020-01-01")
    assert found.unique == ("id", ("grade", "age"))
    assert {rule.replace("5.0", "5") for rule in found.rules} == {
        "age < 100", "rate < 5", "length(word) >= 2", "length(word) <= 4", "word <> 'no'",
    }  # fmt: skip
    assert any("strict" in note for note in found.notes)
    assert any("word: it may be absent" in note for note in found.notes)


def test_noria_takes_a_schema_of_pandera() -> None:
    compare(from_schema(their_schema()))


def test_noria_takes_the_yaml_of_pandera() -> None:
    compare(from_yaml(their_schema().to_yaml()))  # type: ignore[attr-defined]


def test_what_was_taken_over_judges_as_pandera_did() -> None:
    schema = pandera.DataFrameSchema(
        {"age": pandera.Column("Int64", pandera.Check.in_range(18, 100), nullable=True),
         "code": pandera.Column(str, pandera.Check.str_matches("a[0-9]$"), nullable=True)}
    )  # fmt: skip
    found = from_schema(schema)
    for age, code in ((18, "a1"), (17, "a1"), (101, "a1"), (50, "ba1"), (50, "a12"), (None, None)):
        rows = pd.DataFrame({"age": pd.array([age, 20], dtype="Int64"), "code": [code, "a3"]})
        table = pa.table({"age": pa.array([age, 20], pa.int64()), "code": pa.array([code, "a3"])})
        data = DataSettings.model_validate({"source": "a.csv", "columns": dict(found.columns)})
        ours = held(table, infer(table, data), CheckSettings(rules=found.rules, unique=found.unique))
        try:
            schema.validate(rows)
            theirs = True
        except pandera.errors.SchemaError:
            theirs = False
        assert (not ours) is theirs, (age, code, ours)


@pytest.mark.parametrize(
    "text", ["a: 1", "schema_type: series\ncolumns:\n  a:\n    dtype: int64\n", "- a\n", "a: &x 1"]
)
def test_what_is_no_schema_is_refused(text: str) -> None:
    with pytest.raises(WrongData):
        from_yaml(text)
    with pytest.raises(WrongData):
        from_schema(object())


def test_a_file_that_is_no_yaml_is_mended_in_the_words_of_pandera() -> None:
    with pytest.raises(WrongData) as caught:
        from_yaml("id,age\n1,2\n")
    assert "pandera" in caught.value.what
    assert "to_yaml" in caught.value.mend
    assert "MLflow" not in caught.value.render()
