"""A classifier whose probabilities are brought to a temperature."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self, cast

import numpy as np

from noria.scoring.plan.contributions import Contributions, Players, Unexplained, explained
from noria.scoring.plan.nested import arrays_of, facts_of, only
from noria.scoring.plan.product import EPS
from noria.scoring.plan.unsound import Unsound, array
from noria.training.temperature import FLOOR, temper

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from noria.scoring.plan.head import Arrays, Facts, Head

__all__ = ["Tempered"]

_ROUNDED = 64 * EPS
"""For a logarithm, a power and a sum of a few classes."""


@dataclass(frozen=True, eq=False)
class Tempered:
    """Probabilities as sure as the answers on unseen rows allow.

    Parameters
    ----------
    head : Head
        Probabilities, shape (n_rows, n_classes).
    temperature : ndarray of float64, shape (1,)
        What the logarithms of the probabilities are divided by.
    """

    kind: ClassVar[str] = "tempered"
    head: Head
    temperature: NDArray[np.float64]

    def answer(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Answer rows."""
        return temper(np.asarray(self.head.answer(X), dtype=np.float64), float(self.temperature[0]))

    def contributions(self, X: NDArray[np.float64], players: Players) -> Contributions:
        """Take apart the log-odds of two classes or the logits of more, which a temperature scales.

        Of other probabilities those before the temperature are taken apart.

        Raises
        ------
        Unexplained
            The head's parts add up to something else.
        """
        made = explained(self.head, X, players)
        if made.of == "logit" or (made.of == "log-odds" and len(made.base) <= 2):
            return made.scaled(1 / float(self.temperature[0]))
        if made.of == "probability":
            return made.scaled(1.0, of="untempered probability")
        raise Unexplained("its probabilities are brought to a temperature, and are no sums of parts")

    def bound(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Carry the head's doubt through the logarithm and the power."""
        doubt = self.head.bound(X)
        said = np.asarray(self.head.answer(X), dtype=np.float64)
        least = np.maximum(said - doubt[:, None], FLOOR)
        with np.errstate(over="ignore"):
            moved = np.expm1(2 * (doubt[:, None] / least).max(axis=1) / self.temperature[0])
        rounded = _ROUNDED * max(1.0, 1 / float(self.temperature[0]))
        return np.asarray(np.where(doubt > 0, np.minimum(moved + rounded, 1.0), 0.0))

    def edges(self) -> Mapping[int, NDArray[np.float64]]:
        """Give the head's."""
        return self.head.edges()

    def facts(self) -> Facts:
        """Give the head's."""
        return {"heads": facts_of([self.head])}

    def arrays(self) -> Arrays:
        """Give the temperature and the head's."""
        return {"temperature": self.temperature, **arrays_of([self.head])}

    @classmethod
    def restore(cls, facts: Facts, arrays: Arrays, heads: Sequence[Head] = ()) -> Self:
        """Build it again around its head."""
        temperature = cast("NDArray[np.float64]", array(arrays, "temperature", "float64", None))
        if len(temperature) != 1 or not np.isfinite(temperature).all() or temperature[0] <= 0:
            raise Unsound("its temperature is not above zero")
        return cls(only(heads), temperature)
