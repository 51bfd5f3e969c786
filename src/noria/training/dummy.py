"""The baseline that knows only the target: what any model must beat."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sklearn.dummy import DummyClassifier, DummyRegressor

from noria.training.clustering import OneCluster
from noria.training.family import Estimator, Family, Fitting

if TYPE_CHECKING:
    from noria.training.space import Params

__all__ = ["DUMMY"]


def _dummy(params: Params, fitting: Fitting) -> Estimator:
    if fitting.task == "clustering":
        return OneCluster()
    made = DummyClassifier(strategy="prior") if fitting.task == "classification" else DummyRegressor(strategy="mean")
    return made  # type: ignore[no-any-return]  # sklearn is untyped


DUMMY = Family("dummy", "baseline", _dummy, encoding="tree")
