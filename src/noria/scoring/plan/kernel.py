"""How alike a row and a support vector are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Self, get_args

import numpy as np

from noria.scoring.plan.parts import count, word
from noria.scoring.plan.product import EPS, apart, growth, product
from noria.scoring.plan.unsound import Unsound, number

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from noria.scoring.plan.head import Facts

__all__ = ["Form", "Kernel"]

Form = Literal["rbf", "linear", "poly", "sigmoid"]

_MOST_DEGREE = 1000


@dataclass(frozen=True)
class Kernel:
    """A kernel and its parameters.

    Parameters
    ----------
    form : Form
        ``exp(-gamma |x-s|²)``, ``x·s``, ``(gamma x·s + offset)^degree`` or ``tanh(gamma x·s + offset)``.
    gamma, offset : float
        Its scale and what is added.
    degree : int
        Of a polynomial.

    Examples
    --------
    >>> Kernel("poly", gamma=1.0, offset=1.0, degree=2)(np.array([[2.0]]), np.array([[3.0]])).tolist()
    [[49.0]]
    """

    form: Form
    gamma: float = 1.0
    offset: float = 0.0
    degree: int = 0

    def __call__(self, X: NDArray[np.float64], vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        """Compare rows with vectors, shape (n_rows, n_vectors)."""
        if self.form == "rbf":
            made = apart(X, vectors)
            made *= -self.gamma
            return np.exp(made, out=made)
        if self.form == "linear":
            return product(X, vectors)
        inner = self.gamma * product(X, vectors) + self.offset
        return np.tanh(inner) if self.form == "sigmoid" else _power(inner, self.degree)

    def bound(self, X: NDArray[np.float64], vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        """Bound what another order of summation, and another exp or tanh, make of it."""
        few = growth(X.shape[1]) * EPS
        if self.form == "rbf":
            far = self.gamma * apart(X, vectors)
            return np.asarray(np.exp(-far) * (few * far + 4 * EPS))
        size = np.abs(X) @ np.abs(vectors).T
        if self.form == "linear":
            return np.asarray(few * size)
        widest = abs(self.gamma) * size + abs(self.offset)  # no inner value is further from zero
        if self.form == "sigmoid":
            return np.asarray(few * widest + 4 * EPS)
        return np.asarray((few * self.degree + 4 * EPS) * _power(widest, self.degree))

    def facts(self) -> Facts:
        """Give form and parameters."""
        return {"kernel": self.form, "gamma": self.gamma, "offset": self.offset, "degree": self.degree}

    @classmethod
    def restore(cls, facts: Facts) -> Self:
        """Build it again."""
        gamma, offset, degree = number(facts, "gamma"), number(facts, "offset"), count(facts, "degree")
        if not (np.isfinite(gamma) and np.isfinite(offset)) or degree > _MOST_DEGREE:
            raise Unsound(f"a kernel cannot have gamma {gamma}, offset {offset} and degree {degree}")
        return cls(word(facts, "kernel", get_args(Form)), gamma, offset, degree)


def _power(values: NDArray[np.float64], degree: int) -> NDArray[np.float64]:
    """Multiply by squaring, as the library does; NumPy's power rounds otherwise."""
    made, square = np.ones_like(values), values.copy()
    while degree:
        if degree % 2:
            made *= square
        degree //= 2
        if degree:
            square *= square
    return made
