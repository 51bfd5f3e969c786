"""Real tables that come with scikit-learn, and short ways to run a selection on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from noria.preparation.recipe import preparation
from noria.training.families import resolve
from noria.training.folds import folds
from noria.training.search import select

if TYPE_CHECKING:
    from noria.training.candidate import Selection
    from noria.training.family import Family
    from noria.training.model import Prediction
    from noria.training.trial import Preparation

Chosen = Callable[..., "Selection"]


@pytest.fixture
def area_error() -> Callable[..., float]:
    """One less the area under the ROC curve."""
    from sklearn.metrics import roc_auc_score

    def error(y: np.ndarray, prediction: Prediction) -> float:
        return 1 - float(roc_auc_score(y == prediction.classes[1], prediction.proba[:, 1]))

    return error


def share_wrong(y: np.ndarray, prediction: Prediction) -> float:
    return float(np.mean(y != prediction.values))


def root_square(y: np.ndarray, prediction: Prediction) -> float:
    return float(np.sqrt(np.mean((y - prediction.values) ** 2)))


@cache
def _cancer() -> tuple[pd.DataFrame, np.ndarray]:
    from sklearn.datasets import load_breast_cancer

    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    return X, np.array(["malignant", "benign"], dtype=object)[y.to_numpy()]


@cache
def _diabetes() -> tuple[pd.DataFrame, np.ndarray]:
    from sklearn.datasets import load_diabetes

    X, y = load_diabetes(return_X_y=True, as_frame=True)
    return X, y.to_numpy(float)


@pytest.fixture
def cancer() -> tuple[pd.DataFrame, np.ndarray]:
    """569 rows, 30 numbers, two classes."""
    X, y = _cancer()
    return X.copy(), y.copy()


@pytest.fixture
def diabetes() -> tuple[pd.DataFrame, np.ndarray]:
    """442 rows, 10 numbers, a quantity."""
    X, y = _diabetes()
    return X.copy(), y.copy()


@pytest.fixture
def mixed(mixed_whole: tuple[pd.DataFrame, np.ndarray]) -> tuple[pd.DataFrame, np.ndarray]:
    """160 made rows with numbers, categories, timestamps and gaps; the target leans on all of them."""
    X, y = mixed_whole
    return X.copy(), y.copy()


@pytest.fixture(scope="session")
def mixed_whole() -> tuple[pd.DataFrame, np.ndarray]:
    """Make the rows of `mixed` once; not to be changed."""
    rng = np.random.default_rng(5)
    n = 160
    X = pd.DataFrame(
        {
            "a": rng.normal(size=n),
            "b": rng.normal(size=n),
            "g": pd.Series(rng.choice(["x", "y", "z"], n), dtype="str"),
            "t": pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 9000, n), "h"),
        }
    )
    y = X["a"].to_numpy() + (X["g"] == "x").to_numpy() + 0.3 * rng.normal(size=n)
    X.loc[::9, "a"] = np.nan
    X.loc[::11, ["g", "t"]] = None
    return X, y


@pytest.fixture(scope="session")
def chosen() -> Chosen:
    """Select with noria's default preparation."""

    def run(
        X: pd.DataFrame,
        y: np.ndarray | None,
        task: str,
        candidates: object,
        *,
        error: object = None,
        k: int = 3,
        families: Sequence[Family] | None = None,
        **options: object,
    ) -> Selection:
        kinds = {"f": "float", "M": "timestamp"}
        columns = [(name, kinds.get(dtype.kind, "category")) for name, dtype in X.dtypes.items()]
        usual = {"regression": root_square, "classification": share_wrong}.get(task)

        def prepare(family: Family, _rows: pd.DataFrame) -> Preparation:
            return preparation(columns, encoding=family.encoding, task=task)

        return select(
            X,
            y,
            task=task,
            families=families or resolve(candidates, task),
            prepare=prepare,
            error=error or usual,
            **{
                "splitter": folds(y, n_rows=len(X), task=task, k=k) if y is not None else [],
                "seed": 7,
                "ensemble": "never",
                **options,
            },
        )

    return run
