"""The check of whole columns of a table, as arrays.

What an array shows to be as training knew it is let through without a Python value a cell. Whatever is not goes, value
by value, to the check that requests go through (`noria.scoring.column`), so that both say the same of it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from noria.scoring.coded import Coded
from noria.scoring.column import Fault
from noria.scoring.refusal import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from noria.scoring.column import SignatureColumn

__all__ = ["Looked", "look", "look_all"]

_EXACT = 2.0**53
"""Beyond it a float64 may stand for several integers, and the integer itself is looked at."""

_LARGEST = float(np.finfo(np.float64).max)
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_WHOLE = re.compile(r"[+-]?\d+")
_YEARS = (np.datetime64("0001-01-01", "us"), np.datetime64("9999-12-31", "us"))


_TRUTHS = {
    **dict.fromkeys(("true", "t", "yes", "y", "1"), True),
    **dict.fromkeys(("false", "f", "no", "n", "0"), False),
}
"""What a text file may write for them: the same as in the rows of training, see `noria.datasets.casting`."""


@dataclass
class Looked:
    """What was found in a column.

    Attributes
    ----------
    values : ndarray, Coded or list
        As the model gets them: numbers as float64 with NaN where missing, moments as datetime64[us], texts as `Coded`
        or list. Rows with a fault hold nothing of meaning.
    faults : list of (int, Fault)
        Rows that are refused.
    flags : list of (int, str)
        Rows that are unusual.
    """

    values: Sequence[object]
    faults: list[tuple[int, Fault]] = field(default_factory=list)
    flags: list[tuple[int, str]] = field(default_factory=list)


def look(column: SignatureColumn, cells: pa.ChunkedArray, *, written: bool = False) -> Looked:
    """Check a column of a table.

    Parameters
    ----------
    column : SignatureColumn
        What it may hold.
    cells : pyarrow.ChunkedArray
        What it holds. NaN is missing.
    written : bool
        Text may stand for a number or a truth value, as it does in a text file.

    Examples
    --------
    >>> from noria.scoring.column import SignatureColumn
    >>> found = look(SignatureColumn("age", "int", min=18, max=75), pa.chunked_array([[30, 80]]))
    >>> found.values.tolist(), found.flags
    ([30.0, 80.0], [(1, 'range:age')])
    """
    if column.type in ("category", "text"):
        return _texts(column, cells)
    if pa.types.is_dictionary(cells.type):
        cells = cells.cast(cells.type.value_type)
    if pa.types.is_null(cells.type):
        return _each(column, [None] * len(cells))
    is_text = pa.types.is_string(cells.type) or pa.types.is_large_string(cells.type)
    if column.type in ("float", "int"):
        if is_text and written:
            return _written(column, cells.combine_chunks())
        if pa.types.is_integer(cells.type) or pa.types.is_floating(cells.type):
            return _numbers(column, cells.combine_chunks())
    elif column.type == "bool" and (pa.types.is_boolean(cells.type) or (is_text and written)):
        return _truths(column, cells)
    elif column.type == "timestamp":
        moments = _moments(cells, written=written and is_text)
        if moments is not None:
            return _without_missing(column, Looked(cast("Sequence[object]", moments)), np.isnat(moments))
    return _each(column, cells.to_pylist())


def look_all(
    columns: Iterable[SignatureColumn], table: pa.Table, *, written: bool = False
) -> tuple[dict[str, Sequence[object]], list[tuple[str, ...]], list[Problem]]:
    """Check columns of a table; one that is not there is missing in every row.

    Returns
    -------
    (dict, list, list of Problem)
        Values by name; for each row its flags; the faults, in order of rows.
    """
    problems: list[Problem] = []
    flags: dict[int, list[str]] = {}
    made: dict[str, Sequence[object]] = {}
    for column in columns:
        if column.name not in table.column_names:
            made[column.name] = [None] * table.num_rows
            continue
        found = look(column, table.column(column.name), written=written)
        made[column.name] = found.values
        problems += [Problem(row, column.name, fault.code, fault.message) for row, fault in found.faults]
        for row, flag in found.flags:
            flags.setdefault(row, []).append(flag)
    told: list[tuple[str, ...]] = [()] * table.num_rows
    for row, named in flags.items():
        told[row] = tuple(named)
    return made, told, sorted(problems, key=lambda problem: problem.row)


# ── numbers ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _numbers(column: SignatureColumn, cells: pa.Array) -> Looked:
    if pa.types.is_integer(cells.type):
        missing = _missing(cells)
        numbers = (cells.fill_null(0) if cells.null_count else cells).to_numpy().astype(np.float64)
        numbers[missing] = np.nan
        most = _EXACT - 1
    else:
        numbers = cells.cast(pa.float64()).to_numpy(zero_copy_only=False)
        missing = np.isnan(numbers)
        most = _LARGEST
    if column.type == "int" and most == _LARGEST:
        numbers = numbers + 0.0  # the -0.0 of a float is the 0 of an integer
    odd = _odd(column, numbers, missing, most)
    looked = _told(column, numbers, odd, cells.take(pa.array(odd)).to_pylist() if len(odd) else ())
    return _without_missing(column, looked, missing)


def _odd(
    column: SignatureColumn, numbers: NDArray[np.float64], missing: NDArray[np.bool_], most: float
) -> NDArray[np.intp]:
    """Find the rows whose number is not plainly within training's range."""
    if column.type == "int":
        most = min(most, _EXACT - 1)
    low = -most if column.min is None else max(column.min, -most)
    high = most if column.max is None else min(column.max, most)
    plain = (numbers >= low) & (numbers <= high)
    if column.type == "int":
        plain &= numbers == np.floor(numbers)
    return np.flatnonzero(~(plain | missing))


def _told(
    column: SignatureColumn, numbers: NDArray[np.float64], rows: NDArray[np.intp], values: Iterable[object]
) -> Looked:
    """Check some numbers one by one, and put in what the model gets instead."""
    if len(rows) and not numbers.flags.writeable:
        numbers = numbers.copy()
    looked = Looked(cast("Sequence[object]", numbers))
    for row, value in zip(rows.tolist(), values, strict=True):
        found = column.check(value)
        if isinstance(found, Fault):
            looked.faults.append((row, found))
            continue
        numbers[row] = found[0]  # type: ignore[call-overload]  # a number, as the column says
        if found[1] is not None:
            looked.flags.append((row, found[1]))
    return looked


def _written(column: SignatureColumn, cells: pa.Array) -> Looked:
    numbers = _read(cells) + 0.0 if column.type == "int" else _read(cells)
    missing = _missing(cells)
    odd = _odd(column, numbers, missing, _EXACT - 1)
    looked = _told(column, numbers, odd, map(_one, cells.take(pa.array(odd)).to_pylist()) if len(odd) else ())
    return _without_missing(column, looked, missing)


def _read(cells: pa.Array) -> NDArray[np.float64]:
    """Read numbers, NaN where there is none."""
    try:
        return np.array(cells.cast(pa.float64()).to_numpy(zero_copy_only=False))
    except pa.ArrowInvalid:  # one of them is none
        trimmed = pc.utf8_trim_whitespace(cells)
        fits = pc.match_substring_regex(trimmed, _NUMBER)
        unsigned = pc.utf8_ltrim(trimmed, characters="+")
        numbers = pc.if_else(fits, unsigned, pa.scalar(None, unsigned.type)).cast(pa.float64())
        return np.array(numbers.to_numpy(zero_copy_only=False))


def _one(text: str) -> object:
    """Read one number exactly; what is none stays text, and is refused as such."""
    bare = text.strip()
    if _WHOLE.fullmatch(bare):
        return int(bare)
    try:
        return float(bare) if "_" not in bare else text
    except ValueError:
        return text


# ── what repeats itself ─────────────────────────────────────────────────────────────────────────────────────────────


def _texts(column: SignatureColumn, cells: pa.ChunkedArray) -> Looked:
    if not pa.types.is_dictionary(cells.type):
        if not pa.types.is_string(cells.type):
            cells = cells.cast(pa.string())
        if column.type == "text":
            return _without_missing(column, Looked(cells.to_pylist()), _missing(cells.combine_chunks()))
        cells = cells.dictionary_encode()
    held = cells.unify_dictionaries().combine_chunks()
    distinct = held.dictionary
    return _distinct(column, (distinct if pa.types.is_string(distinct.type) else distinct.cast(pa.string())), held)


def _truths(column: SignatureColumn, cells: pa.ChunkedArray) -> Looked:
    held = cells.cast(pa.string()).dictionary_encode().combine_chunks()
    distinct = held.dictionary.to_pylist()
    return _distinct(column, [_TRUTHS.get(text.strip().lower(), text) for text in distinct], held)


def _distinct(column: SignatureColumn, distinct: pa.Array | Sequence[object], held: pa.DictionaryArray) -> Looked:
    """Check each distinct value once, then find the rows of those that are not plain."""
    values = [*(distinct.to_pylist() if isinstance(distinct, pa.Array) else distinct), None]
    indices = held.indices
    codes = (indices.fill_null(len(values) - 1) if indices.null_count else indices).to_numpy(zero_copy_only=False)
    verdicts = [column.check(value) for value in values]
    looked = Looked(Coded([None if isinstance(each, Fault) else each[0] for each in verdicts], codes))
    odd = np.array([isinstance(each, Fault) or each[1] is not None for each in verdicts])
    if odd.any():
        for row in np.flatnonzero(odd[codes]).tolist():
            found = verdicts[codes[row]]
            if isinstance(found, Fault):
                looked.faults.append((row, found))
            else:
                looked.flags.append((row, cast("str", found[1])))
    return looked


# ── the rest ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _moments(cells: pa.ChunkedArray, *, written: bool) -> NDArray[np.datetime64] | None:
    """Give moments in UTC; None where they must be looked at one by one."""
    if not written and (not pa.types.is_timestamp(cells.type) or cells.type.unit == "ns"):
        return None
    try:
        moments = cells.cast(pa.timestamp("us", tz=None if written else cells.type.tz)).cast(pa.timestamp("us"))
    except pa.ArrowInvalid:
        return None
    made = moments.combine_chunks().to_numpy(zero_copy_only=False).astype("datetime64[us]")
    known = made[~np.isnat(made)]
    return made if not len(known) or (known.min() >= _YEARS[0] and known.max() <= _YEARS[1]) else None


def _missing(cells: pa.Array) -> NDArray[np.bool_]:
    if not cells.null_count:
        return np.zeros(len(cells), bool)
    return np.asarray(cells.is_null().to_numpy(zero_copy_only=False), bool)


def _without_missing(column: SignatureColumn, looked: Looked, missing: NDArray[np.bool_]) -> Looked:
    """Tell of missing values, whose verdict is the same in every row."""
    if not missing.any():
        return looked
    found = column.check(None)
    rows = np.flatnonzero(missing).tolist()
    if isinstance(found, Fault):
        looked.faults += [(row, found) for row in rows]
    elif found[1] is not None:
        looked.flags += [(row, found[1]) for row in rows]
    return looked


def _each(column: SignatureColumn, values: list[object]) -> Looked:
    """Look at value by value what no array can tell."""
    looked = Looked([])
    made: list[object] = []
    for row, value in enumerate(values):
        # NaN is missing here, where no JSON can have written it.
        found = column.check(None if value != value else value)
        if isinstance(found, Fault):
            looked.faults.append((row, found))
            made.append(None)
            continue
        made.append(found[0])
        if found[1] is not None:
            looked.flags.append((row, found[1]))
    looked.values = made
    return looked
