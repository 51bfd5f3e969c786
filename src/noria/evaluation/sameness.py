"""Whether two models say the same of the same rows: to the bit, within rounding, or no longer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from noria.errors import WrongData

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from noria.evaluation.judged import Answers

__all__ = ["CLOSE", "Grade", "Sameness", "sameness"]

Grade = Literal["bit-equal", "close", "different"]

CLOSE = 1e-6
"""Largest difference that rounding is held to explain; of values beyond 1, relative to them."""


@dataclass(frozen=True)
class Sameness:
    """How alike two models' answers are.

    Parameters
    ----------
    grade : Grade
        Equal to the last bit; no further apart than `CLOSE`; or further.
    largest : float
        Largest difference of a probability or a value; of labels and clusters the share of rows told otherwise.
    differing : int
        Rows with any difference at all.
    n : int
        Rows compared.
    """

    grade: Grade
    largest: float
    differing: int
    n: int


def sameness(one: Answers, other: Answers) -> Sameness:
    """Compare answers row by row.

    Raises
    ------
    WrongData
        They are of different rows or different classes.

    Examples
    --------
    >>> from noria.evaluation.judged import Prediction
    >>> a, b = Prediction(np.array([0.3, 2.0])), Prediction(np.array([0.3, 2.000001]))
    >>> sameness(a, a).grade, sameness(a, b).grade, sameness(a, b).differing
    ('bit-equal', 'close', 1)
    """
    if one.classes != other.classes or len(one.values) != len(other.values):
        raise WrongData(
            "the answers are of different rows or classes, and cannot be compared",
            why=f"{len(one.values)} and {len(other.values)} rows; classes {one.classes} and {other.classes}",
            code="N-EVAL-090",
        )
    n = len(one.values)
    if one.proba is not None and other.proba is not None:
        return _numbers(np.asarray(one.proba), np.asarray(other.proba), n)
    if np.asarray(one.values).dtype.kind == "f":
        return _numbers(np.asarray(one.values)[:, None], np.asarray(other.values)[:, None], n)
    differing = int(np.sum(np.asarray(one.values) != np.asarray(other.values)))
    return Sameness("bit-equal" if differing == 0 else "different", differing / max(1, n), differing, n)


def _numbers(one: NDArray[np.float64], other: NDArray[np.float64], n: int) -> Sameness:
    equal = (one == other) | (np.isnan(one) & np.isnan(other))
    if equal.all():
        return Sameness("bit-equal", 0.0, 0, n)
    apart = np.where(equal, 0.0, np.abs(one - other))
    scaled = apart / np.maximum(1.0, np.abs(one))
    close = bool(np.nan_to_num(scaled, nan=np.inf).max() <= CLOSE)
    largest = float(np.nan_to_num(apart, nan=np.inf).max())
    return Sameness("close" if close else "different", largest, int((~equal).any(axis=1).sum()), n)
