from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from noria.errors import WrongArgument, WrongData
from noria.training.candidate import Selection
from noria.training.model import FittedModel, TabularModel

Table = tuple[pd.DataFrame, np.ndarray]


@pytest.fixture
def model(mixed: Table, chosen: Callable[..., Selection]) -> TabularModel:
    X, y = mixed
    return chosen(X, np.where(y > 0, "bad", "good").astype(object), "classification", ["boosting"], trials=1).model


def test_it_is_what_the_registry_keeps(model: TabularModel) -> None:
    assert isinstance(model, FittedModel)
    assert model.feature_names == ("a", "b", "g", "t")
    assert [kind for _, kind in model.columns] == ["number", "number", "string", "timestamp"]


def test_rows_as_a_client_writes_them(model: TabularModel, mixed: Table) -> None:
    """Objects, numbers as integers, texts of numbers, aware timestamps: the same answer as in training's dtypes."""
    X, _ = mixed
    row = X.iloc[[1]]
    loose = pd.DataFrame(
        {
            "a": [str(row["a"].iloc[0])],
            "b": np.array([row["b"].iloc[0]], dtype=object),
            "g": np.array([row["g"].iloc[0]], dtype=object),
            "t": [row["t"].iloc[0].tz_localize("UTC").isoformat()],
        }
    )
    np.testing.assert_array_equal(model.predict_proba(loose), model.predict_proba(row))


def test_every_value_may_be_missing(model: TabularModel) -> None:
    made = model.predict_proba(pd.DataFrame({"a": [None], "b": [None], "g": [None], "t": [None]}))
    assert np.isfinite(made).all()


def test_order_of_rows_and_single_rows(model: TabularModel, mixed: Table) -> None:
    X, _ = mixed
    whole = model.predict_proba(X)
    np.testing.assert_array_equal(model.predict_proba(X[::-1])[::-1], whole)
    np.testing.assert_array_equal(np.vstack([model.predict_proba(X.iloc[[n]]) for n in range(9)]), whole[:9])


def test_no_rows(model: TabularModel, mixed: Table) -> None:
    X, _ = mixed
    assert model.predict(X[:0]).shape == (0,)
    assert model.predict_proba(X[:0]).shape == (0, 2)


def test_a_missing_column_is_named(model: TabularModel) -> None:
    with pytest.raises(WrongData, match="lack the feature 'b'"):
        model.predict(pd.DataFrame({"a": [1.0]}))


def test_words_in_a_number_are_refused(model: TabularModel) -> None:
    with pytest.raises(WrongData, match="'a' cannot be read as a number"):
        model.predict(pd.DataFrame({"a": ["many"], "b": [1.0], "g": ["x"], "t": [None]}))


def test_only_classifiers_give_probabilities(diabetes: Table, chosen: Callable[..., Selection]) -> None:
    X, y = diabetes
    model = chosen(X, y, "regression", ["ridge"], trials=1).model
    with pytest.raises(WrongArgument, match="gives no probabilities"):
        model.predict_proba(X)
