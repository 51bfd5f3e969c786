"""``noria import``: take over what another tracker recorded."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from noria.cli.opening import as_json, print_json, print_table, workspace

if TYPE_CHECKING:
    from collections.abc import Callable

    from noria.exchange.report import Report

__all__ = ["import_", "print_report", "progress"]

_SECONDS_BETWEEN = 2.0


@click.group("import")
def import_() -> None:
    """Take over what MLflow recorded."""


@import_.command()
@click.argument("source")
@click.option("--experiment", "-e", "only", multiple=True, metavar="NAME", help="Only this one; may be repeated.")
@click.option("--prefix", default="", metavar="TEXT", help="Put before the names of experiments and models.")
@click.option("--artifacts", type=click.Path(path_type=Path), metavar="FOLDER",
              help="Where the files lie, for a database whose server kept them.")  # fmt: skip
@click.option("--no-artifacts", is_flag=True, help="Leave the files of runs and models out.")
@click.option("--runs-only", is_flag=True, help="Leave logged and registered models out.")
@click.option("--dry-run", is_flag=True, help="Count, and write nothing.")
@as_json
def mlflow(
    source: str,
    only: tuple[str, ...],
    prefix: str,
    artifacts: Path | None,
    no_artifacts: bool,
    runs_only: bool,
    dry_run: bool,
    json_output: bool,
) -> None:
    """Take over experiments, runs, histories, files and models from SOURCE.

    SOURCE is the URL of an MLflow server (http://…; credentials from MLFLOW_TRACKING_TOKEN, or
    MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD) or of its database (sqlite:///mlflow.db, postgresql://…,
    mysql://…), or an mlruns folder.

    Runs keep their ids and times. Call it again to go on where it was cut off, or to fetch what is new since. Leaves
    with 1 when something was left out or differs; the report says what.
    """
    from noria.exchange.importing import Choice, Import
    from noria.exchange.places import open_source

    ws = workspace()
    choice = Choice(only=only, prefix=prefix, files=not no_artifacts, models=not runs_only, dry=dry_run)
    opened = open_source(source, artifacts=artifacts)
    try:
        report = Import(opened, ws.database, ws.blobs, choice, tell=progress()).run()
    finally:
        opened.close()
    if json_output:
        print_json(report.to_dict())
    else:
        print_report(report, "would be new" if dry_run else "new")
    if not report.is_whole:
        click.get_current_context().exit(1)


def progress() -> Callable[[str], None]:
    """Give what to call with how far it is: a line on stderr, every two seconds at most."""
    told = time.monotonic()

    def tell(text: str) -> None:
        nonlocal told
        if time.monotonic() - told >= _SECONDS_BETWEEN:
            told = time.monotonic()
            click.echo(f"  {text}", err=True)

    return tell


def print_report(report: Report, new: str) -> None:
    """Print what an import or export did."""
    rows = [
        (kind, f"{tally.found:,}", f"{tally.new:,}", f"{tally.known:,}")
        for kind, tally in report.tallies.items()
        if tally.found
    ]
    from_to = report.source if report.destination == "noria" else report.destination
    print_table((from_to, "found", new, "there already"), rows, right=(1, 2, 3))
    for reason, (count, first) in report.skipped.items():
        click.echo(f"left out, {count:,} times: {reason} (first: {first})")
    for text in report.differences[:20]:
        click.echo(f"differs: {text}")
    more = len(report.differences) + report.more_differences - 20
    if more > 0:
        click.echo(f"… and {more:,} more; --json tells up to a thousand")
    if report.is_whole and not report.dry:
        compared = "; counts were compared" if report.destination == "noria" else ""
        click.echo(f"nothing was left out{compared}")
