"""Excel workbooks: one sheet, its first filled row the header."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import pyarrow as pa

from noria.errors import WrongData, did_you_mean
from noria.sources.cells import column_of
from noria.sources.names import clean_names

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from openpyxl import Workbook

__all__ = ["read_workbook"]

_ERRORS = ("#N/A", "#DIV/0!", "#REF!", "#VALUE!", "#NAME?", "#NUM!", "#NULL!")
# A few hundred kilobytes of zip can unfold to many gigabytes.
_MOST_UNPACKED = 2 << 30


def read_workbook(path: Path, sheet: str | None, *, shown: str) -> pa.Table:
    """Read one sheet of a workbook; formulas give the values that Excel last saw.

    Raises
    ------
    WrongData
        The file is no workbook, has several filled sheets and none is named, or the sheet is not there.
    """
    import openpyxl  # noqa: PLC0415 - only for workbooks
    from openpyxl.utils.exceptions import InvalidFileException  # noqa: PLC0415 - as above

    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
        if unpacked > _MOST_UNPACKED:
            raise WrongData(
                f"{shown} unpacks to {unpacked >> 20:,} MB", mend="export the sheet as CSV", code="N-SOURCE-025"
            )
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except (zipfile.BadZipFile, InvalidFileException, KeyError, ValueError) as error:
        raise WrongData(
            f"{shown} is not an Excel workbook",
            why=str(error)[:200],
            mend="open it in Excel and save it as .xlsx, or export it as CSV",
            code="N-SOURCE-024",
        ) from error
    try:
        rows = [row for row in _sheet(book, sheet, shown) if any(c is not None for c in row)]
    finally:
        book.close()
    if not rows:
        raise WrongData(
            f"{shown} holds an empty sheet", mend="name the sheet that has rows: #sheet=NAME", code="N-SOURCE-022"
        )
    header, *body = rows
    width = max((i + 1 for row in rows for i, cell in enumerate(row) if cell is not None), default=0)
    names = clean_names([None if cell is None else str(cell) for cell in (*header, *[None] * width)][:width])
    columns = [column_of([_cell(row[i]) if i < len(row) else None for row in body]) for i in range(width)]
    return pa.table(columns, names=names)


def _sheet(book: Workbook, sheet: str | None, shown: str) -> Iterable[tuple[object, ...]]:
    names = book.sheetnames
    if sheet is not None:
        if sheet not in names:
            raise WrongData(
                f"{shown} has no sheet {sheet!r}",
                why=f"sheets: {', '.join(names)}",
                mend=did_you_mean(sheet, names) or f"write #sheet={names[0]}",
                code="N-SOURCE-035",
            )
        return _rows(book, sheet)
    filled = [name for name in names if _filled(book, name)]
    if len(filled) > 1:
        raise WrongData(
            f"{shown} has {len(filled)} sheets with rows",
            why=f"sheets: {', '.join(filled)}",
            mend=f"name one after the file: #sheet={filled[0]}",
            code="N-SOURCE-035",
        )
    return _rows(book, (filled or names)[0])


def _rows(book: Workbook, name: str, most: int | None = None) -> Iterable[tuple[object, ...]]:
    rows: Iterable[tuple[object, ...]] = book[name].iter_rows(max_row=most, values_only=True)
    return rows


def _filled(book: Workbook, name: str) -> bool:
    return sum(any(cell is not None for cell in row) for row in _rows(book, name, 20)) > 1


def _cell(value: object) -> object:
    if isinstance(value, str):
        return None if value.strip() == "" or value in _ERRORS else value
    return value
