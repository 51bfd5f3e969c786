"""What a model says as one column changes and all others stay: the shape it has learned."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from noria.evaluation.judged import place_of

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from noria.evaluation.judged import Answers, Label

__all__ = ["Curve", "Partial", "partial_dependence"]

Kind = Literal["number", "category", "time"]

_MOST_LEVELS = 12
_MOST_CLASSES = 4
_TEXTS = 50
"""More different texts than this are no categories."""


@dataclass(frozen=True)
class Curve:
    """The answer along a column.

    Parameters
    ----------
    name : str
        The class whose probability it is, or "value".
    mean : tuple of float
        Over the rows, at each value of the column.
    low, high : tuple of float
        A tenth of the rows lie below, a tenth above.
    """

    name: str
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True)
class Partial:
    """One column's shape.

    Parameters
    ----------
    feature : str
        The column.
    kind : Kind
        What its values are.
    values : tuple
        Where the model was asked: numbers, texts, or times in ISO form.
    curves : tuple of Curve
        One, or one a class.
    rows : int
        Test rows that were asked with each value.
    """

    feature: str
    kind: Kind
    values: tuple[float | str, ...]
    curves: tuple[Curve, ...]
    rows: int

    def to_json(self) -> dict[str, object]:
        """Give the fields as JSON."""
        curves = [{**vars(each), "mean": list(each.mean), "low": list(each.low), "high": list(each.high)}
                  for each in self.curves]  # fmt: skip
        return {"feature": self.feature, "kind": self.kind, "values": list(self.values), "curves": curves,
                "rows": self.rows}  # fmt: skip


def partial_dependence(
    ask: Callable[[pd.DataFrame], Answers],
    frame: pd.DataFrame,
    feature: str,
    *,
    positive: Label | None = None,
    points: int = 15,
    rows: int = 200,
    seed: int = 7,
) -> Partial | None:
    """Ask every row as if it had each of a column's values.

    Where columns depend on each other, some of these rows cannot exist; the band of tenths shows how far rows differ.

    Parameters
    ----------
    ask : callable
        Answers rows.
    frame : DataFrame
        Test rows.
    feature : str
        The column.
    positive : label, optional
        Of two classes: whose probability is followed; the last when left out.
    points, rows, seed : int
        Values of a number, placed by quantiles from the 2nd to the 98th of a hundred; test rows at most.

    Returns
    -------
    Partial or None
        None where the column has one value only, or texts too many to be categories.

    References
    ----------
    Friedman, J. H. (2001). Greedy function approximation: a gradient boosting machine. Annals of Statistics 29(5).
    Goldstein, A., Kapelner, A., Bleich, J. and Pitkin, E. (2015). Peeking inside the black box: visualizing
    statistical learning with plots of individual conditional expectation. J. Comp. Graphical Statistics 24(1).

    Examples
    --------
    >>> import pandas as pd
    >>> from noria.evaluation.judged import Prediction
    >>> X = pd.DataFrame({"age": [1.0, 2.0, 3.0], "idle": [0.0, 1.0, 2.0]})
    >>> found = partial_dependence(lambda rows: Prediction(2 * rows["age"].to_numpy()), X, "age", points=2)
    >>> [round(value, 2) for value in found.curves[0].mean]
    [2.08, 5.92]
    """
    import pandas as pd  # noqa: PLC0415 - heavy, and only asked for where a frame is

    placed = _values(frame[feature], points)
    if placed is None or len(placed[1]) < 2:
        return None
    kind, values, written = placed
    rng = np.random.default_rng(seed)
    sample = frame.iloc[np.sort(rng.permutation(len(frame))[:rows])]
    asked = pd.concat([sample] * len(values), ignore_index=True)
    asked[feature] = pd.Series(np.repeat(values, len(sample)), dtype=frame[feature].dtype)
    said = ask(asked)
    curves = tuple(
        _curve(name, answers.reshape(len(values), len(sample))) for name, answers in _followed(said, positive)
    )
    return Partial(feature, kind, written, curves, len(sample))


def _values(
    column: pd.Series[float], points: int
) -> tuple[Kind, NDArray[np.generic] | list[str], tuple[float | str, ...]] | None:
    present = column.dropna()
    if len(present) == 0:
        return None
    if column.dtype.kind == "M":
        stamps = np.unique(np.quantile(present.astype("int64"), _shares(points)).astype(np.int64))
        found: NDArray[np.datetime64] = stamps.view(present.to_numpy().dtype)
        return "time", found, tuple(np.datetime_as_string(found, unit="s").tolist())
    if column.dtype.kind in "biuf":
        numbers = present.to_numpy(dtype=np.float64)
        numbers = numbers[np.isfinite(numbers)]
        distinct = np.unique(numbers)
        grid = distinct if len(distinct) <= points else np.unique(np.quantile(numbers, _shares(points)))
        return "number", grid, tuple(grid.tolist())
    counts = present.astype(str).value_counts()
    if len(counts) > _TEXTS:
        return None
    levels = [str(level) for level in counts.index[:_MOST_LEVELS]]
    return "category", levels, tuple(levels)


def _shares(points: int) -> NDArray[np.float64]:
    return np.linspace(0.02, 0.98, points)


def _followed(said: Answers, positive: Label | None) -> list[tuple[str, NDArray[np.float64]]]:
    if said.proba is None or said.classes is None:
        return [("value", np.asarray(said.values, dtype=np.float64))]
    labels = [str(label) for label in said.classes]
    if len(labels) == 2:
        place = None if positive is None else place_of(positive, said.classes)
        at = 1 if place is None else place
        return [(labels[at], np.asarray(said.proba)[:, at])]
    weight = np.asarray(said.proba).mean(axis=0)
    return [(labels[at], np.asarray(said.proba)[:, at]) for at in np.sort(np.argsort(-weight)[:_MOST_CLASSES])]


def _curve(name: str, answers: NDArray[np.float64]) -> Curve:
    low, high = np.quantile(answers, [0.1, 0.9], axis=1)
    return Curve(name, tuple(answers.mean(axis=1).tolist()), tuple(low.tolist()), tuple(high.tolist()))
