"""Checked columns as the table that a library's model is asked with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, cast

from noria.scoring.coded import Coded

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from noria.scoring.signature import Signature

__all__ = ["as_frame"]


def as_frame(columns: Mapping[str, Sequence[object]], signature: Signature) -> pd.DataFrame:
    """Frame values that the signature let through, as training framed its own.

    Parameters
    ----------
    columns : mapping of str to sequence
        Values by column, None where missing: lists, arrays of numbers and moments, or `Coded`.
    signature : Signature
        Names and types of the features.
    """
    import pyarrow as pa  # noqa: PLC0415 - loaded with the first model that is not compiled

    from noria.preparation.frame import frame  # noqa: PLC0415 - as above

    types = {
        "float": pa.float64(),
        "int": pa.float64(),
        "bool": pa.bool_(),
        "category": pa.string(),
        "text": pa.string(),
        "timestamp": pa.timestamp("us"),
    }
    names = [name for name, _ in signature.features]
    arrays = [_array(columns[name], types[kind]) for name, kind in signature.features]
    return frame(pa.Table.from_arrays(arrays, names=names), signature.features)


def _array(values: Sequence[object], kind: pa.DataType) -> pa.Array:
    import pyarrow as pa  # noqa: PLC0415 - loaded with the first model that is not compiled

    if isinstance(values, Coded):
        return pa.DictionaryArray.from_arrays(pa.array(values.codes), pa.array(values.values, kind)).cast(kind)
    if isinstance(values, list) and kind == pa.float64():  # Arrow takes no integer beyond 2^53 for a number
        values = [None if value is None else float(cast("float", value)) for value in values]
    return pa.array(values, type=kind, from_pandas=not isinstance(values, list))
