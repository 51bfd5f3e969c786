"""Where what a run says goes: a server, or the store of a project on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

__all__ = ["Arrived", "Sink", "TooLarge", "Unreachable"]


class Unreachable(Exception):
    """The sink does not answer now; later it may."""


class TooLarge(Exception):
    """The sink does not read this as a whole; smaller pieces it may."""


@dataclass(frozen=True)
class Arrived:
    """Number of the last operation that the sink has, and what it refused."""

    acknowledged: int
    refused: tuple[str, ...] = ()


class Sink(Protocol):
    """Takes what runs say. Whatever it takes is durable when it answers."""

    def send(self, run: str, batch: bytes) -> Arrived:
        """Hand a batch over: JSON of `noria.runs.operations.Batch`.

        Raises
        ------
        Unreachable
            Try again later.
        TooLarge
            Try again with less.
        NoriaError
            It will never be taken.
        """

    def put(self, run: str, path: str, file: Path) -> None:
        """Hand a file over; raises as `send` does."""

    def close(self) -> None:
        """Let connections go."""
