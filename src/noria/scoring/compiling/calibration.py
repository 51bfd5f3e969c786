"""Calibrated classifiers of scikit-learn, read into plans."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from noria.scoring.compiling.fitted import fitted, fitted_number, known_classes
from noria.scoring.compiling.unsupported import Unsupported
from noria.scoring.plan.calibrated import Calibrated
from noria.scoring.plan.curve import Curves, Isotonic, Platt
from noria.scoring.plan.ensemble import Ensemble

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from noria.scoring.plan.head import Head

__all__ = ["compile_calibrated"]

Decide = Callable[[object, int], "Head"]
"""Compiles what a classifier decides by: its decision function, or its probabilities where it has none."""


def compile_calibrated(estimator: object, n_classes: int, decide: Decide) -> Head:
    """Compile a ``CalibratedClassifierCV``: one calibrated classifier, or the mean of one a fold."""
    parts = getattr(estimator, "calibrated_classifiers_", ())
    heads = [_calibrated(part, n_classes, decide) for part in parts]
    if not heads:
        raise Unsupported("it was not fitted")
    return heads[0] if len(heads) == 1 else Ensemble(heads, np.ones(len(heads)))


def _calibrated(part: object, n_classes: int, decide: Decide) -> Calibrated:
    inner, own = getattr(part, "estimator", None), np.asarray(getattr(part, "classes", ()))
    if inner is None or len(own) != n_classes or n_classes < 2:
        raise Unsupported(f"a calibrated part knows {len(own)} classes of {n_classes}")
    known = known_classes(inner, int(own[-1]) + 1)
    places = np.searchsorted(own, known)
    curves = _curves(part)
    # scikit-learn pairs columns, curves and classes until the shortest of them ends.
    n_columns = 1 if len(known) == 2 else len(known)
    at = places[: min(n_columns, len(curves))] + (1 if n_classes == 2 else 0)
    if not 0 < len(at) == len(curves) or (n_classes == 2 and len(known) != 2):
        raise Unsupported("its curves do not fit the classes of what it calibrates")
    return Calibrated(decide(inner, len(known)), curves, at.astype(np.int64), n_classes)


def _curves(part: object) -> Curves:
    method, found = getattr(part, "method", None), getattr(part, "calibrators", ())
    if method == Platt.method:
        slopes = [fitted_number(curve, "a_") for curve in found]
        return Platt(np.array(slopes), np.array([fitted_number(curve, "b_") for curve in found]))
    if method == Isotonic.method:
        return Isotonic([_steps(curve) for curve in found])
    raise Unsupported(f"it is calibrated by {method!r}")


def _steps(curve: object) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if getattr(curve, "out_of_bounds", None) != "clip":
        raise Unsupported("its isotonic curve does not end flat")
    x, y = fitted(curve, "X_thresholds_", 1), fitted(curve, "y_thresholds_", 1)
    if (np.diff(x) <= 0).any():
        raise Unsupported("the steps of its isotonic curve do not ascend")
    return x, y
