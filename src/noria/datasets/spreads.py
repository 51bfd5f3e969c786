"""How the columns of two tables are spread, counted in the same bins."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from noria.datasets.diff import schema_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

__all__ = ["Spread", "spreads"]

_BINS = 30
_VALUES = 12
_FEW = 20
_SAMPLE = 200_000
_US = 1_000_000


@dataclass(frozen=True)
class Spread:
    """One column in both tables.

    Parameters
    ----------
    name : str
        Column.
    edges : tuple of float
        Of bins of numbers or times (seconds since 1970); empty for categories.
    labels : tuple of str
        Of categories, the most frequent first, then all others.
    before, after : tuple of int
        Rows in each bin.
    missing : tuple of (int, int)
        Rows without a value.
    distance : float
        Total variation: the share of rows that would have to move, 0 to 1.
    times : bool
        Whether the edges are times.
    """

    name: str
    edges: tuple[float, ...]
    labels: tuple[str, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]
    missing: tuple[int, int]
    distance: float
    times: bool = False


def spreads(a: pa.Table | Path, b: pa.Table | Path, *, leave_out: Collection[str] = ()) -> tuple[Spread, ...]:
    """Count the columns that both tables have with one type, the one that moved most first.

    Parameters
    ----------
    a, b : pyarrow.Table or Path
        The older and the newer rows; or Parquet files of them, of which one column at a time is loaded.
    leave_out : collection of str
        Columns that must not be shown.

    Examples
    --------
    >>> made = spreads(pa.table({"g": ["x", "x", "y"]}), pa.table({"g": ["x", "y", "y", None]}))[0]
    >>> made.labels, made.before, made.after, made.missing
    (('x', 'y'), (2, 1), (1, 2), (0, 1))
    """
    found = []
    before, after = schema_of(a), schema_of(b)
    kept = set(after.names)
    for name in before.names:
        if name in leave_out or name.startswith("_noria_") or name not in kept:
            continue
        kinds = before.field(name).type, after.field(name).type
        if kinds[0] != kinds[1] and not all(map(_is_number, kinds)):
            continue
        old, new = _column(a, name), _column(b, name)
        if len(old) - old.null_count and len(new) - new.null_count:
            found.append(_spread(name, old, new))
    return tuple(sorted(found, key=lambda each: -each.distance))


def _spread(name: str, old: pa.ChunkedArray, new: pa.ChunkedArray) -> Spread:
    kind = old.type
    times = pa.types.is_timestamp(kind)
    number = times or _is_number(kind)
    gaps = (old.null_count, new.null_count)
    if number and (_has_many(old) or _has_many(new)):
        first, second = _numbers(old, times), _numbers(new, times)
        if len(first) and len(second):
            edges = _edges(np.concatenate([first, second]))
            counts = [_counts(side, edges) for side in (first, second)]
            return Spread(
                name, tuple(map(float, edges)), (), tuple(map(int, counts[0])), tuple(map(int, counts[1])), gaps,
                _distance(counts[0], counts[1], gaps), times,
            )  # fmt: skip
    sides = []
    for side in (old, new):
        values = pc.value_counts(side.drop_null())
        sides.append(dict(zip(values.field("values").to_pylist(), values.field("counts").to_pylist(), strict=True)))
    together = {value: sides[0].get(value, 0) + sides[1].get(value, 0) for value in {**sides[0], **sides[1]}}
    top = sorted(together, key=lambda value: (-together[value], str(value)))[:_VALUES]
    labels = [str(value)[:40] for value in top]
    rows = [[side.get(value, 0) for value in top] for side in sides]
    if len(together) > len(top):
        labels.append(f"{len(together) - len(top):,} others")
        rows = [[*kept, sum(side.values()) - sum(kept)] for side, kept in zip(sides, rows, strict=True)]
    # Of all values, not of those shown: among the others all may have changed.
    whole = [np.array([side.get(value, 0) for value in together], dtype=np.int64) for side in sides]
    return Spread(name, (), tuple(labels), tuple(rows[0]), tuple(rows[1]), gaps, _distance(whole[0], whole[1], gaps))


def _column(source: pa.Table | Path, name: str) -> pa.ChunkedArray:
    if not isinstance(source, Path):
        return source.column(name)
    import pyarrow.parquet as pq  # noqa: PLC0415 - only where a file is read

    return pq.read_table(source, columns=[name], use_threads=False).column(0)


def _has_many(column: pa.ChunkedArray) -> bool:
    """Say whether a column has more values than are told apart; the first rows mostly know."""
    return any(pc.count_distinct(part).as_py() > _FEW for part in (column.slice(0, 1000), column))


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _numbers(column: pa.ChunkedArray, times: bool) -> NDArray[np.float64]:
    present = column.drop_null()
    values = np.asarray(present.cast(pa.int64() if times else pa.float64(), safe=False).to_numpy(), dtype=np.float64)
    values = values[np.isfinite(values)]
    return values / _US if times else values


def _edges(values: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(all="ignore"):
        # Where the axis is cut needs no more than some rows from all over: the far-off are counted all the same.
        few = values[:: max(1, len(values) // _SAMPLE)]
        low, high, (p1, p99) = values.min(), values.max(), np.quantile(few, (0.01, 0.99))
        span = p99 - p1
        if not np.isfinite(high - low):  # the greatest numbers are further apart than a number can be
            return np.linspace(values.min() / 4, values.max() / 4, _BINS + 1) * 4
    if 0 < span < np.inf:  # far-off values are counted in the end bins, so that the rest can be seen
        low, high = max(low, p1 - span / 2), min(high, p99 + span / 2)
    return np.linspace(low, high, _BINS + 1) if high > low else np.array([low - 0.5, low + 0.5])


def _counts(values: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.int64]:
    within = np.clip(values, edges[0], edges[-1])
    with np.errstate(over="ignore"):
        spanned = np.isfinite(edges[-1] - edges[0])
    # Bins of one width are found by arithmetic, a fifth of the work of looking each value up among the edges.
    return np.histogram(within, len(edges) - 1, (edges[0], edges[-1]))[0] if spanned else np.histogram(within, edges)[0]


def _distance(before: NDArray[np.int64], after: NDArray[np.int64], gaps: tuple[int, int]) -> float:
    first, second = np.append(before, gaps[0]), np.append(after, gaps[1])
    return float(np.abs(first / max(first.sum(), 1) - second / max(second.sum(), 1)).sum() / 2)
