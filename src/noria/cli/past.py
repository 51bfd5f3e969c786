"""``noria data history``: rows made ready to be asked about, with what was known before them."""

from __future__ import annotations

import click

from noria.cli.opening import read_rows, workspace
from noria.cli.versions import table_version

__all__ = ["history"]


@click.command()
@click.argument("rows")
@click.option("-o", "--output", required=True, type=click.Path(dir_okay=False), help="File: .csv, .parquet or .jsonl.")
@click.option("--past", help="File with the rows before; the newest version of the project's dataset if left out.")
@click.option("--force", is_flag=True, help="Overwrite the file if it is there.")
def history(rows: str, output: str, past: str | None, force: bool) -> None:
    """Add to ROWS the columns that [history] makes of earlier rows, so that a model can be asked about them."""
    from pathlib import Path

    from noria.datasets.export import export
    from noria.errors import VersionExists, WrongSetting
    from noria.preparation.asking import ready

    path = Path(output)
    if path.exists() and not force:
        raise VersionExists(f"{output} exists already", mend="choose another name, or add --force", code="N-DATA-030")
    opened = workspace()
    settings = opened.project.settings
    if not settings.history.columns or settings.data.time is None:
        raise WrongSetting(
            "the project makes no columns of earlier rows",
            mend='write them under [history], with [data] time: load = ["lag:1", "mean:6"]',
            code="N-PREP-026",
        )
    known = (
        read_rows(opened, past, word="--past")
        if past is not None
        else opened.datasets.read(table_version(opened, None))
    )
    made = ready(
        read_rows(opened, rows, word="ROWS"),
        known,
        clean=settings.clean,
        history=settings.history,
        time=settings.data.time,
        group=settings.history.by or settings.data.group,
    )
    export(made, path)
    click.echo(f"wrote {made.num_rows:,} rows with what was known before them to {output}", err=True)
