"""``noria explain-run``: why this model was chosen, in plain words."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import click

from noria.cli.opening import as_json, print_json, visible, workspace

if TYPE_CHECKING:
    from noria.evaluation.account import Account

__all__ = ["explain_run"]

_WIDTH = 100


@click.command("explain-run")
@click.argument("run")
@as_json
def explain_run(run: str, json_output: bool) -> None:
    """Tell why the model of RUN was chosen, from the records alone: nothing is computed or read again.

    RUN is a run (its first digits do) or a version: NAME@3, NAME@champion, 3, champion. Told are the data, the split,
    what was tried and what became of it, the winner against the runner-up fold by fold, the locked rows, the gates,
    and what follows from all that. A run that broke off tells how far it got.
    """
    from noria.evaluation.account import account
    from noria.steps.explained import explained

    opened = workspace()
    told = account(
        explained(
            opened.database,
            opened.blobs,
            opened.registry,
            opened.verdicts,
            opened.aliases,
            run,
            project=opened.project.name,
        )
    )
    if json_output:
        print_json(told.to_json())
        return
    _tell(told)


def _tell(told: Account) -> None:
    click.echo(click.style(told.title, bold=True))
    for chapter in told.chapters:
        click.echo()
        click.echo(click.style(chapter.title, bold=True))
        for line in chapter.lines:
            _line(line)
    if told.advice:
        click.echo()
        click.echo(click.style("Advice", bold=True))
        for one in told.advice:
            _line(("! " if one.urgent else "- ") + one.text)


def _line(text: str) -> None:
    click.echo(
        textwrap.fill(visible(text), _WIDTH, initial_indent="  ", subsequent_indent="    ", break_long_words=False)
    )
