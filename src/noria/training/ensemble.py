"""Several fitted models, one answer: the weighted mean of what each says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from noria.training.model import Prediction, align, answer, decoded, probabilities
from noria.training.temperature import temper

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from noria.training.model import Column, TabularModel
    from noria.training.task import Label, Task

__all__ = ["EnsembleModel", "mean_of"]


@dataclass(frozen=True)
class EnsembleModel:
    """A few models that were fitted on the same rows.

    Parameters
    ----------
    members : tuple of TabularModel
        All of one task, with the same columns and classes. Those that share a preparation prepare rows once.
    weights : tuple of float
        What each counts; none negative, not all zero.
    params : mapping
        What it is made of, for people.
    temperature : float or None
        Of the mean of their probabilities, see `noria.training.temperature`; each may have one of its own before.
    """

    members: tuple[TabularModel, ...]
    weights: tuple[float, ...]
    params: Mapping[str, object] = field(default_factory=dict)
    family: str = "ensemble"
    temperature: float | None = None

    @property
    def task(self) -> Task:
        """What was learned."""
        return self.members[0].task

    @property
    def classes(self) -> tuple[Label, ...] | None:
        """Labels of a classification, sorted."""
        return self.members[0].classes

    @property
    def columns(self) -> tuple[Column, ...]:
        """Raw features in the order of training."""
        return self.members[0].columns

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Columns a frame must have."""
        return self.members[0].feature_names

    def predict(self, frame: pd.DataFrame) -> NDArray[np.generic] | NDArray[np.object_]:
        """Give labels or values, one a row.

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
        """Give everything the models say together."""
        if len(frame) == 0:
            return self.members[0].answer(frame)
        aligned = align(frame, self.columns)
        matrices: dict[int, NDArray[np.float64]] = {}
        said = []
        for member in self.members:
            key = id(member.preparation)
            if key not in matrices:
                matrices[key] = np.asarray(member.preparation.transform(aligned))
            each = answer(member.head, matrices[key], member.task, member.classes, member.ratios, member.temperature)
            said.append(np.asarray(each.values, dtype=np.float64) if each.proba is None else each.proba)
        mean = mean_of(said, self.weights)
        return decoded(mean if self.temperature is None else temper(mean, self.temperature), self.classes)


def mean_of(answers: list[NDArray[np.float64]], weights: tuple[float, ...]) -> NDArray[np.float64]:
    """Give the weighted mean, added up in order: what scores without the libraries adds in the same order.

    Examples
    --------
    >>> mean_of([np.array([1.0, 2.0]), np.array([3.0, 2.0])], (3, 1)).tolist()
    [1.5, 2.0]
    """
    total = answers[0] * weights[0]
    for weight, said in zip(weights[1:], answers[1:], strict=True):
        total = total + weight * said
    return np.asarray(total / float(sum(weights)))
