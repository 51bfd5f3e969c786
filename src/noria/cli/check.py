"""``noria check``: what the project file says once every default is filled in, and whether the data keep to it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from noria.cli.opening import as_json, print_json, print_table, workspace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from noria.datasets.version import DatasetVersion
    from noria.project.inspection import Inspection
    from noria.workspace import Workspace

__all__ = ["check"]


@click.command()
@click.option("--no-data", is_flag=True, help="Look at noria.toml alone; read no data.")
@click.option(
    "--suggest",
    is_flag=True,
    help="Propose checks from the newest version, else from the source, as TOML.",
)
@click.option("--write", is_flag=True, help="With --suggest: add them to noria.toml, keeping all it says.")
@as_json
def check(no_data: bool, suggest: bool, write: bool, json_output: bool) -> None:
    """Explain the effective noria.toml and look the data over.

    Prints the file with every default filled in and marked, then the columns of the data and what the checks find.
    Ends with status 2 for a wrong file, 1 when the data break a check of severity error.
    """
    from noria.cli.progress import pulling
    from noria.errors import NoriaError
    from noria.project.effective import effective
    from noria.project.file import load
    from noria.project.inspection import inspect

    opened = workspace()
    if suggest:
        from noria.cli.suggesting import suggest_checks

        suggest_checks(opened, _newest(_kept(opened), opened.project.name), write=write)
        return
    if write:
        raise click.UsageError("--write goes with --suggest")
    project = load(opened.root)
    across: list[dict[str, object]] = []
    refusal: NoriaError | None = None
    found = None
    if not no_data:
        with pulling(quiet=json_output) as progress:
            kept = _kept(opened)
            before = _newest(kept, project.name)
            found = inspect(project, now=datetime.now(UTC), records=kept, before=before, progress=progress)
    if found is not None and found.report.passed:
        from noria.steps.rehearsal import rehearse  # loads what learns: not before there is something to learn from

        try:
            across = rehearse(project, found.report.kept)
        except NoriaError as error:
            refusal = error  # told after what is known of the data, which may explain it
    if json_output:
        print_json(
            {
                "project": project.name,
                "digest": project.digest,
                "settings": project.values,
                "warnings": list(project.warnings),
                "data": None if found is None else {**found.to_json(), "across": across},
            }
        )
    else:
        click.echo(effective(project), nl=False)
        if found is not None:
            click.echo()
            _tell(found, across)
        for warning in project.warnings:
            click.echo(click.style("no effect: ", fg="yellow") + warning, err=True)
    if found is not None:
        found.report.raise_if_failed(found.source)
    if refusal is not None:
        raise refusal
    if not json_output:
        click.echo("noria.toml is sound" + (", and the data keep to it" if found is not None else ""), err=True)
        click.echo("next: noria run", err=True)


def _kept(opened: Workspace) -> Workspace | None:
    """Give the store where there is one that can be asked: checking makes none, and may be done by who only reads."""
    from noria.errors import StoreUnavailable

    if not (opened.store / "noria.db").is_file() and opened.project.settings.store.database == "sqlite":
        return None
    try:
        opened.datasets.versions(opened.project.name)
    except StoreUnavailable:
        return None
    return opened


def _newest(kept: Workspace | None, name: str) -> DatasetVersion | None:
    return next(iter(kept.datasets.versions(name)), None) if kept is not None else None


def _tell(found: Inspection, across: Sequence[Mapping[str, object]]) -> None:
    click.echo(f"# the data: from {found.source}: {found.report.summary()}")
    print_table(
        ("column", "type", "missing", "distinct", "used as"),
        [(c.name, c.type, f"{c.missing:.1%}", f"{c.distinct:,}", c.use) for c in found.columns],
        right=(2, 3),
    )
    for note in found.notes:
        click.echo(note)
    findings = [*(finding.to_json() for finding in found.report.findings), *across]
    if findings:
        click.echo()
        print_table(
            ("finding", "severity", "rows", "what"),
            [(f["check"], f["severity"], f"{f['failed_rows']:,}", f["message"]) for f in findings],
            right=(2,),
        )
        mends = dict.fromkeys(str(f["mend"]) for f in findings if f["mend"])
        if mends:
            click.echo("\n" + "\n".join(f"mend: {mend}" for mend in mends))
