"""Encoders of categories and texts that scikit-learn does not have, plain enough to be saved without code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.utils.validation import check_is_fitted

from noria.errors import WrongData
from noria.preparation.hashing import hashed
from noria.preparation.texts import learn_words, weigh

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["Frequency", "Hashed", "Products", "WeightOfEvidence", "Words"]


class _Columns(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # sklearn is untyped
    """Reads a frame or a matrix column by column; None is missing."""

    def _learn_names(self, X: pd.DataFrame | NDArray[np.object_]) -> list[list[object]]:
        names = getattr(X, "columns", None)
        found = _columns(X)
        self.n_features_in_ = len(found)
        if names is not None:
            self.feature_names_in_ = np.asarray(names, dtype=object)
        return found

    def _given(self, input_features: Sequence[str] | None) -> list[str]:
        check_is_fitted(self)
        given = input_features if input_features is not None else getattr(self, "feature_names_in_", None)
        return [f"x{n}" for n in range(self.n_features_in_)] if given is None else [str(one) for one in given]

    def get_feature_names_out(self, input_features: Sequence[str] | None = None) -> NDArray[np.object_]:
        """Name the columns as they were."""
        return np.array(self._given(input_features), dtype=object)


def _columns(X: pd.DataFrame | NDArray[np.object_]) -> list[list[object]]:
    values = X.to_numpy(dtype=object) if hasattr(X, "to_numpy") else np.asarray(X, dtype=object)
    return [[one if isinstance(one, str) else None for one in column] for column in values.T]


class _Levels(_Columns):
    """One number a category; a missing one is a category of its own."""

    categories_: list[NDArray[np.object_]]
    encodings_: list[NDArray[np.float64]]
    missing_: NDArray[np.float64]
    unknown_: float

    def _learn_categories(self, columns: list[list[object]]) -> None:
        self.categories_ = [
            np.array(sorted({one for one in column if isinstance(one, str)}), dtype=object) for column in columns
        ]

    def _codes(self, number: int, column: list[object]) -> NDArray[np.intp]:
        """Give positions among the categories; behind them the missing, then the unknown."""
        known = self.categories_[number]
        places: dict[object, int] = {category: place for place, category in enumerate(known)}
        places[None] = len(known)
        return np.array([places.get(one, len(known) + 1) for one in column], dtype=np.intp)

    def transform(self, X: pd.DataFrame | NDArray[np.object_]) -> NDArray[np.float64]:
        """Give the number of each category."""
        check_is_fitted(self)
        made = []
        for number, column in enumerate(_columns(X)):
            table = np.concatenate([self.encodings_[number], [self.missing_[number], self.unknown_]])
            made.append(table[self._codes(number, column)])
        return np.column_stack(made)


class Frequency(_Levels):
    """Encode categories by how frequent they were in training.

    Parameters
    ----------
    share : bool
        Shares of the rows; else their number.

    Examples
    --------
    >>> Frequency().fit_transform(np.array([["a"], ["a"], ["b"], [None]], dtype=object)).ravel().tolist()
    [0.5, 0.5, 0.25, 0.25]
    """

    def __init__(self, share: bool = True) -> None:
        self.share = share

    def fit(self, X: pd.DataFrame | NDArray[np.object_], y: object = None) -> Frequency:
        """Count."""
        columns = self._learn_names(X)
        self._learn_categories(columns)
        self.encodings_, missing = [], []
        for number, column in enumerate(columns):
            counts = np.bincount(self._codes(number, column), minlength=len(self.categories_[number]) + 2).astype(float)
            counts = counts / len(column) if self.share else counts
            self.encodings_.append(counts[:-2])
            missing.append(counts[-2])
        self.missing_, self.unknown_ = np.array(missing), 0.0
        return self


class WeightOfEvidence(_Levels):
    """Encode categories by their weight of evidence for the second of two classes; cross-fitted in training.

    Parameters
    ----------
    smooth : float
        Rows of the average that are added to each category.
    cv : splitter
        Folds for `fit_transform`: each row is encoded by what the other folds learned, else its own label would be in
        its feature (Micci-Barreca, D. (2001). A preprocessing scheme for high-cardinality categorical attributes.
        SIGKDD Explorations 3(1)).

    References
    ----------
    Siddiqi, N. (2006). Credit risk scorecards. Wiley. Chapter 6.
    """

    def __init__(self, smooth: float = 1.0, cv: object = None) -> None:
        self.smooth = smooth
        self.cv = cv

    def fit(self, X: pd.DataFrame | NDArray[np.object_], y: NDArray[np.generic]) -> Self:
        """Learn from all rows.

        Raises
        ------
        WrongData
            The target has not two classes.
        """
        columns = self._learn_names(X)
        second = _second(y)
        self._learn_categories(columns)
        share = second.mean()
        self.encodings_, missing = [], []
        for number, column in enumerate(columns):
            codes, size = self._codes(number, column), len(self.categories_[number]) + 2
            good = np.bincount(codes, weights=second, minlength=size) + self.smooth * share
            bad = np.bincount(codes, weights=1 - second, minlength=size) + self.smooth * (1 - share)
            found = np.log(good / bad) - np.log(share / (1 - share))
            self.encodings_.append(found[:-2])
            missing.append(found[-2])
        self.missing_, self.unknown_ = np.array(missing), 0.0
        return self

    def fit_transform(self, X: pd.DataFrame | NDArray[np.object_], y: NDArray[np.generic]) -> NDArray[np.float64]:
        """Learn from all rows, and give each row what the folds without it say."""
        self.fit(X, y)
        second = _second(y)
        if self.cv is None:
            return self.transform(X)
        made = np.zeros((len(second), self.n_features_in_))
        take: Callable[[NDArray[np.int64]], object] = X.iloc.__getitem__ if hasattr(X, "iloc") else X.__getitem__
        for learned, judged in self.cv.split(np.zeros(len(second)), second):  # type: ignore[attr-defined]
            part = second[learned]
            if 0 < part.mean() < 1:  # else a fold knows one class alone, and no evidence
                made[judged] = clone(self).set_params(cv=None).fit(take(learned), part).transform(take(judged))
        return made


def _second(y: NDArray[np.generic]) -> NDArray[np.float64]:
    classes = np.unique(np.asarray(y))
    if len(classes) != 2:
        raise WrongData(
            f"woe needs a target of two classes, and this has {len(classes)}",
            mend="write target, which takes any target",
            code="N-PREP-017",
        )
    return np.asarray(np.asarray(y) == classes[1], dtype=np.float64)


class Hashed(_Columns):
    """Encode categories by their hash, so that one nobody has seen has its column too.

    Parameters
    ----------
    buckets : int
        Columns for each column.
    """

    def __init__(self, buckets: int = 16) -> None:
        self.buckets = buckets

    def fit(self, X: pd.DataFrame | NDArray[np.object_], y: object = None) -> Hashed:
        """Remember the columns; there is nothing to learn."""
        self._learn_names(X)
        return self

    def transform(self, X: pd.DataFrame | NDArray[np.object_]) -> NDArray[np.float64]:
        """Mark the buckets."""
        check_is_fitted(self)
        return np.concatenate([hashed(column, self.buckets) for column in _columns(X)], axis=1)

    def get_feature_names_out(self, input_features: Sequence[str] | None = None) -> NDArray[np.object_]:
        """Name the columns ``COLUMN_0`` and so on."""
        names = [f"{name}_{n}" for name in self._given(input_features) for n in range(self.buckets)]
        return np.array(names, dtype=object)


class Words(_Columns):
    """Weigh the words of texts, each column by its own vocabulary (TF-IDF).

    Parameters
    ----------
    most : int
        Words a column.
    rare : float
        Share of the rows that a word must stand in.
    """

    def __init__(self, most: int = 100, rare: float = 0.0) -> None:
        self.most = most
        self.rare = rare

    def fit(self, X: pd.DataFrame | NDArray[np.object_], y: object = None) -> Words:
        """Learn the vocabularies.

        Raises
        ------
        WrongData
            A column has no word.
        """
        columns = self._learn_names(X)
        self.words_, self.idf_ = [], []
        for number, column in enumerate(columns):
            chosen, idf = learn_words(column, most=self.most, rare=self.rare)
            if not chosen:
                raise WrongData(
                    f"tfidf finds no word in the texts of {self._given(None)[number]!r}",
                    mend="lower rare, or write onehot or hash for it",
                    code="N-PREP-018",
                )
            self.words_.append(chosen)
            self.idf_.append(idf)
        return self

    def transform(self, X: pd.DataFrame | NDArray[np.object_]) -> NDArray[np.float64]:
        """Give the weights."""
        check_is_fitted(self)
        parts = []
        for column, known, idf in zip(_columns(X), self.words_, self.idf_, strict=True):
            parts.append(weigh(column, {word: place for place, word in enumerate(known)}, np.asarray(idf)))
        return np.concatenate(parts, axis=1)

    def get_feature_names_out(self, input_features: Sequence[str] | None = None) -> NDArray[np.object_]:
        """Name the columns ``COLUMN_WORD``."""
        given = self._given(input_features)
        return np.array([f"{name}_{word}" for name, known in zip(given, self.words_, strict=True) for word in known])


class Products(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # sklearn is untyped
    """Add the product of each pair of columns, and their squares; missing stays missing.

    Examples
    --------
    >>> Products().fit_transform(np.array([[2.0, 3.0]])).tolist()
    [[2.0, 3.0, 4.0, 6.0, 9.0]]
    """

    def fit(self, X: NDArray[np.float64], y: object = None) -> Products:
        """Remember the number of columns."""
        self.n_features_in_ = np.asarray(X).shape[1]
        self.first_, self.second_ = (one.astype(np.int64) for one in np.triu_indices(self.n_features_in_))
        return self

    def transform(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give the columns, then the products."""
        check_is_fitted(self)
        values = np.asarray(X, dtype=float)
        return np.concatenate([values, values[:, self.first_] * values[:, self.second_]], axis=1)

    def get_feature_names_out(self, input_features: Sequence[str] | None = None) -> NDArray[np.object_]:
        """Name the products ``A*B``."""
        check_is_fitted(self)
        names = [f"x{n}" for n in range(self.n_features_in_)] if input_features is None else list(input_features)
        pairs = [f"{names[one]}*{names[two]}" for one, two in zip(self.first_, self.second_, strict=True)]
        return np.array([*names, *pairs], dtype=object)
