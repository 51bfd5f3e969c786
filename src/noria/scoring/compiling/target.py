"""Regressions of a scaled target, read into plans."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from noria.scoring.compiling.fitted import fitted_number, public_name
from noria.scoring.compiling.unsupported import Unsupported
from noria.scoring.plan.target import Rescaled

if TYPE_CHECKING:
    from noria.scoring.plan.head import Head

__all__ = ["compile_transformed"]


def compile_transformed(estimator: object, compile_inner: Callable[[object, int], Head]) -> Rescaled:
    """Compile a ``TransformedTargetRegressor`` over a ``StandardScaler``."""
    scaler = getattr(estimator, "transformer_", None)
    if public_name(scaler) != "sklearn.preprocessing.StandardScaler":
        raise Unsupported(f"its target goes through {type(scaler).__name__}, not through StandardScaler")
    if getattr(estimator, "_training_dim", 1) != 1:
        raise Unsupported("it answers several targets at once")
    spread = fitted_number(scaler, "scale_") if getattr(scaler, "with_std", True) else 1.0
    center = fitted_number(scaler, "mean_") if getattr(scaler, "with_mean", True) else 0.0
    return Rescaled(compile_inner(getattr(estimator, "regressor_", None), 0), spread, center)
