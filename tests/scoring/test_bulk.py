"""Tables scored one after another."""

from __future__ import annotations

import pyarrow as pa
import pytest

from noria.errors import WrongArgument
from noria.scoring.bulk import Bulk, in_full
from noria.scoring.column import SignatureColumn
from noria.scoring.refusal import Problem
from noria.scoring.rows import Rows
from noria.scoring.signature import Checked, InputRefused, Signature

SIGNATURE = Signature(
    columns=(SignatureColumn("age", "int", min=0, max=100),), carried=(SignatureColumn("key", "int", missing="impute"),)
)


def doubled(checked: Checked, along: pa.Table, first: int) -> pa.Table:
    return pa.table({"prediction": [2 * age for age in checked.columns["age"]]})  # type: ignore[operator]  # a number


def tables(*ages: list[str | None]) -> list[pa.Table]:
    return [
        pa.table({"age": pa.array(some, pa.string()), "key": pa.array(["9"] * len(some)), "row": some}) for some in ages
    ]


def test_rows_are_numbered_through_and_keys_keep_their_type() -> None:
    bulk = Bulk(SIGNATURE, doubled, keep=["row"], written=True)
    made = pa.concat_tables(list(bulk.scored(tables(["1", "2"], ["300"]))))
    assert made.to_pydict() == {
        "row": [0, 1, 2],
        "key": [9, 9, 9],
        "input.row": ["1", "2", "300"],
        "prediction": [2.0, 4.0, 600.0],
    }
    assert (bulk.tally.rows, bulk.tally.scored, bulk.tally.refused, bulk.tally.unusual) == (3, 3, 0, 1)


def test_refusals_are_told_by_the_row_of_the_whole_input() -> None:
    told: list[Problem] = []
    bulk = Bulk(SIGNATURE, doubled, written=True, refuse=told.extend)
    made = list(bulk.scored(tables(["1", "x"], ["y"], [None, "4"])))
    assert [table["row"].to_pylist() for table in made] == [[0], [4]]
    assert [(problem.row, problem.code) for problem in told] == [
        (1, "wrong_type"),
        (2, "wrong_type"),
        (3, "missing_value"),
    ]
    assert (bulk.tally.scored, bulk.tally.refused) == (2, 3)
    with pytest.raises(InputRefused, match="row 2, column 'age'"):
        list(Bulk(SIGNATURE, doubled, written=True).scored(tables(["1", "2"], ["y"])))
    with pytest.raises(WrongArgument, match="no column 'agee' to keep"):
        list(Bulk(SIGNATURE, doubled, written=True, keep=["agee"]).scored(tables(["1"])))


@pytest.mark.parametrize(
    ("ages", "full"),
    [(["1", "2"], False), (["1", "old"], False), (["1,5", "2,0"], True), (["1,234", "1,234,567"], True), ([], False)],
)
def test_cells_that_only_their_column_explains_are_read_in_full(ages: list[str | None], full: bool) -> None:
    given = tables(ages, ["7"])
    again, wanted = in_full(SIGNATURE, iter(given))
    assert wanted is full
    assert list(again) == given


def test_texts_are_the_numbers_that_json_would_have_held() -> None:
    checked, _ = SIGNATURE.look_over(tables(["1", "2"])[0], written=True)
    assert list(checked.columns["age"]) == SIGNATURE.check(Rows({"age": [1, 2]}, 2)).columns["age"]
