"""What is proposed holds on the rows it comes from, and nearly always on rows of the same kind."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from noria.checks.findings import Finding
from noria.checks.settings import CheckSettings
from noria.checks.suggestion import Suggestion, suggest
from noria.checks.suite import held
from noria.datasets.profile import profile
from noria.datasets.schema import infer
from noria.datasets.settings import DataSettings


def proposed(table: pa.Table, key: tuple[str, ...] = ("id",)) -> Suggestion:
    schema = infer(table)
    return suggest(profile(table, schema=schema), schema, key=key)


def broken(table: pa.Table, found: Suggestion, *, rows: bool = True) -> tuple[Finding, ...]:
    said = {"unique": list(found.unique), "missing": {"max": found.missing, "columns": found.missing_columns}}
    if rows:
        said["rows"] = {"min": found.rows}
    data = DataSettings.model_validate({"source": "a", "columns": found.columns})
    findings = held(table, infer(table, data), CheckSettings.model_validate(said))
    return tuple(one for one in findings if one.check != "duplicates")


def drawn(seed: int, n: int, start: int = 0) -> pa.Table:
    """Rows of many kinds of columns; which ones, `seed // 1000` decides, the rows themselves the rest."""
    kind, rng = np.random.default_rng(seed // 1000), np.random.default_rng(seed)
    made: dict[str, object] = {"id": np.arange(start, start + n)}
    for number in range(int(kind.integers(2, 6))):
        which = kind.integers(0, 6)
        gap = float(kind.choice([0.0, 0.0, 0.02, 0.3]))
        scale, shape = float(kind.uniform(0.1, 1e4)), float(kind.uniform(0.3, 1.0))
        values: object = {
            0: lambda s: rng.normal(s, s, n), 1: lambda s, shape=shape: rng.lognormal(1, shape, n) * s,
            2: lambda s: rng.poisson(s % 20, n), 3: lambda s: rng.choice(list("abcde"), n, p=[0.5, 0.2, 0.1, 0.1, 0.1]),
            4: lambda s: [f"K{value:03}-{'xyz'[value % 3]}" for value in rng.integers(0, 999, n)],
            5: lambda s: [datetime(2026, 1, 1) + timedelta(hours=int(hour)) for hour in rng.integers(0, 9999, n)],
        }[int(which)](scale)  # fmt: skip
        made[f"c{number}"] = pa.array(values, mask=rng.random(n) < gap)
    return pa.table(made)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 400), st.sampled_from([40, 150, 1500]))
def test_the_rows_it_comes_from_pass(kind: int, n: int) -> None:
    table = drawn(1000 * kind, n)
    assert broken(table, proposed(table)) == ()


def test_rows_of_the_same_kind_pass_nearly_always() -> None:
    failed, total = [], 150
    for kind in range(total):
        found = proposed(drawn(1000 * kind, 1500))
        held_out = broken(drawn(1000 * kind + 1, 1500, start=1500), found)
        if held_out:
            failed.append([one.message for one in held_out])
    assert len(failed) <= 3, failed


def test_what_is_proposed() -> None:
    n = 1200
    table = pa.table(
        {"id": [f"i{number}" for number in range(n)], "age": [18 + number % 60 for number in range(n)],
         "grade": ["A", "B", "C"] * (n // 3), "rare": ["A"] * (n - 1) + ["B"],
         "code": [f"K{number:04}" for number in range(n)], "loss": [-float(number % 9) for number in range(n)],
         "gap": pa.array([number % 7 for number in range(n)], mask=np.arange(n) % 10 == 0),
         "mail": [f"p{number}@x.org" for number in range(n // 2)] * 2, "empty": pa.nulls(n, pa.string())}
    )  # fmt: skip
    found = proposed(table)
    assert found.columns["age"] == {"type": "int", "min": 0, "max": 140, "nullable": False}
    assert found.columns["grade"]["values"] == ["A", "B", "C"]
    assert "values" not in found.columns["rare"]  # where one is seen once, more may come
    assert found.columns["code"]["match"] == "^[A-Z]+[0-9]+$"
    assert found.columns["loss"]["max"] == 0
    assert "nullable" not in found.columns["gap"]
    assert found.columns["mail"]["match"].startswith("^[^@")  # type: ignore[attr-defined]
    assert "empty" not in found.columns
    assert (found.rows, set(found.unique)) == (600, {"id", "code"})
    assert found.missing_columns["gap"] > 0.1
    assert broken(table, found) == ()


def test_what_does_not_fit_fails() -> None:
    found = proposed(drawn(5000, 1500))
    table = drawn(5000, 1500)
    spoiled = table.set_column(0, "id", pa.array([0] * 1500))
    assert {one.check for one in broken(spoiled, found)} == {"unique"}
    assert {one.check for one in broken(table.slice(0, 10), found)} >= {"rows"}
