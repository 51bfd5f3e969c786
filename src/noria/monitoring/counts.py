"""What one window holds, counted in the reference's bins. Merging two windows is addition."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from noria.monitoring.profile import as_levels, as_numbers

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

    from noria.monitoring.profile import FeatureProfile

__all__ = ["FeatureCounts", "WindowCounts", "count", "counts_from_json"]


@dataclass(frozen=True)
class FeatureCounts:
    """Counts of one feature in one window.

    Parameters
    ----------
    rows, missing : int
        All rows, and those without a value; an infinite one is none, to the model and to its reference.
    invalid : int
        Values that are no numbers though the feature is numeric.
    unseen : int
        Rows of a category the reference never had.
    below, above : int
        Values outside the reference's range; they are in the end bins as well.
    counts : ndarray of int64
        Rows per bin, as in the profile.
    total, squares : float
        Sum of the values and of their squares.
    low, high : float or None
        Range of the values.
    """

    rows: int
    missing: int
    counts: np.ndarray = field(repr=False)
    invalid: int = 0
    unseen: int = 0
    below: int = 0
    above: int = 0
    total: float = 0.0
    squares: float = 0.0
    low: float | None = None
    high: float | None = None

    def __add__(self, other: FeatureCounts) -> FeatureCounts:
        return FeatureCounts(
            self.rows + other.rows,
            self.missing + other.missing,
            self.counts + other.counts,
            self.invalid + other.invalid,
            self.unseen + other.unseen,
            self.below + other.below,
            self.above + other.above,
            self.total + other.total,
            self.squares + other.squares,
            min((x for x in (self.low, other.low) if x is not None), default=None),
            max((x for x in (self.high, other.high) if x is not None), default=None),
        )

    @property
    def known(self) -> int:
        """Rows in the bins."""
        return int(self.counts.sum())

    @property
    def mean(self) -> float | None:
        """Mean of a numeric feature."""
        return self.total / self.known if self.known and self.low is not None else None

    def to_json(self) -> dict[str, object]:
        """Give plain JSON; fields that are nought are left out."""
        plain: dict[str, object] = {"rows": self.rows, "counts": self.counts.tolist()}
        for name in ("missing", "invalid", "unseen", "below", "above", "total", "squares", "low", "high"):
            value = getattr(self, name)
            if value or (value is not None and name in ("low", "high")):
                plain[name] = value
        return plain


@dataclass(frozen=True)
class WindowCounts:
    """Counts of all features of one window, and of the prediction."""

    rows: int
    features: Mapping[str, FeatureCounts]
    prediction: FeatureCounts | None = None

    def __add__(self, other: WindowCounts) -> WindowCounts:
        together = {name: self.features[name] + other.features[name] for name in self.features}
        prediction = self.prediction
        if prediction is not None and other.prediction is not None:
            prediction = prediction + other.prediction
        return WindowCounts(self.rows + other.rows, together, prediction)

    def to_json(self) -> dict[str, object]:
        """Give plain JSON."""
        return {
            "rows": self.rows,
            "features": {name: counts.to_json() for name, counts in self.features.items()},
            "prediction": None if self.prediction is None else self.prediction.to_json(),
        }


def counts_from_json(plain: Mapping[str, object]) -> WindowCounts:
    """Read what `WindowCounts.to_json` wrote."""
    features: Mapping[str, Mapping[str, object]] = plain["features"]  # type: ignore[assignment]
    prediction: Mapping[str, object] | None = plain.get("prediction")  # type: ignore[assignment]
    return WindowCounts(
        rows=plain["rows"],  # type: ignore[arg-type]
        features={name: _from_json(counts) for name, counts in features.items()},
        prediction=None if prediction is None else _from_json(prediction),
    )


def count(profile: FeatureProfile, values: pa.ChunkedArray | pa.Array) -> FeatureCounts:
    """Count a window's values of one feature in the bins of its profile.

    Parameters
    ----------
    profile : FeatureProfile
        Whose bins.
    values : Array
        The window's rows.

    Examples
    --------
    >>> import pyarrow as pa
    >>> from noria.monitoring.profile import learn
    >>> seen = count(learn("grade", pa.array(["A", "B", "A"]), "category"), pa.array(["A", "C", None]))
    >>> seen.counts.tolist(), seen.unseen, seen.missing
    ([1, 0, 0], 1, 1)
    """
    if profile.kind == "numeric":
        return _count_numeric(profile, values)
    if profile.kind == "category":
        return _count_category(profile, values)
    return FeatureCounts(len(values), values.null_count, np.empty(0, dtype=np.int64))


def _count_numeric(profile: FeatureProfile, values: pa.ChunkedArray | pa.Array) -> FeatureCounts:
    numbers, invalid = as_numbers(values)
    missing = len(values) - len(numbers) - invalid
    finite = numbers if np.isfinite(numbers).all() else numbers[np.isfinite(numbers)]
    missing += len(numbers) - len(finite)
    counts = np.bincount(np.searchsorted(profile.cuts, finite, "left"), minlength=len(profile.counts))
    if not len(finite):
        return FeatureCounts(len(values), missing, counts.astype(np.int64), invalid)
    return FeatureCounts(
        len(values),
        missing,
        counts.astype(np.int64),
        invalid,
        below=int((finite < profile.low).sum()),
        above=int((finite > profile.high).sum()),
        total=float(finite.sum()),
        squares=float(finite @ finite),
        low=float(finite.min()),
        high=float(finite.max()),
    )


def _count_category(profile: FeatureProfile, values: pa.ChunkedArray | pa.Array) -> FeatureCounts:
    place = {level: position for position, level in enumerate(profile.levels)}
    counts = np.zeros(len(profile.counts), dtype=np.int64)
    unseen = 0
    found = as_levels(values)
    for level, rows in found.items():
        position = place.get(level)
        if position is not None:
            counts[position] += rows
        elif profile.truncated:
            counts[-1] += rows
        else:
            unseen += rows
    return FeatureCounts(len(values), len(values) - sum(found.values()), counts, unseen=unseen)


def _from_json(plain: Mapping[str, object]) -> FeatureCounts:
    known = {name: value for name, value in plain.items() if name not in ("rows", "counts", "missing")}
    return FeatureCounts(
        rows=plain["rows"],  # type: ignore[arg-type]
        missing=plain.get("missing", 0),  # type: ignore[arg-type]
        counts=np.asarray(plain["counts"], dtype=np.int64),
        **known,  # type: ignore[arg-type]
    )
