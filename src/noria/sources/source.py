"""One door to every source: text in, an Arrow table with sound names and types out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from noria.errors import WrongData
from noria.sources.change import VOLATILE, token
from noria.sources.reference import Reference, parse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa

__all__ = ["VOLATILE", "read", "token"]


def read(
    source: str, *, root: Path, na_values: Sequence[str] = (), rename: Mapping[str, str] | None = None
) -> pa.Table:
    r"""Read every row of a source.

    Parameters
    ----------
    source : str
        A file or glob (csv, tsv, parquet, json, jsonl, xlsx; compressed too), ``sql:URL?table=NAME``, ``https://…``,
        ``package:NAME/path``, ``python:module.function``.
    root : Path
        Folder that relative paths start from, and where functions of the user's own are found.
    na_values : sequence of str
        Cells that mean "missing", beside the usual ``NA``, ``NaN``, ``null`` and the empty cell of text files.
    rename : mapping of str to str, optional
        Name in the source -> name to use.

    Returns
    -------
    pyarrow.Table
        Columns of int64, float64, bool, string or timestamp[us] (UTC, without zone). NaN is missing.

    Raises
    ------
    SourceNotFound
        There is no such file, table, package or function.
    WrongData
        What is there cannot be read as a table: empty, no rows, binary, torn, duplicate names.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = pathlib.Path(folder, "a.csv").write_text("age,grade\n31,A\n,B\n")
    ...     read("a.csv", root=pathlib.Path(folder)).to_pylist()
    [{'age': 31, 'grade': 'A'}, {'age': None, 'grade': 'B'}]
    """
    from noria.sources.inference import settle  # noqa: PLC0415 - pyarrow is loaded when rows are read, not when planned
    from noria.sources.names import checked  # noqa: PLC0415 - as above

    reference = parse(source)
    table, is_text = _raw(reference, root, tuple(na_values))
    table = checked(table, source, rename or {})
    if table.num_rows == 0:
        raise WrongData(
            f"{source} has a header but no rows" if table.num_columns else f"{source} has no rows",
            why=f"columns: {', '.join(table.column_names[:20])}" if table.num_columns else "",
            mend="check [data] source, or the query that should deliver rows",
            code="N-SOURCE-020",
        )
    return settle(table, na_values=tuple(na_values), from_text=is_text)


def _raw(reference: Reference, root: Path, na_values: tuple[str, ...]) -> tuple[pa.Table, bool]:
    # Each reader is imported when its kind of source is met: one project uses one or two of them.
    if reference.kind == "file":
        from noria.sources.files import read_files  # noqa: PLC0415

        return read_files(reference, root, na_values)
    if reference.kind == "package":
        from noria.sources.files import read_file  # noqa: PLC0415
        from noria.sources.package import locate  # noqa: PLC0415

        return read_file(locate(reference.location), reference.hints, na_values, shown=reference.text)
    if reference.kind == "http":
        from noria.sources.http import read_url  # noqa: PLC0415

        return read_url(reference, na_values)
    if reference.kind == "sql":
        from noria.sources.sql import read_sql  # noqa: PLC0415

        return read_sql(reference.location, root), False
    from noria.sources.function import call  # noqa: PLC0415

    return call(reference.location, root), False
