"""What a profile tells: of each column, and of how the columns hang together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, TypeVar, cast

__all__ = [
    "QUANTILES",
    "Association",
    "ColumnProfile",
    "Histogram",
    "MissingPattern",
    "Profile",
    "Relation",
    "Scalar",
    "TargetProfile",
    "from_json",
]

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
"""Shares whose quantiles a profile holds."""

Scalar = str | int | float | bool | None
_T = TypeVar("_T")


@dataclass(frozen=True)
class Histogram:
    """Rows by bins of equal width.

    Parameters
    ----------
    edges : tuple of float
        One more than there are bins; of times, seconds since 1970. The last bin holds its upper edge too.
    counts : tuple of int
        Rows in each.
    below, above : int
        Rows beyond the edges: far-off values do not squeeze the rest into one bin.
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    below: int = 0
    above: int = 0


@dataclass(frozen=True)
class ColumnProfile:
    """One column.

    Parameters
    ----------
    name : str
        Column.
    type : str
        int, float, bool, text or timestamp, as stored.
    missing : int
        Rows without a value.
    distinct : int
        Different values, without the missing.
    min, max : int, float or str, optional
        Least and greatest value; text by code point, times as ISO text.
    mean, sd, skew : float, optional
        Of numbers; `sd` with n - 1, `skew` the adjusted Fisher-Pearson coefficient.
    quantiles : mapping of str to float
        Share -> value, linearly interpolated, for numbers.
    zeros, negative : int, optional
        Numbers that are zero, or less.
    infinite : int, optional
        Numbers that are infinite; they are left out of every other figure.
    outliers : int, optional
        Numbers beyond the quartiles by more than one and a half times their distance.
    extreme : int, optional
        Numbers whose robust z-score, 0.6745 (x - median) / mad, is beyond 3.5.
    mad : float, optional
        Median distance from the median.
    histogram : Histogram, optional
        Of numbers and times.
    lengths : tuple of (int, float, int), optional
        Least, mean and greatest number of characters of text.
    blank : int, optional
        Texts of nothing but blanks.
    patterns : tuple of (str, int)
        Shapes of text where few cover nearly all: ``A`` a capital, ``a`` a small letter, ``9`` a digit.
    weekdays, hours : tuple of int
        Times by day, Monday first, and by hour; no hours where all are midnight.
    top : tuple of (value, count)
        The most frequent values of text and truths, at most 20, the most frequent first. Of personal data nothing but
        `missing` and `distinct` is told.
    """

    name: str
    type: str
    missing: int
    distinct: int
    min: int | float | str | None = None
    max: int | float | str | None = None
    mean: float | None = None
    sd: float | None = None
    skew: float | None = None
    quantiles: Mapping[str, float] | None = None
    zeros: int | None = None
    infinite: int | None = None
    top: tuple[tuple[Scalar, int], ...] = ()
    negative: int | None = None
    outliers: int | None = None
    extreme: int | None = None
    mad: float | None = None
    histogram: Histogram | None = None
    lengths: tuple[int, float, int] | None = None
    blank: int | None = None
    patterns: tuple[tuple[str, int], ...] = ()
    weekdays: tuple[int, ...] = ()
    hours: tuple[int, ...] = ()


@dataclass(frozen=True)
class Association:
    """How two columns hang together.

    Parameters
    ----------
    a, b : str
        Columns.
    measure : str
        ``pearson`` of two numbers, ``cramers_v`` (corrected for bias) of two categories, ``correlation_ratio`` of a
        number and a category, ``missing`` of where two columns have gaps.
    value : float
        -1 to 1, or 0 to 1.
    rank : float, optional
        Spearman's, of two numbers.
    """

    a: str
    b: str
    measure: str
    value: float
    rank: float | None = None

    @property
    def strength(self) -> float:
        """How strong it is, 0 to 1, whatever its direction."""
        return max(abs(self.value), abs(self.rank or 0.0))


@dataclass(frozen=True)
class MissingPattern:
    """Columns that are missing together, in just these rows; none of them are the complete rows."""

    columns: tuple[str, ...]
    rows: int


@dataclass(frozen=True)
class Relation:
    """What one column says of the target by itself.

    Parameters
    ----------
    name : str
        Column.
    measure : str
        ``auc``, ``spearman``, ``correlation_ratio`` or ``cramers_v``.
    value : float
        Of that measure.
    information : float
        Mutual information of the binned column and the target, in bits, corrected for bias; for the order.
    labels : tuple of str
        Bins of the column: ranges, or its most frequent values.
    rates : tuple of float or None
        Share of the positive class, or mean of the target, in each.
    counts : tuple of int
        Rows in each.
    """

    name: str
    measure: str
    value: float
    information: float
    labels: tuple[str, ...] = ()
    rates: tuple[float | None, ...] = ()
    counts: tuple[int, ...] = ()


@dataclass(frozen=True)
class TargetProfile:
    """How each column goes with the target, the most telling first."""

    name: str
    task: str
    positive: Scalar
    base: float | None
    relations: tuple[Relation, ...]


@dataclass(frozen=True)
class Profile:
    """All columns.

    Parameters
    ----------
    rows : int
        How many.
    columns : tuple of ColumnProfile
        In the order of the table.
    duplicates : int, optional
        Rows that repeat another in every column.
    sample : int, optional
        Rows that associations and the target's relations were measured on, drawn from all over.
    associations : tuple of Association
        Pairs of columns that hang together, the strongest first; weaker than 0.05 are left out.
    missing_pairs : tuple of Association
        Columns whose gaps lie in the same rows (or never do).
    missing_together : tuple of MissingPattern
        Patterns of gaps, the most frequent first.
    target : TargetProfile, optional
        Where a target was named.
    """

    rows: int
    columns: tuple[ColumnProfile, ...]
    duplicates: int | None = None
    sample: int | None = None
    associations: tuple[Association, ...] = ()
    missing_pairs: tuple[Association, ...] = ()
    missing_together: tuple[MissingPattern, ...] = ()
    target: TargetProfile | None = None

    def __getitem__(self, name: str) -> ColumnProfile:
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    def to_json(self) -> dict[str, object]:
        """Give the profile as JSON; `from_json` reads it back."""
        return cast("dict[str, object]", _plain(asdict(self)))


def from_json(value: object) -> Profile:
    """Read a profile back; one that an older noria wrote lacks what it did not measure.

    Examples
    --------
    >>> old = {"rows": 2, "columns": [{"name": "a", "type": "int", "missing": 0, "distinct": 2, "top": []}]}
    >>> from_json(old)["a"].distinct, from_json(old).duplicates
    (2, None)
    """
    given = dict(cast("Mapping[str, Any]", value))
    target = given.get("target")
    return Profile(
        rows=given["rows"],
        columns=tuple(_column(entry) for entry in given["columns"]),
        duplicates=given.get("duplicates"),
        sample=given.get("sample"),
        associations=tuple(_made(Association, entry) for entry in given.get("associations", ())),
        missing_pairs=tuple(_made(Association, entry) for entry in given.get("missing_pairs", ())),
        missing_together=tuple(_made(MissingPattern, entry) for entry in given.get("missing_together", ())),
        target=None
        if target is None
        else TargetProfile(**{**target, "relations": tuple(_made(Relation, entry) for entry in target["relations"])}),
    )


def _column(entry: Mapping[str, Any]) -> ColumnProfile:
    made = _made(ColumnProfile, entry)
    found = entry.get("histogram")
    return made if found is None else _made(ColumnProfile, {**entry, "histogram": _made(Histogram, found)})


def _made(kind: type[_T], entry: Mapping[str, Any]) -> _T:
    # What a newer noria wrote besides is left out.
    names = {field.name for field in fields(cast("Any", kind))}
    return kind(**{name: _tuples(value) for name, value in entry.items() if name in names})


def _tuples(value: object) -> object:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(item) for item in value]
    return value
