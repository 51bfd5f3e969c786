"""Rows set aside, each with what is wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from noria.checks.expectations import columns_of
from noria.datasets.sql import quoted, text

if TYPE_CHECKING:
    import pyarrow as pa

    from noria.checks.scan import Scan
    from noria.checks.settings import CheckSettings

__all__ = ["WHY", "reasons"]

WHY = "_noria_why"
"""Column of rows set aside that says what they break."""


def reasons(scan: Scan, settings: CheckSettings) -> pa.ChunkedArray:
    """Say of each row, in order, what it breaks among the checks of severity quarantine; missing where nothing.

    Parameters
    ----------
    scan : Scan
        The table.
    settings : CheckSettings
        ``[data.checks]``.
    """
    tests = [(one.broken, one.said) for one in scan.held if one.severity == "quarantine"]
    if settings.severity_of("unique") == "quarantine":
        for columns in columns_of(settings.unique):
            names = ", ".join(quoted(name) for name in columns)
            present = " AND ".join(f"{quoted(name)} IS NOT NULL" for name in columns)
            # Of rows that share a key the first stays.
            test = f"({present} AND row_number() OVER (PARTITION BY {names} ORDER BY noria_row) > 1)"
            tests.append((test, f"{' and '.join(columns)} must not repeat"))
    marks = ", ".join(f"CASE WHEN {test} THEN {text(said)} END" for test, said in tests)
    numbered = "SELECT *, row_number() OVER () AS noria_row FROM rows_of_table"
    # concat_ws leaves out what is NULL, and gives an empty text where all are.
    told = f"SELECT nullif(concat_ws('; ', {marks}), '') AS why FROM ({numbered}) ORDER BY noria_row"  # noqa: S608 - names are quoted, rules are parsed
    found: pa.ChunkedArray = scan.duck.sql(told).to_arrow_table().column("why")
    return found
