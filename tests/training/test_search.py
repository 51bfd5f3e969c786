from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
import pytest

from noria.errors import WorkFailed, WrongArgument, WrongData
from noria.training.candidate import Selection
from noria.training.families import catalogue
from noria.training.family import Family, Fitting, OutOfTime
from noria.training.folds import folds
from noria.training.model import Prediction
from noria.training.search import select
from noria.training.space import Choice

Chosen = Callable[..., Selection]
Table = tuple[pd.DataFrame, np.ndarray]


class Watch:
    """A clock that the fits turn, so that a budget can be tested without waiting."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Slow:
    """An estimator that takes the seconds it is told to, by the watch, and answers with a constant."""

    def __init__(self, watch: Watch, seconds: float, answer: float) -> None:
        self.watch, self.seconds, self.answer = watch, seconds, answer

    def fit(self, X: np.ndarray, y: np.ndarray) -> Slow:
        self.watch.now += self.seconds
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        return np.full(len(X), self.answer)


def slow(watch: Watch, name: str, seconds: float, answer: float = 150.0, **more: object) -> Family:
    return Family(name, name, lambda params, fitting: Slow(watch, seconds, answer), **more)


class Raises:
    def fit(self, X: np.ndarray, y: np.ndarray) -> None:
        raise ZeroDivisionError("a bug of the user's own\nwith a second line")

    def predict(self, X: np.ndarray) -> np.ndarray:
        return np.zeros(len(X))


class NotFinite(Raises):
    def fit(self, X: np.ndarray, y: np.ndarray) -> None:
        return None

    def predict(self, X: np.ndarray) -> np.ndarray:
        return np.full(len(X), np.nan)


def test_the_best_is_chosen_and_everything_is_recorded(
    cancer: Table, chosen: Chosen, area_error: Callable[..., float]
) -> None:
    X, y = cancer
    seen = []
    made = chosen(X, y, "classification", ["logistic", "boosting"], error=area_error, trials=6, report=seen.append)
    complete = [result for result in made.table if result.status == "complete"]
    assert made.winner == min((r for r in complete if r.family != "dummy"), key=lambda r: r.mean)
    assert made.winner.mean < 0.02
    assert made.baseline is not None
    assert made.baseline.mean == pytest.approx(0.5)
    assert made.beats_baseline
    assert {result.family for result in made.table} == {"dummy", "logistic", "boosting"}
    assert sum(result.family != "dummy" for result in made.table) == 6
    assert made.stopped_by == "6 trials"
    for result in complete:
        assert len(result.scores) == 3
        assert result.mean == pytest.approx(np.mean(result.scores))
        assert result.sd == pytest.approx(np.std(result.scores, ddof=1))
        assert result.seconds > 0
    assert seen[0].result.name == "dummy"
    assert len(seen) == len(made.table)
    assert seen[-1].done == 1
    assert set(made.to_json()) >= {"winner", "baseline", "table", "stopped_by"}


def test_the_model_answers_raw_rows(cancer: Table, chosen: Chosen) -> None:
    X, y = cancer
    model = chosen(X, y, "classification", ["logistic"], trials=1).model
    assert model.classes == ("benign", "malignant")
    assert model.feature_names == tuple(X.columns)
    proba = model.predict_proba(X)
    assert proba.shape == (569, 2)
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    assert (model.predict(X) == y).mean() > 0.95
    assert model.predict(X.iloc[[3]])[0] == model.predict(X)[3]
    shuffled = X[X.columns[::-1]].assign(further=1)
    np.testing.assert_array_equal(model.predict_proba(shuffled), proba)


def test_out_of_fold_answers_come_from_models_that_had_not_seen_the_row(diabetes: Table, chosen: Chosen) -> None:
    X, y = diabetes
    made = chosen(X, y, "regression", ["boosting"], trials=1)
    assert made.oof is not None
    assert made.oof.shape == (442,)
    assert not np.isnan(made.oof).any()
    outside = float(np.sqrt(np.mean((made.oof - y) ** 2)))
    inside = float(np.sqrt(np.mean((made.model.predict(X) - y) ** 2)))
    assert outside == pytest.approx(made.winner.mean, rel=0.02)
    assert inside < 0.9 * outside


def test_trials_repeat_exactly(diabetes: Table, chosen: Chosen) -> None:
    X, y = diabetes
    runs = [chosen(X, y, "regression", ["ridge", "boosting", "lasso"], trials=9) for _ in range(2)]
    first, second = ([(r.name, r.params, r.scores, r.status) for r in run.table] for run in runs)
    assert first == second
    np.testing.assert_array_equal(runs[0].model.predict(X), runs[1].model.predict(X))
    np.testing.assert_array_equal(runs[0].oof, runs[1].oof)


def test_another_seed_draws_other_parameters(diabetes: Table, chosen: Chosen) -> None:
    X, y = diabetes
    drawn = [
        [dict(result.params) for result in chosen(X, y, "regression", ["ridge"], trials=5, seed=seed).table]
        for seed in (1, 2)
    ]
    assert sorted(map(str, drawn[0])) != sorted(map(str, drawn[1]))


def every_family() -> Iterator[object]:
    for task in ("regression", "classification"):
        for family in catalogue(task):
            if family.name not in ("keras_mlp", "dummy"):
                yield pytest.param(task, family.name, id=f"{task}-{family.name}")


@pytest.mark.parametrize(("task", "name"), list(every_family()))
def test_every_family_learns_from_mixed_columns(task: str, name: str, mixed: Table, chosen: Chosen) -> None:
    for module in next(family for family in catalogue(task) if family.name == name).modules:
        pytest.importorskip(module)
    X, y = mixed
    target = y if task == "regression" else np.where(y > 0, "bad", "good").astype(object)
    made = chosen(X, target, task, [name], trials=1)
    assert made.beats_baseline, made.table
    new = pd.DataFrame({"a": [None], "b": [0.3], "g": ["never seen"], "t": [None]})
    assert len(made.model.predict(new)) == 1


def test_three_classes(mixed: Table, chosen: Chosen) -> None:
    X, y = mixed
    target = np.digitize(y, [-0.3, 0.8]).astype(object)
    for name in ("logistic", "boosting", "random_forest"):
        made = chosen(X, target, "classification", [name], trials=1)
        assert made.model.classes == (0, 1, 2)
        assert made.oof.shape == (160, 3)
        assert made.beats_baseline


def test_a_candidate_that_raises_is_recorded_and_the_others_go_on(diabetes: Table, chosen: Chosen) -> None:
    X, y = diabetes
    ridge = next(family for family in catalogue("regression") if family.name == "ridge")
    broken = Family("broken", "", lambda params, fitting: Raises())
    nan = Family("nan", "", lambda params, fitting: NotFinite())
    made = chosen(X, y, "regression", [], families=[broken, nan, ridge], trials=3)
    found = {result.name: result for result in made.table}
    assert made.winner.family == "ridge"
    assert found["broken"].status == "failed"
    assert found["broken"].note == "ZeroDivisionError: a bug of the user's own"
    assert found["broken"].mean is None
    assert "not finite" in found["nan"].note


def test_nothing_completed_says_why_of_each(diabetes: Table, chosen: Chosen) -> None:
    X, y = diabetes
    broken = Family("broken", "", lambda params, fitting: Raises())
    with pytest.raises(WorkFailed, match="no candidate") as caught:
        chosen(X, y, "regression", [], families=[broken], trials=3)
    assert "ZeroDivisionError" in caught.value.why


def test_warnings_become_notes(cancer: Table, chosen: Chosen) -> None:
    X, y = cancer

    class Warns(Slow):
        def fit(self, X: np.ndarray, y: np.ndarray) -> Warns:
            warnings.warn("Solver terminated early: it did not converge", UserWarning, stacklevel=2)
            return self

    family = Family("warns", "", lambda params, fitting: Warns(Watch(), 0, 0))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = chosen(X, y, "classification", [], families=[family], trials=1)
    assert made.winner.note == "did not converge"


# --- the budget, by a watch that the fits turn ------------------------------------------------------------------------


def test_what_does_not_fit_is_skipped_and_the_budget_held(diabetes: Table, chosen: Chosen) -> None:
    X, y = diabetes
    watch = Watch()
    quick, long = slow(watch, "quick", 1.0), slow(watch, "long", 30.0, answer=152.0)
    made = chosen(X, y, "regression", [], families=[quick, long], budget_seconds=60, k=5, clock=watch)
    found = {result.name: result for result in made.table}
    assert made.winner.name == "quick"
    assert found["long"].status == "skipped"
    assert "raise [model] budget" in found["long"].note
    assert watch.now <= 60
    assert made.seconds == watch.now


def test_the_final_fit_is_kept_time_for(diabetes: Table, chosen: Chosen) -> None:
    X, y = diabetes
    watch = Watch()
    space = {"c": Choice(tuple(range(1000)))}
    family = slow(watch, "family", 2.0, space=space)
    made = chosen(X, y, "regression", [], families=[family], budget_seconds=50, k=5, clock=watch)
    assert len(made.table) > 2
    assert 30 < watch.now <= 50
    assert made.stopped_by == "the budget was spent"


def test_without_gain_the_search_ends_early(diabetes: Table, chosen: Chosen) -> None:
    X, y = diabetes
    watch = Watch()
    family = slow(watch, "family", 0.001, space={"c": Choice(tuple(range(1000)))})
    made = chosen(X, y, "regression", [], families=[family], budget_seconds=1000, k=5, clock=watch)
    assert made.stopped_by == "no gain in 25 trials"


def test_a_budget_too_small_for_anything_still_gives_a_model(diabetes: Table, chosen: Chosen) -> None:
    X, y = diabetes
    watch = Watch()
    families = [slow(watch, "slow", 3.0), slow(watch, "slower", 9.0)]
    made = chosen(X, y, "regression", [], families=families, budget_seconds=2, k=3, clock=watch)
    assert made.winner.name == "slow"
    assert made.winner.note == "judged on 1 of 3 folds: the budget was spent"
    assert made.winner.mean == made.winner.scores[0]
    assert made.oof is not None
    assert np.isnan(made.oof).mean() == pytest.approx(2 / 3, abs=0.01)
    # A fold and the final fit of the quickest, and what the others' first folds took.
    assert made.seconds < 3 + 9 + 3 + 1


def test_a_costly_fit_is_foretold_from_a_part(chosen: Chosen) -> None:
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.normal(size=8000)})
    y = X["a"].to_numpy() + rng.normal(size=8000)
    watch = Watch()

    class Quadratic(Slow):
        def fit(self, X: np.ndarray, y: np.ndarray) -> Quadratic:
            self.watch.now += 50 * (len(X) / 5000) ** 2
            return self

    costly = Family("costly", "", lambda params, fitting: Quadratic(watch, 0, 0.0), growth=2.0)
    made = chosen(X, y, "regression", [], families=[slow(watch, "quick", 0.1), costly], budget_seconds=30, clock=watch)
    found = {result.name: result for result in made.table}
    assert found["costly"].status == "skipped"
    assert found["costly"].note.startswith("one fold would take about")
    assert found["costly"].scores == ()
    assert watch.now < 30


def test_too_many_rows_for_a_family_are_refused_at_once(diabetes: Table, chosen: Chosen) -> None:
    X, y = diabetes
    watch = Watch()
    families = [slow(watch, "quick", 0.0), slow(watch, "small", 0.0, most_rows=100)]
    made = chosen(X, y, "regression", [], families=families, trials=2, clock=watch)
    assert {result.name: result.status for result in made.table}["small"] == "skipped"


def test_a_booster_stops_at_its_deadline(cancer: Table, chosen: Chosen) -> None:
    """LightGBM asks between rounds; a fit cut short leaves no score."""
    X, y = cancer
    ticks = iter(np.linspace(0, 1000, 400))
    made = chosen(
        X, y, "classification", ["logistic", "boosting"], budget_seconds=150, k=3, clock=lambda: float(next(ticks))
    )
    statuses = {result.name: result for result in made.table}
    assert made.winner.family in ("logistic", "boosting")
    assert all(result.mean is None for result in statuses.values() if result.status != "complete")


# --- data that cannot be learned from ---------------------------------------------------------------------------------


def test_one_class_is_refused(cancer: Table, chosen: Chosen) -> None:
    X, _ = cancer
    with pytest.raises(WrongData, match="has the class 'benign'"):
        chosen(X, np.array(["benign"] * len(X), dtype=object), "classification", ["logistic"], trials=1)


def test_a_constant_target_is_refused(diabetes: Table, chosen: Chosen) -> None:
    X, y = diabetes
    with pytest.raises(WrongData, match="the target is 4 in every one"):
        chosen(X, np.full(len(y), 4.0), "regression", ["ridge"], trials=1)


def test_no_rows_and_no_features_are_refused(diabetes: Table, chosen: Chosen) -> None:
    X, y = diabetes
    with pytest.raises(WrongData, match="0 features"):
        select(
            X[[]],
            y,
            task="regression",
            families=[],
            prepare=lambda family, _rows: family,
            error=lambda y, p: 0.0,
            splitter=[],
        )


def test_mismatched_lengths_are_refused(diabetes: Table) -> None:
    X, y = diabetes
    with pytest.raises(WrongArgument):
        select(
            X,
            y[:-1],
            task="regression",
            families=[],
            prepare=lambda f, _rows: f,
            error=lambda y, p: 0.0,
            splitter=[([0], [1])],
        )


@pytest.mark.parametrize("name", ["logistic", "svm", "random_forest", "boosting", "hist_boosting"])
def test_constant_and_empty_features_do_no_harm(name: str, chosen: Chosen) -> None:
    rng = np.random.default_rng(2)
    X = pd.DataFrame({"x": rng.normal(size=60), "same": 1.0, "empty": np.nan, "word": "one"})
    X["nothing"] = pd.Series([None] * 60, dtype="str")
    y = np.where(X["x"] > 0, 1, 0).astype(object)
    made = chosen(X, y, "classification", [name], trials=1)
    assert made.beats_baseline


def test_very_few_rows(chosen: Chosen) -> None:
    X = pd.DataFrame({"x": [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]})
    y = np.array(["a", "a", "a", "b", "b", "b"], dtype=object)
    made = chosen(
        X,
        y,
        "classification",
        "auto",
        families=[
            f
            for f in catalogue("classification")
            if f.name in ("dummy", "logistic", "svm", "random_forest", "boosting", "hist_boosting")
        ],
        trials=5,
    )
    assert made.winner.status == "complete"


def test_fitting_is_told_about_codes_and_classes(mixed: Table, chosen: Chosen) -> None:
    X, y = mixed
    seen: list[Fitting] = []
    watch = Watch()

    def build(params: object, fitting: Fitting) -> Slow:
        seen.append(fitting)
        return Slow(watch, 0, 0)

    target = np.where(y > 0, 1, 0).astype(object)
    chosen(X, target, "classification", [], families=[Family("spy", "", build, encoding="tree")], trials=1)
    assert all(len(fitting.categorical) == 1 and fitting.n_classes == 2 for fitting in seen)
    assert len({fitting.seed for fitting in seen}) == len(seen) == 4


def test_of_equals_the_winner_stands_first(diabetes: Table, chosen: Chosen) -> None:
    watch = Watch()
    families = [slow(watch, "zebra", 0.001), slow(watch, "ant", 0.001)]
    found = chosen(*diabetes, "regression", [], families=families, trials=2, clock=watch)
    assert found.winner.name == found.table[0].name == "zebra"


def test_the_share_that_folds_judge_is_recorded(diabetes: Table, chosen: Chosen) -> None:
    X, y = diabetes
    times = np.datetime64("2026-01-01") + np.arange(len(y)).astype("timedelta64[D]")
    made = folds(None, n_rows=len(y), task="regression", k=3, times=times)
    found = chosen(X, y, "regression", ["ridge"], trials=1, splitter=made)
    wanted = np.mean([len(valid) / len(train) for train, valid in made])
    assert wanted > 0.6  # a plain cross-validation in three folds has a half
    assert found.to_json()["test_share"] == pytest.approx(wanted)
    assert "test_share" not in chosen(X, None, "clustering", ["kmeans"], trials=1).to_json()


class Stoppable(Slow):
    """One that looks at the clock every second of its fit, as boosters do every round."""

    def __init__(self, watch: Watch, seconds: float, answer: float, fitting: Fitting) -> None:
        super().__init__(watch, seconds, answer)
        self.fitting = fitting

    def fit(self, X: np.ndarray, y: np.ndarray) -> Stoppable:
        for _ in range(int(self.seconds)):
            self.watch.now += 1.0
            if self.fitting.out_of_time():
                raise OutOfTime
        return self


def test_a_slow_first_fold_leaves_time_for_the_others(diabetes: Table, chosen: Chosen) -> None:
    watch = Watch()
    dear = Family("dear", "dear", lambda params, fitting: Stoppable(watch, 40.0, 150.0, fitting))
    families = [slow(watch, "first", 1.0, 100.0), dear, slow(watch, "good", 2.0, 152.0)]
    made = chosen(*diabetes, "regression", None, families=families, budget_seconds=60.0, clock=watch)
    rows = {row.name: row for row in made.table}
    assert rows["dear"].status == "skipped"
    assert rows["dear"].seconds <= 8.0
    assert made.winner.name == "good"
    assert rows["first"].status == "complete"


def test_what_is_out_keeps_no_time_back(diabetes: Table, chosen: Chosen) -> None:
    watch = Watch()
    # The first has no limit, as nobody has a score yet; it is out for its cost, and then its final fit needs no time.
    families = [slow(watch, "dear", 14.0, 152.0), *(slow(watch, f"quick{n}", 1.0, 140.0 + n) for n in range(4))]
    made = chosen(
        *diabetes, "regression", None, families=families, budget_seconds=40.0, clock=watch, ensemble="auto", k=5
    )
    rows = {row.name: row for row in made.table}
    assert rows["dear"].status == "skipped"
    assert sum(rows[f"quick{n}"].status == "complete" for n in range(4)) >= 3


def test_what_waits_keeps_no_time_back_from_who_is_better(diabetes: Table, chosen: Chosen) -> None:
    watch = Watch()
    families = [
        slow(watch, "quick1", 1.0, 152.0),
        slow(watch, "quick2", 1.0, 150.0),
        slow(watch, "dear1", 9.0, 60.0),
        slow(watch, "dear2", 9.0, 70.0),
    ]
    made = chosen(
        *diabetes, "regression", None, families=families, budget_seconds=40.0, clock=watch, ensemble="auto", k=5
    )
    rows = {row.name: row for row in made.table}
    assert rows["quick1"].status == "complete"
    assert rows["quick2"].status == "complete"
    assert watch.now <= 40.0


def test_of_near_ones_the_quick_go_first_where_time_is_short(diabetes: Table, chosen: Chosen) -> None:
    watch = Watch()

    def order(budget: float | None) -> list[str]:
        watch.now, seen = 0.0, []
        families = [
            slow(watch, "dear", 5.0, 152.0),
            slow(watch, "near", 1.0, 140.0),
            slow(watch, "far", 1.0, 0.0),
        ]
        made = chosen(
            *diabetes, "regression", None, families=families, budget_seconds=budget, clock=watch, k=5,
            report=lambda progress: seen.append(progress.result.name),
        )  # fmt: skip
        assert {row.name for row in made.table if row.status == "complete"} >= {"near"}
        return [name for name in seen if name != "dummy"][:3]

    assert order(None) == ["dear", "near", "far"]
    assert order(1000.0)[0] == "dear"
    assert order(41.0)[0] == "near"


def test_time_is_kept_for_finding_the_mean(diabetes: Table, chosen: Chosen) -> None:
    watch = Watch()

    def error(truth: np.ndarray, said: Prediction) -> float:
        watch.now += 0.1
        return float(np.sqrt(np.mean((truth - said.values) ** 2)))

    families = [slow(watch, "high", 2.0, 190.0), slow(watch, "low", 2.0, 110.0), slow(watch, "late", 2.0, 230.0)]
    made = chosen(
        *diabetes, "regression", None, families=families, error=error, budget_seconds=46, clock=watch, k=5,
        ensemble="always",
    )  # fmt: skip
    assert next(row for row in made.table if row.name == "late").status == "skipped"
    assert made.winner.name == "ensemble"
    assert watch.now <= 46


class Noted(Slow):
    """One that notes down its fits."""

    def __init__(self, watch: Watch, name: str, answer: float, fits: list[str]) -> None:
        super().__init__(watch, 1.0, answer)
        self.name, self.fits = name, fits

    def fit(self, X: np.ndarray, y: np.ndarray) -> Noted:
        self.fits.append(self.name)
        super().fit(X, y)
        return self


def test_one_of_each_kin_is_judged_before_another_of_the_same_begins(diabetes: Table, chosen: Chosen) -> None:
    def fits(budget: float | None) -> list[str]:
        watch, noted = Watch(), []

        def family(name: str, answer: float) -> Family:
            return Family(name, name, lambda params, fitting: Noted(watch, name, answer, noted), kin=name[0])

        families = [family("a1", 130.0), family("a2", 125.0), family("b1", 150.0), family("b2", 145.0)]
        chosen(*diabetes, "regression", None, families=families, budget_seconds=budget, clock=watch, k=5)
        return noted

    assert fits(None)[:4] == ["a1", "a2", "b1", "b2"]
    # The kin that did better goes on first, once both leaders are judged on all folds.
    assert fits(1000.0)[:12] == ["a1", "b1", *["b1"] * 4, *["a1"] * 4, "b2", "a2"]


class Stopped(Slow):
    """One that looks for its rounds, unless it is told them."""

    def __init__(self, watch: Watch, told: int | None, answer: float) -> None:
        super().__init__(watch, 10 if told is None else 5, answer)
        self.rounds = told or 50


def test_who_has_found_its_rounds_takes_less_time_from_then_on(diabetes: Table, chosen: Chosen) -> None:
    X, y = pd.concat([diabetes[0]] * 2, ignore_index=True), np.tile(diabetes[1], 2)
    watch = Watch()
    better = Family("better", "better", lambda params, fitting: Stopped(watch, fitting.rounds, 152.0))

    def raced(rows: int) -> Selection:
        watch.now = 0.0
        families = [slow(watch, "quick", 1.0, 0.0), better]
        return chosen(X[:rows], y[:rows], "regression", None, families=families, budget_seconds=55, clock=watch, k=5)

    # 10 s for the first fold, 4 times 5 for the others, 5 for the final fit; at 10 s each there would be no time.
    made = raced(len(X))
    assert (made.winner.name, made.winner.status) == ("better", "complete")
    assert watch.now <= 55
    few = next(result for result in raced(450).table if result.name == "better")
    assert "the other folds would take about 40 s" in few.note  # in so few rows nobody looks for rounds


@pytest.mark.parametrize("name", ["boosting", "catboost", "xgboost"])
@pytest.mark.parametrize("task", ["regression", "classification"])
def test_a_booster_ends_at_its_deadline(name: str, task: str) -> None:
    family = next(family for family in catalogue(task) if family.name == name)
    for module in family.modules:
        pytest.importorskip(module)
    rng = np.random.default_rng(1)
    X = rng.normal(size=(600, 5))
    y = X[:, 0] if task == "regression" else (X[:, 0] > 0).astype(np.int64)
    asked: list[int] = []

    def seconds_left() -> float:
        asked.append(1)
        return 8.0 - len(asked)

    n_classes = 0 if task == "regression" else 2
    fitting = Fitting(task, 3, n_classes=n_classes, n_rows=600, rounds=50, seconds_left=seconds_left)
    with pytest.raises(OutOfTime):
        family.build(dict(family.portfolio[0]), fitting).fit(X, y)
    assert len(asked) == 8


@pytest.mark.parametrize("name", ["boosting", "catboost", "xgboost"])
@pytest.mark.parametrize("task", ["regression", "classification"])
def test_a_booster_without_time_for_its_rounds_takes_fewer(name: str, task: str) -> None:
    family = next(family for family in catalogue(task) if family.name == name)
    for module in family.modules:
        pytest.importorskip(module)
    rng = np.random.default_rng(1)
    X = rng.normal(size=(600, 5))
    y = X[:, 0] + X[:, 1] ** 2 if task == "regression" else (X[:, 0] + X[:, 1] ** 2 > 0.5).astype(np.int64)
    asked: list[int] = []

    def seconds_left() -> float:
        asked.append(1)
        return 100.0 - len(asked)

    fitting = Fitting(task, 3, n_classes=0 if task == "regression" else 2, n_rows=600, seconds_left=seconds_left)
    with pytest.warns(UserWarning, match=r"fewer rounds than it would take, for lack of time"):
        made = family.build(dict(family.portfolio[0]), fitting).fit(X, y)
    assert 10 <= made.rounds <= 21
    assert len(asked) < 100
    error = np.mean((made.predict(X) - y) ** 2)
    assert error < np.var(y)
