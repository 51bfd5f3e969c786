"""Bodies of requests read straight into the columns of a signature.

A request that is as it should be is most of them. It is decoded once, into types made for the signature, and never
becomes a dictionary a row. Whatever this reader is not sure of it leaves alone: the strict reader
(`noria.security.strict_json`) then reads the body anew and says what is wrong with it, or that nothing is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import UNSET, UnsetType, defstruct
from msgspec.structs import astuple

from noria.scoring.rows import Rows

if TYPE_CHECKING:
    from noria.scoring.column import SignatureColumn

    Parse = Callable[[], Sequence[object]]

__all__ = ["RowReader"]

_ITEMS = 2_000_000  # as many as strict JSON reads
_INTEGER = Annotated[int, msgspec.Meta(ge=-(1 << 63), le=(1 << 63) - 1)]
# Beyond these a number may have been written as an integer that does not fit into 64 bits, which strict JSON refuses.
_FLOAT = Annotated[float, msgspec.Meta(gt=-(2.0**63), lt=2.0**63)]
_NO_VALUES: list[object] = []
_TYPES: dict[str, Any] = {
    "float": _FLOAT | None,
    "int": _INTEGER | _FLOAT | None,  # 3.0 is an integer here
    "bool": bool | None,
    "category": str | None,
    "text": str | None,
    "timestamp": str | None,
}


class RowReader:
    """Reads the requests that one signature expects.

    Each method gives None for a body that must be read the strict way.

    Parameters
    ----------
    columns, carried : sequence of SignatureColumn
        Those that must be there, and those that may be; no other is read.

    Examples
    --------
    >>> from noria.scoring.column import SignatureColumn
    >>> reader = RowReader([SignatureColumn("age", "int")])
    >>> reader.many(b'[{"age": 30}, {"age": 40}]', list).columns
    {'age': [30, 40]}
    >>> reader.one(b'{"age": 30, "age": 40}', list) is None
    True
    """

    def __init__(self, columns: Sequence[SignatureColumn], carried: Sequence[SignatureColumn] = ()) -> None:
        known = (*columns, *carried)
        self._names = tuple(column.name for column in known)
        self._carried = self._names[len(columns) :]
        self._texts = tuple(
            (column.name, column.integers) for column in known if column.type in ("category", "text", "timestamp")
        )
        self._row = _row_type(columns, carried)
        self._one = msgspec.json.Decoder(self._row)
        self._many = msgspec.json.Decoder(list[self._row])  # type: ignore[name-defined] # made above
        self._within: dict[str, msgspec.json.Decoder[Any]] = {}

    def one(self, body: bytes, again: Parse) -> Rows | None:
        """Read a body that is one record; `again` reads it strictly."""
        row = self._decoded(self._one, body)
        return None if row is None else self._rows([row], body, 0, again)

    def many(self, body: bytes, again: Parse) -> Rows | None:
        """Read a body that is a list of records."""
        rows = self._decoded(self._many, body)
        return self._rows(rows, body, 0, again) if rows else None

    def within(self, body: bytes, name: str, again: Parse) -> tuple[Rows, str | None] | None:
        """Read a body that is an object with a list of records under a name, and perhaps a ``request_id``."""
        decoder = self._within.get(name)
        if decoder is None:
            fields: list[Any] = [("rows", list[self._row]), ("request", str | UnsetType, UNSET)]  # type: ignore[name-defined]
            renamed = {"rows": name, "request": "request_id"}
            held = defstruct("Held", fields, forbid_unknown_fields=True, rename=renamed)
            decoder = self._within[name] = msgspec.json.Decoder(held)
        held = self._decoded(decoder, body)
        if held is None or not held.rows:
            return None
        named = held.request is not UNSET
        rows = self._rows(held.rows, body, 3 if named else 1, again)
        return None if rows is None else (rows, held.request if named else None)

    def _decoded(self, decoder: msgspec.json.Decoder[Any], body: bytes) -> Any:  # noqa: ANN401 - types made at run time
        if self._row is _Nothing or b"\\" in body:
            return None
        try:
            return decoder.decode(body)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return None

    def _rows(self, rows: Sequence[Any], body: bytes, strings: int, again: Parse) -> Rows | None:
        """Put rows side by side, if each of them was written once and all have the same columns.

        `strings` is how many the body holds around the rows.
        """
        length = len(rows)
        if length == 1:
            columns = {name: [value] for name, value in zip(self._names, astuple(rows[0]), strict=True)}
        else:
            columns = dict(zip(self._names, map(list, zip(*map(astuple, rows), strict=True)), strict=True))
        for name in self._carried:
            sent = length - columns[name].count(UNSET)
            if not sent:
                del columns[name]
            elif sent != length:
                return None
        strings += length * len(columns)
        for name, mixed in self._texts:
            values = columns.get(name, _NO_VALUES)
            lacking = len([None for value in values if type(value) is not str]) if mixed else values.count(None)
            strings += len(values) - lacking
        # Of a key that is there twice the decoder keeps the last. Without escapes every string stands between two
        # quotes, so that what it let go is missing here.
        if body.count(b'"') != 2 * strings or length * (len(columns) + 1) >= _ITEMS:
            return None
        return Rows(columns, length, again)


class _Nothing(msgspec.Struct, forbid_unknown_fields=True):
    """Stands for rows that cannot be read by types alone."""


def _row_type(columns: Sequence[SignatureColumn], carried: Sequence[SignatureColumn]) -> type[msgspec.Struct]:
    if not columns:
        return _Nothing
    fields: list[Any] = [(f"f{place}", _type(column)) for place, column in enumerate(columns)]
    fields += [(f"f{place}", _type(column) | UnsetType, UNSET) for place, column in enumerate(carried, len(fields))]
    renamed = {f"f{place}": column.name for place, column in enumerate((*columns, *carried))}
    try:
        # Rows hold no containers, so that the garbage collector need not look at them.
        return defstruct("Row", fields, forbid_unknown_fields=True, rename=renamed, gc=False)
    except ValueError:  # a name that JSON must escape
        return _Nothing


def _type(column: SignatureColumn) -> Any:  # noqa: ANN401 - a type made at run time
    return _TYPES[column.type] | _INTEGER if column.integers else _TYPES[column.type]
