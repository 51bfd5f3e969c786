"""What is called plain, the exact check lets through as it is."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from noria.scoring.column import SignatureColumn
from noria.scoring.plain import plain_column, plain_value

COLUMNS = st.builds(
    SignatureColumn,
    st.just("c"),
    st.sampled_from(["float", "int", "bool", "category", "text", "timestamp"]),
    missing=st.sampled_from(["refuse", "impute", "flag"]),
    unseen=st.sampled_from(["refuse", "ignore", "flag"]),
    range=st.sampled_from(["refuse", "clip", "flag"]),
    categories=st.none() | st.just(("A", "B", "1")),
    integers=st.booleans(),
    min=st.none() | st.just(-2.0),
    max=st.none() | st.just(5.0) | st.just(1e300),
)
VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-4, 7)
    | st.integers()
    | st.floats()
    | st.sampled_from(["A", "B", "C", "1", "2026-01-01", 2**63, -(2**63), 5.0, -2.0])
)


@given(COLUMNS, st.lists(VALUES, min_size=1, max_size=6))
def test_plain_means_neither_changed_nor_flagged(column: SignatureColumn, values: list[object]) -> None:
    one, many = plain_value(column), plain_column(column)
    each = [one(value) for value in values]
    assert many(values) == all(each)
    for value, plain in zip(values, each, strict=True):
        if plain:
            found = column.check(value)
            assert isinstance(found, tuple)
            assert found[1] is None
            assert found[0] is value or (found[0] == value and type(found[0]) is type(value))


def test_most_of_what_comes_is_plain() -> None:
    age = SignatureColumn("age", "float", min=18.0, max=75.0)
    grade = SignatureColumn("grade", "category", categories=("A", "B"))
    assert plain_column(age)([18.0, 40.5, 75.0])
    assert plain_column(grade)(["A", "B", "A"])
    assert not plain_column(age)([18.0, math.nan])
    assert not plain_column(age)([math.nan, 18.0])
    assert not plain_column(grade)(["A", "C"])
