"""What is raced, and what is remembered of each racer."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from noria.training.ensemble import EnsembleModel
    from noria.training.family import Family
    from noria.training.model import TabularModel

__all__ = ["Candidate", "CandidateResult", "Finalist", "Kind", "Progress", "Selection", "Status"]

Status = Literal["complete", "dropped", "skipped", "failed"]
"""All folds done; clearly worse on the first; no time for it; it raised."""


Kind = Literal["single", "ensemble", "glass box"]
"""The best candidate alone, the best mean of a few, the best whose reasons can be read off."""


@dataclass(frozen=True)
class Candidate:
    """One family with one set of parameters."""

    name: str
    family: Family
    params: Mapping[str, object]

    @property
    def key(self) -> str:
        """What it is, whatever it is called in this search."""
        return self.key_of(self.family.name, self.params)

    @staticmethod
    def key_of(family: str, params: Mapping[str, object]) -> str:
        """Give the key of a family's name and parameters."""
        return f"{family} {json.dumps(dict(params), sort_keys=True, default=_plain)}"


def _plain(value: object) -> object:
    item = getattr(value, "item", None)  # of a numpy number
    return item() if item is not None else str(value)


def _figure(value: float) -> float | None:
    return float(f"{value:.6g}") if math.isfinite(value) else None


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
    rounds : int, optional
        Rounds that the first fold of a booster found, or epochs of a network.
    curve : mapping of str to tuple of float
        Losses of a network on the first fold, epoch by epoch.
    temperature : float, optional
        Of its probabilities, see `noria.training.temperature`; None where they are as the model says them.
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
    rounds: int | None = None
    curve: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    temperature: float | None = None

    @property
    def standing(self) -> tuple[bool, float, str]:
        """Where it stands in a table: complete ones first, the lowest error first."""
        return (self.mean is None, self.mean if self.mean is not None else 0.0, self.name)

    def to_json(self) -> dict[str, object]:
        """Give the fields as JSON."""
        curve = {name: [_figure(one) for one in losses] for name, losses in self.curve.items()}
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
            **({} if self.rounds is None else {"rounds": self.rounds}),
            **({"curve": curve} if curve else {}),
            **({} if self.temperature is None else {"temperature": self.temperature}),
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
class Finalist:
    """One of those that the choice was between in the end.

    Parameters
    ----------
    kind : str
        The best single candidate, the best mean of a few, the best whose reasons can be read off.
    name : str
        Of the candidate, or ``ensemble``.
    members : mapping of str to float
        Candidates and what each counts, adding up to 1.
    mean, sd : float or None
        Error over the folds.
    chosen : bool
        Whether it is the model.
    why : str
        Why, or why not.
    latency_ms : float, optional
        Processor time of a request of one row.
    size_kb : float, optional
        Of its files, in thousands of bytes.
    """

    kind: Kind
    name: str
    members: Mapping[str, float]
    mean: float | None
    sd: float | None
    chosen: bool
    why: str
    latency_ms: float | None = None
    size_kb: float | None = None

    def to_json(self) -> dict[str, object]:
        """Give the fields as JSON."""
        return {**vars(self), "members": dict(self.members)}


@dataclass(frozen=True)
class Selection:
    """The outcome of a selection.

    Parameters
    ----------
    winner : CandidateResult
        The candidate with the lowest mean error, or the ensemble where that is better beyond chance.
    model : TabularModel or EnsembleModel
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
    finalists : tuple of Finalist
        What the choice was between in the end; empty for a clustering.
    notes : tuple of str
        What a reader should know of the whole: folds that could not judge.
    test_share : float or None
        Rows that a fold judged over rows that it learned from, the mean of the folds: tests of differences allow by it
        for the rows that folds share (Nadeau & Bengio, 2003). None of a clustering.
    recalled : int
        Fits on a fold that an earlier search had done, of all that it used.
    models : mapping
        The finalists fitted on every row, by kind; those that there was time for.
    """

    winner: CandidateResult
    model: TabularModel | EnsembleModel
    table: tuple[CandidateResult, ...]
    oof: NDArray[np.float64] | None
    baseline: CandidateResult | None
    stopped_by: str
    seconds: float
    finalists: tuple[Finalist, ...] = ()
    notes: tuple[str, ...] = ()
    test_share: float | None = None
    recalled: int = 0
    models: Mapping[Kind, TabularModel | EnsembleModel] = field(default_factory=dict)

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
            **({} if self.test_share is None else {"test_share": self.test_share}),
            **({"notes": list(self.notes)} if self.notes else {}),
            **({"recalled": self.recalled} if self.recalled else {}),
            **({"finalists": [each.to_json() for each in self.finalists]} if self.finalists else {}),
        }
