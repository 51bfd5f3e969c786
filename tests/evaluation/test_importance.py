"""Which columns a model leans on, and the shape of what it learned."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestRegressor
from sklearn.inspection import partial_dependence as of_sklearn
from sklearn.inspection import permutation_importance as shuffled_by_sklearn
from sklearn.linear_model import LogisticRegression

from noria.evaluation.explanation_drawings import explanation_drawings
from noria.evaluation.importance import permutation_importance
from noria.evaluation.judged import Prediction
from noria.evaluation.metrics import get
from noria.evaluation.partial import partial_dependence

Ask = Callable[[pd.DataFrame], Prediction]


@pytest.fixture(scope="module")
def forest() -> tuple[pd.DataFrame, np.ndarray, RandomForestRegressor]:
    rng = np.random.default_rng(1)
    X = pd.DataFrame(rng.normal(size=(400, 4)), columns=["strong", "weak", "idle", "other"])
    y = (3 * X["strong"] + X["weak"] + rng.normal(0, 0.5, 400)).to_numpy()
    return X, y, RandomForestRegressor(30, random_state=1).fit(X, y)


def asking(model: RandomForestRegressor) -> Ask:
    return lambda rows: Prediction(model.predict(rows))


def test_what_is_lost_is_what_scikit_learn_finds(
    forest: tuple[pd.DataFrame, np.ndarray, RandomForestRegressor],
) -> None:
    X, y, model = forest
    found = permutation_importance(asking(model), X, y, get("rmse"), repeats=20, seconds=600)
    theirs = shuffled_by_sklearn(
        model, X, y, scoring="neg_root_mean_squared_error", n_repeats=20, random_state=5
    ).importances_mean
    ours = {each.feature: each.loss.value for each in found.features}
    assert [ours[name] for name in X.columns] == pytest.approx(theirs, abs=0.06)
    assert [each.feature for each in found.features[:2]] == ["strong", "weak"]
    assert (found.rows, found.notes) == (400, ())


def test_an_idle_column_loses_nothing_and_its_interval_says_so() -> None:
    """The 95 % interval of a column that tells nothing holds 0 in about 95 of 100 samples."""
    held = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        X = pd.DataFrame({"told": rng.normal(size=150), "idle": rng.normal(size=150)})
        y = np.where(X["told"] + rng.normal(0, 1, 150) > 0, "yes", "no")
        fresh = rng.normal(size=300), rng.normal(size=300)  # learned from other rows, idle has a weight by chance
        learned = pd.DataFrame({"told": fresh[0], "idle": fresh[1]})
        model = LogisticRegression().fit(learned, np.where(fresh[0] + rng.normal(0, 1, 300) > 0, "yes", "no"))

        def ask(rows: pd.DataFrame, model: LogisticRegression = model) -> Prediction:
            return Prediction(model.predict(rows), model.predict_proba(rows), ("no", "yes"))

        loss = {
            each.feature: each.loss
            for each in permutation_importance(ask, X, y, get("roc_auc"), seed=seed, resamples=100).features
        }
        assert loss["told"].low is not None
        assert loss["told"].low > 0
        held += loss["idle"].low <= 0 <= loss["idle"].high  # type: ignore[operator]
    assert held >= 52


def test_rows_of_an_entity_are_given_those_of_another() -> None:
    entity = np.repeat(np.arange(20), 5)
    X = pd.DataFrame({"whose": entity.astype(float)})
    seen: list[np.ndarray] = []

    def ask(rows: pd.DataFrame) -> Prediction:
        seen.append(rows["whose"].to_numpy())
        return Prediction(rows["whose"].to_numpy())

    found = permutation_importance(ask, X, entity.astype(float), get("mae"), groups=entity, repeats=2)
    for given in seen[1:]:
        assert not (given == entity).any()
        assert all(len(np.unique(given[entity == one])) == 1 for one in range(20))
    alone = permutation_importance(ask, X, entity.astype(float), get("mae"), repeats=2)
    width = [each.features[0].loss.high - each.features[0].loss.low for each in (found, alone)]  # type: ignore[operator]
    assert width[0] > width[1]


def test_a_wide_table_keeps_to_its_time_and_says_what_was_left_out() -> None:
    X = pd.DataFrame({f"c{n}": np.arange(1000.0) for n in range(100)})
    now = [0.0]

    def ask(rows: pd.DataFrame) -> Prediction:
        now[0] += len(rows) * 1e-3
        return Prediction(rows["c7"].to_numpy())

    found = permutation_importance(ask, X, X["c7"], get("mae"), seconds=10, clock=lambda: now[0])
    assert now[0] < 25
    assert found.rows < 1000
    assert any("of 1,000 test rows were taken" in note for note in found.notes)
    assert any("time was up" in note for note in found.notes)

    quick = permutation_importance(
        lambda rows: Prediction(rows["c7"].to_numpy()), X, X["c7"], get("mae"), rows=100, clock=lambda: 0.0
    )
    assert quick.features[0].feature == "c7"
    assert [each.repeats for each in quick.features].count(5) == 30
    assert "the 30 weightiest of 100 columns were shuffled repeatedly, the others once" in quick.notes


def test_a_clustering_counts_the_rows_that_move() -> None:
    X = pd.DataFrame({"side": np.tile([-1.0, 1.0], 50), "idle": np.arange(100.0)})
    found = permutation_importance(
        lambda rows: Prediction((rows["side"] > 0).to_numpy().astype(np.int64)), X, None, get("silhouette")
    )
    assert found.metric == "groups changed"
    assert found.features[0].feature == "side"
    assert found.features[0].loss.value == pytest.approx(0.5, abs=0.1)
    assert found.features[1].loss.value == 0


def test_a_shape_is_what_scikit_learn_draws(forest: tuple[pd.DataFrame, np.ndarray, RandomForestRegressor]) -> None:
    X, _, model = forest
    found = partial_dependence(asking(model), X, "strong", rows=400, points=8)
    assert found is not None
    theirs = of_sklearn(
        model, X, ["strong"], custom_values={"strong": np.array(found.values)}, kind="average", method="brute"
    )
    assert found.curves[0].mean == pytest.approx(theirs["average"][0])
    assert found.curves[0].mean[0] < found.curves[0].mean[-1]
    assert all(low <= mean <= high for low, mean, high in zip(found.curves[0].low, found.curves[0].mean,
                                                              found.curves[0].high, strict=True))  # fmt: skip


def test_levels_times_and_missing_values_are_asked_for() -> None:
    X = pd.DataFrame(
        {
            "grade": pd.Series(["A", "B", None, "A"] * 10, dtype="str"),
            "at": pd.to_datetime(pd.date_range("2026-01-01", periods=40)),
            "count": [1.0, 2.0, np.nan, 2.0] * 10,
            "text": pd.Series([f"t{n}" for n in range(40)], dtype="str"),
            "same": 1.0,
        }
    )

    def ask(rows: pd.DataFrame) -> Prediction:
        assert rows.dtypes.equals(X.dtypes)
        proba = np.where(rows["grade"].eq("A"), 0.9, 0.2)
        return Prediction(np.full(len(rows), "no", dtype=object), np.column_stack([1 - proba, proba]), ("no", "yes"))

    grade = partial_dependence(ask, X, "grade", positive="yes")
    assert grade is not None
    assert (grade.kind, grade.values, grade.curves[0].name) == ("category", ("A", "B"), "yes")
    assert grade.curves[0].mean == pytest.approx((0.9, 0.2))
    negative = partial_dependence(ask, X, "grade", positive="no")
    assert negative is not None
    assert negative.curves[0].mean == pytest.approx((0.1, 0.8))
    at = partial_dependence(ask, X, "at", points=3)
    assert at is not None
    assert at.kind == "time"
    assert at.values[0] == "2026-01-01T18:43:12"
    count = partial_dependence(ask, X, "count")
    assert count is not None
    assert count.values == (1.0, 2.0)
    assert partial_dependence(ask, X, "same") is None
    assert partial_dependence(ask, X.assign(text=[f"t{n}" for n in range(40)]).loc[:], "same") is None


def test_texts_without_end_have_no_shape() -> None:
    X = pd.DataFrame({"text": pd.Series([f"t{n}" for n in range(200)], dtype="str")})
    assert partial_dependence(lambda rows: Prediction(np.zeros(len(rows))), X, "text") is None


def test_several_classes_have_a_curve_each() -> None:
    X = pd.DataFrame({"x": np.arange(30.0)})

    def ask(rows: pd.DataFrame) -> Prediction:
        proba = np.tile([0.5, 0.3, 0.2], (len(rows), 1))
        return Prediction(np.zeros(len(rows)), proba, ("a", "b", "c"))

    found = partial_dependence(ask, X, "x")
    assert found is not None
    assert [each.name for each in found.curves] == ["a", "b", "c"]


def test_what_is_there_is_drawn() -> None:
    curve = {"name": "yes", "mean": [0.1, 0.3], "low": [0.0, 0.2], "high": [0.2, 0.4]}
    told = {
        "metric": "roc_auc",
        "importance": [{"feature": "age", "value": 0.1, "low": 0.05, "high": 0.15, "repeats": 5},
                       {"feature": "id", "value": None, "low": None, "high": None, "repeats": 1}],
        "contributions": {"of": "log-odds", "rows": 9, "mean_abs": {"age": 0.4, "id": 0.0}},
        "partial": [{"feature": "age", "kind": "number", "values": [20.0, 40.0], "curves": [curve], "rows": 9},
                    {"feature": "grade", "kind": "category", "values": ["A", "B"], "curves": [curve], "rows": 9},
                    {"feature": "at", "kind": "time", "values": ["2026-01-01T00:00:00", "2026-02-01T00:00:00"],
                     "curves": [curve, {**curve, "name": "no"}], "rows": 9}],
    }  # fmt: skip
    drawn = explanation_drawings(told)
    assert list(drawn) == ["importance", "contributions", "age", "grade", "at"]
    assert drawn["importance"].data["labels"] == ["age"]
    assert all(each.svg.startswith("<svg") for each in drawn.values())
    assert explanation_drawings({}) == {}


def test_the_rows_of_a_single_entity_are_shuffled_among_themselves() -> None:
    X = pd.DataFrame({"told": np.arange(100.0), "idle": np.arange(100.0) % 7})

    def ask(rows: pd.DataFrame) -> Prediction:
        return Prediction(rows["told"].to_numpy())

    found = permutation_importance(ask, X, X["told"], get("mae"), groups=np.zeros(100))
    # The mean distance of two of a hundred numbers in a row is a third of their range.
    assert found.features[0].loss.value == pytest.approx(100 / 3, rel=0.1)
    assert (found.features[0].loss.low, found.features[0].loss.high) == (None, None)
    assert any("of one entity" in note for note in found.notes)
    assert not permutation_importance(ask, X, X["told"], get("mae")).notes


def test_which_rows_an_entity_gives_is_drawn() -> None:
    entity = np.repeat(np.arange(10), [2, 30] * 5)  # those of two rows get two of thirty, not always the first
    X = pd.DataFrame({"row": np.arange(160.0)})
    given: list[np.ndarray] = []

    def ask(rows: pd.DataFrame) -> Prediction:
        given.append(rows["row"].to_numpy())
        return Prediction(rows["row"].to_numpy())

    permutation_importance(ask, X, X["row"], get("mae"), groups=entity, repeats=20)
    few = entity % 2 == 0
    ranks = [row % 32 - 2 for rows in given[1:] for row in rows[few] if entity[int(row)] % 2]
    assert len(set(ranks)) > 20
    for rows in given[1:]:
        for one in range(10):
            of_giver, counts = np.unique(rows[entity == one], return_counts=True)
            assert len(set(entity[of_giver.astype(int)])) == 1
            assert counts.max() - counts.min() <= 1  # each row of the giver as often as the others


@pytest.mark.parametrize("positive", ["true", "TRUE", True])
def test_the_shape_follows_the_class_that_is_meant(positive: str | bool) -> None:
    X = pd.DataFrame({"x": np.arange(30.0)})

    def ask(rows: pd.DataFrame) -> Prediction:
        proba = np.tile([0.7, 0.3], (len(rows), 1))
        return Prediction(np.full(len(rows), True), proba, (True, False))

    found = partial_dependence(ask, X, "x", positive=positive)
    assert found is not None
    assert (found.curves[0].name, found.curves[0].mean[0]) == ("True", pytest.approx(0.7))
