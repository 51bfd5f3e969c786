"""Support vector machines of scikit-learn, read into plans."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import numpy as np

from noria.scoring.compiling.fitted import fitted, fitted_number
from noria.scoring.compiling.unsupported import Unsupported
from noria.scoring.plan.kernel import Form, Kernel
from noria.scoring.plan.machine import Machine, Rule, pairs_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["compile_machine", "compile_machine_decision", "compile_machine_votes"]


def compile_machine(estimator: object, n_classes: int = 0) -> Machine:
    """Compile a support vector regression."""
    return _machine(estimator, fitted(estimator, "_dual_coef_", 2), "value", 0)


def compile_machine_decision(estimator: object, n_classes: int) -> Machine:
    """Compile the decision function of a support vector classifier, for calibration."""
    shape = getattr(estimator, "decision_function_shape", None)
    rule: Rule = "rest" if shape == "ovr" and n_classes > 2 else "decision"
    return _machine(estimator, _of_pairs(estimator, n_classes), rule, n_classes)


def compile_machine_votes(estimator: object, n_classes: int) -> Machine:
    """Compile what a support vector classifier predicts by: the pairs each class wins."""
    if getattr(estimator, "break_ties", False) and n_classes > 2:
        return compile_machine_decision(estimator, n_classes)
    return _machine(estimator, _of_pairs(estimator, n_classes), "votes", n_classes)


def _machine(estimator: object, weights: NDArray[np.float64], rule: Rule, n_classes: int) -> Machine:
    kernel = _kernel(estimator)
    vectors, intercept = fitted(estimator, "support_vectors_", 2), fitted(estimator, "_intercept_", 1)
    if rule == "decision" and n_classes == 2:  # the library's sign speaks for the first class, scikit-learn's does not
        weights, intercept = -weights, -intercept
    if len(vectors) == 0 or weights.shape != (len(intercept), len(vectors)):
        raise Unsupported("it has no support vectors, or weights that do not fit them")
    counted = n_classes if rule in ("rest", "votes") else 0
    return Machine(kernel, vectors, weights, intercept, rule, counted)


def _kernel(estimator: object) -> Kernel:
    form = getattr(estimator, "kernel", None)
    for known in get_args(Form):
        if form == known:
            degree = getattr(estimator, "degree", 0)
            gamma, offset = fitted_number(estimator, "_gamma"), fitted_number(estimator, "coef0")
            return Kernel(known, gamma, offset, int(degree) if known == "poly" else 0)
    raise Unsupported(f"its kernel is {form!r}")


def _of_pairs(estimator: object, n_classes: int) -> NDArray[np.float64]:
    """Spread the dual coefficients: a row for each pair of classes, zero for vectors of other classes.

    The library keeps, for a vector of class i, its coefficient against class j in row j, or j - 1 where j > i.
    """
    dual = fitted(estimator, "_dual_coef_", 2)
    numbers = np.asarray(getattr(estimator, "n_support_", ()), dtype=np.int64)
    if len(numbers) != n_classes or len(dual) != n_classes - 1 or numbers.sum() != dual.shape[1]:
        raise Unsupported(f"its support vectors are not those of {n_classes} classes")
    owner = np.repeat(np.arange(n_classes), numbers)
    rows = [
        np.where(owner == one, dual[other - 1], np.where(owner == other, dual[one], 0.0))
        for one, other in pairs_of(n_classes)
    ]
    return np.array(rows)
