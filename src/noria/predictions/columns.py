"""Rows of the log as Arrow has them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import chain, repeat
from typing import TYPE_CHECKING, cast

from noria.predictions.entry import COMMON

if TYPE_CHECKING:
    from collections.abc import Collection

    import pyarrow as pa

    from noria.predictions.entry import Layout

__all__ = ["Request", "batch", "empty_schema", "rows", "schema"]

Request = Sequence[object]
"""What `noria.predictions.entry.encode` wrote."""

_SAME = 6  # so many fields of a request hold for all of its rows


def empty_schema() -> pa.Schema:
    """Give the columns every log has, whatever the model."""
    return schema(COMMON)


def schema(layout: Layout) -> pa.Schema:
    """Give a layout in Arrow's types."""
    import pyarrow as pa  # noqa: PLC0415 - heavy

    types = {
        "text": pa.string(),
        "texts": pa.list_(pa.string()),
        "int": pa.int64(),
        "float": pa.float64(),
        "bool": pa.bool_(),
        "utc": pa.timestamp("us", tz="UTC"),
        "time": pa.timestamp("us"),
    }
    return pa.schema([(name, types[kind]) for name, kind in layout])


def batch(layout: Layout, requests: Sequence[Request], wanted: Collection[str] | None = None) -> pa.RecordBatch:
    """Put the rows of requests of one layout below each other.

    Parameters
    ----------
    layout : Layout
        Their columns.
    requests : sequence
        As `noria.predictions.entry.encode` wrote them.
    wanted : collection of str, optional
        Only these columns.
    """
    import pyarrow as pa  # noqa: PLC0415 - heavy

    whole = schema(layout)
    taken = [
        (whole.field(name), _times(values) if kind == "time" else values)
        for (name, kind), values in zip(layout, _columns(layout, requests), strict=True)
        if wanted is None or name in wanted
    ]
    return pa.RecordBatch.from_arrays(
        [pa.array(values, type=field.type) for field, values in taken], schema=pa.schema([field for field, _ in taken])
    )


def rows(layout: Layout, requests: Sequence[Request]) -> Iterator[dict[str, object]]:
    """Give the rows of requests of one layout one by one, without Arrow; times are texts."""
    names = [name for name, _ in layout]
    for values in zip(*_columns(layout, requests), strict=True):
        yield dict(zip(names, values, strict=True))


def _columns(layout: Layout, requests: Sequence[Request]) -> Sequence[list[object]]:
    if not requests:
        return [[] for _ in layout]
    fields = list(zip(*requests, strict=True))
    counts = cast("Sequence[int]", fields[0])
    ts, model, version, arm, latency_ms = (
        [*chain.from_iterable(map(repeat, values, counts))] for values in fields[1:_SAME]
    )
    listed = cast("Sequence[Sequence[list[object]]]", fields[_SAME:])
    ids, said, scores, flags, shares, *held = ([*chain.from_iterable(values)] for values in listed)
    by_class = cast("list[list[object]]", [*map(list, zip(*cast("list[list[object]]", shares), strict=True))])
    return [ids, ts, model, version, arm, latency_ms, said, scores, flags, *by_class, *held]


def _times(values: Sequence[object]) -> list[datetime | None]:
    # MessagePack has moments, but no times without a zone: these are texts there.
    return [None if value is None else datetime.fromisoformat(cast("str", value)) for value in values]
