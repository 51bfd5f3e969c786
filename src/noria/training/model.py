"""A fitted model: raw features in, answers out, the preparation inside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

import numpy as np

from noria.errors import WrongArgument, WrongData
from noria.training.family import Estimator
from noria.training.prior import shifted
from noria.training.task import Label, Task
from noria.training.temperature import temper

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = [
    "Column", "FeatureKind", "FittedModel", "Prediction", "TabularModel", "Transformer", "answer", "columns_of",
    "decoded", "probabilities",
]  # fmt: skip

FeatureKind = Literal["number", "string", "timestamp"]
Column = tuple[str, FeatureKind]


class Transformer(Protocol):
    """A fitted preparation: a frame of raw features to a matrix."""

    def transform(self, X: pd.DataFrame) -> NDArray[np.float64]:
        """Give the matrix."""


@dataclass(frozen=True)
class Prediction:
    """Answers for some rows, as metrics take them.

    Parameters
    ----------
    values : ndarray, shape (n_rows,)
        Labels of a classification, values of a regression, cluster numbers.
    proba : ndarray, shape (n_rows, n_classes), or None
        Probabilities in the order of `classes`.
    classes : tuple, or None
        Labels of a classification.
    """

    values: NDArray[np.generic] | NDArray[np.object_]
    proba: NDArray[np.float64] | None = None
    classes: tuple[Label, ...] | None = None

    @property
    def labels(self) -> NDArray[np.generic] | NDArray[np.object_]:
        """The same as `values`, for those who ask a classification for labels."""
        return self.values


@runtime_checkable
class FittedModel(Protocol):
    """What training gives, the registry keeps and scoring asks."""

    @property
    def task(self) -> Task:
        """What was learned."""

    @property
    def classes(self) -> tuple[Label, ...] | None:
        """Labels of a classification, sorted; the order of the columns of `predict_proba`."""

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Columns a frame must have; further ones are ignored."""

    def predict(self, frame: pd.DataFrame) -> NDArray[np.generic] | NDArray[np.object_]:
        """Give labels, values or cluster numbers, one a row."""

    def predict_proba(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        """Give probabilities, shape (n_rows, n_classes)."""


@dataclass(frozen=True)
class TabularModel:
    """A fitted preparation and a fitted estimator, one behind the other.

    Parameters
    ----------
    task : Task
        What was learned.
    family : str
        Name of the family.
    params : mapping
        Its parameters.
    columns : tuple of (name, kind)
        Raw features in the order of training.
    preparation : Transformer
        Fitted; frame to matrix.
    head : Estimator
        Fitted; matrix to encoded answers.
    classes : tuple, or None
        Labels of a classification.
    ratios : tuple of float, or None
        Of a classification whose training was balanced: what leads its probabilities back, see
        `noria.training.prior`.
    temperature : float or None
        Of a classification: what makes its probabilities as sure as they may be, see `noria.training.temperature`.
    """

    task: Task
    family: str
    columns: tuple[Column, ...]
    preparation: Transformer
    head: Estimator
    classes: tuple[Label, ...] | None = None
    params: Mapping[str, object] = field(default_factory=dict)
    ratios: tuple[float, ...] | None = None
    temperature: float | None = None

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Columns a frame must have."""
        return tuple(name for name, _ in self.columns)

    def predict(self, frame: pd.DataFrame) -> NDArray[np.generic] | NDArray[np.object_]:
        """Give labels, values or cluster numbers, one a row.

        Raises
        ------
        WrongData
            A feature is missing or has the wrong type.
        """
        return self.answer(frame).values

    def predict_proba(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        """Give probabilities, shape (n_rows, n_classes).

        Raises
        ------
        WrongArgument
            The model is not a classifier.
        WrongData
            A feature is missing or has the wrong type.
        """
        return probabilities(self.answer(frame), self.task)

    def answer(self, frame: pd.DataFrame) -> Prediction:
        """Give everything the model says about some rows, prepared once."""
        if len(frame) == 0:
            return self._nothing()
        matrix = self.preparation.transform(align(frame, self.columns))
        return answer(self.head, np.asarray(matrix), self.task, self.classes, self.ratios, self.temperature)

    def _nothing(self) -> Prediction:
        if self.task != "classification":
            return Prediction(np.empty(0, dtype=np.float64 if self.task == "regression" else np.int64))
        classes = self.classes or ()
        return Prediction(np.empty(0, dtype=object), np.empty((0, len(classes))), classes)


def answer(
    head: Estimator,
    X: NDArray[np.float64],
    task: Task,
    classes: tuple[Label, ...] | None,
    ratios: Sequence[float] | None = None,
    temperature: float | None = None,
) -> Prediction:
    """Ask a fitted estimator and decode what it says."""
    if task != "classification" or classes is None:
        return Prediction(np.asarray(head.predict(X)).reshape(len(X)))
    proba = _probabilities(head, X, len(classes))
    if ratios is not None:
        proba = shifted(proba, np.asarray(ratios, dtype=np.float64))
    if temperature is not None:
        proba = temper(proba, temperature)
    return decoded(proba, classes)


def decoded(said: NDArray[np.float64], classes: tuple[Label, ...] | None) -> Prediction:
    """Read numbers as an answer: probabilities where there are classes, else values."""
    if classes is None:
        return Prediction(said)
    labels = np.empty(len(classes), dtype=object)
    labels[:] = classes
    return Prediction(labels[said.argmax(axis=1)], said, classes)


def probabilities(said: Prediction, task: Task) -> NDArray[np.float64]:
    """Take the probabilities of an answer.

    Raises
    ------
    WrongArgument
        The model is not a classifier.
    """
    if said.proba is None:
        raise WrongArgument(f"a model for {task} gives no probabilities", mend="use predict", code="N-TRAIN-020")
    return said.proba


def _probabilities(head: Estimator, X: NDArray[np.float64], n_classes: int) -> NDArray[np.float64]:
    ask = getattr(head, "predict_proba", None)
    if ask is None:  # an estimator of the user's own that only decides: certain of what it says
        return np.eye(n_classes)[np.asarray(head.predict(X), dtype=np.int64)]
    made = np.asarray(ask(X), dtype=np.float64)
    known = getattr(head, "classes_", None)
    if known is None or len(known) == n_classes:
        return made
    proba = np.zeros((len(X), n_classes))  # a fold whose training rows lacked a rare class
    proba[:, np.asarray(known, dtype=np.int64)] = made
    return proba


def columns_of(frame: pd.DataFrame) -> tuple[Column, ...]:
    """Say how each column of a frame enters a model, from its dtype.

    Examples
    --------
    >>> import pandas as pd
    >>> columns_of(pd.DataFrame({"age": [1.0], "grade": ["a"]}))
    (('age', 'number'), ('grade', 'string'))
    """
    return tuple((str(name), _kind(frame[name])) for name in frame.columns)


def _kind(column: pd.Series[float]) -> FeatureKind:
    from pandas.api.types import is_datetime64_any_dtype, is_numeric_dtype  # noqa: PLC0415 - heavy

    if is_datetime64_any_dtype(column):
        return "timestamp"
    return "number" if is_numeric_dtype(column) else "string"


def align(frame: pd.DataFrame, columns: Sequence[Column]) -> pd.DataFrame:
    """Give the columns in order, with the dtypes of training.

    Raises
    ------
    WrongData
        A column is missing or cannot be read as what it was in training.
    """
    import pandas as pd  # noqa: PLC0415 - heavy

    missing = [name for name, _ in columns if name not in frame.columns]
    if missing:
        raise WrongData(
            f"the rows lack the feature {missing[0]!r}",
            why=f"missing: {', '.join(missing)}",
            mend="give every feature of the model's signature; a value may be missing, a column may not",
            code="N-TRAIN-021",
        )
    return pd.DataFrame({name: _cast(frame[name], name, kind) for name, kind in columns}, index=frame.index)


def _cast(values: pd.Series[float] | pd.Series[str], name: str, kind: FeatureKind) -> object:
    import pandas as pd  # noqa: PLC0415 - heavy

    try:
        if kind == "number":
            return values if values.dtype == np.float64 else pd.to_numeric(values).astype(np.float64)
        if kind == "timestamp":
            stamps = pd.to_datetime(values, utc=True)
            return stamps.dt.tz_localize(None).dt.as_unit("us")
    except (TypeError, ValueError) as error:
        raise WrongData(
            f"feature {name!r} cannot be read as a {kind}", why=str(error).splitlines()[0], code="N-TRAIN-022"
        ) from None
    return values if values.dtype == "str" else values.astype("str")
