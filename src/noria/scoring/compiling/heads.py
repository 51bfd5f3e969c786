"""From a fitted estimator to the head of a plan: which family reads it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from noria.scoring.compiling import linear, machine
from noria.scoring.compiling.calibration import compile_calibrated
from noria.scoring.compiling.clusters import (
    compile_centers,
    compile_density,
    compile_hierarchy,
    compile_mixture,
    compile_one_cluster,
)
from noria.scoring.compiling.dummy import compile_dummy, compile_dummy_classes
from noria.scoring.compiling.fitted import known_classes, public_name
from noria.scoring.compiling.gaussian import compile_gaussian
from noria.scoring.compiling.network import compile_own_network, compile_perceptron
from noria.scoring.compiling.target import compile_transformed
from noria.scoring.compiling.unsupported import Unsupported
from noria.scoring.plan.classes import Certain, Placed

if TYPE_CHECKING:
    from noria.scoring.plan.head import Head

__all__ = ["compile_head", "readable"]

Compile = Callable[[object, int], "Head"]


def compile_head(estimator: object, n_classes: int) -> Head:
    """Read a fitted estimator into a head.

    Parameters
    ----------
    estimator : object
        Fitted on positions of classes, on values, or on nothing (clusterings).
    n_classes : int
        Classes of a classification, else 0.

    Raises
    ------
    Unsupported
        Nobody here knows its class, or something it learned has no counterpart in a plan.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> X, y = np.array([[0.0], [1.0], [2.0]]), np.array([1.0, 3.0, 5.0])
    >>> head = compile_head(Ridge(alpha=0.0).fit(X, y), n_classes=0)
    >>> round(float(head.answer(np.array([[10.0]]))[0]), 6)
    21.0
    """
    if not n_classes:
        return _regression_or_clusters(estimator, 0)
    known = known_classes(estimator, n_classes)
    if hasattr(estimator, "predict_proba"):
        head = _probabilities(estimator, len(known))
    else:  # certain of what it says
        head = Certain(_found(_PREDICTIONS, estimator)(estimator, len(known)))
    return head if len(known) == n_classes else Placed(head, np.array(known, dtype=np.int64), n_classes)


def _regression_or_clusters(estimator: object, n_classes: int) -> Head:
    if public_name(estimator) == "sklearn.compose.TransformedTargetRegressor":
        return compile_transformed(estimator, _regression_or_clusters)
    return _found(_ANSWERS, estimator)(estimator, n_classes)


def _probabilities(estimator: object, n_classes: int) -> Head:
    if public_name(estimator) == "sklearn.calibration.CalibratedClassifierCV":
        return compile_calibrated(estimator, n_classes, _decision)
    return _found(_PROBABILITIES, estimator)(estimator, n_classes)


def _decision(estimator: object, n_classes: int) -> Head:
    if hasattr(estimator, "decision_function"):
        return _found(_DECISIONS, estimator)(estimator, n_classes)
    return _probabilities(estimator, n_classes)


def _found(family: Mapping[str, Compile], estimator: object) -> Compile:
    name = public_name(estimator)
    if name not in family:
        raise Unsupported(f"{name} has no plan for what is asked of it here")
    return family[name]


def _forest(estimator: object, n_classes: int) -> Head:
    from noria.scoring.compiling.forests import compile_forest  # noqa: PLC0415 - one family a model

    return compile_forest(estimator, n_classes)


def _histogram(estimator: object, n_classes: int) -> Head:
    from noria.scoring.compiling.histogram import compile_histogram  # noqa: PLC0415 - one family a model

    return compile_histogram(estimator, n_classes)


def _lightgbm(estimator: object, n_classes: int) -> Head:
    from noria.scoring.compiling.lightgbm import compile_lightgbm  # noqa: PLC0415 - one family a model

    return compile_lightgbm(estimator, n_classes)


def _xgboost(estimator: object, n_classes: int) -> Head:
    from noria.scoring.compiling.xgboost import compile_xgboost  # noqa: PLC0415 - one family a model

    return compile_xgboost(estimator, n_classes)


def _catboost(estimator: object, n_classes: int) -> Head:
    from noria.scoring.compiling.catboost import compile_catboost  # noqa: PLC0415 - one family a model

    return compile_catboost(estimator, n_classes)


def _coupled(estimator: object, n_classes: int) -> Head:
    from noria.scoring.compiling.coupling import compile_coupled  # noqa: PLC0415 - one family a model

    return compile_coupled(estimator, n_classes)


def _named(package: str, names: str, compiled: Compile) -> dict[str, Compile]:
    return {f"{package}.{name}": compiled for name in names.split()}


_BOTH: dict[str, Compile] = {
    "noria.training.boosting.LightGBM": _lightgbm,
    "noria.training.xgboost.XGBoost": _xgboost,
    "noria.training.catboost.CatBoost": _catboost,
    "noria.training.keras.KerasMLP": compile_perceptron,
    "noria.training.own_network.OwnNetwork": compile_own_network,
}
"""Those that answer values and probabilities."""

_ANSWERS: Mapping[str, Compile] = {
    **_BOTH,
    **_named(
        "sklearn.linear_model",
        "LinearRegression Ridge RidgeCV Lasso LassoCV ElasticNet ElasticNetCV BayesianRidge ARDRegression "
        "HuberRegressor Lars LassoLars OrthogonalMatchingPursuit TheilSenRegressor QuantileRegressor",
        linear.compile_linear,
    ),
    "sklearn.svm.LinearSVR": linear.compile_linear,
    "sklearn.svm.SVR": machine.compile_machine,
    "sklearn.svm.NuSVR": machine.compile_machine,
    "sklearn.dummy.DummyRegressor": compile_dummy,
    **_named("sklearn.ensemble", "RandomForestRegressor ExtraTreesRegressor", _forest),
    **_named("sklearn.tree", "DecisionTreeRegressor ExtraTreeRegressor", _forest),
    "sklearn.ensemble.HistGradientBoostingRegressor": _histogram,
    **_named("sklearn.cluster", "KMeans MiniBatchKMeans", compile_centers),
    "noria.training.centers.CenterClusters": compile_centers,
    "noria.training.clustering.DensityClusters": compile_density,
    "noria.training.clustering.OneCluster": compile_one_cluster,
    "noria.training.hierarchy.HierarchyClusters": compile_hierarchy,
    "noria.training.mixture.MixtureClusters": compile_mixture,
}
"""Values and clusters."""

_PROBABILITIES: Mapping[str, Compile] = {
    **_BOTH,
    **_named("sklearn.linear_model", "LogisticRegression LogisticRegressionCV", linear.compile_linear_classes),
    "sklearn.discriminant_analysis.LinearDiscriminantAnalysis": linear.compile_linear_classes,
    "sklearn.naive_bayes.GaussianNB": compile_gaussian,
    "sklearn.dummy.DummyClassifier": compile_dummy_classes,
    **_named("sklearn.ensemble", "RandomForestClassifier ExtraTreesClassifier", _forest),
    **_named("sklearn.tree", "DecisionTreeClassifier ExtraTreeClassifier", _forest),
    "sklearn.ensemble.HistGradientBoostingClassifier": _histogram,
    "noria.training.coupled.CoupledMachines": _coupled,
}

_LINEAR_DECISIONS: Mapping[str, Compile] = {
    **_named(
        "sklearn.linear_model",
        "RidgeClassifier RidgeClassifierCV Perceptron SGDClassifier",
        linear.compile_linear_decision,
    ),
    "sklearn.svm.LinearSVC": linear.compile_linear_decision,
}

_DECISIONS: Mapping[str, Compile] = {
    **_LINEAR_DECISIONS,
    **_named("sklearn.linear_model", "LogisticRegression LogisticRegressionCV", linear.compile_linear_decision),
    "sklearn.discriminant_analysis.LinearDiscriminantAnalysis": linear.compile_linear_decision,
    "sklearn.svm.SVC": machine.compile_machine_decision,
    "sklearn.svm.NuSVC": machine.compile_machine_decision,
}
"""What calibration reads."""

_PREDICTIONS: Mapping[str, Compile] = {
    **_LINEAR_DECISIONS,
    "sklearn.svm.SVC": machine.compile_machine_votes,
    "sklearn.svm.NuSVC": machine.compile_machine_votes,
}
"""What classifiers without probabilities say."""


def readable() -> Mapping[str, tuple[str, ...]]:
    """Name the estimators that have a plan, by what is asked of them.

    Examples
    --------
    >>> "sklearn.linear_model.Ridge" in readable()["values and clusters"]
    True
    """
    return {
        "values and clusters": tuple(_ANSWERS),
        "probabilities": tuple(_PROBABILITIES),
        "labels alone": tuple(_PREDICTIONS),
        "decisions, inside calibration": tuple(_DECISIONS),
    }
