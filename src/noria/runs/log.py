"""What a run printed: numbered lines, of which the last are kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from noria.runs.recording import OpenRun, open_run
from noria.runs.tables import run_log

if TYPE_CHECKING:
    from noria.store.database import Database, Write

__all__ = ["LONGEST_LINE", "MOST_LINES", "LogLine", "RunLog", "record_lines"]

LONGEST_LINE = 4_000
"""Letters; the rest of a longer line is cut off."""

MOST_LINES = 100_000
"""Of one run; the oldest go first."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line: its number from 1, when it was printed in milliseconds since 1970, its text."""

    number: int
    at_ms: int
    line: str


class RunLog:
    """The lines of all runs.

    Parameters
    ----------
    database : Database
        Migrated.
    write : Write, optional
        How a write is made durable; in a transaction of its own when left out.
    """

    def __init__(self, database: Database, write: Write | None = None) -> None:
        self._database = database
        self._write: Write = write or database.write

    def append(self, run: str, lines: Sequence[str], *, at: datetime | None = None) -> None:
        """Add lines after those that are there.

        Raises
        ------
        RunNotFound, WrongArgument
            There is no such run, or it is deleted.
        """
        at_ms = int((at or datetime.now(UTC)).timestamp() * 1000)
        said = [(at_ms, line) for line in lines]
        self._write(lambda connection: record_lines(connection, open_run(connection, run), said))

    def tail(self, run: str, n: int = 100, *, after: int | None = None) -> tuple[LogLine, ...]:
        """Give the last lines, or the first that follow a line.

        Parameters
        ----------
        run : str
            Its whole id.
        n : int
            At most so many.
        after : int, optional
            The number of the last line known.

        Raises
        ------
        RunNotFound
            There is no such run.
        """
        own = run_log.c
        query = sa.select(own.number, own.at_ms, own.line).limit(n)
        with self._database.reading() as connection:
            opened = open_run(connection, run, writable=False)
            query = query.where(own.rid == opened.rid)
            if after is None:
                rows = list(reversed(connection.execute(query.order_by(own.number.desc())).all()))
            else:
                rows = list(connection.execute(query.where(own.number > after).order_by(own.number)).all())
        return tuple([LogLine(number, at_ms, line) for number, at_ms, line in rows])


def record_lines(connection: sa.Connection, run: OpenRun, lines: Sequence[tuple[int, str]]) -> None:
    """Add lines, each with its time, over an open connection.

    What no database keeps in a text is shown as what stands for it.
    """
    if not lines:
        return
    last = connection.execute(sa.select(sa.func.max(run_log.c.number)).where(run_log.c.rid == run.rid)).scalar() or 0
    kept = lines[-MOST_LINES:]
    first = last + 1 + len(lines) - len(kept)
    rows = [
        {"rid": run.rid, "number": number, "at_ms": at_ms, "line": _storable(line)}
        for number, (at_ms, line) in enumerate(kept, first)
    ]
    connection.execute(sa.insert(run_log), rows)
    newest = last + len(lines)
    # Not at every line: to delete costs a look into the index each time.
    if newest > MOST_LINES and newest // 1_000 != last // 1_000:
        connection.execute(sa.delete(run_log).where(run_log.c.rid == run.rid, run_log.c.number <= newest - MOST_LINES))


def _storable(line: str) -> str:
    line = line if len(line) <= LONGEST_LINE else line[: LONGEST_LINE - 1] + "…"
    return line.replace("\x00", "␀").encode("utf-8", "replace").decode()
