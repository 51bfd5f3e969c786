"""``noria runs``: what was run."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from noria.cli.opening import as_json, print_json, print_table, workspace

if TYPE_CHECKING:
    from noria.runs.run import Run

__all__ = ["runs"]


@click.group()
def runs() -> None:
    """Runs: list, show."""


@runs.command("list")
@click.option("--limit", "-n", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many.")
@as_json
def list_(limit: int, json_output: bool) -> None:
    """List the newest runs."""
    ws = workspace()
    # A run whose process was killed cannot say so itself.
    ws.runs.mark_lost(datetime.now(UTC))
    found = ws.runs.list(limit=limit)
    if json_output:
        print_json([_as_dict(run) for run in found])
        return
    if not found:
        click.echo("no runs yet; next: noria run", err=True)
        return
    print_table(
        ("run", "started (UTC)", "took", "status", "commit", "model", "by"),
        [
            (
                run.id[:8],
                _time(run.started),
                "" if run.seconds is None else f"{run.seconds:.1f} s",
                run.status,
                _commit(run),
                run.params.get("model", ""),
                run.trigger,
            )
            for run in found
        ],
        right=(2,),
    )


@runs.command()
@click.argument("run_id")
@as_json
def show(run_id: str, json_output: bool) -> None:
    """Show one run: RUN_ID, or its first characters."""
    from noria.pipeline.records import Records

    ws = workspace()
    run = ws.runs.get(run_id)
    steps = Records(ws.database).states(run.id)
    if json_output:
        states = [{"step": one.step, "state": one.state, "reason": one.reason, "seconds": one.seconds} for one in steps]
        print_json({**_as_dict(run), "steps": states})
        return
    click.echo(f"run {run.id}  {run.status}  {run.name}")
    click.echo(f"started {_time(run.started)} UTC by {run.trigger}, code {_commit(run) or 'not in git'}\n")
    print_table(
        ("step", "state", "seconds", "why"),
        [(one.step, one.state, "" if one.seconds is None else f"{one.seconds:.2f}", one.reason) for one in steps],
        right=(2,),
    )
    for title, values in (("metrics", run.metrics), ("parameters", run.params)):
        if values:
            click.echo()
            print_table((title, ""), [(name, _figure(value)) for name, value in sorted(values.items())])
    if run.error:
        click.echo(f"\nerror[{run.error.get('code')}]: {run.error.get('what')}")


def _as_dict(run: Run) -> dict[str, object]:
    return {
        "id": run.id,
        "name": run.name,
        "status": run.status,
        "started": run.started.isoformat(),
        "ended": run.ended.isoformat() if run.ended else None,
        "trigger": run.trigger,
        "git_commit": run.git_commit,
        "git_clean": run.git_clean,
        "params": dict(run.params),
        "metrics": dict(run.metrics),
        "tags": dict(run.tags),
        "error": dict(run.error) if run.error else None,
    }


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def _commit(run: Run) -> str:
    if run.git_commit is None:
        return ""
    return run.git_commit[:8] + ("" if run.git_clean else " +changes")


def _figure(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
