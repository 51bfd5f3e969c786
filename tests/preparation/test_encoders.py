"""Encoders against scikit-learn and plain counting; nothing of a row's own label in what training sees of it."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import KFold
from sklearn.preprocessing import PolynomialFeatures

from noria.errors import WrongData
from noria.preparation.encoders import Frequency, Hashed, Products, WeightOfEvidence, Words
from noria.preparation.hashing import bucket

CATEGORIES = st.lists(st.sampled_from(["a", "b", "c", None]), min_size=4, max_size=60)


def column(values: list[str | None]) -> pd.DataFrame:
    return pd.DataFrame({"g": pd.Series(values, dtype="str")})


@given(CATEGORIES)
def test_frequencies_are_counts(values: list[str | None]) -> None:
    counted = Frequency(share=False).fit(column(values))
    shares = Frequency().fit(column(values))
    asked = ["a", "b", None, "never seen"]
    wanted = [values.count("a"), values.count("b"), values.count(None), 0]
    assert counted.transform(column(asked)).ravel().tolist() == wanted
    np.testing.assert_allclose(shares.transform(column(asked)).ravel(), np.array(wanted) / len(values))


def test_weight_of_evidence_is_the_log_of_odds_ratios() -> None:
    values = ["a"] * 40 + ["b"] * 60 + [None] * 20
    y = np.array([1] * 30 + [0] * 10 + [1] * 15 + [0] * 45 + [1] * 10 + [0] * 10)
    made = WeightOfEvidence(smooth=1e-9).fit(column(values), y).transform(column(["a", "b", None, "new"])).ravel()
    odds = 55 / 65
    wanted = [math.log((30 / 10) / odds), math.log((15 / 45) / odds), math.log((10 / 10) / odds), 0.0]
    np.testing.assert_allclose(made, wanted, rtol=1e-6)


def test_weight_of_evidence_never_sees_a_rows_own_label() -> None:
    rng = np.random.default_rng(3)
    values: list[str | None] = [f"town{n}" for n in rng.integers(0, 40, 200)]
    y = rng.integers(0, 2, 200)
    encoder = WeightOfEvidence(cv=KFold(5, shuffle=True, random_state=0))
    made = encoder.fit_transform(column(values), y)
    for row in (0, 17, 199):
        other = y.copy()
        other[row] = 1 - other[row]
        assert encoder.fit_transform(column(values), other)[row] == made[row]
    # Without folds pure noise would look like evidence.
    own = WeightOfEvidence().fit_transform(column(values), y).ravel()
    assert abs(np.corrcoef(made.ravel(), y)[0, 1]) < 0.2 < np.corrcoef(own, y)[0, 1]


def test_weight_of_evidence_needs_two_classes() -> None:
    with pytest.raises(WrongData, match="two classes, and this has 3"):
        WeightOfEvidence().fit(column(["a", "b", "a"]), np.array([0, 1, 2]))


def test_a_hash_is_the_same_everywhere_and_spreads() -> None:
    assert [bucket(word, 16) for word in ("Ghent", "Bruges", "")] == [4, 11, 4]
    made = Hashed(8).fit_transform(column([f"c{n}" for n in range(4000)]))
    assert made.shape == (4000, 8)
    assert made.sum(axis=0).min() > 400
    assert Hashed(8).fit(column(["a"])).transform(column([None])).sum() == 0


TEXTS = ["the red car and a car", "Blue car; green-tree 42", None, "", "tree tree tree", "été chaud", "x y"]


def test_words_are_weighed_as_scikit_learn_does() -> None:
    frame = pd.DataFrame({"note": pd.Series(TEXTS, dtype="str")})
    made = Words(most=100).fit(frame)
    reference = TfidfVectorizer()
    wanted = reference.fit_transform([text or "" for text in TEXTS]).toarray()
    assert made.words_[0] == sorted(reference.vocabulary_)
    np.testing.assert_allclose(made.transform(frame), wanted, rtol=1e-12)
    fewer = Words(most=2).fit(frame)
    assert fewer.words_[0] == ["car", "tree"]  # four and three times; all others once
    np.testing.assert_allclose(
        fewer.transform(frame), TfidfVectorizer(max_features=2).fit_transform([t or "" for t in TEXTS]).toarray()
    )


def test_rare_words_are_left_out() -> None:
    frame = pd.DataFrame({"note": pd.Series(TEXTS, dtype="str")})
    assert Words(rare=0.2).fit(frame).words_[0] == ["car", "tree"]
    with pytest.raises(WrongData, match="no word"):
        Words(rare=0.9).fit(frame)


@given(st.lists(st.lists(st.floats(-1e3, 1e3), min_size=3, max_size=3), min_size=1, max_size=9))
def test_products_are_scikit_learns(rows: list[list[float]]) -> None:
    X = np.array(rows)
    np.testing.assert_array_equal(
        Products().fit_transform(X), PolynomialFeatures(2, include_bias=False).fit_transform(X)
    )
    assert Products().fit(X).get_feature_names_out(["a", "b", "c"]).tolist()[3:5] == ["a*a", "a*b"]
