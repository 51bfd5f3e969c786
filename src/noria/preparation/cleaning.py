"""Rows put in order one by one, before the split: no statistic is learned, the target is not looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from noria.datasets.casting import to_types
from noria.errors import WrongData, WrongSetting, did_you_mean
from noria.preparation.bounding import bounded
from noria.store.memory import is_large

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from noria.preparation.clean_settings import CleanSettings

__all__ = ["CleanStep", "clean"]

_RESERVED = "_noria_"


@dataclass(frozen=True)
class CleanStep:
    """What one rule did.

    Parameters
    ----------
    rule : str
        In words.
    count : int
        How many.
    of : str
        rows or cells.
    """

    rule: str
    count: int
    of: str = "cells"

    def to_json(self) -> dict[str, object]:
        """Give the fields as JSON."""
        return {"rule": self.rule, "count": self.count, "of": self.of}


def clean(
    table: pa.Table, settings: CleanSettings, *, key: Sequence[str] = ()
) -> tuple[pa.Table, tuple[CleanStep, ...]]:
    """Apply ``[clean]``.

    Parameters
    ----------
    table : pyarrow.Table
        Rows that passed the checks.
    settings : CleanSettings
        What is to be done: rename, blanks, missing marks, casts, bounds, duplicates, in this order.
    key : sequence of str
        What identifies a row, for ``drop_duplicates = "key:…"``.

    Returns
    -------
    (pyarrow.Table, tuple of CleanStep)
        The rows in their order, and what each rule changed; rules that changed nothing are left out.

    Raises
    ------
    WrongSetting
        A rule names a column that is not there, or needs a key and there is none.
    WrongData
        No row is left.

    Examples
    --------
    >>> import pyarrow as pa
    >>> from noria.preparation.clean_settings import CleanSettings
    >>> settings = CleanSettings(drop_duplicates=True, na_values=["?"])
    >>> made, done = clean(pa.table({"job": [" fixed", "?", "?"]}), settings)
    >>> made["job"].to_pylist(), [(step.rule, step.count) for step in done]
    (['fixed', None], [('trim', 1), ('na_values', 2), ('drop_duplicates', 1)])
    """
    from noria.store.aside import shelve  # noqa: PLC0415 - the engine looks at this module without running it

    steps: list[CleanStep] = []
    table = _renamed(table, settings)
    table, trimmed, marked = _texts(table, settings)
    steps += [CleanStep("trim", trimmed), CleanStep("na_values", marked)]
    unknown = [name for name in settings.cast if name not in table.column_names]
    if unknown:
        raise _no_column("cast", unknown[0], table)
    present = {name: table.num_rows - table.column(name).null_count for name in settings.cast}
    table, lost = to_types(table, settings.cast)
    _refuse_emptied(present, lost, settings)
    steps += [CleanStep(f"cast {name} to {settings.cast[name]}: made missing", count) for name, count in lost.items()]
    for name, bounds in settings.bounds.items():
        if name not in table.column_names:
            raise _no_column("bounds", name, table)
        made, count = bounded(table, name, bounds)
        table = shelve(made, like=table)
        done = {"null": "made missing", "clip": "brought to the bound", "drop": "left out"}[bounds.do]
        steps.append(CleanStep(f"bounds of {name}: {done}", count, "rows" if bounds.do == "drop" else "cells"))
    before = table.num_rows
    table = _deduplicated(table, settings, key)
    steps.append(CleanStep("drop_duplicates", before - table.num_rows, "rows"))
    if table.num_rows == 0:
        raise WrongData("cleaning leaves no rows", mend="look at the rules of [clean]", code="N-CLEAN-003")
    return table, tuple(step for step in steps if step.count)


def _refuse_emptied(present: Mapping[str, int], lost: Mapping[str, int], settings: CleanSettings) -> None:
    for name, count in lost.items():
        if present[name] and count == present[name]:
            raise WrongData(
                f"[clean] cast leaves nothing of {name!r}: none of its {count:,} values is a {settings.cast[name]}",
                mend=f"see what it holds with: noria data show, or take {name!r} out of [clean] cast",
                code="N-CLEAN-004",
            )


def _renamed(table: pa.Table, settings: CleanSettings) -> pa.Table:
    # Names are given when the source is read, so that [data] and [data.checks] know them; a table that came another
    # way is renamed here.
    names = [settings.rename.get(name, name) for name in table.column_names]
    for old, new in settings.rename.items():
        if old not in table.column_names and new not in table.column_names:
            raise _no_column("rename", old, table)
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise WrongSetting(
            f"[clean] rename gives the name {twice!r}, which another column has already",
            mend="choose another name",
            code="N-CLEAN-001",
        )
    return table.rename_columns(names)


def _texts(table: pa.Table, settings: CleanSettings) -> tuple[pa.Table, int, int]:
    import pyarrow as pa  # noqa: PLC0415 - the engine looks at this module without running it
    import pyarrow.compute as pc  # noqa: PLC0415 - as above

    from noria.store.aside import without_copies  # noqa: PLC0415 - as above

    nothing = pa.scalar(None, pa.string())
    marks = pa.array(sorted(set(settings.na_values)), pa.string())
    trimmed = marked = 0
    keep = without_copies(table)
    columns = table.columns
    for position, name in enumerate(table.column_names):
        column = columns[position]
        if name.startswith(_RESERVED):
            continue
        if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
            numbers = [number for mark in settings.na_values if (number := _number(mark)) is not None]
            if numbers:
                hit = pc.is_in(column.cast(pa.float64(), safe=False), value_set=pa.array(numbers, pa.float64()))
                found = pc.sum(hit).as_py() or 0
                if found:
                    marked += found
                    kept = pc.if_else(hit, pa.scalar(None, column.type), column)
                    columns[position] = keep(kept)
            continue
        if not pa.types.is_string(column.type):
            continue
        made = column
        if settings.trim:
            made = pc.utf8_trim_whitespace(made)
            trimmed += pc.sum(pc.not_equal(made, column)).as_py() or 0
            made = pc.if_else(pc.equal(made, ""), nothing, made)
        hit = pc.is_in(made, value_set=marks)
        marked += (pc.sum(hit).as_py() or 0) if len(marks) else 0
        made = pc.if_else(hit, nothing, made) if len(marks) else made
        columns[position] = keep(made)
    return pa.Table.from_arrays(columns, schema=table.schema), trimmed, marked


def _number(mark: str) -> float | None:
    try:
        return float(mark)
    except ValueError:
        return None


def _deduplicated(table: pa.Table, settings: CleanSettings, key: Sequence[str]) -> pa.Table:
    import numpy as np  # noqa: PLC0415 - as above
    import pyarrow as pa  # noqa: PLC0415 - as above
    import pyarrow.compute as pc  # noqa: PLC0415 - as above

    from noria.store.aside import chosen  # noqa: PLC0415 - as above

    wanted = settings.drop_duplicates
    if not wanted:
        return table
    if isinstance(wanted, str):
        if not key:
            raise WrongSetting(
                f'[clean] drop_duplicates = "{wanted}" needs [data] key',
                mend='name what identifies a row: [data] key = ["id"], or write drop_duplicates = true',
                code="N-CLEAN-002",
            )
        names, pick = list(key), "max" if wanted == "key:last" else "min"
    else:
        names, pick = [name for name in table.column_names if not name.startswith(_RESERVED)], "min"
    numbered = table.select(names).append_column("_noria_row", pa.array(np.arange(table.num_rows)))
    doubles = _doubles(table.select(names)) if is_large(table.nbytes) else None
    compared = numbered if doubles is None else chosen(numbered, np.flatnonzero(doubles))
    kept = compared.group_by(names).aggregate([("_noria_row", pick)]).column(f"_noria_row_{pick}")
    if doubles is not None:
        kept = pa.chunked_array([*kept.chunks, pa.array(np.flatnonzero(~doubles))], pa.int64())
    if isinstance(wanted, str):
        # A row without a key repeats no other row.
        whole = pc.is_valid(table.column(names[0]))
        for name in names[1:]:
            whole = pc.and_(whole, pc.is_valid(table.column(name)))
        keyless = numbered.filter(pc.invert(whole)).column("_noria_row")
        kept = pa.chunked_array([*kept.chunks, *keyless.chunks], pa.int64())
    return chosen(table, np.unique(kept.to_numpy()))


def _doubles(table: pa.Table) -> NDArray[np.bool_]:
    """Mark rows that may equal another one, by their hashes: of a large table only these are compared."""
    import numpy as np  # noqa: PLC0415 - as above

    from noria.datasets.sql import session  # noqa: PLC0415 - as above

    with session({"rows_of_table": table}) as duck:
        query = "SELECT hash(row_of_table) AS h FROM rows_of_table AS row_of_table"
        hashes = duck.sql(query).to_arrow_table().column("h").to_numpy()
    _, which, counts = np.unique(hashes, return_inverse=True, return_counts=True)
    found: NDArray[np.bool_] = counts[which] > 1
    return found


def _no_column(rule: str, name: str, table: pa.Table) -> WrongSetting:
    return WrongSetting(
        f"[clean] {rule} names the column {name!r}, which the data does not have",
        why=f"columns: {', '.join(table.column_names[:40])}",
        mend=did_you_mean(name, table.column_names) or f"take it out of [clean] {rule}",
        code="N-CLEAN-001",
    )
