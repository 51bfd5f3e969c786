"""What is tried after the defaults, and who wins where nobody is clearly better."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest

from noria.errors import MissingExtra
from noria.training import refining
from noria.training.candidate import Selection
from noria.training.families import catalogue
from noria.training.family import Family
from noria.training.folds import folds
from noria.training.refining import Next, Tuning, drawer, further
from noria.training.space import Choice, Uniform

Chosen = Callable[..., Selection]
Table = tuple[pd.DataFrame, np.ndarray]


def family(name: str = "made", **given: object) -> Family:
    space = {
        "depth": Uniform(1, 8, integer=True),
        "rate": Uniform(0.01, 1.0, log=True),
        "kind": Choice(([64], [64, 32], [64])),
    }
    return Family(name, name, lambda params, fitting: pytest.fail("not asked"), **{"space": space, **given})


def test_past_winners_come_before_the_portfolio_and_drawn_ones_last() -> None:
    made = family(portfolio=({"depth": 1}, {"depth": 2}, {"depth": 3}))
    tried = {"made {}", 'made {"depth": 1}'}
    steps = further(
        lambda: [made],
        tried=tried,
        draw=drawer("random", lambda _: []),
        seed=1,
        past={"made": [{"depth": 3}, {"depth": 1}, {"no_longer": 1}], "gone": [{"depth": 9}]},
    )
    first = [next(steps) for _ in range(3)]
    assert [one.params for one in first[:2]] == [{"depth": 3}, {"depth": 2}]
    assert [one.drawn for one in first] == [False, False, True]
    assert set(first[2].params) == {"depth", "rate", "kind"}


def test_a_space_of_few_values_comes_to_an_end() -> None:
    small = family(space={"kind": Choice(("a", "b"))}, portfolio=({"kind": "a"},))
    tried = {'made {"kind": "a"}'}
    found = list(further(lambda: [small], tried=tried, draw=drawer("random", lambda _: []), seed=1))
    assert found == [Next(small, {"kind": "b"}, drawn=True)]


@pytest.mark.skipif(find_spec("optuna") is None, reason="needs noria[tune]")
def test_the_estimator_draws_where_errors_were_low() -> None:
    made, rng = family(), np.random.default_rng(4)

    def error(params: Mapping[str, object]) -> float:
        return abs(np.log(params["rate"] / 0.05)) + abs(params["depth"] - 6) + (params["kind"] != [64, 32])

    known = [(params, error(params)) for params in (refining.sample(made.space, rng) for _ in range(60))]
    drawn = [drawer("tpe", lambda _: known)(made, np.random.default_rng(seed)) for seed in range(30)]
    for params in drawn:
        assert isinstance(params["depth"], int)
        assert 1 <= params["depth"] <= 8
        assert 0.01 <= params["rate"] <= 1.0
        assert params["kind"] in ([64], [64, 32])
    by_chance = np.mean([each for _, each in known])
    assert np.mean([error(params) for params in drawn]) < 0.6 * by_chance
    again = drawer("tpe", lambda _: known)(made, np.random.default_rng(0))
    assert again == drawn[0]


@pytest.mark.skipif(find_spec("optuna") is None, reason="needs noria[tune]")
def test_what_lies_outside_the_space_teaches_nothing() -> None:
    made = family()
    odd = [
        ({"depth": 99, "rate": 0.1, "kind": [64]}, 0.1),
        ({"depth": 3}, 0.1),
        ({"depth": 3, "rate": 0.1, "kind": "x"}, 0.1),
        ({"depth": 3, "rate": 0.1, "kind": [64]}, float("nan")),
    ] * 5
    drawn = drawer("tpe", lambda _: odd)(made, np.random.default_rng(2))
    assert drawn == refining.sample(made.space, np.random.default_rng(2))


def test_without_optuna_it_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refining, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match="needs Optuna") as refused:
        drawer("tpe", lambda _: [])
    assert "noria[tune]" in (refused.value.mend or "")
    made = family()
    drawn = drawer("auto", lambda _: [])(made, np.random.default_rng(2))
    assert drawn == refining.sample(made.space, np.random.default_rng(2))


@pytest.mark.skipif(find_spec("optuna") is None, reason="needs noria[tune]")
def test_every_family_can_be_drawn_by_the_estimator() -> None:
    rng = np.random.default_rng(3)
    for task in ("regression", "classification"):
        for each in catalogue(task):
            if each.space:
                known = [(refining.sample(each.space, rng), float(rng.normal())) for _ in range(6)]
                made = drawer("tpe", lambda _, known=known: known)(each, rng)
                assert set(made) == set(each.space)


def test_a_search_takes_past_parameters_right_after_the_defaults(diabetes: Table, chosen: Chosen) -> None:
    past = {"ridge": [{"alpha": 17.0}], "not_there": [{"x": 1}]}
    made = chosen(*diabetes, "regression", ["ridge"], trials=2, tuning=Tuning("random", past))
    assert {row.params.get("alpha") for row in made.table if row.family == "ridge"} >= {17.0}


def test_a_glass_box_is_taken_where_it_is_not_clearly_worse(diabetes: Table, chosen: Chosen) -> None:
    options = {"trials": 4, "k": 5, "ensemble": "auto"}
    best = chosen(*diabetes, "regression", ["svr", "ridge"], **options)
    read = chosen(*diabetes, "regression", ["svr", "ridge"], prefer="glass_box", **options)
    glass = next(one for one in read.finalists if one.kind == "glass box")
    assert read.winner.family == "ridge"
    assert glass.chosen
    assert "no more than one standard error" in glass.why
    assert [one.mean for one in best.finalists] == [one.mean for one in read.finalists]
    assert sum(one.chosen for one in read.finalists if one.kind != "glass box" or one.name != read.winner.name) <= 1


def test_a_glass_box_that_is_clearly_worse_is_not(chosen: Chosen) -> None:
    rng = np.random.default_rng(8)
    X = pd.DataFrame({"a": rng.uniform(-2, 2, 400), "b": rng.uniform(-2, 2, 400)})
    y = (X["a"] * X["b"]).to_numpy() + 0.05 * rng.normal(size=400)
    made = chosen(X, y, "regression", ["ridge", "random_forest"], trials=2, prefer="glass_box", ensemble="never")
    assert made.winner.family == "random_forest"
    glass = next(one for one in made.finalists if one.kind == "glass box")
    assert not glass.chosen
    assert "more than one standard error" in glass.why


def test_divisions_drawn_anew_judge_everybody(diabetes: Table, chosen: Chosen) -> None:
    X, y = diabetes
    twice = [fold for seed in (0, 1) for fold in folds(y, n_rows=len(y), task="regression", k=3, seed=seed)]
    made = chosen(X, y, "regression", ["ridge"], trials=1, splitter=twice)
    once = chosen(X, y, "regression", ["ridge"], trials=1)
    assert len(made.winner.scores) == 6
    assert made.winner.scores[:3] == once.winner.scores
    # Each row has the answer of one model: the mean of two would look better than the one that is deployed.
    np.testing.assert_array_equal(made.oof, once.oof)
