"""A layer of a perceptron as plain arrays, answered by NumPy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Dense"]


@dataclass(frozen=True)
class Dense:
    """One layer: ``activation(x @ kernel + bias)``.

    Parameters
    ----------
    kernel : ndarray of float32, shape (n_in, n_out)
        Weights.
    bias : ndarray of float32, shape (n_out,)
        Offsets.
    activation : str
        "relu", "linear", "sigmoid" or "softmax".

    Examples
    --------
    >>> layer = Dense(np.ones((2, 1), dtype=np.float32), np.array([-4], dtype=np.float32), "relu")
    >>> layer(np.array([[1.0, 2.0], [3.0, 4.0]])).tolist()
    [[0.0], [3.0]]
    """

    kernel: NDArray[np.float32]
    bias: NDArray[np.float32]
    activation: str

    def __call__(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Answer rows, shape (n_rows, n_out), in float64."""
        made = X @ self.kernel.astype(np.float64) + self.bias
        if self.activation == "relu":
            return np.maximum(made, 0)
        if self.activation == "sigmoid":
            return np.asarray(1 / (1 + np.exp(-np.clip(made, -500, 500))))
        if self.activation == "softmax":
            shares = np.exp(made - made.max(axis=1, keepdims=True))
            return np.asarray(shares / shares.sum(axis=1, keepdims=True))
        return np.asarray(made)
