"""Runs as commands show and print them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import click

from noria.runs.recording import param_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from noria.runs.run import Run
    from noria.workspace import Workspace

__all__ = ["as_dict", "column", "commit", "exact", "figure", "filtered", "found_by", "moment"]


def exact(value: object) -> object:
    """Give a number as JSON can say it: what is not finite as a text, so that it is not lost.

    Examples
    --------
    >>> exact(0.5), exact(float("nan")), exact(float("-inf"))
    (0.5, 'NaN', '-Infinity')
    """
    if isinstance(value, float) and not math.isfinite(value):
        return param_text(value)
    if isinstance(value, dict):
        return {name: exact(item) for name, item in value.items()}
    return [exact(item) for item in value] if isinstance(value, list) else value


def as_dict(run: Run) -> dict[str, object]:
    """Give the fields of a run as JSON."""
    return {
        "id": run.id,
        "name": run.name,
        "kind": run.kind,
        "status": run.status,
        "experiment_id": run.experiment_id,
        "started": run.started.isoformat(),
        "ended": run.ended.isoformat() if run.ended else None,
        "deleted": run.deleted.isoformat() if run.deleted else None,
        "trigger": run.trigger,
        "user_id": run.user_id,
        "git_commit": run.git_commit,
        "git_clean": run.git_clean,
        "params": exact(dict(run.params)),
        "metrics": exact(dict(run.metrics)),
        "tags": dict(run.tags),
        "error": dict(run.error) if run.error else None,
    }


def moment(when: datetime | None) -> str:
    """Give a time to the second."""
    return "" if when is None else f"{when:%Y-%m-%d %H:%M:%S}"


def commit(run: Run) -> str:
    """Give the code of a run, short."""
    if run.git_commit is None:
        return ""
    return run.git_commit[:8] + ("" if run.git_clean else " +changes")


def figure(value: object) -> str:
    """Give a value as people read it."""
    return (
        f"{value:.6g}"
        if isinstance(value, float) and math.isfinite(value)
        else ""
        if value is None
        else param_text(value)
    )


def column(run: Run, name: str) -> object:
    """Look a column up: ``params.lr``, ``metrics.auc``, ``tags.team``, or a field of the run.

    None where the run has nothing of it.
    """
    kind, dot, key = name.partition(".")
    recorded: dict[str, Mapping[str, object]] = {"params": run.params, "metrics": run.metrics, "tags": run.tags}
    if dot and kind in recorded:
        return recorded[kind].get(key.strip('`"'))
    return {**as_dict(run), "seconds": run.seconds}.get(name)


def filtered(command: click.decorators.FC) -> click.decorators.FC:
    """Give a command the options that choose among runs."""
    for option in (
        click.option("--deleted", is_flag=True, help="The runs in the bin instead."),
        click.option("--limit", "-n", type=click.IntRange(1, 1_000_000), default=20, show_default=True),
        click.option("--sort", multiple=True, help='What to sort by, such as "metrics.auc DESC"; may be repeated.'),
        click.option("--experiment", "-e", help="Only runs of this experiment: its name."),
        click.option("--where", "-w", default="", help="A filter, as metrics.auc > 0.8 and params.model = 'svm'."),
    ):
        command = option(command)
    return command


def found_by(
    ws: Workspace, where: str, experiment: str | None, sort: tuple[str, ...], limit: int, *, deleted: bool
) -> list[Run]:
    """Find the runs that the options of `filtered` choose."""
    from noria.errors import ExperimentNotFound
    from noria.runs.search import Question

    experiments = None
    if experiment is not None:
        known = ws.experiments.by_name(experiment)
        if known is None:
            raise ExperimentNotFound(
                f"there is no experiment {experiment!r}", mend="noria runs experiments     lists them", code="N-CLI-030"
            )
        experiments = [known.id]
    question = Question.read(where, sort, experiments=experiments, lifecycle="deleted" if deleted else "active")
    found: list[Run] = []
    token = None
    while len(found) < limit:
        page = ws.runs.search(question, min(1_000, limit - len(found)), token)
        found += page.rows
        token = page.token
        if token is None:
            break
    return found
