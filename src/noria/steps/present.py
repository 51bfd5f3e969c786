"""What the world is like now: the rows since the alert that led to a retraining, where there are enough of them.

After a shift the data is a mixture of two times. A model learns from all of it, but a monitor that compared what comes
in with the mixture would find the shift again in every window.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from noria.datasets.marks import RECENT

if TYPE_CHECKING:
    import pyarrow as pa

    from noria.datasets.settings import DataSettings

__all__ = ["ENOUGH", "enough", "present"]

ENOUGH = 30
"""Rows, of each class, that make what they say by themselves worth more than what all rows say."""


def present(table: pa.Table, settings: DataSettings, task: str, *, least: int = ENOUGH) -> pa.Table:
    """Give the rows of the new time, or all where nothing has changed or the new ones are too few.

    Parameters
    ----------
    table : Table
        Rows of the source and of production.
    settings : DataSettings
        The section ``[data]``.
    task : str
        What is learned.
    least : int
        Rows, of each class in classification, that are enough.

    Examples
    --------
    >>> import pyarrow as pa
    >>> from noria.datasets.settings import DataSettings
    >>> table = pa.table({"y": range(100), "_noria_recent": [row >= 60 for row in range(100)]})
    >>> settings = DataSettings(source="x.csv", target="y")
    >>> present(table, settings, "regression").num_rows, present(table, settings, "regression", least=50).num_rows
    (40, 100)
    """
    import pyarrow.compute as pc  # noqa: PLC0415 - the engine imports this module to look at it

    from noria.store.aside import filtered  # noqa: PLC0415 - as above

    if RECENT not in table.column_names:
        return table
    recent = filtered(table, pc.fill_null(table[RECENT], False))
    return recent if enough(recent, settings, task, least=least) else table


def enough(rows: pa.Table, settings: DataSettings, task: str, *, least: int = ENOUGH) -> bool:
    """Say whether rows are enough to judge a model by them alone."""
    import pyarrow.compute as pc  # noqa: PLC0415 - the engine imports this module to look at it

    if task != "classification" or not settings.target:
        return bool(rows.num_rows >= least)
    counts = [count["counts"] for count in pc.value_counts(rows[settings.target]).to_pylist()]
    return len(counts) > 1 and min(counts) >= least
