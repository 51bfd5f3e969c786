"""Whether the columns of a table are spread as in another version of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from noria.checks.findings import Finding
from noria.errors import WrongSetting, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from noria.checks.settings import DriftSettings, Severity
    from noria.datasets.schema import Schema

__all__ = ["Moved", "compare", "look_for_drift"]

_BINS = 10
_CATEGORIES = 20
_FEW = 20
_NAMED = 3


@dataclass(frozen=True)
class Moved:
    """How far one column has moved.

    Parameters
    ----------
    psi : float
        Population stability index over ten bins of equal reference shares, or the twenty most frequent values and the
        rest; missing is one more bin.
    p : float
        Chance of at least this much by sampling alone, if both were drawn from one source.
    detail : str
        Where the rows went.
    """

    psi: float
    p: float
    detail: str


def look_for_drift(
    now: pa.Table,
    before: pa.Table,
    settings: DriftSettings,
    *,
    schema: Schema,
    name: str,
    severity: Severity,
    leave_out: Sequence[str] = (),
) -> Iterator[Finding]:
    """Tell which columns have moved: by as much as was said, and by more than chance explains.

    Parameters
    ----------
    now, before : pyarrow.Table
        The rows and those of the other version, columns by the schema's types.
    settings : DriftSettings
        Bounds and columns.
    schema : Schema
        What the columns are.
    name : str
        The other version, as ``credit@3``.
    severity : str
        What a moved column does.
    leave_out : sequence of str
        Key and time, which move by nature.

    Notes
    -----
    Holm's rule over all columns holds the chance of a false alarm in the whole table to ``level``, whatever their
    dependence. The index alone would cry at few rows: without any change its mean is (bins - 1)(1/n + 1/m).

    References
    ----------
    Holm, S. (1979). A simple sequentially rejective multiple test procedure. Scandinavian Journal of Statistics 6.
    Yurdakul, B. (2018). Statistical properties of population stability index. Western Michigan University.
    """
    wanted = settings.columns or tuple(each for each in schema.names if each not in leave_out)
    unknown = [each for each in wanted if each not in schema.names]
    if unknown:
        raise WrongSetting(
            f"[data.checks] drift names the column {unknown[0]!r}, which the data does not have",
            mend=did_you_mean(unknown[0], schema.names) or "correct [data.checks] drift.columns",
            code="N-CHECKS-016",
        )
    moved: dict[str, Moved] = {}
    for column in wanted:
        if column not in before.column_names:
            yield Finding(
                "drift", column, severity, now.num_rows, f"{column} is not in {name}: it cannot be compared",
                f"if it is new: [data.checks] drift.columns without {column}",
            )  # fmt: skip
            continue
        if now.schema.field(column).type != before.schema.field(column).type:
            yield Finding(
                "drift", column, severity, now.num_rows,
                f"{column} is of another type than in {name}: "
                f"{before.schema.field(column).type} there, {now.schema.field(column).type} here",
                f"say what it is: [data.columns] {column} = {{ type = … }}",
            )  # fmt: skip
            continue
        hidden = schema[column].pii
        moved[column] = compare(now.column(column), before.column(column), show=not hidden)
    found = _holm([one.p for one in moved.values()], settings.level)
    for (column, one), is_found in zip(moved.items(), found, strict=True):
        if is_found and one.psi >= settings.psi:
            yield Finding(
                "drift", column, severity, now.num_rows,
                f"{column} has moved since {name}: PSI {one.psi:.3f}, at least {settings.psi:g} "
                f"(p {_small(one.p)}){f'; {one.detail}' if one.detail else ''}",
                "look at what changed with: noria data diff; if it is meant, raise [data.checks] drift.psi",
            )  # fmt: skip


def compare(now: pa.ChunkedArray, before: pa.ChunkedArray, *, show: bool = True) -> Moved:
    """Measure how far a column has moved.

    Parameters
    ----------
    now, before : pyarrow.ChunkedArray
        Of one type: numbers, text, truths or times.
    show : bool
        Whether values may be named.

    Examples
    --------
    >>> import pyarrow as pa
    >>> made = compare(pa.chunked_array([["a"] * 10 + ["b"] * 90]), pa.chunked_array([["a"] * 50 + ["b"] * 50]))
    >>> round(made.psi, 2), made.p < 1e-6, made.detail
    (0.88, True, "'a' 50.0% → 10.0%, 'b' 50.0% → 90.0%")
    """
    labels, old, new = _counted(now, before)
    old_gone, new_gone = before.null_count, now.null_count
    labels, old, new = [*labels, "missing"], np.append(old, old_gone), np.append(new, new_gone)
    n, m = int(old.sum()), int(new.sum())
    if not n or not m:
        return Moved(0.0, 1.0, "")
    used = (old + new) > 0
    p, q = (np.maximum(counts[used], 0.5) / total for counts, total in ((old, n), (new, m)))
    psi = float(((q - p) * np.log(q / p)).sum())
    shares = q - p
    order = np.argsort(-np.abs(shares), kind="stable")[:_NAMED]
    kept = [label for label, is_used in zip(labels, used, strict=True) if is_used]
    told = [
        f"{kept[place]} {old[used][place] / n:.1%} → {new[used][place] / m:.1%}"
        for place in order
        if abs(shares[place]) > 0.005
    ]
    return Moved(psi, _chance(old[used], new[used]), ", ".join(told) if show else "")


def _counted(now: pa.ChunkedArray, before: pa.ChunkedArray) -> tuple[list[str], NDArray[np.int64], NDArray[np.int64]]:
    import pyarrow as pa  # noqa: PLC0415 - types only elsewhere
    import pyarrow.compute as pc  # noqa: PLC0415 - as above

    kind = now.type
    number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_timestamp(kind)
    if number and pc.count_distinct(before).as_py() > _FEW:
        old, new = _numbers(before), _numbers(now)
        inner = np.unique(np.quantile(old, np.linspace(0, 1, _BINS + 1)[1:-1])) if len(old) else old
        edges = [_edge(value, kind) for value in inner]
        names = [
            f"up to {edges[0]}" if edges else "all",
            *(f"{low} to {high}" for low, high in pairwise(edges)),
        ]
        if edges:
            names.append(f"above {edges[-1]}")
        counts = [np.bincount(np.searchsorted(inner, side, "left"), minlength=len(inner) + 1) for side in (old, new)]
        return names, counts[0], counts[1]
    sides = []
    for column in (before, now):
        found = pc.value_counts(column.drop_null())
        sides.append(dict(zip(found.field("values").to_pylist(), found.field("counts").to_pylist(), strict=True)))
    first, second = sides
    top = sorted(first, key=lambda value: (-first[value], str(value)))[:_CATEGORIES]
    unseen = sum(count for value, count in second.items() if value not in first)
    known = set(top)
    rest = [sum(count for value, count in side.items() if value not in known) for side in (first, second)]
    labels = [repr(value)[:40] for value in top] + ["other", "never seen"]
    # What the other version never had stands apart from what it had rarely.
    return (
        labels,
        np.array([*(first[value] for value in top), rest[0], 0], dtype=np.int64),
        np.array([*(second.get(value, 0) for value in top), rest[1] - unseen, unseen], dtype=np.int64),
    )


def _numbers(column: pa.ChunkedArray) -> NDArray[np.float64]:
    import pyarrow as pa  # noqa: PLC0415 - types only elsewhere

    present = column.drop_null()
    if pa.types.is_timestamp(column.type):
        present = present.cast(pa.int64())
    values = np.asarray(present.to_numpy(), dtype=np.float64)
    return values[~np.isnan(values)]


def _edge(value: float, kind: pa.DataType) -> str:
    import pyarrow as pa  # noqa: PLC0415 - types only elsewhere

    if pa.types.is_timestamp(kind):
        return str(np.datetime64(int(value), "us"))[:16].replace("T", " ")
    return f"{value:.4g}"


def _chance(old: NDArray[np.int64], new: NDArray[np.int64]) -> float:
    """Test by Pearson's chi-square that both counts are of one source; rare bins are joined first."""
    from scipy.special import chdtrc  # noqa: PLC0415 - a tenth of a second, wanted only here

    n, m = old.sum(), new.sum()
    together = old + new
    # Cochran's rule: of bins expected to hold fewer than five rows on either side, one is made.
    rare = together * min(n, m) / (n + m) < 5
    joined = [np.append(counts[~rare], counts[rare].sum()) if rare.any() else counts for counts in (old, new)]
    total = joined[0] + joined[1]
    first = joined[0][total > 0]
    total = total[total > 0]
    if len(total) < 2:
        return 1.0
    expected = total * n / (n + m)
    off = first - expected  # and as much the other way on the other side
    statistic = float((off**2 / expected + off**2 / (total - expected)).sum())
    return float(chdtrc(len(total) - 1, statistic))


def _holm(p: Sequence[float], level: float) -> list[bool]:
    """Say which of many tests are discoveries, with at most `level` chance of any false one."""
    found = [False] * len(p)
    for rank, place in enumerate(sorted(range(len(p)), key=lambda each: p[each])):
        if p[place] > level / (len(p) - rank):
            break
        found[place] = True
    return found


def _small(p: float) -> str:
    return "< 1e-15" if p < 1e-15 else f"{p:.2g}" if math.isfinite(p) else "–"
