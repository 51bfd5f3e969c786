from __future__ import annotations

import warnings
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from noria.errors import WrongData, WrongSetting
from noria.preparation.recipe import CODES, preparation
from noria.preparation.settings import PrepareSettings

COLUMNS = [("a", "float"), ("b", "int"), ("empty", "float"), ("g", "category"), ("none", "text"), ("t", "timestamp")]


@pytest.fixture
def rows() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    n = 120
    made = pd.DataFrame(
        {
            "a": rng.normal(5, 2, n),
            "b": rng.integers(0, 9, n).astype(float),
            "empty": np.full(n, np.nan),
            "g": pd.Series(rng.choice(["xx", "yy", "zz"], n), dtype="str"),
            "none": pd.Series([None] * n, dtype="str"),
            "t": pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 9000, n), "h"),
        }
    )
    made.loc[::7, ["a", "g", "t"]] = None
    return made


RECIPES: list[dict[str, list[str]]] = [
    {},
    {
        "numeric": ["impute:mean", "log", "clip", "scale:robust"],
        "category": ["impute:most_frequent", "onehot:rare=0.1"],
    },
    {"numeric": ["impute:knn", "indicator", "scale:minmax"], "category": ["ordinal"]},
    {"a": ["impute:iterative", "indicator", "scale:quantile"], "g": ["target"]},
    {"numeric": ["impute:constant=-1"], "category": ["impute:constant=other", "target"]},
    {"numeric": ["impute:most_frequent"], "category": ["drop"]},
    {"numeric": ["impute:drop_rows", "outliers:zscore,flag", "scale:power"], "category": ["frequency"]},
    {"numeric": ["impute:median", "products", "scale:maxabs"], "g": ["count"], "none": ["hash:buckets=4"]},
    {"a": ["outliers:iqr,null", "impute:median", "indicator"], "t": ["dates:month,dow,hour,cyclic"], "g": ["tfidf"]},
    {"a": ["outliers:forest=0.1,null", "impute:median"], "b": ["outliers:forest,flag"]},
    {"a": ["impute:median", {"class": "sklearn.preprocessing:KBinsDiscretizer", "args": {"encode": "ordinal"}}]},
    {"t": ["drop"], "a": ["clip:p5,p95"], "g": ["impute:most_frequent"]},
]


@pytest.mark.parametrize("recipe", RECIPES, ids=str)
@pytest.mark.parametrize("encoding", ["linear", "tree", "raw"])
@pytest.mark.parametrize("task", ["regression", "classification"])
def test_every_recipe_takes_missing_and_unseen_values(
    rows: pd.DataFrame, recipe: dict[str, list[str]], encoding: str, task: str
) -> None:
    y = np.arange(len(rows)) % 3 if task == "classification" else np.linspace(0, 1, len(rows))
    made = preparation(COLUMNS, PrepareSettings.model_validate(recipe), encoding=encoding, task=task)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning)  # scikit-learn tells of unseen categories
        warnings.filterwarnings("ignore", message=".*[Cc]onverge")
        made.fit_transform(rows, y)
        new = rows.iloc[:4].copy()
        new.loc[0, "g"] = "never seen"
        new.loc[1, :] = None
        whole = made.transform(new)
        single = np.vstack([made.transform(new.iloc[[n]]) for n in range(4)])
    assert whole.shape == single.shape
    if encoding == "linear":
        assert np.isfinite(whole.astype(float)).all()
    if encoding != "raw":
        np.testing.assert_allclose(whole.astype(float), single.astype(float), rtol=1e-12)


def test_the_default_imputes_the_training_median(rows: pd.DataFrame) -> None:
    made = preparation([("a", "float")], PrepareSettings(numeric=["impute:median"]), encoding="linear").fit(rows)
    assert made.transform(pd.DataFrame({"a": [np.nan]}))[0, 0] == pytest.approx(np.nanmedian(rows["a"]))


def test_standard_scaling_is_scipys_zscore(rows: pd.DataFrame) -> None:
    settings = PrepareSettings(numeric=["impute:mean", "scale:standard"])
    made = preparation([("b", "int")], settings, encoding="linear").fit_transform(rows)
    np.testing.assert_allclose(made[:, 0], stats.zscore(rows["b"]))


def test_iterative_imputation_sees_the_other_columns() -> None:
    x = np.linspace(0, 10, 60)
    rows = pd.DataFrame({"a": 2 * x + 1, "b": x})
    rows.loc[30, "a"] = np.nan
    made = preparation(
        [("a", "float"), ("b", "float")],
        PrepareSettings.model_validate({"a": ["impute:iterative"], "numeric": ["impute:mean"]}),
        encoding="linear",
    ).fit_transform(rows)
    assert made.shape == (60, 2)
    assert made[30, 0] == pytest.approx(2 * x[30] + 1, abs=0.2)


def test_trees_get_codes_and_missing_values(rows: pd.DataFrame) -> None:
    made = preparation(COLUMNS, encoding="tree")
    matrix = made.fit_transform(rows)
    codes = made.output_indices_[CODES]
    assert codes.stop - codes.start == 2
    assert np.isnan(matrix[0]).any()
    assert np.isnan(made.transform(rows.iloc[[1]].assign(g="never"))[0, codes.start])


def test_a_huge_category_stays_narrow() -> None:
    rows = pd.DataFrame({"city": pd.Series([f"c{n}" for n in range(5000)], dtype="str")})
    assert preparation([("city", "text")], encoding="linear").fit_transform(rows).shape[1] <= 51
    codes = preparation([("city", "text")], encoding="tree").fit_transform(rows)
    assert np.nanmax(codes) < 255


def test_the_year_is_a_circle() -> None:
    stamps = pd.DataFrame({"t": pd.to_datetime(["2025-12-31 23:59", "2026-01-01 00:01", "2026-07-01 12:00"])})
    made = preparation([("t", "timestamp")], PrepareSettings(numeric=["impute:mean"]), encoding="linear")
    matrix = made.fit_transform(stamps)[:, 1:]
    near, far = np.linalg.norm(matrix[0] - matrix[1]), np.linalg.norm(matrix[0] - matrix[2])
    assert near < 0.1 < far


def test_rules_for_what_is_no_feature_are_refused() -> None:
    with pytest.raises(WrongSetting, match="'agee'") as caught:
        preparation([("age", "int")], PrepareSettings.model_validate({"agee": ["log"]}), encoding="tree")
    assert "did you mean 'age'" in caught.value.why


def test_rules_that_do_not_fit_the_column_are_refused() -> None:
    with pytest.raises(WrongSetting, match="onehot"):
        preparation([("age", "int")], PrepareSettings.model_validate({"age": ["onehot"]}), encoding="linear")


def test_nothing_left_is_refused() -> None:
    with pytest.raises(WrongData, match="no feature"):
        preparation([("age", "int")], PrepareSettings(numeric=["drop"]), encoding="linear")
    with pytest.raises(WrongData, match="no feature"):
        preparation([], encoding="linear")


@pytest.mark.parametrize("recipe", RECIPES, ids=str)
@pytest.mark.parametrize("encoding", ["linear", "tree"])
@pytest.mark.filterwarnings("ignore")
def test_held_back_rows_teach_nothing(rows: pd.DataFrame, recipe: dict[str, list[str]], encoding: str) -> None:
    y, settings = np.arange(len(rows)) % 2, PrepareSettings.model_validate(recipe)
    train, test = rows.iloc[:90], rows.iloc[90:]
    made = preparation(COLUMNS, settings, encoding=encoding, task="classification")
    learned = np.asarray(made.fit_transform(train, y[:90]), dtype=float)
    said = np.asarray(made.transform(test), dtype=float)
    order = np.random.default_rng(0).permutation(len(test))
    np.testing.assert_array_equal(np.asarray(made.transform(test.iloc[order]), dtype=float), said[order])
    spoilt = test.assign(a=1e9, b=-1e9, g="other")
    made.transform(spoilt)
    np.testing.assert_array_equal(np.asarray(made.transform(test), dtype=float), said)
    again = preparation(COLUMNS, settings, encoding=encoding, task="classification")
    np.testing.assert_array_equal(np.asarray(again.fit_transform(train, y[:90]), dtype=float), learned)


def test_what_lies_before_a_row_is_no_rule_of_preparation() -> None:
    with pytest.raises(WrongSetting) as caught:
        preparation(
            [("a", "float")], SimpleNamespace(numeric=["impute:ffill"], category=[], columns={}), encoding="tree"
        )
    assert '[history] column = ["forward"]' in (caught.value.mend or "")


def test_a_rule_of_one_column_is_told_with_its_column() -> None:
    settings = PrepareSettings.model_validate({"age": ["onehot"]})
    with pytest.raises(WrongSetting, match=r"\[prepare\] age: preparation rule 'onehot' cannot be used") as wrong:
        preparation([("age", "float"), ("grade", "category")], settings, encoding="linear")
    assert "does not apply to a number feature" in wrong.value.why
