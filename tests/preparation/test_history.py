"""What a row knows of earlier rows: against pandas, and never a word of what comes later."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from noria.errors import WrongData, WrongSetting
from noria.preparation.asking import ready
from noria.preparation.clean_settings import CleanSettings
from noria.preparation.history import with_history
from noria.preparation.history_settings import HistorySettings

START = datetime(2026, 1, 1)
RULES = ["forward:3h", "lag:1,3", "mean:3", "std:4", "min:5h", "max:2", "sum:4h", "count:6h"]
MADE = [
    "x", "x_lag_1", "x_lag_3", "x_mean_3", "x_std_4", "x_min_5h", "x_max_2", "x_sum_4h", "x_count_6h",
]  # fmt: skip


def asked(*rules: str) -> HistorySettings:
    return HistorySettings.model_validate({"x": list(rules)})


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    n = draw(st.integers(1, 40))
    hours = draw(st.lists(st.integers(0, 30), min_size=n, max_size=n))
    return pa.table(
        {
            "at": [START + timedelta(hours=h) for h in hours],
            "g": pa.array(draw(st.lists(st.sampled_from(["a", "b", None]), min_size=n, max_size=n)), pa.string()),
            "x": pa.array(draw(st.lists(st.none() | st.floats(-1e6, 1e6), min_size=n, max_size=n)), pa.float64()),
        }
    )


@settings(deadline=None, max_examples=120)
@given(tables(), st.sampled_from([RULES, ["interpolate", *RULES[1:]]]), st.integers(0, 30), st.floats(-1e9, 1e9))
def test_the_future_changes_nothing(table: pa.Table, rules: list[str], cut: int, other: float) -> None:
    moment = START + timedelta(hours=cut)
    later = np.array([at > moment for at in table["at"].to_pylist()])
    # Later rows gone, changed, and come double: what is seen by then has the same bits.
    kept = table.filter(pa.array(~later))
    changed = table.set_column(2, "x", pa.array(np.where(later, other, table["x"].to_numpy()), from_pandas=True))
    more = pa.concat_tables([changed, table.filter(pa.array(later))])
    whole, _ = with_history(table, asked(*rules), time="at", group="g")
    now = whole.filter(pa.array(~later))
    for world in (kept, changed, more):
        made, _ = with_history(world, asked(*rules), time="at", group="g")
        seen = made.slice(0, table.num_rows).filter(pa.array(~later)) if world is not kept else made
        for name in MADE:
            np.testing.assert_array_equal(seen[name].to_numpy(), now[name].to_numpy(), err_msg=name)


@settings(deadline=None, max_examples=60)
@given(tables(), st.randoms())
def test_the_order_of_the_rows_does_not_matter(table: pa.Table, random: object) -> None:
    # Rows of one moment have no order: give each its own.
    table = table.set_column(0, "at", pa.array([START + timedelta(minutes=7 * n) for n in range(table.num_rows)]))
    order = list(range(table.num_rows))
    random.shuffle(order)  # type: ignore[attr-defined]
    straight, _ = with_history(table, asked(*RULES), time="at", group="g")
    mixed, _ = with_history(table.take(order), asked(*RULES), time="at", group="g")
    for name in MADE:
        np.testing.assert_array_equal(mixed[name].to_numpy(), straight.take(order)[name].to_numpy())


def series(n: int = 300, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "at": START + pd.to_timedelta(np.sort(rng.choice(5000, n, replace=False)), "min"),
            "g": rng.choice(["a", "b"], n),
        }
    )
    frame["x"] = np.where(rng.random(n) < 0.2, np.nan, rng.normal(1e4, 3, n))
    return frame


def test_windows_are_those_of_pandas() -> None:
    frame = series()
    made, _ = with_history(pa.Table.from_pandas(frame), asked(*RULES[1:]), time="at", group="g")
    for _, part in frame.groupby("g"):
        rows, x = part.index, part["x"]
        timed = part.set_index("at")["x"]
        wanted = {
            "x_lag_1": x.shift(1),
            "x_lag_3": x.shift(3),
            "x_mean_3": x.shift(1).rolling(3, min_periods=1).mean(),
            "x_std_4": x.shift(1).rolling(4, min_periods=2).std(),
            "x_max_2": x.shift(1).rolling(2, min_periods=1).max(),
            "x_min_5h": timed.rolling("5h", closed="left", min_periods=1).min(),
            "x_sum_4h": timed.rolling("4h", closed="left", min_periods=1).sum(),
            "x_count_6h": timed.rolling("6h", closed="left", min_periods=0).count(),
        }
        for name, reference in wanted.items():
            np.testing.assert_allclose(
                made[name].to_numpy()[rows], reference.to_numpy(), rtol=1e-9, atol=1e-6, err_msg=name
            )


def test_last_values_are_carried_as_pandas_carries_them() -> None:
    frame = series()
    made, filled = with_history(pa.Table.from_pandas(frame), asked("forward", "indicator"), time="at", group="g")
    np.testing.assert_array_equal(made["x_filled"].to_numpy(), frame["x"].isna().to_numpy())
    wanted = frame.groupby("g")["x"].ffill()
    np.testing.assert_array_equal(made["x"].to_numpy(), wanted.to_numpy())
    assert filled == {"x": int(frame["x"].isna().sum() - wanted.isna().sum())}
    near, _ = with_history(pa.Table.from_pandas(frame), asked("forward:1"), time="at", group="g")
    np.testing.assert_array_equal(near["x"].to_numpy(), frame.groupby("g")["x"].ffill(limit=1).to_numpy())


def test_gaps_behind_a_row_are_drawn_straight_and_its_own_is_carried() -> None:
    hours = [0, 1, 2, 4, 5]
    table = pa.table(
        {"at": [START + timedelta(hours=h) for h in hours], "x": pa.array([10.0, None, None, 30.0, None], pa.float64())}
    )
    made, _ = with_history(table, asked("interpolate", "lag:1", "mean:4"), time="at")
    # Of its own gap a row knows only what was before; looking back on it from later, both ends are known.
    assert made["x"].to_pylist() == [10.0, 10.0, 10.0, 30.0, 30.0]
    assert made["x_lag_1"].to_pylist() == [None, 10.0, 10.0, 10.0, 30.0]
    assert made["x_mean_4"].to_pylist() == [None, 10.0, 10.0, 10.0, (10 + 15 + 20 + 30) / 4]


def test_rows_of_one_moment_and_rows_without_one() -> None:
    table = pa.table(
        {
            "at": pa.array([1, 1, 2, None], pa.int64()),
            "x": pa.array([2**60 + 1, None, None, 7], pa.int64()),
        }
    )
    made, _ = with_history(table, asked("forward", "lag:1"), time="at")
    assert made["x"].to_pylist() == [2**60 + 1, None, 2**60, 7]  # what is known stays; what is filled in is a float
    assert made["x"].type == pa.int64()
    assert made["x_lag_1"].to_pylist() == [None, None, None, None]


def test_what_cannot_be_looked_at_is_told() -> None:
    table = pa.table({"at": ["soon"], "t": ["a"], "x": [1.0], "n": [1]})
    with pytest.raises(WrongData, match="needs times"):
        with_history(table, asked("lag:1"), time="at")
    with pytest.raises(WrongData, match="looks at numbers"):
        with_history(table, HistorySettings.model_validate({"t": ["lag:1"]}), time="n")
    with pytest.raises(WrongSetting, match="does not have"):
        with_history(table, HistorySettings.model_validate({"xx": ["lag:1"]}), time="n")
    for wrong in (
        ["lagg:1"],
        ["lag"],
        ["lag:6h"],
        ["mean:0"],
        ["mean:soon"],
        ["forward", "interpolate"],
        [],
        ["lag:1,1"],
        ["indicator"],
        ["forward", "indicator:3"],
    ):
        with pytest.raises(ValidationError):
            HistorySettings.model_validate({"x": wrong})


def test_rows_that_are_asked_about_get_what_they_had_in_training() -> None:
    frame = series(120)
    whole = pa.Table.from_pandas(frame)
    rules = asked("interpolate", *RULES[1:])
    trained, _ = with_history(whole, rules, time="at", group="g")
    for first in (1, 60, 119):
        past, new = whole.slice(0, first + 1), whole.slice(first)  # the first new row is in both
        made = ready(new, past, clean=CleanSettings(), history=rules, time="at", group="g")
        for name in MADE:
            np.testing.assert_array_equal(made[name].to_numpy(), trained[name].to_numpy()[first:], err_msg=name)


def test_rows_without_a_moment_have_no_past() -> None:
    past = pa.table({"at": [1, 2], "x": [1.0, 2.0]})
    with pytest.raises(WrongData, match="lack 'at'"):
        ready(pa.table({"x": [1.0]}), past, clean=CleanSettings(), history=asked("lag:1"), time="at")
    with pytest.raises(WrongData, match="do not fit"):
        ready(pa.table({"at": ["a"], "x": [1.0]}), past, clean=CleanSettings(), history=asked("lag:1"), time="at")
