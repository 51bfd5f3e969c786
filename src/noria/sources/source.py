"""One door to every source: text in, an Arrow table with sound names and types out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from noria.errors import WrongData
from noria.sources.change import VOLATILE, token
from noria.sources.kind import Pull
from noria.sources.outside import guarded, taken
from noria.sources.reference import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa

    from noria.sources.kind import Rows

__all__ = ["VOLATILE", "finished", "read", "token"]


def read(
    source: str,
    *,
    root: Path,
    na_values: Sequence[str] = (),
    rename: Mapping[str, str] | None = None,
    store: Path | None = None,
    note: Callable[[str], None] = lambda _text: None,
    progress: Callable[[float | None, str], None] = lambda _done, _text: None,
) -> pa.Table:
    r"""Read every row of a source.

    Parameters
    ----------
    source : str
        A file or glob (csv, tsv, parquet, json, jsonl, xlsx; compressed too), ``sql:URL?table=NAME``, ``https://…``,
        ``s3://bucket/key``, ``gs://…``, ``az://…``, ``mqtt://host/topic``, ``package:NAME/path``,
        ``python:module.function``, or what another package brings.
    root : Path
        Folder that relative paths start from, and where functions of the user's own are found.
    na_values : sequence of str
        Cells that mean "missing", beside the usual ``NA``, ``NaN``, ``null`` and the empty cell of text files.
    rename : mapping of str to str, optional
        Name in the source -> name to use.
    store : Path, optional
        The project's folder ``.noria``; what was collected from a broker is found there.
    note : callable
        Told what is odd about the rows and did not stop them.
    progress : callable
        Told how far a long pull is: the share done, or None, and in words.

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
    reference = parse(source)
    pull = Pull(root, tuple(na_values), store, note, progress)
    rows = taken(guarded(reference, lambda kind: kind.read(reference, pull)), source)
    return finished(rows, source, na_values=pull.na_values, rename=rename, note=note)


def finished(
    rows: Rows,
    source: str,
    *,
    na_values: Sequence[str] = (),
    rename: Mapping[str, str] | None = None,
    note: Callable[[str], None] = lambda _text: None,
) -> pa.Table:
    """Give rows their final names and types.

    Raises
    ------
    WrongData
        There are no rows, two columns share a name, or a column holds what no cell of a table can.
    """
    from noria.sources.inference import settle  # noqa: PLC0415 - pyarrow is loaded when rows are read, not when planned
    from noria.sources.names import checked  # noqa: PLC0415 - as above

    table = checked(rows.table, source, rename or {})
    if table.num_rows == 0:
        raise WrongData(
            f"{source} has a header but no rows" if table.num_columns else f"{source} has no rows",
            why=f"columns: {', '.join(table.column_names[:20])}" if table.num_columns else "",
            mend="check [data] source, or the query that should deliver rows",
            code="N-SOURCE-020",
        )
    return settle(table, na_values=tuple(na_values), from_text=rows.written, note=note)
