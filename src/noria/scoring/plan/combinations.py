"""Splits on statistics of categories: of one column, or of several columns and splits taken together.

CatBoost keeps, for every combination of values that training had, how often each target came with it; a split asks
whether a share made of these counts is above a border. Which combination a row has is told by a hash, CatBoost's own:
``hash = M * (hash + M * value)`` over the parts of the combination, from 0. As the shares are fixed once the model is
fitted, what is kept for a combination is what each split says of it: yes or no.

References
----------
Prokhorenkova, L., Gusev, G., Vorobev, A., Dorogush, A. V. and Gulin, A. (2018). CatBoost: unbiased boosting with
categorical features. NeurIPS 2018.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self, cast

import numpy as np

from noria.scoring.plan.hashed import Hashed
from noria.scoring.plan.parts import positions
from noria.scoring.plan.unsound import Unsound, array

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from noria.scoring.plan.head import Arrays

__all__ = ["FIRST_CODE", "Combinations", "chained", "codes_of"]

FIRST_CODE = -1
"""A missing category, and one that was never seen."""

_FACTOR = np.uint64(0x4906BA494954CB65)
_STRANGE = np.uint64(0x5BD1E995_9E3779B9)
"""Stands for a code that the model does not know; no hash of a category has bits this far up."""


def chained(hashes: NDArray[np.uint64], values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Take one more part of a combination into its hash.

    Examples
    --------
    >>> zero = np.zeros(1, dtype=np.uint64)
    >>> chained(zero, zero).tolist()
    [0]
    """
    return np.asarray(_FACTOR * (hashes + _FACTOR * values))


def codes_of(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Read category codes as noria hands them to CatBoost: whole numbers, -1 for missing.

    Examples
    --------
    >>> codes_of(np.array([2.0, np.nan, 3.7])).tolist()
    [2.0, -1.0, 3.0]
    """
    return np.trunc(np.where(np.isnan(values), float(FIRST_CODE), values))


@dataclass(frozen=True, eq=False)
class Combinations:
    """What splits say of combinations.

    Parameters
    ----------
    columns : ndarray of int64, shape (n_columns,)
        Features that hold category codes.
    hashes : ndarray of int64, shape (n_codes,)
        Hash of each code, from `FIRST_CODE`.
    chains : ndarray of int64, shape (n_parts, n_chains)
        The parts of each combination: a place in `columns` or, counted on from there, one of the other splits; -1
        behind the last part. Longer ones come first.
    tables : ndarray of int64, shape (n_tables,)
        The chain of each table.
    keys : ndarray of int64, shape (n_keys,)
        Hashes of combinations with the number of their table taken in, as unsigned numbers ascending.
    rows : ndarray of int64, shape (n_keys,)
        Where in `said` the answers for each begin.
    absent : ndarray of int64, shape (n_tables,)
        Where they begin for a combination that training did not have.
    of, offset : ndarray of int64, shape (n_splits,)
        Table of each split, and the place of its answer behind the beginning.
    said : ndarray of bool
        The answers.
    """

    columns: NDArray[np.int64]
    hashes: NDArray[np.int64]
    chains: NDArray[np.int64]
    tables: NDArray[np.int64]
    keys: NDArray[np.int64]
    rows: NDArray[np.int64]
    absent: NDArray[np.int64]
    of: NDArray[np.int64]
    offset: NDArray[np.int64]
    said: NDArray[np.bool_]
    _steps: list[NDArray[np.int64]] = field(init=False, repr=False)
    _hashes: NDArray[np.uint64] = field(init=False, repr=False)
    _keys: NDArray[np.uint64] = field(init=False, repr=False)
    _places: Hashed = field(init=False, repr=False)
    _numbers: NDArray[np.uint64] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        put = object.__setattr__  # made once, because a request has only microseconds
        put(self, "_steps", [step[step >= 0] for step in self.chains])
        edges = np.full(1, _STRANGE)
        put(self, "_hashes", np.concatenate([edges, self.hashes.astype(np.uint64), edges]) * _FACTOR)
        put(self, "_keys", self.keys.view(np.uint64))
        put(self, "_places", Hashed(self._keys))
        put(self, "_numbers", np.arange(1, len(self.tables) + 1, dtype=np.uint64)[:, None] * _FACTOR)

    def truths(self, X: NDArray[np.float64], others: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Answer the splits, shape (n_splits, n_rows).

        Parameters
        ----------
        X : ndarray, shape (n_rows, n_features)
            The matrix.
        others : ndarray of bool, shape (n_others, n_rows)
            What the other splits say.
        """
        place = codes_of(X.take(self.columns, axis=1).T) - (FIRST_CODE - 1)
        known = np.minimum(np.maximum(place, 0), len(self._hashes) - 1).astype(np.intp)
        parts = np.concatenate([self._hashes.take(known), others * _FACTOR])
        hashes = _FACTOR * parts.take(self._steps[0], axis=0)
        for step in self._steps[1:]:
            longer = hashes[: len(step)]
            longer += parts.take(step, axis=0)
            longer *= _FACTOR
        wanted = _FACTOR * (hashes.take(self.tables, axis=0) + self._numbers)
        found = self._places.of(wanted)
        begins = np.where(self._keys.take(found) == wanted, self.rows.take(found), self.absent[:, None])
        return self.said.take(begins.take(self.of, axis=0) + self.offset[:, None])

    def columns_of(self, split: int, others: list[frozenset[int]]) -> frozenset[int]:
        """Name the features that a split hangs on, where those of the other splits are known."""
        made: frozenset[int] = frozenset()
        for part in self.chains[:, self.tables[self.of[split]]].tolist():
            if part >= len(self.columns):
                made |= others[part - len(self.columns)]
            elif part >= 0:
                made |= {int(self.columns[part])}
        return made

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Give what `restore` takes."""
        return {name: getattr(self, name) for name in _NAMES}

    @classmethod
    def restore(cls, arrays: Arrays, *, n_features: int, n_others: int) -> Self:
        """Build them again.

        Raises
        ------
        Unsound
            A part is missing or points elsewhere.
        """
        columns = positions(arrays, "columns", n_features)
        hashes = cast("NDArray[np.int64]", array(arrays, "hashes", "int64", None))
        chains = _chains(arrays, len(columns) + n_others)
        said = cast("NDArray[np.bool_]", array(arrays, "said", "bool", None))
        tables = positions(arrays, "tables", chains.shape[1])
        keys = cast("NDArray[np.int64]", array(arrays, "keys", "int64", None))
        of = positions(arrays, "of", len(tables))
        offset = positions(arrays, "offset", max(len(said), 1), len(of))
        widths = np.zeros(len(tables), dtype=np.int64)
        np.maximum.at(widths, of, offset + 1)
        rows = positions(arrays, "rows", max(len(said), 1), len(keys))
        absent = positions(arrays, "absent", max(len(said), 1), len(tables))
        widest = int(widths.max(initial=0))
        unsigned = keys.astype(np.uint64)
        if not len(keys) or not (unsigned[1:] > unsigned[:-1]).all():
            raise Unsound("the combinations are not in order, or there are none")
        # A key does not tell its table; wherever a row begins, the answers of the widest table are there.
        if max(int(rows.max()), int(absent.max(initial=0))) + widest > len(said):
            raise Unsound("a combination's answers are not there")
        return cls(columns, hashes, chains, tables, keys, rows, absent, of, offset, said.astype(np.bool_))


_NAMES = ("columns", "hashes", "chains", "tables", "keys", "rows", "absent", "of", "offset", "said")


def _chains(arrays: Arrays, n_parts: int) -> NDArray[np.int64]:
    found = cast("NDArray[np.int64]", array(arrays, "chains", "int64", None, None))
    ended = found < 0
    lengths = (~ended).sum(axis=0)
    in_order = bool((np.diff(ended.astype(np.int8), axis=0) >= 0).all() and (np.diff(lengths) <= 0).all())
    if not (found.size and in_order and lengths.min() > 0 and found.min() >= -1 and found.max() < n_parts):
        raise Unsound("a combination is made of what is not there")
    return found
