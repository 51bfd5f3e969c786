"""What is found out about a winner: held against scikit-learn's own curves, and against the clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Lasso, LogisticRegression, Ridge
from sklearn.metrics import log_loss
from sklearn.model_selection import learning_curve, validation_curve
from sklearn.pipeline import make_pipeline

from noria.preparation.recipe import preparation
from noria.training.boosting import BOOSTING
from noria.training.candidate import Candidate
from noria.training.diagnosis import Diagnosis, diagnose, without_diagnosis
from noria.training.families import catalogue, resolve
from noria.training.family import Family, Fitting
from noria.training.folds import folds
from noria.training.inner import Bonds
from noria.training.learning_curve import SHARES, nested
from noria.training.linear import ELASTIC_NET, LOGISTIC, RIDGE
from noria.training.regularisation import paths_of
from noria.training.search import select
from noria.training.trial import Shaping

if TYPE_CHECKING:
    from noria.training.candidate import Selection
    from noria.training.model import Prediction
    from noria.training.task import Task
    from noria.training.trial import Preparation

Table = tuple[pd.DataFrame, np.ndarray]


def root_square(y: np.ndarray, prediction: Prediction) -> float:
    return float(np.sqrt(np.mean((y - prediction.values) ** 2)))


def by_log_loss(y: np.ndarray, prediction: Prediction) -> float:
    return float(log_loss(y, prediction.proba, labels=list(prediction.classes or ())))


class Case:
    """A selection and what is needed to look at its winner."""

    def __init__(self, table: Table, task: Task, families: Sequence[Family], **options: Any) -> None:
        self.X, self.y = table
        kinds = {"f": "float", "M": "timestamp"}
        columns = [(str(name), kinds.get(dtype.kind, "category")) for name, dtype in self.X.dtypes.items()]

        def prepare(family: Family, _rows: pd.DataFrame) -> Preparation:
            return preparation(columns, encoding=family.encoding, task=task)  # type: ignore[no-any-return]

        error: Callable[..., float] = root_square if task == "regression" else by_log_loss
        self.columns, self.task = columns, task
        self.folds = options.pop("splitter", None) or folds(self.y, n_rows=len(self.X), task=task, k=3)
        self.bonds = options.pop("bonds", Bonds())
        self.given = {
            "task": task, "families": (resolve(["dummy"], task)[0], *families), "prepare": prepare, "error": error,
            "splitter": self.folds, "bonds": self.bonds, "seed": 7, "shaping": options.pop("shaping", None),
        }  # fmt: skip
        self.selection: Selection = select(
            self.X, self.y, **{"trials": 1, "ensemble": "never", **self.given, **options}
        )

    def diagnosis(self, **options: Any) -> Diagnosis:
        return diagnose(self.selection, self.X, self.y, **self.given, **options)

    def orders(self) -> list[np.ndarray]:
        """Each fold's rows in the order of which the smaller sizes are beginnings."""
        codes = None if self.task == "regression" else np.unique(self.y.astype(str), return_inverse=True)[1]
        draws = [np.random.default_rng([7, 5, fold]) for fold in range(len(self.folds))]
        return [nested(train, self.bonds, codes, rng)[0] for (train, _), rng in zip(self.folds, draws, strict=True)]


def test_the_curve_is_scikit_learns_on_the_same_rows(diabetes: Table) -> None:
    X, y = diabetes
    case = Case((X[:441], y[:441]), "regression", [RIDGE])  # three folds of one size, as scikit-learn cuts all alike
    found = case.diagnosis().curve
    assert found is not None
    cut = [(order, valid) for order, (_, valid) in zip(case.orders(), case.folds, strict=True)]
    sizes = [size.rows[0] for size in found.sizes]
    model = make_pipeline(preparation(case.columns, encoding="linear", task="regression"), Ridge(alpha=1.0))
    _, train, valid = learning_curve(
        model, case.X, case.y, cv=cut, train_sizes=sizes, scoring="neg_root_mean_squared_error"
    )
    assert [size.share for size in found.sizes] == list(SHARES)
    np.testing.assert_allclose([size.train for size in found.sizes], -train, rtol=1e-9)
    np.testing.assert_allclose([size.valid for size in found.sizes], -valid, rtol=1e-9)


@pytest.mark.parametrize(
    ("place", "penalty", "model", "parameter"),
    [
        (0, "L2", Ridge(), "ridge__alpha"),
        (1, "L1", Lasso(max_iter=5000), "transformedtargetregressor__regressor__alpha"),
    ],
)
def test_the_path_is_scikit_learns_on_the_same_folds(
    diabetes: Table, place: int, penalty: str, model: Any, parameter: str
) -> None:
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.preprocessing import StandardScaler

    case = Case(diabetes, "regression", [RIDGE])
    found = case.diagnosis().paths[place]
    head = TransformedTargetRegressor(model, transformer=StandardScaler()) if penalty == "L1" else model
    pipeline = make_pipeline(preparation(case.columns, encoding="linear", task="regression"), head)
    train, valid = validation_curve(
        pipeline, case.X, case.y, param_name=parameter, param_range=found.values, cv=case.folds,
        scoring="neg_root_mean_squared_error",
    )  # fmt: skip
    assert found.penalty == penalty
    np.testing.assert_allclose(found.train, -train, rtol=1e-9)
    np.testing.assert_allclose(found.valid, -valid, rtol=1e-9)


def test_the_path_of_classes_is_scikit_learns_too(cancer: Table) -> None:
    case = Case(cancer, "classification", [LOGISTIC])
    found = case.diagnosis().paths[0]
    model = LogisticRegression(max_iter=2000, random_state=0)
    pipeline = make_pipeline(preparation(case.columns, encoding="linear", task="classification"), model)
    train, valid = validation_curve(
        pipeline, case.X, case.y, param_name="logisticregression__C", param_range=found.values, cv=case.folds,
        scoring="neg_log_loss",
    )  # fmt: skip
    np.testing.assert_allclose(found.valid, -valid, rtol=1e-6)
    np.testing.assert_allclose(found.train, -train, rtol=1e-6)
    assert found.valid[found.values.index(1.0)] == case.selection.winner.scores == found.base


@pytest.mark.parametrize("name", ["ridge", "boosting", "extra_trees", "random_forest", "hist_boosting", "tree", "svr"])
def test_whole_folds_are_those_of_the_race_to_the_bit(diabetes: Table, name: str) -> None:
    family = next(each for each in catalogue("regression") if each.name == name)
    case = Case(diabetes, "regression", [family])
    found = case.diagnosis().curve
    assert found is not None
    assert found.sizes[-1].valid == case.selection.winner.scores


def test_an_ensemble_is_looked_at_as_a_whole(diabetes: Table) -> None:
    families = resolve(["ridge", "extra_trees", "svr"], "regression")[1:]
    case = Case(diabetes, "regression", families, trials=3, ensemble="always")
    assert case.selection.winner.name == "ensemble"
    found = case.diagnosis()
    assert found.curve is not None
    assert found.curve.sizes[-1].valid == case.selection.winner.scores
    assert {path.candidate for path in found.paths} == {"ridge"}


def test_it_changes_nothing_of_the_model(diabetes: Table) -> None:
    case = Case(diabetes, "regression", [BOOSTING], trials=2)
    before = case.selection.model.predict(case.X), case.selection.to_json()
    first, again = case.diagnosis(), case.diagnosis()
    assert replace(first, seconds=0) == replace(again, seconds=0)
    np.testing.assert_array_equal(case.selection.model.predict(case.X), before[0])
    assert case.selection.to_json() == before[1]


def test_smaller_parts_lie_inside_larger_ones_and_keep_the_classes() -> None:
    y = np.array([0] * 90 + [1] * 10)
    order, ends = nested(np.arange(100), Bonds(), y, np.random.default_rng(1))
    assert sorted(order) == list(range(100))
    assert ends.tolist() == list(range(1, 101))
    assert [y[order[:n]].sum() for n in (10, 20, 50)] == [1, 2, 5]


def test_groups_stay_whole_and_of_a_history_the_newest_is_kept() -> None:
    groups = np.repeat(np.arange(20), 5)
    order, ends = nested(np.arange(100), Bonds(groups), None, np.random.default_rng(1))
    assert ends.tolist() == list(range(5, 101, 5))
    assert all(len(set(groups[order[:end]])) * 5 == end for end in ends)
    times = np.random.default_rng(2).permutation(100).astype("datetime64[D]")
    order, _ = nested(np.arange(100), Bonds(groups, times), None, np.random.default_rng(1))
    assert times[order[:10]].min() > times[order[10:]].max()


def test_groups_and_times_are_kept_to_in_the_curve(diabetes: Table) -> None:
    X, y = diabetes
    groups = np.array([f"g{row % 40}" for row in range(len(X))], dtype=object)
    cut = folds(y, n_rows=len(X), task="regression", k=3, groups=groups)
    found = Case(diabetes, "regression", [RIDGE], splitter=cut, bonds=Bonds.of(groups)).diagnosis().curve
    assert found is not None
    assert found.by == "groups"
    times = np.arange(len(X)).astype("datetime64[D]")
    cut = folds(y, n_rows=len(X), task="regression", k=3, times=times)
    found = Case(diabetes, "regression", [RIDGE], splitter=cut, bonds=Bonds.of(None, times)).diagnosis().curve
    assert found is not None
    assert found.by == "time"
    assert found.sizes[-1].rows == tuple(len(train) for train, _ in cut)


def test_few_rows_have_no_curve_but_a_gap(diabetes: Table) -> None:
    X, y = diabetes
    found = Case((X[:80], y[:80]), "regression", [RIDGE]).diagnosis()
    assert found.curve is not None
    assert [size.share for size in found.curve.sizes] == [1.0]
    assert any("no learning curve" in note for note in found.notes)


def test_classes_that_were_thinned_out_say_nothing_of_training(cancer: Table) -> None:
    case = Case(cancer, "classification", [LOGISTIC], shaping=Shaping(balance="under", seed=1))
    found = case.diagnosis()
    assert found.curve is not None
    assert not any(size.train for size in found.curve.sizes)
    assert all(size.valid for size in found.curve.sizes)
    assert any('balance = "under"' in note for note in found.notes)


class Slow:
    """A family whose fits take what its rows say, on a clock that is turned by them."""

    def __init__(self, seconds: float) -> None:
        self.now, self.seconds, self.fits = 0.0, seconds, 0

    def clock(self) -> float:
        return self.now

    def family(self) -> Family:
        def build(params: Any, fitting: Fitting) -> Any:
            self.now += self.seconds * fitting.n_rows / 300
            self.fits += 1
            return RIDGE.build(params, fitting)

        return replace(RIDGE, build=build)


@pytest.mark.parametrize("seconds", [0.0, 0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 13.0, 21.0, 34.0])
def test_it_never_takes_more_than_its_time(diabetes: Table, seconds: float) -> None:
    slow = Slow(1.0)
    case = Case(diabetes, "regression", [slow.family()], clock=slow.clock)
    begun, fits = slow.now, slow.fits
    found = case.diagnosis(seconds=seconds, clock=slow.clock)
    assert slow.now - begun <= seconds
    whole = (slow.fits - fits) == 3 * 4 + 3 * 9
    assert whole == (not found.notes)
    if not whole:
        assert any("the budget was spent" in note for note in found.notes)


def test_what_had_no_time_is_said_and_what_had_is_kept(diabetes: Table) -> None:
    slow = Slow(1.0)
    case = Case(diabetes, "regression", [slow.family()], clock=slow.clock)
    found = case.diagnosis(seconds=6.5, clock=slow.clock)
    assert found.curve is not None
    assert len(found.curve.sizes[-1].valid) < 3
    assert any(note.startswith("training and validation errors are of") for note in found.notes)
    assert "the L2 path of ridge regression was left out: the budget was spent" in found.notes


def test_a_fit_that_fails_on_few_rows_costs_that_size_only(diabetes: Table) -> None:
    def build(params: Any, fitting: Fitting) -> Any:
        if 0 < fitting.n_rows < 80:
            raise ValueError("too few for me")
        return RIDGE.build(params, fitting)

    found = Case(diabetes, "regression", [replace(RIDGE, build=build)]).diagnosis()
    assert found.curve is not None
    assert [size.share for size in found.curve.sizes] == [0.5, 1.0]
    assert any("too few for me" in note for note in found.notes)
    assert all(len(size.valid) == 3 for size in found.curve.sizes)


def test_a_path_is_followed_for_every_model_that_can_be_read() -> None:
    for task in ("regression", "classification"):
        for family in catalogue(task):
            paths = list(paths_of(Candidate(family.name, family, family.portfolio[0]), 2))
            assert bool(paths) == family.is_glass, family.name
            for path in paths:
                values = path.values()
                assert values == sorted(set(values))
                assert path.at is None or path.at in values


def test_the_own_penalty_comes_first() -> None:
    mixed = Candidate("elastic_net", ELASTIC_NET, {"alpha": 0.02, "l1_ratio": 0.9})
    assert [(path.name, path.at) for path in paths_of(mixed, 0)] == [("L1 and L2", 0.02), ("L2", None), ("L1", None)]
    sparse = Candidate("logistic", LOGISTIC, {"C": 0.3, "l1_ratio": 1.0})
    assert [(path.name, path.at) for path in paths_of(sparse, 2)] == [("L1", 0.3), ("L2", None)]
    assert [path.name for path in paths_of(Candidate("logistic", LOGISTIC, {"C": 1.0}), 3)] == ["L2"]


def test_of_many_folds_drawn_anew_ten_are_looked_at(diabetes: Table) -> None:
    X, y = diabetes
    cut = [fold for seed in range(4) for fold in folds(y, n_rows=len(X), task="regression", k=3, seed=seed)]
    found = Case(diabetes, "regression", [RIDGE], splitter=cut).diagnosis()
    assert found.curve is not None
    assert {len(size.valid) for size in found.curve.sizes} == {10}
    assert {len(path.base) for path in found.paths} == {10}
    assert found.notes == ("looked at in 10 of 12 folds",)


def test_the_search_leaves_a_tenth() -> None:
    assert without_diagnosis(120.0) == pytest.approx(108.0)
    assert without_diagnosis(None) is None
