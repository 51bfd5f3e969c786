"""All checks over a table: one scan counts what is broken, rows are fetched only where something is."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from noria.checks.drift import look_for_drift
from noria.checks.expectations import columns_of
from noria.checks.findings import Finding, Report
from noria.checks.leakage import look_for_leaks
from noria.checks.quarantine import WHY, reasons
from noria.checks.sanity import look, look_at_target, task_of
from noria.checks.scan import keys_of, opened
from noria.datasets.casting import to_types
from noria.duration import parse_duration
from noria.errors import WrongSetting, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa

    from noria.checks.scan import Counts, Scan
    from noria.checks.settings import CheckSettings
    from noria.datasets.schema import Schema

__all__ = ["Other", "held", "run"]

_ORDER = {"error": 0, "quarantine": 1, "warn": 2}


@dataclass(frozen=True)
class Other:
    """The version that drift is measured against.

    Parameters
    ----------
    name : str
        As ``credit@3``.
    rows : pyarrow.Table
        As it was kept.
    """

    name: str
    rows: pa.Table


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
    tables: Mapping[str, pa.Table] | None = None,
    other: Other | None = None,
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
    tables : mapping of str to pyarrow.Table, optional
        Tables that ``references`` look values up in.
    other : Other, optional
        The version that ``drift`` compares with; without one there is nothing to compare.

    Raises
    ------
    WrongSetting
        A check names an unknown column, a rule cannot be used, or a reference leads nowhere.

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
    _check_names(settings, schema, time, key)
    why = None
    with opened(table, schema, settings, tables=tables) as scan:
        findings = list(_held(scan, settings, key=key, time=time, now=now))
        if any(finding.severity == "quarantine" for finding in findings):
            why = reasons(scan, settings)
    typed = to_types(table, {column.name: column.type for column in schema.columns})[0]
    findings += look(typed, schema, key=key, target=target)
    if settings.drift is not None and other is not None:
        types = {column.name: column.type for column in schema.columns}
        findings += look_for_drift(
            typed, to_types(other.rows, types)[0], settings.drift, schema=schema, name=other.name,
            severity=settings.severity_of("drift"), leave_out=[*key, *([time] if time is not None else [])],
        )  # fmt: skip
    kept = typed
    if target is not None:
        findings += look_at_target(typed, schema, target=target, task=task, positive=positive)
        features = schema.features(target=target, key=key, time=time)
        findings += look_for_leaks(
            typed, features, target=target, task=task or task_of(typed.column(target)), time=time
        )  # fmt: skip
    quarantined = None
    if why is not None:
        from noria.store.aside import filtered  # noqa: PLC0415 - pyarrow only where rows are made

        aside = why.is_valid()
        quarantined = filtered(table.append_column(WHY, why), aside)
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


def held(
    source: pa.Table | Path,
    schema: Schema,
    settings: CheckSettings,
    *,
    key: Sequence[str] = (),
    time: str | None = None,
    now: datetime | None = None,
    tables: Mapping[str, pa.Table] | None = None,
) -> tuple[Finding, ...]:
    """Check only what the project file says must hold, in one scan; a Parquet file is not loaded for it.

    Parameters
    ----------
    source : pyarrow.Table or Path
        Rows, or the Parquet file that holds them.
    schema, settings, key, time, now, tables
        As in `run`.

    Examples
    --------
    >>> import pyarrow as pa
    >>> from noria.checks.settings import CheckSettings
    >>> from noria.datasets.schema import infer
    >>> table = pa.table({"id": [1, 2, 2], "n": [7, 8, 9]})
    >>> [finding.message for finding in held(table, infer(table), CheckSettings(unique=("id",)))]
    ['id is repeated in 1 of 3 rows']
    """
    _check_names(settings, schema, time, key)
    with opened(source, schema, settings, tables=tables) as scan:
        found = list(_held(scan, settings, key=key, time=time, now=now))
    return tuple(sorted(found, key=lambda finding: _ORDER[finding.severity]))


_RELAX = "look at the checks of severity quarantine: they may be too strict"


def _check_names(settings: CheckSettings, schema: Schema, time: str | None, key: Sequence[str]) -> None:
    for name in key:
        if name not in schema.names:
            raise WrongSetting(
                f"the key names the column {name!r}, which the data does not have",
                why=f"columns: {', '.join(schema.names[:40])}",
                mend=did_you_mean(name, schema.names) or "correct key",
                code="N-CHECKS-017",
            )
    named = [("unique", name) for names in columns_of(settings.unique) for name in names]
    named += [("missing", name) for name in settings.missing.columns]
    named += [("drift", name) for name in (settings.drift.columns or () if settings.drift is not None else ())]
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


def _held(
    scan: Scan, settings: CheckSettings, *, key: Sequence[str], time: str | None, now: datetime | None
) -> Iterator[Finding]:
    keys, identity = keys_of(settings, key)
    counts = scan.count(keys, newest_of=time if settings.max_age is not None else None)
    yield from _sizes(settings, counts)
    yield from _repeats(settings, counts)
    identical = counts.repeated[identity] if identity else 0
    rows = counts.rows
    if identical:
        shown = ", ".join(identity)
        yield Finding(
            "duplicates", identity[0], "warn", identical,
            f"the key {shown} is repeated in {identical:,} of {rows:,} rows: it does not identify them",
            '[clean] drop_duplicates = "key:last", or correct [data] key',
        )  # fmt: skip
    if counts.duplicates and not identical and rows > 1:
        yield Finding(
            "duplicates", None, "warn", counts.duplicates,
            f"{counts.duplicates:,} of {rows:,} rows repeat another row in every column",
            "[clean] drop_duplicates = true",
        )  # fmt: skip
    yield from _freshness(settings, counts.newest, time, now)
    for expectation, count in zip(scan.held, counts.broken, strict=True):
        if count:
            yield Finding(
                expectation.check, expectation.column, expectation.severity, count,
                f"{count:,} of {rows:,} rows break {expectation.said}{scan.examples(expectation)}", expectation.mend,
            )  # fmt: skip


def _sizes(settings: CheckSettings, counts: Counts) -> Iterator[Finding]:
    rows, severity = counts.rows, settings.severity_of("rows")
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
    # A share of missing values is about the whole column: no row is set aside for it.
    severity = "warn" if settings.severity_of("missing") == "warn" else "error"
    for name, count in counts.missing.items():
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


def _repeats(settings: CheckSettings, counts: Counts) -> Iterator[Finding]:
    rows = counts.rows
    for columns in columns_of(settings.unique):
        count = counts.repeated[columns]
        if count:
            shown = " and ".join(columns)
            yield Finding(
                "unique", columns[0], settings.severity_of("unique"), count,
                f"{shown} {'are' if len(columns) > 1 else 'is'} repeated in {count:,} of {rows:,} rows",
                'correct the source, or keep one row of each with [clean] drop_duplicates = "key:last"',
            )  # fmt: skip


def _freshness(settings: CheckSettings, newest: object, time: str | None, now: datetime | None) -> Iterator[Finding]:
    if settings.max_age is None or not isinstance(newest, datetime):
        return
    age = (now or datetime.now(UTC)).astimezone(UTC).replace(tzinfo=None) - newest
    if age > parse_duration(settings.max_age):
        yield Finding(
            "freshness", time, settings.severity_of("max_age"), 0,
            f"the newest row is of {newest.isoformat(sep=' ', timespec='seconds')}, {age.days} days old; "
            f"at most {settings.max_age} is allowed",
            "look why no new rows arrive, or raise [data.checks] max_age",
        )  # fmt: skip


def _without(table: pa.Table, aside: pa.ChunkedArray) -> pa.Table:
    import pyarrow.compute as pc  # noqa: PLC0415 - types only elsewhere

    from noria.store.aside import filtered  # noqa: PLC0415 - as above

    return filtered(table, pc.invert(aside))


def _labelled(table: pa.Table, target: str) -> pa.Table:
    import pyarrow.compute as pc  # noqa: PLC0415 - types only elsewhere

    from noria.store.aside import filtered  # noqa: PLC0415 - as above

    column = table.column(target)
    return filtered(table, pc.is_valid(column)) if column.null_count else table
