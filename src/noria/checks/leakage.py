"""Columns that know the answer: too good alone to be true."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from noria.checks.findings import Finding

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


def look_for_leaks(table: pa.Table, features: Sequence[str], *, target: str, task: str) -> Iterator[Finding]:
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

    Examples
    --------
    >>> import pyarrow as pa
    >>> table = pa.table({"y": ["a", "b"] * 20, "code": [0, 1] * 20, "x": list(range(40))})
    >>> [finding.column for finding in look_for_leaks(table, ["code", "x"], target="y", task="classification")]
    ['code']
    """
    # Rows from all over, not the first ones: files are often sorted by the very thing that leaks.
    rows = table.filter(_present(table, target))
    if rows.num_rows > _SAMPLE:
        rows = rows.take(np.linspace(0, rows.num_rows - 1, _SAMPLE).astype(np.int64))
    if rows.num_rows < _ENOUGH:
        return
    answer = rows.column(target)
    for name in features:
        why = _gives_away(rows.column(name), answer, task)
        if why:
            yield Finding(
                "leakage", name, "warn", rows.num_rows, f"{name} gives the target away: {why}",
                f"if it is known only afterwards: [data.columns] {name} = {{ use = false }}",
            )  # fmt: skip


def area_under_curve(score: NDArray[np.float64], positive: NDArray[np.bool_]) -> float:
    """Measure how well a score ranks the positive rows before the others, ties counting half.

    Examples
    --------
    >>> area_under_curve(np.array([1.0, 2.0, 3.0, 4.0]), np.array([False, False, True, True]))
    1.0

    References
    ----------
    Hanley, J. A. and McNeil, B. J. (1982). The meaning and use of the area under a receiver operating characteristic
    (ROC) curve. Radiology 143, 29-36.
    """
    _, place, counts = np.unique(score, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    n_positive = int(positive.sum())
    n_negative = len(positive) - n_positive
    if not n_positive or not n_negative:
        return 0.5
    return float((ranks[positive].sum() - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative))


def _present(table: pa.Table, target: str) -> pa.ChunkedArray:
    import pyarrow.compute as pc  # noqa: PLC0415 - types only elsewhere

    return pc.is_valid(table.column(target))


def _gives_away(column: pa.ChunkedArray, answer: pa.ChunkedArray, task: str) -> str:
    import pyarrow as pa  # noqa: PLC0415 - types only elsewhere

    kind = column.type
    number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)
    if task == "regression":
        return _follows(column, answer) if number else ""
    classes = answer.combine_chunks().dictionary_encode()
    codes = np.asarray(classes.indices.to_numpy(zero_copy_only=False), dtype=np.int64)
    n_classes = len(classes.dictionary)
    present = np.asarray(column.is_valid().to_numpy(), dtype=bool)
    values = column.drop_null().combine_chunks().dictionary_encode()
    # A value that occurs once goes with one class by nature. Gaps do not hide what the other rows give away.
    if 1 < len(values.dictionary) <= min(_FEW, len(values) // 4) and len(values) >= _ENOUGH:
        places = np.asarray(values.indices.to_numpy(zero_copy_only=False), dtype=np.int64)
        pairs = np.unique(places * n_classes + codes[present])
        if len(pairs) == len(values.dictionary) and len(np.unique(pairs % n_classes)) > 1:
            return "each of its values goes with one class only"
    if n_classes != 2:
        return ""
    positive = codes == 1
    if column.null_count:
        absent = np.asarray(column.is_null().to_numpy(), dtype=bool)
        rank = area_under_curve(absent.astype(float), positive)
        if max(rank, 1 - rank) > _AUC:
            return "where it is missing tells the class"
    if not number:
        return ""
    numbers = np.array(column.cast(pa.float64()).to_numpy(), dtype=float)
    known = np.isfinite(numbers)
    if known.sum() < _ENOUGH:
        return ""
    rank = area_under_curve(numbers[known], positive[known])
    rank = max(rank, 1 - rank)
    return f"it separates the classes alone (area under the curve {rank:.4f})" if rank > _AUC else ""


def _follows(column: pa.ChunkedArray, answer: pa.ChunkedArray) -> str:
    import pyarrow as pa  # noqa: PLC0415 - types only elsewhere

    x = np.array(column.cast(pa.float64()).to_numpy(), dtype=float)
    try:
        y = np.array(answer.cast(pa.float64()).to_numpy(), dtype=float)
    except pa.ArrowInvalid:
        return ""
    known = np.isfinite(x) & np.isfinite(y)
    if known.sum() < _ENOUGH or x[known].std() == 0 or y[known].std() == 0:
        return ""
    if np.array_equal(x[known], y[known]):
        return "it is a copy of it"
    r = abs(float(np.corrcoef(x[known], y[known])[0, 1]))
    return f"it moves exactly with it (correlation {r:.5f})" if r > _CORRELATION else ""
