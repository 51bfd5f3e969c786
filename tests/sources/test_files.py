"""Files of every kind, read from real disk."""

from __future__ import annotations

import bz2
import gzip
import io
import json
from datetime import date, datetime
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq
import pytest

from noria.errors import SourceNotFound, WrongArgument, WrongData, WrongSetting
from noria.sources.source import read

ROWS: list[dict[str, object]] = [{"age": 31, "grade": "A", "at": datetime(2026, 5, 1, 12), "share": 0.5, "ok": True},
        {"age": None, "grade": "B", "at": datetime(2026, 5, 2), "share": None, "ok": False}]  # fmt: skip


def test_a_csv_gets_types_from_all_rows(tmp_path: Path) -> None:
    lines = [
        "id,age,code,share,when,ok,note",
        *(f"{i},{i % 90},0{i % 10}1,{i / 8},2026-01-01,true,x" for i in range(999)),
    ]
    lines.append('1000,,"007",1e3,2026-01-02 10:30:00,FALSE,"a, b"')
    (tmp_path / "a.csv").write_text("\n".join(lines))
    table = read("a.csv", root=tmp_path)
    assert dict(zip(table.column_names, table.schema.types, strict=True)) == {
        "id": pa.int64(), "age": pa.int64(), "code": pa.string(), "share": pa.float64(), "when": pa.timestamp("us"),
        "ok": pa.bool_(), "note": pa.string(),
    }  # fmt: skip
    assert table.slice(999).to_pylist() == [
        {"id": 1000, "age": None, "code": "007", "share": 1000.0, "when": datetime(2026, 1, 2, 10, 30), "ok": False,
         "note": "a, b"}
    ]  # fmt: skip


def test_a_value_far_down_decides_the_type(tmp_path: Path) -> None:
    """Sampling readers call this an int column and fail on the last row."""
    (tmp_path / "a.csv").write_text("x\n" + "1\n" * 50_000 + "many\n")
    assert read("a.csv", root=tmp_path).schema.types == [pa.string()]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_separator_is_found(tmp_path: Path, delimiter: str) -> None:
    (tmp_path / "a.csv").write_text(delimiter.join("abc") + "\n" + delimiter.join("123") + "\n")
    assert read("a.csv", root=tmp_path).to_pylist() == [{"a": 1, "b": 2, "c": 3}]


def test_german_numbers_and_dates(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("Größe;Tag\n1.234,5;24.12.2025\n0,25;01.01.2026\n12;31.1.2026\n", encoding="cp1252")
    assert read("a.csv", root=tmp_path).to_pylist() == [
        {"Größe": 1234.5, "Tag": datetime(2025, 12, 24)},
        {"Größe": 0.25, "Tag": datetime(2026, 1, 1)},
        {"Größe": 12.0, "Tag": datetime(2026, 1, 31)},
    ]


def test_slashed_dates_only_when_one_order_fits(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("sure,unsure\n12/24/2025,01/02/2025\n01/31/2025,03/04/2025\n")
    table = read("a.csv", root=tmp_path)
    assert table["sure"].to_pylist() == [datetime(2025, 12, 24), datetime(2025, 1, 31)]
    assert table["unsure"].type == pa.string()


def test_zoned_times_become_utc(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("at\n2026-05-01T12:00:00+02:00\n2026-05-01T12:00:00Z\n")
    assert read("a.csv", root=tmp_path)["at"].to_pylist() == [datetime(2026, 5, 1, 10), datetime(2026, 5, 1, 12)]


def test_long_codes_and_padded_codes_stay_text(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("iban,plz\n12345678901234567890123,01067\n1,10115\n")
    assert read("a.csv", root=tmp_path).schema.types == [pa.string(), pa.string()]


@pytest.mark.parametrize(
    ("encoding", "text"),
    [("utf-8", "straße,Zoë\n1,2\n"), ("utf-8-sig", "straße,Zoë\n1,2\n"), ("utf-16", "straße,Zoë\n1,2\n"),
     ("cp1252", "straße,Zoë\n1,2\n")],
)  # fmt: skip
def test_encodings_are_found(tmp_path: Path, encoding: str, text: str) -> None:
    (tmp_path / "a.csv").write_bytes(text.encode(encoding))
    assert read("a.csv", root=tmp_path).to_pylist() == [{"straße": 1, "Zoë": 2}]


def test_an_umlaut_that_comes_late_still_tells_the_encoding(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"name\n" + b"plain ascii\n" * 40_000 + "Müller\n".encode("cp1252"))
    assert read("a.csv", root=tmp_path)["name"][-1].as_py() == "Müller"


def test_cyrillic_has_to_be_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("имя,возраст\nИван,31\n".encode("cp1251"))
    with pytest.raises(WrongData, match="neither UTF-8 nor western European") as caught:
        read("a.csv", root=tmp_path)
    assert "#encoding=cp1251" in caught.value.mend
    assert read("a.csv#encoding=cp1251", root=tmp_path).to_pylist() == [{"имя": "Иван", "возраст": 31}]


def test_missing_marks_of_text_files(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('a,b\n1,?\nNA,2\n"",3\nnull,-999\n')
    assert read("a.csv", root=tmp_path, na_values=("?", "-999")).to_pylist() == [
        {"a": 1, "b": None}, {"a": None, "b": 2}, {"a": None, "b": 3}, {"a": None, "b": None},
    ]  # fmt: skip


def test_one_column_keeps_its_empty_rows(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a\n1\n\n3\n")
    assert read("a.csv", root=tmp_path)["a"].to_pylist() == [1, None, 3]


def test_blanks_around_numbers_do_not_make_them_text(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a, b\n1 , 2\n 3, \n")
    assert read("a.csv", root=tmp_path).to_pylist() == [{"a": 1, "b": 2}, {"a": 3, "b": None}]


def test_excel_says_its_separator(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("sep=;\na;b\n1;2\n")
    assert read("a.csv", root=tmp_path).to_pylist() == [{"a": 1, "b": 2}]


def _csv() -> bytes:
    sink = io.BytesIO()
    arrow_csv.write_csv(pa.Table.from_pylist(ROWS), sink)
    return sink.getvalue()


def _workbook(path: Path, rows: list[list[object]], *, more: str | None = None) -> None:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    if more is not None:
        other = book.create_sheet(more)
        other.append(["z"])
        other.append([1])
    book.save(path)


def test_every_format_gives_the_same_rows(tmp_path: Path) -> None:
    table = pa.Table.from_pylist(ROWS)
    plain = [{**row, "at": str(row["at"])} for row in ROWS]
    (tmp_path / "a.csv").write_bytes(_csv())
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(_csv()))
    (tmp_path / "c.csv.bz2").write_bytes(bz2.compress(_csv()))
    with pa.output_stream(tmp_path / "d.csv.zst", compression="zstd") as stream:
        stream.write(_csv())
    pq.write_table(table, tmp_path / "e.parquet")
    (tmp_path / "f.json").write_text(json.dumps(plain))
    (tmp_path / "g.jsonl").write_text("".join(json.dumps(row) + "\n" for row in plain))
    (tmp_path / "h.json").write_text(json.dumps({"data": plain}))
    (tmp_path / "i.json").write_text(json.dumps({name: [row[name] for row in plain] for name in plain[0]}))
    (tmp_path / "j.jsonl.gz").write_bytes(gzip.compress((tmp_path / "g.jsonl").read_bytes()))
    _workbook(tmp_path / "k.xlsx", [list(ROWS[0]), *(list(row.values()) for row in ROWS)])
    for path in sorted(tmp_path.iterdir()):
        found = read(path.name, root=tmp_path)
        assert found.to_pylist() == ROWS, path.name
        assert found.schema.types == [pa.int64(), pa.string(), pa.timestamp("us"), pa.float64(), pa.bool_()], path.name


def test_parquet_of_odd_types(tmp_path: Path) -> None:
    table = pa.table(
        {
            "small": pa.array([1, 2], pa.uint8()), "half": pa.array([0.5, float("nan")], pa.float32()),
            "day": pa.array([date(2026, 1, 1), None]), "name": pa.array(["x", "y"]).dictionary_encode(),
            "sum": pa.array(["1.50", "2.25"]).cast(pa.decimal128(6, 2)), "none": pa.nulls(2),
            "zone": pa.array([datetime(2026, 5, 1, 12)] * 2, pa.timestamp("ns", tz="Europe/Berlin")),
        }
    )  # fmt: skip
    pq.write_table(table, tmp_path / "a.parquet")
    assert read("a.parquet", root=tmp_path).to_pylist()[1] == {
        "small": 2, "half": None, "day": None, "name": "y", "sum": 2.25, "none": None, "zone": datetime(2026, 5, 1, 12),
    }  # fmt: skip
    pq.write_table(pa.table({"deep": [[1], [2]]}), tmp_path / "b.parquet")
    with pytest.raises(WrongData, match="'deep' holds list"):
        read("b.parquet", root=tmp_path)


def test_a_mark_among_numbers_in_a_workbook(tmp_path: Path) -> None:
    _workbook(tmp_path / "a.xlsx", [["a", "b"], [1, "x"], ["?", "y"], [3, None], [None, None]])
    assert read("a.xlsx", root=tmp_path)["a"].to_pylist() == ["1", "?", "3"]
    assert read("a.xlsx", root=tmp_path, na_values=("?",))["a"].to_pylist() == [1, None, 3]


def test_a_workbook_with_several_sheets_wants_one_named(tmp_path: Path) -> None:
    _workbook(tmp_path / "a.xlsx", [["a"], [1]], more="Second")
    with pytest.raises(WrongData, match="2 sheets with rows") as caught:
        read("a.xlsx", root=tmp_path)
    assert "#sheet=Sheet" in caught.value.mend
    assert read("a.xlsx#sheet=Second", root=tmp_path).to_pylist() == [{"z": 1}]
    with pytest.raises(WrongData, match="no sheet 'Secnd'") as caught:
        read("a.xlsx#sheet=Secnd", root=tmp_path)
    assert "did you mean 'Second'" in caught.value.mend


def test_a_glob_stacks_files_in_order_of_their_names(tmp_path: Path) -> None:
    for month, rows in (("02", "2,x"), ("01", "1,"), ("03", "2.5,y")):
        (tmp_path / f"m{month}.csv").write_text(f"a,b\n{rows}\n")
    (tmp_path / ".m04.csv.part").write_text("half a fi")
    assert read("m*.csv", root=tmp_path).to_pylist() == [
        {"a": 1.0, "b": None},
        {"a": 2.0, "b": "x"},
        {"a": 2.5, "b": "y"},
    ]
    (tmp_path / "m05.csv").write_text("a,c\n1,2\n")
    with pytest.raises(WrongData, match=r"m05.csv has other columns than m01.csv") as caught:
        read("m*.csv", root=tmp_path)
    assert "lacks: b" in caught.value.why
    assert "has besides: c" in caught.value.why


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.csv", b"", "is empty"),
        ("a.csv", b"\n \n", "is empty"),
        ("a.csv", b"a,b\n", "has a header but no rows"),
        ("a.csv", b"a,b,a\n1,2,3\n", "column name more than once"),
        ("a.csv", b"a,A\n1,2\n", "differ only in upper and lower case"),
        ("a.csv", b"_noria_x,b\n1,2\n", "keeps for itself"),
        ("a.csv", b"1,2\n3,4\n", "no header"),
        ("a.csv", b"a,b\n1,2\n3\n4,5,6\n", "line 3: 1 cells, and the header has 2"),
        ("a.csv", bytes(range(256)) * 8, "is not text"),
        ("a.csv", b"PAR1" + b"\x00" * 40, "is a Parquet file, not csv"),
        ("a.csv", b"\x89PNG\r\n\x1a\n" + b"\x00" * 40, "is a PNG picture"),
        ("a.csv", b"PK\x03\x04rest", "is a zip or Excel file"),
        ("a.csv", gzip.compress(b"a\n1\n", mtime=0), "is gzip-compressed"),
        ("a.csv.gz", b"a\n1\n", "ends in .gz but is not compressed"),
        ("a.csv.gz", gzip.compress(b"a,b\n" + b"1,2\n" * 9999, mtime=0)[:60], "cannot be read as a table"),
        ("a.csv", b"<!DOCTYPE html><html>", "is a web page"),
        ("a.parquet", b"a,b\n1,2\n", "is not a Parquet file"),
        ("a.parquet", b"PAR1" + b"\x00" * 40, "cannot be read as a table"),
        ("a.xlsx", b"a,b\n1,2\n", "is not an Excel file"),
        ("a.xlsx", b"PK\x03\x04garbage", "is not an Excel workbook"),
        ("a.json", b"{\"a\": 1", "is no JSON"),
        ("a.json", b"[1, 2]", "does not hold rows"),
        ("a.json", b"[]", "has no rows"),
        ("a.json", b"\xff\xfe\x00", "is not UTF-8"),
        ("a.jsonl", b"{\"a\": 1}\n{oops\n", "line 2 is no JSON"),
        ("a.docx", b"PK\x03\x04", "an ending noria does not read"),
        ("a", b"a\n1\n", r"\(none\)"),
    ],
)  # fmt: skip
def test_what_is_no_table_is_told(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(WrongData, match=says) as caught:
        read(name, root=tmp_path)
    assert caught.value.mend
    assert caught.value.code.startswith("N-SOURCE-")
    assert caught.value.exit_status == 2


def test_a_file_that_is_not_there_names_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "credit.csv").write_text("a\n1\n")
    with pytest.raises(SourceNotFound, match="there is no file") as caught:
        read("data/credti.csv", root=tmp_path)
    assert caught.value.mend == "did you mean 'credit.csv'?"
    assert caught.value.exit_status == 3
    with pytest.raises(SourceNotFound, match="no file matches"):
        read("data/*.parquet", root=tmp_path)
    with pytest.raises(WrongData, match="is a folder") as folder:
        read("data", root=tmp_path)
    assert 'source = "data/*.csv"' in folder.value.mend
    (tmp_path / "images" / "cats").mkdir(parents=True)
    with pytest.raises(WrongData, match="is a folder") as folder:
        read("images", root=tmp_path)
    assert folder.value.why == "it holds 1 folders and no files"
    assert "noria data add images" in folder.value.mend


def test_an_unreadable_file(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a\n1\n")
    path.chmod(0)
    try:
        path.read_bytes()
    except PermissionError:
        with pytest.raises(WrongData, match="may not be read"):
            read("a.csv", root=tmp_path)


def test_renaming(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b\n1,2\n")
    assert read("a.csv", root=tmp_path, rename={"a": "age"}).column_names == ["age", "b"]
    with pytest.raises(WrongSetting, match="'aa'") as caught:
        read("a.csv", root=tmp_path, rename={"aa": "age"})
    assert "did you mean 'a'" in caught.value.mend
    with pytest.raises(WrongData, match="more than once"):
        read("a.csv", root=tmp_path, rename={"a": "b"})


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("", "is empty"), ("s3://bucket/", "names no object"), ("htps://x/a.csv", "unknown prefix 'htps'"),
        ("http://example.org/a.csv", "not encrypted"), ("a.csv#encodin=utf-8", "unknown hint"),
        ("sql:postgresql://me:secret@host/db?table=t", "holds a password"),
        ("https://me:secret@host/a.csv", "password"),
    ],
)  # fmt: skip
def test_a_source_that_cannot_be(tmp_path: Path, source: str, says: str) -> None:
    with pytest.raises(WrongArgument, match=says) as caught:
        read(source, root=tmp_path)
    assert "secret" not in caught.value.render()


def test_a_name_with_a_hash_sign_is_a_name(tmp_path: Path) -> None:
    (tmp_path / "run #3.csv").write_text("a\n1\n")
    assert read("run #3.csv", root=tmp_path).num_rows == 1


def test_commas_that_group_thousands_are_no_decimal_commas(tmp_path: Path) -> None:
    (tmp_path / "flats.csv").write_text('area,price,weight\n"1,257","1,307,300.5","1,250"\n940,"130,730","2,500"\n')
    table = read("flats.csv", root=tmp_path)
    assert table["area"].to_pylist() == [1257, 940]
    assert table["price"].to_pylist() == [1307300.5, 130730.0]
    assert table["weight"].to_pylist() == [1.25, 2.5]  # three decimals everywhere: a decimal comma, as before
