"""``noria check``: what the project file says once every default is filled in, and whether the data keep to it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from noria.cli.opening import as_json, print_json, print_table, workspace

if TYPE_CHECKING:
    from noria.project.inspection import Inspection

__all__ = ["check"]


@click.command()
@click.option("--no-data", is_flag=True, help="Look at noria.toml alone; read no data.")
@as_json
def check(no_data: bool, json_output: bool) -> None:
    """Explain the effective noria.toml and look the data over.

    Prints the file with every default filled in and marked, then the columns of the data and what the checks find.
    Ends with status 2 for a wrong file, 1 when the data break a check of severity error.
    """
    from noria.project.effective import effective
    from noria.project.file import load
    from noria.project.inspection import inspect
    from noria.steps.rehearsal import rehearse

    opened = workspace()
    project = load(opened.root)
    found = None if no_data else inspect(project, now=datetime.now(UTC))
    if json_output:
        print_json(
            {
                "project": project.name,
                "digest": project.digest,
                "settings": project.values,
                "warnings": list(project.warnings),
                "data": None if found is None else found.to_json(),
            }
        )
    else:
        click.echo(effective(project), nl=False)
        if found is not None:
            click.echo()
            _tell(found)
        for warning in project.warnings:
            click.echo(click.style("no effect: ", fg="yellow") + warning, err=True)
    if found is not None:
        found.report.raise_if_failed(found.source)
        rehearse(project, found.report.kept)
    if not json_output:
        click.echo("noria.toml is sound" + (", and the data keep to it" if found is not None else ""), err=True)
        click.echo("next: noria run", err=True)


def _tell(found: Inspection) -> None:
    click.echo(f"# the data: from {found.source}: {found.report.summary()}")
    print_table(
        ("column", "type", "missing", "distinct", "used as"),
        [(c.name, c.type, f"{c.missing:.1%}", f"{c.distinct:,}", c.use) for c in found.columns],
        right=(2, 3),
    )
    for note in found.notes:
        click.echo(note)
    if found.report.findings:
        click.echo()
        print_table(
            ("finding", "severity", "rows", "what"),
            [(f.check, f.severity, f"{f.failed_rows:,}", f.message) for f in found.report.findings],
            right=(2,),
        )
