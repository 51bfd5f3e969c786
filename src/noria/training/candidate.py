"""What is raced, and what is remembered of each racer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from noria.training.family import Family
    from noria.training.model import TabularModel

__all__ = ["Candidate", "CandidateResult", "Progress", "Selection", "Status"]

Status = Literal["complete", "dropped", "skipped", "failed"]
"""All folds done; clearly worse on the first; no time for it; it raised."""


@dataclass(frozen=True)
class Candidate:
    """One family with one set of parameters."""

    name: str
    family: Family
    params: Mapping[str, object]


@dataclass(frozen=True)
class CandidateResult:
    """What became of a candidate.

    Parameters
    ----------
    name : str
        Unique in the table: the family, then ``family-2`` and so on.
    family : str
        Name of the family.
    params : mapping
        Its parameters; JSON.
    scores : tuple of float
        Error of each fold that was done, lower is better, in the metric's unit.
    mean, sd : float or None
        Over the folds; None unless complete (sd also with one fold).
    seconds : float
        Spent on it.
    status : Status
        What became of it.
    note : str
        Why, or what a reader should know.
    details : mapping of str to float
        Further figures: silhouette, stability and clusters of a clustering.
    """

    name: str
    family: str
    params: Mapping[str, object]
    scores: tuple[float, ...] = ()
    mean: float | None = None
    sd: float | None = None
    seconds: float = 0.0
    status: Status = "complete"
    note: str = ""
    details: Mapping[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        """Give the fields as JSON."""
        return {
            "name": self.name,
            "family": self.family,
            "params": {key: list(value) if isinstance(value, tuple) else value for key, value in self.params.items()},
            "scores": list(self.scores),
            "mean": self.mean,
            "sd": self.sd,
            "seconds": round(self.seconds, 4),
            "status": self.status,
            "note": self.note,
            "details": dict(self.details),
        }


@dataclass(frozen=True)
class Progress:
    """How far a selection is.

    Parameters
    ----------
    done : float
        From 0 to 1, of the budget or the trials, whichever is further.
    text : str
        One line for a person.
    result : CandidateResult, optional
        The candidate just finished with.
    """

    done: float
    text: str
    result: CandidateResult | None = None


@dataclass(frozen=True)
class Selection:
    """The outcome of a selection.

    Parameters
    ----------
    winner : CandidateResult
        The candidate with the lowest mean error.
    model : TabularModel
        The winner fitted on every row.
    table : tuple of CandidateResult
        Every candidate, the best first.
    oof : ndarray or None
        Out-of-fold answers of the winner, each given by a model that had not seen the row: probabilities, shape
        (n_rows, n_classes), or values, shape (n_rows,). NaN where no fold judged the row. None for clustering.
    baseline : CandidateResult or None
        The model that knows only the target.
    stopped_by : str
        Why the search ended.
    seconds : float
        Spent in all, refit included.
    """

    winner: CandidateResult
    model: TabularModel
    table: tuple[CandidateResult, ...]
    oof: NDArray[np.float64] | None
    baseline: CandidateResult | None
    stopped_by: str
    seconds: float

    @property
    def beats_baseline(self) -> bool:
        """Whether the winner's mean error is below the baseline's."""
        if self.baseline is None or self.baseline.mean is None or self.winner.mean is None:
            return True
        return self.winner.mean < self.baseline.mean

    def to_json(self) -> dict[str, object]:
        """Give everything but the model and the out-of-fold answers as JSON."""
        return {
            "winner": self.winner.to_json(),
            "baseline": self.baseline.to_json() if self.baseline is not None else None,
            "beats_baseline": self.beats_baseline,
            "table": [result.to_json() for result in self.table],
            "stopped_by": self.stopped_by,
            "seconds": round(self.seconds, 3),
        }
