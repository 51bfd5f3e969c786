"""The loop as a process of its own: scheduler, monitor and automation, a look at a time. ``noria up`` starts it."""

from __future__ import annotations

import argparse
import json
import logging
import signal
import sys
import threading
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from noria.cli.rechecking import Rechecking
from noria.errors import NoriaError
from noria.store.files import write_atomic

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

    import pyarrow as pa

    from noria.automation.loop import Loop
    from noria.automation.loop import Turn as LoopTurn
    from noria.monitoring.reference import Reference
    from noria.workspace import Workspace

__all__ = ["STATE_FILE", "loop_of", "turn_until"]

STATE_FILE = "loop.json"
"""In ``.noria``: when the loop looked last, and what went wrong."""

_LONGEST_WAIT = 300.0


def loop_of(workspace: Workspace, *, jobs: int | None = None) -> Loop:
    """Put the loop of a project together.

    Parameters
    ----------
    workspace : Workspace
        The project; its file is read as it is now.
    jobs : int, optional
        Steps at a time of a run that the loop starts.
    """
    from noria.automation.loop import Loop
    from noria.automation.rooms import Rooms
    from noria.datasets.settings import DataSettings
    from noria.governance.retention import expire
    from noria.monitoring.watch import REFERENCE_FILE, read_reference
    from noria.predictions import matured
    from noria.project.origin import origin_of
    from noria.steps.turn import Turn

    project = workspace.project
    data: DataSettings = project.settings.data
    model = project.name

    def read(since: datetime | None, until: datetime | None) -> pa.Table:
        return matured.join(workspace.predictions.read(model, since, until), workspace.labels.latest(model))

    def reference(number: int) -> Reference | None:
        version = workspace.registry.get(model, number)
        if REFERENCE_FILE not in version.files:
            return None
        return read_reference(workspace.registry.file(version, REFERENCE_FILE))

    def run_pipeline(trigger: str) -> object:
        turn = Turn(workspace.project, workspace.database, workspace.blobs, store=workspace.store, jobs=jobs)
        result = turn.run(trigger=trigger)
        if result.error is not None:
            raise result.error
        return result

    def data_token() -> str:
        return origin_of(project).token(root=workspace.root, cache=workspace.store / "cache")

    rooms = Rooms(
        database=workspace.database,
        registry=workspace.registry,
        aliases=workspace.aliases,
        datasets=workspace.datasets,
        read=read,
        reference=reference,
        run_pipeline=run_pipeline,  # type: ignore[arg-type] # its gates_passed may be None, which means not passed
        mark_lost=workspace.runs.mark_lost,
        expire=lambda now: expire(
            project.settings.retention,
            log=workspace.predictions,
            database=workspace.database,
            store=workspace.store,
            now=now,
        ),
        data_token=data_token,
        label_rows=lambda: workspace.labels.rows(model),
        corrections=lambda: workspace.labels.corrections(model),
        trusted=workspace.trusted,
        clock=lambda: datetime.now(UTC),
    )
    return Loop(
        rooms,
        model=model,
        dataset=model,
        target=data.target,
        settings=project.settings.monitor,
        triggers=project.settings.triggers,
        time_column=data.time,
        group_column=data.group,
    )


def turn_until(root: Path, stop: threading.Event, *, every: float, jobs: int | None = None) -> None:
    """Turn the loop of a project until told to stop; an error is said once and tried again later.

    Parameters
    ----------
    root : Path
        The project.
    stop : Event
        Set to end.
    every : float
        Seconds between two looks.
    jobs : int, optional
        See `loop_of`.
    """
    from noria.workspace import Workspace

    workspace = Workspace(root)
    failures, told = 0, ""
    rechecking = Rechecking()
    try:
        while not stop.is_set():
            # Read anew each time, so that a changed noria.toml counts from the next look on.
            workspace.__dict__.pop("project", None)
            wrong = _look(workspace, jobs, rechecking)
            failures = failures + 1 if wrong is not None else 0
            text = "" if wrong is None else wrong.render()
            if text and text != told:
                click.echo(text)
            told = text
            # The pages read it: a loop that stumbles must not go unseen.
            state = {"at": datetime.now(UTC).isoformat(), "error": None if wrong is None else wrong.to_dict()}
            write_atomic(workspace.store / STATE_FILE, json.dumps(state))
            stop.wait(min(_LONGEST_WAIT, every * 2 ** min(failures, 10)))
    finally:
        rechecking.stop()
        workspace.close()


def _look(workspace: Workspace, jobs: int | None, rechecking: Rechecking) -> NoriaError | None:
    try:
        rechecking.look(workspace, datetime.now(UTC))
        _tell(loop_of(workspace, jobs=jobs).tick(datetime.now(UTC)))
    except NoriaError as error:
        return error
    except Exception as error:  # noqa: BLE001 - a face: a bug in one look must not end the loop
        return NoriaError(
            f"noria failed where it should not: {type(error).__name__}: {error}",
            why="".join(traceback.format_exception(error)).rstrip(),
            mend="please send this to the maintainers; the loop goes on looking",
            code="N-CLI-070",
        )
    return None


def _tell(turn: LoopTurn) -> None:
    for window in turn.look.windows:
        click.echo(f"window of {window.rows} predictions, version {window.version}: {window.state}")
    for decision in turn.decisions:
        if decision.action in ("tell", "hold"):  # alerts and acts go through the outbox, which also prints them
            click.echo(f"{decision.action}: {decision.reason}")


def _main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="noria.cli.turning")
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--every", type=float, required=True)
    parser.add_argument("--jobs", type=int)
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stdout)
    stop = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        # Also cuts a training short: what its finished steps made is kept, and the next run goes on from there.
        stop.set()
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    try:
        turn_until(given.root, stop, every=given.every, jobs=given.jobs)
    except KeyboardInterrupt:
        pass
    except NoriaError as error:
        click.echo(error.render(), err=True)
        sys.exit(error.exit_status)


if __name__ == "__main__":
    _main()
