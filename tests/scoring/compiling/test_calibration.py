from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import SVC, LinearSVC

from noria.scoring.compiling.heads import compile_head
from noria.scoring.compiling.unsupported import Unsupported

RNG = np.random.default_rng(13)
X = RNG.normal(size=(150, 4))
Y = np.sin(X[:, 0] * 2) + X[:, 1] + 0.3 * RNG.normal(size=150)
ROWS = arrays(
    np.float64,
    st.tuples(st.integers(1, 8), st.just(4)),
    elements=st.one_of(st.floats(-6, 6), st.sampled_from([0.0, -0.0, 1e30, -1e30])),
)
INNER = [SVC(), SVC(decision_function_shape="ovo"), LinearSVC(), RidgeClassifier(), LogisticRegression(), GaussianNB()]


def labels(n_classes: int) -> np.ndarray:
    return np.digitize(Y, np.quantile(Y, np.arange(1, n_classes) / n_classes))


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
@pytest.mark.parametrize("inner", INNER, ids=repr)
def test_a_calibrated_classifier_has_its_plan(
    inner: object, method: str, n_classes: int, agrees: Callable[..., object]
) -> None:
    y = labels(n_classes)
    fitted = [
        CalibratedClassifierCV(clone(inner), method=method, ensemble=ensemble, cv=3).fit(X, y)
        for ensemble in (True, False)
    ]

    @given(ROWS)
    @settings(max_examples=10)
    def holds(rows: np.ndarray) -> None:
        for machine in fitted:
            agrees(machine, rows, n_classes)

    holds()
    agrees(fitted[0], X, n_classes)


def test_a_part_that_knows_fewer_classes_is_read_as_the_library_reads_it(agrees: Callable[..., object]) -> None:
    # Calibrated on three classes, fitted on two of them: the library gives the one decision to the first.
    knows = LogisticRegression().fit(X, labels(2) * 2)
    whole = CalibratedClassifierCV(FrozenEstimator(knows), method="sigmoid").fit(X, labels(2) * 2)
    part = whole.calibrated_classifiers_[0]
    part.estimator, part.classes = knows, np.arange(3)
    whole.classes_ = np.arange(3)
    agrees(whole, RNG.normal(size=(50, 4)), 3)


def test_what_has_no_plan_says_why() -> None:
    warm = CalibratedClassifierCV(LinearSVC(), method="temperature", cv=3).fit(X, labels(3))
    with pytest.raises(Unsupported, match="temperature"):
        compile_head(warm, 3)
    frozen = CalibratedClassifierCV(FrozenEstimator(LinearSVC().fit(X, labels(2)))).fit(X, labels(2))
    with pytest.raises(Unsupported, match="FrozenEstimator"):
        compile_head(frozen, 2)
    broken = CalibratedClassifierCV(LinearSVC(), cv=3).fit(X, labels(2))
    broken.calibrated_classifiers_[0].calibrators = []
    with pytest.raises(Unsupported, match="curves"):
        compile_head(broken, 2)
