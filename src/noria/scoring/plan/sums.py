"""Values of leaves added up in the order of the trees, as the libraries add them."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Sums"]


class Sums:
    """Adds one by one: ``sum`` adds halves, which rounds otherwise, so that everything here is ``accumulate``.

    Parameters
    ----------
    values : ndarray of float64 or float32, shape (n_leaves, n_values)
        What leaves say: one value, the trees speaking for the outputs in turn, or one for each output.
    start : ndarray, shape (n_outputs,)
        What the sums begin with, of the same type.

    Examples
    --------
    >>> Sums(np.array([[1.0], [2.0]]), np.array([10.0])).of(np.array([[0], [1], [1]]))
    array([[15.]])
    """

    def __init__(self, values: NDArray[np.floating], start: NDArray[np.floating]) -> None:
        self._n_outputs = len(start)
        self._in_turn = values.shape[1] == 1
        self._paired = values.shape[1] == 2 and values.dtype == np.float64
        if self._paired:
            # Two sums side by side are one of complex numbers, for which numpy has a faster loop.
            values, start = values.view(np.complex128), start.view(np.complex128)
        self._values = values.ravel() if self._in_turn or self._paired else values
        self._start = start

    def of(self, rows: NDArray[np.integer]) -> NDArray[np.floating]:
        """Add up the leaves of some rows.

        Parameters
        ----------
        rows : ndarray, shape (n_trees, n_rows)
            Rows in the table of values.

        Returns
        -------
        ndarray, shape (n_rows, n_outputs)
            Of the values' type.
        """
        n_rows = rows.shape[1]
        if not (self._in_turn or self._paired):
            said = self._values.take(rows, axis=0)
            said[0] += self._start
            return cast("NDArray[np.floating]", np.add.accumulate(said, axis=0, out=said)[-1])
        if n_rows == 1 and len(self._start) == 1:
            said = self._values.take(rows[:, 0])
            said[0] += self._start[0]
            total = np.add.accumulate(said)[-1:]
        else:
            said = self._values.take(rows).reshape(-1, len(self._start), n_rows)
            said[0] += self._start[:, None]
            total = np.add.accumulate(said, axis=0, out=said)[-1].T
        if self._paired:
            total = np.ascontiguousarray(total).view(np.float64)
        return cast("NDArray[np.floating]", total.reshape(n_rows, self._n_outputs))
