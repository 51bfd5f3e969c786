"""One fit of one candidate on one fold."""

from __future__ import annotations

import inspect
import os
import warnings
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Protocol

import numpy as np

from noria.errors import WrongData, WrongSetting
from noria.training.balance import Balance, Balanced, balanced
from noria.training.family import Estimator, Family, Fitting
from noria.training.inner import Bonds
from noria.training.model import Prediction, answer

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from noria.training.candidate import Candidate
    from noria.training.folds import Fold
    from noria.training.task import Target, Task

__all__ = [
    "Bench", "Follow", "Matrices", "Matrix", "Notes", "Preparation", "Shaping", "quiet", "seed_of", "threads_for",
]  # fmt: skip

Report = Callable[[int, Mapping[str, float]], None]
Follow = Callable[[str, bool, int, Mapping[str, float]], None]
"""Told after each epoch of a network: the candidate, whether it is its last fit, the epoch, the losses."""

CODES = "codes"
"""The part of a preparation whose outputs are category codes."""

TEXTS = "string"
"""How the names of the parts of a preparation begin that make columns of other kinds from categories and texts."""

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
    rows : ndarray of int64
        Which row each of `train` is, or was made from.
    weights : ndarray of float64, or None
        What each of them counts.
    ratios : ndarray of float64, or None
        What leads probabilities back to the true shares of the classes, see `noria.training.prior`.
    """

    train: NDArray[np.float64]
    valid: NDArray[np.float64]
    categorical: tuple[int, ...]
    preparation: Preparation
    rows: NDArray[np.int64]
    weights: NDArray[np.float64] | None = None
    ratios: NDArray[np.float64] | None = None


class Notes:
    """Warnings of the libraries, gathered instead of printed."""

    def __init__(self) -> None:
        self._seen: dict[str, None] = {}

    def add(self, text: str) -> None:
        """Keep a line once."""
        self._seen[text] = None

    def __iter__(self) -> Iterator[str]:
        return iter(self._seen)

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


def seed_of(seed: int, key: str, fold: int) -> int:
    """Derive the seed of one fit; the same for the same family, parameters and fold, whatever ran before.

    Examples
    --------
    >>> seed_of(7, "ridge", 0) == seed_of(7, "ridge", 0) != seed_of(7, "ridge", 1)
    True
    """
    entropy = [abs(seed), zlib.crc32(key.encode()), fold + 1]
    return int(np.random.SeedSequence(entropy).generate_state(1)[0] % 2**31)


def threads_for(cells: int) -> int:
    """Choose how many threads a fit may use, by the size of its matrix and the cores this process may run on."""
    return 1 if cells < SMALL else min(len(os.sched_getaffinity(0)), 8)


@dataclass(frozen=True)
class Shaping:
    """What is done to the rows a model learns from, and to no row that judges it.

    Parameters
    ----------
    keep : callable, optional
        Takes a family and training rows, says which of them are learned from.
    balance : Balance
        How rare classes get more weight.
    seed : int
        Of what is drawn.
    """

    keep: Callable[[Family, pd.DataFrame], NDArray[np.bool_]] | None = None
    balance: Balance = "none"
    seed: int = 0


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
        Makes an unfitted preparation for a family from the rows it will be fitted on: what a rule is chosen by is
        theirs alone. The same for families of one encoding.
    shaping : Shaping
        What is done to the rows that are learned from, and to no others.
    """

    def __init__(
        self,
        frame: pd.DataFrame,
        target: Target | None,
        folds: list[Fold],
        prepare: Callable[[Family, pd.DataFrame], Preparation],
        shaping: Shaping | None = None,
    ) -> None:
        self.frame = frame
        self.target = target
        self.folds = folds
        self.prepare = prepare
        self.shaping = shaping or Shaping()
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
        learned = self.frame.iloc[train]
        preparation = self.prepare(family, learned)
        with quiet(notes):
            kept = self._learned_from(family, train, learned)
            y = None if self.target is None else self.target.values[kept]
            fitted = _dense(preparation.fit_transform(learned if kept is train else self.frame.iloc[kept], y))
            applied = (
                _dense(preparation.transform(self.frame.iloc[valid])) if len(valid) else np.empty((0, fitted.shape[1]))
            )
            codes = _codes(preparation)
            made = self._balanced(fitted, kept, codes, _said_by_texts(preparation))
        return Matrix(made.X, applied, codes, preparation, made.rows, made.weights, made.ratios)

    def _learned_from(self, family: Family, train: NDArray[np.int64], frame: pd.DataFrame) -> NDArray[np.int64]:
        if self.shaping.keep is None:
            return train
        kept = train[self.shaping.keep(family, frame)]
        if len(kept) == 0:
            raise WrongData(
                "the rules of [prepare] leave no row to learn from",
                why=f"{len(train):,} training rows, each with something missing or outlying",
                mend="take impute:drop_rows or outliers:…,drop off some columns",
                code="N-TRAIN-062",
            )
        return kept

    def _balanced(
        self, X: NDArray[np.float64], rows: NDArray[np.int64], codes: tuple[int, ...], whole: tuple[int, ...]
    ) -> Balanced:
        if self.target is None or self.target.classes is None:
            return Balanced(X, rows)
        return balanced(
            X,
            np.asarray(self.target.values[rows], dtype=np.int64),
            rows,
            how=self.shaping.balance,
            n_classes=len(self.target.classes),
            seed=self.shaping.seed,
            codes=codes,
            whole=whole,
        )


@dataclass(frozen=True)
class Bench:
    """What every fit of a selection shares."""

    task: Task
    target: Target | None
    matrices: Matrices
    seed: int
    threads: int | None = None
    seconds_left: Callable[[], float] = field(default=lambda: float("inf"))
    bonds: Bonds = field(default_factory=Bonds)
    follow: Follow | None = None

    def fit(
        self,
        candidate: Candidate,
        matrix: Matrix,
        fold: int,
        notes: Notes,
        rounds: int | None = None,
        *,
        followed: bool = True,
    ) -> Estimator:
        """Fit a candidate on prepared rows; for so many rounds or epochs, where they are known.

        Of a candidate two fits can be followed: that on the first fold, and the last one on all rows.
        """
        classes = self.target.classes if self.target is not None else None
        fitting = Fitting(
            task=self.task,
            seed=seed_of(self.seed, candidate.key, fold),
            threads=self.threads or threads_for(matrix.train.size),
            n_classes=len(classes or ()),
            n_rows=len(matrix.rows),
            categorical=matrix.categorical,
            seconds_left=self.seconds_left if fold >= 0 else lambda: float("inf"),
            bonds=_bonded(self.bonds, matrix.rows),
            rounds=rounds,
            report=self._report(candidate, fold if followed else 1),
        )
        y = np.zeros(len(matrix.rows), dtype=np.int64) if self.target is None else self.target.values[matrix.rows]
        params = candidate.params
        if matrix.ratios is not None:
            params = {name: value for name, value in params.items() if name != "class_weight"}  # balanced once
        with quiet(notes):
            estimator = candidate.family.build(params, fitting)
            if matrix.weights is None:
                estimator.fit(matrix.train, y)
            else:
                _weighted(estimator)(matrix.train, y, sample_weight=matrix.weights)
        return single_threaded(estimator)

    def retell(self, candidate: Candidate, curve: Mapping[str, tuple[float, ...]]) -> None:
        """Tell of the epochs of a first fold that an earlier search has fitted."""
        for epoch, losses in enumerate(zip(*curve.values(), strict=False)):
            if self.follow is not None:
                self.follow(candidate.name, False, epoch, dict(zip(curve, losses, strict=True)))

    def _report(self, candidate: Candidate, fold: int) -> Report:
        if self.follow is None or fold > 0:
            return lambda epoch, losses: None
        return partial(self.follow, candidate.name, fold < 0)

    def ask(
        self,
        estimator: Estimator,
        X: NDArray[np.float64],
        notes: Notes,
        ratios: NDArray[np.float64] | None = None,
        temperature: float | None = None,
    ) -> Prediction:
        """Ask a fitted estimator."""
        classes = self.target.classes if self.target is not None else None
        with quiet(notes):
            return answer(estimator, X, self.task, classes, None if ratios is None else ratios.tolist(), temperature)


def _weighted(estimator: Estimator) -> Callable[..., object]:
    found = inspect.signature(estimator.fit).parameters
    if "sample_weight" not in found and not any(one.kind is one.VAR_KEYWORD for one in found.values()):
        raise WrongSetting(
            f"{type(estimator).__name__} takes no weights",
            mend='write balance = "over" or "under"',
            code="N-TRAIN-063",
        )
    return estimator.fit


def _bonded(bonds: Bonds, rows: NDArray[np.int64]) -> Bonds:
    """Give the bonds of the rows; copies of a row know each other, as the rows of a group do."""
    taken = bonds.take(rows)
    if taken.groups is None and len(np.unique(rows)) < len(rows):
        return Bonds(rows, taken.times, taken.gap)
    return taken


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


def _said_by_texts(preparation: object) -> tuple[int, ...]:
    indices = getattr(preparation, "output_indices_", {})
    parts = [part for name, part in indices.items() if name.startswith(TEXTS) and isinstance(part, slice)]
    return tuple(place for part in parts for place in range(part.start, part.stop))
