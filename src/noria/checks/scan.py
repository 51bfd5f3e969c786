"""All checks of a table as figures of one scan: of rows in memory, or of a Parquet file that stays where it is."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from noria.checks.expectations import casts, columns_of, expectations
from noria.checks.references import references
from noria.datasets.casting import fits
from noria.datasets.sql import one_row, quoted, session
from noria.errors import WrongSetting

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import duckdb
    import pyarrow as pa

    from noria.checks.expectations import Expectation
    from noria.checks.settings import CheckSettings
    from noria.datasets.schema import Schema

__all__ = ["Counts", "Scan", "keys_of", "opened"]

_SHOWN = 3


@dataclass(frozen=True)
class Counts:
    """What the scan counted.

    Parameters
    ----------
    rows : int
        All.
    missing : mapping of str to int
        By column.
    repeated : mapping of tuple to int
        By the columns of a key: rows beyond the first of each key.
    duplicates : int
        Rows that repeat another in every column; counted only where no key tells that there are none.
    newest : object
        The latest time, where it was asked for.
    broken : tuple of int
        By expectation: rows that break it.
    """

    rows: int
    missing: Mapping[str, int]
    repeated: Mapping[tuple[str, ...], int]
    duplicates: int
    newest: object
    broken: tuple[int, ...]


@dataclass(frozen=True)
class Scan:
    """A table that stands ready to be asked: typed rows, and what must hold in them.

    Parameters
    ----------
    duck : DuckDBPyConnection
        Has the view ``rows_of_table``.
    schema : Schema
        What the columns are.
    held : tuple of Expectation
        What must hold in each row.
    source : pyarrow.Table or Path
        The rows as they came.
    kinds : pyarrow.Schema
        Their types.
    """

    duck: duckdb.DuckDBPyConnection
    schema: Schema
    held: tuple[Expectation, ...]
    source: pa.Table | Path
    kinds: pa.Schema

    def count(self, keys: Sequence[tuple[str, ...]], *, newest_of: str | None = None) -> Counts:
        """Count everything at once.

        Parameters
        ----------
        keys : sequence of tuple of str
            Columns that should not repeat together.
        newest_of : str, optional
            Time column whose latest value is wanted.
        """
        names = self.schema.names
        figures = ["count(*)", f"max({quoted(newest_of)})" if newest_of is not None else "NULL"]
        figures += [f"count(*) - count({quoted(name)})" for name in names]
        sorted_out = {columns: self._sorted_out(columns) for columns in keys}
        figures += [_repeated(columns) for columns in keys if sorted_out[columns] is None]
        # A CASE costs half of what a FILTER does: it makes no list of the rows that pass.
        figures += [f"count(CASE WHEN {expectation.broken} THEN 1 END)" for expectation in self.held]
        found = iter(self._one_row(figures))
        rows, newest = int(str(next(found))), next(found)
        missing = {name: int(str(next(found))) for name in names}
        repeated = {columns: int(str(next(found))) if known is None else known for columns, known in sorted_out.items()}
        broken = tuple(int(str(next(found))) for _ in self.held)
        # Where a key never repeats, and is never missing, no row repeats another: the dearest figure is not needed.
        sound = any(not repeated[columns] and not any(missing[name] for name in columns) for columns in keys)
        return Counts(rows, missing, repeated, 0 if sound else self._duplicates(), newest, broken)

    def examples(self, expectation: Expectation) -> str:
        """Show a few values of rows that break something, the most frequent first; nothing of personal columns."""
        if expectation.shown is None or self._is_personal(expectation):
            return ""
        rows = self.duck.execute(
            f"SELECT shown FROM (SELECT {expectation.shown} AS shown, count(*) AS n FROM rows_of_table "  # noqa: S608 - names are quoted, rules are parsed
            f"WHERE {expectation.broken} GROUP BY 1) ORDER BY n DESC, shown LIMIT {_SHOWN}"
        ).fetchall()
        shown = [str(row[0])[:60] for row in rows if row[0] is not None]
        return f", as {'; '.join(shown)}" if shown else ""

    def _sorted_out(self, columns: tuple[str, ...]) -> int | None:
        """Count how often a key of one column repeats without SQL, where that is cheaper."""
        if len(columns) != 1 or not fits(self.kinds.field(columns[0]).type, self.schema[columns[0]].type):
            return None
        from noria.datasets.measuring import repeated  # noqa: PLC0415 - only where there is such a key

        return repeated(self.source, columns[0])

    def _is_personal(self, expectation: Expectation) -> bool:
        personal = {column.name for column in self.schema.columns if column.pii}
        return bool(personal.intersection(expectation.columns))

    def _duplicates(self) -> int:
        whole = ", ".join(quoted(name) for name in self.schema.names)
        query = f"SELECT count(*) - count(DISTINCT hash({whole})) FROM rows_of_table"  # noqa: S608 - names are quoted
        return int(one_row(self.duck, query)[0])

    def _one_row(self, figures: Sequence[str]) -> tuple[object, ...]:
        import duckdb as library  # noqa: PLC0415 - heavy

        try:
            return one_row(self.duck, f"SELECT {', '.join(figures)} FROM rows_of_table")  # noqa: S608 - names are quoted
        except library.Error:
            # One rule of many does not fit the data; find out which, to name it.
            for expectation in self.held:
                try:
                    one_row(
                        self.duck,
                        f"SELECT count(CASE WHEN {expectation.broken} THEN 1 END) FROM rows_of_table",  # noqa: S608 - rules are parsed
                    )
                except library.Error as error:
                    raise WrongSetting(
                        f"[data.checks] {expectation.said} cannot be asked of this data",
                        why=str(error).splitlines()[0],
                        mend="compare numbers with numbers and text with 'text'; see the types with: noria data show",
                        code="N-CHECKS-014",
                    ) from error
            raise


@contextmanager
def opened(
    source: pa.Table | Path,
    schema: Schema,
    settings: CheckSettings,
    *,
    tables: Mapping[str, pa.Table] | None = None,
) -> Iterator[Scan]:
    """Make a table ready to be asked.

    Parameters
    ----------
    source : pyarrow.Table or Path
        Rows as they were read, or a Parquet file of them, which is scanned without being loaded.
    schema : Schema
        What the columns are; what the project file declares of them is checked.
    settings : CheckSettings
        ``[data.checks]``.
    tables : mapping of str to pyarrow.Table, optional
        Tables that values are looked up in.

    Raises
    ------
    WrongSetting
        A rule cannot be used, or a reference leads nowhere.
    """
    kinds = _kinds(source)
    others = dict(tables or {})
    looked_up = references(settings, schema, kinds, others)
    with session({"rows_as_read": source, **{f"noria_table_{name}": rows for name, rows in others.items()}}) as duck:
        held = expectations(duck, kinds, schema, settings, looked_up)
        marks = "".join(f", {found.sql} AS {found.mark}" for found in looked_up)
        duck.execute(
            f"CREATE TEMP VIEW rows_of_table AS SELECT *{marks} FROM "  # noqa: S608 - names are quoted
            f"(SELECT {casts(kinds, schema)} FROM rows_as_read)"
        )
        yield Scan(duck, schema, tuple(held), source, kinds)


def keys_of(settings: CheckSettings, key: Sequence[str]) -> tuple[list[tuple[str, ...]], tuple[str, ...]]:
    """Give every key to be counted, and the row's own where ``unique`` does not name it already."""
    uniques = columns_of(settings.unique)
    identity = tuple(key) if key and tuple(key) not in uniques else ()
    return [*uniques, *([identity] if identity else [])], identity


def _kinds(source: pa.Table | Path) -> pa.Schema:
    import pyarrow as pa  # noqa: PLC0415 - types only elsewhere

    if isinstance(source, pa.Table):
        return source.schema
    import pyarrow.parquet as pq  # noqa: PLC0415 - as above

    return pq.read_schema(source)


def _repeated(columns: Sequence[str]) -> str:
    if len(columns) == 1:
        name = quoted(columns[0])
        return f"count({name}) - count(DISTINCT {name})"
    names = ", ".join(quoted(name) for name in columns)
    return f"count(*) - count(DISTINCT ({names}))"
