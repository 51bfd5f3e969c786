"""What every command starts with: the workspace it is called in, and how it prints."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    import pyarrow as pa

    from noria.workspace import Workspace

__all__ = ["as_json", "many", "print_json", "print_line", "print_table", "read_rows", "visible", "workspace"]

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


def read_rows(opened: Workspace, source: str, *, word: str = "FILE") -> pa.Table:
    """Read rows that a command names as the project reads its own: missing marks and names as [clean] says.

    Parameters
    ----------
    opened : Workspace
        The project.
    source : str
        Path from the folder the command was called in, or any other source.
    word : str
        How the command's help calls it.
    """
    from noria.cli.given import reading_given
    from noria.sources.source import read

    clean = opened.project.settings.clean
    with reading_given(word):
        table = read(source, root=Path.cwd(), na_values=clean.na_values)
    # A file may come from where the data came from, or be written in the project's own names.
    present = set(table.column_names)
    return table.rename_columns(
        [clean.rename[name] if clean.rename.get(name, name) not in present else name for name in table.column_names]
    )


def many(count: int, thing: str) -> str:
    """Count things for a person.

    Examples
    --------
    >>> many(1, "file"), many(0, "file"), many(12_000, "row")
    ('1 file', '0 files', '12,000 rows')
    """
    return f"{count:,} {thing}" + ("" if count == 1 else "s")


def print_json(value: object) -> None:
    """Print a JSON value on standard output."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False, default=str))


def print_line(value: object) -> None:
    """Print a JSON value on a line of its own, as it comes."""
    click.echo(json.dumps(value, ensure_ascii=False, allow_nan=False))


def print_table(
    header: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    right: Sequence[int] = (),
    spare: Sequence[tuple[str, ...]] = (),
    whole: Collection[str] = (),
) -> None:
    """Print rows in aligned columns: within its width on a terminal, at full length elsewhere.

    Parameters
    ----------
    header : sequence of str
        Column titles.
    rows : iterable of sequences
        Cells; None prints as a dash.
    right : sequence of int
        Positions of the columns to align right: the numbers.
    spare, whole : sequences
        Which columns may be left out on a narrow terminal, and which are never folded: see `noria.cli.fitting.lay_out`.
    """
    from noria.cli.fitting import lay_out

    cells = [[visible("–" if cell is None else str(cell)) for cell in row] for row in rows]
    made = lay_out(header, cells, right=right, spare=spare, whole=whole, width=_room())
    for line in made.head:
        click.echo(click.style(line, bold=True))
    for line in made.lines:
        click.echo(line)
    if made.left_out:
        told = ", ".join(made.left_out)
        click.echo(f"no room for {told}; --json has all", err=True)


def _room() -> int | None:
    """Give the characters in a line of the terminal; None where standard output is none, as a program may read it."""
    import shutil

    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def visible(text: str) -> str:
    """Show what a terminal would obey."""
    # A run's name may hold escape sequences; a terminal must not obey them.
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
