"""Passwords: how they are kept, and which are taken."""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import TYPE_CHECKING

from noria.errors import MissingExtra, WrongArgument

if TYPE_CHECKING:
    from argon2 import PasswordHasher

__all__ = ["checked_password", "hash_password", "is_password", "require_argon2"]

_SHORTEST = 12
_LONGEST = 256


def require_argon2() -> None:
    """Load what hashes passwords and make the hash that nobody's password has, or say how to install it.

    Raises
    ------
    MissingExtra
        argon2-cffi is not installed.
    """
    _nobody()


def checked_password(user: str, password: str) -> str:
    """Give a password in the form it is hashed in, or refuse it.

    Raises
    ------
    WrongArgument
        It is too short, too long or hardly more than the name.

    Examples
    --------
    >>> checked_password("ada", "water wheel 1843")
    'water wheel 1843'
    """
    text = unicodedata.normalize("NFC", password)
    wrong = ""
    if len(text) < _SHORTEST:
        wrong = f"it has fewer than {_SHORTEST} characters"
    elif len(text) > _LONGEST:
        wrong = f"it has more than {_LONGEST} characters"
    elif any(unicodedata.category(char) == "Cc" for char in text):
        wrong = "it holds a control character"
    elif len(set(text)) < 5 or len(text.casefold().replace(user.casefold(), "")) < _SHORTEST // 2:
        wrong = "it is easily guessed"
    if wrong:
        raise WrongArgument(
            "this password is not taken",
            why=wrong,
            mend=f"choose one of {_SHORTEST} to {_LONGEST} characters: four or five words that do not belong together",
            code="N-SECURITY-031",
        )
    return text


def hash_password(password: str) -> str:
    """Give the argon2id hash that is kept in place of a password."""
    return str(_hasher().hash(unicodedata.normalize("NFC", password)))


def is_password(kept: str, password: str) -> bool:
    """Say whether a password is the one that a hash was made of.

    Without a hash it takes the same time and says no: nobody learns from the clock which users exist.

    Parameters
    ----------
    kept : str
        The hash; empty for users that do not exist or have no password.
    password : str
        What was typed.
    """
    from argon2.exceptions import Argon2Error, InvalidHashError  # noqa: PLC0415 - an extra: team mode only

    try:
        right: bool = _hasher().verify(kept or _nobody(), unicodedata.normalize("NFC", password))
    except (Argon2Error, InvalidHashError, UnicodeEncodeError):
        return False
    return right and bool(kept)


@cache
def _hasher() -> PasswordHasher:
    try:
        from argon2 import PasswordHasher  # noqa: PLC0415 - an extra: team mode only
    except ModuleNotFoundError as error:
        raise MissingExtra(
            "passwords need argon2-cffi, which is not installed",
            mend='pip install "noria[team]"',
            code="N-SECURITY-030",
        ) from error
    # OWASP's first choice for argon2id: 19 MiB, two passes, one lane.
    return PasswordHasher(time_cost=2, memory_cost=19 << 10, parallelism=1)


@cache
def _nobody() -> str:
    return str(_hasher().hash("the password of nobody"))
