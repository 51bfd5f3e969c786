"""Paths of penalties, and what trials say of them: no gain is made up by looking for it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from noria.evaluation.fold_comparison import compare_folds
from noria.evaluation.penalties import penalty, tried


def path(valid: np.ndarray, *, at: int | None = 4, parameter: str = "C", **rest: Any) -> dict[str, Any]:
    values = np.geomspace(0.001, 10, len(valid)).tolist()
    base = valid[0 if at is None else at]
    return {
        "candidate": "logistic", "family": "logistic", "penalty": "L2", "parameter": parameter, "values": values,
        "at": None if at is None else values[at], "valid": valid.tolist(), "base": base.tolist(), **rest,
    }  # fmt: skip


def test_the_best_the_simplest_and_the_gain_are_those_of_a_plain_count() -> None:
    rng = np.random.default_rng(3)
    shape = np.array([0.40, 0.33, 0.30, 0.301, 0.36])[:, None]
    valid = shape + rng.normal(0, 0.02, 5) + rng.normal(0, 0.004, (5, 5))
    found = penalty(path(valid), test_share=0.25)
    means = valid.mean(axis=1)
    best = int(np.argmin(means))
    bound = means[best] + valid[best].std(ddof=1) / np.sqrt(5)
    assert found.best == found.values[best]
    assert found.simplest == found.values[min(np.flatnonzero(means <= bound))]
    gains = [valid[4, f] - valid[np.delete(valid, f, axis=1).mean(axis=1).argmin(), f] for f in range(5)]
    wanted = compare_folds(gains, test_share=0.25)
    assert (found.gain, found.low, found.high) == pytest.approx((wanted.difference, wanted.low, wanted.high))
    assert found.is_certain
    assert found.is_stronger


def test_of_alpha_more_is_stronger() -> None:
    valid = np.array([[0.30, 0.31, 0.29, 0.30]] * 3 + [[0.20, 0.21, 0.19, 0.20]] + [[0.205, 0.212, 0.195, 0.201]])
    found = penalty(path(valid, at=0, parameter="alpha"), test_share=1 / 3)
    assert found.is_stronger
    assert found.simplest == found.values[4]
    assert not found.is_at_end
    assert penalty(path(valid[:4], at=0, parameter="alpha"), test_share=1 / 3).is_at_end


def test_looking_for_a_gain_does_not_make_one() -> None:
    """Nine values of equal worth: the best looks better than the candidate's own, chosen elsewhere it does not."""
    certain, naive, honest = 0, [], []
    for seed in range(400):
        rng = np.random.default_rng(seed)
        valid = 0.3 + rng.normal(0, 0.05, 5) + rng.normal(0, 0.01, (9, 5))
        found = penalty(path(valid), test_share=0.25)
        certain += found.is_certain
        naive.append(found.start - min(found.valid))
        honest.append(found.gain)
    assert np.mean(naive) > 0.004
    assert np.mean(honest) == pytest.approx(0, abs=0.0015)
    assert certain / 400 <= 0.025


def test_two_folds_say_nothing_of_a_gain() -> None:
    found = penalty(path(np.array([[0.3, 0.3], [0.2, 0.2]]), at=0), test_share=1.0)
    assert (found.low, found.high, found.is_certain) == (None, None, False)
    assert found.gain == pytest.approx(0.1)


def row(leaves: float, leaf: float, error: float, family: str = "boosting") -> dict[str, Any]:
    return {"family": family, "params": {"leaves": leaves, "leaf": leaf}, "scores": [error]}


def test_what_was_tried_is_spearmans_by_holm() -> None:
    rng = np.random.default_rng(2)
    leaves, leaf = rng.integers(4, 90, 20), rng.integers(2, 60, 20)
    errors = 0.2 + leaves / 500 + rng.normal(0, 0.02, 20)
    found = tried(
        [row(a, b, e) for a, b, e in zip(leaves.tolist(), leaf.tolist(), errors.tolist(), strict=True)], "boosting"
    )
    alone = {"leaves": stats.spearmanr(leaves, errors), "leaf": stats.spearmanr(leaf, errors)}
    assert [one.parameter for one in found] == ["leaves", "leaf"]
    assert [one.correlation for one in found] == pytest.approx([alone[one.parameter].statistic for one in found])
    assert found[0].p == pytest.approx(2 * alone["leaves"].pvalue)
    assert found[0].is_certain
    assert found[0].wants_more
    assert found[0].candidates == 20


def test_few_trials_and_those_of_other_families_say_nothing() -> None:
    rows = [row(n, 3 * n, n / 100) for n in range(7)] + [row(n, n, n / 100, "xgboost") for n in range(20)]
    assert tried(rows, "boosting") == ()
