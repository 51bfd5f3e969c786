"""Taking the rows of one person out of the log, and the labels that belong to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from noria.predictions.entry import CARRIED, FEATURE
from noria.predictions.segment import CLOSED, GROWING, is_growing, read_segment
from noria.predictions.tables import prediction_labels
from noria.store.files import replacing, sync_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import pyarrow as pa

    from noria.predictions.log import PredictionLog
    from noria.store.database import Database

__all__ = ["Erased", "erase", "forget_labels"]

_CHUNK = 500


@dataclass(frozen=True)
class Erased:
    """What was taken out.

    Attributes
    ----------
    predictions, labels : int
        Rows of the log, and what turned out true of them.
    growing : int
        Rows in segments that a server is writing now: they stay until it has ended them.
    """

    predictions: int
    labels: int
    growing: int


def erase(
    log: PredictionLog,
    database: Database,
    model: str,
    column: str,
    is_meant: Callable[[pa.ChunkedArray], pa.ChunkedArray],
    *,
    dry: bool = False,
) -> Erased:
    """Take out the predictions of a model that are about one person.

    Each segment is written anew beside the old one and takes its name: a kill leaves the one or the other.

    Parameters
    ----------
    column : str
        In which the person is named, as the data call it; found among the features and what came along.
    is_meant : callable
        Says of each value of that column whether it is the person.
    dry : bool
        Count, and change nothing.
    """
    if not dry:
        log.compact(model)
    predictions = labels = growing = 0
    for path in sorted((log.folder / model).glob("*/*")):
        if path.name.startswith(".") or path.suffix not in (CLOSED, *GROWING):
            continue
        table = read_segment(path)
        found = None if table is None else _rows(table, column, is_meant)
        if table is None or found is None:
            continue
        if path.suffix != CLOSED and is_growing(path):
            growing += found.num_rows
            continue
        predictions += found.num_rows
        # First: only the segment still knows which labels these are.
        labels += forget_labels(database, model, found["prediction_id"].to_pylist(), dry=dry)
        if not dry:
            _write(path, table, column, is_meant)
    return Erased(predictions, labels, growing)


def _rows(table: pa.Table, column: str, is_meant: Callable[[pa.ChunkedArray], pa.ChunkedArray]) -> pa.Table | None:
    import pyarrow.compute as pc  # noqa: PLC0415 - heavy

    marks = _marks(table, column, is_meant)
    if marks is None or not pc.any(marks).as_py():
        return None
    return table.filter(marks)


def _write(path: Path, table: pa.Table, column: str, is_meant: Callable[[pa.ChunkedArray], pa.ChunkedArray]) -> None:
    import pyarrow.compute as pc  # noqa: PLC0415 - heavy
    import pyarrow.parquet as pq  # noqa: PLC0415 - heavy

    kept = table.filter(pc.invert(_marks(table, column, is_meant)))
    if not kept.num_rows:
        path.unlink()
        sync_folder(path.parent)
        return
    with replacing(path) as whole:
        pq.write_table(kept, whole, compression="zstd")


def _marks(
    table: pa.Table, column: str, is_meant: Callable[[pa.ChunkedArray], pa.ChunkedArray]
) -> pa.ChunkedArray | None:
    import pyarrow.compute as pc  # noqa: PLC0415 - heavy

    marks = None
    for name in (CARRIED + column, FEATURE + column):
        if name in table.column_names:
            some = is_meant(table[name])
            marks = some if marks is None else pc.or_(marks, some)
    return marks


def forget_labels(database: Database, model: str, ids: Sequence[str], *, dry: bool = False) -> int:
    """Delete the labels of some predictions; say how many there were."""
    count = 0
    mine = prediction_labels.c.model == model
    with database.transaction() as connection:
        for start in range(0, len(ids), _CHUNK):
            some = sa.and_(mine, prediction_labels.c.prediction_id.in_(ids[start : start + _CHUNK]))
            count += connection.execute(sa.select(sa.func.count()).where(some)).scalar() or 0
            if not dry:
                connection.execute(sa.delete(prediction_labels).where(some))
    return count
