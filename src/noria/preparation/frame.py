"""Arrow tables and records framed as the matrix that training and scoring share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from noria.errors import WrongData

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from numpy.typing import NDArray

    from noria.preparation.vocabulary import Feature

__all__ = ["feature_kind", "frame", "labels"]

_KINDS: Mapping[str, Feature] = {
    "int": "number",
    "float": "number",
    "bool": "number",
    "category": "string",
    "text": "string",
    "timestamp": "timestamp",
}


def feature_kind(column_type: str) -> Feature:
    """Say how a column of this type enters a matrix.

    Examples
    --------
    >>> feature_kind("bool")
    'number'
    """
    try:
        return _KINDS[column_type]
    except KeyError:
        raise WrongData(
            f"a feature cannot have the type {column_type!r}", why=f"known: {', '.join(_KINDS)}", code="N-PREP-010"
        ) from None


def frame(table: pa.Table, columns: Sequence[tuple[str, str]]) -> pd.DataFrame:
    """Frame the named columns: numbers as float64 with NaN, categories as strings, timestamps as datetime64.

    Parameters
    ----------
    table : pyarrow.Table
        Rows as stored.
    columns : sequence of (name, type)
        Features in order; the types are those of the schema.

    Returns
    -------
    pandas.DataFrame
        Shape (n_rows, n_columns), index 0 .. n_rows - 1. Infinite numbers become missing.

    Raises
    ------
    WrongData
        A column is not in the table, or its values cannot be read as its type.

    Examples
    --------
    >>> import pyarrow as pa
    >>> frame(pa.table({"age": [3, None], "grade": ["a", None]}), [("age", "int"), ("grade", "category")])
       age grade
    0  3.0     a
    1  NaN   NaN
    """
    import pandas as pd  # noqa: PLC0415 - heavy

    there = set(table.column_names)
    missing = [name for name, _ in columns if name not in there]
    if missing:
        raise WrongData(
            f"the table lacks the feature {missing[0]!r}",
            why=f"missing: {', '.join(missing)}\npresent: {', '.join(table.column_names)}",
            code="N-PREP-011",
        )
    made = {name: _column(table.column(name), name, feature_kind(kind)) for name, kind in columns}
    return pd.DataFrame(made, index=pd.RangeIndex(table.num_rows))


def labels(table: pa.Table, target: str, *, task: str) -> NDArray[np.object_] | NDArray[np.float64]:
    """Take the target out of a table: float64 for regression, Python values for classification.

    Raises
    ------
    WrongData
        The target is not there, has missing values, or is not numeric where it must be.
    """
    if target not in table.column_names:
        raise WrongData(f"the table lacks the target {target!r}", code="N-PREP-012")
    column = table.column(target)
    if column.null_count:
        raise WrongData(
            f"the target {target!r} is missing in {column.null_count} of {len(column)} rows",
            mend="leave those rows out before training",
            code="N-PREP-013",
        )
    if task == "regression":
        values = _numbers(column, target)
        if np.isnan(values).any():
            raise WrongData(
                f"the target {target!r} has values that are not finite numbers",
                mend="add the marker of missing values to [clean] na_values",
                code="N-PREP-013",
            )
        return values
    made = np.empty(len(column), dtype=object)
    made[:] = [_label(value) for value in column.to_pylist()]
    return made


def _label(value: object) -> object:
    if isinstance(value, (bool, int, str)):
        return value
    return int(value) if isinstance(value, float) and value.is_integer() else str(value)


def _column(column: pa.ChunkedArray, name: str, kind: Feature) -> pd.Series[float] | pd.Series[str]:
    import pandas as pd  # noqa: PLC0415 - heavy

    if kind == "number":
        return pd.Series(_numbers(column, name))
    if kind == "timestamp":
        return pd.Series(_stamps(column, name))
    return pd.Series(_strings(column).to_pandas(), dtype="str")


def _numbers(column: pa.ChunkedArray, name: str) -> NDArray[np.float64]:
    import pyarrow as pa  # noqa: PLC0415 - heavy
    import pyarrow.compute as pc  # noqa: PLC0415 - heavy

    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    elif pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    try:
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            column = pc.utf8_trim_whitespace(column)
        values = np.array(column.cast(pa.float64(), safe=False).to_numpy(), dtype=float)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise WrongData(
            f"column {name!r} cannot be read as numbers",
            why=str(error).splitlines()[0],
            mend=f'say what it is under [data.columns]: {name} = {{ type = "category" }}',
            code="N-PREP-014",
        ) from None
    values[~np.isfinite(values)] = np.nan
    return values


def _stamps(column: pa.ChunkedArray, name: str) -> NDArray[np.datetime64]:
    import pyarrow as pa  # noqa: PLC0415 - heavy

    try:
        plain = column.cast(pa.timestamp("us", tz=getattr(column.type, "tz", None))).cast(pa.timestamp("us"))
        return np.asarray(plain.to_numpy(), dtype="datetime64[us]")
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise WrongData(
            f"column {name!r} cannot be read as timestamps", why=str(error).splitlines()[0], code="N-PREP-014"
        ) from None


def _strings(column: pa.ChunkedArray) -> pa.ChunkedArray:
    import pyarrow as pa  # noqa: PLC0415 - heavy

    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    return column if pa.types.is_string(column.type) else column.cast(pa.string())
