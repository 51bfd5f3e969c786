"""Frames in memory – of pandas, polars, Arrow or plain Python – as rows that every room knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from noria.errors import WrongData
from noria.sources.cells import column_of, columns_of
from noria.sources.kind import Rows
from noria.sources.source import finished

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["frame_rows"]


def frame_rows(frame: object, *, na_values: Sequence[str] = ()) -> pa.Table:
    """Give the rows of a frame with sound names and types.

    Parameters
    ----------
    frame : object
        A pandas or polars DataFrame, a pyarrow.Table, anything else that speaks the Arrow stream protocol, a dict of
        columns or a list of dicts.
    na_values : sequence of str
        Cells of text that mean "missing".

    Raises
    ------
    WrongData
        It is none of these, has no rows or columns of one name, or holds what no table can.

    Examples
    --------
    >>> frame_rows({"age": [31, None], "grade": ["A", "B"]}).to_pylist()
    [{'age': 31, 'grade': 'A'}, {'age': None, 'grade': 'B'}]
    """
    try:
        table = _table(frame)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise WrongData(
            f"the frame cannot be read as a table: {str(error).splitlines()[0][:200]}",
            mend="give it columns of one kind each, all of one length",
            code="N-DATA-041",
        ) from error
    return finished(Rows(table), "the frame", na_values=na_values)


def _table(frame: object) -> pa.Table:
    if isinstance(frame, pa.Table):
        return frame
    if isinstance(frame, dict):
        return pa.table({str(name): column_of(list(values)) for name, values in frame.items()})
    if isinstance(frame, list) and all(isinstance(row, dict) for row in frame):
        return columns_of(frame)
    if type(frame).__module__.partition(".")[0] == "pandas" and hasattr(frame, "columns"):
        return _of_pandas(frame)
    if hasattr(frame, "__arrow_c_stream__"):
        return pa.table(frame)
    raise WrongData(
        f"{type(frame).__name__} is no frame",
        why="rows come from a pandas or polars DataFrame, a pyarrow.Table, a dict of columns or a list of dicts",
        mend="make a frame of it first",
        code="N-DATA-040",
    )


def _of_pandas(frame: object) -> pa.Table:
    names = [str(name) for name in frame.columns]  # type: ignore[attr-defined]
    columns = []
    for position in range(len(names)):
        cells = frame.iloc[:, position]  # type: ignore[attr-defined]
        try:
            columns.append(pa.array(cells, from_pandas=True))
        except (pa.ArrowException, TypeError, ValueError):  # values of several kinds: written out, as from a file
            columns.append(column_of([None if cell is None or cell != cell else cell for cell in cells]))
    return pa.table(columns, names=names)
