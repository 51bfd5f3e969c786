"""Answers written block by block: to Parquet, CSV, and the parts of a work that may be broken off."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq

from noria.errors import WrongArgument
from noria.store.files import ensure_folder, replacing, write_atomic

if TYPE_CHECKING:
    from pathlib import Path

    from noria.scoring.bulk import Ask
    from noria.scoring.signature import Checked

__all__ = ["Parts", "writing"]


@contextmanager
def writing(path: Path) -> Iterator[Callable[[pa.Table], None]]:
    r"""Write tables one after another; the file gets its name only when all are there, and is not made for none.

    Parameters
    ----------
    path : Path
        Ends in ``.parquet`` or ``.csv``. All tables have the schema of the first.

    Raises
    ------
    WrongArgument
        It ends otherwise.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "out.csv")
    ...     with writing(path) as write:
    ...         write(pa.table({"row": [0, 1]}))
    ...     path.read_text()
    '"row"\n0\n1\n'
    """
    if path.suffix not in (".csv", ".parquet"):
        raise WrongArgument(f"cannot write {path.name}", mend="end it in .csv or .parquet", code="N-SCORING-010")
    writer: pq.ParquetWriter | arrow_csv.CSVWriter | None = None
    with ExitStack() as opened:

        def write(table: pa.Table) -> None:
            nonlocal writer
            if writer is None:  # no rows, no file
                file = opened.enter_context(replacing(path))
                if path.suffix == ".parquet":
                    texts = [one.name for one in table.schema if pa.types.is_string(one.type)]
                    # Hardly a probability is there twice: to look for it costs as much as to write it.
                    writer = pq.ParquetWriter(file, table.schema, compression="zstd", use_dictionary=texts)
                else:
                    writer = arrow_csv.CSVWriter(file, table.schema)
                # Before the file itself, also where the work broke off: a writer closes itself at the latest.
                opened.callback(writer.close)
            writer.write_table(table)

        yield write


class Parts:
    """Answers kept as they come, so that the same work begun again asks only about what has no answer yet.

    Parameters
    ----------
    folder : Path
        Its name must change with the input, the endpoint and the version.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.found = 0

    def keeping(self, ask: Ask) -> Ask:
        """Give what asks only about rows whose answers are not kept."""

        def kept(checked: Checked, along: pa.Table, first: int) -> pa.Table:
            path = self.folder / f"{first:012}-{checked.rows}.parquet"
            if path.exists():
                self.found += checked.rows
                return pq.read_table(path)
            answers = ask(checked, along, first)
            ensure_folder(self.folder)
            buffer = io.BytesIO()
            pq.write_table(answers, buffer, compression="zstd")
            write_atomic(path, buffer.getvalue())
            return answers

        return kept

    def remove(self) -> None:
        """Remove what is kept."""
        shutil.rmtree(self.folder, ignore_errors=True)
