"""Weighted sums of the features: least squares and its penalties, logistic regression, linear discriminants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from noria.scoring.plan.contributions import Contributions, Of, Players, grouped
from noria.scoring.plan.decisions import LINKS, Link, linked, linked_bound
from noria.scoring.plan.parts import floats, word
from noria.scoring.plan.product import product, product_bound
from noria.scoring.plan.unsound import Unsound

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from noria.scoring.plan.head import Arrays, Facts

__all__ = ["Linear"]

_OF: dict[Link, Of] = {"value": "value", "decision": "decision", "sigmoid": "log-odds", "softmax": "logit"}


@dataclass(frozen=True, eq=False)
class Linear:
    """``X @ weights.T + intercept``, then a link.

    Parameters
    ----------
    weights : ndarray of float64, shape (n_outputs, n_features)
        C-ordered.
    intercept : ndarray of float64, shape (n_outputs,)
        Offsets.
    link : Link
        "value" and "sigmoid" take one output.

    Examples
    --------
    >>> import numpy as np
    >>> head = Linear(np.array([[2.0, -1.0]]), np.array([0.5]), "value")
    >>> head.answer(np.array([[1.0, 1.0], [0.0, 3.0]])).tolist()
    [1.5, -2.5]
    """

    kind: ClassVar[str] = "linear"
    weights: NDArray[np.float64]
    intercept: NDArray[np.float64]
    link: Link

    def answer(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Answer rows."""
        return linked(product(X, self.weights) + self.intercept, self.link)

    def contributions(self, X: NDArray[np.float64], players: Players) -> Contributions:
        """Take apart the weighted sum: weight times prepared value, and the intercept as the base.

        A number that was scaled is nought at training's mean, so that its part is what sets it apart from there.
        """
        parts = grouped(X[:, :, None] * self.weights.T, players)
        made = Contributions(self.intercept, parts, _OF[self.link])
        return made.for_two() if self.link != "value" and len(self.weights) == 1 else made

    def bound(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Bound what the library's order of summation makes of it."""
        return linked_bound(product_bound(X, self.weights, self.intercept), self.link)

    def edges(self) -> Mapping[int, NDArray[np.float64]]:
        """Give none: nothing jumps."""
        return {}

    def facts(self) -> Facts:
        """Give the link."""
        return {"link": self.link}

    def arrays(self) -> Arrays:
        """Give weights and intercept."""
        return {"weights": self.weights, "intercept": self.intercept}

    @classmethod
    def restore(cls, facts: Facts, arrays: Arrays) -> Self:
        """Build it again."""
        weights = floats(arrays, "weights", None, None)
        link = word(facts, "link", LINKS)
        if len(weights) == 0 or (link in ("value", "sigmoid") and len(weights) != 1):
            raise Unsound(f"{len(weights)} outputs do not fit the link {link!r}")
        return cls(weights, floats(arrays, "intercept", len(weights)), link)
