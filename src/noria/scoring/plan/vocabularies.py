"""Texts that are read anew with each row: by their hash, or word by word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from noria.preparation.hashing import hashed
from noria.preparation.texts import weigh
from noria.scoring.coded import Coded
from noria.scoring.plan.stages import through, width_behind
from noria.scoring.plan.unsound import Unsound

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from noria.scoring.plan.stages import Stage

__all__ = ["Hashes", "Vocabularies"]


@dataclass(frozen=True)
class Hashes:
    """Categories marked in the column that their hash says.

    Parameters
    ----------
    columns : tuple of str
        Names.
    buckets : int
        Columns made of each.
    stages : tuple of Stage
        What is done to the marks.
    """

    columns: tuple[str, ...]
    buckets: int
    stages: tuple[Stage, ...] = ()

    def __call__(self, columns: Mapping[str, Sequence[object]], rows: int) -> NDArray[np.float64]:
        """Make the matrix."""
        parts = [_once_each(columns[name], lambda said: hashed(said, self.buckets)) for name in self.columns]
        return through(self.stages, np.concatenate(parts, axis=1))

    @cached_property
    def width(self) -> int:
        """How many columns come out."""
        if not 0 < self.buckets <= 10_000:
            raise Unsound(f"categories are hashed into {self.buckets} columns")
        return width_behind(self.stages, self.buckets * len(self.columns))

    def back(self, position: int, values: NDArray[np.float64]) -> tuple[str, NDArray[np.float64]] | None:
        """Give nothing: categories are no numbers."""
        return None


@dataclass(frozen=True, eq=False)
class Vocabularies:
    """Texts as the weights of the words that training knew.

    Parameters
    ----------
    columns : tuple of str
        Names.
    words : tuple of tuple of str
        Of each column.
    rarities : tuple of ndarray of float64
        Of each word.
    stages : tuple of Stage
        What is done to the weights.
    """

    columns: tuple[str, ...]
    words: tuple[tuple[str, ...], ...]
    rarities: tuple[NDArray[np.float64], ...]
    stages: tuple[Stage, ...] = ()

    def __call__(self, columns: Mapping[str, Sequence[object]], rows: int) -> NDArray[np.float64]:
        """Make the matrix."""
        parts = []
        for name, places, rarity in zip(self.columns, self._places, self.rarities, strict=True):
            parts.append(_once_each(columns[name], lambda said, p=places, r=rarity: weigh(said, p, r)))  # type: ignore[misc]
        return through(self.stages, np.concatenate(parts, axis=1))

    @cached_property
    def _places(self) -> list[dict[str, int]]:
        return [{word: place for place, word in enumerate(known)} for known in self.words]

    @cached_property
    def width(self) -> int:
        """How many columns come out."""
        if not len(self.columns) == len(self.words) == len(self.rarities):
            raise Unsound("a vocabulary is missing")
        for known, rarity in zip(self.words, self.rarities, strict=True):
            if len(known) != len(rarity) or not known or len(set(known)) != len(known):
                raise Unsound("a vocabulary's words do not fit their weights")
        return width_behind(self.stages, sum(map(len, self.words)))

    def back(self, position: int, values: NDArray[np.float64]) -> tuple[str, NDArray[np.float64]] | None:
        """Give nothing: texts are no numbers."""
        return None


def _once_each(said: Sequence[object], read: Callable[[Sequence[object]], NDArray[np.float64]]) -> NDArray[np.float64]:
    return read(said.values).take(said.codes, axis=0) if isinstance(said, Coded) else read(said)
