"""What rows on both sides of a split know of each other."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noria.checks.straddling import look_across

N = 1200
FEATURES = ["a", "b", "c", "d", "g"]


def rows(seed: int, n: int = N) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    made = {name: rng.normal(size=n) for name in "abcd"}
    return {"id": np.arange(n), **made, "g": rng.choice(list("xyz"), n), "y": rng.integers(0, 2, n)}


Columns = dict[str, np.ndarray]


def found(train: Columns, test: Columns, **given: object) -> dict[str, tuple[str | None, int]]:
    said = {"method": "random", "target": "y", "features": FEATURES, **given}
    looked = look_across(pa.table(train), pa.table(test), **said)  # type: ignore[arg-type]
    return {one.check: (one.column, one.failed_rows) for one in looked}


def test_strangers_know_nothing_of_each_other() -> None:
    test = rows(2)
    test["id"] = test["id"] + N
    assert found(rows(1), test, key=["id"]) == {}


def test_keys() -> None:
    test = rows(2)
    test["id"] = test["id"] + N - 30
    assert found(rows(1), test, key=["id"]) == {"straddling-key": ("id", 30)}


def test_equal_rows() -> None:
    train, test = rows(1), rows(2)
    for name in FEATURES:
        test[name][:40] = train[name][100:140]
    assert found(train, test) == {"straddling-row": (None, 40)}


def test_nearly_equal_rows() -> None:
    train, test = rows(1), rows(2)
    noise = np.random.default_rng(3)
    for name in FEATURES[:-1]:
        test[name][:60] = train[name][100:160] + noise.normal(0, 1e-4, 60)
    test["b"][:60] += noise.normal(0, 1, 60)
    test["g"][:60] = train["g"][100:160]
    made = found(train, test)
    assert made.keys() == {"straddling-near"}
    assert 45 <= made["straddling-near"][1] <= 60  # a number near the edge of a step may fall on its other side


def test_few_coarse_columns_are_equal_by_chance() -> None:
    rng = np.random.default_rng(0)
    train, test = ({name: rng.choice(list("xy"), N) for name in "abcdef"} for _ in range(2))
    assert found(train, test, features=list("abcdef")) == {}


def test_groups() -> None:
    train, test = rows(1), rows(2)
    rng = np.random.default_rng(5)
    for side in (train, test):
        side["customer_id"] = rng.integers(0, N // 3, N)
        side["branch_id"] = rng.integers(0, 8, N)
    made = found(train, test)
    assert made.keys() == {"straddling-group"}
    assert made["straddling-group"][0] == "customer_id"
    test["customer_id"] = test["customer_id"] + N
    assert found(train, test, group="customer_id") == {}
    assert found(train, {**test, "customer_id": train["customer_id"]}, group="customer_id") == {
        "straddling-group": ("customer_id", N)
    }


@pytest.mark.parametrize(("method", "shift", "told"), [("time", 0, True), ("time", N, False), ("random", 0, True)])
def test_times(method: str, shift: int, told: bool) -> None:
    train, test = rows(1), rows(2)
    start = np.datetime64("2026-01-01", "us")
    train["at"] = start + np.arange(N).astype("timedelta64[h]")
    test["at"] = start + (np.arange(N) + shift + 1).astype("timedelta64[h]")
    assert ("straddling-time" in found(train, test, time="at", method=method)) is told


@settings(deadline=None, max_examples=30)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.none() | st.text("ab", max_size=1)), min_size=2, max_size=30),
    st.integers(1, 29),
)
def test_any_table_can_be_looked_at(cells: list[tuple[int, str | None]], cut: int) -> None:
    table = pa.table({"a": [cell[0] for cell in cells], "user_id": pa.array([cell[1] for cell in cells], pa.string())})
    cut = min(cut, len(cells) - 1)
    for one in look_across(table.slice(0, cut), table.slice(cut), ["a", "user_id"], method="hash", key=["user_id"]):
        assert one.severity == "warn"
        assert one.message
        assert one.mend
