"""Columns of text that are text for the sake of a few cells, told with those cells."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from noria.errors import WrongData

__all__ = ["doubted", "refuse_nul"]

_NUMBER = r"^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$"
_COMMA = r"^\s*[+-]?(\d{1,3}(\.\d{3})+|\d+),\d+\s*$"
_FORMS = (
    ("numbers", f"({_NUMBER})|({_COMMA})"),
    ("times like 2026-05-01", r"^\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}\S*)?$"),
    ("times like 31.12.2026", r"^\d{1,2}\.\d{1,2}\.\d{4}( \d{2}:\d{2}(:\d{2})?)?$"),
    ("times like 31/12/2026", r"^\d{1,2}/\d{1,2}/\d{4}( \d{2}:\d{2}(:\d{2})?)?$"),
)
_PADDED = r"^\s*[+-]?0\d"
_MOST = 0.9
_SHOWN = 3
_MARK = 4


def doubted(column: pa.ChunkedArray, *, numbers: bool = True) -> str:
    """Say why a column that looks like something else stayed text; nothing where it is plain text.

    Parameters
    ----------
    column : pyarrow.ChunkedArray of string
        A column that no type fits.
    numbers : bool
        False: the text was text where it came from, so that only times are looked for.

    Examples
    --------
    >>> doubted(pa.chunked_array([["1", "2", "many"] + ["7"] * 20]))
    "22 of 23 cells are numbers, 1 is not: 'many' (row 3)"
    >>> doubted(pa.chunked_array([["2026-05-01", "01.06.2026"]]))
    '1 of 2 cells are times like 2026-05-01, 1 are times like 31.12.2026'
    >>> doubted(pa.chunked_array([["red", "green"]]))
    ''
    """
    present = column.drop_null()
    count = len(present)
    if count == 0:
        return ""
    forms = _FORMS if numbers else _FORMS[1:]
    hits = {what: pc.match_substring_regex(present, pattern) for what, pattern in forms}
    found = {what: pc.sum(hit).as_py() or 0 for what, hit in hits.items()}
    of_time = {what: n for what, n in found.items() if what.startswith("times") and n}
    if len(of_time) > 1 and sum(of_time.values()) >= _MOST * count:
        parts = ", ".join(f"{n:,} are {what}" for what, n in of_time.items())
        return parts.replace(" are", f" of {count:,} cells are", 1)
    what = max(found, key=lambda name: found[name])
    if found[what] == count:
        return _all_fit(present, what)
    if found[what] < _MOST * count:
        return ""
    other = pc.indices_nonzero(pc.invert(pc.fill_null(pc.match_substring_regex(column, dict(forms)[what]), True)))
    shown = ", ".join(_place(column, i.as_py()) for i in other[:_SHOWN])
    more = f", and {len(other) - _SHOWN:,} more" if len(other) > _SHOWN else ""
    verb = "is" if len(other) == 1 else "are"
    return f"{found[what]:,} of {count:,} cells are {what}, {len(other):,} {verb} not: {shown}{more}"


def _place(column: pa.ChunkedArray, row: int) -> str:
    # A mark of a missing value is short. What is longer may be somebody's name, and is in no message.
    cell = column[row].as_py()
    return f"{cell!r} (row {row + 1:,})" if len(cell) <= _MARK else f"row {row + 1:,}"


def _all_fit(present: pa.ChunkedArray, what: str) -> str:
    if what == "times like 31/12/2026":
        return "its dates fit day/month and month/day alike; write them as 2026-12-31"
    if what != "numbers" or pc.any(pc.match_substring_regex(present, _PADDED)).as_py():
        return ""  # codes with zeros in front are meant as they are
    points = pc.sum(pc.match_substring(present, ".")).as_py()
    commas = pc.sum(pc.match_substring(present, ",")).as_py()
    if points and commas:
        return f"{commas:,} numbers have a decimal comma and {points:,} a point"
    return ""


def refuse_nul(column: pa.ChunkedArray, name: str) -> None:
    r"""Refuse a column of text that holds a NUL character: databases and other tools cut a text there.

    Raises
    ------
    WrongData
        It does.
    """
    held = pc.fill_null(pc.match_substring(column, "\x00"), False)
    if pc.any(held).as_py():
        row = pc.index(held, True).as_py()
        raise WrongData(
            f"column {name!r} holds a NUL character in row {row + 1:,}",
            why="databases and other tools end a text there",
            mend="take it out in the source, as with tr -d '\\000'; text in UTF-16 has to be named: #encoding=utf-16",
            code="N-SOURCE-036",
        )
