"""A compiled model: blocks that make a matrix of the columns, and a head that answers it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np

from noria.scoring.plan.refusals import Incomplete, TooLarge

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from noria.scoring.plan.blocks import Block, Columns
    from noria.scoring.plan.head import Head
    from noria.scoring.plan.stages import Stage

__all__ = ["Plan"]

Label = str | int | bool

_AT_ONCE = 20_000


@dataclass(frozen=True)
class Plan:
    """A model version as arithmetic on arrays.

    Parameters
    ----------
    task : str
        ``classification``, ``regression`` or ``clustering``.
    classes : tuple, or None
        Labels of a classification, in the order of the head's columns.
    blocks : tuple of Block
        What makes the matrix, from left to right.
    stages : tuple of Stage
        What is done to the whole matrix.
    head : Head
        What answers it.
    family : str
        Name of the family the estimator is of.
    takes_missing : bool
        Whether the head answers rows in which numbers are missing.
    made_with : mapping
        Versions of the libraries it was made with.
    """

    task: Literal["regression", "classification", "clustering"]
    classes: tuple[Label, ...] | None
    blocks: tuple[Block, ...]
    head: Head
    stages: tuple[Stage, ...] = ()
    family: str = ""
    takes_missing: bool = True
    made_with: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Names of all columns that are read."""
        return tuple(dict.fromkeys(name for block in self.blocks for name in block.columns))

    @cached_property
    def width(self) -> int:
        """Columns of the matrix."""
        width = sum(block.width for block in self.blocks)
        for stage in self.stages:
            width = stage.width(width)
        return width

    def matrix(self, columns: Columns, rows: int) -> NDArray[np.float64]:
        """Prepare some rows, shape (rows, width), C-ordered.

        Raises
        ------
        TooLarge
            A number overflows.
        Incomplete
            A number is missing, and the head needs all.
        """
        if len(self.blocks) == 1:
            made = self.blocks[0](columns, rows)
        else:
            made = np.concatenate([block(columns, rows) for block in self.blocks], axis=1)
        for stage in self.stages:
            made = stage(made)
        # One sum is a fifth of the time of looking at each number; it is NaN or infinite where any of them is.
        if not math.isfinite(made.sum()):
            if np.isinf(made).any():
                raise TooLarge
            if not self.takes_missing and np.isnan(made).any():
                raise Incomplete
        return np.ascontiguousarray(made)

    def answer(self, columns: Columns, rows: int) -> NDArray[np.generic]:
        """Answer some rows.

        Parameters
        ----------
        columns : mapping of str to sequence
            Values by column, as the signature lets them through: numbers, texts, moments, None where missing.
        rows : int
            How many.

        Returns
        -------
        ndarray
            Probabilities, shape (rows, n_classes), of a classification; else one value or cluster a row.

        Raises
        ------
        TooLarge, Incomplete
            As `matrix` says.
        """
        if not rows:
            return np.empty((0, len(self.classes or ())) if self.task == "classification" else 0)
        if rows <= _AT_ONCE:
            with np.errstate(all="ignore"):  # what overflows is refused, or meant
                matrix = self.matrix(columns, rows)
                said = self.head.answer(matrix)
            # Of probabilities the sum tells: the softmax of infinite decisions is no number.
            finite = np.isfinite(said).all() if self.task == "regression" else math.isfinite(said.sum())
            if not finite:
                raise Incomplete if np.isnan(matrix).any() else TooLarge
            return said
        return np.concatenate(
            [
                self.answer(_part(columns, first, first + _AT_ONCE), min(_AT_ONCE, rows - first))
                for first in range(0, rows, _AT_ONCE)
            ]
        )


def _part(columns: Columns, first: int, last: int) -> Mapping[str, Sequence[object]]:
    return {name: values[first:last] for name, values in columns.items()}
