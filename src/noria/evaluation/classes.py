"""How each class fares: found, called rightly, and both in one figure, with intervals that stay honest for few rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from noria.errors import WrongSetting
from noria.evaluation.judged import missing_from, place_of
from noria.evaluation.resampling import Estimate
from noria.evaluation.shares import share_interval

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from noria.evaluation.judged import Judged, Label

__all__ = ["OfClass", "class_named", "of_classes", "weakest"]


@dataclass(frozen=True)
class OfClass:
    """One class against all others.

    Attributes
    ----------
    label : label
        The class.
    n, called : int
        Test rows that are of it, and that are predicted to be.
    recall, precision, f1 : Estimate
        Share of its rows that are found; share of those called so that are; their harmonic mean. Recall is None
        without rows of the class; precision is 0 where none is called, without an interval.
    """

    label: Label
    n: int
    called: int
    recall: Estimate
    precision: Estimate
    f1: Estimate

    def to_json(self) -> dict[str, object]:
        """Give it as JSON."""
        figures = {name: getattr(self, name).to_json() for name in ("recall", "precision", "f1")}
        return {"label": self.label, "n": self.n, "called": self.called, **figures}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> OfClass:
        """Read what `to_json` gave."""
        figures = {name: Estimate(**data[name]) for name in ("recall", "precision", "f1")}
        return cls(data["label"], data["n"], data["called"], **figures)


def of_classes(rows: Judged, groups: NDArray[np.generic] | None = None, level: float = 0.95) -> tuple[OfClass, ...]:
    """Judge each class by recall, precision and F1.

    All three are shares: of the rows of the class, of the rows called so, and of the rows that are either, for
    F1 = 2J / (1 + J) where J is the share of these that are both (Jaccard's index). So Wilson's interval serves for
    all, which holds for a class of few rows and for one that is always right, where a bootstrap is sure of itself.

    Parameters
    ----------
    rows : Judged
        Of a classification.
    groups : ndarray, shape (n_rows,), optional
        Rows of one group depend on each other; the intervals allow for that.
    level : float
        Of the intervals.

    Returns
    -------
    tuple of OfClass
        In the order of ``rows.classes``.

    References
    ----------
    Jaccard, P. (1901). Étude comparative de la distribution florale dans une portion des Alpes et du Jura.
    Dice, L. R. (1945). Measures of the amount of ecologic association between species. Ecology 26(3).
    Wilson, E. B. (1927). Probable inference, the law of succession, and statistical inference. JASA 22.

    Examples
    --------
    >>> from noria.evaluation.judged import Prediction, judged
    >>> rows = judged("classification", ["a", "a", "b", "c"], Prediction(np.array(["a", "b", "b", "b"])))
    >>> [(each.label, each.recall.value, each.f1.value) for each in of_classes(rows)]
    [('a', 0.5, 0.6666666666666666), ('b', 1.0, 0.5), ('c', 0.0, 0.0)]
    """
    return tuple(_of_class(number, rows, groups, level) for number in range(len(rows.classes)))


def _of_class(number: int, rows: Judged, groups: NDArray[np.generic] | None, level: float) -> OfClass:
    true, called = rows.truth == number, rows.predicted == number
    both = true & called

    def share(among: NDArray[np.bool_]) -> Estimate:
        if not among.any():
            return Estimate(None)
        inside = both[among]
        bounds = share_interval(inside, None if groups is None else groups[among], level)
        return Estimate(float(inside.mean()), *bounds)

    jaccard, precision = share(true | called), share(called)
    return OfClass(
        rows.classes[number],
        int(true.sum()),
        int(called.sum()),
        recall=share(true),
        precision=Estimate(0.0) if precision.value is None and true.any() else precision,
        f1=Estimate(_f1(jaccard.value), _f1(jaccard.low), _f1(jaccard.high)),
    )


def _f1(jaccard: float | None) -> float | None:
    return None if jaccard is None else 2 * jaccard / (1 + jaccard)


def weakest(found: Sequence[OfClass]) -> OfClass | None:
    """Find the class of several with the lowest F1; None where all are always right, or there are but two.

    Examples
    --------
    >>> from noria.evaluation.judged import Prediction, judged
    >>> rows = judged("classification", ["a", "a", "b", "c"], Prediction(np.array(["a", "b", "b", "c"])))
    >>> weakest(of_classes(rows)).label
    'a'
    """
    known = [each for each in found if each.n]
    lowest = min(known, key=lambda each: each.f1.value or 0.0, default=None)
    return lowest if len(found) > 2 and lowest is not None and lowest.f1.value != 1 else None


def class_named(wanted: Label, labels: Sequence[Label]) -> int:
    """Give the place of a class that a gate names.

    Raises
    ------
    WrongSetting
        There is no such class.
    """
    found = place_of(wanted, labels)
    if found is not None:
        return found
    raise WrongSetting(
        f"a gate asks for class {wanted!r}, which is {missing_from(labels, wanted)}",
        mend="name one of them: [[gates]] of_class",
        code="N-EVAL-004",
    )
