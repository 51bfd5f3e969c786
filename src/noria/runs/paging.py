"""Pages by key: a page begins after the last row of the one before, however many rows came or went meanwhile.

A token carries the sort values of the last row and a digest of the question, so that it cannot be taken for the token
of another question; it holds nothing that the page did not show.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import sqlalchemy as sa

from noria.errors import WrongArgument
from noria.store.blobs import digest_json

__all__ = ["Page", "Sorted", "after", "foreign_token", "make_token", "missing_last", "read_token"]

T = TypeVar("T")
Value = int | float | str

_VERSION = 1
_LONGEST = 1_000_000


@dataclass(frozen=True)
class Page(Generic[T]):
    """Some rows, and what to say to get those that follow; None on the last page."""

    rows: tuple[T, ...]
    token: str | None


@dataclass(frozen=True)
class Sorted:
    """A column that rows are ordered by, never NULL, and which way."""

    column: sa.ColumnElement[int] | sa.ColumnElement[float] | sa.ColumnElement[str]
    descending: bool = False

    @property
    def clause(self) -> sa.UnaryExpression[object]:
        """What ORDER BY takes."""
        return self.column.desc() if self.descending else self.column.asc()  # type: ignore[return-value]


def missing_last(
    column: sa.ColumnElement[str] | sa.ColumnElement[int], nothing: Value, *, descending: bool
) -> list[Sorted]:
    """Order by a column that may be NULL: what has no value comes last, whichever way the values go."""
    filled: sa.ColumnElement[str] = sa.func.coalesce(column, nothing)
    return [Sorted(sa.case((column.is_(None), 1), else_=0)), Sorted(filled, descending)]


def after(order: Sequence[Sorted], values: Sequence[Value]) -> sa.ColumnElement[bool]:
    """Say that a row comes after the one with these sort values."""
    same: list[sa.ColumnElement[bool]] = []
    beyond: list[sa.ColumnElement[bool]] = []
    for one, value in zip(order, values, strict=True):
        beyond.append(sa.and_(*same, one.column < value if one.descending else one.column > value))
        same.append(one.column == value)
    if len(order) == 1:
        return beyond[0]
    # The first column bounds the whole, so that an index on it is entered at the right place. Side by side and not one
    # in the other, as SQLite reads brackets only so deep.
    first, value = order[0].column, values[0]
    return sa.and_(first <= value if order[0].descending else first >= value, sa.or_(*beyond))


def make_token(question: object, values: Sequence[Value]) -> str:
    """Make the token for the rows after the one with these sort values."""
    content = json.dumps([_VERSION, _stamp(question), list(values)], separators=(",", ":"), ensure_ascii=False)
    return base64.urlsafe_b64encode(content.encode()).decode().rstrip("=")


def read_token(question: object, token: str, kinds: Sequence[type]) -> list[Value]:
    """Give the sort values that a token carries.

    Parameters
    ----------
    question : JSON value
        What is asked now; the token must be of the same.
    token : str
        As `make_token` made it.
    kinds : sequence of type
        ``int``, ``float`` or ``str``: what the values must be.

    Raises
    ------
    WrongArgument
        It is not a token of this question.

    Examples
    --------
    >>> read_token("q", make_token("q", [1.5, "a"]), [float, str])
    [1.5, 'a']
    """
    try:
        if len(token) > _LONGEST or not token.isascii():
            raise ValueError("too long")
        content = json.loads(base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True))
        version, stamp, values = content
        if version != _VERSION or not isinstance(values, list):
            raise ValueError("another version")
    except (ValueError, TypeError, binascii.Error, RecursionError) as error:
        raise foreign_token() from error
    if stamp != _stamp(question) or len(values) != len(kinds):
        raise foreign_token()
    if not all(_fits(value, kind) for value, kind in zip(values, kinds, strict=True)):
        raise foreign_token()
    return values


def _fits(value: object, kind: type) -> bool:
    if isinstance(value, bool):
        return False
    if kind is float:
        return (isinstance(value, float) and value == value) or (isinstance(value, int) and abs(value) < 1 << 63)
    if kind is int:
        return isinstance(value, int) and -(1 << 63) <= value < 1 << 63
    return (
        isinstance(value, str) and "\x00" not in value and not any("\ud800" <= letter <= "\udfff" for letter in value)
    )


def _stamp(question: object) -> str:
    return digest_json(question)[:16]


def foreign_token() -> WrongArgument:
    """Say that a token is of another question."""
    return WrongArgument(
        "the page token does not belong to this question",
        why="a token goes on with the same filter and order that it was given for",
        mend="ask for the first page again, without a token",
        code="N-RUNS-031",
    )
