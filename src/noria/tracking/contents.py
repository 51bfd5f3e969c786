"""Files made of what is in memory: figures and tables, by the ending of their name."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence

from noria.errors import WrongArgument
from noria.tracking.wording import plain

__all__ = ["figure_bytes", "json_bytes", "table_bytes"]


def json_bytes(value: object) -> bytes:
    """Write a value as JSON that people can read."""
    return (json.dumps(plain(value), indent=2, ensure_ascii=False) + "\n").encode()


def figure_bytes(figure: object, name: str) -> bytes:
    """Draw a figure of matplotlib, plotly, Pillow or noria.

    Raises
    ------
    WrongArgument
        It is none of these.
    """
    ending = name.rpartition(".")[2].lower()
    buffer = io.BytesIO()
    if callable(save := getattr(figure, "savefig", None)):  # matplotlib
        save(buffer, format=ending)
        return buffer.getvalue()
    if isinstance(svg := getattr(figure, "svg", None), str):  # noria
        return svg.encode()
    if callable(page := getattr(figure, "to_html", None)):  # plotly
        return str(page(include_plotlyjs=True, full_html=True)).encode()
    if callable(save := getattr(figure, "save", None)) and hasattr(figure, "tobytes"):  # Pillow
        save(buffer, format={"jpg": "jpeg"}.get(ending, ending))
        return buffer.getvalue()
    raise WrongArgument(
        f"a {type(figure).__name__} is no figure that can be drawn",
        mend="give a figure of matplotlib, plotly, Pillow or noria, or save it yourself and log the file",
        code="N-TRACKING-024",
    )


def table_bytes(table: object, name: str) -> bytes:
    r"""Write a table: a data frame, a pyarrow table, a list of rows or a dict of columns; as CSV, JSON or Parquet.

    Raises
    ------
    WrongArgument
        It is no table, or the name ends in something else.

    Examples
    --------
    >>> table_bytes([{"a": 1, "b": None}, {"a": 2, "b": "x"}], "t.csv")
    b'a,b\n1,\n2,x\n'
    """
    ending = name.rpartition(".")[2].lower()
    if ending not in ("csv", "json", "parquet"):
        raise WrongArgument(
            f"a table cannot be written as {name!r}",
            mend="let the name end in .csv, .json or .parquet",
            code="N-TRACKING-025",
        )
    if ending == "parquet":
        import pyarrow as pa  # noqa: PLC0415 - only for this form
        import pyarrow.parquet as pq  # noqa: PLC0415 - as above

        buffer = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(_rows(table)), buffer)
        return buffer.getvalue()
    rows = _rows(table)
    if ending == "json":
        return json_bytes(rows)
    text = io.StringIO()
    writer = csv.DictWriter(text, list(dict.fromkeys(name for row in rows for name in row)), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode("utf-8", "replace")


def _rows(table: object) -> list[dict[str, object]]:
    if callable(lister := getattr(table, "to_pylist", None)):  # pyarrow
        return [dict(row) for row in lister()]
    if callable(lister := getattr(table, "to_dicts", None)):  # polars
        return [dict(row) for row in lister()]
    if callable(lister := getattr(table, "to_dict", None)) and hasattr(table, "columns"):  # pandas
        # pandas writes what is missing as NaN.
        return [
            {str(name): None if value != value else value for name, value in row.items()} for row in lister("records")
        ]
    if isinstance(table, Mapping):
        columns = {str(name): list(values) for name, values in table.items()}
        if len({len(values) for values in columns.values()}) <= 1:
            return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    elif isinstance(table, Sequence) and all(isinstance(row, Mapping) for row in table):
        return [{str(name): value for name, value in row.items()} for row in table]
    raise WrongArgument(
        f"a {type(table).__name__} is no table",
        mend="give a data frame, a pyarrow table, a list of dicts, or a dict of columns of one length",
        code="N-TRACKING-026",
    )
