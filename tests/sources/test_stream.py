"""What is read block by block is what is read whole."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq
import pytest

from noria.errors import WrongData
from noria.sources.source import read
from noria.sources.stream import stream

TABLE = pa.table(
    {"age": [31, None, 40, 52, 60], "grade": ["A", "B", None, "A", "?"], "owner": [True, False] * 2 + [None]}
)


def together(source: str, root: Path, **more: object) -> pa.Table:
    return pa.concat_tables(list(stream(source, root=root, rows=2, **more).tables))  # type: ignore[arg-type]


def test_parquet_comes_typed_and_counted(tmp_path: Path) -> None:
    pq.write_table(TABLE, tmp_path / "a.parquet")
    found = stream("a.parquet", root=tmp_path, rows=2)
    assert (found.written, found.rows) == (False, 5)
    assert [table.num_rows for table in found.tables] == [2, 2, 1]
    assert together("a.parquet", tmp_path).to_pydict() == read("a.parquet", root=tmp_path).to_pydict()


def test_marks_of_missing_values_are_taken_out(tmp_path: Path) -> None:
    pq.write_table(TABLE, tmp_path / "a.parquet")
    found = stream("a.parquet", root=tmp_path, na_values=["?"])
    assert found.written
    assert next(found.tables)["grade"].to_pylist()[-1] is None


@pytest.mark.parametrize("ending", ["csv", "csv.gz"])
def test_text_stays_text(tmp_path: Path, ending: str) -> None:
    with pa.output_stream(str(tmp_path / f"a.{ending}")) as file:
        arrow_csv.write_csv(TABLE, file)
    found = stream(f"a.{ending}", root=tmp_path, rows=2)
    assert (found.written, found.rows) == (True, None)
    made = pa.concat_tables(list(found.tables))
    assert made["age"].to_pylist() == ["31", None, "40", "52", "60"]
    assert made["owner"].to_pylist() == ["true", "false", "true", "false", None]


def test_json_lines_lack_what_no_line_of_a_block_has(tmp_path: Path) -> None:
    lines = [{"age": 1, "grade": "A"}, {"age": 2}, {"age": 3}, {"age": "old"}, {"age": 5, "grade": "B"}]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, lines)))
    made = list(stream("a.jsonl", root=tmp_path, rows=2).tables)
    assert [table["grade"].to_pylist() for table in made] == [["A", None], [None, None], ["B"]]
    assert made[1]["age"].to_pylist() == ["3", "old"]


def test_several_files_and_other_columns(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.csv").write_text("age,grade\n1,A\n2,B\n")
    assert together("*.csv", tmp_path)["age"].to_pylist() == ["1", "2", "1", "2"]
    (tmp_path / "c.csv").write_text("age,city\n1,A\n")
    with pytest.raises(WrongData, match=r"c.csv has other columns than a.csv"):
        together("*.csv", tmp_path)


def test_anything_else_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps([{"age": 1}, {"age": 2}, {"age": 3}]))
    (tmp_path / "a.csv").write_text("age\n1,234\n")
    (tmp_path / "b.csv").write_text('age\n"1.234,5"\n"2,5"\n')
    assert together("a.json", tmp_path)["age"].to_pylist() == [1, 2, 3]
    assert together("b.csv", tmp_path, whole=True)["age"].to_pylist() == [1234.5, 2.5]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.csv", "age,grade\n1,A\n1\n", "line 3: 1 cells, and the header has 2"),
        ("a.csv", "age,age\n1,2\n", "age"),
        ("a.jsonl", '{"age": 1}\n{"age"\n', "line 2"),
        ("a.jsonl", '{"age": 1}\n[1]\n', "line 2: not an object"),
        ("a.csv", "", "is empty"),
        ("a.parquet", "PAR1 cut off", "a.parquet"),
    ],
)
def test_faults_are_told(tmp_path: Path, name: str, content: str, told: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(WrongData, match=told):
        together(name, tmp_path)
