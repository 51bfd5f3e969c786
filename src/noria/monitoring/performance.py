"""How well a window's answers turned out, once the labels are in, against the held-out reference."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy import special

from noria.evaluation.comparison import default_margin
from noria.evaluation.judged import Prediction, judged
from noria.evaluation.metrics import METRICS, get
from noria.monitoring.estimate import Realised, estimate

if TYPE_CHECKING:
    from noria.evaluation.catalogue import Task
    from noria.monitoring.reference import Expected, Reference

__all__ = ["MATURE", "Performance", "PerformanceVerdict", "judge"]

PerformanceVerdict = Literal["worse", "suspect", "fine", "insufficient", "immature", "unknown"]

MATURE = 0.9
"""Share of labels from which a window is judged early: before that the early labels are a biased sample."""
_PER_CLASS = 30
_FALLBACKS = {"classification": ("roc_auc", "accuracy"), "regression": ("rmse", "mae")}


@dataclass(frozen=True)
class Performance:
    """A metric of one window, and what it means.

    Parameters
    ----------
    metric : str
        Name; empty where none of the version's metrics can be computed from the log.
    value, low, high : float or None
        With its 95 % interval.
    rows, answered : int
        Labelled rows, and all answers of the window.
    verdict : str
        ``worse``: proven, beyond the margin, by a one-sided test against the held-out rows;
        ``suspect``: below the margin, not proven; ``fine``; ``insufficient``: under 30 of a class, or 30 rows;
        ``immature``: labels are still to come; ``unknown``: no reference for it.
    reference, reference_low, reference_high : float or None
        On the held-out rows.
    difference : float or None
        Window less reference, turned so that higher is better.
    margin : float or None
        Loss that does not matter.
    bound : float or None
        Upper confidence bound of the difference at the level asked for; below -margin is proven worse.
    pooled : int
        Windows judged together.
    """

    metric: str
    value: float | None
    low: float | None
    high: float | None
    rows: int
    answered: int
    verdict: PerformanceVerdict
    reference: float | None = None
    reference_low: float | None = None
    reference_high: float | None = None
    difference: float | None = None
    margin: float | None = None
    bound: float | None = None
    pooled: int = 1

    @property
    def matured(self) -> float:
        """Share of the answers whose label has come."""
        return self.rows / self.answered if self.answered else 0.0

    @property
    def text(self) -> str:
        """One line for people."""
        if self.value is None or self.reference is None:
            return f"{self.metric or 'performance'}: {self.verdict}, {self.rows} of {self.answered} labels"
        says = {"worse": "is proven worse than", "suspect": "is below, not proven,", "fine": "holds against"}
        return (
            f"{self.metric} {self.value:.4g} [{self.low:.4g}, {self.high:.4g}] "
            f"{says.get(self.verdict, 'so far, against')} {self.reference:.4g} on the held-out rows"
        )

    def to_json(self) -> dict[str, object]:
        """Give plain JSON."""
        return {**asdict(self), "matured": self.matured}


def judge(
    reference: Reference,
    *,
    truth: np.ndarray,
    prediction: Prediction,
    answered: int,
    due: bool,
    level: float = 0.05,
    margin: float | None = None,
    seed: int = 0,
    groups: np.ndarray | None = None,
) -> Performance:
    """Judge a window by the labels that have come.

    Parameters
    ----------
    reference : Reference
        Of the version that answered.
    truth : ndarray of str or float, shape (n,)
        Labels: text for classes, numbers for regression.
    prediction : Prediction
        What was answered to the same rows.
    answered : int
        All answers of the window, labelled or not.
    due : bool
        Whether the time has passed that labels take.
    level : float
        One-sided level of "proven worse".
    margin : float, optional
        Loss that does not matter; see `noria.evaluation.comparison.default_margin`.
    seed : int
        Of the bootstrap, where the metric has no better interval.
    groups : ndarray of int, shape (n,), optional
        Rows of one group (a customer, a device) depend on each other; all of one group prove nothing.

    Returns
    -------
    Performance
    """
    rows = len(truth)
    name = _metric(reference, has_chances=prediction.proba is not None)
    if not name:
        return Performance("", None, None, None, rows, answered, "unknown")
    mature = due or (answered > 0 and rows >= MATURE * answered)
    realised = None
    if _enough(reference, truth):
        task: Task = "regression" if reference.task == "regression" else "classification"
        classes = reference.classes or None
        positive = reference.positive if len(reference.classes) == 2 else None
        rated = judged(task, truth, prediction, classes=classes, positive=positive)
        realised = estimate(name, rated, seed=seed, groups=groups)
    if realised is None:
        return Performance(name, None, None, None, rows, answered, "insufficient" if mature else "immature")
    return _compare(name, realised, reference.metrics[name], answered, mature=mature, level=level, margin=margin)


def _compare(
    name: str,
    realised: Realised,
    expected: Expected,
    answered: int,
    *,
    mature: bool,
    level: float,
    margin: float | None,
) -> Performance:
    metric = get(name)
    difference = metric.improvement(realised.value - expected.value)
    error = float(np.hypot(realised.error, expected.error))
    allowed = margin if margin is not None else default_margin(metric, expected.value)
    bound = difference - float(special.ndtri(level)) * error
    verdict: PerformanceVerdict = "fine"
    if bound < -allowed:
        verdict = "worse"
    elif difference < -allowed:
        verdict = "suspect"
    return Performance(
        name,
        realised.value,
        realised.low,
        realised.high,
        realised.rows,
        answered,
        verdict if mature else "immature",
        expected.value,
        expected.low,
        expected.high,
        difference,
        allowed,
        bound,
    )


def _metric(reference: Reference, *, has_chances: bool) -> str:
    """Choose the version's own metric if labels can give it, else the nearest that they can.

    A metric that small samples alone move upwards (a calibration error, a distance) does not compare a window with
    held-out rows of another number.
    """
    if reference.task == "clustering":
        return ""
    names: tuple[str, ...] = (reference.metric, *_FALLBACKS.get(reference.task, ()))
    for name in names:
        if name in reference.metrics and name in METRICS:
            metric = METRICS[name]
            if metric.task == reference.task and not metric.biased and (has_chances or metric.needs != "proba"):
                return name
    return ""


def _enough(reference: Reference, truth: np.ndarray) -> bool:
    if len(truth) < _PER_CLASS:
        return False
    if reference.task == "regression":
        return True
    _, counts = np.unique(truth, return_counts=True)
    least = _PER_CLASS if len(reference.classes) == 2 or reference.positive is not None else 1
    return len(counts) > 1 and int(counts.min()) >= least
