"""Linear models of scikit-learn, read into plans."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from noria.scoring.compiling.fitted import fitted
from noria.scoring.compiling.unsupported import Unsupported
from noria.scoring.plan.decisions import Link
from noria.scoring.plan.linear import Linear

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["compile_linear", "compile_linear_classes", "compile_linear_decision"]


def compile_linear(estimator: object, n_classes: int = 0) -> Linear:
    """Compile a linear regression of one target."""
    weights = _weights(estimator)
    if len(weights) != 1:
        raise Unsupported("it answers several targets at once")
    return Linear(weights, _intercept(estimator, 1), "value")


def compile_linear_classes(estimator: object, n_classes: int) -> Linear:
    """Compile a linear classifier that gives probabilities: one sigmoid of two classes, a softmax of more."""
    return _classes(estimator, n_classes, "sigmoid" if n_classes == 2 else "softmax")


def compile_linear_decision(estimator: object, n_classes: int) -> Linear:
    """Compile what a linear classifier decides by, for calibration and for those without probabilities."""
    return _classes(estimator, n_classes, "decision")


def _classes(estimator: object, n_classes: int, link: Link) -> Linear:
    weights = _weights(estimator)
    if len(weights) != (1 if n_classes == 2 else n_classes):
        raise Unsupported(f"it has {len(weights)} rows of weights for {n_classes} classes")
    return Linear(weights, _intercept(estimator, len(weights)), link)


def _weights(estimator: object) -> NDArray[np.float64]:
    flat = np.ndim(getattr(estimator, "coef_", 0)) == 1
    return np.atleast_2d(fitted(estimator, "coef_", 1 if flat else 2))


def _intercept(estimator: object, n_outputs: int) -> NDArray[np.float64]:
    found = np.asarray(getattr(estimator, "intercept_", 0.0), dtype=np.float64)
    if found.size not in (1, n_outputs) or not np.isfinite(found).all():
        raise Unsupported(f"its intercept has {found.size} values for {n_outputs} outputs, or is not finite")
    return np.ascontiguousarray(np.broadcast_to(found.ravel(), (n_outputs,)))
