"""A classifier whose decisions are read on calibration curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from noria.scoring.plan.contributions import Contributions, Players, Unexplained, explained
from noria.scoring.plan.curve import Curves, Isotonic, Platt
from noria.scoring.plan.decisions import both
from noria.scoring.plan.nested import arrays_of, facts_of, only
from noria.scoring.plan.parts import count, positions, word
from noria.scoring.plan.product import EPS
from noria.scoring.plan.unsound import Unsound

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from noria.scoring.plan.head import Arrays, Facts, Head

__all__ = ["Calibrated"]

_OVER = 1e-5
"""By how much a probability may exceed one by rounding; the library cuts it off."""


@dataclass(frozen=True, eq=False)
class Calibrated:
    """Decisions to probabilities, one class against the rest, made to sum to one.

    Parameters
    ----------
    head : Head
        Decision values, shape (n_rows, n) or, of two classes, (n_rows, 1); or probabilities.
    curves : Curves
        One a column of decisions; of two classes one, for the second.
    at : ndarray of int64, shape (n_curves,)
        The class of each curve.
    n_classes : int
        All.
    """

    kind: ClassVar[str] = "calibrated"
    head: Head
    curves: Curves
    at: NDArray[np.int64]
    n_classes: int

    def answer(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Answer rows."""
        made = self._read(self._decided(X))
        if self.n_classes == 2:
            made = both(made[:, 1])
        else:
            total = made.sum(axis=1)[:, None]
            made = np.divide(made, total, out=np.full_like(made, 1 / self.n_classes), where=total != 0)
        made[(made > 1) & (made <= 1 + _OVER)] = 1
        return made

    def contributions(self, X: NDArray[np.float64], players: Players) -> Contributions:
        """Take apart the log-odds of two classes that a straight line gives.

        Raises
        ------
        Unexplained
            The line is a curve, there are more classes, or the head's parts do not add up to what the curve reads.
        """
        if not isinstance(self.curves, Platt) or self.n_classes != 2:
            raise Unexplained("only the straight line of two calibrated classes can be taken apart")
        made = explained(self.head, X, players)
        if made.of not in ("decision", "probability"):
            raise Unexplained(f"its parts add up to the {made.of}, and its calibration reads probabilities")
        second = Contributions(made.base[1:], made.parts[:, :, 1:], made.of)
        line = second.scaled(-float(self.curves.slope[0]), -float(self.curves.intercept[0]), of="log-odds")
        return line.for_two()

    def _decided(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        decided = np.asarray(self.head.answer(X), dtype=np.float64)
        # A head of two classes gives both probabilities or one decision; the curve is that of the second class.
        return decided[:, 1:] if decided.shape[1] == 2 else decided

    def _read(self, decided: NDArray[np.float64]) -> NDArray[np.float64]:
        made = np.zeros((len(decided), self.n_classes))
        for column, place in enumerate(self.at.tolist()):
            made[:, place] = self.curves(column, decided[:, column])
        return made

    def bound(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Read the curves where the decisions may as well lie, and carry that through the division."""
        decided, doubt = self._decided(X), self.head.bound(X)[:, None]
        with np.errstate(all="ignore"):
            here, below, above = (self._read(decided + shift) for shift in (0 * doubt, -doubt, doubt))
        moved = np.fmax(np.abs(above - here), np.abs(below - here)).max(axis=1)
        if self.n_classes > 2:
            total = np.maximum(here.sum(axis=1) - self.n_classes * moved, 0)
            moved = np.divide((1 + self.n_classes) * moved, total, out=(moved > 0) * 1.0, where=total > 0)
        return np.asarray(np.minimum(moved + 8 * EPS, 1.0))

    def edges(self) -> Mapping[int, NDArray[np.float64]]:
        """Give the head's."""
        return self.head.edges()

    def facts(self) -> Facts:
        """Give the method, the number of classes and the head's."""
        return {"method": self.curves.method, "n_classes": self.n_classes, "heads": facts_of([self.head])}

    def arrays(self) -> Arrays:
        """Give the curves, their places and the head's."""
        return {"at": self.at, **self.curves.arrays(), **arrays_of([self.head])}

    @classmethod
    def restore(cls, facts: Facts, arrays: Arrays, heads: Sequence[Head] = ()) -> Self:
        """Build it again around its head."""
        method, n_classes = (
            word(facts, "method", (Platt.method, Isotonic.method)),
            count(facts, "n_classes", at_least=2),
        )
        curves: Curves = Platt.restore(arrays) if method == Platt.method else Isotonic.restore(arrays)
        at = positions(arrays, "at", below=n_classes, length=len(curves))
        if len(at) == 0 or (n_classes == 2 and at.tolist() != [1]):
            raise Unsound(f"curves at {at.tolist()} do not fit {n_classes} classes")
        return cls(only(heads), curves, at, n_classes)
