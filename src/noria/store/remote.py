"""What a place elsewhere must do to hold what colleagues share: a folder all can reach, or a bucket."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from noria.errors import CorruptedBlob, NotFound, StoreUnavailable, WrongArgument

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

__all__ = ["Found", "NotThere", "Remote", "RemoteUnavailable", "checked_name"]


class NotThere(NotFound):
    """The remote has nothing of this name."""


class RemoteUnavailable(StoreUnavailable):
    """The remote does not answer, or fails: it may work a moment later."""


@dataclass(frozen=True)
class Found:
    """A name on a remote.

    Parameters
    ----------
    name : str
        Whole.
    size : int
        Bytes.
    modified : datetime
        When it was written, by the remote's own clock.
    """

    name: str
    size: int
    modified: datetime


class Remote(Protocol):
    """Write-once bytes by name. A name is relative, of letters, digits and ``._-``, its parts parted by ``/``.

    Whatever happens, a name has all of its bytes or does not exist. Methods may be called from several threads.
    """

    address: str
    """Where it is, for people; holds no secret."""

    def put_new(self, name: str, data: bytes) -> bool:
        """Write bytes under a new name; False, and nothing done, where the name is taken.

        Of two who write one name at once, exactly one gets True. What was acknowledged is durable.

        Raises
        ------
        RemoteUnavailable
            It cannot be reached, or failed; perhaps after it wrote.
        """

    def get(self, name: str) -> bytes:
        """Read bytes.

        Raises
        ------
        NotThere
            Nothing has this name.
        RemoteUnavailable
            As `put_new`.
        """

    def size(self, name: str) -> int | None:
        """Say how many bytes a name has, or None where there is no such name."""

    def names(self, prefix: str) -> Iterator[str]:
        """Walk the names that begin with a folder, ``prefix/``, in any order."""

    def walk(self, prefix: str) -> Iterator[Found]:
        """Walk the same names, each with its size and age."""

    def delete(self, name: str) -> None:
        """Let go of a name; nothing where there is none."""


def checked_name(name: str) -> str:
    """Give a name if it is one.

    Raises
    ------
    WrongArgument
        It is none.

    Examples
    --------
    >>> checked_name("parts/ab/ab12")
    'parts/ab/ab12'
    """
    parts = name.split("/")
    if not all(re.fullmatch(r"[A-Za-z0-9._-]{1,200}", part) and part.strip(".") for part in parts):
        raise WrongArgument(
            f"{name!r} is no name of anything on a remote",
            mend="letters, digits, dots, dashes and underscores, parted by slashes",
            code="N-STORE-060",
        )
    return name


def not_there(address: str, name: str) -> NotThere:
    """Say that a name is not there."""
    return NotThere(
        f"{name} is not on the remote",
        why=f"looked in {address}",
        mend="noria data push     on the machine that has it",
        code="N-STORE-061",
    )


def other_content(address: str, name: str) -> CorruptedBlob:
    """Say that bytes are not those they are named by."""
    return CorruptedBlob(
        f"{name} on the remote is damaged",
        why=f"what {address} gives has another digest",
        mend="delete it there, and push it again from a machine that has it whole",
        code="N-STORE-062",
    )
