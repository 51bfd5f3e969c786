"""Column names that every later step can rely on: present, different, not noria's own."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from noria.errors import WrongData, WrongSetting, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

__all__ = ["RESERVED", "checked", "clean_names"]

RESERVED = "_noria_"
"""Prefix of noria's own bookkeeping columns."""


def clean_names(names: Sequence[str | None]) -> list[str]:
    """Strip names; number those that are blank.

    Examples
    --------
    >>> clean_names([" age ", "", None])
    ['age', 'column_2', 'column_3']
    """
    return [str(name or "").strip() or f"column_{number}" for number, name in enumerate(names, start=1)]


def checked(table: pa.Table, source: str, rename: Mapping[str, str]) -> pa.Table:
    """Give the table its final names.

    Raises
    ------
    WrongData
        Two columns share a name, or differ only in upper and lower case; or a name is reserved.
    WrongSetting
        A column to be renamed is not there.
    """
    names = clean_names(table.column_names)
    _different(names, source)
    for old in rename:
        if old not in names:
            raise WrongSetting(
                f"[clean] rename names the column {old!r}, which {source} does not have",
                why=f"columns: {', '.join(names[:30])}",
                mend=did_you_mean(old, names) or f"take {old!r} out of [clean] rename",
                code="N-SOURCE-033",
            )
    if rename:
        names = [rename.get(name, name) for name in names]
        _different(names, source)
    taken = [name for name in names if name.startswith(RESERVED)]
    if taken:
        raise WrongData(
            f"{source} has a column {taken[0]!r}, a name that noria keeps for itself",
            why=f"names beginning with {RESERVED} hold noria's own marks",
            mend=f'give it another name: [clean] rename = {{ "{taken[0]}" = "{taken[0].removeprefix(RESERVED)}" }}',
            code="N-SOURCE-032",
        )
    return table.rename_columns(names)


def _different(names: Sequence[str], source: str) -> None:
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        places = {name: [str(i) for i, other in enumerate(names, start=1) if other == name] for name in twice}
        raise WrongData(
            f"{source} has {len(twice)} column name{'s' if len(twice) > 1 else ''} more than once",
            why="\n".join(f"{name!r}: columns {', '.join(places[name])}" for name in twice[:10]),
            mend="give each column a name of its own in the source",
            code="N-SOURCE-030",
        )
    folded = Counter(name.casefold() for name in names)
    alike = [name for name in names if folded[name.casefold()] > 1]
    if alike:
        raise WrongData(
            f"{source} has column names that differ only in upper and lower case: {', '.join(alike[:6])}",
            why="SQL rules cannot tell them apart",
            mend="give each column a name of its own in the source",
            code="N-SOURCE-031",
        )
