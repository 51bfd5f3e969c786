"""A search that was killed, or gets more time, takes what the folds gave before."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
import pytest

from noria.store.blobs import canonical_json
from noria.training import racer
from noria.training.candidate import Selection
from noria.training.family import Family
from noria.training.space import Choice

Chosen = Callable[..., Selection]
Table = tuple[pd.DataFrame, np.ndarray]


class Shelf:
    """Keeps bytes by what they are of, as a run does."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def recall(self, part: Mapping[str, object]) -> bytes | None:
        return self.kept.get(canonical_json(part))

    def keep(self, part: Mapping[str, object], data: bytes, *, seconds: float) -> None:
        self.kept[canonical_json(part)] = data


class Counted:
    """An estimator that counts its fits, and takes ten seconds for each by a clock of its own."""

    fits = 0
    now = 0.0
    dies_at: int | None = None

    def __init__(self, answer: float) -> None:
        self.answer = answer

    def fit(self, X: np.ndarray, y: np.ndarray) -> Counted:
        if Counted.fits == Counted.dies_at:
            raise KeyboardInterrupt
        Counted.fits += 1
        Counted.now += 10.0
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        return np.full(len(X), self.answer) + X[:, 0]


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Family:
    for name, value in (("fits", 0), ("now", 0.0), ("dies_at", None)):
        monkeypatch.setattr(Counted, name, value)
    space = {"answer": Choice(tuple(float(100 + 10 * n) for n in range(12)))}
    return Family(
        "counted",
        "counted",
        lambda params, fitting: Counted(float(params["answer"])),
        space=space,
        portfolio=({"answer": 150.0},),
    )


def told(made: Selection) -> list[object]:
    return [(row.name, dict(row.params), row.scores, row.mean, row.status, row.note) for row in made.table]


def test_a_killed_search_goes_on(counted: Family, diabetes: Table, chosen: Chosen) -> None:
    shelf = Shelf()

    def search(memory: Shelf | None) -> Selection:
        return chosen(
            *diabetes, "regression", None, families=[counted], trials=5, memory=memory, clock=lambda: Counted.now
        )

    whole, without = search(None), Counted.fits
    Counted.fits, Counted.dies_at = 0, 4
    with pytest.raises(KeyboardInterrupt):
        search(shelf)
    Counted.dies_at = None
    resumed = search(shelf)
    assert Counted.fits == without
    assert resumed.recalled == 4
    assert told(resumed) == told(whole)
    np.testing.assert_array_equal(resumed.oof, whole.oof)


def test_more_trials_go_on_from_fewer(counted: Family, diabetes: Table, chosen: Chosen) -> None:
    shelf = Shelf()
    options = {"families": [counted], "memory": shelf, "clock": lambda: Counted.now}
    few = chosen(*diabetes, "regression", None, trials=3, **options)
    done = Counted.fits - 1  # the final fit is of the model, and not of a fold
    more = chosen(*diabetes, "regression", None, trials=6, **options)
    assert {row.name for row in few.table} < {row.name for row in more.table}
    assert more.recalled == done
    assert [row.seconds for row in more.table if row.name == "counted"] == pytest.approx([30.0])


def test_time_that_was_spent_before_is_not_spent_again(counted: Family, diabetes: Table, chosen: Chosen) -> None:
    shelf = Shelf()
    options = {"families": [counted], "memory": shelf, "clock": lambda: Counted.now}
    short = chosen(*diabetes, "regression", None, budget_seconds=80.0, **options)
    longer = chosen(*diabetes, "regression", None, budget_seconds=100.0, **options)
    assert len(longer.table) > len(short.table)
    assert longer.seconds <= 100.0


def test_what_is_damaged_or_of_other_rows_is_done_again(counted: Family, diabetes: Table, chosen: Chosen) -> None:
    shelf = Shelf()
    options = {"families": [counted], "memory": shelf, "clock": lambda: Counted.now, "trials": 1}
    first = chosen(*diabetes, "regression", None, **options)
    fits = Counted.fits
    shelf.kept = {key: data[:-3] for key, data in shelf.kept.items()}
    again = chosen(*diabetes, "regression", None, **options)
    assert (again.recalled, Counted.fits) == (0, 2 * fits)
    assert told(again) == told(first)
    X, y = diabetes
    assert chosen(X.iloc[:300], y[:300], "regression", None, **options).recalled == 0


@pytest.mark.parametrize("name", ["boosting", "logistic", "random_forest"])
def test_recalled_answers_are_the_same_bits(
    name: str, cancer: Table, chosen: Chosen, area_error: Callable[..., float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(racer, "WORTH_SECONDS", 0.0)
    shelf = Shelf()
    options = {"error": area_error, "trials": 3, "ensemble": "always"}
    whole = chosen(*cancer, "classification", [name], **options)
    chosen(*cancer, "classification", [name], memory=shelf, **options)
    recalled = chosen(*cancer, "classification", [name], memory=shelf, **options)
    assert recalled.recalled >= 7
    assert told(recalled) == told(whole)
    assert [row.rounds for row in recalled.table] == [row.rounds for row in whole.table]
    np.testing.assert_array_equal(recalled.oof, whole.oof)
    X, _ = cancer
    np.testing.assert_array_equal(recalled.model.predict_proba(X), whole.model.predict_proba(X))


def test_a_quick_fold_is_not_kept(diabetes: Table, chosen: Chosen) -> None:
    shelf = Shelf()
    chosen(*diabetes, "regression", ["ridge"], trials=2, memory=shelf, clock=lambda: 0.0)
    assert shelf.kept == {}
