"""All checks over a table: one scan counts what is broken, rows are fetched only where something is."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from noria.checks.expectations import casts, columns_of, expectations
from noria.checks.findings import Finding, Report
from noria.checks.leakage import look_for_leaks
from noria.checks.sanity import look, look_at_target, task_of
from noria.datasets.casting import to_types
from noria.datasets.sql import one_row, quoted, session
from noria.duration import parse_duration
from noria.errors import WrongSetting, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import duckdb
    import pyarrow as pa

    from noria.checks.expectations import Expectation
    from noria.checks.settings import CheckSettings, Severity
    from noria.datasets.schema import Schema

__all__ = ["run"]

_ORDER = {"error": 0, "quarantine": 1, "warn": 2}
_SHOWN = 3


def run(
    table: pa.Table,
    schema: Schema,
    settings: CheckSettings,
    *,
    key: Sequence[str] = (),
    target: str | None = None,
    task: str | None = None,
    positive: object = None,
    time: str | None = None,
    now: datetime | None = None,
) -> Report:
    """Check a table.

    Parameters
    ----------
    table : pyarrow.Table
        Rows as they were read.
    schema : Schema
        What the columns are; what the project file declares of them is checked.
    settings : CheckSettings
        ``[data.checks]``.
    key : sequence of str
        What identifies a row.
    target : str, optional
        Column to be predicted; rows without it are left out and counted.
    task : str, optional
        classification, regression or clustering; guessed from the target when left out.
    positive : optional
        Class that must be there.
    time : str, optional
        Column for ``max_age``.
    now : datetime, optional
        What ``max_age`` counts from.

    Raises
    ------
    WrongSetting
        A check names an unknown column, or a rule cannot be used.

    Examples
    --------
    >>> import pyarrow as pa
    >>> from noria.checks.settings import CheckSettings
    >>> from noria.datasets.schema import infer
    >>> table = pa.table({"age": [17, 35, 61] * 20, "limits": [1, 2, 3] * 20})
    >>> report = run(table, infer(table), CheckSettings(rules=("age >= 18",)))
    >>> report.passed, report.findings[0].message
    (False, '20 of 60 rows break age >= 18, as age = 17')
    """
    _check_names(settings, schema, time)
    with session({"rows_as_read": table}) as duck:
        held = expectations(duck, table, schema, settings)
        duck.execute(
            f"CREATE TEMP VIEW rows_of_table AS SELECT {casts(table, schema)} FROM rows_as_read"  # noqa: S608 - names are quoted
        )
        findings = list(_counted(duck, held, schema, settings, key=key, time=time, now=now))
        typed = to_types(table, {column.name: column.type for column in schema.columns})[0]
        aside = _aside(duck, held, settings, findings)
    findings += look(typed, schema, key=key, target=target)
    kept = typed
    if target is not None:
        findings += look_at_target(typed, schema, target=target, task=task, positive=positive)
        features = schema.features(target=target, key=key, time=time)
        findings += look_for_leaks(typed, features, target=target, task=task or task_of(typed.column(target)))
    quarantined = None
    if aside is not None:
        quarantined = table.filter(aside)
        kept = _without(kept, aside)
        if kept.num_rows == 0:
            findings.append(Finding("rows", None, "error", table.num_rows, "every row would be set aside", _RELAX))
    dropped = 0
    if target is not None:
        before = kept.num_rows
        kept = _labelled(kept, target)
        dropped = before - kept.num_rows
    ordered = tuple(sorted(findings, key=lambda finding: _ORDER[finding.severity]))
    return Report(ordered, table.num_rows, kept, quarantined, dropped)


_RELAX = "look at the checks of severity quarantine: they may be too strict"


def _check_names(settings: CheckSettings, schema: Schema, time: str | None) -> None:
    named = [("unique", name) for names in columns_of(settings.unique) for name in names]
    named += [("missing", name) for name in settings.missing.columns]
    for check, name in named:
        if name not in schema.names:
            raise WrongSetting(
                f"[data.checks] {check} names the column {name!r}, which the data does not have",
                why=f"columns: {', '.join(schema.names[:40])}",
                mend=did_you_mean(name, schema.names) or f"correct [data.checks] {check}",
                code="N-CHECKS-012",
            )
    if settings.max_age is not None and time is None:
        raise WrongSetting(
            "[data.checks] max_age needs a column that says when a row was",
            mend='name it: [data] time = "…"',
            code="N-CHECKS-013",
        )


def _counted(
    duck: duckdb.DuckDBPyConnection,
    held: Sequence[Expectation],
    schema: Schema,
    settings: CheckSettings,
    *,
    key: Sequence[str],
    time: str | None,
    now: datetime | None,
) -> Iterator[Finding]:
    uniques = columns_of(settings.unique)
    identity = tuple(key) if key and tuple(key) not in uniques else ()
    names = schema.names
    whole = ", ".join(quoted(name) for name in names)
    figures = ["count(*)", f"count(*) - count(DISTINCT hash({whole}))"]
    figures += [f"count(*) - count({quoted(name)})" for name in names]
    figures += [_repeated(columns) for columns in uniques]
    figures += [_repeated(identity) if identity else "0"]
    figures += [f"max({quoted(time)})" if settings.max_age is not None and time is not None else "NULL"]
    figures += [f"count(*) FILTER (WHERE {expectation.broken})" for expectation in held]
    found = iter(_one_row(duck, figures, held))
    rows, duplicates = int(str(next(found))), int(str(next(found)))
    missing = {name: int(str(next(found))) for name in names}
    repeated = {columns: int(str(next(found))) for columns in uniques}
    identical = int(str(next(found)))
    newest = next(found)
    broken = [int(str(next(found))) for _ in held]

    yield from _sizes(settings, rows, missing)
    yield from _repeats(settings, repeated, rows)
    if identical:
        shown = ", ".join(identity)
        yield Finding(
            "duplicates", identity[0], "warn", identical,
            f"the key {shown} is repeated in {identical:,} of {rows:,} rows: it does not identify them",
            '[clean] drop_duplicates = "key:last", or correct [data] key',
        )  # fmt: skip
    if duplicates and not identical and rows > 1:
        yield Finding(
            "duplicates", None, "warn", duplicates,
            f"{duplicates:,} of {rows:,} rows repeat another row in every column",
            "[clean] drop_duplicates = true",
        )  # fmt: skip
    yield from _freshness(settings, newest, time, now)
    for expectation, count in zip(held, broken, strict=True):
        if count:
            yield Finding(
                expectation.check, expectation.column, expectation.severity, count,
                f"{count:,} of {rows:,} rows break {expectation.said}{_examples(duck, expectation)}", expectation.mend,
            )  # fmt: skip


def _one_row(
    duck: duckdb.DuckDBPyConnection, figures: Sequence[str], held: Sequence[Expectation]
) -> tuple[object, ...]:
    import duckdb as library  # noqa: PLC0415 - heavy

    try:
        return one_row(duck, f"SELECT {', '.join(figures)} FROM rows_of_table")  # noqa: S608 - names are quoted
    except library.Error:
        # One rule of many does not fit the data; find out which, to name it.
        for expectation in held:
            try:
                one_row(duck, f"SELECT count(*) FILTER (WHERE {expectation.broken}) FROM rows_of_table")  # noqa: S608 - rules are parsed
            except library.Error as error:
                raise WrongSetting(
                    f"[data.checks] {expectation.said} cannot be asked of this data",
                    why=str(error).splitlines()[0],
                    mend="compare numbers with numbers and text with 'text'; see the types with: noria data show",
                    code="N-CHECKS-014",
                ) from error
        raise


def _sizes(settings: CheckSettings, rows: int, missing: dict[str, int]) -> Iterator[Finding]:
    severity: Severity = "warn" if settings.severity == "warn" else "error"
    low, high = settings.rows.min, settings.rows.max
    if low is not None and rows < low:
        yield Finding(
            "rows", None, severity, rows, f"{rows:,} rows, and there must be at least {low:,}",
            "look for what was lost on the way, or lower [data.checks] rows.min",
        )  # fmt: skip
    if high is not None and rows > high:
        yield Finding(
            "rows", None, severity, rows, f"{rows:,} rows, and there may be at most {high:,}",
            "look for rows that came twice, or raise [data.checks] rows.max",
        )  # fmt: skip
    for name, count in missing.items():
        limit = settings.missing.columns.get(name, settings.missing.max)
        if limit is not None and rows and count / rows > limit:
            at_most = "" if settings.missing.max is None else f"max = {settings.missing.max}, "
            share = min(1.0, count / rows + 0.05)
            wider = f"{{ {at_most}columns = {{ {_toml_key(name)} = {share:.2f} }} }}"
            yield Finding(
                "missing", name, severity, count,
                f"{name} is missing in {count / rows:.1%} of the rows, and at most {limit:.1%} may be",
                f"if that is fine: [data.checks] missing = {wider}",
            )  # fmt: skip


def _toml_key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name, ensure_ascii=False)


def _repeats(settings: CheckSettings, repeated: dict[tuple[str, ...], int], rows: int) -> Iterator[Finding]:
    for columns, count in repeated.items():
        if count:
            shown = " and ".join(columns)
            yield Finding(
                "unique", columns[0], settings.severity, count,
                f"{shown} {'are' if len(columns) > 1 else 'is'} repeated in {count:,} of {rows:,} rows",
                'correct the source, or keep one row of each with [clean] drop_duplicates = "key:last"',
            )  # fmt: skip


def _freshness(settings: CheckSettings, newest: object, time: str | None, now: datetime | None) -> Iterator[Finding]:
    if settings.max_age is None or not isinstance(newest, datetime):
        return
    age = (now or datetime.now(UTC)).astimezone(UTC).replace(tzinfo=None) - newest
    if age > parse_duration(settings.max_age):
        severity: Severity = "warn" if settings.severity == "warn" else "error"
        yield Finding(
            "freshness", time, severity, 0,
            f"the newest row is of {newest.isoformat(sep=' ', timespec='seconds')}, {age.days} days old; "
            f"at most {settings.max_age} is allowed",
            "look why no new rows arrive, or raise [data.checks] max_age",
        )  # fmt: skip


def _repeated(columns: Sequence[str]) -> str:
    if len(columns) == 1:
        name = quoted(columns[0])
        return f"count({name}) - count(DISTINCT {name})"
    names = ", ".join(quoted(name) for name in columns)
    return f"count(*) - count(DISTINCT ({names}))"


def _examples(duck: duckdb.DuckDBPyConnection, expectation: Expectation) -> str:
    if expectation.shown is None:
        return ""
    rows = duck.execute(
        f"SELECT shown FROM (SELECT {expectation.shown} AS shown, count(*) AS n FROM rows_of_table "  # noqa: S608 - names are quoted, rules are parsed
        f"WHERE {expectation.broken} GROUP BY 1) ORDER BY n DESC, shown LIMIT {_SHOWN}"
    ).fetchall()
    shown = [str(row[0])[:60] for row in rows if row[0] is not None]
    return f", as {'; '.join(shown)}" if shown else ""


def _aside(
    duck: duckdb.DuckDBPyConnection,
    held: Sequence[Expectation],
    settings: CheckSettings,
    findings: Sequence[Finding],
) -> pa.ChunkedArray | None:
    """Mark the rows to be set aside; None when there are none."""
    tests = [expectation.broken for expectation in held if expectation.severity == "quarantine"]
    if settings.severity == "quarantine":
        for columns in columns_of(settings.unique):
            names = ", ".join(quoted(name) for name in columns)
            present = " AND ".join(f"{quoted(name)} IS NOT NULL" for name in columns)
            # Of rows that share a key the first stays.
            tests.append(f"({present} AND row_number() OVER (PARTITION BY {names} ORDER BY noria_row) > 1)")
    if not any(finding.severity == "quarantine" for finding in findings):
        return None
    marks = " OR ".join(f"coalesce({test}, false)" for test in tests)
    numbered = "SELECT *, row_number() OVER () AS noria_row FROM rows_of_table"
    found = duck.sql(f"SELECT ({marks}) AS aside FROM ({numbered}) ORDER BY noria_row").to_arrow_table()  # noqa: S608 - names are quoted, rules are parsed
    return found.column("aside")


def _without(table: pa.Table, aside: pa.ChunkedArray) -> pa.Table:
    import pyarrow.compute as pc  # noqa: PLC0415 - types only elsewhere

    return table.filter(pc.invert(aside))


def _labelled(table: pa.Table, target: str) -> pa.Table:
    import pyarrow.compute as pc  # noqa: PLC0415 - types only elsewhere

    column = table.column(target)
    return table.filter(pc.is_valid(column)) if column.null_count else table
