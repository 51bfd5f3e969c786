"""Support vector machines; the classifier is calibrated so that it gives probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR, LinearSVC, LinearSVR

from noria.training.coupled import CoupledMachines
from noria.training.family import Estimator, Family, Fitting, as_float
from noria.training.space import Choice, Uniform

if TYPE_CHECKING:
    from noria.training.space import Params

__all__ = ["LINEAR_SVM", "LINEAR_SVR", "SVM", "SVR_FAMILY"]

MOST_ROWS = 20_000
"""Above, one fit takes minutes: its time grows with the square of the rows."""


def _svm(params: Params, fitting: Fitting) -> Estimator:
    if fitting.n_classes > 2:
        # Calibrated one class against the rest, decisions of pairs tell far less: of digits 0.20 of log loss, not 0.07.
        return CoupledMachines(as_float(params, "C", 1.0), params.get("class_weight"))
    machine = SVC(C=as_float(params, "C", 1.0), class_weight=params.get("class_weight"), random_state=fitting.seed)
    # SVC(probability=True) leaves scikit-learn in 1.11; ensemble=False keeps one machine instead of three
    return CalibratedClassifierCV(machine, ensemble=False, cv=3)  # type: ignore[no-any-return]


def _linear_svm(params: Params, fitting: Fitting) -> Estimator:
    machine = LinearSVC(
        C=as_float(params, "C", 0.1), class_weight=params.get("class_weight"), random_state=fitting.seed
    )
    return CalibratedClassifierCV(machine, ensemble=False, cv=3)  # type: ignore[no-any-return]


def _linear_svr(params: Params, fitting: Fitting) -> Estimator:
    machine = LinearSVR(
        C=as_float(params, "C", 0.1), epsilon=as_float(params, "epsilon", 0.1), random_state=fitting.seed, max_iter=5000
    )
    return TransformedTargetRegressor(machine, transformer=StandardScaler())  # type: ignore[no-any-return]


def _svr(params: Params, fitting: Fitting) -> Estimator:
    machine = SVR(C=as_float(params, "C", 1.0), epsilon=as_float(params, "epsilon", 0.1))
    return TransformedTargetRegressor(machine, transformer=StandardScaler())  # type: ignore[no-any-return]


SVM = Family(
    "svm",
    "support vector machine",
    _svm,
    space={"C": Uniform(0.1, 50, log=True), "class_weight": Choice((None, None, "balanced"))},
    portfolio=({"C": 1.0}, {"C": 10.0}),
    most_rows=MOST_ROWS,
    growth=2.0,
)
SVR_FAMILY = Family(
    "svr",
    "support vector regression",
    _svr,
    space={"C": Uniform(0.1, 50, log=True), "epsilon": Uniform(0.01, 0.3, log=True)},
    portfolio=({"C": 1.0}, {"C": 10.0}),
    most_rows=MOST_ROWS,
    growth=2.0,
)
LINEAR_SVM = Family(
    "linear_svm",
    "linear support vector machine",
    _linear_svm,
    space={"C": Uniform(1e-3, 10, log=True), "class_weight": Choice((None, None, "balanced"))},
    portfolio=({"C": 0.1},),
    in_auto=False,
    is_glass=True,
    kin="linear",
)
LINEAR_SVR = Family(
    "linear_svr",
    "linear support vector regression",
    _linear_svr,
    space={"C": Uniform(1e-3, 10, log=True), "epsilon": Uniform(0.01, 0.3, log=True)},
    portfolio=({"C": 0.1},),
    in_auto=False,
    is_glass=True,
    kin="linear",
)
