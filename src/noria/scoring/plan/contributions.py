"""What an answer is made of: the part that each input column has in it.

A head that can take its answer apart has a method `contributions`. What it takes apart is not always the answer itself
but what the answer is computed from, its margin: log-odds are sums of parts, probabilities are not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np

from noria.errors import WrongData

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from noria.scoring.plan.head import Head

__all__ = ["Contributions", "Explained", "Of", "Players", "Unexplained", "explained", "grouped"]

Of = Literal[
    "value", "logarithm", "signed root", "decision", "log-odds", "logit", "probability", "untempered probability"
]
"""What contributions add up to: the value, its logarithm or signed root; a decision value; the log-odds of a class; its
log-probability up to what all classes of a row share; its probability; or that before a temperature is applied."""


class Unexplained(WrongData):
    """The answers of this model cannot be taken apart exactly.

    Attributes
    ----------
    reason : str
        Why not; it stands in the first line, which is what a server tells.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(
            f"this model's answers cannot be explained: {reason}",
            mend="ask without explain; linear models and trees are explained, exactly",
            code="N-SCORING-015",
        )


class Players(NamedTuple):
    """Which input column each column of the matrix comes from.

    One-hot columns of one category are one player: none of them can be known without the others.
    """

    of: NDArray[np.intp]
    total: int


@dataclass(frozen=True, eq=False)
class Contributions:
    """Parts of margins.

    Parameters
    ----------
    base : ndarray of float64, shape (n_outputs,)
        What is there before any column is known.
    parts : ndarray of float64, shape (n_rows, n_players, n_outputs)
        What each column adds.
    of : str
        What base and parts add up to.
    """

    base: NDArray[np.float64]
    parts: NDArray[np.float64]
    of: Of

    def scaled(self, factor: float, shift: float = 0.0, of: Of | None = None) -> Contributions:
        """Give the parts of ``factor * margin + shift``."""
        return Contributions(self.base * factor + shift, self.parts * factor, of or self.of)

    def for_two(self) -> Contributions:
        """Give the parts for both classes, where one output speaks for the second."""
        return Contributions(
            np.concatenate([-self.base, self.base]), np.concatenate([-self.parts, self.parts], axis=2), self.of
        )

    def placed(self, at: Sequence[int], n_classes: int) -> Contributions:
        """Give the parts of some classes among those of all; the others have none."""
        base = np.full(n_classes, -np.inf)
        parts = np.zeros((*self.parts.shape[:2], n_classes))
        base[list(at)], parts[:, :, list(at)] = self.base, self.parts
        return Contributions(base, parts, self.of)


@runtime_checkable
class Explained(Protocol):
    """A head that can take its answers apart."""

    def contributions(self, X: NDArray[np.float64], players: Players) -> Contributions:
        """Take apart the margins of some rows: one output a class, or a single one.

        Raises
        ------
        Unexplained
            It cannot, as it was fitted.
        """


def explained(head: Head, X: NDArray[np.float64], players: Players) -> Contributions:
    """Take apart the margins of any head.

    Raises
    ------
    Unexplained
        It cannot be done exactly.
    """
    if not isinstance(head, Explained):
        raise Unexplained(f"for a head of the kind {head.kind!r} there is no exact explanation that is not very slow")
    return head.contributions(X, players)


def grouped(terms: NDArray[np.float64], players: Players) -> NDArray[np.float64]:
    """Add up terms, shape (n_rows, n_features, n_outputs), by player.

    Examples
    --------
    >>> grouped(np.array([[[1.0], [2.0], [4.0]]]), Players(np.array([0, 1, 1]), 2)).tolist()
    [[[1.0], [6.0]]]
    """
    made = np.zeros((len(terms), players.total, terms.shape[2]))
    for place, player in enumerate(players.of.tolist()):
        made[:, player] += terms[:, place]
    return made
