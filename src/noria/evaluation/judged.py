"""A prediction beside the truth: aligned, checked and encoded once, so that every statistic can trust it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

from noria.errors import WrongData, WrongSetting, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from noria.evaluation.catalogue import Task

__all__ = ["Answers", "Judged", "Label", "Prediction", "Predictor", "judged", "missing_from", "place_of", "predicted"]

Label = str | int | float | bool
_SUM_TOLERANCE = 1e-3
_SHOWN = 20


class Predictor(Protocol):
    """What a fitted model must offer to be judged."""

    @property
    def classes(self) -> Sequence[Label] | None:
        """Labels of the probability columns; None without classes."""

    def predict(self, frame: object, /) -> NDArray[np.generic]:
        """Give a label or a value per row."""

    def predict_proba(self, frame: object, /) -> NDArray[np.float64]:
        """Give a probability per row and class."""


class Answers(Protocol):
    """What a model said of some rows; `Prediction` is ours, training has its own."""

    @property
    def values(self) -> NDArray[np.generic]:
        """Labels, values or cluster labels."""

    @property
    def proba(self) -> NDArray[np.float64] | None:
        """Probabilities."""

    @property
    def classes(self) -> tuple[Label, ...] | None:
        """What the columns of the probabilities stand for."""


@dataclass(frozen=True)
class Prediction:
    """What a model said of some rows.

    Parameters
    ----------
    values : ndarray, shape (n_rows,)
        Labels, values in the target's units, or cluster labels (-1 is noise).
    proba : ndarray of float, shape (n_rows, n_classes), optional
        Probabilities; rows sum to one.
    classes : sequence of labels, optional
        What the columns of `proba` stand for.
    """

    values: NDArray[np.generic]
    proba: NDArray[np.float64] | None = None
    classes: tuple[Label, ...] | None = None

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> Prediction:
        """Keep some rows."""
        return Prediction(self.values[rows], None if self.proba is None else self.proba[rows], self.classes)


@dataclass(frozen=True)
class Judged:
    """Truth and prediction of the same rows.

    Attributes
    ----------
    task : str
        Which of the fields below mean something.
    truth, predicted : ndarray, shape (n_rows,)
        Positions in `classes` (int64), values (float64) or cluster labels (int64).
    proba : ndarray, shape (n_rows, n_classes) or None
        Probabilities.
    classes : tuple
        Labels, the model's first, then those it never saw.
    positive : int or None
        Position of the positive class; None for more than two.
    space : ndarray, shape (n_rows, n_dimensions) or None
        Where clusters lie.
    notes : tuple of str
        What a reader of the figures must know.
    """

    task: Task
    truth: NDArray[np.int64] | NDArray[np.float64]
    predicted: NDArray[np.int64] | NDArray[np.float64]
    proba: NDArray[np.float64] | None = None
    classes: tuple[Label, ...] = ()
    positive: int | None = None
    space: NDArray[np.float64] | None = None
    notes: tuple[str, ...] = field(default=())

    @property
    def n(self) -> int:
        """Rows."""
        return len(self.predicted)

    @property
    def score(self) -> NDArray[np.float64]:
        """P(positive) of each row, for two classes."""
        assert self.proba is not None  # noqa: S101 - callers ask `positive` first
        assert self.positive is not None  # noqa: S101
        return self.proba[:, self.positive]

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> Judged:
        """Keep some rows."""
        return Judged(
            self.task,
            self.truth[rows],
            self.predicted[rows],
            None if self.proba is None else self.proba[rows],
            self.classes,
            self.positive,
            None if self.space is None else self.space[rows],
        )


def predicted(model: Predictor, frame: object, task: Task) -> Prediction:
    """Ask a model for everything its evaluation needs.

    Parameters
    ----------
    model : Predictor
        A fitted model.
    frame : DataFrame
        Feature rows.
    task : str
        Probabilities are asked for in classification only.
    """
    values = np.asarray(model.predict(frame))
    if task != "classification" or model.classes is None:
        return Prediction(values)
    return Prediction(values, np.asarray(model.predict_proba(frame), dtype=np.float64), tuple(model.classes))


def judged(
    task: Task,
    y: ArrayLike | None,
    prediction: Answers,
    *,
    classes: Sequence[Label] | None = None,
    positive: Label | None = None,
    space: NDArray[np.float64] | None = None,
) -> Judged:
    """Check a prediction against the truth and encode both.

    Parameters
    ----------
    task : str
        Classification, regression or clustering.
    y : array, shape (n_rows,), or None
        The truth; None in clustering.
    prediction : Prediction, or anything with its fields
        Of the same rows.
    classes : sequence, optional
        All labels, in the order of the probability columns; the prediction's own by default, else those found.
    positive : label, optional
        The positive of two classes; the last by default. Matched by its text too, as TOML knows ``1`` and ``"1"``.
    space : ndarray, shape (n_rows, n_dimensions), optional
        Numeric coordinates for clustering metrics.

    Raises
    ------
    WrongData
        No rows, unequal lengths, missing or infinite values, or probabilities that are none.
    WrongSetting
        `positive` is not one of the classes.

    Examples
    --------
    >>> rows = judged("classification", ["no", "yes"], Prediction(np.array(["no", "no"])), positive="yes")
    >>> rows.truth.tolist(), rows.predicted.tolist(), rows.positive
    ([0, 1], [0, 0], 1)
    """
    n = len(prediction.values)
    if n == 0:
        raise WrongData("there are no rows to evaluate on", mend="a larger [split] test", code="N-EVAL-010")
    if task == "clustering":
        return Judged(task, np.zeros(n, np.int64), _clusters(prediction.values), space=_space(space, n))
    if y is None or len(np.asarray(y)) != n:
        got = "no truth" if y is None else f"{len(np.asarray(y))} true values"
        raise WrongData(f"{n} predictions came with {got}", why="each row needs both", code="N-EVAL-011")
    if task == "regression":
        return Judged(task, _numbers(y, "target"), _numbers(prediction.values, "prediction"))
    return _classified(np.asarray(y), prediction, classes, positive)


def _classified(
    y: NDArray[np.generic], prediction: Answers, classes: Sequence[Label] | None, positive: Label | None
) -> Judged:
    given = prediction.classes if prediction.classes is not None else classes
    known = tuple(_plain(label) for label in given) if given is not None else ()
    labels, notes = known, []
    told, said = _codes(y, known), _codes(prediction.values, known)
    if told is None or said is None:
        truth, values = _labels(y, "target"), _labels(prediction.values, "prediction")
        found = sorted({*truth, *values} - set(known), key=lambda label: (type(label).__name__, label))
        if known and found:
            unseen = ", ".join(map(repr, found))
            rows = sum(label in set(found) for label in truth)
            notes.append(f"the model has never seen the class {unseen} ({rows} test rows); it gives it no probability")
        labels = known + tuple(found)
        position = {label: number for number, label in enumerate(labels)}
        told, said = (np.array([position[label] for label in each], dtype=np.int64) for each in (truth, values))
    return Judged(
        "classification",
        told,
        said,
        None if prediction.proba is None else _probabilities(prediction.proba, len(y), len(known), len(labels)),
        labels,
        _positive(positive, labels),
        notes=tuple(notes),
    )


def _codes(values: NDArray[np.generic], labels: Sequence[Label]) -> NDArray[np.int64] | None:
    """Give the position of each value among the labels; None where one is none of them.

    A label finds itself in whatever type it comes: of 1, 1.0 and numpy's 1 the hash is the same.
    """
    position = {label: number for number, label in enumerate(labels)}
    try:
        return np.fromiter(map(position.__getitem__, values.tolist()), dtype=np.int64, count=len(values))
    except (KeyError, TypeError):
        return None


def _positive(wanted: Label | None, labels: tuple[Label, ...]) -> int | None:
    if len(labels) != 2:
        return None  # one class has no other to be told from; of many none is special
    return 1 if wanted is None else _find(wanted, labels)


def place_of(wanted: Label, labels: Sequence[Label]) -> int | None:
    """Find the class that is meant, the same one wherever it is asked: itself first, else by its text.

    Examples
    --------
    >>> place_of(0, (False, True)), place_of("yes", ("YES", "yes")), place_of("true", (False, True)), place_of(7, "ab")
    (0, 1, 1, None)
    """
    exact = [number for number, label in enumerate(labels) if label == wanted]
    alike = [number for number, label in enumerate(labels) if str(label).lower() == str(wanted).lower()]
    return next(iter(exact + alike), None)


def missing_from(labels: Sequence[Label], wanted: Label) -> str:
    """Say that a class is none of these, and which may be meant.

    Examples
    --------
    >>> missing_from(("yes", "no"), "yess")
    "not among the classes 'yes', 'no'; did you mean 'yes'?"
    """
    texts = [str(label) for label in labels]
    more = f" and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
    hint = did_you_mean(str(wanted), texts)
    return f"not among the classes {', '.join(map(repr, texts[:_SHOWN]))}{more}" + (f"; {hint}" if hint else "")


def _find(wanted: Label, labels: tuple[Label, ...]) -> int:
    found = place_of(wanted, labels)
    if found is not None:
        return found
    raise WrongSetting(
        f"the positive class {wanted!r} is {missing_from(labels, wanted)}",
        mend=f"[data]\npositive = {str(labels[-1])!r}",
        code="N-EVAL-003",
    )


def _probabilities(proba: NDArray[np.float64], n: int, known: int, wanted: int) -> NDArray[np.float64]:
    values = np.asarray(proba, dtype=np.float64)
    if values.ndim == 1 and known <= 2:
        values = np.column_stack([1 - values, values])
    if values.ndim != 2 or values.shape[0] != n or (known and values.shape[1] != known):
        raise WrongData(
            f"probabilities have the shape {values.shape}",
            why=f"expected {n} rows and {known or wanted} classes",
            code="N-EVAL-012",
        )
    bad = int((~np.isfinite(values).all(axis=1)).sum())
    if bad:
        raise _unusable(bad, n, "prediction")
    off = np.abs(values.sum(axis=1) - 1).max()
    if values.min() < -_SUM_TOLERANCE or off > _SUM_TOLERANCE:
        raise WrongData(
            "the model's probabilities are none",
            why=f"the least is {values.min():g}, and a row's sum is off one by {off:g}",
            mend="give predict_proba an estimator with calibrated probabilities",
            code="N-EVAL-013",
        )
    padded = np.zeros((n, wanted))
    padded[:, : values.shape[1]] = np.clip(values, 0.0, 1.0)
    return padded


def _numbers(values: ArrayLike, what: Literal["target", "prediction"]) -> NDArray[np.float64]:
    try:
        numbers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise WrongData(f"the {what} is not numeric", why=str(error), code="N-EVAL-014") from None
    bad = int((~np.isfinite(numbers)).sum())
    if bad:
        raise _unusable(bad, len(numbers), what)
    return numbers


def _labels(values: NDArray[np.generic], what: Literal["target", "prediction"]) -> list[Label]:
    plain = [_plain(value) for value in values.tolist()]
    bad = sum(value is None or value != value for value in plain)
    if bad:
        raise _unusable(bad, len(plain), what)
    return plain


def _plain(value: object) -> Label:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value  # type: ignore[return-value]  # what is no label is refused by _labels


def _unusable(bad: int, n: int, what: Literal["target", "prediction"]) -> WrongData:
    mend = (
        "rows without a target cannot be judged: drop them before"
        if what == "target"
        else "look at the features of these rows: an unscaled or infinite input overflows many models"
    )
    return WrongData(f"{bad} of {n} {what} values are missing or infinite", mend=mend, code="N-EVAL-015")


def _clusters(values: NDArray[np.generic]) -> NDArray[np.int64]:
    return _numbers(values, "prediction").astype(np.int64)


def _space(space: NDArray[np.float64] | None, n: int) -> NDArray[np.float64] | None:
    if space is None:
        return None
    values = np.asarray(space, dtype=np.float64)
    if values.ndim != 2 or len(values) != n:
        raise WrongData(f"{n} rows are clustered, their coordinates have the shape {values.shape}", code="N-EVAL-016")
    if not np.isfinite(values).all():
        raise WrongData("coordinates of clustered rows are missing or infinite", code="N-EVAL-016")
    return values
