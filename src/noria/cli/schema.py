"""``noria schema``: every setting there is, for people's editors."""

from __future__ import annotations

import click

__all__ = ["schema"]


@click.command()
@click.option("--path", "path_only", is_flag=True, help="Print where the schema lies in the installed package.")
def schema(path_only: bool) -> None:
    """Print the JSON Schema (draft 2020-12) of noria.toml.

    Editors complete and check noria.toml with it; `noria init` names it in the file's first line.
    """
    from noria.project.schema import SHIPPED

    click.echo(str(SHIPPED) if path_only else SHIPPED.read_text(encoding="utf-8"), nl=path_only)
