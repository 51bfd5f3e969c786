from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import special, stats

from noria.scoring.plan.gaussian import GaussianBayes

RNG = np.random.default_rng(9)
MEAN, VARIANCE, PRIOR = RNG.normal(size=(3, 2)), RNG.uniform(0.1, 3, (3, 2)), np.array([0.2, 0.3, 0.5])
HEAD = GaussianBayes(MEAN, VARIANCE, -0.5 * np.log(2 * np.pi * VARIANCE).sum(axis=1), np.log(PRIOR))


@given(arrays(np.float64, st.tuples(st.integers(1, 8), st.just(2)), elements=st.floats(-50, 50)))
def test_it_is_the_rule_of_bayes(steady: Callable[..., np.ndarray], X: np.ndarray) -> None:
    logs = stats.norm.logpdf(X[:, None, :], MEAN, np.sqrt(VARIANCE)).sum(axis=2) + np.log(PRIOR)
    said = steady(HEAD, X)
    assert (np.abs(said - special.softmax(logs, axis=1)).max(axis=1) <= HEAD.bound(X)).all()


def test_damaged_files_are_refused(refused: Callable[..., None]) -> None:
    refused(HEAD, variance=-VARIANCE)
    refused(HEAD, variance=VARIANCE[:2])
    refused(HEAD, mean=np.full_like(MEAN, np.nan))
    refused(HEAD, scale=np.zeros(2))
    refused(HEAD, log_prior=np.array([0.0, -np.inf, 0.0]))
    refused(HEAD, mean=np.empty((0, 2)), variance=np.empty((0, 2)), scale=np.empty(0), log_prior=np.empty(0))
