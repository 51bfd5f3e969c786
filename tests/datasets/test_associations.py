"""Measures of association against scipy, pandas and scikit-learn."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import mutual_info_score, roc_auc_score

from noria.datasets.associations import correlation_ratio, cramers_v, mutual_information
from noria.datasets.profile import profile

RNG = np.random.default_rng(7)
N = 3000
X = RNG.normal(size=N)
Z = X**3 + RNG.normal(size=N)
G = np.array(list("abc"))[np.clip(np.round(X + RNG.normal(size=N)).astype(int), 0, 2)]
H = np.where(RNG.random(N) < 0.8, np.where(G == "a", "u", "v"), "w")
GAPS = RNG.random(N) < 0.1
TABLE = pa.table({"x": pa.array(X, mask=GAPS), "z": Z, "g": G, "h": H, "noise": RNG.normal(size=N)})


def measured(a: str, b: str) -> object:
    return next(each for each in profile(TABLE).associations if {each.a, each.b} == {a, b})


def test_two_numbers() -> None:
    frame = pd.DataFrame({"x": X, "z": Z})[~GAPS]
    made = measured("x", "z")
    assert made.measure == "pearson"
    assert made.value == pytest.approx(frame.corr().iloc[0, 1], abs=1e-4)
    assert made.rank == pytest.approx(stats.spearmanr(frame).statistic, abs=1e-4)


def test_two_categories() -> None:
    table = pd.crosstab(G, H).to_numpy(dtype=float)
    made = measured("g", "h")
    assert made.measure == "cramers_v"
    n, (r, k) = table.sum(), table.shape
    phi = max(0, stats.chi2_contingency(table, correction=False).statistic / n - (k - 1) * (r - 1) / (n - 1))
    corrected = np.sqrt(phi / min(k - (k - 1) ** 2 / (n - 1) - 1, r - (r - 1) ** 2 / (n - 1) - 1))
    assert made.value == pytest.approx(corrected, abs=1e-4)
    # Without the correction it would be far from zero where nothing hangs together.
    independent = pd.crosstab(RNG.integers(0, 20, 200), RNG.integers(0, 20, 200)).to_numpy(dtype=float)
    assert cramers_v(independent) < stats.contingency.association(independent.astype(int)) / 2


def test_a_number_and_a_category() -> None:
    made = measured("z", "g")
    assert made.measure == "correlation_ratio"
    groups = [Z[each == G] for each in "abc"]
    f = stats.f_oneway(*groups).statistic
    eta = f * 2 / (f * 2 + N - 3)
    assert made.value == pytest.approx(np.sqrt(1 - (1 - eta) * (N - 1) / (N - 3)), abs=1e-4)


def test_what_does_not_hang_together_is_left_out() -> None:
    assert not any("noise" in (each.a, each.b) and each.strength > 0.1 for each in profile(TABLE).associations)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=60))
def test_mutual_information(pairs: list[tuple[int, int]]) -> None:
    a, b = np.array(pairs).T
    table = pd.crosstab(a, b).to_numpy(dtype=float)
    bias = (table.shape[0] - 1) * (table.shape[1] - 1) / (2 * len(a) * np.log(2))
    expected = max(0.0, mutual_info_score(a, b) / np.log(2) - bias)
    assert mutual_information(table) == pytest.approx(expected if min(table.shape) > 1 else 0.0, abs=1e-9)
    assert 0 <= cramers_v(table) <= 1
    assert 0 <= correlation_ratio(a.astype(float), b) <= 1


def test_the_target_of_two_classes() -> None:
    bad = RNG.random(N) < 1 / (1 + np.exp(2 - 2 * X))
    table = TABLE.append_column("y", pa.array(np.where(bad, "bad", "good")))
    made = profile(table, target="y", positive="bad").target
    assert made is not None
    assert (made.task, made.positive) == ("classification", "bad")
    assert made.base == pytest.approx(bad.mean(), abs=1e-4)
    relations = {each.name: each for each in made.relations}
    assert made.relations[0].name == "x"
    assert relations["x"].value == pytest.approx(roc_auc_score(bad[~GAPS], X[~GAPS]), abs=1e-4)
    assert relations["noise"].information < 0.01
    shares = {label: rate for label, rate in zip(relations["g"].labels, relations["g"].rates, strict=True)}
    assert shares["a"] == pytest.approx(bad[G == "a"].mean(), abs=1e-4)
    assert sum(relations["x"].counts) == int((~GAPS).sum())
    assert relations["x"].rates[-1] > relations["x"].rates[0]  # type: ignore[operator]
    assert profile(table, target="y").target.positive == ("bad" if bad.mean() < 0.5 else "good")  # type: ignore[union-attr]


def test_a_target_that_is_a_number_and_one_of_many_classes() -> None:
    made = profile(TABLE, target="z").target
    assert made is not None
    assert (made.task, made.relations[0].name, made.relations[0].measure) == ("regression", "x", "spearman")
    classes = TABLE.append_column("y", pa.array(np.array(list("pqr"))[np.digitize(X, [-0.5, 0.5])]))
    several = profile(classes, target="y").target
    assert several is not None
    assert (several.positive, several.relations[0].name) == (None, "x")
    assert several.relations[0].rates == ()
    assert profile(TABLE.append_column("y", pa.array(["one"] * N)), target="y").target is None
