"""What a family of estimators is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

from noria.training.inner import Bonds

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from noria.training.space import Params, Space
    from noria.training.task import Task

__all__ = ["Encoding", "Estimator", "Family", "Fitting", "OutOfTime", "as_float", "as_int", "leaf_size"]

Encoding = Literal["linear", "tree", "raw"]
"""What matrix a family needs: complete scaled numbers, numbers with missing values and codes, or the columns as are."""


class OutOfTime(Exception):
    """A fit was stopped at its deadline; what it had learned by then is not used."""


class Estimator(Protocol):
    """What a family builds: scikit-learn's shape. Classifiers also have ``predict_proba`` where they can."""

    def fit(self, X: NDArray[np.float64], y: NDArray[np.generic]) -> object:
        """Learn from a matrix and an encoded target."""

    def predict(self, X: NDArray[np.float64]) -> NDArray[np.generic]:
        """Give positions of classes, values or cluster numbers."""


@dataclass(frozen=True)
class Fitting:
    """The circumstances of one fit.

    Parameters
    ----------
    task : Task
        What is learned.
    seed : int
        For everything that draws.
    threads : int
        Threads the fit may use.
    n_classes : int
        Classes of a classification, else 0.
    n_rows : int
        Training rows; 0 when unknown.
    categorical : tuple of int
        Positions of category codes in the matrix.
    seconds_left : callable
        Until the fit must have ended; the families that can stop ask between rounds.
    bonds : Bonds
        Groups and times of the training rows, for the families that stop on a part of them.
    rounds : int, optional
        Rounds of a booster or epochs of a network, where an earlier fit of the same parameters has found them.
    report : callable
        Told by networks after each epoch: its number from 0, and the losses.
    """

    task: Task
    seed: int
    threads: int = 1
    n_classes: int = 0
    n_rows: int = 0
    categorical: tuple[int, ...] = ()
    seconds_left: Callable[[], float] = field(default=lambda: float("inf"), compare=False, repr=False)
    bonds: Bonds = field(default_factory=Bonds, compare=False, repr=False)
    rounds: int | None = None
    report: Callable[[int, Mapping[str, float]], None] = field(
        default=lambda epoch, losses: None, compare=False, repr=False
    )

    def out_of_time(self) -> bool:
        """Whether it must end now, with `OutOfTime`."""
        return self.seconds_left() <= 0


@dataclass(frozen=True)
class Family:
    """Estimators of one kind, with the parameters worth trying.

    Parameters
    ----------
    name : str
        As the project file writes it.
    title : str
        As a person reads it.
    build : callable
        Makes an unfitted estimator from parameters and circumstances.
    encoding : Encoding
        What matrix it needs.
    space : mapping
        Where its parameters may lie; empty when there is nothing to refine.
    portfolio : tuple of mapping
        Parameters tried first, in order; the first is the family's default.
    extra : str, optional
        The optional install it needs.
    modules : tuple of str
        What must be importable.
    most_rows : int, optional
        More training rows than this are refused: the fit grows too fast.
    growth : float
        Exponent of fit time in the number of rows, to foretell it from a part.
    startup_seconds : float
        About how long its libraries take to load, the first time.
    kin : str
        What families have in common whose answers resemble each other; empty for one that stands alone.
    is_glass : bool
        Whether a person can read off the fitted model why it answers as it does.
    in_auto : bool
        Whether "auto" tries it; others are tried when named.
    is_own : bool
        Whether its class is the user's: one that may hang, or take the process down.
    """

    name: str
    title: str
    build: Callable[[Params, Fitting], Estimator]
    encoding: Encoding = "linear"
    space: Space = field(default_factory=dict)
    portfolio: tuple[Mapping[str, object], ...] = ({},)
    extra: str | None = None
    modules: tuple[str, ...] = ()
    most_rows: int | None = None
    growth: float = 1.1
    startup_seconds: float = 0.0
    in_auto: bool = True
    is_own: bool = False
    is_glass: bool = False
    kin: str = ""


def leaf_size(wanted: int, n_rows: int) -> int:
    """Give the rows a leaf must hold, fewer where a table is so small that no split would be left.

    Examples
    --------
    >>> leaf_size(20, 1000), leaf_size(20, 50)
    (20, 5)
    """
    return min(wanted, max(2, n_rows // 10)) if n_rows else wanted


def as_float(params: Params, name: str, default: float) -> float:
    """Take a number out of parameters.

    Examples
    --------
    >>> as_float({"C": 2}, "C", 1.0)
    2.0
    """
    value = params.get(name, default)
    return float(value) if isinstance(value, (int, float, np.number)) else default


def as_int(params: Params, name: str, default: int) -> int:
    """Take a whole number out of parameters.

    Examples
    --------
    >>> as_int({}, "leaves", 24)
    24
    """
    return int(as_float(params, name, default))
