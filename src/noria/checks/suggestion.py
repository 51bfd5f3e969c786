"""Checks that the data at hand passes, and that more of its kind will pass: what `noria check --suggest` proposes."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from noria.datasets.profiled import ColumnProfile, Profile
    from noria.datasets.schema import Schema

__all__ = ["Suggestion", "suggest"]

_ENOUGH = 100
_PLENTY = 1000
_MOST_VALUES = 20
_EACH = 10
_SHAPES = 3
_SKEWED = 2.0
_SPARE = 0.05
_FORMATS = {
    "email": r"^[^@\s]+@[^@\s]+\.[^@\s]+$",
    "uuid": r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$",
    "url": r"^https?://\S+$",
    "date": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
}
_MARKS = {"A": "[A-Z]", "a": "[a-z]", "9": "[0-9]"}


@dataclass(frozen=True)
class Suggestion:
    """What may be written under ``[data.checks]`` and ``[data.columns]``.

    Parameters
    ----------
    rows : int
        Fewest rows.
    missing : float
        Greatest share of missing values of a column that is not named.
    missing_columns : mapping of str to float
        The same of single columns.
    unique : tuple of str
        Columns that never repeat.
    columns : mapping of str to mapping
        Column -> key of ``[data.columns]`` -> value.
    """

    rows: int
    missing: float
    missing_columns: Mapping[str, float]
    unique: tuple[str, ...]
    columns: Mapping[str, Mapping[str, object]] = field(default_factory=dict)


def suggest(found: Profile, schema: Schema, *, key: Sequence[str] = (), known: Sequence[str] = ()) -> Suggestion:
    """Propose checks from what a profile tells.

    Parameters
    ----------
    found : Profile
        Of the newest rows.
    schema : Schema
        What the columns are.
    key : sequence of str
        What identifies a row.
    known : sequence of str
        Columns that the project file describes already: nothing is proposed for them.

    Notes
    -----
    Conservative, so that what fails is news. Ranges reach as far again beyond what was seen, ten times as far where
    values are skewed, and never below zero where nothing was. Values are listed only where each was seen ten times: by
    Good and Turing's estimate next to nothing is then still unseen. No gap may come where a thousand rows had none.

    Examples
    --------
    >>> import pyarrow as pa
    >>> from noria.datasets.profile import profile
    >>> from noria.datasets.schema import infer
    >>> table = pa.table({"age": list(range(20, 60)) * 30, "grade": ["A", "B", "C"] * 400})
    >>> made = suggest(profile(table), infer(table)).columns
    >>> made["age"], made["grade"]["values"]
    ({'type': 'int', 'min': 0, 'max': 98, 'nullable': False}, ['A', 'B', 'C'])
    """
    types = {column.name: column for column in schema.columns}
    columns: dict[str, dict[str, object]] = {}
    limits: dict[str, float] = {}
    unique = []
    for column in found.columns:
        told = types.get(column.name)
        if told is None:
            continue
        share = column.missing / found.rows if found.rows else 0.0
        if share > 0:
            limits[column.name] = _limit(share, found.rows)
        is_identity = column.name in key or told.reason.startswith(("an identifier", "a row number"))
        if is_identity and column.distinct == found.rows and not column.missing and found.rows >= _ENOUGH:
            unique.append(column.name)
        if column.name in known or column.missing == found.rows:
            continue
        columns[column.name] = {"type": told.type, **_of_column(column, told.type, found.rows, is_identity)}
    return Suggestion(
        rows=max(2, found.rows // 2),
        missing=_SPARE,
        missing_columns={name: limit for name, limit in limits.items() if limit > _SPARE},
        unique=tuple(unique),
        columns=columns,
    )


def _of_column(column: ColumnProfile, kind: str, rows: int, is_identity: bool) -> dict[str, object]:
    made: dict[str, object] = {}
    present = rows - column.missing
    is_number = kind in {"int", "float"} and column.min is not None and not is_identity
    if is_number and present >= _ENOUGH and column.distinct > 1:
        low, high = _range(column, whole=kind == "int")
        made |= {"min": low, "max": high}
    if (
        kind == "category"
        and 1 < column.distinct <= _MOST_VALUES
        and len(column.top) == column.distinct
        and min(count for _, count in column.top) >= _EACH
    ):
        made["values"] = sorted(str(value) for value, _ in column.top)
    if kind == "text" and present >= _ENOUGH:
        pattern = _format(column) or _shape(column, present)
        if pattern:
            made["match"] = pattern
    if not column.missing and rows >= _PLENTY:
        made["nullable"] = False
    return made


def _range(column: ColumnProfile, *, whole: bool) -> tuple[float, float]:
    least, most = float(str(column.min)), float(str(column.max))
    reach = (most - least) * (9 if abs(column.skew or 0.0) > _SKEWED else 1)
    low, high = least - reach, most + reach
    if least >= 0:
        low = 0.0
    if most <= 0:
        high = 0.0
    low, high = _round(low, math.floor), _round(high, math.ceil)
    if whole:
        bound = 2**63 - 1
        return max(int(low), -bound), min(int(high), bound)
    return low, high


def _round(value: float, towards: object) -> float:
    """Round outwards to two digits."""
    if value == 0 or not math.isfinite(value):
        return 0.0 if value == 0 else math.copysign(1e308, value)
    unit = 10.0 ** (math.floor(math.log10(abs(value))) - 1)
    whole = math.floor(value / unit) if towards is math.floor else math.ceil(value / unit)
    return float(f"{whole * unit:.12g}")


def _limit(share: float, rows: int) -> float:
    """Give room beyond the share seen: four standard errors, and five hundredths at the least."""
    spare = max(_SPARE, 4 * math.sqrt(share * (1 - share) / rows))
    return min(1.0, math.ceil(100 * (share + spare)) / 100)


def _format(column: ColumnProfile) -> str:
    values = [str(value) for value, _ in column.top]
    if not values:
        return ""
    return next((pattern for pattern in _FORMATS.values() if all(re.search(pattern, value) for value in values)), "")


def _shape(column: ColumnProfile, present: int) -> str:
    """Turn the shapes of text into an expression, where they cover every row and none is rare."""
    if not column.patterns or sum(count for _, count in column.patterns) < present:
        return ""
    if min(count for _, count in column.patterns) < _EACH:
        return ""
    told = {"".join(_run(mark, len(list(run))) for mark, run in groupby(shape)) for shape, _ in column.patterns}
    if len(told) > _SHAPES or any(not part for part in told):
        return ""
    parts = sorted(told)
    return f"^{parts[0]}$" if len(parts) == 1 else f"^({'|'.join(parts)})$"


def _run(mark: str, length: int) -> str:
    return f"{_MARKS[mark]}+" if mark in _MARKS else re.escape(mark * length)
