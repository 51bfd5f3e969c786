"""``noria plan`` and ``noria why``: what a run would do, and for what reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import click

from noria.cli.opening import as_json, print_json, print_table, workspace

if TYPE_CHECKING:
    from noria.steps.turn import Turn

__all__ = ["plan", "why"]


def _turn() -> Turn:
    from noria.steps.turn import Turn

    ws = workspace()
    return Turn(ws.project, ws.database, ws.blobs, store=ws.store)


@click.command()
@as_json
def plan(json_output: bool) -> None:
    """Say what `noria run` would do, without doing it."""
    from noria.steps.choices import planned_choices

    turn = _turn()
    _, planned = turn.plan()
    if json_output:
        print_json(
            [{"step": one.step, "state": one.state, "reasons": list(one.reasons), "key": one.key} for one in planned]
        )
        return
    words = {"cached": "up to date", "run": "runs", "unknown": "runs if its inputs change"}
    print_table(
        ("step", "", "why"),
        [(one.step, words[one.state], "; ".join(one.reasons)) for one in planned],
    )
    chosen = planned_choices(turn, planned)
    if chosen:
        click.echo("\n[prepare] auto chooses, from the training rows:\n")
        print_table(
            ("column", "for", "rules", "why"),
            [
                (one["column"], one["for"], ", ".join(cast("list[str]", one["rules"])) or "as it is", one["why"])
                for one in chosen
            ],
        )
    if all(one.state == "cached" for one in planned):
        click.echo("\nnothing to do", err=True)


@click.command()
@click.argument("step")
@as_json
def why(step: str, json_output: bool) -> None:
    """Say why STEP would run, or would not: which part of its key changed since it last ran."""
    turn = _turn()
    explained = turn.engine.why(turn.graph(), step)
    if json_output:
        print_json({"step": step, "why": explained.text})
    else:
        click.echo(explained.text)
