"""Values far from the others: bounded, made missing or marked by what the training rows were like."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from noria.errors import WrongData

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["Action", "Outliers", "Positive", "Strangers"]

Action = Literal["clip", "null", "flag", "drop"]
"""Bound them; make them missing; mark them in further columns; leave their rows out of training (and no others)."""


class _Named(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # sklearn is untyped
    """Names of columns, and of the marks behind them."""

    def _learn_names(self, X: object) -> NDArray[np.float64]:
        names = getattr(X, "columns", None)
        values = np.array(X, dtype=float)
        self.n_features_in_ = values.shape[1]
        if names is not None:
            self.feature_names_in_ = np.asarray(names, dtype=object)
        return values

    def _names(self, input_features: Sequence[str] | None, marks: list[str]) -> NDArray[np.object_]:
        check_is_fitted(self)
        given = input_features if input_features is not None else getattr(self, "feature_names_in_", None)
        names = [f"x{n}" for n in range(self.n_features_in_)] if given is None else [str(one) for one in given]
        return np.array(names + [mark.format(name) for mark in marks for name in names], dtype=object)


class Outliers(_Named):
    """Hold each column against bounds from its training rows; missing stays missing.

    Parameters
    ----------
    method : {"iqr", "zscore"}
        Interquartile ranges beyond the quartiles (Tukey, J. W. (1977). Exploratory Data Analysis. Addison-Wesley), or
        standard deviations from the mean.
    reach : float
        How many.
    action : {"clip", "null", "flag", "drop"}
        What happens; ``drop`` changes nothing here, see `noria.preparation.fitting_rows`.

    Examples
    --------
    >>> column = np.array([[1.0], [2.0], [3.0], [4.0], [99.0]])
    >>> Outliers("iqr", 1.5, "clip").fit_transform(column).ravel().tolist()
    [1.0, 2.0, 3.0, 4.0, 7.0]
    """

    def __init__(self, method: str = "iqr", reach: float = 1.5, action: str = "clip") -> None:
        self.method = method
        self.reach = reach
        self.action = action

    def fit(self, X: object, y: object = None) -> Outliers:
        """Learn the bounds; a column without a value has none."""
        values = self._learn_names(X)
        bounds = [self._bounds(column[~np.isnan(column)]) for column in values.T]
        self.low_ = np.array([low for low, _ in bounds], dtype=float)
        self.high_ = np.array([high for _, high in bounds], dtype=float)
        return self

    def _bounds(self, known: NDArray[np.float64]) -> tuple[float, float]:
        if not len(known):
            return -np.inf, np.inf
        if self.method == "zscore":
            center, spread = float(known.mean()), float(known.std())
            return center - self.reach * spread, center + self.reach * spread
        lower, upper = np.quantile(known, [0.25, 0.75])
        return float(lower - self.reach * (upper - lower)), float(upper + self.reach * (upper - lower))

    def strange(self, X: object) -> NDArray[np.bool_]:
        """Say which values lie outside, shape (n_rows, n_columns)."""
        check_is_fitted(self)
        values = np.asarray(X, dtype=float)
        return np.asarray((values < self.low_) | (values > self.high_))

    def transform(self, X: object) -> NDArray[np.float64]:
        """Give the columns, and behind them the marks where that was asked for."""
        check_is_fitted(self)
        values = np.array(X, dtype=float)
        match self.action:
            case "clip":
                return np.asarray(np.clip(values, self.low_, self.high_))
            case "null":
                return np.where(self.strange(values), np.nan, values)
            case "flag":
                return np.column_stack([values, self.strange(values)])
            case _:
                return values

    def get_feature_names_out(self, input_features: Sequence[str] | None = None) -> NDArray[np.object_]:
        """Name the columns, and the marks ``outlier_COLUMN``."""
        return self._names(input_features, ["outlier_{}"] if self.action == "flag" else [])


class Strangers(_Named):
    """Rows that an isolation forest finds strange, judged by several columns together.

    Parameters
    ----------
    share : float
        Of the training rows that count as strange.
    action : {"null", "flag", "drop"}
        ``null`` makes all of its columns missing in such a row, ``flag`` adds one column.
    seed : int
        Of the forest.

    References
    ----------
    Liu, F. T., Ting, K. M. and Zhou, Z.-H. (2008). Isolation forest. IEEE International Conference on Data Mining.
    """

    def __init__(self, share: float = 0.01, action: str = "flag", seed: int = 0) -> None:
        self.share = share
        self.action = action
        self.seed = seed

    def fit(self, X: object, y: object = None) -> Strangers:
        """Grow the forest; a missing value counts as the median."""
        from sklearn.ensemble import IsolationForest  # noqa: PLC0415 - few ask for it

        values = self._learn_names(X)
        known = [column[~np.isnan(column)] for column in values.T]
        self.fill_ = np.array([np.median(one) if len(one) else 0.0 for one in known], dtype=float)
        self.forest_ = IsolationForest(contamination=self.share, random_state=self.seed).fit(self._full(values))
        return self

    def _full(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(np.isnan(values), self.fill_, values)

    def strange(self, X: object) -> NDArray[np.bool_]:
        """Say which rows are strange, shape (n_rows, 1)."""
        check_is_fitted(self)
        values = self._full(np.asarray(X, dtype=float))
        return np.asarray(self.forest_.predict(values) == -1).reshape(-1, 1)

    def transform(self, X: object) -> NDArray[np.float64]:
        """Give the columns, and behind them the mark where that was asked for."""
        values = np.array(X, dtype=float)
        if self.action == "drop":
            return values
        strange = self.strange(values)
        return np.where(strange, np.nan, values) if self.action == "null" else np.column_stack([values, strange])

    def get_feature_names_out(self, input_features: Sequence[str] | None = None) -> NDArray[np.object_]:
        """Name the columns, and the mark ``outlier``."""
        names = self._names(input_features, [])
        return np.append(names, "outlier").astype(object) if self.action == "flag" else names


class Positive(_Named):
    """Bound columns from below by their least training value, which must be above zero: what Box-Cox can take."""

    def fit(self, X: object, y: object = None) -> Positive:
        """Learn the bounds.

        Raises
        ------
        WrongData
            A column has a value that is not above zero.
        """
        values = self._learn_names(X)
        known = [column[~np.isnan(column)] for column in values.T]
        self.low_ = np.array([one.min() if len(one) else 1.0 for one in known], dtype=float)
        if (self.low_ <= 0).any():
            raise WrongData(
                "scale:boxcox takes values above zero only",
                why=f"the least value is {self.low_.min():g}",
                mend="write scale:power, which takes all numbers",
                code="N-PREP-016",
            )
        return self

    def transform(self, X: object) -> NDArray[np.float64]:
        """Give the bounded values."""
        check_is_fitted(self)
        return np.asarray(np.clip(np.array(X, dtype=float), self.low_, np.inf))

    def get_feature_names_out(self, input_features: Sequence[str] | None = None) -> NDArray[np.object_]:
        """Name the columns as they were."""
        return self._names(input_features, [])
