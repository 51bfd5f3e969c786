"""``noria data check``: whether a stored version holds what the project file says, without loading it."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from noria.cli.opening import as_json, print_json, print_table, workspace
from noria.cli.versions import table_version

__all__ = ["check"]


@click.command()
@click.argument("ref", required=False)
@as_json
def check(ref: str | None, json_output: bool) -> None:
    """Hold a stored version against [data.columns] and [data.checks] as they stand now, in one scan of its file.

    Only what the project file says is checked; `noria check` looks the source over as well. Ends with status 1 when a
    check of severity error is broken.
    """
    from noria.checks.findings import raise_for
    from noria.checks.suite import held
    from noria.datasets.schema import restated
    from noria.project.origin import looked_up, origin_of

    opened = workspace()
    version = table_version(opened, ref)
    settings = opened.project.checked
    data, checks = settings.data.stored(), settings.data.checks
    tables = looked_up(checks, origin_of(opened.project).tables, root=opened.root, na_values=settings.clean.na_values)
    findings = held(
        opened.datasets.stored(version), restated(version.schema, data), checks, key=data.key, time=data.time,
        now=datetime.now(UTC), tables=tables,
    )  # fmt: skip
    if json_output:
        print_json({"ref": version.ref, "rows": version.rows, "findings": [one.to_json() for one in findings]})
    elif findings:
        rows = [(one.check, one.severity, f"{one.failed_rows:,}", one.message) for one in findings]
        print_table(("finding", "severity", "rows", "what"), rows, right=(2,))
    raise_for(findings, version.ref)
    if not json_output and not findings:
        click.echo(f"{version.ref}: {version.rows:,} rows hold what noria.toml says", err=True)
