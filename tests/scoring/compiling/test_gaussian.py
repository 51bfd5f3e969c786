from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.naive_bayes import GaussianNB


@given(seed=st.integers(0, 2**32 - 1), features=st.integers(1, 30), n_classes=st.integers(2, 5))
@settings(max_examples=60)
def test_it_has_its_plan(agrees: Callable[..., object], seed: int, features: int, n_classes: int) -> None:
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(60, features)), np.arange(60) % n_classes
    agrees(GaussianNB().fit(X, y), np.concatenate([X, 100 * X, np.zeros((1, features))]), n_classes)
