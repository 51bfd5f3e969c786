"""Models of CatBoost as plans: the bits of the library, whatever a split asks."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine

from noria.registry.boosters import dump_catboost, load_catboost
from noria.scoring.compiling.catboost import compile_catboost
from noria.scoring.compiling.catboost_features import Features
from noria.scoring.compiling.unsupported import Unsupported
from noria.training.catboost import CatBoost
from noria.training.family import Fitting

catboost = pytest.importorskip("catboost")

Table = Callable[..., tuple[np.ndarray, np.ndarray]]
HardRows = Callable[..., np.ndarray]
SameBits = Callable[..., None]

slow = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
OBJECTIVES = {0: "RMSE", 2: "Logloss", 3: "MultiClass"}
CODES = (2, 3, 4)
STRANGE_CODES = (-1, -2, -50, 0, 0.5, 3.7, 8, 41, 300, 1022, 1023, 5000, np.nan, 1e9, -1e9)


def _train(X: np.ndarray, y: np.ndarray, rounds: int, n_classes: int = 0, **params: object) -> CatBoost:
    quiet = {"logging_level": "Silent", "allow_writing_files": False, "thread_count": 1, "random_seed": 1}
    objective = {"loss_function": OBJECTIVES[n_classes], "learning_rate": 0.3, "iterations": rounds}
    model = catboost.CatBoost({**quiet, **objective, **params}).fit(X, y)
    return CatBoost({}, Fitting("classification" if n_classes else "regression", 1, n_classes=n_classes), model)


def _asked(estimator: CatBoost, X: np.ndarray) -> np.ndarray:
    return estimator.predict_proba(X) if estimator.fitting.n_classes else np.asarray(estimator.predict(X), float)


def _coded(seed: int, n_classes: int, rows: int = 600) -> tuple[np.ndarray, np.ndarray]:
    """Draw numbers and codes: few, many, and many that matter only together with the others."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, 5))
    X[rng.random(X.shape) < 0.1] = np.nan
    for column, levels in zip(CODES, (6, 40, 25), strict=True):
        X[:, column] = rng.integers(-1, levels, rows)
    z = (
        np.nan_to_num(X[:, 0])
        + (X[:, 2] == 2)
        + np.sin(X[:, 3])
        + np.cos(X[:, 4] * X[:, 3])
        + rng.normal(size=rows) / 2
    )
    return X, z if n_classes == 0 else np.digitize(z, np.quantile(z, np.arange(1, n_classes) / n_classes))


def _strange(X: np.ndarray) -> np.ndarray:
    """Put codes that nobody has seen into rows."""
    made = [X]
    for column in CODES:
        changed = X[: len(STRANGE_CODES)].copy()
        changed[:, column] = STRANGE_CODES
        made.append(changed)
    return np.ascontiguousarray(np.concatenate(made))


@slow
@given(
    st.integers(0, 10**6), st.sampled_from([0, 2]), st.integers(1, 9), st.booleans(), st.sampled_from(["Min", "Max"])
)
def test_the_bits_are_those_of_the_library(
    table: Table,
    hard_rows: HardRows,
    same_bits: SameBits,
    seed: int,
    n_classes: int,
    depth: int,
    missing: bool,
    nan: str,
) -> None:
    X, y = table(seed, n_classes, missing=missing)
    estimator = _train(X, y, seed % 12 + 1, n_classes, depth=depth, nan_mode=nan)
    plan = compile_catboost(estimator, n_classes)
    rows = hard_rows(plan, X, infinite=True)
    same_bits(plan, rows, _asked(estimator, rows))
    assert not plan.bound(rows).any()


@settings(slow, max_examples=12)
@given(st.integers(0, 10**6), st.integers(1, 6))
def test_what_has_an_exponential_is_within_the_bound(table: Table, hard_rows: HardRows, seed: int, depth: int) -> None:
    X, y = table(seed, 3, missing=True)
    estimator = _train(X, y, 8, 3, depth=depth)
    plan = compile_catboost(estimator, 3)
    rows = hard_rows(plan, X, infinite=True)
    made = plan.answer(rows)
    assert (np.abs(made - _asked(estimator, rows)).max(axis=1) <= plan.bound(rows)).all()
    assert plan.bound(rows).max() < 1e-14


@pytest.mark.parametrize("n_classes", [0, 2, 3])
@pytest.mark.parametrize("categorical", [(), (2,), (2, 3), CODES])
def test_the_estimator_of_a_family_is_compiled(
    same_bits: SameBits, n_classes: int, categorical: tuple[int, ...]
) -> None:
    X, y = _coded(5, n_classes)
    task = "classification" if n_classes else "regression"
    rounds = 250 if categorical == CODES else 60  # from 200 on CatBoost takes columns together
    fitting = Fitting(task, 1, n_classes=n_classes, n_rows=len(X), categorical=categorical, rounds=rounds)  # type: ignore[arg-type]
    estimator = CatBoost({}, fitting).fit(X, y)
    plan = compile_catboost(estimator, n_classes)
    rows = _strange(_coded(6, 0)[0])
    if n_classes == 3:
        assert (np.abs(plan.answer(rows) - _asked(estimator, rows)).max(axis=1) <= plan.bound(rows)).all()
    else:
        same_bits(plan, rows, _asked(estimator, rows))
    combined = plan.questions.combinations
    assert (combined is None) == (categorical in ((), (2,)))
    assert len(plan.questions.code) > 0 or 2 not in categorical


@pytest.mark.parametrize(("load", "n_classes"), [(load_diabetes, 0), (load_breast_cancer, 2), (load_wine, 3)])
@pytest.mark.parametrize("coded", [False, True])
def test_real_tables_are_answered_alike(load: Callable[..., tuple], n_classes: int, coded: bool) -> None:
    X, y = load(return_X_y=True)
    categorical = ()
    if coded:  # tenths of two columns as categories, halves of a third
        X, categorical = X.copy(), (0, 1, 2)
        for column, levels in zip(categorical, (10, 14, 2), strict=True):
            edges = np.quantile(X[:, column], np.arange(1, levels) / levels)
            X[:, column] = np.digitize(X[:, column], edges) - (column == 1)
    task = "classification" if n_classes else "regression"
    fitting = Fitting(task, 1, n_classes=n_classes, categorical=categorical, n_rows=len(X))  # type: ignore[arg-type]
    estimator = CatBoost({"depth": 6}, fitting).fit(X[::2], y[::2])
    plan = compile_catboost(estimator, n_classes)
    wanted, made = _asked(estimator, X), plan.answer(X)
    if n_classes == 3:
        assert (np.abs(made - wanted).max(axis=1) <= plan.bound(X)).all()
    else:
        assert made.tobytes() == wanted.tobytes()


def test_a_model_of_several_columns_together_is_what_was_tested() -> None:
    X, y = _coded(5, 0)
    plan = compile_catboost(CatBoost({}, Fitting("regression", 1, categorical=CODES, rounds=250)).fit(X, y), 0)
    known = plan.questions.combinations
    assert known is not None
    assert {3, 4} in [set(one) for one in plan.questions.columns()]
    assert (known.chains[1:] >= len(known.columns)).any()  # a split on a number, or on one category, is part of one


@pytest.mark.parametrize("kind", ["Buckets", "Counter", "Borders:TargetBorderCount=3"])
def test_every_known_kind_of_statistic_is_read(same_bits: SameBits, kind: str) -> None:
    X, y = _coded(7, 0)
    estimator = CatBoost({}, Fitting("regression", 1, categorical=CODES))
    data = catboost.Pool(estimator._matrix(X), label=y, cat_features=list(CODES))
    settings = {"iterations": 40, "simple_ctr": [kind], "combinations_ctr": [kind], "one_hot_max_size": 3}
    estimator.model = catboost.CatBoost({"logging_level": "Silent", "allow_writing_files": False, **settings}).fit(data)
    plan = compile_catboost(estimator, 0)
    rows = _strange(X)
    assert plan.questions.combinations is not None
    same_bits(plan, rows, np.asarray(estimator.predict(rows), float))


def test_a_fold_that_lacks_a_class_gives_it_nought() -> None:
    X, y = _coded(8, 3)
    kept = y != 1
    fitting = Fitting("classification", 1, n_classes=3, rounds=20)
    estimator = CatBoost({}, fitting).fit(X[kept], y[kept])
    made = compile_catboost(estimator, 3).answer(X)
    assert not made[:, 1].any()
    assert np.abs(made - estimator.predict_proba(X)).max() <= 4e-16


@pytest.mark.parametrize("n_classes", [0, 2, 3])
def test_a_model_from_its_file_is_compiled_alike(n_classes: int) -> None:
    X, y = _coded(9, n_classes)
    task = "classification" if n_classes else "regression"
    fitting = Fitting(task, 1, n_classes=n_classes, categorical=CODES, rounds=30)  # type: ignore[arg-type]
    estimator = CatBoost({}, fitting).fit(X, y)
    again = CatBoost({}, fitting, load_catboost(dump_catboost(estimator.model)))
    one, other = compile_catboost(estimator, n_classes), compile_catboost(again, n_classes)
    assert one.facts() == other.facts()
    assert {name: part.tobytes() for name, part in one.arrays().items()} == {
        name: part.tobytes() for name, part in other.arrays().items()
    }


def test_the_best_iteration_is_the_last() -> None:
    X, y = _coded(10, 0)
    estimator = _train(X, y, 12)
    estimator.model.shrink(5)
    plan = compile_catboost(estimator, 0)
    assert plan.asked.shape[1] == 5 + 1
    assert (plan.answer(X) == estimator.predict(X)).all()


@pytest.mark.parametrize(
    ("params", "n_classes", "asked", "says"),
    [
        ({"loss_function": "MAE"}, 0, 0, "objective is 'MAE'"),
        ({"grow_policy": "Lossguide"}, 0, 0, "not oblivious"),
        ({}, 2, 0, "0 classes"),
        ({}, 0, 2, "2 classes"),
    ],
)
def test_what_cannot_be_compiled_says_why(params: dict[str, object], n_classes: int, asked: int, says: str) -> None:
    X, y = _coded(11, n_classes)
    with pytest.raises(Unsupported, match=says):
        compile_catboost(_train(X, y, 2, n_classes, **params), asked)


def test_sums_that_are_multiplied_say_so() -> None:
    X, y = _coded(12, 0)
    estimator = _train(X, y, 2)
    estimator.model.set_scale_and_bias(2.0, 0.0)
    with pytest.raises(Unsupported, match=r"multiplied by 2"):
        compile_catboost(estimator, 0)


def test_statistics_of_another_kind_say_so() -> None:
    X, y = _coded(13, 0)
    estimator = CatBoost({}, Fitting("regression", 1, categorical=CODES))
    data = catboost.Pool(estimator._matrix(X), label=y, cat_features=list(CODES))
    settings = {"iterations": 40, "simple_ctr": ["BinarizedTargetMeanValue"], "one_hot_max_size": 3}
    estimator.model = catboost.CatBoost({"logging_level": "Silent", "allow_writing_files": False, **settings}).fit(data)
    with pytest.raises(Unsupported, match="BinarizedTargetMeanValue"):
        compile_catboost(estimator, 0)


def test_a_category_that_is_no_code_says_so() -> None:
    import pandas as pd

    X, y = _coded(14, 0)
    data = pd.DataFrame({"number": X[:, 0], "word": np.where(X[:, 2] > 2, "high", "low")})
    params = {"iterations": 20, "logging_level": "Silent", "allow_writing_files": False, "one_hot_max_size": 5}
    model = catboost.CatBoost(params).fit(data, y + (X[:, 2] > 2), cat_features=["word"])
    with pytest.raises(Unsupported, match="no code"):
        compile_catboost(SimpleNamespace(model=model), 0)


def test_a_code_below_the_missing_one_says_so() -> None:
    X, y = _coded(15, 0)
    X[:, 3] -= 5
    with pytest.raises(Unsupported, match="no code"):
        compile_catboost(CatBoost({}, Fitting("regression", 1, categorical=CODES, rounds=30)).fit(X, y), 0)


def test_what_holds_no_model_says_so() -> None:
    for one in (object(), catboost.CatBoost(), CatBoost({}, Fitting("regression", 1))):
        with pytest.raises(Unsupported, match="no fitted model"):
            compile_catboost(one, 0)


@pytest.mark.parametrize(
    ("split", "says"),
    [
        ({"split_type": "OnlineCtr", "split_index": 99, "border": 0.5}, "numbers its splits"),
        ({"split_type": "EstimatedFeature"}, "EstimatedFeature"),
    ],
)
def test_a_split_of_another_kind_says_so(split: dict[str, object], says: str) -> None:
    with pytest.raises(Unsupported, match=says):
        Features({}, range(2)).split(split)
