"""One fit of one candidate on one fold."""

from __future__ import annotations

import os
import warnings
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np

from noria.training.family import Estimator, Family, Fitting
from noria.training.inner import Bonds
from noria.training.model import Prediction, answer

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from noria.training.candidate import Candidate
    from noria.training.folds import Fold
    from noria.training.task import Target, Task

__all__ = ["Bench", "Matrices", "Matrix", "Notes", "Preparation", "quiet", "seed_of", "threads_for"]

CODES = "codes"
"""The part of a preparation whose outputs are category codes."""

MOST_BYTES = 1_000_000_000
"""Prepared folds are kept up to this size in all; beyond, they are prepared again."""

SMALL = 100_000
"""Below this many cells, starting threads costs more than they save."""


class Preparation(Protocol):
    """An unfitted preparation, a scikit-learn transformer."""

    def fit_transform(self, X: pd.DataFrame, y: NDArray[np.generic] | None = None) -> NDArray[np.float64]:
        """Learn from the rows and give their matrix."""

    def transform(self, X: pd.DataFrame) -> NDArray[np.float64]:
        """Give the matrix of further rows."""


@dataclass(frozen=True)
class Matrix:
    """The rows of one fold as an encoding sees them.

    Parameters
    ----------
    train, valid : ndarray of float64
        Matrices of the fold's rows.
    categorical : tuple of int
        Columns that hold category codes.
    preparation : Preparation
        Fitted on the training rows alone.
    """

    train: NDArray[np.float64]
    valid: NDArray[np.float64]
    categorical: tuple[int, ...]
    preparation: Preparation


class Notes:
    """Warnings of the libraries, gathered instead of printed."""

    def __init__(self) -> None:
        self._seen: dict[str, None] = {}

    def add(self, text: str) -> None:
        """Keep a line once."""
        self._seen[text] = None

    def __str__(self) -> str:
        return "; ".join(self._seen)


@contextmanager
def quiet(notes: Notes) -> Iterator[None]:
    """Turn warnings inside the block into notes: nothing of a library's may reach the user's terminal.

    Examples
    --------
    >>> notes = Notes()
    >>> with quiet(notes):
    ...     warnings.warn("Objective did not converge. You might want to ...")
    >>> str(notes)
    'did not converge'
    """
    with warnings.catch_warnings(record=True) as caught, np.errstate(all="ignore"):
        warnings.simplefilter("always")
        yield
    for warning in caught:
        if text := _worth_knowing(warning.message):
            notes.add(text)


def _worth_knowing(message: Warning | str) -> str:
    text = " ".join(str(message).split())
    if isinstance(message, (DeprecationWarning, FutureWarning, PendingDeprecationWarning)):
        return ""
    if "converge" in text.lower():
        return "did not converge"
    if "unknown categories" in text or "lbfgs" in text.lower() or "joblib" in text.lower():
        return ""
    return text if len(text) <= 120 else text[:117] + "..."


def seed_of(seed: int, name: str, fold: int) -> int:
    """Derive the seed of one fit; the same for the same candidate and fold, whatever ran before.

    Examples
    --------
    >>> seed_of(7, "ridge", 0) == seed_of(7, "ridge", 0) != seed_of(7, "ridge", 1)
    True
    """
    entropy = [abs(seed), zlib.crc32(name.encode()), fold + 1]
    return int(np.random.SeedSequence(entropy).generate_state(1)[0] % 2**31)


def threads_for(cells: int) -> int:
    """Choose how many threads a fit may use, by the size of its matrix and the cores this process may run on."""
    return 1 if cells < SMALL else min(len(os.sched_getaffinity(0)), 8)


class Matrices:
    """Prepared folds, made once for each encoding.

    Parameters
    ----------
    frame : pandas.DataFrame
        Raw features of every training row.
    target : Target
        Encoded.
    folds : list of (train, valid)
        Row numbers.
    prepare : callable
        Makes an unfitted preparation for a family; the same for families of one encoding.
    """

    def __init__(
        self, frame: pd.DataFrame, target: Target | None, folds: list[Fold], prepare: Callable[[Family], Preparation]
    ) -> None:
        self.frame = frame
        self.target = target
        self.folds = folds
        self.prepare = prepare
        self._kept: dict[tuple[str, int], Matrix] = {}
        self._bytes = 0

    def fold(self, family: Family, number: int, notes: Notes) -> Matrix:
        """Give one fold as the family's encoding sees it; number -1 is every row, and nothing to validate on."""
        kept = self._kept.get((family.encoding, number))
        if kept is not None:
            return kept
        rows, valid = self.folds[number] if number >= 0 else (np.arange(len(self.frame)), np.arange(0))
        made = self.rows(family, rows, valid, notes)
        size = made.train.nbytes + made.valid.nbytes
        if number >= 0 and self._bytes + size <= MOST_BYTES:
            self._bytes += size
            self._kept[family.encoding, number] = made
        return made

    def rows(self, family: Family, train: NDArray[np.int64], valid: NDArray[np.int64], notes: Notes) -> Matrix:
        """Fit a preparation on some rows and apply it to others."""
        preparation = self.prepare(family)
        y = None if self.target is None else self.target.values[train]
        with quiet(notes):
            fitted = _dense(preparation.fit_transform(self.frame.iloc[train], y))
            applied = (
                _dense(preparation.transform(self.frame.iloc[valid])) if len(valid) else np.empty((0, fitted.shape[1]))
            )
        return Matrix(fitted, applied, _codes(preparation), preparation)


@dataclass(frozen=True)
class Bench:
    """What every fit of a selection shares."""

    task: Task
    target: Target | None
    matrices: Matrices
    seed: int
    threads: int | None = None
    out_of_time: Callable[[], bool] = field(default=lambda: False)
    bonds: Bonds = field(default_factory=Bonds)

    def fit(self, candidate: Candidate, matrix: Matrix, rows: NDArray[np.int64], fold: int, notes: Notes) -> Estimator:
        """Fit a candidate on prepared rows."""
        classes = self.target.classes if self.target is not None else None
        fitting = Fitting(
            task=self.task,
            seed=seed_of(self.seed, candidate.name, fold),
            threads=self.threads or threads_for(matrix.train.size),
            n_classes=len(classes or ()),
            n_rows=len(rows),
            categorical=matrix.categorical,
            out_of_time=self.out_of_time if fold >= 0 else lambda: False,
            bonds=self.bonds.take(rows),
        )
        y = np.zeros(len(rows), dtype=np.int64) if self.target is None else self.target.values[rows]
        with quiet(notes):
            estimator = candidate.family.build(candidate.params, fitting)
            estimator.fit(matrix.train, y)
        return single_threaded(estimator)

    def ask(self, estimator: Estimator, X: NDArray[np.float64], notes: Notes) -> Prediction:
        """Ask a fitted estimator."""
        with quiet(notes):
            return answer(estimator, X, self.task, self.target.classes if self.target is not None else None)


def single_threaded(estimator: Estimator) -> Estimator:
    """Make answers come from one thread: starting more costs longer than a request takes."""
    read = getattr(estimator, "get_params", None)
    known: Mapping[str, object] = read() if read is not None else {}
    write = getattr(estimator, "set_params", None)
    if write is not None and known.get("n_jobs", 1) not in (1, None):
        write(n_jobs=1)
    return estimator


def _dense(matrix: object) -> NDArray[np.float64]:
    made = np.asarray(matrix)
    return np.ascontiguousarray(made, dtype=None if made.dtype == object else np.float64)


def _codes(preparation: object) -> tuple[int, ...]:
    indices = getattr(preparation, "output_indices_", {})
    part = indices.get(CODES)
    return tuple(range(part.start, part.stop)) if isinstance(part, slice) else ()
