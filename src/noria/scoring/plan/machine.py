"""Support vector machines: sums over kernels between a row and the support vectors."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Literal, Self, get_args

import numpy as np

from noria.scoring.plan.kernel import Kernel
from noria.scoring.plan.parts import count, floats, word
from noria.scoring.plan.product import EPS
from noria.scoring.plan.unsound import Unsound

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from noria.scoring.plan.head import Arrays, Facts

__all__ = ["Machine", "Rule", "pairs_of"]

Rule = Literal["value", "decision", "rest", "votes"]
"""What is answered: the one value; a decision of each pair of classes; of each class against the rest; its votes."""


_CELLS = 1 << 17
"""Terms of sums that are made at once: 1 MB, which stays in the cache."""


@dataclass(frozen=True, eq=False)
class Machine:
    """``kernel(X, vectors) @ weights.T + intercept``, then a rule.

    Parameters
    ----------
    kernel : Kernel
        How alike a row and a vector are.
    vectors : ndarray of float64, shape (n_vectors, n_features)
        Support vectors.
    weights : ndarray of float64, shape (n_outputs, n_vectors)
        A row for each pair of classes; positive speaks for the first of the pair where there are more than one.
    intercept : ndarray of float64, shape (n_outputs,)
        Offsets.
    rule : Rule
        "rest" and "votes" take the pairs (0, 1), (0, 2) … (1, 2) … of `n_classes`.
    n_classes : int
        0 but for "rest" and "votes".

    References
    ----------
    Chang, C.-C. and Lin, C.-J. (2011). LIBSVM: a library for support vector machines. ACM Transactions on Intelligent
    Systems and Technology 2, 27.
    """

    kind: ClassVar[str] = "machine"
    kernel: Kernel
    vectors: NDArray[np.float64]
    weights: NDArray[np.float64]
    intercept: NDArray[np.float64]
    rule: Rule
    n_classes: int = 0

    def answer(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Answer rows."""
        decided = self._decided(X)
        if self.rule == "value":
            return decided[:, 0]
        if self.rule == "decision":
            return decided
        votes = _votes(decided, self.n_classes, ties=self.rule == "rest")
        return votes + _confidence(decided, self.n_classes) if self.rule == "rest" else votes

    def _decided(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        # One after the other, as the library adds: where many far vectors are each a fraction of an ulp, that order
        # goes astray by more than any likely bound (70 eps were seen), and only the same order goes with it.
        alike = self.kernel(X, self.vectors)
        columns, weights = self._used
        if len(X) * weights.size <= _CELLS or len(X) == 1:
            made = np.add.accumulate(alike[:, columns] * weights, axis=2)[:, :, -1]
            return made + self.intercept
        made = np.empty((len(X), len(weights)))
        for rows in _pieces(len(X), weights.shape[1]):
            turned = np.ascontiguousarray(alike[rows].T)
            for output, (own, weight) in enumerate(zip(columns, weights, strict=True)):
                # Over the first of two axes NumPy adds one after the other, all rows at once.
                made[rows, output] = np.add.reduce(turned[own] * weight[:, None], axis=0)
        return made + self.intercept

    @cached_property
    def _used(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Give the vectors each output has a weight for, in their order, and the weights; zeros fill short rows up."""
        used = [np.flatnonzero(weights) for weights in self.weights]
        longest = max(1, *map(len, used))
        columns, kept = np.zeros((len(used), longest), dtype=np.int64), np.zeros((len(used), longest))
        for output, own in enumerate(used):
            columns[output, : len(own)], kept[output, : len(own)] = own, self.weights[output, own]
            columns[output, len(own) :] = own[-1] if len(own) else 0
        return columns, kept

    def bound(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Bound what the library's order of summation, and its exp, make of it."""
        doubt = self._doubt(X)
        if self.rule in ("value", "decision"):
            return np.asarray(doubt.max(axis=1))
        turned = (
            (np.abs(self._decided(X)) <= doubt).sum(axis=1).astype(np.float64)
        )  # votes that may go to the other class
        return turned if self.rule == "votes" else np.asarray(turned + doubt.sum(axis=1) / 3 + 4 * EPS)

    def _doubt(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        with np.errstate(all="ignore"):
            weights = np.abs(self.weights).T
            total = np.abs(self.kernel(X, self.vectors)) @ weights + np.abs(self.intercept)
            doubt = self.kernel.bound(X, self.vectors) @ weights + len(self.vectors) * EPS * total
            return np.nan_to_num(doubt, nan=np.inf, posinf=np.inf)

    def edges(self) -> Mapping[int, NDArray[np.float64]]:
        """Give none: what jumps, jumps at no single value."""
        return {}

    def facts(self) -> Facts:
        """Give the kernel and the rule."""
        return {**self.kernel.facts(), "rule": self.rule, "n_classes": self.n_classes}

    def arrays(self) -> Arrays:
        """Give vectors, weights and intercept."""
        return {"vectors": self.vectors, "weights": self.weights, "intercept": self.intercept}

    @classmethod
    def restore(cls, facts: Facts, arrays: Arrays) -> Self:
        """Build it again."""
        vectors, weights = floats(arrays, "vectors", None, None), floats(arrays, "weights", None, None)
        rule, n_classes = word(facts, "rule", get_args(Rule)), count(facts, "n_classes")
        pairs = n_classes * (n_classes - 1) // 2
        wanted = {"value": 1, "decision": len(weights)}.get(rule, pairs)
        if not len(weights) == wanted > 0 or weights.shape[1] != len(vectors):
            raise Unsound(f"the weights {weights.shape} fit neither {len(vectors)} vectors nor the rule {rule!r}")
        return cls(Kernel.restore(facts), vectors, weights, floats(arrays, "intercept", wanted), rule, n_classes)


def pairs_of(n_classes: int) -> list[tuple[int, int]]:
    """List the pairs of classes in the order of the decisions.

    Examples
    --------
    >>> pairs_of(3)
    [(0, 1), (0, 2), (1, 2)]
    """
    return [(one, other) for one in range(n_classes) for other in range(one + 1, n_classes)]


def _pieces(n_rows: int, width: int) -> Iterator[slice]:
    """Cut many rows into few; no piece is of a single row, of which NumPy would add up in another order."""
    n_pieces = max(1, min(n_rows // 2, n_rows * width // _CELLS))
    ends = [n_rows * number // n_pieces for number in range(n_pieces + 1)]
    yield from map(slice, ends, ends[1:])


def _votes(decided: NDArray[np.float64], n_classes: int, *, ties: bool) -> NDArray[np.float64]:
    """Count the pairs each class wins; a decision of exactly zero is for the first of the pair if `ties`."""
    first = decided >= 0 if ties else decided > 0
    votes = np.zeros((len(decided), n_classes))
    for n, (one, other) in enumerate(pairs_of(n_classes)):
        votes[:, one] += first[:, n]
        votes[:, other] += ~first[:, n]
    return votes


def _confidence(decided: NDArray[np.float64], n_classes: int) -> NDArray[np.float64]:
    """Sum the decisions for each class, squeezed into ±1/3 so that they order equal votes and turn none."""
    total = np.zeros((len(decided), n_classes))
    for n, (one, other) in enumerate(pairs_of(n_classes)):
        total[:, one] += decided[:, n]
        total[:, other] -= decided[:, n]
    return np.asarray(total / (3 * (np.abs(total) + 1)))
