"""``noria data quarantine``: the rows a check set aside, each with what is wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from noria.cli.opening import as_json, print_json, print_table, workspace
from noria.cli.versions import table_version

if TYPE_CHECKING:
    import pyarrow as pa

    from noria.datasets.version import DatasetVersion
    from noria.workspace import Workspace

__all__ = ["quarantine"]

_COLUMNS = 8


@click.command()
@click.argument("ref", required=False)
@click.option("-n", "--rows", "most", default=20, show_default=True, type=click.IntRange(min=1), help="Rows to show.")
@click.option("-o", "--output", type=click.Path(dir_okay=False), help="Write all of them: .csv, .parquet or .jsonl.")
@click.option("--force", is_flag=True, help="Overwrite the file if it is there.")
@as_json
def quarantine(ref: str | None, most: int, output: str | None, force: bool, json_output: bool) -> None:
    """Show the rows of a version that checks of severity quarantine set aside, each with what it breaks.

    They are those of the last run that checked the version. Personal columns are not shown; a file has them.
    """
    from noria.checks.quarantine import WHY

    opened = workspace()
    version = table_version(opened, ref)
    found = set_aside(opened, version)
    if output is not None:
        _write(output, found, version, force)
        return
    if found is None or not found.num_rows:
        if json_output:
            print_json({"ref": version.ref, "rows": 0, "reasons": {}, "shown": []})
        else:
            click.echo(f"no row of {version.ref} was set aside", err=True)
        return
    reasons: dict[str, int] = {}
    for why in found.column(WHY).to_pylist():
        for each in str(why).split("; "):
            reasons[each] = reasons.get(each, 0) + 1
    hidden = {column.name for column in version.schema.columns if column.pii}
    shown = found.slice(0, most).select([name for name in found.column_names if name not in hidden])
    if json_output:
        print_json({"ref": version.ref, "rows": found.num_rows, "reasons": reasons, "shown": shown.to_pylist()})
        return
    ordered: list[tuple[str, int]] = sorted(reasons.items(), key=lambda pair: -pair[1])
    click.echo(f"{version.ref}: {found.num_rows:,} of {version.rows:,} rows set aside", err=True)
    print_table(("breaks", "rows"), ordered, right=(1,))
    click.echo()
    names = _names(shown, opened, WHY)
    print_table((*names, "breaks"), [[row[name] for name in (*names, WHY)] for row in shown.to_pylist()])
    if found.num_rows > most:
        click.echo(f"the first {most} of {found.num_rows:,}: all of them with -o FILE", err=True)


def set_aside(opened: Workspace, version: DatasetVersion) -> pa.Table | None:
    """Read the rows that the last finished check of a version set aside; None where no run has checked it."""
    from noria.pipeline.outputs import latest_of

    def of_version(parts: dict[str, object]) -> bool:
        dataset = parts.get("dataset")
        return isinstance(dataset, dict) and dataset.get("ref") == version.ref

    found = latest_of(opened.database, opened.blobs, scope=opened.project.name, step="check", wanted=of_version)
    if found is None:
        return None
    return found.get("quarantined")


def _names(shown: pa.Table, opened: Workspace, why: str) -> list[str]:
    key = opened.project.settings.data.key
    first = [name for name in key if name in shown.column_names]
    rest = [name for name in shown.column_names if name not in first and name != why and not name.startswith("_noria_")]
    return [*first, *rest][:_COLUMNS]


def _write(output: str, found: pa.Table | None, version: DatasetVersion, force: bool) -> None:
    from pathlib import Path

    from noria.checks.quarantine import WHY
    from noria.datasets.export import export
    from noria.errors import DatasetNotFound, VersionExists

    if found is None:
        raise DatasetNotFound(
            f"no row of {version.ref} was set aside", mend="noria data show", code="N-DATA-032"
        )  # fmt: skip
    path = Path(output)
    if path.exists() and not force:
        raise VersionExists(f"{output} exists already", mend="choose another name, or add --force", code="N-DATA-030")
    names = ["breaks" if name == WHY and "breaks" not in found.column_names else name for name in found.column_names]
    export(found.rename_columns(names), path)
    click.echo(f"wrote {found.num_rows:,} rows set aside from {version.ref} to {output}", err=True)
