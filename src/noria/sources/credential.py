"""Secrets by reference: ``env:NAME``, ``file:PATH``, ``keyring:SERVICE/USER``; what they hold is never shown."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from noria.errors import MissingExtra, NotAllowed, WrongArgument, WrongSetting

__all__ = ["hidden", "is_reference", "looked_up", "written_out"]

_REFERENCE = re.compile(r"^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+|keyring:[^/]+/.+)$", re.DOTALL)
_MOST_BYTES = 65_536


def is_reference(text: str) -> bool:
    """Say whether a text names a secret instead of being one.

    Examples
    --------
    >>> is_reference("env:DB_PASSWORD"), is_reference("hunter2")
    (True, False)
    """
    return _REFERENCE.match(text) is not None


def looked_up(reference: str, *, root: Path, whose: str) -> str:
    """Give the secret a reference names.

    Parameters
    ----------
    reference : str
        ``env:NAME``, ``file:PATH`` or ``keyring:SERVICE/USER``.
    root : Path
        Folder that a relative path starts from.
    whose : str
        The source, for errors.

    Raises
    ------
    WrongSetting
        The variable, the file or the entry is not there, or is empty.
    NotAllowed
        Others may read the file.
    MissingExtra
        The keyring's library is not installed.
    """
    scheme, _, name = reference.partition(":")
    if scheme == "env":
        value = os.environ.get(name, "")
        if not value:
            raise WrongSetting(
                f"source {whose} names an environment variable that is not set",
                why=f"it is called {name}",
                mend=f"export {name}=…",
                code="N-SOURCE-052",
            )
        return value
    return _from_file(name, root, whose) if scheme == "file" else _from_keyring(name, whose)


def _from_file(name: str, root: Path, whose: str) -> str:
    path = root / Path(name).expanduser()
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno())
            if mode.st_mode & 0o077 and stat.S_ISREG(mode.st_mode):
                raise NotAllowed(
                    f"source {whose} names a file of secrets that others may read: {name}",
                    why=f"its mode is {stat.S_IMODE(mode.st_mode):04o}",
                    mend=f"chmod 600 {name}",
                    code="N-SOURCE-071",
                )
            value = file.read(_MOST_BYTES).decode("utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise WrongSetting(
            f"source {whose} names a file of secrets that cannot be read: {name}",
            why=str(getattr(error, "strerror", None) or "it is not text"),
            mend="write the secret alone into that file, and chmod 600 it",
            code="N-SOURCE-070",
        ) from None
    if not value:
        raise WrongSetting(
            f"source {whose} names a file of secrets that is empty: {name}",
            mend="write the secret alone into that file",
            code="N-SOURCE-070",
        )
    return value


def _from_keyring(name: str, whose: str) -> str:
    try:
        import keyring  # noqa: PLC0415 - an extra
        from keyring.errors import KeyringError  # noqa: PLC0415 - as above
    except ModuleNotFoundError as error:
        raise MissingExtra(
            f"source {whose} names the keyring, whose library is not installed",
            mend='pip install "noria[keyring]"',
            code="N-SOURCE-072",
        ) from error
    service, _, user = name.partition("/")
    try:
        value = keyring.get_password(service, user)
    except KeyringError as error:
        raise WrongSetting(
            f"source {whose} names the keyring, which cannot be asked here",
            why=str(error).splitlines()[0][:200] if str(error) else type(error).__name__,
            mend="unlock it, or use env:NAME or file:PATH",
            code="N-SOURCE-073",
        ) from None
    if not value:
        raise WrongSetting(
            f"the keyring has no password of {user!r} for {service!r}, which source {whose} names",
            mend=f"keyring set {service} {user}",
            code="N-SOURCE-073",
        )
    return value


def hidden(text: str) -> str:
    """Take passwords out of a text with URLs.

    Examples
    --------
    >>> hidden("postgresql://me:secret@host/db?sslmode=require&password=secret")
    'postgresql://me:***@host/db?sslmode=require&password=***'
    """
    text = re.sub(r"(://[^:/@\s]*):[^@\s]*@", r"\1:***@", text)
    named = r"([?&;#](?:\w*password|passwd|pwd|token|secret)=)(?!env:|file:|keyring:)[^&\s]*"
    return re.sub(named, r"\1***", text, flags=re.IGNORECASE)


def written_out(text: str, mend: str) -> WrongArgument:
    """Tell of a secret that stands in a source."""
    return WrongArgument(
        f"source {hidden(text)} holds a password",
        why="noria.toml is shared and kept in Git",
        mend=mend,
        code="N-SOURCE-004",
    )
