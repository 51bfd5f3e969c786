"""``noria up``: the whole loop kept turning, in one process tree."""

from __future__ import annotations

import http.client
import json
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING

import click

from noria.cli.opening import workspace
from noria.cli.process_tree import Child, ProcessTree, stop_on_signals

if TYPE_CHECKING:
    from pathlib import Path

    from noria.workspace import Workspace

__all__ = ["up"]

_HELP = {
    "pages": "what needs you, runs, models, monitoring",
    "scorer": "answers predictions with the champion",
    "loop": "watches, retrains, promotes, rolls back",
    "collector": "takes messages from the brokers",
}

_STOP_SECONDS = 12.0
"""The scorer finishes the requests it has taken, for ten seconds at most."""


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Loopback address to listen on.")
@click.option("--port", type=int, default=8765, show_default=True, help="Of the pages; 0 takes a free one.")
@click.option("--scorer-port", type=int, default=8766, show_default=True, help="Of the scorer; 0 takes a free one.")
@click.option("--every", default="30s", show_default=True, help="Time between two looks of scheduler and monitor.")
@click.option("--jobs", type=click.IntRange(min=1), default=None, help="Processes a retraining may use.")
@click.option("--open", "open_browser", is_flag=True, help="Open a browser on the home page.")
def up(host: str, port: int, scorer_port: int, every: str, jobs: int | None, open_browser: bool) -> None:
    """Keep the wheel turning until Ctrl-C: pages, scorer, scheduler and monitor.

    Each is a process of its own; one that dies is started again. Nothing is left when this one ends, however it ends.
    """
    from noria.duration import parse_duration
    from noria.store.files import lock_file

    seconds = parse_duration(every).total_seconds()
    opened = workspace()
    _ = opened.project, opened.database  # what is wrong with either is told before anything starts
    with lock_file(opened.store / "up.lock", busy=_busy(opened)):
        ports = _free_ports(host, port, scorer_port)
        pages, scorer = (f"http://{f'[{host}]' if ':' in host else host}:{number}" for number in ports)
        children = _children(opened.root, host, ports, scorer, seconds, jobs)
        if _collects(opened):
            # Killed at any moment it loses nothing and takes nothing twice.
            children.append(Child("collector", (sys.executable, "-m", "noria", "collect"), ready=lambda: True))
        opened.close()
        state = opened.store / "up.json"
        _say(f"{opened.project.name}: starting (Ctrl-C stops)")
        waiting = {child.name for child in children}

        def ready(name: str) -> None:
            where = {"pages": pages, "scorer": scorer}.get(name, "")
            click.echo(f"  {name:<7} {where:<28} {_HELP[name]}")
            waiting.discard(name)
            if name == "pages" and open_browser:
                click.launch(pages)
            if not waiting:
                click.echo("ready")

        try:
            with stop_on_signals() as stop:
                _remember(state, pages, scorer)
                ProcessTree(children, say=_say, folder=opened.root, stop_seconds=_STOP_SECONDS).run(
                    stop, on_ready=ready
                )
        finally:
            state.unlink(missing_ok=True)
        _say("stopped")


def _children(
    root: Path, host: str, ports: tuple[int, int], scorer: str, every: float, jobs: int | None
) -> list[Child]:
    here = (sys.executable, "-m")
    where = ("--root", str(root))
    return [
        Child(
            "pages",
            (*here, "noria.server", *where, "--host", host, "--port", str(ports[0]), "--scorer-url", scorer),
            ready=lambda: _answers(host, ports[0], "/api/health"),
        ),
        Child(
            "scorer",
            (*here, "noria", "serve", "--host", host, "--port", str(ports[1])),
            ready=lambda: _answers(host, ports[1], "/ping"),
        ),
        Child(
            "loop",
            (*here, "noria.cli.turning", *where, "--every", str(every), *(("--jobs", str(jobs)) if jobs else ())),
            # A training in progress is safe to cut anywhere, and must not go on without its supervisor.
            death_signal=signal.SIGKILL,
            ready=lambda: True,
        ),
    ]


def _collects(opened: Workspace) -> bool:
    from noria.project.origin import origin_of
    from noria.sources.reference import prefix_of

    return any(prefix_of(source) in {"mqtt", "mqtts"} for source in origin_of(opened.project).sources)


def _free_ports(host: str, *wanted: int) -> tuple[int, int]:
    """Find out now, not in a child, that a port is taken."""
    from noria.errors import PortInUse, WrongArgument
    from noria.security.bind import listen

    if wanted[0] == wanted[1] != 0:
        raise WrongArgument(
            f"pages and scorer cannot both listen on port {wanted[0]}",
            mend=f"noria up --port {wanted[0]} --scorer-port {wanted[0] + 1}",
            code="N-CLI-040",
        )
    bound = []
    try:
        for number, option in zip(wanted, ("--port", "--scorer-port"), strict=True):
            try:
                bound.append(listen(host, number))
            except PortInUse as error:
                raise PortInUse(
                    error.what,
                    why=error.why,
                    mend=f"take another: noria up {option} {number + 10}, or {option} 0 for any free one",
                    code=error.code,
                ) from error
        first, second = (int(one.getsockname()[1]) for one in bound)
    finally:
        for one in bound:
            one.close()
    return first, second


def _answers(host: str, port: int, path: str) -> bool:
    connection = http.client.HTTPConnection(host, port, timeout=0.5)
    try:
        connection.request("GET", path)
        connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    # Any answer means that it listens; a scorer without a champion says so with another status.
    return True


def _busy(opened: Workspace) -> str:
    try:
        where = str(json.loads((opened.store / "up.json").read_text())["pages"])
    except (OSError, ValueError, KeyError):
        where = ""
    return f"noria up already runs in {opened.root}" + (f", with its pages at {where}" if where else "")


def _remember(path: Path, pages: str, scorer: str) -> None:
    from noria.store.files import write_atomic

    write_atomic(path, json.dumps({"pid": os.getpid(), "pages": pages, "scorer": scorer}))


_speaking = threading.Lock()


def _say(text: str) -> None:
    with _speaking:
        click.echo(text, err=True)
