"""Every figure of a profile against numpy, pandas and scipy."""

from __future__ import annotations

import collections
import math
from datetime import datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from noria.datasets.profile import QUANTILES, from_json, profile
from noria.datasets.schema import Column, Schema

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
