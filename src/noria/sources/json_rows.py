"""JSON: a list of objects, an object of lists, or one object a line."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import pyarrow as pa

from noria.errors import WrongData
from noria.sources.cells import columns_of

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["read_json"]

_DATA_KEYS = ("data", "rows", "records", "items", "results")


def read_json(path: Path, *, compressed: bool, shown: str) -> pa.Table:
    """Read rows from JSON or JSON lines.

    Raises
    ------
    WrongData
        The text is no JSON, or holds something else than rows.
    """
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
