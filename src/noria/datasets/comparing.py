"""Two versions of a table held against each other, with nothing personal in what comes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from noria.errors import DatasetNotFound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from noria.datasets.catalog import Datasets
    from noria.datasets.diff import TableDiff
    from noria.datasets.spreads import Spread
    from noria.datasets.version import DatasetVersion

__all__ = ["Compared", "compare", "personal"]

_WHOLE_ROWS = 10


@dataclass(frozen=True)
class Compared:
    """What changed, and how the columns are spread before and after; values of personal columns are in neither."""

    found: TableDiff
    spread: tuple[Spread, ...]


def compare(
    datasets: Datasets, old: DatasetVersion, new: DatasetVersion, *, key: Sequence[str] = (), spread: bool = True
) -> Compared:
    """Compare two versions; their files are scanned, not loaded.

    Parameters
    ----------
    datasets : Datasets
        Holds their rows.
    old, new : DatasetVersion
        Which.
    key : sequence of str
        What identifies a row.
    spread : bool
        Whether the columns are counted too.
    """
    from noria.datasets.diff import diff  # noqa: PLC0415 - tables only when one is read
    from noria.datasets.spreads import spreads  # noqa: PLC0415 - as above

    hidden = personal(datasets, old, new)
    first, second = datasets.stored(old), datasets.stored(new)
    found = diff(first, second, key, whole_rows=_WHOLE_ROWS).without(hidden)
    return Compared(found, spreads(first, second, leave_out={*hidden, *key}) if spread else ())


def personal(datasets: Datasets, *versions: DatasetVersion) -> frozenset[str]:
    """Name the columns that are personal in one of the versions, or in what their datasets are by now."""
    known = list(versions)
    for name in {version.name for version in versions}:
        try:
            known.append(datasets.get(name))
        except DatasetNotFound:
            continue
    return frozenset(column.name for version in known for column in version.schema.columns if column.pii)
