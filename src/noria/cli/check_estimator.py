"""``noria check-estimator``: whether an estimator or network of your own is good for ``[model] candidates``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from noria.cli.opening import as_json, print_json
from noria.errors import WrongArgument

if TYPE_CHECKING:
    from noria.training.task import Task
    from noria.training.trying import Check

__all__ = ["check_estimator"]

_COLOURS = {"passed": "green", "failed": "red", "warning": "yellow", "left out": "bright_black"}


@click.command("check-estimator")
@click.argument("path", metavar="PACKAGE.MODULE:CLASS_OR_FUNCTION")
@click.option("--params", default="{}", help="What it is made with, as JSON: '{\"depth\": 3}'.")
@click.option("--encoding", type=click.Choice(["linear", "tree", "raw"]), default="linear", show_default=True,
              help="What matrix it gets.")  # fmt: skip
@click.option("--task", type=click.Choice(["classification", "regression", "clustering"]),
              help="What it learns; told from the class when left out.")  # fmt: skip
@as_json
@click.pass_context
def check_estimator(
    ctx: click.Context, path: str, params: str, encoding: str, task: str | None, json_output: bool
) -> None:
    """Try an estimator or a Keras network of your own out in every way noria uses one: its code runs.

    A function is taken for one that builds a network: build(meta, **params).

    Asked are: fit and predict on rows as noria prepares them, folds that lack a class, the same model from the same
    seed, clone, the model file and back, weights, time, and whether a fit can be stopped; and the part of
    scikit-learn's own checks that noria relies on. The module may lie in this folder.

    Leaves with 1 when anything failed; a warning is no failure.
    """
    from noria.pipeline.own import importable, names_function
    from noria.steps.estimator_checks import check_estimator as check

    try:
        made = json.loads(params)
    except ValueError as error:
        raise WrongArgument(
            f"--params is no JSON: {error}", mend="--params '{\"depth\": 3}'", code="N-CLI-020"
        ) from None
    importable(Path.cwd())
    key = "build" if names_function(path) else "class"
    found = check({key: path, "params": made, "encoding": encoding}, task=cast("Task | None", task))
    failed = sum(one.outcome == "failed" for one in found)
    if json_output:
        print_json({key: path, "failed": failed, "checks": [one.to_json() for one in found]})
    else:
        for one in found:
            _tell(one)
        passed = sum(one.outcome == "passed" for one in found)
        click.echo(f"{passed} passed, {failed} failed, {sum(one.outcome == 'warning' for one in found)} warnings")
        if not failed:
            click.echo(f'noria.toml: candidates = [{{ {key} = "{path}", encoding = "{encoding}" }}]')
    ctx.exit(1 if failed else 0)


def _tell(one: Check) -> None:
    click.echo(f"{click.style(one.outcome.ljust(8), fg=_COLOURS[one.outcome])} {one.name}")
    if one.why:
        click.echo(f"           {one.why}")
    if one.mend:
        click.echo(f"           mend: {one.mend}")
