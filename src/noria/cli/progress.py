"""A run as it happens: a live table on a terminal, plain lines elsewhere. Talks on stderr."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.live import Live
    from rich.table import Table

    from noria.pipeline.event import Event
    from noria.pipeline.graph import Graph

__all__ = ["duration", "pulling", "shown"]

_MARKS = {
    "waiting": ("·", "dim"),
    "running": ("●", "yellow"),
    "cached": ("=", "cyan"),
    "finished": ("✓", "green"),
    "failed": ("✗", "red"),
    "skipped": ("-", "dim"),
    "cancelled": ("-", "yellow"),
}
_STATES = {
    "step_started": "running",
    "step_cached": "cached",
    "step_finished": "finished",
    "step_failed": "failed",
    "step_skipped": "skipped",
    "step_cancelled": "cancelled",
}


def duration(seconds: float | None) -> str:
    """Write a duration for a person.

    Examples
    --------
    >>> duration(0.0123), duration(8.04), duration(75.2)
    ('12 ms', '8.0 s', '1 min 15 s')
    """
    if seconds is None:
        return ""
    if seconds < 0.95:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


@contextmanager
def shown(*, quiet: bool = False) -> Iterator[tuple[Callable[[Graph], None], Callable[[Event], None]]]:
    """Show a run: give what to call with the graph before it starts, and with each event."""
    if quiet:
        yield (lambda _graph: None), (lambda _event: None)
    elif sys.stderr.isatty():
        with _LiveTable() as table:
            yield table.begin, table.take
    else:
        lines = _Lines()
        yield lines.begin, lines.take


@contextmanager
def pulling(*, quiet: bool = False) -> Iterator[Callable[[float | None, str], None]]:
    """Show how far a long pull is: give what to call with the share done, or None, and a few words."""
    told = [time.monotonic()]
    live = not quiet and sys.stderr.isatty()

    def tell(done: float | None, text: str) -> None:
        now = time.monotonic()
        if quiet or now - told[0] < (0.2 if live else 5.0):
            return
        told[0] = now
        line = f"  reading {_percent(done)} {text}".replace("  ", " ", 1)
        click.echo(f"\r\x1b[K{line}" if live else line, err=True, nl=not live)

    try:
        yield tell
    finally:
        if live:
            click.echo("\r\x1b[K", err=True, nl=False)


class _Lines:
    """One line a change, for logs and CI."""

    def __init__(self) -> None:
        self._told: dict[str, float] = {}

    def begin(self, graph: Graph) -> None:
        click.echo(f"{len(graph)} steps: {' → '.join(graph.order())}", err=True)

    def take(self, event: Event) -> None:
        state = _STATES.get(event.kind)
        if state is not None:
            detail = event.reason if state in ("running", "skipped") else duration(event.seconds)
            click.echo(f"{_MARKS[state][0]} {event.step:<10} {state:<9} {detail}".rstrip(), err=True)
        elif event.kind == "note":
            click.echo(f"  {event.step:<10} {event.text}", err=True)
        elif event.kind == "progress" and time.monotonic() - self._told.get(event.step, 0.0) > 5:
            self._told[event.step] = time.monotonic()
            click.echo(f"  {event.step:<10} {f'{_percent(event.value)} {event.text}'.strip()}", err=True)


class _LiveTable:
    """Rows that change in place."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[str, str]] = {}
        self._live: Live | None = None

    def __enter__(self) -> _LiveTable:
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.update(self._table(), refresh=True)
            self._live.stop()

    def begin(self, graph: Graph) -> None:
        from rich.console import Console
        from rich.live import Live

        self._rows = {name: {"state": "waiting", "time": "", "text": ""} for name in graph.order()}
        self._live = Live(self._table(), console=Console(stderr=True), refresh_per_second=8, get_renderable=self._table)
        self._live.start()

    def take(self, event: Event) -> None:
        row = self._rows.setdefault(event.step, {"state": "waiting", "time": "", "text": ""})
        state = _STATES.get(event.kind)
        if state is not None:
            row["state"] = state
            row["time"] = duration(event.seconds) if state in ("finished", "cached", "failed") else ""
            if state in ("running", "skipped"):
                row["text"] = event.reason
        elif event.kind == "note":
            row["text"] = event.text
        elif event.kind == "progress":
            row["text"] = f"{_percent(event.value)} {event.text}"

    def _table(self) -> Table:
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, padding=(0, 1), header_style="bold", show_edge=False)
        for title in ("", "step", "state", "time", ""):
            table.add_column(title, justify="right" if title == "time" else "left", no_wrap=title != "")
        for name, row in self._rows.items():
            mark, colour = _MARKS[row["state"]]
            table.add_row(
                Text(mark, colour),
                name,
                Text(row["state"], colour),
                row["time"],
                Text(row["text"], "dim", overflow="ellipsis"),
            )
        return table


def _percent(value: object) -> str:
    return f"{value:>4.0%}" if isinstance(value, float) else ""
