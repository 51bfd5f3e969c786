"""JSON: a list of objects, an object of lists, or one object a line."""

from __future__ import annotations

import codecs
import io
import json
from itertools import islice
from typing import TYPE_CHECKING

import pyarrow as pa

from noria.errors import WrongData
from noria.sources.cells import columns_of
from noria.sources.content import lines_of
from noria.sources.inference import alike
from noria.store.aside import Gathered
from noria.store.memory import is_large

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

__all__ = ["json_lines", "read_json"]

_HEAD = 1 << 22
_LINES = 20_000
_GROWTH = 10
"""Times that objects take more room in Python than their text does, about."""

_DATA_KEYS = ("data", "rows", "records", "items", "results")


def read_json(path: Path, *, compressed: bool, shown: str) -> pa.Table:
    """Read rows from JSON or JSON lines.

    Raises
    ------
    WrongData
        The text is no JSON, or holds something else than rows.
    """
    if is_large(_GROWTH * path.stat().st_size) and _has_lines(path):
        return _in_blocks(path, shown)
    with pa.input_stream(str(path)) if compressed else path.open("rb") as stream:
        content = stream.read()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise WrongData(
            f"{shown} is not UTF-8 text, as JSON must be", why=str(error), mend="write it as UTF-8", code="N-SOURCE-027"
        ) from error
    start = text.lstrip()[:1]
    if not start:
        raise WrongData(f"{shown} is empty", mend="check what should have written it", code="N-SOURCE-022")
    rows = _whole(text, shown) if start == "[" or not _is_lines(text) else _lines(text, shown)
    return columns_of(rows)


def json_lines(path: Path, shown: str, *, rows: int) -> Iterator[pa.Table]:
    """Read a file of one object a line, some lines at a time; columns may differ from one table to the next.

    Raises
    ------
    WrongData
        A line is no JSON, or no object.
    """
    with pa.input_stream(str(path)) as file:
        lines = enumerate(lines_of(file), start=1)
        while some := list(islice(lines, rows)):
            yield columns_of([_record(text, f"{shown}, line {number}") for number, text in some if text.strip()])


def _in_blocks(path: Path, shown: str) -> pa.Table:
    gathered = Gathered()
    for table in json_lines(path, shown, rows=_LINES):
        gathered.add(table)
    parts = gathered.tables()
    names = list(dict.fromkeys(name for part in parts for name in part.column_names))
    return pa.concat_tables(alike([_with(part, names) for part in parts]))


def _with(table: pa.Table, names: Sequence[str]) -> pa.Table:
    for name in names:
        if name not in table.column_names:
            table = table.append_column(name, pa.nulls(table.num_rows))
    return table.select(names)


def _record(text: bytes, shown: str) -> dict[str, object]:
    try:
        record = json.loads(text)
    except ValueError as error:
        raise WrongData(
            f"{shown}: no JSON", why=str(error), mend="write one object a line", code="N-SOURCE-029"
        ) from error
    if not isinstance(record, dict):
        raise WrongData(f"{shown}: not an object of columns and values", code="N-SOURCE-029")
    return record


def _has_lines(path: Path) -> bool:
    """Say whether a file begins with an object on a line of its own and goes on after it."""
    with pa.input_stream(str(path)) as file:
        head = file.read(_HEAD).removeprefix(codecs.BOM_UTF8).lstrip()
    first, _, more = head.partition(b"\n")
    return first.startswith(b"{") and bool(more.strip()) and _is_lines(first.decode(errors="replace"))


def _is_lines(text: str) -> bool:
    first = text.lstrip().split("\n", 1)[0]
    try:
        json.loads(first)
    except ValueError:
        return False
    return True


def _lines(text: str, shown: str) -> list[dict[str, object]]:
    rows = []
    for number, line in enumerate(io.StringIO(text), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise _no_json(f"{shown}, line {number}", str(error)) from error
        rows.append(row)
    if len(rows) == 1 and isinstance(rows[0], dict):
        return _unpacked(rows[0], shown)
    return _objects(rows, shown)


def _whole(text: str, shown: str) -> list[dict[str, object]]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise _no_json(shown, str(error)) from error
    if isinstance(value, dict):
        return _unpacked(value, shown)
    return _objects(value, shown)


def _unpacked(value: dict[str, object], shown: str) -> list[dict[str, object]]:
    for key in _DATA_KEYS:
        inside = value.get(key)
        if isinstance(inside, list) and inside and isinstance(inside[0], dict):
            return _objects(inside, shown)
    lists = [cells for cells in value.values() if isinstance(cells, list)]
    if lists and len(lists) == len(value):
        if len({len(cells) for cells in lists}) > 1:
            raise WrongData(
                f"{shown} holds columns of different lengths",
                why=", ".join(f"{name}: {len(cells)}" for name, cells in zip(value, lists, strict=True)),
                mend="write one object a row",
                code="N-SOURCE-029",
            )
        return [dict(zip(value, cells, strict=True)) for cells in zip(*lists, strict=True)]
    return [value]


def _objects(value: object, shown: str) -> list[dict[str, object]]:
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise WrongData(
            f"{shown} does not hold rows",
            why="expected a list of objects, or one object a line",
            mend='write [{"age": 31}, {"age": 40}]',
            code="N-SOURCE-029",
        )
    return value


def _no_json(where: str, why: str) -> WrongData:
    return WrongData(
        f"{where} is no JSON", why=why, mend="check what wrote it; it may have been cut off", code="N-SOURCE-029"
    )
