"""Where a plan begins: columns of records turned into the columns of a matrix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol, cast

import numpy as np

from noria.preparation.dates import FIELDS, PARTS, date_fields, date_parts, field_names
from noria.scoring.coded import Coded
from noria.scoring.plan.stages import keep_stage, restore_stage, through, width_behind
from noria.scoring.plan.unsound import Unsound, array
from noria.scoring.plan.vocabularies import Hashes, Vocabularies

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from noria.scoring.plan.head import Arrays, Facts
    from noria.scoring.plan.stages import Stage

__all__ = ["Block", "Categories", "Columns", "Dates", "Numbers", "keep_block", "restore_block"]

Columns = Mapping[str, Sequence[object]]
"""Values as the signature lets them through, None where missing, by name: lists of one length, arrays, or `Coded`."""


class Block(Protocol):
    """Some columns, and what they become."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of what it reads."""

    @property
    def width(self) -> int:
        """How many columns of the matrix it makes.

        Raises
        ------
        Unsound
            Its parts do not fit together.
        """

    def __call__(self, columns: Columns, rows: int) -> NDArray[np.float64]:
        """Make them, shape (rows, width)."""

    def back(self, position: int, values: NDArray[np.float64]) -> tuple[str, NDArray[np.float64]] | None:
        """Say which column, at which numbers, gives these values at this position; None: cannot say."""


@dataclass(frozen=True)
class Numbers:
    """Numbers, and truth values as 0 and 1, through stages.

    Parameters
    ----------
    columns : tuple of str
        Names.
    stages : tuple of Stage
        What is done to them.
    """

    columns: tuple[str, ...]
    stages: tuple[Stage, ...] = ()

    def __call__(self, columns: Columns, rows: int) -> NDArray[np.float64]:
        """Make the matrix."""
        names = self.columns
        if rows == 1:
            made = np.array([columns[name][0] for name in names], np.float64).reshape(1, -1)
        else:
            made = np.empty((rows, len(names)))
            for number, name in enumerate(names):
                values = columns[name]
                # Numbers and None, as the signature says.
                made[:, number] = values.numbers() if isinstance(values, Coded) else values  # type: ignore[assignment]
        return through(self.stages, made)

    @cached_property
    def width(self) -> int:
        """How many columns come out."""
        return width_behind(self.stages, len(self.columns))

    def back(self, position: int, values: NDArray[np.float64]) -> tuple[str, NDArray[np.float64]] | None:
        """Go the stages backwards."""
        for stage in reversed(self.stages):
            found = stage.back(position, values)
            if found is None:
                return None
            values = found
        return self.columns[position], values


@dataclass(frozen=True)
class Dates:
    """Timestamps as seven numbers each, or as parts of one's choice, through stages.

    Parameters
    ----------
    columns : tuple of str
        Names.
    stages : tuple of Stage
        What is done to the numbers.
    fields : tuple of str
        Parts of a date; none for the seven numbers.
    cyclic : bool
        Sine and cosine of the parts that come round.
    """

    columns: tuple[str, ...]
    stages: tuple[Stage, ...] = ()
    fields: tuple[str, ...] = ()
    cyclic: bool = False

    def __call__(self, columns: Columns, rows: int) -> NDArray[np.float64]:
        """Make the matrix."""
        stamps = [np.array(columns[name], "datetime64[us]") for name in self.columns]
        parts = [date_fields(t, self.fields, cyclic=self.cyclic) if self.fields else date_parts(t) for t in stamps]
        return through(self.stages, np.concatenate(parts, axis=1))

    @property
    def parts(self) -> tuple[str, ...]:
        """What each timestamp becomes."""
        return field_names(self.fields, cyclic=self.cyclic) if self.fields else PARTS

    @cached_property
    def width(self) -> int:
        """How many columns come out."""
        return width_behind(self.stages, len(self.columns) * len(self.parts))

    def back(self, position: int, values: NDArray[np.float64]) -> tuple[str, NDArray[np.float64]] | None:
        """Give nothing: a place on a circle is many times."""
        return None


@dataclass(frozen=True)
class Categories:
    """Categories looked up: whatever the encoders make of one was written down when the plan was made.

    Parameters
    ----------
    columns : tuple of str
        Names.
    known : tuple of tuple
        For each column the categories training has seen, texts or numbers.
    tables : tuple of ndarray of float64, shape (n_known + 2, n_made)
        For each column what each category becomes, then what a missing one becomes, then an unseen one.
    stages : tuple of Stage
        What is done to the numbers afterwards.
    """

    columns: tuple[str, ...]
    known: tuple[tuple[str | float, ...], ...]
    tables: tuple[NDArray[np.float64], ...]
    stages: tuple[Stage, ...] = ()

    def __call__(self, columns: Columns, rows: int) -> NDArray[np.float64]:
        """Make the matrix."""
        if rows == 1:
            one = [table[places.get(columns[name][0], len(places))] for name, places, table in self._lookups]
            made = np.concatenate(one).reshape(1, -1)
        else:
            parts = []
            for name, places, table in self._lookups:
                values = columns[name]
                unseen = len(places)
                if isinstance(values, Coded):
                    found = np.array([places.get(value, unseen) for value in values.values], np.intp)
                    parts.append(table.take(found.take(values.codes), axis=0))
                else:
                    parts.append(table[[places.get(value, unseen) for value in values]])
            made = np.concatenate(parts, axis=1)
        return through(self.stages, made)

    @cached_property
    def _lookups(self) -> list[tuple[str, dict[object, int], NDArray[np.float64]]]:
        made = []
        for name, known, table in zip(self.columns, self.known, self.tables, strict=True):
            places: dict[object, int] = {category: place for place, category in enumerate(known)}
            places[None] = len(known)
            made.append((name, places, table))
        return made

    @cached_property
    def width(self) -> int:
        """How many columns come out."""
        for name, known, table in zip(self.columns, self.known, self.tables, strict=True):
            if len(set(known)) != len(known):
                raise Unsound(f"a category of {name!r} is known twice")
            if len(table) != len(known) + 2:
                raise Unsound(f"{name!r} knows {len(known)} categories, and its table has {len(table)} rows")
        return width_behind(self.stages, sum(table.shape[1] for table in self.tables))

    def back(self, position: int, values: NDArray[np.float64]) -> tuple[str, NDArray[np.float64]] | None:
        """Give nothing: categories are no numbers."""
        return None


def keep_block(block: Block) -> tuple[Facts, Arrays]:
    """Give what a block keeps: facts with its kind, and arrays."""
    facts: dict[str, object] = {"kind": _NAMES[type(block)], "columns": list(block.columns)}
    arrays: dict[str, NDArray[np.generic]] = {}
    if isinstance(block, Categories):
        facts["known"] = [list(known) for known in block.known]
        arrays |= {f"table{number}": table for number, table in enumerate(block.tables)}
    elif isinstance(block, Dates) and block.fields:
        facts |= {"fields": list(block.fields), "cyclic": block.cyclic}
    elif isinstance(block, Hashes):
        facts["buckets"] = block.buckets
    elif isinstance(block, Vocabularies):
        facts["words"] = [list(known) for known in block.words]
        arrays |= {f"rarity{number}": one for number, one in enumerate(block.rarities)}
    kept = []
    for number, stage in enumerate(cast("Numbers", block).stages):
        told, held = keep_stage(stage)
        kept.append(told)
        arrays |= {f"stage{number}/{name}": one for name, one in held.items()}
    return facts | {"stages": kept}, arrays


def restore_block(facts: Facts, arrays: Arrays) -> Block:
    """Build a block again.

    Raises
    ------
    Unsound
        The parts do not fit together.
    """
    columns, told = facts.get("columns"), facts.get("stages")
    if not isinstance(columns, list) or not columns or not all(isinstance(name, str) for name in columns):
        raise Unsound("a block does not name its columns")
    if not isinstance(told, list) or not all(isinstance(one, dict) for one in told):
        raise Unsound("a block does not say what is done to its columns")
    stages = tuple(restore_stage(one, _under(arrays, f"stage{number}/")) for number, one in enumerate(told))
    kind = facts.get("kind")
    if kind == "categories":
        made: Block = Categories(tuple(columns), *_tables(facts, arrays, len(columns)), stages)
    elif kind == "numbers":
        made = Numbers(tuple(columns), stages)
    elif kind == "dates":
        made = Dates(tuple(columns), stages, *_date_fields(facts))
    elif kind == "hashes":
        buckets = facts.get("buckets")
        if not isinstance(buckets, int) or isinstance(buckets, bool):
            raise Unsound("a block does not say into how many columns it hashes")
        made = Hashes(tuple(columns), buckets, stages)
    elif kind == "vocabularies":
        made = Vocabularies(tuple(columns), *_vocabularies(facts, arrays, len(columns)), stages)
    else:
        raise Unsound(f"there is no block of the kind {kind!r}")
    _ = made.width
    return made


_NAMES: Mapping[type, str] = {
    Numbers: "numbers",
    Dates: "dates",
    Categories: "categories",
    Hashes: "hashes",
    Vocabularies: "vocabularies",
}


def _date_fields(facts: Facts) -> tuple[tuple[str, ...], bool]:
    fields, cyclic = facts.get("fields", []), facts.get("cyclic", False)
    if not isinstance(fields, list) or not all(isinstance(one, str) and one in FIELDS for one in fields):
        raise Unsound("a block names parts of a date that there are not")
    if not isinstance(cyclic, bool):
        raise Unsound("a block does not say whether parts of a date come round")
    return tuple(fields), cyclic


def _vocabularies(
    facts: Facts, arrays: Arrays, columns: int
) -> tuple[tuple[tuple[str, ...], ...], tuple[NDArray[np.float64], ...]]:
    known = facts.get("words")
    if not isinstance(known, list) or len(known) != columns or not all(isinstance(one, list) for one in known):
        raise Unsound("a block does not say which words it knows")
    if not all(isinstance(word, str) for one in known for word in one):
        raise Unsound("a word is no text")
    rarities = tuple(
        cast("NDArray[np.float64]", array(arrays, f"rarity{number}", "float64", None)) for number in range(columns)
    )
    return tuple(tuple(one) for one in known), rarities


def _tables(
    facts: Facts, arrays: Arrays, columns: int
) -> tuple[tuple[tuple[str | float, ...], ...], tuple[NDArray[np.float64], ...]]:
    known = facts.get("known")
    if not isinstance(known, list) or len(known) != columns or not all(isinstance(one, list) for one in known):
        raise Unsound("a block does not say which categories it knows")
    for one in known:
        if not all(isinstance(category, (str, int, float)) for category in one):
            raise Unsound("a category is neither a text nor a number")
    tables = tuple(
        cast("NDArray[np.float64]", array(arrays, f"table{number}", "float64", None, None)) for number in range(columns)
    )
    return tuple(tuple(one) for one in known), tables


def _under(arrays: Arrays, prefix: str) -> Arrays:
    return {name.removeprefix(prefix): one for name, one in arrays.items() if name.startswith(prefix)}
