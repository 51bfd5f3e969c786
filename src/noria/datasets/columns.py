"""One column measured by itself."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from noria.datasets.profiled import QUANTILES, ColumnProfile, Histogram

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

__all__ = ["measure_column"]

_TOP = 20
_BINS = 40
_BLOCK = 1 << 20
_FEW = 1 << 14
_SHAPED = 50_000
_SHAPES = 5
_NEARLY_ALL = 0.9
_US = 1_000_000
_LARGEST = 2**63 - 1
_EXACT = 2**52
_GREATEST = np.finfo(np.float64).max


def measure_column(
    name: str, blocks: Iterable[pa.Array], kind: pa.DataType, rows: int, *, hidden: bool = False
) -> ColumnProfile:
    """Measure one column as its blocks pass by.

    Parameters
    ----------
    name : str
        Column.
    blocks : iterable of pyarrow.Array
        Its cells in order: int64, float64, bool, string (also as dictionaries) or timestamp.
    kind : pyarrow.DataType
        Their type.
    rows : int
        How many cells there are.
    hidden : bool
        Personal: nothing but missing and distinct is told.
    """
    if pa.types.is_string(kind) or pa.types.is_dictionary(kind) or pa.types.is_boolean(kind):
        made = _counted(name, kind, *_values(blocks, kind))
    elif pa.types.is_timestamp(kind):
        made = _times(name, *_sorted(blocks, kind, rows)[:2])
    else:
        made = _numbers(name, kind, *_sorted(blocks, kind, rows))
    return ColumnProfile(name, made.type, made.missing, made.distinct) if hidden else made


def _numbers(
    name: str, kind: pa.DataType, values: NDArray[np.int64] | NDArray[np.float64], missing: int, infinite: int
) -> ColumnProfile:
    whole = pa.types.is_integer(kind)
    blank = ColumnProfile(
        name, "int" if whole else "float", missing, 0, zeros=0, negative=0,
        infinite=None if whole else infinite, outliers=0, extreme=0,
    )  # fmt: skip
    if not len(values):
        return blank
    with np.errstate(all="ignore"):  # the greatest numbers have no finite sum: such a figure is left out
        return _measured(blank, values, whole=whole)


def _measured(blank: ColumnProfile, values: NDArray[np.int64] | NDArray[np.float64], *, whole: bool) -> ColumnProfile:
    mean = float(values.mean())
    sd, skew = _shape(values, mean)
    quantiles = {str(share): _quantile(values, share) for share in QUANTILES}
    low, middle, high = (quantiles[share] for share in ("0.25", "0.5", "0.75"))
    fence = 1.5 * (high - low)
    mad = _mad(values, middle)
    far = 3.5 * mad / 0.6745
    return replace(
        blank,
        distinct=1 + _changes(values),
        min=values[0].item(),
        max=values[-1].item(),
        mean=_real(mean),
        sd=_real(sd),
        skew=_real(skew),
        quantiles=quantiles,
        zeros=_up_to(values, 0.0) - _below(values, 0.0),
        negative=_below(values, 0.0),
        outliers=_beyond(values, low - fence, high + fence),
        # Where half of the values are one and the same there is no scale to be far off on.
        extreme=_beyond(values, middle - far, middle + far) if mad > 0 else 0,
        mad=_real(mad),
        histogram=_histogram(values, quantiles["0.01"], quantiles["0.99"], whole=whole),
    )


def _sorted(
    blocks: Iterable[pa.Array], kind: pa.DataType, rows: int
) -> tuple[NDArray[np.int64] | NDArray[np.float64], int, int]:
    """Give the values sorted, without the missing and the infinite, and how many were missing and infinite."""
    whole = not pa.types.is_floating(kind)
    # Block by block into one array: what Arrow holds, its copy and the sorted values would be three.
    made = np.empty(rows, dtype=np.int64 if whole else np.float64)
    at = missing = infinite = 0
    for cells in blocks:
        missing += cells.null_count
        block = cells.drop_null().to_numpy(zero_copy_only=False)
        if block.dtype.kind == "M":
            block = block.astype("datetime64[us]").view(np.int64)
        if not whole:
            finite = np.isfinite(block)
            if not finite.all():
                infinite += int(len(block) - finite.sum())
                block = block[finite]
        made[at : at + len(block)] = block
        at += len(block)
    values: NDArray[np.int64] | NDArray[np.float64] = made[:at]  # type: ignore[assignment] # by the type of the column
    if not whole:
        np.add(values, 0.0, out=values)  # -0.0 becomes 0.0, else they would be two values
    values.sort()
    return values, missing, infinite


def _changes(values: NDArray[np.int64] | NDArray[np.float64]) -> int:
    total = 0
    for start in range(0, len(values) - 1, _BLOCK):
        end = min(start + _BLOCK, len(values) - 1)
        total += int(np.count_nonzero(values[start + 1 : end + 1] != values[start:end]))
    return total


def _shape(values: NDArray[np.int64] | NDArray[np.float64], mean: float) -> tuple[float | None, float | None]:
    n, squares, cubes = len(values), np.float64(0.0), np.float64(0.0)
    for start in range(0, n, _BLOCK):
        centred = values[start : start + _BLOCK] - mean
        # Not through BLAS, whose threads wait for each other by spinning.
        squares += np.einsum("i,i->", centred, centred)
        cubes += np.einsum("i,i,i->", centred, centred, centred)
    sd = float(np.sqrt(squares / (n - 1))) if n > 1 else None
    second, third = squares / n, cubes / n
    # Of a column that is constant but for rounding there is no shape to tell.
    if n < 3 or not second > (1e-12 * np.float64(mean)) ** 2:
        return sd, None
    return sd, float(third / second**1.5 * math.sqrt(n * (n - 1)) / (n - 2))


def _quantile(values: NDArray[np.int64] | NDArray[np.float64], share: float) -> float:
    place = share * (len(values) - 1)
    low = math.floor(place)
    first, part = float(values[low]), place - low
    if not part:
        return first
    second = float(values[low + 1])
    step = second - first  # infinite between the two ends of what a number can be
    return first + step * part if math.isfinite(step) else first * (1 - part) + second * part


def _mad(values: NDArray[np.int64] | NDArray[np.float64], middle: float) -> float:
    """Find the median distance from the median; of many by halving an interval, as the sorted values need no copy."""
    n = len(values)
    high = max(float(values[-1]) - middle, middle - float(values[0]))

    def within(distance: float) -> int:
        return _up_to(values, middle + distance) - _below(values, middle - distance)

    def smallest(wanted: int) -> float:
        low, top = -1.0, high
        for _ in range(80):
            half = (low + top) / 2
            if half in (low, top):
                break
            low, top = (low, half) if within(half) >= wanted else (half, top)
        return max(top, 0.0)

    if n <= _FEW:
        return float(np.median(np.abs(values - middle)))
    first = smallest((n + 1) // 2)
    return first if n % 2 else (first + smallest(n // 2 + 1)) / 2


def _beyond(values: NDArray[np.int64] | NDArray[np.float64], low: float, high: float) -> int:
    return _below(values, low) + len(values) - _up_to(values, high)


def _below(values: NDArray[np.int64] | NDArray[np.float64], bound: float) -> int:
    return int(np.searchsorted(values, _key(values, bound, math.ceil), "left"))


def _up_to(values: NDArray[np.int64] | NDArray[np.float64], bound: float) -> int:
    return int(np.searchsorted(values, _key(values, bound, math.floor), "right"))


def _key(
    values: NDArray[np.int64] | NDArray[np.float64], bound: float, rounded: Callable[[float], int]
) -> np.int64 | np.float64:
    # Asked for a fraction among whole numbers, numpy would turn all of them into fractions first, at every call.
    if values.dtype == np.int64:
        return np.int64(max(min(rounded(bound), _LARGEST), -_LARGEST))
    return np.float64(bound)


def _histogram(values: NDArray[np.int64] | NDArray[np.float64], p1: float, p99: float, *, whole: bool) -> Histogram:
    least, most = float(values[0]), float(values[-1])
    span = p99 - p1
    low, high = (max(least, p1 - span), min(most, p99 + span)) if 0 < span < np.inf else (least, most)
    if whole and high - low < _BINS and max(abs(low), abs(high)) < _EXACT:
        low, high = math.floor(low), math.ceil(high)
        edges = np.arange(low - 0.5, high + 1.0)
    elif high > low:
        # In quarters, as the distance of the greatest numbers is none.
        edges = (
            np.linspace(low / 4, high / 4, _BINS + 1) * 4
            if not np.isfinite(high - low)
            else np.linspace(low, high, _BINS + 1)
        )
    else:
        half = max(0.5, abs(low) * 1e-12)
        edges = np.clip([low - half, low + half], -_GREATEST, _GREATEST)
    # Counted between the edges as they are written; the outer ones are values, and stay exact.
    edges = np.array([edges[0], *(_short(float(edge)) for edge in edges[1:-1]), edges[-1]])
    keys = np.array([_key(values, edge, math.ceil) for edge in edges[:-1]], values.dtype)
    inside = np.append(np.searchsorted(values, keys, "left"), _up_to(values, edges[-1]))
    return Histogram(
        tuple(map(float, edges)),
        tuple(int(count) for count in np.diff(inside)),
        below=int(inside[0]),
        above=int(len(values) - inside[-1]),
    )


def _times(name: str, values: NDArray[np.int64] | NDArray[np.float64], missing: int) -> ColumnProfile:
    blank = ColumnProfile(name, "timestamp", missing, 0)
    if not len(values):
        return blank
    day, hour = 86_400 * _US, 3_600 * _US
    weekdays, hours, is_midnight = np.zeros(7, dtype=np.int64), np.zeros(24, dtype=np.int64), True
    for start in range(0, len(values), _BLOCK):
        block = values[start : start + _BLOCK]
        # The first of January 1970 was a Thursday.
        weekdays += np.bincount((block // day + 3) % 7, minlength=7)
        hours += np.bincount(block // hour % 24, minlength=24)
        is_midnight = is_midnight and not (block % day).any()
    found = _histogram(values, _quantile(values, 0.01), _quantile(values, 0.99), whole=False)
    return replace(
        blank,
        distinct=1 + _changes(values),
        min=_iso(int(values[0])),
        max=_iso(int(values[-1])),
        histogram=replace(found, edges=tuple(round(edge / _US, 3) for edge in found.edges)),
        weekdays=tuple(map(int, weekdays)),
        hours=() if is_midnight else tuple(map(int, hours)),
    )


def _iso(moment: int) -> str:
    return str(pa.scalar(moment, pa.timestamp("us")).as_py().isoformat())


def _counted(name: str, kind: pa.DataType, values: pa.Array, times: pa.Array, missing: int) -> ColumnProfile:
    """Tell text or truths: hashing each value once served distinct, top, least and greatest alike."""
    is_text = not pa.types.is_boolean(kind)
    blank = ColumnProfile(name, "text" if is_text else "bool", missing, len(values))
    if not len(values):
        return blank
    chosen_values, chosen_times = values, times
    if len(values) > _TOP:
        # Among equals the first by name, so that the same rows in another order give the same profile.
        order = [("counts", "descending"), ("values", "ascending")]
        chosen = pc.select_k_unstable(pa.table({"values": values, "counts": times}), k=_TOP, sort_keys=order)
        chosen_values, chosen_times = values.take(chosen), times.take(chosen)
    pairs = sorted(
        zip(chosen_times.to_pylist(), chosen_values.to_pylist(), strict=True), key=lambda pair: (-pair[0], pair[1])
    )
    made = replace(blank, top=tuple((value, count) for count, value in pairs))
    if not is_text:
        return made
    bounds = pc.min_max(values)
    lengths = pc.utf8_length(values)
    weights = np.asarray(times.to_numpy())
    longest = pc.min_max(lengths)
    mean = float((np.asarray(lengths.to_numpy()) * weights).sum() / weights.sum())
    empty = np.asarray(pc.equal(pc.utf8_trim_whitespace(values), "").to_numpy(zero_copy_only=False), dtype=bool)
    return replace(
        made,
        min=bounds["min"].as_py(),
        max=bounds["max"].as_py(),
        lengths=(longest["min"].as_py(), round(mean, 3), longest["max"].as_py()),
        blank=int(weights[empty].sum()),
        patterns=_patterns(values, weights),
    )


def _values(blocks: Iterable[pa.Array], kind: pa.DataType) -> tuple[pa.Array, pa.Array, int]:
    """Give the different values, how often each occurs, and how many cells are missing."""
    if not pa.types.is_dictionary(kind):
        column = pa.chunked_array(list(blocks), type=kind)
        counts = pc.value_counts(column.drop_null())
        return counts.field("values"), counts.field("counts"), column.null_count
    words, times, missing = [], [], 0
    for block in blocks:
        missing += block.null_count
        here = np.bincount(block.indices.drop_null().to_numpy(zero_copy_only=False), minlength=len(block.dictionary))
        used = np.flatnonzero(here)
        # Long offsets: the different texts of a long column may be more than two gigabytes together.
        words.append(block.dictionary.take(pa.array(used)).cast(pa.large_string()))
        times.append(here[used])
    if not words:
        return pa.array([], pa.string()), pa.array([], pa.int64()), missing
    coded = pa.concat_arrays(words).dictionary_encode()
    rows = np.bincount(np.asarray(coded.indices.to_numpy()), weights=np.concatenate(times))
    return coded.dictionary, pa.array(rows.astype(np.int64)), missing


def _patterns(values: pa.Array, weights: NDArray[np.int64]) -> tuple[tuple[str, int], ...]:
    """Find the shapes of text, where few of them cover nearly all rows."""
    if not 1 < len(values) <= _SHAPED:
        return ()
    # The classes of all letters there are take long to compile.
    plain = pc.all(pc.string_is_ascii(values)).as_py()
    shaped = values
    for pattern, mark in (
        ("[0-9]", "9"),
        ("[A-Z]" if plain else r"\p{Lu}", "A"),
        ("[a-z]" if plain else r"\p{Ll}", "a"),
    ):
        shaped = pc.replace_substring_regex(shaped, pattern, mark)
    coded = shaped.dictionary_encode()
    rows = np.bincount(np.asarray(coded.indices.to_numpy()), weights=weights, minlength=len(coded.dictionary))
    order = np.argsort(-rows, kind="stable")[:_SHAPES]
    if rows[order].sum() < _NEARLY_ALL * weights.sum():
        return ()
    return tuple((coded.dictionary[int(place)].as_py(), int(rows[place])) for place in order)


def _real(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _short(value: float) -> float:
    return float(f"{value:.10g}") if abs(value) < 1e9 else value
