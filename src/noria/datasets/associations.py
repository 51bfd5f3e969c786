"""How columns hang together, and what each says of the target: on a sample of rows."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from itertools import combinations, pairwise
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import numpy as np
import pyarrow as pa

from noria.datasets.profiled import Association, Relation, TargetProfile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from noria.datasets.profiled import Scalar

_P = ParamSpec("_P")
_R = TypeVar("_R")

__all__ = ["area_under_curve", "associate", "correlation_ratio", "cramers_v", "mutual_information", "relate"]

_MOST_COLUMNS = 50
_MOST_LEVELS = 50
_MOST_CLASSES = 20
_LEAST = 0.05
_ENOUGH = 10
_BINS = 10
_SHOWN = 10


class _Column:
    """Numbers with NaN for missing, or codes with -1 for missing."""

    def __init__(self, cells: pa.Array) -> None:
        kind = cells.type
        self.is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_timestamp(kind)
        if self.is_number:
            plain = cells.cast(pa.int64()) if pa.types.is_timestamp(kind) else cells
            numbers = np.array(plain.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), dtype=float)
            numbers[~np.isfinite(numbers)] = np.nan
            self.numbers = numbers
            self.known = ~np.isnan(numbers)
            return
        coded = cells.dictionary_encode()
        self.codes = np.asarray(coded.indices.fill_null(-1).to_numpy(zero_copy_only=False), dtype=np.int64)
        self.levels = [str(value) for value in coded.dictionary.to_pylist()]
        self.known = self.codes >= 0


def _calm(measure: Callable[_P, _R]) -> Callable[_P, _R]:
    @wraps(measure)
    def measured(*given: _P.args, **named: _P.kwargs) -> _R:
        # The greatest numbers have no finite sum: what cannot be measured of them is left out.
        with np.errstate(all="ignore"):
            return measure(*given, **named)

    return measured


@_calm
def associate(sample: Mapping[str, pa.Array], distinct: Mapping[str, int]) -> tuple[Association, ...]:
    """Measure every pair of the first fifty columns that can hang together.

    Parameters
    ----------
    sample : mapping of str to pyarrow.Array
        Rows of each column, the same rows.
    distinct : mapping of str to int
        Different values in the whole column: constants, and text of more than fifty values, are left out.
    """
    columns = {name: _Column(cells) for name, cells in _usable(sample, distinct).items()}
    ranks: dict[str, NDArray[np.float64]] = {}
    made = []
    for a, b in combinations(columns, 2):
        found = _pair(a, columns[a], b, columns[b], ranks)
        if found is not None and found.strength >= _LEAST:
            made.append(found)
    return tuple(sorted(made, key=lambda each: -each.strength))


def _usable(sample: Mapping[str, pa.Array], distinct: Mapping[str, int]) -> dict[str, pa.Array]:
    kept = {
        name: cells
        for name, cells in sample.items()
        if distinct[name] > 1 and (not pa.types.is_string(cells.type) or distinct[name] <= _MOST_LEVELS)
    }
    return dict(list(kept.items())[:_MOST_COLUMNS])


def _pair(a: str, first: _Column, b: str, second: _Column, ranks: dict[str, NDArray[np.float64]]) -> Association | None:
    known = first.known & second.known
    if known.sum() < _ENOUGH:
        return None
    if first.is_number and second.is_number:
        if known.all():
            for name, column in ((a, first), (b, second)):
                if name not in ranks:
                    ranks[name] = _ranks(column.numbers)
            x, y = ranks[a], ranks[b]
        else:
            x, y = _ranks(first.numbers[known]), _ranks(second.numbers[known])
        linear = _correlation(first.numbers[known], second.numbers[known])
        monotone = _correlation(x, y)
        return None if linear is None else Association(a, b, "pearson", linear, monotone)
    if first.is_number or second.is_number:
        number, code = (first, second) if first.is_number else (second, first)
        value = correlation_ratio(number.numbers[known], code.codes[known])
        return Association(a, b, "correlation_ratio", round(value, 4))
    return Association(a, b, "cramers_v", round(cramers_v(_table(first.codes[known], second.codes[known])), 4))


@_calm
def relate(
    sample: Mapping[str, pa.Array], distinct: Mapping[str, int], target: str | None, positive: Scalar
) -> TargetProfile | None:
    """Measure what each column says of the target by itself.

    Parameters
    ----------
    sample, distinct
        As for `associate`.
    target : str
        Column of the sample.
    positive : optional
        Class to find; left out, the rarer of two.
    """
    if target is None:
        return None
    cells = sample[target]
    few = distinct[target] <= _MOST_CLASSES
    text = pa.types.is_string(cells.type) or pa.types.is_boolean(cells.type)
    if distinct[target] < 2 or (text and not few):
        return None
    if text or (few and pa.types.is_integer(cells.type) and distinct[target] <= 10):
        return _of_classes(sample, distinct, target, positive)
    answer = _Column(cells)
    relations: list[Relation] = []
    for name, other in _usable(sample, distinct).items():
        column = _Column(other)
        known = column.known & answer.known
        if name == target or known.sum() < _ENOUGH:
            continue
        y = answer.numbers[known]
        codes, labels = _binned(column, known)
        rates = [_round(float(y[codes == at].mean())) if (codes == at).any() else None for at in range(len(labels))]
        information = mutual_information(_table(codes, _cut(y)[0]))
        if column.is_number:
            value = _correlation(_ranks(column.numbers[known]), _ranks(y)) or 0.0
            relations.append(_relation(name, "spearman", value, information, labels, rates, codes))
        else:
            value = correlation_ratio(y, column.codes[known])
            relations.append(_relation(name, "correlation_ratio", value, information, labels, rates, codes))
    base = _round(float(np.nanmean(answer.numbers)))
    return TargetProfile(target, "regression", None, base, _ordered(relations))


def _of_classes(
    sample: Mapping[str, pa.Array], distinct: Mapping[str, int], target: str, positive: Scalar
) -> TargetProfile | None:
    cells = sample[target]
    coded = cells.dictionary_encode()
    classes = coded.dictionary.to_pylist()
    answer = np.asarray(coded.indices.fill_null(-1).to_numpy(zero_copy_only=False), dtype=np.int64)
    if len(classes) < 2:
        return None
    chosen: int | None = None
    if len(classes) == 2:
        named = [at for at, value in enumerate(classes) if value == positive or str(value) == str(positive)]
        rarer = int(np.argmin(np.bincount(answer[answer >= 0], minlength=2)))
        chosen = named[0] if named else rarer
    relations = []
    for name, other in _usable(sample, distinct).items():
        column = _Column(other)
        known = column.known & (answer >= 0)
        if name == target or known.sum() < _ENOUGH:
            continue
        y = answer[known]
        codes, labels = _binned(column, known)
        rates: list[float | None] = []
        if chosen is not None:
            rates = [_round(float((y[codes == at] == chosen).mean())) if (codes == at).any() else None
                     for at in range(len(labels))]  # fmt: skip
        information = mutual_information(_table(codes, y))
        if column.is_number and chosen is not None:
            value, measure = area_under_curve(column.numbers[known], y == chosen), "auc"
        elif column.is_number:
            value, measure = correlation_ratio(column.numbers[known], y), "correlation_ratio"
        else:
            value, measure = cramers_v(_table(column.codes[known], y)), "cramers_v"
        relations.append(_relation(name, measure, value, information, labels, rates, codes))
    base = None if chosen is None else _round(float((answer[answer >= 0] == chosen).mean()))
    return TargetProfile(
        target, "classification", None if chosen is None else classes[chosen], base, _ordered(relations)
    )


def _relation(
    name: str,
    measure: str,
    value: float,
    information: float,
    labels: list[str],
    rates: list[float | None],
    codes: NDArray[np.int64],
) -> Relation:
    counts = np.bincount(codes, minlength=len(labels))[: len(labels)]
    return Relation(
        name,
        measure,
        round(float(value), 4),
        round(float(information), 4),
        tuple(labels[:_SHOWN]),
        tuple(rates[:_SHOWN]),
        tuple(int(count) for count in counts[:_SHOWN]),
    )


def _ordered(relations: list[Relation]) -> tuple[Relation, ...]:
    return tuple(sorted(relations, key=lambda each: -each.information))


def _binned(column: _Column, known: NDArray[np.bool_]) -> tuple[NDArray[np.int64], list[str]]:
    """Cut a column into few bins: tenths of numbers, or the most frequent categories first."""
    if column.is_number:
        return _cut(column.numbers[known])
    codes = column.codes[known]
    counts = np.bincount(codes, minlength=len(column.levels))
    order = np.argsort(-counts, kind="stable")
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return rank[codes], [column.levels[int(at)][:40] for at in order if counts[at]]


def _cut(values: NDArray[np.float64]) -> tuple[NDArray[np.int64], list[str]]:
    distinct = np.unique(values)
    if len(distinct) <= _BINS:
        return np.searchsorted(distinct, values), [f"{value:.6g}" for value in distinct]
    inner = np.unique(np.quantile(values, np.linspace(0, 1, _BINS + 1)[1:-1]))
    middle = [f"{_said(low)} to {_said(high)}" for low, high in pairwise(inner)]
    labels = [f"up to {_said(inner[0])}", *middle, f"above {_said(inner[-1])}"]
    return np.searchsorted(inner, values, "left"), labels


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
    n_positive = int(positive.sum())
    n_negative = len(positive) - n_positive
    if not n_positive or not n_negative:
        return 0.5
    ranks = _ranks(score)
    return float((ranks[positive].sum() - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative))


def cramers_v(table: NDArray[np.float64]) -> float:
    """Measure how far two categories hang together, 0 to 1, corrected for the bias of small tables.

    Parameters
    ----------
    table : ndarray, shape (n_levels_a, n_levels_b)
        Rows by both categories.

    Examples
    --------
    >>> cramers_v(np.array([[50.0, 0.0], [0.0, 50.0]]))
    1.0

    References
    ----------
    Bergsma, W. (2013). A bias-correction for Cramér's V and Tschuprow's T. Journal of the Korean Statistical Society
    42, 323-328.
    """
    table = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
    n = table.sum()
    r, k = table.shape
    if n < 2 or r < 2 or k < 2:
        return 0.0
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / n
    phi = float(((table - expected) ** 2 / expected).sum()) / n
    phi = max(0.0, phi - (k - 1) * (r - 1) / (n - 1))
    fewest = min(r - (r - 1) ** 2 / (n - 1), k - (k - 1) ** 2 / (n - 1)) - 1
    return float(min(1.0, np.sqrt(phi / fewest))) if fewest > 0 else 0.0


def correlation_ratio(values: NDArray[np.float64], codes: NDArray[np.int64]) -> float:
    """Measure how far a category explains a number: the square root of the share of its variance between groups.

    Parameters
    ----------
    values : ndarray of float, shape (n,)
        Finite.
    codes : ndarray of int, shape (n,)
        Group of each.

    Notes
    -----
    Taken as the square root of epsilon squared, which is unbiased where eta squared grows with the number of groups.

    Examples
    --------
    >>> correlation_ratio(np.array([1.0, 1.0, 5.0, 5.0]), np.array([0, 0, 1, 1]))
    1.0

    References
    ----------
    Kelley, T. L. (1935). An unbiased correlation ratio measure. Proceedings of the National Academy of Sciences 21.
    """
    counts = np.bincount(codes)
    used = counts > 0
    n, groups = len(values), int(used.sum())
    centred = values - values.mean()
    total = _dot(centred, centred)
    if not 0 < total < np.inf or n <= groups:
        return 0.0
    sums = np.bincount(codes, weights=centred)[used]
    within = max(0.0, total - float((sums**2 / counts[used]).sum()))
    return float(np.sqrt(max(0.0, 1 - (within / (n - groups)) / (total / (n - 1)))))


def mutual_information(table: NDArray[np.float64]) -> float:
    """Measure what one category tells of another, in bits, less what chance alone gives.

    Examples
    --------
    >>> round(mutual_information(np.array([[500.0, 0.0], [0.0, 500.0]])), 2)
    1.0

    References
    ----------
    Miller, G. A. (1955). Note on the bias of information estimates. Information Theory in Psychology, 95-100.
    """
    table = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
    n = table.sum()
    if n <= 0 or min(table.shape) < 2:
        return 0.0
    share = table / n
    expected = np.outer(share.sum(axis=1), share.sum(axis=0))
    here = share > 0
    bits = float((share[here] * np.log2(share[here] / expected[here])).sum())
    return float(max(0.0, bits - (table.shape[0] - 1) * (table.shape[1] - 1) / (2 * n * np.log(2))))


def _table(a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.float64]:
    wide = int(b.max()) + 1
    flat = np.bincount(a * wide + b, minlength=(int(a.max()) + 1) * wide)
    return flat.reshape(-1, wide).astype(np.float64)


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rank from one, ties sharing their mean."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    made: NDArray[np.float64] = (np.cumsum(counts) - (counts - 1) / 2)[place]
    return made


def _correlation(x: NDArray[np.float64], y: NDArray[np.float64]) -> float | None:
    x, y = x - x.mean(), y - y.mean()
    spread = float(np.sqrt(_dot(x, x) * _dot(y, y)))
    # Of a column that is constant but for rounding there is nothing to tell.
    if not np.isfinite(spread) or spread <= 0:
        return None
    return round(max(-1.0, min(1.0, _dot(x, y) / spread)), 4)


def _said(value: float) -> str:
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e12 else f"{value:.4g}"


def _dot(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    # Not through BLAS, whose threads wait for each other by spinning.
    return float(np.einsum("i,i->", x, y))


def _round(value: float) -> float | None:
    rounded = float(f"{value:.5g}")  # which may be more than a number can be
    return rounded if np.isfinite(rounded) else None
