"""Sends what lies in outboxes: of processes that were killed, and of runs that had nowhere to go."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import msgspec

from noria.errors import NoriaError, WrongData
from noria.runs.operations import Finish
from noria.tracking.journal import Reader, claimed
from noria.tracking.outbox import journals
from noria.tracking.shipping import Shipper
from noria.tracking.sink import Sink, Unreachable
from noria.tracking.target import sink_for

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["Left", "State", "sync"]

State = Literal["sent", "waiting", "running", "nowhere", "unreachable", "refused", "damaged"]


@dataclass(frozen=True)
class Left:
    """What became of a journal.

    Parameters
    ----------
    path : Path
        The file.
    run, name : str
        Of the run.
    target : str
        Where it is to go.
    state : str
        ``sent``; ``waiting`` (a dry run, it would be sent); ``running``: its process lives and sends it itself;
        ``nowhere``: no target is known; ``unreachable``; ``refused``; ``damaged``: it cannot be read.
    records : int
        How many were sent, or wait.
    why : str
        What stands in the way.
    notes : tuple of str
        Single records that were refused; the others arrived.
    """

    path: Path
    run: str
    name: str
    target: str
    state: State
    records: int = 0
    why: str = ""
    notes: tuple[str, ...] = ()


def sync(
    folders: Iterable[Path], *, to: str = "", token: str = "", only: str | None = None, dry_run: bool = False
) -> list[Left]:
    """Send every journal that no process holds.

    Parameters
    ----------
    folders : iterable of Path
        Outboxes.
    to : str
        Where to send those that name no place themselves: an address, or the folder of a project.
    token : str
        For servers.
    only : str, optional
        Send only what is for this place.
    dry_run : bool
        Send nothing, and say what would be sent.
    """
    sinks: dict[str, Sink] = {}
    done: list[Left] = []
    try:
        for folder in folders:
            for path in journals(folder):
                try:
                    left = _one(path, sinks, to, token, only, dry_run=dry_run)
                except FileNotFoundError:
                    continue  # somebody else has sent it this instant
                if left is not None:
                    done.append(left)
    finally:
        for sink in sinks.values():
            sink.close()
    return done


def _one(path: Path, sinks: dict[str, Sink], to: str, token: str, only: str | None, *, dry_run: bool) -> Left | None:
    with claimed(path) as mine:
        try:
            reader = Reader(path)
        except WrongData as error:
            # One that is held has a process which is about to write its first line.
            return Left(path, "", "", "", "damaged", why=error.why) if mine and only is None else None
        try:
            header = reader.header
            target = header.target or to
            if only is not None and target != only:
                return None
            left = Left(path, header.run, header.name, target, "waiting")
            if not mine:
                return replace(left, state="running") if only is None else None
            if not target:
                return replace(left, state="nowhere", records=reader.waiting())
            if dry_run:
                return replace(left, records=reader.waiting())
            return _sent(left, reader, sinks, token)
        finally:
            reader.close()


def _sent(left: Left, reader: Reader, sinks: dict[str, Sink], token: str) -> Left:
    notes: list[str] = []
    records = 0
    try:
        sink = sinks.get(left.target) or sink_for(left.target, token)
        assert sink is not None  # noqa: S101 - the target is not empty
        sinks[left.target] = sink
        shipper = Shipper(reader, sink, notes.append)
        records = shipper.ship(alive=False)
        at_ms = int(reader.last_change() * 1000)
        # Unless the run has said how it ended, or goes on elsewhere, it died with its process.
        shipper.end([msgspec.json.encode(Finish(at_ms, "lost"))])
        reader.remove()
    except Unreachable as error:
        return replace(left, state="unreachable", records=records, why=str(error), notes=tuple(notes))
    except NoriaError as error:
        return replace(left, state="refused", records=records, why=error.what, notes=tuple(notes))
    return replace(left, state="sent", records=records, notes=tuple(notes))
