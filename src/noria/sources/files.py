"""Files of rows: the format is told by the name, and the content has to agree."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pyarrow as pa

from noria.errors import WrongData, did_you_mean
from noria.sources.content import COMPRESSED, check_content, empty
from noria.sources.inference import alike
from noria.sources.paths import matching, shown_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from noria.sources.kind import Reference

__all__ = ["FORMATS", "format_of", "read_file", "read_files", "reading", "stacked"]

FORMATS: Mapping[str, str] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".tab": "csv",
    ".txt": "csv",
    ".dat": "csv",
    ".data": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".xlsx": "xlsx",
    ".xlsm": "xlsx",
}
"""Ending -> format."""


def read_files(reference: Reference, root: Path, na_values: tuple[str, ...]) -> tuple[pa.Table, bool]:
    """Read what a path or a glob names; several files are stacked and must have the same columns.

    Returns
    -------
    (pyarrow.Table, bool)
        The rows, and whether the cells are text whose types are still to be found.
    """
    paths = matching(reference.location, root)
    shown = [reference.text] if len(paths) == 1 else [shown_name(path) for path in paths]
    parts = [read_file(path, reference.hints, na_values, shown=name) for path, name in zip(paths, shown, strict=True)]
    return stacked(parts, shown)


def stacked(parts: Sequence[tuple[pa.Table, bool]], shown: Sequence[str]) -> tuple[pa.Table, bool]:
    """Put the rows of several files together.

    Parameters
    ----------
    parts : sequence of (pyarrow.Table, bool)
        As `read_file` gives them.
    shown : sequence of str
        What to call each in an error.

    Raises
    ------
    WrongData
        One has other columns than the first.
    """
    if len(parts) == 1:
        return parts[0]
    names = parts[0][0].column_names
    for other, (table, _) in zip(shown[1:], parts[1:], strict=True):
        if set(table.column_names) != set(names):
            lacking = [name for name in names if name not in table.column_names]
            more = [name for name in table.column_names if name not in names]
            raise WrongData(
                f"{other} has other columns than {shown[0]}",
                why=f"lacks: {', '.join(lacking) or '-'}\nhas besides: {', '.join(more) or '-'}",
                mend="bring the files to the same columns, or narrow the glob",
                code="N-SOURCE-021",
            )
    tables = alike([table.select(names) for table, _ in parts])
    return pa.concat_tables(tables), all(is_text for _, is_text in parts)


def read_file(path: Path, hints: Mapping[str, str], na_values: tuple[str, ...], *, shown: str) -> tuple[pa.Table, bool]:
    """Read one file.

    Raises
    ------
    WrongData
        The file is empty, unreadable, of an unknown ending, or its content is not what its name says.
    """
    ending, compressed = _ending(path)
    format_ = format_of(path, hints, shown=shown)
    with reading(shown):
        if format_ == "csv":
            from noria.sources.delimited import read_delimited  # noqa: PLC0415 - the reader in use only

            return read_delimited(path, hints, na_values, ending=ending, shown=shown), True
        if format_ == "parquet":
            from noria.store.parquet import read_rows  # noqa: PLC0415 - as above

            return read_rows(path), False
        if format_ == "xlsx":
            from noria.sources.workbook import read_workbook  # noqa: PLC0415 - as above

            return read_workbook(path, hints.get("sheet"), shown=shown), False
        from noria.sources.json_rows import read_json  # noqa: PLC0415 - as above

        return read_json(path, compressed=bool(compressed), shown=shown), False


def format_of(path: Path, hints: Mapping[str, str], *, shown: str) -> str:
    """Say what a file is by its name, once its content agrees.

    Raises
    ------
    WrongData
        It is empty, unreadable, of an unknown ending, or its content is not what its name says.
    """
    ending, compressed = _ending(path)
    format_ = hints.get("format") or FORMATS.get(ending)
    if format_ not in {"csv", "parquet", "json", "jsonl", "xlsx"}:
        raise _unknown_format(shown, ending, hints.get("format"))
    with reading(shown):
        if path.stat().st_size == 0:
            raise empty(shown)
        check_content(path, format_, compressed, shown)
    return format_


def _ending(path: Path) -> tuple[str, str]:
    suffixes = [suffix.lower() for suffix in path.suffixes[-2:]]
    if suffixes and suffixes[-1] in COMPRESSED:
        return (suffixes[-2] if len(suffixes) > 1 else ""), suffixes[-1]
    return (suffixes[-1] if suffixes else ""), ""


def _unknown_format(shown: str, ending: str, hint: str | None) -> WrongData:
    if hint:
        near = did_you_mean(hint, ["csv", "parquet", "json", "jsonl", "xlsx"])
        return WrongData(
            f"{shown}: noria knows no format {hint!r}",
            mend=near or "write #format=csv, parquet, json, jsonl or xlsx",
            code="N-SOURCE-023",
        )
    return WrongData(
        f"{shown} has an ending noria does not read: {ending or '(none)'}",
        why=f"known: {' '.join(FORMATS)}, each also with {' '.join(COMPRESSED)}",
        mend=f'say what it is: source = "{shown.partition("#")[0]}#format=csv"',
        code="N-SOURCE-023",
    )


@contextmanager
def reading(shown: str) -> Iterator[None]:
    """Tell what Arrow and the system say of a file that cannot be read as an error that names it."""
    try:
        yield
    except PermissionError as error:
        raise WrongData(
            f"{shown} may not be read: {error.strerror}", mend="give yourself the right to read it", code="N-SOURCE-011"
        ) from error
    except UnicodeEncodeError as error:
        raise WrongData(
            f"{shown} has a name that is no UTF-8, which Arrow cannot open",
            mend="give it another name",
            code="N-SOURCE-037",
        ) from error
    except (pa.ArrowException, OSError, EOFError) as error:
        raise WrongData(
            f"{shown} cannot be read as a table",
            why=str(error).splitlines()[0][:300],
            mend="it may have been cut off while it was written or copied: fetch it again",
            code="N-SOURCE-025",
        ) from error
