"""Explanations of whole models, from records to parts by column."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest
from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import LinearSVC

from noria.preparation.frame import frame
from noria.preparation.recipe import preparation
from noria.scoring.compiling.compile import compile_model
from noria.scoring.learning import learn
from noria.scoring.plan.contributions import Unexplained
from noria.scoring.scorer import Scorer
from noria.training.model import TabularModel

COLUMNS = [("age", "int"), ("income", "float"), ("grade", "category"), ("since", "timestamp")]
RECORDS = [
    {"age": 30, "income": 1500.0, "grade": "A", "since": "2026-01-05T10:00:00"},
    {"age": 70, "income": None, "grade": None, "since": "2025-07-05T23:00:00"},
    {"age": 18, "income": 90.5, "grade": "C", "since": "2025-12-31T00:00:00"},
]


def scorer(head: BaseEstimator, n_classes: int, *, positive: str | None = None, compiled: bool = True) -> Scorer:
    """Train on rows made up, compile."""
    rng = np.random.default_rng(7)
    income = rng.lognormal(7, 1, 300)
    table = pa.table(
        {
            "age": rng.integers(18, 76, 300),
            "income": [None if rng.random() < 0.1 else one for one in income],
            "grade": rng.choice(["A", "B", "C", None], 300),
            "since": pa.array(rng.integers(1_700_000_000, 1_770_000_000, 300) * 10**6, pa.timestamp("us")),
        }
    )
    X = frame(table, COLUMNS)
    prepared = preparation(COLUMNS, encoding="linear").fit(X)
    z = X["age"].to_numpy() + rng.normal(0, 10, 300) + (X["grade"] == "A").to_numpy() * 20
    y = np.digitize(z, np.quantile(z, np.arange(1, n_classes) / n_classes)) if n_classes else z
    head.fit(prepared.transform(X), y)
    task = "classification" if n_classes else "regression"
    classes = ("bad", "fair", "good")[:n_classes] if n_classes else None
    kinds = (("age", "number"), ("income", "number"), ("grade", "string"), ("since", "timestamp"))
    model = TabularModel(task, "f", kinds, prepared, head, classes)  # type: ignore[arg-type]
    signature = learn(table, COLUMNS, target="y", task=task, positive=positive)
    if not compiled:
        return Scorer(model, signature, name="m", number=1, reason="it has no counterpart")
    return Scorer(compile_model(model), signature, name="m", number=1, engine="plan")


def log_odds(p: float) -> float:
    return math.log(p / (1 - p))


@pytest.mark.parametrize("positive", [None, "bad"])
@pytest.mark.parametrize(
    "head",
    [
        LogisticRegression(),
        HistGradientBoostingClassifier(max_iter=30),
        CalibratedClassifierCV(LinearSVC(), ensemble=False),
        CalibratedClassifierCV(RandomForestClassifier(9, max_depth=4, random_state=0), ensemble=False),
    ],
    ids=lambda head: str(head)[:40],
)
def test_two_classes_sum_to_the_log_odds_of_the_score(head: BaseEstimator, positive: str | None) -> None:
    made = scorer(head, 2, positive=positive)
    checked = made.signature.check(RECORDS)
    answers = made.answer(checked)
    for score, explanation in zip(answers.scores, made.explain(checked, answers), strict=True):
        assert explanation.of == "log-odds"
        assert explanation.label == (positive or "fair")
        assert list(explanation.contributions) == [name for name, _ in COLUMNS]
        margin = math.fsum([explanation.base, *explanation.contributions.values()])
        assert margin == pytest.approx(log_odds(score), rel=1e-9)  # type: ignore[arg-type]


def test_more_classes_are_explained_by_the_likeliest() -> None:
    made = scorer(HistGradientBoostingClassifier(max_iter=10), 3)
    checked = made.signature.check(RECORDS)
    answers = made.answer(checked)
    assert [one.label for one in made.explain(checked, answers)] == list(answers.predictions)


def test_logits_of_two_classes_differ_as_their_probabilities_do() -> None:
    probabilities, margins = [], []
    for positive in ("bad", "good"):
        made = scorer(LogisticRegression(), 3, positive=positive)
        checked = made.signature.check(RECORDS[:1])
        answers = made.answer(checked)
        (explanation,) = made.explain(checked, answers)
        assert explanation.of == "logit"
        probabilities.append(answers.scores[0])
        margins.append(math.fsum([explanation.base, *explanation.contributions.values()]))
    ratio = probabilities[0] / probabilities[1]  # type: ignore[operator]
    assert margins[0] - margins[1] == pytest.approx(math.log(ratio), rel=1e-9)


@pytest.mark.parametrize("head", [Ridge(), RandomForestRegressor(9, random_state=0)])
def test_values_sum_to_the_answer(head: BaseEstimator) -> None:
    made = scorer(head, 0)
    checked = made.signature.check(RECORDS)
    answers = made.answer(checked)
    for value, explanation in zip(answers.scores, made.explain(checked, answers), strict=True):
        assert explanation.of == "value"
        assert math.fsum([explanation.base, *explanation.contributions.values()]) == pytest.approx(value, rel=1e-12)


def test_a_weight_speaks_for_its_own_column() -> None:
    made = scorer(LogisticRegression(), 2)
    checked = made.signature.check([RECORDS[0], {**RECORDS[0], "age": 60}])
    young, old = (one.contributions for one in made.explain(checked, made.answer(checked)))
    assert old["age"] > young["age"]
    assert {name for name in young if young[name] != old[name]} == {"age"}


@pytest.mark.parametrize(
    ("head", "compiled"),
    [
        (GaussianNB(), True),
        (LogisticRegression(), False),
        (CalibratedClassifierCV(LogisticRegression(), method="isotonic", ensemble=False), True),
        (CalibratedClassifierCV(LogisticRegression(), ensemble=True), True),
    ],
    ids=["no additive head", "not compiled", "a curve", "a mean of probabilities"],
)
def test_what_is_not_exact_is_refused(head: BaseEstimator, compiled: bool) -> None:
    made = scorer(head, 2, compiled=compiled)
    checked = made.signature.check(RECORDS)
    with pytest.raises(Unexplained) as refused:
        made.explain(checked, made.answer(checked))
    assert refused.value.reason
    assert refused.value.what.endswith(refused.value.reason)  # all that a server says
