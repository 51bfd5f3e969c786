"""``noria runs``: what was run."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from noria.cli.opening import as_json, print_json, print_line, print_table, visible, workspace
from noria.cli.run_fields import as_dict, column, commit, exact, figure, filtered, found_by, moment
from noria.cli.runs_export import export
from noria.cli.runs_gc import gc

if TYPE_CHECKING:
    from noria.runs.run import Run, Status
    from noria.runs.search import Lifecycle
    from noria.workspace import Workspace

__all__ = ["runs"]

_NOTE = "mlflow.note.content"


@click.group()
def runs() -> None:
    """Runs: find, look at, compare, export, tidy up."""


runs.add_command(export)
runs.add_command(gc)


@runs.command("list")
@filtered
@click.option("--columns", "-c", help="What to show, such as params.lr,metrics.auc,tags.team,user_id.")
@as_json
def list_(
    where: str,
    experiment: str | None,
    sort: tuple[str, ...],
    limit: int,
    deleted: bool,
    columns: str | None,
    json_output: bool,
) -> None:
    """List runs, the newest first."""
    ws = workspace()
    # A run whose process was killed cannot say so itself.
    ws.runs.mark_lost(datetime.now(UTC))
    found = found_by(ws, where, experiment, sort, limit, deleted=deleted)
    if json_output:
        print_json([as_dict(run) for run in found])
        return
    if not found:
        chosen = where or experiment or deleted
        click.echo("no such runs" if chosen else "no runs yet; next: noria run", err=True)
        return
    if columns is not None:
        names = [name.strip() for name in columns.split(",") if name.strip()]
        rows = [(run.id[:8], run.name, *(figure(column(run, name)) for name in names)) for run in found]
        print_table(("run", "name", *names), rows)
        return
    print_table(
        ("run", "name", "started (UTC)", "took", "status", "commit", "model", "by"),
        [
            (
                run.id[:8],
                run.name,
                moment(run.started),
                "" if run.seconds is None else f"{run.seconds:.1f} s",
                run.status,
                commit(run),
                run.params.get("model", ""),
                run.trigger,
            )
            for run in found
        ],
        right=(3,),
        spare=(("commit",),),
        whole=("run",),
    )


@runs.command()
@click.argument("run_id")
@as_json
def show(run_id: str, json_output: bool) -> None:
    """Show one run: RUN_ID, or its first characters."""
    from noria.pipeline.records import Records
    from noria.runs.inputs import Inputs

    ws = workspace()
    ws.runs.mark_lost(datetime.now(UTC))
    run = ws.runs.get(run_id)
    steps = Records(ws.database).states(run.id)
    files = ws.artifacts.all(run.id)
    inputs = Inputs(ws.database).datasets([run.id]).get(run.id, ())
    if json_output:
        print_json(
            {
                **as_dict(run),
                "steps": [
                    {"step": one.step, "state": one.state, "reason": one.reason, "seconds": one.seconds}
                    for one in steps
                ],
                "inputs": [{"name": one.name, "digest": one.digest, "context": one.context} for one in inputs],
                "artifacts": [{"path": one.path, "size": one.size, "digest": one.digest} for one in files],
            }
        )
        return
    bin_ = f", in the bin since {moment(run.deleted)}" if run.deleted else ""
    click.echo(f"run {run.id}  {run.status}  {run.name}{bin_}")
    click.echo(f"started {moment(run.started)} UTC by {run.trigger or run.user_id}, code {commit(run) or 'not in git'}")
    if steps:
        click.echo()
        rows = [(one.step, one.state, "" if one.seconds is None else f"{one.seconds:.2f}", one.reason) for one in steps]
        print_table(("step", "state", "seconds", "why"), rows, right=(2,))
    for title, values in (("metrics", run.metrics), ("parameters", run.params), ("tags", run.tags)):
        if values:
            click.echo()
            print_table((title, ""), [(name, figure(value)) for name, value in sorted(values.items())])
    if inputs:
        click.echo()
        print_table(("input", "digest", "as"), [(one.name, one.digest[:12], one.context) for one in inputs])
    if files:
        click.echo()
        print_table(("file", "bytes"), [(one.path, f"{one.size:,}") for one in files], right=(1,))
    if run.error:
        click.echo(f"\nerror[{run.error.get('code')}]: {run.error.get('what')}")


@runs.command()
@click.argument("run_ids", nargs=-1, required=True)
@as_json
def compare(run_ids: tuple[str, ...], json_output: bool) -> None:
    """Put runs side by side: what differs comes first."""
    ws = workspace()
    found = [ws.runs.get(run) for run in dict.fromkeys(run_ids)]
    params = _compared([dict(run.params) for run in found])
    metrics = _compared([dict(run.metrics) for run in found])
    if json_output:
        print_json({"runs": [run.id for run in found], "params": params, "metrics": metrics})
        return
    for title, rows in (("parameter", params), ("metric", metrics)):
        shown = [row for row in rows if row["differs"]]
        same = len(rows) - len(shown)
        if shown:
            cells = [[row["name"], *map(figure, _values(row))] for row in shown]
            print_table((title, *(run.id[:8] for run in found)), cells, right=range(1, len(found) + 1))
        click.echo(f"{same} {title}s are the same\n" if rows else f"no {title}s\n")


def _values(row: dict[str, object]) -> list[object]:
    values = row["values"]
    return values if isinstance(values, list) else []


def _compared(recorded: list[dict[str, object]]) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for name in sorted({name for one in recorded for name in one}):
        values = [exact(one.get(name)) for one in recorded]
        rows.append({"name": name, "values": values, "differs": any(value != values[0] for value in values)})
    return sorted(rows, key=lambda row: not row["differs"])


@runs.command()
@click.argument("run_id")
@click.option("--lines", "-n", type=click.IntRange(1, 100_000), default=50, show_default=True, help="How many.")
@click.option("--follow", "-f", is_flag=True, help="Go on as the run goes on.")
@as_json
def log(run_id: str, lines: int, follow: bool, json_output: bool) -> None:
    """Print the last lines that a run logged; with --json an object a line."""
    from noria.runs.log import RunLog

    ws = workspace()
    run = ws.runs.get(run_id)
    book = RunLog(ws.database)
    found = book.tail(run.id, lines)
    last = 0
    while True:
        for one in found:
            if json_output:
                print_line({"number": one.number, "at_ms": one.at_ms, "line": one.line})
            else:
                click.echo(visible(one.line))
        if not follow:
            return
        last = found[-1].number if found else last
        ended = ws.runs.get(run.id).status not in ("running", "scheduled")
        found = book.tail(run.id, 10_000, after=last)
        if ended and not found:
            return
        if not found:
            time.sleep(1.0)


@runs.command()
@click.argument("run_id")
@click.argument("text", required=False)
@as_json
def note(run_id: str, text: str | None, json_output: bool) -> None:
    """Read the note of a run, or write it: TEXT."""
    ws = workspace()
    run = ws.runs.get(run_id)
    if text is not None:
        ws.runs.set_tag(run.id, _NOTE, text)
    shown = run.tags.get(_NOTE, "") if text is None else text
    if json_output:
        print_json({"id": run.id, "note": shown})
    else:
        click.echo(shown)


@runs.command()
@click.argument("run_id")
@click.argument("tags", nargs=-1, required=True, metavar="NAME=VALUE…")
@as_json
def tag(run_id: str, tags: tuple[str, ...], json_output: bool) -> None:
    """Label a run; NAME= alone takes the label off."""
    from noria.errors import WrongArgument
    from noria.runs.operations import checked_name

    ws = workspace()
    run = ws.runs.get(run_id)
    pairs = [text.partition("=") for text in tags]
    for name, equals, _ in pairs:
        if not equals:
            raise WrongArgument(f"{name!r} names no value", mend=f"write {name}=VALUE", code="N-CLI-031")
        checked_name(name, "tag")
    ws.runs.log_batch(run.id, tags={name: value for name, _, value in pairs if value})
    for name, _, value in pairs:
        if not value:
            ws.runs.delete_tag(run.id, name)
    _done(ws.runs.get(run.id), json_output)


@runs.command()
@click.argument("run_id")
@click.option("--status", type=click.Choice(["finished", "failed", "killed"]), default="finished", show_default=True)
@as_json
def finish(run_id: str, status: Status, json_output: bool) -> None:
    """End a run that will not speak again itself."""
    ws = workspace()
    run = ws.runs.get(run_id)
    ws.runs.finish(run.id, status)
    _done(ws.runs.get(run.id), json_output)


@runs.command()
@click.argument("run_ids", nargs=-1, required=True)
@as_json
def delete(run_ids: tuple[str, ...], json_output: bool) -> None:
    """Put runs in the bin; `noria runs gc` empties it."""
    ws = workspace()
    _moved(ws, run_ids, "deleted", json_output)


@runs.command()
@click.argument("run_ids", nargs=-1, required=True)
@as_json
def restore(run_ids: tuple[str, ...], json_output: bool) -> None:
    """Take runs out of the bin."""
    ws = workspace()
    _moved(ws, run_ids, "restored", json_output)


@runs.command()
@click.option("--deleted", is_flag=True, help="Those in the bin too.")
@as_json
def experiments(deleted: bool, json_output: bool) -> None:
    """List experiments, with how many runs they have."""
    from noria.runs.experiment_search import search_experiments
    from noria.runs.search import Question

    ws = workspace()
    with ws.database.reading() as connection:
        wanted: Lifecycle = "all" if deleted else "active"
        found = search_experiments(connection, order=["name"], lifecycle=wanted, limit=100_000).rows
    rows = [(one, ws.runs.count(Question.read(experiments=[one.id]))) for one in found]
    if json_output:
        print_json(
            [
                {
                    "id": one.id,
                    "name": one.name,
                    "created": one.created.isoformat(),
                    "deleted": one.deleted.isoformat() if one.deleted else None,
                    "runs": count,
                    "tags": dict(one.tags),
                }
                for one, count in rows
            ]
        )
        return
    cells = [(one.id, one.name, count, moment(one.created), moment(one.deleted)) for one, count in rows]
    print_table(("id", "experiment", "runs", "created (UTC)", "deleted"), cells, right=(0, 2))


def _moved(ws: Workspace, run_ids: tuple[str, ...], what: str, json_output: bool) -> None:
    ids = [ws.runs.get(run).id for run in run_ids]
    moved = ws.runs.delete(ids) if what == "deleted" else ws.runs.restore(ids)
    if json_output:
        print_json({"ids": ids, what: moved})
    else:
        click.echo(f"{moved} {what}", err=True)


def _done(run: Run, json_output: bool) -> None:
    if json_output:
        print_json(as_dict(run))
    else:
        click.echo(f"run {run.id[:8]}  {run.status}  {run.name}", err=True)
