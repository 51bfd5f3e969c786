"""The rank statistic against scikit-learn; columns that give the target away, and columns that do not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.metrics import roc_auc_score
from sklearn.utils import Bunch

from noria.checks.leakage import area_under_curve, look_for_leaks


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=50))
def test_area_under_curve(rows: list[tuple[int, bool]]) -> None:
    score, positive = np.array([float(row[0]) for row in rows]), np.array([row[1] for row in rows])
    if positive.all() or not positive.any():
        assert area_under_curve(score, positive) == 0.5
    else:
        assert area_under_curve(score, positive) == pytest.approx(roc_auc_score(positive, score))


def test_a_gap_does_not_hide_a_column_that_tells_the_class() -> None:
    bad = np.random.default_rng(1).random(1000) < 0.3
    paid = ["late" if each else "paid" for each in bad]
    table = pa.table({"y": ["bad" if each else "good" for each in bad], "state": [None, *paid[1:]]})
    (found,) = look_for_leaks(table, ["state"], target="y", task="classification")
    assert "each of its values goes with one class only" in found.message


ROWS = 2000
RNG = np.random.default_rng(4)
BAD = RNG.random(ROWS) < 0.2


def told(task: str = "classification", target: object = None, **columns: object) -> dict[str | None, str]:
    answer = ["bad" if each else "good" for each in BAD] if target is None else target
    table = pa.table({"y": answer, **columns})
    time = "at" if "at" in columns else None
    names = [name for name in columns if name != "at"]
    return {one.column: one.message for one in look_for_leaks(table, names, target="y", task=task, time=time)}


def test_a_column_filled_in_for_one_class_only() -> None:
    recovered = pa.array(RNG.normal(size=ROWS), mask=~BAD | (RNG.random(ROWS) < 0.5))
    honest = pa.array(RNG.normal(size=ROWS), mask=RNG.random(ROWS) < 0.5)
    found = told(recovered=recovered, honest=honest)
    assert found.keys() == {"recovered"}
    assert "filled in only where the target is 'bad'" in found["recovered"]


def test_an_amount_that_is_nought_where_nothing_came_back() -> None:
    came = np.round(RNG.exponential(100, ROWS), 2) + 1
    recovered = np.where(BAD & (RNG.random(ROWS) < 0.5), came, 0.0)
    paid = np.where(BAD & (RNG.random(ROWS) < 0.97), 0.0, came)
    paid[np.flatnonzero(~BAD)[:3]] = 0.0  # a few wrong cells hide nothing
    honest = np.where(RNG.random(ROWS) < 0.5, 0.0, came)
    late = np.where(BAD, RNG.integers(0, 4, ROWS), 0)  # so few values that one of them may well be of one class
    found = told(recovered=recovered, paid=paid, honest=honest, late=late)
    assert found.keys() == {"recovered", "paid"}
    assert "it is other than 0 only where the target is 'bad'" in found["recovered"]
    assert "rows where it is other than 0 the target is 'good'" in found["paid"]


def test_numbers_that_tell_the_class_by_no_order() -> None:
    far = np.where(BAD, RNG.normal(0, 0.2, ROWS), RNG.choice([-1, 1], ROWS) * (1 + RNG.random(ROWS)))
    wide = np.where(BAD, RNG.normal(0, 1.0, ROWS), RNG.normal(0, 2.0, ROWS))  # tells something, as honest columns do
    found = told(far=far, wide=wide)
    assert found.keys() == {"far"}
    assert "its ranges tell the class in rows not counted" in found["far"]


def test_many_values_of_several_classes() -> None:
    classes = RNG.integers(0, 3, ROWS)
    answer = [("a", "b", "c")[each] for each in classes]
    codes = [f"k{each}-{number}" for each, number in zip(classes, RNG.integers(0, 60, ROWS), strict=True)]
    found = told(target=answer, codes=codes, other=[f"k{number}" for number in RNG.integers(0, 180, ROWS)])
    assert found.keys() == {"codes"}
    assert "its values tell the class in rows not counted" in found["codes"]


@pytest.mark.parametrize("load", [load_breast_cancer, load_wine, load_iris, load_digits])
def test_nothing_is_cried_at_real_columns(load: Callable[..., Bunch]) -> None:
    frame = load(as_frame=True).frame
    table = pa.Table.from_pandas(frame.assign(target=frame["target"].map(lambda place: f"c{place}")))
    names = [name for name in table.column_names if name != "target"]
    assert list(look_for_leaks(table, names, target="target", task="classification")) == []


def test_several_classes() -> None:
    classes = RNG.integers(0, 3, ROWS)
    answer = [("a", "b", "c")[each] for each in classes]
    close = pa.array(RNG.normal(size=ROWS), mask=classes != 1)
    found = told(target=answer, close=close, copy=[f"k{each}" for each in classes], noise=RNG.normal(size=ROWS))
    assert found.keys() == {"close", "copy"}


def test_a_moment_later_than_the_row() -> None:
    start = np.datetime64("2026-01-01", "us")
    at = start + RNG.integers(0, 300, ROWS).astype("timedelta64[D]")
    closed = at + RNG.integers(1, 90, ROWS).astype("timedelta64[D]")
    born = at - RNG.integers(9000, 20000, ROWS).astype("timedelta64[D]")
    found = told(at=at, closed=closed, born=born)
    assert found.keys() == {"closed"}
    assert "later than the row itself" in found["closed"]


def test_text_of_many_values_that_tells_the_class() -> None:
    branch = [f"{'b' if each else 'g'}{n % 100}" for n, each in enumerate(BAD)]
    found = told(branch=branch, harmless=[f"h{n % 150}" for n in range(ROWS)])
    assert found.keys() == {"branch"}


def test_a_number_that_follows_the_target_without_being_in_line_with_it() -> None:
    y = RNG.normal(size=ROWS)
    missing = pa.array(RNG.normal(size=ROWS), mask=y > 1)
    group = [f"g{int(100 * each)}" for each in y]
    found = told("regression", y, cubed=np.exp(3 * y), close=y + RNG.normal(0, 0.3, ROWS), missing=missing)
    assert found.keys() == {"cubed", "missing"}
    assert "rank correlation" in found["cubed"]
    table = pa.table({"y": np.round(y, 1), "code": [f"c{round(each, 1)}" for each in y], "group": group})
    assert [one.column for one in look_for_leaks(table, ["code"], target="y", task="regression")] == ["code"]


@pytest.mark.parametrize("name", ["load_iris", "load_wine", "load_breast_cancer", "load_diabetes", "load_digits"])
def test_no_alarm_on_honest_tables(name: str) -> None:
    from sklearn import datasets

    from noria.checks.straddling import look_across

    frame = getattr(datasets, name)(as_frame=True).frame.sample(frac=1, random_state=0)
    table = pa.Table.from_pandas(frame, preserve_index=False)
    features = [each for each in table.column_names if each != "target"]
    task = "regression" if name == "load_diabetes" else "classification"
    assert list(look_for_leaks(table, features, target="target", task=task)) == []
    cut = table.num_rows * 3 // 4
    assert list(look_across(table.slice(0, cut), table.slice(cut), features, method="random", target="target")) == []


def test_numbers_beyond_what_a_double_tells_apart_are_looked_at_all_the_same() -> None:
    large = 2**60 + np.arange(ROWS)
    assert told(number=large) == {}
    assert "number" in told("regression", target=large, number=large)
