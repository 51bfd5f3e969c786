"""Rows written for other programs."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

from noria.errors import WrongArgument

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["encode"]


def encode(table: pa.Table, ending: str) -> bytes:
    r"""Write a table as CSV, Parquet or JSON lines; noria's own columns are left out.

    Raises
    ------
    WrongArgument
        The ending is none of .csv, .parquet, .jsonl.

    Examples
    --------
    >>> import pyarrow as pa
    >>> encode(pa.table({"a": [1, None], "_noria_collected": [True, False]}), ".jsonl")
    b'{"a": 1}\n{"a": null}\n'
    """
    plain = table.select([name for name in table.column_names if not name.startswith("_noria_")])
    if ending == ".csv":
        import pyarrow.csv as arrow_csv  # noqa: PLC0415 - the writer in use only

        sink = io.BytesIO()
        arrow_csv.write_csv(plain, sink, arrow_csv.WriteOptions(quoting_style="needed"))
        return sink.getvalue()
    if ending == ".parquet":
        from noria.datasets.parquet import to_bytes  # noqa: PLC0415 - as above

        return to_bytes(plain)
    if ending == ".jsonl":
        return "".join(json.dumps(row, ensure_ascii=False, default=str) + "\n" for row in plain.to_pylist()).encode()
    raise WrongArgument(
        f"cannot write a table as {ending or 'a file without ending'}",
        mend="end the file's name in .csv, .parquet or .jsonl",
        code="N-DATA-031",
    )
