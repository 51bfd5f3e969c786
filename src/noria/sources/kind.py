"""What a kind of source is: it takes a reference apart, names a state, reads rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable
from urllib.parse import parse_qsl

from noria.errors import WrongArgument, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pyarrow as pa

__all__ = ["FILE_HINTS", "VOLATILE", "Increment", "Incremental", "Kind", "Pull", "Reference", "Rows", "taken_apart"]

VOLATILE = "volatile"
"""Token of a source that cannot tell whether it changed: it has to be read to know."""

FILE_HINTS = ("encoding", "delimiter", "sheet", "format")
"""Hints that whatever ends in a file takes."""


@dataclass(frozen=True)
class Reference:
    """One source.

    Parameters
    ----------
    kind : str
        What reads it.
    location : str
        Path, glob, URL or dotted name, without hints.
    hints : mapping
        What follows the ``#``.
    text : str
        As the user wrote it. It is shown and kept, so it never holds a secret.
    """

    kind: str
    location: str
    hints: Mapping[str, str] = field(default_factory=dict)
    text: str = ""


@dataclass(frozen=True)
class Pull:
    """What a kind is told when it is asked.

    Parameters
    ----------
    root : Path
        Folder that relative paths start from.
    na_values : tuple of str
        Cells of text that mean "missing", beside the usual ones.
    store : Path, optional
        The project's folder ``.noria``: digests found before, messages collected. None outside a project.
    note : callable
        Takes a sentence for the user.
    progress : callable
        Takes the share done, or None where nobody knows, and a few words: rows or bytes so far.
    changed : str, optional
        Column that moves with every change, where the project names one.
    """

    root: Path
    na_values: tuple[str, ...] = ()
    store: Path | None = None
    note: Callable[[str], None] = lambda _text: None
    progress: Callable[[float | None, str], None] = lambda _done, _text: None
    changed: str | None = None


@dataclass(frozen=True)
class Rows:
    """What a kind read.

    Parameters
    ----------
    table : pyarrow.Table
        The rows.
    written : bool
        The cells are text from a text file: numbers and times are still written out.
    """

    table: pa.Table
    written: bool = False


class Kind(Protocol):
    """A kind of source.

    A package offers one as an entry point of the group ``noria.sources``: the entry's name is the prefix, its value
    a class, or a function without arguments, that gives a `Kind`. `noria.testing.sources.SourceContract` is what
    holds for every kind.
    """

    name: str
    """What it is called; also the prefix people write."""

    summary: str
    """One line for people."""

    def parse(self, text: str) -> Reference:
        """Take a reference apart; nothing is opened, and a secret written out is refused.

        Raises
        ------
        WrongArgument
            It cannot be a source of this kind.
        """
        ...

    def token(self, reference: Reference, pull: Pull) -> str:
        """Name the state of the source in a few bytes: the same while nothing changed, another when something did.

        Returns
        -------
        str
            `VOLATILE` where nothing short of reading tells.

        Raises
        ------
        SourceNotFound
            There is no such thing.
        """
        ...

    def read(self, reference: Reference, pull: Pull) -> Rows | pa.Table:
        """Read all rows, or raise: what broke off half-way is never given back.

        A table without rows is given as it is; what is made of it is for the caller to say.

        Raises
        ------
        NoriaError
            With what happened, why, and how it is mended.
        """
        ...


@dataclass(frozen=True)
class Increment:
    """Rows from a mark on.

    Parameters
    ----------
    table : pyarrow.Table
        Rows whose value in the column is the mark or more, or missing; all rows where there was no mark.
    high : JSON value
        The greatest value the source holds now: the next mark. None while there is none.
    place : str
        Which source this was. Rows of one place are never merged with those of another.
    total : int, optional
        How many rows the source has in all, where it says so.
    bound : object
        Value from which on the rows were read: the mark, less the lag. None for all rows.
    """

    table: pa.Table
    high: object
    place: str
    total: int | None = None
    bound: object = None


@runtime_checkable
class Incremental(Protocol):
    """A kind that can give the rows from a mark on."""

    def place(self, reference: Reference, pull: Pull) -> str:
        """Name what the reference leads to, so that another database behind the same name is told apart."""
        ...

    def increment(self, reference: Reference, pull: Pull, *, column: str, since: object, lag: float) -> Increment:
        """Read the rows from `since` on.

        Parameters
        ----------
        reference, pull
            As `Kind.read` takes them.
        column : str
            Column that grows with each change.
        since : JSON value
            `Increment.high` of the last pull, or None for all rows.
        lag : float
            Seconds to go back before the mark, for rows that arrive late.
        """
        ...


def taken_apart(text: str, kind: str, *, hints: Sequence[str] = FILE_HINTS, prefix: str = "") -> Reference:
    """Take ``PREFIX location#hint=value&…`` apart.

    Parameters
    ----------
    text : str
        As the user wrote it.
    kind : str
        Whose reference it is.
    hints : sequence of str
        Hints that the kind takes.
    prefix : str
        What to take off the beginning.

    Raises
    ------
    WrongArgument
        A hint is unknown.

    Examples
    --------
    >>> taken_apart("data/loans.csv#encoding=cp1252", "file").hints
    {'encoding': 'cp1252'}
    """
    location, given = _split(text)
    for name in given:
        if name not in hints:
            hint = did_you_mean(name, hints)
            raise WrongArgument(
                f"source {location!r} has an unknown hint {name!r}",
                why=f"known: {', '.join(hints)}" if hints else f"{kind} takes none",
                mend=hint or "leave it out",
                code="N-SOURCE-002",
            )
    return Reference(kind, location.removeprefix(prefix), given, text)


def _split(text: str) -> tuple[str, Mapping[str, str]]:
    location, mark, tail = text.rpartition("#")
    if not mark or "=" not in tail:
        return text, {}  # a '#' that is part of a file's name, or of a topic
    return location, dict(parse_qsl(tail.replace("=;", "=%3B").replace("=\t", "=%09"), keep_blank_values=True))
