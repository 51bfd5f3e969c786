"""What one feature looked like in the reference: bins and counts, so that its rows are never read again."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "BINS",
    "LEVELS",
    "FeatureProfile",
    "Kind",
    "as_levels",
    "as_numbers",
    "learn",
    "profile_from_json",
]

Kind = Literal["numeric", "category", "withheld"]

BINS = 256
LEVELS = 1000
"""Categories kept by name; a column with more keeps the rest as one count."""
_SUMMABLE = 1e100
"""Numbers up to this size can be squared and added up."""

_NUMERIC = ("int", "float")


@dataclass(frozen=True)
class FeatureProfile:
    """Counts of one feature in the reference rows.

    Parameters
    ----------
    name : str
        Column.
    kind : str
        ``withheld`` keeps only the missing share: a personal column must not leak through its profile.
    rows, missing : int
        All rows, and those without a value.
    counts : ndarray of int64
        Numeric: rows per bin, shape (len(cuts) + 1,). Category: rows per level, then one for the levels not kept.
    cuts : ndarray of float64
        Right-closed bin edges between the first and the last bin, which are open-ended.
    means : ndarray of float64
        Mean of the values in each bin.
    low, high, sd : float
        Range and standard deviation.
    levels : tuple of str
        Categories by falling count, ties by name.
    singletons : int
        Categories seen once: Turing's estimate of how many rows would bring a new one.
    """

    name: str
    kind: Kind
    rows: int
    missing: int
    counts: np.ndarray = field(repr=False)
    cuts: np.ndarray = field(default_factory=lambda: np.empty(0), repr=False)
    means: np.ndarray = field(default_factory=lambda: np.empty(0), repr=False)
    low: float = 0.0
    high: float = 0.0
    sd: float = 0.0
    levels: tuple[str, ...] = ()
    singletons: int = 0

    @property
    def known(self) -> int:
        """Rows that have a value."""
        return self.rows - self.missing

    @property
    def truncated(self) -> bool:
        """Whether there were more categories than are kept by name, so that a new one cannot be told."""
        return self.kind == "category" and bool(self.counts[-1])

    def to_json(self) -> dict[str, object]:
        """Give plain JSON."""
        plain: dict[str, object] = {
            "name": self.name,
            "kind": self.kind,
            "rows": self.rows,
            "missing": self.missing,
            "counts": self.counts.tolist(),
        }
        if self.kind == "numeric":
            plain |= {
                "cuts": self.cuts.tolist(),
                "means": self.means.tolist(),
                "low": self.low,
                "high": self.high,
                "sd": self.sd,
            }
        elif self.kind == "category":
            plain |= {"levels": list(self.levels), "singletons": self.singletons}
        return plain


def profile_from_json(plain: Mapping[str, object]) -> FeatureProfile:
    """Read what `FeatureProfile.to_json` wrote."""
    return FeatureProfile(
        name=str(plain["name"]),
        kind=plain["kind"],  # type: ignore[arg-type]
        rows=plain["rows"],  # type: ignore[arg-type]
        missing=plain["missing"],  # type: ignore[arg-type]
        counts=np.asarray(plain["counts"], dtype=np.int64),
        cuts=np.asarray(plain.get("cuts", ()), dtype=np.float64),
        means=np.asarray(plain.get("means", ()), dtype=np.float64),
        low=plain.get("low", 0.0),  # type: ignore[arg-type]
        high=plain.get("high", 0.0),  # type: ignore[arg-type]
        sd=plain.get("sd", 0.0),  # type: ignore[arg-type]
        levels=tuple(plain.get("levels", ())),  # type: ignore[arg-type]
        singletons=plain.get("singletons", 0),  # type: ignore[arg-type]
    )


def learn(name: str, values: pa.ChunkedArray | pa.Array, type_: str, *, pii: bool = False) -> FeatureProfile:
    """Profile one column.

    Parameters
    ----------
    name : str
        Column.
    values : Array
        The reference rows.
    type_ : str
        Type in the dataset's schema: int and float are binned, everything else is counted by category.
    pii : bool
        Keep nothing but the missing share.

    Examples
    --------
    >>> learn("age", pa.array([20, 30, 30, None]), "int").counts.tolist()
    [1, 2]
    >>> learn("grade", pa.array(["B", "A", "B"]), "category").levels
    ('B', 'A')
    """
    if pii:
        return FeatureProfile(name, "withheld", len(values), values.null_count, np.empty(0, dtype=np.int64))
    return _learn_numeric(name, values) if type_ in _NUMERIC else _learn_category(name, values)


def as_numbers(values: pa.ChunkedArray | pa.Array) -> tuple[np.ndarray, int]:
    """Give the values as float64 without the missing ones, and the number of values that are no numbers.

    NaN counts as missing: scikit-learn, pandas and Arrow do not agree on which one stands for nothing.
    """
    kept = values.drop_null()
    if pa.types.is_dictionary(kept.type):
        kept = kept.cast(kept.type.value_type)
    invalid = 0
    if pa.types.is_boolean(kept.type):
        kept = kept.cast(pa.int8())
    if pa.types.is_string(kept.type) or pa.types.is_large_string(kept.type):
        # One bad value must not hide the good ones: those that parse are counted, the others told.
        texts = kept.to_pylist()
        numbers = [number for number in map(_number, texts) if number is not None]
        return np.array(numbers, dtype=np.float64), len(texts) - len(numbers)
    plain = np.asarray(kept.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), dtype=np.float64)
    return plain[~np.isnan(plain)] if np.isnan(plain).any() else plain, invalid


def as_levels(values: pa.ChunkedArray | pa.Array) -> dict[str, int]:
    """Count the values by category; NaN is missing, ``3.0`` and ``3`` are one category.

    Examples
    --------
    >>> as_levels(pa.array([3.0, 1.5, 3.0]))
    {'3': 2, '1.5': 1}
    >>> as_levels(pa.array([True, None]))
    {'true': 1}
    """
    counted = pc.value_counts(values.drop_null())
    levels: dict[str, int] = {}
    for value, count in zip(counted.field("values").to_pylist(), counted.field("counts").to_pylist(), strict=True):
        level = _level(value)
        if level is not None:
            levels[level] = levels.get(level, 0) + count
    return levels


def _learn_numeric(name: str, values: pa.ChunkedArray | pa.Array) -> FeatureProfile:
    numbers, invalid = as_numbers(values)
    finite = np.sort(numbers[np.isfinite(numbers)])
    missing = len(values) - len(finite) - invalid
    if not len(finite):
        return FeatureProfile(name, "numeric", len(values), missing, np.zeros(1, dtype=np.int64), means=np.zeros(1))
    cuts = _cuts(finite)
    bins = np.searchsorted(cuts, finite, "left")
    counts = np.bincount(bins, minlength=len(cuts) + 1)
    # Neither a sum nor a square of the largest numbers must leave the range of numbers.
    largest = max(abs(float(finite[0])), abs(float(finite[-1])))
    unit = largest if largest > _SUMMABLE else 1.0
    sums = np.bincount(bins, weights=finite / unit, minlength=len(cuts) + 1)
    # An empty bin cannot be, but a mean of nothing must not stop the reading of an odd profile.
    means = unit * (sums / np.maximum(counts, 1))
    return FeatureProfile(
        name,
        "numeric",
        len(values),
        missing,
        counts.astype(np.int64),
        cuts,
        means,
        float(finite[0]),
        float(finite[-1]),
        unit * float((finite / unit).std()),
    )


def _cuts(ordered: np.ndarray) -> np.ndarray:
    distinct = np.unique(ordered)
    if len(distinct) <= BINS:
        return distinct[:-1]
    grid = ordered[np.linspace(0, len(ordered) - 1, BINS + 1).astype(int)]
    cuts, times = np.unique(grid, return_counts=True)
    # A value that holds over 1/256 of the rows, as zero often does, gets a bin of its own.
    heavy = cuts[times > 1]
    cuts = np.unique(np.concatenate([cuts[1:-1], heavy, np.nextafter(heavy, -np.inf)]))
    cuts = cuts[(cuts >= ordered[0]) & (cuts < ordered[-1])]
    filled = np.bincount(np.searchsorted(cuts, ordered, "left"), minlength=len(cuts) + 1)
    # A bin that holds no reference row says nothing a neighbour would not.
    kept: np.ndarray = cuts[filled[:-1] > 0]
    return kept


def _learn_category(name: str, values: pa.ChunkedArray | pa.Array) -> FeatureProfile:
    found = as_levels(values)
    ranked = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    kept, rest = ranked[:LEVELS], ranked[LEVELS:]
    counts = np.array([count for _, count in kept] + [sum(count for _, count in rest)], dtype=np.int64)
    return FeatureProfile(
        name,
        "category",
        len(values),
        len(values) - int(counts.sum()),
        counts,
        levels=tuple(level for level, _ in kept),
        singletons=sum(count == 1 for _, count in ranked),
    )


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _level(value: object) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if math.isnan(value):
            return None
        return str(int(value)) if value.is_integer() else repr(value)
    return str(value)
