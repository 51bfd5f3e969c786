"""Rows copied in bulk are the rows fetched one by one."""

from __future__ import annotations

import math
import uuid
from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pyarrow as pa
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from pulling import POSTGRES, missing

from noria.errors import NoriaError, WrongData
from noria.sources import bulk
from noria.sources.source import read


@pytest.fixture(scope="module")
def engine() -> Iterator[sa.Engine]:
    name = f"noria_test_{uuid.uuid4().hex}"
    try:
        around = sa.create_engine(POSTGRES)
        with around.begin() as connection:
            connection.execute(sa.text(f"CREATE SCHEMA {name}"))
    except (sa.exc.OperationalError, ModuleNotFoundError):
        missing("PostgreSQL")
    inside = sa.create_engine(f"{POSTGRES}?options=-csearch_path%3D{name}")
    yield inside
    inside.dispose()
    with around.begin() as connection:
        connection.execute(sa.text(f"DROP SCHEMA {name} CASCADE"))
    around.dispose()


@pytest.fixture
def source(engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("BULK_DB", engine.url.render_as_string(hide_password=False))
    return "sql:env:BULK_DB"


def both(source: str, monkeypatch: pytest.MonkeyPatch) -> tuple[pa.Table, pa.Table, bool]:
    """Read in bulk and one by one; say whether the first was in bulk indeed."""
    really: list[bool] = []
    copied = bulk.copied

    def watched(*given: Any) -> pa.Table | None:
        found = copied(*given)
        really.append(found is not None)
        return found

    with monkeypatch.context() as patch:
        patch.setattr("noria.sources.bulk.copied", watched)
        fast = read(source, root=Path())
        patch.setattr("noria.sources.bulk.copied", lambda *_: None)
        return fast, read(source, root=Path()), really[0]


ZONE = timezone(timedelta(hours=5))
TEXT = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=8)
ROW = st.tuples(
    st.none() | st.integers(-(2**63), 2**63 - 1),
    st.none() | st.floats(width=64),
    st.none() | st.decimals(places=3, min_value=-(10**9), max_value=10**9),
    st.none() | st.decimals(places=0, min_value=-(10**17), max_value=10**17),
    st.none() | st.booleans(),
    st.none() | TEXT | st.sampled_from(["", "\\.", '"', ",", "\n", "NULL", "t", "NA", " x "]),
    st.none() | st.dates(date(1, 1, 1), date(9999, 12, 31)),
    st.none() | st.datetimes(datetime(1700, 1, 1), datetime(2200, 1, 1)),
    st.none() | st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1), timezones=st.just(ZONE)),
    st.none() | st.uuids(),
)


@given(st.lists(ROW, min_size=1, max_size=8))
@settings(
    max_examples=25, deadline=None, phases=[Phase.generate], suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_bulk_is_one_by_one(
    engine: sa.Engine, source: str, monkeypatch: pytest.MonkeyPatch, rows: list[tuple[Any, ...]]
) -> None:
    columns = "i BIGINT, f FLOAT8, d NUMERIC, w NUMERIC(20,0), b BOOLEAN, s TEXT, day DATE, t TIMESTAMP, "
    columns += "z TIMESTAMPTZ, u UUID"
    names = [part.split()[0] for part in columns.split(", ")]
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE IF EXISTS kinds")
        connection.exec_driver_sql(f"CREATE TABLE kinds ({columns})")
        marks = ", ".join(f":{name}" for name in names)
        connection.execute(
            sa.text(f"INSERT INTO kinds VALUES ({marks})"), [dict(zip(names, row, strict=True)) for row in rows]
        )
    fast, slow, really = both(f"{source}?table=kinds", monkeypatch)
    assert really
    for name in names:  # of a column without any value only the database knows the type
        assert fast.schema.field(name).type == slow.schema.field(name).type or slow[name].null_count == len(rows)
    for left, right in zip(fast.to_pylist(), slow.to_pylist(), strict=True):
        for name in names:
            same = left[name] == right[name] or (
                isinstance(left[name], float) and math.isnan(left[name]) and math.isnan(right[name])
            )
            assert same, (name, left[name], right[name])


@pytest.mark.parametrize(
    ("query", "in_bulk"),
    [
        ("SELECT 1 AS a WHERE 'x%y' LIKE 'x%' AND ':b' = ':b' -- all", True),
        ("SELECT NULL::int AS a UNION ALL SELECT 7", True),
        ("SELECT '' AS a UNION ALL SELECT NULL", True),
        ("SELECT E'line\\nbreak' AS a, '1,5' AS b, 'q\"q' AS c", True),
        ("VALUES (1, 2.50), (2, NULL)", True),
        ("WITH x AS (SELECT 1 AS a) SELECT * FROM x", True),
        ("SELECT generate_series(1, 300000) AS a, repeat('x', 40) AS b", True),
        ("SELECT 12345678901234567890.5::numeric AS a", True),
        ("SELECT 99999999999999999999::numeric AS a", True),
        ("SELECT 0.1::real AS a, 'NaN'::float8 AS b, 'Infinity'::float8 AS c, 'NaN'::numeric AS d", True),
        ("SELECT ARRAY[1, 2] AS a", False),
        ("SELECT '{\"x\": 1}'::jsonb AS a", False),
        ("SELECT INTERVAL '1 day' AS a", False),
    ],
)
def test_queries(source: str, monkeypatch: pytest.MonkeyPatch, query: str, in_bulk: bool) -> None:
    fast, slow, really = both(f"{source}?query={query}", monkeypatch)
    assert really == in_bulk
    assert fast.schema == slow.schema
    assert repr(fast.to_pylist()) == repr(slow.to_pylist())


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("SELECT 'infinity'::timestamp AS a", "refused the query"),
        ("SELECT 1 AS a, 2 AS a", "more than once"),
        ("SELECT 1 AS a WHERE false", "no rows"),
        ("SELEC 1", "refused the query"),
        ("SELECT 1 / 0 AS a", "refused the query"),
        ("SELECT 1 / (i - 200000) AS a FROM generate_series(1, 300000) AS g(i)", "refused the query"),
    ],
)
def test_what_is_wrong_is_told_as_ever(source: str, query: str, says: str) -> None:
    with pytest.raises(NoriaError, match=says) as caught:
        read(f"{source}?query={query}", root=Path())
    assert isinstance(caught.value, WrongData)


def test_lost_digits_are_told(source: str) -> None:
    notes: list[str] = []
    read(f"{source}?query=SELECT {Decimal('12345678901234567.25')} AS a, 1.5 AS b", root=Path(), note=notes.append)
    assert len(notes) == 1
    assert "column a" in notes[0]
