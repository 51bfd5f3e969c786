"""Text files with a separator: encoding, separator and header are found out, cells stay text."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.csv as arrow_csv

from noria.errors import WrongData
from noria.sources.content import COMPRESSED, check_page, empty, lines_of
from noria.sources.encoding import decode_whole, sniff
from noria.sources.names import clean_names
from noria.store.aside import spooled
from noria.store.memory import is_large

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

__all__ = ["MISSING", "find_delimiter", "read_delimited", "stream_delimited"]

MISSING = ("", "NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "Null", "#N/A", "<NA>")
"""Cells of text files that mean "missing" without being told."""

_SAMPLE = 1 << 18
_SNIFFED_LINES = 200
_BLOCK = 1 << 24
_SMALL_BLOCK = 1 << 20
"""Arrow reads some forty blocks ahead."""
_TELLING_LINES = 1000
_PACKED = 5
"""Times a compressed file of text grows, about."""
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
    found = layout(path, hints, ending=ending, shown=shown)
    try:
        if is_large(path.stat().st_size * (_PACKED if path.suffix in COMPRESSED else 1)):
            return _by_blocks(path, found, na_values)
        table = arrow_csv.read_csv(str(path), **found.options(na_values))
    except pa.ArrowInvalid as error:
        if "UTF8" in str(error) or "codec" in str(error):
            return _late(path, hints, na_values, ending=ending, shown=shown, error=error)
        raise _torn(path, found, shown, error) from error
    except UnicodeError as error:
        return _late(path, hints, na_values, ending=ending, shown=shown, error=error)
    return table.slice(1).rename_columns(found.names)


def stream_delimited(
    path: Path, hints: Mapping[str, str], na_values: tuple[str, ...], *, ending: str, shown: str
) -> Iterator[pa.Table]:
    """Read a file of separated text block by block; every column stays text, missing cells are null.

    Raises
    ------
    WrongData
        As `read_delimited` says, as soon as the fault is met.
    """
    found = layout(path, hints, ending=ending, shown=shown)
    first = 1  # the header, which is row 0
    try:
        with arrow_csv.open_csv(str(path), **found.options(na_values)) as reader:
            for batch in reader:
                yield pa.Table.from_batches([batch.slice(first)]).rename_columns(found.names)
                first = 0
    except pa.ArrowInvalid as error:
        if "UTF8" in str(error) or "codec" in str(error):
            raise _not_in(found.encoding, shown, error) from error
        raise _torn(path, found, shown, error) from error
    except UnicodeError as error:
        raise _not_in(found.encoding, shown, error) from error


def _by_blocks(path: Path, found: Layout, na_values: tuple[str, ...]) -> pa.Table:
    try:
        return _spooled(path, found, na_values, _SMALL_BLOCK)
    except pa.ArrowInvalid as error:
        if "straddl" not in str(error):
            raise
        return _spooled(path, found, na_values, _BLOCK)  # a row is longer than a block


def _spooled(path: Path, found: Layout, na_values: tuple[str, ...], block: int) -> pa.Table:
    with arrow_csv.open_csv(str(path), **found.options(na_values, block=block)) as reader:
        header = iter([1])  # row 0
        rows = (batch.slice(next(header, 0)).columns for batch in reader)
        return spooled(pa.schema([(name, pa.string()) for name in found.names]), rows)


@dataclass(frozen=True)
class Layout:
    """How a file of separated text is laid out."""

    names: list[str]
    delimiter: str
    encoding: str
    skip: int

    def options(self, na_values: tuple[str, ...], *, block: int = _BLOCK) -> dict[str, Any]:
        """Give what Arrow's readers want to know."""
        # Positions stand in for names, so that duplicate names arrive and can be told; the header is row 0.
        places = [str(position) for position in range(len(self.names))]
        return {
            "read_options": arrow_csv.ReadOptions(
                column_names=places, encoding=self.encoding, block_size=block, skip_rows=self.skip
            ),
            "parse_options": arrow_csv.ParseOptions(
                delimiter=self.delimiter, newlines_in_values=True, ignore_empty_lines=len(self.names) > 1
            ),
            "convert_options": arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(places, pa.string()),
                null_values=sorted({*MISSING, *na_values}),
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
            ),
        }


def layout(path: Path, hints: Mapping[str, str], *, ending: str, shown: str) -> Layout:
    """Find out encoding, separator and header from the beginning of a file."""
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
    return Layout(names, delimiter, encoding, skip)


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
        telling = b"".join(islice((line for line in lines_of(stream) if not line.isascii()), _TELLING_LINES))
    encoding = sniff(telling, shown)
    if hints.get("encoding") == encoding:
        raise _not_in(encoding, shown, error) from error
    return read_delimited(path, {**hints, "encoding": encoding}, na_values, ending=ending, shown=shown)


def _not_in(encoding: str, shown: str, error: Exception) -> WrongData:
    return WrongData(
        f"{shown} is not text in {encoding}",
        why=str(error).splitlines()[0][:200],
        mend=f"name its encoding: #encoding=cp1252, or leave #encoding={encoding} out",
        code="N-SOURCE-027",
    )


def _torn(path: Path, found: Layout, shown: str, error: Exception) -> WrongData:
    width, delimiter = len(found.names), found.delimiter
    with pa.input_stream(str(path)) as stream:
        text = io.TextIOWrapper(stream, encoding=found.encoding, errors="replace", newline="")
        reader = csv.reader(text, delimiter=delimiter)
        try:
            for row in reader:
                if row and len(row) != width and reader.line_num > found.skip:
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
