"""The gap between training and validation, and what twice the rows would bring: against worlds whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from noria.evaluation.learning import doubling, fold_gap, learning


def test_the_gap_is_paired_and_corrected() -> None:
    rng = np.random.default_rng(1)
    hard = rng.normal(0, 0.05, 5)  # a fold that is hard to answer is no sign of overfitting
    train, valid = 0.1 + hard + rng.normal(0, 0.01, 5), 0.2 + hard + rng.normal(0, 0.01, 5)
    found = fold_gap(train.tolist(), valid.tolist(), test_share=0.25)
    apart = valid - train
    error = np.sqrt((1 / 5 + 0.25) * apart.var(ddof=1))
    assert found.error == pytest.approx(error)
    assert found.low == pytest.approx(apart.mean() - stats.t.ppf(0.975, 4) * error)
    assert found.high == pytest.approx(apart.mean() + stats.t.ppf(0.975, 4) * error)
    assert found.is_wide


def test_one_fold_has_a_gap_without_an_error() -> None:
    found = fold_gap([0.1], [0.2], test_share=0.25)
    assert (found.mean, found.error, found.is_wide) == (pytest.approx(0.1), None, False)


@pytest.mark.parametrize("power", [0.5, 0.7, 1.0])
def test_a_curve_that_is_a_power_of_the_rows_goes_on_as_it_does(power: float) -> None:
    rows = np.array([50, 100, 200, 400])
    level = np.array([-0.02, 0.0, 0.01, 0.03, -0.01])[:, None]
    scale = np.array([0.9, 1.0, 1.1, 1.05, 0.95])[:, None]
    errors = 0.3 + level + scale * 0.2 * (rows / 50) ** -power
    found = doubling(rows.tolist(), errors, test_share=0.25)
    true = 0.2 * (8**-power - 16**-power)
    assert found.gain == pytest.approx(true, rel=1e-9)
    assert found.low < true < found.high
    assert found.tendency == "rising"


def least_squares(rng: np.random.Generator, n: int, p: int = 10, k: int = 5) -> np.ndarray:
    """Squared errors of least squares over the folds, on a quarter, a half and all rows of each."""
    X = rng.normal(size=(n * k // (k - 1), p))
    y = X @ np.ones(p) + rng.normal(size=len(X))
    made = []
    for fold in np.array_split(rng.permutation(len(X)), k):
        rest = np.setdiff1d(np.arange(len(X)), fold)
        order = rng.permutation(rest)
        parts = [order[: len(order) // 4], order[: len(order) // 2], order]
        weights = [np.linalg.lstsq(X[part], y[part], rcond=None)[0] for part in parts]
        made.append([np.mean((y[fold] - X[fold] @ weight) ** 2) for weight in weights])
    return np.array(made)


def test_the_interval_of_twice_the_rows_holds_the_truth() -> None:
    """Of least squares on normal features the expected error is known: 1 + p / (n - p - 1)."""
    n, p = 200, 10
    true = p / (n - p - 1) - p / (2 * n - p - 1)
    inside, rising, gains = 0, 0, []
    for seed in range(200):
        errors = least_squares(np.random.default_rng(seed), n)
        found = doubling([n / 4, n / 2, n], errors, test_share=0.25)
        inside += found.low <= true <= found.high
        rising += found.tendency == "rising"
        gains.append(found.gain)
    assert inside / 200 >= 0.95
    assert rising / 200 > 0.05  # five folds are seldom sure of so little
    assert np.median(gains) == pytest.approx(true, rel=0.6)


def test_rows_that_do_not_help_are_seldom_asked_for() -> None:
    rising = 0
    for seed in range(400):
        rng = np.random.default_rng(seed)
        errors = 0.3 + rng.normal(0, 0.05, (5, 1)) + rng.normal(0, 0.02, (5, 4))
        rising += doubling([50, 100, 200, 400], errors, test_share=0.25).tendency == "rising"
    assert rising / 400 <= 0.025


def test_a_gain_that_is_certain_and_not_worth_it_is_called_flat() -> None:
    rows = np.array([50, 100, 200, 400])
    errors = 0.3 + 0.05 / rows + np.array([0.01, 0.0, -0.01])[:, None]
    found = doubling(rows.tolist(), errors, test_share=0.5)
    assert found.low > 0
    assert found.tendency == "flat"


def test_a_curve_is_read_from_its_record() -> None:
    sizes = [
        {"share": 0.25, "rows": [25, 25], "train": [0.1, 0.1], "valid": [0.5, 0.5]},
        {"share": 0.5, "rows": [50, 50], "train": [0.2, 0.2], "valid": [0.4, 0.4]},
        {"share": 1.0, "rows": [100, 100, 100], "train": [0.25, 0.25, 0.3], "valid": [0.35, 0.34, 0.4]},
    ]
    found = learning({"by": "rows", "judged": [50, 50, 50], "sizes": sizes})
    assert found is not None
    assert (found.rows, found.folds) == ((25, 50, 100), 2)
    assert found.valid == pytest.approx((0.5, 0.4, 0.345))
    assert found.gap is not None
    assert (found.gap.folds, found.gap.mean) == (3, pytest.approx(0.29 / 3))
    assert found.error[-1] == pytest.approx(np.sqrt((1 / 2 + 0.5) * np.var([0.35, 0.34], ddof=1)))
    assert learning({"by": "rows", "judged": [], "sizes": []}) is None


def test_without_errors_on_training_rows_there_is_no_gap() -> None:
    sizes = [{"share": 1.0, "rows": [100, 100], "train": [], "valid": [0.35, 0.34]}]
    found = learning({"by": "rows", "judged": [50, 50], "sizes": sizes})
    assert found is not None
    assert (found.gap, found.train, found.doubling) == (None, (), None)
