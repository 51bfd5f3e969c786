"""One of several serving processes: ``python -m noria.serving.worker``, started by `noria.serving.supervisor`.

What it serves comes in the environment: a database's address may hold a password, and others can read a command line.
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from noria.errors import NoriaError
from noria.scoring.policies import Policies
from noria.serving.rollout import Rollout

if TYPE_CHECKING:
    from noria.serving.steward import Watch

__all__ = ["ENVIRONMENT", "Work", "command", "environment", "main"]

ENVIRONMENT = "NORIA_SERVING"
_PR_SET_PDEATHSIG = 1


class Work(msgspec.Struct, frozen=True):
    """What a worker serves; names as `noria.serving.run.ScoringServer` has them.

    Parameters
    ----------
    board : int
        Descriptor of the memory that workers share.
    fleet : str
        Id that its workers share.
    importable : str
        Folder whose modules a model may need; empty where none may.
    """

    board: int
    fleet: str
    database: str
    objects: str
    predictions: str
    model: str
    endpoint: str
    alias: str
    rollout: Rollout
    policies: Policies
    trusted: tuple[str, ...] = ()
    importable: str = ""
    extra_hosts: tuple[str, ...] = ()
    max_in_flight: int = 256


class _Place(msgspec.Struct, frozen=True):
    """Where a worker stands, as its supervisor says."""

    slot: int
    listening: int
    ready: int
    supervisor: int


def command(module: str = "noria.serving.worker") -> list[str]:
    """Give the command of a worker.

    Parameters
    ----------
    module : str
        What calls `main`: another where rollouts are to be watched, which this room knows nothing of.
    """
    return [sys.executable, "-m", module]


def environment(work: Work) -> dict[str, str]:
    """Give what must be in the environment of a worker."""
    return {ENVIRONMENT: msgspec.json.encode(work).decode()}


def _end_with(supervisor: int) -> None:
    """Have the kernel end this process, its requests finished, when the supervisor is gone without a word."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
    if os.getppid() != supervisor:
        sys.exit(1)  # it died before the wish was made


def main(watch: Watch | None = None) -> int:
    """Serve as the environment says.

    Parameters
    ----------
    watch : Watch, optional
        Who knows labels and writes alerts of rollouts.

    Returns
    -------
    int
        The exit status.
    """
    place = msgspec.json.decode(os.environ.pop("NORIA_WORKER"), type=_Place)
    _end_with(place.supervisor)
    work = msgspec.json.decode(os.environ.pop(ENVIRONMENT), type=Work)
    # Answers are small: threads inside the libraries only get into each other's way.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.WARNING,
        format=f"%(asctime)s worker {place.slot} %(levelname)s %(message)s",
    )
    try:
        _serve(work, place, watch)
    except NoriaError as error:
        sys.stderr.write(error.render() + "\n")
        return error.exit_status
    return 0


def _serve(work: Work, place: _Place, watch: Watch | None) -> None:
    from noria.serving.board import Board  # noqa: PLC0415 - as below
    from noria.serving.run import ScoringServer  # noqa: PLC0415 - numpy reads OMP_NUM_THREADS when it is loaded
    from noria.store.blobs import Blobs  # noqa: PLC0415 - as above
    from noria.store.database import Database  # noqa: PLC0415 - as above

    if work.importable:
        from noria.pipeline.own import importable  # noqa: PLC0415 - few projects have classes of their own

        importable(Path(work.importable))

    def ready(_url: str) -> None:
        os.write(place.ready, b"1")
        os.close(place.ready)

    ScoringServer(
        database=Database(work.database),
        blobs=Blobs(Path(work.objects)),
        model=work.model,
        endpoint=work.endpoint,
        predictions=Path(work.predictions),
        alias=work.alias,
        listening=socket.socket(fileno=place.listening),
        fleet=work.fleet,
        board=Board(work.board, place.slot),
        rollout=work.rollout,
        extra_hosts=work.extra_hosts,
        trusted=work.trusted,
        policies=work.policies,
        max_in_flight=work.max_in_flight,
        on_ready=ready,
        watch=watch,
    ).run()


if __name__ == "__main__":
    sys.exit(main())
