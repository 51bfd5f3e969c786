"""Whole columns are judged as each of their values is."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noria.scoring.arrays import look
from noria.scoring.coded import Coded
from noria.scoring.column import SignatureColumn
from noria.scoring.signature import Checked, InputRefused, Problem, Signature

POLICIES = {
    "missing": st.sampled_from(["refuse", "impute", "flag"]),
    "range": st.sampled_from(["flag", "refuse", "clip"]),
    "unseen": st.sampled_from(["refuse", "ignore", "flag"]),
}
BOUNDS = st.sampled_from([(None, None), (0.0, 10.0), (-1.5, 2.0**60), (None, 3.0), (5.0, None)])
NUMBERS = st.one_of(
    st.floats(-20, 20), st.integers(-5, 15).map(float), st.sampled_from([-0.0, math.inf, -math.inf, math.nan, 1e300])
)
INTEGERS = st.one_of(st.integers(-5, 15), st.sampled_from([2**53, 2**53 + 1, 2**60 + 1, -(2**63), 2**63 - 1]))
WORDS = st.sampled_from(["A", "B", "C", "", "1", "3", "true", " A"])
MOMENTS = st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1))
CELLS: list[tuple[st.SearchStrategy[object], pa.DataType]] = [
    (NUMBERS, pa.float64()),
    (st.floats(width=32), pa.float32()),
    (INTEGERS, pa.int64()),
    (st.integers(0, 2**64 - 1), pa.uint64()),
    (st.booleans(), pa.bool_()),
    (WORDS, pa.string()),
    (WORDS, pa.dictionary(pa.int32(), pa.string())),
    (st.integers(0, 5), pa.dictionary(pa.int8(), pa.int64())),
    (st.just(None), pa.null()),
    (MOMENTS, pa.timestamp("us")),
    (MOMENTS.map(lambda moment: moment.replace(tzinfo=UTC)), pa.timestamp("us", "Europe/Berlin")),
    (MOMENTS.map(lambda moment: moment.replace(microsecond=0)), pa.timestamp("s")),
    (st.just(date(2026, 1, 1)), pa.date32()),
    (st.just(Decimal("1.5")), pa.decimal128(5, 2)),
]


@st.composite
def held(draw: st.DrawFn, rows: int) -> pa.ChunkedArray:
    values, kind = draw(st.sampled_from(CELLS))
    if pa.types.is_dictionary(kind):
        plain = pa.array(draw(st.lists(st.none() | values, min_size=rows, max_size=rows)), kind.value_type)
        return pa.chunked_array([plain]).dictionary_encode()
    cells = draw(st.lists(st.none() | values, min_size=rows, max_size=rows))
    cut = draw(st.integers(0, rows))
    return pa.chunked_array([pa.array(cells[:cut], kind), pa.array(cells[cut:], kind)])


@st.composite
def columns(draw: st.DrawFn, name: str) -> SignatureColumn:
    low, high = draw(BOUNDS)
    return SignatureColumn(
        name,
        draw(st.sampled_from(["float", "int", "bool", "category", "text", "timestamp"])),  # type: ignore[arg-type]
        **{policy: draw(choice) for policy, choice in POLICIES.items()},  # type: ignore[arg-type]
        categories=draw(st.sampled_from([None, ("A", "B", "1")])),
        integers=draw(st.booleans()),
        min=low,
        max=high,
    )


def as_sent(column: SignatureColumn, cells: pa.ChunkedArray) -> list[object]:
    """Give a column as a client would have written it."""
    if pa.types.is_dictionary(cells.type):
        cells = cells.cast(cells.type.value_type)
    if column.type in ("category", "text"):
        cells = cells.cast(pa.string())
    return [None if value != value else value for value in cells.to_pylist()]


def judged(check: Callable[[], Checked]) -> Checked | InputRefused:
    try:
        return check()
    except InputRefused as refused:
        return refused


def alike(one: object, other: object) -> bool:
    """Say whether two values are one to a model, the sign of zero included."""
    if one is None or one != one or (isinstance(one, np.datetime64) and np.isnat(one)):
        return other is None
    if isinstance(one, np.datetime64):
        return bool(one == np.datetime64(other, "us"))  # type: ignore[call-overload]
    if isinstance(one, float) and not isinstance(other, str):
        return one.hex() == float(other).hex()  # type: ignore[arg-type]
    return type(one) is type(other) and one == other


@settings(max_examples=400)
@given(st.data())
def test_a_table_is_judged_as_its_rows_are(data: st.DataObject) -> None:
    rows = data.draw(st.integers(1, 8))
    known = (data.draw(columns("a")), data.draw(columns("b")))
    signature = Signature(columns=known, carried=(SignatureColumn("key", "int", missing="impute"),))
    table = pa.table({name: data.draw(held(rows)) for name in ("a", "b", "key")})
    sent = {one.name: as_sent(one, table[one.name]) for one in (*known, *signature.carried)}
    records = [dict(zip(sent, row, strict=True)) for row in zip(*sent.values(), strict=True)]
    expected = judged(lambda: signature.check(records))
    checked = judged(lambda: signature.check_table(table))
    if isinstance(expected, InputRefused) or isinstance(checked, InputRefused):
        assert str(expected) == str(checked)
        assert isinstance(expected, InputRefused)
        assert isinstance(checked, InputRefused)
        assert (checked.problems, checked.rows) == (expected.problems, expected.rows)
        return
    assert checked.flags == expected.flags
    for name, values in {**expected.columns, **expected.carried}.items():
        found = {**checked.columns, **checked.carried}[name]
        assert len(found) == rows
        assert all(map(alike, found, values)), (list(found), values)


@pytest.mark.parametrize(
    ("kind", "cells", "values", "faults"),
    [
        ("float", ["1", " 2.5", "+3", "1e2", None], [1.0, 2.5, 3.0, 100.0, math.nan], []),
        ("float", ["1", "two", "1,5", "1_0", "0x10"], [1.0] + [math.nan] * 4, [1, 2, 3, 4]),
        ("float", ["1", "inf"], [1.0, math.nan], [1]),
        ("int", ["7", "8.0", "-0", "9.5"], [7.0, 8.0, 0.0, math.nan], [3]),
        ("int", ["9007199254740993", "99999999999999999999"], [2.0**53, math.nan], [1]),
        ("bool", ["true", "False", "maybe"], [True, False, None], [2]),
        ("bool", ["1", " Yes", "y", "T", "0", "no", "N", "f"], [True] * 4 + [False] * 4, []),  # as in training
        ("timestamp", ["2026-01-01", "2026-01-01T02:00:00+02:00"], [np.datetime64("2026-01-01", "us")] * 2, []),
    ],
)
def test_text_of_a_file_is_read_as_what_the_column_wants(
    kind: str, cells: list[str | None], values: list[object], faults: list[int]
) -> None:
    found = look(SignatureColumn("x", kind, missing="impute"), pa.chunked_array([cells]), written=True)  # type: ignore[arg-type]
    assert [row for row, _ in found.faults] == faults
    fine = [row for row in range(len(cells)) if row not in faults]
    for row in fine:
        np.testing.assert_equal(np.array(found.values[row], dtype=type(values[row])), values[row])


def test_a_text_that_is_no_number_is_named() -> None:
    column = SignatureColumn("age", "int", min=18, max=75, range="refuse")
    found = look(column, pa.chunked_array([["30", "old", "80"]]), written=True)
    told = [str(Problem(row, "age", fault.code, fault.message)) for row, fault in found.faults]
    assert told == [
        "row 1, column 'age': expected an integer, got 'old'",
        "row 2, column 'age': 80 is outside training's range 18 to 75",
    ]


def test_what_repeats_is_kept_by_code() -> None:
    found = look(SignatureColumn("grade", "category", categories=("A", "B")), pa.chunked_array([["A", "B", "A"]]))
    assert isinstance(found.values, Coded)
    assert list(found.values[1:]) == ["B", "A"]
    assert found.values[0] == "A"


def test_many_unknown_categories_are_each_told() -> None:
    cells = pa.chunked_array([[f"c{number}" for number in range(20_000)]])
    found = look(SignatureColumn("grade", "category", categories=("A",)), cells)
    assert len(found.faults) == 20_000
    assert found.faults[19_999][1].message == "'c19999' is none of training's categories: 'A'"
