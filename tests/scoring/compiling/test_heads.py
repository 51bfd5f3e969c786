from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from sklearn import ensemble
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC, LinearSVC

from noria.scoring.compiling.fitted import public_name
from noria.scoring.compiling.heads import compile_head
from noria.scoring.compiling.unsupported import Unsupported
from noria.scoring.plan.classes import Placed
from noria.scoring.plan.head import Head

RNG = np.random.default_rng(16)
X = RNG.normal(size=(80, 3))


@pytest.mark.parametrize("known", [(0, 1), (1, 4), (0, 2, 3)], ids=str)
@pytest.mark.parametrize("kind", [LogisticRegression, LinearSVC, SVC])
def test_classes_that_a_fold_lacked_get_nothing(
    kind: type, known: tuple[int, ...], agrees: Callable[..., object]
) -> None:
    y = np.array(known)[np.digitize(X[:, 0], np.linspace(-1, 1, len(known) + 1)[1:-1])]
    assert isinstance(agrees(kind().fit(X, y), RNG.normal(size=(200, 3)), 5), Placed)


@pytest.mark.parametrize("n_classes", [0, 2, 3])
@pytest.mark.parametrize("name", ["RandomForest", "ExtraTrees", "HistGradientBoosting"])
def test_trees_find_their_plan(name: str, n_classes: int, agrees: Callable[..., Head]) -> None:
    y = np.digitize(X[:, 0], [-0.4, 0.4][: n_classes - 1]) if n_classes else X[:, 0]
    kind = getattr(ensemble, f"{name}{'Classifier' if n_classes else 'Regressor'}")
    few = {"max_iter": 5} if name == "HistGradientBoosting" else {"n_estimators": 5}
    head = agrees(kind(**few).fit(X, y), RNG.normal(size=(60, 3)), n_classes)
    assert head.kind == "trees"


@pytest.mark.parametrize("ensembled", [True, False])
def test_a_calibrated_forest_jumps_where_its_trees_do(ensembled: bool, agrees: Callable[..., Head]) -> None:
    forest = ensemble.RandomForestClassifier(3, max_depth=2)
    fitted = CalibratedClassifierCV(forest, ensemble=ensembled, cv=3).fit(X, X[:, 0] > 0)
    head = agrees(fitted, RNG.normal(size=(60, 3)), 2)
    edges = head.edges()
    assert edges
    assert all((np.diff(values) > 0).all() for values in edges.values())


class Own(LogisticRegression):  # type: ignore[misc]  # scikit-learn is untyped
    """A user's own: it may answer otherwise, so its parent's plan is not its own."""


@pytest.mark.parametrize(
    ("estimator", "n_classes", "why"),
    [
        (Own().fit(X, X[:, 0] > 0), 2, "Own has no plan"),
        (KNeighborsClassifier().fit(X, X[:, 0] > 0), 2, "KNeighborsClassifier has no plan"),
        (Ridge().fit(X, X[:, 0]), 2, "Ridge has no plan"),
        (LogisticRegression().fit(X, X[:, 0] > 0), 0, "LogisticRegression has no plan"),
        (LogisticRegression().fit(X, 5 * (X[:, 0] > 0)), 2, "knows the classes"),
        (LogisticRegression().fit(X, np.where(X[:, 0] > 0, "a", "b")), 2, "not positions"),
        (object(), 0, "builtins.object has no plan"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_has_no_plan_says_why(estimator: object, n_classes: int, why: str) -> None:
    with pytest.raises(Unsupported, match=why):
        compile_head(estimator, n_classes)


def test_a_class_has_the_name_people_import_it_by() -> None:
    from sklearn.ensemble import HistGradientBoostingClassifier

    assert public_name(SVC()) == "sklearn.svm.SVC"
    assert public_name(HistGradientBoostingClassifier()) == "sklearn.ensemble.HistGradientBoostingClassifier"
