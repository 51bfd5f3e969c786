"""Predictions beside what turned out true of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from noria.predictions.entry import CARRIED, FEATURE, PROBABILITY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

__all__ = ["collected", "join", "unknown"]


def join(log: pa.Table, labels: pa.Table) -> pa.Table:
    """Put the labels beside the predictions.

    Parameters
    ----------
    log : pyarrow.Table
        As `PredictionLog.read` gives it.
    labels : pyarrow.Table
        As `Labels.latest` gives it.

    Returns
    -------
    pyarrow.Table
        The log with ``label`` (of the type of ``prediction``) and ``label_ts``, null where nothing is known yet. Text
        that differs from a class in case only, as ``true`` from ``True``, is that class.
    """
    import pyarrow as pa  # noqa: PLC0415 - heavy
    import pyarrow.compute as pc  # noqa: PLC0415 - heavy

    places = pc.index_in(log["prediction_id"], value_set=labels["prediction_id"].combine_chunks())
    wanted = log.schema.field("prediction").type
    classes = [name.removeprefix(PROBABILITY) for name in log.column_names if name.startswith(PROBABILITY)]
    known = _as(labels["label"], wanted, classes)
    joined = log.append_column("label", pc.take(known, places))
    return joined.append_column(pa.field("label_ts", labels["label_ts"].type), pc.take(labels["label_ts"], places))


def unknown(log: pa.Table, ids: pa.Array | pa.ChunkedArray) -> int:
    """Count the ids, of labels, of predictions that the log does not hold."""
    import pyarrow.compute as pc  # noqa: PLC0415 - heavy

    found = pc.is_in(ids, value_set=log["prediction_id"].combine_chunks())
    return len(ids) - int(pc.sum(found).as_py() or 0)


def collected(joined: pa.Table, *, target: str, rename: Mapping[str, str] | None = None) -> pa.Table:
    """Give the labelled rows as new training data: features and keys under their own names, the label as target.

    Parameters
    ----------
    joined : pyarrow.Table
        As `join` gives it.
    target : str
        Name of the target column.
    rename : mapping, optional
        Further columns to keep and their new names, such as ``{"ts": "answered_at"}``.
    """
    labelled = joined.filter(joined["label"].is_valid())
    made = {}
    for name in labelled.column_names:
        for prefix in (FEATURE, CARRIED):
            if name.startswith(prefix):
                made[name.removeprefix(prefix)] = labelled[name]
    for old, new in (rename or {}).items():
        made[new] = labelled[old]
    made[target] = labelled["label"]
    import pyarrow as pa  # noqa: PLC0415 - heavy

    return pa.table(made)


def _as(values: pa.ChunkedArray, wanted: pa.DataType, classes: Sequence[str]) -> pa.ChunkedArray:
    """Cast labels to the predictions' type; what cannot be is unknown."""
    import pyarrow as pa  # noqa: PLC0415 - heavy

    if pa.types.is_string(wanted):
        from noria.scoring.answers import label_text  # noqa: PLC0415 - beside its only use

        # Exact names last: where two classes differ in case only, each text finds its own.
        spelt = {name.lower(): name for name in classes} | {name: name for name in classes}
        texts = [None if value is None else label_text(value) for value in values.to_pylist()]
        made = [text if text is None else spelt.get(text, spelt.get(text.lower(), text)) for text in texts]
        return pa.chunked_array([pa.array(made, pa.string())])
    if values.type == wanted:
        return values
    return pa.chunked_array([pa.array([_float(value) for value in values.to_pylist()], wanted)])


def _float(value: object) -> float | None:
    try:
        return float(str(value))
    except ValueError:
        return None
