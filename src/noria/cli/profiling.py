"""``noria data profile``: what a version holds, at length: on the terminal, as a page, as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from noria.cli.opening import as_json, many, print_json, print_table, workspace
from noria.cli.versions import rows_told, table_version, to_json

if TYPE_CHECKING:
    from noria.datasets.profiled import Profile
    from noria.datasets.schema import Schema

__all__ = ["profile"]


@click.command()
@click.argument("ref", required=False)
@click.option("--html", type=click.Path(dir_okay=False), help="Write a page that stands by itself to this file.")
@click.option("--target", help="Column to hold the others against; the project's own when left out.")
@as_json
def profile(ref: str | None, html: str | None, target: str | None, json_output: bool) -> None:
    """Measure a version at length: spread, outliers, gaps, what hangs together, what tells of the target.

    Personal columns are never shown.
    """
    from pathlib import Path

    from noria.datasets.profile import profile as measure
    from noria.errors import WrongArgument, did_you_mean
    from noria.store.files import write_atomic

    opened = workspace()
    version = table_version(opened, ref)
    data = opened.project.settings.data
    mine = version.name == opened.project.settings.project.name
    wanted = target or (data.target if mine else None)
    names = version.schema.names
    if target is not None and target not in names:
        raise WrongArgument(
            f"{version.ref} has no column {target!r}",
            mend=did_you_mean(target, names) or f"columns: {', '.join(names[:40])}",
            code="N-DATA-031",
        )
    roles = {name for name in (data.target, data.time, data.group, *data.key) if name} if mine else set()
    positive = data.positive if wanted == data.target else None
    found = measure(opened.datasets.stored(version), schema=version.schema, target=wanted, positive=positive)
    gone = opened.datasets.erased(version)
    if json_output:
        print_json({**to_json(version, gone), "profile": found.to_json()})
        return
    rows = rows_told(version, gone, " rows")
    if html is not None:
        from noria.datasets.profile_page import document
        from noria.plots.html_page import write

        told = f"{rows} from {version.source}, committed {version.created:%Y-%m-%d %H:%M} UTC"
        write_atomic(Path(html), write(document(found, version.schema, title=version.ref, subtitle=told, roles=roles)))
        click.echo(f"wrote {html}", err=True)
        return
    click.echo(f"{version.ref}  {rows}, {many(version.columns, 'column')}, from {version.source}", err=True)
    _tell(found, version.schema, roles)


def _tell(found: Profile, schema: Schema, roles: set[str]) -> None:
    from noria.datasets.profile_drawings import wording
    from noria.datasets.profile_page import figures, odd
    from noria.plots.binned import blocks

    types = {column.name: column.type for column in schema.columns}
    rows = [
        (
            column.name,
            types.get(column.name, column.type),
            f"{column.missing / found.rows:.1%}" if found.rows and column.missing else None,
            f"{column.distinct:,}",
            *(text or None for text in figures(column)),
            f"{column.outliers:,}" if column.outliers else None,
            blocks(column.histogram.counts if column.histogram else [count for _, count in column.top]) or None,
        )
        for column in found.columns
    ]
    heads = ("column", "type", "missing", "distinct", "min", "median", "max", "mean", "outliers", "spread")
    spare = (("mean",), ("outliers",), ("median",), ("distinct",), ("min", "max"), ("missing",), ("type",))
    print_table(heads, rows, right=range(2, 9), spare=spare, whole=("spread",))
    strange = list(odd(found, schema, roles))
    if strange:
        click.echo()
        print_table(("worth a look", "what"), strange)
    if found.target is not None and found.target.relations:
        click.echo()
        rows_of = [
            (each.name, f"{each.information:.3f}", wording(each))
            for each in found.target.relations
            if each.name not in roles
        ]
        print_table((f"tells of {found.target.name}", "bits", "measure"), rows_of[:10], right=(1,))
    if found.associations:
        click.echo()
        pairs = [(each.a, each.b, each.measure.replace("_", " "), f"{each.value:.3f}") for each in found.associations]
        print_table(("hang together", "and", "measure", "value"), pairs[:10], right=(3,))
    if found.missing_together:
        click.echo()
        gaps = [(", ".join(each.columns) or "none", f"{each.rows:,}") for each in found.missing_together[:6]]
        print_table(("missing together", "rows"), gaps, right=(1,))
    if found.sample is not None and found.sample < found.rows:
        click.echo(f"pairs and target: measured on {found.sample:,} rows drawn from all over", err=True)
