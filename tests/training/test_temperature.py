"""Probabilities at a temperature: found as scipy finds it, honest on folds, the same wherever the model answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from sklearn.datasets import load_digits
from sklearn.metrics import log_loss

from noria.errors import UntrustedFormat, WrongArgument
from noria.preparation.recipe import preparation
from noria.registry import format as formats
from noria.scoring.compiling.compile import compile_model
from noria.scoring.learning import learn
from noria.scoring.onnx import export_onnx
from noria.scoring.plan.contributions import Players, Unexplained
from noria.scoring.plan.heads import restore_head
from noria.scoring.plan.storage import dumps, loads
from noria.scoring.plan.tempered import Tempered
from noria.scoring.plan.unsound import Unsound
from noria.scoring.proof.equivalence import prove
from noria.training.candidate import Candidate, Selection
from noria.training.families import resolve
from noria.training.folds import folds
from noria.training.model import Prediction, TabularModel
from noria.training.replay import Member, replay
from noria.training.task import encode
from noria.training.temperature import COLDEST, FLOOR, HOTTEST, temper, temperature_for, tempered
from noria.training.trial import Bench, Matrices

Chosen = Callable[..., Selection]
Table = tuple[pd.DataFrame, np.ndarray]
PIXELS = [(f"p{n}", "float") for n in range(64)]


def surprise(y: np.ndarray, said: Prediction) -> float:
    assert said.proba is not None
    return float(log_loss(y.astype(str), said.proba, labels=[str(each) for each in said.classes or ()]))


@pytest.fixture(scope="module")
def digits() -> Table:
    """900 rows, 64 numbers, ten classes."""
    X, y = load_digits(return_X_y=True)
    return pd.DataFrame(X[:900], columns=[name for name, _ in PIXELS]), y[:900].astype(str).astype(object)


@st.composite
def answers(draw: st.DrawFn, rows: int = 30) -> np.ndarray:
    n_classes = draw(st.integers(2, 5))
    cells = draw(
        st.lists(st.floats(0, 1, width=32), min_size=rows * n_classes, max_size=rows * n_classes).filter(
            lambda told: all(sum(told[at : at + n_classes]) > 0.01 for at in range(0, len(told), n_classes))
        )
    )
    made = np.array(cells, dtype=np.float64).reshape(rows, n_classes)
    return made / made.sum(axis=1)[:, None]


@settings(deadline=None)
@given(answers(), st.floats(COLDEST, HOTTEST))
def test_it_keeps_sums_and_order_and_its_opposite_undoes_it(proba: np.ndarray, temperature: float) -> None:
    made = temper(proba, temperature)
    np.testing.assert_allclose(made.sum(axis=1), 1, rtol=1e-12)
    high = np.take_along_axis(made, proba.argmax(axis=1)[:, None], axis=1)[:, 0]
    np.testing.assert_allclose(high, made.max(axis=1))
    inside = temper(proba, 1.0)
    np.testing.assert_allclose(inside, np.maximum(proba, FLOOR) / np.maximum(proba, FLOOR).sum(axis=1)[:, None])
    if temperature >= 1 and made.min() > FLOOR:
        np.testing.assert_allclose(temper(made, 1 / temperature), inside, rtol=1e-9)


@settings(deadline=None, max_examples=40)
@given(answers(rows=60), st.integers(0, 10**6), st.floats(0.2, 4))
def test_it_is_where_scipy_finds_the_likeliest(proba: np.ndarray, seed: int, true: float) -> None:
    drawn = np.random.default_rng(seed).random(len(proba))
    truth = (temper(proba, true).cumsum(axis=1) < drawn[:, None]).sum(axis=1).clip(0, proba.shape[1] - 1)

    def cost(logarithm: float) -> float:
        inverse = np.exp(logarithm)
        made = temper(proba, 1 / inverse)[np.arange(len(truth)), truth]
        return float(-np.log(np.maximum(made, 1e-300)).sum() + (inverse - 1) ** 2 / 2)

    wanted = minimize_scalar(cost, bounds=(np.log(1 / HOTTEST), np.log(1 / COLDEST)), method="bounded")
    assert cost(-np.log(temperature_for(proba, truth))) <= wanted.fun + 1e-6


def test_the_true_temperature_is_found_again() -> None:
    rng = np.random.default_rng(0)
    proba = rng.dirichlet(np.ones(4), 20_000)
    for true in (0.3, 1.0, 2.5):
        drawn = rng.random(len(proba))
        truth = (temper(proba, true).cumsum(axis=1) < drawn[:, None]).sum(axis=1)
        assert temperature_for(proba, truth) == pytest.approx(true, rel=0.04)


def test_a_fold_has_no_say_in_the_temperature_that_it_is_judged_at() -> None:
    rng = np.random.default_rng(1)
    said = [rng.dirichlet(np.ones(3), 50) for _ in range(3)]
    truth = [rng.integers(0, 3, 50) for _ in range(3)]
    made = tempered(said, truth)
    other = tempered(said, [truth[0][::-1].copy(), *truth[1:]])
    np.testing.assert_array_equal(made.answers[0], other.answers[0])
    assert not np.array_equal(made.answers[1], other.answers[1])
    assert made.temperature != other.temperature


def test_who_says_nothing_true_is_not_made_surer_than_that() -> None:
    """Cross-fitted errors are honest: a temperature gains nothing where there is nothing to gain."""
    rng = np.random.default_rng(2)
    gains = []
    for _ in range(60):
        proba = rng.dirichlet(np.ones(3), 200)
        truth = (proba.cumsum(axis=1) < rng.random(200)[:, None]).sum(axis=1)
        cut = np.split(np.arange(200), 5)
        made = np.concatenate(tempered([proba[rows] for rows in cut], [truth[rows] for rows in cut]).answers)
        at = np.arange(200)
        gains.append(np.mean(np.log(made[at, truth]) - np.log(np.maximum(proba[at, truth], 1e-15))))
    assert np.mean(gains) < 0.002


@pytest.fixture(scope="module")
def trained(chosen: Chosen, digits: Table) -> Selection:
    """Extra trees that are sure."""
    X, y = digits
    return chosen(X, y, "classification", ["extra_trees"], error=surprise, trials=1, tempers=True)


def test_a_forest_that_is_right_is_made_sure(chosen: Chosen, digits: Table, trained: Selection) -> None:
    X, y = digits
    plain = chosen(X, y, "classification", ["extra_trees"], error=surprise, trials=1)
    assert plain.winner.temperature is None
    assert trained.winner.temperature is not None
    assert trained.winner.temperature < 0.5
    assert trained.winner.mean is not None
    assert plain.winner.mean is not None
    assert trained.winner.mean < plain.winner.mean / 2
    assert trained.model.temperature == trained.winner.temperature  # type: ignore[union-attr]
    assert trained.oof is not None
    said = np.mean(
        [
            surprise(y[rows], Prediction(y[rows], trained.oof[rows], trained.model.classes))
            for _, rows in folds(y, n_rows=len(y), task="classification", k=3)
        ]
    )
    assert said == pytest.approx(trained.winner.mean, rel=1e-9)
    X2, y2 = load_digits(return_X_y=True)
    fresh = pd.DataFrame(X2[900:], columns=list(X.columns))
    held = y2[900:].astype(str)
    assert log_loss(held, trained.model.predict_proba(fresh)) < log_loss(held, plain.model.predict_proba(fresh)) * 0.7
    assert list(trained.model.predict(fresh)) == list(plain.model.predict(fresh))


def test_it_is_left_as_it_is_where_that_errs_less(chosen: Chosen, cancer: Table) -> None:
    X, y = cancer
    made = chosen(X, y, "classification", ["logistic", "extra_trees"], error=surprise, trials=2, tempers=True)
    plain = chosen(X, y, "classification", ["logistic", "extra_trees"], error=surprise, trials=2)
    was = {row.name: row.mean for row in plain.table}
    for row in made.table:
        assert row.mean is not None
        assert row.mean < was[row.name] or row.temperature is None  # type: ignore[operator]
        assert row.mean <= was[row.name]  # type: ignore[operator]
        assert ("temperature" in row.to_json()) == (row.temperature is not None)


def test_members_of_an_ensemble_keep_their_own(chosen: Chosen, digits: Table) -> None:
    X, y = digits
    made = chosen(
        X, y, "classification", ["svm", "extra_trees"], error=surprise, trials=2, tempers=True, ensemble="always"
    )
    assert made.winner.family == "ensemble"
    temperatures = {member.family: member.temperature for member in made.model.members}  # type: ignore[union-attr]
    assert temperatures["extra_trees"] is not None
    # A mean of members that are as sure as they may be is less sure than it may be (Ranjan and Gneiting 2010).
    assert made.winner.temperature is not None
    assert made.winner.temperature < 1
    assert made.model.temperature == made.winner.temperature  # type: ignore[union-attr]
    plain = replace(made.model, temperature=None).predict_proba(X[:50])  # type: ignore[type-var]
    np.testing.assert_array_equal(made.model.predict_proba(X[:50]), temper(plain, made.winner.temperature))
    assert made.oof is not None
    cut = [rows for _, rows in folds(y, n_rows=len(y), task="classification", k=3)]
    said = np.mean([surprise(y[rows], Prediction(y[rows], made.oof[rows], made.model.classes)) for rows in cut])
    assert said == pytest.approx(made.winner.mean, rel=1e-9)
    files = formats.save(made.model)
    meta = json.loads(files["meta.json"]) | {"temperature": -1.0}
    with pytest.raises(UntrustedFormat):
        formats.load({**files, "meta.json": json.dumps(meta).encode()})
    again = formats.load(files)
    np.testing.assert_array_equal(again.predict_proba(X[:50]), made.model.predict_proba(X[:50]))
    table = pa.Table.from_pandas(X, preserve_index=False).append_column("y", pa.array(list(y)))
    signature = learn(table, PIXELS, task="classification", target="y")
    verdict = prove(compile_model(again), again, signature, table)
    assert verdict.equal, verdict.reason


def test_a_record_of_it_is_fitted_again(digits: Table, trained: Selection) -> None:
    X, y = digits
    target, cut = encode(y, "classification"), folds(y, n_rows=len(X), task="classification", k=3)
    family = resolve(["extra_trees"], "classification")[-1]
    matrices = Matrices(
        X, target, cut, lambda one, _rows: preparation(PIXELS, encoding=one.encoding, task="classification")
    )
    bench, candidate = Bench("classification", target, matrices, 7), Candidate("a", family, {})
    for whole in (False, True):
        member = Member(candidate, temperature=trained.winner.temperature)
        again = replay(bench, [member], y=y, error=surprise, splitter=cut, folds=whole)
        assert again.model.temperature == trained.winner.temperature  # type: ignore[union-attr]
        np.testing.assert_array_equal(again.model.predict_proba(X[:40]), trained.model.predict_proba(X[:40]))
        assert again.scores == ((trained.winner.scores,) if whole else ())


def test_a_record_of_a_mean_is_fitted_again(chosen: Chosen, digits: Table) -> None:
    X, y = digits
    made = chosen(
        X, y, "classification", ["svm", "extra_trees"], error=surprise, trials=2, tempers=True, ensemble="always"
    )
    target, cut = encode(y, "classification"), folds(y, n_rows=len(X), task="classification", k=3)
    matrices = Matrices(
        X, target, cut, lambda one, _rows: preparation(PIXELS, encoding=one.encoding, task="classification")
    )
    known = {family.name: family for family in resolve(["svm", "extra_trees"], "classification")}
    rows = {row.name: row for row in made.table}
    members = [
        Member(Candidate(name, known[rows[name].family], rows[name].params), weight, temperature=rows[name].temperature)
        for name, weight in zip(made.winner.params, made.model.weights, strict=True)  # type: ignore[union-attr]
    ]
    again = replay(
        Bench("classification", target, matrices, 7),
        members,
        y=y,
        error=surprise,
        splitter=cut,
        temperature=made.winner.temperature,
    )
    np.testing.assert_array_equal(again.model.predict_proba(X[:40]), made.model.predict_proba(X[:40]))


def test_it_is_saved_compiled_and_proven(digits: Table, trained: Selection) -> None:
    X, y = digits
    files = formats.save(trained.model)
    assert json.loads(files["meta.json"])["format"] == 5
    again = formats.load(files)
    np.testing.assert_array_equal(again.predict_proba(X), trained.model.predict_proba(X))
    table = pa.Table.from_pandas(X, preserve_index=False).append_column("y", pa.array(list(y)))
    signature = learn(table, PIXELS, task="classification", target="y")
    plan = compile_model(again)
    verdict = prove(plan, again, signature, table)
    assert verdict.equal, verdict.reason
    assert isinstance(loads(dumps(plan)).head, Tempered)
    for wrong in (0.0, -1.0, "warm", float("inf"), 1, True):
        meta = json.loads(files["meta.json"]) | {"temperature": wrong}
        with pytest.raises(UntrustedFormat):
            formats.load({**files, "meta.json": json.dumps(meta).encode()})
    with pytest.raises(WrongArgument) as caught:
        export_onnx(again, signature)
    assert "temperature" in caught.value.why


@pytest.mark.parametrize(("family", "of"), [("boosting", "log-odds"), ("extra_trees", "untempered probability")])
def test_its_parts_add_up(chosen: Chosen, cancer: Table, family: str, of: str) -> None:
    X, y = cancer
    made = chosen(X, y, "classification", [family], error=surprise, trials=1)
    assert isinstance(made.model, TabularModel)
    plan = compile_model(replace(made.model, temperature=0.5))
    matrix = np.ascontiguousarray(X.to_numpy(float))
    found = plan.head.contributions(matrix, Players(np.arange(30), 30))  # type: ignore[attr-defined]
    assert found.of == of
    total = found.base + found.parts.sum(axis=1)
    bare = made.model.head.predict_proba(matrix)
    if of == "log-odds":
        wanted = np.log(bare[:, 1] / bare[:, 0]) / 0.5
        np.testing.assert_allclose(total[:, -1], wanted, atol=1e-9)
    else:
        np.testing.assert_allclose(total, bare, atol=1e-12)


def test_a_damaged_one_is_refused() -> None:
    inner = {"kind": "linear", "facts": {"link": "value"}}
    arrays = {"0/weights": np.ones((1, 2)), "0/intercept": np.zeros(1)}
    with pytest.raises(Unsound, match="temperature"):
        restore_head("tempered", {"heads": [inner]}, {"temperature": np.array([0.0]), **arrays})
    with pytest.raises(Unsound):
        restore_head("tempered", {"heads": [inner]}, {"temperature": np.array([1.0, 2.0]), **arrays})
    made = restore_head("tempered", {"heads": [inner]}, {"temperature": np.array([2.0]), **arrays})
    with pytest.raises(Unexplained):
        made.contributions(np.zeros((1, 2)), Players(np.arange(2), 2))  # type: ignore[attr-defined]
