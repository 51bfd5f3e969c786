"""Transformers that scikit-learn does not have, plain enough to be saved without code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin, clone
from sklearn.utils.validation import check_is_fitted

from noria.preparation.dates import PARTS, date_fields, date_parts, field_names

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["Clip", "DateFields", "DateParts", "FromOthers", "Numbers", "SignedLog", "Strings"]


class SignedLog(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]  # sklearn is untyped
    """Compress long tails: ``sign(x) log(1 + |x|)``; missing stays missing.

    Examples
    --------
    >>> SignedLog().fit_transform(np.array([[0.0], [-1.0]])).ravel().round(4).tolist()
    [0.0, -0.6931]
    """

    def fit(self, X: NDArray[np.float64], y: object = None) -> SignedLog:
        """Remember the number of columns."""
        self.n_features_in_ = np.asarray(X).shape[1]
        return self

    def transform(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give the compressed values."""
        values = np.asarray(X, dtype=float)
        return np.asarray(np.sign(values) * np.log1p(np.abs(values)))


class Clip(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]  # sklearn is untyped
    """Bound each column by two quantiles of its training rows; missing stays missing.

    Parameters
    ----------
    low, high : float
        Quantiles, from 0 to 1.
    """

    def __init__(self, low: float = 0.01, high: float = 0.99) -> None:
        self.low = low
        self.high = high

    def fit(self, X: NDArray[np.float64], y: object = None) -> Clip:
        """Learn the bounds; a column without a value has none."""
        values = np.asarray(X, dtype=float)
        self.n_features_in_ = values.shape[1]
        bounds = [
            np.quantile(column[~np.isnan(column)], [self.low, self.high])
            if np.any(~np.isnan(column))
            else np.array([-np.inf, np.inf])
            for column in values.T
        ]
        self.low_ = np.array([pair[0] for pair in bounds])
        self.high_ = np.array([pair[1] for pair in bounds])
        return self

    def transform(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give the bounded values."""
        check_is_fitted(self)
        return np.asarray(np.clip(np.asarray(X, dtype=float), self.low_, self.high_))


class DateParts(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # sklearn is untyped
    """Turn timestamps into numbers: days since 1970, and year, week and day as positions on a circle.

    A circle (sine and cosine) keeps December next to January, and 23:00 next to midnight.
    """

    PARTS = PARTS

    def fit(self, X: pd.DataFrame, y: object = None) -> DateParts:
        """Remember the columns."""
        self.feature_names_in_ = np.asarray(X.columns, dtype=object)
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X: pd.DataFrame) -> NDArray[np.float64]:
        """Give seven numbers a column, missing where the timestamp is."""
        return np.column_stack([date_parts(X[name].to_numpy(dtype="datetime64[us]")) for name in X.columns])

    def get_feature_names_out(self, input_features: object = None) -> NDArray[np.object_]:
        """Name the numbers ``COLUMN_PART``."""
        check_is_fitted(self)
        return np.array([f"{name}_{part}" for name in self.feature_names_in_ for part in self.PARTS], dtype=object)


class DateFields(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # sklearn is untyped
    """Turn timestamps into parts of one's choice.

    Parameters
    ----------
    fields : tuple of str
        Of `noria.preparation.dates.FIELDS`.
    cyclic : bool
        Sine and cosine of the parts that come round.
    """

    def __init__(self, fields: tuple[str, ...] = ("days",), cyclic: bool = False) -> None:
        self.fields = fields
        self.cyclic = cyclic

    def fit(self, X: pd.DataFrame, y: object = None) -> DateFields:
        """Remember the columns."""
        self.feature_names_in_ = np.asarray(X.columns, dtype=object)
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X: pd.DataFrame) -> NDArray[np.float64]:
        """Give the parts of each column, missing where the timestamp is."""
        stamps = [X[name].to_numpy(dtype="datetime64[us]") for name in X.columns]
        return np.column_stack([date_fields(one, self.fields, cyclic=self.cyclic) for one in stamps])

    def get_feature_names_out(self, input_features: object = None) -> NDArray[np.object_]:
        """Name the numbers ``COLUMN_PART``."""
        check_is_fitted(self)
        parts = field_names(self.fields, cyclic=self.cyclic)
        return np.array([f"{name}_{part}" for name in self.feature_names_in_ for part in parts], dtype=object)


class Numbers(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]  # sklearn is untyped
    """Give columns as they are, but zero where training had no value at all: some trees cannot bin nothing.

    Examples
    --------
    >>> Numbers().fit_transform(np.array([[1.0, np.nan], [np.nan, np.nan]])).tolist()
    [[1.0, 0.0], [nan, 0.0]]
    """

    def fit(self, X: NDArray[np.float64], y: object = None) -> Numbers:
        """Note which columns are empty."""
        values = np.asarray(X, dtype=float)
        self.n_features_in_ = values.shape[1]
        self.empty_ = np.isnan(values).all(axis=0)
        return self

    def transform(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give the numbers."""
        check_is_fitted(self)
        return np.asarray(np.where(self.empty_, 0.0, np.asarray(X, dtype=float)))


class FromOthers(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # sklearn is untyped
    """Impute some columns from themselves and others, and give back only the former.

    An imputer that learns from neighbours is blind when it sees one column alone.

    Parameters
    ----------
    imputer : estimator
        A KNNImputer or IterativeImputer that keeps empty features.
    width : int
        How many of the first columns are given back.
    indicator : bool
        Whether to add one column each that marks what was missing.
    """

    def __init__(self, imputer: BaseEstimator, width: int, indicator: bool = False) -> None:
        self.imputer = imputer
        self.width = width
        self.indicator = indicator

    def fit(self, X: pd.DataFrame, y: object = None) -> FromOthers:
        """Fit the imputer on every column."""
        self.feature_names_in_ = np.asarray(X.columns, dtype=object)
        self.n_features_in_ = X.shape[1]
        self.imputer_ = clone(self.imputer).fit(self._numbers(X))
        return self

    def transform(self, X: pd.DataFrame) -> NDArray[np.float64]:
        """Give the first columns complete, then their marks."""
        check_is_fitted(self)
        values = self._numbers(X)
        missing = np.isnan(values[:, : self.width])
        made = np.asarray(self.imputer_.transform(values))[:, : self.width]
        return np.column_stack([made, missing]) if self.indicator else made

    def get_feature_names_out(self, input_features: object = None) -> NDArray[np.object_]:
        """Name the columns, and the marks ``missing_COLUMN``."""
        check_is_fitted(self)
        names = list(self.feature_names_in_[: self.width])
        return np.array(names + [f"missing_{name}" for name in names] * self.indicator, dtype=object)

    @staticmethod
    def _numbers(X: pd.DataFrame) -> NDArray[np.float64]:
        # A copy, in C order: under pandas 3 a frame hands out read-only views, into which IterativeImputer writes.
        return np.array(X, dtype=float, order="C", copy=True)


class Strings(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]  # sklearn is untyped
    """Fill missing categories with a level of their own.

    Parameters
    ----------
    fill : str
        The name of that level.
    """

    def __init__(self, fill: str = "(missing)") -> None:
        self.fill = fill

    def fit(self, X: pd.DataFrame, y: object = None) -> Strings:
        """Remember the columns."""
        self.feature_names_in_ = np.asarray(X.columns, dtype=object)
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X: pd.DataFrame) -> NDArray[np.object_]:
        """Give the categories, none missing."""
        values = X.to_numpy(dtype=object)
        filled = np.where(X.isna().to_numpy(), self.fill, values)
        return np.asarray(filled, dtype=object)
