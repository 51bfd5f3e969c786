"""One model on its locked test rows: every metric with its interval, and what is drawn of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from noria.evaluation import curves
from noria.evaluation.calibration import Calibration, calibration
from noria.evaluation.catalogue import Task
from noria.evaluation.classes import OfClass, of_classes
from noria.evaluation.clustering import space_of
from noria.evaluation.conformal import Conformal, checked
from noria.evaluation.fairness import Fairness, fairness
from noria.evaluation.judged import judged
from noria.evaluation.metrics import METRICS, applicable, get
from noria.evaluation.resampling import Distance, Estimate, distribution, draw, interval, kept_classes, number, ones
from noria.evaluation.slices import Slice, slices
from noria.evaluation.threshold import HALF, Threshold, decided, outcome

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

    from noria.evaluation.judged import Answers, Judged, Label
    from noria.evaluation.threshold import ThresholdRule

__all__ = ["Evaluation", "evaluate"]

_FORMAT = 1
_FEW = 50
_FEW_OF_CLASS = 10
_WORK = 50_000_000  # counts drawn at most, about four seconds for all classification metrics
_T = TypeVar("_T")


@dataclass(frozen=True)
class Evaluation:
    """How a model did on rows it never saw.

    Attributes
    ----------
    task : str
        Classification, regression or clustering.
    n : int
        Test rows.
    metric : str
        The one that decides.
    metrics : mapping of str to Estimate
        All that apply, with percentile bootstrap intervals.
    classes, counts : tuple
        Labels, and test rows of each.
    positive : label or None
        The positive of two classes.
    confusion : tuple of tuples of int, or None
        Rows: truth; columns: prediction; in the order of `classes`.
    of_classes : tuple of OfClass
        Each class against all others, in the order of `classes`.
    roc, ranking, scores, calibration, residuals, clusters
        What is drawn; empty or None where it does not apply.
    slices : mapping of str to tuple of Slice
        By metric, the weakest slice first.
    fairness : tuple of Fairness
        Decisions and errors by protected column.
    conformal : Conformal or None
        Intervals or sets, and how many test rows had the truth inside.
    threshold : Threshold or None
        From which probability on rows are called positive; the likelier class where None.
    notes : tuple of str
        What a reader of the figures must know.
    seed, resamples, level
        Of the bootstrap.
    """

    task: Task
    n: int
    metric: str
    metrics: Mapping[str, Estimate]
    classes: tuple[Label, ...] = ()
    counts: tuple[int, ...] = ()
    positive: Label | None = None
    confusion: tuple[tuple[int, ...], ...] | None = None
    of_classes: tuple[OfClass, ...] = ()
    roc: tuple[curves.Roc, ...] = ()
    ranking: curves.Ranking | None = None
    scores: curves.Scores | None = None
    calibration: Calibration | None = None
    residuals: curves.Residuals | None = None
    clusters: curves.Clusters | None = None
    slices: Mapping[str, tuple[Slice, ...]] = field(default_factory=dict)
    fairness: tuple[Fairness, ...] = ()
    conformal: Conformal | None = None
    threshold: Threshold | None = None
    notes: tuple[str, ...] = ()
    seed: int = 7
    resamples: int = 1000
    level: float = 0.95

    @property
    def value(self) -> float | None:
        """The metric that decides."""
        return self.metrics[self.metric].value

    def to_json(self) -> dict[str, object]:
        """Give it as JSON, without NaN."""
        return {
            "format": _FORMAT,
            "task": self.task,
            "n": self.n,
            "metric": self.metric,
            "metrics": {name: each.to_json() for name, each in self.metrics.items()},
            "classes": list(self.classes),
            "counts": list(self.counts),
            "positive": self.positive,
            "confusion": None if self.confusion is None else [list(row) for row in self.confusion],
            "of_classes": [each.to_json() for each in self.of_classes],
            "roc": [_plain(each) for each in self.roc],
            "ranking": _plain(self.ranking),
            "scores": _plain(self.scores),
            "calibration": None if self.calibration is None else self.calibration.to_json(),
            "residuals": _plain(self.residuals),
            "clusters": _plain(self.clusters),
            "slices": {name: [each.to_json() for each in found] for name, found in self.slices.items()},
            "fairness": [each.to_json() for each in self.fairness],
            "conformal": None if self.conformal is None else self.conformal.to_json(),
            "threshold": None if self.threshold is None else self.threshold.to_json(),
            "notes": list(self.notes),
            "seed": self.seed,
            "resamples": self.resamples,
            "level": self.level,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> Evaluation:
        """Read what `to_json` gave."""
        given = {key: value for key, value in data.items() if key != "format"}
        given["metrics"] = {name: Estimate(**each) for name, each in _mapping(data["metrics"]).items()}
        given["roc"] = tuple(_read(curves.Roc, each) for each in data["roc"])  # type: ignore[attr-defined]
        given["ranking"] = _read(curves.Ranking, data.get("ranking"))  # evaluations of old versions have none
        given["scores"] = _read(curves.Scores, data["scores"])
        given["calibration"] = Calibration.from_json(_mapping(data["calibration"])) if data["calibration"] else None
        given["residuals"] = _read(curves.Residuals, data["residuals"])
        given["clusters"] = _read(curves.Clusters, data["clusters"])
        given["slices"] = {
            name: tuple(Slice.from_json(each) for each in found) for name, found in _mapping(data["slices"]).items()
        }
        # Evaluations of versions before these have none.
        given["of_classes"] = tuple(OfClass.from_json(each) for each in data.get("of_classes", ()))  # type: ignore[attr-defined]
        given["fairness"] = tuple(Fairness.from_json(each) for each in data.get("fairness", ()))  # type: ignore[attr-defined]
        chosen, regions = data.get("threshold"), data.get("conformal")
        given["conformal"] = None if regions is None else Conformal.from_json(_mapping(regions))
        given["threshold"] = None if chosen is None else Threshold.from_json(_mapping(chosen))
        if data["confusion"] is not None:
            given["confusion"] = tuple(tuple(row) for row in data["confusion"])  # type: ignore[attr-defined]
        for name in ("classes", "counts", "notes"):
            given[name] = tuple(data[name])  # type: ignore[arg-type]
        return cls(**given)  # type: ignore[arg-type]


def evaluate(
    task: Task,
    y: ArrayLike | None,
    prediction: Answers,
    *,
    metric: str | None = None,
    classes: Sequence[Label] | None = None,
    positive: Label | None = None,
    frame: pd.DataFrame | None = None,
    space: NDArray[np.float64] | None = None,
    slice_metrics: Sequence[str] = (),
    groups: NDArray[np.generic] | None = None,
    protected: pd.DataFrame | None = None,
    personal: Collection[str] = (),
    conformal: Conformal | None = None,
    conformal_groups: Sequence[str | None] | None = None,
    threshold: Threshold | None = None,
    rule: ThresholdRule | None = None,
    seed: int = 7,
    resamples: int = 1000,
    level: float = 0.95,
) -> Evaluation:
    """Judge a prediction by every metric of its task.

    Parameters
    ----------
    task : str
        Classification, regression or clustering.
    y : array, shape (n_rows,), or None
        The truth; None in clustering.
    prediction : Prediction
        Of the same rows.
    metric : str, optional
        The one that decides: ROC AUC, RMSE or silhouette by default.
    classes, positive
        See `noria.evaluation.judged.judged`.
    frame : DataFrame, optional
        Columns to look for weak slices in; for clustering also the coordinates, unless `space` gives them.
    space : ndarray, shape (n_rows, n_dimensions), optional
        Where clusters lie.
    slice_metrics : sequence of str
        Metrics to look for weak slices in, besides the one that decides.
    groups : ndarray, shape (n_rows,), optional
        Rows of one group (a customer, a device) depend on each other; the bootstrap then draws whole groups.
    protected : DataFrame, optional
        Columns nobody may be treated differently for, in the same order of rows.
    personal : collection of str
        Columns whose values may not be shown: no slices are cut by them, and groups of them get numbers.
    conformal, conformal_groups : Conformal and sequence of str or None, optional
        Found on other rows; the group of each of these rows in its column ``by``.
    threshold, rule : Threshold and ThresholdRule, optional
        Decides the labels of two classes; chosen on other rows by that rule.
    seed, resamples, level
        Of the bootstrap. Over 50,000 rows fewer resamples are drawn, at least 200.

    Raises
    ------
    WrongData
        No rows, unequal lengths, missing or infinite predictions.
    WrongSetting
        The metric does not exist or does not fit, or `positive` is not a class.

    Examples
    --------
    >>> from noria.evaluation.judged import Prediction
    >>> found = evaluate("regression", np.arange(100.0), Prediction(np.arange(100.0) + 1), resamples=50)
    >>> found.metrics["rmse"]
    Estimate(value=1.0, low=1.0, high=1.0)
    """
    deciding = get(metric, task)
    if task == "clustering" and space is None and frame is not None:
        space = space_of(frame)
    if threshold is not None:
        prediction = decided(prediction, threshold.value, positive)
    rows = judged(task, y, prediction, classes=classes, positive=positive, space=space)
    resamples = min(resamples, max(200, _WORK // rows.n))
    metrics = _estimates(rows, groups, seed, resamples, level)
    metrics.setdefault(deciding.name, Estimate(None))
    wanted = [get(name, task) for name in dict.fromkeys((deciding.name, *slice_metrics))]
    usable = [each for each in wanted if metrics.get(each.name, Estimate(None)).value is not None]
    shown = None
    if frame is not None and task != "clustering":
        shown = frame.drop(columns=[name for name in frame.columns if name in personal])
    counts = (
        np.bincount(rows.truth.astype(np.int64), minlength=len(rows.classes)).astype(np.int64)
        if rows.classes
        else np.empty(0, np.int64)
    )
    return Evaluation(
        task,
        rows.n,
        deciding.name,
        metrics,
        classes=rows.classes,
        counts=tuple(int(count) for count in counts),
        positive=None if rows.positive is None else rows.classes[rows.positive],
        confusion=_confusion(rows) if task == "classification" else None,
        of_classes=of_classes(rows, groups, level) if task == "classification" else (),
        roc=curves.roc(rows, seed=seed, level=level, groups=groups) if task == "classification" else (),
        ranking=curves.ranking(rows, seed=seed, level=level, groups=groups) if task == "classification" else None,
        scores=curves.scores(rows),
        calibration=_calibration(rows, groups),
        residuals=curves.residuals(rows, seed=seed) if task == "regression" else None,
        clusters=curves.clusters(rows, seed=seed) if task == "clustering" else None,
        slices={each.name: slices(rows, shown, each, seed=seed, level=level) for each in usable}
        if shown is not None
        else {},
        fairness=()
        if protected is None
        else fairness(rows, protected, personal=personal, groups=groups, seed=seed, resamples=resamples, level=level),
        conformal=None
        if conformal is None or y is None
        else _covered(conformal, y, prediction, conformal_groups, groups),
        threshold=_looked_back(threshold, rule, rows, groups, seed, resamples, level),
        notes=(*rows.notes, *_notes(rows, counts, metrics)),
        seed=seed,
        resamples=resamples,
        level=level,
    )


def _covered(
    conformal: Conformal,
    y: ArrayLike,
    said: Answers,
    groups: Sequence[str | None] | None,
    clusters: NDArray[np.generic] | None,
) -> Conformal:
    """See how many rows have the truth inside."""
    values = np.asarray(said.values, dtype=np.float64) if said.proba is None else said.proba
    classes = None if said.proba is None else said.classes
    return checked(conformal, np.asarray(y), values, classes, groups=groups, clusters=clusters)


def _looked_back(
    threshold: Threshold | None,
    rule: ThresholdRule | None,
    rows: Judged,
    groups: NDArray[np.generic] | None,
    seed: int,
    resamples: int,
    level: float,
) -> Threshold | None:
    """Say what the chosen threshold comes to on these rows, and what one half would."""
    if threshold is None or rule is None or rows.positive is None or rows.proba is None:
        return threshold
    hit, score = rows.truth == rows.positive, rows.score
    return replace(
        threshold,
        test=outcome(hit, score, threshold.value, rule, groups=groups, seed=seed, resamples=resamples, level=level),
        test_half=outcome(hit, score, HALF, rule, groups=groups, seed=seed, resamples=resamples, level=level),
    )


def _estimates(
    rows: Judged, groups: NDArray[np.generic] | None, seed: int, resamples: int, level: float
) -> dict[str, Estimate]:
    statistics = {metric.name: metric.prepare(rows) for metric in applicable(rows)}
    weights = ones(rows.n)
    values = {name: float(statistic(weights)[0]) for name, statistic in statistics.items()}
    defined = {
        name: statistic.scaled(rows.n) if isinstance(statistic, Distance) else statistic
        for name, statistic in statistics.items()
        if np.isfinite(values[name])
    }
    if rows.n < 2:
        return {name: Estimate(number(value)) for name, value in values.items()}
    strata = kept_classes(rows.truth) if rows.task == "classification" else None
    drawn = distribution(defined, draw(rows.n, resamples, seed=seed, strata=strata, groups=groups))
    return {
        name: Estimate(value, *_interval(name, drawn[name], value, level)) if name in defined else Estimate(None)
        for name, value in values.items()
    }


def _interval(
    name: str, drawn: NDArray[np.float64], value: float | None, level: float
) -> tuple[float | None, float | None]:
    if not METRICS[name].biased:
        return interval(drawn, level)
    low, high = interval(drawn, level, around=value)
    return low, high if high is None else min(high, 1.0)  # distances of shares


def _confusion(rows: Judged) -> tuple[tuple[int, ...], ...]:
    k = len(rows.classes)
    cells = np.bincount((rows.truth * k + rows.predicted).astype(np.int64), minlength=k * k).reshape(k, k)
    return tuple(tuple(row) for row in cells.tolist())


def _calibration(rows: Judged, groups: NDArray[np.generic] | None) -> Calibration | None:
    if rows.positive is None or rows.proba is None:
        return None
    return calibration(rows.score, rows.truth == rows.positive, groups=groups)


def _notes(rows: Judged, counts: NDArray[np.int64], metrics: Mapping[str, Estimate]) -> list[str]:
    notes = []
    if rows.n < _FEW:
        notes.append(f"only {rows.n} test rows: the intervals are rough")
    if rows.task == "classification":
        present = int((counts > 0).sum())
        if present == 1:
            only = rows.classes[int(np.argmax(counts))]
            notes.append(f"every test row has the class {only!r}: metrics that compare classes are not defined")
        elif 0 < int(counts[counts > 0].min()) < _FEW_OF_CLASS:
            rare = rows.classes[int(np.argmin(np.where(counts > 0, counts, rows.n + 1)))]
            notes.append(f"only {int(counts[counts > 0].min())} test rows have the class {rare!r}: intervals are rough")
    if rows.n > 1 and (rows.predicted == rows.predicted[0]).all():
        answer = rows.classes[int(rows.predicted[0])] if rows.classes else f"{float(rows.predicted[0]):.4g}"
        notes.append(f"the model gives every test row the same answer, {answer}")
    undefined = [name for name, each in metrics.items() if each.value is None]
    if undefined:
        notes.append("not defined on these rows: " + ", ".join(undefined))
    return notes


def _plain(value: object) -> dict[str, object] | None:
    if value is None:
        return None
    return {name: list(each) if isinstance(each, tuple) else each for name, each in vars(value).items()}


def _read(kind: type[_T], data: object) -> _T | None:
    if data is None:
        return None
    return kind(**{name: tuple(each) if isinstance(each, list) else each for name, each in _mapping(data).items()})


def _mapping(data: object) -> Mapping[str, Any]:
    assert isinstance(data, Mapping)  # noqa: S101 - our own JSON
    return data
