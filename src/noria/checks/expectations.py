"""What the project file says must hold, written as counts of rows that break it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from noria.checks.rules import parse
from noria.checks.settings import RuleSettings
from noria.datasets.casting import cast_sql, fits
from noria.datasets.sql import quoted
from noria.datasets.sql import text as _text
from noria.errors import WrongSetting

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import duckdb
    import pyarrow as pa

    from noria.checks.references import Reference
    from noria.checks.settings import CheckSettings, Kind, Severity
    from noria.datasets.schema import Column, Schema

__all__ = ["Expectation", "casts", "columns_of", "expectations"]


@dataclass(frozen=True)
class Expectation:
    """One thing that must hold in every row.

    Parameters
    ----------
    check : str
        Kind.
    column : str, optional
        Column it is about.
    severity : str
        What a row that breaks it does.
    broken : str
        SQL that is true for such rows.
    said : str
        What was expected, for the message.
    mend : str
        What to do.
    shown : str, optional
        SQL of the value to show from rows that break it.
    reads : tuple of str
        Columns it looks at, where that is not `column` alone.
    """

    check: str
    column: str | None
    severity: Severity
    broken: str
    said: str
    mend: str
    shown: str | None = None
    reads: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column it looks at."""
        return self.reads or ((self.column,) if self.column is not None else ())


def expectations(
    duck: duckdb.DuckDBPyConnection,
    kinds: pa.Schema,
    schema: Schema,
    settings: CheckSettings,
    looked_up: Sequence[Reference] = (),
) -> list[Expectation]:
    """List what must hold.

    Parameters
    ----------
    duck : DuckDBPyConnection
        Parses rules.
    kinds : pyarrow.Schema
        Types of the rows as they came; columns still of another type than the schema's are cast in the SQL.
    schema : Schema
        Types, bounds and values; only those the project file declares are checked.
    settings : CheckSettings
        ``[data.checks]``.
    looked_up : sequence of Reference
        Values that must be found in another table.
    """
    made = [
        expectation
        for column in schema.columns
        for expectation in _of_column(column, kinds.field(column.name).type, settings)
    ]
    made += [
        Expectation(
            "reference", found.columns[0], found.severity, f"({found.mark} IS FALSE)",
            f"{' and '.join(found.columns)} must be found in {found.to}",
            f"bring the missing rows of {found.table or 'the table'}, "
            'or set these aside: severities = { references = "quarantine" }',
            f"CAST({quoted(found.columns[0])} AS VARCHAR)" if len(found.columns) == 1 else _shown(found.columns),
            found.columns,
        )
        for found in looked_up
    ]  # fmt: skip
    for rule in settings.rules:
        entry = rule if isinstance(rule, RuleSettings) else RuleSettings(rule=rule)
        parsed = parse(duck, entry.rule, [column.name for column in schema.columns])
        made.append(
            Expectation(
                "rule",
                parsed.columns[0] if len(parsed.columns) == 1 else None,
                entry.severity or settings.severity_of("rules"),
                parsed.broken,
                f"{entry.name} ({entry.rule})" if entry.name else entry.rule,
                'correct the rows in the source, or say severity = "quarantine" to set them aside',
                _shown(parsed.columns),
                parsed.columns,
            )
        )
    return made


def _shown(columns: Sequence[str]) -> str:
    """Write, as SQL, what some columns hold: ``a = 1, b = missing``."""
    return " || ', ' || ".join(
        f"'{name.replace(chr(39), chr(39) * 2)} = ' || coalesce(CAST({quoted(name)} AS VARCHAR), 'missing')"
        for name in columns
    )


def _of_column(column: Column, kind: pa.DataType, settings: CheckSettings) -> Iterator[Expectation]:
    name, raw = quoted(column.name), quoted(f"_noria_raw_{column.name}")
    where = f"[data.columns] {column.name}"

    def severity(kind: Kind) -> Severity:
        return column.severity or settings.severity_of(kind)

    if "type" in column.declared and not fits(kind, column.type):
        yield Expectation(
            "type", column.name, severity("type"), f"({raw} IS NOT NULL AND {name} IS NULL)",
            f"{column.name} must be {column.type}",
            f"correct those cells, add their marker to [clean] na_values, or change {where}",
            f"CAST({raw} AS VARCHAR)",
        )  # fmt: skip
    value = f"CAST({name} AS VARCHAR)"
    if "nullable" in column.declared and not column.nullable:
        missing = f"({raw} IS NULL)" if not fits(kind, column.type) else f"({name} IS NULL)"
        yield Expectation(
            "missing", column.name, severity("missing"), missing, f"{column.name} must not be missing",
            f"fill the cells in the source, or take nullable = false out of {where}",
        )  # fmt: skip
    for bound, sign in (("min", "<"), ("max", ">")):
        limit = getattr(column, bound)
        if bound in column.declared and limit is not None:
            yield Expectation(
                "range", column.name, severity("range"), f"({name} {sign} {_literal(limit, column)})",
                f"{column.name} must be {'at least' if bound == 'min' else 'at most'} {limit}",
                f"correct those rows, or change {bound} in {where}", value,
            )  # fmt: skip
    if "values" in column.declared and column.values is not None:
        listed = ", ".join(_literal(item, column) for item in column.values)
        yield Expectation(
            "values", column.name, severity("values"), f"({name} NOT IN ({listed}))",
            f"{column.name} must be one of {', '.join(map(str, column.values[:8]))}"
            + (" …" if len(column.values) > 8 else ""),
            f"correct those rows, or add the value to {where}", value,
        )  # fmt: skip
    if "match" in column.declared and column.match is not None:
        yield Expectation(
            "match", column.name, severity("match"), f"(NOT regexp_matches({value}, {_text(column.match)}))",
            f"{column.name} must match {column.match}", f"correct those rows, or change match in {where}", value,
        )  # fmt: skip


def casts(kinds: pa.Schema, schema: Schema) -> str:
    """Write the columns of a SELECT that shows each by its type in the schema, and beside it as it came."""
    parts = []
    for column in schema.columns:
        kind = kinds.field(column.name).type
        if fits(kind, column.type):
            parts.append(quoted(column.name))
        else:
            parts.append(f"{cast_sql(column.name, kind, column.type)} AS {quoted(column.name)}")
            parts.append(f"{quoted(column.name)} AS {quoted(f'_noria_raw_{column.name}')}")
    return ", ".join(parts)


def columns_of(keys: Sequence[str | tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Bring ``unique`` to one shape."""
    return [(key,) if isinstance(key, str) else key for key in keys]


def _literal(value: object, column: Column) -> str:
    if column.type in {"int", "float"}:
        if isinstance(value, str):
            raise WrongSetting(
                f"[data.columns] {column.name}: {value!r} is text, and the column holds numbers",
                mend="write the number without quotes",
                code="N-CHECKS-011",
            )
        return repr(float(value)) if isinstance(value, float) else str(value)
    if column.type == "bool" and isinstance(value, bool):
        return "true" if value else "false"
    if column.type == "timestamp":
        return f"TIMESTAMP {_text(str(value))}"
    return _text(str(value))
