"""Rows that trees find hard, and what a plan of trees is held to."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest

from noria.scoring.plan.oblivious import Oblivious
from noria.scoring.plan.trees import Trees

SPECIAL = (0.0, -0.0, 5e-324, -5e-324, 1e-40, 1e30, -1e30, 2.5, -0.5, -1.0, 7.9, 1e9, 3e9)
NEAR_ZERO = float(np.float32(1e-35))
INFINITE = (np.inf, -np.inf, 1e300, -1e300)

Table = Callable[..., tuple[np.ndarray, np.ndarray]]
HardRows = Callable[..., np.ndarray]
SameBits = Callable[[Trees | Oblivious, np.ndarray, np.ndarray], None]


@pytest.fixture(scope="session")
def table() -> Table:
    """Make rows and a target: the first feature holds categories, the second lies on a grid, as its thresholds."""

    def make(seed: int, n_classes: int, *, missing: bool, n_features: int = 4) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(150, n_features))
        X[:, 0] = rng.integers(0, 6, len(X))
        X[:, 1] = X[:, 1].round(1)
        if missing:
            X[rng.random(X.shape) < 0.15] = np.nan
        z = np.nan_to_num(X).sum(axis=1) + np.isnan(X).any(axis=1) + rng.normal(size=len(X)) / 2
        return X, z if n_classes == 0 else np.digitize(z, np.quantile(z, np.arange(1, n_classes) / n_classes))

    return make


@pytest.fixture(scope="session")
def hard_rows() -> HardRows:
    """Give rows of a table changed in one place: to a threshold, its neighbours, a missing or an extreme value."""

    def make(plan: Trees | Oblivious, X: np.ndarray, *, infinite: bool) -> np.ndarray:
        rng = np.random.default_rng(len(X))
        made = [X]
        for feature in range(X.shape[1]):
            edges = rng.permutation(plan.edges().get(feature, np.zeros(1)))[:10]
            near = np.concatenate([edges, np.nextafter(edges, np.inf), np.nextafter(edges, -np.inf)])
            close = (NEAR_ZERO, -NEAR_ZERO, np.nextafter(NEAR_ZERO, 1), np.nextafter(-NEAR_ZERO, -1))
            values = np.concatenate([near, SPECIAL, close, [np.nan], INFINITE if infinite else []])
            changed = X[rng.integers(0, len(X), len(values))]
            changed[:, feature] = values
            made.append(changed)
        return np.ascontiguousarray(np.concatenate(made))

    return make


@pytest.fixture(scope="session")
def same_bits() -> SameBits:
    """Hold a plan to its library, bit for bit, and to itself however rows are put together."""

    def hold(plan: Trees | Oblivious, X: np.ndarray, wanted: np.ndarray) -> None:
        made = plan.answer(X)
        assert made.shape == wanted.shape
        different = np.flatnonzero((made != wanted).reshape(len(X), -1).any(axis=1))
        assert not len(different), (X[different[0]], made[different[0]], wanted[different[0]])
        hold_together(plan, X)

    return hold


def hold_together(plan: Trees | Oblivious, X: np.ndarray) -> None:
    """Hold that one row, a few, a batch, and a plan that was written and read, answer alike."""
    made = plan.answer(X)
    order = np.random.default_rng(0).permutation(len(X))
    assert plan.answer(X[order]).tobytes() == made[order].tobytes()
    assert np.concatenate([plan.answer(row[None]) for row in X[::5]]).tobytes() == made[::5].tobytes()
    assert np.concatenate([plan.answer(X[n : n + 7]) for n in range(0, len(X), 7)]).tobytes() == made.tobytes()
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **plan.arrays())
    file.seek(0)
    with np.load(file, allow_pickle=False) as arrays:
        assert type(plan).restore(plan.facts(), dict(arrays)).answer(X).tobytes() == made.tobytes()
