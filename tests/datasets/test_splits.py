"""Properties that every split keeps, whatever the table."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noria.datasets.marks import COLLECTED
from noria.datasets.splits import Method, Split, rows_digest, split
from noria.errors import WrongArgument, WrongData, WrongSetting

START = datetime(2026, 1, 1)


@st.composite
def tables(draw: st.DrawFn, min_rows: int = 2) -> pa.Table:
    rows = draw(st.integers(min_rows, 60))
    return pa.table(
        {
            "id": draw(st.permutations(range(rows))),
            "y": draw(st.lists(st.sampled_from(["a", "b", "c", None]), min_size=rows, max_size=rows)),
            "x": draw(st.lists(st.none() | st.floats(-5, 5), min_size=rows, max_size=rows)),
            "g": pa.array(draw(st.lists(st.none() | st.integers(0, 6), min_size=rows, max_size=rows)), pa.int64()),
            "at": [
                START + timedelta(hours=h) for h in draw(st.lists(st.integers(0, 50), min_size=rows, max_size=rows))
            ],
            COLLECTED: draw(st.lists(st.booleans(), min_size=rows, max_size=rows)),
        }
    )


def cut(table: pa.Table, method: Method, share: float, *, group: str | None = None, seed: int = 7) -> Split | None:
    try:
        return split(table, method=method, test=share, seed=seed, target="y", key=["id"], time="at", group=group)
    except WrongData:
        return None  # one side would be empty, and that is said


@settings(deadline=None, max_examples=60)
@given(tables(), st.sampled_from(["random", "stratified", "group", "time", "hash"]), st.floats(0.05, 0.95))
def test_every_row_is_on_one_side(table: pa.Table, method: Method, share: float) -> None:
    made = cut(table, method, share, group="g" if method == "group" else None)
    if made is None:
        return
    assert len(made.train) > 0
    assert len(made.test) > 0
    assert sorted([*made.train, *made.test]) == list(range(table.num_rows))
    assert list(made.train) == sorted(made.train)
    again = cut(table, method, share, group="g" if method == "group" else None)
    assert again is not None
    assert np.array_equal(again.test, made.test)


@settings(deadline=None, max_examples=60)
@given(tables(), st.sampled_from(["random", "stratified", "group", "time", "hash"]), st.floats(0.05, 0.95))
def test_groups_never_straddle(table: pa.Table, method: Method, share: float) -> None:
    made = cut(table, method, share, group="g")
    if made is None:
        return
    groups = table["g"].to_numpy()
    sides = [set(groups[rows][~np.isnan(groups[rows])]) for rows in (made.train, made.test)]
    assert not sides[0] & sides[1]
    assert not set(made.train) & set(made.test)


@settings(deadline=None, max_examples=40)
@given(tables(min_rows=10), st.floats(0.1, 0.9))
def test_strata_keep_their_share(table: pa.Table, share: float) -> None:
    made = cut(table, "stratified", share)
    assert made is not None
    assert len(made.test) == min(table.num_rows - 1, max(1, round(share * table.num_rows)))
    layers = [(y, c) for y, c in zip(table["y"].to_pylist(), table[COLLECTED].to_pylist(), strict=True)]
    held = [layers[row] for row in made.test]
    for layer in set(layers):
        assert abs(held.count(layer) - layers.count(layer) * len(made.test) / len(layers)) <= 1


@settings(deadline=None, max_examples=40)
@given(tables(), st.floats(0.1, 0.9), st.integers(0, 30))
def test_time_never_runs_backwards(table: pa.Table, share: float, gap: int) -> None:
    try:
        made = split(table, method="time", test=share, time="at", gap=timedelta(hours=gap))
    except WrongData:
        return
    at = table["at"].to_numpy()
    assert at[made.train].max() < at[made.test].min() - np.timedelta64(gap, "h") + np.timedelta64(1, "us")
    lost = set(range(table.num_rows)) - {*made.train, *made.test}
    assert all(at[row] < at[made.test].min() for row in lost)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(), min_size=4, max_size=80, unique=True), st.data())
def test_hash_sides_stay_when_rows_are_added(ids: list[int], data: st.DataObject) -> None:
    more = data.draw(st.permutations([*ids, *(i + 10**12 for i in range(20))]))

    def side(keys: list[int]) -> dict[int, bool]:
        try:
            made = split(pa.table({"id": pa.array(map(str, keys))}), method="hash", test=0.5, key=["id"])
        except WrongData:
            return {}
        return {key: row in set(made.test) for row, key in enumerate(keys)}

    before, after = side(ids), side(more)
    assert all(after.get(key, held) == held for key, held in before.items())


def test_hash_holds_about_its_share() -> None:
    made = split(pa.table({"id": list(range(20_000))}), method="hash", test=0.25, key=["id"])
    assert abs(len(made.test) / 20_000 - 0.25) < 4 * (0.25 * 0.75 / 20_000) ** 0.5


def test_tenths_of_a_number_keep_their_share() -> None:
    values = np.random.default_rng(1).lognormal(size=1000)
    made = split(pa.table({"y": values}), method="stratified", test=0.2, target="y")
    test, train = values[made.test], values[made.train]
    for share in (0.1, 0.5, 0.9):
        assert np.quantile(test, share) == pytest.approx(np.quantile(train, share), rel=0.1)


def test_group_shares_are_near_what_was_asked() -> None:
    rng = np.random.default_rng(2)
    groups = rng.integers(0, 200, 4000)
    y = (rng.random(4000) < 0.2).astype(int)
    made = split(pa.table({"g": groups, "y": y}), test=0.25, target="y", group="g")
    assert len(made.test) / 4000 == pytest.approx(0.25, abs=0.02)
    assert y[made.test].mean() == pytest.approx(y.mean(), abs=0.02)


@pytest.mark.parametrize(
    ("wanted", "error", "says"),
    [
        ({"method": "hash"}, WrongSetting, r'method = "hash" needs \[data\] key'),
        ({"method": "time"}, WrongSetting, r"needs \[data\] time"),
        ({"method": "group"}, WrongSetting, r"needs \[data\] group"),
        ({"method": "stratifed"}, WrongSetting, "unknown"),
        ({"method": "time", "time": "y"}, WrongData, "holds string, not times"),
        ({"method": "time", "time": "hole"}, WrongData, "missing in 1 of 3 rows"),
        ({"method": "time", "time": "at", "gap": "7 days"}, WrongSetting, "is no duration"),
        ({"method": "time", "time": "at", "gap": "9w"}, WrongData, "leaves no rows for the training"),
        ({"test": 1.0}, WrongArgument, "is no share"),
        ({"group": "one"}, WrongData, "leaves no rows for the test"),
    ],
)
def test_what_cannot_be_split_is_told(wanted: dict[str, object], error: type[Exception], says: str) -> None:
    days = [START, START + timedelta(days=1), START + timedelta(days=2)]
    table = pa.table({"y": ["a", "b", "c"], "at": days, "hole": [START, None, START], "one": [1, 1, 1]})
    with pytest.raises(error, match=says):
        split(table, **wanted)  # type: ignore[arg-type]


def test_one_row_cannot_be_split() -> None:
    with pytest.raises(WrongData, match="1 row cannot be split"):
        split(pa.table({"y": [1]}))


def test_hash_sides_stay_when_whole_numbers_become_floats_or_text() -> None:
    ids = list(range(500))
    sides = [
        split(pa.table({"id": written}), method="hash", test=0.3, key=["id"]).test.tolist()
        for written in (pa.array(ids), pa.array(ids, pa.float64()), pa.array(map(str, ids)))
    ]
    assert sides[0] == sides[1] == sides[2]


@settings(deadline=None, max_examples=40)
@given(tables(min_rows=10), st.sampled_from(["random", "stratified", "group"]), st.floats(0.1, 0.9))
def test_another_seed_is_another_draw_of_the_same_size(table: pa.Table, method: Method, share: float) -> None:
    group = "g" if method == "group" else None
    made = [cut(table, method, share, group=group, seed=seed) for seed in (1, 1, 2)]
    if any(one is None for one in made):
        return
    one, again, other = (part for part in made if part is not None)
    assert np.array_equal(one.test, again.test)
    if method != "group":  # groups are taken whole
        assert len(one.test) == len(other.test)


@settings(deadline=None, max_examples=60)
@given(tables(), st.floats(0.1, 0.9), st.integers(0, 20))
def test_groups_and_time_hold_together(table: pa.Table, share: float, gap: int) -> None:
    try:
        made = split(table, method="time", test=share, time="at", group="g", gap=timedelta(hours=gap))
    except WrongData:
        return
    at, groups = table["at"].to_numpy(), table["g"].to_numpy()
    assert at[made.train].max() + np.timedelta64(gap, "h") <= at[made.test].min()
    known = [set(groups[rows][~np.isnan(groups[rows])]) for rows in (made.train, made.test)]
    assert not known[0] & known[1]
    # What is in neither is older than the test, and lies in the gap or belongs to a group of the test.
    for row in set(range(table.num_rows)) - {*made.train, *made.test}:
        assert at[row] < at[made.test].min()
        assert groups[row] in known[1] or at[row] >= at[made.test].min() - np.timedelta64(gap, "h")


@settings(deadline=None, max_examples=40)
@given(tables(min_rows=6), st.randoms())
def test_a_digest_says_which_rows(table: pa.Table, random: object) -> None:
    order = list(range(table.num_rows))
    random.shuffle(order)  # type: ignore[attr-defined]
    for key in ([], ["id"], ["id", "g"]):
        assert rows_digest(table.take(order), key) == rows_digest(table, key)
        assert rows_digest(table.slice(1), key) != rows_digest(table, key)
    other = table.set_column(0, "id", pa.array([9999, *table["id"].to_pylist()[1:]]))
    assert rows_digest(other) != rows_digest(table)
    assert rows_digest(other, ["id"]) != rows_digest(table, ["id"])
    assert rows_digest(other, ["at"]) == rows_digest(table, ["at"])


def test_no_two_rows_are_written_alike() -> None:
    one, other = pa.table({"a": ["x\x1f", None], "b": ["y", ""]}), pa.table({"a": ["x", ""], "b": ["\x1fy", None]})
    assert rows_digest(one) != rows_digest(other)
    assert rows_digest(pa.table({"id": [1.0, 2.0]}), ["id"]) == rows_digest(pa.table({"id": [2, 1]}), ["id"])
