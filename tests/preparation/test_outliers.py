"""What counts as an outlier, against scipy and scikit-learn; and rows that training leaves out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.ensemble import IsolationForest

from noria.errors import WrongData
from noria.preparation.fitting_rows import fitting_rows
from noria.preparation.outliers import Outliers, Positive, Strangers
from noria.preparation.recipe import preparation
from noria.preparation.settings import PrepareSettings


@pytest.fixture
def values() -> np.ndarray:
    made = np.random.default_rng(2).standard_t(2, size=(300, 2))
    made[::11, 0] = np.nan
    return made


def test_fences_are_tukeys(values: np.ndarray) -> None:
    made = Outliers("iqr", 1.5, "null").fit(values)
    for place in range(2):
        known = values[~np.isnan(values[:, place]), place]
        iqr, (q1, q3) = stats.iqr(known), np.percentile(known, [25, 75])
        assert made.low_[place] == pytest.approx(q1 - 1.5 * iqr)
        assert made.high_[place] == pytest.approx(q3 + 1.5 * iqr)
    strange = (values < made.low_) | (values > made.high_)
    assert strange.sum() > 10
    np.testing.assert_array_equal(np.isnan(made.transform(values)), np.isnan(values) | strange)


def test_z_scores_are_scipys(values: np.ndarray) -> None:
    made = Outliers("zscore", 2.0, "flag").fit_transform(values)
    with np.errstate(invalid="ignore"):
        wanted = np.abs(stats.zscore(values, nan_policy="omit")) > 2
    np.testing.assert_array_equal(made[:, 2:], wanted)


def test_the_forest_is_scikit_learns(values: np.ndarray) -> None:
    made = Strangers(0.05, "flag", seed=4).fit_transform(values)
    full = np.where(np.isnan(values), np.nanmedian(values, axis=0), values)
    wanted = IsolationForest(contamination=0.05, random_state=4).fit_predict(full) == -1
    np.testing.assert_array_equal(made[:, 2], wanted)
    nulled = Strangers(0.05, "null", seed=4).fit_transform(values)
    assert np.isnan(nulled[wanted]).all()


def test_bounds_come_from_the_training_rows_alone(values: np.ndarray) -> None:
    made = Outliers("iqr", 1.5, "clip").fit(values[:200])
    before = made.transform(values[200:220])
    made.transform(values[200:] * 1e6)
    np.testing.assert_array_equal(made.transform(values[200:220]), before)


COLUMNS = [("a", "float"), ("g", "category")]


def test_rows_are_left_out_of_training_only() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=100), "g": pd.Series(["x", "y"] * 50, dtype="str")})
    frame.loc[3, "a"], frame.loc[5, "a"], frame.loc[7, "g"] = 1e6, np.nan, None
    rules = PrepareSettings.model_validate(
        {"a": ["outliers:zscore=5,drop", "impute:median"], "g": ["impute:drop_rows", "onehot"]}
    )
    kept = fitting_rows(frame, COLUMNS, rules, encoding="linear")
    assert np.flatnonzero(~kept).tolist() == [3, 7]
    made = preparation(COLUMNS, rules, encoding="linear").fit(frame[kept])
    assert made.transform(frame).shape[0] == 100
    assert np.isfinite(made.transform(frame)).all()
    assert made.transform(frame)[3, 0] == 1e6


def test_box_cox_takes_what_is_above_zero() -> None:
    frame = pd.DataFrame({"a": np.random.default_rng(1).lognormal(size=80)})
    rules = PrepareSettings.model_validate({"a": ["impute:median", "scale:boxcox"]})
    made = preparation([("a", "float")], rules, encoding="linear").fit(frame)
    wanted = stats.zscore(stats.boxcox(frame["a"].to_numpy())[0])
    np.testing.assert_allclose(made.transform(frame).ravel(), wanted, rtol=1e-5)
    least = made.transform(pd.DataFrame({"a": [-5.0, 0.0, frame["a"].min()]})).ravel()
    assert least[0] == least[1] == least[2]
    with pytest.raises(WrongData, match="above zero"):
        Positive().fit(np.array([[0.0], [1.0]]))


def test_yeo_johnson_is_scipys() -> None:
    frame = pd.DataFrame({"a": np.random.default_rng(1).normal(size=80) ** 3})
    rules = PrepareSettings.model_validate({"a": ["impute:median", "scale:power"]})
    made = preparation([("a", "float")], rules, encoding="linear").fit_transform(frame)
    np.testing.assert_allclose(made.ravel(), stats.zscore(stats.yeojohnson(frame["a"].to_numpy())[0]), rtol=1e-4)
