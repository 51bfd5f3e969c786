"""A winner fitted again as its record says, no more and no less."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd

from noria.preparation.recipe import preparation
from noria.training.boosting import BOOSTING
from noria.training.candidate import Candidate
from noria.training.final_fit import fit_single
from noria.training.folds import folds
from noria.training.linear import LOGISTIC
from noria.training.model import Prediction
from noria.training.racer import Racer, Track
from noria.training.replay import Member, replay
from noria.training.rounds import CUT_SHORT
from noria.training.task import encode
from noria.training.trial import Bench, Matrices, Shaping


def square(y: np.ndarray, prediction: Prediction) -> float:
    return float(np.mean((y - prediction.values) ** 2))


def test_rounds_that_time_cut_short_are_taken_as_they_were() -> None:
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(900, 3)), columns=["a", "b", "c"])
    y = (X["a"] + X["b"] ** 2).to_numpy()
    target, cut = encode(y, "regression"), folds(y, n_rows=len(X), task="regression", k=3)
    columns = [(name, "float") for name in X.columns]
    matrices = Matrices(X, target, cut, lambda family, _rows: preparation(columns, encoding=family.encoding))
    asked = iter(range(10**6))
    bench = Bench("regression", target, matrices, 7, seconds_left=lambda: 100.0 - next(asked) % 100)
    candidate = Candidate("boosting", BOOSTING, dict(BOOSTING.portfolio[0]))
    then = Racer(candidate, Track(bench, y, square, time.perf_counter))
    then.run(until=1)
    assert CUT_SHORT in then.notes
    assert then.found is not None
    record = Member(candidate, rounds=then.found[0], folds=1, cut_short=True)
    again = replay(bench, [record], y=y, error=square, splitter=cut, folds=True)
    assert again.scores == (tuple(then.scores),)
    anew = replay(
        bench, [Member(candidate, rounds=then.found[0], folds=1)], y=y, error=square, splitter=cut, folds=True
    )
    assert anew.scores != again.scores


def share_wrong(y: np.ndarray, prediction: Prediction) -> float:
    return float(np.mean(y != prediction.values))


def test_who_was_judged_on_one_fold_is_led_back_by_that_fold_alone(cancer: tuple[pd.DataFrame, np.ndarray]) -> None:
    X, y = cancer
    target, cut = encode(y, "classification"), folds(y, n_rows=len(X), task="classification", k=3)
    columns = [(name, "float") for name in X.columns]
    matrices = Matrices(
        X,
        target,
        cut,
        lambda family, _rows: preparation(columns, encoding=family.encoding, task="classification"),
        Shaping(None, "over", 7),
    )
    bench = Bench("classification", target, matrices, 7)
    candidate = Candidate("logistic", LOGISTIC, {"C": 1.0})
    then = Racer(candidate, Track(bench, y, share_wrong, time.perf_counter))
    then.run(until=1)  # the budget did for no more
    _, model = fit_single(then)
    again = replay(bench, [Member(candidate, folds=1)], y=y, error=share_wrong, splitter=cut)
    assert again.model.ratios == model.ratios  # type: ignore[union-attr]
    assert again.scores == (tuple(then.scores),)
    whole = replay(bench, [Member(candidate)], y=y, error=share_wrong, splitter=cut)
    assert whole.model.ratios != model.ratios  # type: ignore[union-attr]
    assert [len(each) for each in whole.scores] == [3]
