"""What every head of a plan is held to."""

from __future__ import annotations

import io
import json
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import settings

from noria.scoring.compiling.heads import compile_head
from noria.scoring.plan.head import Head
from noria.scoring.plan.heads import restore_head
from noria.scoring.plan.unsound import Unsound
from noria.training.model import answer
from noria.training.task import Task

settings.register_profile("patient", deadline=None)  # other work on the machine is no fault of a test
settings.load_profile("patient")

Steady = Callable[[Head, np.ndarray], np.ndarray]
Refused = Callable[..., None]


def _same(one: np.ndarray, other: np.ndarray) -> bool:
    return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()


def _restored(head: Head) -> Head:
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **head.arrays())
    file.seek(0)
    with np.load(file, allow_pickle=False) as arrays:
        return restore_head(head.kind, json.loads(json.dumps(head.facts())), dict(arrays))


@pytest.fixture(scope="session")
def steady() -> Steady:
    """Answer rows, after: each alone, shuffled, in parts and from the files, they have the same bits."""

    def answer(head: Head, X: np.ndarray) -> np.ndarray:
        X = np.ascontiguousarray(X, dtype=np.float64)
        kept = X.copy()
        with np.errstate(all="ignore"):
            said = head.answer(X)
            alone = np.concatenate([head.answer(X[n : n + 1]) for n in range(len(X))])
            order = np.random.default_rng(len(X)).permutation(len(X))
            half = max(1, len(X) // 2)
            assert _same(said, alone)
            assert _same(said[order], head.answer(np.ascontiguousarray(X[order])))
            assert _same(said[:half], head.answer(X[:half]))
            assert _same(said, _restored(head).answer(X))
            assert _same(head.bound(X), _restored(head).bound(X))
        assert _same(X, kept)
        return said

    return answer


@pytest.fixture(scope="session")
def refused() -> Refused:
    """Hold that a head whose files were changed is refused; a change of None takes the part away."""

    def refuse(head: Head, facts: dict[str, object] | None = None, **arrays: np.ndarray | None) -> None:
        changed = {**head.facts(), **(facts or {})}
        kept = {name: found for name, found in {**head.arrays(), **arrays}.items() if found is not None}
        with pytest.raises(Unsound) as caught:
            restore_head(head.kind, {name: value for name, value in changed.items() if value is not ...}, kept)
        assert caught.value.mend

    return refuse


@pytest.fixture(scope="session")
def agrees(steady: Steady) -> Callable[[object, np.ndarray, int], Head]:
    """Compile an estimator and hold its plan to what it answers itself, row by row within the bound."""

    def compiled(estimator: object, X: np.ndarray, n_classes: int = 0) -> Head:
        head = compile_head(estimator, n_classes)
        X = np.ascontiguousarray(X, dtype=np.float64)
        classes = tuple(range(n_classes)) or None
        task: Task = "classification" if n_classes else "regression"
        with np.errstate(all="ignore"):
            other = answer(estimator, X, task, classes)  # type: ignore[arg-type]
            far = np.abs(steady(head, X) - (other.values if other.proba is None else other.proba))
            assert (far.reshape(len(X), -1).max(axis=1) <= head.bound(X)).all()
        return head

    return compiled
