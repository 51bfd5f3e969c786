"""What every command starts with: the workspace it is called in, and how it prints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pyarrow as pa

    from noria.workspace import Workspace

__all__ = ["as_json", "print_json", "print_line", "print_table", "read_rows", "visible", "workspace"]

as_json = click.option("--json", "json_output", is_flag=True, help="Print JSON on standard output.")
"""Option decorator: the command gets ``json_output: bool``."""


def workspace() -> Workspace:
    """Open the project this command was called in."""
    from noria.workspace import Workspace

    opened = Workspace.find()
    ctx = click.get_current_context(silent=True)
    if ctx is not None:
        ctx.call_on_close(opened.close)
    return opened


def read_rows(opened: Workspace, source: str) -> pa.Table:
    """Read rows that a command names as the project reads its own: missing marks and names as [clean] says.

    Parameters
    ----------
    opened : Workspace
        The project.
    source : str
        Path from the folder the command was called in, or any other source.
    """
    from noria.sources.source import read

    clean = opened.project.settings.clean
    table = read(source, root=Path.cwd(), na_values=clean.na_values)
    # A file may come from where the data came from, or be written in the project's own names.
    present = set(table.column_names)
    return table.rename_columns(
        [clean.rename[name] if clean.rename.get(name, name) not in present else name for name in table.column_names]
    )


def print_json(value: object) -> None:
    """Print a JSON value on standard output."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False, default=str))


def print_line(value: object) -> None:
    """Print a JSON value on a line of its own, as it comes."""
    click.echo(json.dumps(value, ensure_ascii=False, allow_nan=False))


def print_table(header: Sequence[str], rows: Iterable[Sequence[object]], *, right: Sequence[int] = ()) -> None:
    """Print rows in aligned columns.

    Parameters
    ----------
    header : sequence of str
        Column titles.
    rows : iterable of sequences
        Cells; None prints as a dash.
    right : sequence of int
        Positions of the columns to align right: the numbers.
    """
    cells = [[visible("–" if cell is None else str(cell)) for cell in row] for row in rows]
    widths = [max(len(line[i]) for line in [list(header), *cells]) for i in range(len(header))]

    def line(values: Sequence[str]) -> str:
        parts = [v.rjust(w) if i in right else v.ljust(w) for i, (v, w) in enumerate(zip(values, widths, strict=True))]
        return "  ".join(parts).rstrip()

    click.echo(click.style(line(list(header)), bold=True))
    for row in cells:
        click.echo(line(row))


def visible(text: str) -> str:
    """Show what a terminal would obey."""
    # A run's name may hold escape sequences; a terminal must not obey them.
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
