"""The reference of a model version: how its features, its answers and its metrics looked when it was judged."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from noria.monitoring.counts import FeatureCounts, WindowCounts, count
from noria.monitoring.profile import FeatureProfile, learn, profile_from_json
from noria.predictions.entry import FEATURE
from noria.scoring.answers import label_text

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

__all__ = ["Expected", "Reference", "learn_reference", "reference_from_json"]

FORMAT = 1
PREDICTION = "prediction"


@dataclass(frozen=True)
class Expected:
    """A metric on the held-out rows, with its 95 % interval."""

    value: float
    low: float
    high: float
    rows: int

    @property
    def error(self) -> float:
        """Standard error that the interval stands for."""
        return max(self.high - self.low, 0.0) / (2 * 1.959963984540054)


@dataclass(frozen=True)
class Reference:
    """What a window is compared with. Stored with the version as ``reference.json``.

    Parameters
    ----------
    features : mapping of str to FeatureProfile
        From all rows the version was trained on.
    prediction : FeatureProfile or None
        Of the score (probability of the positive class, or the value), from held-out rows only;
        of the predicted class where there is no single score.
    metric : str
        The one the version was chosen by.
    metrics : mapping of str to Expected
        On the held-out rows.
    task : str
        ``classification``, ``regression`` or ``clustering``.
    positive : str or None
        The positive class of a two-class task.
    classes : tuple of str
        All classes, as text.
    """

    features: Mapping[str, FeatureProfile]
    prediction: FeatureProfile | None = None
    metric: str = ""
    metrics: Mapping[str, Expected] = field(default_factory=dict)
    task: str = "classification"
    positive: str | None = None
    classes: tuple[str, ...] = ()

    def count(self, log: pa.Table) -> WindowCounts:
        """Count the rows of the prediction log (columns ``x.<feature>``, ``score``, ``prediction``).

        A feature the log lacks counts as missing in every row: that is what the model got.
        """
        rows = log.num_rows
        nothing = pa.nulls(rows)
        features = {}
        for name, profile in self.features.items():
            column = FEATURE + name
            features[name] = count(profile, log[column] if column in log.column_names else nothing)
        prediction: FeatureCounts | None = None
        if self.prediction is not None:
            column = "score" if self.prediction.kind == "numeric" else "prediction"
            prediction = count(self.prediction, log[column] if column in log.column_names else nothing)
        return WindowCounts(rows, features, prediction)

    def to_json(self) -> dict[str, object]:
        """Give plain JSON."""
        return {
            "format": FORMAT,
            "features": [profile.to_json() for profile in self.features.values()],
            "prediction": None if self.prediction is None else self.prediction.to_json(),
            "metric": self.metric,
            "metrics": {
                name: {"value": e.value, "low": e.low, "high": e.high, "rows": e.rows}
                for name, e in self.metrics.items()
            },
            "task": self.task,
            "positive": self.positive,
            "classes": list(self.classes),
        }


def learn_reference(
    table: pa.Table,
    columns: Sequence[tuple[str, str]],
    *,
    score: np.ndarray | None = None,
    metric: str = "",
    metrics: Mapping[str, tuple[float, float, float]] | None = None,
    rows: int = 0,
    task: str = "classification",
    positive: str | None = None,
    classes: Sequence[object] = (),
    pii: Collection[str] = (),
) -> Reference:
    """Profile a version when it is made.

    Parameters
    ----------
    table : Table
        The rows the version was trained on.
    columns : sequence of (name, type)
        Its features with their types in the dataset's schema. Timestamps are left out: time always moves on.
    score : ndarray, shape (n_held_out,)
        Answers on the held-out rows: float scores (P(positive), the value), or class labels.
    metric : str
        Name of the metric the version was chosen by.
    metrics : mapping of str to (value, low, high)
        On the held-out rows, with 95 % interval. Those without finite bounds are left out.
    rows : int
        Held-out rows the metrics come from.
    task, positive, classes
        As in the project file; classes in the model's order.
    pii : collection of str
        Columns of which only the missing share may be kept.

    Examples
    --------
    >>> table = pa.table({"age": [20, 30, 40], "grade": ["A", "B", "A"]})
    >>> reference = learn_reference(table, [("age", "int"), ("grade", "category")], score=np.array([0.2, 0.7]))
    >>> sorted(reference.features), reference.prediction.kind
    (['age', 'grade'], 'numeric')
    """
    features = {
        name: learn(name, table[name], type_, pii=name in pii) for name, type_ in columns if type_ != "timestamp"
    }
    prediction = None
    if score is not None and len(score):
        plain = np.asarray(score)
        numeric = np.issubdtype(plain.dtype, np.floating)
        values = pa.array(plain) if numeric else pa.array([label_text(value) for value in plain.tolist()])
        prediction = learn(PREDICTION, values, "float" if numeric else "category")
    expected = {
        name: Expected(float(value), float(low), float(high), rows)
        for name, (value, low, high) in (metrics or {}).items()
        if np.isfinite([value, low, high]).all()
    }
    return Reference(
        features,
        prediction,
        metric,
        expected,
        task,
        None if positive is None else label_text(positive),
        tuple(label_text(value) for value in classes),
    )


def reference_from_json(plain: Mapping[str, object]) -> Reference:
    """Read what `Reference.to_json` wrote."""
    profiles = [profile_from_json(entry) for entry in plain["features"]]  # type: ignore[attr-defined]
    prediction = plain.get("prediction")
    metrics: Mapping[str, Mapping[str, float]] = plain.get("metrics", {})  # type: ignore[assignment]
    return Reference(
        {profile.name: profile for profile in profiles},
        None if prediction is None else profile_from_json(prediction),  # type: ignore[arg-type]
        str(plain.get("metric", "")),
        {name: Expected(e["value"], e["low"], e["high"], int(e["rows"])) for name, e in metrics.items()},
        str(plain.get("task", "classification")),
        plain.get("positive"),  # type: ignore[arg-type]
        tuple(plain.get("classes", ())),  # type: ignore[arg-type]
    )
