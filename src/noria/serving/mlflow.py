"""MLflow's scoring protocol: ``POST /invocations`` with JSON or CSV."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from noria.errors import WrongData
from noria.scoring.rows import Rows
from noria.security.strict_json import decode

if TYPE_CHECKING:
    from noria.scoring.decoding import RowReader
    from noria.scoring.signature import Signature
    from noria.serving.endpoint import Reply

__all__ = ["parse", "parse_csv", "read", "render"]

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?P<inexact>(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)")
_INT64 = 1 << 63
_INT64_DIGITS = 20
_RECORDS = ("dataframe_records", "instances", "inputs")
_FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs")


def read(body: bytes, reader: RowReader) -> Rows | None:
    """Read a list of records as `parse` does, straight into columns; None where `parse` must say what it is."""

    def again() -> Sequence[object]:
        return list(parse(decode(body)))

    for form in _RECORDS:
        if body.startswith(b'{"' + form.encode()):
            held = reader.within(body, form, again)
            return held[0] if held is not None and held[1] is None else None
    return None


def parse(body: object) -> Sequence[object] | Rows:
    """Read the rows out of exactly one of ``dataframe_split``, ``dataframe_records``, ``instances``, ``inputs``.

    Examples
    --------
    >>> list(parse({"dataframe_split": {"columns": ["age"], "data": [[30], [40]]}}))
    [{'age': 30}, {'age': 40}]
    >>> list(parse({"inputs": {"age": [30, 40]}}))
    [{'age': 30}, {'age': 40}]
    """
    forms = [form for form in _FORMS if isinstance(body, Mapping) and form in body]
    if not isinstance(body, Mapping) or len(forms) != 1:
        raise WrongData(f"expected an object with exactly one of {', '.join(_FORMS)}", code="N-SERVING-030")
    # Vertex AI calls "parameters" what MLflow calls "params".
    unknown = sorted(body.keys() - {forms[0], "params", "parameters", "signature_name"})
    if unknown:
        raise WrongData(f"unknown field {unknown[0]!r}", code="N-SERVING-031")
    if body.get("params") or body.get("parameters"):
        raise WrongData("this model takes no params", code="N-SERVING-031")
    rows = _split(body[forms[0]]) if forms[0] == "dataframe_split" else _records(forms[0], body[forms[0]])
    if not rows:
        raise WrongData("there are no rows", code="N-SERVING-023")
    return rows


def _split(value: object) -> Rows:
    if not isinstance(value, Mapping) or not {"columns", "data"} <= value.keys() <= {"columns", "data", "index"}:
        raise WrongData("dataframe_split must be an object with columns and data", code="N-SERVING-032")
    columns, data = value["columns"], value["data"]
    if not isinstance(columns, list) or not all(isinstance(name, str) for name in columns):
        raise WrongData("dataframe_split.columns must be a list of names", code="N-SERVING-032")
    if len(set(columns)) != len(columns):
        raise WrongData("dataframe_split.columns names a column twice", code="N-SERVING-032")
    if not isinstance(data, list):
        raise WrongData("dataframe_split.data must be a list of rows", code="N-SERVING-032")
    for number, row in enumerate(data):
        if not isinstance(row, list) or len(row) != len(columns):
            raise WrongData(
                f"row {number} of dataframe_split.data must have {len(columns)} values", code="N-SERVING-032"
            )
    return Rows(dict(zip(columns, map(list, zip(*data, strict=True)), strict=bool(data))), len(data))


def _records(form: str, value: object) -> Sequence[object] | Rows:
    if isinstance(value, list):
        if any(isinstance(row, list) for row in value):
            raise WrongData(f"{form}: name the columns; noria never matches them by position", code="N-SERVING-033")
        return value
    if form == "inputs" and isinstance(value, Mapping):
        lengths = {len(column) if isinstance(column, list) else -1 for column in value.values()}
        if len(lengths) != 1 or -1 in lengths:
            raise WrongData("inputs must be an object of lists, all of one length", code="N-SERVING-034")
        return Rows(value, lengths.pop())
    raise WrongData(f"{form} must be a list of records", code="N-SERVING-034")


def parse_csv(body: bytes, signature: Signature) -> Rows:
    """Read rows out of CSV, each cell as its column's type; an empty cell is a missing value.

    Numbers are written as in JSON. A byte order mark, which spreadsheets put first, is no part of the first name.
    """
    try:
        text = body.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise WrongData("the body is not UTF-8", code="N-SERVING-035") from error
    if "\x00" in text:
        raise WrongData("a text holds the character NUL", code="N-SERVING-035")
    try:
        lines = [line for line in csv.reader(io.StringIO(text), strict=True) if line]
    except csv.Error as error:
        raise WrongData(f"not CSV: {error}", code="N-SERVING-035") from error
    if len(lines) < 2:
        raise WrongData("expected a line of column names and at least one row", code="N-SERVING-035")
    header, *data = lines
    if len(set(header)) != len(header):
        raise WrongData("the header names a column twice", code="N-SERVING-035")
    types = {column.name: column.type for column in (*signature.columns, *signature.carried)}
    for number, line in enumerate(data):
        if len(line) != len(header):
            raise WrongData(f"row {number} has {len(line)} cells, the header {len(header)}", code="N-SERVING-035")
    columns = {
        name: [_cell(cell, types.get(name, "text")) for cell in cells]
        for name, cells in zip(header, zip(*data, strict=True), strict=True)
    }
    return Rows(columns, len(data))


def _cell(cell: str, kind: str) -> object:
    if cell == "":
        return None
    if kind in ("int", "float"):
        return _number(cell)
    if kind == "bool":
        return {"true": True, "false": False, "1": True, "0": False}.get(cell.lower(), cell)
    return cell


def _number(cell: str) -> object:
    """Read what is a number in JSON too; Python alone would take ``1_000``, ``nan`` and any script's digits."""
    written = _NUMBER.fullmatch(cell)
    if written is None:
        return cell  # the check tells which row and column
    if written["inexact"]:
        return float(cell)
    # As in JSON, an integer beyond 64 bits is refused: as a float it would be another number.
    return number if len(cell) <= _INT64_DIGITS and -_INT64 <= (number := int(cell)) < _INT64 else cell


def render(reply: Reply) -> dict[str, Sequence[object]]:
    """Give the answer as MLflow does: labels or values alone."""
    return {"predictions": list(reply.answers.predictions)}
