"""The mean of a few models: chosen on rows none had seen, kept as files, and answered alike without the libraries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noria.errors import UntrustedFormat, WrongArgument
from noria.registry import format as formats
from noria.scoring.compiling.compile import compile_model
from noria.scoring.plan.contributions import Unexplained, explained
from noria.scoring.plan.ensemble import Ensemble
from noria.scoring.plan.origins import origins
from noria.scoring.plan.storage import dumps, loads
from noria.training.caruana import choose
from noria.training.ensemble import EnsembleModel, mean_of

Table = tuple[pd.DataFrame, np.ndarray]
Chosen = Callable[..., Any]


@settings(deadline=None)
@given(st.integers(2, 8), st.integers(1, 4), st.integers(0, 1000))
def test_the_mean_is_never_worse_than_the_best_alone(models: int, most: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=50)
    answers = [truth + rng.normal(scale=rng.uniform(0.1, 2), size=50) for _ in range(models)]

    def error(said: np.ndarray) -> float:
        return float(np.mean((said - truth) ** 2))

    counts = choose(answers, error, most=most)
    assert 1 <= (counts > 0).sum() <= most
    made = sum(count * said for count, said in zip(counts, answers, strict=True)) / counts.sum()
    assert error(made) <= min(map(error, answers)) + 1e-12


def test_equal_models_are_one() -> None:
    truth = np.arange(9.0)
    same = truth + 1
    assert choose([same, same.copy()], lambda said: float(np.abs(said - truth).mean())).tolist() == [1, 0]


def test_without_time_the_best_alone_is_given() -> None:
    truth = np.zeros(4)
    answers = [truth + 1, truth - 1]
    assert choose(answers, lambda said: float(np.abs(said).mean()), out_of_time=lambda: True).sum() == 1


@pytest.fixture(scope="module", params=["classification", "regression", "three classes"])
def made(request: pytest.FixtureRequest, chosen: Chosen, mixed_whole: Table) -> tuple[Any, pd.DataFrame]:
    X, y = mixed_whole
    task, target = "regression", y
    if request.param != "regression":
        task = "classification"
        target = np.digitize(y, [0] if request.param == "classification" else [-0.5, 0.6]).astype(object)
    linear = "ridge" if task == "regression" else "logistic"
    found = chosen(X, target, task, [linear, "boosting", "random_forest", "hist_boosting"], trials=8, ensemble="always")
    return found, X


def test_its_answers_are_the_weighted_mean(made: tuple[Any, pd.DataFrame]) -> None:
    found, X = made
    model = found.model
    assert isinstance(model, EnsembleModel)
    assert 2 <= len(model.members) <= 4
    assert found.winner.name == model.family == "ensemble"
    parts = [member.answer(X) for member in model.members]
    said = [np.asarray(part.values, float) if part.proba is None else part.proba for part in parts]
    whole = model.answer(X)
    ours = np.asarray(whole.values, float) if whole.proba is None else whole.proba
    np.testing.assert_array_equal(ours, mean_of(said, model.weights))
    if whole.proba is not None:
        np.testing.assert_allclose(whole.proba.sum(axis=1), 1)
        assert model.predict(X).tolist() == [model.classes[place] for place in whole.proba.argmax(axis=1)]
    else:
        with pytest.raises(WrongArgument, match="no probabilities"):
            model.predict_proba(X)
    assert len(model.predict(X.head(0))) == 0


def test_members_of_one_encoding_share_what_prepares(made: tuple[Any, pd.DataFrame]) -> None:
    model = made[0].model
    loaded = formats.load(formats.save(model))
    trees = [member for member in model.members if member.family != "ridge" and member.family != "logistic"]
    assert len({id(member.preparation) for member in trees}) <= 1
    assert len({id(one.preparation) for one in loaded.members}) == len({id(one.preparation) for one in model.members})


def test_it_is_kept_as_files_and_answers_the_same(made: tuple[Any, pd.DataFrame]) -> None:
    model, X = made[0].model, made[1]
    files = formats.save(model)
    loaded = formats.load(files)
    np.testing.assert_array_equal(np.asarray(loaded.predict(X)), np.asarray(model.predict(X)))
    assert (loaded.params, loaded.weights, loaded.columns) == (model.params, model.weights, model.columns)
    if model.classes:
        np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    assert formats.save(loaded).keys() == files.keys()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"weights": [1.0]}, "does not describe an ensemble"),
        ({"weights": [-1.0, 2.0, 1.0, 1.0]}, "does not describe an ensemble"),
        ({"family": None}, "does not describe an ensemble"),
        ({"members": 0}, "does not describe an ensemble"),
        ({"members": 99}, "does not describe an ensemble"),
        ({"format": 99}, "format 99"),
    ],
)
def test_altered_files_are_refused(made: tuple[Any, pd.DataFrame], change: dict[str, object], says: str) -> None:
    import json

    files = formats.save(made[0].model)
    facts = json.loads(files["meta.json"])
    with pytest.raises(UntrustedFormat, match=says):
        formats.load({**files, "meta.json": json.dumps({**facts, **change}).encode()})
    with pytest.raises(UntrustedFormat):
        formats.load({name: data for name, data in files.items() if not name.startswith("member1.")})
    inner = {**files, "member0.meta.json": files["meta.json"]}
    with pytest.raises(UntrustedFormat, match="is an ensemble"):
        formats.load(inner)


def test_its_plan_answers_as_the_libraries_do(made: tuple[Any, pd.DataFrame]) -> None:
    model, X = made[0].model, made[1]
    plan = loads(dumps(compile_model(model)))
    assert isinstance(plan.head, Ensemble)
    columns = {name: [None if pd.isna(value) else value for value in X[name].tolist()] for name in model.feature_names}
    for name, kind in model.columns:
        if kind == "timestamp":
            columns[name] = [None if value is None else value.to_pydatetime() for value in columns[name]]
    ours = plan.answer(columns, len(X))
    said = model.answer(X)
    theirs = np.asarray(said.values, float) if said.proba is None else said.proba
    allowed = plan.head.bound(plan.matrix(columns, len(X))) + 1e-15
    assert (np.abs(ours - theirs).reshape(len(X), -1).max(axis=1) <= allowed).all()
    alone = np.concatenate([plan.answer({k: v[n : n + 1] for k, v in columns.items()}, 1) for n in range(20)])
    np.testing.assert_array_equal(alone, ours[:20])
    players = origins(plan)
    if model.task == "regression":
        parts = explained(plan.head, plan.matrix(columns, len(X)), players)
        np.testing.assert_allclose(parts.base[0] + parts.parts[:, :, 0].sum(axis=1), ours, atol=1e-8)
    else:
        with pytest.raises(Unexplained):
            explained(plan.head, plan.matrix(columns, len(X)), players)


def test_finalists_say_who_was_chosen_and_why(chosen: Chosen, diabetes: Table) -> None:
    X, y = diabetes
    for wanted in ("never", "auto", "always"):
        found = chosen(X, y, "regression", ["ridge", "boosting", "random_forest"], trials=7, ensemble=wanted)
        kinds = [finalist.kind for finalist in found.finalists]
        assert kinds[0] == "single"
        assert kinds[-1] == "glass box"
        assert sum(finalist.chosen for finalist in found.finalists[: 1 + ("ensemble" in kinds)]) == 1
        assert ("ensemble" in kinds) == (wanted != "never")
        picked = next(finalist for finalist in found.finalists if finalist.chosen)
        assert picked.name == found.winner.name
        assert sum(picked.members.values()) == pytest.approx(1, abs=1e-3)
        assert found.winner.mean == min(f.mean for f in found.finalists if f.kind == picked.kind)
        if wanted == "always":
            assert picked.kind == "ensemble"
            assert found.winner.mean < found.finalists[0].mean
            assert found.oof is not None
            assert not np.isnan(found.oof).any()


def test_after_balanced_training_there_is_no_ensemble(chosen: Chosen, cancer: Table) -> None:
    from noria.training.trial import Shaping

    X, y = cancer
    found = chosen(
        X, y, "classification", ["logistic", "boosting"], trials=4, ensemble="always",
        shaping=Shaping(None, "class_weight", 7),
    )  # fmt: skip
    assert found.winner.family != "ensemble"
