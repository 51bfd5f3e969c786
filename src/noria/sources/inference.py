"""Types found from whole columns, never from a sample: what row one million says counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from noria.errors import WrongData
from noria.sources.doubts import doubted, refuse_nul
from noria.store.aside import without_copies

__all__ = ["alike", "retyped", "settle", "unmarked"]

_INT = r"^[+-]?\d+$"
_PADDED = r"^[+-]?0\d"
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_INFINITE = r"^[+-]?[iI]nf(inity)?$"
_COMMA_NUMBER = r"^[+-]?(\d{1,3}(\.\d{3})+|\d+),\d+$"
_COMMA_OR_WHOLE = r"^[+-]?(\d{1,3}(\.\d{3})+|\d+)(,\d+)?$"
_GROUPED = r"^[+-]?([1-9]\d{0,2}(,\d{3})+|\d{1,3})(\.\d+)?$"
_SURELY_GROUPED = r"^[+-]?(\d{1,3}|\d{1,3}(,\d{3}){2,}|[\d,]+\.\d+)$"
_STAMP = r"^\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?)?$"
_ZONED = r"^\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})$"
_DOTTED = r"^\d{1,2}\.\d{1,2}\.\d{4}( \d{2}:\d{2}(:\d{2})?)?$"
_SLASHED = r"^\d{1,2}/\d{1,2}/\d{4}( \d{2}:\d{2}(:\d{2})?)?$"


def settle(
    table: pa.Table,
    *,
    na_values: Sequence[str],
    from_text: bool,
    note: Callable[[str], None] = lambda _text: None,
) -> pa.Table:
    """Bring every column to int64, float64, bool, string or timestamp[us].

    Parameters
    ----------
    table : pyarrow.Table
        As a reader gave it.
    na_values : sequence of str
        Cells of text that mean "missing".
    from_text : bool
        The cells come from a text file, so that numbers are still written out.
    note : callable
        Told of columns that stay text because of a few cells.

    Raises
    ------
    WrongData
        A column holds no single values, or a NUL character.
    """
    columns = []
    keep = without_copies(table)
    for name in table.column_names:
        column = _plain(table.column(name), name)
        if pa.types.is_string(column.type):
            marked = _without(column, na_values) if na_values else column
            # A "?" among numbers made the whole column text: with it gone, the numbers show.
            full = from_text or marked.null_count > column.null_count
            column = retyped(marked, numbers=full)
            if pa.types.is_string(column.type):
                refuse_nul(column, name)
                if doubt := doubted(column, numbers=full):
                    note(f"column {name} is text: {doubt}")
        columns.append(keep(column))
    return pa.table(columns, names=table.column_names)


def unmarked(table: pa.Table, *, na_values: Sequence[str]) -> pa.Table:
    """Bring the columns of a part of a table to plain types, and take marks of missing values out of its text.

    What the text stands for is left open: that would follow from the whole column, of which this is a part.

    Examples
    --------
    >>> unmarked(pa.table({"age": ["7", "?"]}), na_values=["?"]).to_pydict()
    {'age': ['7', None]}
    """
    columns = [_plain(table.column(name), name) for name in table.column_names]
    if na_values:
        columns = [_without(one, na_values) if pa.types.is_string(one.type) else one for one in columns]
    return pa.table(columns, names=table.column_names)


def retyped(column: pa.ChunkedArray, *, numbers: bool = True) -> pa.ChunkedArray:
    """Give a column of text the narrowest type that all its cells fit; otherwise leave it text.

    Parameters
    ----------
    column : pyarrow.ChunkedArray of string
        The cells.
    numbers : bool
        False looks for times only: the text was text where it came from.

    Examples
    --------
    >>> retyped(pa.chunked_array([["1", None, "3"]])).type
    DataType(int64)
    >>> retyped(pa.chunked_array([["007", "012"]])).type  # a code, not a number
    DataType(string)
    >>> retyped(pa.chunked_array([["1.234,5", "0,25"]])).to_pylist()
    [1234.5, 0.25]
    >>> retyped(pa.chunked_array([["1,234", "999", "1,007,398"]])).to_pylist()
    [1234, 999, 1007398]
    """
    present = column.drop_null()
    if len(present) == 0:
        return column
    tries: tuple[Callable[[pa.ChunkedArray, pa.ChunkedArray], pa.ChunkedArray | None], ...] = (_times,)
    if numbers:
        tries = (_plainly, _numbers, _truths, _times)
    first = present[0].as_py().strip()
    if first and not first[0].isdigit() and first[0] not in "+-.tfTFiI":
        return column  # no number, truth or time begins so: saves most of the work on text
    for attempt in tries:
        found = attempt(column, present)
        if found is not None:
            return found
    return column


def alike(tables: Sequence[pa.Table]) -> list[pa.Table]:
    """Bring tables with the same column names to the same types; where they differ beyond numbers, to text."""
    names = tables[0].column_names
    types = {}
    for name in names:
        # What has no value in one part says nothing of its type.
        parts = [table.column(name) for table in tables]
        found = {part.type for part in parts if part.null_count < len(part)} or {part.type for part in parts}
        found -= {pa.null()}
        if len(found) <= 1:
            types[name] = next(iter(found), pa.string())
        elif all(pa.types.is_integer(kind) or pa.types.is_floating(kind) for kind in found):
            types[name] = pa.float64() if any(pa.types.is_floating(kind) for kind in found) else pa.int64()
        elif all(pa.types.is_timestamp(kind) or pa.types.is_date(kind) for kind in found):
            types[name] = pa.timestamp("us")
        else:
            types[name] = pa.string()
    return [
        pa.table([keep(_as(table.column(name), types[name])) for name in names], names=names)
        for table in tables
        for keep in (without_copies(table),)
    ]


def _as(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    if column.null_count == len(column):
        return pa.chunked_array([pa.nulls(len(column), kind)])
    if pa.types.is_string(kind) and pa.types.is_floating(column.type):
        # 3.0 is what became of a 3 in a part where another cell was missing or had a fraction.
        whole = pc.and_(pc.equal(pc.floor(column), column), pc.less(pc.abs(column), 1e15))
        rounded = pc.if_else(whole, column, pa.scalar(None, column.type)).cast(pa.int64())
        return pc.coalesce(rounded.cast(kind), column.cast(kind))
    return column.cast(kind)


def _plainly(column: pa.ChunkedArray, _present: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """Cast what is written the plain way; most columns of numbers are, and patterns cost five times as much."""
    whole = _cast(column, pa.int64())
    if whole is not None:
        # Written back the same: no zeros in front, no 0x10, which Arrow would read as well.
        return whole if pc.all(pc.equal(whole.cast(pa.string()), column)).as_py() else None
    real = _cast(column, pa.float64())
    # Without any point these are whole numbers too long for 64 bits, and rounding them would change codes.
    return real if real is not None and pc.any(pc.match_substring(column, ".")).as_py() else None


def _numbers(column: pa.ChunkedArray, present: pa.ChunkedArray) -> pa.ChunkedArray | None:
    if not _fits(present, _NUMBER):
        trimmed = pc.utf8_trim_whitespace(column)
        blank = pc.equal(trimmed, "")
        if pc.any(pc.not_equal(trimmed, column)).as_py():
            column = pc.if_else(blank, pa.scalar(None, pa.string()), trimmed)
            present = column.drop_null()
            if len(present) == 0:
                return column
        # 1,234 beside 999 groups thousands; read as a decimal comma it would be a thousandth of what it says. Where
        # every cell has one comma and three digits after it, these may as well be three decimals.
        if _fits(present, _GROUPED) and _some(present, ",") and _some(present, _SURELY_GROUPED):
            return _plainly(pc.utf8_ltrim(pc.replace_substring(column, ",", ""), characters="+"), present)
        if _fits(present, _COMMA_OR_WHOLE) and _some(present, _COMMA_NUMBER):
            column = pc.replace_substring(pc.replace_substring(column, ".", ""), ",", ".")
            return _cast(column, pa.float64())
        if not _fits(present, f"({_NUMBER})|({_INFINITE})"):
            return None
    if _some(present, _PADDED) and not _some(present, r"[.eE]"):
        return None  # a postal code or account number: zeros in front mean something
    unsigned = pc.utf8_ltrim(column, characters="+")
    if _fits(present, _INT):
        return _cast(unsigned, pa.int64())  # None beyond 64 bits: a number that long is a code
    return _cast(unsigned, pa.float64())


def _truths(column: pa.ChunkedArray, present: pa.ChunkedArray) -> pa.ChunkedArray | None:
    if not _fits(present, r"^\s*(?i:true|false)\s*$"):
        return None
    return _cast(pc.utf8_lower(pc.utf8_trim_whitespace(column)), pa.bool_())


def _times(column: pa.ChunkedArray, present: pa.ChunkedArray) -> pa.ChunkedArray | None:
    if _fits(present, _STAMP):
        return _cast(column, pa.timestamp("us"))
    if _fits(present, f"({_STAMP})|({_ZONED})") and _fits(present, _ZONED):
        zoned = _cast(column, pa.timestamp("us", tz="UTC"))
        return None if zoned is None else zoned.cast(pa.timestamp("us"))
    if _fits(present, _DOTTED):
        return _parsed(column, present, "%d.%m.%Y")
    if _fits(present, _SLASHED):
        found = [made for made in (_parsed(column, present, order) for order in ("%d/%m/%Y", "%m/%d/%Y")) if made]
        # Both orders fit only when every day is at most 12: then nobody can tell, and it stays text.
        return found[0] if len(found) == 1 else None
    return None


def _parsed(column: pa.ChunkedArray, present: pa.ChunkedArray, day: str) -> pa.ChunkedArray | None:
    for pattern in (day, f"{day} %H:%M", f"{day} %H:%M:%S"):
        found = pc.strptime(column, format=pattern, unit="us", error_is_null=True)
        if len(found) - found.null_count == len(present):
            return found
    return None


def _fits(present: pa.ChunkedArray, pattern: str) -> bool:
    return bool(pc.all(pc.match_substring_regex(present, pattern)).as_py())


def _some(present: pa.ChunkedArray, pattern: str) -> bool:
    return bool(pc.any(pc.match_substring_regex(present, pattern)).as_py())


def _cast(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray | None:
    try:
        return column.cast(kind)
    except pa.ArrowInvalid:
        return None


def _without(column: pa.ChunkedArray, na_values: Sequence[str]) -> pa.ChunkedArray:
    marks = pa.array(sorted({str(value) for value in na_values}), pa.string())
    return pc.if_else(pc.is_in(column, value_set=marks), pa.scalar(None, pa.string()), column)


def _plain(column: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    kind = column.type
    if pa.types.is_dictionary(kind):
        # Arrow can neither cast nor take from a dictionary of string views, which polars makes.
        plain = pa.string() if pa.types.is_string_view(kind.value_type) else kind.value_type
        chunks = [chunk.dictionary.cast(plain).take(chunk.indices) for chunk in column.chunks]
        return _plain(pa.chunked_array(chunks, plain), name)
    if pa.types.is_boolean(kind) or pa.types.is_string(kind):
        return column
    if pa.types.is_integer(kind):
        try:
            return column.cast(pa.int64())
        except pa.ArrowInvalid:  # unsigned beyond 63 bits
            return column.cast(pa.string())
    if pa.types.is_floating(kind):
        wide = column.cast(pa.float64())
        return pc.if_else(pc.is_nan(wide), pa.scalar(None, pa.float64()), wide)
    if pa.types.is_decimal(kind):
        return column.cast(pa.float64())
    if pa.types.is_timestamp(kind):
        return column.cast(pa.timestamp("us", tz=kind.tz), safe=False).cast(pa.timestamp("us"))
    if pa.types.is_date(kind):
        return column.cast(pa.timestamp("us"))
    if pa.types.is_null(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return column.cast(pa.string())
    if pa.types.is_time(kind) or pa.types.is_duration(kind):
        return column.cast(pa.int64()) if pa.types.is_duration(kind) else column.cast(pa.string())
    raise WrongData(
        f"column {name!r} holds {kind}, not one value a cell",
        why="noria learns from tables of numbers, truths, times and text",
        mend=f"flatten it in the source, or leave it out there: {name}",
        code="N-SOURCE-034",
    )
