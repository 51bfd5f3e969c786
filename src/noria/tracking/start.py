"""``noria.start_run``: begin to record, here and now."""

from __future__ import annotations

import os
import re
import shlex
import socket
import sys
import time
import uuid
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

from noria.errors import WrongArgument
from noria.runs.operations import Start
from noria.store.process import this_process
from noria.tracking import lifetime
from noria.tracking.channel import Channel
from noria.tracking.http_sink import checked_server
from noria.tracking.journal import Header
from noria.tracking.outbox import project_of, writable
from noria.tracking.run import ActiveRun
from noria.tracking.wording import plain_text

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["start_run"]

_ID = re.compile(r"[0-9a-f]{32}")


def start_run(
    name: str | None = None,
    *,
    experiment: str | None = None,
    params: Mapping[str, object] | None = None,
    tags: Mapping[str, object] | None = None,
    parent: ActiveRun | str | None = None,
    run_id: str | None = None,
    server: str | None = None,
    system_metrics: bool = True,
    capture_output: bool = False,
) -> ActiveRun:
    """Begin a run: ``with noria.start_run("first try") as run: …``.

    What the run says goes to the server, else to the store of the project this is called in, else it waits in a
    journal for ``noria sync``. It is recorded in the background: a call costs microseconds and never fails because
    of disk or network.

    Parameters
    ----------
    name : str, optional
        For people; made of the time when left out.
    experiment : str, optional
        Runs of one experiment stand together; it is opened when there is none of this name.
    params, tags : mapping, optional
        Settings and labels to begin with.
    parent : ActiveRun or str, optional
        The run that this one is part of.
    run_id : str, optional
        Go on with a run that was begun before; also a way to choose the id: 32 hexadecimal digits.
    server : str, optional
        Its address; the environment variable ``NORIA_TRACKING_URI`` when left out. A token is taken from
        ``NORIA_TRACKING_TOKEN``.
    system_metrics : bool
        Record every ten seconds how the machine does.
    capture_output : bool
        Copy what Python prints into the run's log.

    Returns
    -------
    ActiveRun
        To record with. Used as a context manager it ends by itself: an exception makes it ``failed``, Ctrl-C
        ``killed``.

    Raises
    ------
    WrongArgument, NotAllowed
        An argument makes no sense, or a token would travel in the clear.
    """
    if run_id is not None and not (isinstance(run_id, str) and _ID.fullmatch(run_id)):
        raise WrongArgument(
            f"{str(run_id)[:80]!r} is no id of a run",
            mend="give all 32 hexadecimal digits: noria runs list --json",
            code="N-TRACKING-030",
        )
    project = project_of()
    token = os.environ.get("NORIA_TRACKING_TOKEN", "")
    address = server if server is not None else os.environ.get("NORIA_TRACKING_URI", "")
    target = checked_server(address, token) if address else str(project) if project is not None else ""
    id_ = run_id or uuid.uuid4().hex
    shown = plain_text(name)[:1_000] if name else time.strftime("run %Y-%m-%d %H:%M:%S")
    folder = writable(project)

    def open_channel() -> Channel:
        header = Header(id_, uuid.uuid4().hex[:16], target, shown, os.getpid())
        return Channel(folder, header, token=token, also=lambda box: _send_left(box, target, token))

    def child(child_name: str | None) -> ActiveRun:
        return start_run(child_name, experiment=experiment, parent=id_, server=server, system_metrics=False)

    run = ActiveRun(
        id_,
        shown,
        open_channel=open_channel,
        start=_first_word(shown, experiment, resume=run_id is not None),
        url=f"{target}/runs/{id_}" if address else "",
        child=child,
    )
    lifetime.watch(run)
    run.set_tags({**_known_tags(parent), **(tags or {})})
    if params:
        run.log_params(params)
    if not target:
        run._channel.warn("away", f"no server and no project is named: it waits in {folder} for: noria sync --to URL")
    if run_id is None:
        from noria.runs.environment import environment  # noqa: PLC0415 - only where a run begins

        run.log_dict(environment(), "environment.json")
    if system_metrics:
        from noria.tracking.system_metrics import SystemMetrics  # noqa: PLC0415 - only where asked for

        run._watch_with(SystemMetrics(run._at_once))
    if capture_output:
        from noria.tracking.capture import Capture  # noqa: PLC0415 - only where asked for

        run._watch_with(Capture(run._lines))
    return run


def _first_word(name: str, experiment: str | None, *, resume: bool) -> Start:
    from noria.runs.code import git_state  # noqa: PLC0415 - only where a run begins
    from noria.runs.environment import current_user  # noqa: PLC0415 - as above

    script = Path(sys.argv[0]).resolve() if sys.argv and sys.argv[0] not in ("", "-c", "-m") else Path.cwd()
    git = git_state(script if script.is_dir() else script.parent)
    return Start(
        time.time_ns() // 1_000_000,
        name,
        "logged",
        plain_text(experiment)[:500] if experiment else "",
        plain_text(script.name)[:1_000],
        plain_text(current_user())[:1_000],
        this_process(),
        git.commit,
        git.clean if git.commit else None,
        resume,
    )


def _known_tags(parent: ActiveRun | str | None) -> dict[str, object]:
    tags: dict[str, object] = {
        "noria.command": shlex.join(sys.argv)[:8_000] if sys.argv else "",
        "noria.python": sys.version.split()[0],
        "noria.host": socket.gethostname(),
    }
    if parent is not None:
        # The word of MLflow's clients, so that both are shown as nested.
        tags["mlflow.parentRunId"] = parent if isinstance(parent, str) else parent.id
    return tags


def _send_left(folder: Path, target: str, token: str) -> None:
    """Send what processes that are dead have left for the same place, beside everything else."""
    from noria.tracking.sync import sync  # noqa: PLC0415 - only once a run has said something

    Thread(target=lambda: sync([folder], token=token, only=target), name="noria-left", daemon=True).start()
