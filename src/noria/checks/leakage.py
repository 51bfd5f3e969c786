"""Columns that know the answer: too good alone to be true."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from noria.checks.findings import Finding
from noria.datasets.associations import area_under_curve

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["area_under_curve", "look_for_leaks"]

_AUC = 0.99
_CORRELATION = 0.9999
_FEW = 50
_ENOUGH = 30
_SAMPLE = 100_000
_CHANCE = 1e-9
_MOSTLY = 0.95
_PURE = 0.99
"""Share of rows of one class from which gaps are of that class alone: a few wrong cells hide nothing."""

_WRONG = 0.05
"""Share of what the other classes have elsewhere: where they are rare, fewer cells are wrong."""

_STEPS = 10
"""Most values of a number that counts something: that one of them is of one class alone may well be."""

_USUAL = 0.1
"""Share of rows from which the most frequent value of a number may stand for a gap."""

_BINS = 50


def look_for_leaks(
    table: pa.Table, features: Sequence[str], *, target: str, task: str, time: str | None = None
) -> Iterator[Finding]:
    """Find features that give the target away, by themselves or by where they are missing.

    Parameters
    ----------
    table : pyarrow.Table
        Rows with a target.
    features : sequence of str
        Columns the model would see.
    target : str
        Column to be predicted.
    task : str
        classification or regression.
    time : str, optional
        When a row was: a feature that tells of later moments was not known then.

    Examples
    --------
    >>> import pyarrow as pa
    >>> table = pa.table({"y": ["a", "b"] * 20, "code": [0, 1] * 20, "x": list(range(40))})
    >>> [finding.column for finding in look_for_leaks(table, ["code", "x"], target="y", task="classification")]
    ['code']
    """
    # Rows from all over, not the first ones: files are often sorted by the very thing that leaks.
    from noria.store.aside import chosen  # noqa: PLC0415 - pyarrow only where rows are looked at

    places = np.flatnonzero(_present(table, target).to_numpy())
    if len(places) > _SAMPLE:
        places = places[np.linspace(0, len(places) - 1, _SAMPLE).astype(np.int64)]
    if len(places) < _ENOUGH:
        return
    rows = chosen(table, places)
    answer = rows.column(target)
    coded = _coded(answer) if task != "regression" else None
    for name in features:
        column = rows.column(name)
        late = _is_late(column, rows.column(time)) if time is not None and name != time else ""
        if late:
            yield Finding(
                "leakage", name, "warn", rows.num_rows, f"{name} was not known when the row was: {late}",
                f"if it is known only afterwards: [data.columns] {name} = {{ use = false }}",
            )  # fmt: skip
            continue
        why = _of_number(column, answer) if coded is None else _of_classes(column, *coded)
        if why:
            yield Finding(
                "leakage", name, "warn", rows.num_rows, f"{name} gives the target away: {why}",
                f"if it is known only afterwards: [data.columns] {name} = {{ use = false }}",
            )  # fmt: skip


def _present(table: pa.Table, target: str) -> pa.ChunkedArray:
    import pyarrow.compute as pc  # noqa: PLC0415 - types only elsewhere

    return pc.is_valid(table.column(target))


def _coded(column: pa.ChunkedArray) -> tuple[NDArray[np.int64], list[object]]:
    coded = column.combine_chunks().dictionary_encode()
    return (
        np.asarray(coded.indices.fill_null(-1).to_numpy(zero_copy_only=False), dtype=np.int64),
        coded.dictionary.to_pylist(),
    )


def _is_late(column: pa.ChunkedArray, moment: pa.ChunkedArray) -> str:
    import pyarrow as pa  # noqa: PLC0415 - types only elsewhere
    import pyarrow.compute as pc  # noqa: PLC0415 - as above

    if not pa.types.is_timestamp(column.type) or not pa.types.is_timestamp(moment.type):
        return ""
    later = pc.greater(column, moment)
    known = len(later) - later.null_count
    share = (pc.sum(later).as_py() or 0) / max(known, 1)
    # A date that a row plans ahead, such as when a loan is due, lies late too: it is for a person to say.
    return f"in {share:.1%} of the rows it is later than the row itself" if known >= _ENOUGH and share > _MOSTLY else ""


def _of_classes(column: pa.ChunkedArray, codes: NDArray[np.int64], classes: Sequence[object]) -> str:
    present = np.asarray(column.is_valid().to_numpy(), dtype=bool)
    why = _by_value(column, codes[present], len(classes))
    if why:
        return why
    why = _by_gaps(present, codes, classes, "missing", "filled in")
    if why or not _is_number(column):
        return why
    numbers = _numbers(column)
    known = np.isfinite(numbers)
    if known.sum() < _ENOUGH:
        return ""
    return _by_size(numbers[known], codes[known], classes)


def _by_size(numbers: NDArray[np.float64], codes: NDArray[np.int64], classes: Sequence[object]) -> str:
    ranks = []
    for place in range(len(classes) if len(classes) > 2 else 1):
        mine = codes == place
        if mine.any() and not mine.all():
            rank = area_under_curve(numbers, mine)
            ranks.append(max(rank, 1 - rank))
    if ranks and min(ranks) > _AUC:
        return f"it separates the classes alone (area under the curve {min(ranks):.4f})"
    values, counts = np.unique(numbers, return_counts=True)
    if len(values) <= _STEPS:
        return ""
    # Nought stands for a gap where amounts are summed up: what came back of a loan that went bad.
    usual = float(values[counts.argmax()])
    if counts.max() >= _USUAL * len(numbers):
        why = _by_gaps(numbers != usual, codes, classes, f"{usual:g}", f"other than {usual:g}")
        if why:
            return why
    # What lies far out on either side, or in between, is of one class: no order of the numbers shows it.
    edges = np.unique(np.quantile(numbers, np.linspace(0, 1, _BINS + 1)[1:-1]))
    rank = _by_halves(np.searchsorted(edges, numbers), codes, len(classes))
    return f"its ranges tell the class in rows not counted (area under the curve {rank:.4f})" if rank > _AUC else ""


def _by_value(column: pa.ChunkedArray, codes: NDArray[np.int64], n_classes: int) -> str:
    """See whether each value goes with one class; gaps do not hide what the other rows give away."""
    places, values = _coded(column.drop_null())
    if not len(values) > 1 or len(places) < _ENOUGH:
        return ""
    # A value that occurs once goes with one class by nature.
    if len(values) <= min(_FEW, len(places) // 4):
        pairs = np.unique(places * n_classes + codes)
        one_each = len(pairs) == len(values) and len(np.unique(pairs % n_classes)) > 1
        return "each of its values goes with one class only" if one_each else ""
    if _is_number(column) or len(values) > len(places) // 4:
        return ""
    rank = _by_halves(places, codes, n_classes)
    return f"its values tell the class in rows not counted (area under the curve {rank:.4f})" if rank > _AUC else ""


def _by_halves(places: NDArray[np.int64], codes: NDArray[np.int64], n_classes: int) -> float:
    """Hold what one half of the rows says of each of many values against the other half; of the worst told class."""
    first = np.random.default_rng(0).random(len(places)) < 0.5  # not every other row: files may go round in circles
    width = int(places.max()) + 1
    counts = np.bincount(places[first], minlength=width)
    ranks = []
    for number in range(1 if n_classes == 2 else 0, n_classes):
        mine = codes == number
        if min(mine[first].sum(), mine[~first].sum()) == 0:
            continue
        sums = np.bincount(places[first], weights=mine[first], minlength=width)
        score = (sums + mine[first].mean()) / (counts + 1)
        ranks.append(area_under_curve(score[places[~first]], mine[~first]))
    return min(ranks, default=0.0)


def _by_gaps(
    present: NDArray[np.bool_], codes: NDArray[np.int64], classes: Sequence[object], gone: str, there: str
) -> str:
    gaps = int(len(present) - present.sum())
    if not gaps or gaps == len(present):
        return ""
    if len(classes) == 2:
        rank = area_under_curve((~present).astype(float), codes == 1)
        if max(rank, 1 - rank) > _AUC:
            return f"where it is {gone} tells the class"
    # It is filled in, or left out, for one class only: so it was written when the outcome was known.
    for rows, said in ((present, there), (~present, gone)):
        inside, n = codes[rows], int(rows.sum())
        if n < _ENOUGH:
            continue
        counts = np.bincount(inside, minlength=len(classes))
        place = int(counts.argmax())
        share, usual = float(counts[place] / n), float((codes == place).mean())
        if share < _PURE or 1 - share > _WRONG * (1 - usual) or n * _divergence(share, usual) < -np.log(_CHANCE):
            continue
        if share == 1.0:
            return f"it is {said} only where the target is {classes[place]!r} ({n:,} rows)"
        return f"in {share:.1%} of the {n:,} rows where it is {said} the target is {classes[place]!r}"
    return ""


def _divergence(one: float, other: float) -> float:
    """Measure Kullback and Leibler's divergence of two shares: n times it bounds the chance of so many of n rows."""
    rest = (1 - one) * np.log((1 - one) / (1 - other)) if one < 1 else 0.0
    return float(one * np.log(one / other) + rest)


def _of_number(column: pa.ChunkedArray, answer: pa.ChunkedArray) -> str:
    import pyarrow as pa  # noqa: PLC0415 - types only elsewhere

    try:
        y = np.array(answer.cast(pa.float64(), safe=False).to_numpy(), dtype=float)
    except pa.ArrowInvalid:
        return ""
    present = np.asarray(column.is_valid().to_numpy(), dtype=bool)
    told = np.isfinite(y)
    if min((present & told).sum(), (~present & told).sum()) >= _ENOUGH:
        rank = area_under_curve(y[told], present[told])
        if max(rank, 1 - rank) > _AUC:
            return "where it is missing tells whether the target is high or low"
    if not _is_number(column):
        return _of_values(column, y)
    x = _numbers(column)
    known = np.isfinite(x) & told
    if known.sum() < _ENOUGH or x[known].std() == 0 or y[known].std() == 0:
        return ""
    if np.array_equal(x[known], y[known]):
        return "it is a copy of it"
    r = abs(float(np.corrcoef(x[known], y[known])[0, 1]))
    if r > _CORRELATION:
        return f"it moves exactly with it (correlation {r:.5f})"
    # A logarithm, a root, a rank of the target follow it without being in line with it.
    if min(len(np.unique(side)) for side in (x[known], y[known])) > _FEW:
        rho = abs(float(np.corrcoef(_mean_ranks(x[known]), _mean_ranks(y[known]))[0, 1]))
        if rho > _CORRELATION:
            return f"it rises and falls exactly with it (rank correlation {rho:.5f})"
    return ""


def _of_values(column: pa.ChunkedArray, y: NDArray[np.float64]) -> str:
    """Hold what one half of the rows says of each value against the other half."""
    places, values = _coded(column)
    known = np.isfinite(y) & (places >= 0)
    places, y = places[known], y[known]
    if len(y) < 2 * _ENOUGH or not 1 < len(values) <= len(y) // 4:
        return ""
    first = np.random.default_rng(0).random(len(y)) < 0.5
    counts = np.bincount(places[first], minlength=len(values))
    means = np.bincount(places[first], weights=y[first], minlength=len(values)) / np.maximum(counts, 1)
    seen = ~first & (counts[places] > 0)
    rest = y[seen] - y[seen].mean() if seen.any() else y[:0]
    total = float((rest**2).sum())
    if seen.sum() < _ENOUGH or total <= 0:
        return ""
    explained = 1 - float(((y[seen] - means[places[seen]]) ** 2).sum()) / total
    return f"its values tell the target in rows not counted (R² {explained:.5f})" if explained > _CORRELATION else ""


def _mean_ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    made: NDArray[np.float64] = (np.cumsum(counts) - (counts - 1) / 2)[place]
    return made


def _numbers(column: pa.ChunkedArray) -> NDArray[np.float64]:
    import pyarrow as pa  # noqa: PLC0415 - types only elsewhere

    return np.array(column.cast(pa.float64(), safe=False).to_numpy(), dtype=float)


def _is_number(column: pa.ChunkedArray) -> bool:
    import pyarrow as pa  # noqa: PLC0415 - types only elsewhere

    kind = column.type
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind))
