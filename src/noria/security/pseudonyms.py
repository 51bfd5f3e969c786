"""Names for people that tell nobody who they are: the same person always has the same one, under a key of the project.

HMAC-SHA256 of the value, cut to 128 bits. Without the key nobody can find out whom a pseudonym means by trying all
customer numbers, which a plain hash would allow; with it, whoever has the key can. It is therefore kept beside the
store, never in it, and in no backup of it.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from noria.errors import NotAllowed, WrongSetting
from noria.security.tables import pseudonym_keys
from noria.store.files import ensure_folder, sync_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from noria.store.database import Database

__all__ = ["KEY_FILE", "PREFIX", "VARIABLE", "Pseudonyms", "confirmed", "is_pseudonym", "known", "made", "remember"]

VARIABLE = "NORIA_PSEUDONYM_KEY"
"""Environment variable that holds the key, or ``file:`` and the path of a file that does."""

KEY_FILE = "pseudonym.key"
PREFIX = "nym-"
_LEAST = 32


class Pseudonyms:
    """Gives pseudonyms under one key.

    Parameters
    ----------
    key : bytes
        At least 32 of them.

    Examples
    --------
    >>> names = Pseudonyms(b"k" * 32)
    >>> names.of("1001") == names.of(1001), names.of("1001") == names.of("1002"), names.of(None)
    (True, False, None)
    >>> names.of("1001")
    'nym-b8b7a4e862fc2264be20b95f27628cf7'
    """

    def __init__(self, key: bytes) -> None:
        if len(key) < _LEAST:
            raise WrongSetting(
                f"the key of pseudonyms has {len(key)} bytes",
                why=f"at least {_LEAST} are needed, or somebody could guess it",
                mend=f'export {VARIABLE}="$(openssl rand -hex 32)"',
                code="N-SECURITY-080",
            )
        self._key = key

    def of(self, value: object) -> str | None:
        """Give the pseudonym of a value; a number has that of its text, a missing value none, a pseudonym itself."""
        if value is None:
            return None
        text = value if isinstance(value, str) else _text(value)
        if is_pseudonym(text):
            return text
        return PREFIX + hmac.digest(self._key, text.encode("utf-8", "surrogatepass"), "sha256")[:16].hex()

    def all_of(self, values: Iterable[object]) -> list[str | None]:
        """Give the pseudonyms of many values; each different one is worked out once."""
        found: dict[object, str | None] = {}
        return [found[value] if value in found else found.setdefault(value, self.of(value)) for value in values]

    @cached_property
    def mark(self) -> str:
        """Says which key it is without saying what it is."""
        return hmac.digest(self._key, b"noria: which key is this", hashlib.sha256).hex()[:16]


def is_pseudonym(text: str) -> bool:
    """Say whether a text is a pseudonym already.

    Examples
    --------
    >>> is_pseudonym("nym-b8b7a4e862fc2264be20b95f27628cf7"), is_pseudonym("nym-1")
    (True, False)
    """
    return len(text) == len(PREFIX) + 32 and text.startswith(PREFIX) and set(text[4:]) <= set("0123456789abcdef")


def known(store: Path, environment: Mapping[str, str] = os.environ) -> Pseudonyms | None:
    """Give the pseudonyms of a project, or None where it has no key.

    Parameters
    ----------
    store : Path
        The folder ``.noria``; holds the key where the environment does not name one.
    environment : mapping
        Whose ``NORIA_PSEUDONYM_KEY`` goes first: teams on several machines must have one key.

    Raises
    ------
    WrongSetting, NotAllowed
        The key is too short, its file is not there, or others may read it.
    """
    said = environment.get(VARIABLE, "")
    if said.startswith("file:"):
        return Pseudonyms(_read(Path(said.removeprefix("file:")).expanduser(), required=True))
    if said:
        return Pseudonyms(said.encode())
    held = _read(store / KEY_FILE, required=False)
    return Pseudonyms(held) if held else None


def made(store: Path, environment: Mapping[str, str] = os.environ) -> Pseudonyms:
    """Give the pseudonyms of a project; its key is made where there is none yet."""
    found = known(store, environment)
    if found is not None:
        return found
    ensure_folder(store)
    private = store / f".{KEY_FILE}.{os.getpid()}"
    handle = os.open(private, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(handle, secrets.token_hex(32).encode() + b"\n")
        os.fsync(handle)
    finally:
        os.close(handle)
    try:
        os.link(private, store / KEY_FILE)  # unlike a rename it fails where another process was first
        sync_folder(store)
    except FileExistsError:
        pass
    finally:
        private.unlink()
    found = known(store, environment)
    assert found is not None  # noqa: S101 - the file is there now, ours or another's
    return found


def confirmed(pseudonyms: Pseudonyms, database: Database, project: str, *, at: datetime) -> Pseudonyms:
    """Make sure that the key is the one this project began with; the first one is remembered by its mark.

    Raises
    ------
    WrongSetting
        It is another one: every person would get a new pseudonym, and no earlier row would meet a later one.
    """
    first = remember(pseudonyms.mark, database, project, at=at)
    if first != pseudonyms.mark:
        raise WrongSetting(
            "the key of pseudonyms is not the one that this project's data were made with",
            why=f"it has the mark {pseudonyms.mark}, the data {first}: the same person would get another name",
            mend=f"get the key of whoever made the data: export {VARIABLE}=… or put it into .noria/{KEY_FILE}",
            code="N-SECURITY-081",
        )
    return pseudonyms


def remember(mark: str, database: Database, project: str, *, at: datetime) -> str:
    """Remember which key a project begins with, and give the mark of the one it did begin with."""
    columns = pseudonym_keys.c
    asked = sa.select(columns.mark).where(columns.project == project)
    with database.reading() as connection:
        first: str | None = connection.execute(asked).scalar()
    if first is None:
        try:
            with database.transaction() as connection:
                connection.execute(sa.insert(pseudonym_keys).values(project=project, mark=mark, created=at))
        except IntegrityError:
            pass  # another process was first, perhaps with another key
        with database.reading() as connection:
            first = connection.execute(asked).scalar_one()
    return first


def _read(path: Path, *, required: bool) -> bytes:
    try:
        mode = path.stat().st_mode
        held = path.read_bytes().strip()
    except (FileNotFoundError, NotADirectoryError):
        if not required:
            return b""
        raise WrongSetting(
            f"the file that {VARIABLE} names is not there: {path}",
            mend=f'export {VARIABLE}="$(openssl rand -hex 32)" or name a file that is there',
            code="N-SECURITY-082",
        ) from None
    if mode & 0o077:
        raise NotAllowed(
            f"others may read the key of pseudonyms: {path}",
            why=f"its mode is {mode & 0o777:o}",
            mend=f"chmod 600 {path}",
            code="N-SECURITY-083",
        )
    return held


def _text(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
