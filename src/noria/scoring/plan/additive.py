"""How the leaves that a row falls into make an answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Self, cast

import numpy as np

from noria.scoring.plan.contributions import Contributions, Of
from noria.scoring.plan.links import Link, answers
from noria.scoring.plan.parts import count, truth
from noria.scoring.plan.refusals import Incomplete, TooLarge
from noria.scoring.plan.unsound import Unsound, number

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from noria.scoring.plan.head import Facts

__all__ = ["Additive"]


@dataclass(frozen=True)
class Additive:
    """Sums of leaves, and what is done with them.

    Parameters
    ----------
    start : ndarray of float64 or float32, shape (n_outputs,)
        What sums begin with; their type is the type of the sums.
    link : Link
        What is done with the sums.
    divisor : float
        What they are divided by before; 1 leaves them.
    slope : float
        Factor of the logistic function's argument.
    classes : tuple of int
        Positions of the estimator's classes; empty for a regression.
    n_classes : int
        Classes of the model, 0 for a regression. Those that the estimator never saw get noughts.
    missing, infinite : bool
        Whether the library takes missing and infinite values, or refuses them.
    """

    start: NDArray[np.floating]
    link: Link
    divisor: float = 1.0
    slope: float = 1.0
    classes: tuple[int, ...] = ()
    n_classes: int = 0
    missing: bool = True
    infinite: bool = True

    def check(self, X: NDArray[np.floating]) -> None:
        """Refuse what the library refuses.

        Raises
        ------
        Incomplete, TooLarge
            A value is missing or out of range, and the model takes none.
        """
        if not self.infinite and np.isinf(X).any():
            raise TooLarge
        if not self.missing and np.isnan(X).any():
            raise Incomplete

    def finish(self, sums: NDArray[np.floating]) -> NDArray[np.float64]:
        """Turn sums into probabilities, shape (n_rows, n_classes), or values, shape (n_rows,)."""
        made = answers(self.link, sums if self.divisor == 1.0 else sums / self.divisor, self.slope)
        if not self.link.classifies:
            return made[:, 0]
        if len(self.classes) == self.n_classes:
            return made
        spread = np.zeros((len(made), self.n_classes))
        spread[:, self.classes] = made
        return spread

    def contributions(self, base: NDArray[np.float64], parts: NDArray[np.float64]) -> Contributions:
        """Turn parts of the sums, shape (n_rows, n_players, n_outputs), into parts of what the link takes."""
        made = Contributions(base, parts, _OF[self.link]).scaled(self.slope / self.divisor)
        if self.link.two_classes:
            made = made.for_two()
        if not self.link.classifies or len(self.classes) == self.n_classes:
            return made
        return made.placed(self.classes, self.n_classes)

    def facts(self) -> dict[str, object]:
        """Give what is kept as JSON."""
        return {
            "link": self.link.value,
            "divisor": self.divisor,
            "slope": self.slope,
            "classes": list(self.classes),
            "n_classes": self.n_classes,
            "missing": self.missing,
            "infinite": self.infinite,
        }

    @classmethod
    def restore(cls, facts: Facts, start: NDArray[np.floating]) -> Self:
        """Build it again.

        Raises
        ------
        Unsound
            A part is missing, or outputs and classes do not fit together.
        """
        link = facts.get("link")
        if link not in list(Link):
            raise Unsound(f"there is no link {link!r}")
        divisor, slope = number(facts, "divisor"), number(facts, "slope")
        if not (0 < divisor < np.inf and np.isfinite(slope)):
            raise Unsound(f"sums cannot be divided by {divisor!r} or multiplied by {slope!r}")
        made = cls(
            start,
            Link(cast("str", link)),
            divisor,
            slope,
            _classes(facts),
            count(facts, "n_classes"),
            truth(facts, "missing"),
            truth(facts, "infinite"),
        )
        made._require_fit()
        return made

    def _require_fit(self) -> None:
        outputs = 1 if self.link.two_classes or not self.link.classifies else len(self.classes)
        seen = 2 if self.link.two_classes else outputs if self.link.classifies else 0
        in_order = all(one < other for one, other in pairwise((-1, *self.classes, self.n_classes)))
        if len(self.start) != outputs or outputs == 0 or len(self.classes) != seen:
            raise Unsound(f"{len(self.start)} outputs and the classes {self.classes} do not fit {self.link.value!r}")
        if not in_order or (self.n_classes > 0) != self.link.classifies or not np.isfinite(self.start).all():
            raise Unsound(f"the classes {self.classes} are not among {self.n_classes}, or a start is no number")


def _classes(facts: Facts) -> tuple[int, ...]:
    classes = facts.get("classes")
    if not isinstance(classes, list) or not all(type(one) is int for one in classes):
        raise Unsound(f"'classes' is {classes!r}, not positions")
    return tuple(classes)


_OF: Mapping[Link, Of] = {
    Link.VALUE: "value",
    Link.EXP: "logarithm",
    Link.SIGNED_SQUARE: "signed root",
    Link.SHARES: "probability",
    Link.LOGISTIC: "log-odds",
    Link.ONE_VS_REST: "log-odds",
    Link.SOFTMAX: "logit",
    Link.LOGISTIC_32: "log-odds",
    Link.SOFTMAX_32: "logit",
}
