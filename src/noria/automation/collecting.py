"""Rows that came back from production, as a dataset to train on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from noria.datasets.marks import RECENT
from noria.predictions.matured import collected

if TYPE_CHECKING:
    from datetime import datetime

    import pyarrow as pa

    from noria.datasets.catalog import Datasets
    from noria.datasets.version import DatasetVersion

__all__ = ["SUFFIX", "answered_by", "collect", "labelled_since"]

SUFFIX = "-collected"
_RESERVED = "_noria_"


def labelled_since(joined: pa.Table, since: datetime) -> int:
    """Count the labelled rows that were answered at `since` or later, each once: a shadow's are the same ones."""
    import pyarrow as pa  # noqa: PLC0415 - heavy
    import pyarrow.compute as pc  # noqa: PLC0415 - heavy

    late = pc.greater_equal(joined["ts"], pa.scalar(since, pa.timestamp("us", tz="UTC")))
    heard = pc.not_equal(joined["arm"], "shadow")
    return int(pc.sum(pc.and_(heard, pc.and_(late, pc.is_valid(joined["label"])))).as_py() or 0)


def answered_by(joined: pa.Table, version: int, *, since: datetime) -> pa.Table:
    """Give the labelled rows that a version answered at `since` or later."""
    import pyarrow as pa  # noqa: PLC0415 - heavy
    import pyarrow.compute as pc  # noqa: PLC0415 - heavy

    late = pc.greater_equal(joined["ts"], pa.scalar(since, pa.timestamp("us", tz="UTC")))
    its = pc.and_(pc.equal(joined["version"], version), pc.is_valid(joined["label"]))
    return joined.filter(pc.and_(late, its))


def collect(
    joined: pa.Table,
    datasets: Datasets,
    name: str,
    *,
    target: str,
    time: str | None = None,
    since: datetime | None = None,
    now: datetime,
) -> DatasetVersion:
    """Commit all labelled rows as a version of ``NAME-collected``.

    Parameters
    ----------
    joined : Table
        The prediction log joined with its labels. Shadow answers are left out: the same customers are there already.
    datasets : Datasets
        Where the source's newest version tells the columns and types, and where the new version goes.
    name : str
        Of the dataset that the model was trained on.
    target : str
        Column the labels become.
    time : str, optional
        Column that gets the time of the answer where the request did not bring it.
    since : datetime, optional
        Beginning of the new time: the rows answered since are marked as those that show it.
    now : datetime
        For the note.

    Returns
    -------
    DatasetVersion
        The same rows give the same version.
    """
    import pyarrow as pa  # noqa: PLC0415 - heavy
    import pyarrow.compute as pc  # noqa: PLC0415 - heavy

    live = joined.filter(pc.not_equal(joined["arm"], "shadow"))
    present = {column.partition(".")[2] for column in live.column_names if column[:2] in ("x.", "k.")}
    rename = {"ts": time} if time and time not in present else {}
    rows = collected(live, target=target, rename=rename)
    schema = datasets.read(datasets.get(name, "latest")).schema
    table = _aligned(rows, schema)
    if since is not None:
        answered = live.filter(live["label"].is_valid())["ts"]
        table = table.append_column(RECENT, pc.greater_equal(answered, pa.scalar(since, answered.type)))
    return datasets.commit(
        name + SUFFIX,
        table,
        source="predictions",
        token=f"{rows.num_rows} labelled rows",
        run_id="",
        note=f"labelled predictions up to {now.isoformat(timespec='seconds')}",
    )


def _aligned(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    """Give the rows the source's columns and types; what production does not know is missing."""
    import pyarrow as pa  # noqa: PLC0415 - heavy

    columns = {}
    for field in schema:
        if field.name.startswith(_RESERVED):
            continue
        if field.name in rows.column_names:
            columns[field.name] = _cast(rows[field.name], field.type)
        else:
            columns[field.name] = pa.nulls(rows.num_rows, field.type)
    return pa.table(columns)


def _cast(values: pa.ChunkedArray, wanted: pa.DataType) -> pa.ChunkedArray:
    import pyarrow as pa  # noqa: PLC0415 - heavy

    if pa.types.is_boolean(wanted) and pa.types.is_string(values.type):
        # Classes are logged as text: True, true and 1 are the same one.
        said = {"true": True, "1": True, "false": False, "0": False}
        return pa.chunked_array([pa.array([said.get(str(v).lower()) for v in values.to_pylist()], wanted)])
    if pa.types.is_dictionary(wanted):
        return values.cast(wanted.value_type, safe=False).dictionary_encode()
    try:
        return values.cast(wanted)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        # One value that does not fit must not cost the others.
        return pa.chunked_array([pa.array([_one(value, wanted) for value in values.to_pylist()], wanted)])


def _one(value: object, wanted: pa.DataType) -> object:
    import pyarrow as pa  # noqa: PLC0415 - heavy

    try:
        return pa.scalar(value).cast(wanted, safe=False).as_py()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None
