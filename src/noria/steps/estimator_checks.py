"""Whether an estimator or network of the user's own keeps what noria asks of one: tried out, not read."""

from __future__ import annotations

import copy
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from noria.preparation.recipe import preparation
from noria.registry import format as formats
from noria.training.backend import open_keras
from noria.training.family import Fitting
from noria.training.interruption import stopped
from noria.training.model import TabularModel, answer, columns_of
from noria.training.own import own_family
from noria.training.own_network import own_network
from noria.training.trying import Check, Failed, tried

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from noria.training.family import Estimator, Family
    from noria.training.task import Task

__all__ = ["check_estimator", "task_told_by"]

COLUMNS = (("age", "int"), ("income", "float"), ("score", "float"), ("grade", "category"))
ROWS = 240
SLOW_SECONDS = 30.0
LATE_SECONDS = 1.0

SOUND = (
    "check_estimator_cloneable",
    "check_no_attributes_set_in_init",
    "check_parameters_default_constructible",
    "check_get_params_invariance",
    "check_set_params",
    "check_do_not_raise_errors_in_init_or_set_params",
    "check_estimators_overwrite_params",
    "check_dict_unchanged",
    "check_fit_idempotent",
    "check_methods_sample_order_invariance",
    "check_methods_subset_invariance",
    "check_fit2d_1feature",
)
"""Of scikit-learn's checks those that noria relies on; it hands out dense float64 without missing values, so that
checks of other input would fail estimators that are good for it."""


def check_estimator(
    written: Mapping[str, object], *, task: Task | None = None, deadline_seconds: float = 0.5
) -> list[Check]:
    """Try an estimator out in every way noria uses one.

    Parameters
    ----------
    written : mapping
        As among ``[model] candidates``: ``class`` or ``build``, ``params``, ``space``, ``encoding``.
    task : Task, optional
        What it learns; told from the class where left out.
    deadline_seconds : float
        After how long a long fit is interrupted.

    Raises
    ------
    WrongSetting
        It cannot be imported, or is no estimator.
    MissingExtra
        It is a network, and there is no Keras.
    """
    is_network = "build" in written
    family = own_network(written) if is_network else own_family(written)
    if is_network:
        open_keras("tensorflow")  # its absence is no fault of the network's
    trusted = [] if is_network else [str(written["class"]).replace(":", ".")]
    trial = _Trial(family, task or task_told_by(family), trusted, deadline_seconds, is_network=is_network)
    asked: list[tuple[str, Callable[[], str | None]]] = [
        ("learns from prepared rows and answers", trial.learns),
        ("leaves the rows it learns from alone", trial.leaves_rows),
        ("answers a row alone as among others", trial.alone),
        ("answers in the shape of the task", trial.shape),
        ("learns where a fold lacks a class", trial.lacks_class),
        ("is cloned as it was made", trial.cloned),
        ("gives the same model twice", trial.twice),
        ("is kept in a model file and answers the same from it", trial.kept),
        ("takes weights", trial.weighted),
        ("is fitted in reasonable time", trial.timed),
        ("can be stopped in the middle", trial.stops),
    ]
    found = []
    for name, ask in asked:
        found.append(tried(name, ask))
        if name == asked[0][0] and found[-1].outcome == "failed":
            return found  # what does not learn fails all the rest, and says nothing more
    return [*found, *_of_sklearn(trial)]


def task_told_by(family: Family) -> Task:
    """Guess what an estimator learns from what scikit-learn's tags or its methods say."""
    made = family.build(dict(family.portfolio[0]), Fitting("classification", 1))
    kind = getattr(made, "_estimator_type", None)
    tags = getattr(made, "__sklearn_tags__", None)
    if tags is not None:
        kind = tags().estimator_type or kind
    if kind in ("classifier", "regressor", "clusterer"):
        return cast("Task", {"classifier": "classification", "regressor": "regression"}.get(kind, "clustering"))
    return "classification" if hasattr(made, "predict_proba") else "regression"


class _Trial:
    """An estimator and rows to try it on."""

    def __init__(
        self, family: Family, task: Task, trusted: list[str], deadline_seconds: float, *, is_network: bool = False
    ) -> None:
        self.family, self.task, self.trusted, self.deadline_seconds = family, task, trusted, deadline_seconds
        self.is_network = is_network
        self.frame, self.y = _rows(task, ROWS)
        self.preparation = preparation(list(COLUMNS), encoding=family.encoding, task=task, seed=1)
        self.X = _matrix(self.preparation.fit_transform(self.frame, self.y))
        self.fitted: Estimator | None = None

    @property
    def n_classes(self) -> int:
        return 2 if self.task == "classification" else 0

    def fit(self, X: NDArray[np.float64] | None = None, y: NDArray[np.generic] | None = None) -> Estimator:
        X, y = (self.X if X is None else X), (self.y if y is None else y)
        fitting = Fitting(self.task, 3, n_classes=len(np.unique(y)) if self.n_classes else 0, n_rows=len(X))
        made = self.family.build(dict(self.family.portfolio[0]), fitting)
        made.fit(X.copy(), y.copy())
        return made

    def said(self, made: Estimator, X: NDArray[np.float64], classes: tuple[int, ...] = (0, 1)) -> NDArray[np.float64]:
        found = answer(made, X, self.task, classes if self.n_classes else None)
        return np.asarray(found.values if found.proba is None else found.proba, dtype=np.float64)

    @property
    def learned(self) -> Estimator:
        if self.fitted is None:
            self.fitted = self.fit()
        return self.fitted

    # --- what is asked -----------------------------------------------------------------------------------------------

    def learns(self) -> str:
        said = self.said(self.learned, self.X)
        if not np.isfinite(said).all():
            raise Failed("it answers with numbers that are not finite")
        return (
            f"{len(self.X)} rows, {self.X.shape[1]} columns as {self.family.encoding!r} families get them; {self.task}"
        )

    def leaves_rows(self) -> None:
        X, y = self.X.copy(), self.y.copy()
        fitting = Fitting(self.task, 3, n_classes=self.n_classes, n_rows=len(X))
        made = self.family.build(dict(self.family.portfolio[0]), fitting)
        made.fit(X, y)
        made.predict(X)
        if not (_same(X, self.X) and _same(y, self.y)):
            raise Failed("fit or predict changed the rows given to it", "work on a copy: X = X.copy()")

    def alone(self) -> None:
        whole = self.said(self.learned, self.X)[:10]
        single = np.concatenate([self.said(self.learned, self.X[n : n + 1]) for n in range(10)])
        # Keras computes in float32, and adds up in another order in another batch.
        rtol, atol = (1e-4, 1e-6) if self.is_network else (1e-9, 1e-12)
        if not np.allclose(whole, single, rtol=rtol, atol=atol):
            raise Failed(
                f"answers of the same row differ by up to {np.abs(whole - single).max():.2g}",
                "predict must use nothing but the row and what fit learned",
            )

    def shape(self) -> str:
        values = np.asarray(self.learned.predict(self.X))
        if values.shape[:1] != (len(self.X),) or values.size != len(self.X):
            raise Failed(f"predict gives shape {values.shape} for {len(self.X)} rows", "give one answer a row")
        if self.task != "classification":
            return ""
        if not np.isin(values, (0, 1)).all():
            raise Failed("predict gives something else than the classes it was fitted with (0, 1)")
        if not hasattr(self.learned, "predict_proba"):
            raise Failed(
                "it has no predict_proba, so its probabilities are 0 and 1",
                "give it predict_proba, or wrap it in CalibratedClassifierCV",
                "warning",
            )
        proba = np.asarray(self.learned.predict_proba(self.X))
        if proba.shape != (len(self.X), 2) or not np.allclose(proba.sum(axis=1), 1) or (proba < 0).any():
            raise Failed(f"predict_proba gives shape {proba.shape}, or rows that do not sum to one")
        return ""

    def lacks_class(self) -> None:
        if self.task != "classification":
            raise Failed("it is no classification", outcome="left out")
        if self.is_network:
            raise Failed("a network has a number for every class from the start", outcome="left out")
        y = self.y.copy()
        y[np.flatnonzero(y == 1)] = 2  # classes 0 and 2 of three: a fold may lack a rare one
        made = self.fit(y=y)
        proba = self.said(made, self.X, (0, 1, 2))
        if proba.shape != (len(self.X), 3) or proba[:, 1].any():
            raise Failed(
                "fitted on the classes 0 and 2 of three, its probabilities are of others",
                "keep classes_ = np.unique(y) in fit, and give a column for each of them",
            )

    def cloned(self) -> None:
        made = self.family.build(dict(self.family.portfolio[0]), Fitting(self.task, 3, n_classes=self.n_classes))
        if not hasattr(made, "get_params"):
            raise Failed("it has no get_params, and noria does not need it", outcome="left out")
        from sklearn.base import clone  # noqa: PLC0415 - only where there is something to clone

        cloned = clone(made)
        if repr(cloned.get_params()) != repr(made.get_params()):
            raise Failed("a clone has other parameters", "__init__ only stores what it is given")

    def twice(self) -> None:
        first, second = self.said(self.fit(), self.X), self.said(self.fit(), self.X)
        if not np.array_equal(first, second):
            raise Failed(
                f"two fits of the same rows answer differently, by up to {np.abs(first - second).max():.2g}",
                "draw from meta.seed alone"
                if self.is_network
                else "take random_state in __init__ and draw from np.random.default_rng(random_state) alone: noria "
                "gives it a seed; without it, noria reproduce cannot make a run again",
            )

    def kept(self) -> str:
        model = TabularModel(
            self.task,
            self.family.name,
            columns_of(self.frame),
            self.preparation,
            self.learned,
            (0, 1) if self.n_classes else None,
        )
        files = formats.save(model, trusted=self.trusted)
        again = cast("TabularModel", formats.load(files, trusted=self.trusted))
        if not np.array_equal(self.said(again.head, self.X), self.said(self.learned, self.X)):
            raise Failed(
                "the model out of the file answers differently",
                "keep all that fit learned in attributes: arrays, numbers, texts, lists, dicts",
            )
        return f"{sum(map(len, files.values())) / 1e3:,.0f} kB"

    def weighted(self) -> None:
        made = self.family.build(dict(self.family.portfolio[0]), Fitting(self.task, 3, n_classes=self.n_classes))
        try:
            cast("Any", made).fit(self.X.copy(), self.y.copy(), sample_weight=np.ones(len(self.X)))
        except TypeError:
            raise Failed(
                "fit takes no sample_weight",
                'without it [model] balance is "over", "under" or "smote", not "class_weight"',
                "warning" if self.task == "classification" else "left out",
            ) from None

    def timed(self) -> str:
        seconds = []
        for rows in (500, 2000):
            X, y = self._more(rows)
            took = []
            for _ in range(2):  # the first fit also loads what the class needs
                start = time.perf_counter()
                self.fit(X, y)
                took.append(time.perf_counter() - start)
            seconds.append(min(took))
        power = float(np.log(max(seconds[1], 1e-6) / max(seconds[0], 1e-6)) / np.log(4))
        said = f"{seconds[1]:.2g} s for 2,000 rows; grows about with the power {max(power, 0):.1f} of the rows"
        if seconds[1] > SLOW_SECONDS:
            raise Failed(said, "raise [model] budget, or learn from fewer rows: [model] rows", "warning")
        return said

    def stops(self) -> str:
        """Interrupt a fit: noria cannot look into it, but an interruption must come through."""
        X, y = self._more(2000)
        begun = time.perf_counter()

        def long() -> None:
            while time.perf_counter() - begun < 20 * self.deadline_seconds:
                self.fit(X, y)

        found = stopped(long, self.deadline_seconds)
        if found is None:
            raise Failed("nothing can be interrupted outside the main thread", outcome="left out")
        if found.swallowed:
            raise Failed(
                "it caught the interruption and went on: a run with it cannot be stopped",
                "write except Exception instead of a bare except or except BaseException",
            )
        if found.late_seconds > LATE_SECONDS:
            raise Failed(
                f"it stopped {found.late_seconds:.1f} s after it was told, when its compiled part was done",
                "noria foretells its time from a part of the rows, and leaves it out where the budget is too small",
                "warning",
            )
        return f"stopped {found.late_seconds * 1e3:.0f} ms after it was told"

    def _more(self, rows: int) -> tuple[NDArray[np.float64], NDArray[np.generic]]:
        frame, y = _rows(self.task, rows)
        return _matrix(self.preparation.transform(frame)), y


def _of_sklearn(trial: _Trial) -> Iterator[Check]:
    """Run the sound part of scikit-learn's own checks."""
    made = trial.family.build(dict(trial.family.portfolio[0]), Fitting(trial.task, 3, n_classes=trial.n_classes))
    if not hasattr(made, "__sklearn_tags__"):
        yield Check(
            "scikit-learn's own checks",
            "left out",
            "it is not derived from BaseEstimator, and noria does not need that",
        )
        return
    from sklearn.utils.estimator_checks import estimator_checks_generator  # noqa: PLC0415 - heavy, and only here

    seen: set[str] = set()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        checks = list(estimator_checks_generator(cast("Any", made), mark="skip"))
    for estimator, check in checks:
        name = str(getattr(getattr(check, "func", check), "__name__", check))
        if name in SOUND and name not in seen:
            seen.add(name)
            yield tried(f"scikit-learn: {name}", partial(_run, check, copy.deepcopy(estimator)))


def _run(check: Callable[[object], object], estimator: object) -> None:
    from unittest import SkipTest  # noqa: PLC0415 - scikit-learn's way of leaving a check out

    try:
        check(estimator)
    except SkipTest as skipped:
        raise Failed(str(skipped), outcome="left out") from None


def _rows(task: Task, n: int) -> tuple[pd.DataFrame, NDArray[np.generic]]:
    import pandas as pd  # noqa: PLC0415 - heavy

    rng = np.random.default_rng(n)
    age, income, score = rng.integers(18, 80, n).astype(float), rng.lognormal(3, 0.5, n), rng.normal(0, 1, n)
    grade = rng.choice(["A", "B", "C"], n)
    signal = 0.05 * age + score + (grade == "A") + rng.normal(0, 0.5, n)
    income[rng.random(n) < 0.1] = np.nan
    frame = pd.DataFrame({"age": age, "income": income, "score": score, "grade": pd.Series(grade, dtype="str")})
    if task == "classification":
        return frame, (signal > np.median(signal)).astype(np.int64)
    return frame, signal if task == "regression" else np.zeros(n, dtype=np.int64)


def _matrix(made: object) -> NDArray[np.float64]:
    matrix = np.asarray(made)
    return np.ascontiguousarray(matrix, dtype=None if matrix.dtype == object else np.float64)


def _same(one: NDArray[np.generic], other: NDArray[np.generic]) -> bool:
    return one.shape == other.shape and bool(((one == other) | ((one != one) & (other != other))).all())
