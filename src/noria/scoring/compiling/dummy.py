"""Baselines that know only the target, read into plans."""

from __future__ import annotations

import numpy as np

from noria.scoring.compiling.fitted import fitted, fitted_number
from noria.scoring.compiling.unsupported import Unsupported
from noria.scoring.plan.constant import Constant

__all__ = ["compile_dummy", "compile_dummy_classes"]


def compile_dummy(estimator: object, n_classes: int = 0) -> Constant:
    """Compile a ``DummyRegressor``."""
    return Constant(np.array([fitted_number(estimator, "constant_")]))


def compile_dummy_classes(estimator: object, n_classes: int) -> Constant:
    """Compile a ``DummyClassifier`` that draws nothing."""
    strategy = getattr(estimator, "_strategy", None)
    shares = fitted(estimator, "class_prior_", 1)
    if strategy == "uniform":
        shares = np.ones(n_classes) / n_classes
    elif strategy == "most_frequent":
        shares = np.eye(n_classes)[shares.argmax()]
    elif strategy == "constant":
        shares = np.asarray(
            getattr(estimator, "classes_", ()) == getattr(estimator, "constant", None), dtype=np.float64
        )
    elif strategy != "prior":
        raise Unsupported(f"its strategy {strategy!r} draws its answers")
    if shares.shape != (n_classes,):
        raise Unsupported(f"it knows {shares.shape} classes where there are {n_classes}")
    return Constant(shares[None, :].copy())
