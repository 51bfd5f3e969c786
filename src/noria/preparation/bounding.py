"""Values outside literal bounds: made missing, brought to the bound, or left out with their rows."""

from __future__ import annotations

import math
from datetime import datetime
from typing import TYPE_CHECKING

from noria.errors import WrongSetting

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    from noria.preparation.clean_settings import Bounds

__all__ = ["bounded"]


def bounded(table: pa.Table, name: str, bounds: Bounds) -> tuple[pa.Table, int]:
    """Hold one column within its bounds; missing stays missing.

    Parameters
    ----------
    table : pyarrow.Table
        Rows.
    name : str
        A column of numbers or timestamps that is there.
    bounds : Bounds
        Least, greatest, and what becomes of others.

    Returns
    -------
    (pyarrow.Table, int)
        The rows, and how many values lay outside: as many cells changed, or rows left out.

    Raises
    ------
    WrongSetting
        The column holds neither numbers nor timestamps, or a bound is of another kind.

    Examples
    --------
    >>> import pyarrow as pa
    >>> from noria.preparation.clean_settings import Bounds
    >>> made, count = bounded(pa.table({"age": [17, 40, None]}), "age", Bounds(min=18, do="clip"))
    >>> made["age"].to_pylist(), count
    ([18, 40, None], 1)
    """
    import pyarrow as pa  # noqa: PLC0415 - the engine looks at this module without running it
    import pyarrow.compute as pc  # noqa: PLC0415 - as above

    from noria.store.aside import filtered  # noqa: PLC0415 - as above

    column = table.column(name)
    low = _bound(bounds.min, column, name, math.ceil)
    high = _bound(bounds.max, column, name, math.floor)
    none = pa.array([False]).take(pa.array([0] * table.num_rows, pa.int64()))
    below = none if low is None else pc.fill_null(pc.less(column, low), False)
    above = none if high is None else pc.fill_null(pc.greater(column, high), False)
    outside = pc.or_(below, above)
    count = int(pc.sum(outside).as_py() or 0)
    if not count:
        return table, 0
    if bounds.do == "drop":
        return filtered(table, pc.invert(outside)), count
    if bounds.do == "clip":
        made = column if low is None else pc.if_else(below, low, column)
        made = made if high is None else pc.if_else(above, high, made)
    else:
        made = pc.if_else(outside, pa.scalar(None, column.type), column)
    return table.set_column(table.column_names.index(name), name, made), count


def _bound(
    value: float | str | None, column: pa.ChunkedArray, name: str, whole: Callable[[float], int]
) -> pa.Scalar | None:
    import pyarrow as pa  # noqa: PLC0415 - as above

    if value is None:
        return None
    kind = column.type
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if pa.types.is_integer(kind):
            return pa.scalar(whole(value), kind)  # no whole number lies between the two
        if pa.types.is_floating(kind):
            return pa.scalar(float(value), kind)
    if pa.types.is_timestamp(kind) and isinstance(value, str):
        try:
            return pa.scalar(datetime.fromisoformat(value).replace(tzinfo=None), kind)
        except ValueError:
            pass
    raise WrongSetting(
        f"[clean.bounds] {name} = {value!r} does not fit what the column holds, {kind}",
        mend="write a number for a column of numbers, an ISO date for timestamps; texts have no bounds",
        code="N-CLEAN-005",
    )
