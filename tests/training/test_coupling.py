"""Coupled probabilities against a general minimiser, the curve against scikit-learn's, the machines on real data."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import minimize
from sklearn.calibration import CalibratedClassifierCV, _SigmoidCalibration
from sklearn.datasets import load_digits, load_wine
from sklearn.metrics import log_loss
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from noria.registry.skops import dumps, loads
from noria.training.coupled import CoupledMachines, platt
from noria.training.coupling import couple, sureness
from noria.training.families import resolve
from noria.training.family import Fitting

PAIRS = st.integers(2, 7).flatmap(
    lambda k: arrays(np.float64, (3, k * (k - 1) // 2), elements=st.floats(1e-7, 1 - 1e-7)).map(lambda r: (k, r))
)


def disagreement(p: np.ndarray, pairs: np.ndarray) -> float:
    first, second = np.triu_indices(len(p), 1)
    return float(np.square((1 - pairs) * p[first] - pairs * p[second]).sum())


@given(PAIRS)
@settings(max_examples=60)
def test_no_other_probabilities_agree_better(drawn: tuple[int, np.ndarray]) -> None:
    n_classes, pairs = drawn
    made = couple(pairs, n_classes)
    assert (made >= 0).all()
    np.testing.assert_allclose(made.sum(axis=1), 1, atol=1e-12)
    for own, said in zip(made, pairs, strict=True):
        other = minimize(
            disagreement,
            np.full(n_classes, 1 / n_classes),
            args=(said,),
            method="SLSQP",
            bounds=[(0, 1)] * n_classes,
            constraints={"type": "eq", "fun": lambda p: p.sum() - 1},
        )
        assert disagreement(own, said) <= other.fun + 1e-9


@given(arrays(np.float64, st.integers(2, 9), elements=st.floats(0.01, 1)))
def test_pairs_that_agree_give_back_what_they_are_of(weights: np.ndarray) -> None:
    truth = weights / weights.sum()
    first, second = np.triu_indices(len(truth), 1)
    pairs = truth[first] / (truth[first] + truth[second])
    np.testing.assert_allclose(couple(pairs[None], len(truth))[0], truth, atol=1e-9)


def test_a_row_has_the_same_bits_in_every_company() -> None:
    rng = np.random.default_rng(1)
    pairs = sureness(rng.normal(scale=3, size=(40_000, 28)), np.full(28, -1.0), np.zeros(28))
    made = couple(pairs, 8)
    for row in (0, 1, 12_944, 12_945, 12_946, 39_999):
        assert (couple(pairs[row : row + 1], 8)[0] == made[row]).all()
    assert (couple(pairs[::-1], 8)[::-1] == made).all()


@pytest.mark.parametrize("share", [0.5, 0.02, 0.0])
def test_the_curve_is_platts(share: float) -> None:
    rng = np.random.default_rng(2)
    first = rng.random(400) < share
    decided = rng.normal(size=400) + 1.5 * first
    slope, offset = platt(decided, first)
    other = _SigmoidCalibration().fit(decided, first.astype(int))
    z = np.linspace(-3, 3, 50)[:, None]
    np.testing.assert_allclose(
        sureness(z, np.array([slope]), np.array([offset]))[:, 0], other.predict(z[:, 0]), atol=2e-3
    )


def test_a_curve_of_rows_told_perfectly_is_steep_and_finite() -> None:
    first = np.arange(40) < 20
    for scale in (1.0, 1e-6, 1e6):
        slope, offset = platt(np.where(first, 1.0, -1.0) * scale, first)
        assert np.isfinite([slope, offset]).all()
        told = sureness(np.array([[scale], [-scale]]), np.array([slope]), np.array([offset]))[:, 0]
        np.testing.assert_allclose(told, [21 / 22, 1 / 22], atol=1e-4)


@pytest.mark.parametrize(("load", "at_most"), [(load_digits, 0.5), (load_wine, 0.95)])
def test_probabilities_of_machines_err_less_than_one_against_the_rest(load: object, at_most: float) -> None:
    X, y = load(return_X_y=True)  # type: ignore[operator]
    X = StandardScaler().fit_transform(X)
    learned = np.random.default_rng(0).random(len(y)) < 0.7
    made = CoupledMachines(10.0).fit(X[learned], y[learned])
    before = CalibratedClassifierCV(SVC(C=10.0), ensemble=False, cv=3).fit(X[learned], y[learned])
    errors = [log_loss(y[~learned], one.predict_proba(X[~learned])) for one in (made, before)]
    assert errors[0] < at_most * errors[1]
    assert (made.predict(X[~learned]) == y[~learned]).mean() > 0.96


def test_with_the_librarys_own_probabilities_of_machines_they_agree() -> None:
    X, y = load_wine(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        other = SVC(C=1.0, probability=True, random_state=0).fit(X[::2], y[::2])
    made = CoupledMachines(1.0).fit(X[::2], y[::2])
    # Theirs cut five folds at random.
    assert np.abs(made.predict_proba(X[1::2]) - other.predict_proba(X[1::2])).mean() < 0.03


def test_classes_of_one_row_and_of_gaps_in_their_numbers() -> None:
    rng = np.random.default_rng(3)
    X = np.concatenate([rng.normal(at, 0.3, size=(12, 2)) for at in (0, 3, 6)] + [[[9.0, 9.0]]])
    y = np.array([0] * 12 + [2] * 12 + [5] * 12 + [7])
    made = CoupledMachines(10.0).fit(X, y)
    assert made.classes_.tolist() == [0, 2, 5, 7]
    assert (made.predict(X[:36]) == y[:36]).all()
    proba = made.predict_proba(X)
    assert np.isfinite(proba).all()
    assert (loads(dumps(made), name="machines").predict_proba(X) == proba).all()
    with pytest.raises(ValueError, match="classes"):
        CoupledMachines().fit(X[:3], y[:3])


def test_two_classes_may_be_told_apart_too() -> None:
    X, y = load_wine(return_X_y=True)
    X, y = StandardScaler().fit_transform(X)[y < 2], y[y < 2]
    made = CoupledMachines(1.0).fit(X[::2], y[::2])
    assert log_loss(y[1::2], made.predict_proba(X[1::2])) < 0.15


def test_the_family_takes_them_for_more_than_two_classes() -> None:
    _, svm = resolve("svm", "classification")
    assert isinstance(svm.build({"C": 2.0}, Fitting("classification", seed=0, n_classes=3)), CoupledMachines)
    assert not isinstance(svm.build({"C": 2.0}, Fitting("classification", seed=0, n_classes=2)), CoupledMachines)
