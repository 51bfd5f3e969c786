"""Text files with a separator: encoding, separator and header are found out, cells stay text."""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.csv as arrow_csv

from noria.errors import WrongData
from noria.sources.content import check_page, empty
from noria.sources.encoding import decode_whole, sniff
from noria.sources.names import clean_names

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["MISSING", "find_delimiter", "read_delimited"]

MISSING = ("", "NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "Null", "#N/A", "<NA>")
"""Cells of text files that mean "missing" without being told."""

_SAMPLE = 1 << 18
_SNIFFED_LINES = 200
_BLOCK = 1 << 24
_DELIMITERS = (",", ";", "\t", "|")
_NUMBER = re.compile(r"^[+-]?\d+([.,]\d+)?([eE][+-]?\d+)?$")


def read_delimited(
    path: Path, hints: Mapping[str, str], na_values: tuple[str, ...], *, ending: str, shown: str
) -> pa.Table:
    """Read a file of separated text; every column stays text, missing cells are null.

    Raises
    ------
    WrongData
        Empty, binary, not decodable, a web page, no header, or a row with too many or too few cells.
    """
    with pa.input_stream(str(path)) as stream:
        sample = stream.read(_SAMPLE)
    if not sample.strip():
        raise empty(shown)
    encoding = hints.get("encoding") or sniff(sample, shown)
    text = decode_whole(sample, encoding, shown, cut=len(sample) == _SAMPLE)
    check_page(text, shown)
    skip = 1 if re.match(r"^sep=.\r?\n", text) else 0
    if skip:
        delimiter, text = text[4], text.split("\n", 1)[1]
    else:
        delimiter = _hinted(hints.get("delimiter")) or ("\t" if ending in {".tsv", ".tab"} else find_delimiter(text))
    header = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), [])
    names = clean_names(header)
    _check_header(header, shown)
    try:
        return _arrow(path, names, delimiter, encoding, skip, na_values)
    except pa.ArrowInvalid as error:
        if "UTF8" in str(error) or "codec" in str(error):
            return _late(path, hints, na_values, ending=ending, shown=shown, error=error)
        raise _torn(path, len(names), delimiter, encoding, skip, shown, error) from error
    except UnicodeError as error:
        return _late(path, hints, na_values, ending=ending, shown=shown, error=error)


def _arrow(
    path: Path, names: list[str], delimiter: str, encoding: str, skip: int, na_values: tuple[str, ...]
) -> pa.Table:
    # Positions stand in for names, so that duplicate names arrive and can be told; the header is row 0.
    places = [str(position) for position in range(len(names))]
    table = arrow_csv.read_csv(
        str(path),
        read_options=arrow_csv.ReadOptions(column_names=places, encoding=encoding, block_size=_BLOCK, skip_rows=skip),
        parse_options=arrow_csv.ParseOptions(
            delimiter=delimiter, newlines_in_values=True, ignore_empty_lines=len(names) > 1
        ),
        convert_options=arrow_csv.ConvertOptions(
            column_types=dict.fromkeys(places, pa.string()),
            null_values=sorted({*MISSING, *na_values}),
            strings_can_be_null=True,
            quoted_strings_can_be_null=True,
        ),
    )
    return table.slice(1).rename_columns(names)


def find_delimiter(text: str) -> str:
    r"""Find the separator that cuts the first lines into the same number of cells.

    Examples
    --------
    >>> find_delimiter("a;b\n1,5;2\n")
    ';'
    >>> find_delimiter("alone\n1\n")
    ','
    """
    lines = text.split("\n", _SNIFFED_LINES + 1)
    whole = "\n".join(lines[:_SNIFFED_LINES] if len(lines) > _SNIFFED_LINES else lines)
    best, best_score = ",", (0.0, 0)
    for delimiter in _DELIMITERS:
        try:
            widths = [len(row) for row in csv.reader(io.StringIO(whole, newline=""), delimiter=delimiter) if row]
        except csv.Error:
            continue
        if not widths or widths[0] < 2:
            continue
        score = (sum(width == widths[0] for width in widths) / len(widths), widths[0])
        if score > best_score:
            best, best_score = delimiter, score
    return best


def _hinted(delimiter: str | None) -> str | None:
    return {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "space": " "}.get(
        delimiter or "", delimiter
    )


def _check_header(header: list[str], shown: str) -> None:
    filled = [cell.strip() for cell in header if cell.strip()]
    if len(filled) > 1 and all(_NUMBER.match(cell) for cell in filled):
        raise WrongData(
            f"{shown} has no header: its first line holds numbers only",
            why=f"first line: {', '.join(filled[:8])}",
            mend="write the columns' names as the first line",
            code="N-SOURCE-026",
        )


def _late(
    path: Path, hints: Mapping[str, str], na_values: tuple[str, ...], *, ending: str, shown: str, error: Exception
) -> pa.Table:
    # The first quarter megabyte was plain ASCII; the letters that tell the encoding came later.
    with pa.input_stream(str(path)) as stream:
        content = stream.read()
    encoding = sniff(content, shown)
    if hints.get("encoding") == encoding:
        raise WrongData(
            f"{shown} is not text in {encoding}",
            why=str(error).splitlines()[0][:200],
            mend=f"name its encoding: #encoding=cp1252, or leave #encoding={encoding} out",
            code="N-SOURCE-027",
        ) from error
    return read_delimited(path, {**hints, "encoding": encoding}, na_values, ending=ending, shown=shown)


def _torn(path: Path, width: int, delimiter: str, encoding: str, skip: int, shown: str, error: Exception) -> WrongData:
    with pa.input_stream(str(path)) as stream:
        text = io.TextIOWrapper(io.BytesIO(stream.read()), encoding=encoding, errors="replace", newline="")
    reader = csv.reader(text, delimiter=delimiter)
    try:
        for row in reader:
            if row and len(row) != width and reader.line_num > skip:
                shown_row = delimiter.join(row)[:120]
                return WrongData(
                    f"{shown}, line {reader.line_num}: {len(row)} cells, and the header has {width}",
                    why=f"the line reads: {shown_row}",
                    mend="put quotes around cells that hold the separator, or name it: #delimiter=;",
                    code="N-SOURCE-028",
                )
    except csv.Error as trouble:
        error = trouble
    return WrongData(
        f"{shown} cannot be read as separated text",
        why=str(error).splitlines()[0][:300],
        mend="look for an opening quote that is never closed",
        code="N-SOURCE-028",
    )
