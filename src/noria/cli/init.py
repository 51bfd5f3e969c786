"""``noria init``: a new project, from an example or from a table of one's own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from noria.cli.given import reading_given
from noria.cli.opening import as_json, print_json
from noria.errors import WrongArgument, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from noria.project.starter import Facts, Task

__all__ = ["init"]

_NO_TARGET = "none"


@click.command()
@click.argument("folder", required=False, metavar="NAME")
@click.option("--example", metavar="NAME", help="Begin with credit, diagnosis or sensors: real data, ready to run.")
@click.option("--data", metavar="FILE", help="Begin with a table: csv, parquet, json or xlsx.")
@click.option("--target", metavar="COLUMN", help='The column to predict; "none" to look for groups instead.')
@click.option(
    "--task",
    type=click.Choice(["classification", "regression", "clustering"]),
    help="Left out, the target decides.",
)
@as_json
def init(
    folder: str | None, example: str | None, data: str | None, target: str | None, task: Task | None, json_output: bool
) -> None:
    """Start a project in a new folder NAME.

    On a terminal, whatever is left out is asked for; elsewhere it must be given.

    For instance `noria init my-credit --example credit`, or `noria init churn --data customers.csv --target churned`.
    """
    from noria.project.begin import check_name, refuse_taken

    if example and (data or target or task):
        raise WrongArgument(
            "--example brings its own data, target and task",
            mend="leave --data, --target and --task out, or --example",
            code="N-CLI-010",
        )
    path = Path(folder if folder is not None else _ask("What shall the project be called?", "NAME"))
    check_name(path)
    refuse_taken(path)
    if not example and not data:
        example, data = _ask_start()
    written = _example(path, example) if example else _table(path, str(data), target, task)
    if json_output:
        print_json({"folder": str(path), "files": [str(file) for file in written]})
        return
    for file in written:
        click.echo(f"wrote {file}")
    click.echo(f"\nnext: cd {path}\n      noria check     what noria.toml means, and what the data look like", err=True)
    click.echo("      noria run       from data to a registered version", err=True)
    click.echo("      noria up        UI, scorer, scheduler and monitor", err=True)


def _example(path: Path, name: str) -> list[Path]:
    from noria.project.begin import from_example

    return from_example(path, name)


def _table(path: Path, data: str, target: str | None, task: Task | None) -> list[Path]:
    from noria.project.begin import check_name, from_text, source_for, source_from
    from noria.project.inspection import look
    from noria.project.starter import draft

    with reading_given("--data"):
        columns, rows = look(data, root=Path.cwd())
    if target is None and task != "clustering":
        target = _ask_target(columns)
    wanted = None if target == _NO_TARGET and not any(column.name == _NO_TARGET for column in columns) else target
    local = Path(data)
    source, copied = source_for(local) if local.is_file() else (source_from(data, Path.cwd()), None)
    text = draft(check_name(path), source=source, columns=columns, rows=rows, target=wanted, task=task)
    return from_text(path, text, data=copied)


def _ask_start() -> tuple[str | None, str | None]:
    from noria.project.example import EXAMPLES

    if not _on_terminal():
        raise WrongArgument(
            "noria init needs something to begin with",
            mend="noria init NAME --example " + "|".join(EXAMPLES) + "\nnoria init NAME --data FILE --target COLUMN",
            code="N-CLI-011",
        )
    click.echo("Begin with an example:", err=True)
    for found in EXAMPLES.values():
        click.echo(f"  {found.name:<10} {found.title}", err=True)

    def known(answer: str) -> str:
        # What is neither an example nor a file may still be a source: a pattern, sql:…, https://…
        if answer in EXAMPLES or Path(answer).is_file() or any(sign in answer for sign in ":*?["):
            return answer
        hint = did_you_mean(answer, EXAMPLES)
        raise click.UsageError(f"{answer!r} is no example and no file" + (f"; {hint}" if hint else ""))

    answer = _ask("Which one, or the path of a table of yours?", "--example or --data", default="credit", check=known)
    return (answer, None) if answer in EXAMPLES else (None, answer)


def _ask_target(columns: Sequence[Facts]) -> str:
    if _on_terminal():
        click.echo("Columns: " + ", ".join(column.name for column in columns), err=True)

    def known(answer: str) -> str:
        names = [*(column.name for column in columns), _NO_TARGET]
        if answer in names:
            return answer
        hint = did_you_mean(answer, names)
        raise click.UsageError(f"the data has no column {answer!r}" + (f"; {hint}" if hint else ""))

    question = f'Which column shall be predicted? ("{_NO_TARGET}" to look for groups instead)'
    return _ask(question, "--target", check=known)


def _ask(question: str, flag: str, *, default: str | None = None, check: Callable[[str], str] | None = None) -> str:
    """Ask on the terminal, again after an answer that `check` refuses."""
    if not _on_terminal():
        raise WrongArgument(
            f"{flag} is missing, and there is no terminal to ask on",
            mend="noria init NAME --data FILE --target COLUMN\nnoria init NAME --example credit",
            code="N-CLI-011",
        )
    answer: str = click.prompt(question, default=default, err=True, value_proc=check)
    return answer


def _on_terminal() -> bool:
    return sys.stdin.isatty()
