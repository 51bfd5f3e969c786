"""``noria reproduce``: whether the model of a run can be made again from its record."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from noria.cli.opening import as_json, print_json, workspace

if TYPE_CHECKING:
    from noria.steps.reproduce import Reproduction

__all__ = ["reproduce"]


@click.command()
@click.argument("run")
@click.option("--folds", is_flag=True, help="Also fit every fold again, and compare with the errors on record.")
@click.option(
    "--within",
    type=click.FloatRange(min=0),
    default=0.001,
    show_default=True,
    help="Difference of the metric that still counts as equal; relative where the metric has the target's units.",
)
@as_json
@click.pass_context
def reproduce(ctx: click.Context, run: str, folds: bool, within: float, json_output: bool) -> None:
    """Fit the model of RUN again from the record, without the search, and compare it with the one registered.

    RUN is a run (its first digits do) or a version: NAME@3, NAME@champion, 3, champion. Rows, seeds, parameters and
    rounds are those of the record; predictions are compared on the locked test rows. Nothing is registered.

    Leaves with 0 when the predictions are equal to the bit, within 1e-6, or the metric is equal; with 1 when they
    are not; with 3 when the record no longer holds what is needed.
    """
    from noria.steps import reproduce as again
    from noria.steps.recorded import recorded

    opened = workspace()
    found = recorded(opened.database, opened.blobs, opened.registry, run, project=opened.project.name)
    made = again.reproduce(found, opened.blobs, root=opened.root, store=opened.store, within=within, folds=folds)
    if json_output:
        print_json(made.to_json())
    else:
        _tell(made)
    ctx.exit(0 if made.reproduced else 1)


def _tell(made: Reproduction) -> None:
    said = {
        "bit-equal": f"bit-equal: all {made.rows:,} test rows are answered the same to the last bit",
        "close": f"within 1e-6: {made.differing:,} of {made.rows:,} test rows differ, by {made.largest:.2g} at most",
        "metric-equal": f"metric-equal: {made.differing:,} of {made.rows:,} test rows differ, by {made.largest:.2g} "
        "at most; the metric stays",
        "not reproduced": f"NOT reproduced: {made.differing:,} of {made.rows:,} test rows differ, by "
        f"{made.largest:.2g} at most",
    }[made.outcome]
    colour = "green" if made.reproduced else "red"
    click.echo(f"{made.model} ({made.candidate}, run {made.run_id[:8]}) fitted again in {made.seconds:.1f} s")
    click.echo(click.style(said, fg=colour, bold=True))
    if made.files_equal:
        click.echo("the model's files are equal byte for byte")
    if made.before is not None and made.after is not None and made.outcome != "bit-equal":
        change = made.after - made.before
        click.echo(f"{made.metric}: {made.before:.6g} then, {made.after:.6g} now ({change:+.2g})")
    if made.folds:
        equal = sum(then == now for then, now in made.folds)
        worst = max(abs(then - now) for then, now in made.folds)
        rest = "" if equal == len(made.folds) else f", the others within {worst:.2g}"
        click.echo(f"folds: {equal} of {len(made.folds)} have the very error on record{rest}")
    if made.reasons:
        click.echo("likely because:")
        for reason in made.reasons:
            click.echo(f"  - {reason}")
