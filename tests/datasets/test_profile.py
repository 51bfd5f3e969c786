"""Every figure of a profile against numpy, pandas and scipy."""

from __future__ import annotations

import collections
import json
import math
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from noria.datasets.profile import QUANTILES, from_json, profile
from noria.datasets.profile_page import document
from noria.datasets.schema import Column, Schema
from noria.plots.html_page import write

NUMBERS = st.lists(st.none() | st.floats(-1e6, 1e6, allow_subnormal=False).map(lambda x: round(x, 3)), max_size=60)


@settings(deadline=None, max_examples=60)
@given(NUMBERS)
def test_numbers(values: list[float | None]) -> None:
    made = profile(pa.table({"x": pa.array(values, pa.float64())}))["x"]
    known = pd.Series([value for value in values if value is not None], dtype=float)
    assert made.missing == len(values) - len(known)
    assert made.distinct == known.nunique()
    assert made.zeros == int((known == 0).sum())
    if known.empty:
        assert made.mean is None
        assert made.quantiles is None
        return
    assert (made.min, made.max) == (known.min(), known.max())
    assert made.mean == pytest.approx(known.mean(), rel=1e-9, abs=1e-9)
    assert made.quantiles is not None
    for share in QUANTILES:
        assert made.quantiles[str(share)] == pytest.approx(np.quantile(known, share), rel=1e-9, abs=1e-9)
    if len(known) > 1:
        assert made.sd == pytest.approx(known.std(), rel=1e-6, abs=1e-6)


def test_skew() -> None:
    values = np.random.default_rng(0).gamma(2, size=500)
    made = profile(pa.table({"x": values}))["x"]
    assert made.skew == pytest.approx(stats.skew(values, bias=False), rel=1e-9)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.none() | st.sampled_from(["", "a", "b", "é", "🙂", "it's", '"']) | st.text(max_size=3), max_size=60))
def test_text(values: list[str | None]) -> None:
    values = [None if value is not None and "\x00" in value else value for value in values]
    made = profile(pa.table({'odd "name"': pa.array(values, pa.string())}))['odd "name"']
    known = pd.Series([value for value in values if value is not None], dtype="str")
    assert (made.missing, made.distinct) == (len(values) - len(known), known.nunique())
    counts = collections.Counter(known)
    assert [count for _, count in made.top] == sorted(counts.values(), reverse=True)[:20]
    assert all(counts[str(value)] == count for value, count in made.top)


def test_times_truths_and_infinities() -> None:
    table = pa.table({"at": [datetime(2026, 1, 2), None, datetime(2026, 1, 1)], "ok": [True, None, True],
                      "x": [math.inf, 1.0, 3.0], "n": pa.nulls(3).cast(pa.string())})  # fmt: skip
    made = profile(table)
    assert (made["at"].min, made["at"].max, made["at"].missing) == ("2026-01-01T00:00:00", "2026-01-02T00:00:00", 1)
    assert made["ok"].top == ((True, 2),)
    assert (made["x"].infinite, made["x"].mean, made["x"].max) == (1, 2.0, 3.0)
    assert (made["n"].missing, made["n"].top) == (3, ())
    assert from_json(made.to_json()) == made


def test_many_values_and_ties() -> None:
    names = [f"n{number:03}" for number in range(500)]
    made = profile(pa.table({"s": [*names, *names[100:130], "n400"]}))["s"]
    assert made.top == tuple((name, 2) for name in sorted([*names[100:130], "n400"])[:20])
    assert profile(pa.table({"s": ["n400", *names[::-1], *names[100:130]]}))["s"] == made


def test_whole_numbers_keep_every_digit() -> None:
    made = profile(pa.table({"n": [2**62 + 1, 3, None]}))["n"]
    assert (made.min, made.max, made.type) == (3, 2**62 + 1, "int")
    assert profile(pa.table({"x": [0.0, -0.0]}))["x"].distinct == 1


def test_personal_data_is_not_shown() -> None:
    table = pa.table({"email": ["a@x.org", "b@x.org"]})
    made = profile(table, schema=Schema((Column("email", "text", pii=True),)))["email"]
    assert (made.distinct, made.top, made.min) == (2, (), None)


def test_a_table_without_rows() -> None:
    made = profile(pa.table({"x": pa.array([], pa.int64())}))
    assert (made.rows, made["x"].missing, made["x"].distinct) == (0, 0, 0)


@pytest.mark.parametrize("rows", [301, 302, 5001, 20_001, 20_002])
@pytest.mark.parametrize("whole", [False, True])
def test_outliers_and_histogram(rows: int, whole: bool) -> None:
    values = np.random.default_rng(0).lognormal(0, 1, rows)
    values = np.round(values * 100).astype(np.int64) if whole else values
    made = profile(pa.table({"x": values}))["x"]
    low, high = np.quantile(values, [0.25, 0.75])
    fence = 1.5 * (high - low)
    assert made.outliers == int(((values < low - fence) | (values > high + fence)).sum())
    mad = stats.median_abs_deviation(values)
    assert made.mad == pytest.approx(mad, rel=1e-9)
    assert made.extreme == int((np.abs(values - np.median(values)) * 0.6745 / mad > 3.5).sum())
    assert made.histogram is not None
    counted = np.histogram(values, made.histogram.edges)[0]
    assert made.histogram.counts == tuple(counted)
    assert made.histogram.below + made.histogram.above + sum(made.histogram.counts) == rows


@settings(deadline=None, max_examples=80)
@given(st.lists(st.integers(-(2**62), 2**62) | st.integers(-5, 5), min_size=1, max_size=60))
def test_whole_numbers(values: list[int]) -> None:
    made = profile(pa.table({"n": pa.array(values, pa.int64())}))["n"]
    assert (made.min, made.max, made.distinct) == (min(values), max(values), len(set(values)))
    assert (made.zeros, made.negative) == (values.count(0), sum(value < 0 for value in values))
    assert made.histogram is not None
    assert made.histogram.below + made.histogram.above + sum(made.histogram.counts) == len(values)


def test_a_file_gives_the_profile_of_its_rows(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    n = 300_000
    table = pa.table(
        {"x": pa.array(rng.normal(size=n), mask=rng.random(n) < 0.1), "n": rng.integers(0, 99, n),
         "at": np.datetime64("2026-01-01", "us") + rng.integers(0, 10**6, n).astype("timedelta64[s]"),
         "s": pa.array(rng.choice(["", "b", "ccc"], n), mask=rng.random(n) < 0.2), "ok": rng.random(n) < 0.3,
         "u": [f"u{number}" for number in range(n)], "_noria_collected": rng.random(n) < 0.5}
    )  # fmt: skip
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=70_000)
    made = profile(tmp_path / "a.parquet", target="ok")
    assert made == profile(table, target="ok")
    assert made.rows == n
    assert [column.name for column in made.columns] == ["x", "n", "at", "s", "ok", "u"]
    assert (made.duplicates, made.sample) == (0, 20_000)
    assert from_json(json.loads(json.dumps(made.to_json()))) == made


def test_a_column_is_the_same_among_thousands() -> None:
    rng, rows = np.random.default_rng(0), 60
    columns: dict[str, object] = {f"x{n}": rng.normal(size=rows) for n in range(1500)}
    columns |= {f"n{n}": rng.integers(0, n + 2, rows) for n in range(800)}
    columns |= {f"c{n}": rng.choice(["A1", "b22", "É3"][: 1 + n % 3], rows) for n in range(700)}
    table = pa.table(columns)
    made = profile(table, target="c2")
    assert [column.name for column in made.columns] == table.column_names
    for name in [*table.column_names[::97], "c2"]:
        assert made[name] == profile(table.select([name]))[name]
    assert made.target is not None
    assert made.target.name == "c2"


def test_shapes_of_letters_beyond_ascii() -> None:
    made = profile(pa.table({"a": ["Ab1", "Cd2"] * 9, "b": ["Äb1", "Cd2"] * 9, "c": ["É-ß", "A-b"] * 9}))
    assert [made[name].patterns for name in "abc"] == [(("Aa9", 18),), (("Aa9", 18),), (("A-a", 18),)]


def test_text_and_times_at_length() -> None:
    codes = ["A123", "B77", "C1"] * 20 + ["  ", None]
    at = [datetime(2026, 1, 5, 7), datetime(2026, 1, 6)] * 31
    made = profile(pa.table({"code": codes, "at": at, "day": [datetime(2026, 1, 4)] * 62}))
    assert made["code"].lengths == (2, pytest.approx((4 + 3 + 2) * 20 / 61 + 2 / 61, abs=1e-3), 4)
    assert (made["code"].blank, made["code"].patterns[0]) == (1, ("A999", 20))
    assert made["at"].weekdays == (31, 31, 0, 0, 0, 0, 0)
    assert (made["at"].hours[0], made["at"].hours[7], made["day"].hours) == (31, 31, ())
    assert made.duplicates == 62 - 8


def test_which_columns_are_missing_together() -> None:
    gap = [True] * 10 + [False] * 30
    other = [True] * 5 + [False] * 35
    table = pa.table({"a": pa.array(range(40), mask=np.array(gap)), "b": pa.array(["x"] * 40, mask=np.array(gap)),
                      "c": pa.array(range(40), mask=np.array(other)), "d": list(range(40))})  # fmt: skip
    made = profile(table)
    assert {(each.columns, each.rows) for each in made.missing_together} == {
        ((), 30), (("a", "b", "c"), 5), (("a", "b"), 5)
    }  # fmt: skip
    pairs = {(each.a, each.b): each.value for each in made.missing_pairs}
    assert pairs["a", "b"] == 1.0
    assert pairs["a", "c"] == pytest.approx(np.corrcoef(gap, other)[0, 1], abs=1e-4)


def test_nothing_personal_is_shown_anywhere() -> None:
    rng = np.random.default_rng(1)
    salary = rng.normal(4e4, 1e3, 100)
    table = pa.table({"salary": salary, "age": salary / 1000, "born": [datetime(1970, 1, 2)] * 100, "y": salary > 4e4})
    schema = Schema(
        (Column("salary", "float", pii=True), Column("age", "float"), Column("born", "timestamp", pii=True))
    )
    made = profile(table, schema=schema, target="y")
    for name in ("salary", "born"):
        column = made[name]
        assert (column.missing, column.distinct) == (0, len(set(table[name].to_pylist())))
        assert {value for key, value in vars(column).items() if key not in ("name", "type", "missing", "distinct")} == {
            None, ()
        }  # fmt: skip
    assert "salary" not in {name for each in made.associations for name in (each.a, each.b)}
    assert made.target is not None
    assert {each.name for each in made.target.relations} == {"age"}
    assert profile(table, schema=schema, target="salary").target is None


def test_what_an_older_noria_wrote_is_read() -> None:
    old = {"rows": 3, "columns": [
        {"name": "a", "type": "int", "missing": 0, "distinct": 3, "min": 1, "max": 3, "mean": 2.0, "sd": 1.0,
         "skew": 0.0, "quantiles": {"0.5": 2.0}, "zeros": 0, "infinite": None, "top": []},
        {"name": "s", "type": "text", "missing": 1, "distinct": 1, "min": "x", "max": "x", "mean": None, "sd": None,
         "skew": None, "quantiles": None, "zeros": None, "infinite": None, "top": [["x", 2]], "of the future": [1]},
    ]}  # fmt: skip
    made = from_json(old)
    assert (made["a"].max, made["s"].top, made["a"].histogram, made.associations) == (3, (("x", 2),), None, ())
    page = write(document(made, Schema((Column("a", "int"), Column("s", "text"))), title="old@1", subtitle=""))
    assert "old@1" in page
