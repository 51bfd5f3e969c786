"""What a run read, described: a version of a dataset, or a table in memory by its columns and content."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from noria.errors import WrongArgument
from noria.runs.operations import Dataset
from noria.tracking.wording import plain_text

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["described"]


def described(data: object, name: str | None, context: str | None) -> Dataset:
    """Describe data for a run: name, digest of the content, columns, rows.

    Parameters
    ----------
    data
        A dataset version of noria, a pandas or polars data frame, a pyarrow table, a NumPy array.
    name : str, optional
        What to call it; a dataset version has its own.
    context : str, optional
        Its role: ``training``, ``eval`` …

    Raises
    ------
    WrongArgument
        It is nothing of these.
    """
    version: Any = getattr(data, "record", data)  # as a notebook shows it
    if type(version).__module__ == "noria.datasets.version":
        known = version.to_json()
        return Dataset(
            known["name"],
            known["digest"],
            "noria",
            known["ref"],
            _json(known["schema"]),
            _json({"rows": known["rows"], "columns": known["columns"]}),
            context,
        )
    kind = f"{type(data).__module__.partition('.')[0]}.{type(data).__name__}"
    read = {"pandas.DataFrame": _pandas, "polars.DataFrame": _polars, "pyarrow.Table": _arrow, "numpy.ndarray": _numpy}
    if kind not in read:
        raise WrongArgument(
            f"a {kind} is no data that a run can name as its input",
            mend="give a dataset version, a data frame, a pyarrow table or a NumPy array",
            code="N-TRACKING-022",
        )
    digest, rows, columns = read[kind](data)
    schema = [{"name": plain_text(column), "type": plain_text(dtype)} for column, dtype in columns]
    profile = _json({"rows": rows, "columns": len(schema)})
    return Dataset(plain_text(name or "data")[:500], digest, "memory", kind, _json(schema), profile, context)


def _pandas(data: object) -> tuple[str, int, list[tuple[object, object]]]:
    import pandas as pd  # noqa: PLC0415 - it is loaded: the data are of it

    frame = pd.DataFrame(data)  # type: ignore[call-overload] # a data frame, by its kind
    columns = list(zip(frame.columns, frame.dtypes, strict=True))
    try:
        content = pd.util.hash_pandas_object(frame).to_numpy().tobytes()
    except TypeError:  # cells that cannot be hashed, such as lists
        content = frame.to_csv().encode("utf-8", "replace")
    return _digest([_json([[str(name), str(dtype)] for name, dtype in columns]).encode(), content]), len(frame), columns


def _polars(data: object) -> tuple[str, int, list[tuple[object, object]]]:
    return _arrow(data.to_arrow())  # type: ignore[attr-defined] # a data frame of polars, by its kind


def _arrow(data: object) -> tuple[str, int, list[tuple[object, object]]]:
    import pyarrow as pa  # noqa: PLC0415 - it is loaded: the data are of it

    table: pa.Table = data
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table.combine_chunks())
    columns: list[tuple[object, object]] = [(field.name, field.type) for field in table.schema]
    return _digest([sink.getvalue()]), table.num_rows, columns


def _numpy(data: object) -> tuple[str, int, list[tuple[object, object]]]:
    import numpy as np  # noqa: PLC0415 - it is loaded: the data are of it

    array = np.ascontiguousarray(data)
    if array.dtype.hasobject:
        raise WrongArgument(
            "an array of Python objects has no content that can be named",
            mend="give it a dtype of its own, or log a data frame",
            code="N-TRACKING-023",
        )
    head = f"{array.dtype} {array.shape}".encode()
    return _digest([head, array.tobytes()]), int(array.shape[0]) if array.ndim else 1, [("array", head.decode())]


def _digest(parts: Iterable[bytes]) -> str:
    from blake3 import blake3  # noqa: PLC0415 - only where data are named

    hasher = blake3()
    for part in parts:
        hasher.update(part)
    return str(hasher.hexdigest())[:36]  # as long as MLflow clients take


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
