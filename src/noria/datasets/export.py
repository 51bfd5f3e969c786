"""Rows written for other programs."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

from blake3 import blake3

from noria.errors import WrongArgument
from noria.store.digest import Digest
from noria.store.files import replacing

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

    import pyarrow as pa
    from typing_extensions import Buffer

__all__ = ["digest", "export", "write"]

_ROWS = 10_000


def export(table: pa.Table, path: Path) -> None:
    r"""Write a table to a file whose name tells the format, whole or not at all; noria's own columns are left out.

    Raises
    ------
    WrongArgument
        The ending is none of .csv, .parquet, .jsonl.
    StoreUnavailable
        The folder cannot be written, or the disk is full. The old file, if any, is untouched.

    Examples
    --------
    >>> import tempfile, pyarrow as pa
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "a.jsonl"
    ...     export(pa.table({"a": [1, None], "_noria_collected": [True, False]}), path)
    ...     path.read_text()
    '{"a": 1}\n{"a": null}\n'
    """
    _refuse(path.suffix.lower())
    with replacing(path) as file:
        write(table, file, path.suffix.lower())


def digest(table: pa.Table, ending: str) -> Digest:
    """Name the bytes that `export` would write, without writing them."""
    hashing = _Hashing()
    write(table, hashing, ending)
    return Digest(hashing.hasher.hexdigest())


def write(table: pa.Table, file: BinaryIO, ending: str) -> None:
    """Write a table to an open file, some rows at a time.

    Raises
    ------
    WrongArgument
        The ending is none of .csv, .parquet, .jsonl.
    """
    _refuse(ending)
    plain = table.select([name for name in table.column_names if not name.startswith("_noria_")])
    if ending == ".csv":
        import pyarrow.csv as arrow_csv  # noqa: PLC0415 - the writer in use only

        arrow_csv.write_csv(plain, file, arrow_csv.WriteOptions(quoting_style="needed"))
    elif ending == ".parquet":
        from noria.datasets.parquet import OPTIONS  # noqa: PLC0415 - as above
        from noria.store.parquet import write_rows  # noqa: PLC0415 - as above

        write_rows(plain.replace_schema_metadata(None), file, **OPTIONS)
    else:
        for start in range(0, plain.num_rows, _ROWS):
            for row in plain.slice(start, _ROWS).to_pylist():
                file.write(json.dumps(row, ensure_ascii=False, default=str).encode() + b"\n")


class _Hashing(io.BytesIO):
    """A file that only takes note of what is written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.hasher = blake3()

    def write(self, data: Buffer) -> int:
        """Take a piece."""
        self.hasher.update(data)
        return memoryview(data).nbytes


def _refuse(ending: str) -> None:
    if ending not in (".csv", ".parquet", ".jsonl"):
        raise WrongArgument(
            f"cannot write a table as {ending or 'a file without ending'}",
            mend="end the file's name in .csv, .parquet or .jsonl",
            code="N-DATA-031",
        )
