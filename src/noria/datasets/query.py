"""``[data] query``: one table made of several by SQL."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from noria.datasets.sql import one_row, rows_of, session
from noria.errors import WrongData, WrongSetting
from noria.sources.inference import settle
from noria.sources.names import checked
from noria.store.memory import is_large

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

__all__ = ["select"]


def select(query: str, tables: Mapping[str, pa.Table], *, rename: Mapping[str, str] | None = None) -> pa.Table:
    """Run one SELECT over tables; it sees nothing else, no files and no network.

    Parameters
    ----------
    query : str
        DuckDB SQL.
    tables : mapping of str to pyarrow.Table
        Name in the SQL -> rows, as under ``[tables]``.
    rename : mapping of str to str, optional
        Name in the result -> name to use.

    Returns
    -------
    pyarrow.Table
        Sound names and types, as `noria.sources.source.read` gives them.

    Raises
    ------
    WrongSetting
        It is no SQL, several statements, or names what is not there.
    WrongData
        It gives no rows.

    Examples
    --------
    >>> import pyarrow as pa
    >>> loans = pa.table({"grade": ["A", "A"]})
    >>> select("SELECT grade, count(*) AS n FROM loans GROUP BY 1", {"loans": loans}).to_pylist()
    [{'grade': 'A', 'n': 2}]
    """
    import duckdb  # noqa: PLC0415 - heavy

    with session(tables) as duck:
        tree: dict[str, object] = json.loads(one_row(duck, "SELECT json_serialize_sql(?::VARCHAR)", [query])[0])
        if tree.get("error"):
            # Only SELECT has such a form: everything that writes or sets is refused here as well.
            raise _wrong(str(tree.get("error_message", "it is no SELECT")), tables)
        statements = tree["statements"]
        if not isinstance(statements, list) or len(statements) != 1:
            raise _wrong("it is more than one statement", tables)
        try:
            made = rows_of(duck.sql(query), large=is_large(sum(table.nbytes for table in tables.values())))
        except duckdb.Error as error:
            raise _wrong(str(error).splitlines()[0], tables) from error
    if made.num_rows == 0:
        raise WrongData(
            "[data] query gives no rows", mend="loosen its conditions, or check the joined keys", code="N-DATA-041"
        )
    return settle(checked(made, "[data] query", rename or {}), na_values=(), from_text=False)


def _wrong(why: str, tables: Mapping[str, pa.Table]) -> WrongSetting:
    return WrongSetting(
        "[data] query cannot be run",
        why=f"{why}\ntables: {', '.join(sorted(tables)) or 'none; name them under [tables]'}",
        mend="write one SELECT over the tables of [tables]",
        code="N-DATA-040",
    )
